"""Contracts of the marts: what people query.

Here: one `Table` for each file in `sql/marts`, and marts made in Python; judged cargoes: `pipelines.contracts.cargoes`.
Add here: a mart, together with `sql/marts/<name>.sql`; nothing else needs to know of it.
Keep out: the SQL.
"""

import polars as pl

from pipelines.contracts.customs import MONTH
from pipelines.contracts.reference import LISTED_VESSELS
from pipelines.contracts.rules import CONFIDENCE, EXEMPTIONS
from pipelines.contracts.table import Column, Table

_REGIME = Column("regime", pl.String(), "regime code", required=True)
_CAP = Column("cap_usd_per_bbl", pl.Float64(), "cap in force on the level date", unit="USD/bbl")
_VERDICT = Column("verdict", pl.String(), "the verdict; several are separated by commas", required=True)
_RULE = Column("rule_id", pl.String(), "licence, derogation, wind-down or transition that decided")
_INSTRUMENT = Column("instrument", pl.String(), "its instrument")

JAPAN_IMPORTS = Table(
    schema="marts",
    name="japan_imports",
    grain="one row per cargo from Russia to Japan and regime; customs splits a cargo over months",
    key=("loading_date", "vessel_name", "regime"),
    columns=(
        Column("loading_date", pl.Date(), "bill-of-lading day of the cargo"),
        Column("vessel_name", pl.String(), "vessel"),
        Column("customs_months", pl.String(), "months in which customs cleared the cargo", required=True),
        Column("grade", pl.String(), "grade"),
        _REGIME,
        Column("quantity_bbl", pl.Float64(), "barrels cleared", unit="bbl", required=True),
        Column("priced_bbl", pl.Float64(), "barrels with a published value", unit="bbl", required=True),
        Column(
            "unit_value_usd_per_bbl",
            pl.Float64(),
            "customs value per barrel, CIF: freight and insurance included",
            unit="USD/bbl",
        ),
        Column("price_low_usd_per_bbl", pl.Float64(), "least the oil itself can have cost", unit="USD/bbl"),
        Column("price_high_usd_per_bbl", pl.Float64(), "most the oil itself can have cost", unit="USD/bbl"),
        _CAP,
        _VERDICT,
        _RULE,
        Column("licence", pl.String(), "its short name"),
        _INSTRUMENT,
        Column(
            "excess_value_usd",
            pl.Float64(),
            "money above the cap at the customs value, 0 at or below it; empty: not told",
            unit="USD",
        ),
        Column("confidence", pl.String(), "weakest confidence", required=True),
    ),
)

ENFORCEMENT_VERDICTS = Table(
    schema="marts",
    name="enforcement_verdicts",
    grain="one row per published price-cap case and regime",
    key=("case_id", "regime"),
    columns=(
        Column("case_id", pl.String(), "id of the case", required=True),
        Column("authority", pl.String(), "who published it", required=True),
        Column("published_on", pl.Date(), "day of publication", required=True),
        Column("vessel_name", pl.String(), "vessel", required=True),
        Column("vessel_imo", pl.String(), "IMO number", required=True),
        Column("grade", pl.String(), "grade, where stated"),
        Column("price_wording", pl.String(), "price in the words of the release", required=True),
        _REGIME,
        _CAP,
        _VERDICT,
        Column("excess_at_least_usd_per_bbl", pl.Float64(), "price floor minus cap", unit="USD/bbl"),
        Column("reason", pl.String(), "why", required=True),
        Column("confidence", pl.String(), "weakest confidence", required=True),
    ),
)

EXEMPTION_USAGE = Table(
    schema="marts",
    name="exemption_usage",
    grain="one row per rule, regime, destination and loading month in which it let cargoes through",
    key=("rule_id", "regime", "destination_country", "loading_month"),
    columns=(
        _RULE,
        Column("licence", pl.String(), "its short name"),
        _INSTRUMENT,
        _REGIME,
        Column("destination_country", pl.String(), "ISO 3166 alpha-2"),
        Column("loading_month", pl.Date(), "first day of the loading month", required=True),
        Column("cargoes", pl.Int64(), "cargoes", required=True),
        Column("quantity_bbl", pl.Float64(), "barrels", unit="bbl"),
        Column("above_cap_bbl", pl.Float64(), "barrels known to be sold above the cap", unit="bbl"),
        Column("excess_value_usd", pl.Float64(), "money above the cap", unit="USD"),
    ),
)

VERDICT_COUNTS = Table(
    schema="marts",
    name="verdict_counts",
    grain="one row per kind of evidence, regime and verdict",
    key=("evidence_kind", "regime", "verdict"),
    columns=(
        Column("evidence_kind", pl.String(), "what the cargoes rest on", required=True),
        _REGIME,
        _VERDICT,
        Column("cargoes", pl.Int64(), "cargoes", required=True),
        Column("quantity_bbl", pl.Float64(), "barrels", unit="bbl"),
        Column("excess_value_usd", pl.Float64(), "money above the cap", unit="USD"),
    ),
)

VERDICT_CHANGES = Table(
    schema="marts",
    name="verdict_changes",
    grain="one row per cargo and regime whose verdict as known at loading is not the verdict as known now",
    key=("shipment_id", "regime"),
    columns=(
        Column("shipment_id", pl.String(), "id of the cargo", required=True),
        _REGIME,
        Column("known_on", pl.Date(), "the loading day: what was known then", required=True),
        Column("verdict_then", pl.String(), "verdict by the rules known then", required=True),
        Column("verdict_now", pl.String(), "verdict by the rules known now", required=True),
        Column("rule_then", pl.String(), "exemption, transition or cap of the verdict then"),
        Column("rule_now", pl.String(), "exemption, transition or cap of the verdict now"),
        Column(
            "changed_by",
            pl.String(),
            "the rule published after loading that changed it; several, separated by ;, where the verdict names none",
        ),
        Column("changed_by_published_on", pl.Date(), "day on which that rule became known"),
        Column("reason_then", pl.String(), "reason then", required=True),
        Column("reason_now", pl.String(), "reason now", required=True),
    ),
)

VERDICT_SENSITIVITY = Table(
    schema="marts",
    name="verdict_sensitivity",
    grain="one row per cargo, regime and assumption under which the verdict flips",
    key=("shipment_id", "regime", "assumption"),
    columns=(
        Column("shipment_id", pl.String(), "id of the cargo", required=True),
        _REGIME,
        Column(
            "assumption",
            pl.String(),
            "what is assumed instead; the weekly rates of Japan's customs are not shipped, so they are not tried",
            required=True,
        ),
        Column("verdict", pl.String(), "the verdict as published", required=True),
        Column("alternative_verdict", pl.String(), "the verdict under the assumption", required=True),
        Column("cap_usd_per_bbl", pl.Float64(), "cap in force on the level date", unit="USD/bbl"),
        Column("price_low_usd_per_bbl", pl.Float64(), "least the price can be", unit="USD/bbl"),
        Column("price_high_usd_per_bbl", pl.Float64(), "most the price can be", unit="USD/bbl"),
        Column("alternative_low_usd_per_bbl", pl.Float64(), "the same under the assumption", unit="USD/bbl"),
        Column("alternative_high_usd_per_bbl", pl.Float64(), "the same under the assumption", unit="USD/bbl"),
    ),
)

JAPAN_ENERGY_FROM_RUSSIA = Table(
    schema="marts",
    name="japan_energy_from_russia",
    grain="one row per month: Japan's LNG from Russia beside its crude that a licence let through",
    key=("month",),
    columns=(
        MONTH,
        Column("lng_t", pl.Float64(), "LNG cleared, of Russian origin, any project; empty: not fetched", unit="t"),
        Column("lng_value_jpy", pl.Float64(), "its customs value, CIF", unit="JPY"),
        Column("lng_value_usd", pl.Float64(), "the same at the mean rate of the month", unit="USD"),
        Column("lng_usd_per_t", pl.Float64(), "customs value of a tonne", unit="USD/t"),
        Column("lng_share_pct", pl.Float64(), "share of Japan's LNG from all origins", unit="%"),
        Column("crude_bbl", pl.Float64(), "crude cleared; 0: nil was published; empty: not known", unit="bbl"),
        Column("exempt_crude_bbl", pl.Float64(), "of it, exempt under at least one regime", unit="bbl"),
        Column(
            "exempt_unit_value_usd_per_bbl",
            pl.Float64(),
            "customs value of a barrel of that, CIF: freight and insurance included; empty: no value was published",
            unit="USD/bbl",
        ),
        Column("exempt_under_regimes", pl.String(), "regimes under which it is exempt, separated by commas"),
        Column("licences", pl.String(), "their licences, separated by commas"),
    ),
)

JAPAN_SERIES_RECONCILIATION = Table(
    schema="marts",
    name="japan_series_reconciliation",
    grain="one row per month and origin: Japan's two official series on the same crude, never added",
    key=("month", "origin"),
    columns=(
        MONTH,
        Column("origin", pl.String(), "RU, or all: every country", required=True, allowed=("RU", "all")),
        Column("customs_bbl", pl.Float64(), "cleared by customs; empty: not known", unit="bbl"),
        Column("arrivals_bbl", pl.Float64(), "arrivals counted by METI; empty: not known", unit="bbl"),
        Column("arrivals_less_customs_bbl", pl.Float64(), "arrivals less clearances", unit="bbl"),
        Column("difference_pct", pl.Float64(), "the same in per cent of arrivals", unit="%"),
        Column(
            "is_beyond_5_pct",
            pl.Boolean(),
            "the two are more than 5 % apart; clearance follows arrival, so for all origins 63 of 126 months "
            "to June 2026 were",
        ),
        Column(
            "running_difference_bbl",
            pl.Float64(),
            "differences added up since the first month that both tell; what one month lacks the next one brings",
            unit="bbl",
        ),
    ),
)

SQL_MARTS = (
    JAPAN_IMPORTS,
    ENFORCEMENT_VERDICTS,
    EXEMPTION_USAGE,
    VERDICT_COUNTS,
    JAPAN_ENERGY_FROM_RUSSIA,
    JAPAN_SERIES_RECONCILIATION,
)

# Made by `pipelines.transforms.vessels`.
LISTED_VESSEL_CARGOES = Table(
    schema="marts",
    name="listed_vessel_cargoes",
    grain="one row per cargo and authority whose list its vessel stands or has stood on",
    key=("shipment_id", "authority"),
    columns=(
        Column("shipment_id", pl.String(), "id of the cargo", required=True),
        Column("vessel_imo", pl.String(), "IMO number of the vessel, which alone decides the match", required=True),
        Column("vessel_name", pl.String(), "name given with the cargo, or else the name as listed", required=True),
        Column("loading_first", pl.Date(), "first possible bill-of-lading day", required=True),
        Column("loading_last", pl.Date(), "last possible bill-of-lading day", required=True),
        LISTED_VESSELS.column("authority"),
        Column(
            "status",
            pl.String(),
            "listed: on the list on every possible loading day; listed_later: put on it after loading; "
            "delisted_before: taken off it before loading; possibly_listed: the day of listing is not known, "
            "or the list changed within the loading window",
            required=True,
            allowed=("listed", "possibly_listed", "listed_later", "delisted_before"),
        ),
        LISTED_VESSELS.column("listed_on"),
        LISTED_VESSELS.column("known_listed_on"),
        LISTED_VESSELS.column("delisted_on"),
        Column("exemption_id", pl.String(), "licence that decided the verdict under the regime of that authority"),
        Column(
            "licence_names_listed_vessels",
            pl.String(),
            "whether that licence covers listed vessels: column listed_vessels of reference.exemptions",
            allowed=EXEMPTIONS.column("listed_vessels").allowed,
        ),
    ),
)

# Made by `pipelines.transforms.attestations`.
ATTESTATION_GAPS = Table(
    schema="marts",
    name="attestation_gaps",
    grain="one row per declared cargo, regime, gap and attestation; empty where no attestation was handed in at all",
    key=("shipment_id", "regime", "gap", "attestation_id"),
    columns=(
        Column("shipment_id", pl.String(), "id of the cargo", required=True),
        _REGIME,
        Column(
            "gap",
            pl.String(),
            "missing: no attestation for the voyage; late: after the last day allowed; "
            "retriggered: a ship-to-ship transfer and no attestation since; "
            "contradicted: the evidence puts the price above the one attested; not_itemised: ancillary costs left out",
            required=True,
            allowed=("missing", "late", "retriggered", "contradicted", "not_itemised"),
        ),
        Column(
            "rule_id",
            pl.String(),
            "row of reference.attestation_rules; contradicted: the cap in reference.price_caps, empty where it is open",
        ),
        Column("attestation_id", pl.String(), "id of the attestation; empty: missing"),
        Column("tier", pl.String(), "tier of the party that attested"),
        Column("party", pl.String(), "who attested"),
        Column("loading_date", pl.Date(), "day of loading", required=True),
        Column(
            "due_on",
            pl.Date(),
            "last day for the attestation, which may lie ahead; retriggered: counted from the transfer; "
            "empty: no deadline is known, or none is meant",
        ),
        Column("attested_on", pl.Date(), "day of the attestation"),
        Column("transfer_date", pl.Date(), "first ship-to-ship transfer that no attestation of the tier follows"),
        Column(
            "price_attested_at_or_below_usd_per_bbl",
            pl.Float64(),
            "price which the oil was attested to be bought at or below",
            unit="USD/bbl",
        ),
        Column("price_low_usd_per_bbl", pl.Float64(), "by the evidence, the price is at least this", unit="USD/bbl"),
        _CAP,
        Column("reason", pl.String(), "why, in one sentence that names the rule", required=True),
        Column(
            "confidence",
            pl.String(),
            "of the rule; contradicted: of the verdict",
            required=True,
            allowed=CONFIDENCE,
        ),
    ),
)
