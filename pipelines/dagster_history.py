"""Dagster's history in SQLite, without a new connection for every event.

Dagster opens and closes the file for each event that it stores, and SQLite tidies up at each close: over a night of
a few hundred events that takes longer than the night's own work. A night is one process, so it keeps them open.

Here: that, for the length of a run.
Add here: nothing; if Dagster ever pools its connections itself, this module goes.
Keep out: what is stored, which stays Dagster's own, in its own files.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from sqlalchemy import Connection, Engine, create_engine


@contextmanager
def kept_open(instance: dg.DagsterInstance) -> Iterator[None]:
    """Keeps the connections to the event log open; other kinds of storage are left as they are."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        yield
        return
    engines: dict[str, Engine] = {}

    @contextmanager
    def connect(shard: str) -> Iterator[Connection]:
        with storage._db_lock:
            if shard not in engines:
                engines[shard] = create_engine(storage.conn_string_for_shard(shard), connect_args={"timeout": 90})
            if shard not in storage._initialized_dbs:
                storage._initdb(engines[shard])
                storage._initialized_dbs.add(shard)
            with engines[shard].connect() as connection, connection.begin():
                yield connection

    own = storage._connect
    storage._connect = connect  # type: ignore[method-assign]
    try:
        yield
    finally:
        storage._connect = own  # type: ignore[method-assign]
        for engine in engines.values():
            engine.dispose()
