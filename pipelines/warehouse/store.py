"""Tables as Parquet files between assets: one per table, or one per month of loading for tables about cargoes.

Here: writing a table or a month of it whole, with a note of what it was made from; reading lazily; identities.
Add here: another layout of the files.
Keep out: checks of content, what a note says (`pipelines.warehouse.months`), DuckDB.
"""

import hashlib
import io
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl

from pipelines.contracts.table import Table
from pipelines.object_store import Folder, ObjectPath

Note = Mapping[str, Any]
_NOTE, _ROWS = "plimsoll", "plimsoll_rows"  # of the metadata in the foot of a file
ROWS = "rows"  # in a note: the identity of the rows, whatever they were made from


@dataclass(frozen=True)
class Store:
    """A folder of `<schema>/<name>.parquet`, or `<schema>/<name>/<YYYY-MM>.parquet` for tables kept by month.

    No locks: a file is written aside and renamed into place, an object put at once. What it was made from stands in
    the file itself, so that no crash can part the two. only: of tables kept by month, these months are seen; None: all.
    tables: the tables that may be read, by full name; None: all.
    """

    folder: Folder
    only: frozenset[str] | None = None
    tables: frozenset[str] | None = None

    def narrowed(self, months: Collection[str]) -> "Store":
        """The same store, of whose tables by month only these months are seen."""
        return replace(self, only=frozenset(months) if self.only is None else self.only & frozenset(months))

    def open_to(self, tables: Iterable[Table]) -> "Store":
        """The same store for whoever said that nothing but these tables is read."""
        return replace(self, tables=frozenset(table.full_name for table in tables))

    def path(self, table: Table, month: str | None = None) -> Folder:
        """The file of a table, or of a month of it."""
        if table.is_by_month != (month is not None):
            raise ValueError(f"{table.full_name} is {'kept' if table.is_by_month else 'not kept'} by month.")
        place = self.folder / table.schema / table.name
        return place / f"{month}.parquet" if month is not None else place.with_name(f"{table.name}.parquet")

    def path_of_whole(self, table: Table) -> Folder:
        """Where an earlier version of the program kept a table that is kept by month now."""
        return self.folder / table.schema / f"{table.name}.parquet"

    def months(self, table: Table) -> list[str]:
        """The months that a table is kept by, the earliest first."""
        found = (path.stem for path in (self.folder / table.schema / table.name).glob("[!.]*.parquet"))
        return sorted(month for month in found if self.only is None or month in self.only)

    def paths(self, table: Table) -> list[Folder]:
        """The files that make up a table; none for one by month without cargoes."""
        if self.tables is not None and table.full_name not in self.tables:
            raise RuntimeError(f"{table.full_name} is read, and is not among the tables that are said to be.")
        if not table.is_by_month:
            return [self.path(table)]
        return [self.path(table, month) for month in self.months(table)]

    def write(self, table: Table, frame: pl.DataFrame, month: str | None = None, note: Note | None = None) -> None:
        """Replaces the table, or a month of it; `frame` has the columns of the table, in any order."""
        path = self.path(table, month)
        metadata = {_ROWS: str(frame.height)}
        if note is not None:
            metadata[_NOTE] = json.dumps(note, sort_keys=True)
        _known.pop(path, None)
        if isinstance(path, ObjectPath):
            table.conform(frame).write_parquet(str(path), metadata=metadata)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        # Named by chance: a writer given up as dead may be at work beside the one that was begun in its place.
        aside = path.with_name(f".{path.name}.{uuid4().hex}.writing")
        table.conform(frame).write_parquet(aside, metadata=metadata)
        aside.replace(path)

    def drop(self, table: Table, month: str) -> None:
        """Lets go of a month."""
        path = self.path(table, month)
        _known.pop(path, None)
        path.unlink(missing_ok=True)

    def scan(self, table: Table) -> pl.LazyFrame:
        """The table, lazily."""
        paths = [str(path) for path in self.paths(table)]
        return pl.scan_parquet(paths, glob=False) if paths else table.empty().lazy()

    def rows(self, table: Table) -> int:
        """How many rows the table has."""
        # Of objects not from memory: the sensor of a night over several workers lives longer than a run.
        files = (_looked_at(path) if isinstance(path, Path) else _File(path, None) for path in self.paths(table))
        return sum(file.rows for file in files)

    def note(self, table: Table, month: str | None = None) -> dict[str, Any] | None:
        """What was noted with a table or a month; None where there is none, or it cannot be read."""
        return _looked_at(self.path(table, month)).note

    def identity(self, table: Table) -> str:
        """The same for the same content: of the rows of a table or of its bytes, or of the notes of all its months."""
        if not table.is_by_month:
            said = (self.note(table) or {}).get(ROWS)
            return str(said) if said is not None else hashlib.sha256(self.path(table).read_bytes()).hexdigest()
        return identity_of({month: self.month_identity(table, month) for month in self.months(table)})

    def month_identity(self, table: Table, month: str) -> str:
        """The same for a month that was made from the same: of its note, else of its bytes."""
        note = self.note(table, month)
        if note is not None:
            return identity_of(note)
        return hashlib.sha256(self.path(table, month).read_bytes()).hexdigest()


@dataclass(frozen=True)
class _File:
    """What a file says of itself in its foot. mark: the same for as long as it is the same file."""

    path: Folder
    mark: object

    @cached_property
    def note(self) -> dict[str, Any] | None:
        try:
            return dict(json.loads(self._foot[_NOTE])) if _NOTE in self._foot else None
        except ValueError:
            return None

    @cached_property
    def rows(self) -> int:
        # Files of earlier versions do not say it.
        said = self._foot.get(_ROWS)
        return int(said) if said else int(pl.scan_parquet(str(self.path), glob=False).select(pl.len()).collect().item())

    @cached_property
    def _foot(self) -> dict[str, str]:
        try:
            return pl.read_parquet_metadata(str(self.path))
        except (OSError, pl.exceptions.PolarsError):
            return {}


def _looked_at(path: Folder) -> _File:
    """Looked up once: of a file on a disk by when it was written; of an object, where each look is a request, by name.

    No run reads a month that another one writes meanwhile.
    """
    mark = None
    if isinstance(path, Path) and path.exists():
        found = path.stat()
        mark = found.st_ino, found.st_mtime_ns, found.st_size
    known = _known.get(path)
    if known is None or known.mark != mark:
        known = _known[path] = _File(path, mark)
    return known


_known: dict[Folder, _File] = {}


def pattern_of(file: str | Folder) -> str:
    """The name by which DuckDB reads just this file: it takes names for patterns."""
    # A bracket stands for itself inside brackets.
    return re.sub(r"([\[*?])", r"[\1]", str(file))


def identity_of(said: object) -> str:
    """A hash of plain values."""
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def content_identity(frame: pl.DataFrame) -> str:
    """A hash of the rows of a frame in their order."""
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(buffer, compression="uncompressed")
    return hashlib.sha256(buffer.getbuffer()).hexdigest()
