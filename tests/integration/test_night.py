"""A night: what it publishes, what it refuses, and what it leaves alone.

Here: the shared night of the conftest, a second night beside readers, and nights that fail.
Add here: a promise about the published file or about how it is replaced.
Keep out: options and exit codes of the other commands (see `test_cli`).
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from pytest import approx

from pipelines.assets import judging
from pipelines.assets.release import CHECKED, QUALITY_REPORT, REPORT, WAREHOUSE
from pipelines.assets.table_asset import OWNERS, asset_key
from pipelines.assets.table_check import CONTRACT_CHECK, Finding
from pipelines.contracts.rules import RULE_TABLES
from pipelines.definitions import NIGHTLY, build_defs, published_tables, stored_tables
from pipelines.report import page
from pipelines.report.headlines import headlines, headlines_when_published
from pipelines.rules.rulebook import RULES_FOLDER
from pipelines.settings import Settings
from tests.integration.conftest import (
    AT_CAP,
    REPOSITORY,
    Finished,
    Night,
    Query,
    environment,
    plimsoll,
    run_night,
    shipments_file,
)


class TestPublishedFile:
    def test_the_night_says_what_it_did(self, night: Night) -> None:
        assert night.said.code == 0
        assert "marts.shipment_verdicts" in night.said.err
        assert "Russian crude imported by Japan" in night.said.out
        assert "Data quality" in night.said.out
        assert "warehouse.duckdb" in night.said.out

    def test_nothing_is_left_beside_it(self, night: Night) -> None:
        beside = {path.name for path in night.warehouse.parent.iterdir() if path.is_file()}
        assert beside == {"warehouse.duckdb", "release.json", "bill-of-materials.cdx.json", ".night.lock"}

    def test_the_schemas_and_tables(self, query: Query) -> None:
        schemas = {row[0] for row in query("SELECT schema_name FROM information_schema.schemata")}
        assert {"reference", "staging", "marts", "quality"} <= schemas
        tables = {f"{schema}.{name}" for schema, name in query("SELECT schema_name, table_name FROM duckdb_tables()")}
        assert tables == {f"{table.schema}.{table.name}" for table in published_tables()}
        assert {
            *(f"reference.{name}" for name in ("price_caps", "transitions", "exemptions", "product_classes", "grades")),
            "reference.regimes",
            "marts.shipment_verdicts",
            *(f"quality.{name}" for name in ("check_results", "quarantine", "releases")),
        } <= tables

    def test_the_ports(self, query: Query) -> None:
        assert query("SELECT count(*) FROM reference.ports")[0][0] > 0

    def test_every_table_and_column_says_what_it_means(self, query: Query) -> None:
        silent = "comment IS NULL OR trim(comment) = ''"
        assert query(f"SELECT schema_name, table_name FROM duckdb_tables() WHERE {silent}") == []
        assert query(f"SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND ({silent})") == []

    def test_units_stand_in_the_comments(self, query: Query) -> None:
        comments = {
            (schema, table, column): comment
            for schema, table, column, comment in query(
                "SELECT schema_name, table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
            )
        }
        for table in published_tables():
            for column in table.columns:
                if column.unit is not None:
                    assert column.unit in comments[table.schema, table.name, column.name]

    def test_the_columns_of_the_verdicts(self, query: Query) -> None:
        given = [row[0] for row in query("DESCRIBE marts.shipment_verdicts")]
        assert given == [
            "shipment_id", "regime", "nexus_basis", "verdict", "product_class", "level_date", "cap_id",
            "cap_usd_per_bbl", "price_usd_per_bbl", "price_low_usd_per_bbl", "price_high_usd_per_bbl", "price_basis",
            "margin_usd_per_bbl", "quantity_bbl", "excess_value_usd", "is_above_cap", "transition_id", "exemption_id",
            "reason_codes", "reason", "confidence",
        ]  # fmt: skip

    def test_the_release(self, night: Night, query: Query) -> None:
        ((run_id, known_on, digest, cargoes, verdicts),) = query(
            "SELECT run_id, known_on, rules_sha256, cargoes, verdicts FROM quality.releases"
        )
        assert known_on is None
        assert cargoes == query("SELECT count(*) FROM staging.cargoes")[0][0]
        assert verdicts == query("SELECT count(*) FROM marts.shipment_verdicts")[0][0]
        rules = hashlib.sha256()
        for name in sorted(RULE_TABLES):
            rules.update((RULES_FOLDER / name).read_bytes())
        assert digest == rules.hexdigest()
        release = json.loads((night.home / "warehouse" / "release.json").read_text(encoding="utf-8"))
        assert (release["run_id"], release["cargoes"], release["verdicts"]) == (run_id, cargoes, verdicts)

    def test_every_blocking_check_passed(self, query: Query) -> None:
        assert query("SELECT * FROM quality.check_results WHERE is_blocking AND NOT is_passed") == []
        checked = {row[0] for row in query("SELECT table_name FROM quality.check_results")}
        assert checked == {table.full_name for table in [*stored_tables(), *CHECKED]}


class TestJapan:
    """January and February 2023: one cargo of Sakhalin Blend, cleared over two months, just under 70 USD/bbl."""

    VERDICTS = """
        SELECT regime, verdict, rule_id, quantity_bbl, unit_value_usd_per_bbl FROM marts.japan_imports
        WHERE customs_months = '2023-01, 2023-02'
    """

    def test_quantity_and_price(self, query: Query) -> None:
        # 515,300 bbl and 37,000 kl x 6.28981077 = 748,023 bbl; published: about 748,000 bbl for about 52 million USD.
        for _, _, _, quantity_bbl, usd_per_bbl in query(self.VERDICTS):
            assert quantity_bbl == approx(748_023, abs=1)
            assert 69 < usd_per_bbl < 70
            assert usd_per_bbl == approx(52e6 / 748_000, rel=0.01)

    def test_who_let_it_through(self, query: Query) -> None:
        given = {regime: (verdict, rule) for regime, verdict, rule, _, _ in query(self.VERDICTS)}
        assert given == {
            "US": ("exempt", "S2-US-0"),
            "EU": ("exempt", "S2-EU-0"),
            "UK": ("exempt", "S2-UK-0"),
            "JP": ("exempt", "S2-JP"),
            # Whether these have a carve-out of their own was not found.
            **dict.fromkeys(("CA", "AU", "CH", "NO"), ("indeterminate", None)),
            # The cap of New Zealand began on 2024-04-14.
            "NZ": ("out_of_scope", None),
        }

    def test_the_cargo_of_2025_is_exempt_too(self, query: Query) -> None:
        # Loaded 2025-05-25 and discharged by 2025-06-09, inside GL 55B and 55C, to 2025-06-27.
        rows = query("""
            SELECT DISTINCT verdict FROM marts.japan_imports
            WHERE customs_months = '2025-06, 2025-07' AND regime IN ('US', 'EU', 'UK', 'JP')
        """)
        assert rows == [("exempt",)]


class TestEnforcement:
    def test_every_published_case_is_above_the_cap_of_the_united_states(self, query: Query) -> None:
        rows = query(
            "SELECT case_id, regime, verdict, cap_usd_per_bbl FROM marts.enforcement_verdicts ORDER BY case_id"
        )
        assert rows == [(f"OFAC-K-{number}", "US", "above_cap", 60.0) for number in range(1, 10)]


class TestInputFiles:
    def test_what_became_of_each_file(self, query: Query) -> None:
        rows = query("""
            SELECT file, outcome, rows_read, rows_accepted, rows_quarantined FROM quality.input_files ORDER BY file
        """)
        assert [row for row in rows if "attest" not in row[0]] == [
            ("a_good.csv", "read", 2, 2, 0),
            ("b_mixed.csv", "read", 5, 3, 2),
            ("c_id_again.csv", "read", 2, 1, 1),
            ("d_same_bytes.csv", "repeated", 0, 0, 0),
            ("e_refused.csv", "refused", 0, 0, 0),
        ]

    def test_no_row_is_lost(self, query: Query) -> None:
        lost = query("""
            SELECT file FROM quality.input_files f
            WHERE rows_accepted + rows_quarantined <> rows_read
                OR rows_quarantined <> (SELECT count(*) FROM quality.quarantine q WHERE q.file = f.file)
                OR rows_accepted <> (SELECT count(*) FROM staging.declared_shipments s WHERE s.file = f.file)
        """)
        assert lost == []

    def test_why_rows_were_set_aside(self, query: Query) -> None:
        rows = query("""SELECT file, row_number, shipment_id, "column" FROM quality.quarantine ORDER BY 1, 2""")
        assert rows == [
            ("b_mixed.csv", 3, "R2", "loading_date"),
            ("b_mixed.csv", 5, "R4", "quantity_unit"),
            ("c_id_again.csv", 2, "A1", "shipment_id"),
        ]

    def test_the_refused_file_says_why(self, query: Query) -> None:
        ((message,),) = query("SELECT message FROM quality.input_files WHERE outcome = 'refused'")
        assert "e_refused.csv" in message
        assert "shipment_id" in message

    def test_good_rows_are_judged(self, query: Query) -> None:
        rows = query("""
            SELECT shipment_id, regime, verdict FROM marts.shipment_verdicts
            WHERE shipment_id IN (SELECT shipment_id FROM staging.declared_shipments) ORDER BY 1
        """)
        within, above = "within_cap", "above_cap"
        expected = {"A1": within, "A2": above, "C1": within, "R1": within, "R3": above, "R5": within}
        assert rows == [(shipment_id, "US", verdict) for shipment_id, verdict in expected.items()]

    def test_what_was_set_aside_is_a_warning(self, night: Night, query: Query) -> None:
        failed = query("SELECT check_name, severity, rows_failed FROM quality.check_results WHERE NOT is_passed")
        assert ("nothing_set_aside", "WARN", 3) in failed
        assert ("every_file_read", "WARN", 1) in failed
        assert "nothing_set_aside" in night.said.out


# --- a second night, beside readers and a third one ---------------------------------------------------------------


def release_of(file: Path) -> tuple[str, object]:
    connection = duckdb.connect(str(file), read_only=True)
    try:
        ((run_id, known_on),) = connection.execute("SELECT run_id, known_on FROM quality.releases").fetchall()
    finally:
        connection.close()
    return run_id, known_on


@pytest.fixture(scope="module")
def second_night(night: Night, tmp_path_factory: pytest.TempPathFactory) -> tuple[Night, list[str], Finished]:
    """A night as of 2023-04-02 over a published warehouse, the releases that readers saw meanwhile, and a rival."""
    home = tmp_path_factory.mktemp("second")
    (home / "warehouse").mkdir()
    shutil.copy(night.warehouse, home / "warehouse")
    running = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", "nightly", "--as-of", "2023-04-02"],
        cwd=REPOSITORY,
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    assert running.stderr is not None
    said: list[str] = []
    out: list[str] = []
    readers = [
        threading.Thread(target=lambda stream=stream, lines=lines: lines.extend(stream))
        for stream, lines in ((running.stdout, out), (running.stderr, said))
    ]
    for reader in readers:
        reader.start()
    seen: list[str] = []

    def look() -> None:
        run_id, _ = release_of(home / "warehouse" / "warehouse.duckdb")
        if run_id not in seen:
            seen.append(run_id)

    # The first table that is told is written under the lock.
    while running.poll() is None and not any(" rows" in line for line in said):
        look()
    rival = plimsoll("nightly", home=home)
    while running.poll() is None:
        look()
    for reader in readers:
        reader.join()
    look()
    return Night(home, Finished(running.returncode, "".join(out), "".join(said))), seen, rival


class TestSecondNight:
    def test_it_publishes(self, second_night: tuple[Night, list[str], Finished]) -> None:
        night, _, _ = second_night
        assert night.said.code == 0, night.said.err
        assert "Traceback" not in night.said.err

    def test_the_file_is_open_to_readers_all_the_time(
        self, night: Night, second_night: tuple[Night, list[str], Finished]
    ) -> None:
        second, seen, _ = second_night
        # Every look succeeded; first the old release was there, then the new one.
        assert seen == [release_of(night.warehouse)[0], release_of(second.warehouse)[0]]

    def test_a_third_night_ends_at_once(self, second_night: tuple[Night, list[str], Finished]) -> None:
        _, _, rival = second_night
        assert rival.code == 1
        assert rival.err.startswith("plimsoll: Another night")
        assert "wait" in rival.err

    def test_the_day_is_recorded(self, second_night: tuple[Night, list[str], Finished]) -> None:
        night, _, _ = second_night
        assert str(release_of(night.warehouse)[1]) == "2023-04-02"

    def test_what_was_published_later_is_invisible(self, second_night: tuple[Night, list[str], Finished]) -> None:
        night, _, _ = second_night
        connection = duckdb.connect(str(night.warehouse), read_only=True)
        for table in ("price_caps", "transitions", "exemptions"):
            later = f"SELECT id FROM reference.{table} WHERE published_on > DATE '2023-04-02'"
            assert connection.execute(later).fetchall() == []
        # The first case was published in October 2023; what Japan paid stood in the paper of that very day.
        assert connection.execute("SELECT count(*) FROM marts.enforcement_verdicts").fetchall() == [(0,)]
        japan = "SELECT DISTINCT customs_months FROM marts.japan_imports WHERE loading_date > DATE '2022-12-01'"
        assert connection.execute(japan).fetchall() == [("2023-01, 2023-02",)]
        open_levels = (
            "SELECT id FROM reference.price_caps WHERE regime = 'EU' AND product_class = 'crude' AND valid_to IS NULL"
        )
        assert connection.execute(open_levels).fetchall() == [("EU-C1",)]
        connection.close()


# --- nights that fail ----------------------------------------------------------------------------------------------


@pytest.fixture
def published(night: Night, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a home with a published warehouse, which must be there byte for byte in the end."""
    folder = tmp_path / "warehouse"
    folder.mkdir()
    before = {name: (night.warehouse.parent / name).read_bytes() for name in ("warehouse.duckdb", "release.json")}
    for name, content in before.items():
        (folder / name).write_bytes(content)
    yield Settings(home=tmp_path, offline=True)
    assert {name: (folder / name).read_bytes() for name in before} == before
    left = {path.name for path in folder.iterdir() if path.is_file()}
    assert left == {*before, ".night.lock", "bill-of-materials.cdx.json"}


class TestHeadlinesBesideTheNight:
    """They are made as soon as the file is published, while its report is still being written."""

    def test_they_are_those_of_the_new_file(self, night: Night, tmp_path: Path) -> None:
        file = tmp_path / "warehouse.duckdb"

        def has_ended() -> bool:
            shutil.copy(night.warehouse, file)  # the night publishes now
            return False

        said = headlines_when_published(file, has_ended)
        assert said is not None
        assert "Published price-cap cases, judged" in said
        assert said == headlines(file)

    def test_a_night_that_publishes_nothing_has_none(self, night: Night, tmp_path: Path) -> None:
        file = Path(shutil.copy(night.warehouse, tmp_path))
        answers = iter([False, False, True])
        assert headlines_when_published(file, lambda: next(answers)) is None
        assert next(answers, None) is None

    def test_one_who_cannot_make_them_does_not_end_the_night(self, tmp_path: Path) -> None:
        program = (
            "import time\nfrom pipelines import cli\nfrom pipelines.report import headlines\n"
            "def broken(*_):\n    raise RuntimeError('no')\n"
            "headlines.headlines_when_published = broken\n"
            "import sys; sys.argv = ['plimsoll', 'nightly', '--offline']; cli.main()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=REPOSITORY, env=environment(tmp_path), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "Published price-cap cases, judged" in done.stdout
        assert (tmp_path / "warehouse" / "report" / "report.html").exists()


def test_a_blocking_check_that_fails_leaves_the_old_file(
    published: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(judging, "_every_cargo_judged", lambda *_: Finding(rows_checked=10, rows_failed=1))
    result = run_night(published)
    assert not result.success
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert "every_cargo_judged" in {check.check_name for check in failed}
    said = capsys.readouterr().err
    # One of ten in every month that has cargoes.
    assert re.search(r"every_cargo_judged: (\d+) of \1[0]", said)


def test_a_step_that_fails_says_why(
    published: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("the barrel is a gallon short")

    monkeypatch.setattr(judging, "customs_flows", fail)
    assert not run_night(published).success
    assert "the barrel is a gallon short" in capsys.readouterr().err


def test_an_id_that_other_evidence_has_does_not_stop_the_night(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, offline=True)
    shipments_file(settings.shipments_folder / "a.csv", "OFAC-K-1" + AT_CAP.removeprefix("{id}"), AT_CAP)
    assert run_night(settings).success


# --- the report ----------------------------------------------------------------------------------------------------


def broken(*_: object) -> str:
    raise ValueError("the ink has dried up")


class TestReport:
    def test_it_stands_beside_the_release_that_it_tells_of(self, night: Night) -> None:
        folder = night.warehouse.parent / "report"
        assert {file.name for file in folder.iterdir()} == {"report.html"}
        assert release_of(night.warehouse)[0] in (folder / "report.html").read_text(encoding="utf-8")
        assert "report.html" in night.said.out

    def test_dagster_shows_where_it_is_and_what_it_says(self, tmp_path: Path) -> None:
        result = run_night(Settings(home=tmp_path, offline=True))
        (event,) = result.asset_materializations_for_node("report")
        assert event.metadata["file"].value == str(tmp_path / "warehouse" / "report" / "report.html")
        assert "enforcement cases: 9 of 9 above the US cap" in str(event.metadata["in short"].value)

    def test_one_that_fails_leaves_the_release_and_no_report_of_another_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        settings = Settings(home=tmp_path, offline=True)
        settings.report_folder.mkdir(parents=True)
        (settings.report_folder / "report.html").write_text("of the night before", encoding="utf-8")
        monkeypatch.setattr(page, "html", broken)
        result = run_night(settings)
        assert not result.success
        assert "the ink has dried up" in capsys.readouterr().err
        assert release_of(settings.warehouse_file)[0] == result.run_id
        assert list(settings.report_folder.iterdir()) == []

    def test_the_command_says_that_the_release_stands(self, tmp_path: Path) -> None:
        (tmp_path / "warehouse").mkdir()
        (tmp_path / "warehouse" / "report").write_text("a file in the way", encoding="utf-8")
        done = plimsoll("nightly", "--offline", home=tmp_path)
        assert done.code == 1
        assert "FAILED report: " in done.err
        assert "cannot be written there" in done.err
        assert done.err.splitlines()[-1].startswith("plimsoll: The warehouse is published, but not all that follows it")
        assert "Data quality" in done.out
        assert release_of(tmp_path / "warehouse" / "warehouse.duckdb")


# --- Dagster --------------------------------------------------------------------------------------------------------


class TestDagster:
    @pytest.fixture
    def defs(self, tmp_path: Path) -> dg.Definitions:
        return build_defs(Settings(home=tmp_path, offline=True))

    def test_every_table_is_an_asset_with_check_schema_and_group(self, defs: dg.Definitions) -> None:
        graph = defs.resolve_asset_graph()
        tables = [*stored_tables(), *CHECKED]
        assert {asset_key(table) for table in tables} | {WAREHOUSE, REPORT, QUALITY_REPORT} == set(
            graph.get_all_asset_keys()
        )
        checks = {(key.asset_key, key.name) for key in graph.asset_check_keys}
        for table in tables:
            key = asset_key(table)
            assert (key, CONTRACT_CHECK) in checks
            columns = graph.get(key).metadata["dagster/column_schema"].columns
            assert [column.name for column in columns] == table.polars_schema().names()
            assert all(column.description for column in columns)
        for node in graph.asset_nodes:
            assert list(node.owners) == [OWNERS[str(node.group_name)]]
            assert node.kinds
            assert node.description

    def test_the_warehouse_follows_every_table(self, defs: dg.Definitions) -> None:
        graph = defs.resolve_asset_graph()
        tables = [*stored_tables(), *CHECKED]
        assert graph.get(WAREHOUSE).parent_keys == {asset_key(table) for table in tables}
        assert graph.get(REPORT).parent_keys == {WAREHOUSE}

    def test_the_severity_of_a_check_decides_whether_it_blocks(self, defs: dg.Definitions) -> None:
        for asset in defs.resolve_asset_graph().assets_defs:
            for spec in asset.check_specs:
                assert spec.blocking is (spec.metadata["severity"] == "ERROR"), spec.key
                assert spec.description

    def test_the_report_follows_the_warehouse(self, defs: dg.Definitions) -> None:
        assert defs.resolve_asset_graph().get(REPORT).parent_keys == {WAREHOUSE}

    def test_contract_checks_block(self, defs: dg.Definitions) -> None:
        specs = [spec for asset in defs.resolve_asset_graph().assets_defs for spec in asset.check_specs]
        contract = [spec for spec in specs if spec.name == CONTRACT_CHECK]
        assert len(contract) == len([*stored_tables(), *CHECKED])
        assert all(spec.blocking for spec in contract)

    def test_the_schedule(self, defs: dg.Definitions) -> None:
        schedule = defs.resolve_schedule_def(NIGHTLY)
        assert schedule.job_name == NIGHTLY
        assert schedule.execution_timezone == "UTC"
        fields = schedule.cron_schedule.split()
        assert (len(fields), fields[2:]) == (5, ["*", "*", "*"])  # at one time of every day

    def test_the_workspace_is_valid(self, tmp_path: Path) -> None:
        dagster = Path(sys.executable).with_name("dagster")
        done = subprocess.run(
            [dagster, "definitions", "validate", "-w", "workspace.yaml"],
            cwd=REPOSITORY,
            env=environment(tmp_path / "home", DAGSTER_HOME=str(tmp_path)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
