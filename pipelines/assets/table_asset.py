"""From a contract and a function to an asset with its checks.

Here: what every table gets in the same way: storage, contract check, row count, schema, failure samples.
Add here: something that every table should show in the Dagster UI.
Keep out: anything about one table.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import polars as pl

from pipelines.checks.conservation import not_conserved
from pipelines.contracts.quality import CHECK_RESULTS
from pipelines.contracts.table import Column, ContractError, Table
from pipelines.settings import Settings
from pipelines.warehouse.store import Store

SAMPLE_ROWS = 10
CONTRACT_CHECK = "keeps_contract"
CONSERVATION_CHECK = "adds_up"


@dataclass(frozen=True)
class Finding:
    """Outcome of a check: rows looked at, rows that failed, and a sample of those to look at."""

    rows_checked: int
    rows_failed: int
    sample: pl.DataFrame = field(default_factory=pl.DataFrame)


@dataclass(frozen=True)
class TableCheck:
    """A check on one table. `look` is a pure function of the table and the store it was written to."""

    name: str
    description: str
    look: Callable[[pl.DataFrame, Store], Finding]
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
    is_blocking: bool = True


def contract_check(table: Table) -> TableCheck:
    """Every rule of the table's contract."""

    def look(frame: pl.DataFrame, _: Store) -> Finding:
        failures = table.failures(frame)
        rows = failures["row"].drop_nulls().unique()
        sample = failures.head(SAMPLE_ROWS)
        return Finding(frame.height, max(len(rows), int(failures.height > 0)), sample)

    return TableCheck(
        CONTRACT_CHECK,
        f"Types, vocabularies, ranges, keys and row rules of {table.schema}.{table.name}.",
        look,
    )


def conservation_checks(table: Table) -> list[TableCheck]:
    """For a table of sums: that they are those of the cargoes. None for other tables."""
    conserved = table.conserved
    if conserved is None:
        return []

    def look(frame: pl.DataFrame, store: Store) -> Finding:
        compared, differing = not_conserved(conserved, frame, [store.scan(source) for source in conserved.sources])
        return Finding(compared, differing.height, differing)

    return [
        TableCheck(
            CONSERVATION_CHECK,
            f"{', '.join(measure.name for measure in conserved.measures)} add up to those of "
            f"{' and '.join(f'{source.schema}.{source.name}' for source in conserved.sources)} ({conserved.rows}).",
            look,
        )
    ]


def table_assets(
    compute: Callable[[Settings, Store], Mapping[str, pl.DataFrame]],
    tables: Mapping[Table, Sequence[TableCheck]] | Iterable[Table],
    *,
    name: str,
    reads: Mapping[Table, Iterable[Table]] | Iterable[Table] = (),
    kind: str = "polars",
) -> dg.AssetsDefinition:
    """Assets `<schema>/<name>` that one function computes: stores each as Parquet and checks it.

    compute: settings and store to a frame per table name. tables: the tables, with checks beside the contract.
    reads: what the tables are made of, for each of them or for all.
    """
    checks = {
        table: [contract_check(table), *conservation_checks(table), *more]
        for table, more in (tables.items() if isinstance(tables, Mapping) else ((table, ()) for table in tables))
    }

    @dg.multi_asset(
        name=name,
        specs=[
            dg.AssetSpec(
                asset_key(table),
                deps=[asset_key(read) for read in (reads[table] if isinstance(reads, Mapping) else reads)],
                group_name=table.schema,
                description=table.meaning,
                kinds={kind},
                metadata={
                    "dagster/column_schema": column_schema(table),
                    "dagster/table_name": f"{table.schema}.{table.name}",
                },
            )
            for table in checks
        ],
        check_specs=[
            dg.AssetCheckSpec(
                check.name, asset=asset_key(table), description=check.description, blocking=check.is_blocking
            )
            for table in checks
            for check in checks[table]
        ],
    )
    def assets(settings: dg.ResourceParam[Settings]) -> Iterator[dg.MaterializeResult]:
        store = Store(settings.store_folder)
        frames = compute(settings, store)
        for table, table_checks in checks.items():
            yield _materialise(table, frames[table.name], table_checks, store)

    return assets


def _materialise(table: Table, frame: pl.DataFrame, checks: Sequence[TableCheck], store: Store) -> dg.MaterializeResult:
    try:
        frame = table.conform(frame)
    except ContractError as error:
        raise dg.Failure(description=str(error)) from error
    store.write(table, frame)
    findings = [(check, check.look(frame, store)) for check in checks]
    _remember(table, findings, store)
    return dg.MaterializeResult(
        asset_key=asset_key(table),
        metadata={"dagster/row_count": frame.height},
        check_results=[_check_result(table, check, finding) for check, finding in findings],
    )


def asset_key(table: Table) -> dg.AssetKey:
    """Where the table stands in the asset graph and in the warehouse."""
    return dg.AssetKey([table.schema, table.name])


def column_schema(table: Table) -> dg.TableSchema:
    """The columns as the Dagster UI shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                type=str(column.dtype),
                description=column.described,
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


def _check_result(table: Table, check: TableCheck, finding: Finding) -> dg.AssetCheckResult:
    metadata: dict[str, dg.MetadataValue] = {
        "rows checked": dg.MetadataValue.int(finding.rows_checked),
        "rows failed": dg.MetadataValue.int(finding.rows_failed),
    }
    if finding.rows_failed and finding.sample.height:
        metadata["sample"] = _table(finding.sample.head(SAMPLE_ROWS))
    return dg.AssetCheckResult(
        asset_key=asset_key(table),
        check_name=check.name,
        passed=finding.rows_failed == 0,
        severity=check.severity,
        description=check.description,
        metadata=metadata,
    )


def _table(frame: pl.DataFrame) -> dg.MetadataValue:
    columns = [dg.TableColumn(name, type="string") for name in frame.columns]
    text = [{name: "" if value is None else str(value) for name, value in row.items()} for row in frame.to_dicts()]
    return dg.MetadataValue.table([dg.TableRecord(row) for row in text], schema=dg.TableSchema(columns))


def _remember(table: Table, findings: list[tuple[TableCheck, Finding]], store: Store) -> None:
    """Keeps the results beside the table, for `quality.check_results`."""
    rows = [
        {
            "table_name": f"{table.schema}.{table.name}",
            "check_name": check.name,
            "severity": check.severity.value,
            "is_blocking": check.is_blocking,
            "is_passed": finding.rows_failed == 0,
            "rows_checked": finding.rows_checked,
            "rows_failed": finding.rows_failed,
            "description": check.description,
        }
        for check, finding in findings
    ]
    file = check_results_file(table, store)
    file.parent.mkdir(parents=True, exist_ok=True)
    CHECK_RESULTS.conform(pl.DataFrame(rows)).write_parquet(file)


def check_results_file(table: Table, store: Store) -> Path:
    """Where the results of a table's checks are kept until they become a table."""
    return store.folder / "checks" / f"{table.schema}.{table.name}.parquet"
