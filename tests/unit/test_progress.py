"""What a night prints while it runs.

Here: lines about what ended.
Add here: a case for another kind of line.
Keep out: lines of whole nights (see `tests/integration`).
"""

import dagster as dg
import pytest

from pipelines.progress import progress_logger


def test_a_night_that_was_stopped_says_so_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    @dg.op
    def stopped() -> None:
        raise dg.DagsterExecutionInterruptedError

    @dg.job(logger_defs={"console": progress_logger}, executor_def=dg.in_process_executor)
    def night() -> None:
        stopped()

    assert not night.execute_in_process({"loggers": {"console": {}}}, raise_on_error=False).success
    assert "FAILED stopped: it was stopped\n" in capsys.readouterr().err
