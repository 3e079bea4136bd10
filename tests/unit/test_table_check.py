"""What checks find is kept for as long as nothing that they look at has changed.

Here: checks that count how often they look, on tables in a store.
Add here: another thing that a check may look at.
Keep out: how outcomes are told (`test_table_asset`), and months (`tests/integration/test_incremental_nights.py`).
"""

import datetime as dt
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
import pytest

from pipelines.assets.table_check import Finding, TableCheck, look
from pipelines.contracts.table import Column, Table
from pipelines.settings import Settings
from pipelines.warehouse.months import keep
from pipelines.warehouse.store import Store

BARRELS = Table("staging", "barrels", "one row per barrel", (Column("id", pl.Int64(), "number"),), key=("id",))
CASKS = replace(BARRELS, name="casks")


@dataclass
class Counting:
    """A check that fails on ids above one, and counts its looks."""

    looks: int = 0
    check: TableCheck = field(init=False)

    def of(self, **said: object) -> TableCheck:
        def looked(frame: pl.DataFrame, store: Store) -> Finding:
            self.looks += 1
            others = sum(store.rows(table) for table in self.check.reads)
            large = frame.filter(pl.col("id") > 1)
            return Finding(frame.height + others, large.height, large)

        self.check = TableCheck("small", "Asks.", looked, **said)  # type: ignore[arg-type]
        return self.check


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def stored(settings: Settings, table: Table, *ids: int) -> Store:
    store = Store(settings.store_folder)
    keep(table, pl.DataFrame({"id": ids}, schema=table.polars_schema()), store)
    return store


def test_the_same_rows_are_not_looked_at_again(settings: Settings) -> None:
    counting = Counting()
    check = counting.of()
    (first,) = look(BARRELS, [check], stored(settings, BARRELS, 1, 2), settings).values()
    (second,) = look(BARRELS, [check], stored(settings, BARRELS, 1, 2), settings).values()
    assert counting.looks == 1
    assert (first.is_kept, second.is_kept) == (False, True)
    assert (second.rows_checked, second.rows_failed) == (2, 1)
    assert second.sample["id"].to_list() == [2]


def test_other_rows_are(settings: Settings) -> None:
    counting = Counting()
    check = counting.of()
    look(BARRELS, [check], stored(settings, BARRELS, 1, 2), settings)
    (found,) = look(BARRELS, [check], stored(settings, BARRELS, 1), settings).values()
    assert (counting.looks, found.is_kept, found.rows_failed) == (2, False, 0)


def test_so_are_those_beside_which_another_table_changed(settings: Settings) -> None:
    counting = Counting()
    check = counting.of(reads=(CASKS,))
    stored(settings, CASKS, 1)
    look(BARRELS, [check], stored(settings, BARRELS, 1), settings)
    stored(settings, CASKS, 1, 2)
    (found,) = look(BARRELS, [check], stored(settings, BARRELS, 1), settings).values()
    assert (counting.looks, found.is_kept, found.rows_checked) == (2, False, 3)


def test_a_table_that_was_not_named_cannot_be_read(settings: Settings) -> None:
    stored(settings, CASKS, 1)
    check = TableCheck("small", "Asks.", lambda _, store: Finding(store.rows(CASKS), 0))
    with pytest.raises(RuntimeError, match=r"staging\.casks is read"):
        look(BARRELS, [check], stored(settings, BARRELS, 1), settings)


def test_nothing_was_found_earlier_in_a_table_without_months(settings: Settings) -> None:
    by_month = replace(BARRELS, is_by_month=True)
    (found,) = look(by_month, [Counting().of()], Store(settings.store_folder), settings).values()
    assert (found.rows_checked, found.is_kept) == (0, False)


@pytest.mark.parametrize("why", ["each_night", "another day", "full"])
def test_what_else_makes_a_check_look_again(settings: Settings, why: str) -> None:
    counting = Counting()
    check = counting.of(each_night=why == "each_night")
    look(BARRELS, [check], stored(settings, BARRELS, 1), settings)
    later = {"another day": replace(settings, as_of=dt.date(2024, 1, 1)), "full": replace(settings, is_full=True)}
    (found,) = look(BARRELS, [check], stored(settings, BARRELS, 1), later.get(why, settings)).values()
    assert (counting.looks, found.is_kept) == (2, False)
