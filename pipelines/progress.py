"""What a person sees while a night runs.

Here: the logger that turns Dagster's events and warnings into lines, and the bars of fetching.
Add here: another event that people wait for.
Keep out: results; those are read from the warehouse.
"""

import logging
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

if TYPE_CHECKING:
    from dagster._utils.error import SerializableErrorInfo

from pipelines.shown import shown


class _ProgressHandler(logging.Handler):
    """One line per table and failure on standard error."""

    def __init__(self) -> None:
        super().__init__()
        self._started = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", None) or {}
        event = meta.get("dagster_event")
        if event is not None:
            line = _line(event)
        else:
            line = meta.get("orig_message") if record.levelno in (logging.INFO, logging.WARNING) else None
        if line is not None:
            print(f"{time.monotonic() - self._started:6.1f} s  {shown(line)}", file=sys.stderr, flush=True)


def _line(event: dg.DagsterEvent) -> str | None:
    if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION and event.asset_key is not None:
        materialization = event.step_materialization_data.materialization
        if "dagster/partition_row_count" in materialization.metadata:
            return None  # one of many, and its table is told
        rows = materialization.metadata.get("dagster/row_count") or materialization.metadata.get("rows")
        counted = f"{rows.value:,} rows" if rows is not None else ""
        unchanged = materialization.metadata.get("unchanged")
        if unchanged is not None and unchanged.value:
            counted += ", unchanged"
        return f"{'.'.join(event.asset_key.path):45} {counted}"
    if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        check = event.asset_check_evaluation_data
        if not check.passed:
            failed, looked_at = (check.metadata[name].value for name in ("rows failed", "rows checked"))
            where = f"{'.'.join(check.asset_key.path)}: {check.check_name}"
            found = check.metadata.get("found")
            return f"  {check.severity.value:5} {where}: {failed:,} of {looked_at:,}" + (
                f". {found.value}" if found is not None else ""
            )
    if event.event_type == dg.DagsterEventType.STEP_FAILURE:
        return f"FAILED {event.step_key}: {reason_of(event)}"
    if event.event_type == dg.DagsterEventType.RUN_FAILURE and event.job_failure_data.error is not None:
        return f"FAILED: {_innermost(event.job_failure_data.error)}"
    return None


def reason_of(event: dg.DagsterEvent) -> str:
    """Why a step failed, without its traceback."""
    failure = event.step_failure_data
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return failure.user_failure_data.description
    return _innermost(failure.error)


def _innermost(error: "SerializableErrorInfo | None") -> str:
    """The message of the innermost error, without its traceback."""
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return ""
    if error.cls_name == dg.DagsterExecutionInterruptedError.__name__:
        return "it was stopped"
    # "package.SomeError: the sentence", over several lines
    return re.sub(rf"^[\w.]*{error.cls_name}: ", "", " ".join(error.message.split()))


@dg.logger({}, description="One line per table.")
def progress_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """The console logger of every job: short lines instead of Dagster's debug log."""
    logger = logging.Logger("plimsoll", level=logging.DEBUG)
    logger.addHandler(_ProgressHandler())
    return logger


@contextmanager
def fetching(names: Iterable[str]) -> Iterator[Callable[[str, int, int], None]]:
    """A bar per source, on a terminal only; gives the function to tell it (name, documents done, documents in all)."""
    bars = Progress(
        TextColumn("         {task.description:30}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bars:
        tasks = {name: bars.add_task(name, total=None) for name in names}

        def tell(name: str, done: int, total: int) -> None:
            bars.update(tasks[name], completed=done, total=total)

        yield tell
