"""The golden cases: shipments with the verdict that the law gives them, worked out by hand from the sources.

`cases.csv` goes through `assess` as a shipments file would. An empty expectation is not asserted, `-` means
that the column must be empty.
"""

import csv
from pathlib import Path

import polars as pl
import pytest

from pipelines.assess import assess_file

CASES = Path(__file__).with_name("cases.csv")


def _cases() -> list[dict[str, str]]:
    with CASES.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    file = tmp_path_factory.mktemp("golden") / "cases.csv"
    rows = pl.read_csv(CASES, infer_schema=False)
    rows.rename({"case_id": "shipment_id"}).select(pl.exclude("^expect_.*$", "why")).write_csv(file)
    result = assess_file(file)
    assert result.rejected.height == 0, list(result.rejections())
    # Each case names one regime; destination Japan adds Japan's beside it (J-26).
    named = {case["case_id"]: case["nexus"] for case in _cases()}
    return {
        row["shipment_id"]: row
        for row in result.verdicts.iter_rows(named=True)
        if named[row["shipment_id"]] == row["regime"]
    }


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["case_id"])
def test_verdict_is_what_the_law_gives(case: dict[str, str], verdicts: dict[str, dict]) -> None:
    given = verdicts[case["case_id"]]
    wrong = {
        column: (given[column], expected)
        for column in ("verdict", "product_class", "level_date", "cap_usd_per_bbl", "confidence")
        if (expected := case[f"expect_{column}"]) and not _equal(given[column], expected)
    }
    if rule := case["expect_rule"]:
        decided = given["exemption_id"] or given["transition_id"] or "-"
        if not decided.startswith(rule):
            wrong["rule"] = (decided, rule)
    assert not wrong, f"(given, expected): {wrong}; {case['why']}"


def _equal(given: object, expected: str) -> bool:
    if expected == "-":
        return given is None
    if isinstance(given, float):
        return given == float(expected)
    return str(given) == expected
