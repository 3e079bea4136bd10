"""The law and the figures, as tables.

Here: the assets of `data/rules`, `data/reference` and `data/figures`, the figures with what was fetched.
Add here: nothing per table; a new shipped table needs a contract and a field of `Rulebook` or `Reference`.
Keep out: what is derived from them.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import dagster as dg
import polars as pl

from pipelines.assess import shipments_contract
from pipelines.assets.table_asset import Finding, TableCheck, table_assets
from pipelines.checks.rules import stale
from pipelines.contracts import licensed
from pipelines.contracts.fetching import SOURCE_SNAPSHOTS
from pipelines.contracts.ports import UN_LOCODES, WORLD_PORT_INDEX
from pipelines.contracts.reference import REFERENCE_TABLES
from pipelines.contracts.rules import EXEMPTIONS, PRICE_CAPS, RULE_TABLES, TRANSITIONS
from pipelines.contracts.table import Table
from pipelines.report.rules_in_force import SOON_DAYS, expiring, in_conflict, unverified
from pipelines.rules.rulebook import Rulebook
from pipelines.settings import Settings
from pipelines.sources.landing import with_file
from pipelines.sources.publishers import STAGED, InForce, ofac, uk_sanctions
from pipelines.sources.reference import Reference
from pipelines.transforms.figures import with_fetched
from pipelines.transforms.licensed import with_licensed
from pipelines.transforms.listings import FetchedList, renewed
from pipelines.transforms.ports import with_ports
from pipelines.warehouse.store import Store

# Regime, row of `reference.figure_sources` and source of each list of vessels.
VESSEL_LISTS = (("US", "F-OFAC-SDN", ofac.SOURCE), ("UK", "F-UK-SANCTIONS-LIST", uk_sanctions.SOURCE))

# Loaded once a process: several assets look at the same tables.
_book = cache(Rulebook.load)
_reference = cache(Reference.load)


def rulebook(settings: Settings) -> Rulebook:
    """The rulebook as the night knows it."""
    return _book().as_of(settings.as_of)


def shipped_figures() -> Reference:
    """The figures that ship with the project, all that are known."""
    return _reference()


def reference(store: Store) -> Reference:
    """The figures of the night: what ships, as known on its day, with what was fetched."""
    return Reference.of(lambda table: store.scan(table).collect())


@cache
def shipments_table() -> Table:
    """The declared-shipments contract with the vocabularies of the shipped tables."""
    return shipments_contract(_book(), _reference())


@cache
def staged_prices() -> Table:
    """Licensed price assessments as the table `staging.price_assessments`, with the shipped delivery terms."""
    return with_file(licensed.price_assessments(_reference().incoterms["incoterm"]))


@cache
def staged_freights() -> Table:
    """Licensed freight assessments as the table `staging.freight_assessments`."""
    return with_file(licensed.freight_assessments())


def _rules(settings: Settings, _: Store) -> dict[str, pl.DataFrame]:
    book = rulebook(settings)
    return {table.name: getattr(book, Path(file).stem) for file, table in RULE_TABLES.items()}


def _figures(settings: Settings, store: Store) -> dict[str, pl.DataFrame]:
    fetched = InForce(store.folder, settings.as_of)
    prices, freights = (store.scan(table).collect() for table in (staged_prices(), staged_freights()))
    known = with_licensed(_reference(), prices, freights).as_of(settings.as_of)
    figures = with_ports(with_fetched(known, fetched), fetched[WORLD_PORT_INDEX.name], fetched[UN_LOCODES.name])
    listings = renewed(figures.listed_vessels, _fetched_lists(settings, store), settings.as_of)
    figures = replace(figures, listed_vessels=listings)
    return {table.name: getattr(figures, table.name) for table in REFERENCE_TABLES.values()}


def _fetched_lists(settings: Settings, store: Store) -> Iterator[FetchedList]:
    snapshots = store.scan(SOURCE_SNAPSHOTS).collect()
    for authority, figure_source, source in VESSEL_LISTS:
        editions = snapshots.filter(source_name=source.name)["edition_on"].drop_nulls()
        if settings.as_of is not None:
            editions = editions.filter(editions <= settings.as_of)
        (table,) = source.tables
        yield FetchedList(authority, figure_source, store.scan(STAGED[table.name]).collect(), editions.to_list())


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


def build_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The assets of the shipped tables."""
    reads = [*STAGED.values(), SOURCE_SNAPSHOTS, staged_prices(), staged_freights()]
    return [
        table_assets(_rules, _rule_checks(settings), name="rules", kind="csv"),
        table_assets(_figures, REFERENCE_TABLES.values(), name="figures", reads=reads, kind="csv"),
    ]
