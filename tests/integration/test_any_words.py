"""The command line under random words: an exit code of the documented ones, a sentence, and nothing written.

Here: every command but those that run a night or a server, with options and words at random.
Add here: another command.
Keep out: what the commands answer (`tests/integration/test_cli`).
"""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipelines.cli import main
from tests.integration.conftest import AT_CAP, NO_SUCH_DAY, Night, shipments_file

QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))

WORDS = [
    "", " ", "-", "--", "-h", "--out", "--as-of", "--on", "--regime", "--no-such", "US", "XX", "A1", "A2", "2023-06-10", "2023-02-30",
    "9999-12-31", "0001-01-01", "yesterday", "\udcff", "é", "a\nb", "\x1b[31m", "'; DROP TABLE x; --", "../../etc/passwd", "/dev/null", "~",
    "{0.__class__}", "%s%n", "x" * 5_000, "{good}", "{mixed}", "{gone}", "{folder}", "{out}.csv", "{out}.json", "{out}.parquet", "{out}.txt",
]  # fmt: skip
SQL = [
    "SELECT", "FROM", "*", "1", "'a'", '"a"', "marts.verdict_counts", "quality.releases", "cap_on", "bbl", "(", ")", ",", ";", "--", "/*", "*/",
    "COPY", "TO", "'{folder}/stolen.csv'", "ATTACH", "'{folder}/x.duckdb'", "read_csv", "read_text", "glob", "'{folder}/*'", "query",
    "enable_logging", "SET", "PRAGMA", "=", "EXPLAIN", "ANALYZE", "PREPARE", "EXECUTE", "DESCRIBE", "PIVOT", "ON", "USING", "count(*)", "\0", "é",
]  # fmt: skip


def run(arguments: list[str], night: Night, folder: Path) -> tuple[int, str]:
    """Exit code of a command in this process, and what it said on standard error; a traceback is never an answer."""
    places = {
        "good": folder / "good.csv",
        "mixed": folder / "mixed.csv",
        "gone": folder / "gone.csv",
        "out": folder / "out" / "o",
    }
    for name, path in {**places, "folder": folder}.items():
        arguments = [argument.replace(f"{{{name}}}", str(path)) for argument in arguments]
    arguments = [argument.replace("\0", "") for argument in arguments]  # which no argument can hold
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["plimsoll", *arguments]),
        mock.patch.dict("os.environ", {"PLIMSOLL_HOME": str(night.home)}),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        main()
    code = end.value.code if isinstance(end.value.code, int) else 0
    said = err.getvalue()
    assert code in (0, 1, 2), (arguments, said)
    assert "Traceback" not in said + out.getvalue()
    assert code == 0 or said.strip(), arguments
    assert "\x1b" not in said + out.getvalue()
    return code, said


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shipments_file(tmp_path / "good.csv", AT_CAP)
    shipments_file(tmp_path / "mixed.csv", AT_CAP, NO_SUCH_DAY)
    (tmp_path / "out").mkdir()
    return tmp_path


def inventory(*folders: Path) -> dict[Path, tuple[int, int]]:
    found = [path for folder in folders for path in folder.rglob("*") if "out" not in path.relative_to(folder).parts]
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in found if path.is_file()}


def test_any_words(night: Night, folder: Path) -> None:
    before = inventory(night.home, folder)

    @settings(QUIET, max_examples=60)
    @given(
        command=st.sampled_from(["assess", "explain", "rules", "diff", "sql", "report", "nightly", "ui", "", "x"]),
        words=st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=4)), max_size=5),
    )
    @example(command="assess", words=["{mixed}", "--out", "{out}.csv"])
    @example(command="assess", words=["{good}", "--as-of", "0001-01-01", "--regime", "US"])
    @example(command="rules", words=["--on", "9999-12-31"])
    @example(command="diff", words=["", ""])
    def check(command: str, words: list[str]) -> None:
        # A night, a server, a shell that waits for input and a folder full of pictures are not for this test.
        if command in ("nightly", "ui"):
            words = [*words, "--no-such-option"]
        if command == "sql":
            words = ["SELECT 1", *words]
        if command == "report":
            words = [*words, "--out", "/dev/null/x"]
        run([command, *words], night, folder)

    check()
    assert inventory(night.home, folder) == before


def test_any_query(night: Night, folder: Path) -> None:
    before = inventory(night.home, folder)

    @settings(QUIET, max_examples=150)
    @given(words=st.lists(st.one_of(st.sampled_from(SQL), st.text(max_size=3)), min_size=1, max_size=9))
    def check(words: list[str]) -> None:
        code, _ = run(["sql", "--", " ".join(words)], night, folder)
        assert code in (0, 1)

    check()
    assert inventory(night.home, folder) == before
