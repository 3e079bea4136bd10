"""Spot prices of the US Energy Information Administration: answers of its API, and packaged copies."""

import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.sources import upstream
from pipelines.sources.publishers import eia
from pipelines.sources.snapshots import Landing
from tests.publisher_server import Publisher, Reply
from tests.sources.conftest import Fetch, checks_failed, real_file

PATH = "/api.eia.gov/v2/petroleum/pri/spt/data/"
KEY = "canary/4f9a+C0ffee"
DAILY, MONTHLY = "eia_spot_prices_daily", "eia_spot_prices_monthly"
BRENT = {
    "duoarea": "ZEU",
    "area-name": "NA",
    "product": "EPCBRENT",
    "product-name": "UK Brent Crude Oil",
    "process": "PF4",
    "process-name": "Spot Price FOB",
    "series": "RBRTE",
    "series-description": "Europe Brent Spot Price FOB (Dollars per Barrel)",
}
WTI = BRENT | {
    "duoarea": "YCUOK",
    "product": "EPCWTI",
    "product-name": "WTI Crude Oil",
    "series": "RWTC",
    "series-description": "Cushing, OK WTI Spot Price FOB (Dollars per Barrel)",
}


def answer(*rows: tuple[str, Any], of: dict[str, str] = BRENT, frequency: str = "daily", units: str = "$/BBL") -> str:
    """An answer of the API, which prints the request back, with the key in it; `total` is that of the whole series."""
    data = [{"period": period, **of, "value": value, "units": units} for period, value in rows]
    form = "YYYY-MM-DD" if frequency == "daily" else "YYYY-MM"
    return json.dumps(
        {
            "response": {"total": "9978", "dateFormat": form, "frequency": frequency, "data": data},
            "request": {"command": "/v2/petroleum/pri/spt/data/", "params": {"api_key": KEY, "frequency": frequency}},
            "apiVersion": "2.1.13",
        }
    )


# The last days of August 2026 in the packaged copy; 2026-08-15 and 16 were a weekend.
BRENT_DAYS = answer(("2026-08-14", "92.02"), ("2026-08-17", "92.43"), ("2026-08-18", "95.29"))
BRENT_MONTHS = answer(("2026-06", "85.4"), ("2026-07", "83.76"), frequency="monthly")
WTI_DAYS = answer(("2026-08-17", 86.04), ("2026-08-18", "86.48"), ("2026-08-19", None), of=WTI)
WTI_MONTHS = answer(("2026-07", "80.46"), of=WTI, frequency="monthly")


def read(landing: Landing, as_of: str | None = None) -> upstream.Reading:
    return upstream.read(eia.SOURCE, landing, dt.date.fromisoformat(as_of) if as_of else None)


def in_force(landing: Landing, table: str = DAILY, as_of: str | None = None) -> list[tuple]:
    frame = upstream.latest(read(landing, as_of).tables[table])
    return [(str(period), benchmark, price) for period, benchmark, price in frame.iter_rows()]


def test_days_and_months_are_read_to_the_cent(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(PATH, BRENT_DAYS, BRENT_MONTHS, WTI_DAYS, WTI_MONTHS)
    fetch(eia.SOURCE, "2026-08-26", EIA_API_KEY=KEY)
    # A value is text, or a number; a missing one is no price, never 0.
    assert in_force(landing) == [
        ("2026-08-14", "brent", 92.02), ("2026-08-17", "brent", 92.43), ("2026-08-17", "wti", 86.04),
        ("2026-08-18", "brent", 95.29), ("2026-08-18", "wti", 86.48),
    ]  # fmt: skip
    assert in_force(landing, MONTHLY) == [
        ("2026-06", "brent", 85.4),
        ("2026-07", "brent", 83.76),
        ("2026-07", "wti", 80.46),
    ]
    days, months, *_ = server.asked
    assert days.query == {
        "frequency": ["daily"], "data[0]": ["value"], "facets[series][]": ["RBRTE"], "start": ["2025-12-01"],
        "end": ["2026-12-31"], "sort[0][column]": ["period"], "sort[0][direction]": ["asc"], "offset": ["0"],
        "length": ["5000"], "api_key": [KEY],
    }  # fmt: skip
    assert (months.query["frequency"], months.query["start"], "end" in months.query) == (
        ["monthly"],
        ["2026-01"],
        False,
    )


def test_full_pages_are_followed(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    days = [str(dt.date(2007, 1, 1) + dt.timedelta(days=number)) for number in range(5003)]
    page, rest = (answer(*((day, "60.5") for day in part)) for part in (days[:5000], days[5000:]))
    server.says(PATH, page, BRENT_MONTHS, WTI_DAYS, WTI_MONTHS, rest)
    fetch(eia.SOURCE, "2026-08-26", EIA_API_KEY=KEY)
    assert [asked.query["offset"] for asked in server.asked] == [["0"], ["0"], ["0"], ["0"], ["5000"]]
    assert [s.document for s in landing.snapshots(eia.SOURCE.name)][-1] == "RBRTE daily 2026 from row 5000"
    assert len([row for row in in_force(landing) if row[1] == "brent"]) == 5003


def test_the_key_is_on_no_disk_and_in_no_message(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    escaped = BRENT_MONTHS.replace(KEY, KEY.replace("/", r"\/"))
    server.says(PATH, BRENT_DAYS, escaped, Reply(status=403), Reply(KEY.encode(), status=500), Reply(status=500))
    fetch(eia.SOURCE, "2026-08-26", EIA_API_KEY=KEY)
    assert in_force(landing)[0] == ("2026-08-14", "brent", 92.02)
    kept = [path.read_bytes() for path in landing.folder.rglob("*") if path.is_file()]
    kept += [gzip.decompress(body) for body in kept if body.startswith(b"\x1f\x8b")]
    assert not any(b"C0ffee" in body for body in kept)
    assert sum(b'"api_key": "(key)"' in body for body in kept) == 2
    messages = [entry.message for entry in landing.entries(eia.SOURCE.name) if entry.outcome == "failed"]
    assert messages[0] == "127.0.0.1 answered with status 403: check the key"


def test_without_a_key_the_message_says_which_and_where(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    fetch(eia.SOURCE, "2026-08-26")
    (only,) = landing.entries(eia.SOURCE.name)
    assert only.message == "no key: set EIA_API_KEY; get one at https://www.eia.gov/opendata/register.php"
    assert server.asked == []


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        pytest.param(BRENT_DAYS.replace('"value"', '"price"'), "columns_as_expected", id="column renamed"),
        pytest.param(BRENT_DAYS.replace('"units"', '"note": "", "units"'), "columns_as_expected", id="column new"),
        pytest.param(BRENT_DAYS.replace("$/BBL", "$/GAL"), "unit_as_expected", id="other unit"),
        pytest.param(answer(("2026-08-14", "2.19")), "unit_as_expected", id="gallons without saying so"),
        pytest.param(answer(("2026-08-14", "671.7")), "unit_as_expected", id="tonnes without saying so"),
        pytest.param(BRENT_DAYS.replace("Price FOB", "Price CIF"), "basis_as_expected", id="other basis"),
        pytest.param(BRENT_DAYS.replace("RBRTE", "EER_EPJK"), "series_as_expected", id="other series"),
        pytest.param(
            BRENT_DAYS.replace('"frequency": "daily"', '"frequency": "weekly"'), "period_as_expected", id="weeks"
        ),
        pytest.param(answer(), "volume_in_band", id="no rows"),
        pytest.param('{"error": "Invalid request", "code": 400}', "answer_as_expected", id="error with status 200"),
        pytest.param(BRENT_DAYS[:300], "readable", id="cut short"),
        pytest.param("<html><body>Service Unavailable</body></html>", "not_a_web_page", id="web page"),
        pytest.param(BRENT_DAYS.replace("95.29", "95,29"), "readable", id="decimal comma"),
        pytest.param(BRENT_DAYS.replace("2026-08-18", "2026-08-17"), "keeps_contract: unique", id="day twice"),
    ],
)
def test_a_bad_answer_is_named_and_the_last_good_one_stays(
    bad: str, check: str, server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    good = [BRENT_DAYS, BRENT_MONTHS, WTI_DAYS, WTI_MONTHS]
    server.says(PATH, *good, bad, *good[1:])
    for _ in range(2):
        fetch(eia.SOURCE, "2026-08-26", EIA_API_KEY=KEY)
    assert checks_failed(read(landing)) == [None, None, None, None, check]
    assert ("2026-08-18", "brent", 95.29) in in_force(landing)


def test_a_revision_is_a_new_version_and_a_warning(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(
        PATH, BRENT_DAYS, BRENT_MONTHS, WTI_DAYS, WTI_MONTHS, BRENT_DAYS.replace("95.29", "95.31"), BRENT_MONTHS
    )
    for _ in range(2):
        fetch(eia.SOURCE, "2026-08-26", EIA_API_KEY=KEY)
    table = read(landing).tables[DAILY]
    printings = table.filter(benchmark="brent", price_date=dt.date(2026, 8, 18))
    assert printings["usd_per_bbl"].to_list() == [95.29, 95.31]
    assert printings["is_latest"].to_list() == [False, True]
    printings_agree, nothing_withdrawn = eia.SOURCE.quirks[DAILY]
    changed = printings_agree.failing(table)
    assert changed.select("price_date", "usd_per_bbl_before", "usd_per_bbl").rows() == [
        (dt.date(2026, 8, 18), 95.29, 95.31)
    ]
    assert nothing_withdrawn.failing(table).height == 0


def test_a_sudden_drop_is_a_warning(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    shorter = answer(("2026-08-14", "92.02"))
    server.says(PATH, BRENT_DAYS, BRENT_MONTHS, WTI_DAYS, WTI_MONTHS, shorter, BRENT_MONTHS, WTI_DAYS, WTI_MONTHS)
    for _ in range(2):
        fetch(eia.SOURCE, "2026-08-26", EIA_API_KEY=KEY)
    table = read(landing).tables[DAILY]
    gone = eia.SOURCE.quirks[DAILY][1].failing(table)
    assert gone["price_date"].to_list() == [dt.date(2026, 8, 17), dt.date(2026, 8, 18)]


def test_a_day_is_known_once_it_can_have_been_published(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(PATH, answer(("2023-03-01", "84.10")), answer(("2023-02", "82.59"), frequency="monthly"))
    fetch(eia.SOURCE, "2026-08-26", EIA_API_KEY=KEY)
    # Eight days after the day, or after the month.
    assert in_force(landing, DAILY, "2023-03-08") == []
    assert in_force(landing, DAILY, "2023-03-09") == [("2023-03-01", "brent", 84.1)]
    assert in_force(landing, MONTHLY, "2023-03-07") == []
    assert in_force(landing, MONTHLY, "2023-03-08") == [("2023-02", "brent", 82.59)]


def copies(landing: Landing, tmp_path: Path, **files: bytes) -> upstream.Reading:
    folder = tmp_path / "files"
    folder.mkdir()
    for name, body in files.items():
        (folder / f"{name}.csv").write_bytes(body)
    upstream.take_files(eia.SOURCE, landing, folder)
    return read(landing)


def test_packaged_copies_say_by_their_names_what_they_are(landing: Landing, tmp_path: Path) -> None:
    reading = copies(
        landing,
        tmp_path,
        brent_monthly=b"Date,Price\r\n2026-06-15,85.4\r\n2026-07-15,83.76\r\n",
        wti_daily=b"Date,Price\r\n2020-04-17,18.31\r\n2020-04-20,-36.98\r\n2020-04-21,8.91\r\n",
        prices=b"Date,Price\r\n2020-04-17,18.31\r\n",
        brent_daily_of_months=b"Date,Price\r\n2026-06-15,85.4\r\n2026-07-15,83.76\r\n",
        wti_monthly_of_days=b"Date,Price\r\n2020-04-17,18.31\r\n2020-04-20,19.98\r\n",
    )
    assert in_force(landing, MONTHLY) == [("2026-06", "brent", 85.4), ("2026-07", "brent", 83.76)]
    # The price of West Texas fell below zero that day.
    assert in_force(landing) == [
        ("2020-04-17", "wti", 18.31),
        ("2020-04-20", "wti", -36.98),
        ("2020-04-21", "wti", 8.91),
    ]
    assert checks_failed(reading) == ["period_as_expected", None, "series_as_expected", None, "keeps_contract: unique"]


def test_the_real_copies(landing: Landing, tmp_path: Path) -> None:
    """Rows, sums and ends of the files, added up with Python's own csv module."""
    names = ("eia_brent_daily", "eia_brent_monthly", "eia_wti_daily", "eia_wti_monthly")
    reading = copies(landing, tmp_path, **{name: real_file(f"{name}.csv") for name in names})
    assert checks_failed(reading) == [None] * 4
    days, months = (upstream.latest(reading.tables[table]) for table in (DAILY, MONTHLY))

    def totals(frame: pl.DataFrame, benchmark: str) -> tuple[int, float]:
        prices = frame.filter(benchmark=benchmark)["usd_per_bbl"]
        return len(prices), round(prices.sum(), 2)

    assert totals(days, "brent") == (9_958, 511_854.44)
    assert totals(days, "wti") == (10_226, 496_925.18)
    assert totals(months, "brent") == (471, 24_217.00)
    assert totals(months, "wti") == (487, 23_667.94)
    brent = days.filter(benchmark="brent").sort("price_date")
    assert (brent.row(0), brent.row(-1)) == (
        (dt.date(1987, 5, 20), "brent", 18.63),
        (dt.date(2026, 8, 18), "brent", 95.29),
    )
    assert months.filter(month="2026-07").sort("benchmark")["usd_per_bbl"].to_list() == [83.76, 80.46]
