"""The engine and the re-derivation, written apart from the same law, agree on cargoes made to find its edges.

Here: a maker of cargoes that aims at one rule at a time and misses it by a day, a cent or a word, and the comparison.
Add here: a fact that a new rule looks at, so that cargoes differ in it.
Keep out: what a cargo must get (see `tests/golden` and `tests/unit/test_rederive.py`).

`PLIMSOLL_LONG_TESTS=20` compares twenty times as many cargoes.
"""

import datetime as dt
import math
import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipelines.assess import shipments_contract
from pipelines.checks.proof import COMPARED
from pipelines.checks.rederive import Rederiver
from pipelines.contracts.cargoes import CARGOES, VERDICT_VALUES
from pipelines.contracts.rules import CONFIDENCE, PROVIDER_ROLES
from pipelines.contracts.shipments import TRANSPORT_MODES
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.transforms.judge import judge
from tests.support import Row, cargoes, shipments

BOOK = Rulebook.load()
BATCHES = 24 * int(os.environ.get("PLIMSOLL_LONG_TESTS", "1"))
CARGOES_IN_BATCH = 400  # judging costs about as much for hundreds as for one
LEAST_COMPARED = 20_000  # cargo-regimes, if PLIMSOLL_LONG_TESTS is not set

DAY_COLUMNS = ("valid_from", "valid_to", "certain_from", "verified_to", "contract_before", "loaded_before")
DAY = dt.timedelta(days=1)
LONGEST_VOYAGE = 130 * DAY  # longer than any time between the loading and the discharge that a rule allows
NEXUS_BASES = ("declared", "inferred", "assumed")
NEUTRAL_COUNTRIES = ("AE", "CN", "IN", "PA", "TR")
# J-13: nearer to a cap than this share of the value, exact and binary arithmetic need not agree.
TOLERANCE = 1e-12

AMOUNTS = (
    "quantity_bbl",
    "price_usd_per_bbl",
    "price_low_usd_per_bbl",
    "price_high_usd_per_bbl",
    "usd_per_unit_of_currency",
)
BASES = ("price_basis", "rate_basis")


# --- making cargoes ----------------------------------------------------------------------------------------------


@dataclass
class Maker:
    """Makes shipments and turns some into other evidence; the same ones for the same state of `rng`.

    `book` and `reference` are the whole law and all figures; `price` is how a shipment is priced.
    """

    rng: random.Random
    book: Rulebook
    reference: Reference
    price: Callable[[Row], Row]
    aim: float = 1.0

    def shipment(self, number: int) -> Row:
        """A declared shipment that a rule may or may not reach."""
        rule = self.rng.choice(self.rules)
        rule = rule | {"product_class": self.rng.choice(rule["product_classes"].split(";"))}
        self.aim = self.rng.choice([1.0, 1.0, 0.95, 0.7])
        row = {
            "shipment_id": f"{number:05}",
            **self.days(rule),
            **self.oil(rule),
            "destination_country": self.destination(rule),
            "transport_mode": self.mostly("sea", TRANSPORT_MODES),
            "nexus": self.nexus(rule["regime"]),
            **self.providers(),
        }  # fmt: skip
        return row | self.invoice(rule, row)

    # Chance

    def is_aimed(self) -> bool:
        """Whether the next fact is as the rule wants it: of most cargoes every one, of the others most."""
        return self.chance(self.aim)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def near(self, wanted: Any, others: Sequence[Any]) -> Any:
        """What the rule asks for, if it asks for anything, or now and then something else."""
        return wanted if wanted is not None and self.is_aimed() else self.rng.choice(others)

    def mostly(self, usual: Any, others: Sequence[Any]) -> Any:
        return usual if self.chance(0.95) else self.rng.choice(others)

    # What there is to choose from

    @cached_property
    def rules(self) -> list[Row]:
        """Every cap, transition and exemption as one shape of row; those that ask for most nine times."""
        caps = self.book.price_caps.with_columns(product_classes="product_class")
        earlier_caps = self.book.transitions.filter(pl.col("kind") == "prior_cap")
        frames = [caps, self.book.transitions, self.book.exemptions, *8 * [earlier_caps]]
        return pl.concat(frames, how="diagonal").to_dicts()

    @cached_property
    def edges(self) -> list[dt.date]:
        """Days on which a rule begins or ends, and days on which figures for prices do."""
        days = {rule[name] for rule in self.rules for name in DAY_COLUMNS if rule[name]}
        rated = self.reference.exchange_rates_daily["rate_date"]
        points = self.reference.freight_points
        days |= {rated[0], rated[-1] + 7 * DAY}
        days |= {*(points["first_date"] - 180 * DAY), *(points["last_date"] + 180 * DAY)}
        return sorted(day for day in days if day > dt.date(2022, 1, 1))

    @cached_property
    def levels(self) -> list[float]:
        return self.book.price_caps["cap_usd_per_bbl"].unique().sort().to_list()

    @cached_property
    def codes(self) -> dict[str, list[str]]:
        """Codes of each class in any list."""
        found: dict[str, list[str]] = defaultdict(list)
        for row in self.book.product_classes.iter_rows(named=True):
            found[row["product_class"]].append(row["code"])
        return found

    @cached_property
    def destinations(self) -> list[str]:
        columns = [
            self.book.regimes["destination_nexus"],
            self.book.transitions["destination_country"],
            self.book.exemptions["destination_country"],
            self.book.exemptions["destination_excluded"],
            self.reference.freight_points["destination_country"],
        ]
        return sorted({country for column in columns for country in column.drop_nulls()} | {*NEUTRAL_COUNTRIES})

    @cached_property
    def grades(self) -> list[str | None]:
        names = [name for row in self.reference.grades.iter_rows(named=True) for name in _names(row)]
        return [None, "No such grade", "--", *names]

    @cached_property
    def projects(self) -> list[str | None]:
        named = [
            *self.book.exemptions["origin_project"].drop_nulls(),
            *self.book.scope_rules["origin_project"].drop_nulls(),
        ]
        return [None, None, "SAKHALIN-1", ".", *sorted(set(named))]

    @cached_property
    def currencies(self) -> list[str]:
        rated = {*self.reference.exchange_rates_daily["currency"], *self.reference.exchange_rates_monthly["currency"]}
        return sorted(rated | {"EUR", "AED"})  # dirhams have no rate

    def levels_of(self, rule: Row) -> list[float]:
        """Levels of the class and the regime of a rule."""
        caps = self.book.price_caps.filter(regime=rule["regime"], product_class=rule["product_class"])
        return caps["cap_usd_per_bbl"].to_list()

    # Facts

    def days(self, rule: Row) -> Row:
        """One of contract, loading and discharge within two days of a day of the rule, the others in its time."""
        column = self.rng.choice([name for name in DAY_COLUMNS if rule[name]])
        edge = self.edge(rule[column]) if self.is_aimed() else self.any_day()
        voyage = self.rng.choice([0, 1, self.rng.randrange(20), self.rng.randrange(75)]) * DAY
        discharge = self.between(rule["valid_from"], rule["valid_to"] or rule["valid_from"] + 400 * DAY)
        loading = min(discharge, (rule["loaded_before"] or dt.date.max) - DAY) - voyage
        contract = (rule["contract_before"] or loading) - (1 + self.rng.randrange(60)) * DAY
        if column == "contract_before":
            contract = edge
        elif column == "loaded_before":
            loading, discharge = edge, max(edge, discharge)
        elif self.chance(0.3):
            loading, discharge = edge, edge + voyage
        else:
            loading, discharge = min(loading, edge), edge
        if discharge - loading > LONGEST_VOYAGE:
            loading = discharge - voyage
        return {
            "loading_date": loading,
            "discharge_date": discharge if self.chance(0.85) else None,
            "contract_date": contract if self.chance(0.9) else None,
        }

    def between(self, first: dt.date, last: dt.date) -> dt.date:
        return first + self.rng.randrange((last - first).days) * DAY

    def edge(self, day: dt.date) -> dt.date:
        return day + self.rng.randrange(-2, 3) * DAY

    def any_day(self) -> dt.date:
        if self.chance(0.7):
            return self.edge(self.rng.choice(self.edges))
        return self.between(self.edges[0], self.edges[-1])

    def oil(self, rule: Row) -> Row:
        code = self.rng.choice(self.codes[rule["product_class"]])
        code = self.near(rule["hs_prefixes"], [code])
        if not self.is_aimed():
            code = code[: self.rng.randrange(4, 11)]  # a shorter code may leave the class open
        if self.chance(0.35):
            code += "".join(self.rng.choices("0123456789", k=self.rng.randrange(11 - len(code))))
        if self.chance(0.05):
            code = self.rng.choice(
                ["271012", "271019", "27101906", "2710190605", "27111100", "271121", "2707", "38260010"]
            )
        project, grade = (rule[name] for name in ("origin_project", "grade"))
        if project and self.chance(0.3):
            project, grade = self.rng.choice([(project, None), ("", grade)])
        return {
            "hs_code": code,
            "origin_country": self.mostly("RU", ["KZ", "AZ"]),
            "origin_project": self.spelt(self.near(project, self.projects)),
            "grade": self.spelt(self.near(grade, self.grades)),
        }

    def spelt(self, name: str | None) -> str | None:
        """The name as somebody else may write it."""
        ways: list[Callable[[str], str]] = [str, str.upper, str.lower, lambda text: text.replace(" ", "-") + " "]
        return name and self.rng.choice(ways)(name)

    def nexus(self, regime: str) -> str | None:
        codes = self.book.regime_codes
        match self.rng.randrange(8):
            case 0 | 1:
                return None
            case 2:
                return ";".join(self.rng.sample(codes, len(codes)))
            case 3:
                return ";".join(self.rng.sample(codes, 3))
            case _:
                return regime

    def destination(self, rule: Row) -> str:
        if rule["destination_excluded"] and self.chance(0.2):
            return str(rule["destination_excluded"])
        return str(self.near(rule["destination_country"], self.destinations))

    def providers(self) -> Row:
        """None, some or all eight; often one of them alone in a country of a regime."""
        providers: Row = dict.fromkeys(PROVIDER_ROLES)
        if self.chance(0.5):
            return providers
        share = self.rng.choice([0.3, 1.0])
        for role in PROVIDER_ROLES:
            if self.chance(share):
                providers[role] = self.rng.choice(NEUTRAL_COUNTRIES)
        for _ in range(self.rng.choice([0, 1, 1, 1, 2, 8])):
            regime, role = self.rng.choice(self.book.regime_codes), self.rng.choice(PROVIDER_ROLES)
            countries = self.book.nexus_countries.filter(regime=regime)
            country, only = self.rng.choice(countries.select("country", "role").rows())
            providers[role if only == "*" or self.chance(0.3) else only] = country
        return providers

    # Price

    def invoice(self, rule: Row, row: Row) -> Row:
        """Quantity, value and costs; the price at the cap of the rule, a cent beside it, or anywhere."""
        costs: Row = dict.fromkeys(("freight_cost", "insurance_cost", "other_cost"))
        bill = {
            "quantity": self.rng.choice([700_000.0, 0.1, round(self.rng.uniform(10, 2e6), 2), float(self.rng.randrange(1, 2_000_000))]),
            "quantity_unit": "bbl" if self.chance(0.6) else self.rng.choice(self.reference.units["unit"]),
            "currency": "USD" if self.chance(0.6) else self.rng.choice(self.currencies),
            "incoterm": "FOB" if self.chance(0.5) else self.rng.choice(self.reference.incoterms["incoterm"]),
            "value": None,
            **costs,
        }  # fmt: skip
        if self.chance(0.08):
            return bill | {"currency": self.rng.choice([None, "USD"])}
        oil = self.net_value(rule, row | bill)
        for cost in costs:
            if self.chance(0.25):
                bill[cost] = round(oil * self.rng.choice([0, 0.001, 0.1, 0.3]), 2)
        value = oil + sum(bill[cost] or 0 for cost in costs)
        return bill | {"value": self.clear_of_caps(row | bill, round(value, 6))}

    def net_value(self, rule: Row, row: Row) -> float:
        """What to ask for the oil alone so that one end of its price is as wanted."""
        price = self.rng.choice(self.levels_of(rule)) if self.chance(0.85) else self.rng.uniform(1, 150)
        price += self.rng.choice([0, 0, 0.01, 0.01, -0.01, -1, 1, 3.5, 15, self.rng.uniform(-20, 20)])
        price = round(price, 2)
        if row["quantity_unit"] == "bbl" and row["currency"] == "USD":
            value = round(price * row["quantity"], 4)
        else:
            sample = 1e9
            found = self.price(row | {"value": sample, "incoterm": "FOB"})
            ends = [found[name] for name in ("price_low_usd_per_bbl", "price_high_usd_per_bbl")]
            value = round(price * sample / (self.rng.choice(ends) or 1e4), 2)
        return max(0.01, value + self.rng.choice([0, 0, 0.01, -0.01]))

    def clear_of_caps(self, row: Row, value: float) -> float:
        """The value, or one a little higher, such that no cap is within the tolerance: at it exactly, or beyond.

        Exactly is possible where no factor has more digits than a float.
        """
        while True:
            found = self.price(row | {"value": value})
            if (high := found["price_high_usd_per_bbl"]) is None:
                return value
            net = value - sum(row[cost] or 0 for cost in ("freight_cost", "insurance_cost", "other_cost"))
            tolerance = 2 * TOLERANCE * high * value / net
            gaps = [abs(end - level) for end in (found["price_low_usd_per_bbl"], high) if end for level in self.levels]
            is_exact = row["quantity_unit"] == "bbl" and row["currency"] == "USD"
            if all(gap > tolerance or (gap == 0 and is_exact) for gap in gaps):
                return value
            value = round(value + max(0.01, value * 1e-11), 2)

    # Evidence other than shipments

    def as_evidence(self, cargo: Row) -> Row:
        """The cargo with days as windows, or with a price of which only bounds are known."""
        windows = {}
        if self.chance(0.6):
            lengths = [self.rng.choice([0, 1, 3, 12]) * DAY for _ in range(2)]
            windows["loading_first"] = cargo["loading_last"] - lengths[0]
            if cargo["discharge_last"]:
                windows["discharge_first"] = max(cargo["discharge_last"] - lengths[1], windows["loading_first"])
        if windows and self.chance(0.5):
            return cargo | windows
        low = self.rng.choice(self.levels) + self.rng.choice([0, 0, 0.01, -0.01, 5, -5])
        high = self.rng.choice([None, None, low, low + self.rng.choice([0.01, 5, 20])])
        unknown = (
            "value",
            "quantity",
            "currency",
            "itemised_costs",
            "estimated_costs_high_usd_per_bbl",
            "price_usd_per_bbl",
        )
        return cargo | windows | dict.fromkeys(unknown) | {
            "price_low_usd_per_bbl": low,
            "price_high_usd_per_bbl": high,
            "is_price_above_low": high != low and self.chance(0.5),
            "price_tolerance_usd_per_bbl": 0.0,
            "price_basis": "enforcement_release",
        }  # fmt: skip


def _names(grade: Row) -> list[str]:
    return [grade["grade"], *(grade["aliases"].split(";") if grade["aliases"] else [])]


# --- comparing ---------------------------------------------------------------------------------------------------


@dataclass
class Comparison:
    """How much was compared, which answers were seen, and where the two differ."""

    compared: int = 0
    seen: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    found: list[str] = field(default_factory=list)

    def prices(self, shipment: Row, engine: Row, rederived: Row) -> None:
        differing = [name for name in AMOUNTS if not _is_same_amount(engine[name], rederived[name])]
        differing += [name for name in BASES if engine[name] != rederived[name]]
        self.note(differing, engine, rederived, shipment)

    def verdicts(self, cargo: Row, engine: list[Row], rederived: list[Row]) -> None:
        regimes = [sorted(row["regime"] for row in rows) for rows in (engine, rederived)]
        if regimes[0] != regimes[1]:
            self.note(["regimes"], {"regimes": regimes[0]}, {"regimes": regimes[1]}, cargo)
            return
        of_regime = {row["regime"]: row for row in engine}
        for row in rederived:
            self.verdict(cargo, of_regime[row["regime"]], row)

    def verdict(self, cargo: Row, engine: Row, rederived: Row) -> None:
        self.compared += 1
        names = [*COMPARED, "cap_usd_per_bbl"]
        if rederived["verdict"] != "indeterminate":
            names.append("confidence")
        self.note([name for name in names if engine[name] != rederived[name]], engine, rederived, cargo)
        for name in ("regime", "nexus_basis", "verdict", "confidence", "cap_id", "transition_id", "exemption_id"):
            self.seen[name].add(engine[name])

    def note(self, differing: list[str], engine: Row, rederived: Row, row: Row) -> None:
        if not differing:
            return
        facts = ", ".join(f"{name}={value}" for name, value in row.items() if value is not None)
        answers = [f"{name}: engine {engine[name]}, re-derived {rederived[name]}" for name in differing]
        self.found.append("\n  ".join([f"{engine.get('regime', 'price')} of {facts}", *answers]))

    def require_agreement(self, law: str) -> None:
        found, self.found = self.found, []
        if found:
            pytest.fail(
                f"{len(found)} disagreements ({law}), the first of them:\n" + "\n".join(found[:5]), pytrace=False
            )


def _is_same_amount(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def compare_batch(maker: Maker, book: Rulebook, reference: Reference, comparison: Comparison) -> None:
    """Prices and judges a batch in one go, and each of its cargoes once more."""
    rederiver = Rederiver.of(book, reference)
    rows = [maker.shipment(number) for number in range(CARGOES_IN_BATCH)]
    declared = shipments(rows, book, reference)
    assert shipments_contract(book, reference).failures(declared).height == 0
    priced = cargoes(rows, book, reference).sort("shipment_id").to_dicts()
    for row, cargo in zip(declared.sort("shipment_id").to_dicts(), priced, strict=True):
        comparison.prices(row, cargo, rederiver.price(row))
    evidence = [maker.as_evidence(cargo) if maker.chance(0.15) else cargo for cargo in priced]
    judged = judge(pl.DataFrame(evidence, schema=CARGOES.polars_schema()).lazy(), book).collect()
    given_: dict[str, list[Row]] = defaultdict(list)
    for row in judged.to_dicts():
        given_[row["shipment_id"]].append(row)
    for cargo in evidence:
        comparison.verdicts(cargo, given_.pop(cargo["shipment_id"], []), rederiver.verdicts(cargo))
    assert not given_


def with_windows_on_countries(maker: Maker) -> Rulebook:
    """The law, but a country brings its regime for a time only."""
    ends = [sorted(maker.rng.sample(maker.edges, 2)) for _ in range(maker.book.nexus_countries.height)]
    windows = pl.DataFrame(ends, schema={"valid_from": pl.Date, "valid_to": pl.Date}, orient="row")
    return replace(maker.book, nexus_countries=maker.book.nexus_countries.with_columns(windows))


DAYS_OF_PUBLICATION = sorted(
    {
        day - known * DAY
        for frame in (BOOK.price_caps, BOOK.transitions, BOOK.exemptions)
        for day in frame["published_on"]
        for known in (0, 1)
    }
)


def test_engine_and_rederivation_agree(book: Rulebook, reference: Reference) -> None:
    comparison = Comparison()

    # The batch is too large to be shrunk, and needs no shrinking: it names the cargo.
    @settings(max_examples=BATCHES, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
    @given(
        seed=st.integers(0, 2**64),
        as_of=st.none() | st.none() | st.sampled_from(DAYS_OF_PUBLICATION),
        has_windows=st.sampled_from([False, False, False, True]),
    )
    def compare(seed: int, as_of: dt.date | None, has_windows: bool) -> None:
        figures = reference.as_of(as_of)
        maker = Maker(random.Random(seed), book, reference, Rederiver.of(book, figures).price)
        law = with_windows_on_countries(maker) if has_windows else book
        compare_batch(maker, law.as_of(as_of), figures, comparison)
        comparison.require_agreement(f"as of {as_of}, countries {'for a time' if has_windows else 'as shipped'}")

    compare()
    assert comparison.compared >= LEAST_COMPARED
    deciding = pl.col("effect") == "decides"
    there_are: dict[str, Iterable[str]] = {
        "regime": book.regimes["regime"],
        "nexus_basis": NEXUS_BASES,
        "verdict": VERDICT_VALUES,
        "confidence": CONFIDENCE,
        "cap_id": book.price_caps["id"],
        "transition_id": book.transitions.filter(deciding)["id"],
        "exemption_id": book.exemptions.filter(deciding)["id"],
    }
    unseen = {name: rest for name, values in there_are.items() if (rest := {*values} - comparison.seen[name])}
    assert not unseen, "agreement proves little about what no cargo met: aim the maker better"
