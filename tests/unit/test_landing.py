"""What becomes of the files of a landing folder, and of the folder's own name.

Here: files that are repeated, refused or unreadable beside good ones; odd names; what only looks like a file.
Add here: another rule on how files of one folder go together.
Keep out: what can be wrong inside one file (see `test_shipments_file`).
"""

import csv
import io
import os
import socket
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import pytest

from pipelines.assess import shipments_contract
from pipelines.contracts.quality import INPUT_FILES
from pipelines.contracts.quarantine import QUARANTINE
from pipelines.contracts.table import Table
from pipelines.errors import UserError
from pipelines.rules.rulebook import Rulebook
from pipelines.sources import landing as landing_module
from pipelines.sources.landing import Landing, read_folder
from pipelines.sources.reference import Reference
from pipelines.sources.shipments_file import Intake, read_opened
from pipelines.warehouse import duck
from pipelines.warehouse.store import Store
from tests.support import as_nobody

HEADER = "shipment_id,loading_date,hs_code,origin_country,destination_country,quantity,quantity_unit,vessel_name\n"


def row(shipment_id: str, loading_date: str = "2023-06-10", vessel_name: str = "") -> str:
    return f"{shipment_id},{loading_date},2709.00,RU,IN,700000,bbl,{vessel_name}\n"


@pytest.fixture(scope="module")
def table(book: Rulebook, reference: Reference) -> Table:
    return shipments_contract(book, reference)


def land(folder: Path, table: Table, **files: str) -> Landing:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    landing = read_folder(folder, table)
    assert INPUT_FILES.failures(landing.files).height == 0
    assert QUARANTINE.failures(landing.quarantine).height == 0
    for file in landing.files.iter_rows(named=True):
        assert file["rows_accepted"] + file["rows_quarantined"] == file["rows_read"]
    assert landing.files["rows_accepted"].sum() == landing.accepted.height
    assert landing.files["rows_quarantined"].sum() == landing.quarantine.height
    return landing


def outcomes(landing: Landing) -> dict[str, str]:
    return dict(landing.files.select("file", "outcome").iter_rows())


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path, table: Table) -> None:
    landing = read_folder(tmp_path / "nowhere", table)
    assert landing.accepted.height == landing.quarantine.height == landing.files.height == 0


def test_good_and_bad_rows_are_told_apart(tmp_path: Path, table: Table) -> None:
    landing = land(tmp_path, table, a=HEADER + row("A1") + row("A2", "2023-02-30") + row("A3"))
    assert landing.accepted.select("file", "shipment_id").rows() == [("a.csv", "A1"), ("a.csv", "A3")]
    (bad,) = landing.quarantine.to_dicts()
    assert (bad["file"], bad["row_number"], bad["shipment_id"], bad["column"]) == ("a.csv", 3, "A2", "loading_date")


def test_the_same_bytes_are_read_once(tmp_path: Path, table: Table) -> None:
    landing = land(tmp_path, table, a=HEADER + row("A1"), b=HEADER + row("A1"))
    assert outcomes(landing) == {"a.csv": "read", "b.csv": "repeated"}
    assert (landing.accepted.height, landing.quarantine.height) == (1, 0)


def test_an_id_of_an_earlier_file_is_set_aside(tmp_path: Path, table: Table) -> None:
    landing = land(tmp_path, table, a=HEADER + row("A1"), b=HEADER + row("B1") + row("A1", "2023-07-01"))
    assert landing.accepted["shipment_id"].to_list() == ["A1", "B1"]
    (repeated,) = landing.quarantine.to_dicts()
    assert (repeated["file"], repeated["row_number"], repeated["shipment_id"]) == ("b.csv", 3, "A1")
    assert "A1" in repeated["message"]


def test_a_row_set_aside_can_be_read_as_csv(tmp_path: Path, table: Table) -> None:
    landing = land(tmp_path, table, a=HEADER + row("A1"), b=HEADER + row("A1", vessel_name='"Lady Ann, the second"'))
    ((raw_row,),) = landing.quarantine.select("raw_row").rows()
    (cells,) = csv.reader(io.StringIO(raw_row))
    assert "Lady Ann, the second" in cells


def test_a_file_that_is_refused_does_not_stop_the_others(tmp_path: Path, table: Table) -> None:
    (tmp_path / "notes.txt").write_text("not a table", encoding="utf-8")
    landing = land(tmp_path, table, a="shipment_id\nA1\n", b=HEADER + row("B1"))
    assert outcomes(landing) == {"a.csv": "refused", "b.csv": "read", "notes.txt": "refused"}
    assert landing.accepted["shipment_id"].to_list() == ["B1"]
    assert all(file["message"] for file in landing.files.to_dicts() if file["outcome"] == "refused")


def test_a_file_that_may_not_be_opened_is_refused(table: Table) -> None:
    # Not in a folder of pytest: those are closed to others as a whole.
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "a.csv").write_text(HEADER + row("A1"), encoding="utf-8")
        (folder / "a.csv").chmod(0)
        (folder / "b.csv").write_text(HEADER + row("B1"), encoding="utf-8")
        (folder / "b.csv").chmod(0o444)
        with as_nobody():
            landing = read_folder(folder, table)
    assert outcomes(landing) == {"a.csv": "refused", "b.csv": "read"}
    assert "Permission denied" in landing.files["message"][0]


def test_hidden_files_and_folders_are_left_alone(tmp_path: Path, table: Table) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / ".a.csv.swp").write_text("x", encoding="utf-8")
    assert land(tmp_path, table, a=HEADER + row("A1")).files["file"].to_list() == ["a.csv"]


@pytest.mark.parametrize(
    "name",
    [
        "two words",
        "it's",
        "Öl",
        "home [1]",
    ],
)
def test_tables_are_kept_in_folders_of_any_name(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / name)
    store.write(INPUT_FILES, INPUT_FILES.empty())
    assert store.scan(INPUT_FILES).collect().height == 0
    mart = replace(INPUT_FILES, schema="marts")
    assert duck.select({mart: "SELECT * FROM quality.input_files"}, [INPUT_FILES], store)[mart].height == 0
    file = tmp_path / name / "warehouse.duckdb"
    duck.build(file, [INPUT_FILES], [], store)
    with duck.read_only(file) as connection:
        assert duck.query(connection, "SELECT * FROM quality.input_files").height == 0


ODD_NAMES = {
    b"line\nbreak.csv": r"line\nbreak.csv",
    b"\x1b]0;owned\x07\x1b[2J.csv": r"\x1b]0;owned\x07\x1b[2J.csv",
    b"--out.csv": "--out.csv",
    b"[ab]*?.csv": "[ab]*?.csv",
    b'it\'s "quoted".csv': 'it\'s "quoted".csv',
    b"'; DROP TABLE x; --.csv": "'; DROP TABLE x; --.csv",
    b"=cmd|' C calc'!A0.csv": "=cmd|' C calc'!A0.csv",
    b"<img src=x onerror=alert(1)>.csv": "<img src=x onerror=alert(1)>.csv",
    b"caf\xe9.csv": r"caf\xe9.csv",
    b"caf\\xe9.csv": r"caf\\xe9.csv",  # other than the one above
    "\u202evsc.exe.csv".encode(): r"\u202evsc.exe.csv",
    "Приморск 日本.csv".encode(): "Приморск 日本.csv",
    b"x" * 251 + b".csv": "x" * 251 + ".csv",
    b" .csv": " .csv",
    b"..csv.csv": None,  # hidden
    b"~$open.csv": None,  # the lock of a spreadsheet program
}


def test_files_of_any_name(tmp_path: Path, table: Table) -> None:
    for number, name in enumerate(ODD_NAMES):
        (tmp_path / os.fsdecode(name)).write_text(HEADER + row(f"A{number}"), encoding="utf-8")
    landing = land(tmp_path, table)
    shown = {name: number for number, name in enumerate(ODD_NAMES.values()) if name is not None}
    assert outcomes(landing) == dict.fromkeys(shown, "read")
    assert dict(landing.accepted.select("file", "shipment_id").iter_rows()) == {
        name: f"A{number}" for name, number in shown.items()
    }
    assert all(name.isprintable() for name in landing.files["file"])


@pytest.mark.parametrize("name", ODD_NAMES, ids=repr)
def test_a_refused_file_of_any_name_is_told_in_one_line(tmp_path: Path, table: Table, name: bytes) -> None:
    (tmp_path / os.fsdecode(name)).write_text("a,b\n1,2\n", encoding="utf-8")
    for message in land(tmp_path, table).files["message"]:
        assert message.isprintable()
        assert "is missing" in message


def test_links_are_refused(tmp_path: Path, table: Table) -> None:
    """Wherever they lead: a link could show a file of the machine, and a night reads all that lies in the folder."""
    outside, landing_folder = tmp_path / "outside.csv", tmp_path / "landing"
    landing_folder.mkdir()
    outside.write_text(HEADER + row("SECRET"), encoding="utf-8")
    (landing_folder / "a.csv").write_text(HEADER + row("A1"), encoding="utf-8")
    for name, target in {
        "out.csv": outside,
        "inside.csv": landing_folder / "a.csv",
        "nowhere.csv": tmp_path / "nowhere",
        "round.csv": landing_folder / "round.csv",
        "passwd.csv": Path("/etc/passwd"),
        "folder.csv": tmp_path,
    }.items():
        (landing_folder / name).symlink_to(target)
    landing = land(landing_folder, table)
    assert outcomes(landing) == {"a.csv": "read"} | dict.fromkeys(
        ["folder.csv", "inside.csv", "nowhere.csv", "out.csv", "passwd.csv", "round.csv"], "refused"
    )
    refused = landing.files.filter(outcome="refused")
    assert all("this is a link" in message for message in refused["message"])
    assert set(refused["sha256"]) == {""}
    assert landing.accepted["shipment_id"].to_list() == ["A1"]


def test_pipes_devices_sockets_and_folders_are_refused_without_waiting(tmp_path: Path, table: Table) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    os.mkfifo(tmp_path / "pipe_without_suffix")
    (tmp_path / "many_parts.parquet").mkdir()
    (tmp_path / "many_parts.parquet" / "part-0.parquet").write_bytes(b"PAR1")
    (tmp_path / "others").mkdir()
    with socket.socket(socket.AF_UNIX) as endpoint:
        endpoint.bind(str(tmp_path / "socket.csv"))
        landing = land(tmp_path, table, a=HEADER + row("A1"))
    messages = dict(landing.files.select("file", "message").iter_rows())
    assert messages.pop("a.csv") is None
    assert "a pipe or a device" in messages.pop("pipe.csv")
    assert "a pipe or a device" in messages.pop("pipe_without_suffix")
    assert "this is a folder" in messages.pop("many_parts.parquet")
    assert "cannot be opened" in messages.pop("socket.csv")
    assert messages == {}


def test_a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(tmp_path: Path, table: Table) -> None:
    file = tmp_path / "landing"
    file.write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="the landing folder cannot be read"):
        read_folder(file, table)
    file.unlink()
    file.mkdir()
    file.chmod(0)
    with as_nobody(), pytest.raises(UserError, match=r"cannot be read \(Permission denied\)"):
        read_folder(file, table)


def test_a_file_that_is_still_being_written_is_refused(
    tmp_path: Path, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_slowly(file: BinaryIO, path: Path, table: Table) -> Intake:
        intake = read_opened(file, path, table)
        with path.open("a", encoding="utf-8") as more:
            more.write(row("A2"))
        return intake

    monkeypatch.setattr(landing_module, "read_opened", read_slowly)
    landing = land(tmp_path, table, a=HEADER + row("A1"))
    assert landing.accepted.height == 0
    assert "changed while it was read" in landing.files["message"][0]
