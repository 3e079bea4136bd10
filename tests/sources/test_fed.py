"""Monthly exchange rates of the Federal Reserve, as FRED relays them and as packaged copies."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from pytest import approx

from pipelines.sources import upstream
from pipelines.sources.publishers import fed
from pipelines.sources.snapshots import Landing
from tests.publisher_server import Publisher
from tests.sources.conftest import Fetch, checks_failed, real_file

PATH = "/fred.stlouisfed.org/graph/fredgraph.csv"
# Dollars for one euro and one pound, yen and won for one dollar.
SERIES = """\
observation_date,EXUSEU,EXUSUK,EXJPUS,EXKOUS
2026-05-01,1.1681,1.3497,158.1530,
2026-06-01,1.1515,1.3338,160.7700,1529.4619
"""
COPY = """\
Date,Country,Exchange rate
2026-05-01,Euro,0.8561
2026-06-01,Euro,0.8684
1998-12-01,Germany,1.6698
2026-06-01,Hong Kong,7.7956
1980-01-01,China,
"""


def read(landing: Landing, as_of: str | None = None) -> upstream.Reading:
    return upstream.read(fed.SOURCE, landing, dt.date.fromisoformat(as_of) if as_of else None)


def in_force(landing: Landing, as_of: str | None = None) -> dict[tuple[str, str], float]:
    frame = upstream.latest(read(landing, as_of).tables["fed_exchange_rates"])
    return {(month, currency): rate for month, currency, rate in frame.iter_rows()}


def put(landing: Landing, tmp_path: Path, body: bytes) -> upstream.Reading:
    (tmp_path / "files").mkdir(exist_ok=True)
    (tmp_path / "files" / "monthly.csv").write_bytes(body)
    upstream.take_files(fed.SOURCE, landing, tmp_path / "files")
    return read(landing)


def test_every_rate_becomes_units_for_one_dollar(landing: Landing, tmp_path: Path) -> None:
    assert checks_failed(put(landing, tmp_path, SERIES.encode())) == [None]
    assert in_force(landing) == {
        ("2026-05", "EUR"): approx(1 / 1.1681), ("2026-05", "GBP"): approx(1 / 1.3497), ("2026-05", "JPY"): 158.1530,
        ("2026-06", "EUR"): approx(0.8684, abs=5e-5), ("2026-06", "GBP"): approx(0.7497, abs=5e-5),
        ("2026-06", "JPY"): 160.7700, ("2026-06", "KRW"): 1529.4619,
    }  # fmt: skip


def test_one_document_per_currency_is_asked_for(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(PATH, *(f"observation_date,{series}\n2026-06-01,1.25\n" for series in fed.FETCHED))
    fetch(fed.SOURCE, "2026-08-26", first="2026-01-15")
    assert [(asked.query["id"], asked.query["cosd"]) for asked in server.asked] == [
        ([series], ["2026-01-01"]) for series in fed.FETCHED
    ]
    # The regimes' currencies, and those of large importers.
    assert {currency for _, currency in in_force(landing)} == {
        "AUD", "CAD", "CHF", "CNY", "EUR", "GBP", "INR", "JPY", "KRW", "NOK", "NZD",
    }  # fmt: skip
    # 1.25 dollars for one euro; 1.25 Canadian dollars for one dollar.
    assert (in_force(landing)["2026-06", "EUR"], in_force(landing)["2026-06", "CAD"]) == (0.8, 1.25)


def test_copies_have_one_direction_and_old_currencies_are_left_out(landing: Landing, tmp_path: Path) -> None:
    assert checks_failed(put(landing, tmp_path, COPY.encode())) == [None]
    assert in_force(landing) == {("2026-05", "EUR"): 0.8561, ("2026-06", "EUR"): 0.8684, ("2026-06", "HKD"): 7.7956}


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        pytest.param(SERIES.replace("EXUSEU", "DEXUSEU"), "columns_as_expected", id="series renamed"),
        pytest.param(SERIES.replace("2026-06-01", "2026-06-02"), "period_as_expected", id="days"),
        pytest.param(SERIES.replace("160.7700", "-160.77"), "keeps_contract: above", id="below zero"),
        pytest.param(SERIES[: SERIES.index("-06-01") + 3], "not_cut_off", id="cut short"),
        pytest.param(COPY.replace("Exchange rate", "Rate"), "columns_as_expected", id="column renamed"),
        pytest.param(COPY.replace("rate\n", "rate,Note\n", 1), "columns_as_expected", id="column new"),
        pytest.param(COPY.replace("Hong Kong", "Atlantis"), "countries_as_expected", id="unknown country"),
        pytest.param("<html><body>Access denied</body></html>", "not_a_web_page", id="web page"),
    ],
)
def test_a_bad_document_is_named(bad: str, check: str, landing: Landing, tmp_path: Path) -> None:
    assert checks_failed(put(landing, tmp_path, bad.encode())) == [check]


@pytest.mark.parametrize(
    ("country", "rate", "is_wrong"),
    [("Japan", 160.77, False), ("Japan", 1 / 160.77, True), ("Euro", 0.8684, False), ("Euro", 1.31, True),
     ("Japan", 74.9, True), ("Japan", 75.0, False), ("Switzerland", 0.0002, False)],
)  # fmt: skip
def test_the_wrong_way_round(country: str, rate: float, is_wrong: bool, landing: Landing, tmp_path: Path) -> None:
    reading = put(landing, tmp_path, f"Date,Country,Exchange rate\n2026-06-01,{country},{rate}\n".encode())
    quirk = fed.SOURCE.quirks["fed_exchange_rates"][0]
    assert quirk.name == "rates_the_right_way_round"
    assert quirk.failing(reading.tables["fed_exchange_rates"]).height == is_wrong


def test_the_yen_of_fixed_rates_is_not_the_wrong_way_round(landing: Landing, tmp_path: Path) -> None:
    reading = put(landing, tmp_path, b"observation_date,EXJPUS\n1971-01-01,358.0200\n")
    assert fed.SOURCE.quirks["fed_exchange_rates"][0].failing(reading.tables["fed_exchange_rates"]).height == 0


def test_a_mean_is_known_a_week_after_its_month(landing: Landing, tmp_path: Path) -> None:
    put(landing, tmp_path, b"observation_date,EXJPUS\n2023-02-01,133.0463\n")
    assert in_force(landing, "2023-03-06") == {}
    assert in_force(landing, "2023-03-07") == {("2023-02", "JPY"): 133.0463}


def test_the_mean_of_the_last_month_is_expected_after_a_week() -> None:
    assert fed.SOURCE.newest_expected(dt.date(2026, 11, 7)) == dt.date(2026, 9, 30)
    assert fed.SOURCE.newest_expected(dt.date(2026, 11, 8)) == dt.date(2026, 10, 31)


def test_the_real_copy(landing: Landing, tmp_path: Path) -> None:
    """Rows and sum of the file, added up with Python's own csv module; June 2026 as in the table of the releases."""
    reading = put(landing, tmp_path, real_file("fred_h10_fx_monthly_2021-12_2026-06.csv"))
    rates = upstream.latest(reading.tables["fed_exchange_rates"])
    assert (rates.height, rates["currency"].n_unique(), rates["month"].n_unique()) == (550, 10, 55)
    assert round(rates["units_per_usd"].sum(), 4) == 88_480.7818
    june = rates.filter(pl.col("month") == "2026-06", pl.col("currency").is_in(["EUR", "GBP", "JPY"])).sort("currency")
    assert june["units_per_usd"].to_list() == [0.8684, 0.7497, 160.77]
    assert fed.SOURCE.quirks["fed_exchange_rates"][0].failing(reading.tables["fed_exchange_rates"]).height == 0
