"""Cells that are parsed by the way of least work come out as they would one by one.

Here: columns whose texts repeat, plain columns, and all else, batch after batch.
Add here: a text that some way might take for another.
Keep out: what a cell must mean (`test_shipments_file`).
"""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.attestations import ATTESTATIONS
from pipelines.contracts.shipments import declared_shipments
from pipelines.contracts.table import Table
from pipelines.sources import columns
from pipelines.sources.cells import fault, plain, tidied, value
from pipelines.sources.columns import Parsing
from pipelines.sources.rows import as_read

SHIPMENTS = declared_shipments(("US", "EU", "UK", "JP"), ("bbl", "t"), ("FOB", "CIF"))

TEXTS = [
    *("", " ", "  x ", "x", "X Y", "é", "\u200b", "x\u00a0", "\ufeffx", "a\tb", "#", "#N/A", "# 1", "#x", ".", "nan"),
    *("0", "-0", "00017", "5", "+5", "5.", ".5", "1e5", "1" * 15, "1" * 16, "0.0000000001", "1" * 400, "-1", " 7 "),
    *("59,70", "1.234.567", "700.000", "1,234", "-inf", "1.5", "12"),
    *("2023-02-05", " 2023-02-05", "2023-02-30", "1900-01-01", "9999-12-31", "2023-2-5", "yes", "No", "maybe"),
    *("ru", "RU", "XX", "RU PRI", "rupri", "bbl", "BBL", "27.09", "USD", "cif", "Sea", "9074729", "9074728"),
    *("eu; us", "EU;;EU", "ZZ", ";", "1", "2"),
]


def one_by_one(cells: pl.DataFrame, table: Table, points: bool) -> tuple[pl.DataFrame, set[tuple[int, str, str]]]:
    tidy = cells.select(tidied(column.name) for column in table.columns)
    faults = tidy.with_columns(fault(column, points).alias(column.name) for column in table.columns)
    values = tidy.select(
        pl.when(faults[column.name].is_null()).then(value(column)).alias(column.name) for column in table.columns
    )
    told = {
        (number, column.name, check)
        for column in table.columns
        for number, check in enumerate(faults[column.name])
        if check is not None
    }
    return values, told


@pytest.mark.parametrize("table", [SHIPMENTS, ATTESTATIONS], ids=lambda table: table.name)
@given(data=st.data(), points=st.booleans())
@settings(deadline=None, max_examples=15)
def test_each_way_ends_in_the_same_values_and_faults(table: Table, data: st.DataObject, points: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "_SAMPLE", data.draw(st.sampled_from([2, 500])))
        patch.setattr(columns, "_MOST_REMEMBERED", data.draw(st.sampled_from([2, 100_000])))
        parsing = Parsing(table, points)
        for _ in range(3):
            height = data.draw(st.integers(1, 6))
            # A few texts for each column, so that some columns repeat and some are plain.
            pools = [data.draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3)) for _ in table.columns]
            frame = pl.DataFrame(
                {
                    column.name: data.draw(st.lists(st.sampled_from([*pool, None]), min_size=height, max_size=height))
                    for column, pool in zip(table.columns, pools, strict=True)
                },
                schema=dict.fromkeys(table.polars_schema(), pl.String()),
            )
            values, told = one_by_one(frame, table, points)
            found = parsing.parsed(as_read(frame, pl.int_range(height, dtype=pl.Int64, eager=True), []))
            assert found.typed.equals(values)
            assert found.typed.schema == table.polars_schema()
            assert set(found.faults.rows()) == told
            assert found.faults.height == len(told)
            kept_to = [found.typed.select(table.keeps_alone(table.column(name)).all()).item() for name in found.kept]
            assert all(kept_to)


@pytest.mark.parametrize("table", [SHIPMENTS, ATTESTATIONS], ids=lambda table: table.name)
def test_the_short_way_is_sure_of_no_text_that_the_long_one_sees_otherwise(table: Table) -> None:
    cells = pl.DataFrame({key: [*TEXTS, None] for key in table.polars_schema()})
    values, told = one_by_one(cells, table, points=False)
    for column in table.columns:
        if way := plain(column, points_may_be_thousands=False):
            short, sure = cells.select(short=way[0], sure=way[1].fill_null(True))
            assert short.filter(sure).equals(values[column.name].filter(sure))
            assert not {number for number, name, _ in told if name == column.name} & set(sure.arg_true())
            assert sure.sum() > 10
    assert plain(table.columns[0], points_may_be_thousands=False)


@pytest.mark.parametrize(("text", "is_comma"), [("59,70", True), ("1.234.567", True), ("59.70", False), ("x", False)])
@pytest.mark.parametrize("others", [[], ["1", "1"], [str(number) for number in range(3, 9)]])
def test_a_comma_for_decimals_is_seen_on_each_way(text: str, is_comma: bool, others: list[str]) -> None:
    cells = pl.DataFrame({"value": [*others, text]})
    parsing = Parsing(SHIPMENTS, points_may_be_thousands=False)
    parsing.parsed(as_read(cells, pl.int_range(cells.height, dtype=pl.Int64, eager=True), []))
    assert parsing.has_comma_decimals == is_comma


def test_only_what_breaks_a_rule_is_not_known_to_keep_to_it() -> None:
    cells = pl.DataFrame({"origin_country": ["RU", "RU", "XX"], "currency": ["USD"] * 3, "vessel_imo": ["9074728"] * 3})
    parsing = Parsing(SHIPMENTS, points_may_be_thousands=False)
    numbers = pl.int_range(3, dtype=pl.Int64, eager=True)
    kept = parsing.parsed(as_read(cells, numbers, [])).kept
    assert {"currency", "grade"} <= set(kept)
    assert not {"origin_country", "vessel_imo"} & set(kept)
    # The next batch has no such country, and what an earlier one had is no matter of it.
    good = cells.with_columns(origin_country=pl.lit("RU"))
    assert "origin_country" in parsing.parsed(as_read(good, numbers, [])).kept
