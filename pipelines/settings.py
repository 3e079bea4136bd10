"""Where things are and how a night runs: the environment read once into one typed object.

Here: `Settings`, each with the environment variable that changes it.
Add here: a setting, with a default that works on a fresh clone.
Keep out: secrets (sources read theirs where they use them, and never show them), and anything that is law.
"""

import datetime as dt
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

from pipelines.object_store import SCHEME, Folder, folder

REPOSITORY = Path(__file__).parents[1]
# Folders below the landing folder; files of shipments are known by their bare names, others with their folder.
SHIPMENTS = "shipments"
PUBLISHER_FILES = "publisher_files"
LAKE = "ducklake:postgres:"


@dataclass(frozen=True)
class Settings:
    """Folders and switches of a night.

    home (`PLIMSOLL_HOME`): all working folders. as_of (`PLIMSOLL_AS_OF`): rules and figures as known on a day.
    estimate_unpriced (`PLIMSOLL_ESTIMATE_UNPRICED=1`): crude without a price gets a benchmark estimate.
    offline (`PLIMSOLL_OFFLINE=1`): publishers are not asked; what has landed is used. mirror (`PLIMSOLL_MIRROR`): an
    address that is asked instead of every publisher, as `<mirror>/<host>/<path>`. history_from
    (`PLIMSOLL_HISTORY_FROM`): first day of what is fetched. watch_s (`PLIMSOLL_WATCH_SECONDS`): how often the landing
    folders are looked at while Dagster's daemon runs.
    is_shareable (`PLIMSOLL_SHAREABLE=1`): what must not be passed on is left out, so that the release may be.
    keep_releases (`PLIMSOLL_KEEP_RELEASES`): published files that are kept, the current one among them.
    keep_days (`PLIMSOLL_KEEP_DAYS`): how long results of checks and Dagster's runs are kept.
    lake, lake_data (`PLIMSOLL_WAREHOUSE`, `PLIMSOLL_WAREHOUSE_DATA`): a DuckLake as the warehouse instead of the file:
    how its PostgreSQL is reached, and where its Parquet files lie. store (`PLIMSOLL_STORE`): where the tables between
    assets lie, if not below `home`. workers (`PLIMSOLL_WORKERS`): among how many runs a night spreads the months.
    is_forced (of one run: `plimsoll nightly --force`, or its configuration in Dagster): implausible jumps only warn.
    is_full (likewise: `--full`): nothing of the nights before is taken over, everything is made again.
    """

    home: Path
    as_of: dt.date | None = None
    estimate_unpriced: bool = False
    offline: bool = False
    mirror: str | None = None
    history_from: dt.date = dt.date(2021, 12, 1)
    is_shareable: bool = False
    watch_s: int = 30
    keep_releases: int = 14
    keep_days: int = 90
    lake: str | None = None
    lake_data: str | None = None
    store: str | None = None
    workers: int = 1
    is_forced: bool = False
    is_full: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Settings of this process. Raises `ValueError` in plain words for a value that cannot be used."""

        def day(variable: str) -> dt.date | None:
            said = environment.get(variable)
            try:
                return dt.date.fromisoformat(said) if said else None
            except ValueError as error:
                raise ValueError(f"{variable} is {said!r}; write a day as YYYY-MM-DD.") from error

        def count(variable: str, default: int, of_what: str) -> int:
            said = environment.get(variable) or str(default)
            if not re.fullmatch(r"[1-9][0-9]{0,4}", said):
                raise ValueError(f"{variable} is {said!r}; write a whole number of {of_what}, 1 to 99999.")
            return int(said)

        lake, lake_data, store = _beyond_one_machine(environment)
        workers = count("PLIMSOLL_WORKERS", cls.workers, "runs at once")
        if workers > 1 and lake is None:
            raise ValueError("PLIMSOLL_WORKERS is set, but one file has one writer; set PLIMSOLL_WAREHOUSE too.")
        settings = cls(
            home=Path(environment.get("PLIMSOLL_HOME") or REPOSITORY / "data").absolute(),
            as_of=day("PLIMSOLL_AS_OF"),
            estimate_unpriced=environment.get("PLIMSOLL_ESTIMATE_UNPRICED") == "1",
            offline=environment.get("PLIMSOLL_OFFLINE") == "1",
            mirror=environment.get("PLIMSOLL_MIRROR") or None,
            history_from=day("PLIMSOLL_HISTORY_FROM") or cls.history_from,
            is_shareable=environment.get("PLIMSOLL_SHAREABLE") == "1",
            watch_s=count("PLIMSOLL_WATCH_SECONDS", cls.watch_s, "seconds"),
            keep_releases=count("PLIMSOLL_KEEP_RELEASES", cls.keep_releases, "releases"),
            keep_days=count("PLIMSOLL_KEEP_DAYS", cls.keep_days, "days"),
            lake=lake,
            lake_data=lake_data,
            store=store,
            workers=workers,
        )
        _require_places_apart(settings)
        return settings

    @property
    def day(self) -> dt.date:
        """The night's day: the one as of which it runs, else today (UTC)."""
        return self.as_of or dt.datetime.now(dt.UTC).date()

    @property
    def landing_folder(self) -> Path:
        """Where users put their files, in a folder for each kind, and where publishers' answers are kept."""
        return self.home / "landing"

    @property
    def shipments_folder(self) -> Path:
        """Where users put their shipments files."""
        return self.landing_folder / SHIPMENTS

    @property
    def publisher_files_folder(self) -> Path:
        """Where users put files of publishers, in a folder named like the source."""
        return self.landing_folder / PUBLISHER_FILES

    @property
    def publishers_folder(self) -> Path:
        """Everything that publishers ever sent, and the journal of asking them."""
        return self.landing_folder / "publishers"

    @property
    def warehouse_folder(self) -> Path:
        """Where the published file lives."""
        return self.home / "warehouse"

    @property
    def warehouse_file(self) -> Path:
        """The published DuckDB file."""
        return self.warehouse_folder / "warehouse.duckdb"

    @property
    def report_folder(self) -> Path:
        """The report on the published file."""
        return self.warehouse_folder / "report"

    @property
    def releases_folder(self) -> Path:
        """The published files that are kept, one folder per release."""
        return self.warehouse_folder / "releases"

    @property
    def store_folder(self) -> Folder:
        """Parquet files between assets."""
        return self.warehouse_folder / "tables" if self.store is None else folder(self.store)

    @property
    def kept_folder(self) -> Path:
        """What was read of publishers' documents and landed files, to be made again at any time."""
        return self.warehouse_folder / "tables"

    @property
    def packages_file(self) -> Path:
        """The list of the packages that are installed, to be made again at any time."""
        return self.kept_folder / "packages.json"

    @property
    def check_log_folder(self) -> Folder:
        """What checks found, from night to night."""
        return self.store_folder / "check_log"

    @property
    def dagster_home(self) -> Path:
        """Dagster's history."""
        return self.home / "dagster_home"

    @property
    def working_folders(self) -> tuple[Path, ...]:
        """All that a night writes or reads below `home`."""
        return self.landing_folder, self.warehouse_folder, self.dagster_home


def _require_places_apart(settings: Settings) -> None:
    """Raises `ValueError` where the lake or the store would lie within one another or within a working folder.

    A lake deletes files that nothing of it needs, and users keep theirs in the landing folder.
    """
    named: dict[str, Folder] = {}
    if settings.lake_data is not None:
        named["PLIMSOLL_WAREHOUSE_DATA"] = folder(settings.lake_data)
    if settings.store is not None and settings.store_folder != settings.kept_folder:
        named["PLIMSOLL_STORE"] = settings.store_folder
    own = {f"the folder {path.name} of PLIMSOLL_HOME": path for path in settings.working_folders}
    places = named | own
    for name, other in (*combinations(named, 2), *product(named, own)):
        if _overlap(places[name], places[other]):
            raise ValueError(
                f"{name} and {other} lie within one another: {places[name]}, {places[other]}. "
                "Give each a place that holds nothing else."
            )


def _overlap(one: Folder, other: Folder) -> bool:
    def parts(place: Folder) -> tuple[str, ...]:
        return place.resolve().parts if isinstance(place, Path) else (SCHEME, place.bucket, *place.key.parts)

    mine, theirs = parts(one), parts(other)
    shorter = min(len(mine), len(theirs))
    return mine[:shorter] == theirs[:shorter]


def _beyond_one_machine(environment: Mapping[str, str]) -> tuple[str | None, str | None, str | None]:
    """How the lake's catalog is reached, where its files lie, and where the store is."""

    def place(variable: str) -> str | None:
        said = environment.get(variable) or None
        if said is not None and not re.fullmatch(rf"{SCHEME}[a-z0-9][a-z0-9.-]+(/[^?]*)?|/.*", said):
            # Not repeated: some programs take keys after a question mark.
            raise ValueError(
                f"{variable} names no place; write s3://bucket/prefix, without a question mark, or a shared folder "
                "that begins with /."
            )
        return said

    said, data = environment.get("PLIMSOLL_WAREHOUSE") or None, place("PLIMSOLL_WAREHOUSE_DATA")
    if said is None:
        if data is not None:
            raise ValueError("PLIMSOLL_WAREHOUSE_DATA is set without PLIMSOLL_WAREHOUSE; set both or none.")
        return None, None, place("PLIMSOLL_STORE")
    # The setting is shown in messages, so it must not hold a secret; what it says is not repeated here.
    if re.search(r"password|//[^/@]*:[^/@]*@", said, re.IGNORECASE):
        raise ValueError(
            "PLIMSOLL_WAREHOUSE holds a password; give it as PGPASSWORD, or in a file named by PGPASSFILE."
        )
    if not said.startswith(LAKE):
        raise ValueError(f"PLIMSOLL_WAREHOUSE is {said!r}; write {LAKE} and how to connect, such as {LAKE}dbname=lake.")
    if data is None:
        raise ValueError("PLIMSOLL_WAREHOUSE needs PLIMSOLL_WAREHOUSE_DATA: where the Parquet files of the lake lie.")
    return said.removeprefix(LAKE), data, place("PLIMSOLL_STORE")
