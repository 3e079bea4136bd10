"""An estimated price for a cargo that has none, on request.

Here: benchmark of the month plus the differential of the grade, as a range.
Add here: nothing per grade; differentials follow from `data/figures/crude_price_points.csv`.
Keep out: cargoes with a price of their own; an estimate never replaces one.
"""

import polars as pl

from pipelines.contracts.cargoes import CARGOES
from pipelines.names import normalised
from pipelines.transforms.prices import CRUDE_HEADING

BASIS = "benchmark_estimate"


def with_estimated_prices(cargoes: pl.LazyFrame, prices: pl.DataFrame, points: pl.DataFrame) -> pl.LazyFrame:
    """Cargoes of `CARGOES`; unpriced crude of a known grade gets a price range, marked `benchmark_estimate`.

    prices: `CRUDE_PRICES_MONTHLY`; points: `CRUDE_PRICE_POINTS`. The range spans the benchmark of the loading
    month and of the months beside it, plus the lowest and highest differential seen. A single figure is not
    given, and only a range that lies above the cap as a whole gives `above_cap`.
    """
    ranges = monthly_ranges(prices, points).lazy()
    is_unpriced = (
        pl.col("price_low_usd_per_bbl").is_null()
        & pl.col("price_high_usd_per_bbl").is_null()
        & pl.col("hs_code").str.starts_with(CRUDE_HEADING)
    )
    estimated = is_unpriced & pl.col("estimate_low").is_not_null()
    return (
        cargoes.with_columns(estimate_month=pl.col("loading_first").dt.strftime("%Y-%m"))
        .join(ranges, on=["grade_key", "estimate_month"], how="left")
        .with_columns(
            price_low_usd_per_bbl=pl.when(estimated).then("estimate_low").otherwise("price_low_usd_per_bbl"),
            price_high_usd_per_bbl=pl.when(estimated).then("estimate_high").otherwise("price_high_usd_per_bbl"),
            price_basis=pl.when(estimated).then(pl.lit(BASIS)).otherwise("price_basis"),
            price_notes=pl.when(estimated).then(pl.lit(["price_estimated"])).otherwise("price_notes"),
        )
        .select(CARGOES.polars_schema().names())
    )


def differentials(prices: pl.DataFrame, points: pl.DataFrame) -> pl.DataFrame:
    """Grade against its benchmark: the lowest and highest distance seen, and the months it was seen in.

    Result: grade, benchmark, differential_low, differential_high (USD/bbl), first_month, last_month (first days).
    """
    return (
        points.with_columns(month=pl.col("first_date").dt.strftime("%Y-%m"))
        .join(prices, on=["benchmark", "month"], how="inner")
        .group_by("grade", "benchmark")
        .agg(
            differential_low=(pl.col("low_usd_per_bbl") - pl.col("usd_per_bbl")).min(),
            differential_high=(pl.col("high_usd_per_bbl") - pl.col("usd_per_bbl")).max(),
            first_month=pl.col("first_date").min().dt.truncate("1mo"),
            last_month=pl.col("last_date").max().dt.truncate("1mo"),
        )
    )


def monthly_ranges(prices: pl.DataFrame, points: pl.DataFrame) -> pl.DataFrame:
    """grade_key, estimate_month, estimate_low, estimate_high, for the months in which the grade was seen."""
    beside = pl.DataFrame({"shift": ["-1mo", "0mo", "1mo"]})
    spans = (
        prices.with_columns(day=pl.col("month").add("-01").str.to_date())
        .join(beside, how="cross")
        .with_columns(day=pl.col("day").dt.offset_by(pl.col("shift")))
        .group_by("benchmark", "day")
        .agg(pl.len().alias("months"), least=pl.col("usd_per_bbl").min(), most=pl.col("usd_per_bbl").max())
        # At the end of a series the month that is not there may lie far off.
        .filter(pl.col("months") == beside.height)
    )
    return (
        differentials(prices, points)
        .join(spans, on="benchmark", how="inner")
        .filter(pl.col("day").is_between("first_month", "last_month"))
        .select(
            grade_key=pl.col("grade").map_elements(normalised, return_dtype=pl.String),
            estimate_month=pl.col("day").dt.strftime("%Y-%m"),
            estimate_low=pl.col("least") + pl.col("differential_low"),
            estimate_high=pl.col("most") + pl.col("differential_high"),
        )
    )
