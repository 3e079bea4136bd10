"""The law and the figures, as tables.

Here: the assets of `data/rules`, `data/reference` and `data/figures`, the figures with what was fetched.
Add here: nothing per table; a new shipped table needs a contract and a field of `Rulebook` or `Reference`.
Keep out: what is derived from them.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from pipelines.assess import shipments_contract
from pipelines.assets.table_asset import table_assets
from pipelines.assets.table_check import WARN, Finding, TableCheck
from pipelines.assets.upstreams import fetched
from pipelines.checks import japan
from pipelines.checks.figures import (
    ECB_FED_BOUND_PCT,
    RATE_ROUNDING_PCT,
    ROUNDING_USD_PER_BBL,
    WORLD_BANK_BOUND_PCT,
    differing,
    ecb_monthly_means,
    percent,
)
from pipelines.checks.freshness import SERIES, ages
from pipelines.checks.rules import stale
from pipelines.contracts import licensed
from pipelines.contracts.customs import JAPAN_CUSTOMS_ALL_ORIGINS, JAPAN_CUSTOMS_LINES
from pipelines.contracts.fetching import SOURCE_SNAPSHOTS
from pipelines.contracts.market import CRUDE_PRICES_DAILY, EIA_SPOT_PRICES_MONTHLY, WORLD_BANK_CRUDE_PRICES
from pipelines.contracts.ports import UN_LOCODES, WORLD_PORT_INDEX
from pipelines.contracts.reference import (
    CRUDE_PRICES_MONTHLY,
    EXCHANGE_RATES_DAILY,
    EXCHANGE_RATES_MONTHLY,
    JAPAN_CRUDE_FROM_RUSSIA,
    REFERENCE_TABLES,
)
from pipelines.contracts.rules import EXEMPTIONS, PRICE_CAPS, RULE_TABLES, TRANSITIONS
from pipelines.contracts.table import Table
from pipelines.report.rules_in_force import SOON_DAYS, expiring, in_conflict, unverified
from pipelines.rules.rulebook import Rulebook
from pipelines.settings import Settings
from pipelines.sources.landing import with_file
from pipelines.sources.publishers import STAGED, in_force, ofac, uk_sanctions
from pipelines.sources.reference import Reference
from pipelines.transforms.benchmarks import monthly_means
from pipelines.transforms.figures import with_fetched
from pipelines.transforms.japan import CUSTOMS_SOURCE, implausible
from pipelines.transforms.licensed import with_licensed
from pipelines.transforms.listings import FetchedList, renewed
from pipelines.transforms.ports import with_ports
from pipelines.warehouse.months import SHIPPED, made_of, shipped
from pipelines.warehouse.store import Store

# Regime, row of `reference.figure_sources` and source of each list of vessels.
VESSEL_LISTS = (("US", "F-OFAC-SDN", ofac.SOURCE), ("UK", "F-UK-SANCTIONS-LIST", uk_sanctions.SOURCE))

# Loaded once a process: several assets look at the same tables.
_book = cache(Rulebook.load)
_reference = cache(Reference.load)


def rulebook(settings: Settings) -> Rulebook:
    """The rulebook that ships, as the night knows it."""
    return _book().as_of(settings.as_of)


def stored_rulebook(store: Store) -> Rulebook:
    """The rulebook of the night, as its tables hold it: what follows from it changes only if they do."""
    frames: dict[str, Any] = {Path(file).stem: store.scan(table).collect() for file, table in RULE_TABLES.items()}
    return Rulebook(**frames)


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


def _rules(settings: Settings, _: Store, __: Collection[Table]) -> dict[str, pl.DataFrame]:
    book = rulebook(settings)
    return {table.name: getattr(book, Path(file).stem) for file, table in RULE_TABLES.items()}


def _outdated(table: Table, on: dt.date) -> TableCheck:
    def look(frame: pl.DataFrame, _: Store) -> Finding:
        series = ages(table, frame, on)
        old = series.filter(pl.col("days_old") > pl.col("days_allowed"))
        return Finding(series.height, old.height, old)

    return TableCheck(
        "none_outdated",
        "The newest figure of each series is no older than the rhythm of its publication allows.",
        look,
        WARN,
        each_night=True,
    )


def _figure_checks(settings: Settings) -> dict[Table, list[TableCheck]]:
    """Checks of figures: two publishers, or shipped and fetched, within a stated bound; Japan's two series; age."""
    by_benchmark, by_currency = ["month", "benchmark"], ["month", "currency"]
    cent = pl.lit(ROUNDING_USD_PER_BBL)

    def warning(
        name: str, description: str, find: Callable[[pl.DataFrame, Store], pl.DataFrame], reads: Sequence[Table] = ()
    ) -> TableCheck:
        def look(frame: pl.DataFrame, store: Store) -> Finding:
            found = find(frame, store)
            return Finding(frame.height, found.height, found)

        return TableCheck(name, description, look, WARN, reads=tuple(reads))

    def as_shipped(table: Table, value: str, bound: pl.Expr, said: str) -> TableCheck:
        return warning(
            "fetched_agrees_with_shipped",
            f"A fetched figure (one) is within {said} of the shipped one (other) that it renews.",
            lambda frame, _: differing(frame, getattr(_reference(), table.name), list(table.key), value, bound),
        )

    def days_against_months(_: pl.DataFrame, store: Store) -> pl.DataFrame:
        means = monthly_means(store.scan(CRUDE_PRICES_DAILY).collect(), "price_date", "benchmark", "usd_per_bbl")
        return differing(means, fetched(EIA_SPOT_PRICES_MONTHLY, store), by_benchmark, "usd_per_bbl", cent)

    def against_world_bank(prices: pl.DataFrame, store: Store) -> pl.DataFrame:
        other = fetched(WORLD_BANK_CRUDE_PRICES, store)
        return differing(prices, other, by_benchmark, "usd_per_bbl", percent(WORLD_BANK_BOUND_PCT))

    def ecb_against_fed(fed: pl.DataFrame, store: Store) -> pl.DataFrame:
        ecb = ecb_monthly_means(store.scan(EXCHANGE_RATES_DAILY).collect())
        return differing(ecb, fed, by_currency, "units_per_usd", percent(ECB_FED_BOUND_PCT))

    rates = f"{RATE_ROUNDING_PCT} %"
    checks: dict[Table, list[TableCheck]] = {
        table: [_outdated(table, settings.day)] if table in SERIES else [] for table in REFERENCE_TABLES.values()
    }
    checks[EXCHANGE_RATES_DAILY].append(
        as_shipped(EXCHANGE_RATES_DAILY, "units_per_eur", percent(RATE_ROUNDING_PCT), rates)
    )
    checks[EXCHANGE_RATES_MONTHLY] += [
        as_shipped(EXCHANGE_RATES_MONTHLY, "units_per_usd", percent(RATE_ROUNDING_PCT), rates),
        warning(
            "ecb_agrees_with_fed",
            f"The mean of a month's euro rates, crossed through the dollar (one), is within {ECB_FED_BOUND_PCT} % of "
            "the Federal Reserve's mean (other).",
            ecb_against_fed,
            [EXCHANGE_RATES_DAILY],
        ),
    ]
    checks[CRUDE_PRICES_MONTHLY] += [
        as_shipped(CRUDE_PRICES_MONTHLY, "usd_per_bbl", cent, f"{ROUNDING_USD_PER_BBL} USD/bbl"),
        warning(
            "daily_mean_equals_monthly",
            f"The mean of a whole month's daily prices (one) is within {ROUNDING_USD_PER_BBL} USD/bbl of the monthly "
            "price that the agency publishes (other).",
            days_against_months,
            [CRUDE_PRICES_DAILY, STAGED[EIA_SPOT_PRICES_MONTHLY.name]],
        ),
        warning(
            "world_bank_agrees",
            f"Brent (one) is within {WORLD_BANK_BOUND_PCT} % of the World Bank's (other).",
            against_world_bank,
            [STAGED[WORLD_BANK_CRUDE_PRICES.name]],
        ),
    ]
    checks[JAPAN_CRUDE_FROM_RUSSIA] += _JAPAN_CHECKS
    return checks


def _figures(settings: Settings, store: Store, _: Collection[Table]) -> dict[str, pl.DataFrame]:
    prices, freights = (store.scan(table).collect() for table in (staged_prices(), staged_freights()))
    known = with_licensed(_reference(), prices, freights).as_of(settings.as_of)
    current = in_force(store.folder, settings.as_of)
    figures = with_ports(with_fetched(known, current), current[WORLD_PORT_INDEX.name], current[UN_LOCODES.name])
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
    today = settings.day

    def warning(
        name: str, description: str, kind: str, find: Callable[[Rulebook, dt.date], pl.DataFrame]
    ) -> TableCheck:
        def look(frame: pl.DataFrame, _: Store) -> Finding:
            found = find(rulebook(settings), today)
            if "kind" in found.columns:
                shown = ("id", "regime", "subject", "valid_from", "valid_to", "days_left", "followed_by", "instrument")
                found = found.filter(pl.col("kind") == kind).select(pl.col(name) for name in shown if name in found)
            return Finding(frame.height, found.height, found)

        return TableCheck(name, description, look, WARN, each_night=True)

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


def _japan_check(
    name: str, description: str, find: Callable[[pl.DataFrame, Store], pl.DataFrame], *reads: Table
) -> TableCheck:
    def look(figures: pl.DataFrame, store: Store) -> Finding:
        found = find(figures, store)
        return Finding(figures.height, found.height, found)

    return TableCheck(name, description, look, reads=tuple(STAGED[table.name] for table in reads))


def _warning(check: TableCheck) -> TableCheck:
    return replace(check, severity=WARN)


_JAPAN_CHECKS = [
    _japan_check(
        "arithmetic_holds",
        "Every figure fits the daily rate published beside it, and its value by volume can be a price of crude.",
        lambda figures, _: japan.failing_arithmetic(figures, _reference().units),
    ),
    _japan_check(
        "lines_are_summed",
        "Every figure from customs is the sum of all its lines of crude, condensate included.",
        lambda figures, store: japan.unsummed_lines(figures, fetched(JAPAN_CUSTOMS_LINES, store), CUSTOMS_SOURCE),
        JAPAN_CUSTOMS_LINES,
    ),
    _warning(
        _japan_check(
            "no_line_left_out",
            "Every customs line of crude can be a price of crude; months with a line that cannot are left out.",
            lambda _, store: implausible(
                fetched(JAPAN_CUSTOMS_LINES, store), fetched(JAPAN_CUSTOMS_ALL_ORIGINS, store)
            ),
            JAPAN_CUSTOMS_LINES,
            JAPAN_CUSTOMS_ALL_ORIGINS,
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
    reads = [*STAGED.values(), CRUDE_PRICES_DAILY, SOURCE_SNAPSHOTS, staged_prices(), staged_freights()]

    def figures_from(_: Table, settings: Settings, store: Store) -> dict[str, str]:
        return made_of(reads, store) | {SHIPPED: shipped(), "the day that is asked for": str(settings.as_of)}

    return [
        table_assets(_rules, _rule_checks(settings), name="rules", group="law", kind="csv"),
        table_assets(
            _figures,
            _figure_checks(settings),
            name="figures",
            group="figures",
            reads=reads,
            kind="csv",
            made_from=figures_from,
        ),
    ]
