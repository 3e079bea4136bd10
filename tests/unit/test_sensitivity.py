"""Verdicts that flip under another conversion, with the conversion worked out by hand."""

import pytest

from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.transforms.judge import judge
from pipelines.transforms.sensitivity import verdict_sensitivity
from tests.support import Row, cargoes, shipment


def flips(row: Row, book: Rulebook, reference: Reference) -> list[Row]:
    priced = cargoes([row], book, reference).lazy()
    return verdict_sensitivity(priced, judge(priced, book), book, reference).collect().to_dicts()


def test_the_generic_factor_flips_a_light_grade(book: Rulebook, reference: Reference) -> None:
    # Sakhalin Blend: 6.28981077 / 0.802 = 7.8427 bbl/t. 450 USD/t is 57.38 USD/bbl, at 7.33 bbl/t it is 61.39.
    row = shipment(grade="Sakhalin Blend", quantity=100_000.0, quantity_unit="t", value=45_000_000.0)
    (found,) = flips(row, book, reference)
    assert found["assumption"].startswith("density")
    assert (found["verdict"], found["alternative_verdict"]) == ("within_cap", "above_cap")
    assert found["alternative_high_usd_per_bbl"] == pytest.approx(450 / 7.33)


def test_the_monthly_mean_flips_a_yen_price_near_the_cap(book: Rulebook, reference: Reference) -> None:
    # 2022-12-28: 142.21 JPY / 1.064 USD per euro = 133.656 JPY per USD. December 2022 mean: 134.9148.
    # 8,050 JPY/bbl is 60.23 USD at the day's rate and 59.67 at the mean.
    row = shipment(
        loading_date="2022-12-28", discharge_date="2023-01-25", quantity=100_000.0, value=805_000_000.0, currency="JPY"
    )
    (found,) = flips(row, book, reference)
    assert found["assumption"].startswith("exchange rate: monthly mean")
    assert (found["verdict"], found["alternative_verdict"]) == ("above_cap", "within_cap")


def test_nothing_flips_far_from_the_cap(book: Rulebook, reference: Reference) -> None:
    assert flips(shipment(quantity=100_000.0, quantity_unit="t", value=30_000_000.0), book, reference) == []
