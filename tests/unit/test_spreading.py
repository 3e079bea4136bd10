"""What a night over several workers does next, and how months are shared out.

Here: the decisions alone.
Add here: a state of runs that a night may be in.
Keep out: real runs (tests/cluster).
"""

import dagster as dg
import pytest

from pipelines.spreading import Next, is_over, next_of, parts_of

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
