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

from tests.faults.nights import NIGHT, content, finish, leftovers, release
from tests.integration.conftest import REPOSITORY, environment

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def hurt(good_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that is hurt by one test after the other, and never mended by hand."""
    return Path(shutil.copytree(good_night, tmp_path_factory.mktemp("hurt") / "home"))


def limited(home: Path, limit: Callable[[], None]) -> subprocess.CompletedProcess[str]:
    """A night under a limit that is set in its process before it starts."""
    return subprocess.run(
        NIGHT, cwd=REPOSITORY, env=environment(home), preexec_fn=limit, capture_output=True, text=True, check=False
    )  # fmt: skip


def nothing_published(hurt: Path, good_night: Path, failed: subprocess.CompletedProcess[str]) -> None:
    """The failure is told in a sentence, and the old release stands to the byte."""
    assert failed.returncode == 1
    assert "plimsoll: " in failed.stderr
    assert "Traceback" not in failed.stderr
    old, now = (folder / "warehouse" / "warehouse.duckdb" for folder in (good_night, hurt))
    assert now.read_bytes() == old.read_bytes()
    assert not now.with_name(f"{now.name}.wal").exists()


@pytest.mark.parametrize("size_bytes", [100 * 1024, MEGABYTE], ids=["in the history", "in the new file"])
def test_files_that_cannot_grow(size_bytes: int, hurt: Path, good_night: Path) -> None:
    failed = limited(hurt, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes)))
    nothing_published(hurt, good_night, failed)


@pytest.mark.parametrize("size_bytes", [600 * MEGABYTE, 1500 * MEGABYTE], ids=["at the start", "at work"])
def test_memory_runs_out(size_bytes: int, hurt: Path, good_night: Path) -> None:
    failed = limited(hurt, lambda: resource.setrlimit(resource.RLIMIT_AS, (size_bytes, size_bytes)))
    nothing_published(hurt, good_night, failed)


def test_file_handles_run_out(hurt: Path, good_night: Path) -> None:
    failed = limited(hurt, lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20)))
    assert "Too many open files" in failed.stderr
    nothing_published(hurt, good_night, failed)


def test_after_all_of_that_the_next_night_needs_nobody(hurt: Path, good_night: Path) -> None:
    after = finish(hurt)
    assert after.returncode == 0, after.stderr
    assert content(hurt) == content(good_night)
    assert leftovers(hurt) == set()


def mounted(folder: Path, options: str, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a shell command in a mount namespace of its own, where `folder` is a small disk."""
    folder.mkdir()
    script = f'mount -t tmpfs -o {options} none "$1" && {command}'
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", str(folder), *NIGHT],
        cwd=REPOSITORY, env=environment(folder, **variables), capture_output=True, text=True, check=False,
    )  # fmt: skip


# Fills the disk with a good night, so that the next one has no room, and looks at what is published before and after.
FULL = """
home="$1"; look="$1/warehouse/warehouse.duckdb"; cp -r "$GOOD_NIGHT/." "$home"; shift
before=$(sha256sum < "$look")
dd if=/dev/zero of="$home/filler" bs=1024 2>/dev/null
"$@"; code=$?
[ "$before" = "$(sha256sum < "$look")" ] || exit 91
rm "$home/filler"
"$@" >/dev/null || exit 92
exit $code
"""


def test_a_full_disk(good_night: Path, tmp_path: Path) -> None:
    done = mounted(tmp_path / "disk", "size=150m", FULL, GOOD_NIGHT=str(good_night))
    assert done.returncode == 1, done.stderr
    assert "plimsoll: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    done = mounted(tmp_path / "disk", "size=8m,ro", 'shift; "$@"')
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"TZ": "America/Los_Angeles", "LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0"},
        {
            "TZ": "Pacific/Kiritimati",
            "LC_ALL": "ja_JP.SJIS",
            "LANG": "tr_TR.UTF-8",
            "PYTHONIOENCODING": "ascii:replace",
        },
    ],
    ids=["plain C", "foreign locale"],
)
def test_time_zone_and_locale_change_nothing(variables: dict[str, str], hurt: Path, good_night: Path) -> None:
    done = finish(hurt, **variables)
    assert done.returncode == 0, done.stderr
    assert content(hurt) == content(good_night)


# The command with a clock that is a month behind; only what asks Python for the time sees it. It tells of every call
# to another machine.
LAST_MONTH = """
import datetime as dt, sys, time
def heard(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        print("CALLED", event, arguments, file=sys.stderr)
sys.addaudithook(heard)
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


def test_a_clock_that_went_back_and_that_nobody_is_called(hurt: Path, good_night: Path) -> None:
    back = finish(hurt, (sys.executable, "-c", LAST_MONTH))
    assert back.returncode == 0, back.stderr
    assert "CALLED" not in back.stderr  # nor by Dagster, to tell of its use
    assert release(hurt) != release(good_night)
    assert finish(hurt).returncode == 0
    assert content(hurt) == content(good_night)
    assert leftovers(hurt) == set()
