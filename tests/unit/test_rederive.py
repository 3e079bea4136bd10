"""What the slow re-derivation says on cases worked out by hand.

Here: prices with their arithmetic in a comment, and verdicts whose reason stands beside them.
Add here: a case for every reading of the law that the re-derivation gains, worked out from the text.
Keep out: comparisons with the fast pipeline, which prove nothing about either.
"""

import datetime as dt
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from pipelines.checks.rederive import Rederiver
from pipelines.contracts.rules import PROVIDER_ROLES
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference

Row = dict[str, Any]


@pytest.fixture(scope="module")
def rederiver(book: Rulebook, reference: Reference) -> Rederiver:
    return Rederiver.of(book, reference)


def day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def shipment(**facts: Any) -> Row:
    """A declared shipment: 700000 bbl of Urals from Russia to India, FOB, unpriced unless said otherwise."""
    row = {
        "shipment_id": "A", "contract_date": None, "loading_date": "2024-07-10", "discharge_date": None,
        "hs_code": "270900", "grade": "Urals", "origin_country": "RU", "origin_project": None, "loading_port": None,
        "discharge_port": None, "destination_country": "IN", "transport_mode": "sea", "vessel_imo": None, "vessel_name": None,
        "quantity": 700000.0, "quantity_unit": "bbl", "value": None, "currency": "USD", "incoterm": "FOB",
        "freight_cost": None, "insurance_cost": None, "other_cost": None, "nexus": None,
    } | facts  # fmt: skip
    return row | {column: day(row[column]) for column in ("contract_date", "loading_date", "discharge_date")}


def cargo(loading: str, discharge: str | None = None, price: float | None = None, **facts: Any) -> Row:
    """A cargo of Russian Urals to India by sea; `a..b` is a window of days, a price is exact unless said otherwise."""
    windows: Row = {}
    for name, text in (("loading", loading), ("discharge", discharge)):
        first, _, last = (text or "").partition("..")
        windows |= {f"{name}_first": day(first), f"{name}_last": day(last or first)}
    row = {
        "shipment_id": "A", "contract_date": None, **windows, "hs_code": "270900", "grade_key": "urals", "project_key": None,
        "origin_country": "RU", "destination_country": "IN", "transport_mode": "sea", "nexus": "US",
        **dict.fromkeys(PROVIDER_ROLES),
        "quantity": None, "value": None, "itemised_costs": None, "usd_per_unit_of_currency": None,
        "bbl_per_unit_low": None, "bbl_per_unit_high": None, "estimated_costs_high_usd_per_bbl": None,
        "price_low_usd_per_bbl": price, "price_high_usd_per_bbl": price, "is_price_above_low": False, "price_basis": None,
    } | facts  # fmt: skip
    return row | {"contract_date": day(row["contract_date"])}


def judge(rederiver: Rederiver, row: Row) -> Row:
    (verdict,) = rederiver.verdicts(row)
    return verdict


# --- worked cases ----------------------------------------------------------------------------------------------

SAKHALIN = {"grade": "Sakhalin Blend", "origin_project": "SAKHALIN-2"}
CIF_COSTS = {"incoterm": "CIF", "freight_cost": 7e6, "insurance_cost": 35e4, "other_cost": 7e5}
WORKED = {
    "W01: 69.50, covered by GL 55": (
        {"loading_date": "2023-01-20", "discharge_date": "2023-01-25", **SAKHALIN, "destination_country": "JP", "quantity": 515300.0, "value": 35814000.0},
        "US", "exempt", 60, "S2-US-0",
    ),
    "W02: the same oil, not to Japan": (
        {"loading_date": "2023-01-20", "discharge_date": "2023-01-25", **SAKHALIN, "destination_country": "CN", "quantity": 500000.0, "value": 34750000.0},
        "US", "above_cap", 60, None,
    ),
    "W03: 60.00, at the cap": (
        {"loading_date": "2023-06-10", "discharge_date": "2023-07-05", "value": 42e6}, "US", "within_cap", 60, None,
    ),
    "W04: 55.00 against the US 60": (
        {"loading_date": "2025-10-05", "discharge_date": "2025-11-01", "value": 38.5e6}, "US", "within_cap", 60, None,
    ),
    "W05: the same cargo with an EU service": (
        {"contract_date": "2025-09-20", "loading_date": "2025-10-05", "discharge_date": "2025-11-01", "value": 38.5e6},
        "EU", "above_cap", 47.6, None,
    ),
    "W06: start-of-regime wind-down": (
        {"loading_date": "2022-12-04", "discharge_date": "2023-01-10", "value": 52.5e6}, "US", "exempt", 60, "T-US-1",
    ),
    "W07: premium product": (
        {"loading_date": "2024-03-01", "discharge_date": "2024-03-20", "hs_code": "27101943", "grade": "Diesel",
         "destination_country": "TR", "quantity": 30000.0, "quantity_unit": "t", "value": 21e6},
        "EU", "within_cap", 100, None,
    ),
    "W08: pipeline": (
        {"loading_date": "2024-03-01", "destination_country": "HU", "transport_mode": "pipeline", "quantity": 1e5,
         "quantity_unit": "t", "value": 60e6, "incoterm": "DAP"},
        "EU", "out_of_scope", None, None,
    ),
    "W09: Kazakh origin, transit only": (
        {"loading_date": "2024-03-01", "discharge_date": "2024-03-25", "grade": "CPC Blend", "origin_country": "KZ",
         "origin_project": "CPC", "destination_country": "IT", "quantity": 80000.0, "quantity_unit": "t", "value": 50e6},
        "EU", "out_of_scope", None, None,
    ),
    "W10: 70.00 CIF less 11.50 itemised is 58.50": (
        {"loading_date": "2024-03-01", "discharge_date": "2024-04-01", "value": 49e6, **CIF_COSTS}, "EU", "within_cap", 60, None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WORKED)
def test_worked_cases(rederiver: Rederiver, case: str) -> None:
    facts, regime, verdict, cap, rule = WORKED[case]
    row = shipment(nexus=regime, **facts)
    project = {"SAKHALIN-2": "sakhalin2", "CPC": "cpc"}.get(row["origin_project"])
    prices = {name: value for name, value in rederiver.price(row).items() if name.startswith("price_")}
    dates = {
        "loading_first": row["loading_date"],
        "loading_last": row["loading_date"],
        "discharge_first": row["discharge_date"],
        "discharge_last": row["discharge_date"],
    }
    facts = cargo("2000-01-01") | row | dates | prices | {"value": None, "project_key": project}
    found = {each["regime"]: each for each in rederiver.verdicts(facts)}[regime]
    assert (found["verdict"], found["cap_usd_per_bbl"]) == (verdict, cap)
    assert (found["exemption_id"] or found["transition_id"]) == rule


# --- prices ----------------------------------------------------------------------------------------------------


def price_of(rederiver: Rederiver, **facts: Any) -> tuple[float, float, float]:
    found = rederiver.price(shipment(**facts))
    low, point, high = (found[f"price_{part}usd_per_bbl"] for part in ("low_", "", "high_"))
    return low, point, high


def test_itemised_costs_are_subtracted_on_every_term(rederiver: Rederiver) -> None:
    found = rederiver.price(shipment(value=49e6, **CIF_COSTS))
    assert found == {
        "quantity_bbl": 700000.0,
        "price_usd_per_bbl": 58.5,
        "price_low_usd_per_bbl": 58.5,
        "price_high_usd_per_bbl": 58.5,
        "price_basis": "invoice_less_itemised_costs",
        "usd_per_unit_of_currency": 1.0,
        "rate_basis": "us_dollar",
    }
    # J-16: (43.4 - 1.4) million over 700000 bbl, on FOB
    assert price_of(rederiver, value=43.4e6, other_cost=1.4e6) == (60.0, 60.0, 60.0)
    assert rederiver.price(shipment(value=42e6))["price_basis"] == "invoice_fob"


def test_barrels_come_from_the_density_of_the_grade(rederiver: Rederiver) -> None:
    # 6.28981077 / 0.867 = 7.25468370 bbl/t
    found = rederiver.price(shipment(quantity=1e5, quantity_unit="t", grade="rebco", value=43540000.0))
    assert found["quantity_bbl"] == pytest.approx(725468.370, abs=0.001)
    assert found["price_usd_per_bbl"] == pytest.approx(60.01640, abs=1e-5)  # 43540000 / 725468.370


def test_crude_of_unknown_grade_has_a_range(rederiver: Rederiver) -> None:
    # 410 USD/t; densest ARCO 6.28981077/0.910 = 6.911880, lightest CPC Blend 6.28981077/0.800 = 7.862263, generic 7.33
    for grade in (None, "Diesel"):  # a product's name says nothing about crude
        low, point, high = price_of(rederiver, quantity=1e5, quantity_unit="t", grade=grade, value=41e6)
        assert (low, point, high) == pytest.approx((52.14783, 55.93452, 59.31816), abs=1e-5)


def test_products_have_a_range_of_three_percent(rederiver: Rederiver) -> None:
    # 700 USD/t over 7.46 bbl/t: 7.2362 to 7.6838
    by_code = price_of(rederiver, hs_code="27101943", grade=None, quantity=3e4, quantity_unit="t", value=21e6)
    assert by_code == pytest.approx((91.10075, 93.83378, 96.73586), abs=1e-5)
    # no grade and no code of a listed product: 6.35 - 3 % = 6.1595 to 8.9 + 3 % = 9.167, middle 7.66325 bbl/t
    unknown = price_of(rederiver, hs_code="271099", grade=None, quantity=3e4, quantity_unit="t", value=21e6)
    assert unknown == pytest.approx((76.36086, 91.34506, 113.64559), abs=1e-5)


def test_missing_costs_are_estimated_from_zero_up(rederiver: Rederiver) -> None:
    # To India on 10 July 2024: of the points within 180 days the highest is 7.5813 (15 to 30 June 2024); with
    # 2.4889 of insurance at most 10.0702. The 8.2705 of 10 January 2025 is 184 days away.
    low, point, high = price_of(rederiver, value=49e6, incoterm="CIF")
    assert (low, point, high) == pytest.approx((59.9298, 64.9649, 70.0), abs=1e-9)
    # On 14 July 2024 it is 180 days away.
    assert price_of(rederiver, value=49e6, incoterm="CFR", loading_date="2024-07-14")[0] == pytest.approx(61.7295)
    # Insurance alone is missing: 70 - 10 - 2.4889 to 60.
    low, point, high = price_of(rederiver, value=49e6, incoterm="CIF", freight_cost=7e6)
    assert (low, point, high) == pytest.approx((57.5111, 58.75555, 60.0), abs=1e-9)
    # No point for Turkey: the highest of all destinations about that time, 8.2705 being Baltic to India.
    low, *_ = price_of(rederiver, value=49e6, incoterm="CFR", loading_date="2024-07-14", destination_country="TR")
    assert low == pytest.approx(70 - 8.2705)
    # An estimate above the price leaves nothing, not less.
    assert price_of(rederiver, value=3.5e6, incoterm="CIF") == pytest.approx((0.0, 2.5, 5.0))
    assert rederiver.price(shipment(value=49e6, incoterm="CIF"))["price_basis"] == "cif_less_estimated_freight"


def test_exchange_rates(rederiver: Rederiver) -> None:
    def check(currency: str, loading: str, usd: float | None, basis: str | None) -> None:
        found = rederiver.price(shipment(value=1e9, currency=currency, loading_date=loading))
        assert found["usd_per_unit_of_currency"] == (usd and pytest.approx(usd, rel=1e-15))
        assert found["rate_basis"] == basis
        assert (found["price_usd_per_bbl"] is None) == (usd is None)

    check("JPY", "2023-01-21", 1.0826 / 140.86, "ecb_reference_rate")  # a Saturday: USD and JPY for a euro of Friday
    check("EUR", "2023-01-20", 1.0826, "ecb_reference_rate")
    check("JPY", "2026-04-20", 1.1684 / 186.75, "ecb_reference_rate")  # of 13 April, the last ECB day
    check("JPY", "2026-04-21", 1 / 159.1173, "fed_monthly_mean")
    check("JPY", "2030-01-01", None, None)


# --- verdicts: days ---------------------------------------------------------------------------------------------


def test_discharge_not_known_means_sixty_days(rederiver: Rederiver) -> None:
    # EU 60 to 2025-09-02, which is day 60 of a cargo loaded on 4 July; contract too late for T-EU-5
    facts: Row = {"nexus": "EU", "contract_date": "2025-07-21"}
    within = judge(rederiver, cargo("2025-07-04", price=55.0, **facts))
    assert (within["verdict"], within["level_date"], within["cap_id"]) == ("within_cap", day("2025-07-04"), "EU-C1")
    astride = judge(rederiver, cargo("2025-07-05", price=55.0, **facts))
    assert (astride["verdict"], astride["cap_id"], astride["is_above_cap"]) == ("indeterminate", "EU-C1", None)
    assert judge(rederiver, cargo("2025-07-05", price=47.6, **facts))["verdict"] == "within_cap"
    # A loading window: 60 days from its last day.
    assert judge(rederiver, cargo("2025-07-01..2025-07-04", price=55.0, **facts))["verdict"] == "within_cap"
    window = judge(rederiver, cargo("2025-07-01..2025-07-05", price=55.0, **facts))
    assert (window["verdict"], window["level_date"]) == ("indeterminate", day("2025-07-05"))


def test_discharge_window_is_judged_day_by_day(rederiver: Rederiver) -> None:
    facts: Row = {"nexus": "EU", "contract_date": "2025-07-21"}
    for price, verdict, is_above in (
        (55.0, "indeterminate", None),
        (47.6, "within_cap", False),
        (60.01, "above_cap", True),
    ):
        found = judge(rederiver, cargo("2025-08-10", "2025-08-25..2025-09-10", price, **facts))
        assert (found["verdict"], found["is_above_cap"]) == (verdict, is_above)
        assert (found["level_date"], found["cap_id"]) == (day("2025-09-10"), "EU-C2")
    # Discharged after loading only: a cargo loaded from 3 September on was not discharged before.
    late = judge(rederiver, cargo("2025-09-03..2025-09-05", "2025-08-25..2025-09-10", 55.0, **facts))
    assert late["verdict"] == "above_cap"


def test_loading_window_across_a_wind_down(rederiver: Rederiver) -> None:
    # Loaded to 4 December exempt, later within the cap.
    astride = judge(rederiver, cargo("2022-12-01..2022-12-08", "2023-01-10", 55.0))
    assert (astride["verdict"], astride["is_above_cap"]) == ("indeterminate", False)
    before = judge(rederiver, cargo("2022-12-01..2022-12-04", "2023-01-10", 75.0))
    assert (before["verdict"], before["transition_id"], before["is_above_cap"]) == ("exempt", "T-US-1", True)


def test_price_with_a_floor_only(rederiver: Rederiver) -> None:
    floor: Row = {"price_low_usd_per_bbl": 60.0, "price_high_usd_per_bbl": None}
    above = judge(rederiver, cargo("2023-01-01..2023-03-01", **floor, is_price_above_low=True))
    assert (above["verdict"], above["is_above_cap"]) == ("above_cap", True)
    at_least = judge(rederiver, cargo("2023-01-01..2023-03-01", **floor))
    assert (at_least["verdict"], at_least["is_above_cap"]) == ("indeterminate", None)


# --- verdicts: levels -------------------------------------------------------------------------------------------


def test_comparison_is_exact(rederiver: Rederiver) -> None:
    # J-13: 515301.37 x 60 = 30918082.20
    def verdict(value: float, quantity: float, costs: float | None = None, rate: float = 1.0) -> str:
        facts: Row = {"value": value, "quantity": quantity, "itemised_costs": costs, "usd_per_unit_of_currency": rate}
        facts |= {"bbl_per_unit_low": 1.0, "bbl_per_unit_high": 1.0}
        return str(judge(rederiver, cargo("2023-06-10", "2023-07-05", **facts))["verdict"])

    assert verdict(30918082.2, 515301.37) == "within_cap"
    assert verdict(30918082.21, 515301.37) == "above_cap"
    assert verdict(6.3, 0.1, costs=0.1 + 0.2) == "within_cap"  # 6.3 - 0.3 = 60 x 0.1, in decimals
    assert verdict(6.31, 0.1, costs=0.1 + 0.2) == "above_cap"
    assert verdict(48e6, 1e6, rate=1.25) == "within_cap"


def test_estimated_costs_widen_the_price(rederiver: Rederiver) -> None:
    facts: Row = {"quantity": 1e6, "usd_per_unit_of_currency": 1.0, "bbl_per_unit_low": 1.0, "bbl_per_unit_high": 1.0}
    facts |= {"estimated_costs_high_usd_per_bbl": 5.0}
    for value, verdict in ((65.01e6, "above_cap"), (65e6, "indeterminate"), (60e6, "within_cap")):
        assert judge(rederiver, cargo("2023-06-10", "2023-07-05", value=value, **facts))["verdict"] == verdict
    # Estimated, but from nothing: there is no lower end.
    facts |= {"estimated_costs_high_usd_per_bbl": None, "price_basis": "cif_less_estimated_freight"}
    for value, verdict in ((65.01e6, "indeterminate"), (60e6, "within_cap")):
        assert judge(rederiver, cargo("2023-06-10", "2023-07-05", value=value, **facts))["verdict"] == verdict


def test_costs_cannot_be_estimated_before_the_first_point(book: Rulebook, reference: Reference) -> None:
    # The insurance point is for June 2023, so on 1 April 2023 the price has an upper end only.
    then = Rederiver.of(book, reference.as_of(dt.date(2023, 4, 1)))
    found = then.price(shipment(value=42e6, incoterm="CIF", loading_date="2023-03-01", freight_cost=0.0))
    assert (found["price_low_usd_per_bbl"], found["price_usd_per_bbl"]) == (None, None)
    assert (found["price_high_usd_per_bbl"], found["price_basis"]) == (60.0, "cif_less_estimated_freight")


def test_level_whose_first_day_is_not_known(rederiver: Rederiver) -> None:
    # Canada, 3 to 30 September 2025: 60 or 47.60. At 55 within or, loaded before 3 September, within the prior cap.
    def found(price: float | None) -> Row:
        return judge(rederiver, cargo("2025-09-01", "2025-09-15", price, nexus="CA"))

    gap = found(55.0)
    assert (gap["verdict"], gap["cap_id"], gap["is_above_cap"]) == ("indeterminate", "CA-C2", None)
    assert found(47.6) | {"verdict": "within_cap", "is_above_cap": False, "confidence": "unverified"} == found(47.6)
    assert found(60.01) | {"verdict": "above_cap", "is_above_cap": True, "confidence": "unverified"} == found(60.01)
    assert found(None)["verdict"] == "unpriced"


def test_first_level_whose_first_day_is_not_known(rederiver: Rederiver) -> None:
    # Norway's product caps start on some day of February 2023: in force, or out of scope, whatever the price.
    for price in (90.0, 120.0, None):
        found = judge(rederiver, cargo("2023-02-06", "2023-02-20", price, nexus="NO", hs_code="27101943"))
        assert (found["verdict"], found["cap_id"], found["is_above_cap"]) == ("indeterminate", "NO-P1-premium", None)
    certain = judge(rederiver, cargo("2023-02-06", "2023-03-01", 120.0, nexus="NO", hs_code="27101943"))
    assert (certain["verdict"], certain["is_above_cap"]) == ("above_cap", True)
    before = judge(rederiver, cargo("2023-01-20", "2023-02-04", 120.0, nexus="NO", hs_code="27101943"))
    assert (before["verdict"], before["product_class"], before["cap_id"]) == ("out_of_scope", "premium_product", None)


def test_confidence_of_levels(rederiver: Rederiver) -> None:
    def confidence(regime: str, loading: str, discharge: str) -> str:
        return str(judge(rederiver, cargo(loading, discharge, 40.0, nexus=regime))["confidence"])

    assert confidence("JP", "2025-10-25", "2026-01-31") == "verified"
    assert confidence("JP", "2025-10-25", "2026-02-01") == "unverified"  # J-3: a later level may exist
    assert confidence("AU", "2022-12-04", "2022-12-06") == "conflict"  # J-11: permit of 4, announced 7 December
    assert confidence("AU", "2022-12-04", "2022-12-07") == "verified"
    assert confidence("AU", "2022-12-03", "2022-12-20") == "unverified"  # J-10: under way at the start


def test_rules_of_a_later_day_are_invisible(book: Rulebook, reference: Reference) -> None:
    row = cargo("2025-10-05", "2025-11-01", 55.0, nexus="EU")
    then = judge(Rederiver.of(book.as_of(dt.date(2025, 7, 18)), reference), row)
    assert (then["verdict"], then["cap_id"]) == ("within_cap", "EU-C1")
    now = judge(Rederiver.of(book.as_of(dt.date(2025, 7, 19)), reference), row)
    assert (now["verdict"], now["cap_id"]) == ("above_cap", "EU-C2")


# --- verdicts: transitions --------------------------------------------------------------------------------------


def test_japanese_transition_in_two_wordings(rederiver: Rederiver) -> None:
    def found(contract: str | None, loading: str, discharge: str, price: float) -> tuple[str, str, str | None]:
        row = cargo(loading, discharge, price, nexus="JP", destination_country="JP", contract_date=contract)
        verdict = judge(rederiver, row)
        return verdict["verdict"], verdict["confidence"], verdict["transition_id"]

    both = found("2025-09-11", "2025-09-11", "2025-10-17", 60.0)
    assert both == ("within_prior_cap", "verified", "T-JP-3")
    assert found("2025-09-12", "2025-09-20", "2025-10-10", 55.0) == ("indeterminate", "conflict", None)  # J-8
    assert found(None, "2025-09-11", "2025-10-10", 55.0) == ("indeterminate", "conflict", None)
    assert found("2025-09-12", "2025-09-20", "2025-10-10", 60.01)[0] == "above_cap"  # above both levels
    assert found("2025-09-12", "2025-09-20", "2025-10-10", 47.6)[0] == "within_cap"
    assert found("2025-09-11", "2025-09-11", "2025-10-18", 55.0)[0] == "above_cap"  # over in both


def test_contract_date_that_decides(rederiver: Rederiver) -> None:
    def verdict(contract: str | None, price: float | None) -> str:
        row = cargo("2026-02-10", "2026-03-10", price, nexus="EU", contract_date=contract)
        return str(judge(rederiver, row)["verdict"])

    assert verdict("2026-01-14", 47.6) == "within_prior_cap"
    assert verdict("2026-01-15", 47.6) == "indeterminate"  # J-7
    assert verdict("2026-02-01", 47.6) == "above_cap"
    assert verdict(None, 47.6) == "indeterminate"
    assert verdict(None, 47.61) == "above_cap"
    assert verdict(None, 44.1) == "within_cap"
    assert verdict(None, None) == "unpriced"


def test_open_wind_down_leaves_within_and_unpriced_alone(rederiver: Rederiver) -> None:
    # T-JP-2 needs a contract before 6 February 2023, which is not given (J-2).
    for price, verdict in ((120.0, "indeterminate"), (100.0, "within_cap"), (None, "unpriced")):
        row = cargo("2023-02-05", "2023-03-31", price, nexus="JP", hs_code="27101943")
        assert judge(rederiver, row)["verdict"] == verdict


# --- verdicts: class --------------------------------------------------------------------------------------------


def test_fuel_oil_of_unknown_class(rederiver: Rederiver) -> None:
    # J-20: 45 or 100
    for price, verdict, is_above in (
        (70.0, "indeterminate", None),
        (45.0, "within_cap", False),
        (100.01, "above_cap", True),
    ):
        found = judge(rederiver, cargo("2024-03-01", "2024-03-20", price, hs_code="2710190605"))
        assert (found["verdict"], found["is_above_cap"], found["confidence"]) == (verdict, is_above, "conflict")
        assert (found["product_class"], found["cap_id"], found["cap_usd_per_bbl"]) == (None, None, None)


@pytest.mark.parametrize(
    ("regime", "code", "product_class", "confidence"),
    [
        ("US", "27101215", "premium_product", "verified"),  # own list, although the annex has it as discount
        ("EU", "27101215", "discount_product", "verified"),
        ("JP", "27101215", "discount_product", "unverified"),
        ("US", "27101943", "premium_product", "unverified"),  # from the annex
        ("US", "2710201006", "discount_product", "unverified"),  # in neither list
        ("US", "27102010", None, "unverified"),  # premium codes below it, and unlisted ones
        ("US", "27101911", "premium_product", "unverified"),  # the annex has the whole code
        ("US", "271012", None, "unverified"),
        ("EU", "2710193", "premium_product", "verified"),  # all longer codes agree
        ("EU", "271012", None, "verified"),
        ("EU", "27101218", None, "unverified"),  # not in the annex: open under 2710 12
        ("EU", "27109900", "discount_product", "verified"),
        ("NO", "2709002090", "crude", "verified"),  # crude is crude in every list
    ],
)
def test_class_of_a_code(
    rederiver: Rederiver, regime: str, code: str, product_class: str | None, confidence: str
) -> None:
    found = judge(rederiver, cargo("2024-03-01", "2024-03-20", 40.0, nexus=regime, hs_code=code))
    assert (found["product_class"], found["confidence"]) == (product_class, confidence)


# --- verdicts: exemptions ---------------------------------------------------------------------------------------

TO_JAPAN: Row = {"grade_key": "sakhalinblend", "project_key": "sakhalin2", "destination_country": "JP"}


def found_of(rederiver: Rederiver, regime: str, row: Row) -> Row:
    return {each["regime"]: each for each in rederiver.verdicts(row | {"nexus": regime})}[regime]


def test_licence_series_covers_every_day(rederiver: Rederiver) -> None:
    def us(loading: str, discharge: str | None, **facts: Any) -> tuple[str, str | None, str]:
        found = found_of(rederiver, "US", cargo(loading, discharge, 75.0, **TO_JAPAN | facts))
        return found["verdict"], found["exemption_id"], found["confidence"]

    assert us("2023-09-05", "2023-10-05") == ("exempt", "S2-US-1", "verified")  # GL 55, then 55A
    assert us("2022-12-01", "2023-01-25") == ("exempt", "S2-US-0", "verified")  # J-9
    assert us("2025-01-05", "2025-01-15") == ("exempt", "S2-US-3", "unverified")  # 55B and 55C: the later is named
    assert us("2026-12-10", "2026-12-17")[0] == "exempt"
    assert us("2026-12-10", "2026-12-18")[:2] == ("above_cap", None)  # GL 55F ends as that day begins
    assert us("2026-12-01", None)[0] == "indeterminate"
    assert us("2026-12-10..2026-12-16", "2026-12-12..2026-12-17")[0] == "exempt"
    assert us("2024-03-01", "2024-03-08", project_key=None)[0] == "exempt"  # J-22: by grade
    assert us("2024-03-01", "2024-03-08", project_key="sakhalin1")[0] == "above_cap"
    assert us("2024-03-01", "2024-03-08", grade_key=None)[0] == "exempt"


def test_licence_is_named_before_a_wind_down(rederiver: Rederiver) -> None:
    found = found_of(rederiver, "EU", cargo("2022-12-04", "2023-01-10", 75.0, **TO_JAPAN))
    assert (found["verdict"], found["exemption_id"], found["transition_id"]) == ("exempt", "S2-EU-0", None)
    assert found["confidence"] == "verified"  # that of T-EU-1, recalled, does not count


def test_open_exemption_leaves_within_and_unpriced_alone(rederiver: Rederiver) -> None:
    # S2-EU-5 is a gap from 29 June 2026 on (J-2).
    for price, verdict in ((44.11, "indeterminate"), (44.1, "within_cap"), (None, "unpriced")):
        found = found_of(rederiver, "EU", cargo("2026-06-20", "2026-06-29", price, **TO_JAPAN))
        assert (found["verdict"], found["exemption_id"]) == (verdict, None)


def test_loaded_by_licences(rederiver: Rederiver) -> None:
    # J-23; GL 134: loaded by 12 March, discharged from 12 March to 10 April 2026, anywhere but in Iran
    def verdict(loading: str, discharge: str, price: float | None = 75.0, destination: str = "CN") -> str:
        return str(judge(rederiver, cargo(loading, discharge, price, destination_country=destination))["verdict"])

    assert verdict("2026-03-12", "2026-03-25") == "indeterminate"
    assert verdict("2026-03-13", "2026-03-25") == "above_cap"
    assert verdict("2026-03-01", "2026-04-10") == "indeterminate"
    assert verdict("2026-03-01", "2026-04-11") == "above_cap"
    assert verdict("2026-03-01", "2026-03-25", destination="IR") == "above_cap"
    assert verdict("2026-03-01", "2026-03-25", 60.0) == "within_cap"
    assert verdict("2026-03-01", "2026-03-25", None) == "unpriced"
    assert verdict("2026-02-20", "2026-03-05", destination="IN") == "indeterminate"  # GL 133


def test_vacuum_gas_oil_to_croatia(rederiver: Rederiver) -> None:
    # J-24: exempt by grade, open by the code that it shares with other oils, and no other product
    def verdict(code: str, grade: str | None, price: float = 110.0) -> str:
        row = cargo("2023-06-01", "2023-06-10", price, hs_code=code, grade_key=grade, destination_country="HR")
        return str(judge(rederiver, row)["verdict"])

    assert verdict("27101971", "vacuumgasoil") == "exempt"
    assert verdict("27101971", None) == "indeterminate"
    assert verdict("27101971", None, 100.0) == "within_cap"
    assert verdict("27101943", "gasoil") == "above_cap"


# --- verdicts: nexus --------------------------------------------------------------------------------------------


EVERY = {"US", "EU", "UK", "JP", "CA", "AU", "NZ", "CH", "NO"}
NEUTRAL = dict.fromkeys(PROVIDER_ROLES, "AE")


def nexus(
    rederiver: Rederiver, declared: str | None = None, loading: str = "2024-03-01", **facts: Any
) -> dict[str, str]:
    row = cargo(loading, "2024-03-20", 50.0, nexus=declared, **facts)
    return {found["regime"]: found["nexus_basis"] for found in rederiver.verdicts(row)}


def test_destination_japan_brings_its_regime(rederiver: Rederiver) -> None:
    assert nexus(rederiver, "EU", destination_country="JP") == {"EU": "declared", "JP": "inferred"}
    assert nexus(rederiver, "JP;EU", destination_country="JP") == {"EU": "declared", "JP": "declared"}
    assert nexus(rederiver, "EU") == {"EU": "declared"}
    assumed = nexus(rederiver, destination_country="JP")
    assert assumed == dict.fromkeys(EVERY, "assumed") | {"JP": "inferred"}


@pytest.mark.parametrize(
    ("providers", "regime"),
    [
        ({"flag": "LR"}, "US"),  # the registry is run by a company in the United States
        ({"flag": "MH"}, "US"),
        ({"insurer_country": "GB"}, "UK"),
        ({"owner_country": "GR"}, "EU"),
        ({"customs_broker_country": "NO"}, "NO"),  # not known to be covered: judged to be safe
        ({"classification_country": "JP"}, "JP"),
    ],
)
def test_a_provider_brings_its_regime_alone(rederiver: Rederiver, providers: Row, regime: str) -> None:
    assert nexus(rederiver, **providers) == {regime: "inferred"}
    assert nexus(rederiver, **NEUTRAL | providers) == {regime: "inferred"}


@pytest.mark.parametrize(
    "providers",
    [
        {},
        {"classification_country": "US"},  # classification is outside the services ban
        {"owner_country": "LR"},  # the registry alone is run from the United States
        {"insurer_country": "AE"},
        {role: "AE" for role in PROVIDER_ROLES if role != "flag"},
        {role: "AE" for role in PROVIDER_ROLES if role != "flag"} | {"classification_country": "US"},
    ],
)
def test_every_regime_is_assumed_while_a_provider_is_not_known(rederiver: Rederiver, providers: Row) -> None:
    assert nexus(rederiver, **providers) == dict.fromkeys(EVERY, "assumed")


def test_eight_providers_of_no_regime_leave_none(rederiver: Rederiver) -> None:
    assert nexus(rederiver, **NEUTRAL) == {}
    assert nexus(rederiver, **NEUTRAL | {"classification_country": "US"}) == {}
    assert nexus(rederiver, destination_country="JP", **NEUTRAL) == {"JP": "inferred"}
    assert nexus(rederiver, "CA", **NEUTRAL) == {"CA": "declared"}


def test_providers_beside_declared_regimes_and_destination(rederiver: Rederiver) -> None:
    assert nexus(rederiver, "US", insurer_country="GB") == {"US": "declared", "UK": "inferred"}
    assert nexus(rederiver, "UK", insurer_country="GB", flag="LR") == {"UK": "declared", "US": "inferred"}
    to_japan = nexus(rederiver, insurer_country="GB", destination_country="JP")
    assert to_japan == {"UK": "inferred", "JP": "inferred"}
    assert nexus(rederiver, financier_country="US", broker_country="CH") == {"US": "inferred", "CH": "inferred"}


def test_a_country_counts_on_its_loading_days(book: Rulebook, reference: Reference) -> None:
    # A registry run from the United States in February 2024 only.
    february = pl.col("id") == "NC-US-LR"
    moved = book.nexus_countries.with_columns(
        valid_from=pl.when(february).then(pl.date(2024, 2, 1)).otherwise("valid_from"),
        valid_to=pl.when(february).then(pl.date(2024, 3, 1)).otherwise("valid_to"),
    )
    rederiver = Rederiver.of(replace(book, nexus_countries=moved), reference)
    for loading, is_brought in (
        ("2024-01-31", False),
        ("2024-02-01", True),
        ("2024-02-29", True),
        ("2024-03-01", False),
        ("2024-01-20..2024-01-31", False),
        ("2024-01-31..2024-02-01", True),  # on a day that is possible
        ("2024-02-29..2024-03-10", True),
        ("2024-03-01..2024-03-10", False),
    ):
        expected = {"US": "inferred"} if is_brought else dict.fromkeys(EVERY, "assumed")
        assert nexus(rederiver, loading=loading, flag="LR") == expected
