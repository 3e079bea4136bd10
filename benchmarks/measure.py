"""One measurement in a process of its own: `python -m benchmarks.measure TASK SHIPMENTS FOLDER`.

Here: what each task does, and what is timed of it: the work, from reading the rules to the last byte written, without
the start of Python and the imports. Prints one line of JSON.
Add here: a task, named in `benchmarks.run`.
Keep out: repetition, comparison and words (`benchmarks.run`, `benchmarks.page`).
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

Work = Callable[[], object]
ROW_GROUP_ROWS = 250_000
# Rows of output that the floor keeps in memory and writes again and again.
SAMPLE_ROWS = 1_000_000


def main() -> None:
    """Runs one task and prints what it took."""
    name, shipments, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    work = TASKS[name](shipments, folder)
    start, cpu = time.perf_counter(), _cpu_seconds()
    work()
    took = {"seconds": time.perf_counter() - start, "cpu_seconds": _cpu_seconds() - cpu}
    print(json.dumps({**took, "peak_mb": _peak_mb()}))


def _cpu_seconds() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _peak_mb() -> float:
    """The most memory that this process or one of its children held, in MB of 1,048,576 bytes."""
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    try:
        # What `getrusage` says of a process on Linux counts what its parent held when it began it.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    except OSError:
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return max(own, children) / unit


# --- the product -------------------------------------------------------------------------------------------


def price(shipments: Path, folder: Path) -> Work:
    """Shipments to priced cargoes, Parquet to Parquet."""
    import polars as pl

    from pipelines.sources.reference import Reference
    from pipelines.transforms.prices import price_shipments

    def work() -> None:
        cargoes = price_shipments(pl.scan_parquet(shipments), Reference.load(), pl.lit(shipments.name))
        cargoes.sink_parquet(cargoes_of(shipments), row_group_size=ROW_GROUP_ROWS)

    return work


def judge_cargoes(shipments: Path, folder: Path) -> Work:
    """Priced cargoes to verdicts, Parquet to Parquet: all columns."""
    import polars as pl

    from pipelines.rules.rulebook import Rulebook
    from pipelines.transforms.judge import judge

    def work() -> None:
        verdicts = judge(pl.scan_parquet(cargoes_of(shipments)), Rulebook.load())
        verdicts.sink_parquet(folder / "judge_cargoes.parquet", row_group_size=ROW_GROUP_ROWS)

    return work


def judge_shipments(shipments: Path, folder: Path) -> Work:
    """Shipments to verdicts, Parquet to Parquet: all columns."""
    return _judge_shipments(shipments, folder / "judge_shipments.parquet", None)


def judge_as_peers(shipments: Path, folder: Path) -> Work:
    """Shipments to verdicts, Parquet to Parquet: the columns that the peers give."""
    return _judge_shipments(shipments, folder / "judge_as_peers.parquet", PEER_COLUMNS)


def _judge_shipments(shipments: Path, out: Path, columns: tuple[str, ...] | None) -> Work:
    import polars as pl

    from pipelines.rules.rulebook import Rulebook
    from pipelines.sources.reference import Reference
    from pipelines.transforms.judge import judge, judged_by
    from pipelines.transforms.prices import price_shipments

    def work() -> None:
        book, source = Rulebook.load(), pl.lit(shipments.name)
        cargoes = price_shipments(pl.scan_parquet(shipments), Reference.load(), source, judged_by(book))
        verdicts = judge(cargoes, book)
        chosen = verdicts if columns is None else verdicts.select(columns)
        chosen.sink_parquet(out, row_group_size=ROW_GROUP_ROWS)

    return work


def judge_without_writing(shipments: Path, folder: Path) -> Work:
    """Priced cargoes to verdicts of all columns that are counted and not written: where the time goes."""
    import polars as pl

    from pipelines.rules.rulebook import Rulebook
    from pipelines.transforms.judge import judge

    def work() -> None:
        verdicts = judge(pl.scan_parquet(cargoes_of(shipments)), Rulebook.load())
        verdicts.select(pl.all().null_count()).collect(engine="streaming")

    return work


def read_cargoes(shipments: Path, folder: Path) -> Work:
    """Reading the columns of priced cargoes that the judge asks for: the first half of the floor."""
    return _reading(cargoes_of(shipments))


def assess(shipments: Path, folder: Path) -> Work:
    """`plimsoll assess` from CSV to Parquet: reading, checking, pricing, judging, writing."""
    from pipelines.assess import assess_file, write_verdicts

    return lambda: write_verdicts(assess_file(csv_of(shipments)), folder / "assess.parquet")


def intake(shipments: Path, folder: Path) -> Work:
    """Reading and checking the CSV against the contract."""
    from pipelines.assess import shipments_contract
    from pipelines.rules.rulebook import Rulebook
    from pipelines.sources.reference import Reference
    from pipelines.sources.shipments_file import read_shipments

    contract = shipments_contract(Rulebook.load(), Reference.load())
    return lambda: read_shipments(csv_of(shipments), contract)


def intake_reading(shipments: Path, folder: Path) -> Work:
    """Only reading the CSV into rows of text, as `intake` does."""
    from pipelines.assess import shipments_contract
    from pipelines.rules.rulebook import Rulebook
    from pipelines.sources.reference import Reference
    from pipelines.sources.rows_of_csv import read_csv

    contract = shipments_contract(Rulebook.load(), Reference.load())

    def work() -> None:
        with csv_of(shipments).open("rb") as file:
            _, batches = read_csv(file, shipments.name, contract)
            for _ in batches:
                pass

    return work


def night(shipments: Path, folder: Path) -> Work:
    """`plimsoll nightly --offline` with the CSV in the landing folder of an empty home."""
    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    landing = home / "landing" / "shipments"
    landing.mkdir(parents=True)
    os.link(csv_of(shipments), landing / csv_of(shipments).name)
    command = [str(Path(sys.executable).with_name("plimsoll")), "nightly", "--offline"]

    def work() -> None:
        done = subprocess.run(
            command, env={**os.environ, "PLIMSOLL_HOME": str(home)}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"the night failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")

    return work


# --- the floor: as much in and out, no logic -------------------------------------------------------------------


def floor_cargoes(shipments: Path, folder: Path) -> Work:
    """Reads what `judge_cargoes` reads and writes what it writes."""
    return _floor(cargoes_of(shipments), folder / "judge_cargoes.parquet")


def floor_shipments(shipments: Path, folder: Path) -> Work:
    """Reads what `judge_shipments` reads and writes what it writes."""
    return _floor(shipments, folder / "judge_shipments.parquet")


def _floor(source: Path, written: Path) -> Work:
    import polars as pl

    read = _reading(source)
    rows = pl.scan_parquet(written).select(pl.len()).collect().item()
    sample = pl.read_parquet(written, n_rows=min(rows, SAMPLE_ROWS))
    parts = [sample.slice(0, rows - start).lazy() for start in range(0, rows, SAMPLE_ROWS)]

    def work() -> None:
        read()
        pl.concat(parts).sink_parquet(written.with_name("floor.parquet"), row_group_size=ROW_GROUP_ROWS)

    return work


def _reading(source: Path) -> Work:
    import polars as pl

    columns = columns_read(source)
    return lambda: pl.scan_parquet(source).select(pl.col(columns).null_count()).collect(engine="streaming")


def columns_read(source: Path) -> list[str]:
    """The columns of a file of cargoes or shipments that the judge asks for; the floor reads no others."""
    import polars as pl
    from polars.io.plugins import register_io_source

    from pipelines.contracts.cargoes import CARGOES
    from pipelines.rules.rulebook import Rulebook
    from pipelines.sources.reference import Reference
    from pipelines.transforms.judge import judge, judged_by
    from pipelines.transforms.prices import price_shipments

    book = Rulebook.load()
    rows = pl.read_parquet(source, n_rows=1_000)
    asked: set[str] = set()

    def read(columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None):  # type: ignore[no-untyped-def]
        asked.update(columns or rows.columns)
        chosen = rows.select(columns or rows.columns)
        yield chosen if predicate is None else chosen.filter(predicate)

    watched = register_io_source(read, schema=rows.schema)
    if rows.schema != CARGOES.polars_schema():
        watched = price_shipments(watched, Reference.load(), pl.lit(source.name), judged_by(book))
    judge(watched, book).collect()
    return sorted(asked)


# --- the peers, in their own environment -------------------------------------------------------------------


def duckdb_sql(shipments: Path, folder: Path) -> Work:
    """DuckDB, by hand-written SQL."""
    from benchmarks.peers import duckdb_sql as peer

    return lambda: peer.judge(shipments, folder / "duckdb_sql.parquet")


def dbt_duckdb(shipments: Path, folder: Path) -> Work:
    """dbt on DuckDB: tables built, tests run."""
    import dbt.cli.main  # noqa: F401  # an import, as those of the others, is not measured

    from benchmarks.peers import dbt_project as peer

    return lambda: peer.judge(folder / "dbt", shipments, folder / "dbt_duckdb.parquet")


def pandas_merges(shipments: Path, folder: Path) -> Work:
    """pandas, by merges; the small tables of the law are made beforehand."""
    from benchmarks.peers import pandas_merges as peer

    peer.write_tables(folder / "pandas", shipments)
    return lambda: peer.judge(folder / "pandas", shipments, folder / "pandas_merges.parquet")


PEER_COLUMNS = (
    *("shipment_id", "regime", "nexus_basis", "verdict", "product_class", "level_date", "cap_id", "cap_usd_per_bbl"),
    *("price_usd_per_bbl", "price_low_usd_per_bbl", "price_high_usd_per_bbl", "price_basis", "margin_usd_per_bbl"),
    *("quantity_bbl", "excess_value_usd", "is_above_cap", "transition_id", "exemption_id"),
)

PRODUCT: tuple[Callable[[Path, Path], Work], ...] = (
    *(price, judge_cargoes, judge_shipments, judge_as_peers, judge_without_writing, read_cargoes),
    *(assess, intake, intake_reading, night, floor_cargoes, floor_shipments),
)
PEERS: tuple[Callable[[Path, Path], Work], ...] = (duckdb_sql, dbt_duckdb, pandas_merges)
TASKS = {task.__name__: task for task in (*PRODUCT, *PEERS)}


def cargoes_of(shipments: Path) -> Path:
    """Where the priced cargoes of a file of shipments stand."""
    return shipments.with_name(shipments.name.replace("shipments", "cargoes"))


def csv_of(shipments: Path) -> Path:
    """Where the shipments stand as a user may write them."""
    return shipments.with_suffix(".csv")


if __name__ == "__main__":
    main()
