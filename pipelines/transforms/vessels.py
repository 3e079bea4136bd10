"""Cargoes carried by vessels on a sanctions list.

Here: for each cargo, which authorities had its vessel on their list on the loading day.
Add here: another question about the vessel of a cargo.
Keep out: the price cap. A listed vessel changes no verdict, and a verdict says nothing about the vessel.
"""

import polars as pl

from pipelines.contracts.marts import LISTED_VESSEL_CARGOES
from pipelines.names import normalised_expr

# The listing that says most about the loading day comes first.
STATUSES = pl.Enum(LISTED_VESSEL_CARGOES.column("status").allowed or ())


def listings_on_loading(
    cargoes: pl.LazyFrame, listed_vessels: pl.DataFrame, verdicts: pl.LazyFrame, exemptions: pl.DataFrame
) -> pl.LazyFrame:
    """`LISTED_VESSEL_CARGOES`: one row per cargo and authority that has or had its vessel on the list.

    cargoes, verdicts: rows of `CARGOES` and `VERDICTS`; listed_vessels, exemptions: rows of `LISTED_VESSELS` and
    `EXEMPTIONS`, as known on the same day. The listing day counts as listed, the delisting day does not. A vessel
    stays on a list until a delisting is recorded. A vessel without an IMO number matches nothing.
    """
    listings = listed_vessels.lazy().select(
        "vessel_imo", "authority", "listed_on", "known_listed_on", "delisted_on", listed_name="vessel_name"
    )
    licences = verdicts.select("shipment_id", "exemption_id", authority="regime").join(
        exemptions.lazy().select(exemption_id="id", licence_names_listed_vessels="listed_vessels"),
        on="exemption_id",
        how="left",
    )
    return (
        cargoes.join(listings, on="vessel_imo")
        .with_columns(status=_status(), vessel_name=pl.coalesce("vessel_name", "listed_name"))
        .sort("shipment_id", "authority", "status", pl.col("known_listed_on"))
        .unique(["shipment_id", "authority"], keep="first", maintain_order=True)
        .join(licences, on=["shipment_id", "authority"], how="left", maintain_order="left")
        .with_columns(pl.col("status").cast(pl.String))
        .select(LISTED_VESSEL_CARGOES.polars_schema().names())
    )


def namesakes(cargoes: pl.LazyFrame, listed_vessels: pl.DataFrame) -> pl.LazyFrame:
    """Cargoes whose vessel has the name, but not the number, of a listed one: matched with none, for ships share names.

    Result: shipment_id, vessel_name, vessel_imo, authority, listed_name, listed_imo.
    """
    listed = listed_vessels.lazy().select(
        "authority",
        name_key=normalised_expr(pl.col("vessel_name")),
        listed_name="vessel_name",
        listed_imo="vessel_imo",
    )
    named = cargoes.select("shipment_id", "vessel_name", "vessel_imo").with_columns(
        name_key=normalised_expr(pl.col("vessel_name"))
    )
    numbers = listed.select("authority", "listed_imo").unique()
    return (
        named.join(listed.unique(), on="name_key")
        .join(numbers, left_on=["authority", "vessel_imo"], right_on=["authority", "listed_imo"], how="anti")
        .drop("name_key")
        .sort("shipment_id", "authority", "listed_imo")
    )


def _status() -> pl.Expr:
    first, last = pl.col("loading_first"), pl.col("loading_last")
    surely_from = pl.coalesce("listed_on", "known_listed_on")
    surely_until_after = pl.col("delisted_on").is_null() | (pl.col("delisted_on") > last)
    return (
        pl.when(pl.col("delisted_on") <= first)
        .then(pl.lit("delisted_before", STATUSES))
        .when(pl.col("listed_on") > last)
        .then(pl.lit("listed_later", STATUSES))
        .when((surely_from <= first) & surely_until_after)
        .then(pl.lit("listed", STATUSES))
        .otherwise(pl.lit("possibly_listed", STATUSES))
    )
