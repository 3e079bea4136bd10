"""The verdicts by DuckDB: four files of SQL, run in one connection.

Here: where the files of SQL find their input.
Add here: nothing; the peer is the SQL.
Keep out: work in Python.
"""

from pathlib import Path

import duckdb

SQL = Path(__file__).parent / "duckdb"
DATA = Path(__file__).parents[2] / "data"


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
