"""The judge: which cap applied to a cargo, was it sold above it, and which rule let it through.

The law sees little of a cargo: its class, origin, mode, whom it reaches, and on which side of a rule's days its
own days fall. That little is the cargo's *situation*. There are few of them, so the law is read once for each
(`pipelines.transforms.readings`) and joined back; only the price is compared cargo by cargo.

Here: situations, and the comparison of price and cap.
Add here: a new column of the verdict.
Keep out: which regimes a cargo meets (nexus), how rules are read (readings), how prices come about (prices).
"""

import datetime as dt
from collections.abc import Sequence

import polars as pl

from pipelines.contracts.cargoes import VERDICTS
from pipelines.names import normalised
from pipelines.rules.law import Law
from pipelines.rules.rulebook import Rulebook
from pipelines.transforms.classes import class_options
from pipelines.transforms.nexus import legs_of
from pipelines.transforms.readings import SITUATION, STRADDLING, decide, outcomes_of

# J-5: how long after loading a cargo whose discharge is not known may have been discharged.
LONGEST_VOYAGE = dt.timedelta(days=60)


def judge(cargoes: pl.LazyFrame, book: Rulebook, regimes: Sequence[str] | None = None) -> pl.LazyFrame:
    """The verdicts on priced cargoes: one row per cargo and regime in its nexus.

    cargoes: the frame of `pipelines.contracts.cargoes`.
    regimes: judge these only; None judges every regime in the nexus.
    Result: the columns of `VERDICTS`, in no particular order; lazy. Called, it looks through the cargoes once for
    their situations.
    """
    law = Law(book)
    seen = situations_of(cargoes, law, regimes)
    # Situations are few, so the law is read for them here and now; the cargoes stay lazy.
    situations = seen.select(SITUATION).unique().collect(engine="streaming")
    decisions = decide(situations.lazy(), law).collect()
    outcomes = outcomes_of(decisions.lazy()).collect()
    judged = _compared(seen.join(decisions.lazy(), on=SITUATION, how="left", nulls_equal=True))
    told = judged.join(outcomes.lazy(), on=["situation", "outcome"], how="left")
    return _with_amounts(told).select(VERDICTS.polars_schema().names())


def situations_of(cargoes: pl.LazyFrame, law: Law, regimes: Sequence[str] | None = None) -> pl.LazyFrame:
    """The rows of `legs_of` with the columns of `SITUATION` and `level_date`."""
    # What the law sees of the oil itself differs between few cargoes, so it is looked up once for each difference.
    oil = [
        *("evidence_kind", "hs_code", "origin_country", "transport_mode"),
        *("grade_key", "project_key", "destination_country"),
    ]
    scoped = cargoes.select(oil).unique().with_columns(scope_id=scope_rule(law.book), **law.scope_masks())
    classes = class_options(cargoes.select("hs_code"), law.book)
    discharge_first = pl.coalesce("discharge_first", "loading_first")
    discharge_last = pl.coalesce("discharge_last", pl.col("loading_last") + LONGEST_VOYAGE)
    contract = pl.lit(pl.Series(law.contract_days, dtype=pl.Date())).search_sorted(
        pl.col("contract_date"), side="right"
    )
    dated = cargoes.with_columns(
        level_date=pl.coalesce("discharge_last", "loading_last"),
        contract_era=pl.when(pl.col("contract_date").is_not_null()).then(contract.cast(pl.Int32)),
        loading_first_era=_era(law, pl.col("loading_first")),
        loading_last_era=_era(law, pl.col("loading_last")),
        discharge_first_era=_era(law, discharge_first),
        discharge_last_era=_era(law, discharge_last),
        is_discharge_known=pl.col("discharge_last").is_not_null(),
    )
    return (
        legs_of(dated, law.book, regimes)
        .join(scoped, on=oil, how="left", nulls_equal=True)
        .join(classes, on=["regime", "hs_code"], how="left")
    )


def _era(law: Law, day: pl.Expr) -> pl.Expr:
    return pl.lit(pl.Series(law.voyage_days, dtype=pl.Date())).search_sorted(day, side="right").cast(pl.Int32)


def scope_rule(book: Rulebook) -> pl.Expr:
    """The id of the scope rule that takes a cargo out of every cap; null where it is in scope."""
    rules = book.scope_rules.to_dicts()
    fields = {"hs_heading": pl.col("hs_code").str.head(4)}
    outside = {
        row["field"]: (
            row["id"],
            ~fields.get(row["field"], pl.col(row["field"])).is_in(row["values"].split(";")),
        )
        for row in rules
        if row["effect"] == "in_scope"
    }
    heading_id, is_other_heading = outside["hs_heading"]
    origin_id, is_other_origin = outside["origin_country"]
    mode_id, is_other_mode = outside["transport_mode"]
    known_case = pl.coalesce(
        pl.when(_names_case(row)).then(pl.lit(row["id"])) for row in rules if row["origin_project"] or row["grade"]
    )
    return (
        pl.when(is_other_heading)
        .then(pl.lit(heading_id))
        .when(is_other_origin)
        .then(pl.coalesce(known_case, pl.lit(origin_id)))
        .when(is_other_mode)
        .then(pl.lit(mode_id))
    )


def _names_case(row: dict[str, str]) -> pl.Expr:
    project = (pl.col("project_key") == normalised(row["origin_project"] or "")).fill_null(False)
    grade = (pl.col("grade_key") == normalised(row["grade"] or "")).fill_null(False)
    return project | grade


def is_at_or_below(level: pl.Expr) -> pl.Expr:
    """True where every price that a cargo may have had is at or below a level, USD/bbl."""
    return _bound("price_high_usd_per_bbl", float("inf")) <= level


def is_above(level: pl.Expr) -> pl.Expr:
    """True where every price that a cargo may have had is above a level, USD/bbl."""
    low = _bound("price_low_usd_per_bbl", float("-inf"))
    # "Above 60" is above a cap of 60, although its floor is not.
    return (low > level) | (pl.col("is_price_above_low") & (low >= level))


def _bound(column: str, unknown: float) -> pl.Expr:
    return pl.col(column).fill_null(unknown) - pl.col("price_tolerance_usd_per_bbl")


def _compared(legs: pl.LazyFrame) -> pl.LazyFrame:
    """Adds verdict, outcome (the verdict, and whether the price range has a cap inside it) and is_above_cap.

    The comparison of price and cap is exact but for the rounding of binary arithmetic (J-13).
    """
    is_priced = pl.col("price_low_usd_per_bbl").is_not_null() | pl.col("price_high_usd_per_bbl").is_not_null()
    covered = is_at_or_below(pl.col("lowest_cap"))
    verdict = (
        pl.when("is_only_out_of_scope")
        .then(pl.lit("out_of_scope"))
        .when("is_only_exempt")
        .then(pl.lit("exempt"))
        .when(~pl.col("is_only_capped"))
        .then(pl.lit("indeterminate"))
        .when(~is_priced)
        .then(pl.lit("unpriced"))
        .when(covered)
        .then(pl.lit("within_cap"))
        .when("is_exemption_open")
        .then(pl.lit("indeterminate"))
        .when(is_above(pl.col("highest_cap")) & is_at_or_below(pl.col("lowest_prior")))
        .then(pl.lit("within_prior_cap"))
        .when(is_above(pl.col("highest_prior")))
        .then(pl.lit("above_cap"))
        .otherwise(pl.lit("indeterminate"))
    )
    straddled = pl.any_horizontal(
        ~is_above(pl.col(level)) & ~is_at_or_below(pl.col(level))
        for level in ("lowest_cap", "highest_cap", "lowest_prior", "highest_prior")
    )
    is_straddling = (pl.col("verdict") == "indeterminate") & pl.col("is_only_capped") & straddled
    has_sure_cap = is_priced & ~pl.col("has_out_of_scope")
    return legs.with_columns(
        verdict=verdict,
        is_above_cap=pl.when(has_sure_cap & covered)
        .then(False)
        .when(has_sure_cap & is_above(pl.col("highest_cap")))
        .then(True),
    ).with_columns(outcome=pl.when(is_straddling).then(pl.lit(STRADDLING)).otherwise("verdict"))


def _with_amounts(told: pl.LazyFrame) -> pl.LazyFrame:
    """Adds margin and money above the cap, and the codes that belong to the price."""
    margin = pl.col("cap_usd_per_bbl") - pl.col("price_usd_per_bbl")
    return told.with_columns(
        # At the cap the margin is nothing, not the rounding of a division (J-13).
        margin_usd_per_bbl=pl.when(margin.abs() <= pl.col("price_tolerance_usd_per_bbl")).then(0.0).otherwise(margin),
        excess_value_usd=_excess_value_usd(),
        reason_codes=pl.concat_list("codes", "price_notes"),
    )


def _excess_value_usd() -> pl.Expr:
    """Money above the cap: 0 at or below it, the least it can be where only a floor of the price is known."""
    price = pl.coalesce("price_usd_per_bbl", "price_low_usd_per_bbl")
    return (
        pl.when(~pl.col("is_above_cap"))
        .then(0.0)
        .when("is_above_cap")
        .then((price - pl.col("cap_usd_per_bbl")) * pl.col("quantity_bbl"))
    )
