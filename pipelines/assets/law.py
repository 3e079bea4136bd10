"""The law and the figures, as tables.

Here: the assets of `data/rules`, `data/reference` and `data/figures`, the figures with what was fetched.
Add here: nothing per table; a new shipped table needs a contract and a field of `Rulebook` or `Reference`.
Keep out: what is derived from them.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import dagster as dg
import polars as pl

from pipelines.assess import shipments_contract
from pipelines.assets.table_asset import Finding, TableCheck, table_assets
from pipelines.checks import japan
from pipelines.checks.rules import stale
from pipelines.contracts.customs import JAPAN_CUSTOMS_ALL_ORIGINS, JAPAN_CUSTOMS_LINES
from pipelines.contracts.reference import JAPAN_CRUDE_FROM_RUSSIA, REFERENCE_TABLES
from pipelines.contracts.rules import EXEMPTIONS, PRICE_CAPS, RULE_TABLES, TRANSITIONS
from pipelines.contracts.table import Table
from pipelines.report.rules_in_force import SOON_DAYS, expiring, in_conflict, unverified
from pipelines.rules.rulebook import Rulebook
from pipelines.settings import Settings
from pipelines.sources.publishers import STAGED, in_force
from pipelines.sources.reference import Reference
from pipelines.sources.upstream import latest
from pipelines.transforms.figures import with_fetched
from pipelines.transforms.japan import CUSTOMS_SOURCE, implausible
from pipelines.warehouse.store import Store

# Loaded once a process: several assets look at the same tables.
_book = cache(Rulebook.load)
_reference = cache(Reference.load)


def rulebook(settings: Settings) -> Rulebook:
    """The rulebook as the night knows it."""
    return _book().as_of(settings.as_of)


def reference(store: Store) -> Reference:
    """The figures of the night: what ships, as known on its day, with what was fetched."""
    return Reference.of(lambda table: store.scan(table).collect())


@cache
def shipments_table() -> Table:
    """The declared-shipments contract with the vocabularies of the shipped tables."""
    return shipments_contract(_book(), _reference())


def _rules(settings: Settings, _: Store) -> dict[str, pl.DataFrame]:
    book = rulebook(settings)
    return {table.name: getattr(book, Path(file).stem) for file, table in RULE_TABLES.items()}


def _figures(settings: Settings, store: Store) -> dict[str, pl.DataFrame]:
    fetched = in_force(store.folder, settings.as_of)
    figures = with_fetched(_reference().as_of(settings.as_of), fetched)
    return {table.name: getattr(figures, table.name) for table in REFERENCE_TABLES.values()}


def _rule_checks(settings: Settings) -> dict[Table, list[TableCheck]]:
    """The warnings about the rules in force today, or on the day as of which the night runs."""
    today = settings.as_of or dt.datetime.now(dt.UTC).date()

    def warning(
        name: str, description: str, kind: str, find: Callable[[Rulebook, dt.date], pl.DataFrame]
    ) -> TableCheck:
        def look(frame: pl.DataFrame, _: Store) -> Finding:
            found = find(rulebook(settings), today)
            found = found.filter(pl.col("kind") == kind).drop("kind") if "kind" in found.columns else found
            return Finding(frame.height, found.height, found)

        return TableCheck(name, description, look, dg.AssetCheckSeverity.WARN, is_blocking=False)

    checks: dict[Table, list[TableCheck]] = {table: [] for table in RULE_TABLES.values()}
    for table, kind in ((PRICE_CAPS, "cap"), (TRANSITIONS, "transition"), (EXEMPTIONS, "exemption")):
        checks[table] += [
            warning("none_expires_soon", f"No {kind} in force ends within {SOON_DAYS} days.", kind, expiring),
            warning("all_verified", f"Every {kind} in force was seen in a source.", kind, unverified),
            warning("none_in_conflict", f"Sources agree on every {kind} in force.", kind, in_conflict),
        ]
    checks[PRICE_CAPS].append(
        warning("none_stale", "No level in force is due for review or may have been replaced.", "cap", stale)
    )
    return checks


def _staged(table: Table, store: Store) -> pl.DataFrame:
    return latest(store.scan(STAGED[table.name]).collect())


def _japan_check(name: str, description: str, find: Callable[[pl.DataFrame, Store], pl.DataFrame]) -> TableCheck:
    def look(figures: pl.DataFrame, store: Store) -> Finding:
        found = find(figures, store)
        return Finding(figures.height, found.height, found)

    return TableCheck(name, description, look)


def _warning(check: TableCheck) -> TableCheck:
    return replace(check, severity=dg.AssetCheckSeverity.WARN, is_blocking=False)


_JAPAN_CHECKS = [
    _japan_check(
        "arithmetic_holds",
        "Every figure fits the daily rate published beside it, and its value by volume can be a price of crude.",
        lambda figures, _: japan.failing_arithmetic(figures, _reference().units),
    ),
    _japan_check(
        "lines_are_summed",
        "Every figure from customs is the sum of all its lines of crude, condensate included.",
        lambda figures, store: japan.unsummed_lines(figures, _staged(JAPAN_CUSTOMS_LINES, store), CUSTOMS_SOURCE),
    ),
    _warning(
        _japan_check(
            "no_line_left_out",
            "Every customs line of crude can be a price of crude; months with a line that cannot are left out.",
            lambda _, store: implausible(
                _staged(JAPAN_CUSTOMS_LINES, store), _staged(JAPAN_CUSTOMS_ALL_ORIGINS, store)
            ),
        )
    ),
    _warning(
        _japan_check(
            "cargoes_come_out_whole",
            "A cargo that customs cleared over several months adds up to what arrived, within 5 %.",
            lambda figures, _: japan.cargoes_in_parts(figures, _reference().units),
        )
    ),
]


def build_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The assets of the shipped tables."""
    return [
        table_assets(_rules, _rule_checks(settings), name="rules", kind="csv"),
        table_assets(
            _figures,
            {table: _JAPAN_CHECKS if table is JAPAN_CRUDE_FROM_RUSSIA else () for table in REFERENCE_TABLES.values()},
            name="figures",
            reads=STAGED.values(),
            kind="csv",
        ),
    ]
