"""The benchmark from end to end: `make bench`.

Here: which task is measured how often on how many rows, the check that all give the same verdicts, and the progress.
A task that dies is a result too: it is written down and the others go on.
Add here: a size, a task.
Keep out: what a task does (`measure`), and the page (`page`).
"""

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from benchmarks import page, synthetic
from benchmarks.measure import PEER_COLUMNS, PEERS, TASKS, csv_of

ROOT = Path(__file__).parents[1]
WORK = ROOT / "build" / "bench"
OUTCOME = ROOT / "build" / "bench.json"
PEER_PYTHON = ROOT / "build" / "bench-venv" / "bin" / "python"
MILLION = 1_000_000
TIMEOUT_SECONDS = 1_800
# A task is not repeated on a number of rows on which it has taken so long, nor from so many million rows.
ENOUGH_SECONDS = 60
ONCE_FROM = 20

# Before anything is measured, all who judge must give the same verdicts on so many million rows.
FIRST_LOOK = 0.02

# What a person waits for: no matter of rows.
WAITED_FOR = ("help", "assess_small", "night_first", "night_unchanged")
# Tasks in the order in which they run, with the largest number of rows (millions) that they are measured on by
# default. What is compared stands together, so that it runs under the same conditions.
ALWAYS = 1_000
LARGEST = {
    "price": ALWAYS, "judge_cargoes": ALWAYS, "floor_cargoes": ALWAYS,
    "judge_shipments": 5, "floor_shipments": 5,
    "judge_as_peers": ALWAYS, "floor_as_peers": 20, "duckdb_sql": 20,
    "dbt_duckdb": 5, "dbt_models": 5, "pandas_merges": 5,
    "judge_as_peers_without_writing": 5, "duckdb_without_writing": 5,
    "judge_without_writing": 20, "read_cargoes": 20,
    "intake": 1, "intake_reading": 1, "assess": 1, "night": 1,
}  # fmt: skip
FROM_CSV = {"intake", "intake_reading", "assess", "night"}
JUDGING = (
    *("judge_cargoes", "judge_shipments", "judge_as_peers"),
    *("duckdb_sql", "dbt_duckdb", "dbt_models", "pandas_merges"),
)
# Whose files a task reads.
NEEDS = {
    **dict.fromkeys(("judge_cargoes", "judge_without_writing", "read_cargoes"), "price"),
    "floor_cargoes": "judge_cargoes", "floor_shipments": "judge_shipments", "floor_as_peers": "judge_as_peers",
    "night_unchanged": "night_first",
}  # fmt: skip


@dataclass(frozen=True)
class Result:
    """Medians of the runs of one task on one number of rows, or why there are none.

    million_rows: none for what does not depend on rows. parts: of the seconds. is_fault: it failed, and not for want of
    memory or time, which another machine may have. is_apart: it came to its end with other verdicts.
    """

    task: str
    million_rows: float | None
    runs: int = 0
    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_mb: float | None = None
    parts: dict[str, float] = field(default_factory=dict)
    failed: str | None = None
    is_fault: bool = False
    is_apart: bool = False


class BenchError(Exception):
    """The benchmark cannot go on; the message says why."""


class Died(Exception):
    """A task has not come to its end; the message says how it ended."""

    def __init__(self, how: str, *, is_fault: bool) -> None:
        super().__init__(how)
        self.is_fault = is_fault


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, checks and writes the page; 1 if anything failed that is no limit of this machine."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rows", default="1,5,20", help="millions of shipments, separated by commas")
    parser.add_argument("--runs", type=int, default=3, help=f"runs of each; one from {ONCE_FROM} million on")
    parser.add_argument("--tasks", default=",".join((*WAITED_FOR, *LARGEST)), help="only these, and what they need")
    parser.add_argument("--add", action="store_true", help="to the page of the last call, on the same machine")
    parser.add_argument("--into", type=Path, help="folder for page, figures and all files, instead of docs and build")
    options = parser.parse_args(arguments)
    docs, file, work = ROOT / "docs", OUTCOME, WORK
    if options.into:
        docs = options.into.absolute()
        file, work = docs / OUTCOME.name, docs / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    results: list[Result] = []
    try:
        chosen = _with_needs(options.tasks.split(","))
        last = _last(file) if options.add else None
        session: dict[str, Any] = {"day": day(), "load": f"{os.getloadavg()[0]:.1f}"}
        agreed: dict[str, list[str]] = {}
        sizes = sorted({float(size) for size in options.rows.split(",")})
        if min(sizes) > FIRST_LOOK:
            _require_agreement(chosen, work)
        for million in [None, *sizes]:
            results += _measured(million, chosen, options.runs, work, agreed)
            # After each size, so that nothing is lost if this process dies too.
            session["sizes"] = sorted({row.million_rows for row in results if row.million_rows is not None})
            outcome = {"machine": machine(), "sessions": [session], "agreed": agreed}
            outcome["results"] = [vars(result) for result in results]
            outcome = outcome if last is None else _added(last, outcome)
            file.write_text(json.dumps(outcome, indent=1), encoding="utf-8")
            page.write(outcome, docs)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(page.table(outcome))
    print(f"Written: {docs / 'benchmarks.md'} and its chart.")
    for result in results:
        if result.failed:
            print(f"bench: {page.named(vars(result))}: {result.failed}.", file=sys.stderr)
    return int(any(result.is_fault for result in results))


def _with_needs(tasks: list[str]) -> set[str]:
    known = (*WAITED_FOR, *LARGEST)
    if unknown := set(tasks) - set(known):
        raise BenchError(f"unknown task {', '.join(sorted(unknown))}; the tasks are {', '.join(known)}.")
    chosen = set(tasks)
    while more := {NEEDS[task] for task in chosen if task in NEEDS} - chosen:
        chosen |= more
    if chosen & _peers() and not PEER_PYTHON.exists():
        raise BenchError(f"the environment of the peers is missing ({PEER_PYTHON}): `make bench` sets it up.")
    return chosen


def _peers() -> set[str]:
    return {name for name, task in TASKS.items() if task in PEERS}


def _last(file: Path) -> dict[str, Any]:
    """The outcome of the last call, which can be added to."""
    try:
        last: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BenchError(f"{file.name} is missing: there is nothing to add to; run `make bench` first.") from error
    if last["machine"] != machine():
        raise BenchError("the last figures are of another machine or other versions: run `make bench` first.")
    return last


def _added(last: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The last outcome with new results, which stand for older ones of the same task and size."""
    again = {(row["task"], row["million_rows"]) for row in new["results"]}
    kept = [row for row in last["results"] if (row["task"], row["million_rows"]) not in again]
    return {
        "machine": last["machine"],
        "sessions": [*last["sessions"], *new["sessions"]],
        "agreed": last["agreed"] | new["agreed"],
        "results": [*kept, *new["results"]],
    }


def _require_agreement(chosen: set[str], work: Path) -> None:
    """Raises `BenchError` if one that judges gives other verdicts. One that dies is told when it is measured."""
    judging = chosen.intersection(JUDGING)
    if len(judging) < 2:
        return
    _tell(f"do all give the same verdicts, on {FIRST_LOOK * MILLION:,.0f} shipments?")
    results = _measured(FIRST_LOOK, judging | {"price"}, 1, work, {})
    if apart := [f"{result.task} gives {result.failed}" for result in results if result.is_apart]:
        raise BenchError(f"{'; '.join(apart)}. Nothing was measured.")


def _measured(
    million: float | None, chosen: set[str], runs: int, work: Path, agreed: dict[str, list[str]]
) -> list[Result]:
    """All chosen tasks on so many shipments, or those that need none."""
    size = "no rows" if million is None else f"{million:g} million"
    folder = work / size.replace(" ", "-")
    folder.mkdir()
    shipments = folder / "synthetic-shipments.parquet"
    if million is None:
        tasks = [task for task in WAITED_FOR if task in chosen]
    else:
        tasks = [task for task in LARGEST if task in chosen and million <= max(LARGEST[task], 1)]
        _tell(f"{size}: writing synthetic shipments")
        synthetic.write_parquet(int(million * MILLION), shipments)
        if FROM_CSV.intersection(tasks):
            synthetic.write_csv(int(million * MILLION), csv_of(shipments))
    results: list[Result] = []
    said: dict[str, pl.DataFrame] = {}
    for task in tasks:
        lacking = [row.task for row in results if row.failed and row.task == NEEDS.get(task)]
        if lacking:
            results.append(Result(task, million, failed=f"not run, because {lacking[0]} failed"))
            continue
        times = 1 if million is not None and million >= ONCE_FROM else runs
        results.append(_repeated(task, million, times, shipments, size))
        written = folder / f"{task}.parquet"
        if task in JUDGING and not results[-1].failed:
            said[task] = verdict_counts(written)
            if apart := disagreement(said, task):
                del said[task]
                results[-1] = Result(task, million, failed=apart, is_fault=True, is_apart=True)
        if task not in NEEDS.values():  # others read what it wrote
            written.unlink(missing_ok=True)
    if len(said) > 1:
        agreed[size] = list(said)
    shutil.rmtree(folder)
    return results


def _repeated(task: str, million: float | None, runs: int, shipments: Path, size: str) -> Result:
    took: list[dict[str, float]] = []
    while len(took) < runs and sum(run["seconds"] for run in took) < ENOUGH_SECONDS:
        try:
            took.append(run_task(task, shipments))
        except Died as death:
            _tell(f"{size}, {task}, run {len(took) + 1}: {death}")
            return Result(task, million, len(took), failed=str(death), is_fault=death.is_fault)
        _tell(f"{size}, {task}, run {len(took)}: {took[-1]['seconds']:.1f} s")
    middle = {key: median(run[key] for run in took) for key in took[0]}
    seconds, cpu_seconds, peak_mb = (middle.pop(key) for key in ("seconds", "cpu_seconds", "peak_mb"))
    return Result(task, million, len(took), seconds, cpu_seconds, peak_mb, parts=middle)


def run_task(task: str, shipments: Path) -> dict[str, float]:
    """One run in a process of its own: what it took. Raises `Died` if it does not come to its end."""
    python = str(PEER_PYTHON if task in _peers() else sys.executable)
    command = [python, "-m", "benchmarks.measure", task, str(shipments), str(shipments.parent)]
    said = ended(command, TIMEOUT_SECONDS, shipments.parent)
    took: dict[str, float] = json.loads(said.strip().splitlines()[-1])
    return took


def ended(command: list[str], timeout_seconds: float, folder: Path) -> str:
    """What a command printed. Raises `Died`, and leaves no process of it behind, if it fails or takes too long.

    folder: where it runs, and what it drops there is cleared away.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DO_NOT_TRACK": "1"}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        encoding="utf-8", errors="replace", start_new_session=True,
    ) as process:  # fmt: skip
        try:
            out, err = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired as error:
            raise Died(f"ended after {timeout_seconds:,g} s", is_fault=False) from error
        finally:
            # Also what it had begun itself, such as a night.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode == -signal.SIGKILL:
        raise Died("killed, out of memory?", is_fault=False)
    if process.returncode:
        print(err, file=sys.stderr, flush=True)
        last = ([line for line in err.splitlines() if line.strip()] or [f"exit code {process.returncode}"])[-1].strip()
        raise Died(last, is_fault="memory" not in last.lower())
    return out


def verdict_counts(file: Path) -> pl.DataFrame:
    """What must be the same whoever judges: counts by all that is told, and sums of what is measured."""
    keys = ["regime", "verdict", "nexus_basis", "product_class", "cap_id", "transition_id", "exemption_id"]
    keys += ["price_basis", "is_above_cap"]
    sums = [name for name in PEER_COLUMNS if name.endswith(("_bbl", "_usd"))]
    counted = pl.scan_parquet(file).group_by(keys).agg(pl.len(), pl.col(sums).sum(), pl.col("level_date").max())
    return counted.sort(keys, nulls_last=True).collect(engine="streaming")


def disagreement(said: dict[str, pl.DataFrame], task: str) -> str | None:
    """In what a task differs from the first that judged."""
    first = next(iter(said))
    one, other = said[first], said[task]
    exact = [name for name, dtype in one.schema.items() if dtype != pl.Float64()]
    if not one.select(exact).cast({"len": pl.Int64}).equals(other.select(exact).cast({"len": pl.Int64})):
        counts = ["regime", "verdict"]
        tables = [frame.group_by(counts).agg(pl.col("len").sum()).sort(counts) for frame in (one, other)]
        print(f"{first}:\n{tables[0]}\n{task}:\n{tables[1]}", file=sys.stderr)
        return f"other verdicts than {first}"
    sums = [name for name in one.columns if name not in exact]
    apart = [name for name in sums if not ((one[name] - other[name]).abs() <= 1e-9 * one[name].abs() + 1e-3).all()]
    return f"other sums of {', '.join(apart)} than {first}" if apart else None


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    wanted = "import importlib.metadata as m; print(*(p + ' ' + m.version(p) for p in {}), sep=', ')"

    def versions(python: str | Path, packages: list[str]) -> str:
        if not Path(python).exists():
            return "none"
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
    }


def day() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())


def _tell(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
