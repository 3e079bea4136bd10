"""Vessels on the list of Specially Designated Nationals of the US Treasury (OFAC).

Fetched as `SDN.CSV`: twelve columns without a header, `-0-` for null, the IMO number in the text of the remarks. Only
vessels are read. The list says neither its own day nor when an entry was put on it: every edition is kept, and
listing and delisting days follow from those that show a vessel. Copies of earlier days (the day in the file's name,
such as sdn_2026-03-20.csv) extend the history. Also read: an extract with the columns imo, name, programs,
vessel_type, flag and list_publication_date, as a part of the list.
"""

from collections.abc import Iterable, Mapping

import polars as pl

from pipelines.contracts.listings import OFAC_LISTED_VESSELS
from pipelines.sources.publishers.vessel_lists import (
    HAS_NUMBER,
    QUIRKS,
    day_of_copy,
    imo_number,
    last_seen,
    newest_expected,
    rows_of,
)
from pipelines.sources.upstream import BY_HAND, Band, Editions, Plan, Request, Source, SourceFault, require_columns

URL = "https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/SDN.CSV"
COLUMNS = (
    "ent_num",
    "SDN_Name",
    "SDN_Type",
    "Program",
    "Title",
    "Call_Sign",
    "Vess_type",
    "Tonnage",
    "GRT",
    "Vess_flag",
    "Vess_owner",
    "Remarks",
)
TYPES = {"individual", "vessel", "aircraft"}
EXTRACT = ("imo", "name", "programs", "vessel_type", "flag", "list_publication_date")
LEAST_VESSELS = 1000  # some 1,400 in 2026; a list that lost a third of them was cut short


def requests(_: Plan) -> Iterable[Request]:
    """The list as it stands."""
    yield Request("SDN.CSV", URL)


def read(document: str, body: bytes) -> Mapping[str, pl.DataFrame]:
    """The vessels of a document in either format."""
    is_extract = body.lstrip(b"\xef\xbb\xbf")[:4] == b"imo,"
    return {OFAC_LISTED_VESSELS.name: _extract(body) if is_extract else _list(document, body)}


def _list(document: str, body: bytes) -> pl.DataFrame:
    table = rows_of(body, has_header=False)
    if table.width != len(COLUMNS):
        raise SourceFault("columns_as_expected", f"{table.width} columns instead of {len(COLUMNS)}")
    text = pl.all().str.strip_chars()
    table = table.rename(dict(zip(table.columns, COLUMNS, strict=True))).select(
        pl.when(~text.is_in(["-0-", ""])).then(text)
    )
    # There is no header, so a column that moved shows by what stands in it.
    if strange := set(table["SDN_Type"].drop_nulls()) - TYPES:
        raise SourceFault("columns_as_expected", f"the third column holds {min(strange)[:20]!r} instead of a type")
    vessels = table.filter(pl.col("SDN_Type") == "vessel")
    if vessels.height < LEAST_VESSELS:
        raise SourceFault("volume_in_band", f"{vessels.height:,} vessels; expected at least {LEAST_VESSELS:,}")
    imo = pl.col("Remarks").str.extract(r"Vessel Registration Identification (IMO\s*[0-9A-Za-z]+)", 1)
    day = day_of_copy(document) if document.startswith(BY_HAND) else None
    return vessels.select(
        vessel_imo=imo_number(imo),
        imo_as_published=imo,
        vessel_name="SDN_Name",
        other_names=pl.lit(None, pl.String),
        # Written RUSSIA-EO14024] [UKRAINE-EO13662.
        programme=pl.col("Program").str.replace_all(r"\]\s*\[", ";").str.replace_all(r"[\[\]]", ""),
        list_reference="ent_num",
        listed_on=pl.lit(None, pl.Date),
        measures=pl.lit(None, pl.String),
        vessel_type="Vess_type",
        flag="Vess_flag",
        list_date=pl.lit(day, pl.Date),
    )


def _extract(body: bytes) -> pl.DataFrame:
    table = rows_of(body)
    require_columns(table.columns, EXTRACT)
    return table.select(
        vessel_imo=imo_number(pl.col("imo")),
        imo_as_published="imo",
        vessel_name="name",
        other_names=pl.lit(None, pl.String),
        programme=pl.col("programs").str.replace_all("|", ";", literal=True),
        list_reference=pl.lit(None, pl.String),
        listed_on=pl.lit(None, pl.Date),
        measures=pl.lit(None, pl.String),
        vessel_type="vessel_type",
        flag="flag",
        list_date=pl.col("list_publication_date").str.to_date("%Y-%m-%d"),
    )


SOURCE = Source(
    name="ofac_sdn",
    title="vessels on the list of Specially Designated Nationals",
    publisher="US Treasury, Office of Foreign Assets Control",
    licence="US public domain",
    attribution="Source: US Treasury, OFAC, list of Specially Designated Nationals",
    tables=(OFAC_LISTED_VESSELS,),
    requests=requests,
    read=read,
    period_end=last_seen(OFAC_LISTED_VESSELS),
    newest_expected=newest_expected,
    edition_columns=("list_date",),
    editions={OFAC_LISTED_VESSELS.name: Editions("list_date", is_part=pl.col("list_reference").is_null())},
    rows={
        OFAC_LISTED_VESSELS.name: Band(
            1,
            5_000,
            f"about 1,400 vessels of all programmes; an extract may hold a few, the list at least {LEAST_VESSELS}",
        )
    },
    fill_rates={f"{OFAC_LISTED_VESSELS.name}.vessel_imo": HAS_NUMBER},
    quirks={OFAC_LISTED_VESSELS.name: QUIRKS},
)
