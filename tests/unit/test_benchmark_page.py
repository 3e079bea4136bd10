"""The page of the benchmark: what it says of figures, of targets and of what failed, from outcomes made by hand."""

from pathlib import Path
from typing import Any

from benchmarks import page

MACHINE = {
    "cpu": "a processor", "cores": 2, "memory_gib": 8, "system": "Linux 6", "python": "3.11",
    "product": "polars 2", "peers": "pandas 3",
}  # fmt: skip


def row(task: str, million: float | None, seconds: float | None, **more: Any) -> dict[str, Any]:
    """A result of one run, 1,000 MB at most."""
    peak = None if seconds is None else 1_000.0
    given = {"task": task, "million_rows": million, "runs": 1, "seconds": seconds, "peak_mb": peak}
    return given | {"parts": {}, "failed": None} | more


def outcome(*rows: dict[str, Any]) -> dict[str, Any]:
    session = {"day": "2026-11-28", "load": "0.1", "sizes": [1.0]}
    return {"machine": MACHINE, "sessions": [session], "agreed": {}, "results": list(rows)}


def told(*rows: dict[str, Any]) -> dict[str, tuple[str, bool | None]]:
    return {target.wanted: (target.found, target.is_met) for target in page.targets(outcome(*rows))}


def written(folder: Path, *rows: dict[str, Any]) -> str:
    page.write(outcome(*rows), folder)
    return (folder / "benchmarks.md").read_text(encoding="utf-8")


def test_ratios_and_their_limits() -> None:
    said = told(
        row("judge_cargoes", 1, 3.0), row("floor_cargoes", 1, 2.0), row("judge_cargoes", 5, 16.0), row("floor_cargoes", 5, 10.0),
        row("judge_as_peers", 1, 2.0), row("duckdb_sql", 1, 2.0), row("dbt_duckdb", 1, 3.0), row("pandas_merges", 1, 20.0),
        row("intake", 1, 3.0), row("intake_reading", 1, 1.4),
    )  # fmt: skip
    assert said["judging / floor at most 1.5, 1 million"] == ("1.50", True)
    assert said["judging / floor at most 1.5, 5 million"] == ("1.60", False)
    # As fast is not faster.
    assert said["DuckDB's SQL / Plimsoll above 1, 1 million"] == ("1.00", False)
    assert said["dbt / Plimsoll above 1, 1 million"] == ("1.50", True)
    assert said["pandas / Plimsoll at least 10, 1 million"] == ("10.00", True)
    # 3.2 s a million against 3.0 s.
    assert said["linear from 1 to 5 million: seconds a row, most / 1 million, at most 1.1"] == ("1.07", True)
    assert said["checking a clean CSV / reading it at most 1, 1 million"] == ("1.14", False)


def test_what_a_person_waits_for() -> None:
    parts = {"start_up": 3.0, "after_start_up": 2.5}
    said = told(
        row("help", None, 0.29), row("assess_small", None, 1.5), row("night_first", None, 9.99),
        row("night_unchanged", None, 5.5, parts=parts),
    )  # fmt: skip
    assert said["`plimsoll --help` under 0.3 s"] == ("0.29 s", True)
    assert said["`plimsoll assess` on a small file under 1.5 s"] == ("1.50 s", False)
    assert said["the first night of what ships under 10 s"] == ("9.99 s", True)
    assert said["a night in which nothing changed: at most 2 s after its start-up"] == ("2.50 s, after 3.00 s", False)


def test_no_target_is_left_out_for_want_of_figures() -> None:
    said = told()
    assert len(said) == 12
    assert {is_met for _, is_met in said.values()} == {None}
    assert all(found.startswith("not measured") for found, _ in said.values())


def test_100_million_in_bounded_memory() -> None:
    # 8 GiB are 8,192 MB.
    assert told(row("judge_cargoes", 100, 200.0, peak_mb=8_192.0))["100 million in at most 8 GiB"] == ("8.0 GiB", True)
    assert told(row("judge_cargoes", 100, 200.0, peak_mb=8_500.0))["100 million in at most 8 GiB"] == ("8.3 GiB", False)
    failed = row("judge_cargoes", 100, None, failed="killed, out of memory?")
    assert told(failed)["100 million in at most 8 GiB"] == ("failed", False)


def test_a_peer_that_failed_has_not_been_beaten_and_a_product_that_failed_misses() -> None:
    dead = row("pandas_merges", 5, None, failed="killed, out of memory?")
    said = told(row("judge_as_peers", 5, 10.0), row("duckdb_sql", 5, 19.0), dead)
    assert said["pandas / Plimsoll at least 10, 5 million"] == ("pandas, given the law's small tables failed", None)
    assert said["DuckDB's SQL / Plimsoll above 1, 5 million"] == ("1.90", True)
    said = told(row("judge_as_peers", 5, None, failed="exit code 1"), row("duckdb_sql", 5, 19.0))
    assert said["DuckDB's SQL / Plimsoll above 1, 5 million"][1] is False
    assert told(row("night_first", None, None, failed="it"))["the first night of what ships under 10 s"] == (
        "failed",
        False,
    )


def test_a_cell_tells_that_its_task_failed_and_how(tmp_path: Path) -> None:
    said = written(
        tmp_path,
        row("judge_as_peers", 5, 10.0),
        row("pandas_merges", 5, None, failed="killed, out of memory?"),
        row("dbt_duckdb", 5, None, failed="Error: a | b <c>"),
        row("night_first", None, None, failed="ended after 1,800 s"),
    )
    assert "| pandas, given the law's small tables | **failed**: killed, out of memory? |" in said
    assert "| Plimsoll: shipments to verdicts, columns of the peers | 10.0 (1,000) |" in said
    assert r"| **failed**: Error: a \| b \<c\> |" in said
    assert "| **failed**: ended after 1,800 s |" in said
    assert "pandas" not in (tmp_path / "images" / page.IMAGE).read_text(encoding="utf-8")


def test_it_says_how_often_each_was_measured(tmp_path: Path) -> None:
    said = written(
        tmp_path,
        row("price", 1, 1.0, runs=3),
        row("night", 1, 99.0),
        row("price", 20, 23.0),
        row("read_cargoes", 20, 1.0),
    )
    night = "`plimsoll nightly --offline` with the CSV landed, 1 million"
    assert f"Medians of 3 runs; of 1: {night}; all of 20 million." in said


def test_the_room_that_the_floor_leaves(tmp_path: Path) -> None:
    rows = [row("floor_as_peers", 5, 5.0), row("pandas_merges", 5, 30.0)]
    said = written(tmp_path, *rows)
    assert "pandas takes 30.0 s, 6.0 times as much." in said
    assert "is less than 10 times faster than pandas" in said
    rows[1] = row("pandas_merges", 5, 60.0)
    assert "is less than 10 times faster" not in written(tmp_path, *rows)


def test_what_is_the_writers(tmp_path: Path) -> None:
    said = written(
        tmp_path, row("judge_as_peers", 5, 10.0), row("judge_as_peers_without_writing", 5, 6.0),
        row("duckdb_sql", 5, 20.0), row("duckdb_without_writing", 5, 9.0),
    )  # fmt: skip
    assert "| 5 million | 10.0 | 6.0 | 20.0 | 9.0 | 2.00 | 1.50 |" in said


def test_an_outcome_without_a_figure_makes_a_page(tmp_path: Path) -> None:
    said = written(tmp_path)
    assert "Nothing came to its end." in said
    assert "![" not in said
