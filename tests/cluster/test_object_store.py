"""A folder in an S3-compatible store is used like one of a file system: each test runs on both.

Here: `ObjectPath` beside `pathlib.Path`, and the store of tables on either.
Add here: another call that both must answer alike.
Keep out: nights (test_nights has its tables in the store).
"""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.table import Column, Table
from pipelines.object_store import Folder, ObjectPath, folder
from pipelines.warehouse import duck
from pipelines.warehouse.months import WHOLE, keep
from pipelines.warehouse.store import Store
from tests.cluster.services import BUCKET, Services

BERTHS = Table(
    "staging",
    "berths",
    "one row per berth",
    (
        Column("berth_id", pl.String(), "id of the berth", required=True),
        Column("loading_date", pl.Date(), "day of loading", required=True),
    ),
    is_by_month=True,
)
BUOYS = Table("reference", "buoys", "one row per buoy", (Column("buoy", pl.Int64(), "the buoy", required=True),))
# What means something in patterns and in addresses. A question mark is refused in the address of a store (`Settings`).
ODD = "a b [c] *d {e} ü %20 +f=g&h"


@pytest.fixture(params=["file system", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    if request.param == "file system":
        return folder(str(tmp_path / ODD))
    services: Services = request.getfixturevalue("client")
    found = folder(f"s3://{BUCKET}/{services.environment['PGDATABASE']}/{ODD}")
    assert isinstance(found, ObjectPath)
    return found


@pytest.fixture
def store(place: Folder) -> Store:
    return Store(place)


def names(place: Folder, pattern: str) -> list[str]:
    return sorted(found.name for found in place.glob(pattern))


def berths(*days: str) -> pl.DataFrame:
    dates = [dt.date.fromisoformat(day) for day in days]
    return pl.DataFrame({"berth_id": [f"B-{day}" for day in days], "loading_date": dates})


def test_files_are_written_read_renamed_found_and_deleted(place: Folder) -> None:
    file = place / "deep" / "note.json"
    assert not file.exists()
    assert names(place / "deep", "*") == []
    file.parent.mkdir(parents=True, exist_ok=True)
    for text in ("first", "second: ü"):
        file.write_text(text, encoding="utf-8")
        assert file.read_text(encoding="utf-8") == text
    assert file.read_bytes() == "second: ü".encode()
    aside = file.with_name(".note.json")
    aside.write_bytes(b"third")
    assert names(place / "deep", "[!.]*.json") == ["note.json"]
    aside.replace(file)
    assert file.read_bytes() == b"third"
    assert names(place / "deep", "*") == ["note.json"]
    assert names(place, "*.json") == []  # only what lies right below
    assert (file.name, file.stem, file.parent) == ("note.json", "note", place / "deep")
    file.unlink()
    file.unlink(missing_ok=True)
    assert not file.exists()
    for gone in (file.unlink, file.read_bytes):
        with pytest.raises(FileNotFoundError):
            gone()


def test_a_table_is_replaced_whole(store: Store) -> None:
    for numbers in ([1, 2, 3], [4]):
        store.write(BUOYS, pl.DataFrame({"buoy": numbers}))
        assert store.scan(BUOYS).collect()["buoy"].to_list() == numbers
        assert store.rows(BUOYS) == len(numbers)
    identity = store.identity(BUOYS)
    store.write(BUOYS, pl.DataFrame({"buoy": [4]}))
    assert store.identity(BUOYS) == identity
    store.write(BUOYS, pl.DataFrame({"buoy": [5]}))
    assert store.identity(BUOYS) != identity
    assert store.note(BUOYS) is None


def test_months_are_seen_replaced_and_dropped_with_their_notes(store: Store) -> None:
    assert (store.months(BERTHS), store.rows(BERTHS)) == ([], 0)
    for month, made_from in (("2024-02", "a"), ("2024-01", "b"), ("2024-01", "c")):
        store.write(BERTHS, berths(f"{month}-05"), month, {"made_from": made_from})
    assert store.months(BERTHS) == ["2024-01", "2024-02"]
    assert [store.note(BERTHS, month) for month in store.months(BERTHS)] == [{"made_from": "c"}, {"made_from": "a"}]
    only = store.narrowed(["2024-02", "2024-03"])
    assert (only.months(BERTHS), only.rows(BERTHS), store.rows(BERTHS)) == (["2024-02"], 1, 2)
    whole = store.identity(BERTHS)
    store.drop(BERTHS, "2024-01")
    store.drop(BERTHS, "2024-01")
    assert store.months(BERTHS) == ["2024-02"]
    assert store.note(BERTHS, "2024-01") is None
    assert store.identity(BERTHS) != whole


def test_two_who_write_the_same_month_leave_a_whole_one(store: Store) -> None:
    """A worker that was given up as dead, beside the one that was begun in its place."""

    def write(day: str) -> None:
        for _ in range(10):
            store.write(BERTHS, berths(*[day] * 1000), "2024-01", {"made_from": day})

    days = [f"2024-01-{day:02}" for day in range(1, 5)]
    with ThreadPoolExecutor(len(days)) as pool:
        for writing in [pool.submit(write, day) for day in days]:
            writing.result()
    (day,) = store.scan(BERTHS).collect()["loading_date"].unique()
    assert (day.isoformat() in days, store.rows(BERTHS)) == (True, 1000)
    assert names(store.folder / "staging" / "berths", "*") == ["2024-01.parquet"]


def test_only_months_whose_rows_changed_are_written(store: Store) -> None:
    def written() -> dict[str, object]:
        return {month: (store.note(BERTHS, month) or {})["made_from"][WHOLE] for month in store.months(BERTHS)}

    keep(BERTHS, berths("2024-01-05", "2024-02-05"), store)
    first = written()
    path = store.path(BERTHS, "2024-01")
    before = path.read_bytes()
    keep(BERTHS, berths("2024-01-05", "2024-02-06", "2024-03-01"), store)
    second = written()
    assert path.read_bytes() == before
    assert (second["2024-01"], second.keys()) == (first["2024-01"], {"2024-01", "2024-02", "2024-03"})
    assert second["2024-02"] != first["2024-02"]
    keep(BERTHS, berths("2024-03-01"), store)
    assert store.months(BERTHS) == ["2024-03"]


def test_queries_and_the_warehouse_read_it(store: Store, tmp_path: Path) -> None:
    store.write(BUOYS, pl.DataFrame({"buoy": [1, 2]}))
    store.write(BERTHS, berths("2024-01-05", "2024-01-06"), "2024-01")
    store.write(BERTHS, berths("2024-02-05"), "2024-02")
    counted = Table("marts", "counted", "", (Column("n", pl.Int64(), "rows"),))
    sql = "SELECT (SELECT count(*) FROM staging.berths) * (SELECT sum(buoy) FROM reference.buoys) AS n"
    answer = duck.select({counted: sql}, [BERTHS, BUOYS], store)[counted]
    assert [int(n) for n in answer["n"]] == [3 * 3]
    file = tmp_path / "built.duckdb"
    duck.build(file, [BERTHS, BUOYS], [], store)
    with duck.read_only(file) as connection:
        assert duck.row_counts(connection) == {"reference.buoys": 2, "staging.berths": 3}


def test_what_is_in_a_store_cannot_become_a_file(client: Services, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one is in a store, the other is not"):
        folder(f"s3://{BUCKET}/x").replace(tmp_path / "x")
