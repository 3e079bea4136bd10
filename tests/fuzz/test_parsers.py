"""The coverage-guided fuzzer, for as long as a run of the tests can spare; `make fuzz` runs it at length.

Here: a short run of every target, and that a broken promise would be found.
Add here: nothing; a new parser becomes a target of `targets`, a finding a file of `tests/corpus`.
Keep out: what is fuzzed (`targets`).
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import targets
from tests.fuzz.targets import TARGETS, BrokenPromiseError

atheris = pytest.importorskip("atheris", reason="the fuzzer has no build for this platform")

REPOSITORY = Path(__file__).parents[2]
RUNS = 600


@pytest.mark.parametrize("name", TARGETS)
def test_no_promise_is_broken(name: str, tmp_path: Path) -> None:
    """Every seed, then so many bytes made of them. The seed of the dice is told, so that a run can be repeated."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run", name, f"-runs={RUNS}", "-max_total_time=10"],
        cwd=REPOSITORY,
        env=os.environ | {"PLIMSOLL_FUZZ": str(tmp_path)},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done " in done.stderr
    assert list((tmp_path / "found").iterdir()) == []


def test_a_misread_number_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a reader that takes 59,70 for 5970."""
    good = b"S1,,2023-06-10,,2709,,RU,,,,IN,,,,"
    rows = [good + b'"59,70",bbl,4200,USD' + b"," * (len(targets.shipments().columns) - 18) + b"\n"]
    TARGETS["rows"].look(rows[0])
    honest = targets.read_opened

    def careless(file: object, path: Path, table: object) -> object:
        return honest(type(file)(file.read().replace(b'"59,70"', b"5970")), path, table)  # type: ignore[call-arg, attr-defined, arg-type]

    monkeypatch.setattr(targets, "read_opened", careless)
    with pytest.raises(BrokenPromiseError, match=r"'59,70' was read as 5970\.0"):
        TARGETS["rows"].look(rows[0])
