"""What nights cost: all figures of docs/scaling.md (`python -m tests.cluster.measure --help`).

Made-up shipments, marked as such, go through nights of one process into a file; then, in several sizes, through the three
parts of a night over workers, with a real catalog and the lake in a store, each run a process with one core; and the
months of the largest of these again over more workers.

Here: the shipments and the measuring.
Add here: another figure that the plan for more rows needs.
Keep out: expectations (nothing here can fail a build), and the tables (scaling_page).
"""

import argparse
import datetime as dt
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import dagster as dg
import polars as pl
import psycopg2
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from pyarrow.fs import FileSelector, FileSystem

from pipelines.assets.inputs import staged_shipments
from pipelines.assets.monthly_asset import NIGHT_TAG
from pipelines.assets.night import INPUTS, MONTHS, RELEASE
from pipelines.assets.release import macro_statements
from pipelines.definitions import build_defs, published_tables, run_config
from pipelines.object_store import SCHEME
from pipelines.settings import REPOSITORY, Settings
from pipelines.spreading import parts_of
from pipelines.warehouse import lake, releases
from pipelines.warehouse.months import ROWS_AT_ONCE
from pipelines.warehouse.store import Store
from tests.cluster.scaling_page import Measured, Night, Part, put_into, tables
from tests.cluster.services import BUCKET, Services, started

PAGE = REPOSITORY / "docs" / "scaling.md"
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


def part(job: str, span: tuple[str, str] | None) -> None:
    """A part of a night in this process."""
    tags = {NIGHT_TAG: "measured"} | (
        dict(zip((ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG), span, strict=True)) if span else {}
    )
    with dg.DagsterInstance.ephemeral() as instance:
        definition = build_defs(Settings.from_environment()).resolve_job_def(job)
        assert definition.execute_in_process(run_config(), instance=instance, tags=tags).success


def parts_at_once(job: str, spans: Sequence[tuple[str, str] | None], environment: Mapping[str, str]) -> Part:
    """Runs of a part beside each other, as processes with one core each; they take turns where there are fewer."""
    here = [sys.executable, "-W", "ignore", "-m", "tests.cluster.measure", "--part", job]
    cores = sorted(os.sched_getaffinity(0))
    on_one = [{cores[number % len(cores)]} for number in range(len(spans))]
    return processes([([*here, *(span or ())], core) for span, core in zip(spans, on_one, strict=True)], environment)


def processes(commands: Sequence[tuple[Sequence[str], set[int]]], environment: Mapping[str, str]) -> Part:
    """Commands beside each other, each on its cores, until the last has ended."""
    all_cores = os.sched_getaffinity(0)
    began, running = time.monotonic(), []
    with tempfile.TemporaryFile() as said:
        try:
            for command, cores in commands:
                # A process begins with the cores of the thread that starts it.
                os.sched_setaffinity(0, cores)
                running.append(subprocess.Popen(command, stdout=said, stderr=said, env=dict(environment)))
            used = []
            for process in running:
                _, status, of_process = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                used.append(of_process)
                if process.returncode != 0:
                    said.seek(0)
                    command = " ".join(map(str, process.args))
                    sys.exit(f"{command} failed:\n{said.read().decode(errors='replace')[-3000:]}")
        finally:
            os.sched_setaffinity(0, all_cores)
            for process in running:
                process.kill()  # nothing happens to one that has ended
    return Part(
        cpu_s=sum(each.ru_utime + each.ru_stime for each in used),
        wall_s=time.monotonic() - began,
        peak_mb=max(each.ru_maxrss for each in used) / 1024,
    )


def nights_alone(rows: int, months: int, folder: Path) -> dict[str, Part]:
    """Nights of one process into a file, on all cores, by what they are: what the page sets beside all the rest."""
    made: dict[str, Part] = {}

    def night(home: Path, name: str) -> None:
        kept = {key: said for key, said in os.environ.items() if not key.startswith(("PLIMSOLL_", "DAGSTER_"))}
        command = [sys.executable, "-W", "ignore", "-m", "pipelines.cli", "nightly", "--offline"]
        made[name] = processes([(command, os.sched_getaffinity(0))], kept | {"PLIMSOLL_HOME": str(home)})

    bare = folder / "as it ships"
    night(bare, "what ships alone: the first")  # also warms up what all later ones read
    night(bare, "what ships alone: nothing has changed")
    settings = Settings(home=folder / "alone")
    settings.shipments_folder.mkdir(parents=True)
    cargoes = shipments(rows, months)
    starts = [-(-number * rows // months) for number in range(months + 1)]
    for number, (start, end) in enumerate(pairwise(starts)):
        of_month = cargoes.slice(start, end - start)
        of_month.write_parquet(settings.shipments_folder / f"{number}.parquet")
    size = f"{rows:,} cargoes in {months} files, one for each month"
    night(settings.home, f"{size}: the first")
    night(settings.home, f"{size}: nothing has changed")
    of_month.with_columns(pl.col("value") + 1).write_parquet(settings.shipments_folder / f"{months - 1}.parquet")
    night(settings.home, f"{size}: one file has changed")
    return made


@dataclass(frozen=True)
class Place:
    """A home folder and a lake of its own, for one night."""

    name: str
    home: Path
    environment: Mapping[str, str]

    @classmethod
    def made(cls, name: str, services: Services, folder: Path) -> "Place":
        """An empty one; this process becomes its client."""
        client = services.database(name)
        own = {
            "PLIMSOLL_HOME": str(folder / name),
            "PLIMSOLL_OFFLINE": "1",
            "PLIMSOLL_WAREHOUSE": f"ducklake:postgres:dbname={name}",
            "PLIMSOLL_WAREHOUSE_DATA": f"{SCHEME}{BUCKET}/{name}",
            "PLIMSOLL_WORKERS": "2",  # more than one, so that there are parts; how many is said here
        }
        kept = {key: said for key, said in os.environ.items() if not key.startswith(("PLIMSOLL_", "DAGSTER_"))}
        os.environ.update(client.environment)
        return cls(name, folder / name, kept | client.environment | own)

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.environment)

    def spans(self, workers: int) -> list[tuple[str, str]]:
        """The months of the shipments, spread as the sensor spreads them."""
        store, declared = Store(self.settings.store_folder), staged_shipments()
        return parts_of({month: store.narrowed([month]).rows(declared) for month in store.months(declared)}, workers)


def night(rows: int, months: int, services: Services, folder: Path) -> tuple[Night, Place]:
    """A first night on so many rows: what each part took, and what it left; and a copy of its home before its months."""
    place = Place.made(f"rows{rows}", services, folder)
    place.settings.shipments_folder.mkdir(parents=True)
    shipments(rows, months).write_parquet(place.settings.shipments_folder / "synthetic.parquet")
    inputs = parts_at_once(INPUTS, [None], place.environment)
    before_months = Place.made(f"{place.name}_again", services, folder)
    shutil.copytree(place.home, before_months.home)
    commits, before = commits_of(place), catalog_load(place.name)
    made = parts_at_once(MONTHS, place.spans(1), place.environment)
    after = catalog_load(place.name)
    month_files, _ = bytes_in(place.settings.lake_data or "")
    commits = commits_of(place) - commits
    release = parts_at_once(RELEASE, [None], place.environment)
    of_month = rows / months
    return Night(
        rows=rows,
        rows_at_once=round(of_month * max(min(ROWS_AT_ONCE // of_month, months), 1)),
        inputs=inputs,
        months=made,
        release=release,
        lake_bytes=bytes_in(place.settings.lake_data or "")[1],
        store_bytes=sum(file.stat().st_size for file in Path(str(place.settings.store_folder)).rglob("*.parquet")),
        month_files=month_files,
        commits=commits,
        catalog_rows=after[1] - before[1],
        catalog_transactions=after[0] - before[0],
    ), before_months


def months_over(workers: int, before: Place, services: Services, folder: Path) -> Part:
    """The months of the same night once more, over so many workers, into a lake of their own."""
    place = Place.made(f"workers{workers}", services, folder)
    shutil.copytree(before.home, place.home)
    found = releases.lake_of(place.settings)
    assert found is not None
    lake.prepare(found, published_tables(), macro_statements())
    return parts_at_once(MONTHS, place.spans(workers), place.environment)


def commits_of(place: Place) -> int:
    """Transactions of the lake so far."""
    found = releases.lake_of(place.settings)
    assert found is not None
    with lake.writing(found) as connection:
        ((snapshots,),) = connection.execute(f"SELECT count(*) FROM {lake.NAME}.snapshots()").fetchall()
    return int(snapshots)


def catalog_load(database: str) -> tuple[int, int]:
    """Transactions and rows written of a database so far."""
    with psycopg2.connect("") as connection, connection.cursor() as cursor:
        time.sleep(1.5)  # PostgreSQL gathers its own figures once a second
        cursor.execute("SELECT xact_commit, tup_inserted FROM pg_stat_database WHERE datname = %s", [database])
        transactions, rows = cursor.fetchone()
    return int(transactions), int(rows)


def bytes_in(address: str) -> tuple[int, int]:
    """Objects below an address of the store, and their bytes."""
    files, place = FileSystem.from_uri(address)
    found = [info for info in files.get_file_info(FileSelector(place, recursive=True)) if info.is_file]
    return len(found), sum(info.size for info in found)


def machine() -> str:
    """On what it was measured, when, and how busy that was."""
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", info.read_text(encoding="utf-8")) if info.exists() else []
    with psycopg2.connect("dbname=postgres") as connection:
        version = connection.server_version // 10_000
    busy = f" **The machine was busy (load {load:.1f}): wall times are too long.**" if load > cores / 4 else ""
    return (
        f"Measured on {dt.datetime.now(dt.UTC).date()}, each figure once, on one machine of {cores} cores "
        f"({names[0] if names else platform.processor()}),\nwith PostgreSQL {version}.{busy}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Measures nights, alone and over workers, on made-up shipments.")
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000, 200_000, 600_000], help="sizes of nights")
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 3], help="beside 1")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.part:
        job, *span = given.part
        part(job, (span[0], span[1]) if span else None)
        return
    sizes = sorted(set(given.rows))
    if len(sizes) < 2:
        parser.error("a line needs two sizes, and three to show whether it is one")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that the services stop too
    began = time.monotonic()

    def tell(what: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {what}", file=sys.stderr, flush=True)

    with started() as services, tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        folder = Path(name)
        os.environ.update(services.environment)
        where = machine()
        alone = nights_alone(sizes[0], given.months, folder)
        for night_alone, cost in alone.items():
            tell(f"{night_alone}: {cost}")
        nights = []
        for rows in sizes:
            of_size, before = night(rows, given.months, services, folder)
            nights.append(of_size)
            tell(f"a night on {rows:,} cargoes: {of_size}")
        workers = {1: nights[-1].months}
        for count in given.workers:
            workers[count] = months_over(count, before, services, folder)
            tell(f"its months over {count} workers: {workers[count]}")
    by_month = sum(table.is_by_month for table in published_tables())
    cores = len(os.sched_getaffinity(0))
    blocks = tables(Measured(where, nights, workers, cores, given.months, by_month, alone))
    for name, block in blocks.items():
        print(f"\n<!-- measured: {name} -->\n{block}\n<!-- end -->")
    if given.write:
        PAGE.write_text(put_into(PAGE.read_text(encoding="utf-8"), blocks), encoding="utf-8")


if __name__ == "__main__":
    main()
