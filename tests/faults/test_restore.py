"""The way back, as docs/operating.md tells it: from a lost warehouse, a lost landing folder, a lost history.

Here: one loss each, and the commands of the page.
Add here: another loss.
Keep out: crashes (test_kill).
"""

import shutil
from pathlib import Path

import pytest

from tests.faults.nights import content, finish, leftovers, release


@pytest.mark.parametrize("lost", ["warehouse/warehouse.duckdb", "dagster_home"])
def test_what_a_night_makes_is_made_again_by_the_next(lost: str, home: Path, good_night: Path) -> None:
    path = home / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    after = finish(home)
    assert after.returncode == 0, after.stderr
    assert content(home) == content(good_night)
    assert leftovers(home) == set()


def test_the_landing_folder_comes_back_from_its_copy(home: Path, good_night: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "landing"), "gztar", home, "landing")
    shutil.rmtree(home / "landing")
    # It is not taken for an empty one: the release stands until somebody has seen to it.
    without = finish(home)
    assert without.returncode == 1
    assert "nothing_vanished" in without.stderr
    assert release(home) == release(good_night)
    shutil.unpack_archive(archive, home)
    after = finish(home)
    assert after.returncode == 0, after.stderr
    assert content(home) == content(good_night)


def test_everything_comes_back_from_the_landing_folder(home: Path, good_night: Path) -> None:
    for folder in ("warehouse", "dagster_home"):
        shutil.rmtree(home / folder)
    after = finish(home)
    assert after.returncode == 0, after.stderr
    assert content(home) == content(good_night)
    assert leftovers(home) == set()
