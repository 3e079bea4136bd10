"""Files dropped into the landing folders: when a night is started for them, and what becomes of their rows.

Here: the sensor of the real definitions on real folders, nights in this process, and one with Dagster's own daemon.
Add here: another way in which files land.
Keep out: how files are read (`tests/unit/test_landing`).
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from pipelines.definitions import NIGHTLY, build_defs
from pipelines.settings import REPOSITORY, Settings
from tests.integration.conftest import ABOVE_CAP, AT_CAP, environment, shipments_file

ATTESTATION = (
    "attestation_id,shipment_id,tier,party,attested_on,price_attested_at_or_below_usd_per_bbl\n"
    "T1,R1,1,Trader,2023-06-09,60\n"
)
RATES = "Date,USD,JPY,GBP,\n2026-11-20,1.1589,181.06,0.87,\n"


# Licensed and restricted files, a good row and a bad one in each.
LICENSED = {
    "price_assessments": (
        "assessment_id,assessment_date,quote,grade,mid_usd_per_bbl,basis,place,publisher,licence_note\n"
        "P1,2023-06-09,Urals fob Primorsk,Urals,55.5,FOB,Primorsk,Argus,desk\n"
        "P2,2023-06-09,Urals fob Primorsk,Urals,,FOB,Primorsk,Argus,desk\n"
    ),
    "freight_assessments": (
        "assessment_id,assessment_date,route,loading_region,destination_country,rate_unit,mid_rate,publisher,licence_note\n"
        "F1,2023-06-09,Baltic-India,baltic,IN,usd_per_bbl,9.5,Platts,desk\n"
        "F2,2023-06-09,Baltic-India,baltic,IN,usd_per_mile,9.5,Platts,desk\n"
    ),
    "crea_voyages": (
        "id,commodity,commodity_origin_iso2,commodity_destination_iso2,departure_date_utc,ship_imo,value_tonne\n"
        "1,crude_oil,RU,IN,2023-06-10 12:00:00,9843560,100000\n"
        "2,crude_oil,RU,IN,,9843560,100000\n"
    ),
    "opensanctions": (
        "type,caption,imo,risk,id,datasets\n"
        "VESSEL,VOYAGER,IMO9843560,sanction,x1,us_ofac_sdn\n"
        "VESSEL,,IMO9843560,sanction,x2,us_ofac_sdn\n"
        "ORGANIZATION,A COMPANY,IMO6378969,sanction,x3,us_ofac_sdn\n"
    ),
}


class Watch:
    """Dagster's daemon by hand: looks when it is told to, and remembers what a look left behind."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home, offline=True)
        self.defs = build_defs(self.settings)
        self.cursor: str | None = None

    def look(self) -> dg.RunRequest | str:
        """One tick: what it asks for, or why it asks for nothing."""
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(instance=instance, cursor=self.cursor, definitions=self.defs)
            tick = self.defs.resolve_sensor_def("landing_files").evaluate_tick(context)
        self.cursor = tick.cursor
        (request,) = tick.run_requests or (None,)
        return request if request is not None else str(tick.skip_message)

    def settled(self) -> dg.RunRequest | str:
        """The second of two looks between which nothing changes."""
        self.look()
        return self.look()

    def night(self) -> None:
        """The night that the sensor asks for."""
        with dg.DagsterInstance.ephemeral() as instance:
            assert self.defs.resolve_job_def(NIGHTLY).execute_in_process(instance=instance).success

    def ask(self, sql: str) -> list[tuple]:
        """Rows of a query on the published file."""
        with duckdb.connect(str(self.settings.warehouse_file), read_only=True) as connection:
            return connection.execute(sql).fetchall()


def key_of(asked: dg.RunRequest | str) -> str:
    assert isinstance(asked, dg.RunRequest), asked
    assert asked.run_key is not None
    return asked.run_key


# --- before any night


def test_the_sensor_runs_by_itself_on_the_nightly_job(tmp_path: Path) -> None:
    sensor = Watch(tmp_path).defs.resolve_sensor_def("landing_files")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert [target.job_name for target in sensor.targets] == [NIGHTLY]


def test_empty_folders_start_nothing(tmp_path: Path) -> None:
    assert Watch(tmp_path).settled() == "The last night has read every file in the landing folders."


def test_a_file_that_still_grows_is_waited_for(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    file = shipments_file(watch.settings.shipments_folder / "a.csv", AT_CAP)
    waiting = "Waiting until nothing changes any more: shipments/a.csv."
    assert watch.look() == waiting
    with file.open("a", encoding="utf-8") as more:
        more.write(ABOVE_CAP.replace("{id}", "R2") + "\n")
    assert watch.look() == waiting
    key_of(watch.look())


def test_files_dropped_together_start_one_night(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    landing = watch.settings.landing_folder
    shipments_file(landing / "shipments" / "a.csv", AT_CAP)
    watch.look()
    # The second lands while the first is being waited for.
    (landing / "attestations").mkdir()
    (landing / "attestations" / "t.csv").write_text(ATTESTATION, encoding="utf-8")
    assert watch.look() == "Waiting until nothing changes any more: attestations/t.csv."
    asked = watch.look()
    # Until the night has published, the same request again, which Dagster starts once.
    assert key_of(asked) == key_of(watch.look())
    assert isinstance(asked, dg.RunRequest)
    assert asked.tags["plimsoll/landed"] == "shipments/a.csv, attestations/t.csv"


@pytest.mark.parametrize(
    "place",
    [
        "shipments",
        "attestations",
        "price_assessments",
        "freight_assessments",
        "crea_voyages",
        "opensanctions",
        "publisher_files/ecb_exchange_rates",
        "publisher_files/ofac_sdn",
    ],
)
def test_every_landing_folder_is_watched(place: str, tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    folder = watch.settings.landing_folder / place
    folder.mkdir(parents=True)
    (folder / "x.csv").write_text("a\n1\n", encoding="utf-8")
    (folder / ".x.csv.part").write_text("a", encoding="utf-8")
    asked = watch.settled()
    key_of(asked)
    assert isinstance(asked, dg.RunRequest)
    assert asked.tags["plimsoll/landed"] == f"{place}/x.csv"


def test_what_publishers_sent_starts_nothing(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    journal = watch.settings.publishers_folder / "journal"
    journal.mkdir(parents=True)
    (journal / "x.jsonl").write_text("{}", encoding="utf-8")
    assert isinstance(watch.settled(), str)


# --- across nights


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Two nights for files that land and are corrected, and what the sensor asks for before, between and after."""
    watch = Watch(tmp_path_factory.mktemp("landing"))
    shipments = watch.settings.shipments_folder
    publisher_files = watch.settings.publisher_files_folder / "ecb_exchange_rates"
    asked: dict = {"watch": watch}

    first = shipments_file(shipments / "a.csv", AT_CAP, ABOVE_CAP, AT_CAP).read_bytes()
    shipments_file(shipments / "b.csv", "B1" + AT_CAP.removeprefix("{id}"))
    publisher_files.mkdir(parents=True)
    (publisher_files / "hist.csv").write_text(RATES, encoding="utf-8")
    for folder, text in LICENSED.items():
        (watch.settings.landing_folder / folder).mkdir()
        (watch.settings.landing_folder / folder / "mine.csv").write_text(text, encoding="utf-8")
    asked["landed"] = watch.settled()
    watch.night()
    asked["after the first night"] = watch.settled()
    asked["rows of the first night"] = watch.ask("SELECT shipment_id FROM staging.declared_shipments ORDER BY 1")
    asked["changes of the first night"] = watch.ask(CHANGES)

    shutil.copy(shipments / "a.csv", shipments / "copy_of_a.csv")
    asked["same bytes under another name"] = watch.settled()
    (shipments / "copy_of_a.csv").unlink()

    # R2 costs less, R3 is gone, R4 is new.
    shipments_file(shipments / "a.csv", AT_CAP, AT_CAP, "R4" + AT_CAP.removeprefix("{id}"))
    (shipments / "b.csv").unlink()
    asked["corrected"] = watch.settled()
    watch.night()
    asked["after the second night"] = watch.settled()

    (shipments / "a.csv").write_bytes(first)
    asked["as it was at first"] = watch.settled()
    (publisher_files / "hist.csv").write_text(RATES.replace("1.1589", "1.1590"), encoding="utf-8")
    asked["publisher's file corrected"] = watch.settled()
    return asked


CHANGES = """
    SELECT file, change, rows_added, rows_removed, rows_changed, sample_ids, is_of_this_release
    FROM quality.input_file_changes WHERE file NOT LIKE '%/%' ORDER BY seen_at, file
"""
COOKBOOK = REPOSITORY / "sql" / "cookbook"


def test_a_night_has_read_what_started_it(story: dict) -> None:
    key_of(story["landed"])
    nothing = "The last night has read every file in the landing folders."
    assert story["after the first night"] == story["after the second night"] == nothing


def test_the_same_bytes_under_another_name_start_nothing(story: dict) -> None:
    assert story["same bytes under another name"] == "The last night has read every file in the landing folders."


def test_a_corrected_file_starts_a_night_and_replaces_the_rows_of_its_predecessor(story: dict) -> None:
    assert key_of(story["corrected"]) != key_of(story["landed"])
    assert story["rows of the first night"] == [("B1",), ("R1",), ("R2",), ("R3",)]
    watch = story["watch"]
    rows = watch.ask("SELECT shipment_id, value FROM staging.declared_shipments ORDER BY 1")
    assert rows == [("R1", 42e6), ("R2", 42e6), ("R4", 42e6)]


def test_the_change_is_visible(story: dict) -> None:
    new = [("a.csv", "new", 3, 0, 0, "R1;R2;R3"), ("b.csv", "new", 1, 0, 0, "B1")]
    assert story["changes of the first night"] == [(*row, True) for row in new]
    corrected = [("a.csv", "replaced", 1, 1, 1, "R2;R3;R4"), ("b.csv", "removed", 0, 1, 0, "B1")]
    assert story["watch"].ask(CHANGES) == [(*row, False) for row in new] + [(*row, True) for row in corrected]
    ((before, now),) = story["watch"].ask(
        "SELECT previous_sha256, sha256 FROM quality.input_file_changes WHERE change = 'replaced'"
    )
    ((read,),) = story["watch"].ask("SELECT sha256 FROM quality.input_files WHERE file = 'a.csv'")
    assert now == read != before
    gone = story["watch"].ask("SELECT rows_failed FROM quality.check_results WHERE check_name = 'no_rows_gone'")
    assert gone == [(2,)]


def test_a_file_that_goes_back_to_earlier_bytes_starts_a_night_of_its_own(story: dict) -> None:
    assert len({key_of(story[look]) for look in ("landed", "corrected", "as it was at first")}) == 3
    assert key_of(story["publisher's file corrected"]) != key_of(story["as it was at first"])


def test_licensed_files_are_read_and_extend_the_figures(story: dict) -> None:
    watch = story["watch"]
    files = watch.ask(
        "SELECT file, rows_read, rows_accepted, rows_quarantined FROM quality.input_files WHERE file LIKE '%/%' ORDER BY 1"
    )
    assert files == [(f"{folder}/mine.csv", 2, 1, 1) for folder in sorted(LICENSED)]
    points = "SELECT point_id, source, low_usd_per_bbl FROM {} WHERE source LIKE 'F-LICENSED-%'"
    assert watch.ask(points.format("staging.crude_price_points")) == [("LICENSED-P1", "F-LICENSED-ARGUS", 55.5)]
    assert watch.ask(points.format("reference.freight_points")) == [("LICENSED-F1", "F-LICENSED-PLATTS", 9.5)]
    assert len(watch.ask("FROM reference.figure_sources WHERE source_id LIKE 'F-LICENSED-%'")) == 2


def test_the_queries_of_the_cookbook_about_files_run(story: dict) -> None:
    def run(name: str) -> list[tuple]:
        return story["watch"].ask((COOKBOOK / f"{name}.sql").read_text(encoding="utf-8"))

    assert [row[:2] for row in run("changed_files")] == [("a.csv", "replaced"), ("b.csv", "removed")]
    # Declared: R1, R2 and R4 of 700,000 bbl; estimated: 100,000 t at 7.33 bbl/t.
    assert [(*row[:3], round(row[3])) for row in run("crea_cross_check")] == [("IN", "2023-06", 2_100_000.0, 733_000)]
    assert [row[:3] for row in run("opensanctions_cross_check")] == [("9843560", "VOYAGER", "sanction")]


# --- with Dagster's own daemon


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Settings]:
    """The daemon of a home of its own, looking every second; gone at the end with all that it started."""
    settings = Settings(home=tmp_path, offline=True)
    settings.dagster_home.mkdir(parents=True)
    shutil.copy(REPOSITORY / "dagster.yaml", settings.dagster_home)
    variables = {
        "DAGSTER_HOME": str(settings.dagster_home),
        "PLIMSOLL_OFFLINE": "1",
        "PLIMSOLL_WATCH_SECONDS": "1",
        "PYTHONPATH": str(REPOSITORY),
    }
    with (tmp_path / "daemon.log").open("w") as log:
        running = subprocess.Popen(
            [Path(sys.executable).with_name("dagster-daemon"), "run", "-w", REPOSITORY / "workspace.yaml"],
            cwd=settings.dagster_home,
            env=environment(tmp_path, **variables),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield settings
        finally:
            os.killpg(running.pid, signal.SIGTERM)
            running.wait()


def wait_for(what: str, is_there: object, log: Path, limit_s: float = 180) -> None:
    """Waits until it is there; says what the daemon said if it does not come."""
    end = time.monotonic() + limit_s
    while not is_there():  # type: ignore[operator]
        assert time.monotonic() < end, f"{what} did not come:\n{log.read_text(encoding='utf-8')[-4000:]}"
        time.sleep(0.5)


def test_the_daemon_picks_a_file_up_once_without_a_restart(daemon: Settings, tmp_path: Path) -> None:
    log = tmp_path / "daemon.log"
    wait_for("the first look", lambda: "landing_files" in log.read_text(encoding="utf-8"), log)
    assert not daemon.warehouse_file.exists()
    shipments_file(daemon.shipments_folder / "a.csv", AT_CAP)
    wait_for("the release", daemon.warehouse_file.exists, log)
    with duckdb.connect(str(daemon.warehouse_file), read_only=True) as connection:
        assert connection.execute("SELECT file, outcome FROM quality.input_files").fetchall() == [("a.csv", "read")]
    looks = log.read_text(encoding="utf-8").count("landing_files")
    wait_for("another look", lambda: log.read_text(encoding="utf-8").count("landing_files") > looks + 2, log)
    with dg.DagsterInstance.from_config(str(daemon.dagster_home)) as instance:
        (run,) = instance.get_runs()
    assert run.tags["plimsoll/landed"] == "shipments/a.csv"
