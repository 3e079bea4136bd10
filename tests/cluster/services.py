"""The services of a cluster on this machine: PostgreSQL from the system's package, an S3-compatible store from moto.

Here: starting each on 127.0.0.1 in a folder of its own, the environment of their clients, and stopping them.
Add here: another service that a cluster needs.
Keep out: what is done with them.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.request import Request, urlopen

import psycopg2

USER, PASSWORD = "plimsoll", "tar, pitch and turpentine"
BUCKET = "plimsoll"


@dataclass(frozen=True)
class Services:
    """The environment of a client: `PG...` and `AWS_...`, as on a real cluster."""

    environment: dict[str, str]

    def database(self, name: str) -> "Services":
        """An empty database of its own."""
        connection = psycopg2.connect(_conninfo(self.environment, "postgres"))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            cursor.execute(f'CREATE DATABASE "{name}"')
        connection.close()
        return replace(self, environment=self.environment | {"PGDATABASE": name})


def postgres_programs() -> Path | None:
    """Where initdb and pg_ctl are: Debian keeps them off the path."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), default=None)


@contextmanager
def started() -> Iterator[Services]:
    """Both services, until the end of the block."""
    with _postgres() as postgres, _store() as store:
        yield Services(postgres | store)


@contextmanager
def _postgres() -> Iterator[dict[str, str]]:
    programs = postgres_programs()
    assert programs is not None, "PostgreSQL is not installed (Debian: apt install postgresql)"
    folder = Path(tempfile.mkdtemp(prefix="plimsoll-postgres-"))
    try:
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        # PostgreSQL refuses to run as root.
        as_nobody = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        if as_nobody:
            shutil.chown(folder, "nobody", "nogroup")
            shutil.chown(folder / "password", "nobody", "nogroup")
        port, data = _free_port(), folder / "data"

        def run(program: str, *arguments: str) -> None:
            done = subprocess.run(
                [programs / program, "-D", data, *arguments],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=(folder / "started.log").open("ab"),
                stderr=subprocess.STDOUT,
                timeout=120,
                check=False,
                **as_nobody,
            )
            assert done.returncode == 0, "\n".join(log.read_text() for log in folder.glob("*.log"))

        run("initdb", "-U", USER, "--auth=scram-sha-256", f"--pwfile={folder / 'password'}", "-E", "UTF8", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='{folder}' -c fsync=off"
        run("pg_ctl", "-w", "-o", options, "-l", str(folder / "server.log"), "start")
        try:
            yield {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": USER, "PGPASSWORD": PASSWORD}
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@contextmanager
def _store() -> Iterator[dict[str, str]]:
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log
        )
        try:
            _wait_for(address)
            with urlopen(Request(f"{address}/{BUCKET}", method="PUT"), timeout=10):
                pass
            yield {
                "AWS_ENDPOINT_URL": address,
                "AWS_ACCESS_KEY_ID": "plimsoll",
                "AWS_SECRET_ACCESS_KEY": "oakum and copper",
                "AWS_REGION": "us-east-1",
            }
        finally:
            server.terminate()
            server.wait(20)


def _wait_for(address: str) -> None:
    for _ in range(300):
        try:
            with urlopen(address, timeout=10):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{address} does not answer")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _conninfo(environment: dict[str, str], database: str) -> str:
    return (
        f"host={environment['PGHOST']} port={environment['PGPORT']} user={environment['PGUSER']} "
        f"password='{environment['PGPASSWORD']}' dbname={database}"
    )
