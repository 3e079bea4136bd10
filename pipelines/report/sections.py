"""The parts of the report, in their order: question, queries, chart, sentence, and what a reader must know.

Here: one `Section` per part, and running its queries.
Add here: a part; its queries go to `sql/report`, its chart to `charts`, its sentence to `readings`.
Keep out: how charts are drawn and how the page is laid out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from pipelines.report import readings
from pipelines.settings import REPOSITORY
from pipelines.warehouse import duck

if TYPE_CHECKING:
    from pipelines.report.chart_style import Drawing

SQL_FOLDER = REPOSITORY / "sql"


@dataclass(frozen=True)
class Section:
    """A part of the report. `name` is its anchor in the page and the name of its picture.

    queries: paths under `sql`, without suffix; the results are known by the name of the file. drawn_from: the results
    that the chart is drawn from, and all that it gets; of `release` the day alone. sources: which rows of the query on
    sources stand in its source line, by `used_for`.
    """

    name: str
    question: str
    queries: tuple[str, ...]
    reading: Callable[[readings.Frames], str]
    notes: tuple[str, ...] = ()
    chart: Callable[[readings.Frames], "Drawing | None"] | None = None
    drawn_from: tuple[str, ...] = ()
    picture: str = ""  # what the chart shows, for whoever cannot see it
    units: str = ""
    sources: tuple[str, ...] = ()


_CONVERTED = ("conversions", "freight and insurance", "fetched data sets")
_JUDGED = ("declared shipments", "customs figures", "enforcement cases", *_CONVERTED)
_APART = (
    "Every regime judges the same cargo, and customs flows, enforcement cases and declared shipments may be about the "
    "same oil: figures are never added over regimes or over kinds of evidence."
)
_FLOWS = (
    "A customs flow is one month of customs statistics; a cargo may be cleared over two months and is two flows then."
)


def _chart(name: str) -> Callable[[readings.Frames], "Drawing | None"]:
    """A function of `charts`, which takes long to load and is not needed where no chart is drawn."""

    def draw(frames: readings.Frames) -> "Drawing | None":
        from pipelines.report import charts

        drawing: Drawing | None = getattr(charts, name)(frames)
        return drawing

    return draw


RELEASE = "report/release"
SECTIONS = (
    Section(
        "prices",
        "How did crude prices compare with each regime's cap, and which exemptions stood beside it?",
        ("report/months_above_cap", "report/crude_prices", "report/cap_steps", "report/rule_windows"),
        readings.prices,
        notes=(
            "A mean of a month is not the price of a cargo: a month above the cap shows what the market asked, not "
            "that a sale broke a rule. What the official Urals price is a price of has changed: see the column basis.",
            "Crude caps only. Boxes below the prices are windows of licences and transitions for crude: solid where "
            "the rule decides, hollow where it is open whether it applies.",
        ),
        chart=_chart("prices_and_caps"),
        drawn_from=("crude_prices", "cap_steps", "rule_windows", "release"),
        picture="One small chart per regime, from three months before the first cap: lines of monthly prices, symbols "
        "for published prices of grades, a thick stepped line for the crude cap with its figure, and boxes for the "
        "windows of licences and transitions.",
        units="US dollars per barrel (USD/bbl), days in UTC",
        sources=("crude prices", "fetched data sets"),
    ),
    Section(
        "japan",
        "What did Japan pay for Russian crude, and which licence let it through?",
        ("report/japan",),
        readings.japan,
        notes=(
            "Customs values are CIF: freight and insurance are in them, and the caps are on the oil without. The bar "
            "starts at the customs value less the dearest published freight. An exemption holds at any price.",
        ),
        chart=_chart("japan"),
        drawn_from=("japan",),
        picture="For each cargo one line per regime: a bar from the least to the most that the oil can have cost, a "
        "diamond at the customs value, a thick tick at the cap, and in words the verdict with the licence.",
        units="US dollars per barrel (USD/bbl); barrels of 42 US gallons (bbl)",
        sources=("customs figures", *_CONVERTED),
    ),
    Section(
        "buyers",
        "Who bought above which cap?",
        ("report/buyers", "report/furthest_above_cap"),
        readings.buyers,
        notes=(_APART, _FLOWS, "Covered: an exemption or an earlier cap that stays usable let the cargo through."),
        chart=_chart("buyers"),
        drawn_from=("buyers", "cap_steps"),
        picture="A grid for each kind of evidence, destinations down and regimes across. Each cell says how many of "
        "the judged cargoes were above the cap, how many of these were covered, for how many it is not known, and the "
        "cap.",
        units="cargoes, cases or customs flows; caps in US dollars per barrel",
        sources=_JUDGED,
    ),
    Section(
        "money",
        "How much money above the cap?",
        ("report/money_above_cap",),
        readings.money_above_cap,
        notes=(
            _APART,
            "A range where the price is a range: it starts at zero where the price may have been below the cap. "
            "Customs values include freight, so their upper end is the most it can be. Published cases give a floor "
            "of the price and no quantity: their amount is not known.",
        ),
        chart=_chart("money_above_cap"),
        drawn_from=("money_above_cap",),
        picture="For each kind of evidence one line per regime and per what covers the cargoes: a bar from the least "
        "to the most money above the cap, and in words the amounts and for how many cargoes they are not known.",
        units="million US dollars",
        sources=_JUDGED,
    ),
    Section(
        "unknowns",
        "Where is the answer not known, and why?",
        ("report/unknowns",),
        readings.unknowns,
        notes=(
            "A verdict may be open for several reasons and counts under each; the line of any reason counts it once.",
        ),
        chart=_chart("unknowns"),
        drawn_from=("unknowns", "cap_steps"),
        picture="A grid for each kind of evidence, reasons down and regimes across; each cell says how many verdicts "
        "are open for that reason.",
        units="verdicts that are indeterminate or unpriced",
        sources=_JUDGED,
    ),
    Section(
        "licences",
        "Which licences are in force, and which end next?",
        ("report/licences",),
        readings.licences,
        notes=(
            "The chart shows exemptions that can decide a verdict; the table also those that stand for the record. "
            "Days left count from the day of the release to the first day no longer covered.",
        ),
        chart=_chart("licences"),
        drawn_from=("licences", "release"),
        picture="One bar per exemption from the day of the release on, solid where it decides, hollow where it is "
        "open whether it applies, with a thick tick at the first day no longer covered and the end in words.",
        units="days in UTC",
    ),
    Section(
        "quality",
        "How far can this release be trusted?",
        (
            "report/checks",
            "cookbook/failed_checks",
            "report/source_freshness",
            "report/latest_figures",
            "report/input_files",
        ),
        readings.quality,
        notes=(
            "A failed check of severity ERROR that blocks stops a night before it is published. A WARN is published "
            "and told.",
        ),
    ),
    Section(
        "sources",
        "Who published these figures, and on what terms?",
        ("report/sources",),
        readings.sources,
        notes=(
            "Each cap, licence and transition names its legal instrument in the tables above; where it was seen "
            "stands in reference.rule_sources.",
        ),
    ),
)


def query_file(query: str) -> Path:
    """Where a query stands."""
    return SQL_FOLDER / f"{query}.sql"


def run_queries(warehouse: duck.Source) -> dict[str, pl.DataFrame]:
    """The results of all queries of the report on one published file, by the name of the query.

    Raises `WarehouseError` if the file cannot be read or lacks a table.
    """
    frames: dict[str, pl.DataFrame] = {}
    with duck.read_only(warehouse) as connection:
        for query in [RELEASE, *(query for section in SECTIONS for query in section.queries)]:
            file = query_file(query)
            try:
                frames[file.stem] = duck.query(connection, file.read_text(encoding="utf-8"))
            except duckdb.Error as error:
                raise duck.WarehouseError(
                    f"{warehouse.name} does not answer sql/{query}.sql ({str(error).splitlines()[0]}); "
                    "publish it again: plimsoll nightly"
                ) from error
    return frames
