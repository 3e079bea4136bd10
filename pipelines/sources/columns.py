"""From rows of text to the typed columns of a table, by what is the least work.

Here: which cells are looked at one by one, and which are not because their text was seen before or is plain.
Add here: another way to look at fewer cells, which must end in the same values and faults.
Keep out: what a cell means (`cells`) and the rules of a table (`pipelines.contracts`).
"""

from collections.abc import Collection
from typing import NamedTuple

import polars as pl

from pipelines.batches import Differences
from pipelines.contracts.table import Column, Table
from pipelines.sources.cells import fault, has_comma_decimals, plain, tidied, value
from pipelines.sources.rows import FAILURE, Rows

# A column repeats its texts if of so many cells, from all over the rows, no more than this share are different.
_SAMPLE, _MOST_TEXTS = 500, 0.97
# So many texts of a column are remembered, then they are learnt anew.
_MOST_REMEMBERED = 100_000


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


class _Remembered:
    """The texts of a column so far, by their number, and what each means."""

    def __init__(self, column: Column) -> None:
        self.texts = Differences([column.name])
        self.values = pl.Series(dtype=column.dtype)
        self.faults = pl.Series(dtype=pl.String())
        self.keeps = pl.Series(dtype=pl.Boolean())  # to the rules about the column alone

    def add(self, values: pl.Series, faults: pl.Series, keeps: pl.Series) -> None:
        self.values, self.faults = pl.concat([self.values, values]), pl.concat([self.faults, faults])
        self.keeps = pl.concat([self.keeps, keeps])


class Parsing:
    """The parsing of the rows of one file, batch by batch.

    has_comma_decimals: so far, some number was written with a comma for decimals or points for thousands.
    """

    def __init__(self, table: Table, points_may_be_thousands: bool) -> None:
        self._table, self._points_may_be_thousands = table, points_may_be_thousands
        self._remembered: dict[str, _Remembered] = {}
        self.has_comma_decimals = False
        nothing = pl.DataFrame({column.name: pl.Series([None], dtype=pl.String()) for column in table.columns})
        self._blank = self._judged(nothing, table.columns).values
        self._blank_keeps = self._keeps(self._blank, table.columns)

    def parsed(self, rows: Rows) -> Parsed:
        """The values of rows: of a text that repeats, it is asked once; of another, for each cell."""
        cells = rows.cells
        filled = [c for c in self._table.columns if c.name in cells.columns and (cells[c.name] != "").any()]
        repeating = _repeating(cells, filled)
        others = [column for column in filled if column not in repeating]
        values, faults, kept = self._by_text(cells, repeating)
        values |= _plain(cells, others, self._points_may_be_thousands)
        by_cell = self._judged(cells, [column for column in others if column.name not in values])
        values |= by_cell.values.to_dict()
        for column in self._table.columns:
            if column not in filled:
                blank = self._blank[column.name].item()
                values[column.name] = pl.repeat(blank, cells.height, dtype=column.dtype, eager=True)
                kept.append(column.name)
        return Parsed(
            typed=pl.DataFrame({column.name: values[column.name] for column in self._table.columns}),
            faults=_of_cells(rows.row_numbers, [*faults, *by_cell.faults]),
            kept={name for name in kept if self._blank_keeps[name].item()},
        )

    def _by_text(
        self, cells: pl.DataFrame, columns: list[Column]
    ) -> tuple[dict[str, pl.Series], list[pl.Series], list[str]]:
        """Values, faults, and the columns that keep to the rules, by what was learnt of each text when it was new."""
        for column in columns:
            texts = self._remembered.get(column.name)
            if texts is None or texts.values.len() > _MOST_REMEMBERED:
                self._remembered[column.name] = _Remembered(column)
        known = {column.name: self._remembered[column.name] for column in columns}
        numbered = {name: texts.texts.numbers(cells) for name, texts in known.items()}
        self._learn({name: new[name] for name, (_, new) in numbered.items() if new.height})
        numbers = pl.DataFrame({name: places for name, (places, _) in numbered.items()})
        values = numbers.select(pl.lit(known[name].values).gather(name).alias(name) for name in known).to_dict()
        for name, series in values.items():
            if series.null_count() and (blank := self._blank[name].item()) is not None:
                values[name] = series.fill_null(blank)
        faults = [known[name].faults.gather(numbers[name]).alias(name) for name in known if known[name].faults.count()]
        kept = [name for name in known if known[name].keeps.all() or known[name].keeps.gather(numbers[name]).all()]
        return values, faults, kept

    def _learn(self, texts: dict[str, pl.Series]) -> None:
        columns = [self._table.column(name) for name in texts]
        most = max((new.len() for new in texts.values()), default=0)
        frame = pl.DataFrame({name: new.extend_constant(None, most - new.len()) for name, new in texts.items()})
        values, faults = self._judged(frame, columns)
        keeps = self._keeps(values, columns)
        for name, new in texts.items():
            self._remembered[name].add(*(known[name].head(new.len()) for known in (values, faults, keeps)))

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


def _repeating(cells: pl.DataFrame, columns: list[Column]) -> list[Column]:
    sample = cells.gather_every(max(cells.height // _SAMPLE, 1))
    filled = {column: (text := sample[column.name]).filter(text != "") for column in columns}
    return [column for column, texts in filled.items() if texts.n_unique() <= _MOST_TEXTS * texts.len()]


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
