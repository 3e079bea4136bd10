"""The tables of docs/scaling.md: slopes and what follows from them, worked out by hand.

Here: the arithmetic, and that the page has a place for each table.
Add here: the value of a new figure.
Keep out: measuring (`python -m tests.cluster.measure`).
"""

from dataclasses import replace

import pytest

from pipelines.settings import REPOSITORY
from tests.cluster.scaling_page import Measured, Night, Part, put_into, tables

PAGE = (REPOSITORY / "docs" / "scaling.md").read_text(encoding="utf-8")
SMALL = Night(
    rows=100_000,
    rows_at_once=100_000,
    inputs=Part(cpu_s=10, wall_s=11, peak_mb=300),
    months=Part(cpu_s=20, wall_s=21, peak_mb=500),
    release=Part(cpu_s=30, wall_s=31, peak_mb=400),
    lake_bytes=30_000_000,
    store_bytes=20_000_000,
    month_files=50,
    catalog_rows=1_000,
    catalog_transactions=60,
)
# A million cargoes more: 0.05 ms, 0.1 ms and 0.02 ms each; 900 MB for 300,000 more at once is 3 kB each.
LARGE = Night(
    rows=1_100_000,
    rows_at_once=400_000,
    inputs=Part(cpu_s=60, wall_s=61, peak_mb=1_800),
    months=Part(cpu_s=120, wall_s=100, peak_mb=1_400),
    release=Part(cpu_s=50, wall_s=51, peak_mb=1_400),
    lake_bytes=330_000_000,
    store_bytes=220_000_000,
    month_files=100,
    catalog_rows=3_500,
    catalog_transactions=60,
)
WORKERS = {1: LARGE.months, 2: Part(130, 50, 900), 3: Part(150, 40, 800)}
MEASURED = Measured("Measured by hand.", SMALL, LARGE, WORKERS, tables=8)


def cells(block: str, row: str) -> list[str]:
    """The cells after the first of the row that begins so."""
    (found,) = (line for line in block.splitlines() if line.startswith(f"| {row} |"))
    return [cell.strip() for cell in found.strip("|").split("|")][1:]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("`night_inputs`, processor s", ["10.0", "60.0", "0.050 ms", "5.0"]),
        ("`night_months`, processor s", ["20.0", "120.0", "0.100 ms", "10.0"]),
        ("`night_release`, processor s", ["30.0", "50.0", "0.020 ms", "28.0"]),
        ("`night_inputs`, most memory, MB", ["300", "1,800", "1.5 kB", "150"]),
        ("`night_months`, most memory, MB", ["500", "1,400", "3.0 kB of those made at once", "200"]),
        ("`night_release`, most memory, MB", ["400", "1,400", "1.0 kB", "300"]),
        ("lake, MB", ["30.0", "330.0", "300 bytes", "0.0"]),
        ("store between assets, MB", ["20.0", "220.0", "200 bytes", "0.0"]),
        ("rows that they wrote into the catalog", ["1,000", "3,500", "", ""]),
    ],
)
def test_slopes(row: str, expected: list[str]) -> None:
    assert cells(tables(MEASURED)["parts"], row) == expected


def test_workers_beside_one() -> None:
    block = tables(MEASURED)["workers"]
    # The whole night is longer by 61 s of inputs and 51 s of release.
    assert cells(block, "1") == ["100.0", "1.00", "120.0", "212.0"]
    assert cells(block, "2") == ["50.0", "2.00", "130.0", "162.0"]
    assert cells(block, "3") == ["40.0", "2.50", "150.0", "152.0"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # Of ten minutes a run works 590 s.
        ("1 million", ["100 s", "1", "9 %"]),
        ("10 million", ["17 minutes", "2", "2 %"]),
        ("100 million", ["2.8 core-hours", "17", "2 %"]),
        ("1 billion", ["27.8 core-hours", "170", "2 %"]),
    ],
)
def test_volumes(row: str, expected: list[str]) -> None:
    assert cells(tables(MEASURED)["volumes"], row) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("lake", "3.0 TB"),
        ("store between assets", "2.0 TB"),
        ("each release more that is kept, one month changed", "50.0 GB"),
        ("full build, months", "277.8 core-hours"),
        ("full build, inputs", "138.9 core-hours"),
        ("a night that changes one month: months", "4.6 core-hours"),
        ("the same, written", "83.3 GB"),
        ("the same, inputs, if only new files are read", "2.3 core-hours"),
        ("memory of the inputs", "15.0 TB"),
        ("the release, which adds up over all months", "55.6 core-hours"),
        ("memory of a run on one month", "500.0 GB"),
        ("most cargoes of a partition that fits into 8 GB", "2.6 million"),
        # 10^10 / 2.6 million is 3,846.2; 8 tables of 3,847; 3 TB over 30,776; 35 rows a file.
        ("partitions of that size", "3,847"),
        ("files in the lake", "30,776, of 97.5 MB"),
        ("requests to look at each of them twice", "61,552"),
        ("rows of the catalog", "1.08 million; 17,953 a night"),
    ],
)
def test_plan(row: str, expected: str) -> None:
    assert cells(tables(MEASURED)["plan"], row)[-1] == expected


def test_a_larger_night_that_cost_less_makes_no_slope_below_nothing() -> None:
    noisy = replace(MEASURED, large=replace(LARGE, inputs=Part(8, 9, 300), rows_at_once=200_000, months=SMALL.months))
    assert cells(tables(noisy)["parts"], "`night_inputs`, processor s") == ["10.0", "8.0", "0.000 ms", "10.0"]
    assert cells(tables(noisy)["plan"], "partitions of that size")[-1] == "60"


def test_the_page_takes_each_table_once_and_nothing_else_changes() -> None:
    blocks = tables(MEASURED)
    page = put_into(PAGE, blocks)
    assert all(block in page for block in blocks.values())
    assert put_into(page, blocks) == page
    assert put_into(page, dict.fromkeys(blocks, "")) == put_into(PAGE, dict.fromkeys(blocks, ""))
    with pytest.raises(ValueError, match="the page has places for"):
        put_into(PAGE, blocks | {"costs": ""})
