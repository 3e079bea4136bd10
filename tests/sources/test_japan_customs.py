"""Japan's customs statistics: the data API, the files without a key, months that are not out, revisions, faults."""

import csv
import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from pipelines.sources import estat, upstream
from pipelines.sources.publishers import japan_customs
from pipelines.sources.snapshots import Landing
from tests.publisher_server import Publisher, Reply
from tests.real_files import real_file
from tests.sources.conftest import Fetch, checks_failed
from tests.sources.estat_forms import (
    API,
    DOWNLOAD,
    FILES,
    Figures,
    api_answer,
    api_error,
    api_line,
    csv_file,
    csv_header,
    csv_line,
    listing,
    month_code,
    page,
)

SOURCE = replace(japan_customs.SOURCE, pause_s=0)
CRUDE, CONDENSATE, LNG = "270900900", "270900100", "271111000"
KEY = "canary-9f3c1d"
TITLE = "5部　25-27類 統計品別国別表 (輸入 1-12月：確定)"

# February 2023 as TASS printed it from the ministry: 37,000 kl, JPY 2.125 bn. The LNG is made up.
FEBRUARY: Figures = {2: (37_000, 2_125_000)}
GAS: Figures = dict.fromkeys(range(1, 13), (600000, 70000000))


def table(landing: Landing, name: str = "japan_customs_lines", as_of: str | None = None) -> pl.DataFrame:
    reading = upstream.read(SOURCE, landing, dt.date.fromisoformat(as_of) if as_of else None)
    return reading.tables[name].filter("is_latest")


def line(landing: Landing, month: str, code: str = CRUDE, as_of: str | None = None) -> tuple | None:
    """Quantity, unit, value and stage of a line of Russia; None: the month is not told."""
    found = table(landing, as_of=as_of).filter(month=month, hs_code=code)
    return found.select("quantity", "quantity_unit", "value", "stage").row(0) if found.height else None


def fetch_file(server: Publisher, fetch: Fetch, body: str | bytes, title: str = TITLE, number: int = 1) -> None:
    """Fetches the file of 2023 without a key, from a listing that has no other year."""
    server.says(FILES, listing("00350300", "2023-12"))
    server.says(f"{FILES}?year=20230&month={month_code(12)}", page((title, f"{number:012d}")))
    server.says(f"{DOWNLOAD}?statInfId={number:012d}", body.encode("cp932") if isinstance(body, str) else body)
    fetch(SOURCE, "2024-12-15", first="2023-01-01")


YEAR = csv_file(
    csv_line(CRUDE, "224", "KL", "  ", FEBRUARY),
    csv_line(CRUDE, "137", "KL", "  ", dict.fromkeys(range(1, 13), (4000000, 290000000))),
    csv_line(LNG, "224", "  ", "MT", GAS),
    csv_line(LNG, "601", "  ", "MT", dict.fromkeys(range(1, 13), (2400000, 210000000))),
)


# --- the API


def says_api(server: Publisher, russia: str | Reply, everywhere: str | Reply | None = None, table_id: str = "") -> None:
    at = f"{API}?statsDataId={table_id}" if table_id else API
    for query, reply in (("cdArea=50224", russia), (f"cdCat01={CONDENSATE}", None), ("", everywhere)):
        if reply is not None and query:
            server.says(f"{at}{'&' if table_id else '?'}{query}", reply)
        elif reply is not None:
            server.says(at, reply)


def test_the_api_is_asked_for_the_tables_of_the_years_and_the_key_stays_secret(
    server: Publisher, fetch: Fetch, landing: Landing, capfd: pytest.CaptureFixture[str]
) -> None:
    says_api(server, Reply(status=403), api_error(100, "認証に失敗しました。"))
    fetch(SOURCE, "2026-11-22", first="2021-12-01", ESTAT_APP_ID=KEY)
    asked = [(one.query["statsDataId"][0], one.query.get("cdArea", [""])[0]) for one in server.asked]
    assert asked == [("0003425294", "50224"), ("0003425294", ""), ("0004049326", "50224"), ("0004049326", "")]
    assert all(one.query["appId"] == [KEY] for one in server.asked)
    months = server.asked[0].query["cdCat02"][0].split(",")
    # Both units; January's two quantities and value; those of December.
    assert months[:5] == ["100", "110", "150", "160", "170"] and months[-3:] == ["480", "490", "500"]
    assert [entry.outcome for entry in landing.entries(SOURCE.name)] == ["failed", "new"] * 2
    freshness = upstream.freshness(SOURCE, landing, upstream.read(SOURCE, landing), dt.date(2026, 11, 22))
    journal = (landing.folder / "journal" / f"{SOURCE.name}.jsonl").read_text(encoding="utf-8")
    bodies = [snapshot.read().decode() for snapshot in landing.snapshots(SOURCE.name)]
    for text in (journal, str(freshness), *bodies, *capfd.readouterr()):
        assert KEY not in text


def test_the_month_stands_in_cat02_and_the_year_in_time(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    # The API writes the unit full-width, here in either place, and thousand yen.
    russia = api_answer(
        api_line(CRUDE, "50224", FEBRUARY),
        api_line(LNG, "50224", GAS, unit="ＭＴ", first=False),
        api_line(CRUDE, "50224", {7: (25_345, 1_500_000)}, year=2024),
        api_line(LNG, "50224", GAS, year=2024, unit="ＭＴ", first=False),
        title="確速 品別国別表 (輸入 1-12月：確定)2023年 ,  (輸入 1-12月：確々報)2024年",
    )
    says_api(server, russia, api_error(1, "該当データはありませんでした。"))
    fetch(SOURCE, "2025-06-15", first="2023-01-01", ESTAT_APP_ID=KEY)
    assert line(landing, "2023-02") == (37_000, "kl", 2_125_000_000, "fixed")
    assert line(landing, "2023-01") == (0, "kl", 0, "fixed")
    assert line(landing, "2024-07") == (25_345, "kl", 1_500_000_000, "revised")
    assert line(landing, "2023-02", LNG) == (600_000, "t", 70_000_000_000, "fixed")
    only = table(landing).select(
        "importer_country", "origin_country", "currency", "valuation", "is_confidential", "transport_mode"
    )
    assert only.unique().rows() == [("JP", "RU", "JPY", "CIF", False, None)]
    # A status other than 0 is an error, never "no trade".
    assert checks_failed(upstream.read(SOURCE, landing)) == [None, "status_zero"]


def test_a_month_that_is_not_out_is_not_told_and_one_that_is_may_be_nil(
    server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    gas = {month: GAS[month] for month in (1, 2, 3)}
    # In 2026 crude came in January of this made-up answer; of April nothing is out.
    russia = api_answer(
        api_line(CRUDE, "50224", {1: (15_000, 1_000_000)}, year=2026, out=3),
        api_line(LNG, "50224", gas, year=2026, unit="ＭＴ", first=False, out=3),
        title="確速 品別国別表 (輸入 1-2月：確報 , 3月：輸入9桁速報)2026年",
    )
    says_api(server, russia, api_error(1, ""))
    fetch(SOURCE, "2026-05-15", first="2026-01-01", ESTAT_APP_ID=KEY)
    assert [line(landing, f"2026-{month:02d}") for month in (1, 2, 3, 4)] == [
        (15_000, "kl", 1_000_000_000, "detailed"),
        (0, "kl", 0, "detailed"),
        (0, "kl", 0, "provisional"),
        None,
    ]
    # Condensate has no line at all: nil where a month is out.
    assert line(landing, "2026-03", CONDENSATE) == (0, "kl", 0, "provisional")
    assert line(landing, "2026-04", CONDENSATE) is None
    assert line(landing, "2026-04", LNG) is None


def test_without_a_word_on_stages_months_count_as_out_up_to_the_last_import(
    server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    gas = {month: GAS[month] for month in (1, 2)}
    lines = (api_line(CRUDE, "50224", {}, year=2026), api_line(LNG, "50224", gas, year=2026, unit="MT", first=False))
    says_api(server, api_answer(*lines, title="品別国別表 輸入"), api_error(1, ""))
    fetch(SOURCE, "2026-05-15", first="2026-01-01", ESTAT_APP_ID=KEY)
    assert [line(landing, f"2026-{month:02d}") for month in (2, 3)] == [(0, "kl", 0, None), None]


def test_further_pages_are_asked_for(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    gas = api_line(LNG, "50224", GAS, unit="ＭＴ", first=False)
    server.says(f"{API}?cdArea=50224", api_answer(api_line(CRUDE, "50224", FEBRUARY), next_key=39))
    server.says(f"{API}?cdArea=50224&startPosition=39", api_answer(gas))
    server.says(API, api_error(1, ""))
    fetch(SOURCE, "2024-12-15", first="2023-01-01", ESTAT_APP_ID=KEY)
    assert line(landing, "2023-02") == (37_000, "kl", 2_125_000_000, "fixed")
    assert line(landing, "2023-02", LNG) == (600_000, "t", 70_000_000_000, "fixed")
    # What a page does not show, another one may: only a whole answer makes it nil.
    assert line(landing, "2023-02", CONDENSATE) is None
    documents = [snapshot.document for snapshot in landing.snapshots(SOURCE.name)]
    assert documents == ["Russia from 2021", "all origins from 2021", "Russia from 2021, value 39 on"]


def test_a_page_that_ends_within_a_line_is_not_used(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    torn = api_line(CRUDE, "50224", FEBRUARY)[:7]
    says_api(server, api_answer(torn, next_key=8), api_error(1, ""))
    fetch(SOURCE, "2024-12-15", first="2023-01-01", ESTAT_APP_ID=KEY)
    assert checks_failed(upstream.read(SOURCE, landing))[0] == "lines_whole"


def test_a_single_value_comes_without_a_list() -> None:
    (cell,) = estat.answer(api_answer([{"@cat01": CRUDE, "$": "1"}]).encode()).values
    assert cell == {"@cat01": CRUDE, "$": "1"}


def test_all_origins_are_summed_by_code(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    everywhere = api_answer(
        api_line(CRUDE, "50224", FEBRUARY),
        api_line(CRUDE, "50137", {2: (5_000_000, 360_000_000), 3: (4_000_000, 290_000_000)}),
        api_line(CONDENSATE, "50140", {2: (100_000, 7_000_000)}),
        api_line(LNG, "50224", GAS, unit="ＭＴ", first=False),
    )
    says_api(server, Reply(status=403), everywhere)
    fetch(SOURCE, "2024-12-15", first="2023-01-01", ESTAT_APP_ID=KEY)
    sums = table(landing, "japan_customs_all_origins").filter(month="2023-02").sort("hs_code")
    assert sums.select("hs_code", "quantity", "quantity_unit", "value_jpy").rows() == [
        (CONDENSATE, 100_000, "kl", 7_000_000_000),
        (CRUDE, 5_037_000, "kl", 362_125_000_000),
        (LNG, 600_000, "t", 70_000_000_000),
    ]


# --- the files


def test_without_a_key_the_listing_leads_to_the_file_of_each_year(
    server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    server.says(FILES, listing("00350300", "2022-12", "2023-07", "2023-12", "2024-09"))
    for month, number in (("2023-12", 23), ("2024-09", 24)):
        other = ("1部　01-05類 統計品別国別表 (輸入 1-12月：確定)", f"{number + 70:012d}")
        heading = TITLE if month == "2023-12" else "5部　25-27類 統計品別国別表 (輸入 1-8月：確報、9月：輸入9桁速報)"
        at = f"{FILES}?year={month[:4]}0&month={month_code(int(month[5:]))}"
        server.says(at, page(other, (heading, f"{number:012d}")))
    nine = {month: GAS[month] for month in range(1, 10)}
    server.says(f"{DOWNLOAD}?statInfId={23:012d}&fileKind=1", YEAR)
    server.says(f"{DOWNLOAD}?statInfId={24:012d}&fileKind=1", csv_file(csv_line(LNG, "224", "", "MT", nine, year=2024)))
    fetch(SOURCE, "2024-10-31", first="2023-01-01")
    assert line(landing, "2023-02") == (37_000, "kl", 2_125_000_000, "fixed")
    assert line(landing, "2024-08") == (0, "kl", 0, "detailed")
    assert line(landing, "2024-09") == (0, "kl", 0, "provisional")
    assert line(landing, "2024-10") is None
    asked = [(one.path, one.query.get("year"), one.query.get("statInfId")) for one in server.asked]
    assert asked == [
        (FILES, None, None),
        (FILES, ["20230"], None),
        (FILES, ["20240"], None),
        (DOWNLOAD, None, [f"{23:012d}"]),
        (DOWNLOAD, None, [f"{24:012d}"]),
    ]
    # The number of a file stands for its content: it is not asked for again, and another one is.
    server.asked.clear()
    at = f"{FILES}?year=20240&month={month_code(9)}"
    server.says(at, page(("5部　25-27類 統計品別国別表 (輸入 1-9月：確報)", f"{25:012d}")))
    server.says(f"{DOWNLOAD}?statInfId={25:012d}", csv_file(csv_line(LNG, "224", "", "MT", nine, year=2024)))
    fetch(SOURCE, "2024-11-30", first="2023-01-01")
    assert [one.query["statInfId"] for one in server.asked if one.path == DOWNLOAD] == [[f"{25:012d}"]]
    assert line(landing, "2024-09") == (0, "kl", 0, "detailed")


def test_a_file_may_end_with_the_newest_month(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    # Six columns of the line, three of the year, three of each month to March.
    short = [",".join(row.split(",")[: 6 + 3 + 9]) for row in YEAR.splitlines()[:2]]
    fetch_file(server, fetch, "\r\n".join([*short, ""]), "5部　25-27類 (輸入 1-2月：確報、3月：輸入9桁速報)")
    assert line(landing, "2023-02") == (37_000, "kl", 2_125_000_000, "detailed")
    assert line(landing, "2023-03") == (0, "kl", 0, "provisional")
    assert line(landing, "2023-04") is None


def test_lines_of_one_code_are_added_up_and_condensate_stays_apart(
    server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    # The kilolitre may stand in either place.
    body = csv_file(
        csv_line(CRUDE, "224", "KL", "  ", {2: (30_000, 1_700_000)}),
        csv_line(CRUDE, "224", "  ", "KL", {2: (7_000, 425_000)}),
        csv_line(CONDENSATE, "224", "KL", "  ", {2: (1_000, 60_000)}),
        csv_line("271012180", "224", "KL", "KG", {2: (500, 40_000)}),
        csv_line(CRUDE, "224", "KL", "  ", {2: (9, 9)}, flow=1),
        header=csv_header().replace("Apr", "Apl"),
    )
    fetch_file(server, fetch, body)
    assert line(landing, "2023-02") == (37_000, "kl", 2_125_000_000, "fixed")
    assert line(landing, "2023-02", CONDENSATE) == (1_000, "kl", 60_000_000, "fixed")
    assert line(landing, "2023-02", "271012180") == (500, "kl", 40_000_000, "fixed")


def test_a_file_without_countries_gives_sums_only(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    lines = (
        csv_line(CRUDE, None, "KL", "  ", {1: (12_000_000, 880_000_000)}),
        csv_line(LNG, None, "  ", "MT", {1: (6_500_000, 700_000_000)}),
    )
    fetch_file(server, fetch, csv_file(*lines, header=csv_header(by_country=False)))
    assert table(landing).is_empty()
    sums = table(landing, "japan_customs_all_origins").filter(month="2023-01").sort("hs_code")
    assert sums.select("hs_code", "quantity", "unit_value_jpy").rows() == [
        (CRUDE, 12_000_000, pytest.approx(73_333.33, abs=0.01)),
        (LNG, 6_500_000, pytest.approx(107_692.31, abs=0.01)),
    ]


Change = Callable[[str], str]


@pytest.mark.parametrize(
    ("change", "check"),
    [
        pytest.param(lambda text: text.replace("Value-Feb", "Amount-Feb"), "columns_as_expected", id="column renamed"),
        pytest.param(
            lambda text: "\r\n".join(row + (",Note" if at == 0 else ",") for at, row in enumerate(text.splitlines())),
            "columns_as_expected",
            id="column added",
        ),
        pytest.param(lambda text: text.replace(",KL,", ",MT,"), "unit_as_expected", id="other unit"),
        pytest.param(lambda text: text.replace("\r\n2,", "\r\n1,"), "lines_as_expected", id="exports"),
        pytest.param(lambda text: text[: text.index("'271111000'") - 40], "year_adds_up", id="cut within a line"),
        pytest.param(
            lambda text: text.replace(",0,37000,0,2125000", ",0,0,37000,2125000"), "year_adds_up", id="cells moved"
        ),
        pytest.param(lambda text: text.replace(",37000,", ',"37.000,5",'), "readable", id="decimal comma"),
        pytest.param(lambda _: "<!DOCTYPE html><p>Maintenance</p>", "not_a_web_page", id="web page"),
        pytest.param(lambda text: text.splitlines()[0] + "\r\n", "lines_as_expected", id="header only"),
    ],
)
def test_a_file_that_is_not_what_it_was_is_set_aside_whole(
    change: Change, check: str, server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    fetch_file(server, fetch, YEAR)
    assert change(YEAR) != YEAR
    fetch_file(server, fetch, change(YEAR), number=2)
    assert checks_failed(upstream.read(SOURCE, landing)) == [None] * 4 + [check]
    assert line(landing, "2023-02") == (37_000, "kl", 2_125_000_000, "fixed")


def test_a_listing_that_leads_nowhere_is_named(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(FILES, "<html><body>ただいまメンテナンス中です</body></html>")
    fetch(SOURCE, "2024-12-15", first="2023-01-01")
    assert checks_failed(upstream.read(SOURCE, landing)) == ["listing_as_expected"]


def test_a_file_that_broke_off_is_asked_for_again(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    fetch_file(server, fetch, YEAR[: len(YEAR) // 2])
    assert line(landing, "2023-02") is None
    fetch_file(server, fetch, YEAR)
    assert line(landing, "2023-02") == (37_000, "kl", 2_125_000_000, "fixed")


# --- time


def test_a_revision_is_a_new_version_and_counts_from_the_day_its_stage_was_out(
    server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    fetch_file(server, fetch, YEAR, "5部　25-27類 (輸入 1-12月：確々報)", number=1)
    fetch_file(server, fetch, YEAR.replace("2125000", "2126000"), number=2)
    lines = upstream.read(SOURCE, landing).tables["japan_customs_lines"].filter(month="2023-02", hs_code=CRUDE)
    assert lines.select("value", "stage", "is_latest").rows() == [
        (2_125_000_000, "revised", False),
        (2_126_000_000, "fixed", True),
    ]
    # Revised figures of a year are out in March of the next; what came then was fetched only now.
    assert lines["known_on"].to_list() == [dt.date(2024, 3, 31), dt.datetime.now(dt.UTC).date()]
    assert line(landing, "2023-02", as_of="2024-04-01") == (37_000, "kl", 2_125_000_000, "revised")
    assert line(landing, "2023-02", as_of="2024-03-30") is None


@pytest.mark.parametrize(
    ("stage", "known_on"),
    [("輸入9桁速報", "2023-03-31"), ("確報", "2023-04-30"), ("確々報", "2024-03-31"), ("確定", "2024-11-30")],
)
def test_stages_come_out_by_the_calendar_of_the_customs(
    stage: str, known_on: str, server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    fetch_file(server, fetch, YEAR, f"5部　25-27類 (輸入 1-12月：{stage})")
    (told,) = table(landing).filter(month="2023-02", hs_code=CRUDE)["known_on"]
    assert told == dt.date.fromisoformat(known_on)


@pytest.mark.parametrize(
    ("title", "stages"),
    [
        (
            "確速 概況品別国別表 (輸入 1-12月：確々報)2021年 ,  (輸入 1-3月：確報 , 4月：輸入9桁速報)2022年",
            {"2021-01": "revised", "2021-12": "revised", "2022-03": "detailed", "2022-04": "provisional"},
        ),
        (
            "Commodity by Country (Import Jan-Feb:Detailed, Mar:9-digit Provisional) Section V Chapter 25-27",
            {"2022-01": "detailed", "2022-02": "detailed", "2022-03": "provisional"},
        ),
        ("Commodity by Country (Import Jan-Dec:Fixed) 2021-2022", {"2021-01": "fixed", "2022-12": "fixed"}),
        ("2026年7月分 統計品別表", {}),
    ],
)
def test_stages_are_read_from_titles(title: str, stages: dict[str, str]) -> None:
    years = ["2022"] if "Section V" in title else ["2021", "2022"]
    found = japan_customs._stages(title, years)
    assert {month: found[month] for month in stages} == stages
    assert "2022-05" not in found or "Jan-Dec" in title


def test_the_month_before_last_should_be_out() -> None:
    assert SOURCE.newest_expected(dt.date(2026, 11, 22)) == dt.date(2026, 9, 30)
    assert SOURCE.newest_expected(dt.date(2026, 1, 1)) == dt.date(2025, 11, 30)


# --- the real series of all origins


def test_the_real_series_of_all_origins(landing: Landing, tmp_path: Path) -> None:
    real = real_file("japan_customs_crude_cif_all_origins_monthly.csv")
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / real.name).write_bytes(real.read_bytes())
    upstream.take_files(SOURCE, landing, folder)
    sums = table(landing, "japan_customs_all_origins")
    with real.open(encoding="utf-8") as rows:
        # 185,012.0 x 10,000 kl in 138 months without a gap, at 53,487.14 yen on average.
        published = [(float(row["quantity_10000kl"]), float(row["cif_yen_per_kl"])) for row in csv.DictReader(rows)]
    assert (sums.height, sums["month"].min(), sums["month"].max()) == (138, "2015-01", "2026-06")
    assert sums["quantity"].sum() == pytest.approx(1_850_120_000) == sum(quantity for quantity, _ in published) * 10_000
    mean = (sums["unit_value_jpy"] * sums["quantity"]).sum() / sums["quantity"].sum()
    assert mean == pytest.approx(53_487.14, abs=0.01)
    # April and May 2026 stand at 4.5 and 4.7 million kl: not whole yet.
    assert japan_customs.partial_months(sums)["month"].to_list() == ["2026-04", "2026-05"]
    (quirk,) = SOURCE.quirks["japan_customs_all_origins"]
    every_version = upstream.read(SOURCE, landing).tables["japan_customs_all_origins"]
    assert quirk.failing(every_version)["month"].to_list() == ["2026-04", "2026-05"]


def test_a_year_of_the_api_holds_what_its_file_holds(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    fetch_file(server, fetch, YEAR)
    of_file = table(landing).drop("fetched_at", "last_seen_at", "document", "sha256")
    answer = api_answer(api_line(CRUDE, "50224", FEBRUARY), api_line(LNG, "50224", GAS, unit="ＭＴ", first=False))
    says_api(server, answer, api_error(1, ""))
    fetch(SOURCE, "2024-12-15", first="2023-01-01", ESTAT_APP_ID=KEY)
    reading = upstream.read(SOURCE, landing)
    assert reading.snapshots["document"].to_list()[-2:] == ["Russia from 2021", "all origins from 2021"]
    # The same figures by another way are no new versions.
    assert (
        reading.tables["japan_customs_lines"]
        .filter("is_latest")
        .drop("fetched_at", "last_seen_at", "document", "sha256")
        .equals(of_file)
    )
    assert json.loads(answer)["GET_STATS_DATA"]["RESULT"]["STATUS"] == 0
