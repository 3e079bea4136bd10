"""Tables as Parquet files, one per table, between assets.

Here: writing a table whole, reading it lazily.
Add here: another layout of the files.
Keep out: checks of content, DuckDB.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.contracts.table import Table


@dataclass(frozen=True)
class Store:
    """A folder of `<schema>/<name>.parquet`. No locks: a table is written aside and renamed into place."""

    folder: Path

    def path(self, table: Table) -> Path:
        """The file of a table."""
        return self.folder / table.schema / f"{table.name}.parquet"

    def write(self, table: Table, frame: pl.DataFrame) -> None:
        """Replaces the table; `frame` has the columns of the table, in any order."""
        path = self.path(table)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.writing")
        table.conform(frame).write_parquet(aside)
        aside.replace(path)

    def scan(self, table: Table) -> pl.LazyFrame:
        """The table, lazily."""
        return pl.scan_parquet(self.path(table), glob=False)
