"""Dagster's history in SQLite: written in bulk during a night, and without growing for ever.

Dagster opens and closes a file for each event that it stores, and SQLite tidies up at each close: over a night of
a few hundred events that takes longer than the night's own work. A night is one process, so it keeps them open, and
stores together what a step tells together. Dagster lets go of old ticks of schedules, but never of a run.

Here: both.
Add here: nothing; if Dagster ever does it itself, this module goes.
Keep out: what is stored, which stays Dagster's own, in its own files.
"""

import datetime as dt
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import _check as check
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationPlanned,
)
from dagster._core.event_api import EventRecordsResult
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, EVENT_TYPE_TO_PIPELINE_RUN_STATUS
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.base import AssetRecord
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from sqlalchemy import Connection, Engine, bindparam, create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.event import listen

# What a step tells of each of its tables and checks. Something else always follows: the step's end.
_TOLD_TOGETHER = {
    dg.DagsterEventType.STEP_OUTPUT,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
}
# Events as they are stored: with their rows and their numbers in the table of all runs.
_Stored = tuple[dg.EventLogEntry, dict[str, Any], int]
_FOUND = AssetCheckExecutionsTable.update().where(
    AssetCheckExecutionsTable.c.asset_key == bindparam("of_asset"),
    AssetCheckExecutionsTable.c.check_name == bindparam("of_check"),
    AssetCheckExecutionsTable.c.run_id == bindparam("of_run"),
    AssetCheckExecutionsTable.c.partition.is_(None),
)
_MIRRORED = ASSET_EVENTS | ASSET_CHECK_EVENTS | EVENT_TYPE_TO_PIPELINE_RUN_STATUS.keys()


@contextmanager
def kept_open(instance: dg.DagsterInstance) -> Iterator[None]:
    """Writes the history of a night in bulk, over connections that stay open; other storage is left as it is."""
    own = instance.event_log_storage
    if not isinstance(own, SqliteEventLogStorage):
        yield
        return
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
    history = History(own._base_dir)
    history._initialized_dbs = own._initialized_dbs
    history._initialized_dbs.add(INDEX_SHARD_NAME)  # the instance made it
    history.register_instance(instance)
    instance._event_storage = history
    try:
        yield
    finally:
        instance._event_storage = own
        history.close()


class History(SqliteEventLogStorage):
    """Dagster's own storage, which it asks for everything but how and when events are written."""

    def __init__(self, base_dir: str) -> None:
        self._engines: dict[str, Engine] = {}
        self._in_transaction: dict[str, Connection] = {}
        self._waiting: list[dg.EventLogEntry] = []
        self._found: dict[str, EventRecordsResult] = {}
        self._records: dict[dg.AssetKey, AssetRecord] = {}
        super().__init__(base_dir)
        self._db_lock = threading.RLock()  # type: ignore[assignment]
        # Asked anew for each event; a table that is there stays, and so do its columns.
        self.has_table = cache(super().has_table)  # type: ignore[method-assign]
        self._columns: dict[str, bool] = {}

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        if column_name not in self._columns:
            self._columns[column_name] = super()._has_asset_key_col_on_connection(conn, column_name)
        return self._columns[column_name]

    def store_event(self, event: dg.EventLogEntry) -> None:
        with self._db_lock:
            self._waiting.append(event)
            if event.dagster_event_type not in _TOLD_TOGETHER:
                self._store_waiting()

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        with self._db_lock:
            self._waiting.extend(events)
            try:
                self._store_waiting()
            except BaseException:
                # Dagster then stores them one by one.
                del self._waiting[-len(events) :]
                raise

    def close(self) -> None:
        with self._db_lock:
            self._store_waiting()
        for engine in self._engines.values():
            engine.dispose()

    def _store_waiting(self) -> None:
        """Stores what waits in one transaction in each file: that of its run, and that of the tables of all runs."""
        if not self._waiting:
            return
        rows = [(event, self._event_to_row(event)) for event in self._waiting]
        with ExitStack() as stack:
            stack.callback(self._in_transaction.clear)
            for shard in sorted({event.run_id for event in self._waiting} | {INDEX_SHARD_NAME}):
                self._in_transaction[shard] = stack.enter_context(self._transaction(shard))
            for run_id in {event.run_id for event in self._waiting}:
                of_run = [row for event, row in rows if event.run_id == run_id]
                self._in_transaction[run_id].execute(SqlEventLogStorageTable.insert(), of_run)
            index = self._in_transaction[INDEX_SHARD_NAME]
            mirrored = [(event, row) for event, row in rows if event.dagster_event_type in _MIRRORED]
            insert = SqlEventLogStorageTable.insert().returning(
                SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
            )
            ids = index.execute(insert, [row for _, row in mirrored]).scalars().all() if mirrored else ()
            stored = [(event, row, event_id) for (event, row), event_id in zip(mirrored, ids, strict=True)]
            self._store_assets(index, [each for each in stored if each[0].dagster_event_type in ASSET_EVENTS])
            self._store_checks(index, [each for each in stored if each[0].dagster_event_type in ASSET_CHECK_EVENTS])
        self._waiting.clear()

    def fetch_materializations(
        self,
        records_filter: dg.AssetKey | dg.AssetRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> EventRecordsResult:
        # Asked for each check of a table, about the table, in the midst of what the step tells.
        asked = repr((records_filter, limit, cursor, ascending))
        with self._db_lock:
            if any(_is_about(event, records_filter) for event in self._waiting):
                self._store_waiting()
            if asked not in self._found:
                with ExitStack() as stack:
                    stack.callback(self._in_transaction.clear)
                    self._in_transaction[INDEX_SHARD_NAME] = stack.enter_context(self._transaction(INDEX_SHARD_NAME))
                    self._found[asked] = super().fetch_materializations(records_filter, limit, cursor, ascending)
            return self._found[asked]

    def get_asset_records(self, asset_keys: Sequence[dg.AssetKey] | None = None) -> Sequence[AssetRecord]:
        # Asked at the beginning of each step, about all that it reads.
        if asset_keys is None:
            return super().get_asset_records()
        with self._db_lock:
            self._store_waiting()
            unknown = [key for key in asset_keys if key not in self._records]
            for record in super().get_asset_records(unknown) if unknown else ():
                self._records[record.asset_entry.asset_key] = record
            return [self._records[key] for key in asset_keys if key in self._records]

    def _store_assets(self, index: Connection, stored: Sequence[_Stored]) -> None:
        events = [event for event, _, _ in stored]
        self._store_asset_event_tags(index, events, [event_id for _, _, event_id in stored])
        has_columns = self._has_asset_key_index_cols_on_connection(index)
        of_assets: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for event, row, event_id in stored:
            if values := self._get_asset_entry_values(event, event_id, has_columns):
                of_assets.setdefault(tuple(values), []).append({"asset_key": row["asset_key"], **values})
        for columns, rows in of_assets.items():
            insert = sqlite.insert(AssetKeyTable)
            later = {column: insert.excluded[column] for column in columns}
            index.execute(insert.on_conflict_do_update(index_elements=["asset_key"], set_=later), rows)
        if stored:
            self._found.clear()
        for event in events:
            self._records.pop(check.not_none(event.get_dagster_event().asset_key), None)

    def _store_checks(self, index: Connection, stored: Sequence[_Stored]) -> None:
        """The planned checks at once, and then what they found; what a night does not have is left to Dagster."""
        planned, found, evaluated = [], [], []
        for event, row, event_id in stored:
            said = event.get_dagster_event().event_specific_data
            of_event = {
                "evaluation_event": row["event"],
                "evaluation_event_timestamp": row["timestamp"],
                "evaluation_event_storage_id": event_id,
            }
            if isinstance(said, AssetCheckEvaluationPlanned) and said.partitions_subset is None:
                key = {"asset_key": said.asset_key.to_string(), "check_name": said.check_name, "run_id": event.run_id}
                planned.append({**key, **of_event, "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value})
            elif isinstance(said, AssetCheckEvaluation) and said.partition is None and event.run_id:
                status = AssetCheckExecutionRecordStatus
                found.append(
                    {
                        **of_event,
                        "of_asset": said.asset_key.to_string(),
                        "of_check": said.check_name,
                        "of_run": event.run_id,
                        "execution_status": (status.SUCCEEDED if said.passed else status.FAILED).value,
                        "materialization_event_storage_id": said.target_materialization_data
                        and said.target_materialization_data.storage_id,
                    }
                )
                evaluated.append((event, event_id))
            else:
                self.store_asset_check_event(event, event_id)
        if planned:
            index.execute(AssetCheckExecutionsTable.insert(), planned)
        if found and index.execute(_FOUND, found).rowcount != len(found):
            for event, event_id in evaluated:  # of a check that was not planned
                self.store_asset_check_event(event, event_id)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if shard in self._in_transaction:
                yield self._in_transaction[shard]
                return
            self._store_waiting()  # who reads, reads all that was told
            with self._transaction(shard) as connection:
                yield connection

    @contextmanager
    def _transaction(self, shard: str) -> Iterator[Connection]:
        if shard not in self._engines:
            self._engines[shard] = create_engine(self.conn_string_for_shard(shard), connect_args={"timeout": 90})
            listen(self._engines[shard], "connect", _wait_less)
        if shard not in self._initialized_dbs:
            self._initdb(self._engines[shard])
            self._initialized_dbs.add(shard)
        with self._engines[shard].connect() as connection, connection.begin():
            yield connection


def _is_about(event: dg.EventLogEntry, asked: dg.AssetKey | dg.AssetRecordsFilter) -> bool:
    """True for a materialization that is among those asked for."""
    if event.dagster_event_type is not dg.DagsterEventType.ASSET_MATERIALIZATION:
        return False
    of_event = event.get_dagster_event()
    if isinstance(asked, dg.AssetKey):
        return of_event.asset_key == asked
    partitions = asked.asset_partitions
    return of_event.asset_key == asked.asset_key and (partitions is None or of_event.partition in partitions)


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
