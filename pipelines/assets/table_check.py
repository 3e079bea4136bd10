"""Checks on tables: what they look at, what they find, and what is kept of it from night to night.

Here: `TableCheck` and `Finding`, the checks that follow from a contract, and looking at a table by month.
Add here: a check that every table gets.
Keep out: checks on one table (beside its asset), and how Dagster is told (`pipelines.assets.table_asset`).
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import dagster as dg
import polars as pl

from pipelines.checks.conservation import not_conserved
from pipelines.contracts.table import Table
from pipelines.object_store import Folder
from pipelines.settings import Settings
from pipelines.warehouse.months import program, shipped
from pipelines.warehouse.store import Store, identity_of

SAMPLE_ROWS = 20
CONTRACT_CHECK = "keeps_contract"
CONSERVATION_CHECK = "adds_up"
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


Frame = Callable[[], pl.DataFrame]


@dataclass(frozen=True)
class Finding:
    """Outcome of a check: rows looked at, rows that failed, a sample of those, and words where numbers do not do.

    is_kept: found in an earlier night, on the same content.
    """

    rows_checked: int
    rows_failed: int
    sample: pl.DataFrame = field(default_factory=pl.DataFrame)
    message: str | None = None
    is_kept: bool = False


@dataclass(frozen=True)
class TableCheck:
    """A check on one table. `look` is a pure function of the table and the store it was written to.

    The severity decides what a failure means: ERROR stops the night before anything is published, WARN is told.
    can_be_forced: in a forced night its failure only warns.

    What it found is kept for as long as the table and the others that it looks at (reads) stay the same; each_night:
    it looks at the day or at something else that is no table, and so looks again every night.

    Of a table kept by month, `look` gets one month, with a store narrowed to it, and reads are those tables not by
    month that the month is not made from. over_all: it looks at all months together. With that and with each_night the
    frame of a table by month is empty.
    """

    name: str
    description: str
    look: Callable[[pl.DataFrame, Store], Finding]
    severity: dg.AssetCheckSeverity = ERROR
    can_be_forced: bool = False
    reads: tuple[Table, ...] = ()
    over_all: bool = False
    each_night: bool = False

    def severity_in(self, settings: Settings) -> dg.AssetCheckSeverity:
        """What a failure means in this night."""
        return WARN if self.can_be_forced and settings.is_forced else self.severity


def contract_check(table: Table) -> TableCheck:
    """Every rule of the table's contract."""

    def look(frame: pl.DataFrame, _: Store) -> Finding:
        failures = table.failures(frame)
        rows = failures["row"].drop_nulls().unique()
        return Finding(frame.height, max(len(rows), int(failures.height > 0)), _offending(table, frame, failures))

    return TableCheck(
        CONTRACT_CHECK,
        f"Types, vocabularies, ranges, keys and row rules of {table.full_name}.",
        look,
    )


def conservation_checks(table: Table) -> list[TableCheck]:
    """For a table of sums: that they are those of the cargoes. None for other tables."""
    conserved = table.conserved
    if conserved is None:
        return []

    def look(frame: pl.DataFrame, store: Store) -> Finding:
        compared, differing = not_conserved(conserved, frame, [store.scan(source) for source in conserved.sources])
        return Finding(compared, differing.height, differing)

    return [
        TableCheck(
            CONSERVATION_CHECK,
            f"{', '.join(measure.name for measure in conserved.measures)} add up to those of "
            f"{' and '.join(f'{source.schema}.{source.name}' for source in conserved.sources)} ({conserved.rows}).",
            look,
            reads=() if table.is_by_month else tuple(conserved.sources),
        )
    ]


def checks_of(table: Table, more: Iterable[TableCheck] = ()) -> list[TableCheck]:
    """The checks that follow from the contract, and more."""
    by_month = [in_one_month(table)] if table.is_by_month else []
    return [contract_check(table), *by_month, *conservation_checks(table), *more]


def _offending(table: Table, frame: pl.DataFrame, failures: pl.DataFrame) -> pl.DataFrame:
    """The first failures with the value at fault and the key of its row."""
    shown = failures.head(SAMPLE_ROWS)
    values = [
        str(frame[column][row]) if row is not None and column in frame.columns else None
        for row, column in shown.select("row", "column").iter_rows()
    ]
    keys = frame.select(table.key).with_row_index("row").cast({"row": pl.Int64})
    return shown.with_columns(value=pl.Series(values, dtype=pl.String)).join(
        keys, on="row", how="left", maintain_order="left"
    )


def in_one_month(table: Table) -> TableCheck:
    """What the contract check of each month cannot see: a cargo in two of them."""

    def look(_: pl.DataFrame, store: Store) -> Finding:
        months = store.months(table)
        ids = [store.narrowed([month]).scan(table).select(pl.col("shipment_id").unique()) for month in months]
        found = pl.concat([pl.LazyFrame(schema={"shipment_id": pl.String()}), *ids])
        twice = found.group_by("shipment_id").len("months").filter(pl.col("months") > 1).collect(engine="streaming")
        return Finding(len(months), twice.height, twice.sort("shipment_id"))

    return TableCheck("in_one_month", "No cargo stands in two months.", look, over_all=True)


def look(table: Table, checks: Sequence[TableCheck], store: Store, settings: Settings) -> dict[TableCheck, Finding]:
    """What the checks find in a table; looked at is what has changed since a check looked: the table or its months.

    Runs on some of the months, at work beside each other, each keep a file of their own.
    """
    folder = store.folder / table.schema / table.name
    found_files: list[Folder] = [*folder.glob("checks*.json")]
    # What runs on some of the months kept is newer, and comes last.
    files = sorted(found_files, key=str, reverse=True)
    before = {} if settings.is_full else _kept(files)
    now: dict[str, dict[str, Any]] = {check.name: {} for check in checks}
    beside = {check: [program(), settings.as_of, *map(store.identity, check.reads)] for check in checks}

    def look_at(check: TableCheck, place: str, identity: object, frame: Frame, seen: Store) -> None:
        of = identity_of([*beside[check], identity])
        found = before.get(check.name, {}).get(place, {})
        if check.each_night or found.get("of") != of:
            found = {"of": of, **_plain(check.look(frame(), seen))}
            looked.add(check)
        now[check.name][place] = found

    looked: set[TableCheck] = set()
    if not table.is_by_month:
        frame = cache(lambda: store.scan(table).collect())
        for check in checks:
            look_at(check, "", [store.identity(table), shipped()], frame, store.open_to([table, *check.reads]))
    months = store.months(table) if table.is_by_month else []
    identities = {month: store.month_identity(table, month) for month in months}
    for month, identity in identities.items():
        narrowed = store.narrowed([month])
        frame = cache(lambda seen=narrowed: seen.scan(table).collect())
        for check in checks:
            if not check.over_all and not check.each_night:
                look_at(check, month, identity, frame, narrowed)
    for check in checks:
        if table.is_by_month and (check.over_all or check.each_night):
            look_at(check, "", identities, table.empty, store)
    found = {
        check: replace(_together(seen.values()), is_kept=bool(seen) and check not in looked)
        for check, seen in ((check, now[check.name]) for check in checks)
    }
    if store.only is None:
        file = folder / "checks.json"
    else:
        file = folder / f"checks-{min(store.only)}.json"
        for check in checks:
            now[check.name].pop("", None)
    if now != before or files != [file]:
        aside = file.with_name(f".{file.name}.writing")
        aside.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(now), encoding="utf-8")
        aside.replace(file)
    if store.only is None:
        for other in files:
            if other != file:
                other.unlink(missing_ok=True)
    return found


def _kept(files: Iterable[Folder]) -> dict[str, dict[str, Any]]:
    """What checks found before; a file that is lost is only made again."""
    kept: dict[str, dict[str, Any]] = {}
    for file in files:
        try:
            for check, found in json.loads(file.read_text(encoding="utf-8")).items():
                kept.setdefault(check, {}).update(found)
        except (OSError, ValueError):
            continue
    return kept


def _plain(found: Finding) -> dict[str, Any]:
    has_sample = found.rows_failed > 0 and found.sample.height > 0
    sample = found.sample.head(SAMPLE_ROWS).write_json() if has_sample else None
    return {"checked": found.rows_checked, "failed": found.rows_failed, "sample": sample, "message": found.message}


def _together(found: Iterable[Mapping[str, Any]]) -> Finding:
    """One finding of those in the months."""
    found = list(found)
    samples = [pl.read_json(each["sample"].encode()) for each in found if each["sample"]][:SAMPLE_ROWS]
    return Finding(
        sum(each["checked"] for each in found),
        sum(each["failed"] for each in found),
        pl.concat(samples, how="diagonal_relaxed").head(SAMPLE_ROWS) if samples else pl.DataFrame(),
        "; ".join(each["message"] for each in found if each["message"]) or None,
    )
