"""The last assets of a night: what it says about itself, and the published file.

Here: check results and release as tables, and the publishing of the warehouse.
Add here: another table about the night as a whole.
Keep out: how the file is built and replaced (`pipelines.warehouse.publish`).
"""

import datetime as dt
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

import pipelines
from pipelines.assets.table_asset import asset_key, check_results_file
from pipelines.contracts.cargoes import CARGOES, VERDICTS
from pipelines.contracts.macros import MACROS
from pipelines.contracts.quality import CHECK_RESULTS, RELEASES
from pipelines.contracts.rules import RULE_TABLES
from pipelines.contracts.table import Table
from pipelines.rules.rulebook import RULES_FOLDER
from pipelines.settings import REPOSITORY, Settings
from pipelines.warehouse import publish
from pipelines.warehouse.store import Store

MACROS_FOLDER = REPOSITORY / "sql" / "macros"
WAREHOUSE = dg.AssetKey(["warehouse"])


def build_assets(tables: Sequence[Table]) -> list[dg.AssetsDefinition]:
    """The warehouse asset, which follows every table and every blocking check."""

    @dg.asset(
        key=WAREHOUSE,
        deps=[asset_key(table) for table in tables],
        group_name="release",
        kinds={"duckdb"},
        description="The published DuckDB file: built aside from all tables, checked, then renamed.",
    )
    def warehouse(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
        store = Store(settings.store_folder)
        results = pl.concat(pl.read_parquet(check_results_file(table, store), glob=False) for table in tables)
        release = _release(context.run.run_id, settings, store)
        store.write(CHECK_RESULTS, results)
        store.write(RELEASES, pl.DataFrame([release], schema=RELEASES.polars_schema()))
        rows = publish.publish(settings, [*tables, CHECK_RESULTS, RELEASES], macro_statements(), release)
        return dg.MaterializeResult(
            metadata={
                "file": dg.MetadataValue.path(settings.warehouse_file),
                "tables": len(rows),
                "rows": sum(rows.values()),
                "rules": release["rules_sha256"][:12],
            }
        )

    return [warehouse]


def macro_statements(folder: Path = MACROS_FOLDER) -> list[str]:
    """The statements that make the macros and say what they are for."""
    return [
        statement
        for macro in MACROS
        for statement in ((folder / f"{macro.name}.sql").read_text(encoding="utf-8"), macro.duckdb_comment())
    ]


def _release(run_id: str, settings: Settings, store: Store) -> dict[str, Any]:
    def rows(table: Table) -> int:
        return int(store.scan(table).select(pl.len()).collect().item())

    return {
        "run_id": run_id,
        "built_at": dt.datetime.now(dt.UTC),
        "known_on": settings.as_of,
        "plimsoll_version": pipelines.__version__,
        "rules_sha256": _rules_hash(),
        "cargoes": rows(CARGOES),
        "verdicts": rows(VERDICTS),
    }


def _rules_hash() -> str:
    digest = hashlib.sha256()
    for name in sorted(RULE_TABLES):
        digest.update((RULES_FOLDER / name).read_bytes())
    return digest.hexdigest()
