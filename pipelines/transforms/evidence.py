"""Evidence that is not a declared shipment, brought into the shape of a cargo.

Here: customs flows and published enforcement cases as cargoes.
Add here: a new kind of evidence, one function from its table to `CARGOES`.
Keep out: reading its files (sources) and judging it (judge).
"""

import polars as pl

from pipelines.contracts.cargoes import CARGOES
from pipelines.contracts.reference import PriceReference
from pipelines.contracts.rules import PROVIDER_ROLES
from pipelines.transforms.customs import flow_mode
from pipelines.transforms.prices import net_usd, priced, with_names

CIF = "CIF"
_TEXT, _FIGURE, _DAY = pl.lit(None, pl.String), pl.lit(None, pl.Float64), pl.lit(None, pl.Date)


def line_flows(lines: pl.LazyFrame, importers: pl.DataFrame, reference: PriceReference) -> pl.LazyFrame:
    """Customs lines that become flows (`CUSTOMS_LINES` with a shipment_id) as cargoes.

    The month of a line is that of clearance, and is taken for loading and discharge alike (J-28). The price is the
    unit value less the freight that it may contain; the density is that of no grade, so it has the range of all.
    """
    days = pl.col("month").add("-01").str.to_date()
    arrival = importers.lazy().select("oil_arrives_by", importer_country="country")
    flows = (
        lines.filter(pl.col("shipment_id").is_not_null())
        .join(arrival, on="importer_country", how="left")
        .select(
            "shipment_id",
            "hs_code",
            "origin_country",
            "quantity",
            "quantity_unit",
            "currency",
            evidence_kind=pl.lit("customs_flow"),
            evidence_source="data_set",
            contract_date=_DAY,
            loading_first=days,
            loading_last=days.dt.month_end(),
            discharge_first=days,
            discharge_last=days.dt.month_end(),
            grade=_TEXT,
            origin_project=_TEXT,
            loading_port=_TEXT,
            discharge_port=_TEXT,
            destination_country="importer_country",
            transport_mode=flow_mode(),
            vessel_imo=_TEXT,
            vessel_name=_TEXT,
            nexus=_TEXT,
            **dict.fromkeys(PROVIDER_ROLES, _TEXT),
            # A value of zero is one that was not reported.
            value=pl.when(pl.col("value") > 0).then("value"),
            incoterm="valuation",
            **dict.fromkeys(("freight_cost", "insurance_cost", "other_cost"), _FIGURE),
        )
    )
    return (
        priced(flows, reference)
        .with_columns(price_usd_per_bbl=net_usd() / pl.col("quantity_bbl"), price_basis=_unit_value())
        .select(CARGOES.polars_schema().names())
    )


def _unit_value() -> pl.Expr:
    return pl.when(pl.col("price_basis").is_not_null()).then(pl.lit("customs_unit_value"))


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
    low, high = pl.col("price_low_usd_per_bbl"), pl.col("price_high_usd_per_bbl")
    return (
        cargoes.with_columns(
            price_low_usd_per_bbl=pl.min_horizontal(
                low, (per_bbl - pl.col("estimated_costs_high_usd_per_bbl")).clip(lower_bound=0)
            ),
            # The unit value itself, costs included: the most the oil can have cost, and what was published.
            price_usd_per_bbl=high,
            price_high_usd_per_bbl=pl.max_horizontal(high, per_bbl),
            price_basis=_unit_value(),
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
