"""The judge: which cap applied to a cargo, was it sold above it, and which rule let it through.

The law sees little of a cargo: its class, origin, mode, whom it reaches, and on which side of a rule's days its
own days fall. That little is the cargo's *situation*. Of its price it sees on which side of each level of a cap it
is: the *step* of the price. There are few of both, so the law is read once for each situation
(`pipelines.transforms.readings`), prices are compared once for each situation and step, and what is told is taken by
their numbers.

Here: situations, steps, and the comparison of price and cap.
Add here: a new column of the verdict.
Keep out: which regimes a cargo meets (nexus), how rules are read (readings), how prices come about (prices).
"""

import datetime as dt
from collections.abc import Iterable, Sequence

import polars as pl

from pipelines.batches import Differences, Pairs, at_once, in_batches, taken
from pipelines.contracts.cargoes import PRICE_NOTES, VERDICT_VALUES, VERDICTS
from pipelines.names import normalised
from pipelines.rules.law import Law
from pipelines.rules.rulebook import Rulebook
from pipelines.transforms.classes import class_options
from pipelines.transforms.nexus import regimes_met, ties
from pipelines.transforms.readings import BETWEEN_CODES, SITUATION, STRADDLING, decide, joined, outcomes_of

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
# What is shown of a cargo beside.
SHOWN = (
    *("price_low_usd_per_bbl", "price_high_usd_per_bbl", "price_tolerance_usd_per_bbl"),
    *("price_usd_per_bbl", "price_basis", "quantity_bbl"),
)
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
_NUMBER = pl.get_index_type()


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

    Tables stand in the order of the numbers of `Differences`.
    """

    def __init__(self, law: Law, regimes: Sequence[str] | None) -> None:
        self._law, self._regimes = law, regimes
        self._voyage = law.voyage(LONGEST_VOYAGE).alias("voyage")
        self._step = _step(law.book.price_caps["cap_usd_per_bbl"].unique().sort().to_list()).alias("step")
        self._oils, self._ties = Differences(OIL), Differences(ties(law.book))
        self._kinds, self._voyages = Differences(KIND), Differences(["voyage"])
        self._steps, self._situations = Differences(["step"]), Differences(SITUATION)
        self._told = Differences([*TOLD, "is_above_cap", "codes"])
        self._situation_of, self._told_of = Pairs(self._situation_numbers), Pairs(self._told_numbers)
        self._rows: dict[str, pl.DataFrame] = {}

    def situations(self, cargoes: pl.DataFrame) -> pl.DataFrame:
        """The legs of a batch with their situations and their own days; of no leg only the columns of cargoes."""
        legs = self.legs(cargoes)
        facts = taken(cargoes.with_columns(level_date=LEVEL_DATE), legs["cargo"]).hstack([legs["nexus_basis"]])
        return facts if facts.is_empty() else facts.hstack(self._seen(legs["kind"], legs["voyage"]))

    def verdicts(self, cargoes: pl.DataFrame) -> pl.DataFrame:
        """The verdicts on a batch."""
        legs = self.legs(cargoes)
        if legs.is_empty():
            return VERDICTS.empty()
        step = self._step_numbers(cargoes).gather(legs["cargo"])
        told = self._told_of.numbers(self._situation_of.numbers(legs["kind"], legs["voyage"]), step)
        shown = taken(cargoes.select("shipment_id", *SHOWN, level_date=LEVEL_DATE), legs["cargo"])
        return _with_amounts(shown.hstack([legs["nexus_basis"]]).hstack(taken(self._rows["told"], told)))

    def legs(self, cargoes: pl.DataFrame) -> pl.DataFrame:
        """cargo (the place of its row), nexus_basis, kind and voyage of each cargo under each regime in its nexus."""
        regimes = len(self._law.book.regime_codes)
        oil, tie = self._oil_numbers(cargoes), self._tie_numbers(cargoes)
        voyage, new_voyages = self._voyages.numbers(cargoes.select(self._voyage))
        self._add("voyages", new_voyages)
        legs = (
            taken(self._rows["ties"], tie)
            .select(
                cargo=pl.int_range(pl.len(), dtype=_NUMBER), met=pl.int_ranges("first_met", "end_met", dtype=_NUMBER)
            )
            .filter(pl.col("met").list.len() > 0)
            .explode("met")
        )
        met = taken(self._rows["met"], legs["met"])
        kind = self._rows["oils"]["kind"].gather(oil.gather(legs["cargo"]) * regimes + met["regime_number"])
        voyages = voyage.gather(legs["cargo"])
        return legs.select("cargo").hstack([met["nexus_basis"], kind.alias("kind"), voyages.alias("voyage")])

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
                .with_columns(regime_number=pl.col("regime").cast(codes).to_physical().cast(_NUMBER))
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

    def _step_numbers(self, cargoes: pl.DataFrame) -> pl.Series:
        """Numbers of the steps of prices; "steps" then holds one price of each, which stands for all of its step."""
        priced = cargoes.select(*PRICE, "price_notes", self._step)
        numbers, new = self._steps.numbers(priced)
        if new.height:
            first = new.join(priced.unique("step", keep="any"), on="step", how="left", maintain_order="left")
            self._add("steps", first.select(*PRICE, notes=_notes()))
        return numbers

    def _seen(self, kind: pl.Series, voyage: pl.Series) -> pl.DataFrame:
        """The situations of kinds on voyages, as they are."""
        seen = taken(self._rows["kinds"], kind).hstack(taken(self._rows["voyages"], voyage))
        return seen.select(*KIND, **self._law.eras(pl.col("voyage"))).select(SITUATION)

    def _situation_numbers(self, seen: pl.DataFrame) -> pl.Series:
        """Numbers of the situations of kinds (row) on voyages (column).

        "decisions" and "outcomes" then hold what the law says of them.
        """
        situations = self._law.as_the_regime_sees(self._seen(seen["row"], seen["column"]))
        numbers, new = self._situations.numbers(situations)
        if new.height:
            decisions = (
                new.join(
                    decide(new.lazy(), self._law).drop("situation").pipe(at_once),
                    on=SITUATION,
                    how="left",
                    nulls_equal=True,
                    maintain_order="left",
                )
            ).with_columns(situation=pl.int_range(new.height), place_at_any_price=_place_at_any_price())
            self._add("decisions", decisions.select(DECISION))
            self._add("outcomes", _told_by_outcome(decisions))
        return numbers

    def _told_numbers(self, judged: pl.DataFrame) -> pl.Series:
        """Numbers of what is told of situations (row) at steps of prices (column); "told" then holds it."""
        situation, step = judged["row"], judged["column"]
        compared = _compared(taken(self._rows["decisions"], situation).hstack(taken(self._rows["steps"], step)))
        outcome = taken(self._rows["outcomes"], situation * len(OUTCOMES) + compared["place"])
        told = outcome.hstack(compared.select("is_above_cap", "notes"))
        codes = joined(BETWEEN_CODES, [pl.col("codes"), pl.col("notes")])
        numbers, new = self._told.numbers(told.with_columns(codes=codes))
        reason_codes = pl.col("codes").str.split(BETWEEN_CODES).fill_null([])
        self._add("told", new.with_columns(reason_codes=reason_codes).drop("codes"))
        return numbers


def _step(levels: Sequence[float]) -> pl.Expr:
    """A number for all that the law sees of a price: on which side of each level it is, and its notes.

    levels: in their order, so that how many of them are passed tells which.
    """

    def passed(sides: Iterable[pl.Expr]) -> pl.Expr:
        return pl.sum_horizontal(pl.lit(0, pl.UInt8), *(side.cast(pl.UInt8) for side in sides))

    digits = (
        (len(levels) + 1, passed(is_above(pl.lit(level)) for level in levels)),
        (len(levels) + 1, passed(is_at_or_below(pl.lit(level)) for level in levels)),
        (2, _is_priced().cast(pl.Int64)),
        (2 ** len(PRICE_NOTES), _notes_number()),
    )
    number = pl.lit(0, pl.Int64)
    for base, digit in digits:
        number = number * base + digit
    return number


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


def _is_priced() -> pl.Expr:
    return pl.col("price_low_usd_per_bbl").is_not_null() | pl.col("price_high_usd_per_bbl").is_not_null()


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
    covered = is_at_or_below(pl.col("lowest_cap"))
    straddled = pl.any_horizontal(
        ~is_above(pl.col(level)) & ~is_at_or_below(pl.col(level))
        for level in ("lowest_cap", "highest_cap", "lowest_prior", "highest_prior")
    )
    undecided = pl.when(straddled).then(_place(STRADDLING)).otherwise(_place("indeterminate"))
    place = (
        pl.when(pl.col("place_at_any_price").is_not_null())
        .then("place_at_any_price")
        .when(~_is_priced())
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
    has_sure_cap = _is_priced() & ~pl.col("has_out_of_scope")
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
    return pl.lit(OUTCOMES.index(outcome), _NUMBER)


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


def _notes_number() -> pl.Expr:
    bits = {note: 2**place for place, note in enumerate(PRICE_NOTES)}
    return pl.col("price_notes").list.eval(pl.element().replace_strict(bits, return_dtype=pl.Int64())).list.sum()


def _notes() -> pl.Expr:
    notes = (pl.when(pl.col("price_notes").list.contains(note)).then(pl.lit(note)) for note in PRICE_NOTES)
    return joined(BETWEEN_CODES, notes)


def _excess_value_usd() -> pl.Expr:
    """Money above the cap: 0 at or below it, the least it can be where only a floor of the price is known."""
    price = pl.coalesce("price_usd_per_bbl", "price_low_usd_per_bbl")
    return (
        pl.when(~pl.col("is_above_cap"))
        .then(0.0)
        .when("is_above_cap")
        .then((price - pl.col("cap_usd_per_bbl")) * pl.col("quantity_bbl"))
    )
