"""Contracts of fetched prices and exchange rates.

Here: a table for each market data set of a publisher.
Add here: another one, with unit and basis of its figures.
Keep out: shipped figures (reference) and customs statistics (customs).
"""

import polars as pl

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
