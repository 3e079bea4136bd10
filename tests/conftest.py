"""Fixtures of all tests.

Here: what is loaded once for the whole run, and what holds for every property.
Add here: a fixture that at least two test modules need.
Keep out: a fixture that runs a night (see `tests/integration`).
"""

import pytest
from hypothesis import settings

from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference

# How long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def book() -> Rulebook:
    """The shipped rules."""
    return Rulebook.load()


@pytest.fixture(scope="session")
def reference() -> Reference:
    """The shipped figures."""
    return Reference.load()
