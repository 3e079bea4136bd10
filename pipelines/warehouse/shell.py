"""The read-only SQL shell of people.

Here: one query as a table, the interactive loop, and which statements are let through.
Add here: a convenience of the shell.
Keep out: any way to write, attach, install or read other files. `duck.read_only` shuts most of them; DuckDB itself
still lets COPY write beside the database, so only statements that read are passed on.
"""

import io
import itertools
import re
import shutil
import sys
from contextlib import redirect_stdout, suppress

import duckdb

from pipelines.shown import shown
from pipelines.warehouse import duck

MAX_ROWS = 200

_READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
# From within a SELECT the first two change settings, and the others run text that nobody has looked at.
_NOT_CALLED = {"enable_logging", "enable_profiling", "query", "json_execute_serialized_sql"}
_NAME = re.compile(r'"(?:[^"]|"")*"|\w+')


class SqlError(Exception):
    """A query failed; the message is DuckDB's, without a traceback."""


def run_one(warehouse: duck.Source, query: str) -> None:
    """Prints the result of one query as a table. Raises `SqlError`."""
    with duck.read_only(warehouse) as connection:
        _show(connection, query)


def interactive(warehouse: duck.Source) -> None:
    """Reads statements that end in a semicolon, or with the input, until end of input or `.quit`."""
    with suppress(ImportError):  # line editing, where the platform has it
        import readline  # noqa: F401
    is_typed = sys.stdin.isatty()
    if is_typed:
        print("Plimsoll warehouse, read-only. End a query with ';'. Tables: SHOW ALL TABLES;  Leave: .quit")
    with duck.read_only(warehouse) as connection:
        lines: list[str] = []
        while True:
            try:
                line = input(("   ...> " if lines else "plimsoll> ") if is_typed else "")
            except (EOFError, KeyboardInterrupt) as end:
                if is_typed:
                    print()
                elif lines and isinstance(end, EOFError):
                    _try(connection, lines)
                return
            if line.strip() in {".quit", ".exit"}:
                return
            lines.append(line)
            if line.rstrip().endswith(";"):
                _try(connection, lines)
                lines = []


def _try(connection: duckdb.DuckDBPyConnection, lines: list[str]) -> None:
    try:
        _show(connection, "\n".join(lines))
    except SqlError as error:
        print(error, file=sys.stderr)


def _show(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    query = query.encode(errors="replace").decode()  # bytes of a terminal that are no text
    try:
        _require_reading(connection, query)
        result = connection.sql(query)
        if result is not None:
            width = shutil.get_terminal_size((160, 40)).columns
            with redirect_stdout(io.StringIO()) as table:
                result.show(max_width=max(width, 80), max_rows=MAX_ROWS)
            print(shown(table.getvalue()))
    except (duckdb.Error, UnicodeDecodeError) as error:
        raise SqlError(shown(str(error))) from error


def _require_reading(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Raises `SqlError` unless the text is one query."""
    statements = connection.extract_statements(query)
    # DuckDB itself puts the types that a PIVOT needs before it; they have no text.
    given = [statement for statement in statements if statement.query or statement is statements[-1]]
    if len(given) > 1:
        raise SqlError("Give one query at a time.")
    for statement in given:
        if statement.type not in _READING:
            raise SqlError(
                f"{statement.type.name} is not possible here: the warehouse is read-only, and so is this shell; "
                "ask with SELECT, SHOW, DESCRIBE or EXPLAIN, or open a copy of the file with duckdb."
            )
    if called := _NOT_CALLED & _called(query):
        raise SqlError(f"{called.pop()} cannot be called here: it changes settings or runs text as a query.")


def _called(query: str) -> set[str]:
    """The names before an opening bracket, in small letters and without quotes."""
    text = query.encode()  # tokens are counted in bytes
    bounds = [*(start for start, _ in duckdb.tokenize(query)), len(text)]
    tokens = [text[start:end].decode(errors="replace") for start, end in itertools.pairwise(bounds)]
    return {
        name[0].strip('"').lower()
        for token, after in itertools.pairwise(tokens)
        if after.startswith("(") and (name := _NAME.match(token))
    }
