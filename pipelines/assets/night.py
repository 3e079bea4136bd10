"""The night as a whole: its lock, what a night before it left behind, and what it tells when it ends.

Here: the resource that every step of a run shares.
Add here: something that must happen once at the beginning or at the end of every night.
Keep out: what the steps do, and how an alert is sent (`pipelines.alerts`).
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import dagster as dg
import polars as pl
from dagster import _check as check
from dagster._core.storage.tags import MAX_RETRIES_TAG

from pipelines import alerts
from pipelines.assets.monthly_asset import NIGHT_TAG
from pipelines.assets.release import QUALITY_REPORT, report_metadata
from pipelines.dagster_history import forget_runs
from pipelines.errors import UserError
from pipelines.progress import reason_of
from pipelines.settings import Settings
from pipelines.warehouse import duck, releases
from pipelines.warehouse.check_log import CheckLog
from pipelines.warehouse.publish import NightRunning, night_lock

NIGHTLY = "nightly"
# The parts of a night over several workers (`pipelines.spreading`).
INPUTS, MONTHS, RELEASE = "night_inputs", "night_months", "night_release"
ENDS = (NIGHTLY, INPUTS, RELEASE)
PART_TAG, MONTHS_PART = "plimsoll/part", "months"
FULL = "Make everything again, also what has not changed since the night before."
FORCE = "Publish even if this release differs implausibly from the one before it: those checks only warn, once."


def night_resource(settings: Settings) -> dg.ResourceDefinition:
    """The settings of a run, as a resource that holds the lock which keeps two nights apart.

    It works in the process of the run, so that a night alerts in the same way from `plimsoll nightly` and from
    the schedule. Its end comes after the last step, also if steps failed.
    """

    @dg.resource(
        config_schema={
            "force": dg.Field(bool, default_value=False, description=FORCE),
            "full": dg.Field(bool, default_value=False, description=FULL),
        },
        description="Folders and switches of the night; holds the lock that keeps two nights apart.",
    )
    def night(context: dg.InitResourceContext) -> Iterator[Settings]:
        config = context.resource_config
        of_run = replace(settings, is_forced=config["force"], is_full=config["full"])
        with ExitStack() as stack:
            try:
                run = context.run
                # Runs on months work beside each other, and beside nothing else.
                is_shared = run is not None and run.tags.get(PART_TAG) == MONTHS_PART
                lock = stack.enter_context(night_lock(of_run, is_shared))
                if run is not None and run.job_name == INPUTS:
                    _require_no_night(run, check.not_none(context.instance))
                cut_off = lock.read_text(encoding="utf-8") if lock is not None else ""
                if lock is not None:
                    lock.write_text("" if run is None else run.run_id, encoding="utf-8")
                releases.recover(of_run)
            except (NightRunning, UserError, OSError) as error:
                _tell(context, alerts.failed_night(of_run.day, [str(error)]))
                raise
            if cut_off:
                _tell(context, alerts.cut_off_night(of_run.day, cut_off))
            yield of_run
            if run is not None and run.job_name in ENDS:
                _end(run, context, of_run)
            if lock is not None:
                lock.write_text("", encoding="utf-8")

    return night


def _require_no_night(run: dg.DagsterRun, instance: dg.DagsterInstance) -> None:
    """Of a night over several workers, which holds no lock between its parts. Raises `NightRunning`."""
    from pipelines.spreading import require_no_night

    try:
        require_no_night(instance, run.run_id)
    except NightRunning:
        # Dagster would begin it anew at once, only to be turned away again.
        instance.add_run_tags(run.run_id, {MAX_RETRIES_TAG: "0"})
        raise


def _end(run: dg.DagsterRun, context: dg.InitResourceContext, settings: Settings) -> None:
    """What a night tells when its last step is done, or when one of its inputs failed."""
    run_id, instance = run.run_id, check.not_none(context.instance)
    # Over several workers the run on the inputs gives the night its name.
    runs = [run_id, *filter(None, [run.tags.get(NIGHT_TAG)])]
    results = pl.concat(CheckLog(settings.check_log_folder).of_run(part) for part in runs)
    failures = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    reasons = [f"{entry.step_key}: {reason_of(entry.get_dagster_event())}" for entry in failures]
    with duck.released(releases.current(settings)) as opened:
        release = releases.row_of(opened)
    if release is not None and release["run_id"] == run_id:
        _tell(context, alerts.published_night(settings.day, reasons, results))
    elif reasons:
        outcome = f"The night failed and published nothing: {'; '.join(reasons)}."
        instance.report_runless_asset_event(
            dg.AssetMaterialization(QUALITY_REPORT, metadata=report_metadata(settings, results, outcome))
        )
        _tell(context, alerts.failed_night(settings.day, reasons, results))
    forget_runs(instance, settings.keep_days)


def _tell(context: dg.InitResourceContext, alert: alerts.Alert | None) -> None:
    for problem in alerts.send(alert) if alert is not None else []:
        check.not_none(context.log).warning(problem)
