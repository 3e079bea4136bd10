"""The benchmark does not rot: its shipments keep the contract, its peer in SQL says what the product says, and a task
that dies takes nothing with it. `make bench-smoke` runs the peers that are not installed here.
"""

import json
import os
import sqlite3
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from benchmarks import page, run, synthetic
from benchmarks.measure import PEER_COLUMNS, columns_read, first_step_at
from benchmarks.peers import dbt_project, duckdb_sql
from pipelines.assess import shipments_contract
from pipelines.contracts.cargoes import VERDICT_VALUES
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.sources.shipments_file import read_shipments
from pipelines.transforms.judge import judge
from pipelines.transforms.prices import price_shipments
from tests.integration.conftest import Night

ROWS = 4_000


@pytest.fixture(scope="module")
def shipments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("benchmark") / "synthetic-shipments.parquet"
    synthetic.write_parquet(ROWS, file)
    return file


@pytest.fixture(scope="module")
def verdicts(shipments: Path, book: Rulebook, reference: Reference) -> pl.DataFrame:
    cargoes = price_shipments(pl.scan_parquet(shipments), reference, pl.lit(shipments.name))
    return judge(cargoes, book).select(PEER_COLUMNS).sort("shipment_id", "regime").collect()


def test_shipments_keep_the_contract(tmp_path: Path, shipments: Path, book: Rulebook, reference: Reference) -> None:
    csv = tmp_path / "synthetic-shipments.csv"
    synthetic.write_csv(ROWS, csv)
    intake = read_shipments(csv, shipments_contract(book, reference))
    assert intake.rejected.is_empty()
    # The Parquet file holds what the product makes of the CSV.
    assert_frame_equal(intake.accepted, pl.read_parquet(shipments))


def test_a_small_file_is_the_beginning_of_a_large_one() -> None:
    more = synthetic.CHUNK_ROWS + 10
    assert_frame_equal(synthetic.shipments(10).collect(), synthetic.shipments(more).head(10).collect())
    assert synthetic.shipments(more).select(pl.col("shipment_id").n_unique()).collect().item() == more


def test_every_verdict_occurs(verdicts: pl.DataFrame) -> None:
    assert set(verdicts["verdict"]) == set(VERDICT_VALUES)


def test_duckdb_says_the_same(tmp_path: Path, shipments: Path, verdicts: pl.DataFrame) -> None:
    out = tmp_path / "verdicts.parquet"
    duckdb_sql.judge(shipments, out)
    said = pl.read_parquet(out).sort("shipment_id", "regime")
    assert_frame_equal(said, verdicts, rel_tol=1e-9, abs_tol=1e-9)
    duckdb_sql.judge_without_writing(shipments)


def test_dbt_gets_all_of_the_sql(tmp_path: Path, shipments: Path) -> None:
    dbt_project.write(tmp_path / "dbt", shipments, tmp_path / "verdicts.parquet")
    models = {file.stem: file.read_text() for file in (tmp_path / "dbt" / "models").glob("*.sql")}
    made = "".join(file.read_text() for file in duckdb_sql.SQL.glob("*.sql")).count("CREATE TEMP TABLE")
    assert len(models) == made + 1
    # It may build as many models at once as there are processors.
    assert f"threads: {os.cpu_count()}\n" in (tmp_path / "dbt" / "profiles.yml").read_text()
    # No model reads a table of another by its bare name.
    for text in models.values():
        assert not [name for name in models if f"FROM {name} " in text or f"JOIN {name} " in text]


def test_the_floor_reads_what_the_judge_reads(shipments: Path) -> None:
    asked = columns_read(shipments)
    assert {"shipment_id", "loading_date", "value", "nexus"} <= set(asked)
    # Nothing is judged by the name of a ship.
    assert "vessel_name" not in asked
    # The peers' columns hold no texts, so the floor beside them reads no more.
    assert set(columns_read(shipments, PEER_COLUMNS)) <= set(asked)


def test_start_up_ends_where_the_first_step_of_the_newest_night_begins(night: Night) -> None:
    (history,) = (night.home / "dagster_home" / "history" / "runs").glob("*-*.db")
    with closing(sqlite3.connect(history)) as connection:
        rows = connection.execute("SELECT dagster_event_type, event FROM event_logs").fetchall()
    starts = [json.loads(event)["timestamp"] for kind, event in rows if kind == "STEP_START"]
    (run_start,) = (json.loads(event)["timestamp"] for kind, event in rows if kind == "PIPELINE_START")
    assert first_step_at(night.home) == min(starts) > run_start


class TestDying:
    def test_killed(self, tmp_path: Path) -> None:
        code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
        with pytest.raises(run.Died, match=r"^killed, out of memory\?$") as death:
            run.ended([sys.executable, "-c", code], 60, tmp_path)
        assert not death.value.is_fault

    @pytest.mark.parametrize(("error", "is_fault"), [("KeyError('x')", True), ("MemoryError('Out of Memory')", False)])
    def test_by_an_error(self, tmp_path: Path, error: str, is_fault: bool) -> None:
        with pytest.raises(run.Died, match=error.partition("(")[0]) as death:
            run.ended([sys.executable, "-c", f"raise {error}"], 60, tmp_path)
        assert death.value.is_fault is is_fault

    def test_too_slow_and_with_a_process_of_its_own(self, tmp_path: Path) -> None:
        begun = tmp_path / "begun"
        with pytest.raises(run.Died, match=r"^ended after 3 s$") as death:
            run.ended(["sh", "-c", f"sleep 300 & echo $! > '{begun}'; wait"], 3, tmp_path)
        assert not death.value.is_fault
        assert self.ends(int(begun.read_text()))

    def ends(self, process: int) -> bool:
        """Whether a process ends within a minute; one that is dead and not yet reaped is a zombie."""
        status = Path(f"/proc/{process}/status")
        for _ in range(600):
            with suppress(FileNotFoundError, ProcessLookupError):
                if "State:\tZ" not in status.read_text(encoding="ascii"):
                    time.sleep(0.1)
                    continue
            return True
        return False

    def test_what_ends_well_says_what_it_printed(self, tmp_path: Path) -> None:
        assert run.ended([sys.executable, "-c", "print(7)"], 60, tmp_path) == "7\n"


def bench(folder: Path, *options: str) -> int:
    return run.main(["--rows", "0.002", "--runs", "1", "--into", str(folder), *options])


def figures(folder: Path) -> dict[str, dict]:
    return {row["task"]: row for row in json.loads((folder / "bench.json").read_text())["results"]}


@pytest.fixture
def killed_peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Peers that the system kills as soon as they begin."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nkill -KILL $$\n", encoding="ascii")
    python.chmod(0o755)
    monkeypatch.setattr(run, "PEER_PYTHON", python)


def test_peers_that_are_killed_leave_the_others_their_figures(tmp_path: Path, killed_peers: None) -> None:
    assert bench(tmp_path / "out", "--tasks", "floor_as_peers,duckdb_sql,pandas_merges") == 0
    rows = figures(tmp_path / "out")
    assert [rows[task]["failed"] for task in ("duckdb_sql", "pandas_merges")] == ["killed, out of memory?"] * 2
    # What a chosen task needs is measured with it.
    assert rows["judge_as_peers"]["seconds"] > 0 and rows["floor_as_peers"]["peak_mb"] > 0
    said = (tmp_path / "out" / "benchmarks.md").read_text(encoding="utf-8")
    assert "| DuckDB, hand-written SQL | **failed**: killed, out of memory? |" in said
    assert not (tmp_path / "out" / "work").exists()


def test_what_needs_a_task_that_failed_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run.synthetic, "write_parquet", lambda rows, file: file.write_bytes(b"no Parquet"))
    # The product's own failure is a fault.
    assert bench(tmp_path / "out", "--tasks", "price,floor_cargoes") == 1
    rows = figures(tmp_path / "out")
    # In one line, whatever Polars has to say.
    assert rows["price"]["failed"].startswith("ComputeError: ") and rows["price"]["seconds"] is None
    assert rows["judge_cargoes"]["failed"] == "not run, because price failed"
    assert rows["floor_cargoes"]["failed"] == "not run, because judge_cargoes failed"


@pytest.mark.parametrize(
    ("column", "change", "apart"),
    [
        ("verdict", pl.lit("exempt"), "other verdicts than judge_as_peers"),
        ("margin_usd_per_bbl", pl.col("margin_usd_per_bbl") + 0.01, "other sums of margin_usd_per_bbl than judge_as_peers"),
        ("margin_usd_per_bbl", pl.col("margin_usd_per_bbl") + 1e-13, None),
    ],
)  # fmt: skip
def test_other_verdicts_are_seen(
    tmp_path: Path, verdicts: pl.DataFrame, column: str, change: pl.Expr, apart: str | None
) -> None:
    one, other = tmp_path / "one.parquet", tmp_path / "other.parquet"
    verdicts.write_parquet(one)
    verdicts.with_columns(change.alias(column)).write_parquet(other)
    said = {"judge_as_peers": run.verdict_counts(one), "duckdb_sql": run.verdict_counts(other)}
    assert run.disagreement(said, "duckdb_sql") == apart


def test_nothing_is_measured_where_a_peer_gives_other_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    peer, python = tmp_path / "peer.py", tmp_path / "python"
    peer.write_text(
        "import json, sys\nimport polars as pl\n_, _, _, task, _, folder = sys.argv\n"
        "verdicts = pl.read_parquet(folder + '/judge_as_peers.parquet').with_columns(verdict=pl.lit('exempt'))\n"
        "verdicts.write_parquet(f'{folder}/{task}.parquet')\n"
        "print(json.dumps({'seconds': 1.0, 'cpu_seconds': 1.0, 'peak_mb': 1.0}))\n",
        encoding="ascii",
    )
    python.write_text(f'#!/bin/sh\nexec {sys.executable} {peer} "$@"\n', encoding="ascii")
    python.chmod(0o755)
    monkeypatch.setattr(run, "PEER_PYTHON", python)
    monkeypatch.setattr(run, "FIRST_LOOK", 0.001)
    assert bench(tmp_path / "out", "--tasks", "judge_as_peers,duckdb_sql") == 2
    assert "duckdb_sql gives other verdicts than judge_as_peers. Nothing was measured." in capsys.readouterr().err
    assert not (tmp_path / "out" / "bench.json").exists()


def test_another_day_is_told_and_another_machine_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(tmp_path, "--tasks", "help", "--add") == 2
    assert "there is nothing to add to" in capsys.readouterr().err
    monkeypatch.setattr(run, "day", lambda: "2026-11-28")
    assert bench(tmp_path, "--tasks", "help") == 0
    monkeypatch.setattr(run, "day", lambda: "2026-11-29")
    assert bench(tmp_path, "--tasks", "assess_small", "--add") == 0
    said = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert "- 2026-11-28: " in said and "- 2026-11-29: " in said
    assert set(figures(tmp_path)) == {"help", "assess_small"}
    other = {**run.machine(), "cpu": "another"}
    monkeypatch.setattr(run, "machine", lambda: other)
    assert bench(tmp_path, "--tasks", "help", "--add") == 2
    assert "another machine" in capsys.readouterr().err


def test_an_unknown_task_and_missing_peers_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(tmp_path, "--tasks", "helpp") == 2
    assert "unknown task helpp; the tasks are help, " in capsys.readouterr().err
    monkeypatch.setattr(run, "PEER_PYTHON", tmp_path / "nowhere")
    assert bench(tmp_path, "--tasks", "pandas_merges") == 2
    assert "`make bench` sets it up" in capsys.readouterr().err


def test_every_task_has_a_name_and_a_place() -> None:
    assert set(run.TASKS) == {*run.LARGEST, *run.WAITED_FOR} == {*page.NAMES, *page.WAITED_FOR}
