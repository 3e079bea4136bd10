"""The published file is replaced as a whole, or not at all, and the releases beside it agree with it.

Here: publishing a small table over an older file, cut off at any step, with whatever may lie beside it; the releases
that are kept; the lock of a night.
Add here: another state in which a warehouse folder may be found.
Keep out: what a night publishes (see `tests/integration`).
"""

import datetime as dt
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.contracts.quality import RELEASES
from pipelines.contracts.table import Column, Table
from pipelines.settings import Settings
from pipelines.warehouse import duck, releases
from pipelines.warehouse.publish import NightRunning, night_lock, publish
from pipelines.warehouse.store import Store

BARRELS = Table(
    schema="staging",
    name="barrels",
    grain="one row per barrel",
    columns=(Column("number", pl.Int64(), "number on the barrel", required=True, above=0),),
)
BESIDE = {"warehouse.duckdb", "release.json"}


def release_row(day: int) -> dict[str, Any]:
    """The release of a day in March 2026; its run id tells the day."""
    return {
        "release_id": f"202603{day:02}T030000Z-{day:08x}",
        "run_id": f"{day:08x}-run",
        "built_at": dt.datetime(2026, 3, day, 3, tzinfo=dt.UTC),
        "known_on": None,
        "has_estimates": False,
        "plimsoll_version": "0.1.0",
        "rules_sha256": "0" * 64,
        "cargoes": 1,
        "verdicts": 9,
        "rows_quarantined": 0,
        "checks_failed": 0,
        "previous_release_id": None,
        "is_shareable": False,
        "not_to_be_passed_on": None,
        "is_forced": False,
    }


def publish_numbers(settings: Settings, day: int, *numbers: int) -> dict[str, Any]:
    store = Store(settings.store_folder)
    store.write(BARRELS, pl.DataFrame({"number": numbers}, schema={"number": pl.Int64}))
    store.write(RELEASES, pl.DataFrame([release_row(day)], schema=RELEASES.polars_schema()))
    return publish(settings, [BARRELS, RELEASES], [])


def numbers(settings: Settings) -> list[int]:
    with duck.read_only(settings.warehouse_file) as connection:
        return duck.query(connection, "SELECT number FROM staging.barrels ORDER BY number")["number"].to_list()


def beside(settings: Settings) -> set[str]:
    return {path.name for path in settings.warehouse_folder.iterdir() if path.is_file()}


def release_file(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "release.json").read_text(encoding="utf-8"))


def days_kept(settings: Settings) -> list[int]:
    return [int(release_id[6:8]) for release_id in releases.kept(settings)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_a_new_file_takes_the_place_of_the_old_one(settings: Settings) -> None:
    assert publish_numbers(settings, 1, 1, 2, 3)["rows"] == {"quality.releases": 1, "staging.barrels": 3}
    assert numbers(settings) == [1, 2, 3]
    publish_numbers(settings, 2, 4, 5)
    assert numbers(settings) == [4, 5]
    assert beside(settings) == BESIDE
    release = release_file(settings.warehouse_folder)
    assert release == release_row(2) | {
        "built_at": "2026-03-02 03:00:00+00:00",
        "rows": {"quality.releases": 1, "staging.barrels": 2},
    }


def test_a_reader_keeps_the_file_that_it_opened(settings: Settings) -> None:
    publish_numbers(settings, 1, 1)
    with duck.read_only(settings.warehouse_file) as connection:
        publish_numbers(settings, 2, 2)
        assert duck.query(connection, "SELECT number FROM staging.barrels")["number"].to_list() == [1]
    assert numbers(settings) == [2]


def test_a_row_that_the_table_forbids_stops_the_publishing(settings: Settings) -> None:
    publish_numbers(settings, 1, 1)
    before = settings.warehouse_file.read_bytes()
    with pytest.raises(Exception, match="CHECK constraint failed"):
        publish_numbers(settings, 2, -1)
    assert days_kept(settings) == [1]
    assert settings.warehouse_file.read_bytes() == before


def test_the_log_of_someone_who_wrote_to_the_old_file_is_not_taken_for_the_new_one(settings: Settings) -> None:
    publish_numbers(settings, 1, 1, 2, 3)
    # Someone opens the file for writing with a client of their own, and is cut off.
    scribble = "; ".join(
        [
            "import duckdb, os, sys",
            "connection = duckdb.connect(sys.argv[1])",
            "connection.execute('INSERT INTO staging.barrels VALUES (99)')",
            "os._exit(1)",
        ]
    )
    subprocess.run([sys.executable, "-c", scribble, str(settings.warehouse_file)], check=False)
    assert (settings.warehouse_folder / "warehouse.duckdb.wal").exists()
    publish_numbers(settings, 2, 4, 5)
    assert numbers(settings) == [4, 5]


# --- cut off at any step -------------------------------------------------------------------------------------------


class CutOff(BaseException):
    """The process is gone; nothing of the program answers to it."""


@dataclass
class _Knife:
    """Counts what is done to files of a folder, and cuts off after so many steps."""

    folder: str = ""
    left: int = -1


_knife = _Knife()


def _cut(event: str, arguments: tuple[Any, ...]) -> None:
    touches_files = event in {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.copyfile"}
    if _knife.left < 0 or not touches_files or not str(arguments[0]).startswith(_knife.folder):
        return
    if _knife.left == 0:
        _knife.left = -1
        raise CutOff(event)
    _knife.left -= 1


sys.addaudithook(_cut)  # Python tells it of each of these calls before it makes it


@contextmanager
def cut_off_after(steps: int, settings: Settings) -> Iterator[None]:
    _knife.folder, _knife.left = str(settings.home), steps
    try:
        yield
    finally:
        _knife.left = -1


def test_a_night_that_is_cut_off_at_any_step_leaves_one_whole_release(tmp_path: Path) -> None:
    before = replace(Settings(home=tmp_path / "before"), keep_releases=2)
    for day in (1, 2):
        publish_numbers(before, day, day)
    found = []
    for steps in range(200):
        settings = replace(before, home=tmp_path / str(steps))
        shutil.copytree(before.home, settings.home)
        try:
            with cut_off_after(steps, settings):
                publish_numbers(settings, 3, 3)
        except CutOff:
            pass
        else:
            assert numbers(settings) == [3]
            break
        # Readers: the whole old file or the whole new one, and only whole releases beside it.
        (published,) = numbers(settings)
        found.append(published)
        for release_id, file in releases.kept(settings).items():
            assert release_file(file.parent)["release_id"] == release_id
            assert releases.describe(file) is not None
        # The next night begins: everything agrees again, and nothing is left over.
        releases.recover(settings)
        assert numbers(settings) == [published]
        assert release_file(settings.warehouse_folder)["release_id"] == release_row(published)["release_id"]
        assert days_kept(settings) == [published - 1, published]
        assert beside(settings) == BESIDE
        assert {path.name for path in settings.releases_folder.iterdir()} == set(releases.kept(settings))
    else:
        pytest.fail("the publishing never came to an end")
    # Some were cut off before the file was replaced, and some after.
    assert found == sorted(found)
    assert {2, 3} == set(found)


# --- the releases that are kept ------------------------------------------------------------------------------------


def test_the_last_releases_are_kept(settings: Settings) -> None:
    settings = replace(settings, keep_releases=3)
    for day in range(1, 6):
        publish_numbers(settings, day, day)
        assert days_kept(settings) == list(range(max(1, day - 2), day + 1))
    for day, file in zip((3, 4, 5), releases.kept(settings).values(), strict=True):
        with duck.read_only(file) as connection:
            assert duck.query(connection, "SELECT number FROM staging.barrels")["number"].to_list() == [day]
        assert release_file(file.parent)["release_id"] == release_row(day)["release_id"]


def test_the_published_release_is_kept_whatever_its_day(settings: Settings) -> None:
    settings = replace(settings, keep_releases=2)
    for day in (7, 8, 3):  # the clock of the machine was set back
        publish_numbers(settings, day, day)
    assert days_kept(settings) == [3, 8]


def test_who_writes_to_the_published_file_does_not_reach_the_kept_one(settings: Settings) -> None:
    publish_numbers(settings, 1, 1)
    with settings.warehouse_file.open("r+b") as file:
        file.write(b"scribble")
    assert releases.describe(settings.warehouse_file) is None
    (kept,) = releases.kept(settings).values()
    assert releases.describe(kept) is not None
    # A file that cannot be opened is left to the next night, which replaces it.
    releases.recover(settings)
    assert days_kept(settings) == [1]


@pytest.mark.parametrize("release_id", ["../../../somewhere", "20260301T030000Z-1/../..", ""])
def test_a_file_whose_id_is_no_name_of_a_folder_is_no_release(settings: Settings, release_id: str) -> None:
    store = Store(settings.store_folder)
    row = release_row(1) | {"release_id": release_id}
    store.write(RELEASES, pl.DataFrame([row], schema=RELEASES.polars_schema()))
    with pytest.raises(RuntimeError, match="does not say which release"):
        publish(settings, [RELEASES], [])
    assert not settings.warehouse_file.exists()


class TestPair:
    @pytest.fixture
    def three(self, settings: Settings) -> Settings:
        for day in (1, 2, 3):
            publish_numbers(settings, day, day)
        return settings

    def test_the_last_two_are_compared(self, three: Settings) -> None:
        assert [file.parent.name[:8] for file in releases.pair(three, None, None)] == ["20260302", "20260303"]

    def test_a_name_may_be_the_beginning_of_an_id(self, three: Settings) -> None:
        assert [file.parent.name[:8] for file in releases.pair(three, "20260301", None)] == ["20260301", "20260303"]
        assert [file.parent.name[:8] for file in releases.pair(three, "20260302", "20260301")] == [
            "20260302",
            "20260301",
        ]
        # The one before the one that is named.
        assert [file.parent.name[:8] for file in releases.pair(three, None, "20260302")] == ["20260301", "20260302"]

    def test_a_name_may_be_a_file(self, three: Settings) -> None:
        old, _ = releases.pair(three, str(three.warehouse_file), None)
        assert old == three.warehouse_file

    @pytest.mark.parametrize(
        ("name", "words"),
        [("2025", "no release of that id"), ("202603", "3 releases begin"), ("gone.duckdb", "no such file")],
    )
    def test_what_cannot_be_found_is_told(self, three: Settings, name: str, words: str) -> None:
        with pytest.raises(releases.ReleaseError, match=words):
            releases.pair(three, name, None)

    def test_one_release_has_nothing_to_compare_with(self, settings: Settings) -> None:
        publish_numbers(settings, 1, 1)
        with pytest.raises(releases.ReleaseError, match="not yet two releases"):
            releases.pair(settings, None, None)


# --- the lock ------------------------------------------------------------------------------------------------------


HOLDER = """
import sys
from pathlib import Path
from pipelines.settings import Settings
from pipelines.warehouse.publish import night_lock
with night_lock(Settings(home=Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_night_at_a_time(settings: Settings) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(settings.home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(NightRunning, match="wait until it has ended"), night_lock(settings):
            pass
        other.stdin.close()
        other.wait()
    # A night that holds the lock starts a run that asks for it.
    with night_lock(settings), night_lock(settings):
        pass
    with night_lock(settings):
        pass
