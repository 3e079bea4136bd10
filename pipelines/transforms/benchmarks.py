"""Prices of benchmark crudes from several publishers: which one is used for a day, and means of months.

Here: the one place that chooses between publishers, and what a whole month is.
Add here: another publisher of the same prices, with its place in the order.
Keep out: how they are fetched (`pipelines.sources.publishers`) and how they become figures (`figures`).
"""

import polars as pl

from pipelines.contracts.market import CRUDE_PRICES_DAILY, EIA_SPOT_PRICES_DAILY, FRED_SPOT_PRICES_DAILY

# Since 1986 no month of Brent or WTI has had more weekdays without a price; months of euro rates have fewer.
MOST_WEEKDAYS_CLOSED = 4


def daily_prices(agency: pl.DataFrame, relayed: pl.DataFrame) -> pl.DataFrame:
    """`CRUDE_PRICES_DAILY`: the agency's own price where it has the day, the relayed copy elsewhere.

    agency: rows in force of `EIA_SPOT_PRICES_DAILY`; relayed: of `FRED_SPOT_PRICES_DAILY`.
    """
    key = list(CRUDE_PRICES_DAILY.key)
    agency = agency.with_columns(taken_from=pl.lit(EIA_SPOT_PRICES_DAILY.name))
    relayed = relayed.with_columns(taken_from=pl.lit(FRED_SPOT_PRICES_DAILY.name))
    return pl.concat([agency, relayed.join(agency, on=key, how="anti")]).sort(key)


def monthly_means(values: pl.DataFrame, day: str, series: str, value: str) -> pl.DataFrame:
    """Means of whole months by series: month, `series`, `value`.

    values: rows with a day, a series and a value. A month is whole when its series has gone on in a later month and
    no more of its weekdays than `MOST_WEEKDAYS_CLOSED` lack a value.
    """
    first = pl.col(day).dt.truncate("1mo")
    weekdays = pl.business_day_count(pl.col("first"), pl.col("first").dt.offset_by("1mo"))
    return (
        values.group_by(series, first=first)
        .agg(pl.col(value).mean(), days=pl.len())
        .filter(
            pl.col("first") < pl.col("first").max().over(series),
            weekdays - pl.col("days") <= MOST_WEEKDAYS_CLOSED,
        )
        .select(series, value, month=pl.col("first").dt.strftime("%Y-%m"))
        .select("month", series, value)
        .sort("month", series)
    )
