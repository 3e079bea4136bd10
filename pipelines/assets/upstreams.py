"""Publishers' data, from their servers to staging.

Here: one asset that fetches into the landing folder, the tables that are read from there, and those that choose
between publishers of the same thing.
Add here: a check that every source gets; another choice.
Keep out: what a source is and how it is read (`pipelines.sources`).
"""

import datetime as dt
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial

import dagster as dg
import polars as pl

from pipelines.assets.table_asset import table_assets
from pipelines.assets.table_check import WARN, Finding, TableCheck
from pipelines.checks.figures import ROUNDING_USD_PER_BBL, differing
from pipelines.contracts.fetching import SOURCE_FRESHNESS, SOURCE_REQUESTS, SOURCE_SNAPSHOTS
from pipelines.contracts.market import CRUDE_PRICES_DAILY, EIA_SPOT_PRICES_DAILY, FRED_SPOT_PRICES_DAILY
from pipelines.contracts.table import Table
from pipelines.progress import fetching
from pipelines.settings import Settings
from pipelines.sources import upstream
from pipelines.sources.publishers import SOURCES, STAGED
from pipelines.sources.readings import Readings
from pipelines.sources.snapshots import Landing
from pipelines.sources.upstream import Plan, Quirk, Source, latest
from pipelines.transforms.benchmarks import daily_prices
from pipelines.warehouse.months import PROGRAM, SHIPPED, fingerprint, made_of, program, shipped
from pipelines.warehouse.store import Store

TABLES: list[Table] = [SOURCE_REQUESTS, *STAGED.values(), SOURCE_SNAPSHOTS, SOURCE_FRESHNESS, CRUDE_PRICES_DAILY]


def fetched(table: Table, store: Store) -> pl.DataFrame:
    """The rows of a fetched table that are in force in this night, without the columns about versions."""
    return latest(store.scan(STAGED[table.name]).collect())


def sources_of(settings: Settings) -> list[Source]:
    """The publishers' data sets that a night may use."""
    return [source for source in SOURCES if source.is_redistributable or not settings.is_shareable]


def _fetched(settings: Settings, _: Store, __: Collection[Table]) -> dict[str, pl.DataFrame]:
    landing = Landing(settings.publishers_folder)
    sources = sources_of(settings)
    for source in sources:
        upstream.take_files(source, landing, settings.publisher_files_folder / source.name)
    if not settings.offline:
        _fetch_all(sources, landing, settings, Readings(settings.kept_folder / "readings"))
    entries = [
        {name: getattr(entry, name) for name in SOURCE_REQUESTS.polars_schema()}
        for source in sources
        for entry in landing.entries(source.name)
    ]
    return {SOURCE_REQUESTS.name: pl.DataFrame(entries, schema=SOURCE_REQUESTS.polars_schema())}


def _fetch_all(sources: Sequence[Source], landing: Landing, settings: Settings, kept: Readings) -> None:
    """All sources at once: most of the time is waiting for publishers."""
    plan = Plan(settings.history_from, dt.datetime.now(dt.UTC).date())
    with fetching(source.name for source in sources) as progress, ThreadPoolExecutor(len(sources)) as pool:
        rounds = [
            pool.submit(
                upstream.fetch,
                source,
                landing,
                plan,
                mirror=settings.mirror,
                progress=partial(progress, source.name),
                kept=kept,
            )
            for source in sources
        ]
    for done in rounds:
        done.result()


def _read_from(table: Table, settings: Settings, _: Store) -> dict[str, str]:
    """The recipe of a table that is read from landed documents: which they are, however often they were seen."""
    landing, sources = Landing(settings.publishers_folder), sources_of(settings)
    recipe = {PROGRAM: program(), SHIPPED: shipped(), "the day that is asked for": str(settings.as_of)}
    if table is SOURCE_FRESHNESS:
        asked = [asdict(entry) for source in sources for entry in landing.entries(source.name)]
        return recipe | {"what was asked for": fingerprint(asked), "the day": str(settings.day)}
    of_table = [source for source in sources if table is SOURCE_SNAPSHOTS or table.name in _names(source)]
    versions = [
        (source.name, version.document, version.sha256, version.fetched_at, version.about, dict(version.headers))
        for source in of_table
        for version in landing.snapshots(source.name)
    ]
    return recipe | {"the documents": fingerprint(versions)}


def _names(source: Source) -> list[str]:
    return [table.name for table in source.tables]


def _read(settings: Settings, store: Store, stale: Collection[Table]) -> dict[str, pl.DataFrame]:
    landing = Landing(settings.publishers_folder)
    kept = Readings(settings.kept_folder / "readings")
    if settings.is_full:
        kept.forget_others()
    sources = sources_of(settings)
    made = {table.name for table in stale}

    def reading(source: Source) -> upstream.Reading:
        if SOURCE_SNAPSHOTS.name in made or not made.isdisjoint(_names(source)):
            return upstream.read(source, landing, settings.as_of, kept)
        snapshots = store.scan(SOURCE_SNAPSHOTS).filter(source_name=source.name).collect()
        return upstream.Reading({name: store.scan(STAGED[name]).collect() for name in _names(source)}, snapshots)

    readings = {source: reading(source) for source in sources}
    fresh = [upstream.freshness(source, landing, reading, settings.day) for source, reading in readings.items()]
    empty = {name: table.empty() for name, table in STAGED.items()}
    tables = {name: frame for reading in readings.values() for name, frame in reading.tables.items()}
    return (
        empty
        | tables
        | {
            SOURCE_SNAPSHOTS.name: pl.concat(reading.snapshots for reading in readings.values()),
            SOURCE_FRESHNESS.name: pl.DataFrame(fresh, schema=SOURCE_FRESHNESS.polars_schema()),
        }
    )


def _crude_prices(_: Settings, store: Store, __: Collection[Table]) -> dict[str, pl.DataFrame]:
    agency, relayed = (fetched(table, store) for table in (EIA_SPOT_PRICES_DAILY, FRED_SPOT_PRICES_DAILY))
    return {CRUDE_PRICES_DAILY.name: daily_prices(agency, relayed)}


def _copies_agree(prices: pl.DataFrame, store: Store) -> Finding:
    relayed = fetched(FRED_SPOT_PRICES_DAILY, store)
    differ = differing(prices, relayed, list(CRUDE_PRICES_DAILY.key), "usd_per_bbl", pl.lit(ROUNDING_USD_PER_BBL))
    return Finding(prices.height, differ.height, differ)


def _newest_used(snapshots: pl.DataFrame, _: Store) -> Finding:
    newest = snapshots.sort("fetched_at").group_by("source_name", "document", maintain_order=True).last()
    rejected = newest.filter(pl.col("outcome") == "rejected")
    return Finding(newest.height, rejected.height, rejected.select("source_name", "document", "check_name", "message"))


def _all_fresh(sources: pl.DataFrame, _: Store) -> Finding:
    stale = sources.filter(pl.col("state").is_in(["late", "stale", "missing"]))
    return Finding(sources.height, stale.height, stale.select("source_name", "state", "age_days", "message"))


def _quirk_check(quirk: Quirk) -> TableCheck:
    def look(frame: pl.DataFrame, _: Store) -> Finding:
        failing = quirk.failing(frame)
        return Finding(frame.height, failing.height, failing)

    return TableCheck(quirk.name, quirk.description, look, WARN)


def _checks() -> dict[Table, Sequence[TableCheck]]:
    quirks = {name: checks for source in SOURCES for name, checks in source.quirks.items()}
    return {
        **{table: [_quirk_check(quirk) for quirk in quirks.get(name, ())] for name, table in STAGED.items()},
        SOURCE_SNAPSHOTS: [
            TableCheck(
                "newest_versions_used",
                "The newest version of every document could be read; where not, the last good one is used.",
                _newest_used,
                WARN,
            )
        ],
        SOURCE_FRESHNESS: [
            TableCheck(
                "sources_are_fresh",
                "Every source that was asked answered, could be read, and has the periods that should be out.",
                _all_fresh,
                WARN,
            )
        ],
    }


def build_assets() -> list[dg.AssetsDefinition]:
    """The assets of publishers."""
    copies = [STAGED[EIA_SPOT_PRICES_DAILY.name], STAGED[FRED_SPOT_PRICES_DAILY.name]]
    return [
        table_assets(_fetched, [SOURCE_REQUESTS], name="publishers_fetched", group="publishers", kind="https"),
        table_assets(
            _read,
            _checks(),
            name="publishers_read",
            group="publishers",
            reads=[SOURCE_REQUESTS],
            made_from=_read_from,
        ),
        table_assets(
            _crude_prices,
            {
                CRUDE_PRICES_DAILY: [
                    TableCheck(
                        "eia_and_fred_agree",
                        "Where the agency (one) and the relayed copy (other) both have a day, they have one price.",
                        _copies_agree,
                        WARN,
                        reads=(STAGED[FRED_SPOT_PRICES_DAILY.name],),
                    )
                ]
            },
            name="crude_prices_daily",
            group="publishers",
            reads=copies,
            made_from=lambda _, __, store: made_of(copies, store),
        ),
    ]
