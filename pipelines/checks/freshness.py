"""How old the shipped figures are.

Here: the series, how often each is published, and those whose newest figure is older than that allows.
Add here: a series that ages; the check and the report follow.
Keep out: rules (see `pipelines.checks.rules`), and whether an upstream could be reached.
"""

import datetime as dt
from dataclasses import dataclass

import polars as pl

from pipelines.contracts.reference import (
    CRUDE_PRICE_POINTS,
    CRUDE_PRICES_MONTHLY,
    ENFORCEMENT_CASES,
    EXCHANGE_RATES_DAILY,
    EXCHANGE_RATES_MONTHLY,
    FREIGHT_POINTS,
    JAPAN_CRUDE_FROM_RUSSIA,
    LISTED_VESSELS,
)
from pipelines.contracts.table import Table

# The last day of a month that is written as 2023-02.
_MONTH_OVER = pl.col("month").add("-01").str.to_date().dt.month_end()


@dataclass(frozen=True, eq=False)  # an expression has no plain equality
class Series:
    """Figures of one table that go on being published.

    by: the column that tells its series apart. newest: the day that a row tells of. days: how old the newest
    day of a series may be, from how often it is published.
    """

    by: str
    newest: pl.Expr
    days: int


SERIES: dict[Table, Series] = {
    EXCHANGE_RATES_DAILY: Series("currency", pl.col("rate_date"), 10),  # on working days; holidays are shorter
    EXCHANGE_RATES_MONTHLY: Series("currency", _MONTH_OVER, 45),  # monthly, soon after its end
    CRUDE_PRICES_MONTHLY: Series("benchmark", _MONTH_OVER, 45),  # the same
    CRUDE_PRICE_POINTS: Series("grade", pl.col("last_date"), 120),  # as reports come; a third of a year is a gap
    FREIGHT_POINTS: Series("route", pl.col("last_date"), 120),  # the same
    JAPAN_CRUDE_FROM_RUSSIA: Series("series", pl.col("period_last"), 75),  # monthly, details weeks later
    ENFORCEMENT_CASES: Series("authority", pl.col("published_on"), 365),  # as they come; a year is a gap
    LISTED_VESSELS: Series("authority", pl.col("known_listed_on"), 45),  # copies of lists that go on changing
}


def newest_date(table: Table, frame: pl.DataFrame) -> dt.date | None:
    """The newest day that a shipped table tells of; None where it is no series, or empty."""
    series = SERIES.get(table)
    return None if series is None else frame.select(series.newest.max()).item()


def ages(table: Table, frame: pl.DataFrame, on: dt.date) -> pl.DataFrame:
    """Each series of a table of `SERIES`, the oldest first: its name, newest_date, days_old, days_allowed."""
    series = SERIES[table]
    return (
        frame.group_by(series.by)
        .agg(newest_date=series.newest.max())
        .with_columns(
            days_old=(pl.lit(on) - pl.col("newest_date")).dt.total_days(), days_allowed=pl.lit(series.days, pl.Int64)
        )
        .sort("newest_date", series.by)
    )
