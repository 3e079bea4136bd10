"""The lake as assets, where a lake is the warehouse: its tables, and the months that runs write beside each other.

Here: what must be there before months are written, and writing those of a run.
Add here: nothing about one table.
Keep out: transactions and snapshots (`pipelines.warehouse.lake`), and the release, which is the asset `warehouse`.
"""

from collections.abc import Sequence

import dagster as dg

from pipelines.assets.monthly_asset import PARTITIONS, months_of_run
from pipelines.assets.release import LAKE_MONTHS
from pipelines.assets.table_asset import OWNERS, asset_key
from pipelines.contracts.table import Table
from pipelines.settings import Settings
from pipelines.warehouse import lake
from pipelines.warehouse.store import Store

GROUP = "release"
LAKE_TABLES = dg.AssetKey(["lake_tables"])


def build_assets(found: lake.Lake, published: Sequence[Table], macros: Sequence[str]) -> list[dg.AssetsDefinition]:
    """The assets of a lake. published: all tables of the warehouse. macros: the statements that make them."""
    monthly = [table for table in published if table.is_by_month]

    @dg.asset(
        key=LAKE_TABLES,
        group_name=GROUP,
        owners=[OWNERS[GROUP]],
        kinds={"ducklake"},
        description="The tables, comments and macros of the lake: those that it lacks, or has in another shape.",
    )
    def lake_tables() -> None:
        lake.prepare(found, published, macros)

    @dg.asset(
        key=LAKE_MONTHS,
        deps=[LAKE_TABLES, *(asset_key(table) for table in monthly)],
        partitions_def=PARTITIONS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=GROUP,
        owners=[OWNERS[GROUP]],
        kinds={"ducklake"},
        description="Months of cargoes in the lake, each in a transaction of its own. No reader sees them before the "
        "release that they belong to.",
    )
    def lake_months(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
        store = Store(settings.store_folder)
        only = months_of_run(context)
        if only is not None:
            store = store.narrowed(only)
        written = lake.replace_months(found, lake.parts(store, monthly), f"run {context.run.run_id}")
        return dg.MaterializeResult(
            metadata={"months written": len(written), "dagster/row_count": sum(written.values())}
        )

    return [lake_tables, lake_months]
