"""Which verdicts hang on a choice of conversion.

Here: the same cargoes priced under another exchange rate or another density, and the verdicts that flip.
Add here: another assumption, as a function from cargoes to cargoes.
Keep out: the choice that the verdicts themselves rest on (`pipelines.transforms.prices`).
"""

import polars as pl

from pipelines.contracts.cargoes import CARGOES
from pipelines.contracts.marts import VERDICT_SENSITIVITY
from pipelines.contracts.reference import PriceReference
from pipelines.rules.rulebook import Rulebook
from pipelines.transforms.judge import judge
from pipelines.transforms.prices import CRUDE_HEADING, daily_rates, monthly_rates, price_range

_KEYS = ["shipment_id", "regime"]


def verdict_sensitivity(
    cargoes: pl.LazyFrame, verdicts: pl.LazyFrame, book: Rulebook, reference: PriceReference
) -> pl.LazyFrame:
    """The verdicts that flip under another assumption: a row per cargo, regime and assumption."""
    alternatives = {
        "exchange rate: monthly mean instead of the day": _monthly_rate(cargoes, reference),
        "exchange rate: the day instead of the monthly mean": _daily_rate(cargoes, reference),
        "density: generic factor instead of the grade's": _generic_density(cargoes, reference),
    }
    flips = [VERDICT_SENSITIVITY.empty().lazy()]
    for assumption, other_cargoes in alternatives.items():
        repriced = _repriced(other_cargoes).collect()
        if repriced.is_empty():
            continue
        other = judge(repriced.lazy(), book).select(
            *_KEYS,
            alternative_verdict="verdict",
            alternative_low_usd_per_bbl="price_low_usd_per_bbl",
            alternative_high_usd_per_bbl="price_high_usd_per_bbl",
        )
        flips.append(
            verdicts.join(other, on=_KEYS, how="inner")
            .filter(pl.col("verdict") != pl.col("alternative_verdict"))
            .with_columns(assumption=pl.lit(assumption))
            .select(VERDICT_SENSITIVITY.polars_schema().names())
        )
    return pl.concat(flips)


def _monthly_rate(cargoes: pl.LazyFrame, reference: PriceReference) -> pl.LazyFrame:
    rates = monthly_rates(reference.exchange_rates_monthly).lazy()
    return (
        cargoes.filter(pl.col("rate_basis") == "ecb_reference_rate")
        .with_columns(rate_month=pl.col("loading_first").dt.strftime("%Y-%m"))
        .join(rates, on=["currency", "rate_month"], how="inner")
        .with_columns(usd_per_unit_of_currency="monthly_rate")
    )


def _daily_rate(cargoes: pl.LazyFrame, reference: PriceReference) -> pl.LazyFrame:
    rates = daily_rates(reference.exchange_rates_daily).lazy()
    return (
        cargoes.filter(pl.col("rate_basis") == "fed_monthly_mean")
        .with_columns(rate_day=pl.col("loading_last"))
        .join(rates, on=["currency", "rate_day"], how="inner")
        .with_columns(usd_per_unit_of_currency="daily_rate")
    )


def _generic_density(cargoes: pl.LazyFrame, reference: PriceReference) -> pl.LazyFrame:
    """Crude in tonnes at the factor for crude of unknown grade, as trackers without densities count it."""
    generic = reference.grades.filter(pl.col("kind") == "generic_crude")["bbl_per_t"].item()
    tonnes = reference.units.filter(pl.col("t_per_unit").is_not_null()).select("unit", "t_per_unit")
    factors = {unit: generic * t_per_unit for unit, t_per_unit in tonnes.iter_rows()}
    factor = pl.col("quantity_unit").replace_strict(factors, default=None, return_dtype=pl.Float64)
    return cargoes.filter(
        pl.col("hs_code").str.starts_with(CRUDE_HEADING), pl.col("bbl_basis") == "density_of_grade"
    ).with_columns(bbl_per_unit_low=factor, bbl_per_unit=factor, bbl_per_unit_high=factor)


def _repriced(cargoes: pl.LazyFrame) -> pl.LazyFrame:
    """The price range again, from the parts that a cargo keeps."""
    priced = cargoes.filter(pl.col("value").is_not_null()).with_columns(**price_range())
    return priced.select(CARGOES.polars_schema().names())
