"""Fetched tables as figures: what publishers sent since the shipped figures were made.

Here: one function per figure, from the shipped rows and the rows in force of a fetched table to the figure.
Add here: another figure that a fetched table renews.
Keep out: versions and freshness (`pipelines.sources.upstream`), the choice between publishers (`benchmarks`).
"""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from pipelines.contracts.customs import JAPAN_CRUDE_BY_GRADE, JAPAN_CUSTOMS_ALL_ORIGINS, JAPAN_CUSTOMS_LINES
from pipelines.contracts.market import (
    ECB_EXCHANGE_RATES,
    EIA_SPOT_PRICES_DAILY,
    EIA_SPOT_PRICES_MONTHLY,
    FED_EXCHANGE_RATES,
    FRED_SPOT_PRICES_DAILY,
    URALS_TAX_PRICES,
)
from pipelines.contracts.reference import CRUDE_PRICES_MONTHLY
from pipelines.sources.reference import Reference
from pipelines.transforms.benchmarks import daily_prices, monthly_means
from pipelines.transforms.japan import official_crude

# Rows of `reference.figure_sources` that name the publishers.
ECB, EIA, FED, URALS = "F-ECB", "F-EIA", "F-H10", "F-URALS-TAX"


def with_fetched(shipped: Reference, fetched: Mapping[str, pl.DataFrame]) -> Reference:
    """The shipped figures with those of fetched tables (by name, rows in force): a fetched figure takes precedence."""
    return replace(
        shipped,
        exchange_rates_daily=_renewed(
            shipped.exchange_rates_daily,
            fetched[ECB_EXCHANGE_RATES.name].with_columns(source=pl.lit(ECB)),
            ["rate_date", "currency"],
        ),
        exchange_rates_monthly=_renewed(
            shipped.exchange_rates_monthly,
            fetched[FED_EXCHANGE_RATES.name].with_columns(source=pl.lit(FED)),
            ["month", "currency"],
        ),
        crude_prices_monthly=_renewed(
            shipped.crude_prices_monthly,
            pl.concat([_brent(fetched), _urals(fetched[URALS_TAX_PRICES.name], shipped.crude_prices_monthly)]),
            ["month", "benchmark"],
        ),
        japan_crude_from_russia=official_crude(
            shipped.japan_crude_from_russia,
            fetched[JAPAN_CUSTOMS_LINES.name],
            fetched[JAPAN_CUSTOMS_ALL_ORIGINS.name],
            fetched[JAPAN_CRUDE_BY_GRADE.name],
        ),
    )


def _renewed(shipped: pl.DataFrame, fetched: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    kept = shipped.join(fetched, on=key, how="anti")
    return pl.concat([kept, fetched.select(shipped.columns)]).sort(key)


def _brent(fetched: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Brent as `CRUDE_PRICES_MONTHLY`: the agency's mean of the month, else that of the days of a whole month."""
    published = fetched[EIA_SPOT_PRICES_MONTHLY.name].with_columns(tag=pl.lit("fetched"))
    days = daily_prices(fetched[EIA_SPOT_PRICES_DAILY.name], fetched[FRED_SPOT_PRICES_DAILY.name])
    computed = monthly_means(days, "price_date", "benchmark", "usd_per_bbl").with_columns(
        pl.col("usd_per_bbl").round(2),  # as the agency publishes it
        tag=pl.lit("fetched, mean of the days"),
    )
    return (
        pl.concat([published, computed])
        .filter(pl.col("benchmark") == "brent")
        .unique("month", keep="first", maintain_order=True)
        .with_columns(
            basis=pl.lit("spot, mean of the month's trading days"),
            published_on=pl.lit(None, pl.Date),
            source=pl.lit(EIA),
        )
        .select(CRUDE_PRICES_MONTHLY.polars_schema().names())
    )


def _urals(fetched: pl.DataFrame, shipped: pl.DataFrame) -> pl.DataFrame:
    """The official Urals price as `CRUDE_PRICES_MONTHLY`, without rows that lack the row identity."""
    known = shipped.filter(pl.col("benchmark") == "urals_tax").select("month", "basis")
    return (
        fetched.filter(pl.col("has_row_identity").fill_null(True))
        .join(known, on="month", how="left", maintain_order="left")
        .with_columns(
            pl.col("basis").fill_null("official average for Russian oil taxes"),
            benchmark=pl.lit("urals_tax"),
            published_on=pl.lit(None, pl.Date),
            source=pl.lit(URALS),
            tag=pl.lit("fetched"),
        )
        .select(CRUDE_PRICES_MONTHLY.polars_schema().names())
    )
