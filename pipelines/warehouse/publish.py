"""Publishing: build the new file aside, look at it, rename it into place.

Here: the atomic replacement of the warehouse file, and the lock that keeps two nights apart.
Add here: a check that a release must pass as a whole.
Keep out: the content of the tables.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import duckdb

from pipelines.contracts.quality import RELEASES
from pipelines.contracts.table import Table
from pipelines.object_store import Folder
from pipelines.settings import Settings
from pipelines.warehouse import duck, lake, releases
from pipelines.warehouse.store import Store, identity_of


class NightRunning(Exception):
    """Another night is at work on the same warehouse."""


# Folders and lakes that this process holds: the command takes the lock before the run that it starts asks for it.
_held: set[Path | lake.Lake] = set()


@contextmanager
def night_lock(settings: Settings, is_shared: bool = False) -> Iterator[Path | None]:
    """Held by a night from its first to its last write; gives the file of the lock, if it is one.

    is_shared: others may be at work too, each on its own months of a lake. Raises `NightRunning` if another process
    holds it.
    """
    if (found := releases.lake_of(settings)) is not None:
        with _lake_lock(found, is_shared) if found not in _held else nullcontext():
            yield None
        return
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


@contextmanager
def _lake_lock(found: lake.Lake, is_shared: bool) -> Iterator[None]:
    with lake.night_lock(found, is_shared) as is_held:
        if not is_held:
            raise NightRunning("Another night is writing to the lake; wait until it has ended.")
        _held.add(found)
        try:
            yield
        finally:
            _held.remove(found)


def publish(settings: Settings, tables: Sequence[Table], macros: Sequence[str], afresh: bool = False) -> dict[str, Any]:
    """Builds the warehouse from the store and renames it into place; returns what `releases.describe` says of it.

    People see the whole old file or the whole new one. What lies beside it follows (`releases.keep`).
    afresh: the file is built from nothing, and not from a copy of the one that is published.
    """
    if (found := releases.lake_of(settings)) is not None:
        return _publish_in_lake(settings, found, tables, macros)
    aside = settings.warehouse_folder / f".warehouse-{os.getpid()}.duckdb"
    store, note = Store(settings.store_folder), _note(settings)
    holds = _holding(tables, macros, store)
    before = None if afresh else held(settings)
    if before is None or not _renewed(settings.warehouse_file, aside, before, holds, tables, store):
        aside.unlink(missing_ok=True)
        duck.build(aside, tables, macros, store)
    if (log := aside.with_name(aside.name + ".wal")).exists():
        raise RuntimeError(f"{log.name} was left beside the new file; it is not complete, nothing was published.")
    release = releases.describe(aside)
    if release is None:
        raise RuntimeError(f"{aside.name} does not say which release it is; nothing was published.")
    stored = {table.full_name: store.rows(table) for table in tables}
    if release["rows"] != stored:
        astray = sorted(table for table in stored if release["rows"].get(table) != stored[table])
        raise RuntimeError(f"{aside.name} does not hold what was stored of {', '.join(astray)}; nothing was published.")
    holds["sha256"] = releases.stage(settings, release, aside)
    releases.flush(aside)
    # What someone wrote into the old file goes with it: its log would not fit the new one.
    settings.warehouse_file.with_name(settings.warehouse_file.name + ".wal").unlink(missing_ok=True)
    aside.replace(settings.warehouse_file)
    releases.flush(settings.warehouse_folder)
    releases.keep(settings, release)
    releases.write(note, holds | {"release_id": release["release_id"]})
    return release


def _holding(tables: Sequence[Table], macros: Sequence[str], store: Store) -> dict[str, Any]:
    """What a file built now would hold: how it is made, and each table or month of it by its identity."""
    made = [duck.STORAGE_VERSION, duckdb.__version__, *macros]
    made += [statement for table in tables for statement in (table.duckdb_ddl(), *table.duckdb_comments())]
    return {
        "made": identity_of(made),
        "tables": {
            table.full_name: {month: store.month_identity(table, month) for month in store.months(table)}
            if table.is_by_month
            else store.identity(table)
            for table in tables
        },
    }


def held(settings: Settings) -> dict[str, Any] | None:
    """What the published file holds, as `_holding` has it, with its hash and its `release_id`; None if not known."""
    try:
        return dict(json.loads(_note(settings).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def _note(settings: Settings) -> Folder:
    return settings.store_folder / "published.json"


def _renewed(
    current: Path, aside: Path, before: dict[str, Any], holds: dict[str, Any], tables: Sequence[Table], store: Store
) -> bool:
    """Makes the new file from a copy of the current one, in which only what has changed is replaced.

    False where that cannot be, or is not worth it: another program, another file than the one that was published,
    or one that has more free room than content; and where more than half of the months have changed.
    """
    try:
        if before["made"] != holds["made"] or before["tables"].keys() != holds["tables"].keys():
            return False
        changes = {
            table: months
            for table in tables
            if (months := _changed(before["tables"][table.full_name], holds["tables"][table.full_name])) != set()
        }
        by_month = [table for table in tables if table.is_by_month]
        if 2 * sum(len(changes.get(table) or ()) for table in by_month) > sum(len(store.months(t)) for t in by_month):
            return False
        if releases.copy(current, aside) != before["sha256"]:
            return False
    except (OSError, ValueError, KeyError):
        return False
    return duck.renew(aside, changes, store)


def _changed(before: Any, now: Any) -> set[str] | None:
    """The months that differ; None for a table not kept by month that does; none where it is the same."""
    if before == now:
        return set()
    if not isinstance(now, dict) or not isinstance(before, dict):
        return None
    return {month for month in {*before, *now} if before.get(month) != now.get(month)}


def _publish_in_lake(
    settings: Settings, found: lake.Lake, tables: Sequence[Table], macros: Sequence[str]
) -> dict[str, Any]:
    """Months are there already; the small tables follow, and the mark that makes it all a release."""
    store = Store(settings.store_folder)
    (release,) = store.scan(RELEASES).collect().to_dicts()
    by_month = [table for table in tables if table.is_by_month]
    files = {table: str(store.path(table)) for table in tables if not table.is_by_month}
    releases.stage_beside(settings, release)
    release |= {"rows": lake.publish(found, files, lake.parts(store, by_month), release)}
    releases.write(_note(settings), _holding(tables, macros, store) | {"release_id": release["release_id"]})
    lake.keep(found, settings.keep_releases)
    releases.keep_beside(settings, found, release)
    return release
