"""What a night over workers costs: the figures of docs/scaling.md (`python -m tests.cluster.measure --help`).

Made-up shipments, marked as such, go through the three parts of a night with a real catalog and a real store. Measured
are processor seconds, which say the same on a busy machine, wall time, which does not, memory, bytes and objects.

Here: the shipments, the measuring, the printing of a table.
Add here: another figure that the plan for more rows needs.
Keep out: expectations; nothing here can fail a build.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import polars as pl
import psycopg2
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from pyarrow.fs import FileSelector, FileSystem

from pipelines.assets.inputs import staged_shipments
from pipelines.assets.monthly_asset import NIGHT_TAG
from pipelines.assets.night import INPUTS, MONTHS, RELEASE
from pipelines.definitions import build_defs, run_config
from pipelines.settings import Settings
from pipelines.spreading import parts_of
from pipelines.warehouse.store import Store
from tests.cluster.services import BUCKET, Services, started

SEED = 20261128


def shipments(rows: int, months: int) -> pl.DataFrame:
    """Made-up cargoes, spread evenly over so many months."""
    number = pl.int_range(pl.len())
    first = pl.date(2022, 12, 1)
    day = (pl.col("draw") % 27).cast(pl.Int64)
    month = number * months // pl.len()
    loading = first.dt.offset_by(pl.format("{}mo", month)).dt.offset_by(pl.format("{}d", day))
    frame = pl.DataFrame({"n": pl.int_range(rows, eager=True)}).with_columns(draw=pl.col("n").hash(SEED))
    return frame.select(
        shipment_id=pl.format("SYNTHETIC-{}", pl.col("n")),
        loading_date=loading,
        discharge_date=loading.dt.offset_by("21d"),
        hs_code=pl.lit("270900"),
        grade=pl.lit("Urals"),
        origin_country=pl.lit("RU"),
        destination_country=pl.lit("IN"),
        transport_mode=pl.lit("sea"),
        quantity=600_000.0 + pl.col("draw") % 200_000,
        quantity_unit=pl.lit("bbl"),
        value=30_000_000.0 + pl.col("draw") % 30_000_000,
        currency=pl.lit("USD"),
        incoterm=pl.lit("FOB"),
        nexus=pl.lit("US;EU;UK"),
    )


def part(job: str, span: tuple[str, str] | None) -> dict[str, float]:
    """A part of a night in this process."""
    began, cpu = time.monotonic(), time.process_time()
    tags = {NIGHT_TAG: "measured"} | (
        dict(zip((ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG), span, strict=True)) if span else {}
    )
    with dg.DagsterInstance.ephemeral() as instance:
        definition = build_defs(Settings.from_environment()).resolve_job_def(job)
        assert definition.execute_in_process(run_config(), instance=instance, tags=tags).success
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu_s": time.process_time() - cpu, "wall_s": time.monotonic() - began, "peak_mb": peak}


def night(rows: int, months: int, workers: int, services: Services, folder: Path) -> dict[str, object]:
    """A first night on so many rows: what each part took, and what it left."""
    name = f"rows{rows}workers{workers}"
    home = folder / name
    (home / "landing" / "shipments").mkdir(parents=True)
    shipments(rows, months).write_parquet(home / "landing" / "shipments" / "synthetic.parquet")
    client = services.database(name)
    environment = os.environ | client.environment | {
        "PLIMSOLL_HOME": str(home),
        "PLIMSOLL_OFFLINE": "1",
        "PLIMSOLL_WAREHOUSE": f"ducklake:postgres:dbname={name}",
        "PLIMSOLL_WAREHOUSE_DATA": f"s3://{BUCKET}/{name}",
        "PLIMSOLL_WORKERS": str(max(workers, 2)),
    }  # fmt: skip
    os.environ.update(environment)

    def started_part(job: str, *span: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-W", "ignore", "-m", "tests.cluster.measure", "--part", job, *span]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)

    def ended(running: "subprocess.Popen[bytes]") -> dict[str, float]:
        said, _ = running.communicate()
        assert running.returncode == 0, running.args
        return dict(json.loads(said.splitlines()[-1]))

    read = ended(started_part(INPUTS))
    store = Store(Settings.from_environment().store_folder)
    declared = staged_shipments()
    spans = parts_of({month: store.narrowed([month]).rows(declared) for month in store.months(declared)}, workers)
    began, before = time.monotonic(), catalog_load(client)
    made = [ended(running) for running in [started_part(MONTHS, *span) for span in spans]]
    wall = time.monotonic() - began
    after = catalog_load(client)
    released = ended(started_part(RELEASE))
    files, found = bytes_in(f"s3://{BUCKET}/{name}"), store.folder
    return {
        "rows": rows,
        "workers": workers,
        "inputs cpu s": round(read["cpu_s"], 1),
        "months cpu s": round(sum(each["cpu_s"] for each in made), 1),
        "months wall s": round(wall, 1),
        "month run peak MB": round(max(each["peak_mb"] for each in made)),
        "release cpu s": round(released["cpu_s"], 1),
        "release peak MB": round(released["peak_mb"]),
        "lake bytes": files[1],
        "lake objects": files[0],
        "store bytes": sum(file.stat().st_size for file in Path(str(found)).rglob("*.parquet")),
        "catalog transactions of months": after[0] - before[0],
        "catalog rows written by months": after[1] - before[1],
        "catalog bytes": catalog_load(client)[2],
    }


def catalog_load(client: Services) -> tuple[int, int, int]:
    """Transactions, rows written and bytes of the catalog's database so far."""
    with psycopg2.connect("") as connection, connection.cursor() as cursor:
        time.sleep(1.5)  # PostgreSQL gathers its own figures once a second
        cursor.execute(
            "SELECT xact_commit, tup_inserted, pg_database_size(datname) FROM pg_stat_database WHERE datname = %s",
            [client.environment["PGDATABASE"]],
        )
        transactions, rows, size = cursor.fetchone()
    return int(transactions), int(rows), int(size)


def bytes_in(address: str) -> tuple[int, int]:
    """Objects below an address of the store, and their bytes."""
    files, place = FileSystem.from_uri(address)
    found = [info for info in files.get_file_info(FileSelector(place, recursive=True)) if info.is_file]
    return len(found), sum(info.size for info in found)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Measures nights over workers, on made-up shipments.")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 200_000, 400_000])
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--workers", type=int, nargs="+", default=[1])
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.part:
        job, *span = given.part
        print(json.dumps(part(job, (span[0], span[1]) if span else None)))
        return
    with started() as services, tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        for rows in given.rows:
            for workers in given.workers:
                print(json.dumps(night(rows, given.months, workers, services, Path(folder))), flush=True)


if __name__ == "__main__":
    main()
