"""The difference of two releases, for people.

Here: its tables on the terminal, and the file of `plimsoll diff --out`.
Add here: another form of the same difference.
Keep out: how releases are compared (`pipelines.warehouse.diff`).
"""

import json
from pathlib import Path

import polars as pl
from rich.console import Console

from pipelines.errors import UserError
from pipelines.report.headlines import rich_table
from pipelines.shown import for_spreadsheets
from pipelines.warehouse.diff import Difference

FORMATS = (".csv", ".json")
MOST_VERDICTS = 50


class OutputError(UserError):
    """The file cannot be written; one sentence says why."""


def check_output(out: Path) -> None:
    """Raises `ValueError` for a name that tells no format."""
    if out.suffix.lower() not in FORMATS:
        raise ValueError(f"--out {out}: the name must end in {' or '.join(FORMATS)}.")


def show_difference(found: Difference, console: Console) -> None:
    """Prints what differs, the tables with a difference only."""
    console.print(f"Old: {_told(found.old)}\nNew: {_told(found.new)}", highlight=False)
    if found.old["rules_sha256"] != found.new["rules_sha256"]:
        console.print("The rule tables differ.")
    is_same = pl.all_horizontal((pl.col(count) == 0).fill_null(False) for count in ("added", "removed", "changed"))
    tables = found.tables.filter(~is_same | pl.col("columns").is_not_null())
    verdicts = found.verdicts.select("shipment_id", "regime", was="verdict_old", now="verdict_new", why="why")
    for title, frame, nothing in (
        ("Files that differ", found.sources, "The same files went into both."),
        ("Rows by table", tables, "The rows of all tables are the same."),
        ("Control totals", found.totals, "All control totals are the same."),
        ("Verdicts that changed on cargoes of both", verdicts.head(MOST_VERDICTS), "No verdict changed."),
    ):
        console.print()
        console.print(rich_table(frame, title) if frame.height else nothing)
    if verdicts.height > MOST_VERDICTS:
        console.print(f"The first {MOST_VERDICTS} of {verdicts.height:,}; --out OUT.csv writes all of them.")


def write_difference(found: Difference, out: Path) -> None:
    """Writes the changed verdicts as CSV, or everything as JSON, by the suffix of `out`. Raises `OutputError`."""
    try:
        if out.suffix.lower() == ".csv":
            for_spreadsheets(found.verdicts).write_csv(out)
        else:
            frames = ("sources", "tables", "totals", "verdicts")
            whole = {"old": found.old, "new": found.new} | {name: getattr(found, name).to_dicts() for name in frames}
            out.write_text(json.dumps(whole, indent=2, default=str) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"--out {out}: cannot be written ({error.strerror or error}).") from error


def _told(release: dict[str, object]) -> str:
    known = f", as known on {release['known_on']}" if release["known_on"] is not None else ""
    return f"{release['release_id']} ({release['cargoes']} cargoes, {release['verdicts']} verdicts{known})"
