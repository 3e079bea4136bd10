"""Where a publisher that is stolen or broken may send us: on the web, and nowhere else.

Here: redirects off the web and into the house, in every way of writing an address, and names that lead there.
Add here: another way to name a machine of the house.
Keep out: what else may be wrong with an answer (`test_upstream`).
"""

import socket
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from pipelines.sources.http import Client, FetchFailed
from tests.publisher_server import Publisher, Reply

FIRST = "https://first/a"


def asked_for(server: Publisher, location: str) -> str:
    """Why a redirect to a place is not followed."""
    server.says("/first/a", Reply(status=302, headers={"Location": location}))
    with Client(mirror=server.url) as client, pytest.raises(FetchFailed) as failed:
        client.get(FIRST, {}, {})
    assert {request.path for request in server.asked} == {"/first/a"}
    return str(failed.value)


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "FILE:/etc/passwd", "ftp://example.org/", "gopher://127.0.0.1:70/", "data:text/plain,x"],
)
def test_off_the_web(server: Publisher, location: str) -> None:
    assert "which is not followed" in asked_for(server, location)


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST", "127.1", "127.0.1.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.1", "017700000001",
        "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "2852039166", "224.0.0.1",
        "[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]", "[2001:0:102:304::80ff:fffe]",
    ],
)  # fmt: skip
def test_into_the_house(server: Publisher, host: str) -> None:
    for_port = server.url.rpartition(":")[2]
    assert "a private address, which is not followed" in asked_for(server, f"http://{host}:{for_port}/secret")


@pytest.mark.parametrize(
    "location", ["http://[bad", "http://host:port/", "http://host:99999999/", "http://..", "http:x:y"]
)
def test_nowhere(server: Publisher, location: str) -> None:
    assert asked_for(server, location)


Found = list[tuple[Any, ...]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Sequence[str]], None]:
    """Makes a name lead to addresses, one after the other each time that it is looked up, the last one for ever."""
    real = socket.getaddrinfo
    told: dict[str, list[str]] = {}

    def look_up(host: str, port: Any, *rest: Any, **more: Any) -> Found:
        if host not in told:
            return real(host, port, *rest, **more)
        address = told[host].pop(0) if len(told[host]) > 1 else told[host][0]
        return real(address, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return lambda name, addresses: told.update({name: list(addresses)})


def test_a_name_that_leads_into_the_house(server: Publisher, names: Callable[[str, Sequence[str]], None]) -> None:
    names("inside.example", ["127.0.0.1"])
    port = server.url.rpartition(":")[2]
    assert "a private address" in asked_for(server, f"http://inside.example:{port}/secret")


def test_a_name_that_leads_elsewhere_when_it_is_looked_up_again(
    server: Publisher, names: Callable[[str, Sequence[str]], None]
) -> None:
    names("turning.example", ["198.41.0.4", "127.0.0.1"])
    port = server.url.rpartition(":")[2]
    server.says("/first/a", Reply(status=302, headers={"Location": f"http://turning.example:{port}/secret"}))
    server.says("/secret", b"of the house")
    with Client(mirror=server.url) as client, pytest.raises(FetchFailed, match="a private address"):
        client.get(FIRST, {}, {})


def test_by_a_detour_over_the_same_machine(server: Publisher) -> None:
    server.says("/first/a", Reply(status=302, headers={"Location": "/second"}))
    server.says("/second", Reply(status=307, headers={"Location": "http://localhost:9/"}))
    with Client(mirror=server.url) as client, pytest.raises(FetchFailed, match="a private address"):
        client.get(FIRST, {}, {})


def test_round_and_round(server: Publisher) -> None:
    server.says("/first/a", Reply(status=302, headers={"Location": "/first/a"}))
    with Client(mirror=server.url) as client, pytest.raises(FetchFailed, match="more than 5 times"):
        client.get(FIRST, {}, {})
    assert len(server.asked) == 6
