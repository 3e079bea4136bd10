"""Tables that look at the verdicts again: what changed, what flips, whose vessel was listed, what lacks an attestation.

Here: their assets.
Add here: another analysis of verdicts, as a pure function in `pipelines.transforms` and a line here.
Keep out: marts that SQL can say (`sql/marts`).
"""

from collections.abc import Sequence

import dagster as dg
import polars as pl

from pipelines.assets.inputs import STAGED_ATTESTATIONS
from pipelines.assets.law import reference, stored_rulebook
from pipelines.assets.monthly_asset import Making, cargo_months, monthly_asset
from pipelines.assets.table_check import WARN, Finding, TableCheck
from pipelines.contracts.cargoes import CARGOES, VERDICTS
from pipelines.contracts.marts import ATTESTATION_GAPS, LISTED_VESSEL_CARGOES, VERDICT_CHANGES, VERDICT_SENSITIVITY
from pipelines.contracts.reference import LISTED_VESSELS, REFERENCE_TABLES
from pipelines.contracts.rules import ATTESTATION_RULES, EXEMPTIONS, RULE_TABLES
from pipelines.contracts.table import Table
from pipelines.settings import Settings
from pipelines.transforms.attestations import attestation_gaps
from pipelines.transforms.history import verdict_changes
from pipelines.transforms.sensitivity import verdict_sensitivity
from pipelines.transforms.touching import (
    by_month,
    figures_by_month,
    month_of,
    rules_known_before,
    spans,
    undated_tables,
)
from pipelines.transforms.vessels import listings_on_loading, namesakes
from pipelines.warehouse.months import PROGRAM, WHOLE, Recipe, fingerprint, program
from pipelines.warehouse.store import Store, content_identity

TABLES: list[Table] = [VERDICT_CHANGES, VERDICT_SENSITIVITY, LISTED_VESSEL_CARGOES, ATTESTATION_GAPS]


def _changes(settings: Settings, store: Store, _: Sequence[str] | None) -> pl.DataFrame:
    return verdict_changes(store.scan(CARGOES).collect(), store.scan(VERDICTS), stored_rulebook(store)).collect()


def _judged(store: Store) -> dict[str, dict[str, str]]:
    """What every analysis of a month's verdicts is made from."""
    verdicts, cargoes = (
        {month: store.month_identity(table, month) for month in store.months(table)} for table in (VERDICTS, CARGOES)
    )
    return {
        month: {PROGRAM: program(), "the cargoes": cargoes[month], "the verdicts": identity}
        for month, identity in verdicts.items()
    }


def _change_recipes(settings: Settings, store: Store) -> dict[str, Recipe]:
    book, judged = stored_rulebook(store), _judged(store)
    undated = {name: fingerprint(said) for name, said in undated_tables(book).items()}
    recipes: dict[str, Recipe] = {}
    for month, span in spans(store.scan(CARGOES)).items():
        known = {name: fingerprint(said) for name, said in rules_known_before(book, span).items()}
        recipes[month] = {WHOLE: judged[month] | undated | known}
    return recipes


def _sensitivity(settings: Settings, store: Store, _: Sequence[str] | None) -> pl.DataFrame:
    return verdict_sensitivity(
        store.scan(CARGOES), store.scan(VERDICTS), stored_rulebook(store), reference(store)
    ).collect()


def _sensitivity_recipes(_: Settings, store: Store) -> dict[str, Recipe]:
    """The law is in the verdicts: a cargo at another price is in the same situation."""
    judged = _judged(store)
    # The rate of the day is that of the last possible loading day, which may lie in a later month.
    last = month_of(pl.col("loading_last"))
    reached = store.scan(CARGOES).select(month=month_of(pl.col("loading_first")), last=last).unique().sort("last")
    lasts: dict[str, list[str]] = {}
    for month, later in reached.collect().iter_rows():
        lasts.setdefault(month, []).append(later)
    figures = figures_by_month(
        reference(store), sorted({*judged, *(later for all_ in lasts.values() for later in all_)})
    )
    return {
        month: {
            WHOLE: ingredients
            | {name: fingerprint(said) for name, said in figures[month].items()}
            | {f"exchange rates in {later}": fingerprint(figures[later]) for later in lasts[month] if later != month}
        }
        for month, ingredients in judged.items()
        if month in lasts
    }


def _listed_vessels(settings: Settings, store: Store, _: Sequence[str] | None) -> pl.DataFrame:
    return listings_on_loading(
        store.scan(CARGOES),
        reference(store).listed_vessels,
        store.scan(VERDICTS),
        stored_rulebook(store).exemptions,
    ).collect()


def _listed_recipes(settings: Settings, store: Store) -> dict[str, Recipe]:
    licences = stored_rulebook(store).exemptions.select("id", "listed_vessels")
    lists = {
        "lists of vessels": fingerprint(store.identity(LISTED_VESSELS)),
        "licences for listed vessels": fingerprint(licences.rows()),
    }
    return {month: {WHOLE: ingredients | lists} for month, ingredients in _judged(store).items()}


def _matched_by_number(matched: pl.DataFrame, store: Store) -> Finding:
    vessels = store.scan(CARGOES).select("shipment_id", "vessel_imo").collect()
    listed = store.scan(LISTED_VESSELS).select("authority", "vessel_imo").unique().collect()
    astray = matched.join(vessels, on="shipment_id", how="left", suffix="_cargo").join(
        listed, left_on=["authority", "vessel_imo_cargo"], right_on=["authority", "vessel_imo"], how="anti"
    )
    return Finding(matched.height, astray.height, astray)


def _no_namesakes(matched: pl.DataFrame, store: Store) -> Finding:
    found = namesakes(store.scan(CARGOES), store.scan(LISTED_VESSELS).collect()).collect()
    return Finding(matched.height + found.height, found.height, found)


def _attestation_gaps(settings: Settings, store: Store, _: Sequence[str] | None) -> pl.DataFrame:
    return attestation_gaps(
        store.scan(VERDICTS), store.scan(CARGOES), store.scan(STAGED_ATTESTATIONS), stored_rulebook(store)
    ).collect()


def _gap_recipes(settings: Settings, store: Store) -> dict[str, Recipe]:
    attestations = store.scan(STAGED_ATTESTATIONS).collect()
    duties = {"duties to attest": fingerprint(stored_rulebook(store).attestation_rules.rows())}
    # Without any at all nothing is missing.
    duties["whether any attestation was handed in"] = fingerprint(attestations.height > 0)
    handed_in: dict[str, pl.DataFrame] = {}
    if attestations.height:
        of_month = attestations.sort("attestation_id").join(cargo_months(store), on="shipment_id")
        handed_in = by_month(of_month)
    return {
        month: {
            WHOLE: ingredients
            | duties
            | ({"attestations": content_identity(handed_in[month])[:20]} if month in handed_in else {})
        }
        for month, ingredients in _judged(store).items()
    }


MAKINGS = {
    VERDICT_CHANGES: Making(_change_recipes, _changes, (*RULE_TABLES.values(), CARGOES, VERDICTS)),
    VERDICT_SENSITIVITY: Making(_sensitivity_recipes, _sensitivity, (*REFERENCE_TABLES.values(), CARGOES, VERDICTS)),
    LISTED_VESSEL_CARGOES: Making(_listed_recipes, _listed_vessels, (EXEMPTIONS, LISTED_VESSELS, CARGOES, VERDICTS)),
    ATTESTATION_GAPS: Making(
        _gap_recipes, _attestation_gaps, (ATTESTATION_RULES, STAGED_ATTESTATIONS, CARGOES, VERDICTS)
    ),
}

ASSETS: list[dg.AssetsDefinition] = [
    monthly_asset(
        VERDICT_CHANGES,
        MAKINGS[VERDICT_CHANGES],
        group="marts",
        reads=[CARGOES, VERDICTS],
    ),
    monthly_asset(
        VERDICT_SENSITIVITY,
        MAKINGS[VERDICT_SENSITIVITY],
        group="marts",
        reads=[CARGOES, VERDICTS],
    ),
    monthly_asset(
        LISTED_VESSEL_CARGOES,
        MAKINGS[LISTED_VESSEL_CARGOES],
        [
            TableCheck(
                "matched_by_number",
                "Every cargo found on a list is there by the IMO number of its vessel, never by its name.",
                _matched_by_number,
                reads=(LISTED_VESSELS,),
            ),
            TableCheck(
                "no_namesakes",
                "No cargo's vessel has only the name of a listed one; where it has, its number is worth a look.",
                _no_namesakes,
                WARN,
                reads=(LISTED_VESSELS,),
            ),
        ],
        group="marts",
        reads=[CARGOES, VERDICTS, LISTED_VESSELS],
    ),
    monthly_asset(
        ATTESTATION_GAPS,
        MAKINGS[ATTESTATION_GAPS],
        group="marts",
        reads=[CARGOES, VERDICTS, STAGED_ATTESTATIONS, ATTESTATION_RULES],
    ),
]
