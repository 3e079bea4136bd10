"""One measurement in a process of its own: `python -m benchmarks.measure TASK SHIPMENTS FOLDER`.

Here: what each task does, and what is timed of it: the work, from reading the rules to the last byte written, without
the start of Python and the imports; of commands all that a person waits for. Prints one line of JSON.
Add here: a task, with its place in `benchmarks.run` and its name in `benchmarks.page`.
Keep out: repetition, comparison and words (`benchmarks.run`, `benchmarks.page`).
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

# What is timed. It may return a function that tells, after the clock has stopped, the parts of the time: it is given
# the instant at which the work began and the seconds that it took.
Work = Callable[[], object]
Parts = Callable[[float, float], dict[str, float]]
ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "data" / "examples" / "shipments.csv"
ROW_GROUP_ROWS = 250_000
# Rows of output that the floor keeps in memory and writes again and again.
SAMPLE_ROWS = 1_000_000


def main() -> None:
    """Runs one task and prints what it took, or as its last line on standard error why it failed."""
    # Where memory runs out, Linux ends this process and not the one that keeps the results.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    try:
        took = _measured(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    except Exception as error:
        traceback.print_exc()
        sys.exit(" ".join(f"{type(error).__name__}: {error}".split()))
    print(json.dumps(took))


def _measured(name: str, shipments: Path, folder: Path) -> dict[str, float]:
    work = TASKS[name](shipments, folder)
    began, start, cpu = time.time(), time.perf_counter(), _cpu_seconds()
    parts = work()
    took = {"seconds": time.perf_counter() - start, "cpu_seconds": _cpu_seconds() - cpu, "peak_mb": _peak_mb()}
    if callable(parts):
        took |= parts(began, took["seconds"])
    return took


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


def judge_as_peers_without_writing(shipments: Path, folder: Path) -> Work:
    """Shipments to verdicts in the columns that the peers give, which are counted and not written."""
    return _judge_shipments(shipments, None, PEER_COLUMNS)


def _judge_shipments(shipments: Path, out: Path | None, columns: tuple[str, ...] | None) -> Work:
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
        if out is None:
            chosen.select(pl.all().null_count()).collect(engine="streaming")
        else:
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
    home = _emptied(folder / "home")
    landing = home / "landing" / "shipments"
    landing.mkdir(parents=True)
    os.link(csv_of(shipments), landing / csv_of(shipments).name)
    return _night(home)


# --- what a person waits for, whatever the number of rows --------------------------------------------------------


def help_(shipments: Path, folder: Path) -> Work:
    """`plimsoll --help`, from the start of Python to its end."""
    return lambda: _plimsoll(folder / "home", "--help")


def assess_small(shipments: Path, folder: Path) -> Work:
    """`plimsoll assess` on the example that ships, one row of which is rejected: hence its exit code."""
    arguments = ["assess", str(EXAMPLE), "--out", str(folder / "assess_small.csv")]
    return lambda: _plimsoll(folder / "home", *arguments, code=1)


def night_first(shipments: Path, folder: Path) -> Work:
    """`plimsoll nightly --offline` on an empty home: the first night of what ships, without a user's file."""
    return _night(_emptied(folder / "home_of_what_ships"))


def night_unchanged(shipments: Path, folder: Path) -> Work:
    """The same once more, in the home that `night_first` left."""
    return _night(folder / "home_of_what_ships")


def _emptied(home: Path) -> Path:
    shutil.rmtree(home, ignore_errors=True)
    return home


def _night(home: Path) -> Callable[[], Parts]:
    def parts(began: float, seconds: float) -> dict[str, float]:
        start_up = first_step_at(home) - began
        return {"start_up": start_up, "after_start_up": seconds - start_up}

    def work() -> Parts:
        _plimsoll(home, "nightly", "--offline")
        return parts

    return work


def first_step_at(home: Path) -> float:
    """When the first step of the newest night began, by Dagster's own record: what is before it is start-up."""
    import dagster as dg

    # Nights on one machine keep their record below the home.
    with dg.DagsterInstance.from_config(str(home / "dagster_home")) as instance:
        (newest,) = instance.get_runs(limit=1)
        return min(
            entry.timestamp for entry in instance.all_logs(newest.run_id, of_type=dg.DagsterEventType.STEP_START)
        )


def _plimsoll(home: Path, *arguments: str, code: int = 0) -> None:
    """Runs the command as a person does, with none of the settings of the person who runs the benchmark."""
    command = [str(Path(sys.executable).with_name("plimsoll")), *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PLIMSOLL_", "DAGSTER_"))}
    mine = {**kept, "PLIMSOLL_HOME": str(home)}
    done = subprocess.run(command, env=mine, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode != code:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise RuntimeError(f"plimsoll {arguments[0]} ended with exit code {done.returncode}: {said[-1]}")


# --- the floor: as much in and out, no logic -------------------------------------------------------------------


def floor_cargoes(shipments: Path, folder: Path) -> Work:
    """Reads what `judge_cargoes` reads and writes what it writes."""
    return _floor(cargoes_of(shipments), folder / "judge_cargoes.parquet")


def floor_shipments(shipments: Path, folder: Path) -> Work:
    """Reads what `judge_shipments` reads and writes what it writes."""
    return _floor(shipments, folder / "judge_shipments.parquet")


def floor_as_peers(shipments: Path, folder: Path) -> Work:
    """Reads what `judge_as_peers` reads and writes what it writes."""
    return _floor(shipments, folder / "judge_as_peers.parquet", PEER_COLUMNS)


def _floor(source: Path, written: Path, columns: tuple[str, ...] | None = None) -> Work:
    import polars as pl

    read = _reading(source, columns)
    rows = pl.scan_parquet(written).select(pl.len()).collect().item()
    sample = pl.read_parquet(written, n_rows=min(rows, SAMPLE_ROWS))
    parts = [sample.slice(0, rows - start).lazy() for start in range(0, rows, SAMPLE_ROWS)]

    def work() -> None:
        read()
        pl.concat(parts).sink_parquet(written.with_name("floor.parquet"), row_group_size=ROW_GROUP_ROWS)

    return work


def _reading(source: Path, columns: tuple[str, ...] | None = None) -> Work:
    import polars as pl

    asked = columns_read(source, columns)
    return lambda: pl.scan_parquet(source).select(pl.col(asked).null_count()).collect(engine="streaming")


def columns_read(source: Path, columns: tuple[str, ...] | None = None) -> list[str]:
    """The columns of a file of cargoes or shipments that the judge asks for; the floor reads no others.

    columns: those of the verdicts that are wanted, if not all.
    """
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
    verdicts = judge(watched, book)
    (verdicts if columns is None else verdicts.select(columns)).collect()
    return sorted(asked)


# --- the peers, in their own environment -------------------------------------------------------------------


def duckdb_sql(shipments: Path, folder: Path) -> Work:
    """DuckDB, by hand-written SQL."""
    from benchmarks.peers import duckdb_sql as peer

    return lambda: peer.judge(shipments, folder / "duckdb_sql.parquet")


def duckdb_without_writing(shipments: Path, folder: Path) -> Work:
    """DuckDB, by the same SQL, with verdicts that are counted and not written."""
    from benchmarks.peers import duckdb_sql as peer

    return lambda: peer.judge_without_writing(shipments)


def dbt_duckdb(shipments: Path, folder: Path) -> Work:
    """dbt on DuckDB: tables built, tests run."""
    return _dbt("build", shipments, folder, "dbt_duckdb")


def dbt_models(shipments: Path, folder: Path) -> Work:
    """dbt on DuckDB: tables built, no test run."""
    return _dbt("run", shipments, folder, "dbt_models")


def _dbt(command: str, shipments: Path, folder: Path, task: str) -> Work:
    import dbt.cli.main  # noqa: F401  # an import, as those of the others, is not measured

    from benchmarks.peers import dbt_project as peer

    return lambda: peer.judge(command, folder / task, shipments, folder / f"{task}.parquet")


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

Task = Callable[[Path, Path], Work]
PRODUCT: tuple[Task, ...] = (
    *(price, judge_cargoes, judge_shipments, judge_as_peers, judge_without_writing, judge_as_peers_without_writing),
    *(read_cargoes, assess, intake, intake_reading, night, help_, assess_small, night_first, night_unchanged),
    *(floor_cargoes, floor_shipments, floor_as_peers),
)
PEERS: tuple[Task, ...] = (duckdb_sql, duckdb_without_writing, dbt_duckdb, dbt_models, pandas_merges)
TASKS = {task.__name__.rstrip("_"): task for task in (*PRODUCT, *PEERS)}


def cargoes_of(shipments: Path) -> Path:
    """Where the priced cargoes of a file of shipments stand."""
    return shipments.with_name(shipments.name.replace("shipments", "cargoes"))


def csv_of(shipments: Path) -> Path:
    """Where the shipments stand as a user may write them."""
    return shipments.with_suffix(".csv")


if __name__ == "__main__":
    main()
