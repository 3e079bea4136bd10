"""How every chart looks.

Here: palette, fonts, axes, keys, and the finished chart as a specification.
Add here: a look that more than one chart needs.
Keep out: what a chart shows (`pipelines.report.charts`).
"""

import datetime as dt
import textwrap
from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl

# The palette of Okabe and Ito, which people who see colours differently can tell apart. A colour never stands
# alone: shape, dash or a word says the same.
BLACK, BLUE, SKY, GREEN = "#000000", "#0072B2", "#56B4E9", "#009E73"
ORANGE, VERMILLION, PURPLE = "#E69F00", "#D55E00", "#CC79A7"
GREY, PALE, WHITE = "#767676", "#EDEDED", "#FFFFFF"

# Liberation Sans is what the renderer brings along; the others are about as wide, so that no label is cut off.
FONT = "Liberation Sans, Arial, Helvetica, Nimbus Sans, DejaVu Sans Condensed, sans-serif"
DASHED = [4, 3]
LETTER = 6.2  # width to reckon with, px
TITLE_LETTERS = 120  # in a line above a picture

_CONFIG: dict[str, Any] = {
    "font": FONT,
    "aria": False,  # the page describes the chart; what Vega would write beside each mark depends on the time zone
    "background": WHITE,
    "padding": {"left": 8, "top": 4, "right": 16, "bottom": 4},
    "view": {"stroke": None},
    "axis": {
        "labelFont": FONT,
        "titleFont": FONT,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "labelColor": BLACK,
        "titleColor": BLACK,
        "gridColor": "#DDDDDD",
        "domainColor": GREY,
        "tickColor": GREY,
        "labelLimit": 0,
        "labelFlush": False,
    },
    "title": {
        "font": FONT,
        "fontSize": 12,
        "anchor": "start",
        "frame": "group",
        "subtitleFont": FONT,
        "subtitleFontSize": 11,
    },
    "text": {"font": FONT, "fontSize": 11, "color": BLACK},
    "concat": {"spacing": 12},
}

Looks = dict[str, Any]  # properties of a mark


@dataclass(frozen=True)
class Entry:
    """A line of a key: a kind of mark (rule, rect, tick, point), its looks, and what it means."""

    mark: str
    looks: Looks
    words: str


# Altair takes a tenth of a second for a handful of channels named in words; all charts build them as objects.
Drawing = alt.LayerChart | alt.FacetChart | alt.VConcatChart


def data(frame: pl.DataFrame) -> alt.InlineData:
    """The rows of a frame inside the chart; as one text, which is not copied and checked cell by cell."""
    return alt.InlineData(values=frame.write_json(), format=alt.DataFormat(type="json"))


def of_day(name: str, first: dt.date, last: dt.date, **axis: Any) -> alt.X:
    """The horizontal axis of days, in whole UTC days whatever the clock of the machine."""
    scale = alt.Scale(type="utc", domain=[_moment(first), _moment(last)], clamp=True, nice=False)
    return alt.X(f"{name}:T", title=None, scale=scale, axis=alt.Axis(grid=False, **axis))


def _moment(day: dt.date) -> dict[str, Any]:
    return {"year": day.year, "month": day.month, "date": day.day, "utc": True}


def key(entries: list[Entry], width: int) -> Drawing:
    """What the marks mean, as samples with words, broken over lines. Raises `KeyError` for an unknown kind of mark."""
    samples: list[alt.Chart] = []
    words: list[dict[str, Any]] = []
    x, y = 0.0, 8.0
    for entry in entries:
        needed = 24 + len(entry.words) * LETTER
        if x and x + needed > width:
            x, y = 0.0, y + 18
        samples.append(_sample(entry, x, y))
        words.append({"x": x + 24, "y": y, "words": entry.words})
        x += needed + 14
    text = (
        alt.Chart(alt.InlineData(values=words))
        .mark_text(align="left", baseline="middle")
        .encode(alt.X("x:Q", scale=None, axis=None), alt.Y("y:Q", scale=None, axis=None), alt.Text("words:N"))
    )
    return alt.layer(*samples, text).properties(width=width, height=y + 8)


def _sample(entry: Entry, x: float, y: float) -> alt.Chart:
    place = {
        "rule": (alt.XValue(x), alt.X2Value(x + 18), alt.YValue(y)),
        "rect": (alt.XValue(x), alt.X2Value(x + 18), alt.YValue(y - 4), alt.Y2Value(y + 4)),
        "tick": (alt.XValue(x + 9), alt.YValue(y)),
        "point": (alt.XValue(x + 9), alt.YValue(y)),
    }[entry.mark]
    return alt.Chart(alt.InlineData(values=[{}]), mark=alt.MarkDef(**{"type": entry.mark, **entry.looks})).encode(
        *place
    )


def titled(chart: Drawing, title: str, below: list[str]) -> Drawing:
    """The chart with a heading and sentences of its own, for a picture that stands alone."""
    lines = [line for text in below for line in textwrap.wrap(text, TITLE_LETTERS)]
    heading = alt.TitleParams(
        textwrap.wrap(title, TITLE_LETTERS * 2 // 3), subtitle=lines, fontSize=17, subtitlePadding=6, offset=18
    )
    return chart.properties(title=heading)


def spec(chart: Drawing) -> dict[str, Any]:
    """The chart as a Vega-Lite specification, for `rendering`."""
    # Altair's check against its schema takes longer than drawing; the tests make it instead.
    return chart.to_dict(validate=False) | {"config": _CONFIG}
