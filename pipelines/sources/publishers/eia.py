"""Spot prices of Brent and WTI, from the US Energy Information Administration.

Fetched from its API with a free key in `EIA_API_KEY` (https://www.eia.gov/opendata/register.php): the days of a
calendar year at a time, and the monthly means. Read from the API's answers and from `Date,Price` tables, the form of
the packaged copies (monthly rows there are dated the 15th): these do not say what they are, so their file names must
hold brent or wti, and daily or monthly.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from pipelines.contracts.market import EIA_SPOT_PRICES_DAILY, EIA_SPOT_PRICES_MONTHLY
from pipelines.contracts.table import Table
from pipelines.sources.upstream import (
    MONTH_END,
    Band,
    Document,
    Key,
    Plan,
    Request,
    Source,
    SourceFault,
    csv_table,
    month_over,
    require_columns,
    revised,
    withdrawn,
)

URL = "https://api.eia.gov/v2/petroleum/pri/spt/data/"
SERIES = {"RBRTE": "brent", "RWTC": "wti"}
TABLES = {"daily": EIA_SPOT_PRICES_DAILY, "monthly": EIA_SPOT_PRICES_MONTHLY}
# The most rows that the API gives at once.
PAGE_ROWS = 5_000
READ_COLUMNS = ("period", "series", "process-name", "value", "units")
OTHER_COLUMNS = ("duoarea", "area-name", "product", "product-name", "process", "series-description")
# A price is out within a few days at the agency, and after three to eight days where it is relayed; the later is
# taken, so that a night as of an earlier day sees nothing too soon.
PUBLICATION_LAG_DAYS = 8
# Christmas and Easter close markets for four days on end.
LONGEST_CLOSING_DAYS = 4
PER_BARREL = Band(
    5,
    250,
    "monthly means of Brent and WTI since 1986 lie between 9.8 and 134 USD/bbl; a gallon is a 42nd of a barrel, "
    "a tonne more than seven",
)


def requests(plan: Plan) -> Iterable[Request]:
    """For each benchmark a document per calendar year of days, and one of monthly means."""
    for series in SERIES:
        for year in plan.years():
            period = {"start": year.first.isoformat(), "end": year.last.isoformat()}
            request = _request(f"{series} daily {year.number}", series, "daily", period)
            yield replace(request, settled_on=year.settled_on)
        yield _request(f"{series} monthly", series, "monthly", {"start": f"{plan.first:%Y-%m}"})


def _request(document: Document, series: str, frequency: str, period: Mapping[str, str]) -> Request:
    order = {"sort[0][column]": "period", "sort[0][direction]": "asc"}
    page = {"offset": "0", "length": str(PAGE_ROWS)}
    return Request(
        document,
        URL,
        {"frequency": frequency, "data[0]": "value", "facets[series][]": series, **period, **order, **page},
    )


def follow(request: Request, body: bytes) -> Iterable[Request]:
    """The next page after a full one. The `total` of an answer is that of the series, not of the period asked for."""
    if len(json.loads(body)["response"]["data"]) >= PAGE_ROWS:
        offset = int(request.params["offset"]) + PAGE_ROWS
        document = f"{request.document.split(' from row ')[0]} from row {offset}"
        yield replace(request, document=document, params={**request.params, "offset": str(offset)})


def read(document: Document, body: bytes) -> Mapping[str, pl.DataFrame]:
    """Prices of an answer of the API, or of a packaged copy."""
    return _answer(json.loads(body)) if body.lstrip().startswith(b"{") else _copy(document, csv_table(body))


def _answer(answer: dict[str, Any]) -> Mapping[str, pl.DataFrame]:
    response = answer.get("response")
    if not isinstance(response, dict) or "data" not in response:
        raise SourceFault("answer_as_expected", "the API answered with something else than rows of prices")
    if (frequency := response.get("frequency")) not in TABLES:
        raise SourceFault("period_as_expected", f"prices by {frequency!r} instead of daily or monthly")
    rows: list[dict[str, Any]] = response["data"]
    if rows:
        require_columns(dict.fromkeys(name for row in rows for name in row), READ_COLUMNS, OTHER_COLUMNS)
    table = pl.DataFrame(
        # A value comes as text, and came as a number once.
        {name: [None if row.get(name) is None else str(row[name]) for row in rows] for name in READ_COLUMNS},
        schema=dict.fromkeys(READ_COLUMNS, pl.String),
    ).drop_nulls("value")
    _require(table, "units", {"$/BBL"}, "unit_as_expected")
    _require(table, "process-name", {"Spot Price FOB"}, "basis_as_expected")
    _require(table, "series", set(SERIES), "series_as_expected")
    return _prices(frequency, table["period"], table["series"].replace(SERIES), table["value"])


def _require(table: pl.DataFrame, column: str, expected: set[str], check: str) -> None:
    if others := set(table[column]) - expected:
        found, meant = (", ".join(sorted(map(str, names))) for names in (others, expected))
        raise SourceFault(check, f"{column} is {found}; expected {meant}")


def _copy(document: Document, table: pl.DataFrame) -> Mapping[str, pl.DataFrame]:
    require_columns(table.columns, ("Date", "Price"), ("Date", "Price"))
    benchmarks = [name for name in SERIES.values() if name in document.lower()]
    frequencies = [name for name in TABLES if name in document.lower()]
    if len(benchmarks) != 1 or len(frequencies) != 1:
        raise SourceFault(
            "series_as_expected",
            "Date and Price do not say what they are of: name the file with brent or wti, and daily or monthly",
        )
    days = table["Date"].str.to_date("%Y-%m-%d")
    if frequencies == ["daily"] and table.height > 1 and (days.dt.day() == days.dt.day()[0]).all():
        raise SourceFault("period_as_expected", "one price a month in a file named daily")
    periods = table["Date"] if frequencies == ["daily"] else table["Date"].str.head(len("2026-07"))
    return _prices(frequencies[0], periods, pl.repeat(benchmarks[0], table.height, eager=True), table["Price"])


def _prices(frequency: str, periods: pl.Series, benchmarks: pl.Series, values: pl.Series) -> Mapping[str, pl.DataFrame]:
    table: Table = TABLES[frequency]
    if frequency == "daily":
        periods = periods.str.to_date("%Y-%m-%d")
    columns = {"benchmark": benchmarks, "usd_per_bbl": values.cast(pl.Float64)}
    return {table.name: pl.DataFrame({table.key[0]: periods, **columns})}


SOURCE = Source(
    name="eia_spot_prices",
    title="Brent and WTI, spot, daily and monthly",
    publisher="US Energy Information Administration",
    licence="US public domain",
    attribution="Source: U.S. Energy Information Administration",
    tables=(EIA_SPOT_PRICES_DAILY, EIA_SPOT_PRICES_MONTHLY),
    requests=requests,
    follow=follow,
    read=read,
    period_end={EIA_SPOT_PRICES_DAILY.name: pl.col("price_date"), EIA_SPOT_PRICES_MONTHLY.name: MONTH_END},
    published_on={
        EIA_SPOT_PRICES_DAILY.name: pl.col("price_date") + pl.duration(days=PUBLICATION_LAG_DAYS),
        EIA_SPOT_PRICES_MONTHLY.name: MONTH_END + pl.duration(days=PUBLICATION_LAG_DAYS),
    },
    newest_expected=lambda today: today - dt.timedelta(days=PUBLICATION_LAG_DAYS + LONGEST_CLOSING_DAYS),
    newest_expected_of={
        EIA_SPOT_PRICES_MONTHLY.name: lambda today: month_over(
            today - dt.timedelta(days=PUBLICATION_LAG_DAYS + LONGEST_CLOSING_DAYS), 1
        )
    },
    rows={
        EIA_SPOT_PRICES_DAILY.name: Band(
            1, 20_000, "a file may hold all days since 1986, two benchmarks on up to 262 days a year; never none"
        ),
        EIA_SPOT_PRICES_MONTHLY.name: Band(1, 2_000, "two benchmarks in each month since 1986; never none"),
    },
    medians={f"{table.name}.usd_per_bbl": PER_BARREL for table in TABLES.values()},
    quirks={table.name: [revised(table, "usd_per_bbl"), withdrawn(table)] for table in TABLES.values()},
    key=Key("EIA_API_KEY", "https://www.eia.gov/opendata/register.php", "api_key"),
    # 5,000 requests an hour are allowed; this stays far below.
    pause_s=0.2,
)
