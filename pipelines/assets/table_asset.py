"""From a contract and a function to an asset with its checks.

Here: what every table gets in the same way: storage, contract check, row count, schema, lineage, failure samples.
Add here: something that every table should show in the Dagster UI.
Keep out: anything about one table.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import polars as pl

from pipelines.assets.table_check import (
    ERROR,
    SAMPLE_ROWS,
    WARN,
    Finding,
    TableCheck,
    checks_of,
    look,
)
from pipelines.contracts.table import Column, ContractError, Table
from pipelines.settings import Settings
from pipelines.warehouse.check_log import CheckLog
from pipelines.warehouse.months import Ingredients, is_stale, keep
from pipelines.warehouse.store import Store

# In the metadata of a table: true if it is as the night before left it.
UNCHANGED = "unchanged"
KEPT = "Nothing that it looks at has changed since it found this."
CONSEQUENCE = {ERROR: "A failure stops the night.", WARN: "A failure is told, and the night goes on."}

# The stages of a night, which group its assets on the Dagster pages, and who answers for them.
LAW_DESK, DATA_DESK, ANALYSIS_DESK = "team:law-desk", "team:data-desk", "team:analysis-desk"
OWNERS = {
    "publishers": DATA_DESK,
    "law": LAW_DESK,
    "figures": DATA_DESK,
    "inputs": DATA_DESK,
    "judging": ANALYSIS_DESK,
    "marts": ANALYSIS_DESK,
    "release": DATA_DESK,
}

# What each column is made from: pairs of table (`marts.shipment_verdicts`) and column.
Lineage = Mapping[str, Iterable[tuple[str, str]]]


def table_assets(
    compute: Callable[[Settings, Store, Collection[Table]], Mapping[str, pl.DataFrame | None]],
    tables: Mapping[Table, Sequence[TableCheck]] | Iterable[Table],
    *,
    name: str,
    group: str,
    reads: Mapping[Table, Iterable[Table]] | Iterable[Table] = (),
    kind: str = "polars",
    lineage: Mapping[Table, Lineage] | None = None,
    made_from: Callable[[Table, Settings, Store], Ingredients] | None = None,
    stored: Callable[[Settings, Store], None] = lambda settings, store: None,
) -> dg.AssetsDefinition:
    """Assets `<schema>/<name>` that one function computes: stores each as Parquet and checks it.

    compute: settings, store and the tables to make, to a frame per table name, or None where the table stays as it is
    stored. tables: the tables, with checks beside the contract. reads: what the tables are made of, for each of them or
    for all. group: a stage of `OWNERS`. lineage: of the columns of each table; without it, of those that the contract
    takes over from a table that is read. made_from: the recipe of a table; while it is the same, the table is not made
    again. Without it, it is made every night, and stored again if its rows differ. stored: called when all tables are.
    """
    read_by_all = [] if isinstance(reads, Mapping) else list(reads)
    checks = {
        table: checks_of(table, more)
        for table, more in (tables.items() if isinstance(tables, Mapping) else ((table, ()) for table in tables))
    }
    sources = {table: list(reads[table]) if isinstance(reads, Mapping) else read_by_all for table in checks}
    lines = {table: lineage[table] if lineage else taken_over(table, sources[table]) for table in checks}

    @dg.multi_asset(
        name=name,
        specs=[asset_spec(table, group, sources[table], kind, lines[table]) for table in checks],
        check_specs=[check_spec(table, check) for table in checks for check in checks[table]],
    )
    def assets(
        context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        store = Store(settings.store_folder)
        stale: list[Table] = []
        for table in checks:
            # A table of tables that are made again follows them.
            if (
                made_from is None
                or settings.is_full
                or any(read in stale for read in sources[table])
                or is_stale(table, made_from(table, settings, store), store)
            ):
                stale.append(table)
        made: dict[Table, tuple[bool, list[Outcome]]] = {}
        failure: ContractError | None = None
        try:
            frames = compute(settings, store, stale) if stale else {}
            for table, table_checks in checks.items():
                is_changed = False
                if (frame := frames.get(table.name)) is not None and table in stale:
                    recipe = None if made_from is None else made_from(table, settings, store)
                    is_changed = keep(table, frame, store, recipe, settings.is_full)
                made[table] = is_changed, outcomes(table, look(table, table_checks, store, settings), settings)
        except ContractError as error:
            failure = error
        finally:
            log(name, [outcome for _, found in made.values() for outcome in found], settings, context.run.run_id)
        for table, (is_changed, found) in made.items():
            yield dg.MaterializeResult(
                asset_key=asset_key(table),
                metadata={
                    "dagster/row_count": store.rows(table),
                    "dagster/column_lineage": column_lineage(lines[table]),
                    UNCHANGED: not is_changed,
                },
            )
            # Inside the result of the table, Dagster would look each of them up twice.
            yield from (outcome.result() for outcome in found)
        if failure is not None:
            raise dg.Failure(description=str(failure)) from failure
        stored(settings, store)

    return assets


def asset_spec(
    table: Table, group: str, reads: Iterable[Table], kind: str, lineage: Lineage, partitions: Any = None
) -> dg.AssetSpec:
    """What Dagster shows of a table, before anything is made."""
    return dg.AssetSpec(
        asset_key(table),
        deps=[asset_key(read) for read in reads],
        group_name=group,
        description=table.meaning,
        owners=[OWNERS[group]],
        kinds={kind},
        partitions_def=partitions,
        metadata={
            "dagster/column_schema": column_schema(table, lineage),
            "dagster/table_name": table.full_name,
        },
    )


def check_spec(table: Table, check: TableCheck) -> dg.AssetCheckSpec:
    """What Dagster shows of a check."""
    return dg.AssetCheckSpec(
        check.name,
        asset=asset_key(table),
        description=f"{check.description} {CONSEQUENCE[check.severity]}",
        blocking=check.severity is ERROR,
        metadata={"severity": check.severity.value},
    )


def outcomes(table: Table, findings: Mapping[TableCheck, Finding], settings: Settings) -> "list[Outcome]":
    """What the checks of a table found, and what that means in this night."""
    return [Outcome(table, check, check.severity_in(settings), found) for check, found in findings.items()]


def log(step: str, outcomes: "Sequence[Outcome]", settings: Settings, run_id: str) -> None:
    """Keeps what the checks on the tables of a step found in this night."""
    if outcomes:
        checked = {"run_id": run_id, "checked_at": dt.datetime.now(dt.UTC)}
        results = pl.DataFrame([outcome.row() | checked for outcome in outcomes], infer_schema_length=None)
        CheckLog(settings.check_log_folder).add(step, results, settings.keep_days)


class _ResultOnWhole(dg.AssetCheckResult):
    """The result of a check on a table without partitions.

    A night is a run of a partition, and for each check Dagster would search its history for that of the table.
    """

    def _get_target_materialization_data(self, *_: object) -> None:
        return None


@dataclass(frozen=True)
class Outcome:
    """What a check found in this night, for Dagster and for `quality.check_results`."""

    table: Table
    check: TableCheck
    severity: dg.AssetCheckSeverity
    finding: Finding

    def result(self) -> dg.AssetCheckResult:
        checked, failed = self.finding.rows_checked, self.finding.rows_failed
        told = f"{failed:,} of {checked:,} rows failed." if failed else f"All of {checked:,} rows passed."
        metadata: dict[str, dg.MetadataValue] = {
            "rows checked": dg.MetadataValue.int(checked),
            "rows failed": dg.MetadataValue.int(failed),
        }
        if failed and checked:
            metadata["share failed"] = dg.MetadataValue.text(f"{failed / checked:.1%}")
        if self.finding.message is not None:
            metadata["found"] = dg.MetadataValue.text(self.finding.message)
        if failed and self.finding.sample.height:
            metadata["sample"] = table_value(self.finding.sample.head(SAMPLE_ROWS))
        of_table = dg.AssetCheckResult if self.table.is_by_month else _ResultOnWhole
        return of_table(
            asset_key=asset_key(self.table),
            check_name=self.check.name,
            passed=failed == 0,
            severity=self.severity,
            description=" ".join(filter(None, [told, self.finding.message, KEPT if self.finding.is_kept else None])),
            metadata=metadata,
        )

    def row(self) -> dict[str, object]:
        finding = self.finding
        has_sample = finding.rows_failed > 0 and finding.sample.height > 0
        return {
            "table_name": self.table.full_name,
            "check_name": self.check.name,
            "severity": self.severity.value,
            "is_blocking": self.severity is ERROR,
            "is_passed": finding.rows_failed == 0,
            "rows_checked": finding.rows_checked,
            "rows_failed": finding.rows_failed,
            "description": self.check.description,
            "message": finding.message,
            "sample": finding.sample.head(SAMPLE_ROWS).write_json() if has_sample else None,
        }


def asset_key(table: Table) -> dg.AssetKey:
    """Where the table stands in the asset graph and in the warehouse."""
    return dg.AssetKey([table.schema, table.name])


def column_schema(table: Table, lineage: Lineage) -> dg.TableSchema:
    """The columns as the Dagster UI shows them, with what they are made from: it has no page for their lineage."""

    def described(column: Column) -> str:
        sources = [f"{source}.{name}" for source, name in sorted(lineage.get(column.name, ()))]
        return f"{column.described} (from {', '.join(sources)})" if sources else column.described

    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                type=str(column.dtype),
                description=described(column),
                constraints=dg.TableColumnConstraints(
                    nullable=not column.required, unique=table.key == (column.name,), other=_limits(column)
                ),
            )
            for column in table.columns
        ]
    )


def _limits(column: Column) -> list[str]:
    limits = []
    if column.allowed is not None and len(column.allowed) <= SAMPLE_ROWS:
        limits.append("one of " + ", ".join(column.allowed))
    if column.above is not None:
        limits.append(f"> {column.above:g}")
    if column.at_least is not None:
        limits.append(f">= {column.at_least:g}")
    return limits


def taken_over(table: Table, reads: Iterable[Table]) -> Lineage:
    """The columns that are one and the same object in the contract of the table and of one that it reads."""
    return {
        column.name: [(read.full_name, column.name) for read in reads if any(column is own for own in read.columns)]
        for column in table.columns
    }


def column_lineage(lineage: Lineage) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(dg.AssetKey(table.split(".")), source) for table, source in sorted(made_from)]
            for column, made_from in lineage.items()
            if made_from
        }
    )


def table_value(frame: pl.DataFrame) -> dg.MetadataValue:
    """A frame as a table on the Dagster pages."""
    columns = [dg.TableColumn(name, type="string") for name in frame.columns]
    text = [{name: "" if value is None else str(value) for name, value in row.items()} for row in frame.to_dicts()]
    return dg.MetadataValue.table([dg.TableRecord(row) for row in text], schema=dg.TableSchema(columns))
