"""Asking publishers with manners.

Here: one GET with time-outs, bounded retries, `Retry-After`, conditional headers and guarded redirects; when a host
is left in peace.
Add here: another courtesy that every publisher is owed.
Keep out: what is asked for and what the answer means (`pipelines.sources.publishers`).
"""

import datetime as dt
import email.utils
import ipaddress
import logging
import socket
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import httpx
import stamina

import pipelines

ATTEMPTS = 4
# Together with the time-outs this bounds how long a dead publisher can hold a night up.
RETRY_SECONDS = 45.0
LONGEST_RETRY_AFTER_SECONDS = 30.0
TIMEOUT = httpx.Timeout(30.0, connect=8.0)
# An answer that trickles in never runs into a time-out. The largest documents have some 50 MB.
SLOW_AFTER_SECONDS = 60.0
SLOWEST_BYTES_PER_SECOND = 2_000
MAX_REDIRECTS = 5
MAX_BYTES = 250_000_000
# A host that failed as many requests in a row is asked nothing more in this round.
FAILURES_IN_A_ROW = 3

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # older addresses, as networks of the newer kind know them

# httpx logs whole addresses, and some publishers take the key in the address.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)
# What retries come to is told once, with the outcome of the request.
stamina.instrumentation.set_on_retry_hooks(())
_NOT_THERE = (httpx.codes.NOT_FOUND, httpx.codes.GONE, httpx.codes.BAD_REQUEST)


class FetchFailed(Exception):
    """Nothing usable came; the message says why, in one sentence without keys.

    status: the last HTTP status. is_host_down: the host is not to be asked again in this round.
    """

    def __init__(self, message: str, status: int | None = None, is_host_down: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.is_host_down = is_host_down


class _Again(Exception):
    """An answer worth asking again for, after `wait_s` if the publisher said how long."""

    def __init__(self, failure: FetchFailed, wait_s: float | None = None) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.wait_s = wait_s


@dataclass(frozen=True)
class Answer:
    """What came: `body` is None where the publisher said that nothing changed (status 304)."""

    status: int
    body: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict)


class Client:
    """GET requests to one publisher, one after the other.

    pause_s: least time between two requests. mirror: every `https://host/path` is asked for as
    `<mirror>/host/path` instead, for networks without a way out, and for tests.
    """

    def __init__(self, pause_s: float = 0.0, mirror: str | None = None) -> None:
        self._pause_s = pause_s
        self._mirror = mirror.rstrip("/") if mirror else None
        self._last = 0.0
        self._failed_in_a_row = 0
        self._http = httpx.Client(
            timeout=TIMEOUT, headers={"User-Agent": f"plimsoll/{pipelines.__version__} (price-cap warehouse)"}
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, url: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """The answer to one request. Raises `FetchFailed`."""
        try:
            answer = self._with_retries(url, params, headers)
        except FetchFailed as failure:
            # That one document is not there says nothing about the others.
            self._failed_in_a_row += failure.status not in _NOT_THERE
            if self._failed_in_a_row < FAILURES_IN_A_ROW or failure.is_host_down:
                raise
            message = f"{failure}; as {FAILURES_IN_A_ROW} requests in a row failed, nothing more was asked for"
            raise FetchFailed(message, failure.status, is_host_down=True) from None
        self._failed_in_a_row = 0
        return answer

    def _with_retries(self, url: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        address = httpx.URL(self._mirrored(url)).copy_merge_params(dict(params))
        attempts = stamina.retry_context(
            on=_wait, attempts=ATTEMPTS, timeout=RETRY_SECONDS, wait_initial=0.5, wait_max=10.0, wait_jitter=1.0
        )
        try:
            for attempt in attempts:
                with attempt:
                    return self._once(address, headers)
        except _Again as again:
            raise again.failure from None
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _mirrored(self, url: str) -> str:
        if self._mirror is None:
            return url
        parts = urlsplit(url)
        return f"{self._mirror}/{parts.netloc}{parts.path}" + (f"?{parts.query}" if parts.query else "")

    def _once(self, address: httpx.URL, headers: Mapping[str, str]) -> Answer:
        asked = address.host
        for _ in range(MAX_REDIRECTS + 1):
            self._keep_pace()
            try:
                with self._http.stream("GET", address, headers=dict(headers)) as response:
                    # A name can lead elsewhere when it is looked up for the second time.
                    if address.host != asked and _came_from_inside(response):
                        raise FetchFailed(f"{asked} redirects to a private address, which is not followed")
                    if response.has_redirect_location:
                        address = _redirected(address, response.headers["location"])
                        continue
                    return _answer(response)
            except httpx.TimeoutException:
                failure = FetchFailed(f"{address.host} did not answer in time", is_host_down=True)
                raise _Again(failure) from None
            except httpx.RemoteProtocolError:
                raise _Again(FetchFailed(f"{address.host} broke the answer off before its end")) from None
            except httpx.TransportError as error:
                failure = FetchFailed(f"{address.host} cannot be reached ({type(error).__name__})", is_host_down=True)
                raise _Again(failure) from None
            except (httpx.InvalidURL, UnicodeError):
                raise FetchFailed(f"{asked} redirects to what is no address, which is not followed") from None
            except httpx.DecodingError:
                raise _Again(FetchFailed(f"{address.host} sent an answer that cannot be unpacked")) from None
        raise FetchFailed(f"{address.host} redirects more than {MAX_REDIRECTS} times")

    def _keep_pace(self) -> None:
        wait_s = self._last + self._pause_s - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        self._last = time.monotonic()


def _answer(response: httpx.Response) -> Answer:
    host, status = response.request.url.host, response.status_code
    headers = {name.lower(): value for name, value in response.headers.items()}
    if status == httpx.codes.NOT_MODIFIED:
        return Answer(status, None, headers)
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        wait_s = _retry_after(headers)
        said = f"{host} answered with status {status}"
        if wait_s is not None and wait_s > LONGEST_RETRY_AFTER_SECONDS:
            raise FetchFailed(f"{said} and asks to be left alone for {wait_s:,.0f} s", status, is_host_down=True)
        # Who asks too often goes on to other documents no sooner than to this one.
        is_host_down = status == httpx.codes.TOO_MANY_REQUESTS
        raise _Again(FetchFailed(said, status, is_host_down), wait_s)
    if status != httpx.codes.OK:
        hint = ": check the key" if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN) else ""
        is_host_down = status == httpx.codes.UNAUTHORIZED
        raise FetchFailed(f"{host} answered with status {status}{hint}", status, is_host_down)
    body, started = bytearray(), time.monotonic()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAX_BYTES:
            raise FetchFailed(f"{host} sent more than {MAX_BYTES:,} bytes; that is no document of this source", status)
        taken_s = time.monotonic() - started
        if taken_s > SLOW_AFTER_SECONDS and len(body) < SLOWEST_BYTES_PER_SECOND * taken_s:
            said = f"{host} sent {len(body):,} bytes in {taken_s:,.0f} s, which is too slow"
            raise FetchFailed(said, status, is_host_down=True)
    return Answer(status, bytes(body), headers)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the publisher asks to wait, if it does."""
    said = headers.get("retry-after", "").strip()
    if not said:
        return None
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        when = email.utils.parsedate_to_datetime(said)
    except (ValueError, OverflowError):
        return None
    if when.tzinfo is None:  # written -0000, which is UTC too
        when = when.replace(tzinfo=dt.UTC)
    return max((when - dt.datetime.now(dt.UTC)).total_seconds(), 0.0)


def _wait(error: Exception) -> bool | float:
    """Whether to ask again, and how long to wait before: stamina's own back-off unless the publisher said."""
    if not isinstance(error, _Again):
        return False
    return True if error.wait_s is None else error.wait_s


def _redirected(address: httpx.URL, location: str) -> httpx.URL:
    """The new address. Raises `FetchFailed` for one that leads off the web or into a private network.

    A publisher may send us elsewhere on the web; a stolen or broken one must not send us to a file or to a
    machine of the house.
    """
    try:
        target = httpx.URL(urljoin(str(address), location))
    except (ValueError, httpx.InvalidURL) as error:
        raise FetchFailed(f"{address.host} redirects to what is no address, which is not followed") from error
    if target.scheme not in ("http", "https") or (address.scheme == "https" and target.scheme == "http"):
        raise FetchFailed(f"{address.host} redirects to {target.scheme}:, which is not followed")
    if target.host != address.host and _is_private(target.host):
        raise FetchFailed(f"{address.host} redirects to a private address, which is not followed")
    return target


def _is_private(host: str) -> bool:
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False  # it cannot be reached either
    return not all(_is_public(str(address)) for address in found)


def _came_from_inside(response: httpx.Response) -> bool:
    if urllib.request.getproxies():
        return False  # the other end is the proxy, which decides by itself
    address = response.extensions["network_stream"].get_extra_info("server_addr")
    return not _is_public(address[0])


def _is_public(address: str) -> bool:
    """Whether an address is one of the open web, also where it stands for one of the older kind."""
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inside = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _TRANSLATED:
            inside = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        ip = inside or ip
    return ip.is_global and not ip.is_multicast
