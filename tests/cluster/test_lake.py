"""The lake on a real catalog and a real store: writers beside each other, releases, readers, time travel.

Here: `pipelines.warehouse.lake` without a night.
Add here: a way in which writers and readers may meet.
Keep out: nights over several workers (test_nights).
"""

import json
import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path

import duckdb
import polars as pl
import psycopg2
import pytest

from pipelines.contracts.table import Column, Table
from pipelines.object_store import folder
from pipelines.settings import Settings
from pipelines.warehouse import duck, lake, releases
from pipelines.warehouse.store import Store
from tests.cluster.services import BUCKET, PASSWORD, Services

HULLS = Table(
    "staging",
    "hulls",
    "one row per hull",
    (
        Column("hull_id", pl.String(), "id of the hull", required=True),
        Column("quantity_bbl", pl.Float64(), "barrels", unit="bbl", at_least=0),
        Column("notes", pl.List(pl.String()), "notes"),
        Column("seen_at", pl.Datetime("us", "UTC"), "when it was seen"),
    ),
    is_by_month=True,
)
MARKS = Table(
    "reference", "marks", "one row per mark", (Column("mark", pl.Int64(), "the mark", required=True, above=0),)
)
MACRO = "CREATE MACRO heavier(than) AS TABLE SELECT * FROM staging.hulls WHERE quantity_bbl > than"


@pytest.fixture
def wharf(client: Services, tmp_path: Path) -> "Wharf":
    return Wharf(lake.Lake("", f"s3://{BUCKET}/{client.environment['PGDATABASE']}"), tmp_path)


class Wharf:
    """A lake and the files that are written into it."""

    def __init__(self, at: lake.Lake, folder: Path) -> None:
        self.lake, self.folder = at, folder
        self.parts: dict[str, lake.Part] = {}
        lake.prepare(at, [HULLS, MARKS], [MACRO, "COMMENT ON MACRO TABLE heavier IS 'heavier hulls'"])

    def month(self, month: str, bbl: float, rows: int = 4) -> lake.Part:
        """A file of a month: so many hulls of so many barrels."""
        file = self.folder / f"{bbl}" / f"{month}.parquet"
        file.parent.mkdir(exist_ok=True)
        ids = [f"{month}-{number}" for number in range(rows)]
        frame = pl.DataFrame({"hull_id": ids, "quantity_bbl": bbl, "notes": [["a", "b"]] * rows, "seen_at": None})
        HULLS.conform(frame).write_parquet(file)
        self.parts[month] = lake.Part(HULLS, month, str(file), f"{bbl}")
        return self.parts[month]

    def load(self, month: str, bbl: float) -> dict[str, int]:
        return lake.replace_months(self.lake, [self.month(month, bbl)], "a night")

    def publish(self, release_id: str, marks: list[int]) -> dict[str, int]:
        file = self.folder / "marks.parquet"
        MARKS.conform(pl.DataFrame({"mark": marks}, schema={"mark": pl.Int64})).write_parquet(file)
        return lake.publish(self.lake, {MARKS: str(file)}, self.parts.values(), {"release_id": release_id})

    def now(self, *queries: str) -> list[list[tuple]]:
        """What a reader sees who opens the lake now."""
        with duck.read_only(lake.Release(self.lake)) as connection:
            return [connection.execute(sql).fetchall() for sql in queries]

    def files(self, table: Table) -> list[str]:
        with lake.writing(self.lake) as connection:
            sql = "SELECT data_file FROM ducklake_list_files('warehouse', ?, schema => ?) ORDER BY 1"
            return [file for (file,) in connection.execute(sql, [table.name, table.schema]).fetchall()]


def _write(at: lake.Lake, parts: list[lake.Part], start: Barrier) -> None:
    start.wait(60)
    lake.replace_months(at, parts, "a night")


def test_three_writers_at_once_lose_nothing(wharf: Wharf) -> None:
    months = [f"20{year}-{month:02}" for year in (22, 23, 24) for month in (1, 2)]
    parts = [wharf.month(month, bbl=number, rows=50) for number, month in enumerate(months, start=1)]
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Barrier(3)
    writers = [spawn.Process(target=_write, args=(wharf.lake, parts[n::3], start)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    # 6 months of 50 hulls; barrels 1 to 6, each 50 times.
    assert wharf.publish("A", [1]) == {"staging.hulls": 300, "reference.marks": 1}
    assert wharf.now("SELECT count(DISTINCT hull_id), sum(quantity_bbl) FROM staging.hulls") == [[(300, 50 * 21.0)]]


def test_a_month_that_two_added_at_once_is_refused_and_then_mended(wharf: Wharf) -> None:
    parts = [wharf.month("2023-01", bbl=1), wharf.month("2023-02", bbl=2)]
    wharf.load("2023-03", bbl=4)
    rows = {part.file: 4 for part in parts}
    with lake.writing(wharf.lake) as one, lake.writing(wharf.lake) as other:
        for writer in (one, other):
            writer.execute("BEGIN")
            assert lake._replace(writer, parts, rows, "a night") == parts
        for writer in (one, other):
            writer.execute("COMMIT")
        assert one.execute("SELECT count(*) FROM staging.hulls").fetchall() == [(2 * 8 + 4,)]
    with pytest.raises(lake.LakeError, match=r"lacks 2023-01 of staging\.hulls as it is stored, and 1 more"):
        wharf.publish("A", [1])
    assert lake.replace_months(wharf.lake, wharf.parts.values(), "the next night") == {"2023-01": 4, "2023-02": 4}
    assert wharf.publish("B", [1]) == {"staging.hulls": 12, "reference.marks": 1}
    assert wharf.now("SELECT sum(quantity_bbl) FROM staging.hulls") == [[(4 * (1 + 2 + 4.0),)]]


def test_rows_that_nobody_marked_are_written_anew(wharf: Wharf) -> None:
    for month in ("2023-01", "2023-02", "2023-03"):
        wharf.load(month, bbl=1)
    with lake.writing(wharf.lake) as writer:
        writer.execute("DELETE FROM staging.hulls WHERE hull_id = '2023-01-0'")
        writer.execute("DELETE FROM quality.lake_months WHERE partition_month = '2023-02'")
    assert lake.replace_months(wharf.lake, wharf.parts.values(), "a night") == {"2023-01": 4, "2023-02": 4}
    assert wharf.publish("A", [1]) == {"staging.hulls": 12, "reference.marks": 1}


def test_what_another_wrote_meanwhile_is_not_added_to_it(wharf: Wharf) -> None:
    def found_slowly() -> Iterator[lake.Part]:
        part = wharf.month("2023-01", bbl=1)
        assert lake.replace_months(wharf.lake, [part], "another writer") == {"2023-01": 4}
        yield part

    assert lake.replace_months(wharf.lake, found_slowly(), "a night") == {}
    part = wharf.parts["2023-01"]
    with lake.writing(wharf.lake) as writer:
        # Asked for in the transaction itself: the month has come since this writer looked for what is stale.
        assert lake._replace(writer, [part], {part.file: 4}, "a night") == []
    assert wharf.publish("A", [1]) == {"staging.hulls": 4, "reference.marks": 1}


def test_readers_see_whole_releases_only_and_can_go_back(wharf: Wharf) -> None:
    for month in ("2023-01", "2023-02", "2023-03"):
        wharf.load(month, bbl=1)
    assert not lake.Release(wharf.lake).exists()
    wharf.publish("A", [1])
    total, marks = "SELECT sum(quantity_bbl), count(*) FROM staging.hulls", "FROM reference.marks ORDER BY 1"
    with duck.read_only(lake.Release(wharf.lake)) as opened_before:
        assert opened_before.execute(total).fetchall() == [(12.0, 12)]
        # A month of the next night is there; no reader sees it before its release.
        assert wharf.load("2023-02", bbl=10) == {"2023-02": 4}
        assert wharf.now(total, marks) == [[(12.0, 12)], [(1,)]]
        del wharf.parts["2023-01"]
        wharf.publish("B", [1, 2])
        # 4 x 10 + 4 x 1: the first month is gone.
        assert wharf.now(total, marks) == [[(44.0, 8)], [(1,), (2,)]]
        assert opened_before.execute(total).fetchall() == [(12.0, 12)]
        assert opened_before.execute(marks).fetchall() == [(1,)]
    first, second = lake.releases(wharf.lake)
    assert (first["release_id"], second["release_id"]) == ("A", "B")
    assert wharf.now(f"{total} AT (VERSION => {first['snapshot']})") == [[(12.0, 12)]]
    old, new = (lake.Release(wharf.lake, release["snapshot"]) for release in (first, second))
    with duck.side_by_side(old, new) as both:
        for side, expected in (("old", (12.0, 12)), ("new", (44.0, 8))):
            assert both.execute(total.replace("staging", f"{side}.staging")).fetchall() == [expected]


def test_tables_of_a_store_of_an_odd_name_are_read(wharf: Wharf) -> None:
    store = Store(folder(f"{wharf.lake.data} tables/a b [c] *d {{e}} ü %20 +f=g&h"))
    frame = pl.DataFrame({"hull_id": ["1", "2"], "quantity_bbl": 5.0, "notes": [["a"]] * 2, "seen_at": None})
    store.write(HULLS, frame, "2023-01")
    store.write(MARKS, pl.DataFrame({"mark": [1, 2, 3]}))
    parts = lake.parts(store, [HULLS])
    assert lake.replace_months(wharf.lake, parts, "a night") == {"2023-01": 2}
    published = lake.publish(wharf.lake, {MARKS: str(store.path(MARKS))}, parts, {"release_id": "A"})
    assert published == {"staging.hulls": 2, "reference.marks": 3}


def test_a_release_that_lacks_a_month_is_not_published(wharf: Wharf) -> None:
    wharf.load("2023-01", bbl=1)
    wharf.month("2023-02", bbl=1)
    with pytest.raises(lake.LakeError, match=r"lacks 2023-02 of staging\.hulls as it is stored, and 0 more"):
        wharf.publish("A", [1])
    assert lake.releases(wharf.lake) == []


def test_what_has_not_changed_is_not_written_again(wharf: Wharf) -> None:
    wharf.load("2023-01", bbl=1)
    wharf.publish("A", [3, 1, 1])
    before = wharf.files(MARKS) + wharf.files(HULLS)
    assert wharf.load("2023-01", bbl=1) == {}
    with pytest.raises(lake.LakeError, match="Release B changed nothing"):
        wharf.publish("B", [1, 3, 1])
    assert wharf.files(MARKS) + wharf.files(HULLS) == before
    assert "/partition_month=2023-01/" in before[1]
    # The same values, one of them another time.
    assert wharf.publish("C", [1, 3, 3]) == {"staging.hulls": 4, "reference.marks": 3}
    assert wharf.now("SELECT mark FROM reference.marks ORDER BY 1") == [[(1,), (3,), (3,)]]


def test_only_so_many_releases_are_kept_and_the_rest_of_history_goes(wharf: Wharf) -> None:
    for number in (1, 2, 3):
        wharf.load("2023-01", bbl=number)
        wharf.publish(f"R{number}", [number])
    lake.keep(wharf.lake, 2)
    kept = lake.releases(wharf.lake)
    assert [release["release_id"] for release in kept] == ["R2", "R3"]
    for release, bbl in zip(kept, (2.0, 3.0), strict=True):
        with duck.read_only(lake.Release(wharf.lake, release["snapshot"])) as connection:
            assert connection.execute("SELECT DISTINCT quantity_bbl FROM staging.hulls").fetchall() == [(bbl,)]
            assert connection.execute("SELECT count(*) FROM warehouse.snapshots()").fetchall() == [(2,)]


@pytest.mark.parametrize("kind", ["folder", "store"])
def test_no_file_is_cleared_away_but_those_that_a_writer_left(
    client: Services, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = str(tmp_path / "lake") if kind == "folder" else f"s3://{BUCKET}/cleared"
    wharf = Wharf(lake.Lake("", data), tmp_path)
    wharf.load("2023-01", bbl=1)
    wharf.publish("A", [1])
    hulls = folder(data) / "staging" / "hulls"
    mine = [folder(data) / "landing" / "mine.parquet", hulls / "mine.parquet", hulls / "ducklake-mine.parquet"]
    name = "ducklake-01a221e2-df7b-705b-afe9-f5aa7beb38d1"
    left = [
        hulls / "partition_month=2023-01" / f"{name}.parquet",
        hulls / f"{name}-delete.parquet",
        folder(data) / "reference" / "marks" / f"{name}.parquet",
    ]
    for file in mine + left:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"-")
    lake.keep(wharf.lake, 1)
    assert all(file.exists() for file in mine + left), "a writer may still be at work on what is new"
    monkeypatch.setattr(lake, "_ORPHANED_AFTER", "0 seconds")
    lake.keep(wharf.lake, 1)
    assert [file for file in mine + left if file.exists()] == mine
    assert wharf.now("SELECT count(*) FROM staging.hulls", "FROM reference.marks") == [[(4,)], [(1,)]]


def test_what_stands_beside_a_release_comes_and_goes_with_it(wharf: Wharf, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    of_file, cut_off_after, cut_off_before, whole = (f"2026030{day}T030000Z-0000000{day}" for day in (1, 2, 3, 4))
    (settings.releases_folder / of_file).mkdir(parents=True)
    (settings.releases_folder / of_file / "warehouse.duckdb").touch()
    (settings.releases_folder / "notes of mine").mkdir()
    month = settings.kept_folder / "staging" / "hulls" / "2026-03.parquet"
    half_written = month.with_name(f".{month.name}.0badcafe.writing")
    month.parent.mkdir(parents=True)
    for file in (month, half_written):
        file.touch()

    def folders() -> set[str]:
        return {folder.name for folder in settings.releases_folder.iterdir()}

    for number, release_id in enumerate((cut_off_after, cut_off_before, whole)):
        releases.stage_beside(settings, {"release_id": release_id})
        if release_id != cut_off_before:
            wharf.publish(release_id, [number])
    assert {f".{cut_off_after}", f".{cut_off_before}", f".{whole}"} < folders()
    releases.keep_beside(settings, wharf.lake, {"release_id": whole, "rows": {"reference.marks": 1}})
    assert folders() == {of_file, cut_off_after, whole, "notes of mine"}
    assert (month.exists(), half_written.exists()) == (True, False)
    assert (settings.releases_folder / cut_off_after / releases.BILL).exists()
    for place in (settings.warehouse_folder, settings.releases_folder / whole):
        told = json.loads((place / "release.json").read_text(encoding="utf-8"))
        assert told == {"release_id": whole, "rows": {"reference.marks": 1}}
    # Kept files are those that are there; a release of a lake is none of them.
    assert list(releases.kept(settings)) == [of_file]
    lake.keep(wharf.lake, 1)
    releases.keep_beside(settings, wharf.lake, {"release_id": whole})
    assert folders() == {of_file, whole, "notes of mine"}


def test_a_night_that_has_lost_its_lock_writes_nothing_more(wharf: Wharf) -> None:
    wharf.load("2023-01", bbl=1)
    with lake.night_lock(wharf.lake, is_shared=False) as is_held:
        assert is_held
        wharf.load("2023-02", bbl=1)
        with psycopg2.connect("") as session, session.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            assert cursor.fetchall() == [(True,)]
        for write in (lambda: wharf.publish("A", [1]), lambda: wharf.load("2023-03", bbl=1)):
            with pytest.raises(lake.LakeError, match="lock of nights is lost"):
                write()
        with lake.night_lock(wharf.lake, is_shared=False, wait_s=0) as is_held_by_another:
            assert is_held_by_another, "the lock fell with its session"
    assert lake.releases(wharf.lake) == []
    del wharf.parts["2023-03"]
    assert wharf.publish("B", [1]) == {"staging.hulls": 8, "reference.marks": 1}


def test_the_session_of_the_lock_is_kept_alive_on_both_sides(wharf: Wharf) -> None:
    with lake.night_lock(wharf.lake, is_shared=True):
        session = lake._sessions[wharf.lake]
        assert session.info.dsn_parameters["keepalives_idle"] == "60"
        with session.cursor() as cursor:
            for name, expected in (("tcp_keepalives_idle", "60"), ("tcp_keepalives_count", "4")):
                cursor.execute(f"SHOW {name}")
                assert cursor.fetchall() == [(expected,)]


def test_comments_and_macros_are_there(wharf: Wharf) -> None:
    wharf.load("2023-01", bbl=7)
    wharf.publish("A", [1])
    columns = "SELECT comment FROM duckdb_columns() WHERE table_name = 'hulls' AND comment LIKE '%b%' ORDER BY 1"
    assert wharf.now(
        "SELECT count(*) FROM heavier(6)", columns, "SELECT comment FROM duckdb_tables() WHERE table_name = 'hulls'"
    ) == [[(4,)], [("barrels [bbl]",), (lake.MONTH.meaning,)], [("One row per hull.",)]]


def test_a_table_of_another_shape_is_made_anew(wharf: Wharf) -> None:
    wharf.load("2023-01", bbl=1)
    wharf.publish("A", [1])
    wider = replace(HULLS, columns=(*HULLS.columns, Column("flag", pl.String(), "flag state")))
    lake.prepare(wharf.lake, [wider, MARKS], [MACRO])
    assert wharf.now("SELECT count(*) FROM staging.hulls") == [[(4,)]]  # the release is what it was
    part = wharf.parts["2023-01"]
    frame = pl.read_parquet(part.file, glob=False).with_columns(flag=pl.lit("PA"))
    wider.conform(frame).write_parquet(part.file)
    wharf.parts["2023-01"] = replace(part, table=wider)
    # Of the same identity, but not in the new table yet.
    assert lake.replace_months(wharf.lake, wharf.parts.values(), "a night") == {"2023-01": 4}
    wharf.publish("B", [2])
    assert wharf.now("SELECT DISTINCT flag FROM staging.hulls") == [[("PA",)]]


def test_a_reader_reaches_the_release_and_nothing_else(wharf: Wharf) -> None:
    wharf.publish("A", [1])
    with duck.read_only(lake.Release(wharf.lake)) as connection:
        for sql in (
            "FROM read_text('/etc/passwd')",
            f"FROM read_text('s3://{BUCKET}/elsewhere/x')",
            "INSERT INTO reference.marks VALUES (9)",
            "CALL postgres_execute('__ducklake_metadata_warehouse', 'DELETE FROM ducklake_snapshot')",
            "CALL ducklake_expire_snapshots('warehouse', versions => [1])",
            "SET enable_external_access = true",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(sql).fetchall()
        assert connection.execute("FROM reference.marks").fetchall() == [(1,)]


def test_no_secret_is_told(wharf: Wharf, monkeypatch: pytest.MonkeyPatch) -> None:
    wharf.publish("A", [1])
    shown = wharf.now(
        "SELECT s::VARCHAR FROM duckdb_settings() AS s", "FROM duckdb_secrets()", "FROM duckdb_databases()"
    )
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in f"{shown} {wharf.lake}"
    assert PASSWORD not in f"{shown} {wharf.lake}"
    monkeypatch.setenv("PGPASSWORD", "not the password")
    with pytest.raises(lake.LakeError, match="authentication failed") as refused:
        lake.releases(wharf.lake)
    assert "not the password" not in str(refused.value)


def test_settings_name_the_lake_without_a_password(client: Services) -> None:
    named = {"PLIMSOLL_WAREHOUSE": "ducklake:postgres:dbname=lake", "PLIMSOLL_WAREHOUSE_DATA": "s3://bucket/lake"}
    settings = Settings.from_environment(named | {"PLIMSOLL_WORKERS": "3"})
    assert (releases.current(settings), settings.workers) == (
        lake.Release(lake.Lake("dbname=lake", "s3://bucket/lake")),
        3,
    )
    for wrong, said in [
        ({"PLIMSOLL_WAREHOUSE": "ducklake:postgres:dbname=lake password=sesame"}, "PGPASSWORD"),
        ({"PLIMSOLL_WAREHOUSE": "ducklake:postgres:postgresql://me:sesame@host/lake"}, "PGPASSWORD"),
        ({"PLIMSOLL_WAREHOUSE": "lake.duckdb"}, "write ducklake:postgres:"),
        ({"PLIMSOLL_WAREHOUSE_DATA": "bucket"}, "s3://bucket/prefix"),
        ({"PLIMSOLL_STORE": "s3://bucket/tables?key=sesame"}, "without a question mark"),
        ({"PLIMSOLL_WAREHOUSE_DATA": ""}, "PLIMSOLL_WAREHOUSE_DATA"),
        ({"PLIMSOLL_WAREHOUSE": "", "PLIMSOLL_WAREHOUSE_DATA": "", "PLIMSOLL_WORKERS": "2"}, "one writer"),
    ]:
        with pytest.raises(ValueError, match=said) as refused:
            Settings.from_environment(named | wrong)
        assert "sesame" not in str(refused.value)
