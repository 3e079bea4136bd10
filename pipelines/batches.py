"""Many rows, a batch at a time, so that memory does not grow with them; and what they have in common, once.

A join of many rows copies all that they carry. Here rows that differ only in a few columns are *numbered* by their
difference, what follows from the difference is worked out once, and taken by its number.

Here: batches, and the numbering of differences.
Add here: nothing that knows of cargoes or cells.
Keep out: what is worked out (`pipelines.sources.columns`, `pipelines.transforms.prices`, `pipelines.transforms.judge`).
"""

from collections.abc import Callable, Sequence

import polars as pl

# Enough that the work on a batch outweighs the calls it takes, few enough that it stays in the caches of a processor.
BATCH_ROWS = 200_000

Work = Callable[[pl.DataFrame], pl.DataFrame]
_NUMBER = pl.get_index_type()


def in_batches(rows: pl.LazyFrame, schema: pl.Schema, begin: Callable[[], Work]) -> pl.LazyFrame:
    """The results of work on batches of rows, as a lazy frame of `schema`.

    begin: gives the work on one batch after another, which may learn from each. Batches are worked on at the same time
    on several processors, and each of those begins for itself.
    """
    idle: list[Work] = []

    def done(batch: pl.DataFrame) -> pl.DataFrame:
        if batch.is_empty():
            return schema.to_frame()
        # Taking from a list and giving back cannot be interrupted, so no two threads ever share the work.
        work = idle.pop() if idle else begin()
        starts = range(0, batch.height, BATCH_ROWS)
        results = [work(batch.slice(start, BATCH_ROWS)).select(schema.names()) for start in starts]
        idle.append(work)
        return pl.concat(results)

    return rows.map_batches(done, schema=schema, streamable=True)


def at_once(frame: pl.LazyFrame) -> pl.DataFrame:
    """A few rows, collected during the work on a batch.

    Not by the streaming engine: its threads may all be at work on batches, and would wait for themselves.
    """
    return frame.collect(engine="in-memory")


class Differences:
    """Numbers for the differences in some columns, in the order in which they are first seen; null equals null."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = list(columns)
        # Columns taken together are told apart more quickly than each by itself.
        self._key = pl.struct(self.columns) if len(self.columns) > 1 else pl.col(self.columns[0])
        self._known = pl.DataFrame()

    def numbers(self, batch: pl.DataFrame) -> tuple[pl.Series, pl.DataFrame]:
        """The number of each row, and the rows (of the columns) that were not known before, in the order of theirs."""
        keys = batch.select(key=self._key)
        if self._known.is_empty():
            self._known = keys.clear().with_row_index("number")
        numbers = self._look_up(keys)
        if not numbers.null_count():
            return numbers, batch.select(self.columns).clear()
        missing = numbers.is_null().arg_true()
        unknown = taken(keys, missing)
        new = unknown.unique(maintain_order=True)
        self._known = pl.concat([self._known, new.with_row_index("number", self._known.height)], rechunk=True)
        numbers = numbers.scatter(missing, self._look_up(unknown))
        return numbers, new.unnest("key") if len(self.columns) > 1 else new.rename({"key": self.columns[0]})

    def _look_up(self, keys: pl.DataFrame) -> pl.Series:
        if self._known.is_empty():
            return pl.repeat(None, keys.height, dtype=_NUMBER, eager=True)
        return keys.join(self._known, on="key", how="left", nulls_equal=True, maintain_order="left")["number"]


class Pairs:
    """What follows from pairs of two small numbers, as a number, by a table of all pairs.

    follow: the numbers of what follows from pairs (columns `row` and `column`) that were not met before.
    """

    def __init__(self, follow: Callable[[pl.DataFrame], pl.Series]) -> None:
        self._follow = follow
        self._width = 1
        self._table = pl.Series([], dtype=_NUMBER)

    def numbers(self, rows: pl.Series, columns: pl.Series) -> pl.Series:
        """The number of what follows from each pair."""
        if rows.is_empty():
            return rows
        self._grow(int(rows.max()) + 1, int(columns.max()) + 1)  # type: ignore[arg-type]
        places = rows * self._width + columns
        numbers = self._table.gather(places)
        if numbers.null_count():
            new = places.filter(numbers.is_null()).unique(maintain_order=True)
            pairs = pl.DataFrame({"row": new // self._width, "column": new % self._width})
            self._table.scatter(new, self._follow(pairs))
            numbers = self._table.gather(places)
        return numbers

    def _grow(self, rows: int, columns: int) -> None:
        width, height = self._width, self._table.len() // self._width
        if rows <= height and columns <= width:
            return
        # Twice of what is needed, so that it is seldom needed again.
        wider, higher = (max(width, 2 * columns), max(height, 2 * rows))
        table = pl.repeat(None, wider * higher, dtype=_NUMBER, eager=True)
        places = pl.int_range(self._table.len(), eager=True).filter(self._table.is_not_null())
        table.scatter(places // width * wider + places % width, self._table.drop_nulls())
        self._width, self._table = wider, table


def taken(rows: pl.DataFrame, places: pl.Series) -> pl.DataFrame:
    """The rows at these places, one for each place."""
    index = places.cast(pl.get_index_type())
    return rows.select(pl.all().gather(index))


def looked_up(keys: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """The other columns of a table, for each row of keys; null where the table does not know it."""
    found = keys.join(table, on=keys.columns, how="left", maintain_order="left")
    return found.drop(keys.columns)
