"""A publisher to ask and a landing folder to fill, anew for every test.

Here: fixtures of the tests of sources.
Add here: a fixture that tests of several sources need.
Keep out: what any publisher sends.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import stamina

from pipelines.sources import upstream
from pipelines.sources.snapshots import Landing
from pipelines.sources.upstream import Plan, Reading, Source
from tests.publisher_server import Publisher, publisher


@pytest.fixture
def server() -> Iterator[Publisher]:
    """A publisher on this machine. Retries come at once: how long they wait is tested on its own."""
    with stamina.set_testing(True, attempts=3), publisher() as here:
        yield here


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    """An empty landing folder."""
    return Landing(tmp_path / "landing")


Fetch = Callable[..., None]


@pytest.fixture
def fetch(server: Publisher, landing: Landing) -> Fetch:
    """Fetches a source from the server as on a day: `fetch(source, "2026-11-22", first="2026-01-01", KEY="...")`."""

    def run(source: Source, today: str, first: str = "2026-01-01", **environment: str) -> None:
        plan = Plan(dt.date.fromisoformat(first), dt.date.fromisoformat(today))
        upstream.fetch(source, landing, plan, mirror=server.url, environment=environment)

    return run


def checks_failed(reading: Reading) -> list[str | None]:
    """The checks that rejected snapshots, in the order of the snapshots; None for one that was read."""
    return reading.snapshots["check_name"].to_list()


def real_file(name: str) -> bytes:
    """A publisher's real file, from a folder `shared/data/real` above the checkout; skips where there is none."""
    for folder in Path(__file__).resolve().parents:
        path = folder / "shared" / "data" / "real" / name
        if path.is_file():
            return path.read_bytes()
    pytest.skip(f"{name} is not on this machine")
