"""All that Dagster sees, assembled in one short page.

Here: `build_defs`, the nightly job and its schedule.
Add here: a new module of assets, a job, a schedule, a sensor.
Keep out: everything that these do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from pipelines.assets import analysis, inputs, judging, law, marts, release, upstreams
from pipelines.assets.monthly_asset import MONTHS, NIGHT_TAGS
from pipelines.assets.night import NIGHTLY, night_resource
from pipelines.assets.release import LAKE_MONTHS
from pipelines.assets.table_asset import asset_key
from pipelines.contracts.cargoes import CARGOES, VERDICTS
from pipelines.contracts.customs import CUSTOMS_LINES
from pipelines.contracts.marts import SQL_MARTS
from pipelines.contracts.reference import REFERENCE_TABLES
from pipelines.contracts.rules import RULE_TABLES
from pipelines.contracts.table import Table
from pipelines.progress import progress_logger
from pipelines.sensors import landing_sensor
from pipelines.settings import Settings
from pipelines.warehouse import releases
from pipelines.warehouse.store import Store

NIGHTLY_CRON = "0 3 * * *"


def stored_tables() -> list[Table]:
    """Every table of the store, in the order in which the night makes them."""
    return [
        *RULE_TABLES.values(),
        *upstreams.TABLES,
        CUSTOMS_LINES,
        *inputs.tables(),
        *REFERENCE_TABLES.values(),
        CARGOES,
        VERDICTS,
        *analysis.TABLES,
        *SQL_MARTS,
    ]


def published_tables() -> list[Table]:
    """Every table of the warehouse."""
    return [*stored_tables(), *release.TABLES]


def build_defs(settings: Settings) -> dg.Definitions:
    """Assets, checks, job, schedule and sensor for these settings."""
    tables = stored_tables()
    nightly = dg.define_asset_job(
        NIGHTLY,
        selection=dg.AssetSelection.all(),
        config=run_config(),
        # The tables of a night belong together: a retry makes all of them again.
        tags={"dagster/retry_strategy": "ALL_STEPS", **NIGHT_TAGS},
        description="The whole graph, from landing to the published warehouse, in one process.",
    )
    first, beyond = nightly, _beyond_one_machine(settings)
    if settings.workers > 1:
        first = beyond.jobs[0]
    return dg.Definitions(
        assets=[
            *upstreams.build_assets(),
            *law.build_assets(settings),
            *inputs.build_assets(),
            *judging.build_assets(settings),
            *analysis.ASSETS,
            *marts.build_assets(tables),
            *release.build_assets(settings, tables),
            *beyond.assets,
        ],
        jobs=[nightly, *beyond.jobs],
        schedules=[
            dg.ScheduleDefinition(
                name=NIGHTLY,
                job=first,
                cron_schedule=NIGHTLY_CRON,
                execution_timezone="UTC",
                default_status=dg.DefaultScheduleStatus.RUNNING,
            )
        ],
        sensors=[landing_sensor(settings, first.name), *beyond.sensors],
        resources={"settings": night_resource(settings)},
        executor=dg.in_process_executor,
        loggers={"console": progress_logger},
    )


@dataclass(frozen=True)
class _Beyond:
    """What there is more beyond one machine. jobs: the parts of a night over several workers, in their order."""

    assets: Sequence[dg.AssetsDefinition] = ()
    jobs: Sequence[Any] = ()
    sensors: Sequence[dg.SensorDefinition] = ()


def _beyond_one_machine(settings: Settings) -> _Beyond:
    found = releases.lake_of(settings)
    if found is None:
        return _Beyond()
    from pipelines.assets import lake
    from pipelines.spreading import parts, spreading_sensor

    assets = lake.build_assets(found, published_tables(), release.macro_statements())
    if settings.workers == 1:
        return _Beyond(assets)
    store, declared = Store(settings.store_folder), inputs.staged_shipments()
    months = [
        *(asset_key(table) for table in stored_tables() if table.is_by_month and table is not declared),
        LAKE_MONTHS,
    ]
    jobs = parts(months, run_config())

    def rows_by_month() -> dict[str, int]:
        known = {month for table in (declared, CARGOES) for month in store.months(table) if month in MONTHS}
        return {month: store.narrowed([month]).rows(declared) for month in known}

    return _Beyond(assets, jobs, [spreading_sensor(jobs[1:], settings.workers, rows_by_month)])


def run_config(is_forced: bool = False, is_full: bool = False) -> dict[str, Any]:
    """The configuration of a run of the nightly job."""
    of_run = {"force": is_forced, "full": is_full}
    return {"loggers": {"console": {}}, "resources": {"settings": {"config": of_run}}}


defs = build_defs(Settings.from_environment())
