"""DuckLake as the warehouse: a PostgreSQL catalog and Parquet files on a shared path or in an S3-compatible store.

Here: attaching it for reading and for writing, its tables, months replaced by several writers at once, releases as
marked snapshots, and letting go of old ones.
Add here: nothing about one table.
Keep out: secrets. Those of PostgreSQL (`PGPASSWORD`, a password file) are read by its own library; those of the store
(`AWS_...`) go from the environment to DuckDB as parameters, and stand in no text that could be shown.
"""

import json
import os
import random
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import duckdb
import polars as pl

from pipelines.contracts.table import Column, Table, duckdb_type, sql_literal
from pipelines.errors import UserError
from pipelines.object_store import SCHEME, folder
from pipelines.warehouse import extensions
from pipelines.warehouse.store import Store, pattern_of

NAME = "warehouse"
# What a table of cargoes has more here than in a single file.
MONTH = Column(
    "partition_month",
    pl.String(),
    "month of the first possible loading day, YYYY-MM; the table is partitioned by it",
    required=True,
)
MONTHS = Table(
    "quality",
    "lake_months",
    "one row per table that is kept by month, and month: what stands in the lake, and what it was made from",
    (
        Column("table_name", pl.String(), "table", required=True),
        MONTH,
        Column("identity", pl.String(), "the same for the same content", required=True),
        Column("rows", pl.Int64(), "rows of the month", required=True),
    ),
    key=("table_name", MONTH.name),
)
# Months are replaced together up to so many rows, so that many small ones cost few commits.
_ROWS_AT_ONCE = 1_000_000
# Two writers that commit at the same instant: DuckLake tries again by itself, then so do we.
_RETRIES_OF_DUCKLAKE = 20
_ATTEMPTS = 6
# The session that holds the lock of nights says nothing for hours: in seconds, and times.
_KEPT_ALIVE = {"keepalives": 1, "keepalives_idle": 60, "keepalives_interval": 15, "keepalives_count": 4}
# A reader that opened a release before it was let go of may still be at work on its files.
_GRACE = "1 day"
# Parquet files that no commit knows: left by a writer that was killed. One at work has not committed its own yet.
_ORPHANED_AFTER = "2 days"
# How DuckLake names what it writes, below the folder of the lake.
_OF_DUCKLAKE = re.compile(
    rf"\w+/\w+/({MONTH.name}=[^/]+/)?ducklake-[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}(-delete)?\.parquet"
)


class LakeError(UserError):
    """The lake cannot be used; one sentence says what to do."""


@dataclass(frozen=True)
class Lake:
    """A DuckLake. catalog: a PostgreSQL connection string without secrets; data: a folder or `s3://bucket/prefix`."""

    catalog: str
    data: str

    def __str__(self) -> str:
        return f"ducklake:postgres:{self.catalog}"


@dataclass(frozen=True)
class Release:
    """A published state of a lake. version: its snapshot; None: of the release that is current when it is opened."""

    lake: Lake
    version: int | None = None

    def __str__(self) -> str:
        return f"{self.lake} at snapshot {self.version}" if self.version else str(self.lake)

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self)

    def exists(self) -> bool:
        """Whether something has been published. Raises `LakeError` where the catalog cannot be asked."""
        return self.version is not None or bool(releases(self.lake))


def attach_release(connection: duckdb.DuckDBPyConnection, release: Release, name: str) -> None:
    """Attaches a release to a connection of `opened`. Raises `LakeError`."""
    version = release.version
    if version is None:
        published = _releases(connection, release.lake)
        if not published:
            raise LakeError("There is no published release in the lake yet; run: plimsoll nightly")
        version = published[-1]["snapshot"]
    _attach(connection, release.lake, name, f"READ_ONLY, CREATE_IF_NOT_EXISTS false, SNAPSHOT_VERSION {version}")


def allowed_folders(*lakes: Lake) -> str:
    """The setting that lets a connection without access to files read those of these lakes."""
    folders = sorted({f"{lake.data.rstrip('/')}/" for lake in lakes})
    return f"SET allowed_directories = [{', '.join(map(sql_literal, folders))}]"


@contextmanager
def writing(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake as the database in use, to be written. Raises `LakeError`."""
    with opened(lake) as connection:
        _attach(connection, lake, NAME, "DATA_INLINING_ROW_LIMIT 0")
        connection.execute(f"USE {NAME}")
        yield connection


def releases(lake: Lake) -> list[dict[str, Any]]:
    """What is said of each published release that is kept, with its `snapshot`, the oldest first.

    Raises `LakeError` where the catalog cannot be asked.
    """
    with opened(lake) as connection:
        return _releases(connection, lake)


def _releases(connection: duckdb.DuckDBPyConnection, lake: Lake) -> list[dict[str, Any]]:
    try:
        _attach(connection, lake, "head", "READ_ONLY, CREATE_IF_NOT_EXISTS false")
    except LakeError:
        if not _has_catalog(connection, lake):
            return []
        raise
    rows = connection.execute(
        "SELECT snapshot_id, commit_extra_info FROM head.snapshots() "
        "WHERE commit_extra_info IS NOT NULL ORDER BY snapshot_id"
    ).fetchall()
    connection.execute("DETACH head")
    marked = [(snapshot, json.loads(said)) for snapshot, said in rows]
    return [said | {"snapshot": snapshot} for snapshot, said in marked if "release_id" in said]


def prepare(lake: Lake, tables: Iterable[Table], macros: Iterable[str]) -> None:
    """Makes the tables, comments and macros that the lake lacks; a table of another shape is made anew, empty.

    To be called by one process, before any writes months.
    """

    def make(connection: duckdb.DuckDBPyConnection) -> None:
        have = _shapes(connection)
        wanted = [*tables, MONTHS]
        for schema in {table.schema for table in wanted}:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        for table in wanted:
            shape = _shape(table)
            if have.get(table.full_name) == shape:
                continue
            connection.execute(f"DROP TABLE IF EXISTS {table.full_name}")
            columns = ", ".join(f'"{name}" {kind}{required}' for name, kind, required in shape)
            connection.execute(f"CREATE TABLE {table.full_name} ({columns})")
            for comment in table.duckdb_comments():
                connection.execute(comment)
            if MONTH.name in [name for name, *_ in shape]:
                connection.execute(f"ALTER TABLE {table.full_name} SET PARTITIONED BY ({MONTH.name})")
                connection.execute(
                    f"COMMENT ON COLUMN {table.full_name}.{MONTH.name} IS {sql_literal(MONTH.described)}"
                )
            if table.full_name in have and table.is_by_month:
                connection.execute(f"DELETE FROM {MONTHS.full_name} WHERE table_name = ?", [table.full_name])
        for macro in macros:
            # DuckLake has no comments on macros.
            if not macro.startswith("COMMENT"):
                connection.execute(macro.replace("CREATE MACRO", "CREATE OR REPLACE MACRO", 1))

    with writing(lake) as connection:
        _transaction(lake, connection, make)


@dataclass(frozen=True)
class Part:
    """A month of a table as it is stored. identity: the same for the same content, as far as the store knows.

    file: named by the month.
    """

    table: Table
    month: str
    file: str
    identity: str

    @property
    def place(self) -> tuple[str, str]:
        """Where it stands in the lake."""
        return self.table.full_name, self.month


def parts(store: Store, tables: Iterable[Table]) -> list[Part]:
    """The months of tables that a store holds."""
    return [
        Part(table, month, str(store.path(table, month)), store.month_identity(table, month))
        for table in tables
        for month in store.months(table)
    ]


def replace_months(lake: Lake, stored: Iterable[Part], note: str) -> dict[str, int]:
    """Brings months of tables about cargoes up to what is stored; returns the rows that were written, by month.

    A month is replaced in one transaction with all its tables, together with others if they are small. Other
    processes may replace other months at the same time. A part that the lake holds already is left alone; one that it
    holds twice, because two processes wrote the same month, is written anew. note: what the commits say of themselves.
    """
    written: dict[str, int] = {}
    stored = list(stored)
    with writing(lake) as connection:
        held = _held(connection, stored)
        stale = [part for part in stored if held.get(part.place) != part.identity]
        rows = _rows(connection, stale)
        for batch in _batches(stale, rows):
            for part in _transaction(lake, connection, partial(_replace, parts=batch, rows=rows, note=note)):
                written[part.month] = written.get(part.month, 0) + rows[part.file]
    return written


def _batches(parts: Iterable[Part], rows: Mapping[str, int]) -> Iterator[list[Part]]:
    """The parts of each month together, small months together."""
    by_month: dict[str, list[Part]] = {}
    for part in parts:
        by_month.setdefault(part.month, []).append(part)
    batch: list[Part] = []
    for month in sorted(by_month):
        if batch and sum(rows[part.file] for part in [*batch, *by_month[month]]) > _ROWS_AT_ONCE:
            yield batch
            batch = []
        batch = batch + by_month[month]
    if batch:
        yield batch


def _replace(
    connection: duckdb.DuckDBPyConnection, parts: Sequence[Part], rows: Mapping[str, int], note: str
) -> list[Part]:
    """Writes parts; returns them without those that another writer brought up to date meanwhile."""
    held = _held(connection, parts)
    stale = [part for part in parts if held.get(part.place) != part.identity]
    if not stale:
        return []
    _drop(connection, [part.place for part in stale if part.place in held])
    for table, of_table in _by_table(stale).items():
        if files := [pattern_of(part.file) for part in of_table if rows[part.file]]:
            columns = _columns(table)
            connection.execute(
                f"INSERT INTO {table.full_name} ({columns}, {MONTH.name}) "
                f"SELECT {columns}, parse_filename(filename, true) FROM read_parquet(?, filename => true)",
                [files],
            )
    values = ", ".join(
        f"({sql_literal(part.table.full_name)}, '{part.month}', '{part.identity}', {rows[part.file]})" for part in stale
    )
    connection.execute(f"INSERT INTO {MONTHS.full_name} VALUES {values}")
    _say(connection, f"{stale[0].month}..{stale[-1].month}: {note}")
    return stale


def _rows(connection: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> dict[str, int]:
    """The rows of each file."""
    rows = dict.fromkeys((part.file for part in parts), 0)
    for files in _by_table(parts).values():
        sql = "SELECT filename, count(*) FROM read_parquet(?, filename => true) GROUP BY ALL"
        rows |= dict(connection.execute(sql, [[pattern_of(part.file) for part in files]]).fetchall())
    return rows


def _by_table(parts: Iterable[Part]) -> dict[Table, list[Part]]:
    found: dict[Table, list[Part]] = {}
    for part in parts:
        found.setdefault(part.table, []).append(part)
    return found


def _drop(connection: duckdb.DuckDBPyConnection, places: Iterable[tuple[str, str]]) -> None:
    """Deletes months of tables."""
    by_table: dict[str, list[str]] = {}
    for table, month in places:
        by_table.setdefault(table, []).append(month)
    for table, months in by_table.items():
        # Written out, so that files of other months are not looked at.
        these = f"{MONTH.name} IN ({', '.join(map(sql_literal, months))})"
        connection.execute(f"DELETE FROM {table} WHERE {these}")
        connection.execute(f"DELETE FROM {MONTHS.full_name} WHERE table_name = ? AND {these}", [table])


def publish(
    lake: Lake, files: Mapping[Table, str], stored: Collection[Part], release: Mapping[str, Any]
) -> dict[str, int]:
    """Writes the small tables and marks the snapshot as a release, in one transaction; returns the rows of each table.

    files: of each table that is not kept by month. stored: all months of all others; a month that is not among them is
    let go. release: what the mark says. Raises `LakeError` if the lake does not hold all of them; nothing is published
    then.
    """

    def write(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
        wanted = {part.place: part.identity for part in stored}
        held = _held(connection, stored, all_months=True)
        _drop(connection, held.keys() - wanted.keys())
        if missing := sorted(key for key, identity in wanted.items() if held.get(key) != identity):
            name, month = missing[0]
            raise LakeError(
                f"The lake lacks {month} of {name} as it is stored, and {len(missing) - 1} more; "
                "nothing was published. Run the night again."
            )
        rows = {table.full_name: _count(connection, table.full_name) for table in _by_table(stored)}
        for table, file in files.items():
            rows[table.full_name] = _renew(connection, table, file)
        _say(connection, f"release {release['release_id']}", json.dumps(dict(release), default=str))
        return rows

    with writing(lake) as connection:
        rows: dict[str, int] = _transaction(lake, connection, write)
        newest = connection.execute(
            f"SELECT commit_extra_info FROM {NAME}.snapshots() ORDER BY snapshot_id DESC LIMIT 1"
        ).fetchall()
    if release["release_id"] not in str(newest):
        # A commit without any change makes no snapshot; a release's own row always changes.
        raise LakeError(f"Release {release['release_id']} changed nothing, so that the lake did not take its mark.")
    return rows


def _held(
    connection: duckdb.DuckDBPyConnection, parts: Collection[Part], all_months: bool = False
) -> dict[tuple[str, str], str | None]:
    """The identity of each table and month in the lake; None where its mark and its rows do not agree.

    DuckLake sees no conflict between two writers that add the same new month: both are there then, with a mark each.
    all_months: also others than those of the parts, of other tables too.
    """
    marks = f"SELECT table_name, {MONTH.name}, count(*), any_value(identity), any_value(rows) FROM {MONTHS.full_name}"
    # Written out, so that files of other months are not looked at.
    these = "true" if all_months else f"{MONTH.name} IN ({', '.join({sql_literal(p.month) for p in parts}) or 'NULL'})"
    marked = connection.execute(f"{marks} WHERE {these} GROUP BY ALL").fetchall()
    rows: dict[tuple[str, str], int] = {}
    for table in {name for name, *_ in marked} | {part.table.full_name for part in parts}:
        sql = f"SELECT {MONTH.name}, count(*) FROM {table} WHERE {these} GROUP BY ALL"
        rows |= {(table, month): found for month, found in connection.execute(sql).fetchall()}
    held: dict[tuple[str, str], str | None] = dict.fromkeys(rows)
    for table, month, writers, identity, written in marked:
        is_as_written = writers == 1 and rows.get((table, month), 0) == written
        held[table, month] = identity if is_as_written else None
    return held


def keep(lake: Lake, count: int) -> None:
    """Lets go of all snapshots but those of the last `count` releases, and of files that none of these needs."""
    kept = {release["snapshot"] for release in releases(lake)[-count:]}
    with writing(lake) as connection:
        found = connection.execute(f"SELECT snapshot_id FROM {NAME}.snapshots() ORDER BY 1").fetchall()
        # What is newer than the last release is being written; the newest of all cannot go.
        expired = [snapshot for (snapshot,) in found if snapshot not in kept and snapshot < max(kept, default=0)]
        if expired:
            connection.execute(f"CALL ducklake_expire_snapshots('{NAME}', versions => {expired})")
        connection.execute(f"CALL ducklake_cleanup_old_files('{NAME}', older_than => now() - INTERVAL '{_GRACE}')")
        _delete_orphans(connection, lake)


def _delete_orphans(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Deletes old Parquet files that the catalog does not know, and of these only such as DuckLake has written.

    DuckLake's own way deletes every Parquet file below the folder, whoever put it there.
    """
    orphans = connection.execute(
        f"CALL ducklake_delete_orphaned_files('{NAME}', older_than => now() - INTERVAL '{_ORPHANED_AFTER}', "
        "dry_run => true)"
    ).fetchall()
    root = f"{lake.data.rstrip('/')}/"
    for (file,) in orphans:
        if file.startswith(root) and _OF_DUCKLAKE.fullmatch(file.removeprefix(root)):
            folder(file).unlink(missing_ok=True)


# Of lakes whose lock this process holds: the session of PostgreSQL with which the lock stands and falls.
_sessions: dict[Lake, Any] = {}


@contextmanager
def night_lock(lake: Lake, is_shared: bool, wait_s: float = 30) -> Iterator[bool]:
    """Tells whether this process holds the lake's lock of nights in the block; the lock falls with the process.

    is_shared: others may hold it too, if they also share it. wait_s: how long to wait for those who do not. If the lock
    is lost within the block, nothing more is written into the lake.
    """
    import psycopg2

    function = "pg_try_advisory_lock_shared" if is_shared else "pg_try_advisory_lock"
    try:
        connection = psycopg2.connect(lake.catalog, **_KEPT_ALIVE)
    except psycopg2.OperationalError as error:
        raise LakeError(f"The catalog of the lake cannot be asked: {' '.join(str(error).split())}") from error
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            # The server's side of the same: the lock of a machine that is gone falls in minutes, not in hours.
            for name, seconds in _KEPT_ALIVE.items():
                if name != "keepalives":
                    cursor.execute(f"SET tcp_{name} = {seconds}")
            if connection.server_version >= 140_000:
                cursor.execute("SET idle_session_timeout = 0")
        until = time.monotonic() + wait_s
        while True:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT {function}(hashtext('plimsoll night'))")
                (is_held,) = cursor.fetchone()
            if is_held or time.monotonic() > until:
                break
            time.sleep(0.5)
        if is_held:
            _sessions[lake] = connection
        yield bool(is_held)
    finally:
        if _sessions.get(lake) is connection:
            del _sessions[lake]
        connection.close()


def _require_lock(lake: Lake) -> None:
    """Raises `LakeError` if this process had the lock of nights and has lost it."""
    import psycopg2

    if lake not in _sessions:
        return  # not a night's work
    try:
        with _sessions[lake].cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        raise LakeError(
            "The connection that held the lake's lock of nights is lost, so that another night may be at work; nothing "
            f"more was written. Run the night again. ({' '.join(str(error).split())})"
        ) from error


def _transaction(
    lake: Lake, connection: duckdb.DuckDBPyConnection, work: Callable[[duckdb.DuckDBPyConnection], Any]
) -> Any:
    """Runs `work` in a transaction, and again if another writer was first."""
    for attempt in count(1):
        connection.execute("BEGIN")
        try:
            result = work(connection)
            _require_lock(lake)
            connection.execute("COMMIT")
        except BaseException as error:
            with suppress(duckdb.Error):  # a failed commit has ended the transaction by itself
                connection.execute("ROLLBACK")
            if attempt == _ATTEMPTS or not _is_conflict(error):
                raise
            time.sleep(random.uniform(0, 0.2 * 2**attempt))
        else:
            return result


def _is_conflict(error: BaseException) -> bool:
    return isinstance(error, duckdb.TransactionException) or (
        isinstance(error, duckdb.Error) and "conflict" in str(error).lower()
    )


def _renew(connection: duckdb.DuckDBPyConnection, table: Table, file: str) -> int:
    """Replaces a small table, unless it holds the same rows already: then no new file is written for it."""
    columns = _columns(table)
    stored = f"SELECT {columns} FROM read_parquet({sql_literal(pattern_of(file))})"
    held = f"SELECT {columns} FROM {table.full_name}"
    ((differing,),) = connection.execute(
        f"SELECT EXISTS ((({stored}) EXCEPT ALL ({held})) UNION ALL (({held}) EXCEPT ALL ({stored})))"
    ).fetchall()
    if differing:
        connection.execute(f"DELETE FROM {table.full_name}")
        connection.execute(f"INSERT INTO {table.full_name} ({columns}) {stored}")
    return _count(connection, table.full_name)


def _say(connection: duckdb.DuckDBPyConnection, message: str, extra: str | None = None) -> None:
    connection.execute(
        f"CALL {NAME}.set_commit_message('plimsoll', {sql_literal(message)}"
        + (f", extra_info => {sql_literal(extra)})" if extra else ")")
    )


def _shape(table: Table) -> list[tuple[str, str, str]]:
    """Name, type and NOT NULL of each column. Checks are made on the way: DuckLake has no CHECK and no key."""
    columns = [*table.columns, MONTH] if table.is_by_month else table.columns
    return [(column.name, duckdb_type(column.dtype), " NOT NULL" if column.required else "") for column in columns]


def _shapes(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[str, str, str]]]:
    shapes: dict[str, list[tuple[str, str, str]]] = {}
    for schema, table, *column, nullable in connection.execute(
        "SELECT schema_name, table_name, column_name, data_type, is_nullable FROM duckdb_columns() "
        "WHERE database_name = current_database() ORDER BY schema_name, table_name, column_index"
    ).fetchall():
        name, kind = column
        kind = kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")
        shapes.setdefault(f"{schema}.{table}", []).append((name, kind, "" if nullable else " NOT NULL"))
    return shapes


def _columns(table: Table) -> str:
    return ", ".join(f'"{column.name}"' for column in table.columns)


def _count(connection: duckdb.DuckDBPyConnection, what: str) -> int:
    ((rows,),) = connection.execute(f"SELECT count(*) FROM {what}").fetchall()
    return int(rows)


@contextmanager
def opened(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory that knows DuckLake, PostgreSQL and the store."""
    connection = duckdb.connect(":memory:")
    try:
        extensions.load(connection, "postgres_scanner", "ducklake")
        # The files that are read into a lake may lie in a store also where the lake does not.
        if lake.data.startswith(SCHEME) or os.environ.get("AWS_ACCESS_KEY_ID"):
            extensions.let_into_store(connection)
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"SET ducklake_max_retry_count = {_RETRIES_OF_DUCKLAKE}")
        yield connection
    finally:
        connection.close()


def _attach(connection: duckdb.DuckDBPyConnection, lake: Lake, name: str, options: str) -> None:
    try:
        connection.execute(f"ATTACH {sql_literal(str(lake))} AS {name} (DATA_PATH {sql_literal(lake.data)}, {options})")
    except duckdb.Error as error:
        raise LakeError(f"The lake cannot be opened: {' '.join(str(error).split())}") from error


def _has_catalog(connection: duckdb.DuckDBPyConnection, lake: Lake) -> bool:
    """Whether the database holds a lake's catalog. Raises `LakeError` where the database cannot be asked."""
    try:
        connection.execute(f"ATTACH {sql_literal(lake.catalog)} AS catalog (TYPE postgres, READ_ONLY)")
        ((tables,),) = connection.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'catalog' AND table_name = 'ducklake_snapshot'"
        ).fetchall()
    except duckdb.Error as error:
        raise LakeError(f"The catalog of the lake cannot be asked: {' '.join(str(error).split())}") from error
    return bool(tables)
