"""Contracts of what is known about publishers: what was asked for, what came, how fresh it is.

Here: requests, snapshots and freshness as tables, and the columns that every fetched table carries beside its own.
Add here: another fact about fetching that people should be able to query.
Keep out: what publishers publish (their tables stand in modules by subject).
"""

from dataclasses import replace

import polars as pl

from pipelines.contracts.table import Column, Table

_SOURCE_NAME = Column(
    "source_name", pl.String(), "publisher's data set, as in pipelines.sources.publishers", required=True
)
_DOCUMENT = Column("document", pl.String(), "name of the document within the data set", required=True)

SOURCE_REQUESTS = Table(
    schema="quality",
    name="source_requests",
    grain="one row per request to a publisher",
    key=("source_name", "document", "requested_at"),
    columns=(
        _SOURCE_NAME,
        _DOCUMENT,
        Column("url", pl.String(), "address asked, without keys", required=True),
        Column("requested_at", pl.Datetime("us", "UTC"), "when, UTC", required=True),
        Column("status", pl.Int64(), "HTTP status of the last answer; empty: no answer"),
        Column(
            "outcome",
            pl.String(),
            "new: bytes not seen before; unchanged: same bytes, or the publisher says so; failed: nothing usable came",
            required=True,
            allowed=("new", "unchanged", "failed"),
        ),
        Column("message", pl.String(), "what went wrong and what to do"),
        Column("sha256", pl.String(), "hash of the bytes"),
        Column("size_bytes", pl.Int64(), "length of the bytes", unit="bytes", at_least=0),
    ),
)

SOURCE_SNAPSHOTS = Table(
    schema="quality",
    name="source_snapshots",
    grain="one row per document and version that lies in the landing folder",
    key=("source_name", "document", "fetched_at"),
    columns=(
        _SOURCE_NAME,
        _DOCUMENT,
        Column("fetched_at", pl.Datetime("us", "UTC"), "when these bytes were first seen, UTC", required=True),
        Column("sha256", pl.String(), "hash of the bytes", required=True),
        Column("size_bytes", pl.Int64(), "length of the bytes", unit="bytes", required=True, at_least=0),
        Column(
            "outcome",
            pl.String(),
            "read: its rows are used; rejected: set aside whole, the last good version is used instead",
            required=True,
            allowed=("read", "rejected"),
        ),
        Column("check_name", pl.String(), "the check that a rejected version failed"),
        Column("message", pl.String(), "what is wrong"),
        Column("rows", pl.Int64(), "rows read", required=True, at_least=0),
        Column(
            "edition_on", pl.Date(), "day of the edition of a list that it holds whole; empty: of no list, or a part"
        ),
    ),
)

SOURCE_FRESHNESS = Table(
    schema="quality",
    name="source_freshness",
    grain="one row per publisher's data set",
    key=("source_name",),
    columns=(
        _SOURCE_NAME,
        Column("title", pl.String(), "what it gives", required=True),
        Column("publisher", pl.String(), "who publishes it", required=True),
        Column("licence", pl.String(), "terms of reuse", required=True),
        Column("attribution", pl.String(), "line to print beside its figures", required=True),
        Column("is_redistributable", pl.Boolean(), "its rows may be passed on to others", required=True),
        Column(
            "newest_period",
            pl.Date(),
            "last day read, of the table that is furthest behind; empty: none yet",
        ),
        Column("expected_period", pl.Date(), "last day of the newest period of that table that should be out"),
        Column(
            "last_good_at",
            pl.Datetime("us", "UTC"),
            "when the version in use was last seen, UTC; of what could not be renewed, the oldest",
        ),
        Column("age_days", pl.Int64(), "days since then", unit="days"),
        Column("rows", pl.Int64(), "rows read from it", required=True, at_least=0),
        Column(
            "state",
            pl.String(),
            "fresh; late: a period that should be out is missing; stale: an older version is used because the newest "
            "could not be had or read; missing: asked for, but nothing good ever came; never: not asked for yet; while "
            "missing or never, shipped figures stand",
            required=True,
            allowed=("fresh", "late", "stale", "missing", "never"),
        ),
        Column("message", pl.String(), "what is stale, why, and what to do"),
    ),
)

VERSION_COLUMNS = (
    Column("known_on", pl.Date(), "day from which this version was public", required=True),
    Column("fetched_at", pl.Datetime("us", "UTC"), "when this version was first fetched, UTC", required=True),
    Column("last_seen_at", pl.Datetime("us", "UTC"), "when a fetch last showed this version, UTC", required=True),
    Column(
        "withdrawn_on", pl.Date(), "day on which a newer edition of the document no longer showed it; empty: none did"
    ),
    Column(
        "is_latest",
        pl.Boolean(),
        "in force as known in this night; false: revised or withdrawn",
        required=True,
    ),
    Column("document", pl.String(), "document of the data set that shows it", required=True),
    Column("sha256", pl.String(), "hash of the snapshot that first showed it", required=True),
)


def versioned(table: Table) -> Table:
    """The table with one row per version of each of its rows: a revised figure is a new row, never an overwrite."""
    return replace(
        table,
        grain=f"{table.grain}, and version",
        columns=(*table.columns, *VERSION_COLUMNS),
        key=(*table.key, "fetched_at"),
    )
