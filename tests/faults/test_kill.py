"""A night that is killed at any moment: the old release or the new one, whole, and the next night as if nothing were.

Here: SIGKILL in every asset and inside the publishing.
Add here: another moment that a crash might choose.
Keep out: faults that a night can answer to (the other modules of this folder).
"""

import os
import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.nights import content, finish, leftovers, release, release_file, start, with_cargoes

# Kills of one run of the tests, in rows of kills that end in an undisturbed night. More by command.
KILLS = int(os.environ.get("PLIMSOLL_KILLS", "50"))
KILLS_IN_A_ROW = 5
SEED = int(os.environ.get("PLIMSOLL_SEED", "0")) or random.SystemRandom().randrange(2**32)


@dataclass(frozen=True)
class Moment:
    """When to kill: after some lines of progress, or when the new file is being built; and then after a while."""

    lines: int | None
    then_s: float


def moments(count: int, lines: int) -> list[Moment]:
    """One kill of five while the new file is built and renamed; the others spread over the whole night."""
    dice = random.Random(SEED)
    return [
        Moment(None, dice.uniform(0, 0.5)) if number % 5 == 0 else Moment(dice.randrange(lines), dice.uniform(0, 0.05))
        for number in range(count)
    ]


def killed(home: Path, moment: Moment) -> None:
    """Starts a night and kills it, unless it has ended before."""
    night = start(home)
    assert night.stderr is not None
    if moment.lines is not None:
        for number, _ in enumerate(night.stderr):
            if number >= moment.lines:
                break
    else:
        while night.poll() is None and not list((home / "warehouse").glob(".warehouse-*")):
            time.sleep(0.005)
    time.sleep(moment.then_s)
    night.kill()
    night.stderr.close()
    night.wait()


@dataclass(frozen=True)
class Undisturbed:
    """A home after two nights that nobody disturbed, what they published, and the lines of the second one."""

    home: Path
    content: dict[str, str]
    lines: int


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    home = with_cargoes(tmp_path_factory.mktemp("undisturbed"))
    assert finish(home).returncode == 0
    again = finish(home)
    assert again.returncode == 0
    return Undisturbed(home, content(home), len(again.stderr.splitlines()))


def test_a_killed_night_leaves_the_whole_old_or_the_whole_new_release(undisturbed: Undisturbed, tmp_path: Path) -> None:
    drawn = moments(KILLS, undisturbed.lines)

    def a_row_of_kills(number: int) -> None:
        home = tmp_path / f"home{number}"
        shutil.copytree(undisturbed.home, home)
        for moment in drawn[number * KILLS_IN_A_ROW : (number + 1) * KILLS_IN_A_ROW]:
            killed(home, moment)
            # Opens without recovery, and holds what an undisturbed night holds.
            assert content(home) == undisturbed.content, f"seed {SEED}, {moment}"
        after = finish(home)
        assert after.returncode == 0, f"seed {SEED}: {after.stderr}"
        assert content(home) == undisturbed.content, f"seed {SEED}"
        assert release(home) == release_file(home)
        assert leftovers(home) == set()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(a_row_of_kills, range(-(-KILLS // KILLS_IN_A_ROW))))


def test_a_night_that_is_killed_before_anything_was_published_leaves_nothing(tmp_path: Path) -> None:
    home = with_cargoes(tmp_path)
    killed(home, Moment(lines=20, then_s=0.0))
    assert not (home / "warehouse" / "warehouse.duckdb").exists()
    assert finish(home).returncode == 0
    assert leftovers(home) == set()
