"""Contracts of the marts that sum up barrels and dollars, and what each sum must add up to.

Here: the amounts, which mean the same in every mart, and the marts of `sql/marts` that add them up.
Add here: a mart of sums with its `Conserved`, or another amount with its measure.
Keep out: the SQL, marts without sums (`pipelines.contracts.marts`), and how sums are compared (`pipelines.checks`).
"""

from dataclasses import replace

import polars as pl

from pipelines.contracts.cargoes import CARGOES, VERDICTS
from pipelines.contracts.rules import EXEMPTIONS, NEXUS_SERVICES, PROVIDER_ROLES, TRANSITIONS
from pipelines.contracts.table import Column, Conserved, Measure, Table

EVIDENCE_KIND = replace(CARGOES.column("evidence_kind"), meaning="what the cargoes rest on")
REGIME = VERDICTS.column("regime")
CAP = VERDICTS.column("cap_usd_per_bbl")
VERDICT = VERDICTS.column("verdict")
RULE = Column("rule_id", pl.String(), "id of the rule that decided", required=True)
INSTRUMENT = Column("instrument", pl.String(), "its instrument", required=True)
LOADING_MONTH = Column(
    "loading_month", pl.Date(), "first day of the month of loading; empty: the loading days reach over months"
)
DESTINATION = CARGOES.column("destination_country")
GRADE = Column("grade", pl.String(), "canonical grade; as compared where reference.grades does not hold it")

CARGO_COUNT = Column("cargoes", pl.Int64(), "cargoes, or flows of customs", required=True, at_least=1)
UNMEASURED = Column(
    "unmeasured_cargoes",
    pl.Int64(),
    "those of them without a quantity, which are in no sum of barrels or dollars",
    required=True,
    at_least=0,
)
ABOVE_COUNT = Column(
    "above_cap_cargoes",
    pl.Int64(),
    "cargoes known to be sold above the cap in force, also if exempt",
    required=True,
    at_least=0,
)
QUANTITY = Column("quantity_bbl", pl.Float64(), "barrels; empty: no quantity is known", unit="bbl", at_least=0)
PRICED = Column("priced_bbl", pl.Float64(), "barrels with a single figure of the price", unit="bbl", at_least=0)
VALUE = Column(
    "value_usd",
    pl.Float64(),
    "what was paid for priced_bbl, without freight and insurance; with them for customs flows",
    unit="USD",
    at_least=0,
)
MEAN_PRICE = Column("mean_price_usd_per_bbl", pl.Float64(), "value_usd by priced_bbl", unit="USD/bbl")
COMPARED = Column(
    "compared_bbl",
    pl.Float64(),
    "barrels of which it is known whether they were sold above the cap in force",
    unit="bbl",
    at_least=0,
)
ABOVE_CAP = Column(
    "above_cap_bbl",
    pl.Float64(),
    "barrels known to be sold above the cap in force, also if exempt",
    unit="bbl",
    at_least=0,
)
EXCESS = Column(
    "excess_value_usd",
    pl.Float64(),
    "money above the cap in force on compared_bbl, also if exempt; empty: not known for any cargo",
    unit="USD",
    at_least=0,
)
EXCESS_AT_MOST = Column(
    "excess_at_most_usd",
    pl.Float64(),
    "most that the money above the cap in force on priced_bbl can be: each price at its upper end",
    unit="USD",
    at_least=0,
)

# The amounts again, from verdicts and cargoes: what a sum is checked against, whatever the SQL says.
_BBL, _PRICE, _IS_ABOVE = pl.col("quantity_bbl"), pl.col("price_usd_per_bbl"), pl.col("is_above_cap")
_ZERO = 0 * _BBL  # unknown where the quantity is
_OVER_CAP = (pl.col("price_high_usd_per_bbl") - pl.col("cap_usd_per_bbl")).clip(lower_bound=0) * _BBL


def _total(amount: pl.Expr) -> pl.Expr:
    """A sum that is unknown where nothing is known, as in SQL; Polars would say zero."""
    return pl.when(amount.count() > 0).then(amount.sum())


def _measure(column: Column, there: pl.Expr) -> Measure:
    return Measure(column.name, here=_total(pl.col(column.name)), there=there)


MEASURES = {
    column.name: _measure(column, there)
    for column, there in (
        (CARGO_COUNT, pl.len()),
        (UNMEASURED, _BBL.is_null().sum()),
        (ABOVE_COUNT, _IS_ABOVE.sum()),
        (QUANTITY, _total(_BBL)),
        (PRICED, _total(pl.when(_PRICE.is_not_null()).then(_BBL).otherwise(_ZERO))),
        (VALUE, _total(_PRICE * _BBL)),
        (COMPARED, _total(pl.when(_IS_ABOVE.is_not_null()).then(_BBL).otherwise(_ZERO))),
        (ABOVE_CAP, _total(pl.when(_IS_ABOVE).then(_BBL).otherwise(_ZERO))),
        (EXCESS, _total(pl.col("excess_value_usd"))),
        (
            EXCESS_AT_MOST,
            _total(pl.when(_PRICE.is_not_null()).then(pl.when(~_IS_ABOVE).then(_ZERO).otherwise(_OVER_CAP))),
        ),
    )
}


def _conserved(
    columns: tuple[Column, ...],
    *more: Measure,
    where: pl.Expr | None = None,
    rows: str = "all verdicts",
    within: tuple[str, ...] = ("evidence_kind", "regime"),
    once_per: tuple[str, tuple[str, ...]] | None = None,
) -> Conserved:
    """Every amount among the columns, and more, adds up to that of verdicts and cargoes.

    A cargo has a verdict under each regime, and customs, files and cases may tell of the same oil.
    """
    return Conserved(
        sources=(VERDICTS, CARGOES),
        within=within,
        measures=(*more, *(MEASURES[column.name] for column in columns if column.name in MEASURES)),
        where=pl.lit(True) if where is None else where,
        rows=rows,
        once_per=once_per,
    )


_JUDGED_AMOUNTS = (QUANTITY, PRICED, VALUE, COMPARED, ABOVE_CAP, EXCESS, EXCESS_AT_MOST)

JUDGED_CARGOES = Table(
    schema="marts",
    name="judged_cargoes",
    grain="one row per cargo and regime in its nexus: the verdict beside the cargo, and the amounts to add up",
    key=("shipment_id", "regime"),
    is_by_month=True,
    columns=(
        VERDICTS.column("shipment_id"),
        REGIME,
        EVIDENCE_KIND,
        LOADING_MONTH,
        CARGOES.column("loading_first"),
        CARGOES.column("loading_last"),
        GRADE,
        DESTINATION,
        CARGOES.column("vessel_imo"),
        CARGOES.column("vessel_name"),
        *(CARGOES.column(role) for role in PROVIDER_ROLES),
        VERDICT,
        VERDICTS.column("product_class"),
        CAP,
        VERDICTS.column("exemption_id"),
        VERDICTS.column("transition_id"),
        VERDICTS.column("reason_codes"),
        VERDICTS.column("confidence"),
        VERDICTS.column("price_usd_per_bbl"),
        VERDICTS.column("price_low_usd_per_bbl"),
        VERDICTS.column("price_high_usd_per_bbl"),
        VERDICTS.column("is_above_cap"),
        *_JUDGED_AMOUNTS,
    ),
    conserved=_conserved(_JUDGED_AMOUNTS, Measure("rows", here=pl.len(), there=pl.len())),
)

_EXPOSURE = (CARGO_COUNT, UNMEASURED, ABOVE_COUNT, QUANTITY, COMPARED, ABOVE_CAP, EXCESS)

VERDICT_COUNTS = Table(
    schema="marts",
    name="verdict_counts",
    grain="one row per kind of evidence, regime and verdict",
    key=("evidence_kind", "regime", "verdict"),
    columns=(EVIDENCE_KIND, REGIME, VERDICT, *_EXPOSURE),
    conserved=_conserved(_EXPOSURE),
)

_USAGE = (
    CARGO_COUNT,
    UNMEASURED,
    ABOVE_COUNT,
    QUANTITY,
    PRICED,
    VALUE,
    MEAN_PRICE,
    COMPARED,
    ABOVE_CAP,
    EXCESS,
    EXCESS_AT_MOST,
)

EXEMPTION_USAGE = Table(
    schema="marts",
    name="exemption_usage",
    grain="one row per kind of evidence, licence or other exemption, destination, loading month and cap in force, "
    "where the exemption decided",
    key=("evidence_kind", "regime", "rule_id", "destination_country", "loading_month", "cap_usd_per_bbl"),
    columns=(
        EVIDENCE_KIND,
        REGIME,
        RULE,
        EXEMPTIONS.column("licence"),
        INSTRUMENT,
        EXEMPTIONS.column("kind"),
        DESTINATION,
        LOADING_MONTH,
        CAP,
        *_USAGE,
    ),
    conserved=_conserved(_USAGE, where=pl.col("exemption_id").is_not_null(), rows="verdicts that an exemption decided"),
)

TRANSITIONS_USED = Table(
    schema="marts",
    name="transitions_used",
    grain="one row per kind of evidence, transition or wind-down, destination, loading month and cap in force, "
    "where the rule decided",
    key=("evidence_kind", "regime", "rule_id", "destination_country", "loading_month", "cap_usd_per_bbl"),
    columns=(
        EVIDENCE_KIND,
        REGIME,
        RULE,
        INSTRUMENT,
        TRANSITIONS.column("kind"),
        Column("prior_cap_usd_per_bbl", pl.Float64(), "the earlier cap that it keeps usable", unit="USD/bbl"),
        DESTINATION,
        LOADING_MONTH,
        CAP,
        *_USAGE,
    ),
    conserved=_conserved(
        _USAGE, where=pl.col("transition_id").is_not_null(), rows="verdicts that a transition or wind-down decided"
    ),
)

PRICE_AGAINST_CAP = Table(
    schema="marts",
    name="price_against_cap",
    grain="one row per kind of evidence, regime, loading month, grade, class, destination and cap in force; "
    "cargoes without a cap are left out",
    key=(
        "evidence_kind",
        "regime",
        "loading_month",
        "grade",
        "product_class",
        "destination_country",
        "cap_usd_per_bbl",
    ),
    columns=(
        EVIDENCE_KIND,
        REGIME,
        LOADING_MONTH,
        GRADE,
        VERDICTS.column("product_class"),
        DESTINATION,
        replace(CAP, required=True),
        CARGO_COUNT,
        UNMEASURED,
        ABOVE_COUNT,
        QUANTITY,
        PRICED,
        VALUE,
        MEAN_PRICE,
        Column("mean_margin_usd_per_bbl", pl.Float64(), "cap minus mean price; negative above it", unit="USD/bbl"),
        Column("price_low_usd_per_bbl", pl.Float64(), "lowest lower end of a price", unit="USD/bbl"),
        Column("price_high_usd_per_bbl", pl.Float64(), "highest upper end that is known", unit="USD/bbl"),
        COMPARED,
        ABOVE_CAP,
        EXCESS,
        EXCESS_AT_MOST,
    ),
    conserved=_conserved(_USAGE, where=pl.col("cap_usd_per_bbl").is_not_null(), rows="verdicts with a cap in force"),
)

PROVIDER_EXPOSURE = Table(
    schema="marts",
    name="provider_exposure",
    grain="one row per kind of evidence, regime, role of a service provider, its country and verdict",
    key=("evidence_kind", "regime", "role", "country", "is_covered", "verdict"),
    columns=(
        EVIDENCE_KIND,
        REGIME,
        replace(NEXUS_SERVICES.column("role"), meaning="role of the provider: column of the shipments file"),
        Column("country", pl.String(), "country of the provider, ISO 3166 alpha-2; empty: not named"),
        Column(
            "is_covered",
            pl.String(),
            "the regime covers a provider of that country in that role: yes, no, or unknown; empty: none is named",
            allowed=NEXUS_SERVICES.column("is_covered").allowed,
        ),
        VERDICT,
        *_EXPOSURE,
    ),
    conserved=_conserved(_EXPOSURE, once_per=("role", PROVIDER_ROLES)),
)

VESSEL_EXPOSURE = Table(
    schema="marts",
    name="vessel_exposure",
    grain="one row per kind of evidence, regime, vessel and verdict",
    key=("evidence_kind", "regime", "vessel_imo", "vessel_name", "verdict"),
    columns=(
        EVIDENCE_KIND,
        REGIME,
        Column("vessel_imo", pl.String(), "IMO number; empty: not known, the name tells vessels apart"),
        Column("vessel_name", pl.String(), "name, of the last loading if there are several; empty: not known"),
        VERDICT,
        Column("first_loading_date", pl.Date(), "first possible loading day of all cargoes", required=True),
        Column("last_loading_date", pl.Date(), "last possible loading day of all cargoes", required=True),
        *_EXPOSURE,
        Column(
            "cargoes_while_listed",
            pl.Int64(),
            "cargoes on every possible loading day of which the vessel was on the list of the regime's authority",
            required=True,
            at_least=0,
        ),
    ),
    conserved=_conserved(_EXPOSURE),
)

_LEADING_CARGOES = Column(
    "leading_cargoes",
    pl.Int64(),
    "those of the cargoes for which the reason is the first that is given",
    required=True,
    at_least=0,
)
_LEADING_BBL = Column("leading_bbl", pl.Float64(), "their barrels; empty: no quantity is known", unit="bbl", at_least=0)
_REASONS = pl.col("reason_codes").list.len()

UNKNOWNS = Table(
    schema="marts",
    name="unknowns",
    grain="one row per kind of evidence, regime, verdict that could not be given, and reason; "
    "a verdict stands under each of its reasons, so over reasons add up the leading ones",
    key=("evidence_kind", "regime", "verdict", "reason_code"),
    columns=(
        EVIDENCE_KIND,
        REGIME,
        replace(VERDICT, allowed=("indeterminate", "unpriced"), meaning="indeterminate or unpriced"),
        Column("reason_code", pl.String(), "one of the reason_codes of the verdicts", required=True),
        CARGO_COUNT,
        UNMEASURED,
        QUANTITY,
        _LEADING_CARGOES,
        _LEADING_BBL,
    ),
    conserved=_conserved(
        (),
        # A verdict counts under each of its reasons, and once under the leading one.
        _measure(CARGO_COUNT, _REASONS.sum()),
        _measure(UNMEASURED, _REASONS.filter(_BBL.is_null()).sum()),
        _measure(QUANTITY, _total(_REASONS * _BBL)),
        _measure(_LEADING_CARGOES, pl.len()),
        _measure(_LEADING_BBL, _total(_BBL)),
        where=pl.col("verdict").is_in(["indeterminate", "unpriced"]),
        rows="verdicts that are indeterminate or unpriced",
    ),
)

JAPAN_IMPORTS = Table(
    schema="marts",
    name="japan_imports",
    grain="one row per cargo from Russia to Japan and regime; customs splits a cargo over months",
    key=("loading_date", "vessel_name", "regime"),
    columns=(
        Column("loading_date", pl.Date(), "first possible bill-of-lading day of the cargo"),
        Column("vessel_name", pl.String(), "vessel"),
        Column("customs_months", pl.String(), "months in which customs cleared the cargo", required=True),
        GRADE,
        REGIME,
        replace(QUANTITY, meaning="barrels cleared", required=True),
        replace(PRICED, meaning="barrels with a published value", required=True),
        replace(VALUE, meaning="customs value of priced_bbl, CIF: freight and insurance included"),
        Column("unit_value_usd_per_bbl", pl.Float64(), "value_usd by priced_bbl, CIF", unit="USD/bbl"),
        Column("price_low_usd_per_bbl", pl.Float64(), "least the oil itself can have cost", unit="USD/bbl"),
        Column("price_high_usd_per_bbl", pl.Float64(), "most the oil itself can have cost", unit="USD/bbl"),
        CAP,
        Column("verdict", pl.String(), "the verdict; several are separated by commas", required=True),
        replace(RULE, required=False),
        Column("licence", pl.String(), "its short name"),
        replace(INSTRUMENT, required=False),
        Column(
            "excess_at_customs_value_usd",
            pl.Float64(),
            "money above the cap if the oil itself cost its customs value, 0 at or below it; empty: no value or no cap",
            unit="USD",
            at_least=0,
        ),
        Column("confidence", pl.String(), "weakest confidence", required=True),
    ),
    conserved=_conserved(
        (QUANTITY, PRICED, VALUE),
        where=(pl.col("evidence_kind") == "customs_flow") & (pl.col("destination_country") == "JP"),
        rows="verdicts on customs flows to Japan",
        within=("regime",),
    ),
)
