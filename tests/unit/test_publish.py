"""The published file is replaced as a whole, or not at all.

Here: publishing a small table over an older file, with whatever may lie beside it; the lock of a night.
Add here: another state in which a warehouse folder may be found.
Keep out: what a night publishes (see `tests/integration`).
"""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.table import Column, Table
from pipelines.settings import Settings
from pipelines.warehouse import duck
from pipelines.warehouse.publish import NightRunning, night_lock, publish
from pipelines.warehouse.store import Store

BARRELS = Table(
    schema="staging",
    name="barrels",
    grain="one row per barrel",
    columns=(Column("number", pl.Int64(), "number on the barrel", required=True, above=0),),
)


def publish_numbers(settings: Settings, *numbers: int) -> dict[str, int]:
    Store(settings.store_folder).write(BARRELS, pl.DataFrame({"number": numbers}, schema={"number": pl.Int64}))
    return publish(settings, [BARRELS], [], {"run_id": f"run {numbers}"})


def numbers(settings: Settings) -> list[int]:
    with duck.read_only(settings.warehouse_file) as connection:
        return duck.query(connection, "SELECT number FROM staging.barrels ORDER BY number")["number"].to_list()


def beside(settings: Settings) -> set[str]:
    return {path.name for path in settings.warehouse_folder.iterdir() if path.is_file()}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_a_new_file_takes_the_place_of_the_old_one(settings: Settings) -> None:
    assert publish_numbers(settings, 1, 2, 3) == {"staging.barrels": 3}
    assert numbers(settings) == [1, 2, 3]
    publish_numbers(settings, 4, 5)
    assert numbers(settings) == [4, 5]
    assert beside(settings) == {"warehouse.duckdb", "release.json"}
    release = json.loads((settings.warehouse_folder / "release.json").read_text(encoding="utf-8"))
    assert release == {"run_id": "run (4, 5)", "rows": {"staging.barrels": 2}}


def test_a_reader_keeps_the_file_that_it_opened(settings: Settings) -> None:
    publish_numbers(settings, 1)
    with duck.read_only(settings.warehouse_file) as connection:
        publish_numbers(settings, 2)
        assert duck.query(connection, "SELECT number FROM staging.barrels")["number"].to_list() == [1]
    assert numbers(settings) == [2]


def test_a_row_that_the_table_forbids_stops_the_publishing(settings: Settings) -> None:
    publish_numbers(settings, 1)
    before = settings.warehouse_file.read_bytes()
    with pytest.raises(Exception, match="CHECK constraint failed"):
        publish_numbers(settings, 2, -1)
    assert settings.warehouse_file.read_bytes() == before


def test_what_a_killed_night_left_is_cleared_away(settings: Settings) -> None:
    settings.warehouse_folder.mkdir(parents=True)
    for name in (".warehouse-1.duckdb", ".warehouse-1.duckdb.wal"):
        (settings.warehouse_folder / name).write_bytes(b"half")
    publish_numbers(settings, 1)
    assert beside(settings) == {"warehouse.duckdb", "release.json"}


def test_the_log_of_someone_who_wrote_to_the_old_file_is_not_taken_for_the_new_one(settings: Settings) -> None:
    publish_numbers(settings, 1, 2, 3)
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
    publish_numbers(settings, 4, 5)
    assert numbers(settings) == [4, 5]


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
