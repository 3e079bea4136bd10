"""What a steward should know about the rules every night.

Here: rules that expire, are unverified, in conflict, or may be out of date, as frames to look at.
Add here: another kind of ageing of the law.
Keep out: whether a rule table is well-formed (`Rulebook.problems`).
"""

import datetime as dt

import polars as pl

from pipelines.rules.rulebook import Rulebook


def stale(book: Rulebook, on: dt.date) -> pl.DataFrame:
    """Levels in force on a day whose review is due, or of which a later one may exist that was not found.

    Result: id, regime, product_class, cap_usd_per_bbl, valid_from, why.
    """
    due, replaced = pl.col("review_due_on"), pl.col("verified_to")
    return (
        book.price_caps.filter(
            pl.col("valid_from") <= on,
            (pl.col("valid_to") > on).fill_null(True),
            (due <= on).fill_null(False) | (replaced <= on).fill_null(False),
        )
        .with_columns(
            why=pl.when(due <= on)
            .then(pl.concat_str(pl.lit("its review was due on "), due.cast(pl.String)))
            .otherwise(pl.concat_str(pl.lit("may have been replaced since "), replaced.cast(pl.String)))
        )
        .select("id", "regime", "product_class", "cap_usd_per_bbl", "valid_from", "why")
    )
