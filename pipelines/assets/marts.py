"""The marts written in SQL.

Here: an asset for each mart of `sql/marts`; what it and its columns are made from is read off the SQL.
Add here: nothing; add `sql/marts/<name>.sql` and its contract in `pipelines.contracts.marts`.
Keep out: the SQL.
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import dagster as dg
import polars as pl

from pipelines.assets.monthly_asset import Making, monthly_asset
from pipelines.assets.table_asset import table_assets
from pipelines.contracts.cargoes import VERDICTS
from pipelines.contracts.marts import SQL_MARTS
from pipelines.contracts.table import Table
from pipelines.settings import REPOSITORY, Settings
from pipelines.warehouse import duck
from pipelines.warehouse.months import PROGRAM, WHOLE, Recipe, made_of, program
from pipelines.warehouse.sql_lineage import columns_made_from
from pipelines.warehouse.store import Store

MARTS_FOLDER = REPOSITORY / "sql" / "marts"
_NAME = re.compile(r"\b(?:reference|staging|marts|quality)\.\w+")


def build_assets(stored: Sequence[Table]) -> list[dg.AssetsDefinition]:
    """One asset per mart; those that are not by month are computed in one step: opening DuckDB takes longer than most.

    stored: the tables that marts may read beside each other.
    """
    tables = {table.full_name: table for table in [*stored, *SQL_MARTS]}
    queries = {mart: mart_sql(mart.name) for mart in SQL_MARTS}
    together = {mart: sql for mart, sql in queries.items() if not mart.is_by_month}
    reads = {mart: tables_in(sql, [*stored, *SQL_MARTS]) for mart, sql in queries.items()}
    outside = {table for mart in together for table in reads[mart]} - together.keys()
    schemas = {name: table.polars_schema() for name, table in tables.items()}
    lineage = dict(zip(queries, columns_made_from(list(queries.values()), schemas), strict=True))

    def made_from(mart: Table, _: Settings, store: Store) -> dict[str, str]:
        return made_of(reads[mart], store)

    def compute(_: Settings, store: Store, stale: Collection[Table]) -> dict[str, pl.DataFrame]:
        made = duck.select({mart: together[mart] for mart in stale}, outside | (together.keys() - {*stale}), store)
        return {mart.name: frame for mart, frame in made.items()}

    return [
        *(
            monthly_asset(
                mart,
                making_of(mart, sql, reads[mart]),
                group="marts",
                reads=reads[mart],
                kind="duckdb",
                lineage=lineage[mart],
            )
            for mart, sql in queries.items()
            if mart.is_by_month
        ),
        table_assets(
            compute,
            list(together),
            name="sql_marts",
            group="marts",
            reads={mart: reads[mart] for mart in together},
            kind="duckdb",
            lineage={mart: lineage[mart] for mart in together},
            made_from=made_from,
        ),
    ]


def making_of(mart: Table, sql: str, reads: Sequence[Table]) -> Making:
    """How a mart of cargoes is made: each month from the same month of what it reads."""

    def recipes(_: Settings, store: Store) -> dict[str, Recipe]:
        beside = {table.full_name: store.identity(table)[:20] for table in reads if not table.is_by_month}
        return {
            month: {
                WHOLE: {PROGRAM: program(), **beside}
                | {table.full_name: store.month_identity(table, month)[:20] for table in reads if table.is_by_month}
            }
            for month in store.months(VERDICTS)
        }

    def make(_: Settings, store: Store, __: Sequence[str] | None) -> pl.DataFrame:
        return duck.select({mart: sql}, reads, store)[mart]

    return Making(recipes, make, tuple(reads))


def tables_in(sql: str, tables: Sequence[Table]) -> list[Table]:
    named = set(_NAME.findall(sql))
    return [table for table in tables if table.full_name in named]


def mart_sql(name: str, folder: Path = MARTS_FOLDER) -> str:
    """The SQL of a mart."""
    return (folder / f"{name}.sql").read_text(encoding="utf-8")
