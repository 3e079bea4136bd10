"""The marts written in SQL.

Here: an asset for each file of `sql/marts`; what it reads is read off the SQL.
Add here: nothing; add `sql/marts/<name>.sql` and its contract in `pipelines.contracts.marts`.
Keep out: the SQL.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import polars as pl

from pipelines.assets.table_asset import table_assets
from pipelines.contracts.marts import SQL_MARTS
from pipelines.contracts.table import Table
from pipelines.settings import REPOSITORY, Settings
from pipelines.warehouse import duck
from pipelines.warehouse.store import Store

MARTS_FOLDER = REPOSITORY / "sql" / "marts"
_NAME = re.compile(r"\b(?:reference|staging|marts|quality)\.\w+")


def build_assets(stored: Sequence[Table]) -> list[dg.AssetsDefinition]:
    """One asset per mart; `stored` are the tables that marts may read."""
    return [_mart(mart, [*stored, *SQL_MARTS]) for mart in SQL_MARTS]


def _mart(mart: Table, tables: Sequence[Table]) -> dg.AssetsDefinition:
    sql = mart_sql(mart.name)
    named = set(_NAME.findall(sql))
    reads = [table for table in tables if f"{table.schema}.{table.name}" in named]

    def compute(_: Settings, store: Store) -> dict[str, pl.DataFrame]:
        return {mart.name: duck.select(sql, reads, store)}

    return table_assets(compute, [mart], name=mart.name, reads=reads, kind="duckdb")


def mart_sql(name: str, folder: Path = MARTS_FOLDER) -> str:
    """The SQL of a mart."""
    return (folder / f"{name}.sql").read_text(encoding="utf-8")
