"""The tables that end a night on the terminal.

Here: which cookbook queries are shown, and the words around them.
Add here: a headline, as a query of `sql/cookbook` and its title.
Keep out: SQL, and how the warehouse is opened.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from pipelines.report.wording import cell
from pipelines.settings import REPOSITORY
from pipelines.shown import shown
from pipelines.warehouse import duck

COOKBOOK_FOLDER = REPOSITORY / "sql" / "cookbook"
HEADLINES = {
    "what_did_japan_pay": "Russian crude imported by Japan, by cargo and regime",
    "enforcement_cases": "Published price-cap cases, judged",
    "verdict_counts": "Verdicts by evidence",
}
SHOWN_FILES = 10
CIF_NOTE = (
    "Customs values are CIF: freight and insurance are in them, and the caps are on the oil without. "
    "A customs value above the cap is therefore a flag, not a finding; the price range behind each verdict "
    "starts at the customs value less the dearest published freight. An exemption holds at any price. "
    "USD above the cap is counted at the customs value, so it is the most it can be. Where a volume was "
    "published and no value, as shipped for July 2025, that part is unpriced unless an exemption covers it."
)


def headlines(warehouse: duck.Source) -> str:
    """The headline tables and the data-quality summary of a published warehouse, as a terminal shows them."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    with console.capture() as captured:
        show_headlines(warehouse, console)
        show_quality(warehouse, console)
    return captured.get()


def headlines_when_published(warehouse: duck.Source, has_ended: Callable[[], bool]) -> str | None:
    """`headlines` of the file that a night publishes, made while it goes on with what follows; None if it does not."""
    before = _mark(warehouse)
    while not has_ended():
        if _mark(warehouse) != before:
            return headlines(warehouse)
        time.sleep(0.02)
    return None


def _mark(warehouse: duck.Source) -> tuple[int, int] | None:
    """Another one when another file has taken its place; of a lake, which has no file, always none."""
    if not isinstance(warehouse, Path) or not warehouse.exists():
        return None
    found = warehouse.stat()
    return found.st_ino, found.st_mtime_ns


def show_headlines(warehouse: duck.Source, console: Console) -> None:
    """Prints the headline tables of a published warehouse."""
    with duck.read_only(warehouse) as connection:
        for name, title in HEADLINES.items():
            sql = (COOKBOOK_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
            console.print()
            console.print(rich_table(duck.query(connection, sql), title))
            if name == "what_did_japan_pay":
                console.print(CIF_NOTE, style="dim")


def show_quality(warehouse: duck.Source, console: Console) -> None:
    """Prints the data-quality summary of a published warehouse."""
    with duck.read_only(warehouse) as connection:
        counts = duck.query(
            connection,
            "SELECT count(*) AS checks, count(*) FILTER (is_passed) AS passed FROM quality.check_results",
        )
        failed = duck.query(connection, (COOKBOOK_FOLDER / "failed_checks.sql").read_text(encoding="utf-8"))
        sources = duck.query(connection, (COOKBOOK_FOLDER / "figures_out_of_date.sql").read_text(encoding="utf-8"))
        restricted = duck.query(connection, "SELECT not_to_be_passed_on FROM quality.releases").item()
        files = duck.query(connection, (COOKBOOK_FOLDER / "changed_files.sql").read_text(encoding="utf-8"))
    console.print()
    console.print(f"Data quality: {counts['passed'].item()} of {counts['checks'].item()} checks passed.")
    if failed.height:
        console.print(rich_table(failed, "Checks that failed"))
    if restricted:
        console.print(f"For your own use: it holds rows that must not be passed on, of {restricted}.")
    if sources.height:
        console.print()
        console.print(rich_table(sources, "Figures of publishers that are out of date: the last good ones are used"))
    if files.height:
        console.print()
        shown = f" ({SHOWN_FILES} of {files.height:,})" if files.height > SHOWN_FILES else ""
        console.print(rich_table(files.head(SHOWN_FILES), f"Your files since the release before{shown}"))


def rich_table(frame: pl.DataFrame, title: str | None = None) -> RichTable:
    """A frame as a table for the terminal: numbers to the right with thousands separators, empty for null."""
    table = RichTable(title=title, title_justify="left", header_style="bold")
    for name, dtype in frame.schema.items():
        table.add_column(name, justify="right" if dtype.is_numeric() else "left", overflow="fold")
    for row in frame.iter_rows():
        table.add_row(*(Text(shown(cell(value))) for value in row))  # what looks like markup is none
    return table
