"""Publishers: one module per data set, how to fetch it and how to read it, with its contract beside it.

Here: `SOURCES`, in the order in which their figures are worth having, and the tables that they fill.
Add here: the source of a new module.
Keep out: what all sources do alike (`pipelines.sources.upstream`).
"""

import datetime as dt
from collections.abc import Callable

import polars as pl

from pipelines.contracts.fetching import versioned
from pipelines.contracts.table import ContractError, Table
from pipelines.object_store import Folder
from pipelines.sources.publishers import (
    comtrade,
    consultant,
    ecb,
    eia,
    eurostat_comext,
    eurostat_energy,
    fed,
    fred,
    japan_customs,
    japan_grades,
    ofac,
    uk_sanctions,
    un_locode,
    world_bank,
    world_port_index,
)
from pipelines.sources.upstream import Source, as_known, latest

SOURCES: tuple[Source, ...] = (
    ecb.SOURCE,
    eia.SOURCE,
    fred.SOURCE,
    fed.SOURCE,
    consultant.SOURCE,
    world_bank.SOURCE,
    japan_customs.SOURCE,
    japan_grades.SOURCE,
    eurostat_energy.SOURCE,
    eurostat_comext.SOURCE,
    comtrade.SOURCE,
    ofac.SOURCE,
    uk_sanctions.SOURCE,
    world_port_index.SOURCE,
    un_locode.SOURCE,
)
_PLAIN: dict[str, Table] = {table.name: table for source in SOURCES for table in source.tables}
STAGED: dict[str, Table] = {name: versioned(table) for name, table in _PLAIN.items()}


class _ReadOnDemand(dict[str, pl.DataFrame]):
    """Tables by name, each read when it is first asked for: there are large ones that few need."""

    def __init__(self, read: Callable[[str], pl.DataFrame]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, name: str) -> pl.DataFrame:
        self[name] = self._read(name)
        return self[name]


def in_force(store_folder: Folder, day: dt.date | None) -> dict[str, pl.DataFrame]:
    """The rows in force on a day of a fetched table, by its name, as the last night stored them; none where it
    stored none. A table is there once it was asked for.
    """

    def read(name: str) -> pl.DataFrame:
        table = STAGED[name]
        try:
            stored = table.conform(pl.read_parquet(str(store_folder / table.schema / f"{name}.parquet"), glob=False))
        except (FileNotFoundError, ContractError):  # never stored, or by another version of the program
            stored = table.empty()
        return latest(as_known(stored, _PLAIN[name], day))

    return _ReadOnDemand(read)
