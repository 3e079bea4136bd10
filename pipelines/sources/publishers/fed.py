"""Monthly exchange rates of the Federal Reserve (releases H.10 and G.5), as FRED relays them.

Fetched as the monthly series of each currency, which are the Reserve's own means of the noon rates in New York; read
from FRED's CSV, of one series or of several, and from `Date,Country,Exchange rate` tables, the form of the packaged
copies. Mind the direction: FRED quotes dollars for one unit of the currencies in `USD_PER_UNIT` and units for one
dollar of all others; the packaged copies quote units for one dollar throughout, whatever their readme says.
"""

import datetime as dt
from collections.abc import Iterable, Mapping

import polars as pl

from pipelines.contracts.market import FED_EXCHANGE_RATES
from pipelines.sources.publishers.fred import PAUSE_S, URL, observations
from pipelines.sources.upstream import (
    MONTH_END,
    Band,
    Document,
    Plan,
    Quirk,
    Request,
    Source,
    SourceFault,
    csv_table,
    month_over,
    require_columns,
    revised,
    withdrawn,
)

USD_PER_UNIT = {"EXUSAL": "AUD", "EXUSEU": "EUR", "EXUSNZ": "NZD", "EXUSUK": "GBP"}
UNITS_PER_USD = {
    "EXBZUS": "BRL",
    "EXCAUS": "CAD",
    "EXCHUS": "CNY",
    "EXDNUS": "DKK",
    "EXHKUS": "HKD",
    "EXINUS": "INR",
    "EXJPUS": "JPY",
    "EXKOUS": "KRW",
    "EXMAUS": "MYR",
    "EXMXUS": "MXN",
    "EXNOUS": "NOK",
    "EXSDUS": "SEK",
    "EXSFUS": "ZAR",
    "EXSIUS": "SGD",
    "EXSLUS": "LKR",
    "EXSZUS": "CHF",
    "EXTAUS": "TWD",
    "EXTHUS": "THB",
}
SERIES = {**USD_PER_UNIT, **UNITS_PER_USD}
# Of the regimes, and of large importers; files may hold any currency of `SERIES`.
FETCHED = (*USD_PER_UNIT, "EXCAUS", "EXCHUS", "EXINUS", "EXJPUS", "EXKOUS", "EXNOUS", "EXSZUS")
COUNTRIES = {
    "Australia": "AUD",
    "Brazil": "BRL",
    "Canada": "CAD",
    "China": "CNY",
    "Denmark": "DKK",
    "Euro": "EUR",
    "Hong Kong": "HKD",
    "India": "INR",
    "Japan": "JPY",
    "Malaysia": "MYR",
    "Mexico": "MXN",
    "New Zealand": "NZD",
    "Norway": "NOK",
    "Singapore": "SGD",
    "South Africa": "ZAR",
    "South Korea": "KRW",
    "Sri Lanka": "LKR",
    "Sweden": "SEK",
    "Switzerland": "CHF",
    "Taiwan": "TWD",
    "Thailand": "THB",
    "United Kingdom": "GBP",
}
# Their currencies went into the euro, or were replaced more than once: no rate of theirs is of use today.
LEFT_OUT = (
    *("Austria", "Belgium", "Finland", "France", "Germany", "Greece", "Ireland", "Italy"),
    *("Netherlands", "Portugal", "Spain", "Venezuela"),
)
# A monthly mean is out on the first business day after the month, and relayed within days of it.
PUBLICATION_LAG_DAYS = 7


def requests(plan: Plan) -> Iterable[Request]:
    """One document per currency."""
    for series in FETCHED:
        yield Request(series, URL, {"id": series, "cosd": plan.first.replace(day=1).isoformat()})


def read(_: Document, body: bytes) -> Mapping[str, pl.DataFrame]:
    """Rates of a FRED CSV or of a packaged copy."""
    rates = _copy(body) if body.lstrip(b"\xef\xbb\xbf").startswith(b"Date,") else _series(body)
    if (rates["day"].dt.day() != 1).any():
        raise SourceFault("period_as_expected", "rates of days instead of months")
    return {FED_EXCHANGE_RATES.name: rates.with_columns(month=pl.col("day").dt.strftime("%Y-%m"))}


def _series(body: bytes) -> pl.DataFrame:
    value = pl.col("value")
    return observations(body, SERIES).select(
        day="observation_date",
        currency=pl.col("series").replace(SERIES),
        units_per_usd=pl.when(pl.col("series").is_in(list(USD_PER_UNIT))).then(1 / value).otherwise(value),
    )


def _copy(body: bytes) -> pl.DataFrame:
    columns = ("Date", "Country", "Exchange rate")
    table = csv_table(body)
    require_columns(table.columns, columns, columns)
    if others := sorted(set(table["Country"]) - set(COUNTRIES) - set(LEFT_OUT)):
        raise SourceFault("countries_as_expected", f"unknown country {', '.join(map(str, others))[:300]}")
    return (
        table.filter(pl.col("Country").is_in(list(COUNTRIES)))
        .select(
            day=pl.col("Date").str.to_date("%Y-%m-%d"),
            currency=pl.col("Country").replace(COUNTRIES),
            units_per_usd=pl.col("Exchange rate").cast(pl.Float64),
        )
        .drop_nulls("units_per_usd")
    )


def _wrong_way_round(rates: pl.DataFrame) -> pl.DataFrame:
    """Months since the euro began whose yen or euro is outside what it has been: units per dollar, or the reverse?"""
    bounds = pl.DataFrame({"currency": ["JPY", "EUR"], "low": [75.0, 0.6], "high": [250.0, 1.3]})
    return (
        rates.filter("is_latest", pl.col("month") >= "1999-01")
        .join(bounds, on="currency", how="inner", maintain_order="left")
        .filter(~pl.col("units_per_usd").is_between("low", "high"))
        .select("month", "currency", "units_per_usd")
    )


SOURCE = Source(
    name="fed_exchange_rates",
    title="dollar exchange rates, monthly means",
    publisher="Board of Governors of the Federal Reserve System, relayed by FRED",
    licence="US public domain, citation requested",
    attribution=(
        "Source: Board of Governors of the Federal Reserve System (US), releases H.10 and G.5, retrieved from FRED, "
        "Federal Reserve Bank of St. Louis"
    ),
    tables=(FED_EXCHANGE_RATES,),
    requests=requests,
    read=read,
    period_end={FED_EXCHANGE_RATES.name: MONTH_END},
    published_on={FED_EXCHANGE_RATES.name: MONTH_END + pl.duration(days=PUBLICATION_LAG_DAYS)},
    newest_expected=lambda today: month_over(today - dt.timedelta(days=PUBLICATION_LAG_DAYS), 1),
    rows={
        FED_EXCHANGE_RATES.name: Band(1, 20_000, "a file may hold 22 currencies in each month since 1971; never none")
    },
    quirks={
        FED_EXCHANGE_RATES.name: [
            Quirk(
                "rates_the_right_way_round",
                "Since 1999 a dollar buys 75 to 250 yen and 0.6 to 1.3 euro.",
                _wrong_way_round,
            ),
            revised(FED_EXCHANGE_RATES, "units_per_usd"),
            withdrawn(FED_EXCHANGE_RATES),
        ]
    },
    pause_s=PAUSE_S,
)
