"""Every file of the corpus ends in the documented way, read by itself and in a landing folder.

Here: the corpus against its manifest.
Add here: another way in which all its files are read.
Keep out: the files and their outcomes (`make`), and files too large for git (`test_large_files`).
"""

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipelines.assess import shipments_contract
from pipelines.contracts.quality import INPUT_FILES
from pipelines.contracts.quarantine import QUARANTINE
from pipelines.contracts.table import Table
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.landing import read_folder
from pipelines.sources.reference import Reference
from pipelines.sources.shipments_file import InputFileError, Intake, read_input

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Expected:
    file: str
    outcome: str
    refused_with: list[str]
    accepted: list[str]
    quarantined: list[str]
    values: dict[str, list[str]]


def manifest() -> list[Expected]:
    with (FOLDER / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return [
            Expected(
                record["file"],
                record["outcome"],
                *(json.loads(record[name]) for name in ("refused_with", "accepted", "quarantined", "values")),
            )
            for record in csv.DictReader(file)
        ]


MANIFEST = manifest()


@pytest.fixture(scope="module")
def table(book: Rulebook, reference: Reference) -> Table:
    return shipments_contract(book, reference)


def nothing_lost(intake: Intake, table: Table) -> None:
    assert intake.accepted.height + intake.rejected.height == intake.rows_read
    assert intake.accepted.schema == table.polars_schema()
    assert intake.rejected.schema == QUARANTINE.polars_schema()
    assert not set(intake.accepted_row_numbers) & set(intake.rejected["row_number"])


def one_sentence(message: str, file: str) -> None:
    assert message.startswith(f"{file}: ")
    assert message.endswith(".")
    assert message.isprintable(), message


def as_text(value: Any) -> str:
    return "" if value is None else str(value)


def test_the_manifest_names_every_file_and_no_other() -> None:
    assert sorted(expected.file for expected in MANIFEST) == sorted(path.name for path in (FOLDER / "files").iterdir())
    assert len({(FOLDER / "files" / expected.file).read_bytes() for expected in MANIFEST}) > 400


@pytest.mark.parametrize("expected", MANIFEST, ids=lambda expected: expected.file)
def test_a_file_by_itself(expected: Expected, table: Table, capfd: pytest.CaptureFixture[str]) -> None:
    path = FOLDER / "files" / expected.file
    if expected.outcome == "refused":
        with pytest.raises(InputFileError) as refused:
            read_input(path, table)
        message = str(refused.value)
        one_sentence(message, path.name)
        assert all(words in message for words in expected.refused_with), message
    else:
        intake = read_input(path, table)
        nothing_lost(intake, table)
        found = [
            f"{row['row_number']} {(row['column'] or '-').replace('; ', ',')} {row['check'].replace('; ', ',')}"
            for row in intake.rejected.to_dicts()
        ]
        assert found == expected.quarantined, intake.rejected["message"].to_list()
        assert intake.accepted["shipment_id"].to_list() == expected.accepted
        for column, values in expected.values.items():
            assert [as_text(value) for value in intake.accepted[column]] == values
        assert all(message and message.isprintable() for message in intake.rejected["message"])
    # A library that panics writes to the terminal past Python.
    assert capfd.readouterr() == ("", "")


def test_all_that_is_refused_and_some_of_the_rest_in_a_landing_folder(table: Table, tmp_path: Path) -> None:
    chosen = [expected for place, expected in enumerate(MANIFEST) if expected.outcome == "refused" or place % 8 == 0]
    for expected in chosen:
        shutil.copy(FOLDER / "files" / expected.file, tmp_path)
    landing = read_folder(tmp_path, table)
    assert INPUT_FILES.failures(landing.files).height == 0
    assert QUARANTINE.failures(landing.quarantine).height == 0
    assert landing.files["rows_accepted"].sum() == landing.accepted.height
    assert landing.files["rows_quarantined"].sum() == landing.quarantine.height
    files = {row["file"]: row for row in landing.files.to_dicts()}
    read = {row["sha256"] for row in files.values() if row["outcome"] == "read"}
    for expected in chosen:
        row = files[expected.file]
        assert row["rows_accepted"] + row["rows_quarantined"] == row["rows_read"]
        if row["outcome"] == "repeated":
            assert row["sha256"] in read
        elif expected.outcome == "refused":
            assert row["outcome"] == "refused"
            one_sentence(row["message"], expected.file)
        else:
            assert row["outcome"] == "read"
            assert row["rows_read"] == len(expected.accepted) + len(expected.quarantined)
