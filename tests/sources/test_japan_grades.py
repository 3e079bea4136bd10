"""Japan's arrivals of crude by grade: workbooks of sixteen months, sums that must hold, files beside the workbook."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest

from pipelines.sources import upstream
from pipelines.sources.publishers import japan_grades
from pipelines.sources.snapshots import Landing
from tests.publisher_server import Publisher
from tests.sources.conftest import Fetch, checks_failed
from tests.sources.estat_forms import (
    DOWNLOAD,
    FILES,
    GRADE_HEADER,
    grade_rows,
    listing,
    month_code,
    page,
    workbook,
)

SOURCE = replace(japan_grades.SOURCE, pause_s=0)
SAKHALIN, SOKOL, ESPO, KHAFJI = "22421", "22411", "22420", "13901"

# Names and codes as METI writes them; quantities are made up, but for January 2023: 747,706 bbl / 6.28981077.
GRADES = {
    "13701": ("ARAB-L", 2_000_000.0),
    "13703": ("ARAB-H", 300_000.0),
    "14701": ("MURBAN", 3_000_000.0),
    "14724": ("DAS", 900_000.0),
    "13801": ("KUWAIT", 700_000.0),
    "14001": ("QATAR", 100_000.0),
    "14101": ("OMAN", 50_000.0),
    "30401": ("WTIM", 400_000.0),
    KHAFJI: ("KHAFJI", 60_000.0),
    SOKOL: ("SOKOL", 0.0),
    ESPO: ("ESPO-B", 0.0),
    SAKHALIN: ("SAKHAL-B", 118_876.0),
}


def months(*numbers: int, **changed: float) -> list:
    """Rows of several months; `g22421=5` changes a grade in all of them."""
    grades = GRADES | {code[1:]: (GRADES[code[1:]][0], kl) for code, kl in changed.items()}
    return [row for number in numbers for row in grade_rows(number, grades)]


def fetch_workbooks(server: Publisher, fetch: Fetch, books: dict[str, bytes], first: str = "2022-01-01") -> None:
    """Fetches the workbooks of months, written `2022-12`; each has the number of its month."""
    server.says(FILES, listing("00551020", *books))
    for month, body in books.items():
        year, number = month.split("-")
        code = month_code(int(number))
        server.says(f"{FILES}?year={year}0&month={code}", page(("石油統計（確報）", f"{year}{number:0>8}"), kind=0))
        server.says(f"{DOWNLOAD}?statInfId={year}{number:0>8}&fileKind=0", body)
    fetch(SOURCE, "2023-03-20", first=first)


def table(landing: Landing) -> pl.DataFrame:
    return upstream.read(SOURCE, landing).tables["japan_crude_by_grade"].filter("is_latest")


def arrivals(landing: Landing, code: str = SAKHALIN) -> dict[str, float]:
    return dict(table(landing).filter(grade_code=code).sort("month").select("month", "quantity_kl").iter_rows())


def test_grades_are_read_with_canonical_names_and_countries(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    fetch_workbooks(server, fetch, {"2023-01": workbook(*months(202212, 202301))})
    russian = table(landing).filter(month="2023-01", country_code="224").sort("grade_code")
    assert russian.select("grade_code", "grade_name", "grade", "origin_country", "quantity_kl").rows() == [
        (SOKOL, "SOKOL", "Sokol", "RU", 0),
        (ESPO, "ESPO-B", "ESPO", "RU", 0),
        (SAKHALIN, "SAKHAL-B", "Sakhalin Blend", "RU", 118_876),
    ]
    # 118,876 kl are 747,707 bbl, the 747,706 that METI told of January 2023.
    assert russian["quantity_kl"].sum() * 6.28981077 == pytest.approx(747_706, abs=7)
    other = table(landing).filter(month="2023-01", grade_code="14701")
    assert other.select("grade", "origin_country").row(0) == (None, "AE")
    # The zone that Saudi Arabia and Kuwait share has no code of its own.
    assert table(landing).filter(grade_code=KHAFJI)["origin_country"].unique().to_list() == [None]
    assert table(landing).filter(month="2023-01")["quantity_kl"].sum() == 7_628_876


def test_the_last_workbook_of_each_year_is_asked_for_oldest_first(
    server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    books = {
        "2021-12": workbook(*months(202112)),
        "2022-11": workbook(*months(202211)),
        "2022-12": workbook(*months(202112, 202201, 202212)),
        "2023-01": workbook(*months(202212, 202301)),
    }
    fetch_workbooks(server, fetch, books)
    read = [snapshot.document for snapshot in landing.snapshots(SOURCE.name)]
    assert read == ["listing from 2022", "page 2022-12", "page 2023-01", "workbook 2022-12", "workbook 2023-01"]
    # A workbook of December is read for its own year.
    assert list(arrivals(landing)) == ["2022-01", "2022-12", "2023-01"]
    server.asked.clear()
    fetch(SOURCE, "2023-03-20", first="2022-01-01")
    assert DOWNLOAD not in {asked.path for asked in server.asked}


def test_months_that_roll_out_of_the_window_stay_and_newer_printings_win(
    server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    fetch_workbooks(server, fetch, {"2023-01": workbook(*months(202210, 202301))})
    fetch_workbooks(server, fetch, {"2023-02": workbook(*months(202301, 202302, g22421=118_000.0))})
    assert arrivals(landing) == {"2022-10": 118_876, "2023-01": 118_000, "2023-02": 118_000}
    every = upstream.read(SOURCE, landing).tables["japan_crude_by_grade"]
    january = every.filter(month="2023-01", grade_code=SAKHALIN)
    assert january.select("quantity_kl", "is_latest").rows() == [(118_876, False), (118_000, True)]
    assert january["known_on"][0] == dt.date(2023, 3, 31)


Change = Callable[[], bytes]
GOOD = workbook(*months(202301, 202302))


@pytest.mark.parametrize(
    ("body", "check"),
    [
        pytest.param(
            lambda: workbook(*months(202301, 202302), header=[h.replace("油種", "原油種") for h in GRADE_HEADER]),
            "columns_as_expected",
            id="column renamed",
        ),
        pytest.param(
            lambda: workbook(*months(202301, 202302), header=[h.replace("（kl）", "（千kl）") for h in GRADE_HEADER]),
            "unit_as_expected",
            id="other unit",
        ),
        pytest.param(lambda: workbook(*months(202301, 202302), sheet="輸入"), "sheets_as_expected", id="sheet renamed"),
        pytest.param(
            lambda: workbook(*months(202301), *grade_rows(202302, GRADES, total=7_500_000)),
            "grades_add_up",
            id="grades do not make the total",
        ),
        pytest.param(
            lambda: workbook(*[row for row in months(202301, 202302) if row[1] != "合計"]),
            "grades_add_up",
            id="no total",
        ),
        pytest.param(
            lambda: workbook(
                *[(*row[:-1], 5) if row[2] == "224" and row[4] is None else row for row in months(202301, 202302)]
            ),
            "grades_add_up",
            id="grades do not make the subtotal",
        ),
        pytest.param(lambda: GOOD[: len(GOOD) // 2], "readable", id="cut"),
        pytest.param(lambda: b"<html><p>busy</p></html>", "not_a_web_page", id="web page"),
        pytest.param(lambda: workbook(*months(202302)[:8]), "grades_add_up", id="rows cut off"),
        pytest.param(workbook, "volume_in_band", id="no rows"),
    ],
)
def test_a_workbook_that_is_not_what_it_was_is_set_aside_whole(
    body: Change, check: str, server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    fetch_workbooks(server, fetch, {"2023-01": workbook(*months(202212, 202301))})
    fetch_workbooks(server, fetch, {"2023-02": body()})
    assert [failed for failed in checks_failed(upstream.read(SOURCE, landing)) if failed] == [check]
    assert arrivals(landing)["2023-01"] == 118_876
    # It is asked for again, although its number stands for its content.
    server.asked.clear()
    fetch(SOURCE, "2023-03-20", first="2022-01-01")
    assert DOWNLOAD in {asked.path for asked in server.asked}


def test_another_workbook_on_the_page_is_no_fault(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(FILES, listing("00551020", "2023-01"))
    server.says(f"{FILES}?year=20230", page(("石油統計（速報）", "1" * 12), ("石油統計（確報）", "2" * 12), kind=0))
    server.says(f"{DOWNLOAD}?statInfId={'1' * 12}", workbook(sheet="在庫", sister="概要"))
    server.says(f"{DOWNLOAD}?statInfId={'2' * 12}", workbook(*months(202212, 202301)))
    fetch(SOURCE, "2023-03-20", first="2022-01-01")
    assert not any(checks_failed(upstream.read(SOURCE, landing)))
    assert arrivals(landing)["2023-01"] == 118_876


def test_a_dash_is_nil_a_blank_is_not_known_and_full_width_digits_are_digits(
    server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    rows = months(202301, 202302, g22411=0.0, g22420=0.0)
    shown = {SOKOL: "\uff0d", ESPO: None}
    rows = [(*row[:-1], shown[row[4]]) if row[4] in shown else row for row in rows]
    full_width = "202301".translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    rows = [(full_width if row[0] == 202301 else row[0], *row[1:]) for row in rows]
    fetch_workbooks(server, fetch, {"2023-02": workbook(*rows)})
    assert arrivals(landing, SOKOL) == {"2023-01": 0, "2023-02": 0}
    assert arrivals(landing, ESPO) == {"2023-01": None, "2023-02": None}


def test_a_russian_grade_without_a_name_is_a_warning(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    grades = GRADES | {"22499": ("VITYAZ", 40_000.0)}
    fetch_workbooks(server, fetch, {"2023-02": workbook(*months(202301), *grade_rows(202302, grades))})
    (quirk,) = SOURCE.quirks["japan_crude_by_grade"]
    every = upstream.read(SOURCE, landing).tables["japan_crude_by_grade"]
    assert quirk.failing(every).rows() == [("2023-02", "22499", "VITYAZ", 40_000)]


def test_the_month_three_back_should_be_out() -> None:
    assert SOURCE.newest_expected(dt.date(2026, 11, 22)) == dt.date(2026, 8, 31)
