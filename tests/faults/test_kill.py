"""A night that is killed at any moment: the old release or the new one, whole, and the next night as if nothing were.

Here: SIGKILL in every step and inside the publishing.
Add here: another moment that a crash might choose.
Keep out: faults that a night can answer to (the other modules of this folder).

A step of a night tells of its assets, all at once, when it is done with them. So a kill is aimed at a step by waiting
until the ones before it are told, and what was told before the end says which the kill met. Each is tried until it
was met, so many times.
"""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import dagster as dg
import pytest

from pipelines.definitions import build_defs
from pipelines.settings import Settings
from tests.faults.nights import content, finish, leftovers, release, release_file, start, with_cargoes
from tests.integration.conftest import REPOSITORY, environment

SEED = int(os.environ.get("PLIMSOLL_SEED", "0")) or random.SystemRandom().randrange(2**32)
# Kills come in rows: each night of a row finds what the killed one before it left, the last one is not disturbed.
ROWS = 6
PUBLISHINGS_IN_A_ROW = int(os.environ.get("PLIMSOLL_KILLS", "2"))
KILLS_IN_A_STEP = 2
TRIES = 6

_TOLD = re.compile(r" *[0-9.]+ s  (\S+)")

# Starts nights as copies of itself, so that Dagster is loaded once. It loads nothing that starts threads.
LAUNCHER = """
import json, os, sys
import altair, dagster, httpx, jinja2, openpyxl, rich.progress, stamina
from pipelines.cli import main
for line in sys.stdin:
    order = json.loads(line)
    if (night := os.fork()) == 0:
        for number, file in enumerate((os.devnull, os.devnull, order["told"])):
            os.dup2(os.open(file, os.O_RDWR), number)
        os.environ |= order["variables"]
        sys.argv = ["plimsoll", "nightly", "--offline"]
        try:
            main()
        finally:
            os._exit(0)
    print(night, flush=True)
    os.waitpid(night, 0)
"""


@dataclass(frozen=True)
class Undisturbed:
    """A home after two nights that nobody disturbed.

    content: what they published. assets: in the order of the second night, with the seconds that each took.
    """

    home: Path
    content: dict[str, str]
    assets: dict[str, float]


@pytest.fixture(scope="session")
def undisturbed(good_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    home = Path(shutil.copytree(good_night, tmp_path_factory.mktemp("undisturbed") / "home"))
    night = start(home)
    assert night.stderr is not None
    before, assets = time.monotonic(), {}
    for asset in told(night.stderr):
        now = time.monotonic()
        assets[asset], before = now - before, now
    assert night.wait() == 0
    return Undisturbed(home, content(home), assets)


def told(lines: TextIO) -> Iterator[str]:
    """The assets that a night tells of, each when it is done."""
    return (found[1] for line in lines if (found := _TOLD.match(line)))


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER],
        cwd=REPOSITORY,
        env=environment(tmp_path_factory.mktemp("nowhere")),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=60) == 0


@dataclass(frozen=True)
class Killer:
    """Starts nights on a home and kills them. assets: as `Undisturbed` has them."""

    home: Path
    launcher: subprocess.Popen[str]
    assets: dict[str, float]

    def in_asset(self, place: int, after_s: float) -> str | None:
        """Kills a night so many seconds into the asset at a place; gives the asset that it met, if any."""

        def wait(lines: TextIO, _: int) -> list[str]:
            seen = [asset for _, asset in zip(range(place), told(lines), strict=False)]
            time.sleep(after_s)
            return seen

        return self._killed(wait)

    def in_publishing(self, after_s: float) -> str | None:
        """Kills a night so many seconds after it began to build the new file; gives the asset that it met, if any."""

        def wait(_: TextIO, night: int) -> list[str]:
            while is_alive(night) and not list((self.home / "warehouse").glob(".warehouse-*")):
                time.sleep(0.005)
            time.sleep(after_s)
            return []

        return self._killed(wait)

    def _killed(self, wait: Callable[[TextIO, int], list[str]]) -> str | None:
        assert self.launcher.stdin is not None
        assert self.launcher.stdout is not None
        pipe = self.home / "told"
        os.mkfifo(pipe)
        variables = {"PLIMSOLL_HOME": str(self.home), "TMPDIR": str(self.home / "tmp")}
        print(json.dumps({"told": str(pipe), "variables": variables}), file=self.launcher.stdin, flush=True)
        night = int(self.launcher.stdout.readline())
        with pipe.open(encoding="utf-8") as lines:
            seen = wait(lines, night)
            if is_alive(night):
                os.kill(night, signal.SIGKILL)
            # The pipe ends when both processes of the night are gone.
            seen += told(lines)
        pipe.unlink()
        order = list(self.assets)
        assert seen == order[: len(seen)]
        return order[len(seen)] if len(seen) < len(order) else None


def steps_of_assets() -> dict[str, str]:
    """The step that makes each asset."""
    definitions = build_defs(Settings(home=REPOSITORY / "data")).assets or ()
    made = [assets for assets in definitions if isinstance(assets, dg.AssetsDefinition)]
    return {".".join(key.path): assets.op.name for assets in made for key in assets.keys}


def is_alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def digest(file: Path) -> str:
    with file.open("rb") as bytes_of_file:
        return hashlib.file_digest(bytes_of_file, "sha256").hexdigest()


@pytest.mark.parametrize("row", range(ROWS))
def test_a_killed_night_leaves_the_whole_old_or_the_whole_new_release(
    row: int, undisturbed: Undisturbed, launcher: subprocess.Popen[str], tmp_path: Path
) -> None:
    dice = random.Random(SEED + row)
    home = Path(shutil.copytree(undisturbed.home, tmp_path / "home"))
    (home / "tmp").mkdir()
    killer = Killer(home, launcher, undisturbed.assets)
    file = home / "warehouse" / "warehouse.duckdb"
    whole = {digest(file)}

    def look(moment: str) -> None:
        # The bytes of a file that was looked at before need no second look.
        if (found := digest(file)) not in whole:
            assert content(home) == undisturbed.content, f"seed {SEED}, {moment}"
            whole.add(found)
        # Opens without recovery, and what is left over is that of one night, however many were killed.
        assert not file.with_name("warehouse.duckdb.wal").exists()
        assert len([name for name in leftovers(home) if ".warehouse-" in name]) <= 2
        assert len(list((home / "tmp").iterdir())) <= 1

    steps = steps_of_assets()
    first = {steps[asset]: asset for asset in reversed(undisturbed.assets)}
    assert len(first) > 15
    places = list(undisturbed.assets)
    aims = (sorted(first) * KILLS_IN_A_STEP)[row::ROWS]
    dice.shuffle(aims)
    for step in aims:
        place, takes_s = places.index(first[step]), undisturbed.assets[first[step]]
        for attempt in range(TRIES):
            met = killer.in_asset(place, dice.uniform(0, takes_s * 0.8 / 2**attempt))
            look(f"in {met}")
            if met is not None and steps[met] == step:
                break
        else:
            pytest.fail(f"{step} was not met, seed {SEED}")
    for _ in range(PUBLISHINGS_IN_A_ROW):
        met = killer.in_publishing(dice.uniform(0, undisturbed.assets["warehouse"] * 0.9))
        look("in publishing")
        # The file that was being built is there, or it has become the published one.
        assert met != "warehouse" or leftovers(home) or len(whole) > 1
    after = finish(home, TMPDIR=str(home / "tmp"))
    assert after.returncode == 0, f"seed {SEED}: {after.stderr}"
    assert content(home) == undisturbed.content, f"seed {SEED}"
    assert release(home) == release_file(home)
    assert leftovers(home) == set()
    assert list((home / "tmp").iterdir()) == []


def test_a_night_that_is_killed_before_anything_was_published_leaves_nothing(
    undisturbed: Undisturbed, launcher: subprocess.Popen[str], tmp_path: Path
) -> None:
    home = with_cargoes(tmp_path)
    assert Killer(home, launcher, undisturbed.assets).in_asset(20, 0.0) is not None
    assert not (home / "warehouse" / "warehouse.duckdb").exists()
    assert finish(home).returncode == 0
    assert leftovers(home) == set()
