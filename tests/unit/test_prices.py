"""From a declared value to the price of the oil: units, exchange rates, delivery terms, and the exact comparison.

Here: values worked out by hand from the published rates, densities and freights; the arithmetic stands beside them.
Add here: a case for each new conversion.
Keep out: verdicts that turn on the law (see `tests/golden`).
"""

import datetime as dt
import math
import random
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction

import polars as pl
import pytest
from pytest import approx

from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from tests.support import Row, cargoes, shipment, verdict, verdicts

CENT = Decimal("0.01")


def priced(row: Row, book: Rulebook, reference: Reference) -> Row:
    (only,) = cargoes([row], book, reference).to_dicts()
    return only


class TestUnits:
    @pytest.mark.parametrize(("unit", "quantity"), [("kl", 100_000.0), ("m3", 100_000.0), ("l", 100_000_000.0)])
    def test_volumes(self, book: Rulebook, reference: Reference, unit: str, quantity: float) -> None:
        # 100,000 m3 x 6.28981077 = 628,981.077 bbl; x 60 USD = 37,738,864.62 USD. The grade does not matter.
        row = shipment(quantity=quantity, quantity_unit=unit, value=37_738_864.62, grade=None)
        cargo = priced(row, book, reference)
        assert cargo["quantity_bbl"] == approx(628_981.077, rel=1e-12)
        assert cargo["price_low_usd_per_bbl"] == cargo["price_high_usd_per_bbl"] == approx(60, rel=1e-12)
        assert cargo["bbl_basis"] == "volume"
        assert cargo["price_notes"] == []

    @pytest.mark.parametrize(("unit", "quantity"), [("t", 100_000.0), ("kg", 100_000_000.0)])
    @pytest.mark.parametrize(
        ("grade", "bbl"),
        [
            ("Urals", 725_468.3702),  # 6.28981077 / 0.867 = 7.254683702
            ("rebco", 725_468.3702),  # another name of Urals
            ("ESPO blend", 739_108.1986),  # 6.28981077 / 0.851 = 7.391081986
            ("SAKHALIN-BLEND", 784_265.6820),  # 6.28981077 / 0.802 = 7.842656820
        ],
    )
    def test_mass_of_a_known_grade(
        self, book: Rulebook, reference: Reference, unit: str, quantity: float, grade: str, bbl: float
    ) -> None:
        row = shipment(quantity=quantity, quantity_unit=unit, grade=grade, value=bbl * 60)
        cargo = priced(row, book, reference)
        assert cargo["quantity_bbl"] == approx(bbl, abs=0.001)
        assert cargo["price_low_usd_per_bbl"] == cargo["price_high_usd_per_bbl"] == approx(60, abs=1e-7)
        assert cargo["bbl_basis"] == "density_of_grade"

    @pytest.mark.parametrize("grade", [None, "no such grade", "diesel"])
    def test_mass_of_crude_of_unknown_grade(self, book: Rulebook, reference: Reference, grade: str | None) -> None:
        # J-15: 7.33, with the range of the listed crudes: ARCO 6.28981077 / 0.910, CPC 6.28981077 / 0.800.
        cargo = priced(shipment(quantity=1000.0, quantity_unit="t", grade=grade, value=439_800.0), book, reference)
        assert cargo["bbl_per_unit"] == 7.33
        assert cargo["bbl_per_unit_low"] == approx(6.911880, abs=1e-6)
        assert cargo["bbl_per_unit_high"] == approx(7.862263, abs=1e-6)
        # 439.80 USD/t: / 7.33 = 60, / 7.862263 = 55.938, / 6.911880 = 63.629
        assert cargo["price_usd_per_bbl"] == approx(60, abs=1e-9)
        assert cargo["price_low_usd_per_bbl"] == approx(55.9381, abs=1e-4)
        assert cargo["price_high_usd_per_bbl"] == approx(63.6296, abs=1e-4)
        assert "density_range" in cargo["price_notes"]

    @pytest.mark.parametrize(
        ("hs_code", "grade", "factor"),
        [
            ("27101943", None, 7.46),  # gas oil by its code
            ("2710194300", None, 7.46),
            ("27101962", None, 6.35),  # fuel oil by its code
            ("27101962", "mazut", 6.35),
            ("27101225", "naphtha", 8.9),
            ("271012", "gasoline", 8.35),
            ("27101921", "Jet A-1", 7.88),
            ("27101971", None, 6.9),  # vacuum gas oil by its code
        ],
    )
    def test_mass_of_products_has_three_percent_either_way(
        self, book: Rulebook, reference: Reference, hs_code: str, grade: str | None, factor: float
    ) -> None:
        cargo = priced(shipment(quantity_unit="t", hs_code=hs_code, grade=grade), book, reference)
        assert cargo["bbl_per_unit"] == factor
        assert cargo["bbl_per_unit_low"] == approx(0.97 * factor, rel=1e-12)
        assert cargo["bbl_per_unit_high"] == approx(1.03 * factor, rel=1e-12)

    def test_mass_of_an_unknown_product_has_the_range_of_all(self, book: Rulebook, reference: Reference) -> None:
        cargo = priced(shipment(quantity_unit="t", hs_code="27109900", grade=None), book, reference)
        assert cargo["bbl_per_unit_low"] == approx(0.97 * 6.35, rel=1e-12)
        assert cargo["bbl_per_unit_high"] == approx(1.03 * 8.9, rel=1e-12)

    def test_a_crude_grade_says_nothing_about_a_product(self, book: Rulebook, reference: Reference) -> None:
        cargo = priced(shipment(quantity_unit="t", hs_code="27101943", grade="Urals"), book, reference)
        assert cargo["bbl_per_unit"] == 7.46


class TestRates:
    """ECB reference rates: units per euro. Federal Reserve H.10: monthly means."""

    @pytest.mark.parametrize("day", ["2023-01-13", "2023-01-14", "2023-01-15"])
    def test_yen_on_a_sunday_take_the_rates_of_friday(self, book: Rulebook, reference: Reference, day: str) -> None:
        # Friday 2023-01-13: 1.0814 USD and 139.02 JPY per EUR. JPY 13,902 m = EUR 100 m = USD 108.14 m.
        row = shipment(
            loading_date=day,
            discharge_date=None,
            currency="JPY",
            value=13_902_000_000.0,
            quantity=1_081_400.0,
        )
        cargo = priced(row, book, reference)
        assert cargo["price_usd_per_bbl"] == approx(100, rel=1e-12)
        assert (cargo["rate_date"], cargo["rate_basis"]) == (dt.date(2023, 1, 13), "ecb_reference_rate")

    def test_euro(self, book: Rulebook, reference: Reference) -> None:
        # Monday 2023-01-16: 1.0812 USD per EUR. EUR 50 m = USD 54.06 m.
        row = shipment(loading_date="2023-01-16", discharge_date=None, currency="EUR", value=50e6, quantity=540_600.0)
        cargo = priced(row, book, reference)
        assert cargo["price_usd_per_bbl"] == approx(100, rel=1e-12)
        assert (cargo["rate_date"], cargo["rate_basis"]) == (dt.date(2023, 1, 16), "ecb_reference_rate")

    def test_easter_is_the_longest_closing(self, book: Rulebook, reference: Reference) -> None:
        # Closed from Good Friday to Easter Monday, 2023-04-07 to 04-10; on 2023-04-06: 1.0915 USD per EUR.
        row = shipment(
            loading_date="2023-04-10", discharge_date=None, currency="EUR", value=100e6, quantity=1_091_500.0
        )
        cargo = priced(row, book, reference)
        assert cargo["price_usd_per_bbl"] == approx(100, rel=1e-12)
        assert cargo["rate_date"] == dt.date(2023, 4, 6)

    @pytest.mark.parametrize(("currency", "value"), [("JPY", 1_581_530_000.0), ("EUR", 8_561_000.0)])
    def test_after_the_daily_series_the_monthly_mean_counts(
        self, book: Rulebook, reference: Reference, currency: str, value: float
    ) -> None:
        # The ECB series ends on 2026-04-13. H.10, May 2026: 158.1530 JPY and 0.8561 EUR per USD: USD 10 m.
        row = shipment(
            loading_date="2026-05-10", discharge_date=None, currency=currency, value=value, quantity=100_000.0
        )
        cargo = priced(row, book, reference)
        assert cargo["price_usd_per_bbl"] == approx(100, rel=1e-12)
        assert (cargo["rate_date"], cargo["rate_basis"]) == (dt.date(2026, 5, 1), "fed_monthly_mean")
        assert "monthly_exchange_rate" in cargo["price_notes"]

    @pytest.mark.parametrize(
        ("currency", "day"),
        [("RUB", "2023-06-10"), ("AED", "2023-06-10"), ("TRY", "2026-05-10")],
        ids=["not quoted since 2022", "never quoted", "in the daily series only"],
    )
    def test_no_rate_leaves_the_cargo_unpriced(
        self, book: Rulebook, reference: Reference, currency: str, day: str
    ) -> None:
        row = shipment(loading_date=day, discharge_date=None, currency=currency)
        given = verdict(row, book, reference)
        assert given["verdict"] == "unpriced"
        assert "no_exchange_rate" in given["reason_codes"]
        assert given["price_usd_per_bbl"] is given["price_low_usd_per_bbl"] is given["price_basis"] is None
        assert given["quantity_bbl"] == 700_000

    def test_no_value_is_unpriced_too_and_blames_no_rate(self, book: Rulebook, reference: Reference) -> None:
        given = verdict(shipment(value=None, currency=None), book, reference)
        assert given["verdict"] == "unpriced"
        assert "no_exchange_rate" not in given["reason_codes"]

    def test_dollars_need_no_rate(self, book: Rulebook, reference: Reference) -> None:
        cargo = priced(shipment(loading_date="2031-01-01", discharge_date=None), book, reference)
        assert (cargo["price_usd_per_bbl"], cargo["rate_date"], cargo["rate_basis"]) == (60, None, "us_dollar")

    def test_a_rate_of_a_later_day_is_not_known(self, book: Rulebook, reference: Reference) -> None:
        row = shipment(loading_date="2023-01-16", discharge_date=None, currency="JPY", value=13_902_000_000.0)
        known = reference.as_of(dt.date(2023, 1, 13))
        assert priced(row, book, known)["rate_date"] == dt.date(2023, 1, 13)
        # The mean of January is not known before January is over.
        row = shipment(loading_date="2023-01-30", discharge_date=None, currency="JPY", value=13_902_000_000.0)
        assert priced(row, book, known)["price_usd_per_bbl"] is None


# Delivered India, loaded on 2024-07-01. Published freight near that day to India: at most 7.5813 USD/bbl (Baltic,
# second half of June 2024: 5.5 million USD over 100,000 t x 7.254684). Published insurance: at most 2.4889.
FREIGHT, INSURANCE = 7.5813, 2.4889
DELIVERED = {"loading_date": "2024-07-01", "discharge_date": "2024-07-25", "value": 49_000_000.0}  # 70 USD/bbl
CIF_LIKE = ["CIF", "CIP", "DAP", "DPU", "DDP", "DAT", "DES", "DEQ", "DAF", "DDU"]


class TestTerms:
    @pytest.mark.parametrize("incoterm", ["FOB", "FCA", "FAS", "EXW"])
    def test_terms_that_count_as_fob(self, book: Rulebook, reference: Reference, incoterm: str) -> None:
        cargo = priced(shipment(incoterm=incoterm, **DELIVERED), book, reference)
        assert cargo["price_low_usd_per_bbl"] == cargo["price_high_usd_per_bbl"] == approx(70, rel=1e-12)
        assert cargo["price_basis"] == "invoice_fob"

    @pytest.mark.parametrize("incoterm", ["FOB", "CIF", "CFR", "DAP"])
    def test_itemised_costs_are_subtracted_under_every_term(
        self, book: Rulebook, reference: Reference, incoterm: str
    ) -> None:
        # J-16: 70.00 less 10.00 + 0.50 + 1.00 = 58.50
        costs = {"freight_cost": 7_000_000.0, "insurance_cost": 350_000.0, "other_cost": 700_000.0}
        cargo = priced(shipment(incoterm=incoterm, **DELIVERED, **costs), book, reference)
        assert cargo["price_low_usd_per_bbl"] == cargo["price_high_usd_per_bbl"] == approx(58.5, rel=1e-12)
        assert cargo["price_basis"] == "invoice_less_itemised_costs"
        assert cargo["price_notes"] == []

    @pytest.mark.parametrize("incoterm", CIF_LIKE)
    def test_nothing_itemised(self, book: Rulebook, reference: Reference, incoterm: str) -> None:
        # J-17: the costs are anything from nothing to the dearest that was published.
        cargo = priced(shipment(incoterm=incoterm, **DELIVERED), book, reference)
        assert cargo["price_high_usd_per_bbl"] == approx(70, rel=1e-12)
        assert cargo["price_low_usd_per_bbl"] == approx(70 - FREIGHT - INSURANCE, abs=1e-9)
        assert cargo["price_low_usd_per_bbl"] < cargo["price_usd_per_bbl"] < cargo["price_high_usd_per_bbl"]
        assert cargo["price_basis"] == "cif_less_estimated_freight"
        assert "costs_estimated" in cargo["price_notes"]

    @pytest.mark.parametrize("incoterm", CIF_LIKE)
    def test_freight_itemised_only(self, book: Rulebook, reference: Reference, incoterm: str) -> None:
        cargo = priced(shipment(incoterm=incoterm, freight_cost=7_000_000.0, **DELIVERED), book, reference)
        assert cargo["price_high_usd_per_bbl"] == approx(60, rel=1e-12)
        assert cargo["price_low_usd_per_bbl"] == approx(60 - INSURANCE, abs=1e-9)

    def test_insurance_itemised_only(self, book: Rulebook, reference: Reference) -> None:
        cargo = priced(shipment(incoterm="CIF", insurance_cost=350_000.0, **DELIVERED), book, reference)
        assert cargo["price_high_usd_per_bbl"] == approx(69.5, rel=1e-12)
        assert cargo["price_low_usd_per_bbl"] == approx(69.5 - FREIGHT, abs=1e-9)

    @pytest.mark.parametrize("incoterm", ["CFR", "CPT"])
    def test_terms_without_insurance(self, book: Rulebook, reference: Reference, incoterm: str) -> None:
        cargo = priced(shipment(incoterm=incoterm, **DELIVERED), book, reference)
        assert cargo["price_high_usd_per_bbl"] == approx(70, rel=1e-12)
        assert cargo["price_low_usd_per_bbl"] == approx(70 - FREIGHT, abs=1e-9)
        cargo = priced(shipment(incoterm=incoterm, freight_cost=7_000_000.0, **DELIVERED), book, reference)
        assert cargo["price_low_usd_per_bbl"] == cargo["price_high_usd_per_bbl"] == approx(60, rel=1e-12)

    def test_an_itemised_cost_of_nothing_is_taken_as_it_is(self, book: Rulebook, reference: Reference) -> None:
        row = shipment(incoterm="CIF", freight_cost=0.0, insurance_cost=0.0, **DELIVERED)
        cargo = priced(row, book, reference)
        assert cargo["price_low_usd_per_bbl"] == cargo["price_high_usd_per_bbl"] == approx(70, rel=1e-12)
        assert cargo["price_basis"] == "invoice_less_itemised_costs"

    def test_a_price_is_never_below_nothing(self, book: Rulebook, reference: Reference) -> None:
        cargo = priced(shipment(incoterm="CIF", **DELIVERED | {"value": 3_500_000.0}), book, reference)
        assert (cargo["price_low_usd_per_bbl"], cargo["price_high_usd_per_bbl"]) == (0, 5)

    @pytest.mark.parametrize(
        ("incoterm", "usd_per_bbl", "facts", "expected"),
        [
            ("CIF", 70, {}, "indeterminate"),  # 59.93 to 70.00
            ("CIF", 70.08, {}, "above_cap"),  # 60.0098 to 70.08
            ("CIF", 60, {}, "within_cap"),  # at most 60.00
            ("CIF", 70, {"freight_cost": 7_000_000.0}, "within_cap"),  # 57.51 to 60.00
            ("CIF", 70, {"freight_cost": 6_993_000.0}, "indeterminate"),  # 57.52 to 60.01
            ("CFR", 70, {}, "above_cap"),  # 62.42 to 70.00
            ("CFR", 67.58, {}, "indeterminate"),  # 59.9987 to 67.58
        ],
    )
    def test_a_range_against_the_cap_of_60(
        self,
        book: Rulebook,
        reference: Reference,
        incoterm: str,
        usd_per_bbl: float,
        facts: Row,
        expected: str,
    ) -> None:
        row = shipment(incoterm=incoterm, **DELIVERED | {"value": usd_per_bbl * 700_000} | facts)
        given = verdict(row, book, reference)
        assert given["verdict"] == expected
        assert ("price_range_straddles_cap" in given["reason_codes"]) == (expected == "indeterminate")


# Regime, code, contract, loading, discharge, cap. Contracts are too late for any transition.
CAPPED = [
    ("US", "270900", None, "2023-06-10", "2023-07-05", "60"),
    ("EU", "270900", "2025-09-10", "2025-10-01", "2025-11-01", "47.6"),
    ("EU", "270900", "2026-02-10", "2026-03-01", "2026-03-25", "44.1"),
    ("EU", "27101943", None, "2024-03-01", "2024-03-20", "100"),
    ("EU", "27101962", None, "2024-03-01", "2024-03-20", "45"),
]
BBL = {"bbl": Decimal(1), "kl": Decimal("6.28981077"), "l": Decimal("0.00628981077")}


@pytest.fixture(scope="module")
def at_and_a_cent_above(book: Rulebook, reference: Reference) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Verdicts on a thousand cargoes at the cap of 60, and on the same a cent above."""
    rng = random.Random(7)
    rows = []
    for place in range(1_000):
        quantity = Decimal(rng.randint(100_000, 220_000_000)) / 100
        at_cap = Decimal(60) * quantity
        rows.append(shipment(shipment_id=f"{place} at", quantity=float(quantity), value=float(at_cap)))
        rows.append(shipment(shipment_id=f"{place} above", quantity=float(quantity), value=float(at_cap + CENT)))
    given = verdicts(rows, book, reference)
    within = given.filter(pl.col("shipment_id").str.ends_with("at"))
    return within, given.filter(pl.col("shipment_id").str.ends_with("above"))


class TestExactness:
    """J-13: the comparison decides as exact decimal arithmetic would, to the cent on the whole cargo."""

    @staticmethod
    def awkward(rng: random.Random) -> Decimal:
        """A quantity of a parcel up to a supertanker, with up to three decimals."""
        digits = rng.randint(0, 3)
        return Decimal(rng.randint(1_000 * 10**digits, 2_200_000 * 10**digits)) / 10**digits

    def test_a_cargo_sold_at_the_cap_is_within_and_a_cent_more_is_above(
        self, book: Rulebook, reference: Reference
    ) -> None:
        rng = random.Random(60)
        rows: list[Row] = []
        expected: dict[str, str] = {}
        for place in range(3_000):
            regime, hs_code, contract, loading, discharge, cap = rng.choice(CAPPED)
            unit = rng.choice(list(BBL))
            quantity = self.awkward(rng) / {"bbl": 1, "kl": 10, "l": Decimal("0.01")}[unit]
            at_cap = Decimal(cap) * quantity * BBL[unit]
            costs = [Decimal(rng.randint(0, 10**9)) / 100 for _ in range(rng.randint(0, 3))]
            for name, net, verdict_ in (
                ("at", at_cap.quantize(CENT, ROUND_FLOOR), "within_cap"),
                ("above", at_cap.quantize(CENT, ROUND_CEILING) + CENT, "above_cap"),
            ):
                # What is expected, in exact arithmetic.
                is_within = Fraction(net) <= Fraction(cap) * Fraction(quantity) * Fraction(BBL[unit])
                assert is_within == (verdict_ == "within_cap")
                shipment_id = f"{place} {name}"
                expected[shipment_id] = verdict_
                rows.append(
                    shipment(
                        shipment_id=shipment_id,
                        nexus=regime,
                        hs_code=hs_code,
                        grade=None,
                        contract_date=contract,
                        loading_date=loading,
                        discharge_date=discharge,
                        quantity=float(quantity),
                        quantity_unit=unit,
                        value=float(net + sum(costs)),
                        **dict(zip(("freight_cost", "insurance_cost", "other_cost"), map(float, costs), strict=False)),
                    )
                )
        given = dict(verdicts(rows, book, reference).select("shipment_id", "verdict").iter_rows())
        assert {key: given[key] for key in expected if given[key] != expected[key]} == {}

    def test_a_yen_more_on_the_whole_cargo_is_above(self, book: Rulebook, reference: Reference) -> None:
        # 1.0814 USD and 139.02 JPY per EUR on 2023-01-13.
        usd_per_jpy = Fraction("1.0814") / Fraction("139.02")
        rng = random.Random(139)
        rows, expected = [], {}
        for place in range(500):
            quantity = Decimal(rng.randint(1_000_000, 220_000_000)) / 100
            at_cap = 60 * Fraction(quantity) / usd_per_jpy
            for name, value, verdict_ in (
                ("at", math.floor(at_cap), "within_cap"),
                ("above", math.ceil(at_cap) + 1, "above_cap"),
            ):
                assert (value * usd_per_jpy <= 60 * Fraction(quantity)) == (verdict_ == "within_cap")
                expected[f"{place} {name}"] = verdict_
                rows.append(
                    shipment(
                        shipment_id=f"{place} {name}",
                        loading_date="2023-01-13",
                        discharge_date="2023-02-01",
                        currency="JPY",
                        quantity=float(quantity),
                        value=float(value),
                    )
                )
        given = dict(verdicts(rows, book, reference).select("shipment_id", "verdict").iter_rows())
        assert {key: given[key] for key in expected if given[key] != expected[key]} == {}

    def test_money_above_the_cap(self, at_and_a_cent_above: tuple[pl.DataFrame, pl.DataFrame]) -> None:
        within, above = at_and_a_cent_above
        assert within["is_above_cap"].to_list() == [False] * 1_000
        assert above["is_above_cap"].to_list() == [True] * 1_000
        assert (within["excess_value_usd"] == 0).all()
        assert (above["excess_value_usd"] > 0).all()
        assert (above["margin_usd_per_bbl"] < 0).all()

    def test_the_margin_is_negative_only_above_the_cap(
        self, at_and_a_cent_above: tuple[pl.DataFrame, pl.DataFrame]
    ) -> None:
        within, _ = at_and_a_cent_above
        assert (within["margin_usd_per_bbl"] >= 0).all()
