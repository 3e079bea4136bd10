"""What a person finds on Dagster's pages and in the report, seen with a real browser after a real night.

One night, one server and one browser for the whole module. Here: what must be seen.
Add here: a page that people rely on.
Keep out: what the night computes (see `tests/integration`), and how a page is opened (`pipelines.report.browser`).
"""

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from pipelines.report.browser import BrowserError, chromium, chromium_file, opened, served
from pipelines.report.sections import SECTIONS
from pipelines.settings import Settings
from tests.integration.conftest import ABOVE_CAP, AT_CAP, NO_SUCH_DAY, NO_SUCH_UNIT, plimsoll, shipments_file

# Markup in the name of a file: it must be read, not obeyed.
FILE = "mixed <img src=x onerror=alert(1)>.csv"
expect.set_options(timeout=60_000)  # ms; a page that is busy gets there
A4_INSIDE = {"width": 695, "height": 1016}  # px: 210 x 297 mm, less the margins of 13 and 14 mm that the page asks for


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home after a night on a file of five rows, two of which break the contract."""
    settings = Settings(home=tmp_path_factory.mktemp("seen"))
    rows = (AT_CAP, NO_SUCH_DAY, ABOVE_CAP, NO_SUCH_UNIT, AT_CAP)
    shipments_file(settings.shipments_folder / FILE, *rows)
    night = plimsoll("nightly", "--offline", home=settings.home)
    assert night.code == 0, night.err
    return settings


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def dagster(settings: Settings) -> Iterator[str]:
    """The address of `plimsoll ui`, which ends without a complaint."""
    with served(settings.home) as address:
        yield address
    said = (settings.home / "ui.log").read_text(encoding="utf-8")
    assert "Traceback" not in said, said
    assert "superseded" not in said, said


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that reports no error, opens no dialog and asks nobody but this machine."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: complaints.append(request.url) if is_elsewhere(request.url) else None)
    yield page
    page.close()
    assert complaints == []


def is_elsewhere(address: str) -> bool:
    return not address.startswith(("http://127.0.0.1:", "file:", "data:", "blob:"))


def test_without_a_browser_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PLIMSOLL_CHROMIUM", raising=False)
    with pytest.raises(BrowserError, match="apt install chromium"):
        chromium_file()
    monkeypatch.setenv("PLIMSOLL_CHROMIUM", "no-such-browser")
    with pytest.raises(BrowserError, match="'no-such-browser', which PLIMSOLL_CHROMIUM names, is not a program"):
        chromium_file()


class TestDagster:
    def test_the_graph_shows_the_stages_of_a_night(self, page: Page, dagster: str) -> None:
        opened(page, f"{dagster}/asset-groups")
        for stage in ("publishers", "law", "figures", "inputs", "judging", "marts", "release"):
            # Once in the list at the side, once in the graph.
            expect(page.get_by_text(stage, exact=True)).not_to_have_count(0)
            assert any(found.is_visible() for found in page.get_by_text(stage, exact=True).all())

    def test_a_stage_shows_its_assets_and_their_checks(self, page: Page, dagster: str) -> None:
        opened(page, f"{dagster}/locations/plimsoll/asset-groups/marts")
        expect(page.get_by_text("exemption_usage", exact=True).first).to_be_visible()
        expect(page.get_by_text("2 / 2 Passed").first).to_be_visible()
        expect(page.get_by_text("DuckDB", exact=True).first).to_be_visible()

    def test_a_failed_check_shows_count_share_and_the_rows(self, page: Page, dagster: str) -> None:
        opened(page, f"{dagster}/assets/quality/quarantine?view=checks&checkDetail=nothing_set_aside")
        expect(page.get_by_text("No row of a user's file was set aside.")).to_be_visible()
        expect(page.get_by_text("A failure is told, and the night goes on.")).to_be_visible()
        expect(page.get_by_text("2 of 5 rows failed.")).to_be_visible()
        expect(cells(page, "share failed")).to_contain_text(["share failed", "40.0%"])
        bad_day, bad_unit = cells(page, "2023-06-31"), cells(page, "barrels")
        expect(bad_day).to_have_text(
            [FILE, "3", "R2", "loading_date", "not_a_date", re.compile("no|calendar"), "2023-06-31"]
        )
        expect(bad_unit).to_have_text([FILE, "5", "R4", "quantity_unit", "allowed", re.compile("bbl"), "barrels"])
        assert bad_day.first.is_visible()

    def test_a_passed_check_says_what_it_asks_and_that_it_blocks(self, page: Page, dagster: str) -> None:
        opened(page, f"{dagster}/assets/marts/exemption_usage?view=checks&checkDetail=adds_up")
        expect(page.get_by_text("This is a blocking asset check.")).to_be_visible()
        expect(page.get_by_text("add up to those of").first).to_be_visible()
        expect(page.get_by_text("A failure stops the night.").first).to_be_visible()

    def test_an_asset_shows_its_columns_and_who_answers_for_it(self, page: Page, dagster: str) -> None:
        opened(page, f"{dagster}/assets/marts/exemption_usage")
        expect(page.get_by_text("One row per kind of evidence, licence or other exemption")).to_be_visible()
        for words in ("analysis-desk", "DuckDB", "marts", "marts.exemption_usage", "At 03:00 AM UTC"):
            expect(page.get_by_text(words, exact=True).first).to_be_visible()
        column = page.locator("tr", has_text="above_cap_bbl").first
        expect(column).to_contain_text("barrels known to be sold above the cap in force, also if exempt [bbl]")
        expect(column).to_contain_text("from marts.judged_cargoes.above_cap_bbl")

    def test_lineage(self, page: Page, dagster: str) -> None:
        opened(page, f"{dagster}/assets/marts/exemption_usage?view=lineage")
        for name in ("judged_cargoes", "exemptions", "exemption_usage", "release_totals"):
            expect(page.get_by_text(name, exact=True).first).to_be_visible()

    def test_the_report_on_data_quality(self, page: Page, dagster: str) -> None:
        opened(page, f"{dagster}/assets/data_quality_report")
        summary = page.locator("tr", has_text="summary").first
        expect(summary).to_contain_text(re.compile(r"Published\. \d+ of \d+ checks passed\."))
        expect(summary).to_contain_text(re.compile(r"0 failed as ERROR, \d+ as WARN\."))
        self.assert_chart(summary)
        expect(cells(page, "nothing_set_aside").nth(0)).to_be_visible()
        expect(cells(page, "nothing_set_aside")).to_contain_text(
            ["WARN", "2", "40.0%", "nothing_set_aside", "quality.quarantine"]
        )

        page.get_by_text("Show Markdown").click()
        dialog = page.locator("[role=dialog], .bp5-dialog, .bp4-dialog", has_text="Quarantine by file and reason").last
        expect(dialog.get_by_role("heading", level=2)).to_have_text(
            [
                "Failed checks",
                "Rows that failed",
                "Rules that expire, are unverified, in conflict or due for review",
                "Sources and figures that are out of date",
                "Freshness of sources",
                "Quarantine by file and reason",
                "Changes since the release before",
            ]
        )
        self.assert_chart(dialog)
        ecb = dialog.locator("tr", has_text="ecb_exchange_rates").last.locator("td")
        expect(ecb).to_contain_text(["ecb_exchange_rates", "never"])  # the night had no network
        expect(dialog.locator("tr", has_text="loading_date").last.locator("td")).to_contain_text(
            [FILE, "loading_date", "not_a_date", "1", "3"]
        )
        expect(dialog.get_by_text("GL 55F").first).to_be_attached()  # ends within 60 days, or has ended

    @staticmethod
    def assert_chart(place: Locator) -> None:
        chart = place.get_by_alt_text("Failed checks by day")
        expect(chart).to_be_visible()
        assert chart.evaluate("image => image.complete && image.naturalWidth") == 400

    def test_the_night_is_scheduled_from_the_start(self, page: Page, dagster: str) -> None:
        opened(page, f"{dagster}/locations/plimsoll/schedules/nightly")
        expect(page.get_by_text("At 03:00 AM UTC").first).to_be_visible()
        expect(page.get_by_text("Running", exact=True).first).to_be_visible()


def cells(page: Page, text: str) -> Locator:
    """The cells of the innermost row with such a cell."""
    return page.locator("tr", has=page.locator("td", has_text=text)).last.locator("td")


@pytest.fixture
def report(page: Page, settings: Settings) -> Page:
    """The file itself, opened as anyone opens it who was sent it."""
    return opened(page, (settings.report_folder / "report.html").as_uri())


class TestReport:
    def test_every_question_is_answered_with_a_chart_that_is_drawn(self, report: Page) -> None:
        expect(report).to_have_title(re.compile(r"Plimsoll report, \d{4}-\d\d-\d\d"))
        expect(report.get_by_role("heading", level=2)).to_have_text([section.question for section in SECTIONS])
        charts = report.locator("figure img")
        assert charts.count() == len([section for section in SECTIONS if section.chart is not None]) == 6
        for chart in charts.all():
            expect(chart).to_be_visible()
            assert (chart.get_attribute("src") or "").startswith("data:image/svg+xml;base64,")
            assert chart.evaluate("image => image.complete && image.naturalWidth") > 600
            assert len(chart.get_attribute("alt") or "") > 60

    def test_figures(self, report: Page) -> None:
        # R3: 700,000 bbl at 70 USD, 10 above the cap of the United States.
        expect(report.locator("#money .reading")).to_contain_text(
            "declared shipments: 7.00 million USD above the US cap"
        )
        expect(report.locator("#buyers .reading")).to_contain_text("declared shipments: 1 of 3 above the US cap")
        row = report.locator("#input_files tr", has_text="mixed").locator("td")
        expect(row).to_have_text([FILE, "read", "5", "3", "2", ""])

    def test_the_query_behind_each_table_gives_what_the_table_shows(self, report: Page, settings: Settings) -> None:
        tables, queries = report.locator("details.table").all(), report.locator("details.query").all()
        assert len(tables) == len(queries) >= len(SECTIONS)
        with duckdb.connect(str(settings.warehouse_file), read_only=True) as warehouse:
            for table, query in zip(tables, queries, strict=True):
                query.locator("summary").click()
                expect(query.locator("pre")).to_be_visible()
                found = warehouse.execute(query.locator("pre").inner_text())
                shown = table.locator("tbody tr")
                assert table.locator("thead th").all_text_contents() == [column[0] for column in found.description]
                rows = found.fetchall()
                assert shown.count() == len(rows)
                texts = [
                    tr.split("\t")
                    for tr in shown.evaluate_all(
                        "all => all.map(tr => [...tr.cells].map(td => td.textContent).join('\\t'))"
                    )
                ]
                for text, row in zip(texts, rows, strict=True):
                    numbers = [
                        (cell, value) for cell, value in zip(text, row, strict=True) if type(value) in (int, float)
                    ]
                    assert all(
                        float(cell.replace(",", "")) == pytest.approx(value, abs=0.005) for cell, value in numbers
                    )

    @pytest.mark.parametrize("width", [360, 768, 1440])
    def test_the_page_fits_every_screen(self, report: Page, width: int) -> None:
        report.set_viewport_size({"width": width, "height": 900})
        assert report.evaluate("document.documentElement.scrollWidth") <= width

    def test_print_fits_the_page_and_opens_what_is_folded(self, report: Page) -> None:
        report.set_viewport_size(A4_INSIDE)
        report.emulate_media(media="print")
        wide = "all => all.filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 200))"
        assert report.locator("body *").evaluate_all(wide) == []
        for chart in report.locator("figure img").all():
            box = chart.bounding_box()
            assert box is not None
            assert 0 < box["height"] < A4_INSIDE["height"]
        for folded in report.locator("details > *:not(summary)").all():
            box = folded.bounding_box()
            assert box is not None
            assert box["height"] > 0
        paper = report.pdf(prefer_css_page_size=True)
        sizes = set(re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", paper))
        assert [(round(float(wide)), round(float(tall))) for wide, tall in sizes] == [(595, 842)]  # A4 in points
        assert len(re.findall(rb"/Type /Page\b", paper)) > len(SECTIONS)  # each begins a page
