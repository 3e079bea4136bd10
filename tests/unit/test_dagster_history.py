"""Dagster's history: old runs are let go.

Here: a real instance in a folder, with runs of several ages.
Add here: another thing that a night tidies up there.
Keep out: what a night writes to it.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import create_engine, text

from pipelines.dagster_history import forget_runs, kept_open


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
