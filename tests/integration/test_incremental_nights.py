"""Nights that take over what has not changed: what they make again, what they say, and that a full night agrees.

Here: whole nights in a copy of the repository, after no edit, an edited file, and a new rule; months made by hand.
Add here: another edit whose effect is worth seeing in a whole night.
Keep out: random edits (`tests/properties/test_incremental.py`).
"""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from pipelines.assets.monthly_asset import EVERY_MONTH
from pipelines.contracts.cargoes import CARGOES, VERDICTS
from pipelines.definitions import build_defs
from pipelines.settings import Settings
from pipelines.warehouse.store import Store
from tests.faults.nights import content
from tests.integration.conftest import REPOSITORY, Finished, plimsoll, run_night, shipments_file

URALS = "{id},,{loading},{discharge},2709.00,Urals,RU,,IN,sea,700000,bbl,{value},USD,FOB,US;EU"
SAKHALIN = "{id},,{loading},{discharge},2709.00,Sakhalin Blend,RU,SAKHALIN-2,JP,sea,700000,bbl,{value},USD,FOB,US;JP"
# GL 55F ends before 2026-12-18; what follows it is made up.
NEXT_LICENCE = (
    "S2-US-7,S2-US,US,project,decides,whole_voyage,crude,,JP,,SAKHALIN-2,Sakhalin Blend,,not_named,"
    "2026-12-18,2027-06-18,2026-12-17,GL 55X,A licence made up for this test,S83,verified,"
)


AS_OF = "2026-06-17"  # half a year before the licence was issued


def cargo(row: str, shipment_id: str, loading: str, discharge: str, value: int) -> str:
    return row.format(id=shipment_id, loading=loading, discharge=discharge, value=value)


def land(home: Path, price: int) -> Path:
    """A file for each of three months; the price is that of the cargo of July. Returns their folder."""
    folder = home / "landing" / "shipments"
    shipments_file(folder / "july.csv", cargo(URALS, "J1", "2026-07-10", "2026-07-30", price * 700_000))
    shipments_file(folder / "august.csv", cargo(URALS, "A1", "2026-08-10", "2026-08-30", 50 * 700_000))
    shipments_file(folder / "december.csv", cargo(SAKHALIN, "D1", "2026-12-10", "2026-12-25", 70 * 700_000))
    return folder


@dataclass(frozen=True)
class Nights:
    """A home after nights in a copy of the repository: what each said, and when each file of months was written."""

    home: Path
    repository: Path
    said: dict[str, Finished]
    written: dict[str, dict[str, int]]
    files: dict[str, dict[str, int]]
    results: dict[str, list[tuple]]
    of_december: dict[str, list[tuple]]

    def again(self, night: str, before: str) -> set[str]:
        """The files of months that a night wrote."""
        return {name for name, when in self.written[night].items() if self.written[before].get(name) != when}


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    repository, home = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("home")
    for folder in ("pipelines", "sql", "data/rules", "data/reference", "data/figures"):
        shutil.copytree(REPOSITORY / folder, repository / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "dagster.yaml", repository)
    store = Store(Settings(home=home).store_folder)
    said, written, files, results, of_december = {}, {}, {}, {}, {}

    def night(name: str, *options: str) -> None:
        said[name] = plimsoll("nightly", "--offline", *options, home=home, repository=repository)
        assert said[name].code == 0, said[name].err
        written[name] = {
            f"{table.name} {month}": store.path(table, month).stat().st_mtime_ns
            for table in (CARGOES, VERDICTS)
            for month in store.months(table)
        }
        made = (home / "warehouse" / "tables").rglob("*.*")
        files[name] = {str(file.relative_to(home / "warehouse" / "tables")): file.stat().st_mtime_ns for file in made}
        with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
            results[name] = connection.execute(
                "SELECT table_name, check_name, severity, is_passed, rows_checked, rows_failed, sample "
                "FROM quality.check_results WHERE check_name <> 'agrees_with_rederivation' ORDER BY ALL"
            ).fetchall()
            of_december[name] = connection.execute(
                "SELECT regime, verdict, exemption_id FROM marts.shipment_verdicts WHERE shipment_id = 'D1' ORDER BY 1"
            ).fetchall()

    folder = land(home, price=60)
    night("first")
    night("unchanged")
    land(home, price=40)
    night("a file changed")
    rules = repository / "data" / "rules" / "exemptions.csv"
    rules.write_text(rules.read_text(encoding="utf-8").rstrip("\n") + f"\n{NEXT_LICENCE}\n", encoding="utf-8")
    night("a rule is new")
    (folder / "august.csv").unlink()
    night("a file is gone")
    night("as known before the rule", "--as-of", AS_OF)
    return Nights(home, repository, said, written, files, results, of_december)


def lines(said: Finished) -> list[str]:
    """What a night said about months, without the seconds."""
    return [line[8:].strip() for line in said.err.splitlines() if ": 20" in line]


def test_a_night_without_changes_makes_nothing_again(nights: Nights) -> None:
    assert nights.again("unchanged", before="first") == set()
    assert lines(nights.said["unchanged"]) == []


def test_no_table_chart_or_list_of_packages_is_stored_again(nights: Nights) -> None:
    first, unchanged = nights.files["first"], nights.files["unchanged"]
    again = {file for file, when in unchanged.items() if first.get(file) != when}
    assert {"charts/prices.json", "packages.json", "reference/price_caps.parquet"} <= first.keys() - again
    # What is about the night itself, beside what each check found.
    assert {file for file in again if not file.endswith("checks.json") and not file.startswith("check_log/")} == {
        "quality/check_results.parquet",
        "quality/check_history.parquet",
        "quality/releases.parquet",
        "quality/input_file_changes.parquet",  # of the first night, every file was new
        "quality/release_totals.parquet",  # the first night had no release before it
        "published.json",
        "landed.json",
    } & again
    assert not [
        file for file in again if file.startswith(("reference/", "staging/", "marts/")) and "checks" not in file
    ]


def test_what_was_not_made_again_is_told(nights: Nights) -> None:
    told = [line for line in nights.said["unchanged"].err.splitlines() if line.endswith(" rows, unchanged")]
    assert len(told) > 70
    assert any("marts.shipment_verdicts" in line for line in told)
    assert not any("unchanged" in line for line in nights.said["first"].err.splitlines())


def test_every_check_has_its_result_all_the_same(nights: Nights) -> None:
    of_the_night = {"quality.release_totals", "quality.input_file_changes"}
    first, unchanged = (
        [row for row in nights.results[night] if row[0] not in of_the_night] for night in ("first", "unchanged")
    )
    assert len(first) > 150
    assert unchanged == first


def test_dagster_has_them_too_and_says_which_are_of_an_earlier_night(nights: Nights) -> None:
    history = nights.home / "dagster_home" / "history" / "runs" / "index.db"
    with closing(sqlite3.connect(history)) as connection:
        found = connection.execute(
            "SELECT run_id, count(*), sum(evaluation_event LIKE '%Nothing that it looks at has changed%') "
            "FROM asset_check_executions WHERE execution_status IN ('SUCCEEDED', 'FAILED') "
            "GROUP BY run_id ORDER BY min(id)"
        ).fetchall()
    (_, of_first, kept_in_first), (_, of_unchanged, kept_in_unchanged) = found[:2]
    assert kept_in_first == 0
    assert of_unchanged == of_first
    # All but those that look at the day, at the release before, or draw a sample.
    assert of_unchanged - 40 < kept_in_unchanged < of_unchanged


def test_it_is_a_release_all_the_same(nights: Nights) -> None:
    assert len(list((nights.home / "warehouse" / "releases").iterdir())) == len(nights.said)


def test_a_changed_file_makes_its_month_again(nights: Nights) -> None:
    again = nights.again("a file changed", before="unchanged")
    assert again == {"cargoes 2026-07", "shipment_verdicts 2026-07"}
    said = lines(nights.said["a file changed"])
    assert "cargoes: 2026-07: declared shipments changed" in said
    assert "shipment_verdicts: 2026-07: the cargoes changed" in said


def test_a_new_rule_makes_the_months_and_regimes_again_that_it_touches(nights: Nights) -> None:
    assert nights.again("a rule is new", before="a file changed") == {"shipment_verdicts 2026-12"}
    (about_verdicts,) = [line for line in lines(nights.said["a rule is new"]) if line.startswith("shipment_verdicts")]
    assert about_verdicts.startswith("shipment_verdicts: 2026-12 US: ")
    assert "S2-US-7 is new" in about_verdicts


def test_the_new_rule_decides(nights: Nights) -> None:
    assert ("US", "exempt", "S2-US-7") in nights.of_december["a rule is new"]


def test_a_file_that_is_gone_takes_its_month_along(nights: Nights) -> None:
    assert nights.again("a file is gone", before="a rule is new") == set()
    gone = nights.written["a rule is new"].keys() - nights.written["a file is gone"].keys()
    assert gone == {"cargoes 2026-08", "shipment_verdicts 2026-08"}
    assert "cargoes: 2026-08: no cargoes any more" in lines(nights.said["a file is gone"])


def test_what_was_not_yet_known_does_not_decide(nights: Nights) -> None:
    assert "shipment_verdicts 2026-12" in nights.again("as known before the rule", before="a file is gone")
    decided = {exemption for _, _, exemption in nights.of_december["as known before the rule"]}
    assert "S2-US-7" not in decided


def test_a_full_night_agrees(nights: Nights, tmp_path: Path) -> None:
    (land(tmp_path, price=40) / "august.csv").unlink()
    full = plimsoll("nightly", "--offline", "--full", "--as-of", AS_OF, home=tmp_path, repository=nights.repository)
    assert full.code == 0, full.err
    kept, made = content(nights.home), content(tmp_path)
    # How many checks warned hangs on the release before, and here there is none.
    del kept["quality.releases"], made["quality.releases"]
    assert kept == made


class TestByHand:
    """Months chosen on Dagster's pages."""

    def test_a_range_of_months_is_made_again_in_one_run(self, tmp_path: Path) -> None:
        settings = Settings(home=tmp_path, offline=True)
        land(tmp_path, price=60)
        with dg.DagsterInstance.ephemeral() as instance:
            assert run_night(settings, instance=instance).success
            seen = instance.get_materialized_partitions(dg.AssetKey(["marts", "shipment_verdicts"]))
            assert {EVERY_MONTH, "2026-07", "2026-08", "2026-12"} <= seen
            store = Store(settings.store_folder)
            before = {month: store.path(VERDICTS, month).stat().st_mtime_ns for month in store.months(VERDICTS)}
            job = build_defs(settings).resolve_implicit_global_asset_job_def()
            result = job.execute_in_process(
                instance=instance,
                asset_selection=[dg.AssetKey(["marts", "shipment_verdicts"])],
                tags={"dagster/asset_partition_range_start": "2026-07", "dagster/asset_partition_range_end": "2026-08"},
            )
            assert result.success
            made = {event.partition for event in result.get_asset_materialization_events()}
            assert made == {"2026-07", "2026-08"}
            after = {month: store.path(VERDICTS, month).stat().st_mtime_ns for month in store.months(VERDICTS)}
            assert {month for month, when in after.items() if before[month] != when} == {"2026-07", "2026-08"}
