"""World Port Index (Pub. 150) of the US National Geospatial-Intelligence Agency.

Read from `UpdatedPub150.csv` by header: the whole file of some 107 columns, or fewer of them. A country is a name, a
blank cell is one space, a depth of 0 means that none is given, and UN/LOCODE is written with a space. Many oil
terminals are `Unknown`; Kozmino, Prigorodnoye, Taman and Varandey are missing, and Ust-Luga is called Reka Luga.
"""

import datetime as dt
from collections.abc import Iterable, Mapping

import polars as pl

from pipelines.contracts.ports import WORLD_PORT_INDEX
from pipelines.sources.upstream import Band, Plan, Quirk, Request, Source, SourceFault, require_columns

URL = "https://msi.nga.mil/api/publications/download"
TEXTS = {
    "port_name": "Main Port Name",
    "other_name": "Alternate Port Name",
    "country_name": "Country Code",
    "region_name": "Region Name",
    "water_body": "World Water Body",
    "harbor_size": "Harbor Size",
    "harbor_type": "Harbor Type",
}
METRES = {
    "channel_depth_m": "Channel Depth (m)",
    "anchorage_depth_m": "Anchorage Depth (m)",
    "cargo_pier_depth_m": "Cargo Pier Depth (m)",
    "oil_terminal_depth_m": "Oil Terminal Depth (m)",
    "lng_terminal_depth_m": "Liquified Natural Gas Terminal Depth (m)",
    "max_vessel_length_m": "Maximum Vessel Length (m)",
    "max_vessel_draft_m": "Maximum Vessel Draft (m)",
    "offshore_max_vessel_draft_m": "Offshore Maximum Vessel Draft (m)",
}
FACILITIES = {
    "has_ice_restriction": "Entrance Restriction - Ice",
    "has_liquid_bulk": "Facilities - Liquid Bulk",
    "has_oil_terminal": "Facilities - Oil Terminal",
    "has_lng_terminal": "Facilities - LNG Terminal",
}
NUMBER, CODE, LATITUDE, LONGITUDE = "World Port Index Number", "UN/LOCODE", "Latitude", "Longitude"
# The index is renewed now and then, without a calendar: a copy of more than a year is worth renewing.
RENEWED_WITHIN_DAYS = 400


def requests(_: Plan) -> Iterable[Request]:
    """The index as it stands."""
    yield Request("UpdatedPub150.csv", URL, {"type": "view", "key": "16920959/SFH00000/UpdatedPub150.csv"})


def read(_: str, body: bytes) -> Mapping[str, pl.DataFrame]:
    """The ports of a document."""
    table = pl.read_csv(body, infer_schema=False)
    require_columns(
        table.columns,
        (NUMBER, CODE, LATITUDE, LONGITUDE, *TEXTS.values(), *METRES.values(), *FACILITIES.values()),
    )
    table = table.select(pl.all().str.strip_chars().replace("", None))
    answers = set(table.select(pl.concat(pl.col(name) for name in FACILITIES.values())).to_series().drop_nulls())
    if strange := answers - {"Yes", "No", "Unknown"}:
        raise SourceFault("vocabulary_as_expected", f"{min(strange)!r} where Yes, No or Unknown is expected")
    code = pl.col(CODE).str.extract(r"^([A-Z]{2} ?[A-Z0-9]{3})$", 1).str.replace(" ", "", literal=True)
    ports = table.select(
        wpi_number=pl.col(NUMBER).str.strip_suffix(".0"),
        un_locode=code,
        latitude_deg=pl.col(LATITUDE).cast(pl.Float64),
        longitude_deg=pl.col(LONGITUDE).cast(pl.Float64),
        **{name: pl.col(column) for name, column in TEXTS.items()},
        **{name: _given(pl.col(column).cast(pl.Float64)) for name, column in METRES.items()},
        **{
            name: pl.col(column).replace_strict({"Yes": "yes", "No": "no"}, default=None, return_dtype=pl.String)
            for name, column in FACILITIES.items()
        },
    )
    countries = pl.DataFrame(_countries(ports), schema={"country_name": pl.String, "country": pl.String}, orient="row")
    return {WORLD_PORT_INDEX.name: ports.join(countries, on="country_name", how="left")}


def _given(metres: pl.Expr) -> pl.Expr:
    return pl.when(metres != 0).then(metres)


def _countries(ports: pl.DataFrame) -> list[tuple[str, str | None]]:
    """The two letters of each country's name: those of most of its codes, or else what ISO calls by that name."""
    import pycountry

    known = {country.alpha_2 for country in pycountry.countries}
    letters = (
        ports.select("country_name", country=pl.col("un_locode").str.head(2))
        .filter(pl.col("country").is_in(known))
        .group_by("country_name", "country")
        .len()
        .sort("len", "country", descending=[True, False])
        .unique("country_name", keep="first", maintain_order=True)
    )
    by_code = dict(letters.select("country_name", "country").iter_rows())

    def by_name(name: str) -> str | None:
        try:
            return str(pycountry.countries.lookup(name).alpha_2)
        except LookupError:
            return None

    return [(name, by_code.get(name) or by_name(name)) for name in ports["country_name"].drop_nulls().unique()]


def _off_the_earth(ports: pl.DataFrame) -> pl.DataFrame:
    off = (pl.col("latitude_deg").abs() > 90) | (pl.col("longitude_deg").abs() > 180)
    return ports.filter(pl.col("is_latest") & off).select("wpi_number", "port_name", "latitude_deg", "longitude_deg")


def _same_number(ports: pl.DataFrame) -> pl.DataFrame:
    same = pl.len().over("wpi_number") > 1
    return ports.filter("is_latest").filter(same).select("wpi_number", "port_name", "other_name").sort(pl.all())


def _without_country(ports: pl.DataFrame) -> pl.DataFrame:
    unknown = pl.col("is_latest") & pl.col("country").is_null()
    return ports.filter(unknown).select("wpi_number", "port_name", "country_name")


SOURCE = Source(
    name="world_port_index",
    title="ports with position, depths and terminals",
    publisher="US National Geospatial-Intelligence Agency",
    licence="US public domain",
    attribution="Source: US National Geospatial-Intelligence Agency, World Port Index (Pub. 150)",
    tables=(WORLD_PORT_INDEX,),
    requests=requests,
    read=read,
    # The index does not say of which day it is.
    period_end={WORLD_PORT_INDEX.name: pl.col("last_seen_at").dt.date()},
    newest_expected=lambda today: today - dt.timedelta(days=RENEWED_WITHIN_DAYS),
    rows={WORLD_PORT_INDEX.name: Band(100, 10_000, "some 3,000 ports in the whole index, hundreds in an extract")},
    fill_rates={
        f"{WORLD_PORT_INDEX.name}.un_locode": Band(0.5, 1, "nine ports in ten have a code"),
        f"{WORLD_PORT_INDEX.name}.latitude_deg": Band(1, 1, "every port has a position"),
        f"{WORLD_PORT_INDEX.name}.longitude_deg": Band(1, 1, "every port has a position"),
    },
    quirks={
        WORLD_PORT_INDEX.name: [
            Quirk("positions_are_on_earth", "Latitude within 90 and longitude within 180 degrees.", _off_the_earth),
            Quirk("numbers_are_unique", "No World Port Index number stands there twice.", _same_number),
            Quirk(
                "countries_are_known",
                "Every country name gives an ISO code; a port without one is not among reference.ports.",
                _without_country,
            ),
        ]
    },
)
