"""The readings of the law for a situation, and what they have in common.

Where a date is missing, a code is short or a rule is in doubt, the law can be read in more than one way. Each way
is a *reading*: a definite class, loading era, level era and cap, with the licences and transitions that reach it.
A verdict stands where every reading gives it (J-1).

Here: readings of a situation, the reliefs that meet them, and their summary per situation.
Add here: a new source of doubt (one more column to explode), a new kind of relief.
Keep out: prices (a summary holds caps to compare them with) and the text of rules (those are data).
"""

from collections.abc import Iterable

import polars as pl

from pipelines.batches import at_once
from pipelines.rules.law import CONFIDENCE_OF_RANK, CONFIDENCE_RANK, Law

SITUATION = (
    "regime",
    "scope_id",
    "class_key",
    "class_rank",
    "scope_mask",
    "open_mask",
    "contract_era",
    "loading_first_era",
    "loading_last_era",
    "discharge_first_era",
    "discharge_last_era",
    "is_discharge_known",
)
# An outcome beside the verdicts: indeterminate because the price range has a cap inside it.
STRADDLING = "indeterminate_straddling"
BETWEEN_CODES = ";"
UNVERIFIED = CONFIDENCE_RANK["unverified"]
CONFLICT = CONFIDENCE_RANK["conflict"]
_CONFIDENCE = dict(enumerate(CONFIDENCE_OF_RANK))


def decide(situations: pl.LazyFrame, law: Law) -> pl.LazyFrame:
    """What the law says in each situation, for any price.

    situations: distinct rows of `SITUATION`.
    Result, one row per situation: the keys; `product_class`, `cap_id`, `cap_usd_per_bbl` on the level date;
    `is_only_out_of_scope`, `is_only_exempt`, `is_only_capped`, `has_out_of_scope`, `is_exemption_open`;
    `lowest_cap`, `highest_cap`, `lowest_prior`, `highest_prior` over the readings, USD/bbl; `situation`, by which
    `outcomes_of` tells what each verdict would rest on.
    """
    # Sorted, and joined in order from here on: branches of the plan must number the same rows alike.
    indexed = situations.sort(SITUATION).with_row_index("situation")
    out = _out_of_scope(indexed.filter(pl.col("scope_id").is_not_null()), law)
    readings = readings_of(indexed.filter(pl.col("scope_id").is_null()), law)
    return pl.concat([out, _summary(readings)], how="diagonal")


def readings_of(situations: pl.LazyFrame, law: Law) -> pl.LazyFrame:
    """Every reading of every situation, with its cap and the reliefs that meet it.

    Adds to the rows of `levels_of`, from the reliefs: `exempt_*` (surely exempt), `open_*` (perhaps exempt),
    `prior_*`, `open_prior_*` (an earlier cap usable).
    """
    # Found once, although the reliefs ask for them more than once: they are few.
    levels = levels_of(situations, law).pipe(at_once).lazy()
    return levels.join(_best(reliefs_of(levels, law)), on="reading", how="left", maintain_order="left")


def levels_of(situations: pl.LazyFrame, law: Law) -> pl.LazyFrame:
    """Every reading of every situation, with its cap.

    Adds to each row: reading, product_class, loading_era, level_era, own_* of both (as `Law.own_eras`), is_under_way,
    and the columns of `Law.caps` and `Law.starts`.
    """
    eras = (
        situations.with_columns(product_class=pl.col("class_key").str.split("|"))
        .explode("product_class")
        .with_columns(loading_era=pl.int_ranges("loading_first_era", pl.col("loading_last_era") + 1, dtype=pl.Int32))
        .explode("loading_era")
        .with_columns(
            level_era=pl.int_ranges(
                pl.max_horizontal("discharge_first_era", "loading_era"),
                pl.col("discharge_last_era") + 1,
                dtype=pl.Int32,
            )
        )
        .explode("level_era")
    )
    for era in ("loading_era", "level_era"):
        own = law.own_eras.lazy().rename({"era": era, "own_era": f"own_{era}"})
        eras = eras.join(own, on=["regime", era], how="left", maintain_order="left")
    on_level = ["regime", "product_class", "era"]
    capped = (
        eras.join(
            law.caps.lazy(),
            left_on=["regime", "product_class", "level_era"],
            right_on=on_level,
            how="left",
            maintain_order="left",
        )
        .join(law.starts.lazy(), on=["regime", "product_class"], how="left", maintain_order="left")
        .with_row_index("reading")
    )
    # J-10: no wind-down row stands for the regime and class, so a cargo under way at the start is judged, unverified.
    under_way = (pl.col("loading_era") < pl.col("first_era")) & ~pl.col("has_wind_down")
    return capped.with_columns(
        is_under_way=(under_way & pl.col("cap_id").is_not_null()).fill_null(False),
    ).with_columns(
        cap_rank=pl.when("is_under_way").then(pl.max_horizontal("cap_rank", UNVERIFIED)).otherwise("cap_rank")
    )


def reliefs_of(levels: pl.LazyFrame, law: Law) -> pl.LazyFrame:
    """Every relief that meets a reading, one row each.

    Adds to the rows of `levels_of`: rule_id, effect (`decides`, or `open` also where the contract date that it
    asks for is missing), rule_rank, is_transition, is_contract_missing; prior_cap_id where an earlier cap stays
    usable; series of a licence that covers the whole voyage.
    """
    return pl.concat([_by_dates(levels, law), _by_coverage(levels, law)], how="diagonal")


def _by_dates(readings: pl.LazyFrame, law: Law) -> pl.LazyFrame:
    """Transitions and loaded-by licences that reach a reading, with `effect` as it stands for that reading."""
    contract = pl.col("contract_before_era")
    contract_holds = contract.is_null() | (pl.col("contract_era") < contract)
    return (
        readings.filter(pl.col("cap_id").is_not_null())
        .join(law.date_rules.lazy(), on=["regime", "product_class"], how="inner")
        .filter(
            _is_reached(),
            pl.col("loading_era") < pl.col("loaded_before_era"),
            pl.col("level_era") >= pl.col("from_era"),
            pl.col("level_era") < pl.col("to_era"),
            # An unknown contract day leaves the rule open.
            contract_holds.fill_null(True),
        )
        .with_columns(is_contract_missing=contract_holds.is_null())
        .with_columns(
            effect=pl.when(pl.col("is_contract_missing") | ~_is_surely_reached())
            .then(pl.lit("open"))
            .otherwise("effect")
        )
    )


def _by_coverage(readings: pl.LazyFrame, law: Law) -> pl.LazyFrame:
    """Licence series that cover every day from loading to level date (P-14), from the regime's first day on (J-9)."""
    coverage = law.coverage.lazy()
    keys = ["regime", "product_class", "series"]
    counts = ["gaps_before", "opens_before", "doubts_before"]
    at_start = coverage.select(*keys, pl.col("era"), *(pl.col(c).alias(f"start_{c}") for c in counts))
    after_end = coverage.select(*keys, pl.col("era") - 1, *(pl.col(c).alias(f"end_{c}") for c in counts))
    named = coverage.drop(counts)
    within = {c: pl.col(f"end_{c}") - pl.col(f"start_{c}") for c in counts}
    return (
        readings.filter(pl.col("cap_id").is_not_null())
        .with_columns(start_era=pl.max_horizontal("loading_era", "first_era"))
        .join(
            named,
            left_on=["regime", "product_class", "level_era"],
            right_on=["regime", "product_class", "era"],
            how="inner",
        )
        .filter(_is_reached())
        .join(at_start, left_on=[*keys, "start_era"], right_on=[*keys, "era"], how="inner")
        .join(after_end, left_on=[*keys, "level_era"], right_on=[*keys, "era"], how="inner")
        .filter(within["gaps_before"] == 0)
        .with_columns(
            effect=pl.when(within["opens_before"] == 0, _is_surely_reached())
            .then(pl.lit("decides"))
            .otherwise(pl.lit("open")),
            rule_rank=pl.when(within["doubts_before"] == 0)
            .then(0)
            .otherwise(pl.max_horizontal("rule_rank", UNVERIFIED))
            .cast(pl.Int8),
            is_transition=pl.lit(False),
            is_contract_missing=pl.lit(False),
        )
    )


def _is_reached() -> pl.Expr:
    return ((pl.col("scope_mask") | pl.col("open_mask")) & pl.col("scope_bit")) == pl.col("scope_bit")


def _is_surely_reached() -> pl.Expr:
    return (pl.col("scope_mask") & pl.col("scope_bit")) == pl.col("scope_bit")


def _best(reliefs: pl.LazyFrame) -> pl.LazyFrame:
    """One row per reading: the surest relief of each kind, licences before transitions."""
    is_prior = pl.col("prior_usd_per_bbl").is_not_null()
    decides = pl.col("effect") == "decides"

    def first(column: str, where: pl.Expr) -> pl.Expr:
        return pl.col(column).filter(where).first()

    labels = pl.concat_str("rule_label", pl.lit(" ("), "rule_instrument", pl.lit(")"))
    kinds = {
        "exempt": ~is_prior & decides,
        "open": ~is_prior & ~decides,
        "prior": is_prior & decides,
        "open_prior": is_prior & ~decides,
    }
    columns = []
    for kind, where in kinds.items():
        columns += [
            first("rule_id", where).alias(f"{kind}_id"),
            labels.filter(where).first().alias(f"{kind}_label"),
            first("rule_rank", where).alias(f"{kind}_rank"),
            first("is_contract_missing", where).alias(f"{kind}_lacks_contract"),
        ]
    prior = {
        f"{kind}_{name}": first(column, kinds[kind])
        for kind in ("prior", "open_prior")
        for name, column in (("cap_id", "prior_cap_id"), ("usd_per_bbl", "prior_usd_per_bbl"))
    }
    return (
        reliefs.sort("is_transition", "rule_rank", "rule_id")
        .group_by("reading", maintain_order=True)
        .agg(*columns, exempt_is_transition=first("is_transition", kinds["exempt"]), **prior)
    )


def _out_of_scope(situations: pl.LazyFrame, law: Law) -> pl.LazyFrame:
    rules = law.book.scope_rules.lazy().select(
        scope_id="id",
        # A known case outside explains; the rule that is in scope for the field decides (J-21).
        scope_rank=pl.col("confidence")
        .filter(pl.col("effect") == "in_scope")
        .replace_strict(CONFIDENCE_RANK, return_dtype=pl.Int8)
        .max()
        .over("field"),
        scope_text=pl.concat_str("meaning", pl.lit(" ("), "id", pl.lit(": "), "instrument", pl.lit(")")),
        scope_code=pl.col("field").replace_strict(
            {
                "hs_heading": "not_an_oil_heading",
                "origin_country": "not_of_russian_origin",
                "transport_mode": "not_by_sea",
            },
            default=None,
            return_dtype=pl.String,
        ),
    )
    return situations.join(rules, on="scope_id", how="left").select(
        *SITUATION,
        is_only_out_of_scope=pl.lit(True),
        is_only_exempt=pl.lit(False),
        is_only_capped=pl.lit(False),
        has_out_of_scope=pl.lit(True),
        is_exemption_open=pl.lit(False),
        scope_rank="scope_rank",
        scope_code="scope_code",
        scope_text="scope_text",
        situation="situation",
    )


def _summary(readings: pl.LazyFrame) -> pl.LazyFrame:
    """Collapses the readings of a situation: what holds under all of them, and the doubts that set them apart."""
    has_cap = pl.col("cap_id").is_not_null()
    is_exempt = has_cap & pl.col("exempt_id").is_not_null()
    is_capped = has_cap & ~is_exempt
    prior = pl.coalesce("prior_usd_per_bbl", "cap_usd_per_bbl")
    shown_era = pl.when("is_discharge_known").then("discharge_last_era").otherwise("loading_last_era")
    is_shown = (pl.col("level_era") == shown_era) & (pl.col("loading_era") == pl.col("loading_last_era"))
    capped_rank = pl.max_horizontal("cap_rank", "class_rank")
    price = _usd("cap_usd_per_bbl")
    cap_text = pl.concat_str(price, pl.lit(" USD/bbl ("), "cap_id", pl.lit(", "), "cap_instrument", pl.lit(")"))
    prior_text = pl.concat_str(
        "prior_label",
        pl.lit(" keeps "),
        "prior_cap_id",
        pl.lit(" of "),
        _usd("prior_usd_per_bbl"),
        pl.lit(" USD/bbl usable"),
    )
    label = (
        pl.when(~has_cap)
        .then(pl.lit("no cap in force"))
        .when(is_exempt)
        .then(pl.concat_str(pl.lit("exempt under "), "exempt_id"))
        .otherwise(
            pl.concat_str(
                pl.lit("cap "),
                "cap_id",
                pl.lit(" of "),
                price,
                pl.when(pl.col("prior_id").is_not_null())
                .then(
                    pl.concat_str(
                        pl.lit(", or "),
                        _usd("prior_usd_per_bbl"),
                        pl.lit(" under "),
                        "prior_id",
                    )
                )
                .otherwise(pl.lit("")),
            )
        )
    )
    marked = readings.with_columns(
        has_cap=has_cap,
        is_exempt=is_exempt,
        is_capped=is_capped,
        is_shown=is_shown,
        shown_cap=pl.when(is_shown).then("cap_usd_per_bbl"),
        lowest_usable=prior,
        highest_usable=pl.max_horizontal(prior, "open_prior_usd_per_bbl"),
        capped_rank=capped_rank,
        cap_text=cap_text,
        prior_text=prior_text,
        label=label,
    )
    capped = pl.col("is_capped")
    exempt = pl.col("is_exempt")
    grouped = marked.group_by("situation").agg(
        *(pl.col(key).first() for key in SITUATION),
        is_only_out_of_scope=(~pl.col("has_cap")).all(),
        is_only_exempt=exempt.all(),
        is_only_capped=capped.all(),
        has_out_of_scope=(~pl.col("has_cap")).any(),
        lowest_cap=pl.col("cap_usd_per_bbl").min(),
        highest_cap=pl.col("cap_usd_per_bbl").max(),
        lowest_prior=pl.col("lowest_usable").filter(capped).min(),
        highest_prior=pl.col("highest_usable").filter(capped).max(),
        cap_usd_per_bbl=pl.col("shown_cap").min(),
        cap_id=pl.col("cap_id")
        .filter(pl.col("is_shown"))
        .sort_by(pl.col("cap_usd_per_bbl").filter(pl.col("is_shown")), nulls_last=True)
        .first(),
        is_exemption_open=(capped & pl.col("open_id").is_not_null()).any(),
        n_readings=pl.col("label").n_unique(),
        n_levels=pl.col("own_level_era").n_unique(),
        n_loadings=pl.col("own_loading_era").n_unique(),
        labels=pl.col("label").unique(maintain_order=True).str.join("; "),
        caps_text=pl.col("cap_text").drop_nulls().unique(maintain_order=True).str.join(" or "),
        prior_text=pl.col("prior_text").drop_nulls().unique(maintain_order=True).str.join(", "),
        prior_id=_shown_first("prior_id"),
        exempt_id=_shown_first("exempt_id"),
        exempt_is_transition=_shown_first("exempt_is_transition").fill_null(False),
        exempt_text=pl.col("exempt_label").drop_nulls().unique(maintain_order=True).str.join(", "),
        is_level_open=pl.col("is_level_open").any().fill_null(False),
        is_under_way=pl.col("is_under_way").any(),
        lacks_contract=pl.any_horizontal(
            pl.col(f"{kind}_lacks_contract").fill_null(False).any() for kind in ("open", "open_prior")
        ),
        open_text=pl.concat_str(
            pl.col("open_label").drop_nulls().unique(maintain_order=True).str.join(", "),
        ),
        open_prior_text=pl.col("open_prior_label").drop_nulls().unique(maintain_order=True).str.join(", "),
        capped_rank=pl.col("capped_rank").filter(capped).max(),
        prior_rank=pl.col("prior_rank").max(),
        exempt_rank=pl.col("exempt_rank").max(),
        open_rank=pl.max_horizontal(pl.col("open_rank").max(), pl.col("open_prior_rank").max()),
        any_rank=pl.max_horizontal(pl.col("cap_rank").max(), pl.col("class_rank").max()),
    )
    is_class_open = pl.col("class_key").str.contains("|", literal=True)
    return grouped.with_columns(
        product_class=pl.when(~is_class_open).then("class_key"),
        cap_id=pl.when(~is_class_open).then("cap_id"),
        cap_usd_per_bbl=pl.when(~is_class_open).then("cap_usd_per_bbl"),
        **_doubts(is_class_open),
    )


def _usd(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).str.strip_suffix(".0")


def _shown_first(column: str) -> pl.Expr:
    """The value of the reading of the level date that is shown, or of any other that has one."""
    return pl.coalesce(
        pl.col(column).filter(pl.col("is_shown")).drop_nulls().first(), pl.col(column).drop_nulls().first()
    )


def _doubts(is_class_open: pl.Expr) -> dict[str, pl.Expr]:
    """What sets the readings of a situation apart: codes and texts, each joined."""
    differ = pl.col("n_readings") > 1
    doubts: list[tuple[pl.Expr, str, pl.Expr]] = [
        (
            is_class_open & (pl.col("class_rank") == CONFLICT),
            "class_in_conflict",
            pl.lit("the lists disagree on the class of the code"),
        ),
        (
            is_class_open & (pl.col("class_rank") != CONFLICT),
            "class_open",
            pl.lit("the code leaves premium or discount open"),
        ),
        (
            ~pl.col("is_discharge_known") & (pl.col("n_levels") > 1) & differ,
            "discharge_date_missing",
            pl.lit("the discharge date is missing and days up to 60 after loading are judged differently"),
        ),
        (
            ((pl.col("n_loadings") > 1) | (pl.col("is_discharge_known") & (pl.col("n_levels") > 1))) & differ,
            "voyage_days_unknown",
            pl.lit("the days of the voyage are known only as a window"),
        ),
        (pl.col("is_level_open"), "level_start_unknown", pl.lit("the in-force day of the level is not known")),
        (pl.col("lacks_contract"), "contract_date_missing", pl.lit("the contract date is missing")),
        (
            (pl.col("open_prior_text") != "") & ~pl.col("lacks_contract"),
            "transition_in_doubt",
            pl.concat_str(pl.lit("whether "), "open_prior_text", pl.lit(" applies is open")),
        ),
        (
            (pl.col("open_text") != "") & ~pl.col("lacks_contract"),
            "exemption_in_doubt",
            pl.concat_str(pl.lit("whether "), "open_text", pl.lit(" covers it is unknown")),
        ),
    ]
    return {
        "doubt_codes": joined(BETWEEN_CODES, (pl.when(when).then(pl.lit(code)) for when, code, _ in doubts)),
        "doubts": joined("; ", (pl.when(when).then(text) for when, _, text in doubts)),
    }


def joined(separator: str, texts: Iterable[pl.Expr]) -> pl.Expr:
    """Those of the texts that there are; null where there is none."""
    together = pl.concat_str(*texts, separator=separator, ignore_nulls=True)
    return pl.when(together != "").then(together)


def outcomes_of(decisions: pl.LazyFrame) -> pl.LazyFrame:
    """What each verdict would rest on in each situation: one row per situation and outcome.

    decisions: the result of `decide`. outcome is a verdict, or `STRADDLING` for a price range with a cap inside.
    Adds codes (joined by `BETWEEN_CODES`), reason, transition_id, exemption_id, confidence.
    """
    lead = pl.concat_str(pl.lit("the "), "regime", pl.lit(" cap of "), "caps_text")
    classes = pl.col("class_key").str.replace_all("|", " or ", literal=True).str.replace_all("_", " ", literal=True)
    no_cap = pl.concat_str(pl.lit("no cap for "), classes, pl.lit(" was in force on the level date"))
    outside = pl.concat_str(
        pl.lit("Outside the "), "regime", pl.lit(" price cap: "), pl.coalesce("scope_text", no_cap), pl.lit(".")
    )
    under_way = pl.when("is_under_way").then(pl.lit("under_way_at_start"))
    readings = pl.when(pl.col("n_readings") > 1).then(pl.concat_str(pl.lit("the readings are: "), "labels"))
    straddle = pl.concat_str(pl.lit("the price range has the cap of "), "caps_text", pl.lit(" inside it"))
    any_rank = pl.max_horizontal("any_rank", "prior_rank", "exempt_rank", "open_rank")
    is_wind_down = pl.col("exempt_is_transition")

    def undecided(*first: pl.Expr) -> pl.Expr:
        causes = pl.concat_str(*first, "doubts", readings, separator="; ", ignore_nulls=True)
        return pl.concat_str(pl.lit("Cannot be decided for the "), "regime", pl.lit(" cap: "), causes, pl.lit("."))

    def outcome(
        name: str,
        codes: list[pl.Expr],
        reason: pl.Expr,
        rank: pl.Expr,
        transition_id: pl.Expr | None = None,
        exemption_id: pl.Expr | None = None,
    ) -> pl.LazyFrame:
        nothing = pl.lit(None, pl.String)
        return decisions.select(
            "situation",
            outcome=pl.lit(name),
            codes=joined(BETWEEN_CODES, codes),
            reason=reason,
            transition_id=nothing if transition_id is None else transition_id,
            exemption_id=nothing if exemption_id is None else exemption_id,
            confidence=rank.replace_strict(_CONFIDENCE, default=None, return_dtype=pl.String),
        )

    return pl.concat(
        [
            outcome(
                "out_of_scope",
                [pl.coalesce("scope_code", pl.lit("no_cap_in_force"))],
                outside,
                pl.coalesce("scope_rank", pl.lit(0)),
            ),
            outcome(
                "within_cap",
                [pl.lit("at_or_below_cap"), under_way],
                pl.concat_str(pl.lit("Sold at or below "), lead, pl.lit(".")),
                pl.col("capped_rank"),
            ),
            outcome(
                "within_prior_cap",
                [pl.lit("at_or_below_prior_cap"), pl.lit("transition")],
                pl.concat_str(
                    pl.lit("Sold above "),
                    lead,
                    pl.lit(", but "),
                    "prior_text",
                    pl.lit(" and the price is at or below that."),
                ),
                pl.max_horizontal("capped_rank", "prior_rank"),
                transition_id=pl.col("prior_id"),
            ),
            outcome(
                "exempt",
                [pl.when(is_wind_down).then(pl.lit("wind_down")).otherwise(pl.lit("licence"))],
                pl.concat_str(
                    pl.lit("Exempt from "),
                    lead,
                    pl.lit(" whatever the price: "),
                    "exempt_text",
                    pl.lit(" covers the voyage."),
                ),
                pl.col("exempt_rank"),
                transition_id=pl.when(is_wind_down).then("exempt_id"),
                exemption_id=pl.when(~is_wind_down).then("exempt_id"),
            ),
            outcome(
                "above_cap",
                [pl.lit("above_cap"), under_way],
                pl.concat_str(
                    pl.lit("Sold above "), lead, pl.lit(", and no licence, derogation or transition covers it.")
                ),
                pl.col("capped_rank"),
            ),
            outcome(
                "unpriced",
                [pl.lit("no_price")],
                pl.concat_str(pl.lit("In scope of "), lead, pl.lit(", not surely exempt, and no price is known.")),
                pl.col("capped_rank"),
            ),
            outcome("indeterminate", [pl.col("doubt_codes")], undecided(), any_rank),
            outcome(
                STRADDLING, [pl.lit("price_range_straddles_cap"), pl.col("doubt_codes")], undecided(straddle), any_rank
            ),
        ]
    )
