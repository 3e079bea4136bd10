"""What the checks of a night found, kept beside the tables from night to night.

Here: one small file per step, which each run adds to; the results of now and the history read from these files.
Add here: nothing per check.
Keep out: the checks, and what a failure means for the night.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from pipelines.contracts.quality import CHECK_HISTORY, CHECK_RESULTS
from pipelines.contracts.table import Table
from pipelines.object_store import Folder


@dataclass(frozen=True)
class CheckLog:
    """A folder of `<step>.parquet`: rows of `CHECK_RESULTS`, of the last run and of those before it."""

    folder: Folder

    def add(self, step: str, results: pl.DataFrame, keep_days: int) -> None:
        """Adds the results of one run on the tables of a step; what is older than so many days is let go.

        A run that takes a step again replaces what it found before. Earlier rows keep no sample.
        """
        file = self.folder / f"{step}.parquet"
        results = CHECK_RESULTS.conform(results)
        rows = [results]
        if file.exists():
            is_kept = pl.col("checked_at") >= dt.datetime.now(dt.UTC) - dt.timedelta(days=keep_days)
            earlier = pl.read_parquet(str(file), glob=False).filter(is_kept, pl.col("run_id") != results["run_id"][0])
            rows.append(earlier.with_columns(sample=pl.lit(None, pl.String), message=pl.lit(None, pl.String)))
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = file.with_name(f".{file.name}.writing")
        pl.concat(rows).write_parquet(str(aside))
        aside.replace(file)

    def results(self, tables: Iterable[Table]) -> pl.DataFrame:
        """`CHECK_RESULTS`: what the last run that made each of the tables found."""
        names = [table.full_name for table in tables]
        is_of_last_run = pl.col("run_id") == pl.col("run_id").first().over("table_name")
        return self._rows().filter(pl.col("table_name").is_in(names), is_of_last_run)

    def of_run(self, run_id: str) -> pl.DataFrame:
        """`CHECK_RESULTS`: what one run found, as far as it came."""
        return self._rows().filter(pl.col("run_id") == run_id)

    def history(self) -> pl.DataFrame:
        """`CHECK_HISTORY`: all that is kept, the latest first."""
        return CHECK_HISTORY.conform(self._rows()).sort("checked_at", "table_name", descending=[True, False])

    def _rows(self) -> pl.DataFrame:
        """Everything; of each table the last run comes first."""
        files = [str(file) for file in sorted(self.folder.glob("*.parquet"), key=str)]
        rows = pl.read_parquet(files, glob=False) if files else CHECK_RESULTS.empty()
        return rows.sort("checked_at", descending=True, maintain_order=True)
