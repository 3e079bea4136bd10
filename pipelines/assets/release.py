"""The last assets of a night: what it says about itself, the published file, and the report on it.

Here: check results and release as tables, the publishing of the warehouse, and the report beside it.
Add here: another table about the night as a whole.
Keep out: how the file is built and replaced (`pipelines.warehouse.publish`), and what the report says.
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
from pipelines.errors import UserError
from pipelines.rules.rulebook import RULES_FOLDER
from pipelines.settings import REPOSITORY, Settings
from pipelines.warehouse import publish
from pipelines.warehouse.store import Store

MACROS_FOLDER = REPOSITORY / "sql" / "macros"
WAREHOUSE = dg.AssetKey(["warehouse"])
REPORT = dg.AssetKey(["report"])


def build_assets(tables: Sequence[Table]) -> list[dg.AssetsDefinition]:
    """The warehouse asset, which follows every table and every blocking check, and the report, which follows it."""

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

    # After publishing: the report is read off the very file that people query, so it cannot describe another one, and
    # it can fail without holding a good release back.
    @dg.asset(
        key=REPORT,
        deps=[WAREHOUSE],
        group_name="release",
        kinds={"html"},
        description="The report on the published file: one HTML page with charts, tables and the queries behind them.",
    )
    def report(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
        from pipelines.report.files import discard_report, write_report

        try:
            written = write_report(settings.warehouse_file, settings.report_folder, with_pictures=False)
        except Exception as error:
            discard_report(settings.report_folder)
            if isinstance(error, UserError):
                raise dg.Failure(description=str(error)) from error
            raise
        return dg.MaterializeResult(
            metadata={
                "file": dg.MetadataValue.path(written.page),
                "in short": dg.MetadataValue.md(written.in_short()),
            }
        )

    return [warehouse, report]


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
