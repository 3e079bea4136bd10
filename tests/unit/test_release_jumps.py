"""A release beside the one before it: totals, and the jumps that stop a night.

Here: small releases with numbers worked out by hand, on both sides of each bound.
Add here: a case for each new jump.
Keep out: how a jump stops a night (see `tests/integration/test_night.py`).
"""

import datetime as dt
from typing import Any

import polars as pl
import pytest

from pipelines.checks import releases as jumps
from pipelines.contracts.cargoes import CARGOES, VERDICTS
from pipelines.contracts.marts import LISTED_VESSEL_CARGOES
from pipelines.contracts.reference import GRADES
from pipelines.contracts.table import Table

NOTHING = jumps.Before()


def frame(table: Table, rows: list[dict[str, Any]]) -> pl.LazyFrame:
    """Rows of a table, null where nothing is said."""
    return pl.DataFrame(
        [{name: row.get(name) for name in table.polars_schema()} for row in rows], schema=table.polars_schema()
    ).lazy()


def cargo(number: int, quantity_bbl: float | None = 100.0, kind: str = "customs_flow", **facts: Any) -> dict[str, Any]:
    return {
        "shipment_id": f"C{number}",
        "evidence_kind": kind,
        "loading_first": dt.date(2025, 1, 1),
        "loading_last": dt.date(2025, 1, 31),
        "quantity_bbl": quantity_bbl,
    } | facts


def verdict(number: int, word: str, quantity_bbl: float = 100.0, excess: float | None = None) -> dict[str, Any]:
    return {
        "shipment_id": f"C{number}",
        "regime": "US",
        "verdict": word,
        "quantity_bbl": quantity_bbl,
        "excess_value_usd": excess,
    }


def release(cargoes: list[dict[str, Any]], verdicts: list[dict[str, Any]]) -> dict[Table, pl.LazyFrame]:
    return {CARGOES: frame(CARGOES, cargoes), VERDICTS: frame(VERDICTS, verdicts)}


def before(tables: dict[Table, pl.LazyFrame]) -> jumps.Before:
    """The release that these tables were, as the next one reads it."""
    return jumps.Before(
        "20260301T030000Z-00000001",
        jumps.totals(tables, NOTHING),
        tables[CARGOES].select(jumps.CARGO_COLUMNS).collect(),
        tables[VERDICTS].select(jumps.VERDICT_COLUMNS).collect(),
    )


def total(totals: pl.DataFrame, table: Table, part: str, measure: str) -> tuple[float, float | None]:
    row = totals.filter(table_name=table.full_name, part=part, measure=measure)
    ((now, earlier),) = row.select("total", "previous_total").rows()
    return now, earlier


class TestTotals:
    def test_rows_barrels_and_dollars_by_part(self) -> None:
        tables = release(
            [cargo(1, 100.0), cargo(2, 50.5), cargo(3, None, "enforcement_case")],
            [verdict(1, "exempt", 100.0, 30.0), verdict(2, "exempt", 50.5, 12.5), verdict(3, "unpriced", 7.0)],
        )
        totals = jumps.totals(tables, NOTHING)
        assert total(totals, CARGOES, "all", "rows") == (3, None)
        assert total(totals, CARGOES, "all", "quantity_bbl") == (150.5, None)
        assert total(totals, CARGOES, "customs_flow", "rows") == (2, None)
        assert total(totals, CARGOES, "enforcement_case", "quantity_bbl") == (0, None)
        assert total(totals, VERDICTS, "exempt", "excess_value_usd") == (42.5, None)
        assert total(totals, VERDICTS, "unpriced", "rows") == (1, None)
        units = dict(totals.select("measure", "unit").unique().rows())
        assert units == {"rows": "rows", "quantity_bbl": "bbl", "excess_value_usd": "USD"}

    def test_beside_those_of_the_release_before(self) -> None:
        old = release([cargo(1), cargo(2, 50.0)], [verdict(1, "exempt"), verdict(2, "unpriced")])
        new = release([cargo(1, 80.0)], [verdict(1, "exempt", 80.0)])
        totals = jumps.totals(new, before(old))
        assert total(totals, CARGOES, "customs_flow", "quantity_bbl") == (80, 150)
        assert total(totals, VERDICTS, "exempt", "rows") == (1, 1)
        # A part that is gone counts as none.
        assert total(totals, VERDICTS, "unpriced", "rows") == (0, 1)

    def test_a_table_that_the_program_no_longer_has_is_left_out(self) -> None:
        old = release([cargo(1)], []) | {GRADES: frame(GRADES, [{"grade": "Urals"}])}
        totals = jumps.totals(release([cargo(1)], []), before(old))
        assert totals.filter(table_name=GRADES.full_name).is_empty()

    def test_only_sums_that_mean_something(self) -> None:
        # A rate in USD for a unit of currency and barrels in a unit are no amounts.
        assert [column.name for column in CARGOES.measures] == ["quantity_bbl"]
        assert [column.name for column in VERDICTS.measures] == ["quantity_bbl", "excess_value_usd"]
        assert LISTED_VESSEL_CARGOES.measures == ()


class TestVanished:
    @pytest.mark.parametrize(
        ("was", "now", "stops"),
        [
            (6, 0, True),  # a whole kind of evidence is gone, however small
            (38, 19, False),  # half of it
            (39, 19, True),  # more than half of it, and twenty of them
            (38, 18, True),
            (37, 18, False),  # more than half of it, but nineteen: a person sees that
            (100, 51, False),
            (19, 400, False),  # more evidence never stops a night
            (0, 5, False),
        ],
    )
    def test_a_kind_of_evidence(self, was: int, now: int, stops: bool) -> None:
        others = [cargo(number, kind="enforcement_case") for number in range(1000, 1400)]
        old = release([*others, *(cargo(number) for number in range(was))], [])
        new = release([*others, *(cargo(number) for number in range(now))], [])
        lost = jumps.vanished(jumps.totals(new, before(old)))
        assert lost.select("part", "previous_total", "total").rows() == ([("customs_flow", was, now)] if stops else [])

    def test_an_input_table(self) -> None:
        old = release([], []) | {GRADES: frame(GRADES, [{"grade": str(number)} for number in range(50)])}
        new = release([], []) | {GRADES: frame(GRADES, [{"grade": "Urals"}])}
        lost = jumps.vanished(jumps.totals(new, before(old)))
        assert lost["table_name"].to_list() == [GRADES.full_name]

    def test_what_is_worked_out_may_vanish(self) -> None:
        # A verdict that nobody gets any more follows from the rules; whether too many turned is another check.
        old = release([cargo(1)], [verdict(1, "unpriced")] * 50)
        new = release([cargo(1)], [verdict(1, "exempt")] * 50)
        assert jumps.vanished(jumps.totals(new, before(old))).is_empty()

    def test_the_first_release_has_nothing_to_compare_with(self) -> None:
        assert jumps.vanished(jumps.totals(release([cargo(1)], []), NOTHING)).is_empty()


class TestSameEvidence:
    def test_verdicts_on_cargoes_of_both(self) -> None:
        old = release(
            [cargo(1, value=5.0), cargo(2, value=None), cargo(3, value=7.0), cargo(4)],
            [verdict(1, "exempt"), verdict(2, "unpriced"), verdict(3, "within_cap"), verdict(4, "exempt")],
        )
        new = release(
            # The value of the third was mended, the fourth is gone, the fifth is new.
            [cargo(1, value=5.0), cargo(2, value=None), cargo(3, value=9.0), cargo(5)],
            [verdict(1, "above_cap"), verdict(2, "unpriced"), verdict(3, "above_cap"), verdict(5, "exempt")],
        )
        both = jumps.on_same_evidence(new[CARGOES], new[VERDICTS], before(old))
        assert both.rows() == [("C1", "US", "exempt", "above_cap"), ("C2", "US", "unpriced", "unpriced")]

    def test_what_is_worked_out_is_not_evidence(self) -> None:
        old = release([cargo(1, price_usd_per_bbl=60.0, rate_basis="daily")], [verdict(1, "within_cap")])
        new = release([cargo(1, price_usd_per_bbl=61.0, rate_basis="monthly")], [verdict(1, "above_cap")])
        assert jumps.on_same_evidence(new[CARGOES], new[VERDICTS], before(old)).height == 1

    def test_barrels_by_kind(self) -> None:
        old = release([cargo(1, 100.0), cargo(2, 50.0, "declared_shipment"), cargo(3, 1.0, quantity=1.0)], [])
        new = release([cargo(1, 730.0), cargo(2, 50.0, "declared_shipment"), cargo(3, 2.0, quantity=2.0)], [])
        assert jumps.barrels(new[CARGOES], before(old), CARGOES.empty().lazy()).rows() == [
            ("customs_flow", 100, 730),
            ("declared_shipment", 50, 50),
        ]

    def test_what_is_known_to_be_the_same_counts_on_both_sides(self) -> None:
        same = release([cargo(1, 100.0), cargo(2, 50.0, "declared_shipment")], [])
        new = release([cargo(3, 7.0)], [])
        assert jumps.barrels(new[CARGOES], before(release([cargo(3, 9.0)], [])), same[CARGOES]).rows() == [
            ("customs_flow", 109, 107),
            ("declared_shipment", 50, 50),
        ]

    def test_the_first_release_has_nothing_to_compare_with(self) -> None:
        new = release([cargo(1)], [verdict(1, "exempt")])
        assert jumps.on_same_evidence(new[CARGOES], new[VERDICTS], NOTHING).is_empty()
        assert jumps.barrels(new[CARGOES], NOTHING, CARGOES.empty().lazy()).is_empty()


@pytest.mark.parametrize(
    ("was", "now", "is_told"),
    [(100.0, 110.0, False), (100.0, 111.0, True), (100.0, 89.0, True), (100.0, 90.0, False), (0.0, 5.0, True)],
)
def test_a_total_that_moved_by_more_than_a_tenth_is_told(was: float, now: float, is_told: bool) -> None:
    moved = jumps.moved(jumps.totals(release([cargo(1, now)], []), before(release([cargo(1, was)], []))))
    assert ("quantity_bbl" in moved["measure"].to_list()) is is_told
