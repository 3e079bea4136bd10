"""The benchmark from end to end: `make bench`.

Here: which task is measured how often on how many rows, the check that all give the same verdicts, and the progress.
Add here: a size, a task.
Keep out: what a task does (`measure`), and the page (`page`).
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from benchmarks import page, synthetic
from benchmarks.measure import PEER_COLUMNS, PEERS, TASKS, cargoes_of, csv_of

ROOT = Path(__file__).parents[1]
WORK = ROOT / "build" / "bench"
OUTCOME = ROOT / "build" / "bench.json"
PEER_PYTHON = ROOT / "build" / "bench-venv" / "bin" / "python"
MILLION = 1_000_000
TIMEOUT_SECONDS = 1_800

# Tasks in the order in which they run, with the largest number of rows (millions) that they are measured on by
# default. What is compared stands together, so that it runs under the same conditions.
ALWAYS = 1_000
LARGEST = {
    "price": ALWAYS, "judge_cargoes": ALWAYS, "floor_cargoes": ALWAYS,
    "judge_shipments": ALWAYS, "floor_shipments": 5,
    "judge_as_peers": ALWAYS, "duckdb_sql": 20, "dbt_duckdb": 5, "pandas_merges": 5,
    "judge_without_writing": 20, "read_cargoes": 20,
    "intake": 1, "intake_reading": 1, "assess": 1, "night": 1,
}  # fmt: skip
SLOW = ("assess", "night", "dbt_duckdb", "pandas_merges")  # measured fewer times
JUDGING = ("judge_cargoes", "judge_shipments", "judge_as_peers", "duckdb_sql", "dbt_duckdb", "pandas_merges")


@dataclass(frozen=True)
class Result:
    """Medians of the runs of one task on one number of rows."""

    task: str
    million_rows: float
    runs: int
    seconds: float
    cpu_seconds: float
    peak_mb: float


class BenchError(Exception):
    """The benchmark cannot go on; the message says why."""


def main() -> None:
    """Measures, checks and writes the page."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rows", default="1,5,20", help="millions of shipments, separated by commas")
    parser.add_argument("--runs", type=int, default=3, help="runs of each measurement; one on 20 million and more")
    parser.add_argument("--tasks", default=",".join(LARGEST), help="only these tasks")
    parser.add_argument("--no-page", action="store_true", help="leave docs/benchmarks.md as it is")
    parser.add_argument("--add", action="store_true", help="to the page of the last call, on the same machine")
    options = parser.parse_args()
    chosen = options.tasks.split(",")
    if unknown := set(chosen) - set(TASKS):
        sys.exit(f"bench: unknown task {', '.join(sorted(unknown))}; the tasks are {', '.join(LARGEST)}.")
    results: list[Result] = []
    agreed: list[str] = []
    try:
        for million in sorted(float(size) for size in options.rows.split(",")):
            results += _measured(million, chosen, options.runs, agreed)
    except BenchError as error:
        sys.exit(f"bench: {error}")
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
    measured = [vars(result) for result in results]
    outcome = {"machine": machine(), "agreed": agreed, "results": measured}
    if options.add:
        outcome = _added(json.loads(OUTCOME.read_text(encoding="utf-8")), outcome)
    OUTCOME.write_text(json.dumps(outcome, indent=1), encoding="utf-8")
    print(page.table(outcome))
    if not options.no_page:
        page.write(outcome, ROOT / "docs")
        print("Written: docs/benchmarks.md, docs/images/benchmarks.svg.")


def _added(last: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The last outcome with new results, which stand for older ones of the same task and size."""
    again = {(row["task"], row["million_rows"]) for row in new["results"]}
    kept = [row for row in last["results"] if (row["task"], row["million_rows"]) not in again]
    return {**last, "agreed": [*last["agreed"], *new["agreed"]], "results": [*kept, *new["results"]]}


def _measured(million: float, chosen: list[str], runs: int, agreed: list[str]) -> list[Result]:
    WORK.mkdir(parents=True, exist_ok=True)
    shipments = WORK / f"synthetic-shipments-{million:g}m.parquet"
    tasks = [task for task in LARGEST if task in chosen and million <= max(LARGEST[task], 1)]
    _tell(f"{million:g} million synthetic shipments: writing them")
    rows = int(million * MILLION)
    synthetic.write_parquet(rows, shipments)
    if {"intake", "intake_reading", "assess", "night"}.intersection(tasks):
        synthetic.write_csv(rows, csv_of(shipments))
    results = []
    said: dict[str, pl.DataFrame] = {}
    for task in tasks:
        took = []
        for run in range(1 if million >= 20 else min(runs, 2) if task in SLOW else runs):
            took.append(_run(task, shipments))
            _tell(f"{million:g} million, {task}, run {run + 1}: {took[-1]['seconds']:.1f} s")
        middle = {key: median(run[key] for run in took) for key in took[0]}
        results.append(Result(task, million, len(took), **middle))
        if task in JUDGING:
            said[task] = verdict_counts(WORK / f"{task}.parquet")
            _require_agreement(said, task)
        if task not in ("judge_cargoes", "judge_shipments"):  # the floor writes these again
            (WORK / f"{task}.parquet").unlink(missing_ok=True)
    if len(said) > 1:
        agreed.append(f"{million:g} million: {', '.join(said)}")
    for file in (shipments, cargoes_of(shipments), csv_of(shipments)):
        file.unlink(missing_ok=True)
    return results


def _run(task: str, shipments: Path) -> dict[str, float]:
    is_peer = task in {peer.__name__ for peer in PEERS}
    python = str(PEER_PYTHON if is_peer else sys.executable)
    command = [python, "-m", "benchmarks.measure", task, str(shipments), str(WORK)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DO_NOT_TRACK": "1"}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{task} took more than {TIMEOUT_SECONDS} s and was ended.") from error
    if done.returncode:
        raise BenchError(f"{task} failed (exit code {done.returncode}):\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    took: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return took


def verdict_counts(file: Path) -> pl.DataFrame:
    """What must be the same whoever judges: counts by all that is told, and sums of what is measured."""
    keys = ["regime", "verdict", "nexus_basis", "product_class", "cap_id", "transition_id", "exemption_id"]
    keys += ["price_basis", "is_above_cap"]
    sums = [name for name in PEER_COLUMNS if name.endswith(("_bbl", "_usd"))]
    counted = pl.scan_parquet(file).group_by(keys).agg(pl.len(), pl.col(sums).sum(), pl.col("level_date").max())
    return counted.sort(keys, nulls_last=True).collect(engine="streaming")


def _require_agreement(said: dict[str, pl.DataFrame], task: str) -> None:
    first = next(iter(said))
    one, other = said[first], said[task]
    exact = [name for name, dtype in one.schema.items() if dtype != pl.Float64()]
    sums = [name for name in one.columns if name not in exact]
    if one.select(exact).cast({"len": pl.Int64}).equals(other.select(exact).cast({"len": pl.Int64})):
        apart = [
            name
            for name in sums
            if not ((one[name] - other[name]).abs() <= 1e-9 * one[name].abs() + 1e-3).all()
        ]  # fmt: skip
        if not apart:
            return
        raise BenchError(f"{first} and {task} differ in the sums of {', '.join(apart)}; nothing is compared.")
    counts = ["regime", "verdict"]
    tables = [frame.group_by(counts).agg(pl.col("len").sum()).sort(counts) for frame in (one, other)]
    raise BenchError(f"{first} and {task} give different verdicts:\n{tables[0]}\n{tables[1]}")


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    wanted = "import importlib.metadata as m; print(*(p + ' ' + m.version(p) for p in {}), sep=', ')"

    def versions(python: str | Path, packages: list[str]) -> str:
        done = subprocess.run([str(python), "-c", wanted.format(packages)], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    return {
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "product": versions(sys.executable, ["polars", "duckdb"]),
        "peers": versions(PEER_PYTHON, ["duckdb", "pandas", "dbt-core", "dbt-duckdb"]),
        "load": f"{os.getloadavg()[0]:.1f}",
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _tell(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    main()
