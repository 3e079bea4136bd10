"""Users' own files, from the landing folders to staging and quarantine.

Here: the kinds of files, the tables that one reading of the folders gives, and what changed since the last release.
Add here: another kind of file, as an `Input`.
Keep out: how files are read (`pipelines.sources.landing`).
"""

import datetime as dt
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import dagster as dg
import polars as pl

from pipelines.assets.law import shipments_table, shipped_figures, staged_freights, staged_prices
from pipelines.assets.table_asset import table_assets
from pipelines.assets.table_check import WARN, Finding, TableCheck
from pipelines.contracts import licensed
from pipelines.contracts.attestations import ATTESTATIONS
from pipelines.contracts.customs import CUSTOMS_LINES
from pipelines.contracts.quality import INPUT_FILE_CHANGES, INPUT_FILES
from pipelines.contracts.quarantine import QUARANTINE
from pipelines.contracts.table import Table
from pipelines.settings import SHIPMENTS, Settings
from pipelines.sources.landing import contents_of, read_folder, with_file
from pipelines.sources.publishers import STAGED, in_force
from pipelines.sources.readings import Readings
from pipelines.transforms.figures import with_fetched
from pipelines.transforms.file_changes import Reading, file_changes, fingerprints, touched
from pipelines.transforms.licensed import crea_voyages, opensanctions_vessels
from pipelines.warehouse import duck, releases
from pipelines.warehouse.months import fingerprint, program
from pipelines.warehouse.store import Store


@dataclass(frozen=True, eq=False)
class Input:
    """A kind of file. folder: below the landing folder. contract: of a row of the file, with one id column.

    staged: the table of its rows. shaped: from accepted rows with their `file` to that table. id_column: the id as
    the table calls it. about: true for the rows that the files are read for; None: all.
    is_redistributable: its rows may be passed on.
    """

    folder: str
    contract: Table
    staged: Table
    id_column: str
    shaped: Callable[[pl.DataFrame], pl.DataFrame] = lambda rows: rows
    about: pl.Expr | None = None
    is_redistributable: bool = True

    @property
    def prefix(self) -> str:
        """What stands before the names of its files, so that those of two folders stay apart."""
        return "" if self.folder == SHIPMENTS else f"{self.folder}/"


@cache
def staged_shipments() -> Table:
    """The contract of the file, with the file's name, as the table `staging.declared_shipments`."""
    return replace(with_file(shipments_table()), is_by_month=True)


STAGED_ATTESTATIONS = with_file(ATTESTATIONS)


@cache
def inputs() -> tuple[Input, ...]:
    """Every kind of file that users bring."""

    def plain(folder: str, staged: Table, is_redistributable: bool = True) -> Input:
        (id_column,) = staged.key
        contract = replace(staged, schema="input", columns=staged.columns[1:])
        return Input(folder, contract, staged, id_column, is_redistributable=is_redistributable)

    return (
        plain(SHIPMENTS, staged_shipments()),
        plain("attestations", STAGED_ATTESTATIONS),
        plain("price_assessments", staged_prices(), is_redistributable=False),
        plain("freight_assessments", staged_freights(), is_redistributable=False),
        Input(
            "crea_voyages",
            licensed.CREA_VOYAGE_EXPORT,
            licensed.CREA_VOYAGES,
            "voyage_id",
            crea_voyages,
            is_redistributable=False,
        ),
        Input(
            "opensanctions",
            licensed.OPENSANCTIONS_EXPORT,
            licensed.OPENSANCTIONS_VESSELS,
            "opensanctions_id",
            opensanctions_vessels,
            about=pl.col("type").str.to_uppercase() == "VESSEL",
            is_redistributable=False,
        ),
    )


def inputs_of(settings: Settings) -> list[Input]:
    """The kinds of files that a night reads."""
    return [kind for kind in inputs() if kind.is_redistributable or not settings.is_shareable]


def tables() -> list[Table]:
    """Every table of users' files, in the order in which they are checked: the list of files looks at the others."""
    return [*(kind.staged for kind in inputs()), QUARANTINE, INPUT_FILES, INPUT_FILE_CHANGES]


def _read(settings: Settings, store: Store, _: Collection[Table]) -> dict[str, pl.DataFrame | None]:
    """Every table of users' files; None for those that stay as they are stored, because no file has changed."""
    published = _published_ids(settings, store)
    seen_at = dt.datetime.now(dt.UTC)
    if not settings.is_full and _Landed(settings, store, published).is_as_stored():
        found = store.scan(INPUT_FILES).collect()
        rows = {kind.staged.name: store.scan(kind.staged) for kind in inputs()}
        stored: list[Table] = [table for table in tables() if table is not INPUT_FILE_CHANGES]
        return dict.fromkeys((table.name for table in stored), None) | {
            INPUT_FILE_CHANGES.name: _changes(settings, found, rows, seen_at)
        }
    kept = Readings(settings.kept_folder / "landed")
    if settings.is_full:
        kept.forget_others()
    staged, quarantine, files = {kind.staged.name: kind.staged.empty() for kind in inputs()}, [], []
    for kind in inputs_of(settings):
        taken = published if kind.folder == SHIPMENTS else ()
        folder = settings.landing_folder / kind.folder
        landing = read_folder(folder, kind.contract, kind.prefix, taken, kind.about, kept)
        staged[kind.staged.name] = kind.shaped(landing.accepted)
        quarantine.append(landing.quarantine)
        files.append(landing.files)
    kept.forget_others()
    found = pl.concat(files)
    rows = {name: frame.lazy() for name, frame in staged.items()}
    return {
        **staged,
        QUARANTINE.name: pl.concat(quarantine),
        INPUT_FILES.name: found,
        INPUT_FILE_CHANGES.name: _changes(settings, found, rows, seen_at),
    }


def _published_ids(settings: Settings, store: Store) -> list[str]:
    """The ids that published evidence has."""
    figures = with_fetched(shipped_figures(), in_force(store.folder, settings.as_of))
    return [
        *figures.japan_crude_from_russia["figure_id"],
        *figures.enforcement_cases["case_id"],
        *store.scan(CUSTOMS_LINES).select("shipment_id").drop_nulls().collect()["shipment_id"],
    ]


class _Landed:
    """What the stored tables of users' files were read from, noted once all of them are stored.

    The note names the tables by their content: after a night that was cut off in between, it is not true of them.
    """

    def __init__(self, settings: Settings, store: Store, published: Sequence[str]) -> None:
        self._store = store
        self._file = store.folder / "landed.json"
        self._landing = settings.landing_folder
        self._kinds = inputs_of(settings)
        self._published = sorted(published)

    def is_as_stored(self) -> bool:
        """True if the landing folders hold what the stored tables were read from."""
        now = [
            list(content) for kind in self._kinds for content in contents_of(self._landing / kind.folder, kind.prefix)
        ]
        try:
            return bool(json.loads(self._file.read_text(encoding="utf-8")) == self._said(sorted(now)))
        except (OSError, ValueError):
            return False

    def note(self) -> None:
        """Notes it, unless a file was refused: what hindered its reading may have gone by the next night."""
        files = self._store.scan(INPUT_FILES).collect()
        self._file.unlink(missing_ok=True)
        if not (files["outcome"] == "refused").any():
            contents = sorted(list(row) for row in files.select("file", "sha256").iter_rows())
            aside = self._file.with_name(".landed.json.writing")
            aside.write_text(json.dumps(self._said(contents)), encoding="utf-8")
            aside.replace(self._file)

    def _said(self, contents: list[list[str]]) -> dict[str, object]:
        stored = [table for table in tables() if table is not INPUT_FILE_CHANGES]
        return {
            "program": program(),
            "contracts": fingerprint([kind.contract.duckdb_ddl() for kind in self._kinds]),
            "published": fingerprint(self._published),
            "files": contents,
            "tables": {table.full_name: self._store.identity(table) for table in stored},
        }


def _changes(
    settings: Settings, files: pl.DataFrame, staged: Mapping[str, pl.LazyFrame], seen_at: dt.datetime
) -> pl.DataFrame:
    """What changed since the published release. One that cannot be opened counts as none: history begins anew."""

    with duck.released(releases.current(settings)) as release:
        files_before, history = duck.published(release, INPUT_FILES), duck.published(release, INPUT_FILE_CHANGES)
        is_first = files_before is None
        files_before = INPUT_FILES.empty() if files_before is None else files_before
        names = touched(files, files_before)["file"].to_list()
        before = [
            (
                kind.staged.empty() if is_first or not names else duck.published(release, kind.staged, names),
                kind.id_column,
            )
            for kind in inputs()
        ]
    now = [
        (
            (staged[kind.staged.name].filter(pl.col("file").is_in(names)).collect() if names else kind.staged.empty()),
            kind.id_column,
        )
        for kind in inputs()
    ]
    comparable = [(rows, id_column) for rows, id_column in before if rows is not None]
    return file_changes(
        Reading(files, fingerprints(now)),
        Reading(files_before, fingerprints(comparable) if len(comparable) == len(before) else None),
        INPUT_FILE_CHANGES.empty() if history is None else history,
        seen_at,
    )


def _nothing_lost(files: pl.DataFrame, store: Store) -> Finding:
    """accepted + quarantined = read, per file, and the tables hold just those rows."""
    accepted = pl.concat(store.scan(kind.staged).select("file") for kind in inputs())
    in_tables = {
        "rows_accepted": accepted.group_by("file").len(),
        "rows_quarantined": store.scan(QUARANTINE).group_by("file").len(),
    }
    counted = files.lazy()
    for column, rows in in_tables.items():
        counted = counted.join(rows.rename({"len": f"stored_{column}"}), on="file", how="left")
    lost = counted.filter(
        (pl.col("rows_accepted") + pl.col("rows_quarantined") != pl.col("rows_read"))
        | (pl.col("stored_rows_accepted").fill_null(0) != pl.col("rows_accepted"))
        | (pl.col("stored_rows_quarantined").fill_null(0) != pl.col("rows_quarantined"))
    ).collect()
    return Finding(files.height, lost.height, lost)


def _no_rows_gone(changes: pl.DataFrame, _: Store) -> Finding:
    gone = changes.filter("is_of_this_release", pl.col("rows_removed") > 0)
    return Finding(changes.height, gone.height, gone.select("file", "change", "rows_removed", "sample_ids"))


def _all_read(files: pl.DataFrame, _: Store) -> Finding:
    refused = files.filter(pl.col("outcome") == "refused").select("file", "message")
    return Finding(files.height, refused.height, refused)


def _cargoes_known(attestations: pl.DataFrame, store: Store) -> Finding:
    declared = store.scan(staged_shipments()).select("shipment_id").collect()
    unknown = attestations.join(declared, on="shipment_id", how="anti")
    return Finding(attestations.height, unknown.height, unknown.select("file", "attestation_id", "shipment_id"))


def _nothing_set_aside(quarantine: pl.DataFrame, store: Store) -> Finding:
    """Out of all rows that were read."""
    accepted = pl.concat(store.scan(kind.staged).select(pl.len()) for kind in inputs()).sum().collect().item()
    return Finding(accepted + quarantine.height, quarantine.height, quarantine.drop("raw_row"))


def build_assets() -> list[dg.AssetsDefinition]:
    """The assets of users' files."""
    staged = tuple(kind.staged for kind in inputs())
    return [
        table_assets(
            _read,
            dict.fromkeys(tables(), ())
            | {
                STAGED_ATTESTATIONS: [
                    TableCheck(
                        "cargoes_known",
                        "Every attestation names a declared shipment; one that does not counts for nothing.",
                        _cargoes_known,
                        WARN,
                        reads=(staged_shipments(),),
                    )
                ],
                QUARANTINE: [
                    TableCheck(
                        "nothing_set_aside",
                        "No row of a user's file was set aside. The sample shows what to mend.",
                        _nothing_set_aside,
                        WARN,
                        reads=staged,
                    )
                ],
                INPUT_FILES: [
                    TableCheck(
                        "nothing_lost",
                        "For every file: rows accepted + rows quarantined = rows read.",
                        _nothing_lost,
                        reads=(*staged, QUARANTINE),
                    ),
                    TableCheck(
                        "every_file_read",
                        "Every file in the landing folders could be read.",
                        _all_read,
                        WARN,
                    ),
                ],
                INPUT_FILE_CHANGES: [
                    TableCheck(
                        "no_rows_gone",
                        "No row of the last release is gone because its file was replaced or removed.",
                        _no_rows_gone,
                        WARN,
                    )
                ],
            },
            name="input_files",
            group="inputs",
            stored=lambda settings, store: _Landed(settings, store, _published_ids(settings, store)).note(),
            reads=[*STAGED.values(), CUSTOMS_LINES],
        )
    ]
