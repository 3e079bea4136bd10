"""Dagster's history in SQLite: without a new connection for every event, and without growing for ever.

Dagster opens and closes the file for each event that it stores, and SQLite tidies up at each close: over a night of
a few hundred events that takes longer than the night's own work. A night is one process, so it keeps them open.
Dagster lets go of old ticks of schedules, but never of a run.

Here: both.
Add here: nothing; if Dagster ever does it itself, this module goes.
Keep out: what is stored, which stays Dagster's own, in its own files.
"""

import datetime as dt
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.event import listen


@contextmanager
def kept_open(instance: dg.DagsterInstance) -> Iterator[None]:
    """Keeps the connections to the event log open; other kinds of storage are left as they are."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        yield
        return
    engines: dict[str, Engine] = {}
    own, own_has_table = storage._connect, storage.has_table
    # Asked before each result of a check is stored, with a connection of its own; a table that is there stays.
    storage.has_table = cache(own_has_table)  # type: ignore[method-assign]

    in_batch: dict[str, Connection] = {}

    @contextmanager
    def opened(shard: str) -> Iterator[Connection]:
        if shard not in engines:
            engines[shard] = create_engine(storage.conn_string_for_shard(shard), connect_args={"timeout": 90})
            listen(engines[shard], "connect", _wait_less)
        if shard not in storage._initialized_dbs:
            storage._initdb(engines[shard])
            storage._initialized_dbs.add(shard)
        with engines[shard].connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def connect(shard: str) -> Iterator[Connection]:
        if shard in in_batch:
            yield in_batch[shard]
            return
        with storage._db_lock, opened(shard) as connection:
            yield connection

    def store_batch(events: Sequence[dg.EventLogEntry]) -> None:
        """What a run is about to do, which Dagster tells all at once when it begins: in one transaction."""
        with storage._db_lock, ExitStack() as stack:
            stack.callback(in_batch.clear)
            for shard in sorted({event.run_id for event in events} | {INDEX_SHARD_NAME}):
                in_batch[shard] = stack.enter_context(opened(shard))
            for event in events:
                storage.store_event(event)

    storage.store_event_batch = store_batch  # type: ignore[method-assign]
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
    storage._connect = connect  # type: ignore[method-assign]
    try:
        yield
    finally:
        storage._connect, storage.has_table = own, own_has_table  # type: ignore[method-assign]
        del storage.store_event_batch
        for engine in engines.values():
            engine.dispose()


def _wait_less(connection: sqlite3.Connection, _: object) -> None:
    """SQLite waits for the disk at checkpoints rather than at every event; a crash costs the last ones, and no more."""
    connection.execute("PRAGMA synchronous = NORMAL")


def forget_runs(instance: dg.DagsterInstance, keep_days: int) -> None:
    """Deletes the runs that began more than so many days ago, with their events and their logs."""
    before = dt.datetime.now(dt.UTC) - dt.timedelta(days=keep_days)
    for record in instance.get_run_records(dg.RunsFilter(created_before=before)):
        run_id = record.dagster_run.run_id
        instance.delete_run(run_id)
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        storage = instance.event_log_storage
        if isinstance(storage, SqliteEventLogStorage):
            # Dagster empties the file of the run, and leaves it and SQLite's own beside it.
            emptied = Path(storage.path_for_shard(run_id))
            for file in emptied.parent.glob(f"{emptied.name}*"):
                file.unlink()
            storage._initialized_dbs.discard(run_id)
