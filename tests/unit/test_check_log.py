"""Results of checks, kept from night to night.

Here: adding, repeating and forgetting, on real Parquet files.
Add here: another promise of the log.
Keep out: the checks.
"""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.quality import CHECK_HISTORY, CHECK_RESULTS
from pipelines.contracts.reference import GRADES, PORTS
from pipelines.contracts.table import Table
from pipelines.warehouse.check_log import CheckLog

NOW = dt.datetime.now(dt.UTC)


def results(table: Table, run_id: str, days_ago: float = 0, **failed: int) -> pl.DataFrame:
    """Checks of a table, by name, with the rows that failed."""
    return pl.DataFrame(
        [
            {
                "table_name": table.full_name,
                "check_name": name,
                "severity": "WARN",
                "is_blocking": False,
                "is_passed": rows == 0,
                "rows_checked": 10,
                "rows_failed": rows,
                "description": "asks",
                "message": "found" if rows else None,
                "sample": "[]" if rows else None,
                "run_id": run_id,
                "checked_at": NOW - dt.timedelta(days=days_ago),
            }
            for name, rows in failed.items()
        ],
        schema=CHECK_RESULTS.polars_schema(),
    )


@pytest.fixture
def log(tmp_path: Path) -> CheckLog:
    return CheckLog(tmp_path / "check_log")


def add(log: CheckLog, table: Table, run_id: str, days_ago: float = 0, **failed: int) -> None:
    log.add(table.name, results(table, run_id, days_ago, **failed), keep_days=90)


def test_the_last_run_of_each_table_counts(log: CheckLog) -> None:
    add(log, GRADES, "monday", 1, contract=0, fresh=3)
    add(log, PORTS, "monday", 1, contract=0)
    add(log, GRADES, "tuesday", contract=1)  # the other check is no more; the ports were not made again
    now = log.results([GRADES, PORTS]).select("table_name", "check_name", "run_id").rows()
    assert sorted(now) == [
        ("reference.grades", "contract", "tuesday"),
        ("reference.ports", "contract", "monday"),
    ]
    assert log.results([PORTS])["table_name"].to_list() == ["reference.ports"]


def test_history_holds_every_run_and_keeps_its_contract(log: CheckLog) -> None:
    add(log, GRADES, "monday", 1, contract=0, fresh=3)
    add(log, GRADES, "tuesday", contract=1)
    history = log.history()
    assert history.schema == CHECK_HISTORY.polars_schema()
    assert CHECK_HISTORY.failures(history).is_empty()
    assert history.select("run_id", "check_name", "is_passed", "rows_failed").rows() == [
        ("tuesday", "contract", False, 1),
        ("monday", "contract", True, 0),
        ("monday", "fresh", False, 3),
    ]


def test_a_run_that_checks_again_replaces_what_it_found(log: CheckLog) -> None:
    add(log, GRADES, "monday", contract=5)
    add(log, GRADES, "monday", contract=0)
    assert log.history()["rows_failed"].to_list() == [0]


def test_what_a_run_found_as_far_as_it_came(log: CheckLog) -> None:
    add(log, GRADES, "monday", 1, contract=0)
    add(log, PORTS, "monday", 1, contract=0)
    add(log, GRADES, "tuesday", contract=2)
    assert log.of_run("tuesday")["table_name"].to_list() == ["reference.grades"]
    assert log.of_run("wednesday").is_empty()


def test_only_the_last_run_keeps_rows_of_users(log: CheckLog) -> None:
    add(log, GRADES, "monday", 1, contract=2)
    add(log, GRADES, "tuesday", contract=2)
    assert log.of_run("tuesday")["sample"].to_list() == ["[]"]
    assert log.of_run("monday")["sample"].to_list() == [None]
    assert log.of_run("monday")["message"].to_list() == [None]


def test_old_results_are_let_go(log: CheckLog) -> None:
    add(log, GRADES, "winter", 91, contract=0)
    add(log, GRADES, "spring", 89, contract=0)
    add(log, GRADES, "today", contract=0)
    assert log.history()["run_id"].to_list() == ["today", "spring"]


def test_without_any_night_there_is_no_history(log: CheckLog) -> None:
    assert log.history().is_empty()
    assert log.history().schema == CHECK_HISTORY.polars_schema()
