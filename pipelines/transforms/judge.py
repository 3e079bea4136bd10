"""The judge: which cap applied to a cargo, was it sold above it, and which rule let it through.

The law sees little of a cargo: its class, origin, mode, whom it reaches, and on which side of a rule's days its
own days fall. That little is the cargo's *situation*. There are few of them, so the law is read once for each
(`pipelines.transforms.readings`) and joined back; only the price is compared cargo by cargo.

Here: situations, and the comparison of price and cap.
Add here: a new column of the verdict.
Keep out: which regimes a cargo meets (nexus), how rules are read (readings), how prices come about (prices).
"""

import datetime as dt
import itertools
from collections.abc import Sequence

import polars as pl

from pipelines.contracts.cargoes import PRICE_NOTES, VERDICT_VALUES, VERDICTS
from pipelines.names import normalised
from pipelines.rules.law import Law
from pipelines.rules.rulebook import Rulebook
from pipelines.transforms.classes import class_options
from pipelines.transforms.nexus import regimes_met, ties
from pipelines.transforms.readings import SITUATION, STRADDLING, decide, outcomes_of

# J-5: how long after loading a cargo whose discharge is not known may have been discharged.
LONGEST_VOYAGE = dt.timedelta(days=60)

# What the law sees of a leg beside its days.
KIND = ("regime", "scope_id", "class_key", "class_rank", "scope_mask", "open_mask")
# What a decision holds that prices are compared with.
DECISION = (
    *("situation", "is_only_out_of_scope", "is_only_exempt", "is_only_capped", "has_out_of_scope"),
    *("is_exemption_open", "lowest_cap", "highest_cap", "lowest_prior", "highest_prior", "cap_usd_per_bbl"),
)
OUTCOMES = (*VERDICT_VALUES, STRADDLING)


def judge(cargoes: pl.LazyFrame, book: Rulebook, regimes: Sequence[str] | None = None) -> pl.LazyFrame:
    """The verdicts on priced cargoes: one row per cargo and regime in its nexus.

    cargoes: the frame of `pipelines.contracts.cargoes`.
    regimes: judge these only; None judges every regime in the nexus.
    Result: the columns of `VERDICTS`, in no particular order; lazy. Called, it looks through the cargoes once for what
    the law sees of them.
    """
    law = Law(book)
    legs, situations = _seen(cargoes.with_columns(notes=_notes_number()), law, regimes)
    # Situations are few, so the law is read for them here and now; the cargoes stay lazy.
    told_apart = law.as_the_regime_sees(situations)
    decisions = decide(told_apart.lazy().select(SITUATION).unique(), law).collect()
    decided = told_apart.join(decisions, on=SITUATION, how="left", nulls_equal=True).select("kind_voyage", *DECISION)
    judged = _compared(legs.join(decided.lazy(), on="kind_voyage", how="left"))
    outcomes = _told_by_outcome(decisions)
    told = judged.join(outcomes.lazy(), on="outcome", how="left")
    return _with_codes(_with_amounts(told), outcomes).select(VERDICTS.polars_schema().names())


def situations_of(cargoes: pl.LazyFrame, law: Law, regimes: Sequence[str] | None = None) -> pl.LazyFrame:
    """The rows of `legs_of` with the columns of `SITUATION` and `level_date`."""
    legs, situations = _seen(cargoes, law, regimes)
    classes = class_options(cargoes.select("hs_code"), law.book)
    return legs.join(situations.lazy().drop("class_key", "class_rank"), on="kind_voyage", how="left").join(
        classes, on=["regime", "hs_code"], how="left"
    )


def _seen(cargoes: pl.LazyFrame, law: Law, regimes: Sequence[str] | None) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """The rows of `legs_of` with `level_date` and `kind_voyage` instead of the regime, and every situation of those.

    A kind is what the law sees of a leg beside its days, a voyage the eras of its days; `kind_voyage` is the number of
    both. Legs are many, so they are joined by numbers instead of texts; kinds and voyages are few, so each kind is
    taken on each voyage, whether a cargo has made it or not. Situations: kind_voyage and `SITUATION`; a leg that is out
    of scope has no class.
    """
    # What the law sees of the oil itself differs between few cargoes, so it is looked up once for each difference.
    oil = [
        *("evidence_kind", "hs_code", "origin_country", "transport_mode"),
        *("grade_key", "project_key", "destination_country"),
    ]
    voyage = law.voyage(LONGEST_VOYAGE).alias("voyage")
    differences = [
        cargoes.select(oil).unique().with_row_index("oil"),
        regimes_met(cargoes, law.book, regimes),
        cargoes.select(voyage).unique(),
    ]
    oils, met, voyages = pl.collect_all(differences, engine="streaming")
    codes = law.book.regime_codes
    number = pl.col("regime").replace_strict(codes, range(len(codes)), return_dtype=pl.UInt32())
    of_oils = (
        oils.lazy()
        .with_columns(scope_id=scope_rule(law.book), **law.scope_masks())
        .join(law.regimes.lazy(), how="cross")
        .join(class_options(oils.lazy().select("hs_code"), law.book), on=["regime", "hs_code"], how="left")
        .with_columns(
            pl.when(pl.col("scope_id").is_null()).then(column) for column in ("class_key", "class_rank")
        )
        .with_columns(pl.col(mask) & pl.col("scope_bits") for mask in ("scope_mask", "open_mask"))
        .select(*KIND, oil_regime=pl.col("oil") * len(codes) + number, kind=pl.struct(KIND).rank("dense"))
        .collect()
    )  # fmt: skip
    kind_voyage = pl.col("kind").cast(pl.Int64) * law.voyages + pl.col("voyage")
    legs = (
        cargoes.join(oils.lazy(), on=oil, how="left", nulls_equal=True)
        .with_columns(voyage, level_date=pl.coalesce("discharge_last", "loading_last"))
        .join(
            met.lazy().with_columns(regime_number=number).drop("regime"),
            on=ties(law.book),
            how="inner",
            nulls_equal=True,
        )
        .with_columns(oil_regime=pl.col("oil") * len(codes) + pl.col("regime_number"))
        .join(of_oils.lazy().select("oil_regime", "kind"), on="oil_regime", how="left")
        .with_columns(kind_voyage=kind_voyage)
    )
    kinds = of_oils.select("kind", *KIND).unique()
    situations = kinds.join(voyages, how="cross").select(
        *KIND, kind_voyage=kind_voyage, **law.eras(pl.col("voyage"))
    )  # fmt: skip
    return legs, situations


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
    """Adds `outcome`, a number of `_told_by_outcome`, and is_above_cap.

    The comparison of price and cap is exact but for the rounding of binary arithmetic (J-13).
    """
    is_priced = pl.col("price_low_usd_per_bbl").is_not_null() | pl.col("price_high_usd_per_bbl").is_not_null()
    covered = is_at_or_below(pl.col("lowest_cap"))
    straddled = pl.any_horizontal(
        ~is_above(pl.col(level)) & ~is_at_or_below(pl.col(level))
        for level in ("lowest_cap", "highest_cap", "lowest_prior", "highest_prior")
    )
    undecided = pl.when(straddled).then(_place(STRADDLING)).otherwise(_place("indeterminate"))
    place = (
        pl.when("is_only_out_of_scope")
        .then(_place("out_of_scope"))
        .when("is_only_exempt")
        .then(_place("exempt"))
        .when(~pl.col("is_only_capped"))
        .then(_place("indeterminate"))
        .when(~is_priced)
        .then(_place("unpriced"))
        .when(covered)
        .then(_place("within_cap"))
        .when("is_exemption_open")
        .then(undecided)
        .when(is_above(pl.col("highest_cap")) & is_at_or_below(pl.col("lowest_prior")))
        .then(_place("within_prior_cap"))
        .when(is_above(pl.col("highest_prior")))
        .then(_place("above_cap"))
        .otherwise(undecided)
    )
    has_sure_cap = is_priced & ~pl.col("has_out_of_scope")
    return legs.with_columns(
        outcome=pl.col("situation").cast(pl.Int64) * len(OUTCOMES) + place,
        is_above_cap=pl.when(has_sure_cap & covered)
        .then(False)
        .when(has_sure_cap & is_above(pl.col("highest_cap")))
        .then(True),
    )


def _place(outcome: str) -> pl.Expr:
    return pl.lit(OUTCOMES.index(outcome), pl.Int64)


def _told_by_outcome(decisions: pl.DataFrame) -> pl.DataFrame:
    """The columns of the verdict that follow from situation and outcome, by the number of both."""
    place = pl.col("outcome").replace_strict(OUTCOMES, range(len(OUTCOMES)), return_dtype=pl.Int64())
    situation = decisions.lazy().select("situation", "regime", "product_class", "cap_id")
    return (
        outcomes_of(decisions.lazy())
        .join(situation, on="situation", how="left")
        .with_columns(
            verdict=pl.col("outcome").replace(STRADDLING, "indeterminate"),
            codes_number=pl.col("codes").list.join(";").rank("dense"),
            outcome=pl.col("situation").cast(pl.Int64) * len(OUTCOMES) + place,
        )
        .drop("situation")
        .collect()
    )


def _with_amounts(told: pl.LazyFrame) -> pl.LazyFrame:
    """Adds margin and money above the cap."""
    margin = pl.col("cap_usd_per_bbl") - pl.col("price_usd_per_bbl")
    return told.with_columns(
        # At the cap the margin is nothing, not the rounding of a division (J-13).
        margin_usd_per_bbl=pl.when(margin.abs() <= pl.col("price_tolerance_usd_per_bbl")).then(0.0).otherwise(margin),
        excess_value_usd=_excess_value_usd(),
    )


# Every choice of notes, by the number of the choice.
_NOTES = [
    list(itertools.compress(PRICE_NOTES, choice)) for choice in itertools.product((0, 1), repeat=len(PRICE_NOTES))
]


def _notes_number() -> pl.Expr:
    texts = [";".join(notes) for notes in _NOTES]
    return pl.col("price_notes").list.join(";").replace_strict(texts, range(len(texts)), return_dtype=pl.UInt32())


def _with_codes(told: pl.LazyFrame, outcomes: pl.DataFrame) -> pl.LazyFrame:
    """Adds the codes of the outcome and of the price. Lists are slow to put together: the few there are are joined."""
    notes = pl.LazyFrame({"notes": range(len(_NOTES)), "of_price": _NOTES}, schema_overrides={"notes": pl.UInt32()})
    number = pl.col("codes_number") * len(_NOTES) + pl.col("notes")
    listed = (
        outcomes.lazy()
        .select("codes_number", "codes")
        .unique("codes_number")
        .join(notes, how="cross")
        .select(all_codes=number, reason_codes=pl.concat_list("codes", "of_price"))
    )
    return told.with_columns(all_codes=number).join(listed, on="all_codes", how="left")


def _excess_value_usd() -> pl.Expr:
    """Money above the cap: 0 at or below it, the least it can be where only a floor of the price is known."""
    price = pl.coalesce("price_usd_per_bbl", "price_low_usd_per_bbl")
    return (
        pl.when(~pl.col("is_above_cap"))
        .then(0.0)
        .when("is_above_cap")
        .then((price - pl.col("cap_usd_per_bbl")) * pl.col("quantity_bbl"))
    )
