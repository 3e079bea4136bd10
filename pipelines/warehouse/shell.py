"""The read-only SQL shell of people.

Here: one query as a table, and the interactive loop.
Add here: a convenience of the shell.
Keep out: any way to write, attach, install or read other files (`duck.read_only` shuts them).
"""

import shutil
import sys
from contextlib import suppress
from pathlib import Path

import duckdb

from pipelines.warehouse import duck

MAX_ROWS = 200


class SqlError(Exception):
    """A query failed; the message is DuckDB's, without a traceback."""


def run_one(warehouse: Path, query: str) -> None:
    """Prints the result of one query as a table. Raises `SqlError`."""
    with duck.read_only(warehouse) as connection:
        _show(connection, query)


def interactive(warehouse: Path) -> None:
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
    try:
        result = connection.sql(query)
        if result is not None:
            width = shutil.get_terminal_size((160, 40)).columns
            result.show(max_width=max(width, 80), max_rows=MAX_ROWS)
    except duckdb.Error as error:
        raise SqlError(str(error)) from error
