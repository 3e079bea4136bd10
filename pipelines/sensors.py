"""What starts a night beside the schedule: a file that somebody put into a landing folder.

Here: the sensor, and how it tells files that the last night did not read from those that it did.
Add here: another reason to start a night.
Keep out: how files are read (`pipelines.assets.inputs`, `pipelines.assets.upstreams`).
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import dagster as dg
import polars as pl

from pipelines.assets.inputs import inputs_of
from pipelines.assets.upstreams import sources_of
from pipelines.contracts.fetching import SOURCE_SNAPSHOTS
from pipelines.contracts.quality import INPUT_FILES
from pipelines.settings import PUBLISHER_FILES, SHIPMENTS, Settings
from pipelines.sources.landing import digest_of, files_of
from pipelines.sources.upstream import BY_HAND
from pipelines.warehouse import duck, releases

# A folder below the landing folder, and the hash of a file in it: under another name the same bytes bring nothing.
Content = tuple[str, str]
LANDED_TAG = "plimsoll/landed"


@dataclass(frozen=True)
class Look:
    """A file as it was seen; sha256 once neither size nor time had changed since the look before."""

    size_bytes: int
    changed_ns: int
    sha256: str | None = None


def landing_sensor(settings: Settings, job_name: str) -> dg.SensorDefinition:
    """Starts the night once for all files that have landed since the last one, when they have stopped growing."""

    @dg.sensor(
        name="landing_files",
        job_name=job_name,
        minimum_interval_seconds=settings.watch_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts a night for files in the landing folders that the last night did not read.",
    )
    def landing_files(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        before = {name: Look(**look) for name, look in json.loads(context.cursor or "{}").items()}
        now = {name: _look(path, before.get(name)) for name, path in _files(settings)}
        context.update_cursor(json.dumps({name: asdict(look) for name, look in now.items()}))
        if growing := [name for name, look in now.items() if look.sha256 is None]:
            return dg.SkipReason(f"Waiting until nothing changes any more: {_listed(growing)}.")
        contents = {name: (name.rpartition("/")[0], look.sha256 or "") for name, look in now.items()}
        read = _read_by_last_night(settings)
        fresh = [name for name, content in contents.items() if content not in read]
        if not fresh:
            return dg.SkipReason("The last night has read every file in the landing folders.")
        return dg.RunRequest(run_key=_run_key(set(contents.values()), settings), tags={LANDED_TAG: _listed(fresh)})

    return landing_files


def _look(path: Path, before: Look | None) -> Look:
    try:
        about = path.stat()
    except FileNotFoundError:  # gone since the folder was listed
        return Look(0, 0)
    now = Look(about.st_size, about.st_mtime_ns)
    if before is None or (before.size_bytes, before.changed_ns) != (now.size_bytes, now.changed_ns):
        return now
    return before if before.sha256 is not None else replace(now, sha256=digest_of(path))


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Every file that a night would read, by its name below the landing folder."""
    by_hand = [_folder_of(source.name) for source in sources_of(settings)]
    for folder in (*(kind.folder for kind in inputs_of(settings)), *by_hand):
        for path in files_of(settings.landing_folder / folder):
            if folder not in by_hand or not path.is_symlink():
                yield f"{folder}/{path.name}", path


def _folder_of(source_name: str) -> str:
    return f"{PUBLISHER_FILES}/{source_name}"


def _read_by_last_night(settings: Settings) -> set[Content]:
    """What the published release was made from; nothing where there is none, or none that can be opened."""
    with duck.released(releases.current(settings)) as release:
        files, snapshots = duck.published(release, INPUT_FILES), duck.published(release, SOURCE_SNAPSHOTS)
    if files is None or snapshots is None:
        return set()
    of_users = {
        (name.rpartition("/")[0] or SHIPMENTS, digest) for name, digest in files.select("file", "sha256").iter_rows()
    }
    by_hand = snapshots.filter(pl.col("document").str.starts_with(BY_HAND)).sort("fetched_at")
    newest = by_hand.unique(["source_name", "document"], keep="last").select("source_name", "sha256")
    return of_users | {(_folder_of(source), digest) for source, digest in newest.iter_rows()}


def _run_key(contents: set[Content], settings: Settings) -> str:
    """The same for the same files after the same release: a night that failed on them is not started again."""
    try:
        release = json.loads((settings.warehouse_folder / "release.json").read_text(encoding="utf-8"))["run_id"]
    except (OSError, ValueError, KeyError):
        release = ""
    return hashlib.sha256(json.dumps([release, sorted(contents)]).encode()).hexdigest()


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
