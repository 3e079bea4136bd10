"""A small published warehouse to report on: the shipped rules and figures, and shipments given by a test.

Here: making it, with the code of the night but without Dagster's run.
Add here: another table that a test of the report fills by hand.
Keep out: expectations.
"""

import datetime as dt
from pathlib import Path

import polars as pl

from pipelines.assets.inputs import staged_shipments
from pipelines.assets.marts import mart_sql
from pipelines.contracts.cargoes import CARGOES, VERDICTS
from pipelines.contracts.marts import SQL_MARTS
from pipelines.contracts.quality import CHECK_RESULTS, INPUT_FILES, RELEASES
from pipelines.contracts.reference import REFERENCE_TABLES
from pipelines.contracts.rules import RULE_TABLES
from pipelines.contracts.table import Table
from pipelines.definitions import stored_tables
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.transforms.evidence import customs_flows, enforcement_cases
from pipelines.transforms.judge import judge
from pipelines.transforms.prices import price_shipments
from pipelines.warehouse import duck
from pipelines.warehouse.store import Store
from tests.support import Row, shipments, store_rows

RUN_ID = "0badcafe-0000-4000-8000-000000000000"
BUILT_AT = dt.datetime(2026, 11, 22, 12, 30, tzinfo=dt.UTC)


def published(
    folder: Path,
    rows: list[Row],
    book: Rulebook,
    reference: Reference,
    *,
    file: str = "mine.csv",
    checks: list[Row] | None = None,
) -> Path:
    """The published file. rows: as of `tests.support.shipment`. file: the name they were handed in under."""
    store = Store(folder / "tables")
    tables = [*stored_tables(), CHECK_RESULTS, RELEASES]
    for table in tables:
        store_rows(store, table, table.empty())
    for table in RULE_TABLES.values():
        store_rows(store, table, getattr(book, "sources" if table.name == "rule_sources" else table.name))
    for table in REFERENCE_TABLES.values():
        store_rows(store, table, getattr(reference, table.name))

    declared = shipments(rows, book, reference).with_columns(file=pl.lit(file))
    evidence = [
        price_shipments(declared.lazy(), reference, pl.col("file")),
        customs_flows(reference.japan_crude_from_russia.lazy(), "JP", reference),
        enforcement_cases(reference.enforcement_cases.lazy(), reference.grades),
    ]
    cargoes = pl.concat(evidence).sort("shipment_id").collect()
    verdicts = judge(cargoes.lazy(), book).sort("shipment_id", "regime").collect()
    store_rows(store, staged_shipments(), declared)
    store_rows(store, CARGOES, cargoes)
    store_rows(store, VERDICTS, verdicts)
    store.write(INPUT_FILES, _one(INPUT_FILES, file=file, outcome="read", rows_read=len(rows), rows_accepted=len(rows)))
    store.write(
        CHECK_RESULTS, pl.concat([CHECK_RESULTS.empty(), *(_one(CHECK_RESULTS, **check) for check in checks or [])])
    )
    release = {"run_id": RUN_ID, "built_at": BUILT_AT, "known_on": book.known_on, "plimsoll_version": "0.0"}
    counts = {"cargoes": cargoes.height, "verdicts": verdicts.height}
    store.write(RELEASES, _one(RELEASES, **release, rules_sha256="ab" * 32, **counts))
    others = [table for table in tables if table not in SQL_MARTS]
    for mart, frame in duck.select({mart: mart_sql(mart.name) for mart in SQL_MARTS}, others, store).items():
        store_rows(store, mart, frame)

    warehouse = folder / "warehouse.duckdb"
    duck.build(warehouse, tables, [], store)
    return warehouse


def _one(table: Table, **values: object) -> pl.DataFrame:
    """A row of a table; what is not given is null, or zero, false or a dash where null is not allowed."""
    plain = {pl.Int64(): 0, pl.Boolean(): False, pl.String(): "-", pl.Datetime("us", "UTC"): BUILT_AT}
    missing = {c.name: plain[c.dtype] if c.required else None for c in table.columns if c.name not in values}
    return pl.DataFrame([missing | values], schema=table.polars_schema())
