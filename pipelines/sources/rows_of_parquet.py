"""Reading Parquet, a batch of rows at a time.

Here: from typed columns to the text that a CSV file would show.
Add here: another type of column.
Keep out: what a cell means (`cells`) and what all formats share (`rows`).
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import polars as pl

from pipelines.contracts.table import Table
from pipelines.sources.parquet_footer import (
    BYTE_ARRAY,
    DELTA_BYTE_ARRAY,
    PLAIN_DICTIONARY,
    RLE_DICTIONARY,
    Footer,
    read_footer,
)
from pipelines.sources.rows import (
    FAILURE,
    MAX_CELL,
    Cells,
    InputFileError,
    Rows,
    checked_header,
    plain_number,
    wants_text,
)

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_BATCH_ROWS, _BATCH_VALUES = 50_000, 4_000_000
_READ_AHEAD_BYTES = 1 << 20
# A file of a few bytes can claim to hold far more than fits in memory.
_VALUES_ANYWAY, _VALUES_PER_BYTE = 1_000_000, 10
_BYTES_ANYWAY, _BYTES_PER_BYTE = 256 << 20, 200
# Ways of storing text in which one long text can stand for any number of values at no cost are read as they are
# stored, in pieces that stay small when the text is written out.
_COSTLY_TEXT = frozenset({PLAIN_DICTIONARY, RLE_DICTIONARY, DELTA_BYTE_ARRAY})
_PIECE_BYTES, _BYTES_OF_A_CHARACTER = 64 << 20, 4

_SECONDS = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EPOCH = dt.datetime(1970, 1, 1)
_FIRST_SECOND = (dt.datetime.min - _EPOCH) // dt.timedelta(seconds=1)
_LAST_SECOND = (dt.datetime.max - _EPOCH) // dt.timedelta(seconds=1)


def read_parquet(file: BinaryIO, name: str, table: Table) -> tuple[list[str], Iterator[Rows]]:
    """The header and the rows of a Parquet file. Both raise `InputFileError`."""
    import pyarrow.parquet as pq

    with _told(name):
        footer = read_footer(file)
        _require_honest_size(footer, file.seek(0, 2), name)
        parquet = pq.ParquetFile(
            file,
            read_dictionary=_costly_columns(footer),
            buffer_size=_READ_AHEAD_BYTES,
            page_checksum_verification=True,
            # Some writers store days in a form that Arrow would cut to the years 1677 to 2262.
            coerce_int96_timestamp_unit="us",
        )
        names, types = parquet.schema_arrow.names, parquet.schema_arrow.types
    header = checked_header(name, names, table)
    for column, dtype in zip(header, types, strict=True):
        if column in table.polars_schema() and not _has_text(dtype):
            raise InputFileError(f"{name}: column {column} holds {dtype} values, store text, numbers or dates.")
    return header, _batches(parquet, name, header, table)


def _require_honest_size(footer: Footer, size: int, name: str) -> None:
    unpacked = sum(group.unpacked_bytes for group in footer.groups)
    values = sum(max((chunk.values for chunk in group.chunks), default=0) for group in footer.groups)
    if max(footer.rows, values) > max(_VALUES_ANYWAY, _VALUES_PER_BYTE * size) or (
        unpacked > max(_BYTES_ANYWAY, _BYTES_PER_BYTE * size)
    ):
        raise InputFileError(
            f"{name}: {size:,} bytes claim to hold {footer.rows:,} rows and {unpacked:,} bytes, "
            "which is not believed, export it again."
        )
    if any(length > MAX_CELL for length in footer.fixed_lengths):
        raise InputFileError(f"{name}: a column holds values of more than {MAX_CELL:,} bytes, leave it out.")


def _costly_columns(footer: Footer) -> list[str]:
    """Paths of the columns that hold text in a way in which it can repeat at no cost."""
    chunks = (chunk for group in footer.groups for chunk in group.chunks)
    return sorted(
        {
            chunk.path
            for chunk in chunks
            if chunk.physical_type == BYTE_ARRAY and not _COSTLY_TEXT.isdisjoint(chunk.encodings)
        }
    )


def _batches(parquet: "pq.ParquetFile", name: str, header: list[str], table: Table) -> Iterator[Rows]:
    first = 2
    with _told(name):
        for batch in parquet.iter_batches(max(1, min(_BATCH_ROWS, _BATCH_VALUES // len(header)))):
            batch.validate(full=True)
            for piece in _pieces(batch, name):
                yield _rows(piece, first, name, header, table)
                first += piece.num_rows


def _pieces(batch: "pa.RecordBatch", name: str) -> Iterator["pa.RecordBatch"]:
    """The batch in parts that stay small when every text is written out."""
    longest = sum(_longest(array, name) for array in batch.columns)
    rows = max(1, _PIECE_BYTES // max(1, longest))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _longest(array: "pa.Array", name: str) -> int:
    """Bytes of the longest text of those that are stored once for many values."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(array.type) or not _is_text(array.type.value_type):
        return 0
    longest = pc.max(pc.binary_length(array.dictionary)).as_py() or 0
    if longest > MAX_CELL * _BYTES_OF_A_CHARACTER:
        raise InputFileError(f"{name}: a cell has more than {MAX_CELL:,} characters, shorten it.")
    return int(longest)


def _rows(batch: "pa.RecordBatch", first: int, name: str, header: list[str], table: Table) -> Rows:
    import pyarrow as pa

    row_numbers = pl.Series(range(first, first + batch.num_rows), dtype=pl.Int64)
    cells: dict[str, pl.Series] = {}
    failures: list[tuple[int, str, str]] = []
    is_row = pl.repeat(False, batch.num_rows, eager=True)
    for column, array in zip(header, batch.columns, strict=True):
        if column not in table.polars_schema():
            is_row |= pl.from_arrow(array.is_valid())
            continue
        cells[column] = text = _text(array).alias(column)
        is_row |= (text != "").fill_null(False)
        if (longest := text.str.len_chars().max()) and longest > MAX_CELL:  # type: ignore[operator]
            raise InputFileError(
                f"{name}: a cell of column {column} has more than {MAX_CELL:,} characters, shorten it."
            )
        if wants_text(table.column(column)):
            failures += [(number, column, check) for number, check in _not_text(array, text, row_numbers)]

    frame = pl.DataFrame(cells).filter(is_row)
    others = batch.filter(pa.array(is_row))

    def whole(chosen: pl.Series) -> Iterable[Cells]:
        kept, aside = frame.filter(chosen), others.filter(pa.array(chosen))
        columns = (
            kept[column].to_list() if column in cells else _shown(array)
            for column, array in zip(header, aside.columns, strict=True)
        )
        return zip(*columns, strict=True)

    found = pl.DataFrame(failures, schema=FAILURE, orient="row")
    return Rows(frame, row_numbers.filter(is_row), found, [], whole)


def _has_text(dtype: "pa.DataType") -> bool:
    from pyarrow import types

    if types.is_dictionary(dtype):
        return _has_text(dtype.value_type)
    return _is_text(dtype) or any(
        is_one(dtype)
        for is_one in (
            types.is_integer, types.is_floating, types.is_decimal, types.is_boolean, types.is_date,
            types.is_timestamp, types.is_null,
        )
    )  # fmt: skip


def _is_text(dtype: "pa.DataType") -> bool:
    from pyarrow import types

    return types.is_string(dtype) or types.is_large_string(dtype) or types.is_string_view(dtype)


def _text(array: "pa.Array") -> pl.Series:
    """Typed values as a CSV would show them."""
    import pyarrow as pa

    dtype = array.type
    if pa.types.is_dictionary(dtype):
        return _text(array.dictionary_decode())
    if pa.types.is_decimal(dtype):
        array = array.cast(pa.large_string())
    if pa.types.is_float16(dtype):
        array = array.cast(pa.float32())
    series = pl.Series(pl.from_arrow(array))
    if series.dtype.is_temporal():
        return _day_text(series)
    text = series.cast(pl.String)
    if pa.types.is_decimal(dtype) or pa.types.is_floating(dtype):
        return text.str.replace(r"\.0+$", "") if not text.str.contains("(?i)e").any() else _mapped(text)
    return text


def _mapped(text: pl.Series) -> pl.Series:
    return pl.Series([None if value is None else plain_number(value) for value in text], dtype=pl.String)


def _day_text(series: pl.Series) -> pl.Series:
    """`2023-02-05`, with the time where it is not midnight; a count where no calendar reaches."""
    value = pl.col(series.name)
    if isinstance(series.dtype, pl.Datetime):
        seconds = value.to_physical() // _SECONDS[series.dtype.time_unit]
        is_day, day = value.dt.time() == dt.time(), value.dt.date()
    else:
        seconds = value.to_physical().cast(pl.Int64) * 86_400
        is_day, day = pl.lit(True), value
    # Polars cannot show a day that no calendar has.
    known = pl.when(seconds.is_between(_FIRST_SECOND, _LAST_SECOND)).then(value)
    frame = series.to_frame().with_columns(known, count=value.to_physical().cast(pl.String))
    text = pl.when(is_day).then(day.cast(pl.String)).otherwise(value.cast(pl.String))
    return frame.select(pl.coalesce(text, "count")).to_series()


def _not_text(array: "pa.Array", text: pl.Series, row_numbers: pl.Series) -> Iterator[tuple[int, str]]:
    from pyarrow import types

    dtype = array.type.value_type if types.is_dictionary(array.type) else array.type
    if types.is_boolean(dtype) or types.is_temporal(dtype):
        wrong, check = text.is_not_null(), "not_text"
    elif types.is_floating(dtype) or types.is_decimal(dtype):
        wrong, check = text.str.contains("[^0-9-]").fill_null(False), "number_in_text"
    else:
        return
    yield from ((number, check) for number in row_numbers.filter(wrong))


def _shown(array: "pa.Array") -> list[str | None]:
    """Values of any type for the row that is shown to people."""
    try:
        return [None if value is None else _plain(value) for value in array.to_pylist()]
    except (ValueError, OverflowError, KeyError):  # a day that Python does not know
        return ["(cannot be shown)"] * len(array)


def _plain(value: Any) -> str:
    return plain_number(repr(value)) if isinstance(value, float) else str(value)


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except (InputFileError, MemoryError):
        raise
    # A damaged file fails in many ways, and some damage ends in a panic, which is no ordinary exception.
    except (Exception, pl.exceptions.PanicException) as error:
        told = ", it is encrypted" if "encrypt" in str(error).lower() else ""
        raise InputFileError(f"{name}: the file is not readable as Parquet{told}, export it again.") from error
