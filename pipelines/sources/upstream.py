"""What a publisher's data set is, and the two things done with it: fetching and reading.

Here: `Source` and its parts; `fetch`, which fills the landing folder; `read`, which only looks there.
Add here: something that every source has.
Keep out: anything about one publisher (`pipelines.sources.publishers`, one module each).
"""

import datetime as dt
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import polars as pl

from pipelines.contracts.fetching import SOURCE_SNAPSHOTS, VERSION_COLUMNS, versioned
from pipelines.contracts.table import ContractError, Table
from pipelines.sources.readings import Readings
from pipelines.sources.snapshots import KEPT_HEADERS, Entry, Landing, Snapshot

Document = str
# How the name of a document begins that somebody put there by hand.
BY_HAND = "file "
# Kept header of an answer to the header that asks for something newer.
_CONDITIONS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}

# A document of fewer rows may lose any of them; of more, losing half looks like a fault of the publisher.
FEWEST_ROWS_TO_DROP, SMALLEST_SHARE_LEFT = 10, 0.5
# Foreign bytes break a parser in ways that nobody lists, and a panic of a library is no ordinary exception.
_BROKEN = (Exception, pl.exceptions.PanicException)

# How long a change by a publisher is worth a warning.
LATELY_DAYS = 31
_LATELY = pl.col("last_seen_at").max() - pl.duration(days=LATELY_DAYS)
MONTH_END = pl.col("month").add("-01").str.to_date().dt.month_end()


class SourceFault(Exception):
    """A document is not what the publisher used to send. `check` names what failed, the message says how."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(message)
        self.check = check


@dataclass(frozen=True)
class Year:
    """A document's worth of a daily series: `number` says whose year it is, `first` and `last` what is asked for."""

    number: int
    first: dt.date
    last: dt.date
    settled_on: dt.date


@dataclass(frozen=True)
class Plan:
    """What a round of requests is for: all periods from `first` to `today`."""

    first: dt.date
    today: dt.date

    def years(self) -> Iterator[Year]:
        """Calendar years, for daily series of which a month is final when the next one is over.

        Each takes in the December before it, so that no document is empty in the first days of a year.
        """
        for year in range(self.first.year, self.today.year + 1):
            yield Year(year, dt.date(year - 1, 12, 1), dt.date(year, 12, 31), dt.date(year + 1, 2, 1))


@dataclass(frozen=True)
class Key:
    """A publisher's key: the environment variable that holds it, where to get one, and the parameter it goes into."""

    variable: str
    where: str
    parameter: str


@dataclass(frozen=True)
class Request:
    """One document of a data set. A settled one is final: once it has landed well it is not asked for again.

    settled_on: the day from which a document is final: what was seen before that day is asked for again.
    about: what a listing says about the document and the document itself does not, such as its edition. It is kept
    with the document, `read` gets it after the name, and a document about which something else is said is another.
    """

    document: Document
    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    is_settled: bool = False
    settled_on: dt.date | None = None
    about: str = ""

    def is_final(self, known: Snapshot, today: dt.date) -> bool:
        """Whether a version that has landed needs no asking again."""
        is_over = self.settled_on is not None and self.settled_on <= min(today, known.last_seen_at.date())
        return self.is_settled or is_over


@dataclass(frozen=True)
class Band:
    """A figure that a good document keeps within; `why` is the reason for these bounds."""

    low: float
    high: float
    why: str


@dataclass(frozen=True)
class Quirk:
    """A known trap of a table. `failing` gives the rows that fell into it: a warning, with those rows to look at."""

    name: str
    description: str
    failing: Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class Editions:
    """A table of which every document, whatever its name, is an edition of one list: what it no longer shows is off.

    day: column with the day of the edition, empty where the document does not say; then the day of the fetch counts.
    Editions follow one another by that day, so old ones may land late. is_part: over the frame of a document, true
    for one that leaves out some of the list, so that what it does not show may still be on it.
    """

    day: str
    is_part: pl.Expr


@dataclass(frozen=True, eq=False)
class Source:
    """A publisher's data set.

    requests: what to ask for. follow: further requests that an answer leads to (pages, files of a listing).
    read: the frames, by name of table, that a document holds; an empty mapping for a mere listing; raises
    `SourceFault`. rows, fill_rates, medians: bands that each document keeps, by table and by `table.column`; a median
    outside its band shows a change of unit. sends_web_pages: a web page may be what was asked for, so what is wrong
    with it is named as `read` names it.
    period_end: by table, the last day of a row's period. published_on: by table, the day on which a row's first
    version was public, where it can be told. newest_expected: last day of the period that should be out on a day;
    newest_expected_of: the same for tables with a calendar of their own.
    edition_columns: columns that only say which edition shows a row; a new edition of the same figures is no new
    version.
    editions: by table, for lists that a publisher issues whole again and again.
    keyless: what to ask for instead while there is no key; without it, a source with a key asks nothing then.
    """

    name: str
    title: str
    publisher: str
    licence: str
    attribution: str
    tables: tuple[Table, ...]
    requests: Callable[[Plan], Iterable[Request]]
    read: Callable[[Document, bytes], Mapping[str, pl.DataFrame]]
    period_end: Mapping[str, pl.Expr]
    newest_expected: Callable[[dt.date], dt.date]
    newest_expected_of: Mapping[str, Callable[[dt.date], dt.date]] = field(default_factory=dict)
    published_on: Mapping[str, pl.Expr] = field(default_factory=dict)
    edition_columns: tuple[str, ...] = ()
    editions: Mapping[str, Editions] = field(default_factory=dict)
    follow: Callable[[Request, bytes], Iterable[Request]] = lambda _request, _body: ()
    rows: Mapping[str, Band] = field(default_factory=dict)
    fill_rates: Mapping[str, Band] = field(default_factory=dict)
    medians: Mapping[str, Band] = field(default_factory=dict)
    quirks: Mapping[str, Sequence[Quirk]] = field(default_factory=dict)
    key: Key | None = None
    keyless: Callable[[Plan], Iterable[Request]] | None = None
    pause_s: float = 0.0
    is_redistributable: bool = True
    sends_web_pages: bool = False


def fetch(
    source: Source,
    landing: Landing,
    plan: Plan,
    *,
    mirror: str | None = None,
    environment: Mapping[str, str] = os.environ,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    kept: Readings | None = None,
) -> None:
    """Asks for every document of the plan and keeps what comes; what goes wrong is noted in the journal.

    Documents of a listing or of further pages are asked for as they turn up. A host that cannot be reached, or that
    fails again and again, is left alone for the rest of this round; the next one starts with what did not fail, so
    that no document keeps the others from coming. progress: is
    told how many documents are done, and how many there are by now.
    kept: readings of earlier nights, so that a document that is settled is not read again.
    """
    from pipelines.sources.http import Client, FetchFailed

    session = _now().isoformat()
    newest: dict[Document, Snapshot] = {}
    before: dict[Document, Snapshot] = {}
    for snapshot in (snapshot for snapshot in landing.snapshots(source.name) if snapshot.path.exists()):
        if snapshot.document in newest:
            before[snapshot.document] = newest[snapshot.document]
        newest[snapshot.document] = snapshot
    last_outcome = {entry.document: entry.outcome for entry in landing.entries(source.name)}
    waiting = list(source.requests(plan))
    secret = {}
    if source.key is not None:
        key = environment.get(source.key.variable)
        if key:
            secret = {source.key.parameter: key}
        elif source.keyless is not None:
            waiting = list(source.keyless(plan))
        else:
            for request in waiting[:1]:
                message = f"no key: set {source.key.variable}; get one at {source.key.where}"
                landing.note(
                    Entry(source.name, request.document, request.url, _now(), session, "failed", None, message)
                )
            return
    waiting.sort(key=lambda request: last_outcome.get(request.document) == "failed")
    # A mirror is a machine of one's own; the pause is for the publisher's.
    with Client(0.0 if mirror else source.pause_s, mirror) as client:
        done = -1
        while waiting:
            done += 1
            progress(done, done + len(waiting))
            request = waiting.pop(0)
            known = newest.get(request.document)
            is_same = known is not None and known.about == request.about
            is_settled = known is not None and is_same and request.is_final(known, plan.today)
            if known is not None and is_settled and _reads_well(source, known, before.get(request.document), kept):
                continue
            asked_at, shown = _now(), _shown(request)
            try:
                answer = client.get(
                    request.url,
                    {**request.params, **secret},
                    {**request.headers, **_conditions(known if is_same else None)},
                )
            except FetchFailed as failure:
                message = str(failure)
                landing.note(
                    Entry(source.name, request.document, shown, asked_at, session, "failed", failure.status, message)
                )
                if failure.is_host_down:
                    return
                continue
            if answer.body is None and known is not None:
                digest, size, body = known.sha256, known.size_bytes, known.read()
            else:
                body = _without(secret.values(), answer.body or b"")
                digest, size = landing.keep(body), len(body)
            outcome = "unchanged" if known is not None and known.sha256 == digest else "new"
            headers = {name: value for name, value in answer.headers.items() if name in KEPT_HEADERS}
            try:
                _frames(source, request.document, body, request.about)
                waiting += _followed(source, request, body)
            except SourceFault:
                # Asked for whole again the next time, whether or not the publisher thinks that it has changed.
                headers = {name: value for name, value in headers.items() if name not in _CONDITIONS}
            landing.note(
                Entry(
                    source.name,
                    request.document,
                    shown,
                    asked_at,
                    session,
                    outcome,
                    answer.status,
                    sha256=digest,
                    size_bytes=size,
                    headers=headers,
                    about=request.about,
                )
            )


def take_files(source: Source, landing: Landing, folder: Path) -> None:
    """Takes the publisher's files that somebody put into `folder` into the landing folder, as documents of their name.

    For publishers that let nobody fetch, and for editions that are no longer offered.
    """
    newest = {snapshot.document: snapshot for snapshot in landing.snapshots(source.name)}
    session = _now().isoformat()
    for path in sorted(folder.glob("*")):
        if path.is_symlink() or not path.is_file() or path.name.startswith("."):
            continue
        document = f"{BY_HAND}{path.name}"
        body = path.read_bytes()
        digest = landing.keep(body)
        known = newest.get(document)
        if known is None or known.sha256 != digest:
            landing.note(
                Entry(
                    source.name, document, "", _now(), session, "new", sha256=digest, size_bytes=len(body), headers={}
                )
            )


@dataclass(frozen=True)
class Reading:
    """tables: by name, all versions that are known, as `versioned(table)`. snapshots: rows of `SOURCE_SNAPSHOTS`."""

    tables: Mapping[str, pl.DataFrame]
    snapshots: pl.DataFrame


def read(source: Source, landing: Landing, as_of: dt.date | None = None, kept: Readings | None = None) -> Reading:
    """Every good snapshot of a source as versions of its rows; a snapshot that is not good is rejected whole.

    So is one with less than half the rows of the version before, until another version confirms the drop.

    as_of: versions that became known later are invisible. kept: readings of earlier nights, so that a snapshot is
    read once.
    """
    read_well: dict[str, list[tuple[Snapshot, pl.DataFrame]]] = {table.name: [] for table in source.tables}
    rows_before: dict[Document, dict[str, int]] = {}
    outcomes = []
    for snapshot in landing.snapshots(source.name):
        row = {
            name: getattr(snapshot, name) for name in ("source_name", "document", "fetched_at", "sha256", "size_bytes")
        }
        try:
            frames = _reading(source, snapshot, kept)
            before = rows_before.get(snapshot.document, {})
            rows_before[snapshot.document] = _rows_of(frames)
            _check_for_drop(before, rows_before[snapshot.document])
        except SourceFault as fault:
            outcomes.append(row | {"outcome": "rejected", "check_name": fault.check, "message": str(fault), "rows": 0})
            continue
        for name, frame in frames.items():
            read_well[name].append((snapshot, frame))
        rows = sum(frame.height for frame in frames.values())
        whole = [_shown_on(snapshot, frames[n], e) for n, e in source.editions.items() if not _is_part(frames[n], e)]
        row |= {"edition_on": max(whole, default=None)}
        outcomes.append(row | {"outcome": "read", "check_name": None, "message": None, "rows": rows})
    return Reading(
        {
            table.name: versions(
                read_well[table.name],
                table,
                source.published_on.get(table.name),
                as_of,
                source.edition_columns,
                source.editions.get(table.name),
            )
            for table in source.tables
        },
        pl.DataFrame(outcomes, schema=SOURCE_SNAPSHOTS.polars_schema()),
    )


def _check_for_drop(before: Mapping[str, int], now: Mapping[str, int]) -> None:
    for name, rows in before.items():
        if rows >= FEWEST_ROWS_TO_DROP and now.get(name, 0) < SMALLEST_SHARE_LEFT * rows:
            raise SourceFault(
                "no_sudden_drop",
                f"{now.get(name, 0):,} rows of {name}, the version before had {rows:,}; such a drop is believed once "
                "another version confirms it",
            )


def _reading(source: Source, snapshot: Snapshot, kept: Readings | None) -> Mapping[str, pl.DataFrame]:
    """The frames of a snapshot, from an earlier reading if there is one. Raises `SourceFault`."""
    identity = (source.name, snapshot.document, snapshot.about, snapshot.sha256)
    found = kept.find(*identity) if kept is not None else None
    if found is None:
        body = _bytes(snapshot)
        try:
            found = {}, dict(_frames(source, snapshot.document, body, snapshot.about))
        except SourceFault as fault:
            found = {"check": fault.check, "message": str(fault)}, {}
        if kept is not None:
            kept.keep(identity, *found)
    fault_found, frames = found
    if fault_found:
        raise SourceFault(fault_found["check"], fault_found["message"])
    return frames


def _bytes(snapshot: Snapshot) -> bytes:
    try:
        return snapshot.read()
    except (OSError, EOFError, zlib.error) as error:
        raise SourceFault("readable", f"its bytes are gone from the landing folder or damaged ({error})") from error


def _reads_well(source: Source, snapshot: Snapshot, before: Snapshot | None, kept: Readings | None) -> bool:
    try:
        frames = _reading(source, snapshot, kept)
    except SourceFault:
        return False
    if before is None:
        return True
    try:
        frames_before = _reading(source, before, kept)
    except SourceFault:
        return True
    try:
        _check_for_drop(_rows_of(frames_before), _rows_of(frames))
    except SourceFault:
        return False
    return True


def _rows_of(frames: Mapping[str, pl.DataFrame]) -> dict[str, int]:
    return {name: frame.height for name, frame in frames.items()}


def _frames(source: Source, document: Document, body: bytes, about: str = "") -> Mapping[str, pl.DataFrame]:
    """The frames of a document that keeps every promise of its source. Raises `SourceFault`."""
    if not body.strip():
        raise SourceFault("not_empty", "the document is empty")
    is_web_page = _is_web_page(body)
    try:
        frames = source.read(f"{document} {about}".rstrip(), body)
    except SourceFault:
        if is_web_page and not source.sends_web_pages:
            raise _not_data() from None
        raise
    except _BROKEN as error:
        raise (_not_data() if is_web_page else _unreadable(error)) from error
    tables = {table.name: table for table in source.tables}
    return {name: _kept_promises(source, tables[name], frame) for name, frame in frames.items()}


def _not_data() -> SourceFault:
    return SourceFault("not_a_web_page", "a web page came instead of data")


def _unreadable(error: BaseException) -> SourceFault:
    said = " ".join(str(error).split())[:200]
    return SourceFault("readable", f"cannot be read ({type(error).__name__}: {said})")


def _followed(source: Source, request: Request, body: bytes) -> list[Request]:
    """What an answer leads to. Raises `SourceFault`."""
    try:
        return list(source.follow(request, body))
    except _BROKEN as error:
        if isinstance(error, SourceFault):
            raise
        raise _unreadable(error) from error


def _kept_promises(source: Source, table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    try:
        frame = table.conform(frame)
    except ContractError as error:
        raise SourceFault("keeps_contract", str(error)) from error
    if (failures := table.failures(frame)).height:
        first = failures.row(0, named=True)
        raise SourceFault(
            f"keeps_contract: {first['check']}",
            f"{failures.height} values, first in {first['column']}, row {first['row']}",
        )
    _within(frame.height, source.rows.get(table.name), "volume_in_band", f"{frame.height:,} rows")
    for column in frame.columns if frame.height else ():
        filled = 1 - frame[column].null_count() / frame.height
        band = source.fill_rates.get(f"{table.name}.{column}")
        _within(filled, band, "fill_rate_in_band", f"{column} is filled in {filled:.1%} of rows")
        if (band := source.medians.get(f"{table.name}.{column}")) is not None:
            median = float(frame[column].median() or 0.0)  # type: ignore[arg-type]
            _within(median, band, "unit_as_expected", f"the median of {column} is {median:g}")
    return frame


def _within(figure: float, band: Band | None, check: str, said: str) -> None:
    if band is not None and not band.low <= figure <= band.high:
        raise SourceFault(check, f"{said}; expected {band.low:g} to {band.high:g}: {band.why}")


def require_columns(found: Iterable[str], expected: Iterable[str], allowed: Iterable[str] = ()) -> None:
    """Raises `SourceFault` for a column that is missing or, where `allowed` names all others, one that is new."""
    found, expected, allowed = list(found), list(expected), set(allowed)
    if missing := [name for name in expected if name not in found]:
        raise SourceFault(
            "columns_as_expected", f"missing {', '.join(missing)}; the header is {', '.join(found)[:300]}"
        )
    new = [name for name in found if name not in expected and name not in allowed]
    if allowed and new:
        raise SourceFault("columns_as_expected", f"new column {', '.join(new)[:300]}")


def month_over(today: dt.date, months: int) -> dt.date:
    """Last day of the month that lies so many months back: of the month before this one for 1."""
    first = today.year * 12 + today.month - months
    return dt.date(first // 12, first % 12 + 1, 1) - dt.timedelta(days=1)


def csv_table(body: bytes) -> pl.DataFrame:
    """A CSV with a header, every value as text, the names without blanks around them.

    Raises `SourceFault` where the last line breaks off: Polars would fill it up with nulls.
    """
    header, last = body.split(b"\n", 1)[0], body.rsplit(b"\n", 1)[-1]
    if last.strip() and last.count(b",") < header.count(b","):
        raise SourceFault("not_cut_off", "the last line breaks off before its last column")
    return pl.read_csv(body, infer_schema=False).rename(lambda name: name.strip())


def versions(
    readings: Sequence[tuple[Snapshot, pl.DataFrame]],
    table: Table,
    published_on: pl.Expr | None = None,
    as_of: dt.date | None = None,
    edition_columns: Sequence[str] = (),
    editions: Editions | None = None,
) -> pl.DataFrame:
    """All versions of the rows of a table, from readings in the order in which they were fetched.

    A row of the result is one key with one set of values, for as long as fetches showed it, with the edition that
    showed it first. It is known from the day it was fetched, or from the day of its edition; the first version of a
    key from `published_on` where that is earlier. A row that was withdrawn and is shown again is a new version.
    """
    shape, key = versioned(table), list(table.key)
    if not readings:
        return shape.empty()
    values = [column.name for column in table.columns if column.name not in key]
    shown = [(_shown_on(snapshot, frame, editions), snapshot, frame) for snapshot, frame in readings]
    if editions is not None:
        shown.sort(key=lambda reading: (reading[0], reading[1].fetched_at))
    seen = pl.concat(
        frame.with_columns(
            _number=pl.lit(number),
            _shown_on=pl.lit(day),
            document=pl.lit(snapshot.document),
            sha256=pl.lit(snapshot.sha256),
            fetched_at=pl.lit(snapshot.fetched_at, pl.Datetime("us", "UTC")),
            last_seen_at=pl.lit(snapshot.last_seen_at, pl.Datetime("us", "UTC")),
        )
        for number, (day, snapshot, frame) in enumerate(shown)
    ).sort(*key, "_number")
    # The good snapshots before and after each one that show all that it could show.
    whole = pl.when("_is_whole").then(pl.struct("_number", "_shown_on"))
    neighbours = (
        pl.DataFrame(
            {
                "_series": [snapshot.document if editions is None else "" for _, snapshot, _ in shown],
                "_number": range(len(shown)),
                "_shown_on": [day for day, *_ in shown],
                "_is_whole": [not _is_part(frame, editions) for *_, frame in shown],
            },
            schema_overrides={"_number": pl.Int32},
        )
        .with_columns(
            _before=whole.struct.field("_number").shift(1).forward_fill().over("_series", order_by="_number"),
            _after=whole.struct.field("_number").shift(-1).backward_fill().over("_series", order_by="_number"),
            _after_on=whole.struct.field("_shown_on").shift(-1).backward_fill().over("_series", order_by="_number"),
        )
        .select("_number", "_series", "_before", "_after", "_after_on")
    )
    figures = [name for name in values if name not in edition_columns]
    content = pl.struct(figures).hash() if figures else pl.lit(0, pl.UInt64)
    # The rows of a key follow one another, which is many times faster than looking at each key by itself.
    is_new_key = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in key)
    is_back = (pl.col("_series") == pl.col("_series").shift(1)) & (pl.col("_before") > pl.col("_number").shift(1))
    runs = (
        seen.join(neighbours, on="_number", how="left", maintain_order="left")
        .with_columns(_content=content)
        .with_columns(_is_new_key=is_new_key | (pl.int_range(pl.len()) == 0))
        .with_columns(
            _run=(
                pl.col("_is_new_key") | (pl.col("_content") != pl.col("_content").shift(1)) | is_back.fill_null(False)
            ).cum_sum()
        )
        .group_by("_run", maintain_order=True)
        .agg(
            pl.col(*key, *values, "fetched_at", "sha256", "_shown_on", "_is_new_key").first(),
            pl.col("document", "last_seen_at", "_after", "_after_on").last(),
            _first=pl.col("_number").first(),
        )
    )
    first_known = pl.col("_shown_on") if published_on is None else pl.min_horizontal("_shown_on", published_on)
    superseded_by = pl.when(~pl.col("_is_new_key").shift(-1)).then(pl.col("_first").shift(-1))
    is_withdrawn = (pl.col("_after") < superseded_by).fill_null(pl.col("_after").is_not_null())
    runs = runs.with_columns(
        known_on=pl.when("_is_new_key").then(first_known).otherwise("_shown_on"),
        withdrawn_on=pl.when(is_withdrawn).then("_after_on"),
        is_latest=pl.lit(False),
    ).select(column.name for column in (*table.columns, *VERSION_COLUMNS))
    return shape.conform(as_known(runs, table, as_of))


def _shown_on(snapshot: Snapshot, frame: pl.DataFrame, editions: Editions | None) -> dt.date:
    """The day for which a snapshot speaks."""
    said = None if editions is None else frame[editions.day].drop_nulls().max()
    return said if isinstance(said, dt.date) else snapshot.fetched_at.date()


def _is_part(frame: pl.DataFrame, editions: Editions | None) -> bool:
    return editions is not None and bool(frame.select(editions.is_part.any()).item())


def as_known(runs: pl.DataFrame, table: Table, day: dt.date | None) -> pl.DataFrame:
    """The versions of a table that were known on a day, with the ones in force then marked as latest."""
    if day is not None:
        runs = runs.filter(pl.col("known_on") <= day).with_columns(
            withdrawn_on=pl.when(pl.col("withdrawn_on") <= day).then("withdrawn_on")
        )
    # Of two versions of a day, the one fetched later; an old edition that landed late is not the last.
    of_last_day = pl.col("fetched_at").filter(pl.col("known_on") == pl.col("known_on").max())
    is_last = pl.col("fetched_at") == of_last_day.max().over(table.key)
    return runs.with_columns(is_latest=is_last & pl.col("withdrawn_on").is_null())


def latest(frame: pl.DataFrame) -> pl.DataFrame:
    """The versions in force, without the columns about versions."""
    about = [column.name for column in VERSION_COLUMNS]
    return frame.filter("is_latest").drop(about)


def revised(table: Table, *values: str) -> Quirk:
    """Names figures of `table` that the publisher changed lately, with the printing before: all printings are kept."""

    def failing(frame: pl.DataFrame) -> pl.DataFrame:
        key = list(table.key)
        before = {f"{name}_before": pl.col(name).shift(1).over(key, order_by="fetched_at") for name in values}
        is_changed = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_before")) for name in values)
        is_first = pl.col("fetched_at") == pl.col("fetched_at").min().over(key)
        changed = frame.with_columns(**before).filter(is_changed & ~is_first & (pl.col("fetched_at") >= _LATELY))
        return changed.select(*key, *before, *values, "known_on")

    return Quirk(
        "printings_agree",
        f"No figure was changed in the last {LATELY_DAYS} days; where one was, all are kept.",
        failing,
    )


def withdrawn(table: Table) -> Quirk:
    """Names rows of `table` that newer editions lately ceased to show: a sudden drop, or taken back."""

    def failing(frame: pl.DataFrame) -> pl.DataFrame:
        gone = frame.filter(pl.col("withdrawn_on") >= _LATELY.dt.date())
        return gone.select(*table.key, "document", "withdrawn_on")

    return Quirk(
        "nothing_withdrawn", f"No row was missing from a newer edition in the last {LATELY_DAYS} days.", failing
    )


def freshness(source: Source, landing: Landing, reading: Reading, today: dt.date) -> dict[str, object]:
    """A row of `SOURCE_FRESHNESS`: how new the rows are, and what is wrong if they are not."""
    good = reading.snapshots.filter(pl.col("outcome") == "read")
    used = {(row["document"], row["fetched_at"]) for row in good.iter_rows(named=True)}
    last_good: dict[Document, dt.datetime] = {
        s.document: s.last_seen_at for s in landing.snapshots(source.name) if (s.document, s.fetched_at) in used
    }
    problems = _problems(landing, reading, source)
    # Documents that fail make those of their last good versions old that are used instead.
    failing = [last_good[document] for document, _ in problems if document in last_good]
    last_good_at = min(failing) if failing else max(last_good.values(), default=None)
    # A night as of an earlier day may use what was fetched later.
    age_days = None if last_good_at is None else max((today - last_good_at.date()).days, 0)
    table, newest, expected, is_late = _newest(source, reading, good, today)
    said = _by_message(problems)
    is_empty = all(frame.is_empty() for frame in reading.tables.values())
    message: str | None = None
    if problems and (is_empty or last_good_at is None):
        state, message = "missing", f"{said}; no figure of it was ever read"
    elif last_good_at is None:
        state = "never"
    elif problems:
        state, message = "stale", f"{said}; the version in use was last seen on {last_good_at.date()}"
    elif is_late:
        state = "late"
        shown = "nothing of it was read" if newest is None else f"the newest period read ends on {newest}"
        message = f"{table}: {shown}, {expected} should be out"
    else:
        state = "fresh"
    return {
        "source_name": source.name,
        "title": source.title,
        "publisher": source.publisher,
        "licence": source.licence,
        "attribution": source.attribution,
        "is_redistributable": source.is_redistributable,
        "newest_period": newest,
        "expected_period": expected,
        "last_good_at": last_good_at,
        "age_days": age_days,
        "rows": int(good["rows"].sum()),
        "state": state,
        "message": message,
    }


def _newest(
    source: Source, reading: Reading, good: pl.DataFrame, today: dt.date
) -> tuple[str, dt.date | None, dt.date, bool]:
    """Of the table that is furthest behind: its name, newest period, the period that should be out, is it missing."""
    found = []
    for name, period_end in source.period_end.items():
        newest = reading.tables[name].filter("is_latest").select(period_end.max()).item()
        if name in source.editions:
            # An edition in which nothing is new speaks for its day all the same.
            newest = max((day for day in (newest, good["edition_on"].max()) if day is not None), default=None)
        expected = source.newest_expected_of.get(name, source.newest_expected)(today)
        behind = dt.timedelta.max if newest is None else expected - newest
        found.append((behind, name, newest, expected))
    behind, name, newest, expected = max(found)
    return name, newest, expected, behind > dt.timedelta(0)


def _problems(landing: Landing, reading: Reading, source: Source) -> list[tuple[Document, str]]:
    """Documents that failed in the last round of requests, and those of which the newest version was rejected."""
    asked = [entry for entry in landing.entries(source.name) if not entry.document.startswith(BY_HAND)]
    last_round = {entry.document: entry for entry in asked if entry.session == asked[-1].session}
    failed = [(e.document, e.message or "") for e in last_round.values() if e.outcome == "failed"]
    newest = reading.snapshots.sort("fetched_at").group_by("document", maintain_order=True).last()
    rejected = newest.filter(pl.col("outcome") == "rejected")
    return failed + [
        (row["document"], f"{row['message']} ({row['check_name']})") for row in rejected.iter_rows(named=True)
    ]


def _by_message(problems: Iterable[tuple[Document, str]], most: int = 3) -> str:
    """What is wrong with which documents, one after the other, each message once."""
    documents: dict[str, list[Document]] = {}
    for document, message in problems:
        documents.setdefault(message, []).append(document)
    said = [
        f"{first} and {len(others)} more: {message}" if others else f"{first}: {message}"
        for message, (first, *others) in documents.items()
    ]
    return "; ".join(said[:most]) + (f"; and {len(said) - most} more" if len(said) > most else "")


def _conditions(known: Snapshot | None) -> dict[str, str]:
    if known is None:
        return {}
    return {header: known.headers[name] for name, header in _CONDITIONS.items() if name in known.headers}


def _shown(request: Request) -> str:
    """The address as people may see it: keys are added only when it is asked for."""
    if not request.params:
        return request.url
    return request.url + "?" + "&".join(f"{name}={value}" for name, value in request.params.items())


def _without(secrets: Iterable[str], body: bytes) -> bytes:
    """The answer without the keys that it was asked with: some publishers print the request back."""
    for secret in secrets:
        in_json = json.dumps(secret)[1:-1]
        for written in {secret, quote(secret, safe=""), in_json, in_json.replace("/", r"\/")}:
            body = body.replace(written.encode(), b"(key)")
    return body


def _is_web_page(body: bytes) -> bool:
    start = body[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith(b"<") and any(mark in start for mark in (b"<!doctype html", b"<html", b"<head", b"<body"))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
