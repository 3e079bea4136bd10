"""Fetched tables as figures: what publishers sent since the shipped figures were made.

Here: one function per figure, from the shipped rows and the rows in force of a fetched table to the figure.
Add here: another figure that a fetched table renews.
Keep out: versions and freshness (`pipelines.sources.upstream`).
"""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from pipelines.contracts.market import ECB_EXCHANGE_RATES
from pipelines.sources.reference import Reference

# Rows of `reference.figure_sources` that name the publishers.
ECB = "F-ECB"


def with_fetched(shipped: Reference, fetched: Mapping[str, pl.DataFrame]) -> Reference:
    """The shipped figures with those of fetched tables (by name, rows in force): a fetched figure takes precedence."""
    return replace(
        shipped,
        exchange_rates_daily=_renewed(
            shipped.exchange_rates_daily,
            fetched[ECB_EXCHANGE_RATES.name].with_columns(source=pl.lit(ECB)),
            ["rate_date", "currency"],
        ),
    )


def _renewed(shipped: pl.DataFrame, fetched: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    kept = shipped.join(fetched, on=key, how="anti")
    return pl.concat([kept, fetched.select(shipped.columns)]).sort(key)
