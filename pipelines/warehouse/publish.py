"""Publishing: build the new file aside, look at it, rename it into place.

Here: the atomic replacement of the warehouse file, and the lock that keeps two nights apart.
Add here: a check that a release must pass as a whole.
Keep out: the content of the tables.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.contracts.table import Table
from pipelines.settings import Settings
from pipelines.warehouse import duck
from pipelines.warehouse.store import Store


class NightRunning(Exception):
    """Another night is at work on the same warehouse."""


# Folders that this process holds: the command takes the lock before the run that it starts asks for it.
_held: set[Path] = set()


@contextmanager
def night_lock(settings: Settings) -> Iterator[None]:
    """Held by a night from its first to its last write. Raises `NightRunning` if another process holds it."""
    if settings.warehouse_folder in _held:
        yield
        return
    settings.warehouse_folder.mkdir(parents=True, exist_ok=True)
    with (settings.warehouse_folder / ".night.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NightRunning(
                f"Another night is writing to {settings.warehouse_folder}; wait until it has ended."
            ) from error
        _held.add(settings.warehouse_folder)
        try:
            # The system drops the lock with the process, so a killed night leaves none behind.
            yield
        finally:
            _held.remove(settings.warehouse_folder)


def publish(
    settings: Settings, tables: Iterable[Table], macros: Iterable[str], release: dict[str, Any]
) -> dict[str, int]:
    """Builds the warehouse from the store and renames it into place; returns the rows of each table.

    People see the whole old file or the whole new one. `release` is written beside it as `release.json`.
    """
    folder = settings.warehouse_folder
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".warehouse-*"):
        leftover.unlink()
    aside = folder / f".warehouse-{os.getpid()}.duckdb"
    rows = duck.build(aside, tables, macros, Store(settings.store_folder))
    if (log := aside.with_name(aside.name + ".wal")).exists():
        raise RuntimeError(f"{log.name} was left beside the new file; it is not complete, nothing was published.")
    _flush(aside)
    # What someone wrote into the old file goes with it: its log would not fit the new one.
    settings.warehouse_file.with_name(settings.warehouse_file.name + ".wal").unlink(missing_ok=True)
    aside.replace(settings.warehouse_file)
    _write_release(folder / "release.json", release | {"rows": rows})
    _flush(folder)
    return rows


def _write_release(file: Path, release: dict[str, Any]) -> None:
    aside = file.with_name(f".{file.name}")
    aside.write_text(json.dumps(release, indent=2, default=str) + "\n", encoding="utf-8")
    aside.replace(file)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
