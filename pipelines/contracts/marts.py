"""Contracts of the marts: what people query.

Here: marts without sums, and the list of all marts in SQL; sums: `pipelines.contracts.sums`; judged cargoes:
`pipelines.contracts.cargoes`.
Add here: a mart, together with `sql/marts/<name>.sql`; nothing else needs to know of it.
Keep out: the SQL.
"""

import polars as pl

from pipelines.contracts.customs import MONTH
from pipelines.contracts.reference import LISTED_VESSELS
from pipelines.contracts.rules import CONFIDENCE, EXEMPTIONS, PRICE_CAPS
from pipelines.contracts.sums import (
    EXEMPTION_USAGE,
    JAPAN_IMPORTS,
    JUDGED_CARGOES,
    PRICE_AGAINST_CAP,
    PROVIDER_EXPOSURE,
    TRANSITIONS_USED,
    UNKNOWNS,
    VERDICT_COUNTS,
    VESSEL_EXPOSURE,
)
from pipelines.contracts.table import Column, Table

_REGIME = Column("regime", pl.String(), "regime code", required=True)
_CAP = Column("cap_usd_per_bbl", pl.Float64(), "cap in force on the level date", unit="USD/bbl")
_VERDICT = Column("verdict", pl.String(), "the verdict; several are separated by commas", required=True)

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

CAP_CALENDAR = Table(
    schema="marts",
    name="cap_calendar",
    grain="one row per regime, product class and level: when it held, by which instrument, and what replaced it",
    key=("cap_id",),
    columns=(
        _REGIME,
        PRICE_CAPS.column("product_class"),
        Column("cap_id", pl.String(), "row of reference.price_caps", required=True),
        PRICE_CAPS.column("cap_usd_per_bbl"),
        Column("first_day", pl.Date(), "first day of the level", required=True),
        Column("last_day", pl.Date(), "last day of the level, itself included; empty: no end is known"),
        PRICE_CAPS.column("certain_from"),
        PRICE_CAPS.column("start_doubt"),
        PRICE_CAPS.column("verified_to"),
        PRICE_CAPS.column("review_due_on"),
        PRICE_CAPS.column("published_on"),
        PRICE_CAPS.column("instrument"),
        PRICE_CAPS.column("confidence"),
        Column("replaces_cap_id", pl.String(), "the level before; empty: the first one"),
        Column("step_usd_per_bbl", pl.Float64(), "this level minus the one before", unit="USD/bbl"),
        Column("replaced_by_cap_id", pl.String(), "the level after; empty: none is known"),
        Column("replaced_by_usd_per_bbl", pl.Float64(), "that level", unit="USD/bbl"),
    ),
)

VERDICT_CHANGES = Table(
    schema="marts",
    name="verdict_changes",
    grain="one row per cargo and regime whose verdict as known at loading is not the verdict as known now",
    key=("shipment_id", "regime"),
    is_by_month=True,
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
    is_by_month=True,
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


def _bbl(name: str, meaning: str) -> Column:
    return Column(name, pl.Float64(), meaning, unit="bbl")


def _share(name: str, meaning: str) -> Column:
    return Column(name, pl.Float64(), f"{meaning}; empty: one of them is not published, or nil")


CUSTOMS_RECONCILIATION = Table(
    schema="marts",
    name="customs_reconciliation",
    grain="one row per importer, month, product and origin; statistics on the same oil stand side by side and are "
    "never added",
    key=("importer_country", "month", "product", "origin_country"),
    columns=(
        Column("importer_country", pl.String(), "ISO 3166 alpha-2", required=True),
        Column("month", pl.String(), "calendar month, YYYY-MM", required=True, pattern=r"\d{4}-\d{2}"),
        Column(
            "product", pl.String(), "crude: HS 2709; products: HS 2710", required=True, allowed=("crude", "products")
        ),
        Column("origin_country", pl.String(), "country of origin, ISO 3166 alpha-2", required=True),
        Column("declared_cargoes", pl.Int64(), "declared shipments discharged in the month", required=True),
        _bbl(
            "declared_bbl", "declared shipments, all modes, by month of discharge, or of loading where that is unknown"
        ),
        _bbl("declared_sea_bbl", "those by sea"),
        _bbl("comext_sea_bbl", "Comext, lines told to be by sea; empty: not published, not told by mode, or withheld"),
        _bbl("comext_bbl", "Comext, all modes; empty: not published, or a part is withheld"),
        _bbl("comtrade_bbl", "UN Comtrade, all modes; empty: not reported, or without a quantity of its own"),
        _bbl("japan_customs_bbl", "Japan's customs, month of clearance; empty: not published by month"),
        _bbl("japan_arrivals_bbl", "METI's arrivals of the same oil at refiners; empty: not published"),
        _bbl("crude_register_bbl", "Eurostat's register of crude imports by type; empty: not published or withheld"),
        _bbl(
            "energy_bbl", "Eurostat's energy statistics by origin, tonnes at the generic factor; empty: not published"
        ),
        _bbl("declared_less_comext_sea_bbl", "declared by sea less Comext by sea"),
        _share("declared_share_of_comext_sea", "declared by sea over Comext by sea"),
        _bbl("declared_less_comtrade_bbl", "declared less UN Comtrade"),
        _share("declared_share_of_comtrade", "declared over UN Comtrade"),
        _bbl("declared_less_japan_customs_bbl", "declared less Japan's customs"),
        _share("declared_share_of_japan_customs", "declared over Japan's customs"),
        _bbl("japan_arrivals_less_customs_bbl", "arrivals less clearance: one cargo may be cleared over two months"),
        _bbl("energy_less_comext_bbl", "energy statistics less Comext: transit and re-export are in customs only"),
        _share("energy_share_of_comext", "energy statistics over Comext"),
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

# Made by `pipelines.transforms.vessels`.
LISTED_VESSEL_CARGOES = Table(
    schema="marts",
    name="listed_vessel_cargoes",
    grain="one row per cargo and authority whose list its vessel stands or has stood on",
    key=("shipment_id", "authority"),
    is_by_month=True,
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
    is_by_month=True,
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

# In the order in which they are made: a mart reads those above it.
SQL_MARTS = (
    JUDGED_CARGOES,
    JAPAN_IMPORTS,
    ENFORCEMENT_VERDICTS,
    EXEMPTION_USAGE,
    TRANSITIONS_USED,
    PRICE_AGAINST_CAP,
    PROVIDER_EXPOSURE,
    VESSEL_EXPOSURE,
    UNKNOWNS,
    CAP_CALENDAR,
    VERDICT_COUNTS,
    CUSTOMS_RECONCILIATION,
    JAPAN_ENERGY_FROM_RUSSIA,
    JAPAN_SERIES_RECONCILIATION,
)
