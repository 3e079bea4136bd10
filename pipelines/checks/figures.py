"""Figures against each other: what two publishers, or two printings, say about the same thing.

Here: comparisons that give the rows that differ by more than a stated bound, with both values.
Add here: another comparison, with the reason for its bound.
Keep out: checks on one fetched table (quirks, beside its source).
"""

import polars as pl

from pipelines.transforms.benchmarks import monthly_means
from pipelines.transforms.prices import daily_rates

# Prices are published to the cent, so two copies of one price differ by nothing, and a mean by half a cent of its own
# rounding: since 2021-12 by 0.005 at most.
ROUNDING_USD_PER_BBL = 0.01
# Noon in New York against a quarter past two in Frankfurt, on days of different calendars: over the 52 months to
# 2026-03 means of ten currencies are 0.412 % apart at most (sterling, October 2022).
ECB_FED_BOUND_PCT = 0.42
# Different assessments of physical Brent: 2.2 % apart at most in the months that were compared, 2021-12 to 2026-03
# (June 2022). A wrong unit is further off, and most often a wrong month.
WORLD_BANK_BOUND_PCT = 5.0
# Shipped rates are rounded to four decimals, where sterling is 0.7: 0.007 %.
RATE_ROUNDING_PCT = 0.02


def differing(one: pl.DataFrame, other: pl.DataFrame, key: list[str], value: str, bound: pl.Expr) -> pl.DataFrame:
    """Rows of the same key in two frames whose `value` differs by more than `bound`: key, one, other.

    bound: in the unit of the value; may refer to the column `other`.
    """
    return (
        one.select(*key, one=pl.col(value))
        .join(other.select(*key, other=pl.col(value)), on=key, how="inner")
        # A bound of 0.01 must let 0.01 pass, whatever doubles make of it.
        .filter((pl.col("one") - pl.col("other")).abs() > bound * (1 + 1e-9) + 1e-9)
        .sort(key)
    )


def percent(bound_pct: float) -> pl.Expr:
    """A bound as a share of the other value."""
    return pl.col("other").abs() * bound_pct / 100


def ecb_monthly_means(rates: pl.DataFrame) -> pl.DataFrame:
    """Means of whole months of euro reference rates crossed through the dollar: month, currency, units_per_usd.

    rates: `EXCHANGE_RATES_DAILY`.
    """
    published = daily_rates(rates).filter(pl.col("rate_day") == pl.col("daily_rate_date"))
    crossed = published.with_columns(units_per_usd=1 / pl.col("daily_rate"))
    return monthly_means(crossed, "rate_day", "currency", "units_per_usd")
