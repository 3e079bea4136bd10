"""Tables, and months of tables about cargoes, made again only where something that they are made from has changed.

A month is made by a function that sees only what its *recipe* names: ingredients, each with a fingerprint. The recipe
is kept in the foot of the month's file. Where it is still the same, the month is left alone; where it is not, the
month is made again, or only the regimes of it that are touched. A table that is not kept by month has one recipe.

Here: the comparison of recipes, the making of what is stale, and the words that say why.
Add here: nothing per table; recipes stand with the assets, what touches a month in `pipelines.transforms.touching`.
Keep out: Dagster, rules, prices.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import duckdb
import polars as pl

from pipelines.contracts.table import Table
from pipelines.object_store import Folder
from pipelines.settings import REPOSITORY
from pipelines.transforms.touching import by_month, month_of
from pipelines.warehouse.store import ROWS, Store, content_identity, identity_of

# What a part of a month is made from: names that people understand, each with a fingerprint.
Ingredients = Mapping[str, str]
# The parts of a month by name: its regimes, or `WHOLE`.
Recipe = Mapping[str, Ingredients]
WHOLE = ""
PROGRAM, SHIPPED = "the program", "the shipped tables"
# Months are made together up to so many rows of cargoes: one plan for many months, within bounded memory.
ROWS_AT_ONCE = 400_000
_REASONS_SHOWN, _LINES_SHOWN = 4, 12


@cache
def program() -> str:
    """A hash of everything that decides how tables come about, beside data: code, SQL and libraries."""
    files = sorted([*REPOSITORY.glob("pipelines/**/*.py"), *REPOSITORY.glob("sql/marts/*.sql")])
    return fingerprint(
        [(str(file.relative_to(REPOSITORY)), file.read_text(encoding="utf-8")) for file in files]
        + [("polars", pl.__version__), ("duckdb", duckdb.__version__)]
    )


def fingerprint(said: object) -> str:
    """A short hash of plain values, for a recipe."""
    return identity_of(said)[:20]


@dataclass(frozen=True)
class Monthly:
    """How a table by month is made.

    inputs: changes with anything that any recipe could depend on; while it is the same, recipes are not even looked
    at. recipes: by month. make: from the store narrowed to some months, and the parts to make (None: all), their rows,
    with `shipment_id`. part_column: the column that names the part of a row. months_of: shipment_id and month of the
    rows of the narrowed store.
    """

    table: Table
    inputs: Callable[[], str]
    recipes: Callable[[], Mapping[str, Recipe]]
    make: Callable[[Store, Sequence[str] | None], pl.DataFrame]
    months_of: Callable[[Store], pl.DataFrame]
    weights: Callable[[], Mapping[str, int]]
    part_column: str | None = None


@dataclass(frozen=True)
class Remade:
    """made: the months that were written, with the parts that were made. dropped: months without cargoes now.

    why: lines for people, such as "2026-06..2026-12 US: S2-US-7 is new".
    """

    made: Mapping[str, tuple[str, ...]]
    dropped: tuple[str, ...]
    why: tuple[str, ...]


def remake(monthly: Monthly, store: Store, afresh: bool = False, only: Collection[str] | None = None) -> Remade:
    """Brings every month of a table up to what it should be made from now.

    afresh: whatever was kept is made again. only: look at these months alone.
    """
    table = monthly.table
    marker = store.folder / table.schema / table.name / "inputs.json"
    inputs = monthly.inputs()
    if not afresh and only is None and _said(marker) == {"inputs": inputs, "months": store.months(table)}:
        return Remade({}, (), ())
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.unlink(missing_ok=True)
    store.path_of_whole(table).unlink(missing_ok=True)
    wanted = monthly.recipes()
    if only is not None:
        wanted = {month: recipe for month, recipe in wanted.items() if month in only}
    kept = {} if afresh else {month: _recipe(store, table, month) for month in store.months(table)}
    stale = {month: _stale(recipe, kept.get(month)) for month, recipe in wanted.items()}
    stale = {month: parts for month, parts in stale.items() if parts}
    for months, parts in _batches(stale, wanted, monthly.weights):
        for month, frame in _made(monthly, store, months, parts):
            _write(monthly, store, month, frame, parts, wanted[month])
    gone = [month for month in store.months(table) if month not in wanted and (only is None or month in only)]
    for month in gone:
        store.drop(table, month)
    if only is None:
        aside = marker.with_name(".inputs.json.writing")
        aside.write_text(json.dumps({"inputs": inputs, "months": sorted(wanted)}), encoding="utf-8")
        aside.replace(marker)
    return Remade(stale, tuple(gone), tuple(_why(stale, wanted, kept, gone, afresh)))


def _said(file: Folder) -> object:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _recipe(store: Store, table: Table, month: str) -> dict[str, dict[str, str]]:
    return (store.note(table, month) or {}).get("made_from", {})


def _stale(recipe: Recipe, kept: Mapping[str, Ingredients] | None) -> tuple[str, ...]:
    """The parts to make; all of them where the month holds a part that it should not."""
    if not kept or kept.keys() - recipe.keys():
        return tuple(recipe)
    return tuple(part for part, ingredients in recipe.items() if dict(ingredients) != dict(kept.get(part, {})))


def _batches(
    stale: Mapping[str, tuple[str, ...]], wanted: Mapping[str, Recipe], weights: Callable[[], Mapping[str, int]]
) -> Iterator[tuple[list[str], Sequence[str] | None]]:
    """Months whose same parts are stale, together; parts is None where the months are made whole."""
    groups: dict[tuple[str, ...] | None, list[str]] = {}
    for month, parts in sorted(stale.items()):
        groups.setdefault(None if parts == tuple(wanted[month]) else parts, []).append(month)
    rows = weights() if groups else {}
    for same, months in groups.items():
        batch: list[str] = []
        for month in months:
            if batch and sum(rows.get(m, 0) for m in [*batch, month]) > ROWS_AT_ONCE:
                yield batch, same
                batch = []
            batch.append(month)
        yield batch, same


def _made(
    monthly: Monthly, store: Store, months: Sequence[str], parts: Sequence[str] | None
) -> Iterator[tuple[str, pl.DataFrame]]:
    narrowed = store.narrowed(months)
    frame = monthly.make(narrowed, parts)
    found = split(frame, monthly.months_of(narrowed)) if len(months) > 1 else {months[0]: frame}
    for month in months:
        yield month, found.get(month, frame.clear())


@cache
def shipped() -> str:
    """A hash of the tables that ship with the program: rules, reference tables and figures."""
    files = sorted(REPOSITORY.glob("data/*/*.csv"))
    return fingerprint([(str(file.relative_to(REPOSITORY)), file.read_text(encoding="utf-8")) for file in files])


def made_of(tables: Iterable[Table], store: Store) -> dict[str, str]:
    """The recipe of what is made of whole tables by the program."""
    return {PROGRAM: program()} | {table.full_name: store.identity(table) for table in tables}


def is_stale(table: Table, recipe: Ingredients, store: Store) -> bool:
    """True if a table that is not kept by month was made from something else, or never."""
    return (store.note(table) or {}).get("made_from") != {WHOLE: dict(recipe)}


def keep(
    table: Table, frame: pl.DataFrame, store: Store, recipe: Ingredients | None = None, afresh: bool = False
) -> bool:
    """Keeps a table whole; true if its rows are others than before.

    recipe: what it was made from; without it, its own rows. A file of the same note stays, unless afresh.
    """
    if table.is_by_month:
        return _keep_months(table, frame, store, afresh)
    rows = table.conform(frame)
    identity = content_identity(rows)
    note = {"made_from": {WHOLE: {"the rows": identity} if recipe is None else dict(recipe)}, ROWS: identity}
    before = store.note(table)
    if afresh or before != note:
        store.write(table, rows, note=note)
    return (before or {}).get(ROWS) != identity


def _keep_months(table: Table, frame: pl.DataFrame, store: Store, afresh: bool) -> bool:
    """Keeps rows that come from elsewhere, each with a `loading_date`, by month; months that are the same stay."""
    is_changed = False
    months = by_month(frame.with_columns(month=month_of(pl.col("loading_date"))))
    for month, found in months.items():
        rows = table.conform(found)
        recipe = {WHOLE: {"the rows": content_identity(rows)}}
        if afresh or (store.note(table, month) or {}).get("made_from") != recipe:
            is_changed = True
            store.write(table, rows, month, {"made_from": recipe})
    for month in set(store.months(table)) - months.keys():
        is_changed = True
        store.drop(table, month)
    return is_changed


def split(frame: pl.DataFrame, months: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The rows by month. months: shipment_id and month, once for each."""
    joined = frame.join(months, on="shipment_id", how="left", maintain_order="left")
    if (strays := joined.filter(pl.col("month").is_null())).height:
        raise RuntimeError(f"{strays['shipment_id'][0]} was made, and is no cargo of these months.")
    return by_month(joined)


def _write(
    monthly: Monthly, store: Store, month: str, frame: pl.DataFrame, parts: Sequence[str] | None, recipe: Recipe
) -> None:
    table = monthly.table
    frame = table.conform(frame)
    if parts is not None and monthly.part_column is not None:
        kept = store.narrowed([month]).scan(table).filter(~pl.col(monthly.part_column).is_in(list(parts))).collect()
        frame = pl.concat([table.conform(kept), frame])
    key = [column for column in table.key if column in frame.columns]
    store.write(table, frame.sort(key, maintain_order=True), month, {"made_from": recipe})


def _why(
    stale: Mapping[str, tuple[str, ...]],
    wanted: Mapping[str, Recipe],
    kept: Mapping[str, Recipe],
    gone: Sequence[str],
    is_asked: bool,
) -> Iterator[str]:
    """Months with the same reasons in one line, as ranges."""
    said: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for month, parts in sorted(stale.items()):
        by_reasons: dict[tuple[str, ...], list[str]] = {}
        for part in parts:
            before = kept.get(month, {}).get(part)
            reasons = ("asked for",) if is_asked else _reasons(wanted[month][part], before)
            by_reasons.setdefault(reasons, []).append(part)
        for reasons, touched in by_reasons.items():
            names = () if len(touched) == len(wanted[month]) and len(by_reasons) == 1 else tuple(touched)
            said.setdefault((names, reasons), []).append(month)
    every = sorted({*wanted, *kept})
    lines = [
        f"{_ranges(months, every)}{' ' * bool(parts)}{' '.join(parts)}: {'; '.join(reasons)}"
        for (parts, reasons), months in said.items()
    ]
    yield from lines[:_LINES_SHOWN]
    if len(lines) > _LINES_SHOWN:
        yield f"and {len(lines) - _LINES_SHOWN} more such lines"
    if gone:
        yield f"{_ranges(gone, every)}: no cargoes any more"


def _reasons(now: Ingredients, before: Ingredients | None) -> tuple[str, ...]:
    if not before:
        return ("not made before",)
    changes = [
        *(f"{name} changed" for name in now if name in before and now[name] != before[name]),
        *(f"{name} is new" for name in now if name not in before),
        *(f"{name} is gone" for name in before if name not in now),
    ]
    if f"{PROGRAM} changed" in changes:
        return (f"{PROGRAM} changed",)
    shown = changes[:_REASONS_SHOWN]
    return (*shown, f"and {len(changes) - len(shown)} more") if len(changes) > len(shown) else tuple(shown)


def _ranges(months: Sequence[str], every: Sequence[str]) -> str:
    """Months as ranges, where `every` month that there is follows the one before."""
    place = {month: number for number, month in enumerate(every)}
    runs: list[list[str]] = []
    for month in sorted(months):
        if runs and place[month] == place[runs[-1][-1]] + 1:
            runs[-1].append(month)
        else:
            runs.append([month])
    shown = [run[0] if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs]
    return ", ".join(shown) if len(shown) <= 3 else f"{', '.join(shown[:3])} and {len(shown) - 3} more"
