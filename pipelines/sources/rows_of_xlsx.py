"""Reading XLSX: the first sheet that a person sees, row by row.

Here: from the cells of a sheet to the text that a CSV file would show, with what cannot be taken for what it shows.
Add here: another way in which a cell shows something else than it stores.
Keep out: zip and XML (`workbook`), what a cell means (`cells`) and what all formats share (`rows`).
"""

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, lru_cache
from typing import BinaryIO

import polars as pl

from pipelines.contracts.table import Column, Table
from pipelines.shown import shown_line
from pipelines.sources.rows import (
    FAILURE,
    MAX_COLUMNS,
    InputFileError,
    Row,
    Rows,
    checked_header,
    gathered,
    plain_number,
    tidy_names,
    wants_text,
)
from pipelines.sources.workbook import SHEET_BYTES, Attributes, DamagedError, Handlers, Texts, Workbook, open_workbook

_LAST_ROW = 1_048_576  # of a spreadsheet
_MERGED_CELLS = 1_048_576
_LETTERS = re.compile("[A-Z]{1,3}")
_MIDNIGHT = re.compile(r"T00:00:00(?:\.0+)?Z?\Z")
_SHOWN_AS_STORED = ("General", "0", "@")


def read_xlsx(file: BinaryIO, name: str, table: Table) -> tuple[list[str], Iterator[Rows]]:
    """The header and the rows of the first visible sheet. Both raise `InputFileError`."""
    with _told(name):
        book = open_workbook(file)
        (_, part), *others = book.sheets
        sheet = _Sheet(book, part)
        lines = sheet.rows()
        header = checked_header(name, _names(lines), table)
        required = {column.name for column in table.columns if column.required}
        for title, other in others:
            if required.issubset(tidy_names(_names(_Sheet(book, other).rows()))):
                raise InputFileError(
                    f"{name}: the sheet '{shown_line(title)}' holds a table too and only the first sheet is read, "
                    "put each into a file of its own."
                )
    return header, _batches(sheet, lines, header, name, table)


def _names(lines: Iterator[Row]) -> list[str]:
    """The cells of row 1, without blank ones at its end."""
    first = next(lines, None)
    names = [cell or "" for cell in first.cells] if first is not None and first.number == 1 else []
    while names and not names[-1].strip():
        names.pop()
    return names


def _batches(sheet: "_Sheet", lines: Iterator[Row], header: list[str], name: str, table: Table) -> Iterator[Rows]:
    contract = {place: table.column(column) for place, column in enumerate(header) if column in table.polars_schema()}
    failures: list[tuple[int, str, str]] = []

    def fitted() -> Iterator[Row]:
        for row in lines:
            cells = list(row.cells)
            # A cell to the right of the header makes the row ragged, unless it is blank.
            while len(cells) > len(header) and not cells[-1]:
                cells.pop()
            cells += [None] * (len(header) - len(cells))
            for place, kind in sheet.kinds.pop(row.number, {}).items():
                if place in contract and (check := _check(kind, contract[place], cells[place])):
                    failures.append((row.number, contract[place].name, check))
            yield row._replace(cells=cells)

    with _told(name):
        for batch in gathered(header, fitted()):
            yield replace(batch, failures=pl.DataFrame(failures, schema=FAILURE, orient="row"))
            failures.clear()


def _check(kind: str, column: Column, text: str | None) -> str | None:
    """The check that a cell of this kind fails in this column, if any."""
    if kind in ("formula_without_value", "merged_cell"):
        return kind
    if kind == "percentage" and column.dtype == pl.Float64():
        return kind
    if not wants_text(column):
        return None
    if kind == "typed":
        return "not_text"
    is_whole = text is not None and text.removeprefix("-").isdigit()
    return None if kind == "number" and is_whole else "number_in_text"


class _Sheet:
    """The rows of one sheet. kinds: by row number and place, what is particular about a cell, until it is taken."""

    def __init__(self, book: Workbook, part: str) -> None:
        self.kinds: dict[int, dict[int, str]] = defaultdict(dict)
        self._book, self._part = book, part
        self._done: list[Row] = []
        self._number = self._size = 0
        self._cells: list[str | None] = []
        self._cell: Attributes = {}
        self._has_formula = False
        self._texts = Texts("v", "t", "f")

    def rows(self) -> Iterator[Row]:
        """The rows of the sheet that are not blank."""
        self._mark_merged_cells()
        for _ in self._book.package.parsed(self._part, Handlers(self._start, self._end, self._texts.add), SHEET_BYTES):
            yield from self._done
            self._done.clear()

    def _mark_merged_cells(self) -> None:
        # They are listed below the rows. Only the first cell of each has a value, and for which rows it was meant
        # cannot be told.
        if not self._book.package.mentions(self._part, "mergeCell"):
            return
        marked = 0
        for name, attributes in self._book.package.starts(self._part, SHEET_BYTES):
            if name == "mergeCell":
                first, _, last = attributes["ref"].partition(":")
                (top, left), (bottom, right) = _place(first), _place(last or first)
                marked += (bottom - top + 1) * (right - left + 1)
                if marked > _MERGED_CELLS:
                    raise DamagedError("most of it is merged cells")
                for number in range(top, bottom + 1):
                    self.kinds[number].update(dict.fromkeys(range(left, right + 1), "merged_cell"))

    def _start(self, name: str, attributes: Attributes) -> None:
        if name == "row":
            number = int(attributes.get("r", self._number + 1))
            if not self._number < number <= _LAST_ROW:
                raise DamagedError(f"row {number} follows row {self._number}")
            self._number, self._size, self._cells = number, 0, []
        elif name == "c":
            self._cell, self._has_formula = attributes, False
            place = len(self._cells)
            if (reference := attributes.get("r")) is not None:
                row, place = _place(reference)
                if row != self._number or place < len(self._cells):
                    raise DamagedError(f"cell {reference} stands where it does not belong")
            if place >= MAX_COLUMNS:
                raise DamagedError(f"row {self._number} has more than {MAX_COLUMNS:,} cells")
            self._cells.extend([None] * (place - len(self._cells)))
        else:
            self._has_formula |= name == "f"
            self._texts.start(name)

    def _end(self, name: str) -> None:
        if name == "c":
            cell, kind = self._taken()
            if kind is not None:
                self.kinds[self._number].setdefault(len(self._cells), kind)
            self._cells.append(cell)
            self._size += len(cell or "") + 1
        elif name == "row":
            if any(self._cells):
                self._done.append(Row(self._number, self._cells, self._size))
        else:
            self._texts.end(name)

    def _taken(self) -> tuple[str | None, str | None]:
        """Text and kind of the cell that ends."""
        value, inline, formula = (self._texts.taken(name) for name in ("v", "t", "f"))
        match self._cell.get("t", "n"):
            case "inlineStr":
                return inline, None
            case "str":  # the result of a formula; rightly blank where it is empty text
                return value, None
            case _ if not value:
                return (f"={formula}", "formula_without_value") if self._has_formula else (None, None)
            case "s":
                if not value.isdecimal() or int(value) >= len(self._book.texts):
                    raise DamagedError(f"a cell of row {self._number} names a text that is not there")
                return self._book.texts[int(value)], None
            case "e":
                return value, None
            case "b":
                return "TRUE" if value == "1" else "FALSE", "typed"
            case "d":
                return _MIDNIGHT.sub("", value), "typed"
            case "n":
                style = int(self._cell.get("s", "0"))
                kind = _kind(self._book.formats[style]) if style < len(self._book.formats) else "number"
                return (_day(value, self._book.epoch) if kind == "typed" else plain_number(value)), kind
            case other:
                raise DamagedError(f"a cell of row {self._number} is of the unknown type {shown_line(other[:20])}")


@lru_cache(1_000)
def _kind(code: str) -> str:
    """What a number with this format is: `number`, or what it shows instead of its digits."""
    from openpyxl.styles.numbers import is_date_format

    if code in _SHOWN_AS_STORED:
        return "number"
    if "%" in code:
        return "percentage"
    return "typed" if is_date_format(code) else "formatted"


def _day(serial: str, epoch: dt.datetime) -> str:
    from openpyxl.utils.datetime import from_excel

    try:
        moment = from_excel(float(serial), epoch)
    except (ValueError, OverflowError):  # no number, or beyond every calendar
        return serial
    if isinstance(moment, dt.datetime) and moment.time() == dt.time():
        return moment.date().isoformat()
    return str(moment)


def _place(reference: str) -> tuple[int, int]:
    """Row number and place in the row, counted from 0, of a cell such as `B7`."""
    letters = reference.rstrip("0123456789")
    row = int(reference[len(letters) :])
    if not 0 < row <= _LAST_ROW:
        raise DamagedError(f"cell {shown_line(reference[:20])} is outside of a sheet")
    return row, _column(letters)


@cache
def _column(letters: str) -> int:
    if not _LETTERS.fullmatch(letters):
        raise DamagedError(f"cell {shown_line(letters[:20])} is outside of a sheet")
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - ord("A") + 1
    return place - 1


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except (InputFileError, MemoryError):
        raise
    except Exception as error:  # a damaged workbook fails in the reader's parts in many ways
        fault = str(error) if isinstance(error, DamagedError) else type(error).__name__
        raise InputFileError(
            f"{name}: the file cannot be read as XLSX ({fault}), "
            "open it in a spreadsheet program and save it again as .xlsx."
        ) from error
