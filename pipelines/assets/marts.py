"""The marts written in SQL.

Here: an asset for each mart of `sql/marts`; what it and its columns are made from is read off the SQL.
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
from pipelines.warehouse.sql_lineage import columns_made_from
from pipelines.warehouse.store import Store

MARTS_FOLDER = REPOSITORY / "sql" / "marts"
_NAME = re.compile(r"\b(?:reference|staging|marts|quality)\.\w+")


def build_assets(stored: Sequence[Table]) -> list[dg.AssetsDefinition]:
    """One asset per mart, all computed in one step: opening DuckDB takes longer than most of them.

    stored: the tables that marts may read beside each other.
    """
    tables = {table.full_name: table for table in [*stored, *SQL_MARTS]}
    queries = {mart: mart_sql(mart.name) for mart in SQL_MARTS}
    reads = {mart: _tables_in(sql, [*stored, *SQL_MARTS]) for mart, sql in queries.items()}
    outside = {table for found in reads.values() for table in found if table not in queries}
    schemas = {name: table.polars_schema() for name, table in tables.items()}
    lineage = dict(zip(queries, columns_made_from(list(queries.values()), schemas), strict=True))

    def compute(_: Settings, store: Store) -> dict[str, pl.DataFrame]:
        return {mart.name: frame for mart, frame in duck.select(queries, outside, store).items()}

    return [
        table_assets(compute, SQL_MARTS, name="sql_marts", group="marts", reads=reads, kind="duckdb", lineage=lineage)
    ]


def _tables_in(sql: str, tables: Sequence[Table]) -> list[Table]:
    named = set(_NAME.findall(sql))
    return [table for table in tables if table.full_name in named]


def mart_sql(name: str, folder: Path = MARTS_FOLDER) -> str:
    """The SQL of a mart."""
    return (folder / f"{name}.sql").read_text(encoding="utf-8")
