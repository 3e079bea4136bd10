"""What becomes of the files of a landing folder, and of the folder's own name.

Here: files that are repeated, refused or unreadable beside good ones; awkward folder names.
Add here: another rule on how files of one folder go together.
Keep out: what can be wrong inside one file (see `test_shipments_file`).
"""

import csv
import io
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pipelines.assess import shipments_contract
from pipelines.contracts.quality import INPUT_FILES
from pipelines.contracts.quarantine import QUARANTINE
from pipelines.contracts.table import Table
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.landing import Landing, read_folder
from pipelines.sources.reference import Reference
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
    assert duck.build(file, [INPUT_FILES], [], store) == {"quality.input_files": 0}
    with duck.read_only(file) as connection:
        assert duck.query(connection, "SELECT * FROM quality.input_files").height == 0
