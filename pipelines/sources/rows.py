"""What every reader of users' files gives: a header and rows of text, within limits.

Here: `Rows`, the tidying and checking of a header, the gathering of rows into frames, and the limits.
Add here: what all formats share.
Keep out: how one format is read (`rows_of_csv`, `rows_of_parquet`, `rows_of_xlsx`), and what a cell means (`cells`).

The limits keep a damaged or hostile file from filling the memory. They lie far above honest files.
"""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from pipelines.contracts.table import Column, Table
from pipelines.shown import shown_line

MAX_ROWS = 100_000_000
MAX_COLUMNS = 16_384  # those of a spreadsheet
MAX_CELL = 131_072  # characters
MAX_LINE = 4_000_000  # characters of one row of a CSV file

# What stands in Python at a time, and what goes into a batch, in characters; a row counts as so many more. With more
# in Python its garbage collector takes most of the time.
_CHUNK, _BATCH, _ROW = 750_000, 40_000_000, 600
_NAMES_TOLD = 5
_ANY_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,9})?\Z")
_MAX_EXPONENT = 400  # beyond what a number can hold

FAILURE = pl.Schema({"row_number": pl.Int64(), "column": pl.String(), "check": pl.String()})

Cells = Sequence[str | None]


class InputFileError(Exception):
    """A file cannot be read at all. The message is one sentence: file, what is wrong, what to do."""


class Row(NamedTuple):
    """One row of a file; `size` is the number of its characters."""

    number: int
    cells: Cells
    size: int


@dataclass(frozen=True)
class Rows:
    """Some rows of a file as text.

    cells: at least the columns of the header that the table has, all text. row_numbers: as a spreadsheet counts, the
    header is row 1. failures: cells that cannot be taken for what they show, in the shape of `FAILURE`. ragged: number
    and cells of the rows that do not fit the header; they are not in `cells`. whole: all cells of the rows of `cells`
    that a mask chooses.
    """

    cells: pl.DataFrame
    row_numbers: pl.Series
    failures: pl.DataFrame
    ragged: list[tuple[int, Cells]]
    whole: Callable[[pl.Series], Iterable[Cells]]


class Part(NamedTuple):
    """Rows that follow one another; `rows_read` counts the blank ones too, `size` is in characters."""

    rows: Rows
    rows_read: int
    size: int


def checked_header(file: str, names: Sequence[str], table: Table) -> list[str]:
    """Names of the columns, tidied. Raises `InputFileError` if they cannot be those of the table."""
    if len(names) > MAX_COLUMNS:
        raise InputFileError(
            f"{file}: row 1 names {len(names):,} columns and at most {MAX_COLUMNS:,} are read, leave out the others."
        )
    header = tidy_names(names)
    if not any(header):
        raise InputFileError(f"{file}: row 1 is blank, put the column names there.")
    header = [name or f"(column {number})" for number, name in enumerate(header, start=1)]
    if twice := sorted(name for name, count in Counter(header).items() if count > 1):
        raise InputFileError(f"{file}: the header names {_told(twice)} more than once, keep one column of each.")
    missing = [column.name for column in table.columns if column.required and column.name not in header]
    if missing:
        # A name that is far longer is no look-alike, and comparing it takes long.
        spare = [name for name in header if name not in table.polars_schema() and len(name) <= 60]
        wanted = [
            f"{name} (did you mean {shown_line(close[0])}?)"
            if (close := difflib.get_close_matches(name, spare[:1_000], n=1, cutoff=0.7))
            else name
            for name in missing
        ]
        raise InputFileError(
            f"{file}: required column {', '.join(wanted)} is missing, name or add it in the header (row 1)."
        )
    return header


def tidy_names(names: Iterable[str]) -> list[str]:
    """Column names without case and blanks, also without the invisible mark that starts some files."""
    return [name.strip().lstrip("\ufeff").strip().lower() for name in names]


def wants_text(column: Column) -> bool:
    """Whether a value that is stored as a number or a day may have lost what its text said: `0017`, `1-2`."""
    return column.dtype == pl.String() and not column.name.endswith("_dates")


def plain_number(text: str) -> str:
    """All digits of a number, without exponent: `2709.0` becomes `2709`, `1e-7` `0.0000001`; other text stays."""
    if not _ANY_NUMBER.match(text) or abs((number := Decimal(text)).adjusted()) > _MAX_EXPONENT:
        return text
    digits = format(number, "f")
    return digits.rstrip("0").removesuffix(".") if "." in digits else digits


def gathered(header: list[str], rows: Iterable[Row]) -> Iterator[Rows]:
    """Rows as batches, without the blank ones."""
    return in_batches(framed(header, rows))


def in_batches(parts: Iterable[Part]) -> Iterator[Rows]:
    """Parts that follow one another, put together to batches."""
    waiting: list[Rows] = []
    size = 0
    for part in parts:
        waiting.append(part.rows)
        size += part.size + _ROW * part.rows_read
        if size >= _BATCH:
            yield _joined(waiting)
            waiting, size = [], 0
    if waiting:
        yield _joined(waiting)


def framed(header: list[str], rows: Iterable[Row]) -> Iterator[Part]:
    """Rows, some at a time, without the blank ones."""
    for chunk in _chunks(rows):
        yield Part(_in_a_frame(header, chunk), len(chunk), sum(row.size for row in chunk))


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += row.size + _ROW
        if size >= _CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _in_a_frame(header: list[str], chunk: list[Row]) -> Rows:
    fitting = [row for row in chunk if len(row.cells) == len(header) and any(row.cells)]
    columns = zip(*(row.cells for row in fitting), strict=True) if fitting else [()] * len(header)
    return as_read(
        pl.DataFrame(dict(zip(header, columns, strict=True)), schema=dict.fromkeys(header, pl.String())),
        pl.Series([row.number for row in fitting], dtype=pl.Int64),
        [(row.number, row.cells) for row in chunk if len(row.cells) != len(header) and any(row.cells)],
    )


def _joined(parts: list[Rows]) -> Rows:
    if len(parts) == 1:
        return parts[0]
    return as_read(
        pl.concat([part.cells for part in parts], rechunk=True),
        pl.concat([part.row_numbers for part in parts], rechunk=True),
        [row for part in parts for row in part.ragged],
    )


def as_read(cells: pl.DataFrame, row_numbers: pl.Series, ragged: list[tuple[int, Cells]]) -> Rows:
    """Rows whose cells are all that was read of them, none of them at fault yet."""
    return Rows(cells, row_numbers, FAILURE.to_frame(), ragged, lambda chosen: cells.filter(chosen).iter_rows())


def _told(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_TOLD:,} more" if len(names) > _NAMES_TOLD else ""
    return ", ".join(shown_line(name[:60]) for name in names[:_NAMES_TOLD]) + more
