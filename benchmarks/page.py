"""The page that tells the result: docs/benchmarks.md and its chart.

Here: the tables, the targets and whether they are met, the chart.
Add here: a target.
Keep out: measuring.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

Outcome = dict[str, Any]

NAMES = {
    "judge_cargoes": "Plimsoll: priced cargoes to verdicts, all columns",
    "floor_cargoes": "floor: as much read and written, no logic",
    "judge_shipments": "Plimsoll: shipments to verdicts, all columns",
    "floor_shipments": "floor: as much read and written (shipments)",
    "judge_as_peers": "Plimsoll: shipments to verdicts, columns of the peers",
    "duckdb_sql": "DuckDB, hand-written SQL",
    "dbt_duckdb": "dbt on DuckDB, tables built, tests run",
    "pandas_merges": "pandas, given the law's small tables",
    "price": "Plimsoll: shipments to priced cargoes",
    "judge_without_writing": "Plimsoll: priced cargoes to verdicts, not written",
    "read_cargoes": "of it: reading the cargoes",
    "intake": "CSV read and checked against the contract",
    "intake_reading": "of it: CSV read into rows of text",
    "assess": "`plimsoll assess`, CSV to Parquet",
    "night": "`plimsoll nightly --offline` with the CSV landed",
}
CHARTED = ("floor_shipments", "judge_as_peers", "duckdb_sql", "dbt_duckdb", "pandas_merges")
IMAGE = "benchmarks.svg"


def table(outcome: Outcome) -> str:
    """All measurements as a Markdown table."""
    sizes = sorted({row["million_rows"] for row in outcome["results"]})
    found = {(row["task"], row["million_rows"]): row for row in outcome["results"]}
    head = [f"{size:g} million" for size in sizes]
    lines = [f"| seconds (peak MB) | {' | '.join(head)} |", f"|---|{'---:|' * len(sizes)}"]
    for task, name in NAMES.items():
        rows = [found.get((task, size)) for size in sizes]
        if any(rows):
            cells = [_cell(row) if row else "" for row in rows]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(row: dict[str, Any]) -> str:
    peak = row["peak_mb"]
    return f"{row['seconds']:.1f}" if peak is None else f"{row['seconds']:.1f} ({peak:,.0f})"


def targets(outcome: Outcome) -> Iterator[tuple[str, str, bool]]:
    """Each target that can be told from the measurements: what was wanted, what was found, whether it is met."""
    seconds = {(row["task"], row["million_rows"]): row["seconds"] for row in outcome["results"]}
    sizes = sorted({size for _, size in seconds})

    def ratio(task: str, other: str, wanted: str, is_met: Callable[[float], bool]) -> Iterator[tuple[str, str, bool]]:
        for size in sizes:
            if (task, size) in seconds and (other, size) in seconds:
                found = seconds[task, size] / seconds[other, size]
                yield f"{wanted}, {size:g} million", f"{found:.2f}", is_met(found)

    yield from ratio("judge_cargoes", "floor_cargoes", "judging / floor at most 1.5", lambda found: found <= 1.5)
    yield from ratio("duckdb_sql", "judge_as_peers", "DuckDB's SQL / Plimsoll above 1", lambda found: found > 1)
    yield from ratio("dbt_duckdb", "judge_as_peers", "dbt / Plimsoll above 1", lambda found: found > 1)
    yield from ratio("pandas_merges", "judge_as_peers", "pandas / Plimsoll at least 10", lambda found: found >= 10)
    measured = [size for size in sizes if ("judge_cargoes", size) in seconds]
    if len(measured) > 1:
        per_row = [seconds["judge_cargoes", size] / size for size in measured]
        found = max(per_row[1:]) / per_row[0]
        yield f"linear: seconds a row, largest / {measured[0]:g} million, at most 1.1", f"{found:.2f}", found <= 1.1
    for size in sizes:
        if ("intake", size) in seconds and ("intake_reading", size) in seconds:
            reading = seconds["intake_reading", size]
            found = (seconds["intake", size] - reading) / reading
            yield f"checking a clean CSV / reading it at most 1, {size:g} million", f"{found:.2f}", found <= 1
    large = [row for row in outcome["results"] if row["million_rows"] >= 100 and row["task"] == "judge_cargoes"]
    for row in large:
        peak = row["peak_mb"] / 1_024
        yield f"{row['million_rows']:g} million in at most 8 GiB", f"{peak:.1f} GiB", peak <= 8


def write(outcome: Outcome, docs: Path) -> None:
    """Writes the page and its chart."""
    (docs / "images" / IMAGE).write_text(chart(outcome), encoding="utf-8")
    machine = outcome["machine"]
    runs = sorted({row["runs"] for row in outcome["results"]})
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`, which measures again on any machine. All shipments are synthetic. What each "
        "measurement",
        "does, how the peers are written and what was left out: [benchmarks/README.md](../benchmarks/README.md). "
        "Ratios on one",
        "machine say more than seconds.",
        "",
        f"Measured on {machine['day']}: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}, Python {machine['python']};",
        f"product with {machine['product']}; peers with {machine['peers']}. Load average at the end: "
        f"{machine['load']}.",
        "",
        "## Targets",
        "",
        "| target | found | met |",
        "|---|---:|---|",
        *(f"| {wanted} | {found} | {'yes' if is_met else '**no**'} |" for wanted, found, is_met in targets(outcome)),
        "",
        "## Measurements",
        "",
        f"Runs of each measurement: {' or '.join(map(str, runs))} (one from 20 million), each in a process of its own; "
        "medians, in brackets the most memory.",
        "",
        table(outcome),
        "",
        "![Seconds for a million shipments by size and tool](images/benchmarks.svg)",
        "",
        "The same counts by regime, verdict, class, cap, transition and exemption, and the same sums of prices, "
        "margins,",
        "barrels and money, came from: " + "; ".join(outcome["agreed"]) + ".",
        "",
        *_profile(outcome),
    ]
    (docs / "benchmarks.md").write_text("\n".join(lines), encoding="utf-8")


def _profile(outcome: Outcome) -> Iterator[str]:
    """Where the time of judging goes, which explains a target that is missed."""
    seconds = {(row["task"], row["million_rows"]): row["seconds"] for row in outcome["results"]}
    sizes = [size for task, size in seconds if task == "judge_without_writing"]
    if not sizes:
        return
    size = max(sizes)
    reading, unwritten = seconds["read_cargoes", size], seconds["judge_without_writing", size]
    whole, floor = seconds["judge_cargoes", size], seconds["floor_cargoes", size]
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
    yield from _room_above_the_floor(seconds)


def _room_above_the_floor(seconds: dict[tuple[str, float], float]) -> Iterator[str]:
    """How far a peer is from the floor: nothing that reads and writes as much can be further ahead of it."""
    sizes = [size for task, size in seconds if task == "pandas_merges" and ("floor_shipments", size) in seconds]
    if sizes:
        size = max(sizes)
        peer, floor = seconds["pandas_merges", size], seconds["floor_shipments", size]
        yield f"Reading and writing {size:g} million shipments without any logic, the floor, takes {floor:.1f} s;"
        yield f"pandas with its merges {peer:.1f} s, {peer / floor:.1f} times as much: nobody can be further ahead."
        yield ""


def chart(outcome: Outcome) -> str:
    """The bars as SVG: seconds for a million shipments."""
    rows = [
        {
            "tool": NAMES[row["task"]],
            "size": f"{row['million_rows']:g} million",
            "millions": row["million_rows"],
            "seconds": round(row["seconds"] / row["million_rows"], 2),
        }
        for row in outcome["results"]
        if row["task"] in CHARTED
    ]
    base = alt.Chart(alt.Data(values=rows), title="Shipments to verdicts: seconds for a million synthetic shipments")
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
