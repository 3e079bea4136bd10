"""The page that tells the result: docs/benchmarks.md and its chart.

Here: the tables, the targets and whether they are met, what is said of memory and of failures, the chart.
Add here: a target.
Keep out: measuring. Nothing is written into the page by hand.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import altair as alt
import vl_convert

Outcome = dict[str, Any]
Row = dict[str, Any]

NAMES = {
    "judge_cargoes": "Plimsoll: priced cargoes to verdicts, all columns",
    "floor_cargoes": "floor: as much read and written, no logic",
    "judge_shipments": "Plimsoll: shipments to verdicts, all columns",
    "floor_shipments": "floor: as much read and written (shipments)",
    "judge_as_peers": "Plimsoll: shipments to verdicts, columns of the peers",
    "floor_as_peers": "floor: as much read and written (columns of the peers)",
    "duckdb_sql": "DuckDB, hand-written SQL",
    "dbt_duckdb": "dbt on DuckDB, generated from that SQL, tables built, tests run",
    "dbt_models": "of it: tables built, no tests",
    "pandas_merges": "pandas, given the law's small tables",
    "judge_as_peers_without_writing": "Plimsoll: shipments to verdicts, columns of the peers, not written",
    "duckdb_without_writing": "DuckDB, hand-written SQL, not written",
    "price": "Plimsoll: shipments to priced cargoes",
    "judge_without_writing": "Plimsoll: priced cargoes to verdicts, not written",
    "read_cargoes": "of it: reading the cargoes",
    "intake": "CSV read and checked against the contract",
    "intake_reading": "of it: CSV read into rows of text",
    "assess": "`plimsoll assess`, CSV to Parquet",
    "night": "`plimsoll nightly --offline` with the CSV landed",
}
WAITED_FOR = {
    "help": "`plimsoll --help`",
    "assess_small": "`plimsoll assess` on the example file",
    "night_first": "`plimsoll nightly --offline`, the first on what ships",
    "night_unchanged": "the same again, nothing changed",
}
CHARTED = ("floor_as_peers", "judge_as_peers", "duckdb_sql", "dbt_duckdb", "pandas_merges")
IMAGE = "benchmarks.svg"
GIB_MB = 1_024
NOT_MEASURED = "not measured"


def named(row: Row) -> str:
    """A measurement in words."""
    size = "" if row["million_rows"] is None else f", {row['million_rows']:g} million"
    return f"{(NAMES | WAITED_FOR)[row['task']]}{size}"


class _Figures:
    """The results by task and number of rows."""

    def __init__(self, outcome: Outcome) -> None:
        self.rows: dict[tuple[str, float | None], Row] = {
            (row["task"], row["million_rows"]): row for row in outcome["results"]
        }
        self.sizes = sorted({size for _, size in self.rows if size is not None})

    def of(self, task: str) -> list[float]:
        """On how many million rows a task came to its end."""
        return [size for size in self.sizes if self.row(task, size) is not None]

    def row(self, task: str, size: float | None) -> Row | None:
        row = self.rows.get((task, size))
        return row if row and not row["failed"] else None

    def seconds(self, task: str, size: float | None) -> float | None:
        row = self.row(task, size)
        return row["seconds"] if row else None

    def ratio(self, task: str, other: str, size: float) -> float | None:
        one, two = self.seconds(task, size), self.seconds(other, size)
        return None if one is None or two is None else one / two

    def have_failed(self, *tasks: str, size: float | None) -> bool:
        return any((task, size) in self.rows and self.row(task, size) is None for task in tasks)


def table(outcome: Outcome) -> str:
    """All measurements as Markdown tables: those by number of rows, then those that have none."""
    figures = _Figures(outcome)
    head = [f"{size:g} million" for size in figures.sizes]
    lines = [f"| seconds (peak MB) | {' | '.join(head)} |", f"|---|{'---:|' * len(head)}"] if head else []
    for task, name in NAMES.items():
        rows = [figures.rows.get((task, size)) for size in figures.sizes]
        if any(rows):
            lines.append(f"| {name} | {' | '.join(_cell(row) for row in rows)} |")
    waited = [(name, figures.rows[task, None]) for task, name in WAITED_FOR.items() if (task, None) in figures.rows]
    if waited:
        lines += ["", "| what a person waits for | seconds (peak MB) | until the first step | after it |"]
        lines += ["|---|---:|---:|---:|"]
    for name, row in waited:
        parts = [f"{row['parts'][key]:.1f}" if key in row["parts"] else "" for key in ("start_up", "after_start_up")]
        lines.append(f"| {name} | {_cell(row, 2)} | {' | '.join(parts)} |")
    return "\n".join(lines).strip()


def _cell(row: Row | None, digits: int = 1) -> str:
    if row is None:
        return ""
    if row["failed"]:
        said = row["failed"] if len(row["failed"]) <= 120 else f"{row['failed'][:119]}…"
        return f"**failed**: {_plain(said)}"
    return f"{row['seconds']:.{digits}f} ({row['peak_mb']:,.0f})"


def _plain(text: str) -> str:
    """Words of a failure, as words in a cell of a table."""
    for sign in "\\|`*_<>[]":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


class Target(NamedTuple):
    """What was wanted, what was found, and whether that meets it; none: it cannot be told."""

    wanted: str
    found: str
    is_met: bool | None


def targets(outcome: Outcome) -> Iterator[Target]:
    """Every target, also those that this outcome cannot tell."""
    figures = _Figures(outcome)

    def ratio(task: str, other: str, wanted: str, is_met: Callable[[float], bool]) -> Iterator[Target]:
        told = 0
        for size in figures.sizes:
            text = f"{wanted}, {size:g} million"
            if (found := figures.ratio(task, other, size)) is not None:
                yield Target(text, f"{found:.2f}", is_met(found))
            elif figures.have_failed(task, other, size=size):
                # A peer that fails has not been beaten; where Plimsoll fails, the target is missed.
                failed = [name for name in (task, other) if figures.have_failed(name, size=size)]
                is_ours = any(name.startswith("judge") for name in failed)
                yield Target(text, f"{' and '.join(NAMES[name] for name in failed)} failed", False if is_ours else None)
            else:
                continue
            told += 1
        if not told:
            yield Target(wanted, NOT_MEASURED, None)

    yield from ratio("judge_cargoes", "floor_cargoes", "judging / floor at most 1.5", lambda found: found <= 1.5)
    yield from ratio("duckdb_sql", "judge_as_peers", "DuckDB's SQL / Plimsoll above 1", lambda found: found > 1)
    yield from ratio("dbt_duckdb", "judge_as_peers", "dbt / Plimsoll above 1", lambda found: found > 1)
    yield from ratio(
        "dbt_models", "judge_as_peers", "dbt without its tests / Plimsoll above 1", lambda found: found > 1
    )
    yield from ratio("pandas_merges", "judge_as_peers", "pandas / Plimsoll at least 10", lambda found: found >= 10)
    yield _linear(figures)
    yield from _checking(figures)
    yield from _bounded(figures)
    yield _waited(figures, "help", "`plimsoll --help` under 0.3 s", 0.3)
    yield _waited(figures, "assess_small", "`plimsoll assess` on a small file under 1.5 s", 1.5)
    yield _waited(figures, "night_first", "the first night of what ships under 10 s", 10)
    yield _unchanged(figures)


def _linear(figures: _Figures) -> Target:
    sizes = figures.of("judge_cargoes")
    if len(sizes) < 2:
        return Target("linear: seconds a row, at most 1.1 times those of the smallest size", NOT_MEASURED, None)
    per_row = [figures.rows["judge_cargoes", size]["seconds"] / size for size in sizes]
    found = max(per_row[1:]) / per_row[0]
    wanted = (
        f"linear from {sizes[0]:g} to {sizes[-1]:g} million: seconds a row, most / {sizes[0]:g} million, at most 1.1"
    )
    return Target(wanted, f"{found:.2f}", found <= 1.1)


def _checking(figures: _Figures) -> Iterator[Target]:
    wanted = "checking a clean CSV / reading it at most 1"
    found = {size: figures.ratio("intake", "intake_reading", size) for size in figures.sizes}
    told = {size: ratio - 1 for size, ratio in found.items() if ratio is not None}
    for size, ratio in told.items():
        yield Target(f"{wanted}, {size:g} million", f"{ratio:.2f}", ratio <= 1)
    if not told:
        is_missed = any(figures.have_failed("intake", "intake_reading", size=size) for size in figures.sizes)
        yield Target(wanted, "failed" if is_missed else NOT_MEASURED, False if is_missed else None)


def _bounded(figures: _Figures) -> Iterator[Target]:
    large = [size for size in figures.sizes if size >= 100 and ("judge_cargoes", size) in figures.rows]
    for size in large:
        row = figures.row("judge_cargoes", size)
        found = f"{row['peak_mb'] / GIB_MB:.1f} GiB" if row else "failed"
        yield Target(f"{size:g} million in at most 8 GiB", found, row is not None and row["peak_mb"] <= 8 * GIB_MB)
    if not large:
        yield Target("100 million in at most 8 GiB", f"{NOT_MEASURED}: `make bench-large`", None)


def _waited(figures: _Figures, task: str, wanted: str, limit: float) -> Target:
    if figures.have_failed(task, size=None):
        return Target(wanted, "failed", False)
    seconds = figures.seconds(task, None)
    if seconds is None:
        return Target(wanted, NOT_MEASURED, None)
    return Target(wanted, f"{seconds:.2f} s", seconds < limit)


def _unchanged(figures: _Figures) -> Target:
    target = _waited(figures, "night_unchanged", "a night in which nothing changed: at most 2 s after its start-up", 0)
    if row := figures.row("night_unchanged", None):
        start, after = row["parts"]["start_up"], row["parts"]["after_start_up"]
        return target._replace(found=f"{after:.2f} s, after {start:.2f} s", is_met=after <= 2)
    return target


def write(outcome: Outcome, docs: Path) -> None:
    """Writes the page and its chart."""
    (docs / "images").mkdir(parents=True, exist_ok=True)
    (docs / "benchmarks.md").write_text("\n".join(_lines(outcome)), encoding="utf-8")
    (docs / "images" / IMAGE).write_text(chart(outcome), encoding="utf-8")


def _lines(outcome: Outcome) -> Iterator[str]:
    machine = outcome["machine"]
    figures = _Figures(outcome)
    yield "# Benchmarks"
    yield ""
    yield "Written by `make bench`, which measures again on any machine; nothing in it is written by hand. All"
    yield "shipments are synthetic. What each measurement does, how the peers are written and what was left out:"
    yield "[benchmarks/README.md](../benchmarks/README.md). Ratios on one machine say more than seconds."
    yield ""
    yield f"Measured on {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']},"
    yield f"Python {machine['python']}; product with {machine['product']}; peers with {machine['peers']}."
    yield ""
    for session in outcome["sessions"]:
        sizes = (
            f"{', '.join(f'{size:g}' for size in session['sizes'])} million" if session["sizes"] else "what has no rows"
        )
        yield f"- {session['day']}: {sizes}; load average when it began: {session['load']}."
    yield ""
    yield "## Targets"
    yield ""
    yield "| target | found | met |"
    yield "|---|---:|---|"
    met = {True: "yes", False: "**no**", None: "not told"}
    for target in targets(outcome):
        yield f"| {target.wanted} | {target.found} | {met[target.is_met]} |"
    yield ""
    yield "Nights in which one month or one rule changed are measured in [scaling.md](scaling.md)."
    yield ""
    yield "## Measurements"
    yield ""
    yield _runs(outcome)
    yield "In brackets the most memory, in MB of 1,048,576 bytes, that one process of the run held at once, pages of"
    yield "files that it had mapped among them. Every run is a process of its own, so none counts what another held."
    yield ""
    yield table(outcome)
    yield ""
    if chart_rows(outcome):
        yield f"![Seconds for a million shipments by size and tool](images/{IMAGE})"
        yield ""
    yield from _agreement(outcome)
    yield from _profile(figures)
    yield from _writers(figures)
    yield from _room_above_the_floor(figures)


def _runs(outcome: Outcome) -> str:
    """How often each was measured."""
    done = [row for row in outcome["results"] if not row["failed"]]
    counts = sorted({row["runs"] for row in done}, reverse=True)
    if not counts:
        return "Nothing came to its end."
    said = f"Medians of {counts[0]} runs" if counts[0] > 1 else "One run of each"
    for count in counts[1:]:
        fewer = []
        for size in sorted({row["million_rows"] for row in done}, key=lambda size: size or 0):
            those = [row for row in done if row["million_rows"] == size]
            names = [named(row) for row in those if row["runs"] == count]
            fewer += [f"all of {size:g} million"] if size and len(names) == len(those) else names
        said += f"; of {count}: {'; '.join(fewer)}"
    return f"{said}."


def _agreement(outcome: Outcome) -> Iterator[str]:
    if outcome["agreed"]:
        yield "The same counts by regime, verdict, class, cap, transition and exemption, and the same sums of prices,"
        yield "margins, barrels and money, came from:"
        yield ""
        for size, tasks in outcome["agreed"].items():
            yield f"- {size}: {'; '.join(NAMES[task] for task in tasks)}."
        yield ""


def _profile(figures: _Figures) -> Iterator[str]:
    """Where the time of judging goes, which explains a target that is missed."""
    tasks = ("judge_without_writing", "read_cargoes", "judge_cargoes", "floor_cargoes")
    sizes = [size for size in figures.sizes if all(figures.row(task, size) for task in tasks)]
    if not sizes:
        return
    size = max(sizes)
    unwritten, reading, whole, floor = (figures.rows[task, size]["seconds"] for task in tasks)
    yield "## Where the time of judging goes"
    yield ""
    yield f"Priced cargoes to verdicts, {size:g} million cargoes, {whole:.1f} s; the floor is {floor:.1f} s:"
    yield ""
    yield "| part | seconds |"
    yield "|---|---:|"
    yield f"| reading the cargoes | {reading:.1f} |"
    judged = unwritten - reading
    yield f"| judging them: the law for each situation, legs, comparison with the price, texts | {judged:.1f} |"
    yield f"| writing, beside the judging | {whole - unwritten:.1f} |"
    yield ""


def _writers(figures: _Figures) -> Iterator[str]:
    """How much of the distance between DuckDB and Plimsoll is that of their writers of Parquet."""
    ours, theirs = ("judge_as_peers", "judge_as_peers_without_writing"), ("duckdb_sql", "duckdb_without_writing")
    sizes = [size for size in figures.sizes if all(figures.row(task, size) for task in (*ours, *theirs))]
    if not sizes:
        return
    yield "## What is the writer's"
    yield ""
    yield "The columns of the peers, written as Parquet, and only counted. Part of the distance between the two is"
    yield "that of their writers: the last column is without them."
    yield ""
    yield "| shipments | Plimsoll, s | not written | DuckDB, s | not written | DuckDB / Plimsoll | not written |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for size in sizes:
        one, bare, other, other_bare = (figures.rows[task, size]["seconds"] for task in (*ours, *theirs))
        cells = [*(f"{seconds:.1f}" for seconds in (one, bare, other, other_bare))]
        yield f"| {size:g} million | {' | '.join(cells)} | {other / one:.2f} | {other_bare / bare:.2f} |"
    yield ""


def _room_above_the_floor(figures: _Figures) -> Iterator[str]:
    """How far a peer is from the floor of what it reads and writes."""
    sizes = [size for size in figures.sizes if figures.ratio("pandas_merges", "floor_as_peers", size) is not None]
    if not sizes:
        return
    size = max(sizes)
    peer, floor = (figures.rows[task, size]["seconds"] for task in ("pandas_merges", "floor_as_peers"))
    yield "## How far pandas is from the floor"
    yield ""
    yield f"Polars reads what the judge reads of {size:g} million shipments, and writes as many rows of the peers'"
    yield f"columns without any logic, in {floor:.1f} s. pandas takes {peer:.1f} s, {peer / floor:.1f} times as much."
    if peer / floor < 10:
        yield "Whatever writes as the floor does is less than 10 times faster than pandas, even if it judges at once."
    yield ""


def chart_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """The bars."""
    return [
        {
            "tool": NAMES[row["task"]],
            "size": f"{row['million_rows']:g} million",
            "millions": row["million_rows"],
            "seconds": round(row["seconds"] / row["million_rows"], 2),
        }
        for row in outcome["results"]
        if row["task"] in CHARTED and not row["failed"]
    ]


def chart(outcome: Outcome) -> str:
    """The bars as SVG: seconds for a million shipments."""
    base = alt.Chart(
        alt.Data(values=chart_rows(outcome)), title="Shipments to verdicts: seconds for a million synthetic shipments"
    )
    order = [NAMES[task] for task in CHARTED]
    bars = base.mark_bar().encode(
        x=alt.X("seconds:Q", title="seconds for a million shipments (less is better)"),
        y=alt.Y("tool:N", title=None, sort=order, axis=alt.Axis(labelLimit=400)),
        yOffset=alt.YOffset("millions:O"),
        color=alt.Color("size:N", title="shipments", sort=alt.EncodingSortField("millions")),
    )
    numbers = base.mark_text(align="left", dx=3, fontSize=9).encode(
        x="seconds:Q", y=alt.Y("tool:N", sort=order), yOffset=alt.YOffset("millions:O"), text="seconds:Q"
    )
    return str(
        vl_convert.vegalite_to_svg(
            (bars + numbers).properties(width=520, padding={"left": 40, "right": 40, "top": 5, "bottom": 5}).to_dict()
        )
    )
