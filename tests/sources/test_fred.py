"""Spot prices as FRED relays them."""

import datetime as dt
from pathlib import Path

import pytest

from pipelines.sources import upstream
from pipelines.sources.publishers import fred
from pipelines.sources.snapshots import Landing
from tests.publisher_server import Publisher, Reply
from tests.sources.conftest import Fetch, checks_failed

PATH = "/fred.stlouisfed.org/graph/fredgraph.csv"
TABLE = "fred_spot_prices_daily"
GOOD = """\
observation_date,DCOILBRENTEU,DCOILWTICO
2026-08-14,92.02,83.99
2026-08-17,92.43,
2026-08-18,,86.48
2026-08-19,,
"""


def read(landing: Landing, as_of: str | None = None) -> upstream.Reading:
    return upstream.read(fred.SOURCE, landing, dt.date.fromisoformat(as_of) if as_of else None)


def in_force(landing: Landing, as_of: str | None = None) -> list[tuple]:
    frame = upstream.latest(read(landing, as_of).tables[TABLE])
    return [(str(day), benchmark, price) for day, benchmark, price in frame.iter_rows()]


def test_both_benchmarks_come_in_one_document_and_a_blank_is_no_price(
    server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    server.says(PATH, GOOD)
    fetch(fred.SOURCE, "2026-08-26")
    assert in_force(landing) == [
        ("2026-08-14", "brent", 92.02), ("2026-08-14", "wti", 83.99), ("2026-08-17", "brent", 92.43),
        ("2026-08-18", "wti", 86.48),
    ]  # fmt: skip
    (asked,) = server.asked
    assert asked.query == {"id": ["DCOILBRENTEU,DCOILWTICO"], "cosd": ["2025-12-01"], "coed": ["2026-12-31"]}


def test_a_day_is_known_after_eight_days(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(PATH, "observation_date,DCOILBRENTEU\n2023-03-01,84.10\n")
    fetch(fred.SOURCE, "2026-08-26")
    assert in_force(landing, "2023-03-08") == []
    assert in_force(landing, "2023-03-09") == [("2023-03-01", "brent", 84.1)]


def test_older_files_of_one_series_are_read(landing: Landing, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "DCOILWTICO.csv").write_text(
        "DATE,DCOILWTICO\n2020-04-17,18.31\n2020-04-18,.\n2020-04-20,-36.98\n"
    )
    upstream.take_files(fred.SOURCE, landing, tmp_path / "files")
    # A median below zero is no change of unit: two days around the fall of 2020 make 9.3 below zero.
    assert checks_failed(read(landing)) == ["unit_as_expected"]
    (tmp_path / "files" / "DCOILWTICO.csv").write_text(
        "DATE,DCOILWTICO\n2020-04-16,19.82\n2020-04-17,18.31\n2020-04-18,.\n2020-04-20,-36.98\n"
    )
    upstream.take_files(fred.SOURCE, landing, tmp_path / "files")
    assert in_force(landing) == [
        ("2020-04-16", "wti", 19.82),
        ("2020-04-17", "wti", 18.31),
        ("2020-04-20", "wti", -36.98),
    ]


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        pytest.param(GOOD.replace("DCOILBRENTEU", "DCOILBRENT"), "columns_as_expected", id="series renamed"),
        pytest.param(GOOD.replace("observation_date", "day"), "columns_as_expected", id="date renamed"),
        pytest.param("observation_date\n2026-08-14\n", "columns_as_expected", id="no series"),
        pytest.param("observation_date,DCOILBRENTEU\n2026-08-14,2.19\n", "unit_as_expected", id="gallons"),
        pytest.param("observation_date,DCOILBRENTEU\n2026-08-14,.\n", "volume_in_band", id="no prices"),
        pytest.param(GOOD.replace("92.02", "n/a"), "readable", id="not a number"),
        pytest.param(GOOD[: GOOD.index("08-17")], "not_cut_off", id="cut short"),
        pytest.param("<!DOCTYPE html><html><head>", "not_a_web_page", id="web page"),
        pytest.param(GOOD + "2026-08-14,92.02,83.99\n", "keeps_contract: unique", id="day twice"),
    ],
)
def test_a_bad_document_is_named_and_the_last_good_one_stays(
    bad: str, check: str, server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    server.says(PATH, GOOD, bad)
    for _ in range(2):
        fetch(fred.SOURCE, "2026-08-26")
    assert checks_failed(read(landing)) == [None, check]
    assert ("2026-08-14", "brent", 92.02) in in_force(landing)


def test_a_host_that_is_busy_leaves_the_last_good_version_and_says_so(
    server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    server.says(PATH, GOOD, Reply(status=429))
    for _ in range(2):
        fetch(fred.SOURCE, "2026-08-26")
    fresh = upstream.freshness(fred.SOURCE, landing, read(landing), dt.date(2026, 8, 26))
    message = "daily 2026: 127.0.0.1 answered with status 429; the version in use was last seen on "
    assert (fresh["state"], fresh["message"]) == ("stale", f"{message}{dt.datetime.now(dt.UTC).date()}")
