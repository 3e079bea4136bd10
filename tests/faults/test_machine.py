"""A machine that fails a night: disk, memory, file handles, clock, time zone, locale.

Here: each want or oddity of the machine, made for real around a night of the command line.
Add here: another one.
Keep out: kills (test_kill) and bad files of users.
"""

import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.nights import NIGHT, content, finish, leftovers, release, with_cargoes
from tests.integration.conftest import REPOSITORY, environment

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def good_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after an undisturbed night."""
    home = with_cargoes(tmp_path_factory.mktemp("good"))
    assert finish(home).returncode == 0
    return home


@pytest.fixture
def home(good_night: Path, tmp_path: Path) -> Path:
    """A copy of it, to be hurt."""
    return Path(shutil.copytree(good_night, tmp_path / "home"))


def limited(home: Path, limit: Callable[[], None]) -> subprocess.CompletedProcess[str]:
    """A night under a limit that is set in its process before it starts."""
    return subprocess.run(
        NIGHT, cwd=REPOSITORY, env=environment(home), preexec_fn=limit, capture_output=True, text=True, check=False
    )  # fmt: skip


def nothing_lost(home: Path, good_night: Path, failed: subprocess.CompletedProcess[str]) -> None:
    """The failure is told in a sentence, the old release stands, and the next night needs nobody."""
    assert failed.returncode == 1
    assert "plimsoll: " in failed.stderr
    assert "Traceback" not in failed.stderr
    assert release(home) == release(good_night)
    assert content(home) == content(good_night)
    after = finish(home)
    assert after.returncode == 0, after.stderr
    assert content(home) == content(good_night)
    assert leftovers(home) == set()


@pytest.mark.parametrize("size_bytes", [100 * 1024, MEGABYTE], ids=["in the history", "in the new file"])
def test_files_that_cannot_grow(size_bytes: int, home: Path, good_night: Path) -> None:
    failed = limited(home, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes)))
    nothing_lost(home, good_night, failed)


@pytest.mark.parametrize("size_bytes", [600 * MEGABYTE, 1500 * MEGABYTE], ids=["at the start", "at work"])
def test_memory_runs_out(size_bytes: int, home: Path, good_night: Path) -> None:
    failed = limited(home, lambda: resource.setrlimit(resource.RLIMIT_AS, (size_bytes, size_bytes)))
    nothing_lost(home, good_night, failed)


def test_file_handles_run_out(home: Path, good_night: Path) -> None:
    failed = limited(home, lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20)))
    assert "Too many open files" in failed.stderr
    nothing_lost(home, good_night, failed)


def mounted(folder: Path, options: str, command: str) -> subprocess.CompletedProcess[str]:
    """Runs a shell command in a mount namespace of its own, where `folder` is a small disk."""
    folder.mkdir()
    script = f'mount -t tmpfs -o {options} none "$1" && {command}'
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", str(folder), *NIGHT],
        cwd=REPOSITORY, env=environment(folder), capture_output=True, text=True, check=False,
    )  # fmt: skip


# Fills the disk after a good night, so that the next one has no room, and looks at what is published before and after.
FULL = """
export PLIMSOLL_HOME="$1"; look="$1/warehouse/warehouse.duckdb"; home="$1"; shift
"$@" >/dev/null 2>&1 || exit 90
before=$(sha256sum < "$look")
dd if=/dev/zero of="$home/filler" bs=1024 2>/dev/null
"$@"; code=$?
[ "$before" = "$(sha256sum < "$look")" ] || exit 91
rm "$home/filler"
"$@" >/dev/null 2>&1 || exit 92
exit $code
"""


def test_a_full_disk(tmp_path: Path) -> None:
    done = mounted(tmp_path / "disk", "size=60m", FULL)
    assert done.returncode == 1, done.stderr
    assert "plimsoll: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    done = mounted(tmp_path / "disk", "size=8m,ro", 'export PLIMSOLL_HOME="$1"; shift; "$@"')
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"TZ": "Asia/Tokyo"},
        {"TZ": "America/Los_Angeles", "LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0"},
        {
            "TZ": "Pacific/Kiritimati",
            "LC_ALL": "ja_JP.SJIS",
            "LANG": "tr_TR.UTF-8",
            "PYTHONIOENCODING": "ascii:replace",
        },
    ],
    ids=["Tokyo", "plain C", "foreign locale"],
)
def test_time_zone_and_locale_change_nothing(variables: dict[str, str], home: Path, good_night: Path) -> None:
    done = finish(home, **variables)
    assert done.returncode == 0, done.stderr
    assert content(home) == content(good_night)


# The command with a clock that is a month behind; only what asks Python for the time sees it.
LAST_MONTH = """
import datetime as dt, sys, time
past = 30 * 86400
real = time.time
time.time = lambda: real() - past
class Behind(dt.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) - dt.timedelta(seconds=past)
Behind.__name__, Behind.__qualname__, Behind.__module__ = "datetime", "datetime", "datetime"
dt.datetime = Behind
from pipelines.cli import main
sys.argv = ["plimsoll", "nightly", "--offline"]
main()
"""


def test_a_clock_that_went_back(home: Path, good_night: Path) -> None:
    back = finish(home, (sys.executable, "-c", LAST_MONTH))
    assert back.returncode == 0, back.stderr
    assert release(home) != release(good_night)
    assert finish(home).returncode == 0
    assert content(home) == content(good_night)
    assert leftovers(home) == set()
