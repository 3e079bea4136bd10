"""Marts and macros as they stand in the published file.

Here: what the file says of them itself, and facts of marts that no query of the cookbook asks for.
Add here: a promise about a mart or macro that its readers rely on.
Keep out: totals (see `test_cookbook`), and what must hold for any cargo (see `tests/properties`).
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.assets.release import MACROS_FOLDER
from pipelines.contracts.macros import MACROS, Macro
from pipelines.contracts.marts import SQL_MARTS
from pipelines.contracts.table import Column
from pipelines.report.documents import DOCS_FOLDER
from pipelines.rules.rulebook import Rulebook

DUCKDB_TYPES = {"String": "VARCHAR", "Float64": "DOUBLE", "Int64": "BIGINT", "Boolean": "BOOLEAN", "Date": "DATE"}


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql).fetchall()


class TestMacros:
    def test_each_file_has_a_contract(self) -> None:
        assert {file.stem for file in MACROS_FOLDER.glob("*.sql")} == {macro.name for macro in MACROS}

    def test_the_file_says_what_they_are_for(self, worked: duckdb.DuckDBPyConnection) -> None:
        said = {
            name: (parameters, comment)
            for name, parameters, comment in rows(
                worked, "SELECT function_name, parameters, comment FROM duckdb_functions() WHERE NOT internal"
            )
        }
        assert set(said) == {macro.name for macro in MACROS}
        for macro in MACROS:
            parameters, comment = said[macro.name]
            assert parameters == [column.name for column in macro.parameters]
            assert macro.meaning in comment
            assert macro.limits in comment
            assert all(f"{column.name}: {column.meaning}" in comment for column in macro.parameters)

    @pytest.mark.parametrize("macro", [macro for macro in MACROS if macro.is_table], ids=lambda macro: macro.name)
    def test_what_they_give(self, worked: duckdb.DuckDBPyConnection, macro: Macro) -> None:
        given = {name: kind for name, kind, *_ in rows(worked, f"DESCRIBE {macro.example.split(';')[0]}")}
        assert given == {column.name: DUCKDB_TYPES[str(column.dtype)] for column in macro.result}
        for column in macro.result:
            if column.allowed is not None:
                values = rows(worked, f"SELECT DISTINCT {column.name} FROM ({macro.example.split(';')[0]})")
                assert {value for (value,) in values} <= {None, *column.allowed}

    @pytest.mark.parametrize("macro", MACROS, ids=lambda macro: macro.name)
    def test_their_examples_work(self, worked: duckdb.DuckDBPyConnection, macro: Macro) -> None:
        for example in macro.example.split(";"):
            assert rows(worked, example)

    def test_names_of_parameters_may_be_written(self, worked: duckdb.DuckDBPyConnection) -> None:
        by_name = "SELECT cap_id FROM cap_on(product_class := 'crude', day := DATE '2026-02-01', regime := 'UK')"
        assert rows(worked, by_name) == [("UK-C3",)]

    def test_a_regime_or_class_that_is_not_there_is_no_answer(self, worked: duckdb.DuckDBPyConnection) -> None:
        assert rows(worked, "FROM cap_on('eu', 'crude', '2026-02-01')") == []
        assert rows(worked, "SELECT verdict, cap_id FROM verdict_at(50, 'EU', 'oil', '2026-02-01')") == [(None, None)]
        assert rows(worked, "SELECT verdict, cap_id FROM verdict_at(50, 'EU', 'crude', '2022-12-04')") == [
            ("out_of_scope", None)
        ]
        assert rows(worked, "FROM what_if_cap(50, regime := 'XX')") == []

    def test_no_regime_is_every_regime_however_it_is_said(self, worked: duckdb.DuckDBPyConnection) -> None:
        said = [rows(worked, f"FROM what_if_cap({given})") for given in ("50", "50, regime := NULL", "50, ''")]
        assert said[0] == said[1] == said[2] != []

    def test_columns_of_the_same_names_can_be_handed_in(self, worked: duckdb.DuckDBPyConnection) -> None:
        """Each cargo of a table is asked for its own regime, class and day, not for any."""
        differing = rows(
            worked,
            """
            SELECT shipment_id, regime FROM marts.shipment_verdicts AS v
            LEFT JOIN cap_on(regime, product_class, level_date) AS caps ON true
            WHERE v.cap_id IS DISTINCT FROM caps.cap_id
            """,
        )
        assert differing == []


class TestMarts:
    def test_a_window_over_months_has_no_month(self, worked: duckdb.DuckDBPyConnection) -> None:
        months = rows(
            worked,
            """
            SELECT DISTINCT shipment_id, strftime(loading_month, '%Y-%m') FROM marts.judged_cargoes
            WHERE shipment_id IN ('OFAC-K-1', 'OFAC-K-2', 'JP-CUSTOMS-2023-01', 'JP-CUSTOMS-2022-05') ORDER BY 1
            """,
        )
        assert months == [
            ("JP-CUSTOMS-2022-05", "2022-05"),
            ("JP-CUSTOMS-2023-01", "2022-12"),  # loaded on 28 December 2022
            ("OFAC-K-1", "2023-04"),
            ("OFAC-K-2", None),  # some day from 5 December 2022 to 12 October 2023
        ]

    def test_a_provider_is_covered_by_its_regime_alone(self, worked: duckdb.DuckDBPyConnection) -> None:
        covered = rows(
            worked,
            """
            SELECT DISTINCT regime, role, country, is_covered FROM marts.provider_exposure
            WHERE country IS NOT NULL ORDER BY ALL
            """,
        )
        assert covered == [
            ("UK", "insurer_country", "GB", "yes"),
            ("US", "flag", "LR", "yes"),
            ("US", "insurer_country", "GB", "no"),
            ("US", "insurer_country", "US", "yes"),
        ]

    def test_each_role_stands_for_all_cargoes(self, worked: duckdb.DuckDBPyConnection) -> None:
        counted = rows(
            worked,
            """
            SELECT role, sum(cargoes)::BIGINT FROM marts.provider_exposure
            WHERE regime = 'US' AND evidence_kind = 'declared_shipment' GROUP BY ALL ORDER BY ALL
            """,
        )
        assert len(counted) == 8
        assert {cargoes for _, cargoes in counted} == {8}

    def test_what_replaced_a_level(self, worked: duckdb.DuckDBPyConnection) -> None:
        levels = rows(
            worked,
            """
            SELECT cap_id, replaces_cap_id, replaced_by_cap_id, replaced_by_usd_per_bbl FROM marts.cap_calendar
            WHERE regime = 'EU' ORDER BY product_class, first_day
            """,
        )
        assert levels == [
            ("EU-C1", None, "EU-C2", 47.6),
            ("EU-C2", "EU-C1", "EU-C3", 44.1),
            ("EU-C3", "EU-C2", "EU-C4", 44.1),
            ("EU-C4", "EU-C3", None, None),
            ("EU-P1-discount", None, None, None),
            ("EU-P1-premium", None, None, None),
        ]

    def test_an_earlier_cap_is_named_with_the_transition_that_keeps_it(self, worked: duckdb.DuckDBPyConnection) -> None:
        used = rows(
            worked,
            "SELECT rule_id, kind, cap_usd_per_bbl, prior_cap_usd_per_bbl FROM marts.transitions_used ORDER BY rule_id",
        )
        assert used == [
            ("T-EU-5", "prior_cap", 47.6, 60.0),
            ("T-UK-4", "prior_cap", 44.1, 47.6),
            ("T-US-1", "wind_down", 60.0, None),
        ]

    def test_every_mart_of_sums_was_checked(self, worked: duckdb.DuckDBPyConnection) -> None:
        checked = rows(
            worked,
            """
            SELECT table_name, severity, is_blocking, is_passed FROM quality.check_results
            WHERE check_name = 'adds_up' AND rows_checked > 0
            """,
        )
        expected = {f"marts.{mart.name}" for mart in SQL_MARTS if mart.conserved}
        assert sorted(checked) == sorted((name, "ERROR", True, True) for name in expected)

    def test_the_file_says_what_not_to_add_up(self, worked: duckdb.DuckDBPyConnection) -> None:
        said = dict(rows(worked, "SELECT table_name, comment FROM duckdb_tables() WHERE schema_name = 'marts'"))
        for mart in SQL_MARTS:
            if mart.conserved:
                assert mart.conserved.caution in said[mart.name]
        assert "Add up only within one evidence_kind, regime and role." in said["provider_exposure"]


class TestPage:
    """`docs/querying.md`, which people follow by the letter."""

    PAGE = (DOCS_FOLDER / "querying.md").read_text(encoding="utf-8")

    def test_its_queries_work(self, worked: duckdb.DuckDBPyConnection) -> None:
        queries = re.findall(r"```sql\n(.*?)```", self.PAGE, re.DOTALL)
        assert len(queries) >= 2
        for query in queries:
            assert rows(worked, query)

    def test_it_names_every_mart_and_every_macro(self, worked: duckdb.DuckDBPyConnection) -> None:
        marts = {name for (name,) in rows(worked, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'marts'")}
        assert set(re.findall(r"marts\.(\w+)", self.PAGE)) == marts
        for macro in MACROS:
            call = macro.signature.split(",  ")[0] if not macro.optional else f"{macro.name}("
            assert call in self.PAGE

    def test_the_file_is_found_by_the_ways_it_shows(self, worked_home: Path, book: Rulebook) -> None:
        """As from Python, in a process of its own that knows nothing of the project."""
        script = re.search(r"`(duckdb\.connect\(.*?\))`", self.PAGE)
        assert script is not None
        work = f"import duckdb; print(*{script[1]}.execute('SELECT count(*) FROM marts.cap_calendar').fetchone())"
        (worked_home / "data").mkdir()
        (worked_home / "data" / "warehouse").symlink_to(worked_home / "warehouse")
        done = subprocess.run([sys.executable, "-c", work], cwd=worked_home, capture_output=True, text=True, check=True)
        assert int(done.stdout) == book.price_caps.height


def test_units_of_columns_are_in_their_names() -> None:
    endings = {
        "bbl": "_bbl",
        "USD": "_usd",
        "USD/bbl": "_usd_per_bbl",
        "t": "_t",
        "JPY": "_jpy",
        "USD/t": "_usd_per_t",
        "%": "_pct",
    }
    columns: list[Column] = [column for mart in SQL_MARTS for column in mart.columns]
    columns += [column for macro in MACROS for column in macro.result if macro.is_table]
    for column in columns:
        if column.unit is not None:
            assert column.name.endswith(endings[column.unit]), column.name
