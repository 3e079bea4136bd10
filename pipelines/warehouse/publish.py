"""Publishing: build the new file aside, look at it, rename it into place.

Here: the atomic replacement of the warehouse file, and the lock that keeps two nights apart.
Add here: a check that a release must pass as a whole.
Keep out: the content of the tables.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.contracts.table import Table
from pipelines.settings import Settings
from pipelines.warehouse import duck, releases
from pipelines.warehouse.store import Store


class NightRunning(Exception):
    """Another night is at work on the same warehouse."""


# Folders that this process holds: the command takes the lock before the run that it starts asks for it.
_held: set[Path] = set()


@contextmanager
def night_lock(settings: Settings) -> Iterator[Path]:
    """Held by a night from its first to its last write; gives the file of the lock.

    Raises `NightRunning` if another process holds it.
    """
    file = settings.warehouse_folder / ".night.lock"
    if settings.warehouse_folder in _held:
        yield file
        return
    settings.warehouse_folder.mkdir(parents=True, exist_ok=True)
    with file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NightRunning(
                f"Another night is writing to {settings.warehouse_folder}; wait until it has ended."
            ) from error
        _held.add(settings.warehouse_folder)
        try:
            # The system drops the lock with the process, so a killed night leaves none behind.
            yield file
        finally:
            _held.remove(settings.warehouse_folder)


def publish(settings: Settings, tables: Iterable[Table], macros: Iterable[str]) -> dict[str, Any]:
    """Builds the warehouse from the store and renames it into place; returns what `releases.describe` says of it.

    People see the whole old file or the whole new one. What lies beside it follows (`releases.keep`).
    """
    aside = settings.warehouse_folder / f".warehouse-{os.getpid()}.duckdb"
    duck.build(aside, tables, macros, Store(settings.store_folder))
    if (log := aside.with_name(aside.name + ".wal")).exists():
        raise RuntimeError(f"{log.name} was left beside the new file; it is not complete, nothing was published.")
    release = releases.describe(aside)
    if release is None:
        raise RuntimeError(f"{aside.name} does not say which release it is; nothing was published.")
    releases.stage(settings, release, aside)
    releases.flush(aside)
    # What someone wrote into the old file goes with it: its log would not fit the new one.
    settings.warehouse_file.with_name(settings.warehouse_file.name + ".wal").unlink(missing_ok=True)
    aside.replace(settings.warehouse_file)
    releases.flush(settings.warehouse_folder)
    releases.keep(settings, release)
    return release
