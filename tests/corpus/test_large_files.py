"""Files that are too large for git, or that unpack to far more than they are: read or refused within little memory.

Here: files made on the spot, read in a process that may take little more memory than it has when it starts.
Add here: another way in which a file can be large.
Keep out: files that fit into the corpus (`make`).
"""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.assess import shipments_contract
from pipelines.contracts.table import Table
from pipelines.rules.rulebook import Rulebook
from pipelines.sources import shipments_file
from pipelines.sources.reference import Reference
from pipelines.sources.shipments_file import InputFileError, read_input
from tests.corpus import workbooks as xl
from tests.corpus.make import GOOD, HEADER, ONE, TWO, row

REPOSITORY = Path(__file__).parents[2]
MEBIBYTE = 1 << 20

# Reads files in an address space that is limited once everything is loaded; one line of JSON for each file.
READER = """
import json, resource, sys
from pathlib import Path
import openpyxl, pandera.polars, pyarrow.parquet
from pipelines.assess import shipments_contract
from pipelines.contracts.table import Table
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.sources.shipments_file import InputFileError, read_input

table = shipments_contract(Rulebook.load(), Reference.load())
small, *files = sys.argv[2:]
read_input(small, table)
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for file in files:
    try:
        intake = read_input(file, table)
        told = {"read": intake.rows_read, "accepted": intake.accepted_row_numbers.to_list(),
                "rejected": intake.rejected["check"].to_list(), "ignored": len(intake.ignored_columns)}
    except InputFileError as error:
        told = {"refused": str(error)}
    print(json.dumps(told), flush=True)
"""


def read_within(mebibytes: int, small: Path, *files: Path) -> list[dict]:
    done = subprocess.run(
        [sys.executable, "-c", READER, str(mebibytes * MEBIBYTE), str(small), *map(str, files)],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def written(path: Path, pieces: Iterable[bytes]) -> Path:
    with path.open("wb") as file:
        file.writelines(pieces)
    return path


def bomb(path: Path, part: str, start: str, filler: bytes, times: int, end: str) -> Path:
    """A workbook of which one part has a filler many times over."""
    parts = xl.parts(xl.sheet(xl.rows([HEADER, list(GOOD.values())])))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts.items():
            if name != part:
                archive.writestr(name, content)
        with archive.open(part, "w") as stream:
            stream.write(start.encode())
            for _ in range(times):
                stream.write(filler)
            stream.write(end.encode())
    return path


@pytest.fixture(scope="module")
def table(book: Rulebook, reference: Reference) -> Table:
    return shipments_contract(book, reference)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return written(tmp_path / "small.csv", [f"{','.join(HEADER)}\n{ONE}\n".encode()])


def test_text_without_end(tmp_path: Path, small: Path) -> None:
    """Lines and cells of 200 MB in 100 MB of memory."""
    header, megabyte = f"{','.join(HEADER)}\n".encode(), b"x" * 1_000_000
    start, middle, end = ONE.encode().partition(b"Urals")
    files = {
        "header without a line end": [b"shipment_id,", *[megabyte] * 200],
        "line without an end": [header, TWO.encode(), b"\n", *[megabyte] * 200, b"\n"],
        "quoted cell without an end": [header, start, b'"', *[b"x\n" * 500_000] * 200],
        "row of commas": [header, *[b"," * 1_000_000] * 200],
        "cell a little too long": [header, start, b"x" * 131_073, end, b"\n"],
        "cell just short enough": [header, start, b"x" * 131_072, end, b"\n"],
    }
    assert middle
    paths = [written(tmp_path / f"{place}.csv", pieces) for place, pieces in enumerate(files.values())]
    told = dict(zip(files, read_within(100, small, *paths), strict=True))
    assert "row 1 has 4,000,000 characters or more" in told["header without a line end"]["refused"]
    assert "row 3 has 4,000,000 characters or more" in told["line without an end"]["refused"]
    assert (
        "row 2 cannot be read as CSV (a cell has more than 131,072 characters)"
        in told["quoted cell without an end"]["refused"]
    )
    assert "row 2 has 4,000,000 characters or more" in told["row of commas"]["refused"]
    assert "a cell has more than 131,072 characters" in told["cell a little too long"]["refused"]
    assert told["cell just short enough"] == {"read": 1, "accepted": [2], "rejected": [], "ignored": 0}


def test_many_columns_and_many_blank_lines(tmp_path: Path, small: Path) -> None:
    header = ",".join(HEADER)

    def wide(columns: int) -> list[bytes]:
        others = columns - len(HEADER)
        names = ",".join(f"c{place}" for place in range(others))
        cells = ",x" * others
        return [f"{header},{names}\n{ONE}{cells}\n{TWO.replace('700000', 'many')}{cells}\n".encode()]

    files = [
        written(tmp_path / "wide.csv", wide(10_000)),
        written(tmp_path / "too_wide.csv", wide(16_385)),
        written(
            tmp_path / "blank.csv",
            [f"{header}\n".encode(), *[b"\n" * 1_000_000] * 4, f"{TWO}\n".encode(), b"\r\n" * 1_000_000],
        ),
        written(tmp_path / "twice.csv", [f"{header}{',c' * 9_000}\n".encode()]),
    ]
    ten_thousand, too_wide, blank, twice = read_within(400, small, *files)
    assert ten_thousand == {"read": 2, "accepted": [2], "rejected": ["not_a_number"], "ignored": 10_000 - len(HEADER)}
    assert "row 1 names 16,385 columns and at most 16,384 are read" in too_wide["refused"]
    assert blank == {"read": 1, "accepted": [4_000_002], "rejected": [], "ignored": 0}
    assert "names c more than once" in twice["refused"]


def test_workbooks_that_unpack_to_far_more(tmp_path: Path, small: Path) -> None:
    sheet, texts = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
    start, end = xl.sheet("<!---->").split("<!---->")
    row_start = f'{xl.rows([HEADER])}<row r="2">'
    in_texts = xl.texts("<t><!----></t>").split("<!---->")
    blanks = b" " * MEBIBYTE
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.xlsx", b"\0" * 50 * MEBIBYTE)
    many_parts = xl.parts(xl.sheet("")) | {f"xl/media/{number}.png": "" for number in range(10_001)}
    files = {
        "100 MB of blanks": bomb(tmp_path / "0.xlsx", sheet, start, blanks, 100, end),
        "60 MB of text in a cell": bomb(tmp_path / "1.xlsx", sheet, f'{start}{row_start}<c t="inlineStr"><is><t>', blanks, 60, f"</t></is></c></row>{end}"),
        "60 MB of an attribute": bomb(tmp_path / "2.xlsx", sheet, start + '<row r="', blanks, 60, '"/>' + end),
        "60 MB of one shared text": bomb(tmp_path / "3.xlsx", texts, in_texts[0], blanks, 60, in_texts[-1]),
        "60 MB of sheet names": bomb(tmp_path / "4.xlsx", "xl/workbook.xml", xl.book().replace("</sheets></workbook>", ""), b'<sheet name="x"/>' * 50_000, 70, "</sheets></workbook>"),
        "2 million cells in a row": bomb(tmp_path / "5.xlsx", sheet, start + row_start, b"<c/>" * 250_000, 8, "</row>" + end),
        "2 million nested elements": bomb(tmp_path / "6.xlsx", sheet, start, b"<x>" * 250_000, 8, end),
        "2 million other elements": bomb(tmp_path / "7.xlsx", sheet, start + xl.rows([HEADER, list(GOOD.values())]), b"<x/>" * 250_000, 8, end),
        "more rows than a sheet has": bomb(tmp_path / "8.xlsx", sheet, start + xl.rows([HEADER]), b"<row/>" * 50_000, 22, end),
        "a workbook in a zip file": written(tmp_path / "9.xlsx", [inner.getvalue()]),
        "10,000 parts": written(tmp_path / "10.xlsx", [xl.packed(many_parts)]),
    }  # fmt: skip
    assert all(path.stat().st_size < 2 * MEBIBYTE for path in files.values())
    told = dict(zip(files, read_within(100, small, *files.values()), strict=True))
    words = {
        "100 MB of blanks": "bytes unpack to 104,",
        "60 MB of text in a cell": "a cell has more than 131,072 characters",
        "60 MB of an attribute": "a tag that does not end",
        "60 MB of one shared text": "a cell has more than 131,072 characters",
        "60 MB of sheet names": "its part xl/workbook.xml unpacks to",
        "2 million cells in a row": "row 2 has more than 16,384 cells",
        "2 million nested elements": "nested without end",
        "more rows than a sheet has": "row 1048577 follows row 1048576",
        "a workbook in a zip file": "cannot be read as XLSX",
        "10,000 parts": "it has 10,00",
    }
    for name, said in words.items():
        assert said in told[name].get("refused", "nothing"), (name, told[name])
    assert told["2 million other elements"] == {"read": 1, "accepted": [2], "rejected": [], "ignored": 0}


def stored_once(path: Path, text: str, times: int, *, store_schema: bool) -> Path:
    """Parquet in which an id stands once for many rows."""
    columns = {name: pa.array([GOOD[name]]) for name in HEADER} | {"shipment_id": pa.array([text])}
    one = pa.table({name: column.dictionary_encode() for name, column in columns.items()})
    pq.write_table(one.take(pa.array([0] * times)), path, store_schema=store_schema)
    return path


def test_a_megabyte_a_hundred_thousand_times(tmp_path: Path, small: Path) -> None:
    files = [
        stored_once(tmp_path / f"{schema}.parquet", "x" * 1_000_000, 100_000, store_schema=schema)
        for schema in (True, False)
    ]
    assert all(path.stat().st_size < 100_000 for path in files)
    for told in read_within(300, small, *files):
        assert "a cell has more than 131,072 characters" in told["refused"]


def test_more_text_than_the_file_can_hold(tmp_path: Path, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest text that a cell may hold, many times over: here 26 MB against a limit of 10 MB."""
    monkeypatch.setattr(shipments_file, "_TEXT_ANYWAY", 10_000_000)
    path = stored_once(tmp_path / "repeated.parquet", "x" * 131_072, 200, store_schema=False)
    with pytest.raises(InputFileError, match="unpacks to more than 10,000,000 bytes of text"):
        read_input(path, table)


def test_more_bad_rows_than_can_be_listed(tmp_path: Path, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit for the text of bad rows: here a megabyte, so that the file need not be large."""
    monkeypatch.setattr(shipments_file, "_MAX_REJECTED_BYTES", MEBIBYTE)
    lines = [",".join(row(number, quantity="many").values()) for number in range(1, 5_001)]
    path = written(tmp_path / "bad.csv", ["\n".join([",".join(HEADER), *lines]).encode()])
    with pytest.raises(
        InputFileError, match=r"5,000 rows and more break the contract.* the first is row 2: quantity 'many'"
    ):
        read_input(path, table)


def test_batches_make_no_difference(tmp_path: Path, table: Table) -> None:
    """Ids that repeat far apart, bad rows and row numbers in a file of several batches, in each format."""
    count = 70_000
    numbers = pl.int_range(1, count + 1, eager=True)
    frame = pl.DataFrame({name: pl.repeat(value, count, eager=True) for name, value in GOOD.items()}).with_columns(
        shipment_id="S" + numbers.cast(pl.String).replace({str(count): "1"}),
        quantity=pl.when(numbers == 60_000).then(pl.lit("59,70")).otherwise(pl.lit("700000")),
    )
    frame.write_csv(tmp_path / "large.csv")
    frame.write_parquet(tmp_path / "large.parquet")
    for name in ("large.csv", "large.parquet"):
        intake = read_input(tmp_path / name, table)
        assert intake.rows_read == count
        assert intake.accepted.height == count - 3
        assert intake.rejected.select("row_number", "shipment_id", "check").rows() == [
            (2, "S1", "unique"),
            (60_001, "S60000", "decimal_comma"),
            (count + 1, "S1", "unique"),
        ]
        assert intake.accepted_row_numbers.to_list() == sorted(set(range(2, count + 2)) - {2, 60_001, count + 1})
