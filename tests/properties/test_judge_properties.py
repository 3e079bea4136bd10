"""What must hold for every cargo, whatever the law says of it.

Here: generated cargoes near the days on which rules begin and end, and laws between verdicts on related cargoes.
Add here: a relation that a mistake in prices, nexus or rules would break.
Keep out: what a single cargo must get (see `tests/golden`).

One judging costs about as much for a thousand cargoes as for one, so each example is a list of cargoes.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st

from pipelines.contracts.cargoes import VERDICTS
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from tests.support import Row, cargoes, verdicts

BOOK = Rulebook.load()
EDGES = sorted(
    {
        day
        for frame in (BOOK.price_caps, BOOK.transitions, BOOK.exemptions)
        for name in ("valid_from", "valid_to", "loaded_before", "contract_before", "certain_from", "verified_to")
        if name in frame.columns
        for day in frame[name].drop_nulls()
    }
)
LEVELS = [44.1, 45.0, 47.6, 60.0, 100.0]


def bounded(examples: int) -> settings:
    """The same examples on every run, few and large; a failure names its cargo, so nothing is shrunk."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )


def days(*offsets: int) -> st.SearchStrategy[dt.date]:
    """A day on which a rule begins or ends, or one so many days from it."""
    return st.builds(
        lambda day, offset: day + dt.timedelta(days=offset), st.sampled_from(EDGES), st.sampled_from(offsets)
    )


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def voyage(loading: dt.date, length: int | None, contract: dt.date | None) -> Row:
    """The days of a cargo; a length of None leaves the day of discharge open."""
    discharge = None if length is None else loading + dt.timedelta(days=length)
    return {"loading_date": loading, "discharge_date": discharge, "contract_date": contract}


def after_a_step(cap: Row, day: int, length: int | None, contract: int | None, price: float) -> Row:
    """Crude discharged some days after a level fell, on a contract some days older than its publication."""
    discharge = cap["valid_from"] + dt.timedelta(days=day)
    age = None if contract is None else cap["published_on"] - dt.timedelta(days=contract)
    loading = discharge - dt.timedelta(days=length or 20)
    plain = {"hs_code": "2709", "oil": "Urals", "quantity_unit": "bbl", "incoterm": "FOB", "usd_per_bbl": price}
    return voyage(loading, length, age) | plain


# At the edge of a rule, or while an earlier cap may still be usable.
STEPS = BOOK.price_caps.filter(pl.col("cap_usd_per_bbl").is_in([44.1, 47.6])).to_dicts()
VOYAGES = st.builds(
    voyage,
    days(0, -1, -3, -20, -45, 1),
    st.sampled_from([20, None, 0, 1, 3, 45, 61]),
    days(0, -1, -40) | st.none(),
) | st.builds(
    after_a_step,
    st.sampled_from(STEPS),
    st.sampled_from([0, 15, 44, 45, 46, 75]),
    st.sampled_from([60, 30, None]),
    st.sampled_from([30, 1, 0, -14, None]),
    st.sampled_from([46.0, 50.0, 60.0, 60.01]),
)
PRICES = (
    st.sampled_from(LEVELS)
    | st.sampled_from(LEVELS).map(lambda level: level + 0.01)
    | st.integers(44, 60).map(float)
    | st.integers(1, 150).map(float)
    | st.none()
)

# What is rare in the law is frequent here.
FACTS = st.fixed_dictionaries(
    {
        "voyage": VOYAGES,
        "hs_code": st.sampled_from(["2709", "270900", "27101943", "27101962", "27101225", "271019", "2710190600", "27101971"]),
        "oil": st.sampled_from(["Urals", "Urals", "Sakhalin-2", "Sakhalin Blend", "Vacuum gas oil", "other"]),
        "destination_country": st.sampled_from(["IN", "JP", "CN", "BG", "HR", "IR"]),
        "outside": st.sampled_from([*(20 * [{}]), {"origin_country": "KZ"}, {"transport_mode": "rail"}, {"hs_code": "271121"}]),
        "quantity": st.integers(1_000, 2_000_000).map(float),
        "quantity_unit": st.sampled_from(["bbl", "t", "kl", "kg"]),
        "usd_per_bbl": PRICES,
        "incoterm": st.sampled_from(["FOB", "FOB", "CIF", "CFR"]),
        "freight_share": st.sampled_from([None, 0.0, 0.05]),
        "insurance_share": st.sampled_from([None, 0.01]),
        "nexus": st.sampled_from([None, "US", "EU;UK", "JP;CA;AU", "NZ;CH;NO", "US;EU;UK;JP;CA;AU;NZ;CH;NO"]),
    }
)  # fmt: skip
OILS = {
    "Urals": {"grade": "Urals", "hs_code": "270900"},
    "Sakhalin-2": {"origin_project": "SAKHALIN-2", "grade": "Sakhalin Blend", "destination_country": "JP", "hs_code": "2709"},
    "Sakhalin Blend": {"grade": "sakhalin-blend"},
    "Vacuum gas oil": {"grade": "Vacuum gas oil", "hs_code": "27101971"},
    "other": {},
}  # fmt: skip
BBL = {"bbl": 1.0, "kl": 6.28981077, "t": 7.254683702, "kg": 0.007254683702}


def cargo(number: int, facts: Row) -> Row:
    """A declared shipment; its value is the price times the barrels of Urals."""
    facts = facts | facts["voyage"]
    price = facts["usd_per_bbl"]
    value = None if price is None else price * facts["quantity"] * BBL[facts["quantity_unit"]]
    declared = {
        "shipment_id": f"{number:05}",
        "origin_country": "RU",
        "transport_mode": "sea",
        "value": value,
        "currency": "USD",
        "freight_cost": _share(value, facts["freight_share"]),
        "insurance_cost": _share(value, facts["insurance_share"]),
    }
    return facts | declared | OILS[facts["oil"]] | facts["outside"]


def _share(value: float | None, share: float | None) -> float | None:
    return None if value is None or share is None else value * share


CARGOES = st.lists(FACTS, min_size=40, max_size=100).map(
    lambda many: [cargo(number, facts) for number, facts in enumerate(many)]
)
PRICED = CARGOES.map(lambda rows: [row for row in rows if row["value"] is not None])


def variants(rows: list[Row], names: list[str], change: Callable[[Row, str], Row | None]) -> list[Row]:
    """Each row once per name, changed and with the name in its id; those that `change` leaves out are missing."""
    made = []
    for row in rows:
        for name in names:
            if (changed := change(row, name)) is not None:
                made.append(changed | {"shipment_id": f"{row['shipment_id']} {name}"})
    return made


def by_id(rows: list[Row]) -> dict[str, Row]:
    """The facts of the cargoes, for messages."""
    return {row["shipment_id"]: row for row in rows}


def by_variant(given: pl.DataFrame) -> dict[tuple[str, str], dict[str, Row]]:
    """Verdicts by cargo and regime, then by variant."""
    found: dict[tuple[str, str], dict[str, Row]] = {}
    for row in given.iter_rows(named=True):
        shipment_id, _, name = row["shipment_id"].partition(" ")
        found.setdefault((shipment_id, row["regime"]), {})[name] = row
    return found


# --- price ---------------------------------------------------------------------------------------------------

FACTORS = ["0.25", "0.50", "0.80", "0.95", "1.00", "1.0001", "1.05", "1.25", "2.00", "9.00"]
WORSE = {"within_cap": 0, "within_prior_cap": 1, "above_cap": 2}


@bounded(5)
@given(PRICED)
def test_a_higher_price_is_never_better(book: Rulebook, reference: Reference, rows: list[Row]) -> None:
    def at_price(row: Row, factor: str) -> Row:
        value = {"value": None, "currency": None} if factor == "none" else {"value": row["value"] * float(factor)}
        return row | value

    many = variants(rows, [*FACTORS, "none"], at_price)
    facts = by_id(rows)
    for (shipment_id, regime), found in by_variant(verdicts(many, book, reference)).items():
        key = (regime, facts[shipment_id])
        ordered = [found[factor] for factor in FACTORS]
        names = [row["verdict"] for row in ordered]
        unpriced = found["none"]["verdict"]
        if {"exempt", "out_of_scope", unpriced} & set(names) - {"indeterminate"}:
            assert {*names, unpriced} == {names[0]}, f"{key}: {names}, {unpriced}"
        else:
            assert unpriced in {"unpriced", "indeterminate"}, f"{key}: {names}, {unpriced}"
        ranks = [WORSE[name] for name in names if name in WORSE]
        assert ranks == sorted(ranks), f"{key}: {names}"
        above = [row["is_above_cap"] for row in ordered]
        told = [is_above for is_above in above if is_above is not None]
        assert told == sorted(told), f"{key}: {above}"
        prices = [row["price_high_usd_per_bbl"] for row in ordered]
        if None in prices:  # a mass of something that is no oil
            assert set(prices) == {None}, str(key)
            assert set(names) == {"out_of_scope"}, str(key)
        else:
            assert prices == sorted(prices), str(key)


# --- units and currencies --------------------------------------------------------------------------------------

DECIDED = ["verdict", "product_class", "level_date", "cap_id", "transition_id", "exemption_id", "is_above_cap"]


def same_decision(one: Row, other: Row) -> None:
    assert {name: one[name] for name in DECIDED} == {name: other[name] for name in DECIDED}
    assert one["confidence"] == other["confidence"]
    ignored = {"monthly_exchange_rate"}
    codes = [[code for code in row["reason_codes"] if code not in ignored] for row in (one, other)]
    assert codes[0] == codes[1]
    for name in ("price_low_usd_per_bbl", "price_high_usd_per_bbl", "quantity_bbl"):
        assert (one[name] is None) == (other[name] is None)
        assert one[name] is None or other[name] == pytest.approx(one[name], rel=1e-9)


UNITS = {
    "bbl": {"kl": 6.28981077, "m3": 6.28981077, "l": 0.00628981077},
    "kl": {"bbl": 1 / 6.28981077, "m3": 1.0, "l": 0.001},
    "t": {"kg": 0.001},
    "kg": {"t": 1000.0},
}


@bounded(5)
@given(CARGOES)
def test_the_unit_of_the_quantity_changes_nothing(book: Rulebook, reference: Reference, rows: list[Row]) -> None:
    def in_unit(row: Row, unit: str) -> Row | None:
        if unit in {"as declared", row["quantity_unit"]}:
            return row
        per_unit = UNITS[row["quantity_unit"]].get(unit)
        return per_unit and row | {"quantity": row["quantity"] / per_unit, "quantity_unit": unit}

    many = variants(rows, ["as declared", "bbl", "kl", "m3", "l", "t", "kg"], in_unit)
    for found in by_variant(verdicts(many, book, reference)).values():
        assert len(found) >= 3
        for other in found.values():
            same_decision(found["as declared"], other)


@bounded(5)
@given(PRICED)
def test_the_currency_changes_nothing_at_the_rate_that_is_used(
    book: Rulebook, reference: Reference, rows: list[Row]
) -> None:
    currencies = ["EUR", "JPY", "INR"]
    rates = {
        tuple(row["shipment_id"].split(" ")): row["usd_per_unit_of_currency"]
        for row in cargoes(
            variants(rows, currencies, lambda row, currency: row | {"currency": currency}), book, reference
        ).iter_rows(named=True)
    }

    def in_currency(row: Row, currency: str) -> Row | None:
        if currency == "USD":
            return row
        rate = rates[row["shipment_id"], currency]
        if rate is None:
            return None
        amounts = {name: row[name] and row[name] / rate for name in ("value", "freight_cost", "insurance_cost")}
        return row | amounts | {"currency": currency}

    many = variants(rows, ["USD", *currencies], in_currency)
    assert len(many) > len(rows)
    for found in by_variant(verdicts(many, book, reference)).values():
        for other in found.values():
            same_decision(found["USD"], other)


# --- rules -----------------------------------------------------------------------------------------------------

EXEMPTION = st.fixed_dictionaries(
    {
        "id": st.just("NEW"),
        "series": st.just("NEW"),
        "regime": st.sampled_from(BOOK.regime_codes),
        "kind": st.just("country"),
        "coverage": st.sampled_from(["whole_voyage", "discharge_in_window"]),
        "product_classes": st.just("crude;premium_product;discount_product"),
        "destination_country": st.sampled_from([None, "IN", "JP"]),
        "loaded_before": st.none(),
        "valid_from": days(0, 1),
        "valid_to": st.none(),
        "published_on": st.just(dt.date(2022, 1, 1)),
        "licence": st.just("NEW"),
        "instrument": st.just("imagined"),
        "source": st.just("S1"),
        "confidence": st.sampled_from(["verified", "unverified"]),
    }
)


def with_exemption(book: Rulebook, row: Row, **facts: Any) -> Rulebook:
    new = pl.DataFrame([row | facts], schema=book.exemptions.schema)
    wider = replace(book, exemptions=pl.concat([book.exemptions, new]))
    assert list(wider.problems()) == []
    return wider


@bounded(4)
@given(CARGOES, EXEMPTION, st.integers(1, 2_000))
def test_an_exemption_more_makes_nothing_worse(
    book: Rulebook, reference: Reference, rows: list[Row], exemption: Row, length: int
) -> None:
    exemption |= {"valid_to": exemption["valid_from"] + dt.timedelta(days=length)}
    facts = by_id(rows)
    before = verdicts(rows, book, reference)
    decides = verdicts(rows, with_exemption(book, exemption, effect="decides"), reference)
    may_apply = verdicts(rows, with_exemption(book, exemption, effect="open"), reference)
    columns = ("shipment_id", "regime", "verdict")
    for (shipment_id, regime, old), (_, _, sure), (_, _, perhaps) in zip(
        *(frame.select(columns).iter_rows() for frame in (before, decides, may_apply)), strict=True
    ):
        key = (regime, old, sure, perhaps, exemption, facts[shipment_id])
        if regime != exemption["regime"] or old in {"out_of_scope", "exempt"}:
            assert sure == perhaps == old, str(key)
        elif facts[shipment_id]["discharge_date"] is not None:
            assert sure in {old, "exempt"}, str(key)
        else:
            # Days of discharge that are exempt and days that are not: the verdicts differ (J-5).
            assert sure in {old, "exempt", "indeterminate"}, str(key)
        if old in {"within_cap", "unpriced", "out_of_scope"}:
            assert perhaps == old, str(key)  # J-2
        else:
            assert perhaps in {old, "indeterminate"}, str(key)


# --- rows --------------------------------------------------------------------------------------------------------


@bounded(3)
@given(CARGOES, st.randoms(use_true_random=False), st.integers(1, 39))
def test_order_and_splitting_change_nothing(
    book: Rulebook, reference: Reference, rows: list[Row], rng: Any, cut: int
) -> None:
    whole = verdicts(rows, book, reference)
    shuffled = rng.sample(rows, len(rows))
    parts = [verdicts(part, book, reference) for part in (shuffled[:cut], shuffled[cut:])]
    assert pl.concat(parts).sort("shipment_id", "regime").equals(whole)


@bounded(5)
@given(CARGOES)
def test_one_row_per_cargo_and_regime_and_every_row_says_why(
    book: Rulebook, reference: Reference, rows: list[Row]
) -> None:
    given_ = verdicts(rows, book, reference)
    assert VERDICTS.failures(given_).height == 0
    expected = set()
    for row in rows:
        declared = set(row["nexus"].split(";")) if row["nexus"] else set()
        for regime in book.regime_codes:
            if regime in declared:
                expected.add((row["shipment_id"], regime, "declared"))
            elif regime == "JP" and row["destination_country"] == "JP":
                expected.add((row["shipment_id"], regime, "inferred"))
            elif not declared:
                expected.add((row["shipment_id"], regime, "assumed"))
    keys = list(given_.select("shipment_id", "regime", "nexus_basis").iter_rows())
    assert len(keys) == len(set(keys))
    assert set(keys) == expected
    facts = by_id(rows)
    for row in given_.iter_rows(named=True):
        assert row["reason"].strip().endswith(".")
        assert row["reason_codes"]
        assert all(row["reason_codes"])
        declared = facts[row["shipment_id"]]
        assert row["level_date"] == (declared["discharge_date"] or declared["loading_date"])
        rules = [row["exemption_id"], row["transition_id"]]
        assert sum(rule is not None for rule in rules) == (row["verdict"] in {"exempt", "within_prior_cap"})
        assert (row["cap_id"] is None) == (row["cap_usd_per_bbl"] is None)
        if row["price_usd_per_bbl"] is None:
            assert row["margin_usd_per_bbl"] is None
        elif row["cap_usd_per_bbl"] is not None:
            assert row["margin_usd_per_bbl"] == row["cap_usd_per_bbl"] - row["price_usd_per_bbl"]


@bounded(5)
@given(CARGOES)
def test_a_regime_judges_alike_assumed_declared_and_alone(
    book: Rulebook, reference: Reference, rows: list[Row]
) -> None:
    every = ";".join(book.regime_codes)
    many = variants(
        rows,
        ["assumed", "declared", *book.regime_codes],
        lambda row, name: row | {"nexus": {"assumed": None, "declared": every}.get(name, name)},
    )
    found = by_variant(verdicts(many, book, reference))
    assert len(found) == len(rows) * len(book.regime_codes)
    for (_, regime), given_ in found.items():
        assumed, declared, alone = (
            {**given_[name], "shipment_id": None, "nexus_basis": None} for name in ("assumed", "declared", regime)
        )
        assert assumed == declared == alone
