"""Publishers: one module per data set, how to fetch it and how to read it, with its contract beside it.

Here: `SOURCES`, in the order in which their figures are worth having, and the tables that they fill.
Add here: the source of a new module.
Keep out: what all sources do alike (`pipelines.sources.upstream`).
"""

import datetime as dt
from pathlib import Path

import polars as pl

from pipelines.contracts.fetching import versioned
from pipelines.contracts.table import ContractError, Table
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
STAGED: dict[str, Table] = {table.name: versioned(table) for source in SOURCES for table in source.tables}


def in_force(store_folder: Path, day: dt.date | None) -> dict[str, pl.DataFrame]:
    """The rows in force on a day of every fetched table, as the last night stored them; none where it stored none."""
    plain = {table.name: table for source in SOURCES for table in source.tables}
    frames = {}
    for name, table in STAGED.items():
        path = store_folder / table.schema / f"{name}.parquet"
        try:
            stored = table.conform(pl.read_parquet(path, glob=False))
        except (FileNotFoundError, ContractError):  # never stored, or by another version of the program
            stored = table.empty()
        frames[name] = latest(as_known(stored, plain[name], day))
    return frames
