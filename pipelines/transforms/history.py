"""What was known then, against what is known now.

Here: verdicts as known on the loading day, and the cargoes whose verdict has changed since.
Add here: another pair of days to compare.
Keep out: how a rulebook is shown as of a day (`Rulebook.as_of`).
"""

import polars as pl

from pipelines.contracts.marts import VERDICT_CHANGES
from pipelines.rules.rulebook import Rulebook
from pipelines.transforms.judge import LONGEST_VOYAGE, judge

_KEYS = ["shipment_id", "regime"]


def as_known_at_loading(cargoes: pl.DataFrame, book: Rulebook) -> pl.LazyFrame:
    """Verdicts on each cargo by the rules known on its (last possible) loading day.

    Knowledge changes only on days of publication, so cargoes are judged once per state of knowledge.
    """
    days = sorted(set(_published(book)["published_on"]))
    knowledge = pl.Series(days, dtype=pl.Date())
    state = pl.lit(knowledge).search_sorted(pl.col("loading_last"), side="right").alias("state")
    judged = [
        judge(group.drop("state").lazy(), book.as_of(group["loading_last"].max()))  # type: ignore[arg-type]
        for _, group in cargoes.with_columns(state).group_by("state", maintain_order=True)
    ]
    return pl.concat(judged or [judge(cargoes.lazy(), book)])


def verdict_changes(cargoes: pl.DataFrame, verdicts: pl.LazyFrame, book: Rulebook) -> pl.LazyFrame:
    """One row per cargo and regime whose verdict as known at loading differs from `verdicts`, known now."""
    rule = pl.coalesce("exemption_id", "transition_id", "cap_id")
    cargoes = _with_later_rules(cargoes, book)
    then = as_known_at_loading(cargoes, book).select(
        *_KEYS, verdict_then="verdict", rule_then=rule, reason_then="reason"
    )
    now = verdicts.select(
        *_KEYS,
        "level_date",
        "exemption_id",
        "transition_id",
        "cap_id",
        verdict_now="verdict",
        rule_now=rule,
        reason_now="reason",
    )
    loading = cargoes.lazy().select("shipment_id", "loading_first", known_on="loading_last")
    changed = (
        now.join(then, on=_KEYS, how="inner")
        .filter(pl.col("verdict_now") != pl.col("verdict_then"))
        .join(loading, on="shipment_id", how="inner")
    )
    published = _published(book)
    days = dict(published.select("id", "published_on").iter_rows())
    decided_late = [
        pl.when(_day(pl.col(column), days) > pl.col("known_on")).then(column)
        for column in ("exemption_id", "transition_id", "cap_id")
    ]
    return (
        changed.join(_published_since(changed, published), on=_KEYS, how="left")
        # Where the verdict names no rule, the change is put to what was published in between for the voyage.
        .with_columns(changed_by=pl.coalesce(*decided_late, "published_since"))
        .with_columns(changed_by_published_on=_day(pl.col("changed_by"), days))
        .select(VERDICT_CHANGES.polars_schema().names())
    )


def _with_later_rules(cargoes: pl.DataFrame, book: Rulebook) -> pl.DataFrame:
    """The cargoes whose voyage is met by a rule published after loading; the others cannot have changed."""
    voyage = {
        "first": pl.col("loading_first"),
        "known_on": pl.col("loading_last"),
        "last": pl.coalesce("discharge_last", pl.col("loading_last") + LONGEST_VOYAGE),
    }
    later = (
        cargoes.select(**voyage)
        .unique()
        .join(_published(book), how="cross")
        .filter(
            pl.col("published_on") > pl.col("known_on"),
            pl.col("valid_from") <= pl.col("last"),
            (pl.col("valid_to") > pl.col("first")).fill_null(True),
        )
    )
    return cargoes.with_columns(**voyage).join(later, on=list(voyage), how="semi").drop(list(voyage))


def _day(rule_id: pl.Expr, days: dict[str, object]) -> pl.Expr:
    return rule_id.replace_strict(days, default=None, return_dtype=pl.Date)


def _published(book: Rulebook) -> pl.DataFrame:
    """id, regime, published_on, valid_from, valid_to of every dated rule."""
    columns = ["id", "regime", "published_on", "valid_from", "valid_to"]
    return pl.concat(
        frame.select(columns)
        for frame in (
            book.exemptions.filter(pl.col("effect") != "never"),
            book.transitions.filter(pl.col("effect") != "never"),
            book.price_caps,
        )
    )


def _published_since(changed: pl.LazyFrame, published: pl.DataFrame) -> pl.LazyFrame:
    """Rules of the regime published after loading whose window meets the voyage, by cargo and regime."""
    return (
        changed.join(published.lazy(), on="regime", how="inner")
        .filter(
            pl.col("published_on") > pl.col("known_on"),
            pl.col("valid_from") <= pl.col("level_date"),
            (pl.col("valid_to") > pl.col("loading_first")).fill_null(True),
        )
        .sort("id")
        .group_by(_KEYS, maintain_order=True)
        .agg(published_since=pl.col("id").str.join(";"))
    )
