"""Reading CSV: UTF-8 text, commas, quotes doubled inside quotes.

Here: what a CSV file must look like before a row is taken from it, and its rows.
Add here: another fault that would change the meaning of rows if it went unseen.
Keep out: what a cell means (`cells`) and what all formats share (`rows`).
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

import polars as pl

from pipelines.contracts.table import Table
from pipelines.sources.rows import (
    FAILURE,
    MAX_CELL,
    MAX_LINE,
    InputFileError,
    Row,
    Rows,
    checked_header,
    gathered,
    tidy_names,
)

_BLOCK_BYTES = 1 << 20
_LINE_END = re.compile(r"\r\n|\r|\n")
_OTHER_MARKS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def read_csv(file: BinaryIO, name: str, table: Table) -> tuple[list[str], Iterator[Rows]]:
    """The header and the rows of a CSV file. Both raise `InputFileError`."""
    _require_utf8(file, name)
    _require_commas(file, name, table)
    swallowed: list[tuple[int, int]] = []
    rows = _rows(file, name, swallowed)
    first = next(rows, None)
    header = checked_header(name, [cell or "" for cell in first.cells] if first and first.number == 1 else [], table)
    return header, _batches(header, rows, swallowed)


def _batches(header: list[str], rows: Iterator[Row], swallowed: list[tuple[int, int]]) -> Iterator[Rows]:
    for batch in gathered(header, rows):
        found = [(number, header[place], "swallowed_rows") for number, place in swallowed if place < len(header)]
        yield replace(batch, failures=pl.DataFrame(found, schema=FAILURE, orient="row"))
        swallowed.clear()


def _rows(file: BinaryIO, name: str, swallowed: list[tuple[int, int]]) -> Iterator[Row]:
    """The rows of the file, the header first, without blank lines; its length is limited as it is read.

    Adds to `swallowed` row number and place of the cells that hold other rows.
    """
    row_number, size, line_count = 1, 0, 0

    def lines() -> Iterator[str]:
        nonlocal size, line_count
        while line := text.readline(MAX_LINE):
            size += len(line)
            line_count += 1
            if size >= MAX_LINE:
                raise InputFileError(
                    f"{name}: row {row_number} has {MAX_LINE:,} characters or more, "
                    "check its line end and that every quote in it is closed."
                )
            yield line

    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        # Strict: a quote that is never closed would otherwise swallow the rest of the file without a word.
        for cells in csv.reader(lines(), strict=True, skipinitialspace=True):
            if cells:
                if line_count > 1:
                    swallowed += [(row_number, place) for place in _swallowing(cells)]
                yield Row(row_number, cells, size)
            row_number, size, line_count = row_number + 1, 0, 0
    except csv.Error as error:
        fault = f"a cell has more than {MAX_CELL:,} characters" if "field limit" in str(error) else str(error)
        raise InputFileError(
            f"{name}: row {row_number} cannot be read as CSV ({fault}), "
            "check that every quote in it is closed and that quotes inside a cell are doubled."
        ) from error
    finally:
        # Or it would close the file, which is the caller's and may be closed already.
        with suppress(ValueError):
            text.detach()


def _swallowing(cells: list[str]) -> Iterator[int]:
    """The places of cells that begin in one row of the file and end in the same column of a later one.

    A quote that opens a cell by mistake reaches to the next such quote. If both stand in the same column, what comes
    out has as many cells as a row, and the rows between would be lost without a word.
    """
    for place, cell in enumerate(cells):
        first, *more = _LINE_END.split(cell)
        if more and first.count(",") == len(cells) - 1 - place and more[-1].count(",") == place:
            yield place


def _require_utf8(file: BinaryIO, name: str) -> None:
    decode = codecs.getincrementaldecoder("utf-8")().decode
    line_feeds = returns = 0
    file.seek(0)
    while True:
        block = file.read(_BLOCK_BYTES)
        fault = ""
        try:
            text = decode(block, final=not block)
        except UnicodeDecodeError as error:
            fault, text = "is not UTF-8 text", error.object[: error.start].decode()
        if not fault and (at := text.find("\0")) >= 0:
            fault, text = "holds a NUL byte, so this is not plain UTF-8 text", text[:at]
        line_feeds, returns = line_feeds + text.count("\n"), returns + text.count("\r")
        if fault:
            line = 1 + (line_feeds or returns)
            raise InputFileError(f"{name}: line {line} {fault}, save it as 'CSV UTF-8' and try again.")
        if not block:
            return


def _require_commas(file: BinaryIO, name: str, table: Table) -> None:
    file.seek(0)
    line = _LINE_END.split(file.readline(MAX_LINE).decode("utf-8-sig", "replace"), maxsplit=1)[0].replace('"', "")
    known = {column.name for column in table.columns}
    if known.intersection(tidy_names(line.split(","))):
        return
    for mark, word in _OTHER_MARKS.items():
        if known.intersection(tidy_names(line.split(mark))):
            raise InputFileError(f"{name}: the columns are separated by {word}, save the file with commas instead.")
