"""Ships on the UK Sanctions List of the Foreign, Commonwealth and Development Office.

Fetched as CSV, 30 to 50 MB: first a line with the day of the report, then one row for each name and address of an
entry. Only the rows of ships are read, one ship for each Unique ID; persons and companies are passed over. The list
says when each ship was designated. It is the only British list since the OFSI list ended on 2026-01-28. Copies of
earlier days extend the history. Also read: a table with one row per ship and the columns unique_id, primary_name,
imo_as_published and date_designated, with its day in the file's name (such as uk_ships_2026-05-13.csv).
"""

import csv
import datetime as dt
from collections.abc import Iterable, Mapping

import polars as pl

from pipelines.contracts.listings import UK_LISTED_VESSELS
from pipelines.sources.publishers.vessel_lists import (
    HAS_NUMBER,
    QUIRKS,
    day_of_copy,
    imo_number,
    last_seen,
    newest_expected,
    rows_of,
)
from pipelines.sources.upstream import Band, Editions, Plan, Request, Source, SourceFault, require_columns

URL = "https://sanctionslist.fcdo.gov.uk/docs/UK-Sanctions-List.csv"
REPORT_DATE = b"Report Date:"
NAMES = ("Name 1", "Name 2", "Name 3", "Name 4", "Name 5", "Name 6")
COLUMNS = ("Unique ID", *NAMES, "Name type", "Sanctions Imposed", "Date Designated", "IMO number")
# Columns that the list has called by more than one name.
EITHER = {
    "kind": ("Designation Type", "Individual, Entity, Ship"),
    "flag": ("Current believed flag of ship", "Current flag"),
    "vessel_type": ("Type of ship", "Type of vessel"),
}
SHIPS = ("unique_id", "primary_name", "other_names", "imo_as_published", "date_designated")


def requests(_: Plan) -> Iterable[Request]:
    """The list as it stands."""
    yield Request("UK-Sanctions-List.csv", URL)


def read(document: str, body: bytes) -> Mapping[str, pl.DataFrame]:
    """The ships of a document in either format."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    is_table_of_ships = body[:10] == b"unique_id,"
    return {UK_LISTED_VESSELS.name: _ships(document, body) if is_table_of_ships else _list(body)}


def _list(body: bytes) -> pl.DataFrame:
    head, _, rest = body.partition(b"\n")
    if not head.strip(b'\r" ').startswith(REPORT_DATE):
        raise SourceFault("columns_as_expected", "the first line does not say the day of the report")
    said = head.strip(b'\r" ,').removeprefix(REPORT_DATE).strip().decode("ascii", "replace")
    try:
        day = dt.datetime.strptime(said, "%d-%b-%Y").date()
    except ValueError:
        raise SourceFault("dated", f"the day of the report is {said[:20]!r}, expected such as 21-Sep-2026") from None
    header = [name.strip() for name in next(csv.reader([rest.partition(b"\n")[0].decode("utf-8", "replace")]), [])]
    require_columns(header, COLUMNS)
    found = {name: [column for column in columns if column in header] for name, columns in EITHER.items()}
    if missing := [" or ".join(EITHER[name]) for name, columns in found.items() if not columns]:
        raise SourceFault("columns_as_expected", f"missing {', '.join(missing)}")
    wanted = [*COLUMNS, *(columns[0] for columns in found.values())]
    # By place, because the header may carry blanks; only what is said of ships ever leaves this reader.
    table = rows_of(rest, columns=[header.index(name) for name in wanted])
    table = table.rename({column: column.strip() for column in table.columns})
    rows = table.filter(pl.col(found["kind"][0]).str.strip_chars().str.to_lowercase() == "ship")
    return _one_per_entry(rows.with_columns(pl.all().str.strip_chars().replace("", None)), found, day)


def _one_per_entry(rows: pl.DataFrame, found: Mapping[str, list[str]], day: dt.date) -> pl.DataFrame:
    name = pl.concat_str(NAMES, separator=" ", ignore_nulls=True)
    is_primary = (pl.col("Name type").str.to_lowercase() == "primary name").fill_null(False)
    dates = pl.col("Date Designated").str.to_date("%d/%m/%Y", strict=False)
    if (lost := rows.filter(dates.is_null() & pl.col("Date Designated").is_not_null())).height:
        raise SourceFault("dates_as_expected", f"{lost['Date Designated'][0][:20]!r} is not a day written DD/MM/YYYY")
    return (
        rows.with_columns(name=name, listed_on=dates, is_primary=is_primary)
        .sort("is_primary", descending=True, maintain_order=True)
        .group_by("Unique ID", maintain_order=True)
        .agg(
            vessel_name=pl.col("name").first(),
            other_names=pl.col("name").unique(maintain_order=True).drop_nulls(),
            imo_as_published=pl.col("IMO number").drop_nulls().first(),
            listed_on=pl.col("listed_on").min(),
            measures=pl.col("Sanctions Imposed").drop_nulls().first().str.replace_all("|", ";", literal=True),
            vessel_type=pl.col(found["vessel_type"][0]).drop_nulls().first(),
            flag=pl.col(found["flag"][0]).drop_nulls().first(),
        )
        .select(
            "vessel_name",
            "imo_as_published",
            "listed_on",
            "measures",
            "vessel_type",
            "flag",
            vessel_imo=imo_number(pl.col("imo_as_published")),
            other_names=_joined(pl.col("other_names").list.set_difference(pl.concat_list("vessel_name"))),
            programme=_regime(pl.col("Unique ID")),
            list_reference="Unique ID",
            list_date=pl.lit(day),
        )
    )


def _ships(document: str, body: bytes) -> pl.DataFrame:
    table = rows_of(body)
    require_columns(table.columns, SHIPS)
    return table.select(
        vessel_imo=imo_number(pl.col("imo_as_published")),
        imo_as_published="imo_as_published",
        vessel_name="primary_name",
        other_names=_joined(pl.col("other_names").str.split(" | ")),
        programme=_regime(pl.col("unique_id")),
        list_reference="unique_id",
        listed_on=pl.col("date_designated").str.to_date("%Y-%m-%d"),
        measures=pl.lit(None, pl.String),
        vessel_type=pl.lit(None, pl.String),
        flag=pl.lit(None, pl.String),
        list_date=pl.lit(day_of_copy(document)),
    )


def _regime(unique_id: pl.Expr) -> pl.Expr:
    """The letters at the start of an id: RUS of RUS2906."""
    return unique_id.str.extract(r"^([A-Z]+)", 1)


def _joined(names: pl.Expr) -> pl.Expr:
    joined = names.list.sort().list.join(";")
    return pl.when(joined != "").then(joined)


SOURCE = Source(
    name="uk_sanctions_list",
    title="ships on the UK Sanctions List",
    publisher="UK Foreign, Commonwealth and Development Office",
    licence="Open Government Licence v3.0",
    attribution="Contains public sector information licensed under the Open Government Licence v3.0: UK Sanctions List",
    tables=(UK_LISTED_VESSELS,),
    requests=requests,
    read=read,
    period_end=last_seen(UK_LISTED_VESSELS),
    # A designation is public on its day.
    published_on={UK_LISTED_VESSELS.name: pl.col("listed_on")},
    newest_expected=newest_expected,
    edition_columns=("list_date",),
    editions={UK_LISTED_VESSELS.name: Editions("list_date", is_part=pl.lit(False))},
    rows={
        UK_LISTED_VESSELS.name: Band(500, 5_000, "632 ships on 2026-05-13, more every year; fewer: the file was cut")
    },
    fill_rates={
        f"{UK_LISTED_VESSELS.name}.vessel_imo": HAS_NUMBER,
        f"{UK_LISTED_VESSELS.name}.listed_on": Band(0.99, 1, "all 632 ships on 2026-05-13 had a day of designation"),
    },
    quirks={UK_LISTED_VESSELS.name: QUIRKS},
)
