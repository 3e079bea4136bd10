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
    )
    for digits in (10, HEADING_DIGITS, 4):
        names = {"below": f"below_{digits}", "below_rank": f"below_rank_{digits}"}
        known = known.with_columns(prefix=pl.col("hs_code").str.head(digits)).join(
            below.rename(names), on=["class_list", "prefix"], how="left"
        )
    is_hit = pl.col("hit").is_not_null()
    has_unlisted = pl.col("unlisted_class").is_not_null()
    takes_fallback = is_full & has_unlisted & pl.col("fallback_hit").is_not_null()
    # Where everything unlisted has a class, a code above some entries may also be an unlisted one.
    with_unlisted = pl.concat_list(pl.col("below_10").fill_null([]), "unlisted_class")
    # A code that is neither an entry nor above any: what its heading holds, which says less than the list does.
    wider = [f"below_{digits}" for digits in (HEADING_DIGITS, 4)]
    is_above_entries = ~is_full & pl.col("below_10").is_not_null()
    unverified = CONFIDENCE_RANK["unverified"]
    return (
        known.with_columns(
            options=pl.when(is_hit)
            .then(pl.concat_list("hit"))
            .when(takes_fallback)
            .then(pl.concat_list("fallback_hit"))
            .when(has_unlisted)
            .then(with_unlisted)
            .when(is_above_entries)
            .then("below_10")
            .otherwise(pl.coalesce(wider)),
            rank=pl.when(is_hit)
            .then("hit_rank")
            .when(takes_fallback)
            .then(pl.max_horizontal("fallback_rank", unverified))
            .when(has_unlisted)
            .then(pl.max_horizontal("below_rank_10", unverified))
            .when(is_above_entries)
            .then("below_rank_10")
            .otherwise(pl.max_horizontal(*(f"below_rank_{digits}" for digits in (HEADING_DIGITS, 4)), unverified)),
        )
        .with_columns(
            options=pl.when(pl.col("options").list.contains(UNDETERMINED))
            .then(pl.lit(pl.Series([_product_classes(book)]), dtype=pl.List(pl.String())))
            .otherwise("options"),
            # Heading 2709 is crude under every regime: how sure the list is matters for products.
            list_rank=pl.when(pl.col("hit") == "crude").then(0).otherwise("list_rank"),
        )
        .select(
            "regime",
            "hs_code",
            class_rank=pl.max_horizontal("rank", "list_rank").cast(pl.Int8),
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
    """class_list, prefix, below, below_rank: classes and weakest rank of all entries longer than the prefix."""
    return (
        entries.with_columns(digits=pl.int_ranges(4, pl.col("code").str.len_chars()))
        .explode("digits")
        .with_columns(prefix=pl.col("code").str.head(pl.col("digits")))
        .group_by("class_list", "prefix")
        .agg(below=pl.col("product_class").unique(), below_rank=pl.col("rank").max())
    )
