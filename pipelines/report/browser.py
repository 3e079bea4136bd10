"""The pages of Plimsoll in a real browser: Dagster's and the report's.

Here: starting `plimsoll ui` on a home folder, starting Chromium, and opening a page until it stands still.
Add here: another way that pictures and tests open a page.
Keep out: what they look for.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, sync_playwright

from pipelines.errors import UserError

CHROMIUM = "PLIMSOLL_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
# As root, as in a container, Chromium runs only without its sandbox; the rest keeps it from calling anyone.
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PATIENCE_S = 240  # a machine with much else to do takes a minute to start Dagster's processes
_POLL_S = 0.2


class BrowserError(UserError):
    """There is no browser, or the pages did not come up; one sentence says what to do."""


def chromium_file() -> str:
    """The browser of this machine. Raises `BrowserError`."""
    named = os.environ.get(CHROMIUM)
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        missing = "There is no Chromium on this machine"
        what = f"{named!r}, which {CHROMIUM} names, is not a program" if named else missing
        raise BrowserError(f"{what}; install it (Debian: apt install chromium), or name one in {CHROMIUM}.")
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window. Raises `BrowserError`."""
    file = chromium_file()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=file, args=[*_ARGUMENTS])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The address of `plimsoll ui` on a home folder. It fetches nothing and runs no night by itself while it is open.

    Stopped as by Ctrl-C. Raises `BrowserError`.
    """
    port = _free_port()
    # Landing folders are looked at once, at the beginning.
    quiet = {"PLIMSOLL_OFFLINE": "1", "PLIMSOLL_WATCH_SECONDS": "86400"}
    said = home / "ui.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli", "ui", "--port", str(port)],
            env=os.environ | {"PLIMSOLL_HOME": str(home)} | quiet,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + _PATIENCE_S
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > until:
                raise BrowserError(f"Dagster's pages did not come up: {said.read_text(encoding='utf-8')}")
            time.sleep(_POLL_S)
        yield address
    finally:
        _stop(process)


def opened(page: Page, address: str) -> Page:
    """Opens an address and waits until nothing is loaded any more."""
    page.goto(address)
    page.wait_for_load_state("networkidle")
    return page


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(address: str) -> bool:
    try:
        with urlopen(f"{address}/server_info", timeout=5):
            return True
    except (URLError, OSError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """All processes of the session, which a terminal would tell of Ctrl-C too."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(_PATIENCE_S)
