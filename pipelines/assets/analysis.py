"""Tables that look at the verdicts again: what changed, what flips, whose vessel was listed, what lacks an attestation.

Here: their assets.
Add here: another analysis of verdicts, as a pure function in `pipelines.transforms` and a line here.
Keep out: marts that SQL can say (`sql/marts`).
"""

import dagster as dg
import polars as pl

from pipelines.assets.inputs import STAGED_ATTESTATIONS
from pipelines.assets.law import reference, rulebook
from pipelines.assets.table_asset import WARN, Finding, TableCheck, table_assets
from pipelines.contracts.cargoes import CARGOES, VERDICTS
from pipelines.contracts.marts import ATTESTATION_GAPS, LISTED_VESSEL_CARGOES, VERDICT_CHANGES, VERDICT_SENSITIVITY
from pipelines.contracts.reference import LISTED_VESSELS
from pipelines.contracts.rules import ATTESTATION_RULES
from pipelines.contracts.table import Table
from pipelines.settings import Settings
from pipelines.transforms.attestations import attestation_gaps
from pipelines.transforms.history import verdict_changes
from pipelines.transforms.sensitivity import verdict_sensitivity
from pipelines.transforms.vessels import listings_on_loading, namesakes
from pipelines.warehouse.store import Store

TABLES: list[Table] = [VERDICT_CHANGES, VERDICT_SENSITIVITY, LISTED_VESSEL_CARGOES, ATTESTATION_GAPS]


def _changes(settings: Settings, store: Store) -> dict[str, pl.DataFrame]:
    changes = verdict_changes(store.scan(CARGOES).collect(), store.scan(VERDICTS), rulebook(settings))
    return {VERDICT_CHANGES.name: changes.sort("shipment_id", "regime").collect()}


def _sensitivity(settings: Settings, store: Store) -> dict[str, pl.DataFrame]:
    flips = verdict_sensitivity(store.scan(CARGOES), store.scan(VERDICTS), rulebook(settings), reference(store))
    return {VERDICT_SENSITIVITY.name: flips.sort("shipment_id", "regime", "assumption").collect()}


def _listed_vessels(settings: Settings, store: Store) -> dict[str, pl.DataFrame]:
    listings = listings_on_loading(
        store.scan(CARGOES),
        reference(store).listed_vessels,
        store.scan(VERDICTS),
        rulebook(settings).exemptions,
    )
    return {LISTED_VESSEL_CARGOES.name: listings.sort("shipment_id", "authority").collect()}


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


def _attestation_gaps(settings: Settings, store: Store) -> dict[str, pl.DataFrame]:
    gaps = attestation_gaps(
        store.scan(VERDICTS), store.scan(CARGOES), store.scan(STAGED_ATTESTATIONS), rulebook(settings)
    )
    return {ATTESTATION_GAPS.name: gaps.collect()}


ASSETS: list[dg.AssetsDefinition] = [
    table_assets(_changes, [VERDICT_CHANGES], name="verdict_changes", group="marts", reads=[CARGOES, VERDICTS]),
    table_assets(
        _sensitivity, [VERDICT_SENSITIVITY], name="verdict_sensitivity", group="marts", reads=[CARGOES, VERDICTS]
    ),
    table_assets(
        _listed_vessels,
        {
            LISTED_VESSEL_CARGOES: [
                TableCheck(
                    "matched_by_number",
                    "Every cargo found on a list is there by the IMO number of its vessel, never by its name.",
                    _matched_by_number,
                ),
                TableCheck(
                    "no_namesakes",
                    "No cargo's vessel has only the name of a listed one; where it has, its number is worth a look.",
                    _no_namesakes,
                    WARN,
                ),
            ]
        },
        name="listed_vessel_cargoes",
        group="marts",
        reads=[CARGOES, VERDICTS, LISTED_VESSELS],
    ),
    table_assets(
        _attestation_gaps,
        [ATTESTATION_GAPS],
        name="attestation_gaps",
        group="marts",
        reads=[CARGOES, VERDICTS, STAGED_ATTESTATIONS, ATTESTATION_RULES],
    ),
]
