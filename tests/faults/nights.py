"""Nights as processes of their own, to be disturbed, and what a home folder holds afterwards.

Here: starting a night, its content, the files it leaves.
Add here: another way to look at a home folder from outside.
Keep out: the disturbances (each test module has its own).
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb

from tests.integration.conftest import ABOVE_CAP, AT_CAP, NO_SUCH_DAY, REPOSITORY, environment, shipments_file

NIGHT = (sys.executable, "-m", "pipelines.cli", "nightly", "--offline")
# What differs from night to night although the content does not: names and times of the night itself.
ABOUT_THE_NIGHT = {"run_id", "release_id", "previous_release_id", "built_at", "checked_at", "recorded_at"}

# What depends on the nights before, which need not be the same: whole tables, and what was found in such a table.
ABOUT_NIGHTS_BEFORE = {"quality.check_history", "quality.input_file_changes", "quality.release_totals"}
OF_THESE_NIGHTS = {"quality.check_results": "table_name NOT IN (SELECT unnest(?))"}


def start(home: Path, command: Sequence[str] = NIGHT, **variables: str) -> subprocess.Popen[str]:
    """A night that goes on in the background, its standard error in a pipe."""
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment(home, **variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def finish(home: Path, command: Sequence[str] = NIGHT, **variables: str) -> subprocess.CompletedProcess[str]:
    """A night from start to end."""
    return subprocess.run(
        command,
        cwd=REPOSITORY,
        env=environment(home, **variables),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def with_cargoes(home: Path) -> Path:
    """A home folder with a shipments file of good and bad rows."""
    shipments_file(home / "landing" / "shipments" / "cargoes.csv", AT_CAP, ABOVE_CAP, NO_SUCH_DAY)
    return home


def content(home: Path) -> dict[str, str]:
    """A hash of the rows of each published table, without names and times of nights, and without their history."""
    hashes = {}
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
        columns: dict[str, list[str]] = {}
        for schema, table, column in connection.execute(
            "SELECT table_schema, table_name, column_name FROM information_schema.columns ORDER BY ALL"
        ).fetchall():
            columns.setdefault(f"{schema}.{table}", []).append(column)
        for table, names in columns.items():
            if table in ABOUT_NIGHTS_BEFORE:
                continue
            kept = [f'"{name}"' for name in names if name not in ABOUT_THE_NIGHT]
            only = OF_THESE_NIGHTS.get(table)
            rows = connection.execute(
                f"SELECT {', '.join(kept)} FROM {table} WHERE {only or 'true'} ORDER BY ALL",
                [sorted(ABOUT_NIGHTS_BEFORE)] if only else [],
            ).fetchall()
            hashes[table] = hashlib.sha256(repr(rows).encode()).hexdigest()
    return hashes


def release(home: Path) -> str:
    """The run that the published file says it is."""
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
        ((run_id,),) = connection.execute("SELECT run_id FROM quality.releases").fetchall()
    return run_id


def release_file(home: Path) -> str:
    """The run that `release.json` tells of."""
    return json.loads((home / "warehouse" / "release.json").read_text(encoding="utf-8"))["run_id"]


def leftovers(home: Path) -> set[str]:
    """Files that only a night at work has: what it writes aside, and logs of databases."""
    return {
        str(path.relative_to(home))
        for path in (home / "warehouse").rglob("*")
        if path.is_file() and (path.name.endswith((".wal", ".tmp")) or path.name.startswith("."))
        if path.name != ".night.lock"
    }
