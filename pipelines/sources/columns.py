"""From rows of text to the typed columns of a table, by what is the least work.

Here: which cells are looked at one by one, and which are not because they are blank or plain.
Add here: another way to look at fewer cells, which must end in the same values and faults.
Keep out: what a cell means (`cells`) and the rules of a table (`pipelines.contracts`).
"""

from collections.abc import Collection
from typing import NamedTuple

import polars as pl

from pipelines.contracts.table import Column, Table
from pipelines.sources.cells import fault, has_comma_decimals, plain, tidied, value
from pipelines.sources.rows import FAILURE, Rows


class Parsed(NamedTuple):
    """Rows of text as values of a table.

    typed: the frame of the table, null where a cell is blank or at fault. faults: those cells, in the shape of
    `FAILURE`. kept: columns that are known to keep to the rules about them alone.
    """

    typed: pl.DataFrame
    faults: pl.DataFrame
    kept: Collection[str]


class _Judged(NamedTuple):
    """Columns of values, null where a text is blank or at fault, and of faults, null where there is none."""

    values: pl.DataFrame
    faults: pl.DataFrame


class Parsing:
    """The parsing of the rows of one file, batch by batch.

    has_comma_decimals: so far, some number was written with a comma for decimals or points for thousands.
    """

    def __init__(self, table: Table, points_may_be_thousands: bool) -> None:
        self._table, self._points_may_be_thousands = table, points_may_be_thousands
        self.has_comma_decimals = False
        nothing = pl.DataFrame({column.name: pl.Series([None], dtype=pl.String()) for column in table.columns})
        self._blank = self._judged(nothing, table.columns).values
        self._blank_keeps = self._keeps(self._blank, table.columns)

    def parsed(self, rows: Rows) -> Parsed:
        """The values of rows: of plain text as it stands, of other text cell by cell."""
        cells = rows.cells
        filled = [c for c in self._table.columns if c.name in cells.columns and (cells[c.name] != "").any()]
        kept = []
        values = _plain(cells, filled, self._points_may_be_thousands)
        by_cell = self._judged(cells, [column for column in filled if column.name not in values])
        values |= by_cell.values.to_dict()
        for column in self._table.columns:
            if column not in filled:
                blank = self._blank[column.name].item()
                values[column.name] = pl.repeat(blank, cells.height, dtype=column.dtype, eager=True)
                kept.append(column.name)
        return Parsed(
            typed=pl.DataFrame({column.name: values[column.name] for column in self._table.columns}),
            faults=_of_cells(rows.row_numbers, list(by_cell.faults)),
            kept={name for name in kept if self._blank_keeps[name].item()},
        )

    def _judged(self, text: pl.DataFrame, columns: Collection[Column]) -> _Judged:
        """The long way: each text is tidied and asked for its fault and its value."""
        tidy = text.select(tidied(column.name) for column in columns)
        faults = tidy.with_columns(
            fault(column, self._points_may_be_thousands).alias(column.name) for column in columns
        )
        numbers = [column.name for column in columns if column.dtype == pl.Float64()]
        self.has_comma_decimals |= any(series.any() for series in tidy.select(map(has_comma_decimals, numbers)))
        return _Judged(
            tidy.select(
                pl.when(faults[column.name].is_null()).then(value(column)).alias(column.name) for column in columns
            ),
            faults,
        )

    def _keeps(self, values: pl.DataFrame, columns: Collection[Column]) -> pl.DataFrame:
        return values.with_columns(self._table.keeps_alone(column).alias(column.name) for column in columns)


def _plain(cells: pl.DataFrame, columns: list[Column], points_may_be_thousands: bool) -> dict[str, pl.Series]:
    """The values of the columns in which the short way is sure for every cell."""
    ways = {column.name: way for column in columns if (way := plain(column, points_may_be_thousands))}
    values = (
        cells.lazy()
        .select(
            *(short.alias(name) for name, (short, _) in ways.items()),
            *(sure.alias(f"{name} is sure") for name, (_, sure) in ways.items()),
        )
        .collect()
    )
    return {name: values[name] for name in ways if values[f"{name} is sure"].all()}


def _of_cells(row_numbers: pl.Series, faults: list[pl.Series]) -> pl.DataFrame:
    found = [
        pl.DataFrame({"row_number": row_numbers, "column": series.name, "check": series}).filter(series.is_not_null())
        for series in faults
        if series.null_count() < series.len()
    ]
    return pl.concat([FAILURE.to_frame(), *found])
