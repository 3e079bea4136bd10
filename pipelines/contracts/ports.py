"""Contracts of fetched lists of ports and places.

Here: the World Port Index and UN/LOCODE, as published.
Add here: another publisher's list of ports.
Keep out: ports as everything else uses them (`reference.ports`).
"""

import polars as pl

from pipelines.contracts.table import Column, Table

_YES_NO = ("yes", "no")


def _metres(name: str, meaning: str) -> Column:
    return Column(name, pl.Float64(), f"{meaning}; empty: not given", unit="m", above=0)


def _facility(name: str, meaning: str) -> Column:
    return Column(name, pl.String(), f"{meaning}; empty: not known", allowed=_YES_NO)


_LATITUDE = Column("latitude_deg", pl.Float64(), "latitude, north positive", unit="degree", at_least=-90)
_LONGITUDE = Column("longitude_deg", pl.Float64(), "longitude, east positive", unit="degree", at_least=-180)

WORLD_PORT_INDEX = Table(
    schema="staging",
    name="world_port_index",
    grain="one row per port and names; a few numbers stand there twice",
    key=("wpi_number", "port_name", "other_name"),
    columns=(
        Column("wpi_number", pl.String(), "World Port Index number", required=True, pattern=r"\d+(\.\d+)?"),
        Column("port_name", pl.String(), "main name", required=True),
        Column("other_name", pl.String(), "alternate names, separated by ;"),
        Column("un_locode", pl.String(), "UN/LOCODE as published, without its blank", pattern=r"[A-Z]{2}[A-Z0-9]{3}"),
        Column("country_name", pl.String(), "country as published", required=True),
        Column(
            "country",
            pl.String(),
            "ISO 3166 alpha-2: the code that most ports of the same country have in their UN/LOCODE, else by its name",
            pattern=r"[A-Z]{2}",
        ),
        Column("region_name", pl.String(), "region as published"),
        Column("water_body", pl.String(), "waters it lies at, separated by ;"),
        _metres("channel_depth_m", "depth of the channel"),
        _metres("anchorage_depth_m", "depth of the anchorage"),
        _metres("cargo_pier_depth_m", "depth at the cargo pier"),
        _metres("oil_terminal_depth_m", "depth at the oil terminal"),
        _metres("lng_terminal_depth_m", "depth at the terminal for liquefied gas"),
        _metres("max_vessel_length_m", "longest vessel"),
        _metres("max_vessel_draft_m", "deepest vessel"),
        _metres("offshore_max_vessel_draft_m", "deepest vessel offshore"),
        Column("harbor_size", pl.String(), "size as published"),
        Column("harbor_type", pl.String(), "type as published"),
        _facility("has_ice_restriction", "ice restricts the entrance"),
        _facility("has_liquid_bulk", "liquid bulk is handled"),
        _facility("has_oil_terminal", "an oil terminal is recorded"),
        _facility("has_lng_terminal", "a terminal for liquefied gas is recorded"),
        _LATITUDE,
        _LONGITUDE,
    ),
)

UN_LOCODES = Table(
    schema="staging",
    name="un_locodes",
    grain="one row per place and name",
    key=("un_locode", "place_name"),
    columns=(
        Column("un_locode", pl.String(), "code: country and place, without a blank", required=True),
        Column("country", pl.String(), "ISO 3166 alpha-2", required=True, pattern=r"[A-Z]{2}"),
        Column("place_name", pl.String(), "name", required=True),
        Column("plain_name", pl.String(), "name without diacritics", required=True),
        Column("subdivision", pl.String(), "ISO 3166-2 subdivision"),
        Column("is_port", pl.Boolean(), "its functions begin with 1: a port", required=True),
        Column("functions", pl.String(), "eight places, a digit or - for each function", required=True),
        Column("status", pl.String(), "status of the entry; XX: to be removed"),
        Column("change", pl.String(), "mark of change in this edition; X: to be removed"),
        Column("coordinates", pl.String(), "position as published, such as 6022N 02838E"),
        _LATITUDE,
        _LONGITUDE,
    ),
)
