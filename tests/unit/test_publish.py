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
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from pipelines.contracts.cargoes import CARGOES, VERDICTS
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
BESIDE = {"warehouse.duckdb", "release.json", "bill-of-materials.cdx.json"}


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


def test_a_release_says_which_packages_made_it(settings: Settings) -> None:
    publish_numbers(settings, 1, 1)
    (kept,) = releases.kept(settings).values()
    bills = [
        (folder / releases.BILL).read_text(encoding="utf-8") for folder in (settings.warehouse_folder, kept.parent)
    ]
    assert bills[0] == bills[1]
    bill = json.loads(bills[0])
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "plimsoll"
    packages = {component["purl"] for component in bill["components"]}
    assert {f"pkg:pypi/{name}@{version(name)}" for name in ("duckdb", "polars", "dagster", "pandera")} <= packages
    ((depends_on,),) = ([one["dependsOn"]] for one in bill["dependencies"] if one["ref"] == "plimsoll")
    assert set(depends_on) == packages


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


# --- a new file from a copy of the current one ---------------------------------------------------------------------


def cargo_rows(store: Store, **months: str) -> None:
    """Cargoes with an id, kept by the month of loading, each beside one verdict."""
    ids = {month: [name for name, of in months.items() if of == month] for month in set(months.values())}
    for table in (CARGOES, VERDICTS):
        for month in set(store.months(table)) - ids.keys():
            store.drop(table, month)
    for month, names in ids.items():
        first = dt.date.fromisoformat(f"{month}-01")
        facts = {"shipment_id": names, "evidence_kind": "declared_shipment", "loading_first": first}
        for table, more in ((CARGOES, {"loading_last": first}), (VERDICTS, {"regime": "US", "verdict": "unpriced"})):
            columns = [
                pl.lit(pl.Series(names)).alias("shipment_id")
                if column.name == "shipment_id"
                else pl.lit((facts | more).get(column.name), column.dtype).alias(column.name)
                if column.name in facts | more or not column.required
                else _something(column)
                for column in table.columns
            ]
            note = {"made_from": {"names": names}}
            store.write(table, pl.DataFrame({"n": names}).select(columns), month, note)


def _something(column: Column) -> pl.Expr:
    value: Any = column.allowed[0] if column.allowed else "x"
    if column.dtype == pl.Date:
        value = dt.date(2026, 6, 1)
    elif column.dtype.is_float() or column.dtype == pl.Boolean:
        value = 0
    elif column.dtype == pl.List(pl.String):
        value = []
    return pl.lit(value, column.dtype).alias(column.name)


def publish_cargoes(settings: Settings, day: int, **months: str) -> bool:
    """Publishes cargoes of months and a table beside them; true if the file was made from a copy."""
    store = Store(settings.store_folder)
    cargo_rows(store, **months)
    store.write(BARRELS, pl.DataFrame({"number": [day]}))
    store.write(RELEASES, pl.DataFrame([release_row(day)], schema=RELEASES.polars_schema()))
    with counted_builds() as builds:
        publish(settings, [BARRELS, CARGOES, VERDICTS, RELEASES], ["CREATE MACRO twice(x) AS 2 * x"])
    with duck.read_only(settings.warehouse_file) as connection:
        for table in (CARGOES, VERDICTS):
            found = duck.query(connection, f"SELECT shipment_id FROM {table.full_name}")["shipment_id"]
            assert sorted(found) == sorted(months)
        assert duck.query(connection, "SELECT twice(number) AS n FROM staging.barrels")["n"].to_list() == [2 * day]
    return not builds


@contextmanager
def counted_builds() -> Iterator[list[Path]]:
    """The files that are built from nothing meanwhile."""
    own, built = duck.build, []

    def build(file: Path, *more: Any) -> None:
        built.append(file)
        own(file, *more)

    duck.build = build
    try:
        yield built
    finally:
        duck.build = own


MANY = {f"C{number}": f"2026-0{1 + number % 6}" for number in range(30)}


def test_what_has_changed_is_replaced_in_a_copy_of_the_current_file(settings: Settings) -> None:
    assert not publish_cargoes(settings, 1, **MANY)
    assert publish_cargoes(settings, 2, **MANY)
    assert publish_cargoes(settings, 3, **MANY | {"NEW": "2026-01"})
    assert publish_cargoes(settings, 4, **{name: month for name, month in MANY.items() if month != "2026-03"})
    assert publish_cargoes(settings, 5, **MANY | {"C0": "2026-02"})
    assert days_kept(settings) == [1, 2, 3, 4, 5]
    assert beside(settings) == BESIDE


def test_where_most_has_changed_the_file_is_built_anew(settings: Settings) -> None:
    publish_cargoes(settings, 1, **MANY)
    assert not publish_cargoes(settings, 2, **dict.fromkeys(MANY, "2026-12"))


def test_what_someone_wrote_into_the_file_is_not_taken_over(settings: Settings) -> None:
    publish_cargoes(settings, 1, **MANY)
    with duckdb.connect(str(settings.warehouse_file)) as connection:
        connection.execute("UPDATE marts.shipment_verdicts SET verdict = 'above_cap'")
    assert not publish_cargoes(settings, 2, **MANY)


@pytest.mark.parametrize("note", ["", "{}", '{"made": "elsewhere", "tables": {}}'])
def test_a_note_that_says_nothing_of_the_file_is_not_believed(settings: Settings, note: str) -> None:
    publish_cargoes(settings, 1, **MANY)
    (settings.store_folder / "published.json").write_text(note, encoding="utf-8")
    assert not publish_cargoes(settings, 2, **MANY)
    (settings.store_folder / "published.json").unlink()
    assert not publish_cargoes(settings, 3, **MANY)


def test_a_contract_that_has_changed_builds_the_file_anew(settings: Settings) -> None:
    publish_cargoes(settings, 1, **MANY)
    renamed = replace(BARRELS, grain="one row per cask")
    store = Store(settings.store_folder)
    store.write(RELEASES, pl.DataFrame([release_row(2)], schema=RELEASES.polars_schema()))
    with counted_builds() as builds:
        publish(settings, [renamed, CARGOES, VERDICTS, RELEASES], ["CREATE MACRO twice(x) AS 2 * x"])
    assert len(builds) == 1


def test_a_file_does_not_grow_from_night_to_night(settings: Settings) -> None:
    publish_cargoes(settings, 1, **MANY)
    size = settings.warehouse_file.stat().st_size
    for day in range(2, 12):
        publish_cargoes(settings, day, **MANY)
    assert settings.warehouse_file.stat().st_size <= 2 * size
