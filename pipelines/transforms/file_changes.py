"""What became of users' files since the last release: new, replaced or removed, and which rows that touches.

Here: the comparison of two readings of the landing folders.
Add here: another fact about a change that people should see.
Keep out: how files are read and where the last release is (`pipelines.assets.inputs`).
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from pipelines.contracts.quality import INPUT_FILE_CHANGES

SAMPLE_IDS = 10
_ROW = pl.Schema({"file": pl.String(), "id": pl.String(), "content": pl.UInt64()})


@dataclass(frozen=True)
class Reading:
    """files: rows of `INPUT_FILES`. rows: their accepted rows, as `fingerprints`; None where they cannot be told."""

    files: pl.DataFrame
    rows: pl.DataFrame | None


def fingerprints(tables: Iterable[tuple[pl.DataFrame, str]]) -> pl.DataFrame:
    """file, id and a hash of all that the row says, from tables of accepted rows and their id columns.

    Hashes of one process can be compared with each other, and with no others.
    """
    rows = [
        table.select("file", id=pl.col(id_column), content=pl.struct(pl.all().exclude("file")).hash())
        for table, id_column in tables
    ]
    return pl.concat([_ROW.to_frame(), *rows])


def file_changes(now: Reading, before: Reading, history: pl.DataFrame, seen_at: dt.datetime) -> pl.DataFrame:
    """`INPUT_FILE_CHANGES`: the history of earlier releases and the changes from `before` to `now`."""
    earlier = history.with_columns(is_of_this_release=pl.lit(False))
    return INPUT_FILE_CHANGES.conform(pl.concat([earlier, _changes(now, before, seen_at)]).sort("seen_at", "file"))


def touched(now: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """The files whose bytes or whose number of accepted rows differ: file, change, sha256, previous_sha256."""
    both = now.select("file", "sha256", "rows_accepted").join(
        before.select("file", previous_sha256="sha256", previous_rows="rows_accepted"),
        on="file",
        how="full",
        coalesce=True,
    )
    change = (
        pl.when(pl.col("previous_sha256").is_null())
        .then(pl.lit("new"))
        .when(pl.col("sha256").is_null())
        .then(pl.lit("removed"))
        .when(pl.col("sha256") != pl.col("previous_sha256"))
        .then(pl.lit("replaced"))
        .when(pl.col("rows_accepted") != pl.col("previous_rows"))
        .then(pl.lit("affected"))
    )
    return (
        both.with_columns(change=change)
        .filter(pl.col("change").is_not_null())
        .select("file", "change", "sha256", "previous_sha256")
    )


def _changes(now: Reading, before: Reading, seen_at: dt.datetime) -> pl.DataFrame:
    files = touched(now.files, before.files).with_columns(
        seen_at=pl.lit(seen_at, pl.Datetime("us", "UTC")), is_of_this_release=pl.lit(True)
    )
    if now.rows is None or before.rows is None:
        counted = files.with_columns(
            *(pl.lit(None, pl.Int64).alias(f"rows_{kind}") for kind in ("added", "removed", "changed")),
            sample_ids=pl.lit(None, pl.String),
        )
    else:
        counts = _row_changes(now.rows, before.rows)
        counted = files.join(counts, on="file", how="left", maintain_order="left").with_columns(
            pl.col("^rows_.*$").fill_null(0)
        )
    return counted.select(INPUT_FILE_CHANGES.polars_schema().names())


def _row_changes(now: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """file, rows_added, rows_removed, rows_changed, sample_ids."""
    both = now.join(before, on=["file", "id"], how="full", coalesce=True, suffix="_before")
    is_added, is_removed = pl.col("content_before").is_null(), pl.col("content").is_null()
    is_changed = pl.col("content") != pl.col("content_before")
    differing = both.with_columns(added=is_added, removed=is_removed, changed=is_changed.fill_null(False)).filter(
        pl.any_horizontal("added", "removed", "changed")
    )
    return (
        differing.sort("file", "id")
        .group_by("file", maintain_order=True)
        .agg(
            *(pl.col(kind).sum().cast(pl.Int64).alias(f"rows_{kind}") for kind in ("added", "removed", "changed")),
            sample_ids=pl.col("id").head(SAMPLE_IDS).str.join(";"),
        )
    )
