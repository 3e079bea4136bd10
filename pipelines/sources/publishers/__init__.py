"""Publishers: one module per data set, how to fetch it and how to read it, with its contract beside it.

Here: `SOURCES`, in the order in which their figures are worth having, and the tables that they fill.
Add here: the source of a new module.
Keep out: what all sources do alike (`pipelines.sources.upstream`).
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from pipelines.contracts.fetching import versioned
from pipelines.contracts.table import ContractError, Table
from pipelines.sources.publishers import ecb, ofac, uk_sanctions, un_locode, world_port_index
from pipelines.sources.upstream import Source, as_known, latest

SOURCES: tuple[Source, ...] = (ecb.SOURCE, ofac.SOURCE, uk_sanctions.SOURCE, world_port_index.SOURCE, un_locode.SOURCE)
_PLAIN: dict[str, Table] = {table.name: table for source in SOURCES for table in source.tables}
STAGED: dict[str, Table] = {name: versioned(table) for name, table in _PLAIN.items()}


class InForce(Mapping[str, pl.DataFrame]):
    """The rows in force on a day of every fetched table, by name, as the last night stored them; none where it stored
    none. A table is read when it is asked for: there are large ones that few need.
    """

    def __init__(self, store_folder: Path, day: dt.date | None) -> None:
        self._folder, self._day = store_folder, day

    def __getitem__(self, name: str) -> pl.DataFrame:
        table = STAGED[name]
        path = self._folder / table.schema / f"{name}.parquet"
        try:
            stored = table.conform(pl.read_parquet(path, glob=False))
        except (FileNotFoundError, ContractError):  # never stored, or by another version of the program
            stored = table.empty()
        return latest(as_known(stored, _PLAIN[name], self._day))

    def __iter__(self) -> Iterator[str]:
        return iter(STAGED)

    def __len__(self) -> int:
        return len(STAGED)
