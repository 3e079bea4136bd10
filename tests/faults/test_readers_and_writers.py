"""Many readers while nights are published, and two nights at once.

Here: processes that read without pause, and nights that start together.
Add here: another mixture of readers and writers.
Keep out: kills (test_kill).
"""

import subprocess
import sys
from pathlib import Path

from tests.faults.nights import NIGHT, content, finish, release, start, with_cargoes
from tests.integration.conftest import REPOSITORY, environment

READERS = 4
# Opens the file again and again; one release must say the same of itself everywhere.
READER = """
import sys, time
from pathlib import Path
import duckdb

file, stop = sys.argv[1], Path(sys.argv[2])
seen = set()
reads = 0
while not stop.exists():
    with duckdb.connect(file, read_only=True) as connection:
        (run_id, cargoes, verdicts), = connection.execute("SELECT run_id, cargoes, verdicts FROM quality.releases").fetchall()
        (counted,), = connection.execute("SELECT count(*) FROM marts.shipment_verdicts").fetchall()
        (barrels,), = connection.execute("SELECT count(*) FROM staging.cargoes").fetchall()
        assert (counted, barrels) == (verdicts, cargoes), (run_id, counted, verdicts, barrels, cargoes)
        seen.add(run_id)
        reads += 1
print(reads, *sorted(seen))
"""


def test_readers_never_see_an_error_or_a_mixed_release(home: Path, tmp_path: Path) -> None:
    runs = {release(home)}
    stop = tmp_path / "stop"
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(home / "warehouse" / "warehouse.duckdb"), str(stop)],
            env=environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(READERS)
    ]
    try:
        for number in range(2):
            # Another cargo every night, so that the releases differ.
            file = home / "landing" / "shipments" / f"more{number}.csv"
            text = (home / "landing" / "shipments" / "cargoes.csv").read_text(encoding="utf-8")
            file.write_text(text.replace("\nR", f"\nN{number}-"), encoding="utf-8")
            assert finish(home).returncode == 0
            runs.add(release(home))
    finally:
        stop.touch()
    said = [reader.communicate(timeout=60) for reader in readers]
    for reader, (out, err) in zip(readers, said, strict=True):
        assert reader.returncode == 0, err
        reads, *seen = out.split()
        assert int(reads) > 10
        assert set(seen) <= runs
    # Somebody saw more than one release, or nothing was tried.
    assert len({run for out, _ in said for run in out.split()[1:]}) > 1


def test_two_nights_at_once_one_runs_and_the_other_says_so(home: Path) -> None:
    before = content(home)
    first = start(home)
    assert first.stderr is not None
    for line in first.stderr:
        if "reference.price_caps" in line:
            break
    second = finish(home)
    assert second.returncode == 1
    assert "Another night is writing" in second.stderr
    assert "Traceback" not in second.stderr
    first.stderr.read()
    assert first.wait(timeout=120) == 0
    assert content(home) == before


def test_two_nights_in_the_same_moment(tmp_path: Path) -> None:
    home = with_cargoes(tmp_path / "home")
    nights = [
        subprocess.Popen(
            NIGHT, cwd=REPOSITORY, env=environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [night.communicate(timeout=180)[1] for night in nights]
    codes = sorted(night.returncode for night in nights)
    # One of them at least has published; one that met the other has said so.
    assert codes[0] == 0, said
    assert codes[1] == 0 or any("Another night is writing" in err for err in said), said
    assert not any("Traceback" in err for err in said), said
    assert content(home)
