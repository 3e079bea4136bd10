"""Evidence that is not a declared shipment, brought into the shape of a cargo.

Here: customs flows and published enforcement cases as cargoes.
Add here: a new kind of evidence, one function from its table to `CARGOES`.
Keep out: reading its files (sources) and judging it (judge).
"""

import polars as pl

from pipelines.contracts.cargoes import CARGOES
from pipelines.contracts.reference import PriceReference
from pipelines.contracts.rules import PROVIDER_ROLES
from pipelines.transforms.prices import priced, with_names

CIF = "CIF"


def customs_flows(figures: pl.LazyFrame, destination_country: str, reference: PriceReference) -> pl.LazyFrame:
    """Customs lines of one importer as cargoes: CIF unit values, days as windows.

    figures: rows of `JAPAN_CRUDE_FROM_RUSSIA`, of any series; only customs rows with a quantity become flows,
    so that a second series on the same oil is never added. Where no source tells the days of the voyage, the
    loading window is the period. A value published in US dollars beside the customs value widens the range.
    """
    flows = figures.filter((pl.col("series") == "customs") & (pl.col("quantity") > 0)).select(
        pl.col("figure_id").alias("shipment_id"),
        "quantity",
        "quantity_unit",
        "value",
        "value_usd",
        "currency",
        "origin_country",
        "grade",
        "origin_project",
        "vessel_imo",
        "vessel_name",
        "discharge_first",
        "discharge_last",
        evidence_kind=pl.lit("customs_flow"),
        evidence_source="source",
        contract_date=pl.lit(None, pl.Date),
        loading_first=pl.coalesce("loading_first", "period_first"),
        loading_last=pl.coalesce("loading_last", "period_last"),
        hs_code=pl.lit("2709"),
        loading_port=pl.lit(None, pl.String),
        discharge_port=pl.lit(None, pl.String),
        destination_country=pl.lit(destination_country),
        transport_mode=pl.lit("sea"),
        nexus=pl.lit(None, pl.String),
        **{role: pl.lit(None, pl.String) for role in PROVIDER_ROLES},
        incoterm=pl.lit(CIF),
        freight_cost=pl.lit(None, pl.Float64),
        insurance_cost=pl.lit(None, pl.Float64),
        other_cost=pl.lit(None, pl.Float64),
    )
    published = flows.select("shipment_id", published_usd_per_unit=pl.col("value_usd") / pl.col("quantity"))
    cargoes = priced(flows, reference).join(published, on="shipment_id", how="left")
    per_bbl = pl.col("published_usd_per_unit") / pl.col("bbl_per_unit")
    is_priced = pl.col("price_basis").is_not_null()
    low, high = pl.col("price_low_usd_per_bbl"), pl.col("price_high_usd_per_bbl")
    return (
        cargoes.with_columns(
            price_low_usd_per_bbl=pl.min_horizontal(
                low, (per_bbl - pl.col("estimated_costs_high_usd_per_bbl")).clip(lower_bound=0)
            ),
            # The unit value itself, costs included: the most the oil can have cost, and what was published.
            price_usd_per_bbl=high,
            price_high_usd_per_bbl=pl.max_horizontal(high, per_bbl),
            price_basis=pl.when(is_priced).then(pl.lit("customs_unit_value")),
        )
        .drop("published_usd_per_unit")
        .select(CARGOES.polars_schema().names())
    )


def enforcement_cases(cases: pl.LazyFrame, grades: pl.DataFrame) -> pl.LazyFrame:
    """Published price-cap cases as cargoes: a price floor ("above 80" is low = 80, high unknown), days as windows."""
    described = cases.with_columns(
        shipment_id="case_id",
        evidence_kind=pl.lit("enforcement_case"),
        evidence_source="source",
        origin_project=pl.lit(None, pl.String),
        transport_mode=pl.lit("sea"),
        price_usd_per_bbl=pl.when(pl.col("price_low_usd_per_bbl") == pl.col("price_high_usd_per_bbl")).then(
            "price_low_usd_per_bbl"
        ),
        # A floor is quoted as "above"; a bounded price is quoted as it is.
        is_price_above_low=pl.col("price_high_usd_per_bbl").is_null(),
        price_tolerance_usd_per_bbl=pl.lit(0.0),
        price_basis=pl.lit("enforcement_release"),
        price_notes=pl.when(pl.col("price_high_usd_per_bbl").is_null())
        .then(pl.lit(["price_floor_only"]))
        .otherwise(pl.lit([], pl.List(pl.String))),
    )
    named = with_names(described, grades)
    schema = CARGOES.polars_schema()
    present = named.collect_schema().names()
    return named.select(
        pl.col(name) if name in present else pl.lit(None, dtype).alias(name) for name, dtype in schema.items()
    )
