"""What lists of vessels under sanctions have in common: numbers, days of editions, and known traps.

Here: reading IMO numbers, the day of a copy, and the checks that every list gets.
Add here: a trap that lists of several authorities share.
Keep out: the format of one authority's list (a module each).
"""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from pipelines.contracts.shipments import IMO_NUMBER, imo_check_digit_holds
from pipelines.contracts.table import Table
from pipelines.sources.upstream import BY_HAND, Band, Quirk, SourceFault

# Lists change on any day, so there is no calendar: a copy that nobody has seen for a week may miss listings.
LONGEST_SILENCE_DAYS = 7
# So many ships on one day happen (the UK listed 135 on 2025-07-21), but not a whole list.
_ONE_DAY_SHIPS = 10

HAS_NUMBER = Band(
    0.9, 1, "631 of the 632 ships on the UK list of 2026-05-13 had a valid number, and all 457 of an extract of OFAC's"
)


def rows_of(body: bytes, **options: Any) -> pl.DataFrame:
    """The rows of a CSV as text. Raises `SourceFault` in words that repeat nothing of the file: it names persons."""
    try:
        return pl.read_csv(body, infer_schema=False, encoding="utf8-lossy", **options)
    except pl.exceptions.PolarsError:
        raise SourceFault(
            "columns_as_expected", "its rows do not all have the same columns: it was cut short, or has a new column"
        ) from None


def imo_number(published: pl.Expr) -> pl.Expr:
    """The seven digits of a number that may be written `IMO 9187629`; null where they are none or not valid."""
    digits = published.str.strip_chars().str.extract(rf"(?i)^(?:IMO)?[\s:]*({IMO_NUMBER})$", 1)
    return pl.when(imo_check_digit_holds(digits)).then(digits)


def day_of_copy(document: str) -> dt.date:
    """The day of a list that does not say it itself, from its file's name. Raises `SourceFault`."""
    days = re.findall(r"\d{4}-\d{2}-\d{2}", document)
    try:
        (day,) = days
        return dt.date.fromisoformat(day)
    except ValueError:
        raise SourceFault(
            "dated", "the list does not say of which day it is; put the day into its name, such as list_2026-03-20.csv"
        ) from None


def last_seen(table: Table) -> Mapping[str, pl.Expr]:
    """Period ends of a list: a fetched one speaks for the day it was last seen, a file for the day it became known."""
    is_file = pl.col("document").str.starts_with(BY_HAND)
    return {table.name: pl.when(is_file).then(pl.col("known_on")).otherwise(pl.col("last_seen_at").dt.date())}


def newest_expected(today: dt.date) -> dt.date:
    """Lists are due every day."""
    return today - dt.timedelta(days=LONGEST_SILENCE_DAYS)


def _not_valid(vessels: pl.DataFrame) -> pl.DataFrame:
    wrong = pl.col("imo_as_published").is_not_null() & pl.col("vessel_imo").is_null()
    return vessels.filter(pl.col("is_latest") & wrong).select("list_reference", "vessel_name", "imo_as_published")


def _not_unique(vessels: pl.DataFrame) -> pl.DataFrame:
    numbered = vessels.filter(pl.col("is_latest") & pl.col("vessel_imo").is_not_null())
    return (
        numbered.filter(pl.col("list_reference").n_unique().over("vessel_imo") > 1)
        .select("vessel_imo", "list_reference", "vessel_name")
        .sort("vessel_imo", "list_reference")
    )


def _one_day_for_all(vessels: pl.DataFrame) -> pl.DataFrame:
    return (
        vessels.group_by("document")
        .agg(
            ships=pl.col("listed_on").count(), days=pl.col("listed_on").n_unique(), listed_on=pl.col("listed_on").max()
        )
        .filter((pl.col("days") == 1) & (pl.col("ships") > _ONE_DAY_SHIPS))
        .drop("days")
        .sort("document")
    )


QUIRKS = (
    Quirk(
        "imo_numbers_are_valid",
        "Published IMO numbers are seven digits, with or without IMO before them, and their check digit agrees. "
        "A vessel without a valid number is matched with no cargo.",
        _not_valid,
    ),
    Quirk("imo_numbers_are_unique", "No two entries of the list have the same IMO number.", _not_unique),
    Quirk(
        "list_day_is_no_listing_day",
        "Not all ships of a document were listed on one and the same day: that would be the day of the list.",
        _one_day_for_all,
    ),
)
