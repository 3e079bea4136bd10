"""The charts of the report: what they draw of the figures, and how.

Here: marks and words for figures given by hand, and what holds for every chart.
Add here: a case for a new chart.
Keep out: the figures themselves (see `test_report_queries`).
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import polars as pl
import pytest
from defusedxml.ElementTree import fromstring

from pipelines.contracts.rules import EXEMPTIONS
from pipelines.report import charts
from pipelines.report.chart_style import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, spec
from pipelines.report.rendering import Renderer
from pipelines.report.sections import SECTIONS, Section, run_queries
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from tests.integration.conftest import REPOSITORY
from tests.report_warehouse import published
from tests.support import shipment

HOSTILE = """</text><script>alert("1")</script> & 'quoted' ${x}"""
CHARTED = [section for section in SECTIONS if section.chart is not None]
Frames = Mapping[str, pl.DataFrame]


@pytest.fixture(scope="module")
def frames(book: Rulebook, reference: Reference, tmp_path_factory: pytest.TempPathFactory) -> Frames:
    """The shipped figures, with a hostile name for the vessel of 2025, and one cargo 10.00 USD/bbl above the cap."""
    japan = reference.japan_crude_from_russia.with_columns(pl.col("vessel_name").replace({"Voyager": HOSTILE}))
    rows = [shipment(shipment_id="ABOVE", value=49_000_000.0, vessel_name=HOSTILE, grade=HOSTILE)]
    folder = tmp_path_factory.mktemp("charts")
    return run_queries(published(folder, rows, book, replace(reference, japan_crude_from_russia=japan)))


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer() as running:
        yield running


def drawn_rows(chart: charts.Drawing | None) -> list[dict[str, Any]]:
    """All rows of data inside a chart."""
    assert chart is not None
    rows = []

    def look(part: object) -> None:
        if isinstance(part, dict):
            values = part.get("values")
            rows.extend(json.loads(values) if isinstance(values, str) else values if isinstance(values, list) else [])
            for inner in part.values():
                look(inner)
        elif isinstance(part, list):
            for inner in part:
                look(inner)

    found = spec(chart)
    look({name: part for name, part in found.items() if name != "datasets"})
    for values in found.get("datasets", {}).values():
        rows.extend(json.loads(values) if isinstance(values, str) else values)
    return [row for row in rows if isinstance(row, dict)]


def words(chart: charts.Drawing | None) -> list[str]:
    return [row["words"] for row in drawn_rows(chart) if row.get("words")]


def texts(svg: bytes) -> list[str]:
    """What a reader of the picture can read."""
    return ["".join(element.itertext()) for element in elements(svg) if element.tag.endswith("}text")]


def elements(svg: bytes) -> list[Element]:
    return list(fromstring(svg).iter())


@pytest.mark.parametrize("section", CHARTED, ids=lambda section: section.name)
class TestEveryChart:
    def test_it_keeps_the_schema_of_vega_lite(self, section: Section, frames: Frames) -> None:
        chart = section.chart(frames)
        assert chart is not None
        assert chart.to_dict(validate=True)["$schema"].startswith("https://vega.github.io/schema/vega-lite/")

    def test_nothing_to_draw_is_no_chart(self, section: Section, frames: Frames) -> None:
        empty = {name: frame.clear() for name, frame in frames.items()} | {"release": frames["release"]}
        assert section.chart(empty) is None

    def test_colours_are_those_of_the_palette(self, section: Section, frames: Frames, renderer: Renderer) -> None:
        svg = renderer.svg(spec(section.chart(frames))).result().decode()
        palette = {BLACK, BLUE, SKY, GREEN, ORANGE, VERMILLION, PURPLE}
        used = {colour.upper() for colour in re.findall(r"#[0-9a-fA-F]{6}\b", svg)}
        greys = {colour for colour in used if colour[1:3] == colour[3:5] == colour[5:7]}
        # The light vermillion of cells with words in them.
        assert used - greys <= palette | {"#F3B58A"}

    def test_it_stands_by_itself(self, section: Section, frames: Frames, renderer: Renderer) -> None:
        svg = renderer.svg(spec(section.chart(frames))).result()
        for element in elements(svg):
            assert element.tag.rpartition("}")[2] in {"svg", "g", "path", "line", "text", "tspan", "rect"}
            assert not [name for name in element.attrib if "href" in name or name.startswith("on")]


class TestPrices:
    def test_the_steps_of_a_regime(self, frames: Frames) -> None:
        rows = [row for row in drawn_rows(charts.prices_and_caps(frames)) if row.get("regime") == "EU"]
        steps = [(row["first"], row["last"], row["usd"], row["is_sure"]) for row in rows if row["what"] == "cap"]
        assert steps == [
            ("2022-12-05", "2025-09-03", 60, True),
            ("2025-09-03", "2026-02-01", 47.6, True),
            ("2026-02-01", "2026-07-15", 44.1, True),
            ("2026-07-15", "2026-07-23", 44.1, False),
            ("2026-07-23", "2026-11-22", 44.1, False),  # open: to the day of the release
        ]
        # A level that is kept by the next act is labelled once.
        assert [row["words"] for row in rows if row["what"] == "level"] == ["60", "47.6", "44.1"]

    def test_every_regime_has_the_prices(self, frames: Frames) -> None:
        rows = drawn_rows(charts.prices_and_caps(frames))
        for regime in frames["cap_steps"]["regime"].unique():
            means = [row for row in rows if row.get("what") == "mean" and row["panel"].startswith(f"{regime}: ")]
            assert len(means) == frames["crude_prices"].filter(pl.col("kind") == "monthly mean").height
        april = next(row for row in rows if row.get("what") == "mean" and row["usd"] == 117.29)
        assert april["first"] == "2026-04-15"  # the middle of the month

    def test_windows_whose_effect_is_open_are_hollow(self, frames: Frames) -> None:
        rows = drawn_rows(charts.prices_and_caps(frames))
        windows = [row for row in rows if row.get("what") == "window"]
        projects = {(row["regime"], row["first"]): row for row in windows if row["stroke"] == GREEN}
        assert projects["US", "2026-06-11"]["fill"] == GREEN  # GL 55F decides
        assert projects["EU", "2026-06-29"]["fill"] == "#FFFFFF"  # the extension of Annex XXIX was not found
        assert projects["EU", "2026-06-29"]["last"] == "2026-11-22"  # open: to the day of the release

    def test_every_kind_of_rule_has_its_lane(self) -> None:
        kinds = EXEMPTIONS.column("kind").allowed
        assert kinds
        assert set(charts.LANES) == {f"{kind.replace('_', '-')} licence" for kind in kinds} | {"transition"}


class TestMarks:
    def test_figures_of_short_levels_end_where_the_next_begins(self, frames: Frames) -> None:
        figures = {
            row["words"]: (row["align"], row["first"])
            for row in drawn_rows(charts.prices_and_caps(frames))
            if row.get("what") == "level" and row["regime"] == "EU"
        }
        assert figures == {
            "60": ("left", "2022-12-05"),
            "47.6": ("right", "2026-02-01"),
            "44.1": ("left", "2026-02-01"),
        }

    def test_regimes_run_across_in_one_order(self, frames: Frames) -> None:
        rows = frames["buyers"].filter(pl.col("evidence_kind") == "declared_shipment")
        assert rows.height == 1  # US
        chart = charts.buyers(
            {
                "cap_steps": frames["cap_steps"],
                "buyers": pl.concat(
                    rows.with_columns(regime=pl.lit(regime), destination_country=pl.lit(place))
                    for place, regime in (("CN", "US"), ("CN", "UK"), ("IN", "EU"), ("IN", "UK"))
                ),
            }
        )
        orders = [found for found in re.findall(r'"sort": (\[[^]]*\])', json.dumps(spec(chart))) if "US" in found]
        assert {tuple(json.loads(order)) for order in orders} == {("US", "EU", "UK")}

    def test_an_amount_that_is_known_is_a_bar_from_zero(self, frames: Frames, renderer: Renderer) -> None:
        rows = frames["money_above_cap"].filter(pl.col("evidence_kind") == "declared_shipment")
        assert rows["least_usd"].to_list() == rows["most_usd"].to_list() == [7e6]

        def bars(most: float) -> list[tuple[str, float]]:
            chart = charts.money_above_cap({"money_above_cap": rows.with_columns(most_usd=pl.lit(most))})
            svg = renderer.svg(spec(chart)).result().decode()
            drawn = re.findall(r'd="M[\d.]+,[\d.]+h([\d.]+)v10h-[\d.]+Z" fill="([^"]+)"([^/]*)/', svg)
            return [
                ("pale" if "opacity" in more else "full", float(wide))
                for wide, fill, more in drawn
                if fill == VERMILLION
            ]

        width = 330  # of the axis, which ends at 7 and at 14 million
        assert bars(7e6) == [("full", width)]
        assert bars(14e6) == [("pale", width / 2), ("full", width / 2)]


class TestWords:
    def test_japan(self, frames: Frames) -> None:
        told = words(charts.japan(frames))
        assert {"exempt: GL 55", "exempt: GL 55C (unverified)", "exempt: exclusion in the measure"} <= set(told)
        assert "indeterminate (unverified)" in told

    def test_buyers(self, frames: Frames) -> None:
        told = words(charts.buyers(frames))
        assert "1 of 1 above\ncap 60" in told  # ABOVE, and the one case with a known destination
        assert "8 of 8 above\ncap 60" in told
        assert "0 of 4 above\n3 not known\ncap 60" in told

    def test_money(self, frames: Frames) -> None:
        told = words(charts.money_above_cap(frames))
        assert "7.00 million USD" in told
        assert "0 to 6.83 million USD; not known for 1 of 4" in told
        assert "not known for any of 9" in told

    def test_licences(self, frames: Frames) -> None:
        rows = {row["line"]: row for row in drawn_rows(charts.licences(frames)) if "line" in row}
        first = rows["US: GL 55F (S2-US-6)"]
        assert first["words"] == "to 2026-12-17, 26 days left, nothing known after it"
        assert (first["end"], first["last_end"]) == ("2026-12-18", "2026-12-18")
        assert rows["EU: Annex XXIX, extension (S2-EU-5)"]["words"] == "no end known, unverified"
        assert not [line for line in rows if "E-5" in line]  # stands for the record


def test_a_name_is_text_whatever_it_says(frames: Frames, renderer: Renderer) -> None:
    svg = renderer.svg(spec(charts.japan(frames))).result()
    (title,) = [text for text in texts(svg) if "alert" in text]
    assert title == f"{HOSTILE}, loaded 2025-05-25, cleared 2025-06, 2025-07"
    assert b"<script" not in svg


def test_a_chart_that_cannot_be_drawn_is_an_error_and_the_next_one_is_drawn(renderer: Renderer) -> None:
    with pytest.raises(RuntimeError, match="cannot be drawn"):
        renderer.svg({"mark": "no such mark", "data": {"values": [{}]}}).result()
    assert renderer.svg({"mark": "point", "data": {"values": [{}]}}).result().startswith(b"<svg")
    assert renderer.png({"mark": "point", "data": {"values": [{}]}}).result().startswith(b"\x89PNG")


@pytest.mark.parametrize("section", [section for section in CHARTED if section.name in ("prices", "licences")])
def test_days_do_not_depend_on_the_clock_of_the_machine(section: Section, frames: Frames) -> None:
    chart = spec(section.chart(frames))
    drawn = set()
    for zone in ("America/Los_Angeles", "Asia/Tokyo"):
        script = (
            "import sys, json; from pipelines.report.rendering import Renderer\n"
            "with Renderer() as renderer: sys.stdout.buffer.write(renderer.svg(json.load(sys.stdin)).result())"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            input=json.dumps(chart).encode(),
            env=os.environ | {"TZ": zone, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            check=True,
        )
        drawn.add(done.stdout)
    assert len(drawn) == 1


def test_the_process_that_draws_ends(tmp_path: Path) -> None:
    with Renderer() as renderer:
        process = renderer._process
    assert process.returncode == 0
    with pytest.raises(KeyError), Renderer() as renderer:
        process = renderer._process
        raise KeyError
    assert process.returncode is not None
