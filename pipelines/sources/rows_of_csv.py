"""Reading CSV: UTF-8 text, commas, quotes doubled inside quotes.

Here: what a CSV file must look like before a row is taken from it, and its rows.
Add here: another fault that would change the meaning of rows if it went unseen.
Keep out: what a cell means (`cells`) and what all formats share (`rows`).
"""

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

import polars as pl

from pipelines.contracts.table import Table
from pipelines.sources.rows import (
    FAILURE,
    MAX_CELL,
    MAX_LINE,
    InputFileError,
    Part,
    Row,
    Rows,
    as_read,
    checked_header,
    framed,
    in_batches,
    tidy_names,
)

_BLOCK_BYTES = 1 << 20
# Around a quote so much is read with care, at least; in a large file the rest of a block is not.
_CARE_BYTES = 1 << 16
_LINE_END = re.compile(r"\r\n|\r|\n")
_SKIPPED_BLANK = r"(?:^|[,\n]) "
# Characters like any others within a file, which Polars drops or takes for packed bytes.
_NOT_TAKEN_AS_TEXT = (codecs.BOM_UTF8, b"x\x01", b"x^")
_OTHER_MARKS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def read_csv(file: BinaryIO, name: str, table: Table) -> tuple[list[str], Iterator[Rows]]:
    """The header and the rows of a CSV file. Both raise `InputFileError`."""
    _require_utf8(file, name)
    _require_commas(file, name, table)
    reading = _Reading(file, name)
    first = next(reading.with_care, None)
    header = checked_header(name, [cell or "" for cell in first.cells] if first and first.number == 1 else [], table)
    return header, _batches(header, reading)


def _batches(header: list[str], reading: "_Reading") -> Iterator[Rows]:
    for batch in in_batches(reading.parts(header)):
        found = [
            (number, header[place], "swallowed_rows") for number, place in reading.swallowed if place < len(header)
        ]
        yield replace(batch, failures=pl.DataFrame(found, schema=FAILURE, orient="row"))
        reading.swallowed.clear()


class _Reading:
    """The rows of a file, read by Polars where text is plain and cell by cell where it is not.

    with_care: the rows from here on, the header first, without blank lines; a row is limited as it is read.
    swallowed: row number and place of the cells that hold other rows, of the rows read so far.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self._ahead = b""  # what was read of the file, and is not yet in a piece
        self._lines: deque[str] = deque()  # those of a piece that is read with care
        self._row_number = 1  # of the next row
        self.swallowed: list[tuple[int, int]] = []
        self.with_care = self._with_care()
        file.seek(0)
        if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            file.seek(0)

    def parts(self, header: list[str]) -> Iterator[Part]:
        while self._lines or (piece := self._piece()):
            if not self._lines:
                if part := _plain(piece, header, self._row_number):
                    self._row_number += part.rows_read
                    yield part
                    continue
                self._lines.extend(_lines_of(piece))
            yield from framed(header, self._to_the_end_of_a_piece())

    def _to_the_end_of_a_piece(self) -> Iterator[Row]:
        while self._lines and (row := next(self.with_care, None)):
            yield row

    def _with_care(self) -> Iterator[Row]:
        size, line_count = 0, 0

        def lines() -> Iterator[str]:
            nonlocal size, line_count
            while self._lines or (piece := self._piece()):
                if not self._lines:
                    self._lines.extend(_lines_of(piece))
                line = self._lines.popleft()
                size += len(line)
                line_count += 1
                if size >= MAX_LINE:
                    raise InputFileError(
                        f"{self._name}: row {self._row_number} has {MAX_LINE:,} characters or more, "
                        "check its line end and that every quote in it is closed."
                    )
                yield line

        try:
            # Strict: a quote that is never closed would otherwise swallow the rest of the file without a word.
            for cells in csv.reader(lines(), strict=True, skipinitialspace=True):
                number, row_size = self._row_number, size
                if cells and line_count > 1:
                    self.swallowed += [(number, place) for place in _swallowing(cells)]
                self._row_number, size, line_count = number + 1, 0, 0
                if cells:
                    yield Row(number, cells, row_size)
        except csv.Error as error:
            fault = f"a cell has more than {MAX_CELL:,} characters" if "field limit" in str(error) else str(error)
            raise InputFileError(
                f"{self._name}: row {self._row_number} cannot be read as CSV ({fault}), "
                "check that every quote in it is closed and that quotes inside a cell are doubled."
            ) from error

    def _piece(self) -> bytes:
        """The next whole lines: one at first, few around a quote, many else. Of a line too long only the beginning."""
        while not (end := _whole_lines(self._ahead)) and not _is_too_long(self._ahead):
            if not (block := self._file.read(_BLOCK_BYTES)):
                break
            self._ahead += block
        end = end or len(self._ahead)
        quote = self._ahead.find(b'"', 0, end)
        if self._row_number == 1:
            end = self._ahead.find(b"\n", 0, end) + 1 or end
        elif quote >= _CARE_BYTES:
            end = _whole_lines(self._ahead[: quote + 1]) or end
        elif quote >= 0:
            end = self._ahead.find(b"\n", _CARE_BYTES, end) + 1 or end
        piece, self._ahead = self._ahead[:end], self._ahead[end:]
        return piece


def _whole_lines(text: bytes) -> int:
    """The length of the whole lines that a text begins with."""
    return 1 + max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1))  # a return at its end may be half of a line end


def _is_too_long(line: bytes) -> bool:
    return len(line) >= MAX_LINE and len(line.decode("utf-8", "ignore")) >= MAX_LINE


def _lines_of(piece: bytes) -> list[str]:
    # The beginning of a line that is too long may end within a character.
    return io.StringIO(piece.decode("utf-8", "ignore"), newline="").readlines()


def _plain(piece: bytes, header: list[str], row_number: int) -> Part | None:
    """The rows of a piece as they would be read with care, or None where Polars might read them otherwise.

    Without quotes only lines and commas count. No line has more commas than it may, or Polars refuses it, and all
    have as many as they may together: so each has as many cells as the header.
    """
    if b'"' in piece:
        return None
    text = piece.replace(b"\r\n", b"\n") if b"\r" in piece else piece
    count = text.count(b"\n") + (not text.endswith(b"\n"))
    # A stretch of half the longest cell without a line end: a cell may be too long.
    stretch = MAX_CELL // 2
    if (
        b"\r" in text
        or text.count(b",") != count * (len(header) - 1)
        or text.startswith(_NOT_TAKEN_AS_TEXT)
        or any(text.find(b"\n", at, at + stretch) < 0 for at in range(0, len(text) - stretch, stretch))
        or pl.Series([text.decode()]).str.contains(_SKIPPED_BLANK).item()
    ):
        return None
    schema = dict.fromkeys(header, pl.String())
    try:
        cells = pl.read_csv(text, has_header=False, schema=schema, quote_char=None, empty_string_is_null=False)
    except (pl.exceptions.PolarsError, OSError):  # of text in memory: it was not taken as text
        return None
    if cells.height != count:
        return None
    numbers = pl.int_range(row_number, row_number + count, dtype=pl.Int64, eager=True)
    if all((column == "").any() for column in cells):
        is_row = cells.select(pl.any_horizontal(pl.all() != "")).to_series()
        cells, numbers = cells.filter(is_row), numbers.filter(is_row)
    return Part(as_read(cells, numbers, []), count, len(text))


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
