"""What reading a snapshot or a landed file gave, kept so that a night reads only what is new.

Here: the folder of readings, valid for the code that made them.
Add here: nothing; a reading can always be made again from the landing folder.
Keep out: how a document is read.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import polars as pl

from pipelines.settings import REPOSITORY


@cache
def _code() -> str:
    """A hash of what readings follow from: the readers, the contracts, and the reference tables that readers use."""
    digest = hashlib.sha256()
    for folder, files in (("pipelines/contracts", "*.py"), ("pipelines/sources", "*.py"), ("data/reference", "*.csv")):
        for file in sorted((REPOSITORY / folder).rglob(files)):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Readings:
    """A folder `<code>/<hash of what was read>/`, a Parquet file for each table of it."""

    folder: Path
    _used: set[str] = field(default_factory=set, compare=False)

    def find(self, *identity: str) -> tuple[dict[str, str], dict[str, pl.DataFrame]] | None:
        """The note and the frames that were kept, if they were."""
        place = self._place(identity)
        try:
            note = json.loads((place / "note.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        self._used.add(place.name)
        return note, {file.stem: pl.read_parquet(file, glob=False) for file in sorted(place.glob("*.parquet"))}

    def keep(self, identity: Iterable[str], note: Mapping[str, str], frames: Mapping[str, pl.DataFrame]) -> None:
        """Keeps the frames and a note on them; readings of other code are dropped."""
        place = self._place(identity)
        self._used.add(place.name)
        aside = place.with_name(f".{place.name}.{os.getpid()}")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        for name, frame in frames.items():
            frame.write_parquet(aside / f"{name}.parquet")
        (aside / "note.json").write_text(json.dumps(dict(note)), encoding="utf-8")
        shutil.rmtree(place, ignore_errors=True)
        aside.replace(place)
        for other in self.folder.iterdir():
            if other.name != _code():
                shutil.rmtree(other, ignore_errors=True)

    def forget_others(self) -> None:
        """Lets go of readings that nobody has asked for through this object."""
        for place in (self.folder / _code()).glob("*"):
            if place.name not in self._used:
                shutil.rmtree(place, ignore_errors=True)

    def _place(self, identity: Iterable[str]) -> Path:
        name = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:32]
        return self.folder / _code() / name
