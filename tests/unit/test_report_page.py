"""The report as a page: that it needs nothing else, that nothing in it can run, and that every figure shows its query.

Here: the page of a small warehouse whose names are hostile, read as a browser reads it; writing and clearing files.
Add here: something that the whole page promises.
Keep out: figures and charts (see the other modules on the report), and looks (seen in a browser).
"""

import base64
import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from bs4 import BeautifulSoup, Tag
from defusedxml.ElementTree import fromstring

from pipelines.report.files import ReportError, WrittenReport, discard_report, write_report
from pipelines.report.sections import SECTIONS, Section, query_file, run_queries
from pipelines.report.wording import cell
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.warehouse import duck
from tests.report_warehouse import RUN_ID, published
from tests.support import shipment

HOSTILE = """<script>alert("1")</script>"><img src=x onerror=alert(1)> & 'quoted'"""
HOSTILE_FILE = "<b>&.csv"
FAILED_CHECK = {
    "table_name": "staging.cargoes",
    "check_name": HOSTILE,
    "severity": "WARN",
    "rows_checked": 4,
    "rows_failed": 3,
    "description": "a check of the test",
}


@pytest.fixture(scope="module")
def warehouse(book: Rulebook, reference: Reference, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cargo above the cap and the shipped figures, with hostile names wherever a name can come from outside."""
    japan = reference.japan_crude_from_russia.with_columns(pl.col("vessel_name").replace({"Voyager": HOSTILE}))
    sources = reference.figure_sources.with_columns(publisher=pl.col("publisher") + pl.lit(HOSTILE))
    rows = [shipment(shipment_id=HOSTILE, value=49_000_000.0, vessel_name=HOSTILE, grade=HOSTILE)]
    figures = replace(reference, japan_crude_from_russia=japan, figure_sources=sources)
    folder = tmp_path_factory.mktemp("page")
    return published(folder, rows, book, figures, file=HOSTILE_FILE, checks=[FAILED_CHECK])


@pytest.fixture(scope="module")
def written(warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> WrittenReport:
    return write_report(warehouse, tmp_path_factory.mktemp("written"), with_pictures=True)


@pytest.fixture(scope="module")
def page(written: WrittenReport) -> BeautifulSoup:
    return BeautifulSoup(written.page.read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def frames(warehouse: Path) -> Mapping[str, pl.DataFrame]:
    return run_queries(warehouse)


def table_of(page: BeautifulSoup, name: str) -> list[list[str]]:
    """The cells of a table, without its heading."""
    table = page.find("table", id=name)
    assert isinstance(table, Tag)
    return [[cell.get_text() for cell in row.find_all("td")] for row in table.find_all("tr")[1:]]


class TestItNeedsNothingElse:
    def test_nothing_is_loaded(self, page: BeautifulSoup) -> None:
        for tag in page.find_all(True):
            for name in ("src", "srcset", "href", "data", "action", "poster", "background", "xlink:href"):
                target = tag.get(name)
                assert target is None or str(target).startswith(("data:image/svg+xml;base64,", "#")), tag.name
        assert not page.find_all(["link", "iframe", "object", "embed", "base", "audio", "video", "form"])

    def test_the_style_loads_nothing(self, page: BeautifulSoup) -> None:
        (style,) = page.find_all("style")
        assert not re.search(r"url\(|@import|https?:", style.get_text())

    def test_the_browser_is_told_to_load_nothing(self, page: BeautifulSoup) -> None:
        policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
        assert isinstance(policy, Tag)
        assert "default-src 'none'" in str(policy["content"])
        assert "script-src" not in str(policy["content"])


class TestNothingRuns:
    def test_no_script_and_no_handler(self, page: BeautifulSoup) -> None:
        assert not page.find_all("script")
        for tag in page.find_all(True):
            assert not [name for name in tag.attrs if name.startswith("on")]

    def test_only_charts_are_images(self, page: BeautifulSoup) -> None:
        images = page.find_all("img")
        assert len(images) == len([section for section in SECTIONS if section.chart])
        for image in images:
            svg = base64.b64decode(str(image["src"]).partition(",")[2])
            tags = {element.tag.rpartition("}")[2] for element in fromstring(svg).iter()}
            assert not tags & {"script", "image", "foreignObject", "a", "use", "style"}

    @pytest.mark.parametrize(
        ("table", "column"),
        [("furthest_above_cap", 1), ("furthest_above_cap", 2), ("japan", 1)],
    )
    def test_names_are_shown_as_they_are(self, page: BeautifulSoup, table: str, column: int) -> None:
        assert HOSTILE in {row[column] for row in table_of(page, table)}

    def test_names_of_files_publishers_and_checks_too(self, page: BeautifulSoup) -> None:
        assert table_of(page, "input_files")[0][0] == HOSTILE_FILE
        assert any(HOSTILE in row[2] for row in table_of(page, "sources"))
        assert [row[2] for row in table_of(page, "failed_checks")] == [HOSTILE]
        source = page.select_one("#japan .source")
        assert source is not None
        assert HOSTILE in source.get_text()


class TestEveryPart:
    @pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
    def test_question_sentence_unit_source_and_alternative_text(
        self, page: BeautifulSoup, written: WrittenReport, section: Section
    ) -> None:
        part = page.find("section", id=section.name)
        assert isinstance(part, Tag)
        heading, reading = part.find("h2"), part.find("p", class_="reading")
        assert heading is not None
        assert reading is not None
        assert heading.get_text() == section.question
        assert reading.get_text() == dict(written.readings)[section.question]
        if section.chart:
            image, unit, source = part.find("img"), part.find(class_="units"), part.find(class_="source")
            assert isinstance(image, Tag)
            assert section.picture in str(image["alt"])
            assert reading.get_text() in str(image["alt"])
            assert unit is not None
            assert section.units in unit.get_text()
            assert source is not None
            assert RUN_ID[:8] in source.get_text()

    @pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
    def test_each_table_is_whole_and_its_query_gives_it(
        self, page: BeautifulSoup, warehouse: Path, section: Section
    ) -> None:
        part = page.find("section", id=section.name)
        assert isinstance(part, Tag)
        shown = [query.get_text() for query in part.select("details.query pre")]
        assert shown == [query_file(query).read_text(encoding="utf-8") for query in section.queries]
        with duck.read_only(warehouse) as connection:
            for query, sql in zip(section.queries, shown, strict=True):
                frame = duck.query(connection, sql)
                given = table_of(page, query_file(query).stem)
                assert given == [[cell(value) for value in row] for row in frame.iter_rows()]

    def test_the_figures_in_the_sentences_stand_in_the_tables(self, page: BeautifulSoup) -> None:
        reading = page.select_one("#money .reading")
        assert reading is not None
        # 10.00 x 700,000.
        assert "declared shipments: 7.00 million USD above the US cap" in reading.get_text()
        assert [
            "declared_shipment",
            "US",
            "nothing covers it",
            "1",
            "1",
            "0",
            "7,000,000.00",
            "7,000,000.00",
        ] in table_of(page, "money_above_cap")

    def test_the_release(self, page: BeautifulSoup) -> None:
        facts = page.select_one("#release dl")
        assert facts is not None
        for fact in (RUN_ID, "2026-11-22 12:30 UTC", "all that is recorded", "abababababab", "Plimsoll 0.0"):
            assert fact in facts.get_text()

    def test_tables_and_queries_are_opened_in_print(self, page: BeautifulSoup) -> None:
        style = page.find("style")
        assert style is not None
        in_print = style.get_text().partition("@media print")[2]
        assert re.search(r"details::details-content \{[^}]*content-visibility: visible", in_print)


class TestFiles:
    def test_what_is_written(self, written: WrittenReport) -> None:
        beside = {file.name for file in written.page.parent.iterdir()}
        names = ("prices", "japan", "buyers", "money", "unknowns", "licences")
        assert beside == {"report.html", *(f"report-{name}.png" for name in names)}
        assert {file.name for file in written.pictures} == beside - {"report.html"}
        for picture in written.pictures:
            assert picture.read_bytes().startswith(b"\x89PNG")

    def test_pictures_of_another_release_do_not_stay(self, warehouse: Path, tmp_path: Path) -> None:
        (tmp_path / "report-japan.png").write_bytes(b"of yesterday")
        (tmp_path / "report-of-mine.png").write_bytes(b"mine")
        write_report(warehouse, tmp_path, with_pictures=False)
        assert {file.name for file in tmp_path.iterdir()} == {"report.html", "report-of-mine.png"}

    def test_a_chart_is_drawn_once_from_the_same(self, warehouse: Path, tmp_path: Path) -> None:
        def images() -> list[str]:
            written = write_report(warehouse, tmp_path / "report", with_pictures=False, kept=tmp_path / "charts")
            page = BeautifulSoup(written.page.read_text(encoding="utf-8"), "html.parser")
            return [str(image["src"]) for image in page.find_all("img")]

        drawn = images()
        charts = {file.name: file for file in (tmp_path / "charts").iterdir()}
        assert len(charts) == 6
        japan, money = (json.loads(charts[name].read_text(encoding="utf-8")) for name in ("japan.json", "money.json"))
        # One as it is kept, whatever it shows; one that was made from something else.
        charts["japan.json"].write_text(json.dumps(japan | {"text": "<svg>kept</svg>"}), encoding="utf-8")
        other = money["made_from"] | {"money_above_cap": "other rows"}
        charts["money.json"].write_text(json.dumps({"made_from": other, "text": "<svg>old</svg>"}), encoding="utf-8")
        kept = "data:image/svg+xml;base64," + base64.b64encode(b"<svg>kept</svg>").decode()
        again = images()
        assert [image for image in again if image not in drawn] == [kept]
        assert len(again) == len(drawn)
        assert json.loads(charts["money.json"].read_text(encoding="utf-8")) == money

    def test_a_report_that_fails_leaves_the_old_one_whole(
        self, warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = tmp_path / "report.html"
        old.write_text("the old one", encoding="utf-8")
        monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(ReportError, match=r"cannot be written there \(No space left on device\)\.$"):
            write_report(warehouse, tmp_path, with_pictures=False)
        assert old.read_text(encoding="utf-8") == "the old one"
        assert list(tmp_path.iterdir()) == [old]

    def test_a_folder_that_is_a_file(self, warehouse: Path, tmp_path: Path) -> None:
        (tmp_path / "taken").write_text("a file", encoding="utf-8")
        with pytest.raises(ReportError, match="cannot be written there"):
            write_report(warehouse, tmp_path / "taken", with_pictures=False)

    def test_clearing_away(self, tmp_path: Path) -> None:
        for name in ("report.html", "report-prices.png", "other.txt"):
            (tmp_path / name).write_text("x", encoding="utf-8")
        discard_report(tmp_path)
        discard_report(tmp_path)
        assert [file.name for file in tmp_path.iterdir()] == ["other.txt"]

    def test_names_are_no_markup_in_short(self, tmp_path: Path) -> None:
        report = WrittenReport(tmp_path, [], [("Who *sold*?", "<b>A_B</b> [x](y)")])
        assert report.in_short() == r"- **Who \*sold\*?** \<b\>A\_B\</b\> \[x\](y)"


def test_a_release_as_of_a_day_before_any_cap_has_a_report(
    book: Rulebook, reference: Reference, tmp_path: Path
) -> None:
    day = dt.date(2021, 6, 1)
    warehouse = published(tmp_path, [], book.as_of(day), reference.as_of(day))
    written = write_report(warehouse, tmp_path / "report", with_pictures=True)
    page = BeautifulSoup(written.page.read_text(encoding="utf-8"), "html.parser")
    assert not page.find_all("img")
    assert len(page.find_all("p", class_="empty")) == 6
    assert written.pictures == []
    assert "as known on 2021-06-01" in page.get_text()
    assert list((tmp_path / "report").iterdir()) == [written.page]
