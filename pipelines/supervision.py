"""A night in a process of its own, watched by the command that started it.

Here: running work in a child process and saying in words how it ended, also when it could not say so itself: a
process that the system kills for want of memory, or that a library aborts, leaves no message.
Add here: another way to end that people would not understand.
Keep out: the work.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Collection
from types import FrameType

_PR_SET_PDEATHSIG = 1


def supervised(
    work: Callable[[], int],
    what: str,
    tell: Callable[[str], object],
    expected: Collection[int] = (0, 1, 2),
    meanwhile: Callable[[Callable[[], bool]], object] = lambda has_ended: None,
) -> int:
    """Runs `work` in a child process and returns its exit code, one of `expected`.

    A child that ended with none of these counts as 1; `tell` says of it, called `what`, how it ended. To be called
    before anything starts threads. The child does not outlive its parent. Where processes cannot be told to die with
    their parent, the work runs in this one. meanwhile: what this process does while it waits, such as making ready what
    it needs afterwards; it is told whether the work has ended.
    """
    if sys.platform != "linux":
        return work()
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        _leave(work())
    _pass_on_signals(child)
    meanwhile(lambda: os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in expected:
        tell(f"{what} {_death(code)}")
        return 1
    return code


def _leave(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    # Not by SystemExit: what the parent had on its stack is no business of the child.
    os._exit(code)


def _pass_on_signals(child: int) -> None:
    """A terminal sends Ctrl-C to both; other requests to stop reach the parent alone."""

    def pass_on(number: int, _: FrameType | None) -> None:
        os.kill(child, number)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)


def _death(code: int) -> str:
    """code: as `os.waitstatus_to_exitcode` has it: a signal is negative."""
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    if -code in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        return f"was stopped ({how}): nothing was published by it. Run it again."
    return (
        f"was ended by the system or a library ({how}), most likely because memory or disk space ran out: nothing was "
        "published by it. Give it more and run it again."
    )
