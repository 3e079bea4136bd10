"""CSV that Polars reads and CSV that is read cell by cell are the same rows.

Here: text of all kinds in blocks of a few lines, against Python's own reader of CSV.
Add here: a kind of text on which the two might differ.
Keep out: what is said about a file that cannot be read (`test_shipments_file`, `tests/corpus`).
"""

import csv
import io

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.table import Column, Table
from pipelines.sources import rows_of_csv
from pipelines.sources.rows import InputFileError, Rows
from pipelines.sources.rows_of_csv import read_csv

TABLE = Table("input", "pairs", "one row per pair", tuple(Column(c, pl.String(), "text", required=True) for c in "ab"))

PLAIN = st.sampled_from(["1,2", "x,y", "é,ü", ",", "a b,c", "x^,\x01", "x\x01,", "#,'", "\u2028,\x0b", "1 ,2 "])
OTHER = st.sampled_from(
    [
        *("", " ", "1", "1,2,3", " 1,2", "1, 2", "\ufeff1,2", " , ", '"1","2"', '"1,1",2', '"a""b",2', '"a\nb",2'),
        *('"a\r\nb\n",2', 'a"b,2', '"a"b,2', '"a,2', '2,b"', '"",', '"1\n2,3\n4",5'),
    ]
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
Lines = list[tuple[str, str]]


def mostly_plain() -> st.SearchStrategy[Lines]:
    line = st.one_of(PLAIN, PLAIN, PLAIN, OTHER)
    return st.one_of(
        st.lists(st.tuples(line, ENDS), min_size=1, max_size=40),
        ENDS.flatmap(lambda end: st.lists(st.tuples(line, st.just(end)), min_size=1, max_size=40)),
        st.lists(st.tuples(PLAIN, st.just("\n")), min_size=1, max_size=40),
    )


def by_python(text: str) -> tuple[list[tuple[int, list[str]]], list[tuple[int, list[str]]]] | None:
    """Number and cells of the rows that fit the header and of those that do not; None where there is a fault."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True))
    except csv.Error:
        return None
    filled = [(number, cells) for number, cells in enumerate(rows, start=1) if number > 1 and any(cells)]
    return [row for row in filled if len(row[1]) == 2], [row for row in filled if len(row[1]) != 2]


def read(text: str) -> list[Rows]:
    return list(read_csv(io.BytesIO(text.encode()), "pairs.csv", TABLE)[1])


@given(lines=mostly_plain(), is_ended=st.booleans(), block=st.integers(1, 200), care=st.integers(1, 60))
@settings(deadline=None, max_examples=400)
def test_rows_are_those_of_python(lines: Lines, is_ended: bool, block: int, care: int) -> None:
    text = "a,b\n" + "".join(line + end for line, end in lines)
    text = text if is_ended else text.rstrip("\r\n")
    expected = by_python(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_of_csv, "_BLOCK_BYTES", block)
        patch.setattr(rows_of_csv, "_CARE_BYTES", care)
        if expected is None:
            with pytest.raises(InputFileError):
                read(text)
            return
        batches = read(text)
    numbers = [number for batch in batches for number in batch.row_numbers]
    cells = [list(row) for batch in batches for row in batch.cells.iter_rows()]
    fitting, ragged = expected
    assert list(zip(numbers, cells, strict=True)) == fitting
    assert [(number, list(row)) for batch in batches for number, row in batch.ragged] == ragged


def test_polars_reads_what_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also between and after rows that it does not read: one quoted cell does not make a large file slow."""
    monkeypatch.setattr(rows_of_csv, "_BLOCK_BYTES", 1_000)
    monkeypatch.setattr(rows_of_csv, "_CARE_BYTES", 40)
    plain = [f"{number},x" for number in range(1_000)]
    taken = []
    by_polars = pl.read_csv

    def counted(text: bytes, **options: object) -> pl.DataFrame:
        frame = by_polars(text, **options)  # type: ignore[arg-type]
        taken.append(frame.height)
        return frame

    monkeypatch.setattr(pl, "read_csv", counted)
    batches = read("\n".join(["a,b", *plain[:500], '"1,1",2', *plain[500:], ""]))
    assert [row for batch in batches for row in batch.cells.iter_rows()] == [
        *((str(number), "x") for number in range(500)),
        ("1,1", "2"),
        *((str(number), "x") for number in range(500, 1_000)),
    ]
    assert 950 < sum(taken) <= 1_000
