"""The last assets of a night: what it says about itself, the published file, and the reports on it.

Here: the release beside the one before it, the publishing of the warehouse, the report and that on data quality.
Add here: another table about the night as a whole.
Keep out: how releases are compared (`pipelines.checks.releases`), built and kept (`pipelines.warehouse`), and what the
reports say (`pipelines.report`).
"""

import datetime as dt
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

import pipelines
from pipelines.assets.inputs import inputs
from pipelines.assets.table_asset import OWNERS, asset_key, table_assets, table_value
from pipelines.assets.table_check import WARN, Finding, TableCheck
from pipelines.checks import releases as jumps
from pipelines.checks.freshness import newest_date
from pipelines.contracts.cargoes import CARGOES, VERDICTS
from pipelines.contracts.fetching import SOURCE_FRESHNESS, SOURCE_SNAPSHOTS
from pipelines.contracts.macros import MACROS
from pipelines.contracts.quality import (
    CHECK_HISTORY,
    CHECK_RESULTS,
    INPUT_FILES,
    RELEASE_SOURCES,
    RELEASE_TOTALS,
    RELEASES,
)
from pipelines.contracts.quarantine import QUARANTINE
from pipelines.contracts.reference import REFERENCE_TABLES
from pipelines.contracts.rules import RULE_TABLES
from pipelines.contracts.table import Table
from pipelines.errors import UserError
from pipelines.report.data_quality import data_quality_report, failed_checks, summary
from pipelines.rules.rulebook import RULES_FOLDER
from pipelines.settings import REPOSITORY, Settings
from pipelines.sources.reference import DATA_FOLDER
from pipelines.warehouse import duck, publish, releases
from pipelines.warehouse.check_log import CheckLog
from pipelines.warehouse.months import SHIPPED, fingerprint, made_of, shipped
from pipelines.warehouse.store import Store

MACROS_FOLDER = REPOSITORY / "sql" / "macros"
WAREHOUSE = dg.AssetKey(["warehouse"])
LAKE_MONTHS = dg.AssetKey(["lake_months"])  # of pipelines.assets.lake
REPORT, QUALITY_REPORT = dg.AssetKey(["report"]), dg.AssetKey(["data_quality_report"])
GROUP = "release"
CHECKED = (RELEASE_SOURCES, RELEASE_TOTALS)
# Made from what the checks of all other tables found, so that none can check them.
UNCHECKED = (CHECK_RESULTS, CHECK_HISTORY, RELEASES)
TABLES = (*CHECKED, *UNCHECKED)
FORCE_HINT = "If this is meant, publish all the same: plimsoll nightly --force."


def build_assets(settings: Settings, tables: Sequence[Table]) -> list[dg.AssetsDefinition]:
    """The release, the warehouse that follows every table and every blocking check, and the report.

    tables: all that the night has made before.
    """
    checked = [*tables, *CHECKED]

    def made_from(table: Table, settings: Settings, store: Store) -> dict[str, str]:
        if table is RELEASE_SOURCES:
            return made_of([*REFERENCE_TABLES.values(), SOURCE_SNAPSHOTS, INPUT_FILES], store) | {SHIPPED: shipped()}
        before = _before(settings, frozenset()).totals
        return made_of(tables, store) | {"the release before": fingerprint(before.rows())}

    def compute(settings: Settings, store: Store, stale: Collection[Table]) -> dict[str, pl.DataFrame]:
        made = {}
        if RELEASE_SOURCES in stale:
            made[RELEASE_SOURCES.name] = _sources(store)
        if RELEASE_TOTALS in stale:
            scanned = {table: store.scan(table) for table in tables}
            made[RELEASE_TOTALS.name] = jumps.totals(scanned, _before(settings, frozenset()))
        return made

    @dg.asset(
        key=WAREHOUSE,
        deps=[*(asset_key(table) for table in checked), *([LAKE_MONTHS] if settings.lake else [])],
        group_name=GROUP,
        owners=[OWNERS[GROUP]],
        kinds={"ducklake" if settings.lake else "duckdb"},
        # A night is due every day; the second bound leaves it a day to be mended.
        freshness_policy=dg.FreshnessPolicy.time_window(
            warn_window=dt.timedelta(hours=26), fail_window=dt.timedelta(hours=50)
        ),
        description="The release of the lake: months that are there, all other tables, and the mark of its snapshot."
        if settings.lake
        else "The published DuckDB file: built aside from all tables, checked, then renamed.",
    )
    def warehouse(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
        store, log = Store(settings.store_folder), CheckLog(settings.check_log_folder)
        results = log.results(checked)
        store.write(CHECK_RESULTS, results)
        store.write(CHECK_HISTORY, log.history())
        release = _release(context.run.run_id, settings, results, store)
        store.write(RELEASES, pl.DataFrame([release], schema=RELEASES.polars_schema()))
        rows = publish.publish(settings, [*checked, *UNCHECKED], macro_statements(), settings.is_full)["rows"]
        return dg.MaterializeResult(
            metadata={
                "file": dg.MetadataValue.path(str(releases.current(settings))),
                "release": release["release_id"],
                "tables": len(rows),
                "rows": sum(rows.values()),
                "rules": release["rules_sha256"][:12],
            }
        )

    @dg.asset(
        key=QUALITY_REPORT,
        deps=[WAREHOUSE],
        group_name=GROUP,
        owners=[OWNERS[GROUP]],
        kinds={"markdown"},
        description="Where a data steward starts the day: failed checks with samples, quarantine, changes since the "
        "release before, rules in doubt, figures out of date. A night that published nothing reports here too.",
    )
    def quality_report(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
        results = CheckLog(settings.check_log_folder).results(checked)
        return dg.MaterializeResult(metadata=report_metadata(settings, results, "Published."))

    # After publishing: the report is read off the very file that people query, so it cannot describe another one, and
    # it can fail without holding a good release back.
    @dg.asset(
        key=REPORT,
        deps=[WAREHOUSE],
        group_name=GROUP,
        owners=[OWNERS[GROUP]],
        kinds={"html"},
        description="The report on the published file: one HTML page with charts, tables and the queries behind them.",
    )
    def report(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
        from pipelines.report.files import discard_report, write_report

        try:
            charts = None if settings.is_full else settings.kept_folder / "charts"
            written = write_report(releases.current(settings), settings.report_folder, with_pictures=False, kept=charts)
        except Exception as error:
            discard_report(settings.report_folder)
            if isinstance(error, UserError):
                raise dg.Failure(description=str(error)) from error
            raise
        return dg.MaterializeResult(
            metadata={
                "file": dg.MetadataValue.path(written.page),
                "in short": dg.MetadataValue.md(written.in_short()),
            }
        )

    return [
        table_assets(
            compute,
            {RELEASE_SOURCES: [], RELEASE_TOTALS: _jump_checks(settings)},
            name="release",
            group=GROUP,
            reads=tables,
            made_from=made_from,
        ),
        warehouse,
        quality_report,
        report,
    ]


def macro_statements(folder: Path = MACROS_FOLDER) -> list[str]:
    """The statements that make the macros and say what they are for."""
    return [
        statement
        for macro in MACROS
        for statement in ((folder / f"{macro.name}.sql").read_text(encoding="utf-8"), macro.duckdb_comment())
    ]


def report_metadata(settings: Settings, results: pl.DataFrame, outcome: str) -> dict[str, dg.MetadataValue]:
    """The report on the results of a night as metadata of its asset. results: `CHECK_RESULTS`."""
    store = Store(settings.store_folder)

    def made(table: Table) -> pl.DataFrame | None:
        """A table of this night; None where it did not get so far."""
        return store.scan(table).collect() if (results["table_name"] == table.full_name).any() else None

    history = CheckLog(settings.check_log_folder).history()
    tables = (made(table) for table in (SOURCE_FRESHNESS, QUARANTINE, RELEASE_TOTALS))
    text = data_quality_report(settings.day, outcome, results, history, *tables)
    return {
        "summary": dg.MetadataValue.md(summary(outcome, results, history)),
        "failed checks": table_value(failed_checks(results, history).drop("of", "asks")),
        "report": dg.MetadataValue.md(text),
        "checks": dg.MetadataValue.int(results.height),
        "checks failed": dg.MetadataValue.int(results.filter(~pl.col("is_passed")).height),
    }


def _jump_checks(settings: Settings) -> list[TableCheck]:
    """This release beside the one before it. The first one, and one as of another day, has nothing beside it."""

    def vanished(totals: pl.DataFrame, _: Store) -> Finding:
        lost = jumps.vanished(totals)
        told = [
            f"{row['table_name']} ({row['part']}) had {row['previous_total']:,.0f} rows, now {row['total']:,.0f}"
            for row in lost.head(3).to_dicts()
        ]
        return Finding(_compared(totals), lost.height, lost, f"{'; '.join(told)}. {FORCE_HINT}" if told else None)

    def verdicts_hold(_: pl.DataFrame, store: Store) -> Finding:
        seen, same = _since(settings, store)
        both = jumps.on_same_evidence(seen.scan(CARGOES), seen.scan(VERDICTS), _before(settings, seen.only))
        changed = both.filter(pl.col("previous_verdict") != pl.col("verdict"))
        compared = both.height + same.rows(VERDICTS)
        told = f"On the same evidence {changed.height:,} of {compared:,} verdicts changed." if compared else None
        if changed.height < jumps.FEWEST_LOST or changed.height <= jumps.VERDICTS_CHANGED * compared:
            return Finding(compared, 0, message=told)
        return Finding(compared, changed.height, changed, f"{told} {FORCE_HINT}")

    def barrels_hold(_: pl.DataFrame, store: Store) -> Finding:
        seen, same = _since(settings, store)
        kinds = jumps.barrels(seen.scan(CARGOES), _before(settings, seen.only), same.scan(CARGOES))
        change = (pl.col("quantity_bbl") - pl.col("previous_bbl")).abs()
        off = kinds.filter(change > jumps.BARRELS_MOVED * pl.col("previous_bbl"))
        told = [
            f"The same evidence ({row['evidence_kind']}) was {row['previous_bbl']:,.0f} bbl, "
            f"now {row['quantity_bbl']:,.0f} bbl"
            for row in off.to_dicts()
        ]
        return Finding(kinds.height, off.height, off, f"{'; '.join(told)}. {FORCE_HINT}" if told else None)

    def totals_hold(totals: pl.DataFrame, _: Store) -> Finding:
        moved = jumps.moved(totals)
        return Finding(_compared(totals), moved.height, moved)

    return [
        TableCheck(
            "nothing_vanished",
            "No input table and no kind of evidence is gone or has lost more than half of its rows "
            f"(at least {jumps.FEWEST_LOST}) since the release before.",
            vanished,
            can_be_forced=True,
        ),
        TableCheck(
            "verdicts_hold",
            f"On evidence that has not changed, at most {jumps.VERDICTS_CHANGED:.0%} of the verdicts differ from those "
            "of the release before.",
            verdicts_hold,
            can_be_forced=True,
            reads=(CARGOES, VERDICTS),
            each_night=True,
        ),
        TableCheck(
            "barrels_hold",
            f"Evidence that has not changed amounts to the same barrels as in the release before, "
            f"within {jumps.BARRELS_MOVED:.0%}.",
            barrels_hold,
            can_be_forced=True,
            reads=(CARGOES, VERDICTS),
            each_night=True,
        ),
        TableCheck(
            "totals_hold",
            f"No count of rows and no sum has moved by more than {jumps.TOTAL_MOVED:.0%} since the release before.",
            totals_hold,
            WARN,
        ),
    ]


def _compared(totals: pl.DataFrame) -> int:
    return totals["previous_total"].count()


def _since(settings: Settings, store: Store) -> tuple[Store, Store]:
    """The months that may differ from those of the release before, and those that are the same in both."""
    months = {*store.months(CARGOES), *store.months(VERDICTS)}
    held = publish.held(settings)
    if held is None or held["release_id"] != _before(settings, frozenset()).release_id:
        return store, store.narrowed(())
    before = [held["tables"].get(table.full_name, {}) for table in (CARGOES, VERDICTS)]
    now = [
        {month: store.month_identity(table, month) for month in store.months(table)} for table in (CARGOES, VERDICTS)
    ]
    same = {
        month
        for month in months
        if all(month in old and old[month] == new.get(month) for old, new in zip(before, now, strict=True))
    }
    every = months.union(*before)
    return store.narrowed(every - same), store.narrowed(same)


def _before(settings: Settings, months: frozenset[str] | None = None) -> jumps.Before:
    """The last release that answers the same question (as of a day, with estimates, of the same sources), if any.

    months: its cargoes and verdicts of these alone; None: of all.
    """
    question = (settings.as_of, settings.estimate_unpriced, settings.is_shareable)
    return _last(tuple(releases.kept(settings).values()), question, months)


@lru_cache(maxsize=2)  # a kept release never changes, and a night looks at it several times
def _last(
    files: tuple[duck.Source, ...], question: tuple[dt.date | None, bool, bool], months: frozenset[str] | None
) -> jumps.Before:
    for file in reversed(files):
        with duck.released(file) as opened:
            release = releases.row_of(opened)
            if release is None or (release["known_on"], release["has_estimates"], release["is_shareable"]) != question:
                continue
            totals = duck.published(opened, RELEASE_TOTALS)
            cargoes = duck.published(opened, _narrowed(CARGOES, jumps.CARGO_COLUMNS), months=months)
            verdicts = duck.published(opened, _narrowed(VERDICTS, jumps.VERDICT_COLUMNS), months=months)
        if totals is None or cargoes is None or verdicts is None:
            return jumps.Before()
        return jumps.Before(release["release_id"], totals, cargoes, verdicts)
    return jumps.Before()


def _narrowed(table: Table, columns: Sequence[str]) -> Table:
    return replace(table, columns=tuple(table.column(name) for name in columns))


def _sources(store: Store) -> pl.DataFrame:
    """`RELEASE_SOURCES`: shipped tables, fetched documents and landed files, each by the hash of its bytes."""
    shipped = {f"rules/{file}": table for file, table in RULE_TABLES.items()} | REFERENCE_TABLES
    rows = []
    for name, table in shipped.items():
        frame = store.scan(table).collect()
        rows.append(
            {
                "name": name,
                "kind": name.split("/")[0],
                "version": _hash(DATA_FOLDER / name),
                "rows": frame.height,
                "newest_date": newest_date(table, frame),
            }
        )
    documents = store.scan(SOURCE_SNAPSHOTS).filter(pl.col("outcome") == "read").sort("fetched_at")
    documents = documents.group_by("source_name", "document", maintain_order=True).last()

    def files(frame: pl.LazyFrame, kind: str, name: Sequence[str], rows: str) -> pl.DataFrame:
        return frame.select(
            pl.concat_str(pl.lit(kind), *name, separator="/").alias("name"),
            pl.lit(kind).alias("kind"),
            pl.col("sha256").alias("version"),
            pl.col(rows).alias("rows"),
            pl.lit(None, pl.Date).alias("newest_date"),
        ).collect()

    return pl.concat(
        [
            pl.DataFrame(rows, schema=RELEASE_SOURCES.polars_schema()),
            files(documents, "publisher", ["source_name", "document"], "rows"),
            files(store.scan(INPUT_FILES), "landing", ["file"], "rows_accepted"),
        ]
    )


def _release(run_id: str, settings: Settings, results: pl.DataFrame, store: Store) -> dict[str, Any]:
    def rows(table: Table) -> int:
        return int(store.scan(table).select(pl.len()).collect().item())

    built_at = dt.datetime.now(dt.UTC)
    return {
        "release_id": f"{built_at:%Y%m%dT%H%M%SZ}-{run_id[:8]}",
        "run_id": run_id,
        "built_at": built_at,
        "known_on": settings.as_of,
        "has_estimates": settings.estimate_unpriced,
        "plimsoll_version": pipelines.__version__,
        "rules_sha256": _hash(*(RULES_FOLDER / name for name in sorted(RULE_TABLES))),
        "cargoes": rows(CARGOES),
        "verdicts": rows(VERDICTS),
        "rows_quarantined": rows(QUARANTINE),
        "checks_failed": results.filter(~pl.col("is_passed")).height,
        "previous_release_id": _before(settings, frozenset()).release_id,
        "is_shareable": settings.is_shareable,
        "not_to_be_passed_on": "; ".join(_not_to_be_passed_on(store)) or None,
        "is_forced": settings.is_forced,
    }


def _not_to_be_passed_on(store: Store) -> list[str]:
    """Data sets and folders with terms that forbid it, of which there are rows."""
    restricted = store.scan(SOURCE_FRESHNESS).filter(~pl.col("is_redistributable"), pl.col("rows") > 0)
    folders = [
        kind.folder
        for kind in inputs()
        if not kind.is_redistributable and store.scan(kind.staged).head(1).collect().height
    ]
    return [*restricted.collect()["source_name"], *folders]


def _hash(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
