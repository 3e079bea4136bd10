"""The generated documents are those that the contracts and the rules give today."""

from pathlib import Path

import pytest

from pipelines.report.documents import documents, rules_change_log
from pipelines.rules.rulebook import Rulebook


@pytest.mark.parametrize(("file", "text"), documents().items(), ids=lambda value: getattr(value, "name", ""))
def test_the_file_in_the_repository_is_current(file: Path, text: str) -> None:
    assert file.read_text(encoding="utf-8") == text, "run: make docs"


def test_the_change_log_tells_what_became_known_when() -> None:
    log = rules_change_log(Rulebook.load())
    day = log.split("## 2023-09-14\n")[1].split("\n## ")[0]
    assert "**S2-US-1** (US): project exemption GL 55A." in day
    # 12:01 a.m. of 28 June 2024 ends it, so 27 June is its last day (J-4).
    assert "Window 2023-09-14 to 2024-06-27." in day
