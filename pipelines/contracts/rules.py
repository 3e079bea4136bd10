"""Contracts of the rule tables: the law as data.

Here: one `Table` for each file in `data/rules`, with the meaning of every column.
Add here: a column of a rule table, or a new rule table.
Keep out: any cap, date or country of a rule (those are rows of the files), and how rules are applied.
"""

import polars as pl

from pipelines.contracts.table import Column, FrameCheck, Table

REGIME = r"[A-Z]{2}"
CONFIDENCE = ("verified", "unverified", "conflict")
PRODUCT_CLASSES = ("crude", "premium_product", "discount_product")

_SOURCE = Column("source", pl.String(), "ids in the table of sources, separated by ;", required=True)
_CONFIDENCE = Column(
    "confidence",
    pl.String(),
    "verified: seen in a source; unverified: recalled or not found; conflict: sources disagree",
    required=True,
    allowed=CONFIDENCE,
)
_INSTRUMENT = Column("instrument", pl.String(), "the legal instrument, as a lawyer would cite it", required=True)
_PUBLISHED = Column("published_on", pl.Date(), "day the rule became known; --as-of filters on it", required=True)
_NOTE = Column("note", pl.String(), "what a reader must know about the row")
_REGIME = Column("regime", pl.String(), "regime code", required=True, pattern=REGIME)
_ID = Column("id", pl.String(), "id of the rule", required=True)
_SERIES = Column("series", pl.String(), "rules that renew or replace each other share a series", required=True)
_VALID_FROM = Column("valid_from", pl.Date(), "first day of the window", required=True)
_VALID_TO = Column("valid_to", pl.Date(), "first day after the window; empty: open")

SOURCES = Table(
    schema="reference",
    name="rule_sources",
    grain="one row per source of a rule",
    key=("id",),
    columns=(
        Column("id", pl.String(), "id cited in the column source of the rule tables", required=True),
        Column("kind", pl.String(), "primary, law firm, news, mirror, or how the row was reached", required=True),
        Column("reference", pl.String(), "where it can be read", required=True),
    ),
)

REGIMES = Table(
    schema="reference",
    name="regimes",
    grain="one row per price-cap regime",
    key=("regime",),
    columns=(
        _REGIME,
        Column("authority", pl.String(), "jurisdiction and legal basis", required=True),
        Column("destination_nexus", pl.String(), "destination country that always brings this regime"),
        Column("class_list", pl.String(), "list of product codes that is looked up first", required=True),
        Column("fallback_class_list", pl.String(), "list for full codes that the first one does not hold"),
        Column("unlisted_class", pl.String(), "class of a full code that no list holds", allowed=PRODUCT_CLASSES),
        Column(
            "class_confidence",
            pl.String(),
            "how sure the list is for this regime",
            required=True,
            allowed=CONFIDENCE,
        ),
        _SOURCE,
        _NOTE,
    ),
)

PRICE_CAPS = Table(
    schema="reference",
    name="price_caps",
    grain="one row per regime, product class and level",
    key=("id",),
    columns=(
        _ID,
        _SERIES,
        _REGIME,
        Column("product_class", pl.String(), "class the cap is for", required=True, allowed=PRODUCT_CLASSES),
        Column("cap_usd_per_bbl", pl.Float64(), "cap, USD per barrel", unit="USD/bbl", required=True, above=0),
        _VALID_FROM,
        _VALID_TO,
        Column("certain_from", pl.Date(), "first day on which the level binds beyond doubt; empty: valid_from"),
        Column(
            "start_doubt",
            pl.String(),
            "conflict: sources disagree on the start, the earliest binds; gap: the in-force day is not known",
            allowed=("conflict", "gap"),
        ),
        Column("verified_to", pl.Date(), "from this day on a later level may exist that was not found"),
        Column("review_due_on", pl.Date(), "day on which the authority's next review of the level is due"),
        _PUBLISHED,
        _INSTRUMENT,
        _SOURCE,
        _CONFIDENCE,
        _NOTE,
    ),
)

_EFFECT = Column(
    "effect",
    pl.String(),
    "decides; open: whether it applies is unknown or in conflict; never: stands for the record, decides no verdict",
    required=True,
    allowed=("decides", "open", "never"),
)

TRANSITIONS = Table(
    schema="reference",
    name="transitions",
    grain="one row per transition or wind-down rule and reading of it",
    key=("id",),
    columns=(
        _ID,
        _SERIES,
        _REGIME,
        Column("product_classes", pl.String(), "classes it covers, separated by ;", required=True),
        Column(
            "kind",
            pl.String(),
            "wind_down: exempt at any price; prior_cap: the earlier cap stays usable; basis: legal basis only",
            required=True,
            allowed=("wind_down", "prior_cap", "basis"),
        ),
        _EFFECT,
        Column("cap_id", pl.String(), "the cap whose start it softens", required=True),
        Column("prior_cap_id", pl.String(), "the earlier cap that stays usable"),
        Column("contract_before", pl.Date(), "contract concluded before this day"),
        Column("loaded_before", pl.Date(), "loaded before this day"),
        Column("destination_country", pl.String(), "destination it is limited to"),
        Column("valid_from", pl.Date(), "first level date it covers", required=True),
        Column("valid_to", pl.Date(), "first level date it no longer covers"),
        _PUBLISHED,
        _INSTRUMENT,
        _SOURCE,
        _CONFIDENCE,
        _NOTE,
    ),
)

EXEMPTIONS = Table(
    schema="reference",
    name="exemptions",
    grain="one row per licence, derogation or exclusion, or renewal of one",
    key=("id",),
    columns=(
        _ID,
        _SERIES,
        _REGIME,
        Column(
            "kind",
            pl.String(),
            "what the exemption is about",
            required=True,
            allowed=("project", "country", "emergency", "loaded_by"),
        ),
        _EFFECT,
        Column(
            "coverage",
            pl.String(),
            "whole_voyage: every day from loading to discharge lies in the series; "
            "discharge_in_window: loaded by its day and discharged in the window",
            required=True,
            allowed=("whole_voyage", "discharge_in_window"),
        ),
        Column("product_classes", pl.String(), "classes it covers, separated by ;", required=True),
        Column("hs_prefixes", pl.String(), "codes it is limited to, separated by ;"),
        Column("destination_country", pl.String(), "destination it is limited to"),
        Column("destination_excluded", pl.String(), "destination it leaves out"),
        Column("origin_project", pl.String(), "project it is limited to"),
        Column("grade", pl.String(), "grade it is limited to; with a project: counts where the project is empty"),
        Column("loaded_before", pl.Date(), "loaded before this day"),
        Column(
            "listed_vessels",
            pl.String(),
            "named: it covers listed (blocked) vessels by its own words; "
            "not_named: it authorises no dealings with blocked persons; unknown: not found",
            required=True,
            allowed=("named", "not_named", "unknown"),
        ),
        _VALID_FROM,
        _VALID_TO,
        _PUBLISHED,
        Column("licence", pl.String(), "short name of the licence", required=True),
        _INSTRUMENT,
        _SOURCE,
        _CONFIDENCE,
        _NOTE,
    ),
)

SCOPE_RULES = Table(
    schema="reference",
    name="scope_rules",
    grain="one row per rule on what the caps reach",
    key=("id",),
    columns=(
        _ID,
        Column(
            "effect",
            pl.String(),
            "in_scope: only these values are in scope; out_of_scope: names a known case outside; note: for the record",
            required=True,
            allowed=("in_scope", "out_of_scope", "note"),
        ),
        Column(
            "field",
            pl.String(),
            "what it looks at",
            allowed=("origin_country", "transport_mode", "hs_heading"),
        ),
        Column("values", pl.String(), "values in scope, separated by ;"),
        Column("origin_project", pl.String(), "project of a known case outside"),
        Column("grade", pl.String(), "grade of a known case outside"),
        Column("meaning", pl.String(), "the rule in plain words", required=True),
        _INSTRUMENT,
        _SOURCE,
        _CONFIDENCE,
        _NOTE,
    ),
)

PRODUCT_CODES = Table(
    schema="reference",
    name="product_classes",
    grain="one row per code of a list of product codes",
    key=("class_list", "code"),
    columns=(
        Column("class_list", pl.String(), "the list the code stands in", required=True),
        Column("code", pl.String(), "HS, CN or HTSUS code, digits only", required=True, pattern=r"\d{4,10}"),
        Column(
            "product_class",
            pl.String(),
            "class of the code; undetermined: the list cannot be relied on for it",
            required=True,
            allowed=(*PRODUCT_CLASSES, "undetermined"),
        ),
        Column("product_group", pl.String(), "group of the list", required=True),
        _PUBLISHED,
        _SOURCE,
        _CONFIDENCE,
        _NOTE,
    ),
)

PROVIDER_MEANING = {
    "insurer_country": "country of the insurer or P&I club, ISO 3166 alpha-2",
    "owner_country": "country of the registered owner of the vessel, ISO 3166 alpha-2",
    "manager_country": "country of the manager of the vessel, ISO 3166 alpha-2",
    "flag": "flag of the vessel, ISO 3166 alpha-2",
    "financier_country": "country of whoever finances the cargo, ISO 3166 alpha-2",
    "broker_country": "country of the trader or commodity broker, ISO 3166 alpha-2",
    "customs_broker_country": "country of the customs broker, ISO 3166 alpha-2",
    "classification_country": "country of the classification society, ISO 3166 alpha-2",
}
PROVIDER_ROLES = tuple(PROVIDER_MEANING)

NEXUS_SERVICES = Table(
    schema="reference",
    name="nexus_services",
    grain="one row per regime and role of a service provider",
    key=("regime", "role"),
    columns=(
        _ID,
        _REGIME,
        Column("role", pl.String(), "column of the shipments file", required=True, allowed=PROVIDER_ROLES),
        Column(
            "is_covered",
            pl.String(),
            "yes; no: outside the regime; unknown: not found, so the cargo is judged to be safe",
            required=True,
            allowed=("yes", "no", "unknown"),
        ),
        _SOURCE,
        _CONFIDENCE,
        _NOTE,
    ),
)

NEXUS_COUNTRIES = Table(
    schema="reference",
    name="nexus_countries",
    grain="one row per country whose providers bring a regime",
    key=("country", "regime", "role"),
    columns=(
        _ID,
        Column("country", pl.String(), "ISO 3166 alpha-2", required=True, pattern=r"[A-Z]{2}"),
        _REGIME,
        Column("role", pl.String(), "role it holds for; *: every role", required=True, allowed=("*", *PROVIDER_ROLES)),
        Column("valid_from", pl.Date(), "first loading day it holds for; empty: always"),
        _VALID_TO,
        _SOURCE,
        _CONFIDENCE,
        _NOTE,
    ),
)

ATTESTATION_RULES = Table(
    schema="reference",
    name="attestation_rules",
    grain="one row per regime and duty to attest; a regime without a row has no duty that is known",
    key=("regime", "duty"),
    columns=(
        _ID,
        _REGIME,
        Column(
            "duty",
            pl.String(),
            "per_voyage: an attestation for each voyage; sts_transfer: a new one after a ship-to-ship transfer; "
            "deadline: within so many days of loading; itemised_costs: ancillary costs itemised; record_keeping",
            required=True,
            allowed=("per_voyage", "sts_transfer", "deadline", "itemised_costs", "record_keeping"),
        ),
        Column("applies_from", pl.Date(), "first loading day it holds for", required=True),
        Column(
            "days",
            pl.Int64(),
            "days allowed: from loading for a deadline, from a request for itemised costs",
            at_least=1,
        ),
        Column(
            "tiers",
            pl.String(),
            "tiers of the party that attests or keeps records, separated by ;",
            required=True,
            pattern=r"[123](?:;[123])*",
        ),
        _PUBLISHED,
        _INSTRUMENT,
        _SOURCE,
        _CONFIDENCE,
        _NOTE,
    ),
    checks=(
        FrameCheck(
            "deadline_has_days",
            "a deadline needs its days",
            "days",
            (pl.col("duty") != "deadline") | pl.col("days").is_not_null(),
        ),
    ),
)

RULE_TABLES = {
    "sources.csv": SOURCES,
    "regimes.csv": REGIMES,
    "price_caps.csv": PRICE_CAPS,
    "transitions.csv": TRANSITIONS,
    "exemptions.csv": EXEMPTIONS,
    "scope_rules.csv": SCOPE_RULES,
    "product_classes.csv": PRODUCT_CODES,
    "nexus_services.csv": NEXUS_SERVICES,
    "nexus_countries.csv": NEXUS_COUNTRIES,
    "attestation_rules.csv": ATTESTATION_RULES,
}
