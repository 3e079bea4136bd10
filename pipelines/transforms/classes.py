"""From a customs code to the classes that a regime may see in it.

Here: J-19 and J-20: own list first, longest prefix; what a short or unlisted code leaves open.
Add here: nothing per code; lists are rows of `data/rules/product_classes.csv`, their order is `regimes.csv`.
Keep out: caps, and what a class means for a price.
"""

import polars as pl

from pipelines.rules.law import CONFIDENCE_RANK
from pipelines.rules.rulebook import Rulebook

FULL_CODE_DIGITS = 8
HEADING_DIGITS = 6
UNDETERMINED = "undetermined"


def class_options(codes: pl.LazyFrame, book: Rulebook) -> pl.LazyFrame:
    """The classes that each regime's lists leave possible for each code.

    codes: hs_code (digits only, may repeat).
    Result, one row per regime and distinct code of headings that the lists know: regime, hs_code,
    class_key (classes joined by `|`), class_rank (confidence rank). Codes outside those headings have no row.
    """
    distinct = codes.select("hs_code").unique()
    regimes = book.regimes.lazy().select(
        "regime", "class_list", "fallback_class_list", "unlisted_class", list_rank=_rank("class_confidence")
    )
    entries = book.product_classes.lazy().with_columns(rank=_rank("confidence"))
    hits = _longest_hit(distinct, entries)
    below = _classes_below(entries)
    is_full = pl.col("hs_code").str.len_chars() >= FULL_CODE_DIGITS
    known = (
        distinct.join(regimes, how="cross")
        .filter(pl.col("hs_code").str.head(4).is_in(sorted(set(book.product_classes["code"].str.head(4)))))
        .join(hits, on=["class_list", "hs_code"], how="left")
        .join(
            hits.rename({"class_list": "fallback_class_list", "hit": "fallback_hit", "hit_rank": "fallback_rank"}),
            on=["fallback_class_list", "hs_code"],
            how="left",
        )
        .join(below.rename({"prefix": "hs_code"}), on=["class_list", "hs_code"], how="left")
    )
    for digits in (HEADING_DIGITS, 4):
        wider = below.rename({"below": f"below_{digits}"})
        known = known.with_columns(prefix=pl.col("hs_code").str.head(digits)).join(
            wider, on=["class_list", "prefix"], how="left"
        )
    # Where everything unlisted has a class, a code above some entries may also be an unlisted one.
    own = (
        pl.when(pl.col("unlisted_class").is_not_null())
        .then(pl.concat_list(pl.col("below").fill_null([]), pl.col("unlisted_class")))
        .otherwise(pl.coalesce("below", f"below_{HEADING_DIGITS}", "below_4"))
    )
    has_unlisted = pl.col("unlisted_class").is_not_null()
    options = (
        pl.when(pl.col("hit").is_not_null())
        .then(pl.concat_list("hit"))
        .when(is_full & has_unlisted & pl.col("fallback_hit").is_not_null())
        .then(pl.concat_list("fallback_hit"))
        .otherwise(own)
    )
    rank = (
        pl.when(pl.col("hit") == "crude")  # heading 2709 is crude under every regime
        .then("hit_rank")
        .when(pl.col("hit").is_not_null())
        .then(pl.max_horizontal("hit_rank", "list_rank"))
        .when(is_full & has_unlisted)
        .then(pl.max_horizontal("list_rank", CONFIDENCE_RANK["unverified"]))
        .otherwise("list_rank")
    )
    return (
        known.with_columns(options=options, class_rank=rank.cast(pl.Int8))
        .with_columns(
            options=pl.when(pl.col("options").list.contains(UNDETERMINED))
            .then(pl.lit(pl.Series([_product_classes(book)]), dtype=pl.List(pl.String())))
            .otherwise("options")
        )
        .select(
            "regime",
            "hs_code",
            "class_rank",
            class_key=pl.col("options").list.unique().list.sort(descending=True).list.join("|"),
        )
    )


def _rank(column: str) -> pl.Expr:
    return pl.col(column).replace_strict(CONFIDENCE_RANK, return_dtype=pl.Int8)


def _product_classes(book: Rulebook) -> list[str]:
    classes = set(book.product_classes["product_class"]) - {UNDETERMINED}
    return sorted(c for c in classes if c != "crude")


def _longest_hit(codes: pl.LazyFrame, entries: pl.LazyFrame) -> pl.LazyFrame:
    """class_list, hs_code, hit, hit_rank: the entry that is the longest prefix of the code."""
    return (
        codes.with_columns(digits=pl.int_ranges(4, pl.col("hs_code").str.len_chars() + 1))
        .explode("digits")
        .with_columns(code=pl.col("hs_code").str.head(pl.col("digits")))
        .join(entries, on="code", how="inner")
        .sort("digits")
        .group_by("class_list", "hs_code", maintain_order=True)
        .agg(hit=pl.col("product_class").last(), hit_rank=pl.col("rank").last())
    )


def _classes_below(entries: pl.LazyFrame) -> pl.LazyFrame:
    """class_list, prefix, below: the classes of all entries that are longer than the prefix."""
    return (
        entries.with_columns(digits=pl.int_ranges(4, pl.col("code").str.len_chars()))
        .explode("digits")
        .with_columns(prefix=pl.col("code").str.head(pl.col("digits")))
        .group_by("class_list", "prefix")
        .agg(below=pl.col("product_class").unique())
    )
