"""Contracts of fetched prices and exchange rates.

Here: a table for each market data set of a publisher.
Add here: another one, with unit and basis of its figures.
Keep out: shipped figures (reference) and customs statistics (customs).
"""

from dataclasses import replace

import polars as pl

from pipelines.contracts.customs import MONTH
from pipelines.contracts.table import Column, Table

ECB_EXCHANGE_RATES = Table(
    schema="staging",
    name="ecb_exchange_rates",
    grain="one row per day and currency",
    key=("rate_date", "currency"),
    columns=(
        Column("rate_date", pl.Date(), "day of the reference rate", required=True),
        Column("currency", pl.String(), "ISO 4217", required=True, pattern=r"[A-Z]{3}"),
        Column("units_per_eur", pl.Float64(), "units of the currency for one euro", required=True, above=0),
    ),
)

_PRICE_DATE = Column("price_date", pl.Date(), "trading day", required=True)
_BENCHMARK = Column(
    "benchmark",
    pl.String(),
    "brent: Brent, Europe; wti: West Texas Intermediate, Cushing",
    required=True,
    allowed=("brent", "wti"),
)
# A spot price can fall below zero: that of WTI did on 2020-04-20.
_SPOT_PRICE = Column("usd_per_bbl", pl.Float64(), "spot price, FOB", unit="USD/bbl", required=True)


def _daily_prices(name: str) -> Table:
    return Table(
        schema="staging",
        name=name,
        grain="one row per trading day and benchmark",
        key=("price_date", "benchmark"),
        columns=(_PRICE_DATE, _BENCHMARK, _SPOT_PRICE),
    )


EIA_SPOT_PRICES_DAILY = _daily_prices("eia_spot_prices_daily")
FRED_SPOT_PRICES_DAILY = _daily_prices("fred_spot_prices_daily")

EIA_SPOT_PRICES_MONTHLY = Table(
    schema="staging",
    name="eia_spot_prices_monthly",
    grain="one row per month and benchmark",
    key=("month", "benchmark"),
    columns=(MONTH, _BENCHMARK, replace(_SPOT_PRICE, meaning="spot price, FOB, mean of the month's trading days")),
)

CRUDE_PRICES_DAILY = replace(
    _daily_prices("crude_prices_daily"),
    columns=(
        _PRICE_DATE,
        _BENCHMARK,
        _SPOT_PRICE,
        Column(
            "taken_from",
            pl.String(),
            "table of the publisher whose price it is: the agency's own where it has the day, else the relayed copy",
            required=True,
            allowed=(EIA_SPOT_PRICES_DAILY.name, FRED_SPOT_PRICES_DAILY.name),
        ),
    ),
)

FED_EXCHANGE_RATES = Table(
    schema="staging",
    name="fed_exchange_rates",
    grain="one row per month and currency",
    key=("month", "currency"),
    columns=(
        MONTH,
        Column("currency", pl.String(), "ISO 4217", required=True, pattern=r"[A-Z]{3}"),
        Column(
            "units_per_usd",
            pl.Float64(),
            "units of the currency for one US dollar, mean of the noon rates of the month's business days",
            required=True,
            above=0,
        ),
    ),
)

URALS_TAX_PRICES = Table(
    schema="staging",
    name="urals_tax_prices",
    grain="one row per month",
    key=("month",),
    columns=(
        MONTH,
        Column(
            "usd_per_bbl",
            pl.Float64(),
            "official average price of Urals for Russian oil taxes; not a deal price",
            unit="USD/bbl",
            required=True,
            above=0,
        ),
        Column("rub_per_usd", pl.Float64(), "mean exchange rate beside it; empty: not published yet", above=0),
        Column("kc", pl.Float64(), "coefficient of the extraction tax beside it; empty: not published yet"),
        Column(
            "has_row_identity",
            pl.Boolean(),
            "Kc = (price - 15) x rate / 261 holds; false: the row is refused as a figure; empty: cannot be told yet",
        ),
    ),
)

WORLD_BANK_CRUDE_PRICES = Table(
    schema="staging",
    name="world_bank_crude_prices",
    grain="one row per month and benchmark",
    key=("month", "benchmark"),
    columns=(
        MONTH,
        Column(
            "benchmark",
            pl.String(),
            "brent, dubai, wti: spot; average: of the three",
            required=True,
            allowed=("brent", "dubai", "wti", "average"),
        ),
        Column("usd_per_bbl", pl.Float64(), "nominal price, mean of the month", unit="USD/bbl", required=True, above=0),
    ),
)
