"""The one module that crosses between DuckDB and Polars.

Here: opening DuckDB safely, running SQL over the Parquet store, building the file that people query.
Add here: anything else that needs both; the calls for conversion differ between DuckDB versions.
Keep out: SQL that answers a question (`sql/`) and the publishing of the file (publish).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb
import polars as pl

from pipelines.contracts.cargoes import CARGOES
from pipelines.contracts.table import ContractError, Table, sql_literal
from pipelines.errors import UserError
from pipelines.object_store import ObjectPath
from pipelines.warehouse import extensions, lake
from pipelines.warehouse.store import Store, pattern_of

SCHEMAS = ("reference", "staging", "marts", "quality")
# Read by DuckDB 1.4 and later, also when a newer DuckDB writes the file.
STORAGE_VERSION = "v1.4.0"


# What has been published: a file, or a release of a lake.
Source = Path | lake.Release


@contextmanager
def memory() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty DuckDB in memory, closed at the end."""
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET autoinstall_known_extensions = false")  # nothing comes from outside unasked
        yield connection
    finally:
        connection.close()


@contextmanager
def _beside(store: Store) -> Iterator[duckdb.DuckDBPyConnection]:
    """`memory`, able to read the files of a store."""
    with memory() as connection:
        if isinstance(store.folder, ObjectPath):
            extensions.let_into_store(connection)
        yield connection


class WarehouseError(UserError):
    """The published file cannot be opened; one sentence says what to do."""


@contextmanager
def read_only(source: Source) -> Iterator[duckdb.DuckDBPyConnection]:
    """What has been published, opened so that it can neither be written nor used to reach other files.

    Raises `WarehouseError`.
    """
    with _file(source) if isinstance(source, Path) else _release(source) as connection:
        # Files in the folder for temporary files could be read and written; names could mean Python's variables.
        connection.execute("SET temp_directory = ''")
        connection.execute("SET python_enable_replacements = false")
        _shut(connection)
        yield connection


def _shut(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


@contextmanager
def _release(release: lake.Release) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        with lake.opened(release.lake) as connection:
            lake.attach_release(connection, release, lake.NAME)
            connection.execute(f"USE {lake.NAME}")
            connection.execute(lake.allowed_folders(release.lake))
            yield connection
    except lake.LakeError as error:
        raise WarehouseError(str(error)) from error


@contextmanager
def _file(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        connection = duckdb.connect(str(file), read_only=True)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise WarehouseError(f"{file.name} cannot be opened ({reason}); publish it again: plimsoll nightly") from error
    try:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


@contextmanager
def side_by_side(old: Source, new: Source) -> Iterator[duckdb.DuckDBPyConnection]:
    """Two releases as the databases `old` and `new`, opened as `read_only` does. Raises `WarehouseError`."""
    lakes = [source.lake for source in (old, new) if not isinstance(source, Path)]
    with lake.opened(lakes[0]) if lakes else memory() as connection:
        for name, source in (("old", old), ("new", new)):
            try:
                if isinstance(source, Path):
                    path = str(source).replace("'", "''")
                    connection.execute(f"ATTACH '{path}' AS {name} (READ_ONLY)")
                else:
                    lake.attach_release(connection, source, name)
            except (duckdb.Error, lake.LakeError) as error:
                raise WarehouseError(f"{source} cannot be opened ({str(error).splitlines()[0]}).") from error
        if lakes:
            connection.execute(lake.allowed_folders(*lakes))
        _shut(connection)
        yield connection


def query(connection: duckdb.DuckDBPyConnection, sql: str) -> pl.DataFrame:
    """The result of one query as a Polars frame."""
    return connection.sql(sql).pl()


def query_with(connection: duckdb.DuckDBPyConnection, sql: str, parameters: list[object]) -> pl.DataFrame:
    """The result of one query with `?` parameters, as a Polars frame."""
    return connection.sql(sql, params=parameters).pl()


@contextmanager
def released(source: Source) -> Iterator[duckdb.DuckDBPyConnection | None]:
    """`read_only` of what may not be there or cannot be opened: None then."""
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(read_only(source)) if source.exists() else None
        except WarehouseError:
            connection = None
        yield connection


def published(
    connection: duckdb.DuckDBPyConnection | None,
    table: Table,
    files: Sequence[str] | None = None,
    months: Collection[str] | None = None,
) -> pl.DataFrame | None:
    """A table of a release, whole or only the rows of these input files, or of cargoes of these months.

    connection: as `released` gives it. None where there is none, or it was published before the table had this shape.
    """
    if connection is None:
        return None
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    sql = f'SELECT {columns} FROM "{table.schema}"."{table.name}"'
    parameters: list[object] = []
    if files is not None:
        sql, parameters = f"{sql} WHERE file IN (SELECT unnest(?))", [list(files)]
    if months is not None:
        sql += (
            f" WHERE shipment_id IN (SELECT shipment_id FROM {CARGOES.full_name} "
            "WHERE strftime(loading_first, '%Y-%m') IN (SELECT unnest(?::VARCHAR[])))"
        )
        parameters = [sorted(months)]
    try:
        return table.conform(query_with(connection, sql, parameters) if parameters else query(connection, sql))
    except (duckdb.Error, ContractError):
        return None


def select(queries: Mapping[Table, str], tables: Iterable[Table], store: Store) -> dict[Table, pl.DataFrame]:
    """The results of queries over stored tables, named as in the warehouse (`marts.shipment_verdicts`).

    A query may also read the tables of those before it.
    """
    results = {}
    with _beside(store) as connection:
        for schema in SCHEMAS:
            connection.execute(f"CREATE SCHEMA {schema}")
        for table in tables:
            paths = ", ".join(sql_literal(pattern_of(path)) for path in store.paths(table))
            if paths:
                name = quoted(table.schema, table.name)
                connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{paths}])")
            else:
                connection.execute(table.duckdb_ddl())
        to_come = list(queries.values())
        for table, sql in queries.items():
            del to_come[0]
            # Rows that only leave DuckDB need not be a table in it first.
            if any(table.full_name in later for later in to_come):
                connection.execute(f"CREATE TABLE {table.full_name} AS {sql}")
                results[table] = query(connection, f"FROM {table.full_name}")
            else:
                results[table] = query(connection, sql)
    return results


def quoted(*names: str) -> str:
    """Names as an SQL identifier: `"marts"."shipment_verdicts"`."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def row_counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The rows of each table, by `schema.table`, in order of name."""
    names = connection.execute("SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
    counted = [f"SELECT {place} AS place, count(*) AS rows FROM {quoted(*name)}" for place, name in enumerate(names)]
    rows = connection.execute(f"{' UNION ALL '.join(counted)} ORDER BY place").fetchall() if names else []
    return {".".join(name): int(count) for name, (_, count) in zip(names, rows, strict=True)}


def build(file: Path, tables: Iterable[Table], macros: Iterable[str], store: Store) -> None:
    """Writes a new DuckDB file with all tables, comments and macros.

    Raises `duckdb.Error` if a row breaks a constraint.
    """
    with _beside(store) as connection:
        path = str(file).replace("'", "''")
        connection.execute(f"ATTACH '{path}' AS warehouse (STORAGE_VERSION '{STORAGE_VERSION}')")
        connection.execute("USE warehouse")
        connection.execute("BEGIN")
        for schema in SCHEMAS:
            connection.execute(f"CREATE SCHEMA {schema}")
        for table in tables:
            _load(connection, table, store)
        for macro in macros:
            connection.execute(macro)
        connection.execute("COMMIT")
        connection.execute("CHECKPOINT warehouse")
        connection.execute("USE memory")
        connection.execute("DETACH warehouse")


def renew(file: Path, changes: Mapping[Table, Collection[str] | None], store: Store) -> bool:
    """Brings a file that `build` made up to what is stored, in one transaction.

    False, and nothing done, where less than half of the file is content: what is replaced again and again leaves free
    blocks behind. changes: the tables that differ, with the months that do; None for a table that is not kept by month.
    Raises as `build` does.
    """
    with _beside(store) as connection:
        path = str(file).replace("'", "''")
        connection.execute(f"ATTACH '{path}' AS warehouse")
        size = "SELECT total_blocks, used_blocks FROM pragma_database_size() WHERE database_name = 'warehouse'"
        total, used = connection.execute(size).fetchall()[0]
        if total > 2 * used:
            return False
        # Verdicts have no month of their own: theirs are those of the cargoes, as the file still has them.
        months = sorted({month for touched in changes.values() for month in touched or ()})
        if months:
            connection.execute(
                "CREATE TABLE touched AS SELECT shipment_id, strftime(loading_first, '%Y-%m') AS month "
                f"FROM warehouse.{CARGOES.full_name} WHERE strftime(loading_first, '%Y-%m') IN (SELECT unnest(?))",
                [months],
            )
        connection.execute("USE warehouse")
        connection.execute("BEGIN")
        for table, touched in changes.items():
            name = quoted(table.schema, table.name)
            if touched is None:
                connection.execute(f"DELETE FROM {name}")
                _insert(connection, table, store)
            else:
                of_months = "SELECT shipment_id FROM memory.touched WHERE month IN (SELECT unnest(?))"
                connection.execute(f"DELETE FROM {name} WHERE shipment_id IN ({of_months})", [sorted(touched)])
                _insert(connection, table, store.narrowed(touched))
        connection.execute("COMMIT")
        connection.execute("CHECKPOINT warehouse")
        connection.execute("USE memory")
        connection.execute("DETACH warehouse")
    return True


def _load(connection: duckdb.DuckDBPyConnection, table: Table, store: Store) -> None:
    connection.execute("; ".join([table.duckdb_ddl(), *table.duckdb_comments()]))
    _insert(connection, table, store)


def _insert(connection: duckdb.DuckDBPyConnection, table: Table, store: Store) -> None:
    columns = ", ".join(quoted(column.name) for column in table.columns)
    if paths := [pattern_of(path) for path in store.paths(table)]:
        connection.execute(
            f"INSERT INTO {quoted(table.schema, table.name)} ({columns}) SELECT {columns} FROM read_parquet(?)", [paths]
        )
