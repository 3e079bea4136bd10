"""Drawing charts in a process of its own, while this one goes on.

The library that draws starts a JavaScript engine (half a second) and keeps the interpreter to itself while it works,
so that threads alone would not help.

Here: that process, and how it is asked.
Add here: another format of pictures.
Keep out: what is drawn (`charts`) and how it looks (`chart_style`).
"""

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import IO, Any

Spec = dict[str, Any]
_SCALE = 2  # dots of a PNG for each px
_NOTHING: Spec = {"data": {"values": []}, "mark": "point"}


class Renderer:
    """Draws Vega-Lite specifications, one after the other, in the order in which they are asked for.

    Used as a context; a result is awaited inside it. Raises `RuntimeError` where a specification cannot be drawn.
    """

    def __enter__(self) -> "Renderer":
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._turn = ThreadPoolExecutor(max_workers=1)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._turn.shutdown(cancel_futures=kind is not None)
        self._process.communicate()

    def svg(self, spec: Spec) -> "Future[bytes]":
        """The chart as SVG. Its data stand in it, so nothing is fetched to draw it."""
        return self._turn.submit(self._ask, "svg", spec)

    def png(self, spec: Spec) -> "Future[bytes]":
        """The chart as PNG."""
        return self._turn.submit(self._ask, "png", spec)

    def _ask(self, form: str, spec: Spec) -> bytes:
        asked, answered = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answered is not None
        with suppress(BrokenPipeError):  # told below, where no answer comes
            asked.write(json.dumps({"form": form, "spec": spec}).encode() + b"\n")
            asked.flush()
        answer = json.loads(answered.readline() or '{"error": "the process that draws has ended"}')
        if "error" in answer:
            raise RuntimeError(f"A chart cannot be drawn: {answer['error']}")
        return base64.b64decode(answer["drawn"])


def _serve(questions: Iterable[bytes], answers: IO[str]) -> None:
    import vl_convert

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asks is stopped, and then no question comes
    vl_convert.vegalite_to_svg(_NOTHING)  # the engine starts before the first question comes
    for question in map(json.loads, questions):
        try:
            if question["form"] == "svg":
                drawn = vl_convert.vegalite_to_svg(question["spec"]).encode()
            else:
                drawn = vl_convert.vegalite_to_png(question["spec"], scale=_SCALE)
            answer = {"drawn": base64.b64encode(drawn).decode()}
        except ValueError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout)
