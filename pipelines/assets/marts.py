"""The marts written in SQL.

Here: an asset for each file of `sql/marts`; what it and its columns are made from is read off the SQL.
Add here: nothing; add `sql/marts/<name>.sql` and its contract in `pipelines.contracts.marts`.
Keep out: the SQL.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import dagster as dg
import polars as pl

from pipelines.assets.table_asset import Lineage, table_assets
from pipelines.contracts.marts import SQL_MARTS
from pipelines.contracts.table import Table
from pipelines.settings import REPOSITORY, Settings
from pipelines.warehouse import duck
from pipelines.warehouse.sql_lineage import columns_made_from
from pipelines.warehouse.store import Store

MARTS_FOLDER = REPOSITORY / "sql" / "marts"
_NAME = re.compile(r"\b(?:reference|staging|marts|quality)\.\w+")


def build_assets(stored: Sequence[Table]) -> list[dg.AssetsDefinition]:
    """One asset per mart; `stored` are the tables that marts may read."""
    tables = {table.full_name: table for table in [*stored, *SQL_MARTS]}
    queries = [mart_sql(mart.name) for mart in SQL_MARTS]
    lineage = columns_made_from(queries, {name: table.polars_schema() for name, table in tables.items()})
    return [_mart(*mart, tables) for mart in zip(SQL_MARTS, queries, lineage, strict=True)]


def _mart(mart: Table, sql: str, lineage: Lineage, tables: Mapping[str, Table]) -> dg.AssetsDefinition:
    named = set(_NAME.findall(sql))
    reads = [table for name, table in tables.items() if name in named]

    def compute(_: Settings, store: Store) -> dict[str, pl.DataFrame]:
        return {mart.name: duck.select(sql, reads, store)}

    return table_assets(
        compute,
        [mart],
        name=mart.name,
        group="marts",
        reads=reads,
        kind="duckdb",
        lineage={mart: lineage},
    )


def mart_sql(name: str, folder: Path = MARTS_FOLDER) -> str:
    """The SQL of a mart."""
    return (folder / f"{name}.sql").read_text(encoding="utf-8")
