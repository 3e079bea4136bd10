"""A web server on this machine that takes alerts.

Here: what came in, and what it answers.
Add here: another way in which such a server behaves.
Keep out: expectations.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Webhook:
    """What came in (path and body), and what is answered: the given statuses in turn, then the last one again."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [200])
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    hold_s: float = 0

    @property
    def texts(self) -> list[str]:
        """The texts of the alerts."""
        return [body["text"] for _, body in self.seen]


@contextmanager
def webhook_server() -> Iterator[Webhook]:
    """The server, until the end of the block."""
    hook = Webhook()
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            hook.seen.append((self.path, body))
            ended.wait(hook.hold_s)
            self.send_response(hook.statuses[min(len(hook.seen), len(hook.statuses)) - 1])
            self.send_header("Location", f"{hook.url}/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hook.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield hook
        finally:
            ended.set()
            server.shutdown()
            thread.join()
