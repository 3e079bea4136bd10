"""The verdicts by DuckDB: four files of SQL, run in one connection.

Here: where the files of SQL find their input, and the last of them without its writing.
Add here: nothing; the peer is the SQL.
Keep out: work in Python.
"""

import re
from pathlib import Path

import duckdb

SQL = Path(__file__).parent / "duckdb"
DATA = Path(__file__).parents[2] / "data"
_COPY = re.compile(r"COPY \(\n(.*)\n\) TO '[^']*' \(FORMAT parquet, COMPRESSION zstd\);", re.DOTALL)


def statements(file: Path, shipments: Path, verdicts: Path) -> str:
    """The statements of a file of SQL, with its names of files filled in."""
    text = file.read_text(encoding="utf-8")
    for name, path in {"$data": DATA, "$shipments": shipments, "$verdicts": verdicts}.items():
        text = text.replace(name, str(path).replace("'", "''"))
    return text


def law_and_cargoes(connection: duckdb.DuckDBPyConnection, shipments: Path, verdicts: Path) -> None:
    """All tables but the verdicts."""
    # The order of the rows is nobody's promise; keeping it would cost time and memory.
    connection.execute("SET preserve_insertion_order = false")
    for file in sorted(SQL.glob("[123]_*.sql")):
        connection.execute(statements(file, shipments, verdicts))


def judge(shipments: Path, verdicts: Path) -> None:
    """Shipments (Parquet) to verdicts (Parquet)."""
    with duckdb.connect() as connection:
        law_and_cargoes(connection, shipments, verdicts)
        connection.execute(statements(SQL / "4_verdicts.sql", shipments, verdicts))


def judge_without_writing(shipments: Path) -> None:
    """The same, with every column of the verdicts counted instead of written: what is left is not the writer's."""
    with duckdb.connect() as connection:
        law_and_cargoes(connection, shipments, Path("unused"))
        query = selected(statements(SQL / "4_verdicts.sql", shipments, Path("unused")))
        connection.execute(f"SELECT count(COLUMNS(*)) FROM (\n{query}\n)").fetchall()


def selected(text: str) -> str:
    """The query within the statement that copies the verdicts into their file."""
    copy = _COPY.search(text)
    assert copy is not None
    return copy[1]
