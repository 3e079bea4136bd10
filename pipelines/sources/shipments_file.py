"""Reading a file of users: CSV, Parquet or XLSX into accepted rows and rejected rows.

Here: opening a file that may be anything, choosing its reader, and the way from its rows to an `Intake`.
Add here: another file format.
Keep out: how a format is read (`rows_of_csv`, `rows_of_parquet`, `rows_of_xlsx`), what a cell means (`cells`), the
words about bad rows (`rejections`), and what a good row is (`pipelines.contracts.shipments` and `attestations`).

Each reader turns its file into batches of text cells, so one parser and one contract serve all formats, and only the
typed rows of a large file stand in memory whole. A row is accepted whole or rejected whole: accepted + rejected =
read. Lines without any text are not rows, though they count in the row numbers, which are those of a spreadsheet:
the header is row 1.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, NoReturn

import polars as pl

from pipelines.contracts.quarantine import QUARANTINE
from pipelines.contracts.table import Table
from pipelines.shown import shown_line, shown_name
from pipelines.sources.columns import Parsed, Parsing
from pipelines.sources.rejections import rejections
from pipelines.sources.rows import MAX_ROWS, InputFileError, Rows
from pipelines.sources.rows_of_csv import read_csv
from pipelines.sources.rows_of_parquet import read_parquet
from pipelines.sources.rows_of_xlsx import read_xlsx

__all__ = ["READERS", "InputFileError", "Intake", "opened", "read_input", "read_opened", "read_shipments"]

Reader = Callable[[BinaryIO, str, Table], tuple[list[str], Iterator[Rows]]]

READERS: dict[str, Reader] = {".csv": read_csv, ".parquet": read_parquet, ".xlsx": read_xlsx}

_MAX_REJECTED_BYTES, _ROW_BYTES = 1 << 30, 128  # text, and what a row takes beside it
# Workbooks and Parquet can store one long text for any number of cells.
_TEXT_ANYWAY, _TEXT_PER_BYTE = 1 << 30, 500

# How files of some kinds begin, which suffix is theirs, and what to do with them under another one.
_KINDS = {
    b"PK\x03\x04": ("an XLSX workbook or another zip file", ".xlsx", "name it .xlsx"),
    b"PAR1": ("a Parquet file", ".parquet", "name it .parquet"),
    b"PARE": ("an encrypted Parquet file", None, "save it without encryption"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": (
        "an old or an encrypted workbook", None, "save it as .xlsx without a password",
    ),
    b"\x1f\x8b": ("packed with gzip", None, "unpack it"),
    b"\xff\xfe\0\0": ("UTF-32 text", None, "save it as 'CSV UTF-8'"),
    b"\xff\xfe": ("UTF-16 text", None, "save it as 'CSV UTF-8'"),
    b"\xfe\xff": ("UTF-16 text", None, "save it as 'CSV UTF-8'"),
    b"%PDF": ("a PDF document", None, "export the table behind it"),
    b"{\\rtf": ("a text document", None, "export the table in it"),
    b"{": ("JSON", None, "export the table in it"),
    b"[": ("JSON", None, "export the table in it"),
    b"<": ("a web page or XML", None, "export the table in it"),
}  # fmt: skip


@dataclass(frozen=True)
class Intake:
    """A file that was read: `accepted` in the shape of its table, `rejected` in that of the quarantine.

    `accepted_row_numbers` holds the row number of each accepted row.
    """

    accepted: pl.DataFrame
    accepted_row_numbers: pl.Series
    rejected: pl.DataFrame
    rows_read: int
    ignored_columns: list[str]


def read_input(path: Path | str, table: Table) -> Intake:
    """Read and check one file against `table`, an input contract.

    The format follows the suffix: `.csv`, `.parquet` or `.xlsx` (first sheet). Raises `InputFileError`.
    """
    path = Path(path)
    with opened(path) as file:
        return read_opened(file, path, table)


read_shipments = read_input  # the name for those who read one contract only


@contextmanager
def opened(path: Path, follows_links: bool = True) -> Iterator[BufferedReader]:
    """A regular file, opened once so that every look at it sees the same bytes. Raises `InputFileError`.

    Without `follows_links` a symbolic link is refused: it may lead anywhere.
    """
    with os.fdopen(_handle(path, follows_links), "rb") as file:
        before = os.fstat(file.fileno())
        yield file
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise InputFileError(f"{shown_name(path)}: the file changed while it was read, try again when it is complete.")


def _handle(path: Path, follows_links: bool) -> int:
    name = shown_name(path)
    try:
        # Without NONBLOCK a pipe that nobody writes to would be waited for without end.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follows_links else os.O_NOFOLLOW))
    except FileNotFoundError as error:
        raise InputFileError(
            f"{shown_line(str(path))}: there is no such file, check the name and the folder."
        ) from error
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.ELOOP and not follows_links:
            raise InputFileError(
                f"{name}: this is a link, which could lead anywhere, put the file itself into the folder."
            ) from error
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputFileError(f"{name}: the file cannot be opened ({reason}), check its permissions.") from error
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return handle
    os.close(handle)
    if stat.S_ISDIR(mode):
        raise InputFileError(f"{name}: this is a folder, name the files in it one by one.")
    raise InputFileError(f"{name}: this is no file but a pipe or a device, save what it gives as a file.")


def read_opened(file: BinaryIO, path: Path, table: Table) -> Intake:
    """As `read_input`, from a file that is open; `path` gives its name and format. Raises `InputFileError`."""
    name, suffix = shown_name(path), path.suffix.lower()
    if suffix not in READERS:
        raise InputFileError(
            f"{name}: files of type '{shown_line(path.suffix)}' are not read, save it as .csv, .parquet or .xlsx."
        )
    try:
        _require_kind(file, name, suffix)
        intake, learnt = _read_once(READERS[suffix], file, name, table, _Learnt())
        if learnt.is_of_use():
            intake, _ = _read_once(READERS[suffix], file, name, table, learnt)
    except OSError as error:
        raise InputFileError(
            f"{name}: the file cannot be read ({error.strerror or error}), copy it again and check the disk."
        ) from error
    except MemoryError as error:
        raise InputFileError(f"{name}: the memory does not suffice for this file, split it into parts.") from error
    return intake


def _require_kind(file: BinaryIO, name: str, suffix: str) -> None:
    file.seek(0)
    head = file.read(8)
    if not head:
        raise InputFileError(f"{name}: the file is empty (0 bytes), export it again.")
    for start, (kind, right, advice) in _KINDS.items():
        if head.startswith(start) and right != suffix:
            raise InputFileError(f"{name}: this is {kind} and no {suffix} file, {advice}.")


@dataclass(frozen=True)
class _Learnt:
    """What shows only at the end of a file and changes how its rows are judged.

    repeated: ids that stand in more than one row. has_comma_decimals: in some cell a comma parts the decimals.
    """

    repeated: pl.Series = field(default_factory=lambda: pl.Series(dtype=pl.String))
    has_comma_decimals: bool = False

    def is_of_use(self) -> bool:
        return self.has_comma_decimals or self.repeated.len() > 0


def _read_once(reader: Reader, file: BinaryIO, name: str, table: Table, learnt: _Learnt) -> tuple[Intake, _Learnt]:
    (key,) = table.key
    most = max(_TEXT_ANYWAY, _TEXT_PER_BYTE * file.seek(0, os.SEEK_END))
    header, batches = reader(file, name, table)  # from here on the place in the file is the reader's
    accepted, numbers, rejected = [table.empty()], [pl.Series(dtype=pl.Int64)], [QUARANTINE.empty()]
    ids = [pl.Series(dtype=pl.String)]
    rows_read = accepted_bytes = rejected_bytes = 0
    parsing = Parsing(table, learnt.has_comma_decimals)
    for rows in batches:
        rows_read += rows.cells.height + len(rows.ragged)
        if rows_read > MAX_ROWS:
            raise InputFileError(f"{name}: the file has more than {MAX_ROWS:,} rows, split it into parts.")
        found = parsing.parsed(rows)
        failures = _failures(rows, found, table, learnt.repeated)
        ids.append(found.typed[key].drop_nulls())
        good, good_numbers = found.typed, rows.row_numbers
        if not failures.is_empty():
            is_good = ~rows.row_numbers.is_in(failures["row_number"].implode())
            good, good_numbers = good.filter(is_good), good_numbers.filter(is_good)
        accepted.append(table.conform(good))
        numbers.append(good_numbers)
        accepted_bytes += int(accepted[-1].estimated_size())
        if accepted_bytes > most:
            raise InputFileError(f"{name}: the file unpacks to more than {most:,} bytes of text, export it again.")
        rejected.append(rejections(name, header, table, rows, failures))
        rejected_bytes += int(rejected[-1].estimated_size()) + rejected[-1].height * _ROW_BYTES
        if rejected_bytes > _MAX_REJECTED_BYTES:
            _refuse_as_a_whole(name, rejected)
    if rows_read == 0:
        raise InputFileError(f"{name}: there is a header but no row below it, add rows or export it again.")
    known = table.polars_schema().names()
    intake = Intake(
        accepted=pl.concat(accepted),
        accepted_row_numbers=pl.concat(numbers),
        rejected=pl.concat(rejected),
        rows_read=rows_read,
        ignored_columns=[column for column in header if column not in known],
    )
    return intake, _Learnt(_repeated(pl.concat(ids)), reader is read_csv and parsing.has_comma_decimals)


def _repeated(ids: pl.Series) -> pl.Series:
    if ids.hash().n_unique() == ids.len():  # told sooner than which; different numbers are of different ids
        return ids.clear()
    return ids.filter(ids.is_duplicated()).unique()


def _failures(rows: Rows, found: Parsed, table: Table, repeated: pl.Series) -> pl.DataFrame:
    """Cells at fault and rules of the table that rows break, in the shape of `FAILURE`; one fault for a bad cell."""
    cell = ["row_number", "column"]
    unreadable = pl.concat([rows.failures, found.faults]).unique(cell, maintain_order=True)
    # Rows of a batch cannot tell which ids the rest of the file has: the key is no matter of theirs.
    failures = replace(table, key=()).failures(found.typed, found.kept)
    broken = failures.select(rows.row_numbers.gather(failures["row"]).alias("row_number"), "column", "check")
    (key,) = table.key
    again = rows.row_numbers.filter(found.typed[key].is_in(repeated.implode()).fill_null(False)).to_frame("row_number")
    unique = again.with_columns(column=pl.lit(key), check=pl.lit("unique"))
    return pl.concat([unreadable, pl.concat([broken, unique]).join(unreadable, on=cell, how="anti")])


def _refuse_as_a_whole(name: str, rejected: list[pl.DataFrame]) -> NoReturn:
    bad = pl.concat(rejected)
    first = bad.row(0, named=True)
    raise InputFileError(
        f"{name}: {bad.height:,} rows and more break the contract, too many to list them; mend the export, "
        f"the first is row {first['row_number']}: {first['message']}."
    )
