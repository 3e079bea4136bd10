"""What must hold for Japan's two series on crude from Russia.

Here: figures whose arithmetic fails, cargoes that do not come out whole, sums that do not hold, series that were added.
Add here: another way in which two of these figures can be held against each other.
Keep out: repairing what is found.
"""

import polars as pl

from pipelines.transforms.japan import ARRIVALS, CRUDE, CUSTOMS, HIGHEST_JPY_PER_KL, LOWEST_JPY_PER_KL

# A daily rate is rounded to the barrel; a month that is wrong by a day is off by three per cent.
RATE_TOLERANCE = 0.005
# In 63 of 126 months the two series differed by more, for all origins together.
CARGO_TOLERANCE = 0.05


def failing_arithmetic(figures: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Figures that do not fit the daily rate published beside them, or whose value by volume is no price of crude."""
    kl = units.filter(pl.col("unit") == "kl")["bbl_per_unit"].item()
    days = (pl.col("period_last") - pl.col("period_first")).dt.total_days() + 1
    at_daily_rate = pl.col("bbl_per_day") * days
    jpy_per_kl = pl.when(pl.col("currency") == "JPY").then(pl.col("value") / (pl.col("quantity_bbl") / kl))
    return (
        _with_barrels(figures, units)
        .with_columns(at_daily_rate_bbl=at_daily_rate, jpy_per_kl=jpy_per_kl)
        .filter(
            (
                (pl.col("quantity_bbl") - pl.col("at_daily_rate_bbl")).abs()
                > RATE_TOLERANCE * pl.col("at_daily_rate_bbl")
            )
            | ~pl.col("jpy_per_kl").is_between(LOWEST_JPY_PER_KL, HIGHEST_JPY_PER_KL)
        )
        .select("figure_id", "quantity_bbl", "at_daily_rate_bbl", "jpy_per_kl")
    )


def cargoes_in_parts(figures: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Cargoes, by vessel and loading day, of which the months of customs do not make up what arrived."""
    cargo = ["vessel_imo", "loading_first"]
    with_vessel = _with_barrels(figures, units).drop_nulls(cargo).filter(pl.col("quantity") > 0)
    cleared, arrived = (
        with_vessel.filter(pl.col("series") == series)
        .group_by(cargo)
        .agg(pl.col("quantity_bbl").sum().alias(name), pl.col("period_first").dt.strftime("%Y-%m").unique().sort())
        for series, name in ((CUSTOMS, "cleared_bbl"), (ARRIVALS, "arrived_bbl"))
    )
    both = cleared.join(arrived.drop("period_first"), on=cargo)
    off = (pl.col("cleared_bbl") - pl.col("arrived_bbl")).abs() > CARGO_TOLERANCE * pl.col("arrived_bbl")
    return both.filter(off).select(
        *cargo, "cleared_bbl", "arrived_bbl", customs_months=pl.col("period_first").list.join(", ")
    )


def unsummed_lines(figures: pl.DataFrame, lines: pl.DataFrame, source: str) -> pl.DataFrame:
    """Months whose figure, fetched from `source`, is not the sum of all customs lines of crude.

    lines: `JAPAN_CUSTOMS_LINES`, rows in force.
    """
    summed: dict[str, float] = {}
    for month, quantity in lines.filter(CRUDE).select("month", "quantity").iter_rows():
        summed[month] = summed.get(month, 0.0) + (quantity or 0.0)
    fetched = figures.filter(pl.col("series") == CUSTOMS, pl.col("source") == source)
    compared = fetched.select("figure_id", "quantity", month=pl.col("period_first").dt.strftime("%Y-%m")).with_columns(
        summed=pl.col("month").replace_strict(summed, default=None, return_dtype=pl.Float64)
    )
    return compared.filter(pl.col("summed").is_null() | (pl.col("quantity") != pl.col("summed")))


def judged_arrivals(cargoes: pl.DataFrame, figures: pl.DataFrame) -> pl.DataFrame:
    """Cargoes that come from arrivals: their oil is judged as customs cleared it, and would be counted twice."""
    arrivals = figures.filter(pl.col("series") == ARRIVALS)
    return cargoes.join(arrivals, left_on="shipment_id", right_on="figure_id", how="semi").select(
        "shipment_id", "evidence_source", "quantity_bbl"
    )


def _with_barrels(figures: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    bbl = units.select(quantity_unit="unit", bbl_per_unit="bbl_per_unit")
    return figures.join(bbl, on="quantity_unit", how="left").with_columns(
        quantity_bbl=pl.col("quantity") * pl.col("bbl_per_unit")
    )
