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

from pipelines.batches import Differences, PairNumbers, at_once, in_batches, taken
from pipelines.contracts.cargoes import PRICE_NOTES, VERDICT_VALUES, VERDICTS
from pipelines.names import normalised
from pipelines.rules.law import Law
from pipelines.rules.rulebook import Rulebook
from pipelines.transforms.classes import class_options
from pipelines.transforms.nexus import regimes_met, ties
from pipelines.transforms.readings import SITUATION, STRADDLING, decide, outcomes_of

# J-5: how long after loading a cargo whose discharge is not known may have been discharged.
LONGEST_VOYAGE = dt.timedelta(days=60)
LEVEL_DATE = pl.coalesce("discharge_last", "loading_last")

# What the law sees of the oil itself, whatever the regime.
OIL = (
    *("evidence_kind", "hs_code", "origin_country", "transport_mode"),
    *("grade_key", "project_key", "destination_country"),
)
# What the law sees of a leg beside its days.
KIND = ("regime", "scope_id", "class_key", "class_rank", "scope_mask", "open_mask")
DAYS = ("contract_date", "loading_first", "loading_last", "discharge_first", "discharge_last")
# What is compared with caps.
PRICE = ("price_low_usd_per_bbl", "price_high_usd_per_bbl", "is_price_above_low", "price_tolerance_usd_per_bbl")
# What is shown of them beside.
SHOWN = ("price_usd_per_bbl", "price_basis", "quantity_bbl")
# What a decision holds that prices are compared with.
DECISION = (
    *("place_at_any_price", "has_out_of_scope", "is_exemption_open"),
    *("lowest_cap", "highest_cap", "lowest_prior", "highest_prior"),
)
OUTCOMES = (*VERDICT_VALUES, STRADDLING)
# What follows from situation and outcome.
TOLD = (
    *("regime", "verdict", "product_class", "cap_id", "cap_usd_per_bbl"),
    *("transition_id", "exemption_id", "reason", "confidence"),
)


def judge(cargoes: pl.LazyFrame, book: Rulebook, regimes: Sequence[str] | None = None) -> pl.LazyFrame:
    """The verdicts on priced cargoes: one row per cargo and regime in its nexus.

    cargoes: the frame of `pipelines.contracts.cargoes`.
    regimes: judge these only; None judges every regime in the nexus.
    Result: the columns of `VERDICTS`, in no particular order; lazy. Cargoes are judged in batches, each read once.
    """
    law = Law(book)
    return in_batches(
        cargoes.select(judged_by(book)), VERDICTS.polars_schema(), lambda: _Sitting(law, regimes).verdicts
    )


def judged_by(book: Rulebook) -> list[str]:
    """The columns of `CARGOES` that the judge looks at."""
    return list(dict.fromkeys(["shipment_id", *OIL, *ties(book), *DAYS, *PRICE, *SHOWN, "price_notes"]))


def situations_of(cargoes: pl.DataFrame, law: Law, regimes: Sequence[str] | None = None) -> pl.DataFrame:
    """The legs of cargoes, as `legs_of`, with the columns of `SITUATION` and `level_date`."""
    return _Sitting(law, regimes).situations(cargoes)


class _Sitting:
    """The judge at work on one batch after another: all that was told apart so far, and what the law says of it.

    Tables stand in the order of the numbers of `Differences`; `legs` numbers what it has not met yet.
    """

    def __init__(self, law: Law, regimes: Sequence[str] | None) -> None:
        self._law, self._regimes = law, regimes
        self._oils, self._ties = Differences(OIL), Differences(ties(law.book))
        self._kinds, self._voyages = Differences(KIND), Differences(["voyage"])
        self._seen = PairNumbers()
        self._situations, self._codes = Differences(SITUATION), Differences(["codes"])
        self._rows: dict[str, pl.DataFrame] = {}

    def situations(self, cargoes: pl.DataFrame) -> pl.DataFrame:
        """The legs of a batch with their situations and their own days; of no leg only the columns of cargoes."""
        legs = self.legs(cargoes)
        facts = taken(cargoes.with_columns(level_date=LEVEL_DATE), legs["cargo"]).hstack([legs["nexus_basis"]])
        return facts if facts.is_empty() else facts.hstack(taken(self._rows["seen"], legs["situation_seen"]))

    def verdicts(self, cargoes: pl.DataFrame) -> pl.DataFrame:
        """The verdicts on a batch."""
        legs = self.legs(cargoes)
        if legs.is_empty():
            return VERDICTS.empty()
        shown = cargoes.select("shipment_id", *PRICE, *SHOWN, level_date=LEVEL_DATE, notes=_notes_number())
        situation = self._rows["seen"]["situation"].gather(legs["situation_seen"])
        decided = taken(self._rows["decisions"].select(DECISION), situation)
        compared = _compared(taken(shown, legs["cargo"]).hstack(decided))
        outcome = situation * len(OUTCOMES) + compared["place"]
        told = taken(self._rows["outcomes"].select(*TOLD, "codes_number"), outcome)
        codes = self._rows["codes"]["reason_codes"].gather(told["codes_number"] * len(_NOTES) + compared["notes"])
        return _with_amounts(compared.hstack(told).hstack([legs["nexus_basis"], codes]))

    def legs(self, cargoes: pl.DataFrame) -> pl.DataFrame:
        """cargo (the place of its row), nexus_basis and situation_seen of each cargo under each regime in its nexus."""
        regimes = len(self._law.book.regime_codes)
        oil, tie = self._oil_numbers(cargoes), self._tie_numbers(cargoes)
        voyage, new_voyages = self._voyages.numbers(cargoes.select(voyage=self._law.voyage(LONGEST_VOYAGE)))
        self._add("voyages", new_voyages)
        reached = taken(self._rows["ties"], tie)
        legs = (
            reached.select(cargo=pl.int_range(pl.len()), met=pl.int_ranges("first_met", "end_met"))
            .filter(pl.col("met").list.len() > 0)
            .explode("met")
        )
        legs = legs.hstack(taken(self._rows["met"], legs["met"]))
        oil_regime = oil.gather(legs["cargo"]) * regimes + legs["regime_number"]
        kind = self._rows["oils"]["kind"].gather(oil_regime)
        return legs.with_columns(situation_seen=self._seen_numbers(kind, voyage.gather(legs["cargo"])))

    def _add(self, name: str, rows: pl.DataFrame) -> None:
        known = self._rows.get(name)
        self._rows[name] = rows if known is None else pl.concat([known, rows], rechunk=True)

    def _oil_numbers(self, cargoes: pl.DataFrame) -> pl.Series:
        """Numbers of the oils; "oils" then holds their kind under each regime, at oil * regimes + regime."""
        numbers, new = self._oils.numbers(cargoes)
        if new.height:
            law = self._law
            of_oils = (
                new.lazy()
                .with_row_index("oil")
                .with_columns(scope_id=scope_rule(law.book), **law.scope_masks())
                .join(law.regimes.lazy().with_row_index("regime_number"), how="cross")
                .join(class_options(new.lazy(), law.book), on=["regime", "hs_code"], how="left")
                .with_columns(
                    # Out of scope, a leg has no class.
                    pl.when(pl.col("scope_id").is_null()).then(column)
                    for column in ("class_key", "class_rank")
                )
                .with_columns(pl.col(mask) & pl.col("scope_bits") for mask in ("scope_mask", "open_mask"))
                .sort("oil", "regime_number")
                .select(KIND)
                .pipe(at_once)
            )
            kinds, new_kinds = self._kinds.numbers(of_oils)
            self._add("oils", pl.DataFrame({"kind": kinds}))
            self._add("kinds", new_kinds)
        return numbers

    def _tie_numbers(self, cargoes: pl.DataFrame) -> pl.Series:
        """Numbers of the ties; "ties" then tells which rows of "met" are theirs."""
        numbers, new = self._ties.numbers(cargoes)
        if new.height:
            codes = pl.Enum(self._law.book.regime_codes)
            met = (
                regimes_met(new.with_row_index("tie").lazy(), self._law.book, self._regimes)
                .with_columns(regime_number=pl.col("regime").cast(codes).to_physical().cast(pl.Int64))
                .sort("tie", "regime_number")
                .pipe(at_once)
            )
            first = self._rows["met"].height if "met" in self._rows else 0
            counts = (
                new.with_row_index("tie")
                .select("tie")
                .join(met.group_by("tie").len(), on="tie", how="left", maintain_order="left")
            )
            end = first + pl.col("len").fill_null(0).cum_sum().cast(pl.Int64)
            self._add("ties", counts.select(first_met=end.shift(fill_value=first), end_met=end))
            self._add("met", met.select("regime_number", "nexus_basis"))
        return numbers

    def _seen_numbers(self, kind: pl.Series, voyage: pl.Series) -> pl.Series:
        """Numbers of kinds on voyages; "seen" then holds their situations."""
        numbers, new = self._seen.numbers(kind, voyage)
        if new.height:
            kinds, voyages = taken(self._rows["kinds"], new["row"]), taken(self._rows["voyages"], new["column"])
            seen = kinds.hstack(voyages).select(*KIND, **self._law.eras(pl.col("voyage"))).select(SITUATION)
            self._add("seen", seen.hstack([self._situation_numbers(seen)]))
        return numbers

    def _situation_numbers(self, seen: pl.DataFrame) -> pl.Series:
        """Numbers of situations; "decisions", "outcomes" and "codes" then hold what the law says of them."""
        numbers, new = self._situations.numbers(self._law.as_the_regime_sees(seen).select(SITUATION))
        if new.height:
            first = self._rows["decisions"].height if "decisions" in self._rows else 0
            decisions = (
                new.join(
                    decide(new.lazy(), self._law).drop("situation").pipe(at_once),
                    on=SITUATION,
                    how="left",
                    nulls_equal=True,
                    maintain_order="left",
                )
            ).with_columns(situation=pl.int_range(first, first + new.height), place_at_any_price=_place_at_any_price())
            outcomes = _told_by_outcome(decisions)
            codes_number, new_codes = self._codes.numbers(outcomes.select(pl.col("codes").list.join(";")))
            self._add("decisions", decisions.select(DECISION))
            self._add("outcomes", outcomes.select(TOLD).hstack([codes_number.alias("codes_number")]))
            self._add("codes", _with_notes(new_codes["codes"]))
        return numbers.alias("situation")


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


def _compared(legs: pl.DataFrame) -> pl.DataFrame:
    """Adds `place`, that of the outcome in `OUTCOMES`, and is_above_cap.

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
        pl.when(pl.col("place_at_any_price").is_not_null())
        .then("place_at_any_price")
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
        place=place,
        is_above_cap=pl.when(has_sure_cap & covered)
        .then(False)
        .when(has_sure_cap & is_above(pl.col("highest_cap")))
        .then(True),
    )


def _place_at_any_price() -> pl.Expr:
    return (
        pl.when("is_only_out_of_scope")
        .then(_place("out_of_scope"))
        .when("is_only_exempt")
        .then(_place("exempt"))
        .when(~pl.col("is_only_capped"))
        .then(_place("indeterminate"))
    )


def _place(outcome: str) -> pl.Expr:
    return pl.lit(OUTCOMES.index(outcome), pl.Int64)


def _told_by_outcome(decisions: pl.DataFrame) -> pl.DataFrame:
    """`TOLD` and codes for each situation, in their order, and in each for every one of `OUTCOMES`, in theirs."""
    situation = decisions.lazy().select("situation", "regime", "product_class", "cap_id", "cap_usd_per_bbl")
    return (
        outcomes_of(decisions.lazy())
        .join(situation, on="situation", how="left")
        .sort("situation", pl.col("outcome").cast(pl.Enum(OUTCOMES)))
        .with_columns(verdict=pl.col("outcome").replace(STRADDLING, "indeterminate"))
        .select(*TOLD, "codes")
        .pipe(at_once)
    )


def _with_amounts(judged: pl.DataFrame) -> pl.DataFrame:
    """Adds margin and money above the cap."""
    margin = pl.col("cap_usd_per_bbl") - pl.col("price_usd_per_bbl")
    return judged.with_columns(
        # At the cap the margin is nothing, not the rounding of a division (J-13).
        margin_usd_per_bbl=pl.when(margin.abs() <= pl.col("price_tolerance_usd_per_bbl")).then(0.0).otherwise(margin),
        excess_value_usd=_excess_value_usd(),
    )


# Every choice of notes, by the number of the choice.
_NOTES = [
    list(itertools.compress(PRICE_NOTES, choice)) for choice in itertools.product((0, 1), repeat=len(PRICE_NOTES))
]


def _notes_number() -> pl.Expr:
    bits = {note: 2**place for place, note in enumerate(reversed(PRICE_NOTES))}
    return pl.col("price_notes").list.eval(pl.element().replace_strict(bits, return_dtype=pl.Int64())).list.sum()


def _with_notes(codes: pl.Series) -> pl.DataFrame:
    """reason_codes: each of the codes (joined by ;) with every choice of notes, in the order of both.

    Lists are slow to put together: the few there are are taken by their number.
    """
    choices = pl.DataFrame({"notes": _NOTES}, schema={"notes": pl.List(pl.String())})
    split = codes.to_frame().select(codes=pl.when(pl.col("codes") != "").then(pl.col("codes").str.split(";")))
    return split.join(choices, how="cross", maintain_order="left_right").select(
        reason_codes=pl.concat_list(pl.col("codes").fill_null([]), "notes")
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
