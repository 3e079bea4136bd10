"""Contracts of what is judged and of what comes out.

Here: `CARGOES`, the one shape of all evidence (declared shipments, customs flows, enforcement cases), and `VERDICTS`.
Add here: a fact about a cargo that the judge or its readers need.
Keep out: where the evidence comes from.
"""

import polars as pl

from pipelines.contracts.rules import CONFIDENCE, PRODUCT_CLASSES, PROVIDER_MEANING, PROVIDER_ROLES
from pipelines.contracts.table import Column, Table

EVIDENCE_KINDS = ("declared_shipment", "customs_flow", "enforcement_case")
# Evidence that has no place for grade and project: that they are missing says nothing.
UNTELLING_EVIDENCE = "customs_flow"
VERDICT_VALUES = (
    "out_of_scope",
    "within_cap",
    "within_prior_cap",
    "exempt",
    "above_cap",
    "indeterminate",
    "unpriced",
)

_SHIPMENT_ID = Column("shipment_id", pl.String(), "id of the cargo", required=True)
_PRICE = Column(
    "price_usd_per_bbl",
    pl.Float64(),
    "best single figure of the price of the oil itself, without freight and insurance; empty: only bounds are known",
    unit="USD/bbl",
)
_PRICE_LOW = Column("price_low_usd_per_bbl", pl.Float64(), "the price is at least this", unit="USD/bbl")
_PRICE_HIGH = Column("price_high_usd_per_bbl", pl.Float64(), "the price is at most this", unit="USD/bbl")
_PRICE_BASIS = Column("price_basis", pl.String(), "how the price was reached; empty: unpriced")
_QUANTITY = Column("quantity_bbl", pl.Float64(), "quantity, barrels of 42 US gallons", unit="bbl")

CARGOES = Table(
    schema="staging",
    name="cargoes",
    grain="one row per cargo or customs flow, priced as far as the evidence allows; "
    "kinds of evidence may describe the same oil, so add up only within one",
    key=("shipment_id",),
    is_by_month=True,
    columns=(
        _SHIPMENT_ID,
        Column("evidence_kind", pl.String(), "what the row rests on", required=True, allowed=EVIDENCE_KINDS),
        Column("evidence_source", pl.String(), "file or publication the row comes from", required=True),
        Column("contract_date", pl.Date(), "day the sale contract was concluded"),
        Column("loading_first", pl.Date(), "first possible bill-of-lading day", required=True),
        Column("loading_last", pl.Date(), "last possible bill-of-lading day", required=True),
        Column("discharge_first", pl.Date(), "first possible day of discharge"),
        Column("discharge_last", pl.Date(), "last possible day of discharge; empty: not known"),
        Column("hs_code", pl.String(), "HS, CN or HTSUS code, digits only", required=True),
        Column("grade", pl.String(), "grade as declared"),
        Column("grade_key", pl.String(), "grade for comparisons: canonical name without case and punctuation"),
        Column("origin_country", pl.String(), "country of origin of the oil, ISO 3166 alpha-2", required=True),
        Column("origin_project", pl.String(), "project as declared"),
        Column("project_key", pl.String(), "project for comparisons: without case and punctuation"),
        Column("loading_port", pl.String(), "UN/LOCODE"),
        Column("discharge_port", pl.String(), "UN/LOCODE"),
        Column("destination_country", pl.String(), "ISO 3166 alpha-2; empty: not published"),
        Column("transport_mode", pl.String(), "sea, pipeline, rail or road", required=True),
        Column("vessel_imo", pl.String(), "IMO number of the vessel"),
        Column("vessel_name", pl.String(), "name of the vessel"),
        Column("nexus", pl.String(), "regimes declared, separated by ;; empty: not declared"),
        *(Column(role, pl.String(), PROVIDER_MEANING[role]) for role in PROVIDER_ROLES),
        Column("quantity", pl.Float64(), "quantity as declared, in quantity_unit"),
        Column("quantity_unit", pl.String(), "unit of quantity"),
        Column("bbl_per_unit_low", pl.Float64(), "least barrels in one quantity_unit", unit="bbl"),
        Column("bbl_per_unit", pl.Float64(), "barrels in one quantity_unit", unit="bbl"),
        Column("bbl_per_unit_high", pl.Float64(), "most barrels in one quantity_unit", unit="bbl"),
        Column("bbl_basis", pl.String(), "where the barrels per unit come from"),
        _QUANTITY,
        Column("value", pl.Float64(), "invoice or customs value, in currency"),
        Column("itemised_costs", pl.Float64(), "freight, insurance and other costs itemised, in currency"),
        Column("currency", pl.String(), "ISO 4217"),
        Column("incoterm", pl.String(), "incoterm of the value"),
        Column("usd_per_unit_of_currency", pl.Float64(), "exchange rate used", unit="USD"),
        Column("rate_date", pl.Date(), "day of the exchange rate; first of the month for a monthly mean"),
        Column("rate_basis", pl.String(), "which exchange rate was used"),
        Column(
            "estimated_costs_high_usd_per_bbl",
            pl.Float64(),
            "most that costs which should be itemised and are not may come to; the least is zero",
            unit="USD/bbl",
        ),
        _PRICE,
        _PRICE_LOW,
        _PRICE_HIGH,
        Column(
            "is_price_above_low",
            pl.Boolean(),
            "the price is known to lie above its low, not at it",
            required=True,
        ),
        Column(
            "price_tolerance_usd_per_bbl",
            pl.Float64(),
            "rounding of binary arithmetic that the comparison with the cap forgives (J-13)",
            unit="USD/bbl",
            required=True,
        ),
        _PRICE_BASIS,
        Column("price_notes", pl.List(pl.String()), "reason codes that belong to the price", required=True),
    ),
)

# What a cargo is judged on, before anything is worked out from it: with the same of all these, the same evidence.
EVIDENCE = (
    "evidence_kind",
    "contract_date",
    "loading_first",
    "loading_last",
    "discharge_first",
    "discharge_last",
    "hs_code",
    "grade",
    "origin_country",
    "origin_project",
    "loading_port",
    "discharge_port",
    "destination_country",
    "transport_mode",
    "nexus",
    *PROVIDER_ROLES,
    "quantity",
    "quantity_unit",
    "value",
    "itemised_costs",
    "currency",
    "incoterm",
)

VERDICTS = Table(
    schema="marts",
    name="shipment_verdicts",
    grain="one row per shipment and regime in its nexus, so add up only within one regime",
    key=("shipment_id", "regime"),
    is_by_month=True,
    columns=(
        _SHIPMENT_ID,
        Column("regime", pl.String(), "regime code", required=True),
        Column(
            "nexus_basis",
            pl.String(),
            "declared by the file, inferred from the voyage, or assumed because nothing was declared",
            required=True,
            allowed=("declared", "inferred", "assumed"),
        ),
        Column("verdict", pl.String(), "the answer; see the methodology", required=True, allowed=VERDICT_VALUES),
        Column(
            "product_class",
            pl.String(),
            "class under the regime; empty: outside or open",
            allowed=PRODUCT_CLASSES,
        ),
        Column(
            "level_date",
            pl.Date(),
            "day whose cap binds: discharge, or loading where that is unknown",
            required=True,
        ),
        Column(
            "cap_id",
            pl.String(),
            "row of reference.price_caps in force on the level date, before any transition",
        ),
        Column("cap_usd_per_bbl", pl.Float64(), "that cap", unit="USD/bbl"),
        _PRICE,
        _PRICE_LOW,
        _PRICE_HIGH,
        _PRICE_BASIS,
        Column("margin_usd_per_bbl", pl.Float64(), "cap minus price; negative above the cap", unit="USD/bbl"),
        _QUANTITY,
        Column(
            "excess_value_usd",
            pl.Float64(),
            "money above the cap, 0 at or below it; the least it can be where only a floor is known",
            unit="USD",
            at_least=0,
        ),
        Column("is_above_cap", pl.Boolean(), "sold above the cap, also if exempt; empty: unknown"),
        Column("transition_id", pl.String(), "transition or wind-down that decided"),
        Column("exemption_id", pl.String(), "licence, derogation or exclusion that decided"),
        Column("reason_codes", pl.List(pl.String()), "why, machine readable, in order", required=True),
        Column("reason", pl.String(), "why, in one sentence that names the instrument", required=True),
        Column(
            "confidence",
            pl.String(),
            "weakest confidence among the rules that decided",
            required=True,
            allowed=CONFIDENCE,
        ),
    ),
)
