"""Fixtures of a cluster: its services, started once.

Here: the services, and this process as a client of theirs.
Add here: a fixture that several modules of this folder need.
Keep out: nights.
"""

import os
from collections.abc import Iterator

import pytest

from tests.cluster.services import Services, postgres_programs, started


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """PostgreSQL and a store. Where PostgreSQL is not installed a person's tests go on without; CI installs it."""
    if postgres_programs() is None and not os.environ.get("CI"):
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    with started() as running:
        yield running


@pytest.fixture
def client(services: Services, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Services:
    """This process as a client of the services, with a database of the test's own."""
    own = services.database(request.node.name.lower()[:60])
    for name, value in own.environment.items():
        monkeypatch.setenv(name, value)
    return own
