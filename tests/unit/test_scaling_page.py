"""The tables of docs/scaling.md: slopes and what follows from them, worked out by hand.

Here: the arithmetic, and that the page has a place for each table.
Add here: the value of a new figure.
Keep out: measuring (`python -m tests.cluster.measure`).
"""

import math
from dataclasses import replace

import pytest
import yaml

from pipelines.settings import REPOSITORY
from tests.cluster.scaling_page import LONGEST_RUN_S, Line, Measured, Night, Part, put_into, tables

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
    commits=1,
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
    commits=11,
    catalog_rows=3_500,
    catalog_transactions=80,
)
# On the line through the other two.
MIDDLE = Night(
    rows=600_000,
    rows_at_once=250_000,
    inputs=Part(cpu_s=35, wall_s=36, peak_mb=1_050),
    months=Part(cpu_s=70, wall_s=60, peak_mb=950),
    release=Part(cpu_s=40, wall_s=41, peak_mb=900),
    lake_bytes=180_000_000,
    store_bytes=120_000_000,
    month_files=75,
    commits=6,
    catalog_rows=2_250,
    catalog_transactions=70,
)
WORKERS = {1: LARGE.months, 2: Part(130, 62.5, 900), 3: Part(150, 40, 800)}
ALONE = {"the first": Part(30.4, 20.6, 1_234.5)}
MEASURED = Measured("Measured by hand.", [SMALL, MIDDLE, LARGE], WORKERS, cores=2, months=20, tables=8, alone=ALONE)


def cells(block: str, row: str) -> list[str]:
    """The cells after the first of the row that begins so."""
    (found,) = (line for line in block.splitlines() if line.startswith(f"| {row} |"))
    return [cell.strip() for cell in found.strip("|").split("|")][1:]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("`night_inputs`, processor s", ["10.0", "35.0", "60.0", "0.050 ms", "5.0", "0 %"]),
        ("`night_months`, processor s", ["20.0", "70.0", "120.0", "0.100 ms", "10.0", "0 %"]),
        ("`night_release`, processor s", ["30.0", "40.0", "50.0", "0.020 ms", "28.0", "0 %"]),
        ("`night_inputs`, most memory, MB", ["300", "1,050", "1,800", "1.5 kB", "150", "0 %"]),
        ("`night_months`, most memory, MB", ["500", "950", "1,400", "3.0 kB of those made at once", "200", "0 %"]),
        ("`night_release`, most memory, MB", ["400", "900", "1,400", "1.0 kB", "300", "0 %"]),
        ("lake, MB", ["30.0", "180.0", "330.0", "300 bytes", "0.0", "0 %"]),
        ("tables between assets, MB", ["20.0", "120.0", "220.0", "200 bytes", "0.0", "0 %"]),
        ("rows that they wrote into the catalog", ["1,000", "2,250", "3,500", "", "", ""]),
    ],
)
def test_slopes(row: str, expected: list[str]) -> None:
    assert cells(tables(MEASURED)["parts"], row) == expected


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        # Around the means 2 and 5: (-1 x -2 + 1 x 3) / 2; 2.5, 5 and 7.5 against 3, 4 and 8.
        ([1, 2, 3], [3, 4, 8], Line(each=2.5, base=0, off=0.25)),
        # 3 each, less 2: through zero it is (1 + 21) / (1 + 9); 2.2 and 6.6 against 1 and 7.
        ([1, 3], [1, 7], Line(each=2.2, base=0, off=1.2)),
        # A larger night that cost less makes no slope below nothing.
        ([1, 2], [4, 2], Line(each=0, base=3, off=0.5)),
        ([5, 5], [1, 3], Line(each=0, base=2, off=1)),
    ],
)
def test_the_nearest_line_and_what_it_misses(x: list[float], y: list[float], expected: Line) -> None:
    found = Line.through(x, y)
    assert (found.each, found.base, found.off) == pytest.approx((expected.each, expected.base, expected.off))


def test_how_far_a_line_reaches() -> None:
    assert Line(each=2, base=10, off=0).reaches(30) == 10
    assert Line(each=2, base=10, off=0).reaches(5) == 0
    assert Line(each=0, base=10, off=0).reaches(30) == math.inf


def test_workers_beside_one() -> None:
    block = tables(MEASURED)["workers"]
    # The whole night is longer by 61 s of inputs and 51 s of release.
    assert cells(block, "1") == ["100.0", "1.00", "100 %", "120.0", "212.0"]
    assert cells(block, "2") == ["62.5", "1.60", "80 %", "130.0", "174.5"]
    assert cells(block, "3") == ["40.0", "2.50", "83 %", "150.0", "152.0"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # Of ten minutes a run works 590 s; 470 s if two slow each other down to 80 %, of which 10 s are its start.
        ("1 million", ["100 s", "1", "1", "9 %"]),
        ("10 million", ["17 minutes", "2", "3", "3 %"]),
        ("100 million", ["2.8 core-hours", "17", "22", "2 %"]),
        ("1 billion", ["27.8 core-hours", "170", "213", "2 %"]),
    ],
)
def test_volumes(row: str, expected: list[str]) -> None:
    assert "at the 80 % of 2 workers" in tables(MEASURED)["volumes"]
    assert cells(tables(MEASURED)["volumes"], row) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("lake", "3.0 TB"),
        ("tables between assets", "2.0 TB"),
        ("each release more that is kept, one month changed", "50.0 GB"),
        ("full build: inputs", "138.9 core-hours"),
        ("full build: months", "277.8 core-hours"),
        ("full build: release", "55.6 core-hours"),
        ("**full build, in all**", "**472.2 core-hours**"),
        # 8,333 s, 16,667 s and 200,000 s.
        ("a night that changes one month: inputs, of its files alone", "2.3 core-hours"),
        ("the same: months", "4.6 core-hours"),
        ("the same: release, which adds up over all months", "55.6 core-hours"),
        ("**a night that changes one month, in all**", "**62.5 core-hours**"),
        ("of these in one process each, whatever the workers", "2.4 days, so at least that long"),
        ("the same, written", "83.3 GB"),
        ("memory of the inputs of a full build", "15.0 TB"),
        ("memory of a run on one month", "500.0 GB"),
        ("most cargoes of a partition that fits into 8 GB", "2.6 million"),
        # 10^10 / 2.6 million is 3,846.2; 100 files in 20 months; 3 TB over 19,235; 35 rows a file; 20 transactions for 10.
        ("partitions of that size", "3,847"),
        ("files of months in the lake", "19,235, of 156.0 MB"),
        ("the same at most", "30,776"),
        ("requests to look at each of them twice", "38,470"),
        ("rows of the catalog", "0.67 million; 11,220 a night"),
        ("transactions of the catalog, to write and to look", "7,694; 128 a night"),
    ],
)
def test_plan(row: str, expected: str) -> None:
    assert cells(tables(MEASURED)["plan"], row)[-1] == expected


def test_what_breaks_stands_in_the_order_in_which_it_does() -> None:
    _, _, *rows = tables(MEASURED)["breaks"].splitlines()
    assert [row.split(" | ")[:2] for row in rows] == [
        ["| the inputs, in 8 GB", "5.2 million"],
        ["| the release, in 8 GB", "7.7 million"],
        ["| a month, in 8 GB", "156.0 million"],
        ["| the inputs, in 6 hours", "431.9 million"],
        ["| the release, in 6 hours", "1.1 billion"],
    ]


def test_a_run_is_stopped_when_the_page_says_so() -> None:
    said = yaml.safe_load((REPOSITORY / "deploy" / "dagster.yaml").read_text(encoding="utf-8"))
    assert said["run_monitoring"]["max_runtime_seconds"] == LONGEST_RUN_S


def test_nights_alone() -> None:
    assert cells(tables(MEASURED)["alone"], "the first") == ["21", "30", "1,234"]


def test_what_was_not_seen_is_said_not_to_have_been_seen() -> None:
    noisy = replace(LARGE, inputs=Part(8, 9, 300), rows_at_once=200_000, months=SMALL.months)
    found = tables(replace(MEASURED, nights=[SMALL, noisy], workers={1: SMALL.months}))
    assert cells(found["parts"], "`night_inputs`, processor s") == [
        "10.0",
        "8.0",
        "none seen",
        "9.0",
        "two sizes tell nothing",
    ]
    assert cells(found["plan"], "full build: inputs")[-1] == "too little to be seen"
    assert cells(found["plan"], "**full build, in all**")[0] == "the sum of what was seen"
    assert cells(found["plan"], "partitions of that size")[-1] == "60"
    assert "| a month, in 8 GB | never, as far as this tells |" in found["breaks"]
    assert "at the 100 % of 1 workers" in found["volumes"]


def test_the_page_takes_each_table_once_and_nothing_else_changes() -> None:
    blocks = tables(MEASURED)
    page = put_into(PAGE, blocks)
    assert all(block in page for block in blocks.values())
    assert put_into(page, blocks) == page
    assert put_into(page, dict.fromkeys(blocks, "")) == put_into(PAGE, dict.fromkeys(blocks, ""))
    with pytest.raises(ValueError, match="the page has places for"):
        put_into(PAGE, blocks | {"costs": ""})
