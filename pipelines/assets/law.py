"""The law and the figures that ship with the project, as tables.

Here: the assets of `data/rules`, `data/reference` and `data/figures`.
Add here: nothing per table; a new shipped table needs a contract and a field of `Rulebook` or `Reference`.
Keep out: what is derived from them.
"""

from functools import cache
from pathlib import Path

import polars as pl

from pipelines.assets.table_asset import table_assets
from pipelines.contracts.reference import REFERENCE_TABLES
from pipelines.contracts.rules import RULE_TABLES
from pipelines.rules.rulebook import Rulebook
from pipelines.settings import Settings
from pipelines.sources.reference import Reference
from pipelines.warehouse.store import Store


@cache
def rulebook(settings: Settings) -> Rulebook:
    """The rulebook as the night knows it."""
    return Rulebook.load().as_of(settings.as_of)


@cache
def reference(settings: Settings) -> Reference:
    """The shipped figures as the night knows them."""
    return Reference.load().as_of(settings.as_of)


def _rules(settings: Settings, _: Store) -> dict[str, pl.DataFrame]:
    book = rulebook(settings)
    return {table.name: getattr(book, Path(file).stem) for file, table in RULE_TABLES.items()}


def _figures(settings: Settings, _: Store) -> dict[str, pl.DataFrame]:
    figures = reference(settings)
    return {table.name: getattr(figures, table.name) for table in REFERENCE_TABLES.values()}


ASSETS = [
    table_assets(_rules, RULE_TABLES.values(), name="rules", kind="csv"),
    table_assets(_figures, REFERENCE_TABLES.values(), name="figures", kind="csv"),
]
