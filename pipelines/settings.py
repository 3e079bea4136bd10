"""Where things are and how a night runs: the environment read once into one typed object.

Here: `Settings`, each with the environment variable that changes it.
Add here: a setting, with a default that works on a fresh clone.
Keep out: secrets (sources read theirs where they use them, and never show them), and anything that is law.
"""

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class Settings:
    """Folders and switches of a night.

    home (`PLIMSOLL_HOME`): all working folders. as_of (`PLIMSOLL_AS_OF`): rules and figures as known on a day.
    estimate_unpriced (`PLIMSOLL_ESTIMATE_UNPRICED=1`): crude without a price gets a benchmark estimate.
    offline (`PLIMSOLL_OFFLINE=1`): publishers are not asked; what has landed is used. mirror (`PLIMSOLL_MIRROR`): an
    address that is asked instead of every publisher, as `<mirror>/<host>/<path>`. history_from
    (`PLIMSOLL_HISTORY_FROM`): first day of what is fetched.
    """

    home: Path
    as_of: dt.date | None = None
    estimate_unpriced: bool = False
    offline: bool = False
    mirror: str | None = None
    history_from: dt.date = dt.date(2021, 12, 1)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Settings of this process. Raises `ValueError` in plain words for a value that cannot be used."""

        def day(variable: str) -> dt.date | None:
            said = environment.get(variable)
            try:
                return dt.date.fromisoformat(said) if said else None
            except ValueError as error:
                raise ValueError(f"{variable} is {said!r}; write a day as YYYY-MM-DD.") from error

        return cls(
            home=Path(environment.get("PLIMSOLL_HOME") or REPOSITORY / "data").absolute(),
            as_of=day("PLIMSOLL_AS_OF"),
            estimate_unpriced=environment.get("PLIMSOLL_ESTIMATE_UNPRICED") == "1",
            offline=environment.get("PLIMSOLL_OFFLINE") == "1",
            mirror=environment.get("PLIMSOLL_MIRROR") or None,
            history_from=day("PLIMSOLL_HISTORY_FROM") or cls.history_from,
        )

    @property
    def shipments_folder(self) -> Path:
        """Where users put their shipments files."""
        return self.home / "landing" / "shipments"

    @property
    def attestations_folder(self) -> Path:
        """Where users put their attestations files."""
        return self.home / "landing" / "attestations"

    @property
    def publisher_files_folder(self) -> Path:
        """Where users put files of publishers, in a folder named like the source."""
        return self.home / "landing" / "publisher_files"

    @property
    def publishers_folder(self) -> Path:
        """Everything that publishers ever sent, and the journal of asking them."""
        return self.home / "landing" / "publishers"

    @property
    def warehouse_folder(self) -> Path:
        """Where the published file lives."""
        return self.home / "warehouse"

    @property
    def warehouse_file(self) -> Path:
        """The published DuckDB file."""
        return self.warehouse_folder / "warehouse.duckdb"

    @property
    def store_folder(self) -> Path:
        """Parquet files between assets."""
        return self.warehouse_folder / "tables"

    @property
    def dagster_home(self) -> Path:
        """Dagster's history."""
        return self.home / "dagster_home"
