"""Fetched tables renew the shipped figures, and disagreements between figures are named."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from pytest import approx

from pipelines.checks.figures import (
    ECB_FED_BOUND_PCT,
    ROUNDING_USD_PER_BBL,
    WORLD_BANK_BOUND_PCT,
    differing,
    ecb_monthly_means,
    percent,
)
from pipelines.contracts.reference import CRUDE_PRICES_MONTHLY, EXCHANGE_RATES_MONTHLY
from pipelines.sources.publishers import STAGED, eia, in_force
from pipelines.sources.reference import Reference
from pipelines.transforms.benchmarks import monthly_means
from pipelines.transforms.figures import with_fetched
from tests.sources.conftest import real_file

CENT = pl.lit(ROUNDING_USD_PER_BBL)


@pytest.fixture
def fetched(tmp_path: Path) -> dict[str, pl.DataFrame]:
    """Every fetched table, empty."""
    return in_force(tmp_path, None)


def table(name: str, *rows: tuple) -> pl.DataFrame:
    """Rows of a fetched table without the columns about versions."""
    schema = STAGED[name].polars_schema()
    return pl.DataFrame(rows, schema={column: schema[column] for column in list(schema)[: len(rows[0])]}, orient="row")


def weekdays(first: str, last: str, price: float) -> list[tuple]:
    day, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    days = [day + dt.timedelta(days=number) for number in range((end - day).days + 1)]
    return [(day, "brent", price) for day in days if day.weekday() < 5]


def monthly(figures: Reference, month: str, benchmark: str = "brent") -> list[tuple]:
    rows = figures.crude_prices_monthly.filter(month=month, benchmark=benchmark)
    return rows.select("usd_per_bbl", "basis", "source", "tag").rows()


SPOT = "spot, mean of the month's trading days"


def test_without_fetched_rows_the_shipped_figures_stand(reference: Reference, fetched: dict[str, pl.DataFrame]) -> None:
    figures = with_fetched(reference, fetched)
    for name in ("crude_prices_monthly", "exchange_rates_daily", "exchange_rates_monthly"):
        shipped, renewed = getattr(reference, name), getattr(figures, name)
        assert renewed.sort(pl.all()).equals(shipped.sort(pl.all()))


def test_the_monthly_mean_of_the_agency_renews_and_goes_on(
    reference: Reference, fetched: dict[str, pl.DataFrame]
) -> None:
    fetched["eia_spot_prices_monthly"] = table(
        "eia_spot_prices_monthly", ("2026-07", "brent", 83.77), ("2026-08", "brent", 91.25), ("2026-08", "wti", 85.0)
    )
    figures = with_fetched(reference, fetched)
    assert CRUDE_PRICES_MONTHLY.failures(figures.crude_prices_monthly).height == 0
    assert monthly(figures, "2026-06") == [(85.4, SPOT, "F-EIA", "seen")]
    assert monthly(figures, "2026-07") == [(83.77, SPOT, "F-EIA", "fetched")]
    assert monthly(figures, "2026-08") == [(91.25, SPOT, "F-EIA", "fetched")]
    shipped, renewed = (frame.crude_prices_monthly.height for frame in (reference, figures))
    assert renewed == shipped + 1


def test_days_make_a_month_that_the_agency_has_not_published(
    reference: Reference, fetched: dict[str, pl.DataFrame]
) -> None:
    # 21 weekdays: 10 at 90.00 and 11 at 91.00 make 90.5238.
    august = weekdays("2026-08-03", "2026-08-14", 90.0) + weekdays("2026-08-17", "2026-08-31", 91.0)
    fetched["fred_spot_prices_daily"] = table("fred_spot_prices_daily", *august)
    assert monthly(with_fetched(reference, fetched), "2026-08") == []
    fetched["eia_spot_prices_daily"] = table("eia_spot_prices_daily", (dt.date(2026, 9, 1), "brent", 92.0))
    assert monthly(with_fetched(reference, fetched), "2026-08") == [(90.52, SPOT, "F-EIA", "fetched, mean of the days")]
    fetched["eia_spot_prices_monthly"] = table("eia_spot_prices_monthly", ("2026-08", "brent", 90.53))
    assert monthly(with_fetched(reference, fetched), "2026-08") == [(90.53, SPOT, "F-EIA", "fetched")]


def test_urals_is_renewed_and_a_refused_row_is_not_used(reference: Reference, fetched: dict[str, pl.DataFrame]) -> None:
    fetched["urals_tax_prices"] = table(
        "urals_tax_prices",
        ("2026-06", 65.10, 73.5447, 13.672, False),
        ("2026-07", 59.05, 75.0, 12.6580, True),
        ("2026-09", 70.11, None, None, None),
    )
    figures = with_fetched(reference, fetched)
    (june, july, september) = (monthly(figures, month, "urals_tax") for month in ("2026-06", "2026-07", "2026-09"))
    assert june[0][::2] == (63.52, "F-URALS-TAX")
    ((price, basis, source, tag),) = july
    assert (price, source, tag) == (59.05, "F-URALS-TAX", "fetched")
    # A month that shipped keeps what is known of its basis.
    assert basis.startswith("official average for Russian oil taxes, FOB: 0.78 x")
    assert september == [(70.11, "official average for Russian oil taxes", "F-URALS-TAX", "fetched")]
    # The finance ministry's own mean is another benchmark.
    assert monthly(figures, "2023-09", "urals_minfin") == monthly(reference, "2023-09", "urals_minfin")


def test_the_fed_renews_monthly_rates(reference: Reference, fetched: dict[str, pl.DataFrame]) -> None:
    fetched["fed_exchange_rates"] = table("fed_exchange_rates", ("2026-07", "JPY", 158.9), ("2026-06", "NZD", 1.7))
    rates = with_fetched(reference, fetched).exchange_rates_monthly
    assert EXCHANGE_RATES_MONTHLY.failures(rates).height == 0
    assert rates.filter(month="2026-07").rows() == [("2026-07", "JPY", 158.9, "F-H10")]
    assert rates.height == reference.exchange_rates_monthly.height + 2


def test_the_rates_of_bank_and_reserve_agree_within_the_bound(reference: Reference) -> None:
    """52 whole months of ten currencies; sterling was furthest off, 0.412 % in October 2022."""
    ecb, fed = ecb_monthly_means(reference.exchange_rates_daily), reference.exchange_rates_monthly
    key = ["month", "currency"]
    assert ecb.filter(currency="JPY")["month"].to_list()[::51] == ["2021-12", "2026-03"]
    assert ecb.join(fed, on=key, how="inner").height == 52 * 10
    assert differing(ecb, fed, key, "units_per_usd", percent(ECB_FED_BOUND_PCT)).height == 0
    ((month, currency, one, other),) = differing(ecb, fed, key, "units_per_usd", percent(0.4)).rows()
    assert (month, currency) == ("2022-10", "GBP")
    assert abs(one / other - 1) * 100 == approx(0.412, abs=5e-4)


def test_a_rate_the_wrong_way_round_differs(reference: Reference) -> None:
    # Dollars for a euro instead of euro for a dollar: within what a euro has been, and far from the bank's rate.
    euro = pl.col("currency") == "EUR"
    turned = reference.exchange_rates_monthly.with_columns(
        units_per_usd=pl.when(euro).then(1 / pl.col("units_per_usd")).otherwise("units_per_usd")
    )
    ecb = ecb_monthly_means(reference.exchange_rates_daily)
    differ = differing(ecb, turned, ["month", "currency"], "units_per_usd", percent(ECB_FED_BOUND_PCT))
    assert differ.height == 52
    assert set(differ["currency"]) == {"EUR"}


def test_a_bound_lets_itself_pass_and_no_more() -> None:
    def frame(*prices: float) -> pl.DataFrame:
        return pl.DataFrame(
            {"month": [f"2026-0{number}" for number in range(1, len(prices) + 1)], "usd_per_bbl": prices}
        )

    one, other = frame(80.01, 80.02, 79.99, 79.98), frame(80.0, 80.0, 80.0, 80.0)
    assert differing(one, other, ["month"], "usd_per_bbl", CENT).rows() == [
        ("2026-02", 80.02, 80.0),
        ("2026-04", 79.98, 80.0),
    ]


def test_brent_and_the_pink_sheet(reference: Reference) -> None:
    """Brent of the Pink Sheet as quoted for these months; the furthest is June 2022, 120.08 against 122.71: 2.2 %."""
    quoted = {"2021-12": 74.31, "2022-03": 115.59, "2022-06": 120.08, "2022-12": 80.90, "2023-06": 74.89,
              "2024-06": 82.56, "2025-04": 67.75, "2026-03": 103.69}  # fmt: skip
    pink = pl.DataFrame({"month": list(quoted), "benchmark": "brent", "usd_per_bbl": list(quoted.values())})

    def differ(bound_pct: float) -> list[str]:
        prices = reference.crude_prices_monthly
        return differing(prices, pink, ["month", "benchmark"], "usd_per_bbl", percent(bound_pct))["month"].to_list()

    assert differ(WORLD_BANK_BOUND_PCT) == []
    assert differ(2.0) == ["2022-06"]


@pytest.mark.parametrize(
    ("benchmark", "months", "differing_months"),
    [("brent", 470, ["2003-04", "2012-04", "2019-12"]), ("wti", 487, ["2019-11", "2019-12"])],
)
def test_the_mean_of_the_days_is_the_monthly_price(benchmark: str, months: int, differing_months: list[str]) -> None:
    """All whole months of the agency's own files: five old ones differ there, by 0.02 to 0.33, and none since 2020."""

    def copy(frequency: str) -> pl.DataFrame:
        name = f"eia_{benchmark}_{frequency}.csv"
        return eia.read(f"file {name}", real_file(name))[f"eia_spot_prices_{frequency}"]

    means = monthly_means(copy("daily"), "price_date", "benchmark", "usd_per_bbl")
    # Brent began on 20 May 1987, and August 2026 was running: neither is a whole month.
    assert (means.height, means["month"].max()) == (months, "2026-07")
    differ = differing(means, copy("monthly"), ["month", "benchmark"], "usd_per_bbl", CENT)
    assert differ["month"].to_list() == differing_months
