"""Contracts of what a night says about itself.

Here: files read, check results and their history, releases; the quarantine has a module of its own.
Add here: another fact about a night that people should be able to query.
Keep out: tables about oil.
"""

import polars as pl

from pipelines.contracts.table import Column, Table

INPUT_FILES = Table(
    schema="quality",
    name="input_files",
    grain="one row per file found in the landing folder",
    key=("file",),
    columns=(
        Column("file", pl.String(), "name of the file", required=True),
        Column("sha256", pl.String(), "hash of its bytes", required=True),
        Column(
            "outcome",
            pl.String(),
            "read; refused: could not be read at all; repeated: same bytes as an earlier file",
            required=True,
            allowed=("read", "refused", "repeated"),
        ),
        Column("message", pl.String(), "what is wrong and what to do, for a file that was refused"),
        Column("rows_read", pl.Int64(), "rows in the file", required=True, at_least=0),
        Column("rows_accepted", pl.Int64(), "rows that went on", required=True, at_least=0),
        Column("rows_quarantined", pl.Int64(), "rows set aside", required=True, at_least=0),
        Column("ignored_columns", pl.String(), "columns the contract does not know, separated by ;"),
    ),
)

INPUT_FILE_CHANGES = Table(
    schema="quality",
    name="input_file_changes",
    grain="one row per change of a file in the landing folders, as releases saw it",
    key=("file", "seen_at"),
    columns=(
        Column("file", pl.String(), "name of the file", required=True),
        Column("seen_at", pl.Datetime("us", "UTC"), "when the night read the folders, UTC", required=True),
        Column(
            "change",
            pl.String(),
            "against the release before: new; replaced: same name, other bytes; removed; affected: same bytes, but "
            "other rows of it count, because another file has some of their ids",
            required=True,
            allowed=("new", "replaced", "removed", "affected"),
        ),
        Column("sha256", pl.String(), "hash of its bytes; empty: removed"),
        Column("previous_sha256", pl.String(), "hash of its bytes before; empty: new"),
        Column(
            "rows_added", pl.Int64(), "rows with an id that it did not bring before; empty: not comparable", at_least=0
        ),
        Column("rows_removed", pl.Int64(), "rows whose id it no longer brings", at_least=0),
        Column("rows_changed", pl.Int64(), "rows that say something else than before", at_least=0),
        Column("sample_ids", pl.String(), "ids of such rows, at most ten, separated by ;"),
        Column("is_of_this_release", pl.Boolean(), "seen by the night that made this release", required=True),
    ),
)

_CHECK_OUTCOME = (
    Column("table_name", pl.String(), "table that was checked", required=True),
    Column("check_name", pl.String(), "name of the check", required=True),
    Column(
        "severity",
        pl.String(),
        "ERROR: a failure stops the night before anything is published; WARN: it is told and the night goes on",
        required=True,
        allowed=("ERROR", "WARN"),
    ),
    Column("is_blocking", pl.Boolean(), "a failure stops the night: the severity is ERROR", required=True),
    Column("is_passed", pl.Boolean(), "the check passed", required=True),
    Column("rows_checked", pl.Int64(), "rows looked at", required=True, at_least=0),
    Column("rows_failed", pl.Int64(), "rows that failed", required=True, at_least=0),
)
_RUN_ID = Column("run_id", pl.String(), "Dagster run in which it was checked", required=True)
_CHECKED_AT = Column("checked_at", pl.Datetime("us", "UTC"), "when it was checked, UTC", required=True)

CHECK_RESULTS = Table(
    schema="quality",
    name="check_results",
    grain="one row per check of a table in this release",
    key=("table_name", "check_name"),
    columns=(
        *_CHECK_OUTCOME,
        Column("description", pl.String(), "what the check asks", required=True),
        Column("message", pl.String(), "what was found, in one sentence, where numbers do not say it"),
        Column("sample", pl.String(), "the first rows that failed, as a JSON array of objects"),
        _RUN_ID,
        _CHECKED_AT,
    ),
)

CHECK_HISTORY = Table(
    schema="quality",
    name="check_history",
    grain="one row per check of a table and run, also of nights that published nothing",
    key=("run_id", "table_name", "check_name"),
    columns=(_RUN_ID, _CHECKED_AT, *_CHECK_OUTCOME),
)

_RELEASE_ID = Column("release_id", pl.String(), "when it was built, UTC, and the start of its run id", required=True)

RELEASES = Table(
    schema="quality",
    name="releases",
    grain="one row: the release that this file is",
    key=("run_id",),
    columns=(
        _RELEASE_ID,
        Column("run_id", pl.String(), "Dagster run that built it", required=True),
        Column("built_at", pl.Datetime("us", "UTC"), "when it was built, UTC", required=True),
        Column("known_on", pl.Date(), "rules and figures as known on this day; empty: all that is known"),
        Column("has_estimates", pl.Boolean(), "crude without a price was given an estimate", required=True),
        Column("plimsoll_version", pl.String(), "version of the program", required=True),
        Column("rules_sha256", pl.String(), "hash of the rule tables", required=True),
        Column("cargoes", pl.Int64(), "cargoes judged", required=True, at_least=0),
        Column("verdicts", pl.Int64(), "verdicts given", required=True, at_least=0),
        Column("rows_quarantined", pl.Int64(), "rows of input files set aside", required=True, at_least=0),
        Column("checks_failed", pl.Int64(), "checks that warned", required=True, at_least=0),
        Column("previous_release_id", pl.String(), "release it was compared with; empty: none that is comparable"),
        Column("is_shareable", pl.Boolean(), "what must not be passed on was left out", required=True),
        Column(
            "not_to_be_passed_on",
            pl.String(),
            "data sets and folders with rows in it that must not be passed on; empty: none",
        ),
        Column("is_forced", pl.Boolean(), "published with --force: jumps only warned", required=True),
    ),
)

RELEASE_SOURCES = Table(
    schema="quality",
    name="release_sources",
    grain="one row per file or fetched document that went into this release",
    key=("name",),
    columns=(
        Column(
            "name",
            pl.String(),
            "file below data/; publisher/ and source and document; landing/ and the name in quality.input_files",
            required=True,
        ),
        Column(
            "kind",
            pl.String(),
            "rules, reference and figures ship with the project; publisher: fetched; landing: a user's file",
            required=True,
            allowed=("rules", "reference", "figures", "publisher", "landing"),
        ),
        Column("version", pl.String(), "sha256 of its bytes", required=True),
        Column("rows", pl.Int64(), "rows that went on, as known in this release", required=True, at_least=0),
        Column("newest_date", pl.Date(), "newest day that it tells of; empty: it is no series"),
    ),
)

RELEASE_TOTALS = Table(
    schema="quality",
    name="release_totals",
    grain="one row per table, part of it and measure: control totals of this release and of the one before it",
    key=("table_name", "part", "measure"),
    columns=(
        Column("table_name", pl.String(), "table", required=True),
        Column("part", pl.String(), "all; or a kind of evidence of cargoes, a verdict of verdicts", required=True),
        Column("measure", pl.String(), "rows, or the column that is summed", required=True),
        Column("unit", pl.String(), "unit of the total", required=True),
        Column(
            "total",
            pl.Float64(),
            "in this release; the same oil counts once for each row that tells of it, such as one per regime",
            required=True,
        ),
        Column("previous_total", pl.Float64(), "in the release before it; empty: not there, or not comparable"),
    ),
)
