"""The report on data quality: where a data steward starts the day, as Markdown for the Dagster pages.

Here: failed checks with samples, rules in doubt, old figures, freshness of sources, quarantine, changes since the
release before, a chart.
Add here: a section. A new check needs nothing: what fails is shown.
Keep out: what is checked, and reading or writing of files.
"""

import datetime as dt
import json
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

import polars as pl

# Checks whose samples have a section of their own; those of all others stand under "Rows that failed".
SECTIONS = {
    "Rules that expire, are unverified, in conflict or due for review": (
        "none_expires_soon",
        "all_verified",
        "none_in_conflict",
        "none_stale",
    ),
    "Sources and figures that are out of date": ("sources_are_fresh", "newest_versions_used", "none_outdated"),
}
WIDEST_CELL = 90
CHART_DAYS = 14
SEVERITIES = {"ERROR": "#8c2d04", "WARN": "#fdae6b"}  # dark and light, so that also print and any eye tells them apart
_NOT_SO_FAR = "The night did not get so far."
_IN_ADDRESS = " /:=',-"  # needs no escape between < and >


def data_quality_report(
    day: dt.date,
    outcome: str,
    results: pl.DataFrame,
    history: pl.DataFrame,
    freshness: pl.DataFrame | None,
    quarantine: pl.DataFrame | None,
    totals: pl.DataFrame | None,
) -> str:
    """The whole report.

    outcome: what became of the night, in a sentence or two. results: `CHECK_RESULTS`; history: `CHECK_HISTORY`.
    freshness: `SOURCE_FRESHNESS`; quarantine: `QUARANTINE`; totals: `RELEASE_TOTALS`; None: the night did not get
    so far.
    """
    failed = _failed(results)
    lines = [f"# Data quality of {day}", "", summary(outcome, results, history), "", "## Failed checks", ""]
    lines += _table(failed_checks(results, history), "Every check passed.")
    sections = {check: title for title, checks in SECTIONS.items() for check in checks}
    for title in ("Rows that failed", *SECTIONS):
        own = [row for row in failed.to_dicts() if sections.get(row["check_name"], "Rows that failed") == title]
        lines += ["", f"## {title}", "", *(_samples(own) or ["None."])]
    lines += ["", "## Freshness of sources", "", *_freshness(freshness)]
    lines += ["", "## Quarantine by file and reason", "", *_quarantine(quarantine)]
    lines += ["", "## Changes since the release before", "", *_changes(totals)]
    return "\n".join(lines) + "\n"


def summary(outcome: str, results: pl.DataFrame, history: pl.DataFrame) -> str:
    """What became of the night, how many checks failed, and the chart of the last days. Parameters as above.

    Stays below 1,000 characters: up to there Dagster shows Markdown at once, longer ones only when asked to.
    """
    failed = _failed(results)
    errors = failed.filter(pl.col("severity") == "ERROR").height
    chart = quote(_chart(history), safe=_IN_ADDRESS)
    return (
        f"{_text(outcome, widest=120)} {results.height - failed.height} of {results.height} checks passed.\n\n"
        f"{errors} failed as ERROR, {failed.height - errors} as WARN.\n\n"
        f"![Failed checks by day, dark: ERROR, light: WARN](<data:image/svg+xml,{chart}>)"
    )


def failed_checks(results: pl.DataFrame, history: pl.DataFrame) -> pl.DataFrame:
    """The checks that failed, ERROR first: severity, failed, of, share, check, table, failing_since, asks."""
    failed = _failed(results)
    check = ["table_name", "check_name"]
    passed = history.filter(pl.col("is_passed")).group_by(check).agg(last_passed=pl.col("checked_at").max())
    since = (
        history.filter(~pl.col("is_passed"))
        .join(passed, on=check, how="left")
        .filter((pl.col("checked_at") > pl.col("last_passed")).fill_null(True))
        .group_by(check)
        .agg(since=pl.col("checked_at").min().dt.date())
    )
    return failed.join(since, on=check, how="left", maintain_order="left").select(
        "severity",
        pl.col("rows_failed").alias("failed"),
        pl.col("rows_checked").alias("of"),
        _percent(pl.col("rows_failed"), pl.col("rows_checked")).alias("share"),
        pl.col("check_name").alias("check"),
        pl.col("table_name").alias("table"),
        failing_since="since",
        asks="description",
    )


def _percent(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole != 0).then(pl.format("{}%", (100 * part / whole).round(1)))


def _failed(results: pl.DataFrame) -> pl.DataFrame:
    return results.filter(~pl.col("is_passed")).sort("severity", "table_name", "check_name")


def _samples(failed: Iterable[dict[str, object]]) -> list[str]:
    lines: list[str] = []
    for row in failed:
        lines += [f"#### {_text(row['table_name'])}: {_text(row['check_name'])}", "", _text(row["description"]), ""]
        if row["message"] is not None:
            lines += [_text(row["message"], widest=1000), ""]
        sample = json.loads(str(row["sample"])) if row["sample"] is not None else []
        if sample:
            names = [name for name in sample[0] if any(entry[name] is not None for entry in sample)]
            lines += [*_rows(names, [[entry[name] for name in names] for entry in sample]), ""]
        if isinstance(row["rows_failed"], int) and 0 < len(sample) < row["rows_failed"]:
            lines += [f"The first {len(sample)} of {row['rows_failed']:,}.", ""]
    return lines


def _freshness(sources: pl.DataFrame | None) -> list[str]:
    if sources is None:
        return [_NOT_SO_FAR]
    by_state = sources.sort("state", "source_name").select(
        pl.col("source_name").alias("source"),
        "state",
        pl.col("age_days").alias("days_since_seen"),
        pl.col("newest_period").alias("newest"),
        pl.col("expected_period").alias("due"),
        "rows",
        "message",
    )
    return _table(by_state, "There is no source.")


def _quarantine(quarantine: pl.DataFrame | None) -> list[str]:
    if quarantine is None:
        return [_NOT_SO_FAR]
    reasons = (
        quarantine.group_by("file", "column", "check", maintain_order=True)
        .agg(rows=pl.len(), first_row=pl.col("row_number").min(), example=pl.col("message").first())
        .sort("rows", descending=True, maintain_order=True)
    )
    return _table(reasons, "No row was set aside.")


def _changes(totals: pl.DataFrame | None) -> list[str]:
    if totals is None:
        return [_NOT_SO_FAR]
    compared = totals.filter(pl.col("previous_total").is_not_null())
    if compared.is_empty():
        return ["There is no release before this one that answers the same question."]
    change = pl.col("total") - pl.col("previous_total")
    changed = compared.filter(change != 0).select(
        pl.col("table_name").alias("table"),
        "part",
        "measure",
        pl.col("previous_total").alias("was"),
        pl.col("total").alias("now"),
        change.alias("change"),
        share=_percent(change, pl.col("previous_total")),
    )
    return _table(changed, f"None of {compared.height} counts and sums has changed.")


def _table(frame: pl.DataFrame, if_empty: str) -> list[str]:
    return [if_empty] if frame.is_empty() else _rows(frame.columns, frame.rows())


def _rows(names: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    numbers = [all(isinstance(row[place], int | float | None) for row in rows) for place in range(len(names))]
    head = [_text(name.replace("_", " ")) for name in names]
    body = [[_cell(value) for value in row] for row in rows]
    rule = ["---:" if is_number else "---" for is_number in numbers]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *body)]


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}".removesuffix(".00")
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, list):
        return _text("; ".join(map(str, value)))
    return "" if value is None else _text(value)


def _text(value: object, widest: int = WIDEST_CELL) -> str:
    """Text from anywhere, as text: Markdown in a cell of a file makes no link, image or table."""
    text = " ".join(str(value).split())
    text = text if len(text) <= widest else f"{text[: widest - 1]}…"
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def _chart(history: pl.DataFrame) -> str:
    """Failed checks of the last days as bars, ERROR below WARN; of each day the last result of every check."""
    by_day = (
        history.sort("checked_at")
        .group_by("table_name", "check_name", day=pl.col("checked_at").dt.date())
        .last()
        .group_by("day")
        .agg(((pl.col("severity") == name) & ~pl.col("is_passed")).sum().alias(name) for name in SEVERITIES)
        .sort("day")
        .tail(CHART_DAYS)
    )
    days = by_day.to_dicts()
    most = max([1, *(row["ERROR"] + row["WARN"] for row in days)])
    bars, last = dict.fromkeys(SEVERITIES, ""), ""
    for place, row in enumerate(days):
        y = 80
        for severity in SEVERITIES:
            tall = round(row[severity] / most * 60)
            if tall:
                bars[severity] += f"M{10 + 22 * place},{y}v-{tall}"
            y -= tall
        last = f"<text x='{2 + 22 * place}' y='{y - 2}'>{row['ERROR'] + row['WARN']}</text>"
    paths = [f"<path d='{bars[name]}' stroke='{colour}' stroke-width='16'/>" for name, colour in SEVERITIES.items()]
    # The first and the last day, where their names do not touch.
    named = {0: days[0], len(days) - 1: days[-1]} if len(days) > 3 else dict(enumerate(days[:1]))
    labels = [f"<text x='{2 + 22 * place}' y='94'>{row['day']}</text>" for place, row in named.items()]
    return (
        "<svg xmlns='http://www.w3.org/2000/svg' width='400' height='98' font-size='10'>"
        f"{''.join([*paths, *labels, last])}</svg>"
    )
