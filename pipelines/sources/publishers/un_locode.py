"""UN/LOCODE, the United Nations' codes for trade and transport locations.

Fetched as the CSV of the package datasets/un-locode; read also from the form of UNECE: `UNLOCODE CodeListPart1.csv`
to `Part3.csv`, without a header, singly or zipped. The two forms differ in the order of function and status. A place
may stand there twice with two names, and many places have no position.
"""

import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterable, Mapping

import polars as pl

from pipelines.contracts.ports import UN_LOCODES
from pipelines.sources.upstream import Band, Plan, Quirk, Request, Source, SourceFault, require_columns

URL = "https://raw.githubusercontent.com/datasets/un-locode/main/data/code-list.csv"
COLUMNS = (
    "Change",
    "Country",
    "Location",
    "Name",
    "NameWoDiacritics",
    "Subdivision",
    "Function",
    "Status",
    "Date",
    "IATA",
    "Coordinates",
    "Remarks",
)
PART = re.compile(r"CodeListPart\d+\.csv$", re.IGNORECASE)
FUNCTIONS = r"^[0-9B-]{8}$"
# Two editions a year.
RENEWED_WITHIN_DAYS = 400


def requests(_: Plan) -> Iterable[Request]:
    """The newest edition of the package."""
    yield Request("code-list.csv", URL)


def read(_: str, body: bytes) -> Mapping[str, pl.DataFrame]:
    """The places of a document in either form."""
    if body[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            parts = [archive.read(name) for name in sorted(archive.namelist()) if PART.search(name)]
        if not parts:
            raise SourceFault("columns_as_expected", "the archive holds no CodeListPart")
        table = pl.concat(_rows(part) for part in parts)
    else:
        table = _rows(body)
    return {UN_LOCODES.name: _places(table)}


def _rows(body: bytes) -> pl.DataFrame:
    text = _text(body)
    if text.startswith("Change,"):
        table = pl.read_csv(text.encode(), infer_schema=False)
        require_columns(table.columns, COLUMNS)
    else:
        table = pl.read_csv(text.encode(), infer_schema=False, has_header=False)
        if table.width != len(COLUMNS):
            raise SourceFault("columns_as_expected", f"{table.width} columns instead of {len(COLUMNS)}")
        table = table.rename(dict(zip(table.columns, COLUMNS, strict=True)))
    return table.select(pl.col(COLUMNS).str.strip_chars().replace("", None))


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1252")  # UNECE's own files until 2024


def _places(table: pl.DataFrame) -> pl.DataFrame:
    # A row without a place is the heading of a country.
    places = table.filter(pl.col("Location").is_not_null())
    if (
        astray := places.filter(~pl.col("Function").str.contains(FUNCTIONS).fill_null(False))
    ).height > places.height / 100:
        raise SourceFault("columns_as_expected", f"the functions of {astray.height:,} places are not eight marks")
    position = pl.col("Coordinates").str.extract_groups(r"^(\d{2})([0-5]\d)([NS])\s+(\d{3})([0-5]\d)([EW])$")
    return (
        places.with_columns(position=position)
        .select(
            un_locode=pl.concat_str("Country", "Location"),
            country="Country",
            place_name="Name",
            plain_name=pl.coalesce("NameWoDiacritics", "Name"),
            subdivision="Subdivision",
            is_port=pl.col("Function").str.starts_with("1").fill_null(False),
            functions=pl.col("Function").fill_null("--------"),
            status="Status",
            change="Change",
            coordinates="Coordinates",
            latitude_deg=_degrees("1", "2", "3", "S"),
            longitude_deg=_degrees("4", "5", "6", "W"),
        )
        .unique(UN_LOCODES.key, keep="first", maintain_order=True)
    )


def _degrees(degrees: str, minutes: str, side: str, negative: str) -> pl.Expr:
    part = pl.col("position").struct.field
    value = part(degrees).cast(pl.Float64) + part(minutes).cast(pl.Float64) / 60
    return pl.when(part(side) == negative).then(-value).otherwise(value)


def _unread_positions(places: pl.DataFrame) -> pl.DataFrame:
    unread = pl.col("coordinates").is_not_null() & pl.col("latitude_deg").is_null()
    off = (pl.col("latitude_deg").abs() > 90) | (pl.col("longitude_deg").abs() > 180)
    return places.filter(pl.col("is_latest") & (unread | off)).select("un_locode", "place_name", "coordinates")


SOURCE = Source(
    name="un_locode",
    title="codes of ports and other places",
    publisher="UNECE, by way of the package datasets/un-locode",
    licence="ODC-PDDL for the package; UNECE: free to use with attribution",
    attribution="Source: UN/LOCODE, United Nations Economic Commission for Europe",
    tables=(UN_LOCODES,),
    requests=requests,
    read=read,
    # No form says of which edition it is.
    period_end={UN_LOCODES.name: pl.col("last_seen_at").dt.date()},
    newest_expected=lambda today: today - dt.timedelta(days=RENEWED_WITHIN_DAYS),
    rows={UN_LOCODES.name: Band(1_000, 500_000, "some 116,000 places in all, a third of them in each part")},
    quirks={
        UN_LOCODES.name: [
            Quirk("positions_can_be_read", "Positions are written 6022N 02838E and lie on earth.", _unread_positions)
        ]
    },
)
