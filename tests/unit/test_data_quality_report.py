"""The report of the data steward: what it says, and that text from files stays text.

Here: the sections on small results, and the chart.
Add here: a case for each new section.
Keep out: how it looks on the pages (see `tests/browser`).
"""

import datetime as dt
import json
import re
from itertools import pairwise
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import polars as pl
import pytest

from pipelines.contracts.fetching import SOURCE_FRESHNESS
from pipelines.contracts.quality import CHECK_HISTORY, CHECK_RESULTS, RELEASE_TOTALS
from pipelines.contracts.quarantine import QUARANTINE
from pipelines.report.data_quality import data_quality_report, failed_checks, summary

DAY = dt.date(2026, 3, 10)
SVG = "{http://www.w3.org/2000/svg}"


def checks(*rows: dict[str, Any]) -> pl.DataFrame:
    """`CHECK_RESULTS` of the day: failed of 40 rows, WARN, unless a row says else."""
    full = []
    for given in rows:
        row = {
            "failed": 0,
            "severity": "WARN",
            "table": "marts.t",
            "days_ago": 0,
            "sample": None,
            "message": None,
        } | given
        full.append(
            {
                "table_name": row["table"],
                "check_name": row["check"],
                "severity": row["severity"],
                "is_blocking": row["severity"] == "ERROR",
                "is_passed": row["failed"] == 0,
                "rows_checked": 40,
                "rows_failed": row["failed"],
                "description": f"Asks {row['check']}.",
                "message": row["message"],
                "sample": None if row["sample"] is None else json.dumps(row["sample"]),
                "run_id": f"run {row['days_ago']}",
                "checked_at": dt.datetime(2026, 3, 10, 3, tzinfo=dt.UTC) - dt.timedelta(days=row["days_ago"]),
            }
        )
    return pl.DataFrame(full, schema=CHECK_RESULTS.polars_schema())


def report(
    results: pl.DataFrame,
    quarantine: pl.DataFrame | None = None,
    totals: pl.DataFrame | None = None,
    freshness: pl.DataFrame | None = None,
) -> str:
    return data_quality_report(
        DAY, "Published.", results, CHECK_HISTORY.conform(results), freshness, quarantine, totals
    )


def section(text: str, title: str) -> str:
    return text.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0].strip()


def cells(text: str) -> list[list[str]]:
    """The rows of the tables in a text, without head and rule, escapes undone."""
    lines = [*text.splitlines(), ""]
    rows = [line for line, below in pairwise(lines) if line.startswith("| ") and not below.startswith("| --")]
    return [
        [re.sub(r"\\(.)", r"\1", cell) for cell in re.split(r"(?<!\\) \| ", row[2:-2])]
        for row in rows
        if not row.startswith("| --")
    ]


class TestFailedChecks:
    def test_errors_come_first_with_counts_and_shares(self) -> None:
        results = checks(
            {"check": "open", "failed": 5},
            {"check": "judged", "failed": 2, "severity": "ERROR"},
            {"check": "fine", "severity": "ERROR"},
        )
        text = report(results)
        assert cells(section(text, "Failed checks")) == [
            ["ERROR", "2", "40", "5.0%", "judged", "marts.t", "2026-03-10", "Asks judged."],
            ["WARN", "5", "40", "12.5%", "open", "marts.t", "2026-03-10", "Asks open."],
        ]
        assert "1 of 3 checks passed.\n\n1 failed as ERROR, 1 as WARN.\n" in text

    def test_since_when(self) -> None:
        history = checks(
            {"check": "a", "failed": 1},
            {"check": "a", "failed": 1, "days_ago": 1},
            {"check": "a", "days_ago": 2},  # passed
            {"check": "a", "failed": 1, "days_ago": 3},
            {"check": "b", "failed": 1},
            {"check": "b", "failed": 1, "days_ago": 9},
        )
        today = history.filter(pl.col("run_id") == "run 0")
        found = failed_checks(today, CHECK_HISTORY.conform(history))
        assert dict(found.select("check", "failing_since").rows()) == {
            "a": dt.date(2026, 3, 9),
            "b": dt.date(2026, 3, 1),
        }

    def test_a_night_without_failures(self) -> None:
        text = report(checks({"check": "fine"}), QUARANTINE.empty(), RELEASE_TOTALS.empty())
        assert section(text, "Failed checks") == "Every check passed."
        assert section(text, "Rows that failed") == "None."
        assert section(text, "Quarantine by file and reason") == "No row was set aside."

    def test_samples_stand_in_the_section_of_their_check(self) -> None:
        text = report(
            checks(
                {
                    "check": "open",
                    "failed": 3,
                    "sample": [{"shipment_id": "A1", "note": None}, {"shipment_id": "A2", "note": None}],
                },
                {"check": "none_expires_soon", "failed": 1, "sample": [{"id": "S2-US-6", "days_left": 26}]},
                {"check": "none_outdated", "failed": 1, "sample": [{"currency": "JPY", "newest_date": "2026-02-20"}]},
                {"check": "sources_are_fresh", "failed": 1, "sample": [{"source_name": "ecb", "state": "stale"}]},
            )
        )
        failed = section(text, "Rows that failed")
        assert cells(failed) == [["A1"], ["A2"]]
        assert "The first 2 of 3." in failed
        assert cells(section(text, "Rules that expire, are unverified, in conflict or due for review")) == [
            ["S2-US-6", "26"]
        ]
        old = section(text, "Sources and figures that are out of date")
        assert cells(old) == [["JPY", "2026-02-20"], ["ecb", "stale"]]

    def test_what_was_found_in_words(self) -> None:
        text = report(checks({"check": "jump", "failed": 1, "message": "Was 500 rows, now 0."}))
        assert r"Was 500 rows\, now 0\." in section(text, "Rows that failed")


def test_freshness_of_sources() -> None:
    about = {"title": "t", "publisher": "p", "licence": "l", "attribution": "a", "is_redistributable": True}
    stale = {
        "source_name": "fred",
        "state": "stale",
        "rows": 1200,
        "newest_period": dt.date(2026, 2, 27),
        "expected_period": dt.date(2026, 3, 6),
        "age_days": 9,
        "message": "HTTP 503",
    }
    rows = [
        {"source_name": "ecb", "state": "never", "rows": 0},
        stale,
        {"source_name": "boj", "state": "never", "rows": 0},
    ]
    schema = SOURCE_FRESHNESS.polars_schema()
    sources = pl.DataFrame([dict.fromkeys(schema) | about | row for row in rows], schema=schema)
    assert cells(section(report(checks(), freshness=sources), "Freshness of sources")) == [
        ["boj", "never", "", "", "", "0", ""],
        ["ecb", "never", "", "", "", "0", ""],
        ["fred", "stale", "9", "2026-02-27", "2026-03-06", "1,200", "HTTP 503"],
    ]


def test_quarantine_by_file_and_reason() -> None:
    rows = [
        {
            "file": "a.csv",
            "row_number": number,
            "column": column,
            "check": "required",
            "message": f"{column} is empty",
            "raw_row": "",
        }
        for number, column in ((7, "value"), (3, "value"), (5, "grade"))
    ]
    quarantine = pl.DataFrame(
        [dict.fromkeys(QUARANTINE.polars_schema()) | row for row in rows], schema=QUARANTINE.polars_schema()
    )
    assert cells(section(report(checks(), quarantine), "Quarantine by file and reason")) == [
        ["a.csv", "value", "required", "2", "3", "value is empty"],
        ["a.csv", "grade", "required", "1", "5", "grade is empty"],
    ]


def test_changes_since_the_release_before() -> None:
    totals = pl.DataFrame(
        [
            ("staging.cargoes", "all", "rows", "rows", 150.0, 120.0),
            ("staging.cargoes", "all", "quantity_bbl", "bbl", 1500.5, 1500.5),
            ("marts.new", "all", "rows", "rows", 5.0, None),
            ("marts.gaps", "all", "rows", "rows", 2.0, 0.0),
        ],
        schema=RELEASE_TOTALS.polars_schema(),
        orient="row",
    )
    assert cells(section(report(checks(), totals=totals), "Changes since the release before")) == [
        ["staging.cargoes", "all", "rows", "120", "150", "30", "25.0%"],
        ["marts.gaps", "all", "rows", "0", "2", "2", ""],
    ]


def test_a_night_that_did_not_get_so_far() -> None:
    text = report(checks({"check": "judged", "failed": 1, "severity": "ERROR"}))
    assert section(text, "Freshness of sources") == "The night did not get so far."
    assert section(text, "Quarantine by file and reason") == "The night did not get so far."
    assert section(text, "Changes since the release before") == "The night did not get so far."


@pytest.mark.parametrize(
    "hostile",
    [
        "![x](http://evil.example/t.png)",
        "[click](http://evil.example)",
        "<img src=x onerror=alert(1)>",
        "a | b\n| c |",
        "`code` **bold** # head",
        "http://evil.example www.evil.example",
    ],
)
def test_text_from_a_file_stays_text(hostile: str) -> None:
    sample = [{"grade": hostile, "id": "after"}]
    text = section(
        report(checks({"check": "open", "failed": 1, "sample": sample, "message": hostile})), "Rows that failed"
    )
    # One row, two cells; and every character that Markdown could read for itself has a backslash before it.
    assert cells(text) == [[" ".join(hostile.split()), "after"]]
    row = next(line for line in text.splitlines() if line.endswith(r"| after |"))
    assert re.search(r"(?<!\\)[!\[\]()<>`*_#:.]", row.removeprefix("| ").removesuffix(" | after |")) is None


class TestChart:
    def bars(self, text: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]], list[str]]:
        """Place and height of the bars of ERROR and of WARN, and the words."""
        (address,) = re.findall(r"\(<data:image/svg\+xml,(.*?)>\)", text)
        svg = ElementTree.fromstring(unquote(address))
        error, warn = (
            [(int(x), int(tall)) for x, tall in re.findall(r"M(\d+),\d+v-(\d+)", path.attrib["d"])]
            for path in svg.iter(f"{SVG}path")
        )
        return error, warn, [str(word.text) for word in svg.iter(f"{SVG}text")]

    def test_failed_checks_by_day(self) -> None:
        history = checks(
            *({"check": str(number), "failed": 1} for number in range(3)),
            {"check": "e", "failed": 1, "severity": "ERROR"},
            {"check": "0", "failed": 1, "days_ago": 1},
            {"check": "1", "days_ago": 1},
            {"check": "0", "days_ago": 4},
        )
        error, warn, words = self.bars(summary("Published.", history, CHECK_HISTORY.conform(history)))
        # Four failures are as tall as it gets, 60; the days stand side by side: none, one, and today's four.
        assert [tall for _, tall in error] == [15]
        assert [tall for _, tall in warn] == [15, 45]
        assert [x for x, _ in warn] == [32, 54]
        assert words == ["2026-03-06", "4"]

    def test_a_check_that_ran_twice_in_a_day_counts_once(self) -> None:
        first = checks({"check": "a", "failed": 1})
        again = checks({"check": "a"}).with_columns(pl.col("checked_at") + pl.duration(hours=2), run_id=pl.lit("again"))
        history = CHECK_HISTORY.conform(pl.concat([first, again]))
        error, warn, _ = self.bars(summary("Published.", again, history))
        assert (error, warn) == ([], [])

    def test_the_summary_is_short_enough_to_be_shown_at_once(self) -> None:
        # Dagster hides Markdown from 1,000 characters on behind a button.
        history = checks(
            *(
                {"check": f"{severity}{number}", "failed": 1, "severity": severity, "days_ago": day}
                for day in range(60)
                for severity in ("ERROR", "WARN")
                for number in range(50)
            )
        )
        today = history.filter(pl.col("run_id") == "run 0")
        text = summary("The night failed: " + "!" * 400, today, CHECK_HISTORY.conform(history))
        assert len(text) < 1000
        error, warn, words = self.bars(text)
        assert len(error) == len(warn) == 14
        assert words == ["2026-02-25", "2026-03-10", "100"]
