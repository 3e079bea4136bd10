"""Tables about cargoes as assets: kept by month of loading, made again only where something has changed.

Here: the partitions, and the factory that makes such an asset from a contract and a recipe.
Add here: something that every table by month should show in the Dagster UI.
Keep out: anything about one table, and how months are compared (`pipelines.warehouse.months`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
import polars as pl

from pipelines.assets.table_asset import (
    UNCHANGED,
    Lineage,
    asset_key,
    asset_spec,
    check_spec,
    column_lineage,
    log,
    outcomes,
    taken_over,
)
from pipelines.assets.table_check import TableCheck, checks_of, look
from pipelines.contracts.cargoes import CARGOES
from pipelines.contracts.table import ContractError, Table
from pipelines.settings import Settings
from pipelines.transforms.touching import month_of
from pipelines.warehouse.months import Monthly, Recipe, Remade, fingerprint, program, remake
from pipelines.warehouse.store import Store

# A night is one run of this partition, which stands for every month that there is: whatever the dates of cargoes, and
# with one event for each table rather than one for each of its months. Months are there to be seen, and to be made
# again by hand; a night reports those that it made.
EVERY_MONTH = "every month"
FIRST_YEAR, LAST_YEAR = 2010, 2039
MONTHS = tuple(f"{year}-{month:02}" for year in range(FIRST_YEAR, LAST_YEAR + 1) for month in range(1, 13))
PARTITIONS = dg.StaticPartitionsDefinition([EVERY_MONTH, *MONTHS])
NIGHT_TAGS = {"dagster/partition": EVERY_MONTH}
# On the runs of a night over several workers: which night it is.
NIGHT_TAG = "plimsoll/night"


@dataclass(frozen=True)
class Making:
    """How a table by month is made; see `pipelines.warehouse.months.Monthly`.

    recipes: from settings and store. make: from settings, a store narrowed to some months, and the parts to make.
    inputs: the tables that recipes follow from, beside settings and rules.
    """

    recipes: Callable[[Settings, Store], Mapping[str, Recipe]]
    make: Callable[[Settings, Store, Sequence[str] | None], pl.DataFrame]
    inputs: tuple[Table, ...]
    about: Callable[[Settings], object] = lambda settings: None
    part_column: str | None = None
    months_of: Callable[[Store], pl.DataFrame] | None = None
    source: Table = CARGOES


def of(making: Making, table: Table, settings: Settings, store: Store) -> Monthly:
    """The making of a table in one night."""

    def inputs() -> str:
        return fingerprint(
            [program(), settings.as_of, making.about(settings), *(store.identity(table) for table in making.inputs)]
        )

    return Monthly(
        table,
        inputs,
        lambda: making.recipes(settings, store),
        lambda narrowed, parts: making.make(settings, narrowed, parts),
        making.months_of or cargo_months,
        lambda: {month: store.narrowed([month]).rows(making.source) for month in store.months(making.source)},
        making.part_column,
    )


def cargo_months(store: Store) -> pl.DataFrame:
    """shipment_id and month of every cargo that is seen."""
    return store.scan(CARGOES).select("shipment_id", month=month_of(pl.col("loading_first"))).collect()


def monthly_asset(
    table: Table,
    making: Making,
    checks: Sequence[TableCheck] = (),
    *,
    group: str,
    reads: Sequence[Table],
    kind: str = "polars",
    lineage: Lineage | None = None,
) -> dg.AssetsDefinition:
    """The asset `<schema>/<name>` of a table by month, a partition for each."""
    made_from = taken_over(table, reads) if lineage is None else lineage
    all_checks = checks_of(table, checks)

    @dg.multi_asset(
        name=table.name,
        specs=[asset_spec(table, group, reads, kind, made_from, PARTITIONS)],
        check_specs=[check_spec(table, check) for check in all_checks],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def asset(
        context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        store, only = Store(settings.store_folder), months_of_run(context)
        is_of_night = only is None or NIGHT_TAG in context.run.tags
        if only is not None and is_of_night:
            # Other runs of the night are at work on the other months.
            store = store.narrowed(only)
        try:
            remade = remake(
                of(making, table, settings, store), store, afresh=settings.is_full or not is_of_night, only=only
            )
        except ContractError as error:
            raise dg.Failure(description=str(error)) from error
        _tell(context, table, store, remade, is_night=only is None)
        found = outcomes(table, look(table, all_checks, store, settings), settings)
        if store.only is None:  # not in a run on some of the months; the release looks at all of them
            log(table.name, found, settings, context.run.run_id)
        yield dg.MaterializeResult(
            asset_key=asset_key(table),
            metadata={
                "dagster/row_count": store.rows(table),
                "months made": len(remade.made),
                UNCHANGED: not remade.made and not remade.dropped,
                "dagster/column_lineage": column_lineage(made_from),
            },
        )
        yield from (outcome.result() for outcome in found)

    return asset


def months_of_run(context: dg.AssetExecutionContext) -> frozenset[str] | None:
    """The months that a run is about; None: all that there are."""
    asked = context.partition_keys if context.has_partition_key_range else [EVERY_MONTH]
    return None if EVERY_MONTH in asked else frozenset(asked)


def _tell(context: dg.AssetExecutionContext, table: Table, store: Store, remade: Remade, *, is_night: bool) -> None:
    """The reasons in the log, and in a night an event for each month that was made."""
    for line in remade.why:
        context.log.info(f"  {table.name}: {line}")
    if is_night:
        for month in sorted(remade.made.keys() & set(MONTHS)):
            context.log_event(
                dg.AssetMaterialization(
                    asset_key(table),
                    partition=month,
                    metadata={"dagster/partition_row_count": store.narrowed([month]).rows(table)},
                )
            )
