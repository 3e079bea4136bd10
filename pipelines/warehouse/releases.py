"""Releases: what the published file is, and the last ones that are kept beside it.

Here: reading a release off a file, keeping so many of them, finding one by its id, and mending after a cut-off night.
Add here: another fact about a release as a whole.
Keep out: how the file is built and replaced (`pipelines.warehouse.publish`), and how two releases differ.
"""

import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb

from pipelines.contracts.quality import RELEASES
from pipelines.errors import UserError
from pipelines.object_store import Folder
from pipelines.settings import Settings
from pipelines.warehouse import duck, lake
from pipelines.warehouse.duck import Source

# The packages that had a part in a release, beside its file.
BILL = "bill-of-materials.cdx.json"

RELEASE_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")


class ReleaseError(UserError):
    """No such release; one sentence says which there are."""


def lake_of(settings: Settings) -> lake.Lake | None:
    """The lake that is the warehouse, if it is none of files."""
    if settings.lake is None or settings.lake_data is None:
        return None
    return lake.Lake(settings.lake, settings.lake_data)


def current(settings: Settings) -> Source:
    """What is published now: the file, or the last release of the lake."""
    found = lake_of(settings)
    return settings.warehouse_file if found is None else lake.Release(found)


def describe(source: Source) -> dict[str, Any] | None:
    """The row of `quality.releases` of a release, and the rows of each of its tables.

    None for one that is not there, cannot be opened, or was not made by this version of the program.
    """
    with duck.released(source) as connection:
        row = row_of(connection)
        return None if row is None or connection is None else row | {"rows": duck.row_counts(connection)}


def row_of(connection: duckdb.DuckDBPyConnection | None) -> dict[str, Any] | None:
    """The row of `quality.releases` of an opened release (`duck.released`); None as in `describe`."""
    if connection is None:
        return None
    try:
        columns = ", ".join(column.name for column in RELEASES.columns)
        (row,) = duck.query(connection, f"SELECT {columns} FROM quality.releases").to_dicts()
    except (duckdb.Error, ValueError):
        return None
    # The id becomes the name of a folder, and the file may be anyone's.
    return row if RELEASE_ID.fullmatch(row["release_id"]) else None


def kept(settings: Settings) -> dict[str, Source]:
    """The releases that are kept, by release id, oldest first."""
    if (found_in := lake_of(settings)) is not None:
        return {said["release_id"]: lake.Release(found_in, said["snapshot"]) for said in lake.releases(found_in)}
    return dict(_files(settings))


def _files(settings: Settings) -> dict[str, Path]:
    found = sorted(path for path in settings.releases_folder.glob("*") if RELEASE_ID.fullmatch(path.name))
    files = {path.name: path / settings.warehouse_file.name for path in found}
    return {release_id: file for release_id, file in files.items() if file.exists()}  # one of a lake has no file


def pair(settings: Settings, old: str | None, new: str | None) -> tuple[Source, Source]:
    """Two releases, each named by its id, the beginning of its id, or the path of a file.

    Without a name, the new one is the last that is kept and the old one the last before it. Raises `ReleaseError`.
    """
    found = kept(settings)
    files = list(found.values())
    newer = _named(new, found) if new is not None else next(reversed(files), None)
    # A file from elsewhere counts as newer than all that are kept.
    earlier = files[: files.index(newer)] if newer in files else files
    older = _named(old, found) if old is not None else next(reversed(earlier), None)
    if older is None or newer is None:
        raise ReleaseError(f"There are not yet two releases to compare; kept are {', '.join(found) or 'none'}.")
    return older, newer


def _named(name: str, found: dict[str, Source]) -> Source:
    if name.endswith(".duckdb"):
        if not Path(name).is_file():
            raise ReleaseError(f"{name}: no such file.")
        return Path(name)
    files = [file for release_id, file in found.items() if release_id.startswith(name)]
    if len(files) != 1:
        problem = f"{len(files)} releases begin like that" if files else "no release of that id is kept"
        raise ReleaseError(f"{name}: {problem}; kept are {', '.join(found) or 'none'}.")
    return files[0]


def stage(settings: Settings, release: dict[str, Any], file: Path) -> str:
    """Copies a file that is about to be published to where `keep` only has to rename it; returns its hash.

    Beside it go what `release.json` says and its bill of materials.
    """
    aside = stage_beside(settings, release)
    digest = copy(file, aside / settings.warehouse_file.name)
    flush(aside / settings.warehouse_file.name)
    return digest


def stage_beside(settings: Settings, release: dict[str, Any]) -> Path:
    """Lays ready what stands beside a release that is about to be published; returns the folder."""
    from pipelines.warehouse.bill_of_materials import bill_of_materials

    aside = _hidden(settings.releases_folder / release["release_id"])
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    _write_text(aside / BILL, bill_of_materials(settings.packages_file))
    write(aside / "release.json", release)
    return aside


def keep(settings: Settings, release: dict[str, Any]) -> None:
    """Makes all that lies beside the published file agree with it; `release` is what `describe` says of the file.

    `release.json` tells what the file is and the bill of materials what it was made with, a copy of it is among the
    kept releases, and no more are kept than the settings say. May be cut off at any instant and done again.
    """
    write(settings.warehouse_folder / "release.json", release)
    folder = settings.releases_folder / release["release_id"]
    if not folder.exists():
        if not _hidden(folder).exists():
            stage(settings, release, settings.warehouse_file)
        _hidden(folder).rename(folder)
        flush(settings.releases_folder)
    if (bill := folder / BILL).exists():  # releases of earlier versions have none
        _write_text(settings.warehouse_folder / BILL, bill.read_text(encoding="utf-8"))
    others = [file.parent for release_id, file in _files(settings).items() if release_id != release["release_id"]]
    for old in others[: max(len(others) - (settings.keep_releases - 1), 0)]:
        # Out of sight first: a folder is never half a release.
        shutil.rmtree(old.rename(_hidden(old)))


def keep_beside(settings: Settings, found: lake.Lake, release: dict[str, Any]) -> None:
    """The same for a release of a lake, which keeps its tables itself: `release.json` and bills of materials.

    What a night laid ready that was cut off after its release is put in place by the next one. A release works alone,
    so that what others left half written can go.
    """
    for leftover in _never_renamed(settings):
        leftover.unlink(missing_ok=True)
    write(settings.warehouse_folder / "release.json", release)
    ids = {said["release_id"] for said in lake.releases(found)}
    for folder in sorted(settings.releases_folder.glob("*")):
        release_id = folder.name.removeprefix(".")
        # Releases from before there was a lake have files, and stay.
        if not RELEASE_ID.fullmatch(release_id) or (folder / settings.warehouse_file.name).exists():
            continue
        if release_id not in ids:
            shutil.rmtree(folder)
        elif folder.name != release_id:
            folder.rename(settings.releases_folder / release_id)
    flush(settings.releases_folder)
    kept = settings.releases_folder / release["release_id"]
    write(kept / "release.json", release)
    _write_text(settings.warehouse_folder / BILL, (kept / BILL).read_text(encoding="utf-8"))


def recover(settings: Settings) -> None:
    """Clears away what a cut-off night left, and finishes what it began after its file was published."""
    if lake_of(settings) is not None:
        return  # a transaction that was cut off leaves nothing, and other workers may be writing beside this one
    half_written = {
        *settings.warehouse_folder.glob(".warehouse-*"),
        *_never_renamed(settings),
        *settings.report_folder.glob(".*"),
        *settings.publishers_folder.glob("content/*/.*"),
    }
    for leftover in half_written:
        leftover.unlink()
    for leftover in settings.releases_folder.glob(".*"):
        shutil.rmtree(leftover)
    release = describe(settings.warehouse_file)
    if release is not None:
        keep(settings, release)


def _never_renamed(settings: Settings) -> set[Path]:
    """Tables that were being written when a night was cut off."""
    # An object store takes a file whole or not at all.
    local = [folder for folder in (settings.store_folder, settings.kept_folder) if isinstance(folder, Path)]
    return {file for folder in local for file in folder.rglob(".*.writing")}


def copy(source: Path, target: Path) -> str:
    """Copies a file; returns the hash of what was copied."""
    digest = hashlib.sha256()
    with source.open("rb") as content, target.open("wb") as copied:
        while block := content.read(1 << 20):
            digest.update(block)
            copied.write(block)
    return digest.hexdigest()


def flush(path: Path) -> None:
    """Waits until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _hidden(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}")


def write(file: Folder, said: dict[str, Any]) -> None:
    """Writes a small file whole or not at all."""
    _write_text(file, json.dumps(said, indent=2, default=str) + "\n")


def _write_text(file: Folder, text: str) -> None:
    aside = file.with_name(f".{file.name}")
    aside.write_text(text, encoding="utf-8")
    aside.replace(file)
