"""Users' own files, shipments and attestations, from the landing folders to staging and quarantine.

Here: the tables that one reading of the folders gives.
Add here: another input contract of users.
Keep out: how files are read (`pipelines.sources.landing`).
"""

from dataclasses import replace
from functools import cache

import dagster as dg
import polars as pl

from pipelines.assets.law import shipments_table
from pipelines.assets.table_asset import SAMPLE_ROWS, Finding, TableCheck, table_assets
from pipelines.contracts.attestations import ATTESTATIONS
from pipelines.contracts.customs import CUSTOMS_LINES
from pipelines.contracts.quality import INPUT_FILES
from pipelines.contracts.quarantine import QUARANTINE
from pipelines.contracts.reference import ENFORCEMENT_CASES, JAPAN_CRUDE_FROM_RUSSIA
from pipelines.contracts.table import Table
from pipelines.settings import Settings
from pipelines.sources.landing import FILE_COLUMN, read_folder
from pipelines.warehouse.store import Store

WARN = dg.AssetCheckSeverity.WARN


@cache
def staged_shipments() -> Table:
    """The contract of the file, with the file's name, as the table `staging.declared_shipments`."""
    contract = shipments_table()
    return replace(contract, schema="staging", columns=(FILE_COLUMN, *contract.columns))


STAGED_ATTESTATIONS = replace(ATTESTATIONS, schema="staging", columns=(FILE_COLUMN, *ATTESTATIONS.columns))


def _read(settings: Settings, store: Store) -> dict[str, pl.DataFrame]:
    published = [
        *store.scan(JAPAN_CRUDE_FROM_RUSSIA).select("figure_id").collect()["figure_id"],
        *store.scan(ENFORCEMENT_CASES).select("case_id").collect()["case_id"],
        *store.scan(CUSTOMS_LINES).select("shipment_id").drop_nulls().collect()["shipment_id"],
    ]
    shipments = read_folder(settings.shipments_folder, shipments_table(), taken=published)
    attestations = read_folder(settings.attestations_folder, ATTESTATIONS, prefix="attestations/")
    return {
        staged_shipments().name: shipments.accepted,
        STAGED_ATTESTATIONS.name: attestations.accepted,
        QUARANTINE.name: pl.concat([shipments.quarantine, attestations.quarantine]),
        INPUT_FILES.name: pl.concat([shipments.files, attestations.files]),
    }


def _nothing_lost(files: pl.DataFrame, store: Store) -> Finding:
    """accepted + quarantined = read, per file, and the tables hold just those rows."""
    accepted = pl.concat(store.scan(table).select("file") for table in (staged_shipments(), STAGED_ATTESTATIONS))
    in_tables = {
        "rows_accepted": accepted.group_by("file").len(),
        "rows_quarantined": store.scan(QUARANTINE).group_by("file").len(),
    }
    counted = files.lazy()
    for column, rows in in_tables.items():
        counted = counted.join(rows.rename({"len": f"stored_{column}"}), on="file", how="left")
    lost = counted.filter(
        (pl.col("rows_accepted") + pl.col("rows_quarantined") != pl.col("rows_read"))
        | (pl.col("stored_rows_accepted").fill_null(0) != pl.col("rows_accepted"))
        | (pl.col("stored_rows_quarantined").fill_null(0) != pl.col("rows_quarantined"))
    ).collect()
    return Finding(files.height, lost.height, lost)


def _all_read(files: pl.DataFrame, _: Store) -> Finding:
    refused = files.filter(pl.col("outcome") == "refused").select("file", "message")
    return Finding(files.height, refused.height, refused)


def _cargoes_known(attestations: pl.DataFrame, store: Store) -> Finding:
    declared = store.scan(staged_shipments()).select("shipment_id").collect()
    unknown = attestations.join(declared, on="shipment_id", how="anti")
    return Finding(attestations.height, unknown.height, unknown.select("file", "attestation_id", "shipment_id"))


def _nothing_set_aside(quarantine: pl.DataFrame, _: Store) -> Finding:
    return Finding(quarantine.height, quarantine.height, quarantine.drop("raw_row").head(SAMPLE_ROWS))


def build_assets() -> list[dg.AssetsDefinition]:
    """The assets of users' files."""
    return [
        table_assets(
            _read,
            # The list of files comes last: its check looks at the two other tables.
            {
                staged_shipments(): [],
                STAGED_ATTESTATIONS: [
                    TableCheck(
                        "cargoes_known",
                        "Every attestation names a declared shipment; one that does not counts for nothing.",
                        _cargoes_known,
                        WARN,
                        is_blocking=False,
                    )
                ],
                QUARANTINE: [
                    TableCheck(
                        "nothing_set_aside",
                        "No row of a user's file was set aside. The sample shows what to mend.",
                        _nothing_set_aside,
                        WARN,
                        is_blocking=False,
                    )
                ],
                INPUT_FILES: [
                    TableCheck(
                        "nothing_lost",
                        "For every file: rows accepted + rows quarantined = rows read.",
                        _nothing_lost,
                    ),
                    TableCheck(
                        "every_file_read",
                        "Every file in the landing folders could be read.",
                        _all_read,
                        WARN,
                        is_blocking=False,
                    ),
                ],
            },
            name="input_files",
            reads=[JAPAN_CRUDE_FROM_RUSSIA, ENFORCEMENT_CASES, CUSTOMS_LINES],
        )
    ]
