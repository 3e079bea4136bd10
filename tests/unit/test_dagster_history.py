"""Dagster's history: what a night writes in bulk is what Dagster writes one by one, and old runs are let go.

Here: real instances in folders, with runs of several ages.
Add here: another thing that a night tidies up there.
Keep out: what the steps of a night tell.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from pipelines.dagster_history import History, forget_runs, kept_open


@dg.asset
def barrel() -> None:
    print("rolling")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides={"telemetry": {"enabled": False}}) as instance:
        yield instance


RunOf = Callable[[int], str]


@pytest.fixture
def run_of(instance: dg.DagsterInstance, tmp_path: Path) -> RunOf:
    """A run of so many days ago."""

    def make(days_ago: int) -> str:
        result = dg.materialize([barrel], instance=instance)
        assert result.success
        engine = create_engine(f"sqlite:///{tmp_path}/history/runs.db")
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE runs SET create_timestamp = datetime('now', :age) WHERE run_id = :run"),
                {"age": f"-{days_ago} days", "run": result.run_id},
            )
        engine.dispose()
        return result.run_id

    return make


@pytest.mark.parametrize("is_kept_open", [False, True])
def test_every_event_is_stored_once(instance: dg.DagsterInstance, is_kept_open: bool) -> None:
    @dg.multi_asset(
        specs=[dg.AssetSpec("full"), dg.AssetSpec("empty")], check_specs=[dg.AssetCheckSpec("tight", asset="full")]
    )
    def barrels() -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        yield dg.MaterializeResult(asset_key="full")
        yield dg.AssetCheckResult(
            asset_key="full", check_name="tight", passed=False, severity=dg.AssetCheckSeverity.WARN
        )
        yield dg.MaterializeResult(asset_key="empty")

    with kept_open(instance) if is_kept_open else nullcontext():
        result = dg.materialize([barrels], instance=instance)
    kind = dg.DagsterEventType
    expected = {
        kind.ASSET_MATERIALIZATION_PLANNED: 2,
        kind.ASSET_CHECK_EVALUATION_PLANNED: 1,
        kind.ASSET_MATERIALIZATION: 2,
        kind.ASSET_CHECK_EVALUATION: 1,
    }
    assert {of: len(instance.all_logs(result.run_id, of_type=of)) for of in expected} == expected
    (execution,) = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey("full"), "tight"), limit=9
    )
    assert execution.status.value == "FAILED"
    found = instance.fetch_materializations(dg.AssetKey("empty"), limit=9)
    assert [record.run_id for record in found.records] == [result.run_id]


PARTITIONS = dg.StaticPartitionsDefinition(["all", "2023-01"])


@dg.multi_asset(
    specs=[dg.AssetSpec("full", partitions_def=PARTITIONS)],
    check_specs=[dg.AssetCheckSpec("tight", asset="full")],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def by_month(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    context.log_event(dg.AssetMaterialization("full", partition="2023-01", metadata={"rows": 1}))
    context.log.info("made 2023-01")
    yield dg.MaterializeResult(asset_key="full", metadata={"dagster/row_count": 2})
    yield dg.AssetCheckResult(asset_key="full", check_name="tight", passed=True)


@dg.multi_asset(
    specs=[dg.AssetSpec("whole", deps=["full"]), dg.AssetSpec("empty")],
    check_specs=[dg.AssetCheckSpec("dry", asset="whole"), dg.AssetCheckSpec("clean", asset="empty")],
)
def wholes() -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    yield dg.MaterializeResult(asset_key="whole", tags={"grade": "Urals"})
    yield dg.AssetCheckResult(
        asset_key="whole", check_name="dry", passed=False, severity=dg.AssetCheckSeverity.WARN, metadata={"seen": 3}
    )
    yield dg.MaterializeResult(asset_key="empty")
    yield dg.AssetCheckResult(asset_key="empty", check_name="clean", passed=True)
    raise dg.Failure("leaks")


def a_night(instance: dg.DagsterInstance) -> str:
    job = dg.Definitions(
        [by_month, wholes],
        jobs=[dg.define_asset_job("night", "*", tags={"dagster/partition": "all"})],
        executor=dg.in_process_executor,
    ).resolve_job_def("night")
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    return result.run_id


def tables_of(file: Path) -> dict[str, list[dict[str, object]]]:
    """Every row of every table, but for when the row was written."""
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        tables = {
            name: [dict(row._mapping) for row in connection.execute(text(f"SELECT * FROM {name} ORDER BY id"))]
            for name in ("event_logs", "asset_keys", "asset_event_tags", "asset_check_executions")
        }
    engine.dispose()
    for rows in tables.values():
        for row in rows:
            row.pop("create_timestamp", None)
    return tables


def test_what_is_stored_in_bulk_is_what_dagster_stores(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    nights = [a_night(instance), a_night(instance)]
    events = [event for run_id in nights for event in instance.all_logs(run_id)]
    history = History(str(tmp_path / "bulk"))
    history.store_event_batch(events[:3])
    for event in events[3:]:
        history.store_event(event)
    history.close()
    own = tmp_path / "history" / "runs"
    index = tables_of(own / "index.db")
    # Both nights' materializations: of a month, of the partition that was run, and of two tables; and those planned.
    assert len(index["asset_keys"]) == 3
    assert len(index["asset_check_executions"]) == 6
    assert [row["execution_status"] for row in index["asset_check_executions"]].count("FAILED") == 2
    assert index["asset_event_tags"]
    assert tables_of(tmp_path / "bulk" / "index.db") == index
    for run_id in nights:
        assert tables_of(tmp_path / "bulk" / f"{run_id}.db") == tables_of(own / f"{run_id}.db")


def test_a_check_that_was_not_planned_is_stored_too(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    events = [
        event
        for event in instance.all_logs(a_night(instance))
        if event.dagster_event_type is not dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
    ]
    history = History(str(tmp_path / "bulk"))
    for event in events:
        history.store_event(event)
    history.close()
    found = tables_of(tmp_path / "bulk" / "index.db")["asset_check_executions"]
    assert {row["check_name"]: row["execution_status"] for row in found} == {
        "tight": "SUCCEEDED",
        "dry": "FAILED",
        "clean": "SUCCEEDED",
    }


def test_a_night_is_the_same_in_bulk(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """What a run reads while it goes on is what it told before: targets of checks, versions of what it is made from."""

    def told(instance: dg.DagsterInstance, run_id: str) -> list[tuple[object, ...]]:
        materializations = [
            event.get_dagster_event().step_materialization_data.materialization
            for event in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        ]
        checks = [
            event.get_dagster_event().asset_check_evaluation_data
            for event in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        ]
        pointers = {"dagster/input_event_pointer/full"}
        return [
            *((m.asset_key, m.partition, {tag: (m.tags or {}).get(tag) for tag in pointers}) for m in materializations),
            *(
                (check.check_name, check.target_materialization_data and check.target_materialization_data.storage_id)
                for check in checks
            ),
        ]

    (tmp_path / "other").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "other"), overrides={"telemetry": {"enabled": False}}) as other:
        for _ in range(2):
            own = told(instance, a_night(instance))
            with kept_open(other):
                run_id = a_night(other)
            assert told(other, run_id) == own
        assert any(isinstance(said[-1], int) for said in own)


def test_a_batch_that_fails_is_stored_once_when_it_is_told_again(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    events = instance.all_logs(a_night(instance))[:5]
    history = History(str(tmp_path / "bulk"))
    engine = create_engine(f"sqlite:///{tmp_path}/bulk/index.db")
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TRIGGER full BEFORE INSERT ON event_logs BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
        )
    with pytest.raises(IntegrityError, match="the disk is full"):
        history.store_event_batch(events)
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER full"))
    engine.dispose()
    # What Dagster does then.
    for event in events:
        history.store_event(event)
    history.close()
    stored = tables_of(tmp_path / "bulk" / f"{events[0].run_id}.db")["event_logs"]
    assert len(stored) == len(events)


def test_who_reads_reads_all_that_was_told(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    events = instance.all_logs(a_night(instance))
    kinds = [event.dagster_event_type for event in events]
    # In the midst of what a step tells.
    upto = kinds.index(dg.DagsterEventType.ASSET_CHECK_EVALUATION) + 1
    history = History(str(tmp_path / "bulk"))
    for event in events[:upto]:
        history.store_event(event)
    assert [event.dagster_event_type for event in history.get_logs_for_run(events[0].run_id)] == kinds[:upto]
    history.close()


def files_of(folder: Path, run_id: str) -> list[Path]:
    return [path for path in folder.rglob("*") if run_id in path.name]


def test_runs_are_let_go_after_their_days(instance: dg.DagsterInstance, run_of: RunOf, tmp_path: Path) -> None:
    old, young = run_of(91), run_of(89)
    assert files_of(tmp_path, old)
    with kept_open(instance):
        forget_runs(instance, keep_days=90)
    assert [run.run_id for run in instance.get_runs()] == [young]
    # The file that held its events, and the log of its process.
    assert files_of(tmp_path, old) == []
    assert files_of(tmp_path, young)
    (event,) = instance.fetch_materializations(dg.AssetKey("barrel"), limit=10).records
    assert event.run_id == young
    # Who still asks for it finds nothing.
    assert instance.all_logs(old) == []


def test_nothing_old_is_nothing_to_do(instance: dg.DagsterInstance, run_of: RunOf) -> None:
    young = run_of(1)
    forget_runs(instance, keep_days=90)
    assert [run.run_id for run in instance.get_runs()] == [young]


def test_an_instance_in_memory_has_no_files() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([barrel], instance=instance)
        forget_runs(instance, keep_days=1)
        assert len(instance.get_runs()) == 1
