"""The command line as a person runs it, and one night that the tests of this folder share.

Here: running `plimsoll` in a process of its own, the shared night and its input files, and a night on cargoes
whose marts can be worked out by hand.
Add here: a fixture that both modules of this folder need.
Keep out: expectations, except that no command ever shows a traceback.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from pipelines.cli import main
from pipelines.definitions import NIGHTLY, build_defs, run_config
from pipelines.settings import Settings

REPOSITORY = Path(__file__).parents[2]
WORKED = Path(__file__).with_name("worked")
COLUMNS = (
    "shipment_id,contract_date,loading_date,discharge_date,hs_code,grade,origin_country,origin_project,"
    "destination_country,transport_mode,quantity,quantity_unit,value,currency,incoterm,nexus"
)
# 60.00 USD/bbl, exactly at the cap of the United States; 70.00; and what the contract forbids.
AT_CAP = "{id},,2023-06-10,2023-07-05,2709.00,Urals,RU,,IN,sea,700000,bbl,42000000,USD,FOB,US"
ABOVE_CAP = "{id},,2023-06-10,2023-07-05,2709.00,Urals,RU,,IN,sea,700000,bbl,49000000,USD,FOB,US"
NO_SUCH_DAY = "{id},,2023-06-31,2023-07-05,2709.00,Urals,RU,,IN,sea,700000,bbl,42000000,USD,FOB,US"
NO_SUCH_UNIT = "{id},,2023-06-10,2023-07-05,2709.00,Urals,RU,,IN,sea,700000,barrels,42000000,USD,FOB,US"


def shipments_file(path: Path, *rows: str) -> Path:
    """A file of the given kinds of rows, with ids R1, R2, ... unless the row brings its own."""
    lines = [row.replace("{id}", f"R{number}") for number, row in enumerate(rows, start=1)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([COLUMNS, *lines]) + "\n", encoding="utf-8")
    return path


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str


def environment(home: Path, **variables: str) -> dict[str, str]:
    """The environment of this process, without settings of the person who runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PLIMSOLL_", "DAGSTER_"))}
    return kept | {"PLIMSOLL_HOME": str(home), "COLUMNS": "160", "PYTHONUTF8": "1"} | variables


def plimsoll(
    *arguments: str | Path, home: Path, repository: Path = REPOSITORY, typed: str = "", **variables: str
) -> Finished:
    """Runs a command from the root of a repository; a traceback is never an answer."""
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *map(str, arguments)],
        cwd=repository,
        env=environment(home, **variables),
        input=typed,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def plimsoll_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """As `plimsoll`, in this process: faster, for commands that end before they open a database."""

    def run(*arguments: str | Path, home: Path, **variables: str) -> Finished:
        for name, value in {"PLIMSOLL_HOME": str(home), **variables}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["plimsoll", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Finished(end.value.code, said.out, said.err)

    return run


@dataclass(frozen=True)
class Night:
    """A home folder after a night, and what the night said."""

    home: Path
    said: Finished

    @property
    def warehouse(self) -> Path:
        return self.home / "warehouse" / "warehouse.duckdb"


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """A night on the shipped data and on a landing folder with good, bad, repeated and refused files."""
    home = tmp_path_factory.mktemp("night")
    landing = home / "landing" / "shipments"
    shipments_file(landing / "a_good.csv", "A1" + AT_CAP.removeprefix("{id}"), "A2" + ABOVE_CAP.removeprefix("{id}"))
    shipments_file(landing / "b_mixed.csv", AT_CAP, NO_SUCH_DAY, ABOVE_CAP, NO_SUCH_UNIT, AT_CAP)
    shipments_file(
        landing / "c_id_again.csv", "A1" + ABOVE_CAP.removeprefix("{id}"), "C1" + AT_CAP.removeprefix("{id}")
    )
    (landing / "d_same_bytes.csv").write_bytes((landing / "a_good.csv").read_bytes())
    (landing / "e_refused.csv").write_text("id,price\n1,60\n", encoding="utf-8")
    return Night(home, plimsoll("nightly", "--offline", home=home))


def run_night(
    settings: Settings,
    *,
    is_forced: bool = False,
    is_full: bool = False,
    instance: dg.DagsterInstance | None = None,
) -> dg.ExecuteInProcessResult:
    """A night in this process, with a history that is forgotten unless one is given."""
    job = build_defs(settings).resolve_job_def(NIGHTLY)
    with nullcontext(instance) if instance else dg.DagsterInstance.ephemeral() as history:
        return job.execute_in_process(run_config(is_forced, is_full), instance=history, raise_on_error=False)


Query = Callable[[str], list[tuple]]


@pytest.fixture(scope="session")
def query(night: Night) -> Iterator[Query]:
    """Rows of a query on the warehouse of the shared night."""
    assert night.said.code == 0, night.said.err
    connection = duckdb.connect(str(night.warehouse), read_only=True)
    yield lambda sql: connection.execute(sql).fetchall()
    connection.close()


@pytest.fixture(scope="session")
def worked_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after a night on the shipped data and on the cargoes of the folder `worked`."""
    settings = Settings(home=tmp_path_factory.mktemp("worked"), offline=True)
    for folder in (settings.shipments_folder, settings.landing_folder / "attestations"):
        folder.mkdir(parents=True)
    shutil.copy(WORKED / "shipments.csv", settings.shipments_folder)
    shutil.copy(WORKED / "attestations.csv", settings.landing_folder / "attestations")
    with dg.DagsterInstance.ephemeral() as instance:
        assert build_defs(settings).resolve_job_def(NIGHTLY).execute_in_process(instance=instance).success
    return settings.home


@pytest.fixture(scope="session")
def worked(worked_home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file of that night, opened as anyone opens it who has nothing else."""
    connection = duckdb.connect(str(Settings(home=worked_home).warehouse_file), read_only=True)
    yield connection
    connection.close()
