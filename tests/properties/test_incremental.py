"""An incremental night gives what a full one gives, whatever was edited since the night before.

Here: random edits of rules, figures, cargoes and settings, row after row, each followed by an incremental making of
all tables by month; and the same made from nothing, to compare with.
Add here: an edit of something else that a table by month is made from.
Keep out: whole nights (`tests/integration/test_incremental_nights.py`).
"""

import datetime as dt
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.assets import analysis
from pipelines.assets.inputs import STAGED_ATTESTATIONS, staged_shipments
from pipelines.assets.judging import VERDICT_MAKING, cargo_making
from pipelines.assets.marts import making_of, mart_sql, tables_in
from pipelines.assets.monthly_asset import Making, of
from pipelines.contracts.cargoes import CARGOES, VERDICTS
from pipelines.contracts.customs import CUSTOMS_LINES, customs_lines
from pipelines.contracts.marts import JUDGED_CARGOES
from pipelines.contracts.reference import REFERENCE_TABLES
from pipelines.contracts.rules import RULE_TABLES
from pipelines.contracts.table import Table
from pipelines.rules.law import Law
from pipelines.rules.rulebook import Rulebook
from pipelines.settings import Settings
from pipelines.sources.reference import Reference
from pipelines.transforms.customs import combined_lines
from pipelines.transforms.judge import judge
from pipelines.transforms.prices import price_shipments
from pipelines.transforms.touching import LawTouching, Span, month_of, spans, undated_rules
from pipelines.warehouse.months import Remade, fingerprint, keep, remake
from pipelines.warehouse.store import Store
from tests.support import shipments

# Rows of edits of whole worlds, and single edits of rules. More by command: PLIMSOLL_EDITS=500.
MORE = int(os.environ.get("PLIMSOLL_EDITS", "0"))
SEEDS = range(max(2, MORE // 20))
STEPS = 4
RULE_EDITS = max(30, MORE)
_LINE = customs_lines("comtrade_lines")
_KNOWN = [*RULE_TABLES.values(), *REFERENCE_TABLES.values(), STAGED_ATTESTATIONS, staged_shipments(), CARGOES, VERDICTS]


def makings() -> dict[Table, Making]:
    """Every table by month that a night makes, in order."""
    sql = mart_sql(JUDGED_CARGOES.name)
    return {
        CARGOES: cargo_making(),
        VERDICTS: VERDICT_MAKING,
        **analysis.MAKINGS,
        JUDGED_CARGOES: making_of(JUDGED_CARGOES, sql, tables_in(sql, _KNOWN)),
    }


@dataclass
class World:
    """All that a night is made from."""

    book: Rulebook
    reference: Reference
    rows: dict[str, dict[str, Any]]
    customs: dict[str, dict[str, Any]] = field(default_factory=dict)
    attestations: dict[str, dict[str, Any]] = field(default_factory=dict)
    as_of: dt.date | None = None
    estimates: bool = False

    def settings(self, home: Path) -> Settings:
        return Settings(home=home, as_of=self.as_of, estimate_unpriced=self.estimates, offline=True)

    def night(self, home: Path) -> dict[Table, Remade]:
        """What a night does to the tables by month, with what it finds in the home folder."""
        settings = self.settings(home)
        store = Store(settings.store_folder)
        book, figures = self.book.as_of(self.as_of), self.reference.as_of(self.as_of)
        for file, table in RULE_TABLES.items():
            store.write(table, getattr(book, Path(file).stem))
        for table in REFERENCE_TABLES.values():
            store.write(table, getattr(figures, table.name))
        lines = pl.DataFrame(list(self.customs.values()), schema=_LINE.polars_schema())
        store.write(CUSTOMS_LINES, combined_lines({"comtrade_lines": lines}, figures.importers, figures))
        declared = shipments(list(self.rows.values()), self.book, self.reference)
        keep(staged_shipments(), declared.with_columns(file=pl.lit("cargoes.csv")), store)
        attested = pl.DataFrame(list(self.attestations.values()), schema=STAGED_ATTESTATIONS.polars_schema())
        store.write(STAGED_ATTESTATIONS, attested)
        return {table: remake(of(making, table, settings, store), store) for table, making in makings().items()}


@pytest.fixture(scope="module")
def shipped() -> tuple[Rulebook, Reference]:
    return Rulebook.load(), Reference.load()


# --- edits ----------------------------------------------------------------------------------------------------

FIRST_DAY, DAYS = dt.date(2022, 10, 1), 1600


def a_cargo(dice: random.Random, number: int) -> dict[str, Any]:
    loading = FIRST_DAY + dt.timedelta(days=dice.randrange(DAYS))
    length = dice.choice([None, 0, 3, 20, 45, 61])
    age = dice.choice([None, 0, 30, 90])
    quantity = float(dice.randrange(1_000, 1_000_000))
    price = dice.choice([None, 40.0, 44.1, 47.6, 47.61, 60.0, 60.01, 72.5, 99.0])
    oil = dice.choice([("2709", "Urals", None), ("2709", "Sakhalin Blend", "SAKHALIN-2"), ("27101943", None, None)])
    return {
        "shipment_id": f"C{number:03}",
        "loading_date": loading,
        "discharge_date": None if length is None else loading + dt.timedelta(days=length),
        "contract_date": None if age is None else loading - dt.timedelta(days=age),
        "hs_code": oil[0],
        "grade": oil[1],
        "origin_project": oil[2],
        "origin_country": dice.choice(["RU", "RU", "RU", "KZ"]),
        "destination_country": dice.choice(["IN", "JP", "CN", "BG"]),
        "quantity": quantity,
        "quantity_unit": dice.choice(["bbl", "t"]),
        "value": None if price is None else price * quantity * dice.choice([1.0, 7.2]),
        "currency": dice.choice(["USD", "EUR", "JPY", "CNY"]) if price is not None else None,
        "incoterm": dice.choice(["FOB", "CIF"]),
        "nexus": dice.choice([None, "US", "EU;UK", "NZ;CH;NO"]),
        "vessel_imo": dice.choice([None, "9299666", "9074729"]),
        "insurer_country": dice.choice([None, "GB", "CN"]),
    }


def edit_cargoes(world: World, dice: random.Random, kind: str) -> str:
    """One is added, changed, moved to another month, or removed."""
    chosen = dice.choice(sorted(world.rows))
    if kind == "added":
        chosen = f"C{max(int(name[1:]) for name in world.rows) + 1:03}"
        world.rows[chosen] = a_cargo(dice, int(chosen[1:]))
    elif kind == "changed":
        world.rows[chosen] |= {"quantity": float(dice.randrange(1_000, 1_000_000)), "destination_country": "JP"}
    elif kind == "moved":
        other = a_cargo(dice, 0)
        world.rows[chosen] |= {name: other[name] for name in ("loading_date", "discharge_date", "contract_date")}
    else:
        del world.rows[chosen]
    return f"{chosen} {kind}"


def a_line(dice: random.Random) -> dict[str, Any]:
    """A line of India's customs on Russian crude."""
    first = FIRST_DAY + dt.timedelta(days=dice.randrange(DAYS))
    tonnes = dice.randrange(10_000, 9_000_000)
    said = {
        "importer_country": "IN",
        "origin_country": "RU",
        "month": f"{first:%Y-%m}",
        "hs_code": "270900",
        "quantity": tonnes * 1e3,
        "quantity_unit": "kg",
        "net_mass_kg": tonnes * 1e3,
        "value": tonnes * dice.choice([300.0, 440.0, 620.0]),
        "currency": "USD",
        "valuation": "CIF",
        "is_confidential": False,
    }
    return {name: said.get(name) for name in _LINE.polars_schema()}


def edit_customs(world: World, dice: random.Random, kind: str) -> str:
    """A line is published, revised, or taken back."""
    line = a_line(dice)
    if kind != "published":
        month = dice.choice(sorted(world.customs))
        revised = world.customs.pop(month)
        line = revised | {"value": line["value"]}
    if kind != "taken back":
        world.customs[line["month"]] = line
    return f"customs of {line['month']} {kind}"


def _some_rule(dice: random.Random, frame: pl.DataFrame) -> int:
    return dice.randrange(frame.height)


def _set(frame: pl.DataFrame, row: int, column: str, value: object) -> pl.DataFrame:
    values = frame[column].to_list()
    values[row] = value
    return frame.with_columns(pl.Series(column, values, dtype=frame.schema[column]))


def edit_rules(world: World, dice: random.Random) -> str:
    """A dated rule is removed, doubled under another id, moved in time, priced anew, or gets another scope."""
    name = dice.choice(["price_caps", "transitions", "exemptions"])
    frame: pl.DataFrame = getattr(world.book, name)
    row = _some_rule(dice, frame)
    rule_id = frame["id"][row]
    days = [column for column in frame.columns if frame.schema[column] == pl.Date]
    kind = dice.choice(["removed", "added", "moved", "moved", "priced", "worded", "scope"])
    shift = dt.timedelta(days=dice.choice([-200, -31, -1, 1, 14, 45, 200]))
    if kind == "removed":
        frame = frame.filter(pl.int_range(pl.len()) != row)
    elif kind == "added":
        twin = frame[row].with_columns(id=pl.lit(f"{rule_id}-{dice.randrange(10**6)}"))
        for column in days:
            twin = twin.with_columns(pl.col(column) + shift)
        if name == "price_caps":
            twin = twin.with_columns(cap_usd_per_bbl=pl.col("cap_usd_per_bbl") - 1)
        frame = pl.concat([frame, twin])
    elif kind == "moved":
        column = dice.choice([day for day in days if frame[day][row] is not None])
        frame = _set(frame, row, column, frame[column][row] + shift)
    elif kind == "priced" and name == "price_caps":
        frame = _set(frame, row, "cap_usd_per_bbl", dice.choice([44.1, 50.0, 60.0]))
    elif kind == "scope" and name == "exemptions":
        frame = _set(frame, row, "destination_country", dice.choice([None, "JP", "IN"]))
    else:
        frame = _set(frame, row, dice.choice(["instrument", "confidence"]), dice.choice(["unverified", "conflict"]))
    world.book = replace(world.book, **{name: frame})
    return f"{name} {rule_id} {kind} {shift.days}"


def edit_undated(world: World, dice: random.Random) -> str:
    """A rule that holds on every day: nexus, scope, product codes, duties to attest."""
    name = dice.choice(["nexus_services", "nexus_countries", "product_classes", "attestation_rules", "regimes"])
    frame: pl.DataFrame = getattr(world.book, name)
    row = _some_rule(dice, frame)
    if name == "regimes":
        frame = _set(frame, row, "destination_nexus", dice.choice([None, "IN", "CN"]))
    elif name == "nexus_services":
        frame = _set(frame, row, "is_covered", dice.choice(["yes", "no"]))
    else:
        frame = frame.filter(pl.int_range(pl.len()) != row)
    world.book = replace(world.book, **{name: frame})
    return f"{name}, row {row}"


def edit_figures(world: World, dice: random.Random) -> str:
    """A rate, a freight, a grade, a listing, a case or a price changes, or is gone."""
    name, column = dice.choice(
        [
            ("exchange_rates_daily", "units_per_eur"),
            ("exchange_rates_monthly", "units_per_usd"),
            ("freight_points", "high_usd_per_bbl"),
            ("grades", "density_t_per_m3"),
            ("listed_vessels", "vessel_name"),
            ("enforcement_cases", "price_low_usd_per_bbl"),
            ("japan_crude_from_russia", "quantity"),
            ("crude_prices_monthly", "usd_per_bbl"),
        ]
    )
    frame: pl.DataFrame = getattr(world.reference, name)
    row = _some_rule(dice, frame)
    if name == "listed_vessels":
        frame = pl.concat([frame, frame[row].with_columns(vessel_imo=pl.lit("9074729"))])
    elif name == "exchange_rates_daily" and dice.random() < 0.3:
        frame = frame.filter(pl.col("rate_date").dt.month() != frame["rate_date"][row].month)
    elif frame[column][row] is not None:
        frame = _set(frame, row, column, frame[column][row] * 1.01)
    world.reference = replace(world.reference, **{name: frame})
    return f"{name}, row {row}"


def edit_attestations(world: World, dice: random.Random) -> str:
    chosen = dice.choice(sorted(world.rows))
    if world.attestations and dice.random() < 0.4:
        gone = dice.choice(sorted(world.attestations))
        del world.attestations[gone]
        return f"{gone} taken back"
    name = f"A{dice.randrange(10**6)}"
    attested_on = world.rows[chosen]["loading_date"] + dt.timedelta(days=dice.choice([-1, 10, 60]))
    world.attestations[name] = {
        "file": "attestations.csv",
        "attestation_id": name,
        "shipment_id": chosen,
        "tier": dice.choice(["1", "2", "3"]),
        "party": "Trader",
        "attested_on": attested_on,
        "price_attested_at_or_below_usd_per_bbl": 50.0,
        "has_itemised_costs": dice.random() < 0.5,
    }
    return f"{chosen} attested"


def edit_settings(world: World, dice: random.Random) -> str:
    """As of another day."""
    world.as_of = dice.choice([None, dt.date(2023, 4, 2), dt.date(2025, 10, 1), dt.date(2026, 1, 20)])
    return f"as of {world.as_of}"


def edit_estimates(world: World, _: random.Random) -> str:
    """With estimates, or without them again."""
    world.estimates = not world.estimates
    return f"estimates {world.estimates}"


Edit = Callable[[World, random.Random], str]
# Each seed makes every one of them, in an order of its own.
KINDS: list[Edit] = [
    *(partial(edit_cargoes, kind=kind) for kind in ("added", "changed", "moved", "removed")),
    *(partial(edit_customs, kind=kind) for kind in ("published", "revised", "taken back")),
    *[edit_rules] * 3,
    edit_undated,
    edit_figures,
    edit_attestations,
    edit_settings,
    edit_estimates,
]


# --- rules alone: many edits, on many cargoes ----------------------------------------------------------------------


def recipes(book: Rulebook, spans_of: dict[str, Span]) -> dict[tuple[str, str], dict[str, str]]:
    """What the verdicts of each month and regime are made from, beside the cargoes."""
    law = LawTouching(Law(book))
    return {
        (month, regime): {
            name: fingerprint(said) for name, said in (law.of(regime, span) | undated_rules(book, regime)).items()
        }
        for month, span in spans_of.items()
        for regime in book.regime_codes
    }


def test_a_rule_that_changes_a_verdict_is_in_its_recipe(shipped: tuple[Rulebook, Reference]) -> None:
    book, reference = shipped
    dice = random.Random(1)
    rows = [a_cargo(dice, number) for number in range(1500)]
    declared = price_shipments(shipments(rows, book, reference).lazy(), reference, pl.lit("x")).collect()
    months = declared.select("shipment_id", month=month_of(pl.col("loading_first")))
    spans_of = spans(declared.lazy())

    def judged(book: Rulebook) -> pl.DataFrame:
        verdicts = judge(declared.lazy(), book).collect().join(months, on="shipment_id")
        return verdicts.sort("shipment_id", "regime")

    before, made_from = judged(book), recipes(book, spans_of)
    touched_in_all, changed_in_all = 0, 0
    for number in range(RULE_EDITS):
        world = World(book, reference, {})
        said = (edit_undated if number % 10 == 0 else edit_rules)(world, dice)
        if number % 7 == 3:
            world.book = world.book.as_of(dice.choice([dt.date(2023, 4, 2), dt.date(2025, 10, 1)]))
        after, now = judged(world.book), recipes(world.book, spans_of)
        key = ["shipment_id", "regime", "month"]
        both = before.join(after, on=key, how="full", coalesce=True, suffix="_after")
        differs = pl.any_horizontal(
            pl.col(name).ne_missing(pl.col(f"{name}_after")) for name in before.columns if name not in key
        )
        changed = {(month, regime) for month, regime in both.filter(differs).select("month", "regime").iter_rows()}
        touched = {place for place in made_from if now[place] != made_from[place]}
        assert changed <= touched, (number, said, sorted(changed - touched))
        touched_in_all, changed_in_all = touched_in_all + len(touched), changed_in_all + len(changed)
    # The edits change verdicts, and what they touch is far from everything.
    assert changed_in_all > RULE_EDITS
    assert touched_in_all < 0.4 * RULE_EDITS * len(made_from)


def content(home: Path, settings: Settings) -> dict[str, pl.DataFrame]:
    store = Store(settings.store_folder)
    return {table.full_name: store.scan(table).collect() for table in makings()}


@pytest.mark.parametrize("seed", SEEDS)
def test_after_any_edits_the_tables_are_those_of_a_full_night(
    shipped: tuple[Rulebook, Reference], tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    rows = {row["shipment_id"]: row for row in (a_cargo(dice, number) for number in range(60))}
    world = World(*shipped, rows, {line["month"]: line for line in (a_line(dice) for _ in range(12))})
    kept = tmp_path / "kept"
    world.night(kept)
    edits = dice.sample(KINDS, len(KINDS))
    for step in range(STEPS):
        done = [edit(world, dice) for edit in edits[step::STEPS]]
        world.night(kept)
        afresh = tmp_path / f"afresh{step}"
        world.night(afresh)
        incremental, full = (content(home, world.settings(home)) for home in (kept, afresh))
        flows = full[CARGOES.full_name].filter(pl.col("evidence_kind") == "customs_flow")
        assert {"IN", "JP"} <= set(flows["destination_country"]), done
        for name, frame in full.items():
            assert frame.equals(incremental[name], null_equal=True), (seed, step, done, name)
