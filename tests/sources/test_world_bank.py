"""The World Bank Pink Sheet: landing page, workbook, sheet."""

import datetime as dt
import io
from typing import Any

import openpyxl
import pytest

from pipelines.sources import upstream
from pipelines.sources.publishers import world_bank
from pipelines.sources.snapshots import Landing
from tests.publisher_server import Publisher
from tests.sources.conftest import Fetch, checks_failed

LANDING = "/www.worldbank.org/en/research/commodity-markets"
FILE = "/en/doc/74e8be41ceb20fa0da750cda2f6b9e4e-0050012026/related/CMO-Historical-Data-Monthly.xlsx"
TABLE = "world_bank_crude_prices"
PAGE = f"""<!DOCTYPE html><html><body>
<a href="https://thedocs.worldbank.org/en/doc/x-0050012026/related/CMO-Historical-Data-Annual.xlsx">Annual prices</a>
<a href="https://thedocs.worldbank.org{FILE}">Monthly prices</a>
</body></html>"""
# The names as they stand in the workbook, some with a blank at their end.
NAMES = (
    None,
    "Crude oil, average",
    "Crude oil, Brent ",
    "Crude oil, Dubai",
    "Crude oil, WTI ",
    "Coal, Australian",
    "Gold",
)
UNITS = (None, "($/bbl)", "($/bbl)", "($/bbl)", "($/bbl)", "($/mt)", "($/troy oz)")
# Brent of December 2025 to March 2026 as published; the other columns are made up.
ROWS = (
    ("2025M12", 62.1, 62.72, 62.5, 58.0, 110.1, 4300.5),
    ("2026M01", 66.0, 66.77, 66.4, 61.2, "…", 4500.0),
    ("2026M02", 70.5, "71.11", 71.0, "..", 112.0, None),
    ("2026M03", 102.0, 103.69, "…", 99.1, 113.0, 4700.0),
)


def workbook(
    *rows: tuple[Any, ...], names: tuple[Any, ...] = NAMES, units: tuple[Any, ...] = UNITS, sheet: str = "Monthly Prices",
    codes: bool = False,
) -> bytes:  # fmt: skip
    """The workbook: titles and the day of the edition, names, units, in some editions codes, then months."""
    book = openpyxl.Workbook()
    book.active.title = "Mismatch Details"
    prices = book.create_sheet(sheet)
    above = ("World Bank Commodity Price Data (The Pink Sheet)", "monthly prices in nominal US dollars, 1960 to present",
             "(monthly series are available from 1960M01)", "Updated on April 02, 2026")  # fmt: skip
    below = [("", "CRUDE_PETRO", "CRUDE_BRENT", "CRUDE_DUBAI", "CRUDE_WTI", "COAL_AUS", "GOLD")] if codes else []
    for row in (*((line,) for line in above), names, units, *below, *rows):
        prices.append(row)
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


GOOD = workbook(*ROWS)


def read(landing: Landing, as_of: str | None = None) -> upstream.Reading:
    return upstream.read(world_bank.SOURCE, landing, dt.date.fromisoformat(as_of) if as_of else None)


def in_force(landing: Landing, as_of: str | None = None) -> dict[tuple[str, str], float]:
    frame = upstream.latest(read(landing, as_of).tables[TABLE])
    return {(month, benchmark): price for month, benchmark, price in frame.iter_rows()}


@pytest.mark.parametrize("book", [GOOD, workbook(*ROWS, codes=True)], ids=["names and units", "with a row of codes"])
def test_the_landing_page_leads_to_the_workbook(book: bytes, server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(LANDING, PAGE)
    server.says(f"/thedocs.worldbank.org{FILE}", book)
    fetch(world_bank.SOURCE, "2026-04-08")
    assert [asked.path for asked in server.asked] == [LANDING, f"/thedocs.worldbank.org{FILE}"]
    assert in_force(landing) == {
        ("2025-12", "average"): 62.1, ("2025-12", "brent"): 62.72, ("2025-12", "dubai"): 62.5, ("2025-12", "wti"): 58.0,
        ("2026-01", "average"): 66.0, ("2026-01", "brent"): 66.77, ("2026-01", "dubai"): 66.4, ("2026-01", "wti"): 61.2,
        ("2026-02", "average"): 70.5, ("2026-02", "brent"): 71.11, ("2026-02", "dubai"): 71.0,
        ("2026-03", "average"): 102.0, ("2026-03", "brent"): 103.69, ("2026-03", "wti"): 99.1,
    }  # fmt: skip


def test_a_new_address_is_the_same_document(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(LANDING, PAGE, PAGE.replace("0050012026", "0050012027"))
    server.says(f"/thedocs.worldbank.org{FILE}", GOOD)
    server.says(
        f"/thedocs.worldbank.org{FILE}".replace("0050012026", "0050012027"),
        workbook(*ROWS[:-1], ("2026M03", 102, 103.7, 101, 99.1)),
    )
    for _ in range(2):
        fetch(world_bank.SOURCE, "2026-04-08")
    assert in_force(landing)["2026-03", "brent"] == 103.7
    brent = read(landing).tables[TABLE].filter(month="2026-03", benchmark="brent")
    assert brent["usd_per_bbl"].to_list() == [103.69, 103.7]


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        pytest.param(workbook(*ROWS, sheet="Prices"), "sheet_found", id="sheet renamed"),
        pytest.param(workbook(*ROWS, names=(None, "Crude oil, average", "Brent crude", *NAMES[3:])), "columns_as_expected", id="column renamed"),
        pytest.param(workbook(*ROWS, names=(None, *"abcdef")), "columns_as_expected", id="no crude"),
        pytest.param(workbook(*ROWS, units=(None, "($/bbl)", "($/mt)", *UNITS[3:])), "unit_as_expected", id="other unit"),
        pytest.param(workbook(*ROWS[:2], ("2026 Q1", 70, 70, 70, 70)), "period_as_expected", id="quarter"),
        pytest.param(workbook(*ROWS[:2], ("2026M02", 70, "n/a", 70, 70)), "number_as_expected", id="not a number"),
        pytest.param(workbook(), "volume_in_band", id="no months"),
        pytest.param(GOOD[:2000], "readable", id="cut short"),
        pytest.param(b"<!DOCTYPE html><html>Not found</html>", "workbook_as_expected", id="web page"),
    ],
)  # fmt: skip
def test_a_bad_workbook_is_named_and_the_last_good_one_stays(
    bad: bytes, check: str, server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    server.says(LANDING, PAGE)
    server.says(f"/thedocs.worldbank.org{FILE}", GOOD, bad)
    for _ in range(2):
        fetch(world_bank.SOURCE, "2026-04-08")
    assert checks_failed(read(landing)) == [None, None, check]
    assert in_force(landing)["2026-03", "brent"] == 103.69


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(PAGE.replace("Data-Monthly", "Data-Weekly"), id="no link"),
        pytest.param(PAGE.replace("thedocs.worldbank.org", "thedocs.worldbank.org.example"), id="leads elsewhere"),
        pytest.param(PAGE.replace("https://", "file://"), id="leads to a file"),
    ],
)
def test_a_landing_page_without_the_link_is_named(page: str, server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(LANDING, page)
    fetch(world_bank.SOURCE, "2026-04-08")
    assert checks_failed(read(landing)) == ["link_found"]
    assert len(server.asked) == 1


def test_a_month_is_known_and_expected_after_a_week(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(LANDING, PAGE)
    server.says(f"/thedocs.worldbank.org{FILE}", workbook(ROWS[0]))
    fetch(world_bank.SOURCE, "2026-04-08")
    assert in_force(landing, "2026-01-06") == {}
    assert in_force(landing, "2026-01-07")["2025-12", "brent"] == 62.72
    assert world_bank.SOURCE.newest_expected(dt.date(2026, 4, 7)) == dt.date(2026, 2, 28)
    assert world_bank.SOURCE.newest_expected(dt.date(2026, 4, 8)) == dt.date(2026, 3, 31)
