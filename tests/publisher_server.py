"""A publisher on this machine: a real HTTP server that replays answers, good and bad, on chosen paths.

Here: the server and what it can do wrong.
Add here: another fault of publishers.
Keep out: what any real publisher sends (beside the tests of its source).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import SplitResult, parse_qs, parse_qsl, urlsplit


@dataclass(frozen=True)
class Reply:
    """An answer. cut: bytes of the body that are sent although all are promised. delay_s: silence before it.

    trickle_s: silence before each byte of the body.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    delay_s: float = 0.0
    trickle_s: float = 0.0


@dataclass(frozen=True)
class Asked:
    """A request as the server saw it."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    at: float


@dataclass
class Publisher:
    """replies: by path, the answers in turn; the last one is repeated. A path that is not there answers 404. A path
    with a query (`/host/path?year=2026`) answers requests that have those parameters, before one with fewer.

    A path may end in a query: then it is for requests that have those parameters, whatever others they have.

    An answer with an `ETag` is left out (304) for a request that already has it.
    """

    url: str
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def says(self, path: str, *replies: Reply | bytes | str) -> None:
        """Sets the answers of a path: `/host/path` as the mirror of a publisher is asked."""
        self.replies[path] = [
            reply if isinstance(reply, Reply) else Reply(reply.encode() if isinstance(reply, str) else reply)
            for reply in replies
        ]

    def replies_to(self, asked: SplitResult) -> list[Reply]:
        """The answers to a request that are left."""
        has = set(parse_qsl(asked.query))
        fitting = [
            (len(parse_qsl(told.query)), replies)
            for told, replies in ((urlsplit(path), replies) for path, replies in self.replies.items())
            if told.path == asked.path and has.issuperset(parse_qsl(told.query))
        ]
        return max(fitting, key=lambda found: found[0], default=(0, [Reply(b"no such page", 404)]))[1]


@contextmanager
def publisher() -> Iterator[Publisher]:
    """A server on a free port of 127.0.0.1, gone at the end."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            here.asked.append(Asked(parts.path, parse_qs(parts.query), headers, time.monotonic()))
            replies = here.replies_to(parts)
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
            time.sleep(reply.delay_s)
            etag = reply.headers.get("ETag")
            if etag is not None and headers.get("if-none-match") == etag:
                reply = Reply(status=304, headers={"ETag": etag})
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 304:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if reply.trickle_s:
                with suppress(OSError):  # whoever asked has hung up
                    for byte in reply.body:
                        time.sleep(reply.trickle_s)
                        self.wfile.write(bytes([byte]))
            else:
                self.wfile.write(reply.body[: reply.cut])
            if reply.cut is not None:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here = Publisher(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
