"""How old the shipped figures are.

Here: the age of series on a day, worked out by hand, and that every series of figures has a bound.
Add here: a case for each new way in which figures age.
Keep out: sources that are fetched (see `tests/sources`).
"""

import datetime as dt

import polars as pl

from pipelines.checks.freshness import SERIES, ages, newest_date
from pipelines.contracts.reference import CRUDE_PRICES_MONTHLY, EXCHANGE_RATES_DAILY, GRADES, REFERENCE_TABLES
from pipelines.sources.reference import Reference

RATES = pl.DataFrame(
    {
        "rate_date": [dt.date(2026, 3, 2), dt.date(2026, 3, 3), dt.date(2026, 2, 20)],
        "currency": ["USD", "USD", "JPY"],
    }
)


def test_each_series_of_a_table_ages_by_itself() -> None:
    assert ages(EXCHANGE_RATES_DAILY, RATES, dt.date(2026, 3, 13)).rows() == [
        # 8 days of February and 13 of March; then 10.
        ("JPY", dt.date(2026, 2, 20), 21, 10),
        ("USD", dt.date(2026, 3, 3), 10, 10),
    ]


def test_a_month_is_as_old_as_its_last_day() -> None:
    prices = pl.DataFrame({"month": ["2024-01", "2024-02"], "benchmark": ["brent", "brent"]})
    assert ages(CRUDE_PRICES_MONTHLY, prices, dt.date(2024, 3, 31)).rows() == [
        ("brent", dt.date(2024, 2, 29), 31, 45),
    ]
    assert newest_date(CRUDE_PRICES_MONTHLY, prices) == dt.date(2024, 2, 29)


def test_a_table_that_is_no_series_has_no_newest_day() -> None:
    assert newest_date(GRADES, pl.DataFrame({"grade": ["Urals"]})) is None
    assert newest_date(EXCHANGE_RATES_DAILY, RATES.clear()) is None


def test_every_shipped_table_of_dated_figures_has_a_bound(reference: Reference) -> None:
    dated = {
        table
        for file, table in REFERENCE_TABLES.items()
        if file.startswith("figures/") and table.name != "figure_sources" and getattr(reference, table.name).height
    }
    assert dated == set(SERIES)
