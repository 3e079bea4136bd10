"""What publishers sent, kept for ever: every byte once, by its hash.

Here: the landing folder of publishers and its journal.
Add here: another fact to keep about an answer.
Keep out: asking (http) and reading (publishers).
"""

import datetime as dt
import gzip
import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Headers that help to ask again or to tell one edition from another.
KEPT_HEADERS = ("etag", "last-modified", "content-type", "content-length", "date")


@dataclass(frozen=True)
class Entry:
    """One line of the journal: a request and what came of it.

    session: names the round of requests it belongs to. outcome: new, unchanged or failed. about: what a listing said
    about the document.
    """

    source_name: str
    document: str
    url: str
    requested_at: dt.datetime
    session: str
    outcome: str
    status: int | None = None
    message: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    headers: Mapping[str, str] | None = None
    about: str = ""


@dataclass(frozen=True)
class Snapshot:
    """One version of a document: the bytes, when they were first seen, and when they were last seen."""

    source_name: str
    document: str
    sha256: str
    size_bytes: int
    fetched_at: dt.datetime
    last_seen_at: dt.datetime
    headers: Mapping[str, str]
    path: Path
    about: str = ""

    def read(self) -> bytes:
        """The bytes. Raises `OSError`."""
        return gzip.decompress(self.path.read_bytes())


@dataclass(frozen=True)
class Landing:
    """The folder: `content/<first two digits>/<sha256>.gz` and `journal/<source>.jsonl`."""

    folder: Path

    def keep(self, body: bytes) -> str:
        """Stores bytes once and returns their hash."""
        digest = hashlib.sha256(body).hexdigest()
        path = self._content(digest)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Two sources, which are fetched at the same time, may answer with the same bytes.
            aside = path.with_name(f".{digest}.{os.getpid()}.{threading.get_ident()}")
            aside.write_bytes(gzip.compress(body, compresslevel=6, mtime=0))
            aside.replace(path)
        return digest

    def note(self, entry: Entry) -> None:
        """Adds a line to the journal of the source."""
        path = self._journal(entry.source_name)
        path.parent.mkdir(parents=True, exist_ok=True)
        line = asdict(entry) | {"requested_at": entry.requested_at.isoformat()}
        with path.open("ab") as journal:
            # A line that a crash cut short must not swallow this one.
            start = b"" if journal.tell() == 0 or _ends_line(path) else b"\n"
            journal.write(start + json.dumps(line, ensure_ascii=False).encode() + b"\n")

    def entries(self, source_name: str) -> Iterator[Entry]:
        """The journal of a source, oldest first. A line that was cut short by a crash counts as not written."""
        path = self._journal(source_name)
        if not path.exists():
            return
        with path.open(encoding="utf-8") as journal:
            for line in journal:
                try:
                    fields: dict[str, Any] = json.loads(line)
                except json.JSONDecodeError:
                    continue
                yield Entry(**fields | {"requested_at": dt.datetime.fromisoformat(fields["requested_at"])})

    def snapshots(self, source_name: str) -> list[Snapshot]:
        """Every version of every document of a source, in the order in which they were first seen.

        The same bytes twice in a row, of which the same is said, are one version; bytes that come back later are a
        new one.
        """
        newest: dict[str, Snapshot] = {}
        found: list[Snapshot] = []
        for entry in self.entries(source_name):
            if entry.outcome == "failed":
                continue
            last = newest.get(entry.document)
            if last is not None and entry.sha256 in (None, last.sha256) and entry.about == last.about:
                seen = Snapshot(**vars(last) | {"last_seen_at": entry.requested_at})
                found[found.index(last)] = seen
            elif entry.sha256 is not None:
                seen = Snapshot(
                    source_name,
                    entry.document,
                    entry.sha256,
                    entry.size_bytes or 0,
                    entry.requested_at,
                    entry.requested_at,
                    entry.headers or {},
                    self._content(entry.sha256),
                    entry.about,
                )
                found.append(seen)
            else:
                continue
            newest[entry.document] = seen
        return found

    def _content(self, digest: str) -> Path:
        return self.folder / "content" / digest[:2] / f"{digest}.gz"

    def _journal(self, source_name: str) -> Path:
        return self.folder / "journal" / f"{source_name}.jsonl"


def _ends_line(path: Path) -> bool:
    with path.open("rb") as journal:
        journal.seek(-1, os.SEEK_END)
        return journal.read(1) == b"\n"
