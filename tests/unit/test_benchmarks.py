"""Which publisher's price is used for a day, and when a month is whole."""

import datetime as dt

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts.market import CRUDE_PRICES_DAILY, EIA_SPOT_PRICES_DAILY
from pipelines.transforms.benchmarks import daily_prices, monthly_means


def prices(*rows: tuple[str, str, float]) -> pl.DataFrame:
    """Rows `2026-08-14 brent 92.02`."""
    days = [(dt.date.fromisoformat(day), benchmark, price) for day, benchmark, price in rows]
    return pl.DataFrame(days, schema=EIA_SPOT_PRICES_DAILY.polars_schema(), orient="row")


def weekdays(first: str, last: str, price: float = 80.0, benchmark: str = "brent") -> list[tuple[str, str, float]]:
    day, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    days = [day + dt.timedelta(days=number) for number in range((end - day).days + 1)]
    return [(str(day), benchmark, price) for day in days if day.weekday() < 5]


def means(*rows: tuple[str, str, float]) -> list[tuple]:
    return monthly_means(prices(*rows), "price_date", "benchmark", "usd_per_bbl").rows()


def test_the_agency_comes_first_and_the_relayed_copy_fills_its_gaps() -> None:
    agency = prices(("2026-08-14", "brent", 92.02), ("2026-08-17", "wti", 86.04))
    relayed = prices(("2026-08-14", "brent", 92.99), ("2026-08-17", "brent", 92.43), ("2026-08-17", "wti", 86.04))
    chosen = daily_prices(agency, relayed)
    assert CRUDE_PRICES_DAILY.failures(chosen).height == 0
    assert chosen.rows() == [
        (dt.date(2026, 8, 14), "brent", 92.02, "eia_spot_prices_daily"),
        (dt.date(2026, 8, 17), "brent", 92.43, "fred_spot_prices_daily"),
        (dt.date(2026, 8, 17), "wti", 86.04, "eia_spot_prices_daily"),
    ]


def test_without_a_key_the_relayed_copy_stands_alone() -> None:
    chosen = daily_prices(prices(), prices(("2026-08-14", "brent", 92.02)))
    assert chosen["taken_from"].to_list() == ["fred_spot_prices_daily"]


def test_a_month_counts_once_it_is_over() -> None:
    july = weekdays("2026-07-01", "2026-07-31")
    assert means(*july) == []
    assert means(*july, ("2026-08-03", "brent", 95.0)) == [("2026-07", "brent", 80.0)]


def test_the_later_day_must_be_of_the_same_benchmark() -> None:
    july = weekdays("2026-07-01", "2026-07-31")
    assert means(*july, ("2026-08-03", "wti", 95.0)) == []


def test_a_month_that_was_fetched_from_its_middle_does_not_count() -> None:
    assert means(*weekdays("2026-07-08", "2026-07-31"), ("2026-08-03", "brent", 95.0)) == []


def test_four_closed_weekdays_are_holidays_and_five_a_gap() -> None:
    july = [*weekdays("2026-07-01", "2026-07-31"), ("2026-08-03", "brent", 95.0)]
    # 23 weekdays; 19 make a month, 18 do not.
    assert means(*july[4:]) == [("2026-07", "brent", 80.0)]
    assert means(*july[5:]) == []


def test_the_mean_is_that_of_the_days() -> None:
    # December 2025 had 23 weekdays: 11 at 60 and 12 at 62 make 61.0435.
    december = weekdays("2025-12-01", "2025-12-15", 60.0) + weekdays("2025-12-16", "2025-12-31", 62.0)
    ((month, benchmark, mean),) = means(*december, ("2026-01-02", "brent", 70.0))
    assert (month, benchmark, round(mean, 4)) == ("2025-12", "brent", 61.0435)


@given(
    st.lists(st.floats(20, 140), min_size=21, max_size=21),
    st.lists(st.integers(0, 20), max_size=4, unique=True),
)
def test_a_mean_lies_between_the_lowest_and_the_highest_day(daily: list[float], closed: list[int]) -> None:
    # August 2026 has 21 weekdays.
    days = weekdays("2026-08-03", "2026-08-31")
    open_days = [(day, name, price) for number, ((day, name, _), price) in enumerate(zip(days, daily, strict=True)) if number not in closed]  # fmt: skip
    ((_, _, mean),) = means(*open_days, ("2026-09-01", "brent", 1000.0))
    lowest, highest = (end(price for *_, price in open_days) for end in (min, max))
    assert lowest - 1e-9 <= mean <= highest + 1e-9
