"""What licensed files add to the figures, and other people's exports as tables.

Here: one function for each kind of file of `pipelines.contracts.licensed`.
Add here: what another kind of file is good for.
Keep out: files and folders (`pipelines.assets.inputs`).
"""

from dataclasses import replace

import polars as pl

from pipelines.contracts.licensed import CREA_VOYAGES, OPENSANCTIONS_VESSELS
from pipelines.contracts.reference import CRUDE_PRICE_POINTS, FIGURE_SOURCES, FREIGHT_POINTS
from pipelines.contracts.shipments import IMO_NUMBER, imo_check_digit_holds
from pipelines.names import normalised, normalised_expr
from pipelines.sources.reference import Reference
from pipelines.transforms.prices import bbl_per_t_of_crude

# The ids of points and sources that come from licensed files begin with these.
POINT, SOURCE = "LICENSED-", "F-LICENSED-"
# What a grade is measured against that no published price has been measured for.
BENCHMARK = "brent"


def with_licensed(reference: Reference, prices: pl.DataFrame, freights: pl.DataFrame) -> Reference:
    """The figures with licensed assessments among the points, each with a source of `figure_sources`.

    prices, freights: accepted rows of `price_assessments` and `freight_assessments` with their `file`. Prices of a
    crude without freight in them become points of its grade; other prices are kept and not used.
    """
    return replace(
        reference,
        crude_price_points=pl.concat([reference.crude_price_points, _price_points(prices, reference)]),
        freight_points=pl.concat([reference.freight_points, _freight_points(freights, reference)]),
        figure_sources=pl.concat([reference.figure_sources, _sources(prices, freights)]),
    )


def _price_points(prices: pl.DataFrame, reference: Reference) -> pl.DataFrame:
    without_freight = reference.incoterms.filter(~pl.col("contains_freight"))["incoterm"].implode()
    products = reference.grades.filter(pl.col("kind") == "product")["grade"].implode()
    measured = dict(reference.crude_price_points.select("grade", "benchmark").iter_rows())
    grade = _canonical(pl.col("grade"), reference.grades)
    return (
        prices.with_columns(grade=grade)
        .filter(pl.col("grade").is_not_null(), pl.col("basis").is_in(without_freight))
        .filter(~pl.col("grade").is_in(products))
        .select(
            "grade",
            point_id=pl.lit(POINT) + pl.col("assessment_id"),
            # A grade has one benchmark, so that its distances can be put together.
            benchmark=pl.col("grade").replace_strict(measured, default=BENCHMARK, return_dtype=pl.String),
            first_date="assessment_date",
            last_date="assessment_date",
            low_usd_per_bbl=pl.coalesce("low_usd_per_bbl", "mid_usd_per_bbl"),
            high_usd_per_bbl=pl.coalesce("high_usd_per_bbl", "mid_usd_per_bbl"),
            basis=pl.format("{} {}", "basis", "place"),
            source=_source_id(),
            note=pl.format("{}: held under licence, not to be passed on.", "quote"),
        )
        .select(CRUDE_PRICE_POINTS.polars_schema().names())
    )


def _freight_points(freights: pl.DataFrame, reference: Reference) -> pl.DataFrame:
    factors = reference.grades.select(
        grade=pl.col("grade"), of_grade=pl.coalesce("bbl_per_t", bbl_per_t_of_crude(reference.units))
    )
    any_crude = reference.grades.filter(pl.col("kind") == "generic_crude")["bbl_per_t"].item()
    low, high = (pl.coalesce(f"{end}_rate", "mid_rate") for end in ("low", "high"))
    is_lumpsum, is_per_t = (pl.col("rate_unit") == unit for unit in ("usd_lumpsum", "usd_per_t"))
    bbl = (
        pl.when(is_lumpsum)
        .then(pl.col("cargo_t") * pl.col("factor"))
        .when(is_per_t)
        .then("factor")
        .otherwise(pl.lit(1.0))
    )
    needs_factor = is_lumpsum | is_per_t
    return (
        freights.with_columns(grade=_canonical(pl.col("grade"), reference.grades))
        .join(factors, on="grade", how="left", maintain_order="left")
        .with_columns(
            factor=pl.coalesce("bbl_per_t", "of_grade", pl.lit(any_crude)),
            factor_of=pl.when(pl.col("bbl_per_t").is_not_null())
            .then(pl.lit("as given"))
            .when(pl.col("of_grade").is_not_null())
            .then(pl.lit("of the grade"))
            .otherwise(pl.lit("of crude of unknown grade")),
        )
        .select(
            "route",
            "loading_region",
            "destination_country",
            "cargo_t",
            point_id=pl.lit(POINT) + pl.col("assessment_id"),
            loading_countries_or_ports="loading_ports",
            component=pl.lit("freight"),
            first_date="assessment_date",
            last_date="assessment_date",
            low_usd_per_bbl=low / bbl,
            high_usd_per_bbl=high / bbl,
            usd_million_low=pl.when(is_lumpsum).then(low / 1e6),
            usd_million_high=pl.when(is_lumpsum).then(high / 1e6),
            bbl_per_t=pl.when(needs_factor).then("factor"),
            source=_source_id(),
            note=pl.when(needs_factor)
            .then(pl.format("Held under licence, not to be passed on. Barrels per tonne {}.", "factor_of"))
            .otherwise(pl.lit("Held under licence, not to be passed on.")),
        )
        .select(FREIGHT_POINTS.polars_schema().names())
    )


def _canonical(grade: pl.Expr, grades: pl.DataFrame) -> pl.Expr:
    """The name of the grade that an alias or another spelling means; other names as they are, blank ones null."""
    names = {
        normalised(alias): name
        for name, aliases in grades.select("grade", "aliases").iter_rows()
        for alias in (name, *(aliases or "").split(";"))
        if alias
    }
    return pl.coalesce(normalised_expr(grade).replace_strict(names, default=None, return_dtype=pl.String), grade)


def _source_id() -> pl.Expr:
    bare = pl.col("publisher").str.to_uppercase().str.replace_all(r"[^A-Z0-9]+", "-").str.strip_chars("-")
    return (pl.lit(SOURCE) + bare).str.strip_chars_end("-")


def _sources(*assessments: pl.DataFrame) -> pl.DataFrame:
    """One row of `FIGURE_SOURCES` per publisher."""
    facts = [frame.select("publisher", "file", "licence_note", source_id=_source_id()) for frame in assessments]
    return (
        pl.concat(facts)
        .sort("source_id", "publisher", "file", "licence_note")
        .group_by("source_id", maintain_order=True)
        .agg(
            pl.col("publisher").first(),
            reference=pl.lit("licensed files: ") + pl.col("file").unique(maintain_order=True).str.join(", "),
            licence=pl.col("licence_note").unique(maintain_order=True).str.join("; "),
            note=pl.lit("Held under licence by whoever runs this warehouse: not to be passed on."),
        )
        .select(FIGURE_SOURCES.polars_schema().names())
    )


def crea_voyages(export: pl.DataFrame) -> pl.DataFrame:
    """`CREA_VOYAGES` from rows of `CREA_VOYAGE_EXPORT` with their `file`."""
    imo = pl.col("ship_imo").str.extract(f"^({IMO_NUMBER})$", 1)
    return export.select(
        "file",
        "status",
        "commodity",
        "departure_port_name",
        "arrival_port_name",
        "pricing_scenario",
        voyage_id="id",
        origin_country="commodity_origin_iso2",
        destination_country="commodity_destination_iso2",
        departed_on=_day("departure_date_utc"),
        departure_port="departure_unlocode",
        arrived_on=_day("arrival_date_utc"),
        arrival_port="arrival_unlocode",
        vessel_imo=pl.when(imo_check_digit_holds(imo)).then(imo),
        vessel_name="ship_name",
        estimated_t="value_tonne",
        estimated_value_eur="value_eur",
        estimated_value_usd="value_usd",
    ).select(CREA_VOYAGES.polars_schema().names())


def _day(instant: str) -> pl.Expr:
    return pl.col(instant).str.head(10).str.to_date("%Y-%m-%d")


def opensanctions_vessels(export: pl.DataFrame) -> pl.DataFrame:
    """`OPENSANCTIONS_VESSELS` from rows of `OPENSANCTIONS_EXPORT` about vessels, with their `file`."""
    number = pl.element().str.strip_chars().str.extract(rf"(?i)^(?:IMO)?\s*({IMO_NUMBER})$", 1)
    numbers = (
        pl.col("imo").str.split(";").list.eval(pl.when(imo_check_digit_holds(number)).then(number)).list.drop_nulls()
    )
    return export.select(
        "file",
        "risk",
        "datasets",
        "countries",
        "flag",
        "mmsi",
        "url",
        opensanctions_id="id",
        vessel_name="caption",
        imo_numbers=pl.when(numbers.list.len() > 0).then(numbers.list.unique(maintain_order=True).list.join(";")),
        other_names="aliases",
    ).select(OPENSANCTIONS_VESSELS.polars_schema().names())
