"""Contracts under random tables: what they let through can be published, and a row is judged alike in every format.

Here: every table that a night publishes, and every contract of users' files.
Add here: another property of all contracts.
Keep out: one contract (`tests/unit/test_table`) and bytes that are no table (`test_parsers`).
"""

import csv
import datetime as dt
import math
import re
from collections import Counter
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.assets.inputs import inputs
from pipelines.contracts.table import Column, Table
from pipelines.definitions import published_tables
from pipelines.sources.shipments_file import InputFileError, read_input
from tests.corpus import workbooks as xl

TABLES = list(published_tables())
FILES = [kind.contract for kind in inputs()]
QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))


def some_values(column: Column) -> st.SearchStrategy:
    """Values of the type of a column: good ones, and those at or beyond the edge of its rules."""
    if column.dtype == pl.String():
        good = st.from_regex(f"(?:{column.pattern})", fullmatch=True) if column.pattern else st.text(max_size=5)
        values = st.sampled_from(column.allowed) if column.allowed else good
        return st.one_of(values, st.sampled_from(["", " ", "\0", "é", "'", '"', "NULL", "\U0001f6e2", "a\nb"]))
    if column.dtype.is_float():
        edges = [edge for edge in (column.above, column.at_least) if edge is not None]
        return st.one_of(
            st.floats(allow_subnormal=False), st.sampled_from([0.0, -0.0, 1.5, math.inf, math.nan, *edges])
        )
    if column.dtype.is_integer():
        bits = 31 if column.dtype == pl.Int32() else 63
        return st.integers(-(2**bits), 2**bits - 1)
    if column.dtype == pl.Date():
        return st.dates()
    if column.dtype == pl.Boolean():
        return st.booleans()
    if isinstance(column.dtype, pl.List):
        return st.lists(st.text(max_size=3), max_size=2)
    return st.datetimes(timezones=st.just(dt.UTC) if column.dtype == pl.Datetime("us", "UTC") else st.none())


def some_rows(table: Table) -> st.SearchStrategy[list[dict]]:
    row = st.fixed_dictionaries({column.name: st.one_of(some_values(column), st.none()) for column in table.columns})
    return st.lists(row, min_size=1, max_size=4)


def breaks(column: Column, value: object) -> set[str]:
    """The rules of its column that a value breaks, said here once more in plain Python."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        missing = {"required"} if column.required else set()
        return missing | ({"finite"} if value is not None else set())
    broken = set()
    if isinstance(value, float) and math.isinf(value):
        broken.add("finite")
    if column.above is not None and not value > column.above:  # type: ignore[operator]
        broken.add("above")
    if column.at_least is not None and not value >= column.at_least:  # type: ignore[operator]
        broken.add("at_least")
    if column.allowed is not None and value not in column.allowed:
        broken.add("allowed")
    if column.pattern is not None and not re.fullmatch(column.pattern, str(value)):
        broken.add("pattern")
    return broken


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.full_name)
def test_what_a_contract_lets_through_can_be_published(table: Table) -> None:
    """Every broken rule of a column is found, and a frame without one goes into DuckDB and comes back as it was."""

    @settings(QUIET, max_examples=4)
    @given(rows=some_rows(table))
    def check(rows: list[dict]) -> None:
        frame = pl.DataFrame(rows, schema=table.polars_schema(), orient="row")
        failures = table.failures(frame)
        found = {(row, column, check) for row, column, check in failures.iter_rows()}
        for place, row in enumerate(rows):
            for column in table.columns:
                expected = breaks(column, row[column.name])
                told = {check for at, name, check in found if (at, name) == (place, column.name)}
                # NaN is no value: which of its rules it breaks beside being none does not matter.
                if row[column.name] == row[column.name]:
                    of_column = {"required", "finite", "above", "at_least", "allowed", "pattern"}
                    assert told & of_column == expected, (row[column.name], column.name)
                else:
                    assert expected <= told
        if table.key:
            keys = Counter(tuple(row[name] for name in table.key) for row in rows)
            assert any(count > 1 for count in keys.values()) == any(name == "unique" for _, _, name in found)
        bad = {row for row, _, _ in found}
        goes_in_and_comes_back(
            table, frame.filter(~pl.int_range(pl.len()).is_in(list(bad))) if None not in bad else None
        )

    check()


def goes_in_and_comes_back(table: Table, frame: pl.DataFrame | None) -> None:
    """The rows in a table of DuckDB, as `duck.build` makes it."""
    if frame is None or frame.height == 0:
        return
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{table.schema}"')
        connection.execute(table.duckdb_ddl())
        connection.register("given", frame.to_arrow())
        connection.execute(f"INSERT INTO {table.full_name} SELECT * FROM given")
        back = table.conform(connection.sql(f"SELECT * FROM {table.full_name}").pl())
    assert back.equals(frame)


# --- one row in every format -------------------------------------------------------------------------------

ODD = [
    "", " ", "x", "0", "-1", "1e3", "1,5", "59,70", "1.234,56", "1,234.56", "1 234", "1.234.567", "700.000", "5%", "$5",
    "１２", "1_000", "0x10", "NaN", "inf", "-0", "1e400", "9" * 20, ".5", "5.", "+5", "--5", "1/2", "TRUE", "yes", "#N/A",  # noqa: RUF001
    "03/04/2023", "2023-02-30", "20230610", "45087", "2023-06-10T00:00:00", "10.06.2023", "2023-6-1", "0023-06-10",
    "9999-12-31", "1899-12-30", "=1+1", "@SUM(A1)", "US;EU", "US,EU", "ru", "ＲＵ", "2709.00", "２７０９", "\u200bS1", "a\nb", 'a"b',  # noqa: RUF001
]  # fmt: skip


def cells_of(column: Column) -> st.SearchStrategy[str]:
    good = {
        "hs_code": "2709.00", "quantity_unit": "bbl", "currency": "USD", "tier": "2", "incoterm": "FOB", "basis": "FOB",
    }.get(column.name)  # fmt: skip
    if good is None:
        if column.allowed:
            good = column.allowed[0]
        elif column.dtype == pl.Date():
            good = "2023-06-10"
        elif column.dtype.is_float():
            good = "59.7"
        else:
            good = "yes" if column.dtype == pl.Boolean() else f"{column.name[:3]}1"
    text = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=4)
    return st.one_of(st.just(good), st.just(good), st.just(good), st.sampled_from(ODD), text)


def outcome(path: Path, table: Table) -> tuple:
    """What became of a file, without what names it."""
    try:
        intake = read_input(path, table)
    except InputFileError as error:
        return ("refused", str(error).partition(": ")[2])
    assert intake.accepted.height + intake.rejected.height == intake.rows_read
    return (
        intake.rows_read,
        intake.accepted_row_numbers.to_list(),
        intake.accepted.rows(),
        intake.rejected.select("row_number", "column", "check").rows(),
    )


@pytest.mark.parametrize("table", FILES, ids=lambda table: table.name)
def test_the_same_cells_end_alike_in_every_format(table: Table, tmp_path: Path) -> None:
    names = [column.name for column in table.columns]

    @settings(QUIET, max_examples=25)
    @given(rows=st.lists(st.tuples(*map(cells_of, table.columns)), min_size=1, max_size=4))
    def check(rows: list[tuple[str, ...]]) -> None:
        # CSV leaves out blanks after a comma, and a row of blanks is none.
        rows = [tuple(cell.lstrip(" ") for cell in row) for row in rows]
        with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows([names, *rows])
        pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row").write_parquet(tmp_path / "a.parquet")
        (tmp_path / "a.xlsx").write_bytes(xl.workbook(xl.sheet(xl.rows([names, *rows]))))
        as_csv, as_parquet, as_xlsx = (outcome(tmp_path / f"a{kind}", table) for kind in (".csv", ".parquet", ".xlsx"))
        assert as_parquet == as_xlsx
        # Only in a CSV file other numbers tell whether points part thousands.
        if "thousands_or_decimals" not in repr(as_csv):
            assert as_csv == as_parquet

    check()
