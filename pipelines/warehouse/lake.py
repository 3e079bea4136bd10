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
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import polars as pl

from pipelines.contracts.table import Column, Table, duckdb_type, sql_literal
from pipelines.errors import UserError

NAME = "warehouse"
EXTENSIONS = ("httpfs", "postgres_scanner", "ducklake")
# What a table of cargoes has more here than in a single file.
MONTH = Column(
    "loading_month",
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
# Two writers that commit at the same instant: DuckLake tries again by itself, then so do we.
_RETRIES_OF_DUCKLAKE = 20
_ATTEMPTS = 6
# A reader that opened a release before it was let go of may still be at work on its files.
_GRACE = "1 day"
# Parquet files that no commit knows: left by a writer that was killed. One at work has not committed its own yet.
_ORPHANED_AFTER = "2 days"


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
            if not macro.startswith("COMMENT"):  # DuckLake has no comments on macros
                connection.execute(macro.replace("CREATE MACRO", "CREATE OR REPLACE MACRO", 1))

    with writing(lake) as connection:
        _transaction(connection, make)


@dataclass(frozen=True)
class Part:
    """A month of a table as it is stored. identity: the same for the same content, as far as the store knows."""

    table: Table
    month: str
    file: str
    identity: str


def replace_months(lake: Lake, parts: Iterable[Part], note: str) -> dict[str, int]:
    """Brings months of tables about cargoes up to what is stored; returns the rows that were written, by month.

    Each month is one transaction. Other processes may replace other months at the same time. A part that the lake
    holds already is left alone. note: what the commits say of themselves.
    """
    written = {}
    with writing(lake) as connection:
        held = _held(connection)
        stale: dict[str, list[Part]] = {}
        for part in parts:
            if held.get((part.table.full_name, part.month)) != part.identity:
                stale.setdefault(part.month, []).append(part)
        for month, changed in stale.items():
            written[month] = _transaction(connection, partial(_replace_month, month=month, parts=changed, note=note))
    return written


def _replace_month(connection: duckdb.DuckDBPyConnection, month: str, parts: Sequence[Part], note: str) -> int:
    names = [part.table.full_name for part in parts]
    connection.execute(
        f"DELETE FROM {MONTHS.full_name} WHERE {MONTH.name} = ? AND table_name IN (SELECT unnest(?))", [month, names]
    )
    rows = 0
    for part in parts:
        name, columns = part.table.full_name, _columns(part.table)
        connection.execute(f"DELETE FROM {name} WHERE {MONTH.name} = ?", [month])
        ((inserted,),) = connection.execute(
            f"INSERT INTO {name} ({columns}, {MONTH.name}) SELECT {columns}, ? FROM read_parquet(?)", [month, part.file]
        ).fetchall()
        connection.execute(
            f"INSERT INTO {MONTHS.full_name} VALUES (?, ?, ?, ?)", [name, month, part.identity, inserted]
        )
        rows += inserted
    _say(connection, f"{month}: {note}")
    return rows


def publish(
    lake: Lake, files: Mapping[Table, str], parts: Collection[Part], release: Mapping[str, Any]
) -> dict[str, int]:
    """Writes the small tables and marks the snapshot as a release, in one transaction; returns the rows of each table.

    files: of each table that is not kept by month. parts: all months of all others; a month that is not among them is
    let go. release: what the mark says. Raises `LakeError` if the lake does not hold all parts; nothing is published
    then.
    """

    def write(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
        wanted = {(part.table.full_name, part.month): part.identity for part in parts}
        held = _held(connection)
        for name, month in held.keys() - wanted.keys():
            connection.execute(f"DELETE FROM {name} WHERE {MONTH.name} = ?", [month])
            connection.execute(
                f"DELETE FROM {MONTHS.full_name} WHERE table_name = ? AND {MONTH.name} = ?", [name, month]
            )
        if missing := sorted(key for key, identity in wanted.items() if held.get(key) != identity):
            name, month = missing[0]
            raise LakeError(
                f"The lake lacks {month} of {name} as it is stored, and {len(missing) - 1} more; "
                "nothing was published. Run the night again."
            )
        rows = _rows_by_month(connection, {part.table for part in parts})
        for table, file in files.items():
            rows[table.full_name] = _replace(connection, table, file)
        _say(connection, f"release {release['release_id']}", json.dumps(dict(release), default=str))
        return rows

    with writing(lake) as connection:
        rows: dict[str, int] = _transaction(connection, write)
        newest = connection.execute(
            f"SELECT commit_extra_info FROM {NAME}.snapshots() ORDER BY snapshot_id DESC LIMIT 1"
        ).fetchall()
    if release["release_id"] not in str(newest):
        # A commit without any change makes no snapshot; a release's own row always changes.
        raise LakeError(f"Release {release['release_id']} changed nothing, so that the lake did not take its mark.")
    return rows


def _held(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str]:
    """The identity of each table and month in the lake."""
    found = connection.execute(f"SELECT table_name, {MONTH.name}, identity FROM {MONTHS.full_name}").fetchall()
    return {(name, month): identity for name, month, identity in found}


def _rows_by_month(connection: duckdb.DuckDBPyConnection, tables: Iterable[Table]) -> dict[str, int]:
    """The rows of tables kept by month. Raises `LakeError` where they are not those that were written."""
    rows = {}
    for table in tables:
        differing = connection.execute(
            f"""
            SELECT coalesce(t.month, m.month), coalesce(t.rows, 0), coalesce(m.rows, 0)
            FROM (SELECT {MONTH.name} AS month, count(*) AS rows FROM {table.full_name} GROUP BY ALL) AS t
            FULL JOIN (
                SELECT {MONTH.name} AS month, rows FROM {MONTHS.full_name} WHERE table_name = ? AND rows > 0
            ) AS m ON t.month = m.month
            WHERE t.rows IS DISTINCT FROM m.rows ORDER BY 1
            """,
            [table.full_name],
        ).fetchall()
        if differing:
            month, found, expected = differing[0]
            raise LakeError(
                f"{table.full_name} holds {found:,} rows of {month}, {expected:,} were written; nothing was published."
            )
        rows[table.full_name] = _count(connection, table.full_name)
    return rows


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
        connection.execute(
            f"CALL ducklake_delete_orphaned_files('{NAME}', older_than => now() - INTERVAL '{_ORPHANED_AFTER}')"
        )


@contextmanager
def night_lock(lake: Lake) -> Iterator[bool]:
    """Tells whether this process holds the lake's lock of a night, in the block; it falls with the process."""
    import psycopg2

    connection = psycopg2.connect(lake.catalog)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(hashtext('plimsoll night'))")
            (is_held,) = cursor.fetchone()
        yield bool(is_held)
    finally:
        connection.close()


def _transaction(connection: duckdb.DuckDBPyConnection, work: Callable[[duckdb.DuckDBPyConnection], Any]) -> Any:
    """Runs `work` in a transaction, and again if another writer was first."""
    for attempt in count(1):
        connection.execute("BEGIN")
        try:
            result = work(connection)
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


def _replace(connection: duckdb.DuckDBPyConnection, table: Table, file: str) -> int:
    """Replaces a small table, unless it holds the same rows already: then no new file is written for it."""
    columns = _columns(table)
    stored = f"SELECT {columns} FROM read_parquet({sql_literal(file)})"
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
        connection.execute("SET autoinstall_known_extensions = false")
        connection.execute("SET autoload_known_extensions = false")
        for extension in EXTENSIONS:
            connection.execute(f"LOAD {sql_literal(str(_extension_file(extension)))}")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET ducklake_max_retry_count = {_RETRIES_OF_DUCKLAKE}")
        if lake.data.startswith("s3://"):
            _let_into_store(connection)
        yield connection
    finally:
        connection.close()


def _extension_file(extension: str) -> Path:
    package = f"duckdb_extension_{extension}"
    found = find_spec(package)
    files = (
        sorted(Path(found.origin).parent.rglob(f"v{duckdb.__version__}/*.duckdb_extension"))
        if found and found.origin
        else []
    )
    if not files:
        raise LakeError(
            f"DuckLake needs the package {package.replace('_', '-')} for DuckDB {duckdb.__version__}; "
            "install Plimsoll with its extra `cluster`."
        )
    return files[0]


def _let_into_store(connection: duckdb.DuckDBPyConnection) -> None:
    """Gives DuckDB the key of the store, named as for every other client of one."""
    # The extension takes the same variables into settings, which any query can show.
    for setting in ("s3_access_key_id", "s3_secret_access_key", "s3_session_token"):
        connection.execute(f"SET {setting} = ''")
    options: dict[str, str | bool] = {}
    for option, variables in _STORE_OPTIONS.items():
        said = next((os.environ[variable] for variable in variables if os.environ.get(variable)), None)
        if said is not None:
            options[option] = said
    endpoint = options.pop("ENDPOINT", None)
    if endpoint is not None:
        address = urlsplit(str(endpoint))
        options |= {"ENDPOINT": address.netloc, "USE_SSL": address.scheme == "https", "URL_STYLE": "path"}
    connection.execute(
        f"CREATE SECRET store (TYPE s3, {', '.join(f'{option} ?' for option in options)})", list(options.values())
    )


_STORE_OPTIONS = {
    "KEY_ID": ("AWS_ACCESS_KEY_ID",),
    "SECRET": ("AWS_SECRET_ACCESS_KEY",),
    "SESSION_TOKEN": ("AWS_SESSION_TOKEN",),
    "REGION": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "ENDPOINT": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
}


def _attach(connection: duckdb.DuckDBPyConnection, lake: Lake, name: str, options: str) -> None:
    try:
        connection.execute(f"ATTACH {sql_literal(str(lake))} AS {name} (DATA_PATH {sql_literal(lake.data)}, {options})")
    except duckdb.Error as error:
        reason = re.sub(r"\s+", " ", str(error))
        raise LakeError(f"The lake cannot be opened: {reason}") from error


def _has_catalog(connection: duckdb.DuckDBPyConnection, lake: Lake) -> bool:
    """Whether the database holds a lake's catalog. Raises `LakeError` where the database cannot be asked."""
    try:
        connection.execute(f"ATTACH {sql_literal(lake.catalog)} AS catalog (TYPE postgres, READ_ONLY)")
        ((tables,),) = connection.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'catalog' AND table_name = 'ducklake_snapshot'"
        ).fetchall()
    except duckdb.Error as error:
        raise LakeError(f"The catalog of the lake cannot be asked: {re.sub(chr(10), ' ', str(error))}") from error
    return bool(tables)
