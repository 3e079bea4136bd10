"""The charts of the report: pure functions from the results of `sql/report` to Altair charts.

Here: one function per chart; each gives None where there is nothing to draw.
Add here: another chart; its words and queries go to `pipelines.report.sections`.
Keep out: how charts look (`chart_style`), sentences (`readings`), and reading the warehouse.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import altair as alt
import polars as pl

from pipelines.report.chart_style import (
    BLACK,
    BLUE,
    DASHED,
    GREEN,
    GREY,
    LETTER,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    VERMILLION,
    WHITE,
    Drawing,
    Entry,
    Looks,
    data,
    key,
    of_day,
)
from pipelines.report.readings import Frames
from pipelines.report.wording import evidence, last_day, money, series, spaced

_WIDTH = 740
_KEY_WIDTH = 660  # what is left beside the names on the vertical axis
USD_PER_BBL = "USD/bbl"


# --- price against the caps ----------------------------------------------------------------------------------------

_PANEL_WIDTH, _PRICES_HEIGHT, _LANE_HEIGHT = 212, 130, 9
_LEVEL_WIDTH = 28  # of the figure of a level
_YEARS = dt.timedelta(days=800)  # from here on, years are enough on the axis
_MEANS: dict[str, Looks] = {
    "brent": {"color": GREY, "strokeDash": [2, 2]},
    "urals_tax": {"color": BLUE, "strokeDash": [1, 0]},
}
_SHAPES = ("triangle-up", "square", "diamond", "cross", "triangle-down")
LANES = {
    "project licence": GREEN,
    "country licence": SKY,
    "loaded-by licence": ORANGE,
    "emergency licence": GREY,
    "transition": PURPLE,
}
_CAP: Looks = {"strokeWidth": 3, "color": VERMILLION}


def prices_and_caps(frames: Frames) -> Drawing | None:
    """One small chart per regime: published prices, the steps of the crude cap, and the windows beside it.

    What is open runs to the day of the release. frames: crude_prices, cap_steps, rule_windows, release.
    """
    prices, caps, windows = frames["crude_prices"], frames["cap_steps"], frames["rule_windows"]
    if caps.is_empty() or prices.is_empty():
        return None
    first, last = min(prices["first_date"]), max([_day(frames), *prices["last_date"], *caps["valid_from"]])
    ends = [*prices["low_usd_per_bbl"], *prices["high_usd_per_bbl"], *caps["cap_usd_per_bbl"]]
    lowest, highest = min(ends) // 20 * 20, max(ends) // 20 * 20 + 20
    lanes = [kind for kind in LANES if kind in set(windows["kind"])]
    # The lanes of the windows lie below the prices, on the same scale.
    usd_per_px = (highest - lowest) / _PRICES_HEIGHT
    tops = {kind: lowest - (7 + _LANE_HEIGHT * number) * usd_per_px for number, kind in enumerate(lanes)}
    floor = lowest - (7 + _LANE_HEIGHT * len(lanes)) * usd_per_px

    names = caps.group_by("regime", maintain_order=True).agg(
        panel=pl.concat_str("regime", pl.lit(": "), "jurisdiction").first()
    )
    rows = pl.concat(
        [
            _published(prices).join(names, how="cross"),
            _steps(caps, first, last).join(names, on="regime"),
            _lanes(windows, tops, usd_per_px, first, last).join(names, on="regime"),
            pl.DataFrame(
                {"what": "lane", "words": [kind[0].upper() for kind in lanes], "usd": list(tops.values())}
            ).join(names, how="cross"),
        ],
        how="diagonal_relaxed",
    )

    def only(what: str) -> alt.Chart:
        return alt.Chart().transform_filter(f"datum.what == '{what}'")

    ticks = ("%Y", "year") if last - first > _YEARS else ("%b %Y", 3)
    on = of_day("first", first, last, format=ticks[0], tickCount=ticks[1], domain=False)
    until = alt.X2("last:T")
    levels = [float(level) for level in range(int(lowest), int(highest) + 1, 20)]
    axis = alt.Axis(values=levels, domain=False, ticks=False)
    scale = alt.Scale(domain=[floor, highest], nice=False)
    usd, from_usd = (alt.Y(f"{name}:Q", title=USD_PER_BBL, scale=scale, axis=axis) for name in ("usd", "from_usd"))
    to_usd = alt.Y2("to_usd:Q")
    grades = _grades(prices)
    bold: Looks = {
        "align": {"expr": "datum.align"},
        "baseline": "top",
        "dx": {"expr": "datum.align == 'left' ? 1 : -1"},
        "dy": 3,
        "fontWeight": "bold",
    }
    fill = alt.Fill("fill:N", scale=None)
    stroke = alt.Stroke("stroke:N", scale=None)
    dash = alt.StrokeDash("is_sure:N", scale=alt.Scale(domain=[True, False], range=[[1, 0], DASHED]), legend=None)
    words = alt.Text("words:N")
    panel = alt.layer(
        only("mean")
        .mark_line(strokeWidth=1.4)
        .encode(
            on,
            usd,
            alt.Color("series:N", scale=_mapped({name: looks["color"] for name, looks in _MEANS.items()}), legend=None),
            alt.StrokeDash(
                "series:N", scale=_mapped({name: looks["strokeDash"] for name, looks in _MEANS.items()}), legend=None
            ),
        ),
        only("cap").mark_rule(**_CAP).encode(on, until, usd, dash),
        only("grade").mark_rule(color=BLACK).encode(on, from_usd, to_usd),
        only("grade")
        .mark_point(size=22, filled=True, opacity=1, color=BLACK)
        .encode(on, usd, alt.Shape("series:N", scale=_mapped(grades), legend=None)),
        only("level").mark_text(**bold, stroke=WHITE, strokeWidth=3, strokeJoin="round").encode(on, usd, words),
        only("level").mark_text(**bold, color=VERMILLION).encode(on, usd, words),
        only("window").mark_rect(strokeWidth=1).encode(on, until, usd, to_usd, fill, stroke, dash),
        only("lane")
        .mark_text(align="right", baseline="top", fontSize=9, color=GREY)
        .encode(alt.XValue(-6), usd, words),
    ).resolve_scale(strokeDash="independent")
    height = _PRICES_HEIGHT + 7 + _LANE_HEIGHT * len(lanes)
    panels = panel.properties(width=_PANEL_WIDTH, height=height, data=data(rows)).facet(
        alt.Facet(
            "panel:N",
            sort=names["panel"].to_list(),
            title=None,
            header=alt.Header(labelAnchor="start", labelFontWeight="bold", labelFontSize=12),
        ),
        columns=3,
        spacing={"row": 10, "column": 18},
    )
    return alt.vconcat(key(_price_key(prices, caps, windows, lanes), _KEY_WIDTH), panels, spacing=14)


def _published(prices: pl.DataFrame) -> pl.DataFrame:
    """Each price in the middle of the days it is for."""
    return prices.select(
        what=pl.when(pl.col("kind") == "monthly mean").then(pl.lit("mean")).otherwise(pl.lit("grade")),
        series="series",
        first=pl.col("first_date") + (pl.col("last_date") - pl.col("first_date")) / 2,
        usd=(pl.col("low_usd_per_bbl") + pl.col("high_usd_per_bbl")) / 2,
        from_usd="low_usd_per_bbl",
        to_usd="high_usd_per_bbl",
    )


def _steps(caps: pl.DataFrame, first: dt.date, last: dt.date) -> pl.DataFrame:
    """The lines of the caps, and a figure where a level starts that is not the one before.

    A figure begins with its line; where the next one would run into it, it ends with its line.
    """
    lines = caps.select(
        "regime",
        what=pl.lit("cap"),
        first="valid_from",
        last=pl.col("valid_to").fill_null(last),
        usd="cap_usd_per_bbl",
        is_sure=pl.col("confidence") == "verified",
    )
    is_new = (pl.col("usd") != pl.col("usd").shift().over("regime")).fill_null(True)
    levels = lines.filter(is_new)
    next_level = pl.col("first").shift(-1).over("regime")
    is_short = next_level - pl.col("first") < (last - first) * _LEVEL_WIDTH / _PANEL_WIDTH
    figures = levels.with_columns(
        what=pl.lit("level"),
        first=pl.when(is_short).then(next_level).otherwise("first"),
        align=pl.when(is_short).then(pl.lit("right")).otherwise(pl.lit("left")),
        words=pl.format("{}", pl.col("usd").round(2).cast(pl.String).str.strip_suffix(".0")),
    )
    return pl.concat([lines, figures], how="diagonal")


def _lanes(
    windows: pl.DataFrame, tops: dict[str, float], usd_per_px: float, first: dt.date, last: dt.date
) -> pl.DataFrame:
    """A box for each window, as far as it lies between the two days."""
    ends = pl.col("valid_to").fill_null(last)
    colour = pl.col("kind").replace_strict(LANES, return_dtype=pl.String)
    is_open = pl.col("effect") == "open"
    top = pl.col("kind").replace_strict(tops, return_dtype=pl.Float64)
    return windows.filter(ends > first, pl.col("valid_from") < last).select(
        "regime",
        what=pl.lit("window"),
        first=pl.max_horizontal("valid_from", pl.lit(first)),
        last=ends,
        usd=top,
        to_usd=top - (_LANE_HEIGHT - 2) * usd_per_px,
        fill=pl.when(is_open).then(pl.lit(WHITE)).otherwise(colour),
        stroke=colour,
        is_sure=~is_open,
    )


def _price_key(prices: pl.DataFrame, caps: pl.DataFrame, windows: pl.DataFrame, lanes: list[str]) -> list[Entry]:
    means = prices.filter(pl.col("kind") == "monthly mean")["series"].unique(maintain_order=True)
    entries = [
        *(Entry("rule", {"strokeWidth": 1.4, **_MEANS[name]}, f"{series(name)}, monthly mean") for name in means),
        *(
            Entry(
                "point",
                {"filled": True, "opacity": 1, "color": BLACK, "size": 30, "shape": shape},
                f"{grade}, published",
            )
            for grade, shape in _grades(prices).items()
        ),
        Entry("rule", _CAP, "crude cap"),
    ]
    if (caps["confidence"] != "verified").any():
        entries.append(Entry("rule", _CAP | {"strokeDash": DASHED}, "crude cap, unverified or in conflict"))
    entries += [
        Entry("rect", {"fill": LANES[kind], "stroke": LANES[kind]}, f"{kind[0].upper()}: {kind}") for kind in lanes
    ]
    if (windows["effect"] == "open").any():
        entries.append(
            Entry("rect", {"fill": WHITE, "stroke": BLACK, "strokeDash": DASHED}, "hollow: whether it applies is open")
        )
    return entries


def _grades(prices: pl.DataFrame) -> dict[str, str]:
    """The shape of each grade that has published prices."""
    grades = prices.filter(pl.col("kind") == "price of a grade")["series"].unique(maintain_order=True)
    return {grade: _SHAPES[number % len(_SHAPES)] for number, grade in enumerate(grades)}


def _mapped(looks: Mapping[str, Any]) -> alt.Scale:
    return alt.Scale(domain=list(looks), range=list(looks.values()))


# --- Japan ---------------------------------------------------------------------------------------------------------

_ROW = 20
_CUSTOMS_VALUE: Looks = {"shape": "diamond", "filled": True, "fill": WHITE, "stroke": BLACK, "size": 55, "opacity": 1}
_CAP_TICK: Looks = {"color": BLACK, "thickness": 4, "size": 17, "orient": "vertical", "opacity": 1}


def japan(frames: Frames) -> Drawing | None:
    """One block per cargo, one line per regime: what the oil can have cost, the cap, and the verdict with its licence.

    frames: japan.
    """
    rows = frames["japan"]
    if rows.is_empty():
        return None
    amounts = ("price_low_usd_per_bbl", "price_high_usd_per_bbl", "unit_value_usd_per_bbl", "cap_usd_per_bbl")
    ends = [value for name in amounts for value in rows[name].drop_nulls()]
    scale = alt.Scale(domain=[min(ends, default=0) // 10 * 10, max(ends, default=0) // 10 * 10 + 10], nice=False)
    cargoes = rows.group_by("loading_date", "vessel_name", "customs_months", maintain_order=True)
    blocks = [_cargo(own, scale) for _, own in cargoes]
    meaning = [
        Entry("rect", {"fill": SKY, "stroke": BLUE}, "what the oil itself can have cost"),
        Entry("point", _CUSTOMS_VALUE, "customs value, freight included"),
        Entry("tick", _CAP_TICK, "cap of the regime"),
    ]
    return alt.vconcat(key(meaning, _KEY_WIDTH), *blocks, spacing=16)


def _cargo(rows: pl.DataFrame, scale: alt.Scale) -> Drawing:
    width = 390
    drawn = rows.select(
        "regime",
        low="price_low_usd_per_bbl",
        high="price_high_usd_per_bbl",
        value="unit_value_usd_per_bbl",
        cap="cap_usd_per_bbl",
        words=_each(rows, _let_through),
    )
    marks = alt.Chart()
    regime = _down("regime", drawn["regime"])

    def usd(name: str) -> alt.X:
        return alt.X(f"{name}:Q", title=USD_PER_BBL, scale=scale, axis=alt.Axis(tickCount=6))

    cargo = rows.row(0, named=True)
    vessel = cargo["vessel_name"] or "vessel not published"
    amount = f"{cargo['quantity_bbl']:,.0f} bbl of {cargo['grade'] or 'a grade not published'}"
    if cargo["priced_bbl"] < cargo["quantity_bbl"]:
        amount += f"; a value is published for {cargo['priced_bbl']:,.0f} bbl of it"
    return alt.layer(
        marks.mark_bar(height=9, fill=SKY, stroke=BLUE).encode(usd("low"), alt.X2("high:Q"), regime),
        marks.mark_tick(**_CAP_TICK).encode(usd("cap"), regime),
        marks.mark_point(**_CUSTOMS_VALUE).encode(usd("value"), regime),
        marks.mark_text(align="left").encode(alt.XValue(width + 12), regime, alt.Text("words:N")),
    ).properties(
        data=data(drawn),
        width=width,
        height=_ROW * rows.height,
        title=alt.TitleParams(
            f"{vessel}, loaded {cargo['loading_date']}, cleared {cargo['customs_months']}", subtitle=amount, offset=6
        ),
    )


def _let_through(row: dict[str, Any]) -> str:
    through = f": {row['licence'] or row['rule_id']}" if row["rule_id"] else ""
    doubt = "" if row["confidence"] == "verified" else f" ({row['confidence']})"
    return f"{spaced(row['verdict'])}{through}{doubt}"


# --- who bought above which cap ------------------------------------------------------------------------------------

_CELL_WIDTH, _LINE, _SMALL_LETTER = 72, 12, 5.5
_SOME_ABOVE, _SOME_UNKNOWN, _NONE_ABOVE = "#F3B58A", PALE, WHITE


def buyers(frames: Frames) -> Drawing | None:
    """A grid per kind of evidence: destinations down, regimes across, and in each cell how many were above the cap.

    frames: buyers, cap_steps.
    """
    rows = frames["buyers"]
    if rows.is_empty():
        return None
    fill = (
        pl.when(pl.col("above_cap") > 0)
        .then(pl.lit(_SOME_ABOVE))
        .when(pl.col("not_known") > 0)
        .then(pl.lit(_SOME_UNKNOWN))
        .otherwise(pl.lit(_NONE_ABOVE))
    )
    cells = rows.select(
        "evidence_kind", "regime", down="destination_country", words=_each(rows, _above_words), fill=fill
    )
    meaning = [
        Entry("rect", {"fill": _SOME_ABOVE, "stroke": BLACK}, "some above the cap"),
        Entry("rect", {"fill": _SOME_UNKNOWN, "stroke": BLACK}, "none known above, some not known"),
        Entry("rect", {"fill": _NONE_ABOVE, "stroke": BLACK}, "all at or below the cap"),
    ]
    return alt.vconcat(key(meaning, _KEY_WIDTH), *_grids(cells, frames["cap_steps"]["regime"]), spacing=16)


def _above_words(row: dict[str, Any]) -> str:
    lines = [f"{row['above_cap']:,} of {row['judged']:,} above"]
    if row["above_cap_and_covered"]:
        lines.append(f"{row['above_cap_and_covered']:,} covered")
    if row["not_known"]:
        lines.append(f"{row['not_known']:,} not known")
    lowest, highest = row["lowest_cap_usd_per_bbl"], row["highest_cap_usd_per_bbl"]
    if lowest is None:
        return "\n".join([*lines, "cap open"])
    return "\n".join([*lines, f"cap {lowest:g}" if lowest == highest else f"caps {lowest:g}-{highest:g}"])


def _grids(cells: pl.DataFrame, regimes: pl.Series) -> list[Drawing]:
    """A grid per kind of evidence. cells: evidence_kind, regime, down, words, fill. regimes: in their order."""
    kinds = cells.group_by("evidence_kind", maintain_order=True)
    return [_grid(own, str(kind), regimes.unique(maintain_order=True)) for (kind,), own in kinds]


def _grid(cells: pl.DataFrame, kind: str, order: pl.Series) -> Drawing:
    regimes, places = order.filter(order.is_in(cells["regime"].implode())), cells["down"].unique(maintain_order=True)
    lines = cells["words"].str.count_matches("\n") + 1
    longest = max(len(line) for words in cells["words"] for line in words.split("\n"))
    # A text of several lines hangs from its first: it is lifted by half of what follows.
    drawn = cells.with_columns(lift=(1 - lines.cast(pl.Int64)) * _LINE / 2)
    across = alt.X(
        "regime:N",
        title=None,
        sort=regimes.to_list(),
        axis=alt.Axis(orient="top", ticks=False, domain=False, labelAngle=0, labelFontWeight="bold"),
    )
    down = _down("down", places)
    marks = alt.Chart()
    words = marks.mark_text(lineBreak="\n", lineHeight=_LINE, fontSize=10, baseline="middle", dy={"expr": "datum.lift"})
    return alt.layer(
        marks.mark_rect(stroke=GREY, strokeWidth=0.5).encode(across, down, alt.Fill("fill:N", scale=None)),
        words.encode(across, down, alt.Text("words:N")),
    ).properties(
        data=data(drawn),
        width=max(_CELL_WIDTH, round(longest * _SMALL_LETTER) + 6) * len(regimes),
        height=(_LINE * max(lines) + 10) * len(places),
        title=alt.TitleParams(evidence(kind), offset=8),
    )


# --- money above the cap -------------------------------------------------------------------------------------------

_COVERAGE = {"nothing covers it": VERMILLION, "exempt": GREEN, "prior cap usable": PURPLE, "undecided": GREY}


def _at_least(colour: str) -> Looks:
    return {"fill": colour, "stroke": colour}


def _at_most(colour: str) -> Looks:
    return {"fill": colour, "fillOpacity": 0.15, "stroke": colour, "strokeDash": DASHED}


def money_above_cap(frames: Frames) -> Drawing | None:
    """A bar as long as the least that it can be, and on to the most, per kind of evidence, regime and what covers it.

    frames: money_above_cap.
    """
    rows = frames["money_above_cap"]
    if rows.is_empty():
        return None
    drawn = rows.select(
        "evidence_kind",
        "coverage",
        line=pl.concat_str("regime", pl.lit(": "), "coverage"),
        least=pl.col("least_usd") / 1e6,
        # What has no upper end is drawn as far as it is known; the words say that it is the least.
        most=pl.coalesce("most_usd", "least_usd") / 1e6,
        words=_each(rows, _amount_words),
    )
    blocks = [_amounts(own, str(kind)) for (kind,), own in drawn.group_by("evidence_kind", maintain_order=True)]
    told = set(rows["coverage"])
    meaning = [Entry("rect", _at_least(colour), name) for name, colour in _COVERAGE.items() if name in told]
    if (drawn["most"] > drawn["least"]).any():
        meaning.append(Entry("rect", _at_most(BLACK), "pale: up to the most that it can be"))
    return alt.vconcat(key(meaning, _KEY_WIDTH), *blocks, spacing=16)


def _amounts(rows: pl.DataFrame, kind: str) -> Drawing:
    width = 330
    scale = alt.Scale(domain=[0, max([1.0, *rows["most"].drop_nulls()])], nice=True)
    line = _down("line", rows["line"])
    least, most = (
        alt.X(f"{name}:Q", title="million USD", scale=scale, axis=alt.Axis(tickCount=6)) for name in ("least", "most")
    )
    bars = [
        alt.Chart()
        .transform_filter(f"datum.coverage == '{coverage}' && {has_length}")
        .mark_bar(height=10, **looks(colour))
        .encode(until, start, line)
        for coverage, colour in _COVERAGE.items()
        if coverage in set(rows["coverage"])
        for has_length, looks, until, start in (
            ("datum.most > datum.least", _at_most, most, alt.X2("least:Q")),
            ("datum.least > 0", _at_least, least, alt.X2Datum(0)),
        )
    ]
    words = alt.Chart().mark_text(align="left").encode(alt.XValue(width + 12), line, alt.Text("words:N"))
    return alt.layer(*bars, words).properties(
        data=data(rows), width=width, height=_ROW * rows.height, title=alt.TitleParams(evidence(kind), offset=6)
    )


def _amount_words(row: dict[str, Any]) -> str:
    if not row["with_amount"]:
        return f"not known for any of {row['judged']}"
    told, unknown = money(row["least_usd"], row["most_usd"]), row["amount_not_known"]
    return f"{told}; not known for {unknown} of {row['judged']}" if unknown else told


# --- unknowns ------------------------------------------------------------------------------------------------------


def unknowns(frames: Frames) -> Drawing | None:
    """A grid per kind of evidence: reasons down, regimes across, and in each cell how many verdicts are open.

    frames: unknowns, cap_steps.
    """
    rows = frames["unknowns"]
    if rows.is_empty():
        return None
    share = rows["verdicts"] / max(rows["verdicts"])
    cells = rows.select(
        "evidence_kind",
        "regime",
        down=pl.col("reason").str.replace_all("_", " ", literal=True),
        words=_each(rows, lambda row: f"{row['verdicts']:,}"),
        fill=pl.Series([_shade(part) for part in share]),
    )
    meaning = [Entry("rect", {"fill": _shade(1), "stroke": GREY}, "the darker, the more verdicts are open")]
    return alt.vconcat(key(meaning, _KEY_WIDTH), *_grids(cells, frames["cap_steps"]["regime"]), spacing=16)


def _shade(share: float) -> str:
    """From almost white to a grey on which black is still read."""
    return "#" + f"{round(250 - 70 * share):02X}" * 3


# --- licences ------------------------------------------------------------------------------------------------------

_BEFORE, _AFTER = dt.timedelta(days=30), dt.timedelta(days=365)
_DECIDES: Looks = {"fill": SKY, "stroke": BLUE}
_OPEN: Looks = {"fill": WHITE, "stroke": GREY, "strokeDash": DASHED}
_END_TICK: Looks = {"color": BLACK, "thickness": 4, "size": 20, "orient": "vertical", "opacity": 1}


def licences(frames: Frames) -> Drawing | None:
    """One bar per exemption that can decide a verdict, from the day of the release on.

    frames: licences, release.
    """
    rows, day = frames["licences"].filter(pl.col("effect") != "never"), _day(frames)
    if rows.is_empty():
        return None
    first, last = day - _BEFORE, max([day + _AFTER, *(end + _BEFORE for end in rows["valid_to"].drop_nulls())])
    start = pl.max_horizontal("valid_from", pl.lit(first))
    drawn = rows.select(
        "effect",
        line=pl.concat_str("regime", pl.lit(": "), "licence", pl.lit(" ("), "rule_id", pl.lit(")")),
        words=_each(rows, _licence_words),
        start=start,
        end=pl.col("valid_to").fill_null(last),
        last_end="valid_to",
        # Beside a bar that ends soon, inside one that does not.
        words_at=pl.when(pl.col("valid_to") < first + (last - first) / 2)
        .then("valid_to")
        .otherwise(pl.max_horizontal("valid_from", pl.lit(day))),
    )
    width = max(300, _WIDTH - round(max(len(line) for line in drawn["line"]) * LETTER))
    line = _down("line", drawn["line"])

    def at(name: str) -> alt.X:
        return of_day(name, first, last, format="%b %Y", tickCount=8, labelAngle=0)

    marks = alt.Chart()
    bars = [
        marks.transform_filter(f"(datum.effect == 'open') == {is_open}")
        .mark_bar(height=17, **looks)
        .encode(at("start"), alt.X2("end:T"), line)
        for is_open, looks in (("false", _DECIDES), ("true", _OPEN))
    ]
    release = alt.Chart(data(pl.DataFrame({"day": [day]}))).mark_rule(color=BLACK, strokeDash=DASHED).encode(at("day"))
    chart = alt.layer(
        *bars,
        marks.transform_filter("datum.last_end != null").mark_tick(**_END_TICK).encode(at("last_end"), line),
        marks.mark_text(align="left", dx=5, fontSize=10).encode(at("words_at"), line, alt.Text("words:N")),
        release,
    ).properties(data=data(drawn), width=width, height=26 * drawn.height)
    meaning = [
        Entry("rect", _DECIDES, "decides"),
        Entry("rect", _OPEN, "whether it applies is open"),
        Entry("tick", _END_TICK, "first day no longer covered"),
        Entry("rule", {"color": BLACK, "strokeDash": DASHED}, f"day of the release, {day}"),
    ]
    return alt.vconcat(key(meaning, width), chart, spacing=14)


def _licence_words(row: dict[str, Any]) -> str:
    if row["valid_to"] is None:
        words = ["no end known"]
    else:
        words = [f"to {last_day(row['valid_to'])}, {row['days_left']} days left"]
        words.append(f"then {row['followed_by']}" if row["followed_by"] else "nothing known after it")
    return ", ".join(words if row["confidence"] == "verified" else [*words, row["confidence"]])


# --- shared --------------------------------------------------------------------------------------------------------


def _day(frames: Frames) -> dt.date:
    """The day of the release."""
    day: dt.date = frames["release"]["release_day"].item()
    return day


def _down(name: str, order: pl.Series) -> alt.Y:
    """Lines with their names, from the first one down."""
    return alt.Y(f"{name}:N", title=None, sort=order.to_list(), axis=alt.Axis(ticks=False, domain=False))


def _each(rows: pl.DataFrame, words: Callable[[dict[str, Any]], str]) -> pl.Series:
    """What a chart says beside each row."""
    return pl.Series("words", [words(row) for row in rows.iter_rows(named=True)], dtype=pl.String)
