"""The folders where users put their files.

Here: reading all files of the folder into accepted rows, quarantined rows and a list of files.
Add here: another rule on how files of one folder go together.
Keep out: how one file is read (`pipelines.sources.shipments_file`).
"""

import hashlib
import json
import stat
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import polars as pl

from pipelines.contracts.quality import INPUT_FILES
from pipelines.contracts.quarantine import QUARANTINE
from pipelines.contracts.table import Column, Table
from pipelines.errors import UserError
from pipelines.shown import shown_name
from pipelines.sources.readings import Readings
from pipelines.sources.shipments_file import READERS, InputFileError, Intake, opened, read_opened

_NOT_MEANT = (".", "~$")  # hidden files, and the locks that spreadsheet programs put beside an open file

FILE_COLUMN = Column("file", pl.String(), "file the row comes from", required=True)


def with_file(contract: Table) -> Table:
    """The staging table of an input contract: its rows with the file they come from."""
    return replace(contract, schema="staging", columns=(FILE_COLUMN, *contract.columns))


@dataclass(frozen=True)
class Landing:
    """What the folder held: rows with their `file`, rows set aside, and the files themselves."""

    accepted: pl.DataFrame
    quarantine: pl.DataFrame
    files: pl.DataFrame


def read_folder(
    folder: Path,
    table: Table,
    prefix: str = "",
    taken: Collection[str] = (),
    about: pl.Expr | None = None,
    kept: Readings | None = None,
) -> Landing:
    """Reads every file of a folder in order of name; a folder that is missing is empty.

    table: an input contract whose key is one id column. prefix: goes before the names of files, so that files of
    two folders stay apart. taken: ids that other evidence has. about: true for the rows that the files are read for;
    the others count as not read. kept: what files gave that were read before; without it all are read.

    The same bytes are read once. An id that is taken, or that an earlier file has already, is set aside: which
    row is right cannot be known. A file that cannot be read is listed as refused and does not stop the others; a
    symbolic link is refused, since it may lead out of the folder. Raises `UserError` if the folder cannot be listed.
    """
    (id_column,) = table.key
    accepted = [pl.DataFrame(schema={FILE_COLUMN.name: FILE_COLUMN.dtype, **table.polars_schema()})]
    quarantine = [QUARANTINE.empty()]
    files: list[dict[str, object]] = []
    hashes: set[str] = set()
    seen = pl.Series(id_column, list(taken), dtype=pl.String)
    for path in files_of(folder):
        file = prefix + shown_name(path)
        entry: dict[str, object] = {"file": file, "sha256": "", "outcome": "refused", "message": None}
        entry |= {"rows_read": 0, "rows_accepted": 0, "rows_quarantined": 0, "ignored_columns": None}
        files.append(entry)
        try:
            with opened(path, follows_links=False) as content:
                entry["sha256"] = digest = hashlib.file_digest(content, "sha256").hexdigest()
                if digest in hashes:
                    entry["outcome"] = "repeated"
                    continue
                intake = _intake(content, path, table, digest, kept)
        except InputFileError as error:
            entry["message"] = str(error)
            continue
        hashes.add(digest)
        numbered = intake.accepted.insert_column(0, intake.accepted_row_numbers.alias("row_number"))
        all_rows = numbered.height
        if about is not None:
            numbered = numbered.filter(about)
        is_repeated = numbered[id_column].is_in(seen.implode())
        good = numbered.filter(~is_repeated).drop("row_number")
        accepted.append(good.select(pl.lit(file).alias("file"), pl.all()))
        seen = pl.concat([seen, good[id_column]])
        repeated = _set_aside(numbered.filter(is_repeated), file, id_column)
        quarantine += [intake.rejected.with_columns(file=pl.lit(file)), repeated]
        entry |= {
            "outcome": "read",
            "rows_read": intake.rows_read - (all_rows - numbered.height),
            "rows_accepted": accepted[-1].height,
            "rows_quarantined": intake.rejected.height + repeated.height,
            "ignored_columns": ";".join(intake.ignored_columns) or None,
        }
    return Landing(pl.concat(accepted), pl.concat(quarantine), pl.DataFrame(files, schema=INPUT_FILES.polars_schema()))


def contents_of(folder: Path, prefix: str = "") -> list[tuple[str, str]]:
    """Name and hash of every file of a folder, as `read_folder` lists them; no hash for one that it would refuse."""
    return sorted((prefix + shown_name(path), digest_of(path) or "") for path in files_of(folder))


def _intake(content: BinaryIO, path: Path, table: Table, digest: str, kept: Readings | None) -> Intake:
    """What a file gives, or gave when the same bytes were read before by the same contract."""
    if kept is None:
        return read_opened(content, path, table)
    identity = ("landed", shown_name(path), digest, table.duckdb_ddl())
    if (found := kept.find(*identity)) is not None:
        note, frames = found
        numbers = frames["numbers"]["row_number"]
        return Intake(
            frames["accepted"], numbers, frames["rejected"], int(note["rows_read"]), json.loads(note["ignored_columns"])
        )
    intake = read_opened(content, path, table)
    frames = {
        "accepted": intake.accepted,
        "numbers": intake.accepted_row_numbers.alias("row_number").to_frame(),
        "rejected": intake.rejected,
    }
    note = {"rows_read": str(intake.rows_read), "ignored_columns": json.dumps(intake.ignored_columns)}
    kept.keep(identity, note, frames)
    return intake


def digest_of(path: Path) -> str | None:
    """The hash of a file's bytes; None for one that cannot be read, or that a night would refuse to open."""
    try:
        with opened(path, follows_links=False) as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except InputFileError:
        return None


def files_of(folder: Path) -> list[Path]:
    """What is to be read, in order of name.

    Folders are left alone, unless they have the name of a file: some programs write one table into such a folder,
    and it must not be missed without a word.
    """
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if not path.name.startswith(_NOT_MEANT)
            and (path.suffix.lower() in READERS or not stat.S_ISDIR(path.lstat().st_mode))
        )
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(
            f"{folder}: the landing folder cannot be read ({error.strerror}), check that it is a folder and its "
            "permissions."
        ) from error


def _set_aside(rows: pl.DataFrame, file: str, id_column: str) -> pl.DataFrame:
    cells = rows.drop("row_number")
    lines = [row.write_csv(include_header=False).rstrip("\n") for row in cells.iter_slices(1)]
    return QUARANTINE.conform(
        rows.select(
            file=pl.lit(file),
            row_number="row_number",
            shipment_id="shipment_id" if "shipment_id" in rows.columns else pl.lit(None, pl.String),
            column=pl.lit(id_column),
            check=pl.lit("unique_across_files"),
            message=pl.concat_str(
                pl.lit(f"{id_column} "),
                id_column,
                pl.lit(" is that of another file or of published evidence: give it an id of its own."),
            ),
            raw_value=id_column,
            raw_row=pl.Series(lines, dtype=pl.String),
        )
    )
