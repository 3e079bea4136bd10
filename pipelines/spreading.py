"""A night over several workers: first the inputs, then months beside each other, then the release.

The three parts are jobs of Dagster. The daemon's sensor starts the next part when the one before it has ended, and
Dagster's queue and launcher decide where each run works. Nothing is handed from run to run but the tables themselves:
a month says what it was made from, so the release makes whatever is missing, and a part may be lost or done twice
without harm.

Here: the parts, which months go to which run, what comes next, and watching it all from the command line.
Add here: another part of a night.
Keep out: what the parts do (`pipelines.assets`), and where runs work (`deploy`).
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import dagster as dg
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    AUTO_RETRY_RUN_ID_TAG,
    RETRY_ON_ASSET_OR_OP_FAILURE_TAG,
    WILL_RETRY_TAG,
)

from pipelines.assets.monthly_asset import NIGHT_TAG, NIGHT_TAGS
from pipelines.assets.night import INPUTS, MONTHS, MONTHS_PART, PART_TAG, RELEASE
from pipelines.errors import UserError
from pipelines.warehouse.publish import NightRunning

# A part begins anew if its process died, and not if a step failed: the same data and rules would fail again.
TAGS = {RETRY_ON_ASSET_OR_OP_FAILURE_TAG: "false", "dagster/retry_strategy": "ALL_STEPS"}
LOOK_EVERY_S = 5

Span = tuple[str, str]  # first and last month


@dataclass(frozen=True)
class Next:
    """What a night needs next. spans: months that have no run yet. is_over: all parts have ended."""

    spans: tuple[Span, ...] = ()
    release: bool = False
    is_over: bool = False
    waits_for: str = ""


def parts_of(rows: Mapping[str, int], workers: int) -> list[Span]:
    """Months in so many spans of about the same rows, each of months that follow each other. rows: by month."""
    months = sorted(rows)
    spans: list[list[str]] = []
    # A month costs something also without rows.
    left = sum(rows.values()) + len(months)
    share, filled = left / max(min(workers, len(months)), 1), 0.0
    for number, month in enumerate(months):
        weight = rows[month] + 1
        is_last_chance = len(months) - number == workers - len(spans)
        if not spans or is_last_chance or (filled + weight / 2 > share and len(spans) < workers):
            spans.append([])
            share, filled = left / (workers - len(spans) + 1), 0.0
        spans[-1].append(month)
        filled += weight
        left -= weight
    return [(span[0], span[-1]) for span in spans]


def next_of(spans: Sequence[Span], of_months: Sequence[dg.DagsterRun], of_release: Sequence[dg.DagsterRun]) -> Next:
    """What a night needs whose inputs are read. spans: what its months are spread over."""
    if of_release:
        going = [run for run in of_release if not is_over(run)]
        return Next(waits_for="the release") if going else Next(is_over=True)
    if spans and not of_months:
        return Next(spans=tuple(spans))
    going = [run for run in of_months if not is_over(run)]
    if going:
        return Next(waits_for=", ".join(f"{first}..{last}" for first, last in sorted({*map(span_of, going)})))
    # Also after a run that failed: the release makes what is missing, or says why that cannot be.
    return Next(release=True)


def is_over(run: dg.DagsterRun) -> bool:
    """A run that has ended and will not be begun anew; what was begun anew is a run of its own."""
    is_to_be_retried = run.tags.get(WILL_RETRY_TAG) == "true" and AUTO_RETRY_RUN_ID_TAG not in run.tags
    return run.status in FINISHED_STATUSES and not is_to_be_retried


def span_of(run: dg.DagsterRun) -> Span:
    """The months of a run."""
    return run.tags.get(ASSET_PARTITION_RANGE_START_TAG, ""), run.tags.get(ASSET_PARTITION_RANGE_END_TAG, "")


def parts(months: Sequence[dg.AssetKey], config: Mapping[str, Any]) -> list[Any]:
    """The jobs of the parts: what months need, the months themselves, and what needs them."""
    by_month = dg.AssetSelection.assets(*months)
    onwards = by_month.downstream().required_multi_asset_neighbors()

    def job(name: str, part: str, selection: dg.AssetSelection, description: str, **more: str) -> Any:
        tags = TAGS | {PART_TAG: part} | more
        return dg.define_asset_job(name, selection=selection, config=dict(config), tags=tags, description=description)

    return [
        job(INPUTS, "inputs", dg.AssetSelection.all() - onwards, "Of a night over several workers: all before months."),
        job(MONTHS, MONTHS_PART, by_month, "Of a night over several workers: months, many runs at once."),
        job(
            RELEASE,
            "release",
            onwards,
            "Of a night over several workers: months that are missing, all that follows them, and the release.",
            **NIGHT_TAGS,
        ),
    ]


def spreading_sensor(
    jobs: Sequence[Any], workers: int, rows_by_month: Callable[[], Mapping[str, int]]
) -> dg.SensorDefinition:
    """Starts the parts that follow the inputs. jobs: those of `parts`. rows_by_month: of the evidence that is there."""

    @dg.sensor(
        name="spread_night",
        jobs=list(jobs),
        minimum_interval_seconds=LOOK_EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Spreads the months of a night over runs when its inputs are read, and releases it after them.",
    )
    def spread_night(context: dg.SensorEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        instance = context.instance
        newest = _newest(instance)
        if newest is None:
            return dg.SkipReason("No night has read its inputs yet.")
        night = newest.run_id
        # Two nights would work on the same months. Inputs that began before these are dead, or will be turned away.
        inputs = takewhile(lambda run: run.run_id != night, _runs(instance, None, INPUTS))
        later = [run for part in (MONTHS, RELEASE) for run in _runs(instance, None, part)]
        others = [*inputs, *(run for run in later if run.tags.get(NIGHT_TAG) != night)]
        if going := [run for run in others if not is_over(run)]:
            return dg.SkipReason(f"Waiting for {going[0].job_name} of another night.")
        of_months, of_release = _runs(instance, night, MONTHS), _runs(instance, night, RELEASE)
        spans = [] if of_months or of_release else parts_of(rows_by_month(), workers)
        following = next_of(spans, of_months, of_release)
        tags = {NIGHT_TAG: night}
        if following.release:
            return [dg.RunRequest(f"{night} release", _of_release(newest.run_config), tags, job_name=RELEASE)]
        if following.spans:
            return [
                dg.RunRequest(
                    f"{night} {first}..{last}",
                    newest.run_config,
                    tags | {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last},
                    job_name=MONTHS,
                )
                for first, last in following.spans
            ]
        waits = f"Waiting for {following.waits_for}." if following.waits_for else "The last night is over."
        return dg.SkipReason(waits)

    return spread_night


def _of_release(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of the inputs without `full`: the other parts have made everything again."""
    of_run = {**config["resources"]["settings"]["config"], "full": False}
    return {**config, "resources": {"settings": {"config": of_run}}}


class NoDaemon(UserError):
    """Nobody takes runs from the queue; the message says what to start."""


def require_daemon(instance: dg.DagsterInstance) -> None:
    """Raises `NoDaemon` unless Dagster's daemon has shown itself lately."""
    statuses = instance.get_daemon_statuses()
    if silent := sorted(name for name, status in statuses.items() if status.required and not status.healthy):
        raise NoDaemon(
            f"Dagster's daemon has not shown itself lately ({', '.join(silent)}), and it alone starts the runs of a "
            "night over several workers; start it: dagster-daemon run."
        )


def require_no_night(instance: dg.DagsterInstance, inputs: str | None = None) -> None:
    """Raises `NightRunning` unless a night may begin: the one before it has come to the end of its release.

    No lock is held between the parts of a night; this keeps another one out meanwhile. inputs: the run that asks, if it
    holds the lock already, which keeps out others that read inputs.
    """
    jobs = (MONTHS, RELEASE) if inputs is not None else (INPUTS, MONTHS, RELEASE)
    if going := [run for job in jobs for run in _runs(instance, None, job) if not is_over(run)]:
        raise NightRunning(f"Another night is under way ({going[0].job_name}); wait until it has ended.")
    newest = _newest(instance)
    if newest is not None and not _runs(instance, newest.run_id, RELEASE):
        raise NightRunning(
            "Another night is under way: its inputs are read, and the sensor spread_night of Dagster's daemon is about "
            "to start what follows them; wait until it has ended."
        )


def _newest(instance: dg.DagsterInstance) -> dg.DagsterRun | None:
    """The last run that has read the inputs of a night."""
    read = dg.RunsFilter(job_name=INPUTS, statuses=[dg.DagsterRunStatus.SUCCESS])
    return next(iter(instance.get_runs(read, limit=1)), None)


def followed(instance: dg.DagsterInstance, night: str) -> dg.DagsterRun:
    """Waits for the release of a night whose inputs are read, and returns its run. Each run tells when it has ended.

    Raises `NightRunning` if a newer night has begun, after which this one gets no release.
    """
    told: set[str] = set()
    while True:
        release = _runs(instance, night, RELEASE)
        for run in [*_runs(instance, night, MONTHS), *release]:
            if run.status in FINISHED_STATUSES and run.run_id not in told:
                told.add(run.run_id)
                _tell(run)
        if release and all(is_over(run) for run in release):
            return release[0]
        newest = _newest(instance)
        if not release and newest is not None and newest.run_id != night:
            raise NightRunning("A newer night has read its inputs before this one came to its release; see that one.")
        time.sleep(1)


def _tell(run: dg.DagsterRun) -> None:
    first, last = span_of(run)
    what = f"months {first}..{last}" if first else "release"
    again = "; begins anew" if run.tags.get(WILL_RETRY_TAG) == "true" else ""
    print(f"  {what:30} {run.status.value.lower()}{again}", file=sys.stderr, flush=True)


def _runs(instance: dg.DagsterInstance, night: str | None, job: str) -> list[dg.DagsterRun]:
    """The runs of a part, the newest first. night: of this one only; else the latest that there are."""
    tags = {NIGHT_TAG: night} if night is not None else None
    return list(instance.get_runs(dg.RunsFilter(job_name=job, tags=tags), limit=200))
