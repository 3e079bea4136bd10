"""What is fuzzed, and what must hold whatever the bytes are.

Here: one function per parser that takes any bytes; it raises where a promise of docs/input-files.md is broken.
Add here: a parser of bytes from outside, or another promise.
Keep out: how the fuzzer is run (`run`), and the files that it found (`tests/corpus`).
"""

import csv
import io
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl

from pipelines.assess import shipments_contract
from pipelines.contracts.attestations import ATTESTATIONS
from pipelines.contracts.quarantine import QUARANTINE
from pipelines.contracts.table import Table
from pipelines.rules.rulebook import Rulebook
from pipelines.sources import upstream
from pipelines.sources.publishers import SOURCES
from pipelines.sources.reference import Reference
from pipelines.sources.shipments_file import InputFileError, Intake, read_opened
from tests.corpus import workbooks as xl

CORPUS = Path(__file__).parents[1] / "corpus" / "files"
ATTESTATIONS_ROWS = """A1,S1,2,Example,2023-06-10,59.70,yes,2023-06-12;2023-06-14
A2,S1,1,,2023-06-31,"59,70",1,
"A""3"," S1",3,"two
lines",,1e3,no,2023-06-12
"""
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class BrokenPromiseError(AssertionError):
    """The program did something with the bytes that it promises not to do."""


@dataclass(frozen=True)
class Target:
    """look: takes any bytes and raises if a promise is broken. seeds: bytes to begin with."""

    look: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]


@dataclass(frozen=True, eq=False)
class ParsedOnly(Table):
    """A contract whose rules are not looked at, only types: pandera takes nine tenths of the time, and the rules have
    tests of their own (`test_contracts`)."""

    def failures(self, df: pl.DataFrame, kept: Collection[str] = ()) -> pl.DataFrame:
        """None."""
        return pl.DataFrame(schema={"row": pl.Int64(), "column": pl.String(), "check": pl.String()})


def _parsed_only(table: Table) -> ParsedOnly:
    return ParsedOnly(table.schema, table.name, table.grain, table.columns, table.key)


@cache
def shipments() -> Table:
    """The declared-shipments contract with the shipped vocabularies."""
    return shipments_contract(Rulebook.load(), Reference.load())


# --- files of users ----------------------------------------------------------------------------------------


def intake_of(content: bytes, suffix: str, table: Table) -> Intake | None:
    """The reading of a file; None if it was refused, in one sentence that can be shown."""
    name = f"file{suffix}"
    try:
        intake = read_opened(io.BytesIO(content), Path(name), table)
    except InputFileError as error:
        message = str(error)
        _require(message.startswith(f"{name}: ") and message.endswith("."), f"no sentence: {message!r}")
        _require(message.isprintable(), f"cannot be shown: {message!r}")
        return None
    _require(intake.accepted.height + intake.rejected.height == intake.rows_read, "accepted + quarantined is not read")
    _require(intake.accepted.height == len(intake.accepted_row_numbers), "rows without numbers")
    _require(
        not set(intake.accepted_row_numbers) & set(intake.rejected["row_number"]), "a row is accepted and quarantined"
    )
    _require(intake.accepted.schema == table.polars_schema(), "accepted rows of another shape")
    _require(intake.rejected.schema == QUARANTINE.polars_schema(), "quarantined rows of another shape")
    for message in intake.rejected["message"]:
        _require(message.isprintable(), f"cannot be shown: {message!r}")
    return intake


def _look_at_csv(table: Table, content: bytes) -> None:
    intake = intake_of(content, ".csv", table)
    if intake is None:
        return
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    header, *lines = csv.reader(text, skipinitialspace=True)
    _same_as_written(
        intake, [name.strip().strip("\ufeff").strip().lower() for name in header], dict(enumerate(lines, 2)), table
    )


def _look_at_rows(table: Table, content: bytes) -> None:
    """The bytes are what stands below a good header."""
    header = ",".join(column.name for column in table.columns)
    _look_at_csv(table, f"{header}\n".encode() + content)


def _look_at_xlsx(table: Table, content: bytes) -> None:
    intake = intake_of(content, ".xlsx", table)
    if intake is None or intake.accepted.height == 0:
        return
    # Another reader of the same bytes, where it reads them.
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
        sheet = next(sheet for sheet in book.worksheets if sheet.sheet_state == "visible")
        lines = [list(line) for line in sheet.iter_rows(values_only=True, max_row=200, max_col=200)]
    except Exception:  # it refuses, or fails on, some of what is read here
        return
    header = [str(name or "").strip().lower() for name in lines[0]]
    numbered = {number: ["" if cell is None else str(cell) for cell in line] for number, line in enumerate(lines, 1)}
    _same_as_written(intake, header, numbered, table)


def _look_at_parquet(table: Table, content: bytes) -> None:
    intake_of(content, ".parquet", table)


def _look_at_sheet(table: Table, content: bytes) -> None:
    """The bytes are the XML of a sheet, and after a NUL byte that of the shared texts, or stand in its first row."""
    data, _, texts = content.partition(b"\0")
    start, end = xl.sheet("<!---->").encode().split(b"<!---->")
    header = [column.name for column in table.columns]
    parts = xl.parts("")
    parts["xl/worksheets/sheet1.xml"] = data if data.startswith(b"<?xml") else (
        start + xl.rows([header]).encode() + data + end
    )  # fmt: skip
    if texts:
        parts["xl/sharedStrings.xml"] = texts
    _look_at_xlsx(table, xl.packed(parts))


def _same_as_written(intake: Intake, header: Sequence[str], lines: Mapping[int, Sequence[str]], table: Table) -> None:
    """Numbers and days of accepted rows are those that stand in the file, read here in a way of its own."""
    for number, row in zip(intake.accepted_row_numbers, intake.accepted.to_dicts(), strict=True):
        if number not in lines:  # far down in a workbook
            continue
        written: dict[str, Any] = dict(zip(header, lines[number], strict=False))
        for column in table.columns:
            value, text = row[column.name], written.get(column.name, "").strip()
            if isinstance(value, float):
                exact = re.fullmatch(_PLAIN_NUMBER, text) and float(Decimal(text)) == value
                _require(bool(exact) or _in_a_workbook(text, value), f"{text!r} was read as {value!r}")
            if column.dtype.is_temporal() and value is not None:
                _require(text.removesuffix(" 00:00:00") == value.isoformat(), f"{text!r} was read as {value}")


def _in_a_workbook(text: str, value: float) -> bool:
    """Python shows a number of a workbook as `7e+05`, and as `59.7` what has more digits than a number holds."""
    try:
        return "e" in text.lower() and float(text) == value
    except ValueError:
        return False


# --- answers of publishers ---------------------------------------------------------------------------------


# Made-up answers that read well, one of each kind: `SOURCE~DOCUMENT`, with `_` for blanks.
ANSWERS = sorted((Path(__file__).parent / "answers").iterdir())
_SOURCES = {source.name: source for source in SOURCES}


def _look_at_answer(content: bytes) -> None:
    """The first byte chooses the document."""
    if not content:
        return
    name, _, document = ANSWERS[content[0] % len(ANSWERS)].name.partition("~")
    source, document = _SOURCES[name], document.replace("_", " ")
    try:
        upstream._frames(source, document, content[1:])
        upstream._followed(source, upstream.Request(document, "https://host/path"), content[1:])
    except upstream.SourceFault as fault:
        _require(bool(fault.check and str(fault)), "a fault without a reason")


# --- all ---------------------------------------------------------------------------------------------------


def _of_the_corpus(suffix: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(CORPUS.glob(f"*{suffix}"))]


def _rows() -> list[bytes]:
    """Rows in the order of the contract: good ones, and one odd cell after another in an otherwise good row."""
    good = {"shipment_id": "S1", "loading_date": "2023-06-10", "hs_code": "2709.00", "origin_country": "RU"}
    good |= {
        "destination_country": "IN",
        "quantity": "59.7",
        "quantity_unit": "bbl",
        "value": "4200",
        "currency": "USD",
    }
    odd = {
        "quantity": '"59,70"',
        "value": "1.234.567",
        "loading_date": "10.06.2023",
        "nexus": "US;EU",
        "grade": '"a\nb"',
    }
    lines = [good, *(good | {name: text} for name, text in odd.items())]
    names = shipments().polars_schema().names()
    return [",".join(line.get(name, "") for name in names).encode() + b"\n" for line in lines]


def _sheets() -> list[bytes]:
    good = ["S1", None, "2023-06-10", None, "2709", *[None] * 9, 59.7, "bbl", 42_000_000, "USD"]
    odd = ["S2", '<c s="1"><v>45087</v></c>', '<c s="5"><v>45087.5</v></c>', '<c t="s"><v>0</v></c>', '<c t="b"><v>1</v></c>',
           '<c t="e"><v>#N/A</v></c>', '<c><f>1+1</f><v>2</v></c>', '<c t="str"><f>A1</f><v>x</v></c>']  # fmt: skip
    return [
        xl.rows([good, odd], first=2).encode(),
        xl.rows([odd], first=2).encode() + b"\0" + xl.texts("2023-06-10", "_x001B_").encode(),
        xl.sheet(xl.rows([good]), after='<mergeCells><mergeCell ref="A1:B2"/></mergeCells>').encode(),
    ]


def _answers() -> list[bytes]:
    return [bytes([place]) + path.read_bytes() for place, path in enumerate(ANSWERS)]


TARGETS: dict[str, Target] = {
    "csv": Target(partial(_look_at_csv, _parsed_only(shipments())), lambda: _of_the_corpus(".csv")),
    "rows": Target(partial(_look_at_rows, _parsed_only(shipments())), _rows),
    "attestations": Target(partial(_look_at_rows, _parsed_only(ATTESTATIONS)), lambda: [ATTESTATIONS_ROWS.encode()]),
    "xlsx": Target(partial(_look_at_xlsx, _parsed_only(shipments())), lambda: _of_the_corpus(".xlsx")),
    "sheet": Target(partial(_look_at_sheet, _parsed_only(shipments())), _sheets),
    "parquet": Target(partial(_look_at_parquet, _parsed_only(shipments())), lambda: _of_the_corpus(".parquet")),
    "answers": Target(_look_at_answer, _answers),
}


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BrokenPromiseError(otherwise)
