"""A night over three workers, one of them killed at work: the release holds what a single file would hold.

Here: PostgreSQL, a store and Dagster's daemon on this machine; runs as processes of their own, found by their ids.
Add here: another way in which a worker may be lost.
Keep out: the lake by itself (test_lake), and what comes next in a night (tests/unit/test_spreading.py).
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from pipelines.assets.night import INPUTS, MONTHS, RELEASE
from pipelines.contracts.cargoes import CARGOES, VERDICTS
from pipelines.contracts.macros import MACROS
from pipelines.object_store import ObjectPath
from pipelines.settings import Settings
from pipelines.spreading import is_over, require_daemon, span_of
from pipelines.warehouse import duck, lake, releases
from pipelines.warehouse.store import Store
from tests.cluster.services import BUCKET, Services
from tests.faults.nights import ABOUT_NIGHTS_BEFORE, ABOUT_THE_NIGHT, OF_THESE_NIGHTS
from tests.integration.conftest import REPOSITORY, environment, plimsoll, run_night, shipments_file

WORKERS = 3
LIMIT_S = 900
# 60.00 to 62.80 USD/bbl, two a month, in nine months: above and below the cap, with and without a discharge day.
ROWS = [
    f"{{id}},,2024-{month:02}-{day:02},{discharge},2709.00,Urals,RU,,IN,sea,700000,bbl,{42_000_000 + month * 200_000},USD,FOB,US;EU"
    for month in range(1, 10)
    for day, discharge in ((5, f"2024-{month + 1:02}-01"), (20, ""))
]


# Queries whose answers tell of nights and not of cargoes.
ABOUT_NIGHTS = {"which_release", "failed_checks", "changed_files", "release", "checks"}


@dataclass(frozen=True)
class Cluster:
    """home: the folders that all share. log: what daemon and runs said. instance: Dagster's, in PostgreSQL."""

    home: Path
    variables: dict[str, str]
    log: Path
    instance: dg.DagsterInstance

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.variables | {"PLIMSOLL_HOME": str(self.home)})

    def plimsoll(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli", *arguments],
            cwd=REPOSITORY,
            env=environment(self.home, **self.variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def runs(self, job: str) -> list[dg.DagsterRun]:
        return list(self.instance.get_runs(dg.RunsFilter(job_name=job)))

    def wait_for(self, what: str, found: Callable[[], object]) -> None:
        end = time.monotonic() + LIMIT_S
        while not found():
            said = self.log.read_text(encoding="utf-8")[-3000:]
            assert time.monotonic() < end, f"{what} did not come:\n{said}"
            time.sleep(0.2)


@pytest.fixture(scope="module")
def cluster(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    home, dagster_home = tmp_path_factory.mktemp("shared"), tmp_path_factory.mktemp("dagster")
    shipments_file(home / "landing" / "shipments" / "cargoes.csv", *ROWS)
    shutil.copy(REPOSITORY / "deploy" / "dagster.yaml", dagster_home)
    services.database("lake")
    of_dagster = services.database("dagster")
    variables = {
        **of_dagster.environment,
        "DAGSTER_PG_DB": "dagster",
        "DAGSTER_HOME": str(dagster_home),
        "PLIMSOLL_WAREHOUSE": "ducklake:postgres:dbname=lake",
        "PLIMSOLL_WAREHOUSE_DATA": f"s3://{BUCKET}/lake",
        "PLIMSOLL_STORE": f"s3://{BUCKET}/tables of the night",
        "PLIMSOLL_WORKERS": str(WORKERS),
        "PLIMSOLL_OFFLINE": "1",
        "PLIMSOLL_WATCH_SECONDS": "90000",  # nights are begun by hand here
        "PYTHONPATH": str(REPOSITORY),
    }
    with pytest.MonkeyPatch.context() as here, (dagster_home / "daemon.log").open("w") as log:
        for name, value in variables.items():
            here.setenv(name, value)
        daemon = subprocess.Popen(
            [Path(sys.executable).with_name("dagster-daemon"), "run", "-w", REPOSITORY / "workspace.yaml"],
            cwd=dagster_home,
            env=environment(home, **variables),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
                yield Cluster(home, variables, dagster_home / "daemon.log", instance)
        finally:
            os.killpg(daemon.pid, signal.SIGTERM)
            daemon.wait(60)


def worker_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int | None:
    """The process of a run that is at work."""
    said = " ".join(entry.message for entry in instance.all_logs(run.run_id))
    found = re.search(r"\(pid: (\d+)\)", said)
    return int(found.group(1)) if found else None


def rounded(rows: list[tuple]) -> list[str]:
    """Rows to compare: sums of the same numbers in another order differ in their last digits (`plimsoll diff`)."""
    return sorted(repr([float(f"{value:.9g}") if isinstance(value, float) else value for value in row]) for row in rows)


def steps_done(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int:
    return len(instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS))


def months_made(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dict[str, int]:
    """How many months of each table a run says to have made."""
    told = [entry.asset_materialization for entry in instance.all_logs(run.run_id)]
    return {
        event.asset_key.to_user_string(): int(str(event.metadata["months made"].value))
        for event in told
        if event is not None and "months made" in event.metadata
    }


@pytest.fixture(scope="module")
def alone(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A night on the same files as one process, into a single file."""
    settings = Settings(home=tmp_path_factory.mktemp("alone"), offline=True)
    shutil.copytree(cluster.home / "landing" / "shipments", settings.shipments_folder)
    assert run_night(settings).success
    return settings


@pytest.fixture(scope="module")
def night(cluster: Cluster) -> str:
    """A night over three workers, one of which was killed when it had made its cargoes; what the command said."""

    def is_ready() -> bool:
        try:
            require_daemon(cluster.instance)
        except Exception:
            return False
        return True

    cluster.wait_for("the daemon", is_ready)
    command = cluster.plimsoll("nightly")
    try:
        cluster.wait_for("the runs on months", lambda: len(cluster.runs(MONTHS)) == WORKERS)
        at_work = cluster.runs(MONTHS)
        cluster.wait_for("their processes", lambda: all(worker_of(cluster.instance, run) for run in at_work))
        workers = {run.run_id: worker_of(cluster.instance, run) for run in at_work}
        assert len({*workers.values(), os.getpid(), command.pid}) == WORKERS + 2, "each run is a process of its own"
        killed = at_work[0]
        cluster.wait_for("its first table", lambda: steps_done(cluster.instance, killed) >= 1)
        assert not releases.kept(cluster.settings), "nothing is published before all is there"
        os.kill(workers[killed.run_id] or 0, signal.SIGKILL)
        said, _ = command.communicate(timeout=LIMIT_S)
    finally:
        command.kill()
    assert command.returncode == 0, f"{said}\n{cluster.log.read_text(encoding='utf-8')[-3000:]}"
    return said


def test_a_worker_that_is_killed_is_begun_anew_and_nothing_is_lost(cluster: Cluster, night: str) -> None:
    of_months = cluster.runs(MONTHS)
    by_status = {status: [run for run in of_months if run.status.value == status] for status in ("SUCCESS", "FAILURE")}
    assert len(by_status["SUCCESS"]) == WORKERS
    (killed,) = by_status["FAILURE"]
    spans = sorted(span_of(run) for run in by_status["SUCCESS"])
    assert spans == [("2024-01", "2024-03"), ("2024-04", "2024-06"), ("2024-07", "2024-09")]
    assert span_of(killed) in spans
    for job in (INPUTS, RELEASE):
        (run,) = cluster.runs(job)
        assert run.is_success
        assert is_over(run)
    assert all(f"{first}..{last}" in night for first, last in spans), "the command tells of each run"


def test_months_that_were_finished_before_the_kill_are_not_made_again(cluster: Cluster, night: str) -> None:
    of_months = cluster.runs(MONTHS)
    (killed,) = (run for run in of_months if not run.is_success)
    (again,) = (run for run in of_months if run.is_success and span_of(run) == span_of(killed))
    finished, anew = months_made(cluster.instance, killed), months_made(cluster.instance, again)
    assert finished["staging/cargoes"] == 3
    assert {table: anew[table] for table in finished} == dict.fromkeys(finished, 0)
    # What the others made is theirs: each month once in the whole night.
    others = [months_made(cluster.instance, run) for run in of_months if run not in (killed, again)]
    assert [made["staging/cargoes"] for made in others] == [3, 3]
    # Nor does the release make any of them; it makes months of the cargoes that ship with the program.
    (release,) = cluster.runs(RELEASE)
    told = [entry.asset_materialization for entry in cluster.instance.all_logs(release.run_id)]
    months = {event.partition for event in told if event is not None and event.partition is not None}
    assert not {month for month in months if "2024-01" <= month <= "2024-09"}


def test_the_lake_holds_what_a_single_file_holds(cluster: Cluster, night: str, alone: Settings) -> None:
    compared = 0
    with (
        duckdb.connect(str(alone.warehouse_file), read_only=True) as file,
        duck.read_only(releases.current(cluster.settings)) as of_lake,
    ):
        columns: dict[str, list[str]] = {}
        for table, column in file.execute(
            "SELECT table_schema || '.' || table_name, column_name FROM information_schema.columns ORDER BY ALL"
        ).fetchall():
            columns.setdefault(table, []).append(f'"{column}"')
        for table, names in columns.items():
            if table in ABOUT_NIGHTS_BEFORE:
                continue
            kept = ", ".join(name for name in names if name.strip('"') not in ABOUT_THE_NIGHT)
            only = OF_THESE_NIGHTS.get(table)
            sql = f"SELECT {kept} FROM {table} WHERE {only or 'true'} ORDER BY ALL"
            given = [sorted(ABOUT_NIGHTS_BEFORE)] if only else []
            assert rounded(of_lake.execute(sql, given).fetchall()) == rounded(file.execute(sql, given).fetchall()), (
                table
            )
            compared += 1
        ((cargoes, months),) = of_lake.execute(
            f"SELECT count(*), count(DISTINCT {lake.MONTH.name}) FROM staging.cargoes WHERE evidence_kind = 'declared_shipment'"
        ).fetchall()
    assert (cargoes, months) == (18, 9)
    assert compared > 70


def test_macros_and_queries_answer_as_in_a_single_file(cluster: Cluster, night: str, alone: Settings) -> None:
    def read(name: Path) -> str:
        return name.read_text(encoding="utf-8")

    examples = [example for macro in MACROS for example in macro.example.split(";")]
    files = sorted((REPOSITORY / "sql" / "cookbook").glob("*.sql")) + sorted(
        (REPOSITORY / "sql" / "report").glob("*.sql")
    )
    queries = {sql: sql for sql in [*examples, "FROM what_if_cap(61)", "FROM what_if_cap(61, regime := 'EU')"]}
    queries |= {file.stem: read(file) for file in files if file.stem not in ABOUT_NIGHTS}
    with (
        duckdb.connect(str(alone.warehouse_file), read_only=True) as file,
        duck.read_only(releases.current(cluster.settings)) as of_lake,
    ):
        for name, sql in queries.items():
            assert rounded(of_lake.execute(sql).fetchall()) == rounded(file.execute(sql).fetchall()), name
        # Of 18 cargoes of 700,000 bbl, two each at 60.29, 60.57, 60.86, 61.14, ... 62.57 USD/bbl: six months above 61.
        ((above, bbl),) = of_lake.execute(
            "SELECT above_cargoes, above_bbl FROM what_if_cap(61) WHERE evidence_kind = 'declared_shipment'"
        ).fetchall()
    assert (above, bbl) == (12, 12 * 700_000)


def test_shapes_and_comments_are_those_of_a_single_file(cluster: Cluster, night: str, alone: Settings) -> None:
    columns = (
        "SELECT schema_name, table_name, column_name, data_type, is_nullable, comment FROM duckdb_columns() "
        "WHERE schema_name IN ('reference', 'staging', 'marts', 'quality') AND table_name <> 'lake_months' "
        "AND column_name <> 'partition_month' ORDER BY schema_name, table_name, column_index"
    )
    tables = (
        "SELECT schema_name, table_name, comment FROM duckdb_tables() "
        "WHERE schema_name <> 'main' AND table_name <> 'lake_months' ORDER BY ALL"
    )
    with (
        duckdb.connect(str(alone.warehouse_file), read_only=True) as file,
        duck.read_only(releases.current(cluster.settings)) as of_lake,
    ):
        for sql in (columns, tables):
            assert of_lake.execute(sql).fetchall() == file.execute(sql).fetchall() != []


def test_the_tables_between_assets_lie_in_the_store(cluster: Cluster, night: str, alone: Settings) -> None:
    of_night, of_one = Store(cluster.settings.store_folder), Store(alone.store_folder)
    assert isinstance(of_night.folder, ObjectPath)
    assert of_night.months(CARGOES) == of_one.months(CARGOES)
    # What a month was made from is the same, however many made it.
    for month in of_one.months(VERDICTS):
        assert of_night.note(VERDICTS, month) == of_one.note(VERDICTS, month) is not None, month
    local = cluster.settings.kept_folder
    assert {path.relative_to(local).parts[0] for path in local.rglob("*.parquet")} <= {"landed", "readings"}


def test_what_stands_beside_a_release_stands_beside_that_of_a_lake(
    cluster: Cluster, night: str, alone: Settings
) -> None:
    (release_id,) = releases.kept(cluster.settings)
    (of_file,) = alone.releases_folder.iterdir()
    of_lake = cluster.settings.releases_folder / release_id
    assert {path.name for path in of_lake.iterdir()} == {"release.json", releases.BILL}
    bills, told = (
        [json.loads((folder / name).read_text(encoding="utf-8")) for folder in (of_lake, of_file)]
        for name in (releases.BILL, "release.json")
    )
    packages = [{part["purl"] for part in bill["components"]} for bill in bills]
    assert packages[0] == packages[1] != set()
    assert told[0].keys() == told[1].keys()
    assert told[0]["release_id"] == release_id
    differing = {table for table in told[1]["rows"] if told[0]["rows"][table] != told[1]["rows"][table]}
    assert differing <= ABOUT_NIGHTS_BEFORE
    for name in ("release.json", releases.BILL):
        current = cluster.settings.warehouse_folder / name
        assert current.read_bytes() == (of_lake / name).read_bytes()


def test_commands_answer_as_on_one_machine(cluster: Cluster, night: str, alone: Settings, tmp_path: Path) -> None:
    landed = alone.shipments_folder / "cargoes.csv"
    judged = [tmp_path / "cluster.csv", tmp_path / "alone.csv"]
    for arguments, other in (
        (("explain", "R7"), ("explain", "R7")),
        (("rules", "--on", "2024-03-05"), ("rules", "--on", "2024-03-05")),
        # With the figures of the last night, which lie in the store here.
        (("assess", str(landed), "--out", str(judged[0])), ("assess", str(landed), "--out", str(judged[1]))),
    ):
        here = cluster.plimsoll(*arguments)
        said, _ = here.communicate(timeout=LIMIT_S)
        there = plimsoll(*other, home=alone.home)
        assert (here.returncode, there.code) == (0, 0), said
        if arguments == other:
            assert said == there.out
    assert judged[0].read_text(encoding="utf-8") == judged[1].read_text(encoding="utf-8")


def test_readers_see_the_release_while_the_next_one_is_written(cluster: Cluster, night: str, tmp_path: Path) -> None:
    found = releases.lake_of(cluster.settings)
    assert found is not None
    counted = "SELECT count(*) FROM staging.cargoes"
    with duck.read_only(releases.current(cluster.settings)) as before:
        ((cargoes,),) = before.execute(counted).fetchall()
        # A worker of a next night, which never came to its release: a month is gone from the newest state.
        store = Store(cluster.settings.store_folder)
        part = next(part for part in lake.parts(store, [CARGOES]) if part.month == "2024-05")
        empty = tmp_path / "2024-05.parquet"
        CARGOES.empty().write_parquet(empty)
        assert lake.replace_months(found, [replace(part, file=str(empty), identity="other")], "cut off") == {
            "2024-05": 0
        }
        assert before.execute(counted).fetchall() == [(cargoes,)]
    with lake.writing(found) as newest:
        assert newest.execute(counted).fetchall() == [(cargoes - 2,)]
    shown = cluster.plimsoll("sql", counted)
    said, _ = shown.communicate(timeout=LIMIT_S)
    assert (shown.returncode, str(cargoes) in said) == (0, True), said
