"""The reference tables and published figures: those that ship with the project, and with what was fetched since.

Here: `Reference`, all of them loaded and checked, as known on a day.
Add here: a shipped table (a contract in `pipelines.contracts.reference`, a field here).
Keep out: rules (see `pipelines.rules`) and how fetched tables become figures (`pipelines.transforms.figures`).
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from pipelines.contracts.files import read_table
from pipelines.contracts.reference import REFERENCE_TABLES
from pipelines.contracts.table import Table
from pipelines.names import normalised

DATA_FOLDER = Path(__file__).parents[2] / "data"


@dataclass(frozen=True)
class Reference:
    """Frames of `pipelines.contracts.reference`."""

    grades: pl.DataFrame
    incoterms: pl.DataFrame
    units: pl.DataFrame
    ports: pl.DataFrame
    importers: pl.DataFrame
    country_codes: pl.DataFrame
    figure_sources: pl.DataFrame
    exchange_rates_daily: pl.DataFrame
    exchange_rates_monthly: pl.DataFrame
    freight_points: pl.DataFrame
    crude_prices_monthly: pl.DataFrame
    crude_price_points: pl.DataFrame
    japan_crude_from_russia: pl.DataFrame
    enforcement_cases: pl.DataFrame
    listed_vessels: pl.DataFrame

    @classmethod
    def load(cls, folder: Path = DATA_FOLDER) -> "Reference":
        """All shipped tables. Raises `DataFileError` naming file, row and column of what is wrong."""
        return cls(**{table.name: read_table(folder / name, table) for name, table in REFERENCE_TABLES.items()})

    @classmethod
    def of(cls, frame_of: Callable[[Table], pl.DataFrame]) -> "Reference":
        """The tables as somebody else keeps them: the store of a night, or a published warehouse."""
        return cls(**{table.name: frame_of(table) for table in REFERENCE_TABLES.values()})

    def as_of(self, day: dt.date | None) -> "Reference":
        """The figures as known on `day`: a rate of a later day, and a figure published later, are invisible.

        A monthly mean is known when its month is over. A figure without a day of publication counts as known
        when its period is over. A listing is known from its day, or from the copy of the list that shows it; a
        delisting from its day.
        """
        if day is None:
            return self
        month_over = pl.col("month").add("-01").str.to_date() + pl.duration(days=31)
        month_over = month_over.dt.truncate("1mo") <= day
        return replace(
            self,
            exchange_rates_daily=self.exchange_rates_daily.filter(pl.col("rate_date") <= day),
            exchange_rates_monthly=self.exchange_rates_monthly.filter(month_over),
            freight_points=self.freight_points.filter(pl.col("last_date") <= day),
            crude_prices_monthly=self.crude_prices_monthly.filter(
                (pl.col("published_on") <= day).fill_null(month_over)
            ),
            crude_price_points=self.crude_price_points.filter(pl.col("last_date") <= day),
            japan_crude_from_russia=self.japan_crude_from_russia.filter(
                pl.coalesce("published_on", "period_last") <= day
            ),
            enforcement_cases=self.enforcement_cases.filter(pl.col("published_on") <= day),
            listed_vessels=_listings_known_on(self.listed_vessels, day),
        )


def grade_names(grades: pl.DataFrame) -> dict[str, str]:
    """Canonical grade by each of its spellings, names and aliases, as `pipelines.names.normalised` compares them."""
    spellings = grades.select(
        "grade", spelling=pl.concat_list(pl.concat_list("grade"), pl.col("aliases").str.split(";").fill_null([]))
    ).explode("spelling")
    return {normalised(spelling): grade for grade, spelling in spellings.iter_rows() if spelling}


def _listings_known_on(listings: pl.DataFrame, day: dt.date) -> pl.DataFrame:
    def if_known(column: str) -> pl.Expr:
        return pl.when(pl.col(column) <= day).then(column)

    return listings.filter(pl.coalesce("listed_on", "known_listed_on") <= day).with_columns(
        # Before the copy of the list, the listing itself shows that the vessel was on it.
        known_listed_on=pl.coalesce(if_known("known_listed_on"), "listed_on"),
        delisted_on=if_known("delisted_on"),
    )
