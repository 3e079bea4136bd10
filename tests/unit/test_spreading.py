"""What a night over several workers does next, and how months are shared out.

Here: the decisions, on runs that are only noted down.
Add here: a state of runs that a night may be in.
Keep out: real runs (tests/cluster).
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipelines.assets.night import INPUTS, MONTHS, RELEASE, night_resource
from pipelines.settings import Settings
from pipelines.spreading import (
    TAGS,
    Next,
    followed,
    is_over,
    next_of,
    parts_of,
    require_no_night,
    span_of,
    spreading_sensor,
)
from pipelines.warehouse.publish import NightRunning

SPANS = [("2024-01", "2024-03"), ("2024-04", "2024-06")]


def run(status: str, span: tuple[str, str] = ("", ""), **tags: str) -> dg.DagsterRun:
    named = {"dagster/asset_partition_range_start": span[0], "dagster/asset_partition_range_end": span[1]}
    more = {f"dagster/{name}": value for name, value in tags.items()}
    return dg.DagsterRun(job_name="a", status=dg.DagsterRunStatus[status], tags={**named, **more})


@pytest.mark.parametrize(
    ("of_months", "of_release", "expected"),
    [
        ([], [], Next(spans=tuple(SPANS))),
        ([run("STARTED", SPANS[0]), run("SUCCESS", SPANS[1])], [], Next(waits_for="2024-01..2024-03")),
        (
            [run("STARTING", SPANS[0]), run("STARTED", SPANS[1])],
            [],
            Next(waits_for="2024-01..2024-03, 2024-04..2024-06"),
        ),
        ([run("SUCCESS", SPANS[0]), run("SUCCESS", SPANS[1])], [], Next(release=True)),
        # Killed, and about to be begun anew; then begun anew.
        (
            [run("FAILURE", SPANS[0], will_retry="true"), run("SUCCESS", SPANS[1])],
            [],
            Next(waits_for="2024-01..2024-03"),
        ),
        (
            [run("FAILURE", SPANS[0], will_retry="true", auto_retry_run_id="b"), run("SUCCESS", SPANS[1])],
            [],
            Next(release=True),
        ),
        # Given up: the release makes what is missing, or says why it cannot.
        ([run("FAILURE", SPANS[0], will_retry="false"), run("SUCCESS", SPANS[1])], [], Next(release=True)),
        ([run("SUCCESS", SPANS[0])], [run("STARTED")], Next(waits_for="the release")),
        ([run("SUCCESS", SPANS[0])], [run("FAILURE")], Next(is_over=True)),
    ],
)
def test_what_comes_next(of_months: list[dg.DagsterRun], of_release: list[dg.DagsterRun], expected: Next) -> None:
    assert next_of(SPANS, of_months, of_release) == expected


def test_a_night_without_months_goes_on_to_its_release() -> None:
    assert next_of([], [], []) == Next(release=True)


def test_a_run_that_was_canceled_is_over() -> None:
    assert is_over(run("CANCELED"))
    assert not is_over(run("CANCELING"))


@pytest.mark.parametrize(
    ("rows", "workers", "expected"),
    [
        ({}, 3, []),
        ({"2024-01": 5}, 3, [("2024-01", "2024-01")]),
        ({f"2024-0{month}": 10 for month in range(1, 10)}, 3, [("2024-01", "2024-03"), ("2024-04", "2024-06"), ("2024-07", "2024-09")]),
        # Half of the rows in one month: a worker of its own for it.
        ({"2024-01": 100, "2024-02": 50, "2024-03": 50}, 2, [("2024-01", "2024-01"), ("2024-02", "2024-03")]),
        ({"2024-01": 0, "2024-02": 0, "2024-03": 0, "2024-04": 0}, 2, [("2024-01", "2024-02"), ("2024-03", "2024-04")]),
        ({"2024-01": 1, "2024-02": 1, "2024-03": 1000}, 3, [("2024-01", "2024-01"), ("2024-02", "2024-02"), ("2024-03", "2024-03")]),
    ],
)  # fmt: skip
def test_months_are_shared_out_by_rows(rows: dict[str, int], workers: int, expected: list[tuple[str, str]]) -> None:
    assert parts_of(rows, workers) == expected


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def note(instance: dg.DagsterInstance, job: str, status: str, night: str | None = None, **more: str) -> str:
    """Notes a run down; returns its id. night: which night it is a part of."""
    tags = {"plimsoll/night": night} if night is not None else {}
    noted = dg.DagsterRun(
        job_name=job,
        status=dg.DagsterRunStatus[status],
        tags=tags | {f"dagster/{name}": value for name, value in more.items()},
        run_config={"resources": {"settings": {"config": {"force": False, "full": True}}}},
    )
    return instance.add_run(noted).run_id


def asked_for(instance: dg.DagsterInstance) -> str | list[tuple[str | None, tuple[str, str], str]]:
    """What the sensor asks for: job, months and night of each run; or why for nothing."""

    @dg.op
    def nothing() -> None: ...

    jobs = [dg.GraphDefinition(name=name, node_defs=[nothing]).to_job() for name in (MONTHS, RELEASE)]
    sensor = spreading_sensor(jobs, 2, lambda: {f"2024-0{month}": 10 for month in range(1, 7)})
    said = sensor(dg.build_sensor_context(instance=instance))
    if isinstance(said, dg.SkipReason):
        return said.skip_message or ""
    assert isinstance(said, list)
    return [
        (request.job_name, span_of(dg.DagsterRun(job_name="a", tags=request.tags)), request.tags["plimsoll/night"])
        for request in said
    ]


def test_the_sensor_starts_months_and_then_the_release(instance: dg.DagsterInstance) -> None:
    assert asked_for(instance) == "No night has read its inputs yet."
    night = note(instance, INPUTS, "SUCCESS")
    assert asked_for(instance) == [(MONTHS, span, night) for span in SPANS]
    note(instance, MONTHS, "SUCCESS", night)
    assert asked_for(instance) == [(RELEASE, ("", ""), night)]
    note(instance, RELEASE, "SUCCESS", night)
    assert asked_for(instance) == "The last night is over."


@pytest.mark.parametrize("part", [MONTHS, RELEASE])
@pytest.mark.parametrize("status", ["STARTING", "STARTED", "CANCELING"])
def test_no_months_begin_while_another_night_is_at_work(instance: dg.DagsterInstance, part: str, status: str) -> None:
    first = note(instance, INPUTS, "SUCCESS")
    at_work = note(instance, part, status, first)
    second = note(instance, INPUTS, "SUCCESS")
    assert asked_for(instance) == f"Waiting for {part} of another night."
    instance.delete_run(at_work)
    note(instance, part, "FAILURE", first, will_retry="true")
    assert asked_for(instance) == f"Waiting for {part} of another night."
    instance.wipe()
    second = note(instance, INPUTS, "SUCCESS")
    note(instance, part, "FAILURE", first, will_retry="false")
    assert asked_for(instance) == [(MONTHS, span, second) for span in SPANS]


def test_no_months_begin_while_later_inputs_are_read(instance: dg.DagsterInstance) -> None:
    note(instance, INPUTS, "STARTED")  # killed: these had the lock after it
    night = note(instance, INPUTS, "SUCCESS")
    assert asked_for(instance) == [(MONTHS, span, night) for span in SPANS]
    note(instance, INPUTS, "STARTED")
    assert asked_for(instance) == f"Waiting for {INPUTS} of another night."


def test_months_that_somebody_started_by_hand_are_waited_for(instance: dg.DagsterInstance) -> None:
    note(instance, INPUTS, "SUCCESS")
    note(instance, MONTHS, "STARTED")
    assert asked_for(instance) == f"Waiting for {MONTHS} of another night."


def test_a_night_begins_only_after_the_release_of_the_one_before(instance: dg.DagsterInstance) -> None:
    require_no_night(instance)
    reading = note(instance, INPUTS, "STARTED")
    with pytest.raises(NightRunning, match=INPUTS):
        require_no_night(instance)
    require_no_night(instance, inputs=reading)
    note(instance, INPUTS, "FAILURE")
    night = note(instance, INPUTS, "SUCCESS")
    instance.delete_run(reading)
    later = note(instance, INPUTS, "STARTED")
    for state in ("inputs are read", MONTHS, "inputs are read", RELEASE):
        at_work = note(instance, state, "STARTED", night) if state in (MONTHS, RELEASE) else None
        with pytest.raises(NightRunning, match=state):
            require_no_night(instance, inputs=later)
        if at_work is not None:
            instance.delete_run(at_work)
    note(instance, RELEASE, "FAILURE", night)
    require_no_night(instance, inputs=later)


def test_inputs_are_not_read_while_a_night_waits_for_its_months(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    read: list[str] = []

    @dg.op(required_resource_keys={"settings"})
    def read_inputs(context: dg.OpExecutionContext) -> None:
        read.append(context.run_id)

    settings = night_resource(Settings(home=tmp_path))
    job = dg.GraphDefinition(name=INPUTS, node_defs=[read_inputs]).to_job(
        resource_defs={"settings": settings}, tags=TAGS
    )
    first = job.execute_in_process(instance=instance)
    second = job.execute_in_process(instance=instance, raise_on_error=False)
    assert (first.success, second.success, read) == (True, False, [first.run_id])
    refused = instance.get_run_by_id(second.run_id)
    assert refused is not None
    assert is_over(refused), "turned away is not begun anew"
    note(instance, RELEASE, "SUCCESS", first.run_id)
    assert job.execute_in_process(instance=instance).success


def test_who_follows_a_night_is_told_when_another_has_overtaken_it(instance: dg.DagsterInstance) -> None:
    night = note(instance, INPUTS, "SUCCESS")
    note(instance, INPUTS, "SUCCESS")
    with pytest.raises(NightRunning, match="A newer night has read its inputs"):
        followed(instance, night)
    release = note(instance, RELEASE, "SUCCESS", night)
    assert followed(instance, night).run_id == release
