"""Contracts of the marts that are written in SQL: what people query.

Here: one `Table` for each file in `sql/marts`; the judged table itself is in `pipelines.contracts.cargoes`.
Add here: a mart, together with `sql/marts/<name>.sql`; nothing else needs to know of it.
Keep out: the SQL.
"""

import polars as pl

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

SQL_MARTS = (JAPAN_IMPORTS, ENFORCEMENT_VERDICTS, EXEMPTION_USAGE, VERDICT_COUNTS)
