"""Months of a table are made again where their recipe has changed, and left alone where it has not.

Here: a small table of cargoes with two parts a month, made by a function that keeps a record of its calls.
Add here: another state in which a night may find the months.
Keep out: the recipes of the real tables (`tests/properties/test_incremental.py`).
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.table import Column, Table
from pipelines.warehouse.months import Monthly, Remade, keep, remake, split
from pipelines.warehouse.store import Store

LEGS = Table(
    schema="marts",
    name="legs",
    grain="one row per cargo and regime",
    key=("shipment_id", "regime"),
    is_by_month=True,
    columns=(
        Column("shipment_id", pl.String(), "id", required=True),
        Column("regime", pl.String(), "regime", required=True),
        Column("level", pl.Int64(), "the level of the regime when the row was made"),
    ),
)
IN_MONTHS = {"A": "2026-06", "B": "2026-06", "C": "2026-07", "D": "2026-09"}


@dataclass
class World:
    """What the table follows from: cargoes by month, and a level per regime from a month on."""

    store: Store
    cargoes: dict[str, str] = field(default_factory=lambda: dict(IN_MONTHS))
    levels: dict[str, dict[str, int]] = field(default_factory=lambda: {"EU": {"2026-01": 60}, "US": {"2026-01": 60}})
    made: list[tuple[tuple[str, ...], tuple[str, ...] | None]] = field(default_factory=list)
    fails: bool = False

    def level(self, regime: str, month: str) -> int:
        return next(level for since, level in sorted(self.levels[regime].items(), reverse=True) if since <= month)

    def months(self) -> list[str]:
        return sorted(set(self.cargoes.values()))

    def make(self, narrowed: Store, parts: Sequence[str] | None) -> pl.DataFrame:
        assert narrowed.only is not None
        self.made.append((tuple(sorted(narrowed.only)), None if parts is None else tuple(parts)))
        if self.fails:
            raise OSError("no room")
        rows = [
            (cargo, regime, self.level(regime, month))
            for cargo, month in self.cargoes.items()
            for regime in parts or self.levels
            if month in narrowed.only
        ]
        return pl.DataFrame(rows, schema=LEGS.polars_schema(), orient="row")

    def night(self, **options: object) -> Remade:
        self.made.clear()
        recipes = {
            month: {
                regime: {
                    "the cargoes": ",".join(sorted(c for c, m in self.cargoes.items() if m == month)),
                    f"{regime} level": str(self.level(regime, month)),
                }
                for regime in self.levels
            }
            for month in self.months()
        }
        months_of = pl.DataFrame({"shipment_id": list(self.cargoes), "month": list(self.cargoes.values())})
        monthly = Monthly(
            LEGS,
            lambda: repr((self.cargoes, self.levels)),
            lambda: recipes,
            self.make,
            lambda narrowed: months_of,
            lambda: dict.fromkeys(self.months(), 1),
            "regime",
        )
        return remake(monthly, self.store, **options)  # type: ignore[arg-type]

    def rows(self) -> list[tuple]:
        return self.store.scan(LEGS).collect().rows()

    def expected(self) -> list[tuple]:
        return [
            (cargo, regime, self.level(regime, month))
            for month, cargo in sorted((month, cargo) for cargo, month in self.cargoes.items())
            for regime in sorted(self.levels)
        ]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """After the first night."""
    world = World(Store(tmp_path))
    world.night()
    return world


def test_the_first_night_makes_everything_at_once(tmp_path: Path) -> None:
    world = World(Store(tmp_path))
    remade = world.night()
    assert world.made == [(("2026-06", "2026-07", "2026-09"), None)]
    assert world.rows() == world.expected()
    assert remade.why == ("2026-06..2026-09: not made before",)


def test_the_same_night_again_makes_nothing(world: World) -> None:
    before = world.rows()
    assert world.night() == Remade({}, (), ())
    assert (world.made, world.rows()) == ([], before)


def test_a_level_that_falls_makes_its_regime_again_from_that_month_on(world: World) -> None:
    world.levels["US"]["2026-07"] = 50
    remade = world.night()
    assert world.made == [(("2026-07", "2026-09"), ("US",))]
    assert remade.why == ("2026-07..2026-09 US: US level changed",)
    assert world.rows() == world.expected()
    assert ("C", "EU", 60) in world.rows()
    assert ("C", "US", 50) in world.rows()


def test_a_cargo_that_moves_makes_both_months_again(world: World) -> None:
    world.cargoes["B"] = "2026-07"
    remade = world.night()
    assert remade.made.keys() == {"2026-06", "2026-07"}
    assert world.rows() == world.expected()


def test_a_month_without_cargoes_is_let_go(world: World) -> None:
    del world.cargoes["D"]
    remade = world.night()
    assert remade.dropped == ("2026-09",)
    assert remade.why == ("2026-09: no cargoes any more",)
    assert world.store.months(LEGS) == ["2026-06", "2026-07"]
    assert world.rows() == world.expected()


def test_a_regime_that_is_gone_leaves_no_rows(world: World) -> None:
    del world.levels["EU"]
    world.night()
    assert world.rows() == world.expected()
    assert {regime for _, regime, _ in world.rows()} == {"US"}


def test_a_new_regime_is_made_alone(world: World) -> None:
    world.levels["UK"] = {"2026-01": 60}
    world.night()
    assert {parts for _, parts in world.made} == {("UK",)}
    assert world.rows() == world.expected()


def test_a_night_that_broke_off_is_made_up_for(world: World) -> None:
    world.levels["US"]["2026-07"], world.fails = 50, True
    with pytest.raises(OSError, match="no room"):
        world.night()
    # Back to where it was: what the first night made is still true, and no note says otherwise.
    del world.levels["US"]["2026-07"]
    world.fails = False
    world.night()
    assert (world.made, world.rows()) == ([], world.expected())
    world.levels["US"]["2026-07"] = 50
    world.night()
    assert world.rows() == world.expected()


@pytest.mark.parametrize("content", [b"", b"PAR1 cut off"])
def test_a_file_that_cannot_be_read_is_made_again(world: World, content: bytes) -> None:
    world.store.path(LEGS, "2026-07").write_bytes(content)
    world.levels["EU"]["2026-09"] = 44  # so that months are looked at
    world.night()
    assert world.rows() == world.expected()


def test_a_file_that_says_nothing_of_itself_is_made_again(world: World) -> None:
    world.store.write(LEGS, LEGS.empty(), "2026-07")
    world.cargoes["E"] = "2026-10"
    world.night()
    assert world.rows() == world.expected()


def test_everything_afresh(world: World) -> None:
    world.night(afresh=True)
    assert world.made == [(("2026-06", "2026-07", "2026-09"), None)]


def test_months_that_are_asked_for_are_made_again_and_no_others(world: World) -> None:
    world.levels["US"] = {"2026-01": 55}
    remade = world.night(afresh=True, only={"2026-07", "2027-01"})
    assert world.made == [(("2026-07",), None)]
    assert remade.why == ("2026-07: asked for",)
    # The night makes up for the others.
    world.night()
    assert world.rows() == world.expected()


def test_a_night_of_some_months_makes_only_what_is_touched_in_them(world: World) -> None:
    world.levels["US"] = {"2026-01": 55}
    world.night(only={"2026-07", "2027-01"})
    assert world.made == [(("2026-07",), ("US",))]
    world.night()
    assert world.rows() == world.expected()


def test_rows_that_are_of_no_month_are_not_lost_without_a_word() -> None:
    frame = pl.DataFrame({"shipment_id": ["A", "Z"]})
    with pytest.raises(RuntimeError, match="Z was made"):
        split(frame, pl.DataFrame({"shipment_id": ["A"], "month": ["2026-06"]}))


DECLARED = Table(
    schema="staging",
    name="declared",
    grain="one row per cargo",
    key=("shipment_id",),
    is_by_month=True,
    columns=(
        Column("shipment_id", pl.String(), "id", required=True),
        Column("loading_date", pl.Date(), "day", required=True),
    ),
)


def test_rows_from_elsewhere_are_kept_by_month(tmp_path: Path) -> None:
    store = Store(tmp_path)
    june, july = dt.date(2026, 6, 30), dt.date(2026, 7, 1)

    def kept(**days: dt.date) -> dict[str, int]:
        rows = pl.DataFrame({"shipment_id": list(days), "loading_date": list(days.values())})
        keep(DECLARED, rows, store)
        assert store.scan(DECLARED).collect().sort("shipment_id").equals(rows.sort("shipment_id"))
        return {month: store.path(DECLARED, month).stat().st_mtime_ns for month in store.months(DECLARED)}

    first = kept(A=june, B=july)
    assert kept(A=june, B=july) == first
    second = kept(A=june, B=july, C=july)
    assert second["2026-06"] == first["2026-06"]
    assert second["2026-07"] != first["2026-07"]
    assert list(kept(B=july, C=july)) == ["2026-07"]
