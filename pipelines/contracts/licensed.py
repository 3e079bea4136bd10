"""Contracts of files that users hold under a licence, or on terms that forbid to pass them on.

Here: the columns of such files, and the tables that are kept of other people's exports.
Add here: another kind of such file.
Keep out: the files themselves, which are never part of the project, and what is made of them
(`pipelines.transforms.licensed`).
"""

from collections.abc import Iterable

import polars as pl

from pipelines.contracts.shipments import IMO_NUMBER, UN_LOCODE, country_codes
from pipelines.contracts.table import Column, FrameCheck, Table

_ASSESSMENT_ID = Column("assessment_id", pl.String(), "id of the assessment, unique in all files", required=True)
_ASSESSMENT_DATE = Column("assessment_date", pl.Date(), "day the assessment is for and is public from", required=True)
_PUBLISHER = Column("publisher", pl.String(), "who assesses", required=True)
_LICENCE = Column("licence_note", pl.String(), "the licence it is held under, and what it allows", required=True)


def _range(low: str, high: str, mid: str) -> tuple[FrameCheck, ...]:
    return (
        FrameCheck(
            "low_and_high_or_mid",
            f"there must be both {low} and {high}, or {mid}",
            mid,
            pl.col(mid).is_not_null() | (pl.col(low).is_not_null() & pl.col(high).is_not_null()),
        ),
        FrameCheck(
            "low_not_above_high",
            f"{low} must not be above {high}",
            low,
            (pl.col(low) <= pl.col(high)).fill_null(True),
        ),
    )


def price_assessments(incoterms: Iterable[str]) -> Table:
    """The price-assessments table for these delivery terms."""
    return Table(
        schema="input",
        name="price_assessments",
        grain="one row per assessment of a price; held under licence, not to be passed on",
        key=("assessment_id",),
        columns=(
            _ASSESSMENT_ID,
            _ASSESSMENT_DATE,
            Column("quote", pl.String(), "name of the quote as its publisher calls it", required=True),
            Column("grade", pl.String(), "grade of the crude it is a price of (empty: none of the known ones)"),
            Column("low_usd_per_bbl", pl.Float64(), "low end", unit="USD/bbl", above=0),
            Column("high_usd_per_bbl", pl.Float64(), "high end", unit="USD/bbl", above=0),
            Column("mid_usd_per_bbl", pl.Float64(), "single figure", unit="USD/bbl", above=0),
            Column("basis", pl.String(), "delivery term of the price", required=True, allowed=tuple(incoterms)),
            Column("place", pl.String(), "place of the delivery term, such as Primorsk", required=True),
            _PUBLISHER,
            _LICENCE,
        ),
        checks=_range("low_usd_per_bbl", "high_usd_per_bbl", "mid_usd_per_bbl"),
    )


def freight_assessments() -> Table:
    """The freight-assessments table."""
    return Table(
        schema="input",
        name="freight_assessments",
        grain="one row per assessment of a freight; held under licence, not to be passed on",
        key=("assessment_id",),
        columns=(
            _ASSESSMENT_ID,
            _ASSESSMENT_DATE,
            Column("route", pl.String(), "route and ship as the publisher calls them", required=True),
            Column("loading_region", pl.String(), "where it starts, such as baltic", required=True),
            Column(
                "loading_ports",
                pl.String(),
                "ports it starts from as UN/LOCODEs, separated by ;",
                pattern=rf"{UN_LOCODE}(;{UN_LOCODE})*",
            ),
            Column(
                "destination_country",
                pl.String(),
                "country it leads to as two-letter ISO 3166 code",
                required=True,
                allowed=country_codes(),
            ),
            Column(
                "rate_unit",
                pl.String(),
                "what the rate is paid for: a barrel, a tonne, or the voyage (usd_lumpsum)",
                required=True,
                allowed=("usd_per_bbl", "usd_per_t", "usd_lumpsum"),
            ),
            Column("low_rate", pl.Float64(), "low end", unit="rate_unit", above=0),
            Column("high_rate", pl.Float64(), "high end", unit="rate_unit", above=0),
            Column("mid_rate", pl.Float64(), "single figure", unit="rate_unit", above=0),
            Column("cargo_t", pl.Float64(), "cargo of the voyage", unit="t", above=0),
            Column("grade", pl.String(), "grade that is carried; its density makes tonnes of barrels"),
            Column("bbl_per_t", pl.Float64(), "barrels per tonne to use instead", unit="bbl/t", above=0),
            _PUBLISHER,
            _LICENCE,
        ),
        checks=(
            *_range("low_rate", "high_rate", "mid_rate"),
            FrameCheck(
                "lumpsum_needs_cargo",
                "a rate for the voyage needs cargo_t",
                "cargo_t",
                (pl.col("rate_unit") != "usd_lumpsum").fill_null(True) | pl.col("cargo_t").is_not_null(),
            ),
        ),
    )


def _is_day(instant: str) -> FrameCheck:
    return FrameCheck(
        f"{instant}_is_day",
        f"{instant} must begin with a day of the calendar written YYYY-MM-DD",
        instant,
        pl.col(instant).is_null() | pl.col(instant).str.head(10).str.to_date("%Y-%m-%d", strict=False).is_not_null(),
    )


# The columns of the export `voyage?format=csv` of api.russiafossiltracker.com that are used.
CREA_VOYAGE_EXPORT = Table(
    schema="input",
    name="crea_voyages",
    grain="one row per voyage as the tracker estimates it",
    key=("id",),
    columns=(
        Column("id", pl.String(), "id of the voyage in the tracker", required=True),
        Column("status", pl.String(), "completed, ongoing or undetected_arrival"),
        Column("commodity", pl.String(), "commodity as the tracker calls it", required=True),
        Column("commodity_origin_iso2", pl.String(), "origin of the commodity"),
        Column("commodity_destination_iso2", pl.String(), "destination of the commodity"),
        Column("departure_date_utc", pl.String(), "departure, YYYY-MM-DD and a time", required=True),
        Column("departure_port_name", pl.String(), "port of departure"),
        Column("departure_unlocode", pl.String(), "its UN/LOCODE"),
        Column("arrival_date_utc", pl.String(), "arrival, YYYY-MM-DD and a time"),
        Column("arrival_port_name", pl.String(), "port of arrival"),
        Column("arrival_unlocode", pl.String(), "its UN/LOCODE"),
        Column("ship_imo", pl.String(), "IMO number of the ship"),
        Column("ship_name", pl.String(), "name of the ship"),
        Column("value_tonne", pl.Float64(), "quantity as the tracker estimates it", required=True, at_least=0),
        Column("value_eur", pl.Float64(), "value as the tracker estimates it", at_least=0),
        Column("value_usd", pl.Float64(), "value as the tracker estimates it", at_least=0),
        Column("pricing_scenario", pl.String(), "how it was priced"),
    ),
    checks=(_is_day("departure_date_utc"), _is_day("arrival_date_utc")),
)

CREA_VOYAGES = Table(
    schema="staging",
    name="crea_voyages",
    grain="one row per voyage in CREA's tracker: its estimates, for cross-checks alone; not to be passed on",
    key=("voyage_id",),
    columns=(
        Column("file", pl.String(), "file the row comes from", required=True),
        Column("voyage_id", pl.String(), "id of the voyage in the tracker", required=True),
        Column("status", pl.String(), "completed, ongoing or undetected_arrival"),
        Column("commodity", pl.String(), "commodity as the tracker calls it", required=True),
        Column("origin_country", pl.String(), "origin of the commodity as the tracker sees it"),
        Column("destination_country", pl.String(), "destination of the commodity as the tracker sees it"),
        Column("departed_on", pl.Date(), "day of departure, UTC", required=True),
        Column("departure_port_name", pl.String(), "port of departure"),
        Column("departure_port", pl.String(), "its UN/LOCODE"),
        Column("arrived_on", pl.Date(), "day of arrival, UTC; empty: none seen"),
        Column("arrival_port_name", pl.String(), "port of arrival"),
        Column("arrival_port", pl.String(), "its UN/LOCODE"),
        Column("vessel_imo", pl.String(), "IMO number", pattern=IMO_NUMBER),
        Column("vessel_name", pl.String(), "name of the ship"),
        Column("estimated_t", pl.Float64(), "quantity as estimated", unit="t", required=True, at_least=0),
        Column("estimated_value_eur", pl.Float64(), "value as estimated", unit="EUR", at_least=0),
        Column("estimated_value_usd", pl.Float64(), "value as estimated", unit="USD", at_least=0),
        Column("pricing_scenario", pl.String(), "how it was priced"),
    ),
)

# The columns of OpenSanctions' maritime.csv.
OPENSANCTIONS_EXPORT = Table(
    schema="input",
    name="opensanctions_maritime",
    grain="one row per vessel or company",
    key=("id",),
    columns=(
        Column("type", pl.String(), "VESSEL or ORGANIZATION; only vessels are read", required=True),
        Column("caption", pl.String(), "name", required=True),
        Column("imo", pl.String(), "IMO numbers, separated by ;"),
        Column("risk", pl.String(), "topics, separated by ;"),
        Column("countries", pl.String(), "countries it is linked to, separated by ;"),
        Column("flag", pl.String(), "flags, separated by ;"),
        Column("mmsi", pl.String(), "MMSI numbers, separated by ;"),
        Column("id", pl.String(), "id in OpenSanctions", required=True),
        Column("url", pl.String(), "its page"),
        Column("datasets", pl.String(), "data sets that mention it, separated by ;", required=True),
        Column("aliases", pl.String(), "other names, separated by ;"),
    ),
)

OPENSANCTIONS_VESSELS = Table(
    schema="staging",
    name="opensanctions_vessels",
    grain="one row per vessel in OpenSanctions: where it is mentioned, not since when; CC BY-NC, not to be passed on",
    key=("opensanctions_id",),
    columns=(
        Column("file", pl.String(), "file the row comes from", required=True),
        Column("opensanctions_id", pl.String(), "id in OpenSanctions", required=True),
        Column("vessel_name", pl.String(), "name", required=True),
        Column("imo_numbers", pl.String(), "valid IMO numbers, separated by ;"),
        Column("risk", pl.String(), "topics, separated by ;, such as sanction or mare.shadow"),
        Column("datasets", pl.String(), "data sets that mention it, separated by ;", required=True),
        Column("countries", pl.String(), "countries it is linked to, separated by ;"),
        Column("flag", pl.String(), "flags, separated by ;"),
        Column("mmsi", pl.String(), "MMSI numbers, separated by ;"),
        Column("other_names", pl.String(), "other names, separated by ;"),
        Column("url", pl.String(), "its page"),
    ),
)
