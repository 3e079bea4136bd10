"""Benchmark estimates for unpriced crude, against figures worked out by hand from the shipped tables."""

import polars as pl
import pytest

from pipelines.report.explanation import explain
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.transforms.estimates import differentials, with_estimated_prices
from pipelines.transforms.judge import judge
from tests.support import Row, cargoes, shipment

# Urals against the official tax price of the same month:
# 2022-11-28 51.96 - 66.69 = -14.73 is the lowest, 2023-03-09 47.43 - 48.67 = -1.24 the highest.
LOWEST, HIGHEST = -14.73, -1.24


def estimated(row: Row, book: Rulebook, reference: Reference, points: pl.DataFrame | None = None) -> Row:
    priced = cargoes([row], book, reference).lazy()
    points = reference.crude_price_points if points is None else points
    frame = with_estimated_prices(priced, reference.crude_prices_monthly, points)
    (only,) = judge(frame, book).collect().to_dicts()
    return only


def test_differentials_follow_from_the_points(reference: Reference) -> None:
    found = differentials(reference.crude_prices_monthly, reference.crude_price_points)
    urals = found.filter(pl.col("grade") == "Urals").to_dicts()[0]
    assert urals["differential_low"] == pytest.approx(LOWEST)
    assert urals["differential_high"] == pytest.approx(HIGHEST)


def test_an_unpriced_cargo_gets_a_range_that_says_so(book: Rulebook, reference: Reference) -> None:
    given = estimated(
        shipment(loading_date="2023-02-10", discharge_date="2023-03-01", value=None, currency=None), book, reference
    )
    # January 49.02, February 49.35, March 48.67.
    assert given["price_low_usd_per_bbl"] == pytest.approx(48.67 + LOWEST)
    assert given["price_high_usd_per_bbl"] == pytest.approx(49.35 + HIGHEST)
    assert given["price_usd_per_bbl"] is None
    assert given["price_basis"] == "benchmark_estimate"
    assert "price_estimated" in given["reason_codes"]
    assert given["verdict"] == "within_cap"


def test_a_range_with_the_cap_inside_decides_nothing(book: Rulebook, reference: Reference) -> None:
    # March 70.34, April 74.98, May 2024 67.37: from 52.64 to 73.74 around a cap of 60.
    given = estimated(
        shipment(loading_date="2024-04-10", discharge_date="2024-05-01", value=None, currency=None), book, reference
    )
    assert given["verdict"] == "indeterminate"


def test_above_only_where_the_whole_range_is(book: Rulebook, reference: Reference) -> None:
    near = reference.crude_price_points.filter(pl.col("point_id") == "PT-URALS-2023-09-13")
    # One point, 75.59 - 83.18 = -7.59 in September 2023; August 73.73, October 81.69: from 66.14 up.
    given = estimated(
        shipment(loading_date="2023-09-10", discharge_date="2023-10-01", value=None, currency=None),
        book,
        reference,
        near,
    )
    assert given["price_low_usd_per_bbl"] == pytest.approx(73.73 - 7.59)
    assert given["verdict"] == "above_cap"


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"value": 42_000_000.0, "currency": "USD"}, id="a price of its own stays"),
        pytest.param({"value": None, "currency": None, "grade": "Varandey"}, id="a grade without points"),
        pytest.param(
            {"value": None, "currency": None, "loading_date": "2026-03-10", "discharge_date": "2026-04-01"},
            id="after the last point",
        ),
        pytest.param({"value": None, "currency": None, "hs_code": "27101943"}, id="a product"),
    ],
)
def test_no_estimate(facts: Row, book: Rulebook, reference: Reference) -> None:
    row = shipment(**{"loading_date": "2023-02-10", "discharge_date": "2023-03-01"} | facts)
    given = estimated(row, book, reference)
    assert given["price_basis"] == (None if facts["value"] is None else "invoice_fob")


def test_the_explanation_tells_the_estimate(book: Rulebook, reference: Reference) -> None:
    row = shipment(loading_date="2023-02-10", discharge_date="2023-03-01", value=None, currency=None)
    priced = cargoes([row], book, reference).lazy()
    frame = with_estimated_prices(priced, reference.crude_prices_monthly, reference.crude_price_points).collect()
    told = " ".join(explain(frame, book, reference).split())
    assert "urals_tax" in told
    assert "between -14.73 and -1.24 USD/bbl" in told
    assert "between 33.94 and 48.11 USD/bbl" in told
    assert "unpriced" not in told
