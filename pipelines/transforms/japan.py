"""Japan's crude from Russia as its two official series tell it: what was cleared, and what arrived by grade.

Here: from fetched customs lines and arrivals to the rows of `JAPAN_CRUDE_FROM_RUSSIA`, in place of shipped ones.
Add here: what another official series says of the same oil.
Keep out: adding the two series, which describe the same oil; and judging (`pipelines.transforms.evidence`).
"""

import polars as pl

from pipelines.sources.publishers.japan_customs import partial_months

# Rows of `reference.figure_sources` that name the publishers.
CUSTOMS_SOURCE, ARRIVALS_SOURCE = "F-MOF-TRADE", "F-METI-OIL"
CUSTOMS, ARRIVALS = "customs", "meti_arrivals"
FIGURE_ID = {CUSTOMS: "JP-CUSTOMS-", ARRIVALS: "JP-METI-"}
CRUDE = pl.col("hs_code").str.starts_with("2709")
# From January 2015 to June 2026 the mean of all origins ran from 16,645 to 117,684 yen.
LOWEST_JPY_PER_KL, HIGHEST_JPY_PER_KL = 10_000, 200_000
# Grade and freight move the price of an origin by far less; a wrong unit moves it by 6.29 or by 1,000.
MOST_TIMES_THE_MEAN = 3

# What a shipped figure keeps when an official one takes its place: everything but the figure.
_DETAILS = (
    "figure_id",
    "value_usd",
    "origin_project",
    "loading_first",
    "loading_last",
    "discharge_first",
    "discharge_last",
    "vessel_name",
    "vessel_imo",
    "published_on",
)


def official_crude(
    shipped: pl.DataFrame, lines: pl.DataFrame, everywhere: pl.DataFrame, arrivals: pl.DataFrame
) -> pl.DataFrame:
    """`JAPAN_CRUDE_FROM_RUSSIA` with the figures of the publishers, and the voyages of the shipped ones.

    lines: `JAPAN_CUSTOMS_LINES`; everywhere: `JAPAN_CUSTOMS_ALL_ORIGINS`; arrivals: `JAPAN_CRUDE_BY_GRADE`; rows in
    force of each. A fetched month replaces the shipped rows of its series; a month that no row tells is not known.
    """
    fetched = pl.concat([_clearances(lines, everywhere), _arrivals(arrivals)], how="diagonal")
    if fetched.is_empty():
        return shipped
    months = _by_month(shipped, fetched)
    kept = months.join(fetched, on=["series", "period_first"], how="anti")
    renewed = _in_place_of(months, fetched).select(shipped.columns)
    return _with_grades_of_arrivals(pl.concat([kept, renewed])).sort("series", "period_first", "figure_id")


def implausible(lines: pl.DataFrame, everywhere: pl.DataFrame) -> pl.DataFrame:
    """Lines of crude whose value by volume cannot be a price of crude: month, hs_code, jpy_per_kl, mean_jpy_per_kl."""
    mean = (
        everywhere.filter(CRUDE)
        .group_by("month")
        .agg(summed=pl.col("value_jpy").sum() / pl.col("quantity").sum(), published=pl.col("unit_value_jpy").mean())
        .select(
            "month",
            mean_jpy_per_kl=pl.when(pl.col("summed").is_finite() & (pl.col("summed") > 0))
            .then("summed")
            .otherwise("published"),
        )
    )
    times_the_mean = pl.col("jpy_per_kl") / pl.col("mean_jpy_per_kl")
    return (
        lines.filter(CRUDE, pl.col("quantity") > 0)
        .with_columns(jpy_per_kl=pl.col("value") / pl.col("quantity"))
        .join(mean, on="month", how="left")
        .filter(
            ~pl.col("jpy_per_kl").is_between(LOWEST_JPY_PER_KL, HIGHEST_JPY_PER_KL)
            | ~times_the_mean.is_between(1 / MOST_TIMES_THE_MEAN, MOST_TIMES_THE_MEAN)
        )
        .select("month", "hs_code", "jpy_per_kl", "mean_jpy_per_kl")
    )


def _clearances(lines: pl.DataFrame, everywhere: pl.DataFrame) -> pl.DataFrame:
    """A row for each month: all lines of crude added up, condensate included, as METI counts it too."""
    partial = partial_months(everywhere).filter(CRUDE)
    codes = pl.col("hs_code").filter(pl.col("quantity") > 0).unique().sort()
    return (
        lines.filter(CRUDE)
        .join(implausible(lines, everywhere), on="month", how="anti")
        .group_by("month")
        .agg(
            *(pl.when(pl.col(name).null_count() == 0).then(pl.col(name).sum()) for name in ("quantity", "value")),
            pl.col("stage").first(),
            codes=codes.str.join(", "),
        )
        .drop_nulls("quantity")
        # In a month that is not whole yet, nothing does not mean nil.
        .join(partial.select("month", is_partial=pl.lit(True)).unique(), on="month", how="left")
        .filter((pl.col("quantity") > 0) | pl.col("is_partial").is_null())
        .with_columns(pl.when(pl.col("quantity") > 0, pl.col("value") > 0).then("value"))
        .select(
            *_period(CUSTOMS),
            "quantity",
            "value",
            quantity_unit=pl.lit("kl"),
            currency=pl.when(pl.col("value").is_not_null()).then(pl.lit("JPY")),
            source=pl.lit(CUSTOMS_SOURCE),
            said=pl.format(
                "{}, {}.",
                pl.when(pl.col("quantity") > 0)
                .then(pl.format("Cleared under {}", "codes"))
                .otherwise(pl.lit("Nil was published")),
                pl.coalesce("stage", pl.lit("stage not told")),
            ),
        )
    )


def _arrivals(arrivals: pl.DataFrame) -> pl.DataFrame:
    """A row for each month and grade that arrived, and one without a grade for a month in which none did."""
    russian = arrivals.filter(pl.col("origin_country") == "RU").with_columns(grade=pl.coalesce("grade", "grade_name"))
    by_grade = russian.group_by("month", "grade").agg(pl.col("quantity_kl").sum()).filter(pl.col("quantity_kl") > 0)
    nil = (
        russian.group_by("month")
        .agg(pl.col("quantity_kl").max(), is_known=pl.col("quantity_kl").is_not_null().all())
        .filter("is_known", pl.col("quantity_kl") == 0)
        .select("month", "quantity_kl", grade=pl.lit(None, pl.String))
    )
    return pl.concat([by_grade, nil], how="diagonal").select(
        *_period(ARRIVALS),
        "grade",
        quantity="quantity_kl",
        quantity_unit=pl.lit("kl"),
        source=pl.lit(ARRIVALS_SOURCE),
        said=pl.when(pl.col("quantity_kl") > 0)
        .then(pl.lit("Arrivals; never added to customs."))
        .otherwise(pl.lit("Nil was published for every Russian grade.")),
    )


def _period(series: str) -> list[pl.Expr]:
    first = pl.col("month").add("-01").str.to_date()
    return [
        pl.lit(series).alias("series"),
        first.alias("period_first"),
        first.dt.month_end().alias("period_last"),
    ]


def _by_month(shipped: pl.DataFrame, fetched: pl.DataFrame) -> pl.DataFrame:
    """The shipped rows; those of several months (which are nil) month by month where one of these was fetched."""
    is_span = pl.col("period_last") > pl.col("period_first").dt.month_end()
    months = shipped.with_columns(month=pl.date_ranges("period_first", "period_last", "1mo")).explode("month")
    told = fetched.select("series", month="period_first")
    touched = months.filter(is_span).join(told, on=["series", "month"], how="semi").select("figure_id").unique()
    split = months.join(touched, on="figure_id", how="semi").with_columns(
        figure_id=_figure_id(pl.col("month")), period_first="month", period_last=pl.col("month").dt.month_end()
    )
    return pl.concat([shipped.join(touched, on="figure_id", how="anti"), split.select(shipped.columns)])


def _figure_id(month: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.col("series").replace_strict(FIGURE_ID), month.dt.strftime("%Y-%m"))


def _in_place_of(shipped: pl.DataFrame, fetched: pl.DataFrame) -> pl.DataFrame:
    """The fetched rows with the details of the shipped ones that they replace: of the month, or month and grade."""
    before = shipped.select(
        "series", "period_first", "grade", *_DETAILS, was="quantity", unit="quantity_unit", by="source", note="note"
    )
    customs = (
        fetched.filter(pl.col("series") == CUSTOMS)
        .drop("grade")
        .join(before.filter(pl.col("series") == CUSTOMS), on=["series", "period_first"], how="left")
    )
    arrivals = fetched.filter(pl.col("series") == ARRIVALS).join(
        before, on=["series", "period_first", "grade"], how="left", nulls_equal=True
    )
    slug = pl.col("grade").str.to_uppercase().str.replace_all(r"[^A-Z0-9]+", "-")
    of_grade = pl.when(pl.col("series") == ARRIVALS).then(pl.concat_str(pl.lit("-"), slug))
    replaced = pl.format(" In place of {} {} ({}). {}", pl.col("was").cast(pl.Int64), "unit", "by", "note")
    return pl.concat([customs, arrivals], how="diagonal").with_columns(
        figure_id=pl.coalesce(
            "figure_id", pl.concat_str(_figure_id(pl.col("period_first")), of_grade.fill_null(pl.lit("")))
        ),
        bbl_per_day=pl.lit(None, pl.Float64),
        origin_country=pl.lit("RU"),
        confidence=pl.lit("verified"),
        note=pl.concat_str("said", replaced.fill_null("")).str.strip_chars(),
    )


def _with_grades_of_arrivals(figures: pl.DataFrame) -> pl.DataFrame:
    """Names the grade of clearances that no report names, where arrivals leave only one.

    Customs lines carry no grade. A cargo is cleared in the month of its arrival or in the next, so the grades that
    come into question are those of the arrivals of these two months; both must have been told.
    """
    arrived = figures.filter(pl.col("series") == ARRIVALS).select("grade", "quantity", month="period_first")
    cleared_in = pl.concat(
        arrived.with_columns(period_first=pl.col("month").dt.offset_by(later)) for later in ("0mo", "1mo")
    )
    grades = pl.col("grade").filter(pl.col("quantity") > 0).unique()
    only = (
        cleared_in.group_by("period_first")
        .agg(only_grade=grades.first(), grades=grades.len(), months=pl.col("month").n_unique())
        .filter(pl.col("grades") == 1, pl.col("months") == 2)
        .select("period_first", "only_grade", series=pl.lit(CUSTOMS))
    )
    is_open = pl.col("only_grade").is_not_null() & pl.col("grade").is_null() & pl.col("origin_project").is_null()
    found = is_open & (pl.col("quantity") > 0)
    return (
        figures.join(only, on=["series", "period_first"], how="left")
        .with_columns(
            grade=pl.when(found).then("only_grade").otherwise("grade"),
            confidence=pl.when(found).then(pl.lit("derived")).otherwise("confidence"),
            note=pl.when(found)
            .then(
                pl.format(
                    "{} Grade: the only one among the arrivals of the month and of the month before ({}).",
                    "note",
                    pl.lit(ARRIVALS_SOURCE),
                )
            )
            .otherwise("note"),
        )
        .select(figures.columns)
    )
