"""The report as one HTML page that needs nothing else.

Here: from the results of the queries to the page, and to the pictures beside it.
Add here: something that every part of the page shows.
Keep out: what the parts are (`sections`), and files (`files`).
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import polars as pl

from pipelines.report.readings import Frames
from pipelines.report.sections import SECTIONS, Section, query_file
from pipelines.report.wording import cell

if TYPE_CHECKING:
    from pipelines.report import chart_style

_NAMED_PUBLISHERS = 3
_LONG_WORD = 24  # letters; such a word is broken rather than widening its column


@dataclass(frozen=True)
class Column:
    """A column of a table in the page; `kind` says how its cells are set: number, day, long, or as they come."""

    name: str
    kind: str


@dataclass(frozen=True)
class Result:
    """A query with its result, as the page shows them."""

    query: str
    frame: pl.DataFrame

    @property
    def name(self) -> str:
        """The name of the query, which is the anchor of its table."""
        return query_file(self.query).stem

    @property
    def file(self) -> str:
        """Where the query stands in the repository."""
        return f"sql/{self.query}.sql"

    @cached_property
    def sql(self) -> str:
        """The query, to the letter."""
        return query_file(self.query).read_text(encoding="utf-8")

    @property
    def question(self) -> str:
        """The first line of the query says what it answers."""
        return self.sql.splitlines()[0].removeprefix("-- ")

    @cached_property
    def columns(self) -> list[Column]:
        """The columns of the table."""
        return [Column(column.name, _kind(column)) for column in self.frame]

    @cached_property
    def rows(self) -> list[tuple[object, ...]]:
        """The rows of the table."""
        return self.frame.rows()


def _kind(column: pl.Series) -> str:
    if column.dtype == pl.String:
        words = column.drop_nulls().str.split(" ").explode()
        return "long" if any(len(word) > _LONG_WORD for word in words) else ""
    return "number" if column.dtype.is_numeric() else "day" if column.dtype == pl.Date else ""


def _pieces(text: str) -> list[str]:
    """Where a long name may be broken: after its points, dashes and strokes rather than inside a word."""
    return re.split(r"(?<=[._/-])", text)


@dataclass(frozen=True)
class Part:
    """A section of the report, filled from one release."""

    section: Section
    frames: Frames

    @cached_property
    def reading(self) -> str:
        """What the part says in one sentence."""
        return self.section.reading(self.frames)

    @cached_property
    def drawn_from(self) -> Frames:
        """What the chart is drawn from."""
        found = {name: self.frames[name] for name in self.section.drawn_from}
        return found | {name: found[name].select("release_day") for name in ("release",) if name in found}

    @cached_property
    def drawing(self) -> "chart_style.Drawing | None":
        """The chart; None where the part has none or this release nothing to draw."""
        return None if self.section.chart is None else self.section.chart(self.drawn_from)

    @cached_property
    def standing_alone(self) -> "chart_style.Drawing | None":
        """The chart with question, sentence and source in it."""
        from pipelines.report import chart_style

        if self.drawing is None:
            return None
        below = [self.reading, f"Unit: {self.section.units}. Source: {self.source}"]
        return chart_style.titled(self.drawing, self.section.question, below)

    @cached_property
    def source(self) -> str:
        """Publishers of the figures and the release that they stand in."""
        release = f"Plimsoll, release {self.frames['release']['run_id'].item()[:8]}"
        shown = self.frames["sources"].filter(pl.col("used_for").is_in(self.section.sources))
        if shown.is_empty():
            return f"{release}; legal instruments as named in the table."
        # The publishers of the figures themselves first, then those of what converts them.
        order = pl.col("used_for").replace_strict({name: place for place, name in enumerate(self.section.sources)})
        named = shown.sort(order, maintain_order=True)["publisher"].unique(maintain_order=True).to_list()
        others = len(named) - _NAMED_PUBLISHERS
        more = f" and {others} more, all named under Sources of the report" if others > 0 else ""
        return f"{release}, from {'; '.join(named[:_NAMED_PUBLISHERS])}{more}."

    @cached_property
    def results(self) -> list[Result]:
        """The queries of the part and what they gave."""
        return [Result(query, self.frames[query_file(query).stem]) for query in self.section.queries]


def parts(frames: Frames) -> list[Part]:
    """The report of one release. frames: the results of `sections.run_queries`."""
    return [Part(section, frames) for section in SECTIONS]


def html(report: list[Part], drawn: Mapping[str, bytes]) -> str:
    """The page. drawn: the charts as SVG, by the name of their section. All that comes from data is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["cell"] = cell
    environment.filters["pieces"] = _pieces
    # As images they can load nothing and run nothing, whatever a name in them says.
    images = {name: "data:image/svg+xml;base64," + base64.b64encode(svg).decode() for name, svg in drawn.items()}
    release = report[0].frames["release"].row(0, named=True)
    return environment.get_template("page.html.jinja").render(parts=report, images=images, release=release)
