"""Reading a file of users: CSV, Parquet or XLSX into accepted rows and rejected rows.

Here: the three readers, the parsing of cells, and the words in which a problem is told.
Add here: another file format, or the tidying of a new column.
Keep out: what a good row is (`pipelines.contracts.shipments` and `attestations`) and everything that is judged.

Each reader turns its file into text cells, so one parser and one contract serve all formats. A row is
accepted whole or rejected whole: accepted + rejected = read. Lines without any text are not rows, though
they count in the row numbers, which are those of a spreadsheet: the header is row 1.
"""

import codecs
import csv
import datetime as dt
import difflib
import io
import itertools
import math
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polars as pl

from pipelines.contracts.quarantine import QUARANTINE
from pipelines.contracts.rules import PROVIDER_ROLES
from pipelines.contracts.table import Column, Table

DEFAULTS = {"transport_mode": "sea", "incoterm": "FOB"}

_CHUNK_ROWS = 1_000  # more rows at a time are slower: Python's garbage collector walks them
_BLOCK_BYTES = 1 << 20

_NUMBER = r"^-?[0-9]+(?:\.[0-9]+)?$"
_COMMA_NUMBER = r"^-?[0-9.]+,[0-9]+$"
_NOT_FINITE = r"(?i)^[+-]?(?:nan|inf|infinity)$"
_YES_NO = {"yes": True, "no": False, "true": True, "false": False}  # workbooks and Parquet say true and false
_DATE = r"^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}$"

_FAILURE = pl.Schema({"row_number": pl.Int64(), "column": pl.String(), "check": pl.String()})


class InputFileError(Exception):
    """A file cannot be read at all. The message is one sentence: file, what is wrong, what to do."""


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


@dataclass(frozen=True)
class _Cells:
    """A file as text: `cells` has the columns of `header`, `ragged` the rows that do not fit it.

    `failures` are cells that cannot be taken for what they show, in the shape of `_FAILURE`.
    """

    header: list[str]
    cells: pl.DataFrame
    row_numbers: pl.Series
    ragged: list[tuple[int, Sequence[str | None]]]
    failures: pl.DataFrame


def read_input(path: Path | str, table: Table) -> Intake:
    """Read and check one file against `table`, an input contract.

    The format follows the suffix: `.csv`, `.parquet` or `.xlsx` (first sheet). Raises `InputFileError`.
    """
    path = Path(path)
    readers: dict[str, Callable[[Path, Table], _Cells]] = {
        ".csv": _read_csv,
        ".parquet": _read_parquet,
        ".xlsx": _read_xlsx,
    }
    if not path.is_file():
        raise InputFileError(f"{path}: there is no such file, check the name and the folder.")
    if path.suffix.lower() not in readers:
        raise InputFileError(
            f"{path.name}: files of type '{path.suffix}' are not read, save it as .csv, .parquet or .xlsx."
        )
    try:
        if path.stat().st_size == 0:
            raise InputFileError(f"{path.name}: the file is empty (0 bytes), export it again.")
        raw = readers[path.suffix.lower()](path, table)
    except OSError as error:
        raise InputFileError(
            f"{path.name}: the file cannot be opened ({error.strerror or error}), check its permissions."
        ) from error
    rows_read = raw.cells.height + len(raw.ragged)
    if rows_read == 0:
        raise InputFileError(f"{path.name}: there is a header but no row below it, add rows or export it again.")

    typed, unparsed = _parse(raw.cells, raw.row_numbers, table)
    unreadable = pl.concat([raw.failures, unparsed]).unique(["row_number", "column"], maintain_order=True)
    failures = pl.concat([unreadable, _broken_rules(typed, raw.row_numbers, table, unreadable)])
    is_bad = raw.row_numbers.is_in(failures["row_number"].implode())
    rejected = _quarantine(path.name, table, raw, failures, is_bad)
    known = {column.name for column in table.columns}
    return Intake(
        accepted=table.conform(typed.filter(~is_bad)),
        accepted_row_numbers=raw.row_numbers.filter(~is_bad),
        rejected=rejected,
        rows_read=rows_read,
        ignored_columns=[name for name in raw.header if name not in known],
    )


read_shipments = read_input  # the name for those who read one contract only


# --- readers -----------------------------------------------------------------------------------------------


def _read_csv(path: Path, table: Table) -> _Cells:
    _require_utf8(path)
    _require_commas(path, table)
    row_number = 0

    def counted(rows: Iterable[list[str]]) -> Iterator[list[str]]:
        nonlocal row_number
        for row in rows:
            row_number += 1
            yield row

    with path.open(encoding="utf-8-sig", newline="") as file:
        # Strict: a quote that is never closed would otherwise swallow the rest of the file without a word.
        rows = counted(csv.reader(file, strict=True, skipinitialspace=True))
        try:
            return _gather(_header(path.name, next(rows, []), table), rows)
        except csv.Error as error:
            raise InputFileError(
                f"{path.name}: row {row_number + 1} cannot be read as CSV ({error}), "
                "check that every quote in it is closed and that quotes inside a cell are doubled."
            ) from error


def _require_utf8(path: Path) -> None:
    decode = codecs.getincrementaldecoder("utf-8")().decode
    advice = "save it as 'CSV UTF-8' and try again."
    line = 1
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK_BYTES)
            try:
                text = decode(block, final=not block)
            except UnicodeDecodeError as error:
                line += error.object.count(b"\n", 0, error.start)
                raise InputFileError(f"{path.name}: line {line} is not UTF-8 text, {advice}") from error
            if (at := text.find("\0")) >= 0:
                line += text.count("\n", 0, at)
                raise InputFileError(
                    f"{path.name}: line {line} holds a NUL byte, so this is not plain UTF-8 text, {advice}"
                )
            if not block:
                return
            line += text.count("\n")


def _require_commas(path: Path, table: Table) -> None:
    with path.open(encoding="utf-8-sig") as file:
        line = file.readline().replace('"', "")
    known = {column.name for column in table.columns}
    if known.intersection(_tidy_names(line.split(","))):
        return
    for mark, word in {";": "semicolons", "\t": "tabs", "|": "vertical bars"}.items():
        if known.intersection(_tidy_names(line.split(mark))):
            raise InputFileError(
                f"{path.name}: the columns are separated by {word}, save the file with commas instead."
            )


def _read_xlsx(path: Path, table: Table) -> _Cells:
    import openpyxl

    failures: list[tuple[int, str, str]] = []
    try:
        with warnings.catch_warnings(action="ignore"):  # openpyxl talks about styles and validations
            workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
            sheet = workbook.worksheets[0]
            sheet.reset_dimensions()  # what a file says about its own size is often wrong
            lines = sheet.iter_rows(values_only=True)
            names = [_cell_text(value) or "" for value in next(lines, ())]
            while names and not names[-1].strip():
                names.pop()
            header = _header(path.name, names, table)
            formulas = _uncomputed_formulas(path, sheet._worksheet_path)
            raw = _gather(header, _xlsx_rows(lines, header, table, formulas, failures))
            workbook.close()
    except InputFileError:
        raise
    except Exception as error:  # a damaged workbook fails in the reader's parts in many ways
        raise InputFileError(
            f"{path.name}: the file cannot be read as XLSX ({type(error).__name__}), "
            "open it in a spreadsheet program and save it again as .xlsx."
        ) from error
    return replace(raw, failures=pl.DataFrame(failures, schema=_FAILURE, orient="row"))


def _xlsx_rows(
    lines: Iterable[Sequence[Any]],
    header: list[str],
    table: Table,
    formulas: Mapping[int, Mapping[int, str]],
    failures: list[tuple[int, str, str]],
) -> Iterator[list[str | None]]:
    """The rows below the header as text. Adds to `failures` the cells that are not what they show."""
    from openpyxl.cell.cell import ERROR_CODES

    contract = {place: table.column(name) for place, name in enumerate(header) if name in table.polars_schema()}
    for row_number, values in enumerate(lines, start=2):
        cells = [_cell_text(value) for value in values]
        uncomputed = formulas.get(row_number, {})
        for place, formula in uncomputed.items():
            cells[place] = formula
        # A cell to the right of the header makes the row ragged, unless it is blank.
        while len(cells) > len(header) and not cells[-1]:
            cells.pop()
        cells += [None] * (len(header) - len(cells))
        for place, column in contract.items():
            cell = cells[place]
            if place in uncomputed:
                failures.append((row_number, column.name, "formula_without_value"))
            elif cell in ERROR_CODES:
                failures.append((row_number, column.name, "formula_error"))
            elif column.dtype == pl.String() and cell and "." in cell and isinstance(values[place], float):
                failures.append((row_number, column.name, "number_in_text"))
        yield cells


def _uncomputed_formulas(path: Path, part: str) -> dict[int, dict[int, str]]:
    """Formulas without a stored result, by row number and place in the row.

    Programs that write workbooks without computing them leave such cells, and openpyxl shows them as blank. A
    formula whose stored result is empty text (type `str`) is rightly blank.
    """
    from openpyxl.utils.cell import coordinate_to_tuple

    found: dict[int, dict[int, str]] = defaultdict(dict)
    with zipfile.ZipFile(path) as archive, archive.open(part) as xml:
        for _, element in ElementTree.iterparse(xml):
            tag = element.tag.rpartition("}")[2]
            if tag == "c":
                formula, value = element.find("{*}f"), element.find("{*}v")
                is_blank = value is None or not value.text
                if formula is not None and is_blank and element.get("t") != "str":
                    row, column = coordinate_to_tuple(element.attrib["r"])
                    found[row][column - 1] = f"={formula.text or ''}"
            elif tag == "row":
                element.clear()
    return found


def _cell_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return _plain_number(value)
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(" ")
    return str(value)


def _plain_number(value: float) -> str:
    """All digits of a number, without exponent: 2709.0 is `2709`, 1e-7 is `0.0000001`."""
    if not math.isfinite(value):
        return str(value)
    return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")


def _read_parquet(path: Path, table: Table) -> _Cells:
    try:
        frame = pl.read_parquet(path, glob=False)
    # Some damage that Polars does not foresee ends in a panic, which is no ordinary exception.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputFileError(f"{path.name}: the file is not readable as Parquet, export it again.") from error
    header = _header(path.name, frame.columns, table)
    row_numbers = pl.Series(range(2, frame.height + 2), dtype=pl.Int64)
    cells, failures = [], []
    for name, series in zip(header, frame.get_columns(), strict=True):
        text = _series_text(series)
        if name in table.polars_schema():
            if text is None:
                raise InputFileError(
                    f"{path.name}: column {name} holds {series.dtype} values, store text, numbers or dates."
                )
            if table.column(name).dtype == pl.String() and series.dtype.is_numeric():
                not_whole = text.str.contains("[^0-9-]").fill_null(False)
                failures += [(number, name, "number_in_text") for number in row_numbers.filter(not_whole)]
        elif text is None:
            text = pl.Series([None if value is None else str(value) for value in series.to_list()], dtype=pl.String)
        cells.append(text.alias(name))
    found = pl.DataFrame(failures, schema=_FAILURE, orient="row")
    return _Cells(header, pl.DataFrame(cells), row_numbers, [], found)


def _series_text(series: pl.Series) -> pl.Series | None:
    """Typed values as a CSV would show them; None for types that have no plain text."""
    dtype = series.dtype
    if dtype.is_float() or dtype.is_decimal():
        text = series.cast(pl.String)
        if text.str.contains("e", literal=True).any():
            text = pl.Series([None if value is None else _plain_number(value) for value in series], dtype=pl.String)
        return text.str.replace(r"\.0+$", "")
    if isinstance(dtype, pl.Datetime):
        instant = pl.col(series.name)
        day = pl.when(instant.dt.time() == dt.time()).then(instant.dt.date().cast(pl.String))
        return series.to_frame().select(day.otherwise(instant.cast(pl.String))).to_series()
    if dtype.is_integer() or isinstance(dtype, (pl.String, pl.Categorical, pl.Enum, pl.Date, pl.Boolean, pl.Null)):
        return series.cast(pl.String)
    return None


def _tidy_names(names: Iterable[str]) -> list[str]:
    return [name.strip().lower() for name in names]


def _header(file: str, names: Sequence[str], table: Table) -> list[str]:
    """Names of the columns, tidied. Raises `InputFileError` if they cannot be those of the table."""
    header = _tidy_names(names)
    if not any(header):
        raise InputFileError(f"{file}: row 1 is blank, put the column names there.")
    header = [name or f"(column {number})" for number, name in enumerate(header, start=1)]
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise InputFileError(f"{file}: the header names {', '.join(twice)} more than once, keep one column of each.")
    missing = [column.name for column in table.columns if column.required and column.name not in header]
    if missing:
        spare = [name for name in header if name not in table.polars_schema()]
        wanted = [
            f"{name} (did you mean {close[0]}?)"
            if (close := difflib.get_close_matches(name, spare, n=1, cutoff=0.7))
            else name
            for name in missing
        ]
        raise InputFileError(
            f"{file}: required column {', '.join(wanted)} is missing, name or add it in the header (row 1)."
        )
    return header


def _gather(header: list[str], rows: Iterator[Sequence[str | None]]) -> _Cells:
    """The rows below the header as one frame, without blank ones; those of another length apart."""
    schema = dict.fromkeys(header, pl.String())
    chunks, numbers = [pl.DataFrame(schema=schema)], [pl.Series(dtype=pl.Int64)]
    ragged: list[tuple[int, Sequence[str | None]]] = []
    first = 2
    while chunk := list(itertools.islice(rows, _CHUNK_ROWS)):
        places = [place for place, row in enumerate(chunk) if len(row) == len(header) and any(row)]
        if len(places) < len(chunk):
            ragged += [(first + place, row) for place, row in enumerate(chunk) if len(row) != len(header) and any(row)]
        if places:
            columns = zip(*(chunk[place] for place in places), strict=True)
            chunks.append(pl.DataFrame(dict(zip(header, columns, strict=True)), schema=schema))
            numbers.append(pl.Series(places, dtype=pl.Int64) + first)
        first += len(chunk)
    return _Cells(
        header, pl.concat(chunks, rechunk=True), pl.concat(numbers, rechunk=True), ragged, _FAILURE.to_frame()
    )


# --- cells to values ---------------------------------------------------------------------------------------


def _upper(text: pl.Expr) -> pl.Expr:
    return text.str.to_uppercase()


def _locode(text: pl.Expr) -> pl.Expr:
    return text.str.to_uppercase().str.replace(r"^([A-Z]{2})\s([A-Z0-9]{3})$", "$1$2")


def _listed(text: pl.Expr) -> pl.Expr:
    parts = text.str.split(";").list.eval(pl.element().str.strip_chars())
    return parts.list.eval(pl.element().filter(pl.element() != "").unique(maintain_order=True)).list.join(";")


_TIDY: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "hs_code": lambda text: text.str.replace_all(r"[.\s]", ""),
    "origin_country": _upper,
    "destination_country": _upper,
    **dict.fromkeys(PROVIDER_ROLES, _upper),
    "loading_port": _locode,
    "discharge_port": _locode,
    "transport_mode": lambda text: text.str.to_lowercase(),
    "quantity_unit": lambda text: text.str.to_lowercase(),
    "currency": _upper,
    "incoterm": _upper,
    "nexus": lambda text: _listed(_upper(text)),
    "sts_transfer_dates": _listed,
}


def _parse(cells: pl.DataFrame, row_numbers: pl.Series, table: Table) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The typed frame of `table`, null where a cell is blank or not parsed, and the failures to parse."""
    text = cells.select(
        _text(column.name) if column.name in cells.columns else pl.lit(None, pl.String).alias(column.name)
        for column in table.columns
    )
    typed = text.select(_value(column) for column in table.columns)
    failures = [_FAILURE.to_frame()]
    for column in table.columns:
        if column.dtype == pl.String():
            continue
        lost = typed[column.name].is_null() & text[column.name].is_not_null()
        if lost.any():
            unread = pl.DataFrame({"row_number": row_numbers, "text": text[column.name]}).filter(lost)
            failures.append(
                unread.select("row_number", column=pl.lit(column.name), check=_reason(column, pl.col("text")))
            )
    return typed, pl.concat(failures)


def _text(name: str) -> pl.Expr:
    text = pl.col(name).str.strip_chars()
    tidy = _TIDY.get(name, lambda text: text)(text)
    # Where nothing is left of a text (a code that is all dots), the text itself is judged.
    return pl.when(tidy != "").then(tidy).when(text != "").then(text).alias(name)


def _value(column: Column) -> pl.Expr:
    text = pl.col(column.name)
    if column.dtype == pl.Float64():
        number = pl.when(text.str.contains(_NUMBER)).then(text).cast(pl.Float64, strict=False)
        return pl.when(number.is_finite()).then(number).alias(column.name)
    if column.dtype == pl.Date():
        return pl.when(text.str.contains(_DATE)).then(text).str.to_date("%Y-%m-%d", strict=False)
    if column.dtype == pl.Boolean():
        return text.str.to_lowercase().replace_strict(_YES_NO, default=None, return_dtype=pl.Boolean())
    default = DEFAULTS.get(column.name)
    return text if default is None else text.fill_null(default)


def _reason(column: Column, text: pl.Expr) -> pl.Expr:
    if column.dtype == pl.Date():
        return pl.lit("not_a_date")
    if column.dtype == pl.Boolean():
        return pl.lit("not_yes_or_no")
    return (
        pl.when(text.str.contains(_COMMA_NUMBER))
        .then(pl.lit("decimal_comma"))
        # What looks like a number and was not taken has too many digits to hold.
        .when(text.str.contains(_NOT_FINITE) | text.str.contains(_NUMBER))
        .then(pl.lit("not_finite"))
        .otherwise(pl.lit("not_a_number"))
    )


def _broken_rules(typed: pl.DataFrame, row_numbers: pl.Series, table: Table, unreadable: pl.DataFrame) -> pl.DataFrame:
    """Rules of the table that rows break, except on cells that could not be read: those are told once."""
    found = table.failures(typed)
    broken = found.select(row_numbers.gather(found["row"]).alias("row_number"), "column", "check")
    cell = ["row_number", "column"]
    empty = broken.filter(pl.col("check") == "required")
    empty_twice = broken.filter(pl.col("check") == "unique").join(empty, on=cell, how="semi")
    return broken.join(empty_twice, on=[*cell, "check"], how="anti", maintain_order="left").join(
        unreadable, on=cell, how="anti", maintain_order="left"
    )


# --- what is told ------------------------------------------------------------------------------------------


def _quarantine(file: str, table: Table, raw: _Cells, failures: pl.DataFrame, is_bad: pl.Series) -> pl.DataFrame:
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for number, column, check in failures.iter_rows():
        found[number].append((column, check))
    position = {column.name: place for place, column in enumerate(table.columns)}

    records: list[tuple[object, ...]] = [
        (
            file,
            number,
            None,
            None,
            "ragged_row",
            f"the row has {len(row)} cells and the header has {len(raw.header)}, "
            "look for a missing or surplus comma or quote",
            None,
            _csv_line(row),
        )
        for number, row in raw.ragged
    ]
    bad_rows = raw.cells.filter(is_bad).iter_rows(named=True)
    for number, row in zip(raw.row_numbers.filter(is_bad), bad_rows, strict=True):
        reasons = sorted(found[number], key=lambda reason: position.get(reason[0], len(position)))
        records.append(
            (
                file,
                number,
                row.get("shipment_id"),
                "; ".join(column for column, _ in reasons),
                "; ".join(check for _, check in reasons),
                "; ".join(_message(table, column, check, row) for column, check in reasons),
                "; ".join(row.get(column) or "" for column, _ in reasons),
                _csv_line(list(row.values())),
            )
        )
    return pl.DataFrame(records, schema=QUARANTINE.polars_schema(), orient="row").sort("row_number")


_WRITE_NUMBER = "write a plain number with a decimal point and no thousands separator, such as 1234.5"
_TOLD = {
    "not_a_number": f"{{}} is not a number, {_WRITE_NUMBER}",
    "decimal_comma": f"{{}} has a comma, {_WRITE_NUMBER}",
    "not_finite": f"{{}} is not a finite number, {_WRITE_NUMBER} or leave it empty if it is not known",
    "not_yes_or_no": "{} is neither yes nor no, write one of them or leave it empty if it is not known",
    "not_a_date": "{} is not a day of the calendar written YYYY-MM-DD, write it so",
    "number_in_text": "{} is stored as a number, which drops zeros at its end, store it as text",
    "formula_without_value": "{} is a formula without a stored result, save the file in a spreadsheet program "
    "or replace the formula by its value",
    "formula_error": "{} is the error of a formula, mend the formula or leave the cell empty",
    "unique": "{} stands in more than one row and which one is right cannot be told, keep one",
}


def _message(table: Table, name: str, check: str, row: Mapping[str, str | None]) -> str:
    """What is wrong with a cell and what to do, as one phrase."""
    cell = f"{name} {_shown(row.get(name))}"
    if check in _TOLD:
        return _TOLD[check].format(cell)
    for frame_check in table.checks:
        if frame_check.name == check:
            looked_at = dict.fromkeys(frame_check.good.meta.root_names())
            values = " and ".join(f"{one} is {_shown(row.get(one))}" for one in looked_at)
            return f"{frame_check.meaning}, but {values}"
    column = table.column(name)
    vocabulary = column.allowed or ()
    wanted = f"one of {', '.join(vocabulary)}" if 0 < len(vocabulary) <= 30 else f"the {column.meaning}"
    return {
        "required": f"{name} is empty and needs a value: {column.meaning}",
        "above": f"{cell} must be above {column.above}",
        "at_least": f"{cell} must be {column.at_least} or more",
        "allowed": f"{cell} is not known, write {wanted}",
        "pattern": f"{cell} has the wrong form, write {wanted}",
    }[check]


def _shown(value: str | None) -> str:
    if value is None or not value.strip():
        return "(empty)"
    return repr(value if len(value) <= 60 else value[:57] + "...")


def _csv_line(cells: Sequence[str | None]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().removesuffix("\r\n")
