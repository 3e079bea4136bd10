"""UN Comtrade with the user's key.

Shape of the answers: as public clients of the interface keep them. Figures are made up: the terms of the data forbid to
pass it on.
"""

import datetime as dt
import json
from typing import Any

import polars as pl
import pytest

from pipelines.sources import upstream
from pipelines.sources.publishers import comtrade
from pipelines.sources.publishers.comtrade import SOURCE
from pipelines.sources.snapshots import Landing
from pipelines.sources.upstream import Plan, SourceFault
from tests.publisher_server import Publisher, Reply
from tests.sources.conftest import Fetch, checks_failed

PATH = "/comtradeapi.un.org/data/v1/get/C/M/HS"
KEY = "canary-5f3a9c"


def record(**facts: Any) -> dict[str, Any]:
    """A record as it comes: India, crude from Russia, May 2023, 7,000,000 t for 3.5 billion USD, all modes together."""
    return {
        "typeCode": "C", "freqCode": "M", "refPeriodId": 20230501, "refYear": 2023, "refMonth": 5, "period": "202305",
        "reporterCode": 699, "reporterISO": "IND", "reporterDesc": None, "flowCode": "M", "flowDesc": None,
        "partnerCode": 643, "partnerISO": "RUS", "partnerDesc": None, "partner2Code": 0, "partner2ISO": "W00",
        "classificationCode": "H6", "classificationSearchCode": "HS", "isOriginalClassification": True,
        "cmdCode": "270900", "cmdDesc": None, "aggrLevel": 6, "isLeaf": True, "customsCode": "C00", "mosCode": "0",
        "motCode": 0, "qtyUnitCode": 8, "qty": 7_000_000_000, "isQtyEstimated": False, "netWgt": 7_000_000_000,
        "isNetWgtEstimated": False, "grossWgt": None, "isGrossWgtEstimated": False, "cifvalue": 3_500_000_000.5,
        "fobvalue": None, "primaryValue": 3_500_000_000.5, "legacyEstimationFlag": 0, "isReported": True,
        "isAggregate": False,
    } | facts  # fmt: skip


def answer(*records: dict[str, Any], **envelope: Any) -> str:
    whole = {"elapsedTime": "0.21 secs", "count": len(records), "data": list(records), "error": ""}
    return json.dumps(whole | envelope)


def part(share: float, **facts: Any) -> dict[str, Any]:
    """A part of the record: a share of its mass and value, with other codes."""
    whole = record()
    names = ("netWgt", "qty", "cifvalue", "primaryValue")
    return record(**{name: whole[name] * share for name in names}, **facts)


def lines_of(body: str, document: str = "IN 2023") -> pl.DataFrame:
    return upstream._frames(SOURCE, document, body.encode())["comtrade_lines"]


def read(landing: Landing) -> pl.DataFrame:
    return upstream.read(SOURCE, landing).tables["comtrade_lines"]


def test_a_line_of_an_importer(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(PATH, answer(record()), answer())
    fetch(SOURCE, "2023-12-31", first="2023-01-01", COMTRADE_API_KEY=KEY)
    (line,) = read(landing).to_dicts()
    assert {name: line[name] for name in comtrade.COMTRADE_LINES.polars_schema()} == {
        "importer_country": "IN",
        "origin_country": "RU",
        "consigned_from_country": None,
        "month": "2023-05",
        "hs_code": "270900",
        "transport_mode": None,
        "quantity": 7_000_000_000,
        "quantity_unit": "kg",
        "net_mass_kg": 7_000_000_000,
        "value": 3_500_000_000.5,
        "currency": "USD",
        "valuation": "CIF",
        "stage": None,
        "is_confidential": False,
    }


def test_what_is_asked_for(server: Publisher, fetch: Fetch) -> None:
    server.says(PATH, answer())
    fetch(SOURCE, "2023-03-15", first="2022-06-01", COMTRADE_API_KEY=KEY)
    india = [asked for asked in server.asked if asked.query["reporterCode"] == ["699"]]
    assert [asked.query["period"][0].split(",")[-1] for asked in india] == ["202212", "202302"]
    assert {len(asked.query["period"][0].split(",")) for asked in india} == {12, 2}
    query = {name: values[0] for name, values in india[0].query.items() if name not in ("period", "reporterCode")}
    assert query == {
        "partnerCode": "643,398",
        "cmdCode": "270900,271012,271019,271020",
        "flowCode": "M",
        "customsCode": "C00",
        "breakdownMode": "plus",
        "maxRecords": "100000",
        "subscription-key": KEY,
    }
    asked_for = {asked.query["reporterCode"][0] for asked in server.asked}
    assert {"699", "156", "792", "276"} <= asked_for  # India, China, Türkiye, Germany
    assert "643" not in asked_for


def test_a_day_stays_below_the_calls_of_a_free_key() -> None:
    plan = Plan(dt.date(2021, 12, 1), dt.date(2026, 11, 22))
    asked = list(SOURCE.requests(plan))
    assert len(asked) < 500
    assert {request.document[-4:] for request in asked if not request.is_settled} == {"2024", "2025", "2026"}


def test_the_key_stays_out_of_everything_that_is_kept(
    server: Publisher, fetch: Fetch, landing: Landing, caplog: pytest.LogCaptureFixture
) -> None:
    server.says(PATH, answer(record()), Reply(b'{"statusCode": 401, "message": "Access denied"}', status=401))
    with caplog.at_level(0):
        fetch(SOURCE, "2023-03-15", first="2022-06-01", COMTRADE_API_KEY=KEY)
    assert server.asked[0].query["subscription-key"] == [KEY]
    kept = "".join(path.read_bytes().decode("latin-1") for path in landing.folder.rglob("*") if path.is_file())
    assert KEY not in kept + caplog.text
    (message,) = {entry.message for entry in landing.entries(SOURCE.name) if entry.outcome == "failed"}
    assert message == "127.0.0.1 answered with status 401: check the key"


def test_without_a_key_the_message_says_which_and_where(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    fetch(SOURCE, "2023-03-15", first="2022-06-01")
    assert server.asked == []
    (entry,) = landing.entries(SOURCE.name)
    assert entry.message == (
        "no key: set COMTRADE_API_KEY; get one at https://comtradedeveloper.un.org (free, product comtrade - v1)"
    )


def test_its_rows_must_not_be_passed_on(landing: Landing) -> None:
    row = upstream.freshness(SOURCE, landing, upstream.read(SOURCE, landing), dt.date(2023, 3, 15))
    assert (row["is_redistributable"], row["attribution"]) == (False, "Source: UN Comtrade")


def test_nothing_reported_is_no_fault(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(PATH, answer())
    fetch(SOURCE, "2023-03-15", first="2023-01-01", COMTRADE_API_KEY=KEY)
    reading = upstream.read(SOURCE, landing)
    assert set(checks_failed(reading)) == {None}
    assert reading.tables["comtrade_lines"].height == 0


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        pytest.param("{}", "answer_is_whole", id="no list of records"),
        pytest.param("null", "answer_is_whole", id="None, as one client gives it"),
        pytest.param(answer(data=None), "answer_is_whole", id="null instead of records"),
        pytest.param(answer(record(), count=2), "answer_is_whole", id="fewer than announced"),
        pytest.param(answer(error="maintenance"), "answer_is_whole", id="an error beside an empty list"),
        pytest.param('{"message": "Out of call volume quota"}', "answer_is_whole", id="quota"),
        pytest.param(answer(record()).replace("primaryValue", "tradeValue"), "columns_as_expected", id="renamed"),
        pytest.param(answer(record())[:-40], "readable", id="cut short"),
        pytest.param(answer(record(netWgt="7 000 t")), "readable", id="unit in the figure"),
        pytest.param(answer(record(netWgt=7e9, primaryValue=-1, cifvalue=-1)), "keeps_contract: at_least", id="minus"),
        pytest.param(answer(record(reporterCode=999)), "codes_as_expected", id="unknown reporter"),
        pytest.param(answer(record(period="2023")), "keeps_contract: pattern", id="a year as period"),
        pytest.param("<html>busy</html>", "not_a_web_page", id="web page"),
    ],
)
def test_an_answer_that_is_not_whole_is_refused_by_name(bad: str, check: str) -> None:
    with pytest.raises(SourceFault) as fault:
        lines_of(bad)
    assert fault.value.check == check


def test_a_preview_that_was_cut_off_is_refused() -> None:
    months = [f"{2000 + n // 12}{n % 12 + 1:02d}" for n in range(500)]
    body = answer(*(record(period=month) for month in months))
    with pytest.raises(SourceFault, match="cut off after 500 records"):
        lines_of(body, "file preview.json")
    assert lines_of(body).height == 500


def test_a_refused_answer_leaves_the_last_good_one(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    plan = Plan(dt.date(2023, 1, 1), dt.date(2023, 2, 15))
    everybody = len(list(SOURCE.requests(plan)))
    server.says(PATH, answer(record()))
    fetch(SOURCE, "2023-02-15", first="2023-01-01", COMTRADE_API_KEY=KEY)
    server.says(PATH, answer(data=None))
    fetch(SOURCE, "2023-02-15", first="2023-01-01", COMTRADE_API_KEY=KEY)
    reading = upstream.read(SOURCE, landing)
    assert checks_failed(reading) == [None] * everybody + ["answer_is_whole"] * everybody
    assert reading.tables["comtrade_lines"].filter("is_latest").height == 1


def test_a_revision_is_a_new_version(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    for body in (answer(record()), answer(part(1.1))):
        server.says(PATH, body)
        fetch(SOURCE, "2023-02-15", first="2023-01-01", COMTRADE_API_KEY=KEY)
    versions = read(landing)
    assert versions["net_mass_kg"].round(0).to_list() == [7_000_000_000, 7_700_000_000]
    assert versions["is_latest"].to_list() == [False, True]


# --- breakdowns


def test_modes_take_the_place_of_the_total() -> None:
    rows = lines_of(answer(record(), part(0.75, motCode=2100), part(0.25, motCode=9110))).sort("transport_mode")
    assert rows.select("transport_mode", "net_mass_kg").rows() == [
        ("pipeline", 1_750_000_000),
        ("sea", 5_250_000_000),
    ]


def test_modes_that_do_not_add_up_leave_the_total() -> None:
    # Water counts the sea again: together the modes come to 1.75 times the total.
    rows = lines_of(answer(record(), part(0.75, motCode=2000), part(0.75, motCode=2100), part(0.25, motCode=9110)))
    assert rows.select("transport_mode", "net_mass_kg").rows() == [(None, 7_000_000_000)]


def test_a_mode_that_leaves_open_which_is_unknown() -> None:
    rows = lines_of(answer(record(), part(1, motCode=9900)))
    assert rows["transport_mode"].to_list() == ["unknown"]


def test_consignment_is_kept_and_counts_once() -> None:
    rows = lines_of(
        answer(
            record(partnerCode=398),
            part(0.6, partnerCode=398, partner2Code=643),
            part(0.4, partnerCode=398, partner2Code=268),
        )
    ).sort("consigned_from_country")
    assert rows.select("origin_country", "consigned_from_country", "net_mass_kg").rows() == [
        ("KZ", "GE", 2_800_000_000),
        ("KZ", "RU", 4_200_000_000),
    ]


def test_the_finest_breakdown_is_by_mode_and_consignment() -> None:
    rows = lines_of(
        answer(
            record(),
            part(1, motCode=2100),
            part(1, partner2Code=643),
            part(0.5, motCode=2100, partner2Code=643),
            part(0.5, motCode=2100, partner2Code=899),  # areas not specified
        )
    )
    assert rows.select("transport_mode", "consigned_from_country").rows(named=False) == [("sea", "RU"), ("sea", None)]
    assert rows["net_mass_kg"].sum() == 7_000_000_000


def test_each_month_and_code_has_a_breakdown_of_its_own() -> None:
    june = {"period": "202306"}
    rows = lines_of(answer(record(), part(1, motCode=2100), record(**june), record(cmdCode="271019", **june)))
    assert rows.sort("month", "hs_code").select("month", "hs_code", "transport_mode").rows() == [
        ("2023-05", "270900", "sea"),
        ("2023-06", "270900", None),
        ("2023-06", "271019", None),
    ]


def test_a_mass_estimated_from_the_value_is_no_quantity() -> None:
    (line,) = lines_of(answer(record(isNetWgtEstimated=True))).to_dicts()
    assert (line["quantity"], line["net_mass_kg"], line["value"]) == (None, None, 3_500_000_000.5)


def test_a_mass_of_zero_is_one_that_was_not_reported() -> None:
    assert lines_of(answer(record(netWgt=0)))["quantity"].to_list() == [None]


def test_imports_reported_free_on_board_say_so() -> None:
    (line,) = lines_of(answer(record(cifvalue=None, fobvalue=3.1e9, primaryValue=3.1e9))).to_dicts()
    assert (line["value"], line["valuation"]) == (3.1e9, "FOB")


def test_exports_other_procedures_and_other_oil_are_left_out() -> None:
    others = [record(flowCode="X"), record(customsCode="C04"), record(cmdCode="271111"), record(partnerCode=364)]
    assert lines_of(answer(*others)).height == 0


def test_kazakh_oil_through_russia_is_pointed_out() -> None:
    (quirk,) = SOURCE.quirks["comtrade_lines"]
    kazakh = record(partnerCode=398, partner2Code=643, reporterCode=276)
    rows = lines_of(answer(record(partner2Code=643), kazakh)).with_columns(is_latest=pl.lit(True))
    assert quirk.failing(rows).select("importer_country", "origin_country").rows() == [("DE", "KZ")]
