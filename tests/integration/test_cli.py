"""The commands: exit codes, files they write, and one plain sentence for whatever goes wrong.

Here: each command in a process of its own; `plimsoll` of the conftest also asserts that no traceback is shown.
Add here: a case for each new command, option or mistake.
Keep out: what the verdicts are (see `tests/golden`) and what the warehouse holds (see `test_night`).
"""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from pipelines.cli import ui
from pipelines.settings import Settings
from tests.integration.conftest import (
    ABOVE_CAP,
    AT_CAP,
    NO_SUCH_DAY,
    NO_SUCH_UNIT,
    REPOSITORY,
    Finished,
    Night,
    Query,
    environment,
    plimsoll,
    shipments_file,
)

# To the letter: what the command promises.
VERDICT_COLUMNS = [
    "shipment_id", "regime", "nexus_basis", "verdict", "product_class", "level_date", "cap_id", "cap_usd_per_bbl",
    "price_usd_per_bbl", "price_low_usd_per_bbl", "price_high_usd_per_bbl", "price_basis", "margin_usd_per_bbl",
    "quantity_bbl", "excess_value_usd", "is_above_cap", "transition_id", "exemption_id", "reason_codes", "reason",
    "confidence",
]  # fmt: skip
COMMANDS = ["nightly", "assess", "explain", "rules", "sql", "report", "diff", "ui"]


Run = Callable[..., Finished]


def complaint(said: str) -> str:
    """The last line on standard error."""
    return said.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("assess")


class TestAssess:
    def test_a_good_file_to_csv(self, folder: Path) -> None:
        out = folder / "verdicts.csv"
        done = plimsoll("assess", shipments_file(folder / "a.csv", AT_CAP, ABOVE_CAP), "--out", out, home=folder)
        assert done.code == 0
        with out.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == VERDICT_COLUMNS
        within, above = rows
        assert [row["shipment_id"] for row in rows] == ["R1", "R2"]
        # 42 and 49 million over 700,000 bbl, against the cap of 60 of the United States.
        assert (within["verdict"], above["verdict"]) == ("within_cap", "above_cap")
        assert (within["level_date"], within["cap_id"]) == ("2023-07-05", "US-C1")
        assert (within["nexus_basis"], within["is_above_cap"], above["is_above_cap"]) == ("declared", "false", "true")
        numbers = ["price_usd_per_bbl", "cap_usd_per_bbl", "margin_usd_per_bbl", "excess_value_usd", "quantity_bbl"]
        assert [float(within[name]) for name in numbers] == [60, 60, 0, 0, 700_000]
        assert [float(above[name]) for name in numbers] == [70, 60, -10, 7_000_000, 700_000]
        assert all(row["reason"] and row["reason_codes"] for row in rows)
        assert not out.with_suffix(".rejected.csv").exists()

    def test_rejected_rows_and_their_file(self, folder: Path) -> None:
        out = folder / "mixed.csv"
        rows = shipments_file(folder / "b.csv", AT_CAP, NO_SUCH_DAY, NO_SUCH_UNIT)
        done = plimsoll("assess", rows, "--out", out, home=folder)
        assert done.code == 1
        assert "3 rows read" in done.err
        assert "2 rejected" in done.err
        assert pl.read_csv(out)["shipment_id"].to_list() == ["R1"]
        rejected = pl.read_csv(folder / "mixed.rejected.csv")
        assert rejected.select("file", "row_number", "shipment_id", "column").rows() == [
            ("b.csv", 3, "R2", "loading_date"),
            ("b.csv", 4, "R3", "quantity_unit"),
        ]
        assert all(rejected["message"])

    def test_mended_rows_leave_no_rejected_file_behind(self, folder: Path) -> None:
        out = folder / "mended.parquet"
        assert plimsoll("assess", shipments_file(folder / "c.csv", NO_SUCH_DAY), "--out", out, home=folder).code == 1
        assert (folder / "mended.rejected.csv").exists()
        assert pl.read_parquet(out).height == 0
        assert plimsoll("assess", shipments_file(folder / "c.csv", AT_CAP), "--out", out, home=folder).code == 0
        assert not (folder / "mended.rejected.csv").exists()
        frame = pl.read_parquet(out)
        assert frame.columns == VERDICT_COLUMNS
        types = {name: frame.schema[name] for name in ("level_date", "cap_usd_per_bbl", "is_above_cap", "reason_codes")}
        assert types == {
            "level_date": pl.Date(),
            "cap_usd_per_bbl": pl.Float64(),
            "is_above_cap": pl.Boolean(),
            "reason_codes": pl.List(pl.String()),
        }

    def test_json_one_regime_and_a_day(self, folder: Path) -> None:
        # 55 USD/bbl discharged on 2025-11-01: the 47.60 of the European Union was published on 2025-07-19.
        row = "{id},,2025-09-20,2025-11-01,2709.00,Urals,RU,,IN,sea,700000,bbl,38500000,USD,FOB,US;EU"
        file, out = shipments_file(folder / "d.csv", row), folder / "verdicts.json"
        given = {}
        for day in ("2025-07-18", "2025-07-19"):
            done = plimsoll("assess", file, "--out", out, "--regime", "EU", "--as-of", day, home=folder)
            assert done.code == 0
            (given[day],) = json.loads(out.read_text(encoding="utf-8"))
        assert list(given["2025-07-18"]) == VERDICT_COLUMNS
        assert given["2025-07-18"]["verdict"] == "within_cap"
        assert given["2025-07-18"]["cap_usd_per_bbl"] == 60
        assert given["2025-07-19"]["verdict"] == "above_cap"
        assert given["2025-07-19"]["cap_usd_per_bbl"] == 47.6
        assert given["2025-07-19"]["level_date"] == "2025-11-01"
        assert isinstance(given["2025-07-19"]["reason_codes"], list)

    def test_without_out_the_verdicts_and_rejections_are_shown(self, folder: Path) -> None:
        done = plimsoll("assess", shipments_file(folder / "e.csv", ABOVE_CAP, NO_SUCH_DAY), home=folder)
        assert done.code == 1
        assert "above_cap" in done.out
        assert "e.csv, row 3: " in done.err
        assert "2023-06-31" in done.err

    def test_dagster_is_not_loaded(self, folder: Path) -> None:
        file, out = shipments_file(folder / "light.csv", AT_CAP), folder / "light-verdicts.csv"
        command = [sys.executable, "-X", "importtime", "-m", "pipelines.cli", "assess", str(file), "--out", str(out)]
        done = subprocess.run(
            command, cwd=REPOSITORY, env=environment(folder), capture_output=True, text=True, timeout=120, check=True
        )
        loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
        assert out.exists() and "polars" in loaded
        assert not {name for name in loaded if name.startswith("dagster")}

    def test_the_worked_cases(self, folder: Path) -> None:
        cases = REPOSITORY.parent / "shared" / "design" / "worked-cases.csv"
        if not cases.exists():
            pytest.skip("the worked cases are not on this machine")
        out = folder / "worked.csv"
        assert plimsoll("assess", cases, "--out", out, home=folder).code == 0
        given = {(row["shipment_id"], row["regime"]): row for row in pl.read_csv(out, infer_schema=False).to_dicts()}
        for case in pl.read_csv(cases, infer_schema=False).to_dicts():
            row = given[case["shipment_id"], case["nexus"]]
            cap = case["expect_cap_usd_per_bbl"]
            assert row["verdict"] == case["expect_verdict"], case
            assert (row["cap_usd_per_bbl"] and float(row["cap_usd_per_bbl"])) == (cap and float(cap)), case

    def test_a_rejected_file_that_cannot_be_written(self, folder: Path) -> None:
        (folder / "blocked.rejected.csv").mkdir()
        done = plimsoll(
            "assess", shipments_file(folder / "f.csv", NO_SUCH_DAY), "--out", folder / "blocked.csv", home=folder
        )
        assert done.code == 2
        assert "blocked.rejected.csv" in complaint(done.err)

    def test_the_input_is_not_written_over(self, folder: Path) -> None:
        file = shipments_file(folder / "precious.csv", AT_CAP)
        before = file.read_bytes()
        assert plimsoll("assess", file, "--out", file, home=folder).code == 2
        assert file.read_bytes() == before


class TestBadUsage:
    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("nowhere.csv", None, "no such file"),
            ("cargoes.txt", b"shipment_id\n", "not read"),
            ("empty.csv", b"", "empty"),
            ("broken.parquet", b"PAR1 no parquet", "Parquet"),
            ("columns.csv", b"id,price\n1,60\n", "missing"),
        ],
    )
    def test_a_file_that_cannot_be_read(
        self, plimsoll_here: Run, tmp_path: Path, name: str, content: bytes | None, words: str
    ) -> None:
        if content is not None:
            (tmp_path / name).write_bytes(content)
        done = plimsoll_here("assess", tmp_path / name, "--out", tmp_path / "out.csv", home=tmp_path)
        assert done.code == 2
        assert name in complaint(done.err)
        assert words in complaint(done.err)
        assert not (tmp_path / "out.csv").exists()

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("--as-of", "2023-02-30"),
            ("--as-of", "yesterday"),
            ("--regime", "XX"),
            ("--out", "verdicts.txt"),
            ("--out", "no/such/folder/verdicts.csv"),
        ],
    )
    def test_an_option_of_assess(self, plimsoll_here: Run, tmp_path: Path, option: str, value: str) -> None:
        file = shipments_file(tmp_path / "a.csv", AT_CAP)
        value = str(tmp_path / value) if option == "--out" else value
        done = plimsoll_here("assess", file, option, value, home=tmp_path)
        assert done.code == 2
        assert f"{option} {value}" in complaint(done.err)

    @pytest.mark.parametrize(
        "arguments",
        [
            ("assess",),
            ("assess", "a.csv", "--no-such-option"),
            ("nightly", "--as-of", "2023-13-01"),
            ("rules", "--on", "tomorrow"),
            ("rules", "--as-of", "2023-04-31"),
            ("no-such-command",),
        ],
        ids=" ".join,
    )
    def test_an_argument(self, tmp_path: Path, arguments: tuple[str, ...]) -> None:
        done = plimsoll(*arguments, home=tmp_path)
        assert done.code == 2
        assert done.err

    def test_in_a_process_of_its_own(self, tmp_path: Path) -> None:
        done = plimsoll("assess", tmp_path / "nowhere.csv", "--out", tmp_path / "out.csv", home=tmp_path)
        assert done.code == 2
        assert "nowhere.csv" in complaint(done.err)

    @pytest.mark.parametrize("command", ["nightly", "sql", "explain"])
    def test_a_setting(self, tmp_path: Path, command: str) -> None:
        arguments = {"explain": ["explain", "R1"]}.get(command, [command])
        done = plimsoll(*arguments, home=tmp_path, PLIMSOLL_AS_OF="soon")
        assert done.code == 2
        assert "PLIMSOLL_AS_OF" in complaint(done.err)

    def test_a_home_that_is_a_file(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        home.write_text("", encoding="utf-8")
        done = plimsoll("nightly", home=home)
        assert done.code in {1, 2}
        assert str(home) in complaint(done.err)


class TestHelp:
    def test_every_command_is_listed(self, plimsoll_here: Run, tmp_path: Path) -> None:
        done = plimsoll_here("--help", home=tmp_path)
        assert done.code == 0
        assert all(f"  {command} " in done.out for command in COMMANDS)

    @pytest.mark.parametrize("command", COMMANDS)
    def test_help_has_an_example(self, plimsoll_here: Run, tmp_path: Path, command: str) -> None:
        done = plimsoll_here(command, "--help", home=tmp_path)
        assert done.code == 0
        assert f"Example: plimsoll {command}" in done.out


class TestRules:
    def test_a_day(self, plimsoll_here: Run, tmp_path: Path) -> None:
        done = plimsoll_here("rules", "--on", "2025-09-03", home=tmp_path)
        assert done.code == 0
        # The day on which the European level fell to 47.60 and the transition for older contracts began.
        assert all(rule in done.out for rule in ("EU-C2", "47.6", "T-EU-5", "US-C1"))
        assert "EU-C3" not in done.out

    def test_a_day_as_known_on_another(self, plimsoll_here: Run, tmp_path: Path) -> None:
        done = plimsoll_here("rules", "--on", "2025-09-03", "--as-of", "2025-07-18", home=tmp_path)
        assert done.code == 0
        assert "EU-C1" in done.out
        assert "EU-C2" not in done.out

    def test_today(self, plimsoll_here: Run, tmp_path: Path) -> None:
        assert plimsoll_here("rules", home=tmp_path).code == 0


class TestExplain:
    def test_a_cargo(self, night: Night) -> None:
        done = plimsoll("explain", "JP-CUSTOMS-2023-02", "--regime", "US", home=night.home)
        assert done.code == 0
        assert "S2-US-0" in done.out
        assert "General License 55" in done.out

    def test_a_declared_cargo(self, night: Night) -> None:
        done = plimsoll("explain", "A2", home=night.home)
        assert done.code == 0
        assert "above_cap" in done.out
        assert "US-C1" in done.out

    def test_an_unknown_id(self, night: Night) -> None:
        done = plimsoll("explain", "NO-SUCH-CARGO", home=night.home)
        assert done.code == 1
        assert "NO-SUCH-CARGO" in complaint(done.err)

    def test_an_unknown_regime(self, night: Night) -> None:
        done = plimsoll("explain", "A2", "--regime", "XX", home=night.home)
        assert done.code == 2
        assert "XX" in complaint(done.err)

    def test_no_warehouse(self, tmp_path: Path) -> None:
        done = plimsoll("explain", "A2", home=tmp_path)
        assert done.code == 1
        assert "plimsoll nightly" in complaint(done.err)


FORBIDDEN = {
    "insert": "INSERT INTO quality.releases SELECT * FROM quality.releases",
    "drop": "DROP TABLE marts.verdict_counts",
    "create": "CREATE TABLE marts.mine AS SELECT 1 AS one",
    "attach": "ATTACH '{folder}/other.duckdb' AS other",
    "copy to": "COPY marts.verdict_counts TO '{folder}/stolen.csv'",
    "copy from": "COPY marts.verdict_counts FROM '{folder}/secret.csv'",
    "export": "EXPORT DATABASE '{folder}/stolen'",
    "install": "INSTALL httpfs",
    "load": "LOAD httpfs",
    "read_csv": "SELECT * FROM read_csv('{folder}/secret.csv')",
    "file name": "SELECT * FROM '{folder}/secret.csv'",
    "open the door": "SET enable_external_access = true",
    "two statements": "SELECT 1; DROP TABLE marts.verdict_counts",
}


def test_the_pages_look_into_the_home_that_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLIMSOLL_HOME", "home")
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("PYTHONWARNINGS", "")
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # this process goes on
    monkeypatch.setattr(os, "execv", lambda _, arguments: started.append(arguments))
    ui(port=0)
    (arguments,) = started
    said = dict(pairwise(arguments))
    assert (said["--host"], said["--port"]) == ("127.0.0.1", "0")
    assert Settings.from_environment().home.resolve() == tmp_path / "home"


class TestSql:
    def test_a_query(self, night: Night) -> None:
        done = plimsoll("sql", "SELECT count(*) AS releases FROM quality.releases", home=night.home)
        assert done.code == 0
        assert "releases" in done.out

    def test_the_shell(self, night: Night) -> None:
        typed = "SELECT 'one' AS first;\nSELEC 1;\nSELECT 'two'\n  AS second;\n.quit\nSELECT 'three';\n"
        done = plimsoll("sql", home=night.home, typed=typed)
        assert done.code == 0
        assert all(word in done.out for word in ("one", "two"))
        assert "three" not in done.out
        assert "SELEC" in done.err

    def test_a_query_from_a_file(self, night: Night) -> None:
        query = (REPOSITORY / "sql" / "cookbook" / "cap_history.sql").read_text(encoding="utf-8")
        done = plimsoll("sql", home=night.home, typed=query)
        assert done.code == 0
        assert all(word in done.out for word in ("last_day", "44.1", "Implementing Regulation (EU) 2026/124"))
        assert "plimsoll>" not in done.out

    def test_the_macro_of_the_caps(self, night: Night) -> None:
        sql = "SELECT cap_id FROM cap_on('EU', 'crude', DATE '2026-02-01')"
        done = plimsoll("sql", sql, home=night.home)
        assert done.code == 0
        assert "EU-C3" in done.out

    @pytest.mark.parametrize("name", ["insert", "create", "attach", "copy to", "install", "read_csv"])
    def test_nothing_can_be_written_or_reached(self, night: Night, tmp_path: Path, name: str) -> None:
        (tmp_path / "secret.csv").write_text("word\nswordfish\n", encoding="utf-8")
        before = night.warehouse.read_bytes()
        done = plimsoll("sql", FORBIDDEN[name].format(folder=tmp_path), home=night.home)
        assert done.code == 1
        assert done.err.startswith("plimsoll: ")
        assert "swordfish" not in done.out + done.err
        assert night.warehouse.read_bytes() == before
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["secret.csv"]

    def test_nor_in_the_shell(self, night: Night, tmp_path: Path) -> None:
        (tmp_path / "secret.csv").write_text("word\nswordfish\n", encoding="utf-8")
        before = night.warehouse.read_bytes()
        typed = "".join(f"{sql};\n" for sql in FORBIDDEN.values()).format(folder=tmp_path)
        done = plimsoll("sql", home=night.home, typed=typed)
        assert done.code == 0
        refusals = ("Error: ", "is not possible here", "Give one query at a time", "Settings cannot be changed here")
        assert sum(done.err.count(refusal) for refusal in refusals) == len(FORBIDDEN)
        assert "swordfish" not in done.out + done.err
        assert night.warehouse.read_bytes() == before
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["secret.csv"]

    @pytest.mark.parametrize("sql", ["SELEC 1", "SELECT error('no')"])
    def test_an_error(self, night: Night, sql: str) -> None:
        done = plimsoll("sql", sql, home=night.home)
        assert done.code == 1
        assert done.err.startswith("plimsoll: ")

    def test_no_warehouse(self, tmp_path: Path) -> None:
        done = plimsoll("sql", "SELECT 1", home=tmp_path)
        assert done.code == 1
        assert "plimsoll nightly" in complaint(done.err)

    @pytest.mark.parametrize(
        "command", [("sql", "SELECT 1"), ("explain", "A1"), ("report",)], ids=lambda command: command[0]
    )
    def test_a_warehouse_that_is_no_database(self, tmp_path: Path, command: tuple[str, ...]) -> None:
        file = tmp_path / "warehouse" / "warehouse.duckdb"
        file.parent.mkdir()
        file.write_text("garbage", encoding="utf-8")
        done = plimsoll(*command, home=tmp_path)
        assert done.code == 1
        assert "warehouse.duckdb" in complaint(done.err)


class TestReport:
    def test_page_and_pictures(self, night: Night, tmp_path: Path) -> None:
        done = plimsoll("report", "--out", tmp_path / "new" / "folder", home=night.home)
        assert done.code == 0, done.err
        written = [Path(line) for line in done.out.splitlines()]
        assert written[0] == tmp_path / "new" / "folder" / "report.html"
        assert len(written) == 7
        assert set(written) == set((tmp_path / "new" / "folder").iterdir())
        assert all(picture.suffix == ".png" for picture in written[1:])

    def test_it_tells_of_the_warehouse_it_was_read_from(self, night: Night, query: Query, tmp_path: Path) -> None:
        assert plimsoll("report", "--out", tmp_path, home=night.home).code == 0
        ((run_id,),) = query("SELECT run_id FROM quality.releases")
        page = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert run_id in page
        # A2: 700,000 bbl at 70.00; R3 as much again.
        assert "declared shipments: 14.00 million USD above the US cap" in page
        assert "e_refused.csv" in page

    def test_no_warehouse(self, tmp_path: Path) -> None:
        done = plimsoll("report", home=tmp_path)
        assert done.code == 1
        assert "plimsoll nightly" in complaint(done.err)

    def test_a_folder_that_cannot_be_written(self, night: Night, tmp_path: Path) -> None:
        (tmp_path / "taken").write_text("a file", encoding="utf-8")
        done = plimsoll("report", "--out", tmp_path / "taken", home=night.home)
        assert done.code == 2
        assert "taken" in complaint(done.err)
        assert "--out" in complaint(done.err)


@pytest.fixture(scope="module")
def repository_with_a_rising_level(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("copy")
    for folder in ("pipelines", "sql", "data/rules", "data/reference", "data/figures"):
        shutil.copytree(REPOSITORY / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "dagster.yaml", copy)
    file = copy / "data" / "rules" / "price_caps.csv"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("EU-C2,EU-crude,EU,crude,47.6,", "EU-C2,EU-crude,EU,crude,67.4,"), encoding="utf-8")
    return copy


class TestBrokenRules:
    """A rule table that contradicts itself, in a copy of the repository."""

    @pytest.mark.parametrize(
        "command",
        [
            ("rules",),
            ("assess", "cargoes.csv"),
            ("nightly",),
        ],
        ids=lambda command: command[0],
    )
    def test_it_is_told_with_file_and_row(
        self, repository_with_a_rising_level: Path, tmp_path: Path, command: tuple[str, ...]
    ) -> None:
        repository = repository_with_a_rising_level
        shipments_file(repository / "cargoes.csv", AT_CAP)
        done = plimsoll(*command, home=tmp_path, repository=repository)
        assert done.code == 1
        assert "price_caps.csv, EU-C2" in done.err
        assert "rises" in done.err


class TestUi:
    def test_a_port_that_is_taken_is_told_before_anything_starts(
        self, tmp_path: Path, plimsoll_here: Callable[..., Finished]
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            done = plimsoll_here("ui", "--port", str(port), home=tmp_path / "home")
        assert done.code == 2
        assert done.err == (
            f"plimsoll: 127.0.0.1:{port}: the pages cannot be served there (another program uses it); "
            "name another --port or --host.\n"
        )
        assert not (tmp_path / "home").exists()

    def test_a_host_that_is_unknown_is_told(self, tmp_path: Path, plimsoll_here: Callable[..., Finished]) -> None:
        done = plimsoll_here("ui", "--host", "nowhere.invalid", home=tmp_path)
        assert done.code == 2
        assert "nowhere.invalid:3000: the pages cannot be served there (" in done.err
