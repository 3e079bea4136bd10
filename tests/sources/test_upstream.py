"""Fetching, landing, versions and last-good fallback, with the euro reference rates as the source at hand."""

import datetime as dt
import itertools
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import stamina
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts.fetching import SOURCE_FRESHNESS
from pipelines.contracts.market import ECB_EXCHANGE_RATES
from pipelines.sources import http, upstream
from pipelines.sources.http import Client, FetchFailed
from pipelines.sources.publishers import ecb, eia
from pipelines.sources.readings import Readings
from pipelines.sources.snapshots import Entry, Landing, Snapshot
from pipelines.sources.upstream import Key, Plan, Request
from tests.publisher_server import Publisher, Reply
from tests.sources.conftest import Fetch, checks_failed

PATH = "/data-api.ecb.europa.eu/service/data/EXR/D..EUR.SP00.A"
DAY = dt.date(2026, 11, 1)
HEADER = "KEY,FREQ,CURRENCY,CURRENCY_DENOM,TIME_PERIOD,OBS_VALUE\n"


def rates(*rows: str) -> str:
    """An SDMX-CSV of the bank: rows `USD 2026-11-20 1.1589`."""
    lines = [row.split() for row in rows]
    return HEADER + "".join(f"EXR.D.{c}.EUR.SP00.A,D,{c},EUR,{day},{rate}\n" for c, day, rate in lines)


def read(landing: Landing, as_of: str | None = None) -> upstream.Reading:
    return upstream.read(ecb.SOURCE, landing, dt.date.fromisoformat(as_of) if as_of else None)


def latest(landing: Landing, as_of: str | None = None) -> list[tuple]:
    frame = read(landing, as_of).tables["ecb_exchange_rates"].filter("is_latest")
    return [(str(day), currency, rate) for day, currency, rate in frame.select(pl.nth(0, 1, 2)).iter_rows()]


def freshness(landing: Landing, today: str) -> dict:
    row = upstream.freshness(ecb.SOURCE, landing, read(landing), dt.date.fromisoformat(today))
    assert SOURCE_FRESHNESS.failures(pl.DataFrame([row], schema=SOURCE_FRESHNESS.polars_schema())).height == 0
    return row


def test_every_byte_lands_once_and_reading_looks_only_there(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(PATH, rates("USD 2026-11-20 1.1589", "JPY 2026-11-20 181.06"))
    fetch(ecb.SOURCE, "2026-11-22")
    fetch(ecb.SOURCE, "2026-11-22")
    server.replies.clear()
    assert latest(landing) == [("2026-11-20", "JPY", 181.06), ("2026-11-20", "USD", 1.1589)]
    assert [entry.outcome for entry in landing.entries(ecb.SOURCE.name)] == ["new", "unchanged"]
    assert len([path for path in landing.folder.glob("content/*/*") if path.is_file()]) == 1
    first, second = landing.entries(ecb.SOURCE.name)
    assert first.status == 200
    assert first.url.startswith("https://data-api.ecb.europa.eu/service/data/EXR/")
    (snapshot,) = landing.snapshots(ecb.SOURCE.name)
    assert (snapshot.fetched_at, snapshot.last_seen_at) == (first.requested_at, second.requested_at)


def test_years_that_are_over_are_asked_for_once(server: Publisher, fetch: Fetch) -> None:
    server.says(PATH, rates("USD 2024-01-02 1.0956"))
    fetch(ecb.SOURCE, "2026-11-22", first="2024-05-01")
    fetch(ecb.SOURCE, "2026-11-22", first="2024-05-01")
    # The December before each year stands in its document, so that none is empty in early January.
    assert [asked.query["startPeriod"] for asked in server.asked] == [
        ["2023-12-01"], ["2024-12-01"], ["2025-12-01"], ["2025-12-01"],
    ]  # fmt: skip


def test_a_year_that_was_seen_before_it_was_over_is_asked_for_once_more(
    server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    keep(landing, "2024-12-30T03:00", rates("USD 2024-12-27 1.0435"), "daily 2024")
    server.says(PATH, rates("USD 2024-12-27 1.0435", "USD 2024-12-31 1.0389"))
    for _ in range(2):
        fetch(ecb.SOURCE, "2025-12-31", first="2024-01-01")
    assert [asked.query["startPeriod"] for asked in server.asked] == [["2023-12-01"], ["2024-12-01"], ["2024-12-01"]]
    assert latest(landing) == [("2024-12-27", "USD", 1.0435), ("2024-12-31", "USD", 1.0389)]


def test_a_settled_document_that_could_not_be_read_is_asked_for_again(server: Publisher, fetch: Fetch) -> None:
    good = Reply(rates("USD 2024-01-02 1.0956").encode())
    server.says(PATH, Reply(b"<html>busy</html>"), good)
    for _ in range(3):
        fetch(ecb.SOURCE, "2026-03-01", first="2025-01-01")
    asked = [asked.query["startPeriod"] for asked in server.asked]
    assert asked == [["2024-12-01"], ["2025-12-01"], ["2024-12-01"], ["2025-12-01"], ["2025-12-01"]]


def test_an_interrupted_backfill_goes_on_where_it_was(server: Publisher, fetch: Fetch) -> None:
    good = Reply(rates("USD 2024-01-02 1.0956").encode())
    server.says(PATH, good, *[Reply(status=500)] * 3, good)
    fetch(ecb.SOURCE, "2026-11-22", first="2024-01-01")
    server.asked.clear()
    fetch(ecb.SOURCE, "2026-11-22", first="2024-01-01")
    # What failed comes last, so that it keeps nothing else from coming.
    assert [asked.query["startPeriod"] for asked in server.asked] == [["2025-12-01"], ["2024-12-01"]]


def settled(about: str) -> upstream.Source:
    """The bank as if it sent one document that is final, of which a listing says something."""
    request = Request("all years", ecb.URL, is_settled=True, about=about)
    return replace(ecb.SOURCE, requests=lambda _: [request])


def test_a_settled_document_that_came_badly_is_asked_for_again(
    server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    server.says(PATH, "<html>busy</html>", rates("USD 2026-11-20 1.1589"))
    for _ in range(3):
        fetch(settled(""), "2026-11-22")
    assert len(server.asked) == 2
    assert latest(landing) == [("2026-11-20", "USD", 1.1589)]


def test_what_a_listing_says_of_a_document_is_kept_with_it(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(PATH, Reply(rates("USD 2026-11-20 1.1589").encode(), headers={"ETag": '"1"'}))
    told = []

    def read_with(document: str, body: bytes) -> Mapping[str, pl.DataFrame]:
        told.append(document)
        return ecb.read(document, body)

    for about in ("provisional", "provisional", "final"):
        fetch(settled(about), "2026-11-22")
    # The second time it was settled; as something else is said of it, it is asked for whole, and is another version.
    assert [asked.headers.get("if-none-match") for asked in server.asked] == [None, None]
    assert [snapshot.about for snapshot in landing.snapshots(ecb.SOURCE.name)] == ["provisional", "final"]
    upstream.read(replace(ecb.SOURCE, read=read_with), landing)
    assert told == ["all years provisional", "all years final"]


def test_without_its_key_a_source_may_have_another_way(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(PATH, rates("USD 2026-11-20 1.1589"))
    key = Key("BANK_KEY", "https://bank.example/keys", "apiKey")
    with_key = replace(ecb.SOURCE, key=key)
    fetch(with_key, "2026-11-22")
    (entry,) = landing.entries(ecb.SOURCE.name)
    assert entry.message == "no key: set BANK_KEY; get one at https://bank.example/keys"
    fetch(replace(with_key, keyless=lambda _: [Request("without", ecb.URL)]), "2026-11-22")
    fetch(with_key, "2026-11-22", BANK_KEY="secret")
    assert [asked.query.get("apiKey") for asked in server.asked] == [None, ["secret"]]
    assert [entry.document for entry in landing.entries(ecb.SOURCE.name)] == ["daily 2026", "without", "daily 2026"]


def test_a_document_that_did_not_change_is_not_sent_again(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(PATH, Reply(rates("USD 2026-11-20 1.1589").encode(), headers={"ETag": '"1"'}))
    fetch(ecb.SOURCE, "2026-11-22")
    fetch(ecb.SOURCE, "2026-11-22")
    assert [entry.status for entry in landing.entries(ecb.SOURCE.name)] == [200, 304]
    assert latest(landing) == [("2026-11-20", "USD", 1.1589)]


def test_a_document_that_could_not_be_read_is_asked_for_whole(server: Publisher, fetch: Fetch) -> None:
    server.says(PATH, Reply(b"<html>busy</html>", headers={"ETag": '"1"'}), rates("USD 2026-11-20 1.1589"))
    fetch(ecb.SOURCE, "2026-11-22")
    fetch(ecb.SOURCE, "2026-11-22")
    assert "if-none-match" not in server.asked[-1].headers


def test_a_revision_is_a_new_version_and_as_of_sees_the_one_known_then(landing: Landing) -> None:
    printings = {"2026-11-20T17:00": "1.1500", "2026-11-23T03:00": "1.1589", "2026-11-24T03:00": "1.1589"}
    for at, rate in printings.items():
        keep(landing, at, rates(f"USD 2026-11-20 {rate}"))
    table = read(landing).tables["ecb_exchange_rates"]
    assert table["units_per_eur"].to_list() == [1.15, 1.1589]
    assert table["is_latest"].to_list() == [False, True]
    assert table["known_on"].to_list() == [dt.date(2026, 11, 20), dt.date(2026, 11, 23)]
    assert latest(landing, as_of="2026-11-22") == [("2026-11-20", "USD", 1.15)]
    assert latest(landing, as_of="2026-11-23") == [("2026-11-20", "USD", 1.1589)]
    assert latest(landing, as_of="2026-11-19") == []


def test_a_figure_that_goes_back_to_an_earlier_value_is_a_third_version(landing: Landing) -> None:
    for day, rate in {"20": "1.15", "21": "1.16", "22": "1.15"}.items():
        keep(landing, f"2026-11-{day}T17:00", rates(f"USD 2026-11-20 {rate}"))
    assert latest(landing, as_of="2026-11-21") == [("2026-11-20", "USD", 1.16)]
    assert latest(landing) == [("2026-11-20", "USD", 1.15)]
    assert read(landing).tables["ecb_exchange_rates"].height == 3


def test_the_first_version_counts_as_public_from_its_own_day(landing: Landing) -> None:
    keep(landing, "2026-11-20T17:00", rates("USD 2023-03-01 1.0684"))
    assert latest(landing, as_of="2023-03-01") == [("2023-03-01", "USD", 1.0684)]
    assert latest(landing, as_of="2023-02-28") == []


def test_a_row_that_a_newer_edition_no_longer_shows_is_withdrawn(landing: Landing) -> None:
    keep(landing, "2026-11-20T17:00", rates("USD 2026-11-19 1.15", "RUB 2026-11-19 90.0"))
    keep(landing, "2026-11-23T17:00", rates("USD 2026-11-19 1.15"))
    assert latest(landing) == [("2026-11-19", "USD", 1.15)]
    assert latest(landing, as_of="2026-11-22") == [("2026-11-19", "RUB", 90.0), ("2026-11-19", "USD", 1.15)]
    withdrawn = read(landing).tables["ecb_exchange_rates"].filter(currency="RUB")
    assert withdrawn["withdrawn_on"].to_list() == [dt.date(2026, 11, 23)]


def test_a_row_that_is_shown_again_after_it_was_withdrawn_is_a_new_version(landing: Landing) -> None:
    lira, dollar = "TRY 2026-11-19 48.0", "USD 2026-11-19 1.15"
    for day, rows in {"20": (dollar, lira), "21": (dollar,), "22": (dollar, lira)}.items():
        keep(landing, f"2026-11-{day}T17:00", rates(*rows))
    table = read(landing).tables["ecb_exchange_rates"].filter(currency="TRY")
    assert table.select("withdrawn_on", "is_latest").rows() == [(dt.date(2026, 11, 21), False), (None, True)]
    assert latest(landing, as_of="2026-11-21") == [("2026-11-19", "USD", 1.15)]
    assert read(landing).tables["ecb_exchange_rates"].filter(currency="USD").height == 1


@given(st.lists(st.tuples(*[st.sampled_from([None, 1.0, 2.0])] * 2), min_size=1, max_size=7))
def test_versions_are_the_runs_of_a_row_through_the_editions(editions: list[tuple]) -> None:
    """Each row of a document, by edition: None where it does not show it."""
    days = [dt.date(2026, 11, 1) + dt.timedelta(days=number) for number in range(len(editions))]
    readings = [
        (
            Snapshot("s", "d", str(number), 1, at := dt.datetime.combine(day, dt.time(3), dt.UTC), at, {}, Path()),
            pl.DataFrame(
                [(DAY, currency, rate) for currency, rate in zip(("JPY", "USD"), shown, strict=True) if rate],
                schema=ECB_EXCHANGE_RATES.polars_schema(),
                orient="row",
            ),
        )
        for number, (day, shown) in enumerate(zip(days, editions, strict=True))
    ]
    expected = []
    for column, currency in enumerate(("JPY", "USD")):
        shown = [None, *(edition[column] for edition in editions)]
        for number, (before, rate) in enumerate(itertools.pairwise(shown)):
            if rate is not None and rate != before:
                rest = shown[number + 1 :]
                end = number + next((n for n, other in enumerate(rest) if other != rate), len(rest))
                gone = end < len(days) and shown[end + 1] is None
                expected.append((currency, rate, days[number], days[end] if gone else None, end == len(days)))
    found = upstream.versions(readings, ECB_EXCHANGE_RATES).sort("currency", "known_on")
    assert found.select("currency", "units_per_eur", "known_on", "withdrawn_on", "is_latest").rows() == expected


def test_a_sudden_drop_is_set_aside_until_another_version_confirms_it(landing: Landing) -> None:
    """Twenty days of a rate, then five, then six that confirm them; nothing at all is no different."""
    days = [f"USD 2026-11-{day:02d} 1.15" for day in range(1, 21)]
    keep(landing, "2026-11-21T17:00", rates(*days))
    keep(landing, "2026-11-22T17:00", rates(*days[15:]))
    assert checks_failed(read(landing)) == [None, "no_sudden_drop"]
    assert len(latest(landing)) == 20
    row = freshness(landing, "2026-11-22")
    assert (row["state"], row["rows"]) == ("stale", 20)
    assert "5 rows of ecb_exchange_rates, the version before had 20" in row["message"]
    keep(landing, "2026-11-23T17:00", rates(*days[14:]))
    assert checks_failed(read(landing)) == [None, "no_sudden_drop", None]
    assert len(latest(landing)) == 6
    keep(landing, "2026-11-24T17:00", rates(*days[10:]))
    assert checks_failed(read(landing))[-1] is None


def test_a_settled_document_that_lost_its_rows_is_asked_for_again(
    server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    days = [f"USD 2024-11-{day:02d} 1.05" for day in range(1, 21)]
    keep(landing, "2025-01-30T17:00", rates(*days), "daily 2024")
    # The year is over with this one, but it has lost most of its days.
    keep(landing, "2025-02-02T17:00", rates(*days[:3]), "daily 2024")
    server.says(PATH, rates(*days))
    fetch(ecb.SOURCE, "2025-02-03", first="2024-06-01")
    assert [asked.query["startPeriod"] for asked in server.asked] == [["2023-12-01"], ["2024-12-01"]]
    assert len(latest(landing)) == 20


GOOD = rates("USD 2026-11-19 1.15").encode()


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        pytest.param(Reply(b""), "not_empty", id="empty"),
        pytest.param(Reply(b"<!DOCTYPE html><p>Maintenance"), "not_a_web_page", id="web page with status 200"),
        pytest.param(Reply(GOOD.replace(b"OBS_VALUE", b"VALUE")), "columns_as_expected", id="column renamed"),
        pytest.param(Reply(GOOD.replace(b",EUR,", b",USD,")), "unit_as_expected", id="other unit"),
        pytest.param(Reply(GOOD.replace(b"1.15", b"-1.15")), "keeps_contract: above", id="rate below zero"),
        pytest.param(Reply(GOOD.replace(b"1.15", b"1,15")), "readable", id="decimal comma"),
        pytest.param(Reply(GOOD + GOOD.split(b"\n")[1]), "keeps_contract: unique", id="row twice"),
        pytest.param(Reply(GOOD, status=503), None, id="down"),
        pytest.param(Reply(GOOD, status=404), None, id="moved away"),
        pytest.param(Reply(GOOD, cut=40), None, id="broken off"),
        pytest.param(Reply(status=302, headers={"Location": "file:///etc/passwd"}), None, id="redirect to a file"),
        pytest.param(
            Reply(status=302, headers={"Location": "http://localhost:9/"}), None, id="redirect into the house"
        ),
    ],
)
def test_the_last_good_version_is_used_when_the_newest_is_bad(
    bad: Reply, check: str | None, server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    server.says(PATH, GOOD)
    fetch(ecb.SOURCE, "2026-11-20")
    server.says(PATH, bad)
    fetch(ecb.SOURCE, "2026-11-20")
    assert latest(landing) == [("2026-11-19", "USD", 1.15)]
    assert checks_failed(read(landing))[1:] == ([check] if check else [])
    stale = freshness(landing, "2026-11-20")
    assert stale["state"] == "stale"
    assert stale["message"].startswith("daily 2026: ")


def test_a_good_answer_after_a_bad_one_makes_the_source_fresh_again(
    server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    server.says(PATH, *[Reply(status=503)] * 3, GOOD)
    fetch(ecb.SOURCE, "2026-11-20")
    assert freshness(landing, "2026-11-20")["state"] == "missing"
    fetch(ecb.SOURCE, "2026-11-20")
    assert freshness(landing, "2026-11-20")["state"] == "fresh"
    assert freshness(landing, "2026-12-01")["state"] == "late"


def test_the_age_is_that_of_what_could_not_be_renewed(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    keep(landing, "2026-11-10T17:00", rates("USD 2026-11-09 1.15"), "daily 2026")
    keep(landing, "2026-11-17T17:00", rates("USD 2025-11-09 1.15"), "daily 2025")
    server.says(PATH, Reply(status=404))
    fetch(ecb.SOURCE, "2026-11-22", first="2025-06-01")
    row = freshness(landing, "2026-11-22")
    assert (row["state"], row["age_days"], str(row["newest_period"])) == ("stale", 12, "2026-11-09")
    assert row["message"] == (
        "daily 2026: 127.0.0.1 answered with status 404; the version in use was last seen on 2026-11-10"
    )


def test_a_file_by_hand_hides_no_failure(server: Publisher, fetch: Fetch, landing: Landing, tmp_path: Path) -> None:
    fetch(ecb.SOURCE, "2026-11-22")
    (tmp_path / "hist.csv").write_text("Date,USD,JPY,GBP\n2026-11-20,1.1589,181.06,0.87\n", encoding="utf-8")
    upstream.take_files(ecb.SOURCE, landing, tmp_path)
    row = freshness(landing, "2026-11-22")
    assert (row["state"], row["rows"]) == ("stale", 3)


def test_a_source_is_as_late_as_the_table_that_is_furthest_behind(landing: Landing, tmp_path: Path) -> None:
    (tmp_path / "brent_daily.csv").write_text("Date,Price\n2026-11-20,62.5\n2026-11-23,62.7\n", encoding="utf-8")
    (tmp_path / "brent_monthly.csv").write_text("Date,Price\n2026-09-15,62.5\n", encoding="utf-8")

    def state() -> tuple[str, str]:
        upstream.take_files(eia.SOURCE, landing, tmp_path)
        row = upstream.freshness(eia.SOURCE, landing, upstream.read(eia.SOURCE, landing), dt.date(2026, 11, 24))
        return row["state"], row["message"]

    assert state() == (
        "late", "eia_spot_prices_monthly: the newest period read ends on 2026-09-30, 2026-10-31 should be out"
    )  # fmt: skip
    (tmp_path / "brent_monthly.csv").write_text("Date,Price\n2026-10-15,62.5\n", encoding="utf-8")
    assert state() == ("fresh", None)


def test_a_source_that_was_never_asked_says_so(landing: Landing) -> None:
    never = freshness(landing, "2026-11-20")
    assert (never["state"], never["message"], never["rows"]) == ("never", None, 0)


def test_a_publisher_may_redirect_on_the_web(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(PATH, Reply(status=301, headers={"Location": "/elsewhere"}))
    server.says("/elsewhere", GOOD)
    fetch(ecb.SOURCE, "2026-11-20")
    assert latest(landing) == [("2026-11-19", "USD", 1.15)]


@pytest.mark.parametrize("error", [KeyError("data"), ValueError(), pl.exceptions.PanicException("a library panicked")])
def test_an_answer_that_breaks_its_parser_is_a_fault_of_the_document(
    error: BaseException, server: Publisher, landing: Landing
) -> None:
    def broken(*_: object) -> Mapping[str, pl.DataFrame]:
        raise error

    server.says(PATH, GOOD)
    plan = Plan(dt.date(2026, 1, 1), dt.date(2026, 11, 20))
    for source in (replace(ecb.SOURCE, read=broken), replace(ecb.SOURCE, follow=broken)):
        upstream.fetch(source, landing, plan, mirror=server.url, environment={})
    assert [entry.outcome for entry in landing.entries(ecb.SOURCE.name)] == ["new", "unchanged"]
    assert checks_failed(upstream.read(replace(ecb.SOURCE, read=broken), landing)) == ["readable"]


def test_retry_after_is_kept(server: Publisher) -> None:
    server.says("/host/a", Reply(status=429, headers={"Retry-After": "1"}), b"done")
    with stamina.set_testing(False), Client(mirror=server.url) as client:
        assert client.get("https://host/a", {}, {}).body == b"done"
    first, second = (asked.at for asked in server.asked)
    assert second - first >= 1


@pytest.mark.parametrize("said", ["3600", "Fri, 31 Dec 2100 00:00:00 GMT", "Fri, 31 Dec 2100 00:00:00 -0000"])
def test_who_asks_for_more_patience_than_a_night_has_is_left_alone(
    said: str, server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    server.says(PATH, Reply(status=429, headers={"Retry-After": said}))
    fetch(ecb.SOURCE, "2026-11-22", first="2024-01-01")
    assert len(server.asked) == 1
    (entry,) = landing.entries(ecb.SOURCE.name)
    assert entry.message is not None
    assert entry.message.startswith("127.0.0.1 answered with status 429 and asks to be left alone for ")


@pytest.mark.parametrize("said", ["soon", "²", "-1", ""])
def test_a_retry_after_that_says_nothing_is_a_refusal_like_any_other(said: str, server: Publisher) -> None:
    server.says("/host/a", Reply(status=503, headers={"Retry-After": said}), b"done")
    with Client(mirror=server.url) as client:
        assert client.get("https://host/a", {}, {}).body == b"done"


def test_a_host_that_fails_again_and_again_is_left_alone(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(PATH, Reply(status=503))
    fetch(ecb.SOURCE, "2026-11-22", first="2020-01-01")
    # Three of seven years, three attempts each.
    assert len(server.asked) == 9
    last = [entry.message for entry in landing.entries(ecb.SOURCE.name)][-1]
    assert last == ("127.0.0.1 answered with status 503; as 3 requests in a row failed, nothing more was asked for")
    server.says(PATH, GOOD)
    server.asked.clear()
    fetch(ecb.SOURCE, "2026-11-22", first="2020-01-01")
    # The years that failed come last.
    asked_for = [asked.query["startPeriod"][0][:4] for asked in server.asked]
    assert asked_for == ["2022", "2023", "2024", "2025", "2019", "2020", "2021"]


def test_documents_that_are_not_there_keep_no_others_from_coming(server: Publisher, fetch: Fetch) -> None:
    fetch(ecb.SOURCE, "2026-11-22", first="2020-01-01")
    assert len(server.asked) == 7


def test_a_key_that_is_refused_is_not_tried_again(server: Publisher, fetch: Fetch) -> None:
    server.says(PATH, Reply(status=401))
    fetch(ecb.SOURCE, "2026-11-22", first="2020-01-01")
    assert len(server.asked) == 1


def test_an_answer_that_trickles_in_is_given_up(server: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SLOW_AFTER_SECONDS", 0.05)
    server.says("/host/a", Reply(b"a" * 10_000, trickle_s=0.01))
    with Client(mirror=server.url) as client, pytest.raises(FetchFailed, match="which is too slow") as failed:
        client.get("https://host/a", {}, {})
    assert failed.value.is_host_down
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "location", ["javascript:alert(1)", "http://a..b/", "https://xn--a/", f"http://{'a' * 80}.com/", "http://[::1"]
)
def test_a_redirect_to_no_address_is_a_failure_like_any_other(location: str, server: Publisher) -> None:
    server.says("/host/a", Reply(status=302, headers={"Location": location}))
    with Client(mirror=server.url) as client, pytest.raises(FetchFailed):
        client.get("https://host/a", {}, {})


def test_requests_keep_their_distance(server: Publisher) -> None:
    server.says("/host/a", b"done")
    with Client(pause_s=0.3, mirror=server.url) as client:
        for _ in range(3):
            client.get("https://host/a", {}, {})
    # Two pauses of 0.3 s, less what the first answer may have been late.
    assert server.asked[-1].at - server.asked[0].at >= 0.5


def test_a_host_that_is_down_is_given_up_after_bounded_attempts(server: Publisher, landing: Landing) -> None:
    plan = Plan(dt.date(2024, 1, 1), dt.date(2026, 11, 22))
    upstream.fetch(ecb.SOURCE, landing, plan, mirror="http://127.0.0.1:9", environment={})
    (only,) = landing.entries(ecb.SOURCE.name)
    assert only.outcome == "failed"
    assert only.message == "127.0.0.1 cannot be reached (ConnectError)"


def test_a_refusal_is_not_asked_again(server: Publisher) -> None:
    server.says("/host/a", Reply(status=403))
    with Client(mirror=server.url) as client, pytest.raises(FetchFailed, match="status 403: check the key"):
        client.get("https://host/a", {}, {})
    assert len(server.asked) == 1


def test_a_line_of_the_journal_that_a_crash_cut_short_hurts_no_other(landing: Landing) -> None:
    keep(landing, "2026-11-20T17:00", rates("USD 2026-11-19 1.15"))
    journal = landing.folder / "journal" / f"{ecb.SOURCE.name}.jsonl"
    with journal.open("a", encoding="utf-8") as half:
        half.write('{"source_name": "ecb_exch')
    keep(landing, "2026-11-21T17:00", rates("USD 2026-11-19 1.16"))
    assert latest(landing) == [("2026-11-19", "USD", 1.16)]


def test_a_snapshot_is_read_once_and_its_faults_are_remembered(landing: Landing, tmp_path: Path) -> None:
    kept = Readings(tmp_path / "readings")
    keep(landing, "2026-11-20T17:00", rates("USD 2026-11-19 1.15"))
    keep(landing, "2026-11-21T17:00", "<html>busy</html>")
    first = upstream.read(ecb.SOURCE, landing, kept=kept)
    for content in landing.folder.glob("content/*/*"):
        content.unlink()
    second = upstream.read(ecb.SOURCE, landing, kept=kept)
    assert checks_failed(first) == [None, "not_a_web_page"]
    assert second.snapshots.equals(first.snapshots)
    assert second.tables["ecb_exchange_rates"].equals(first.tables["ecb_exchange_rates"])


def test_bytes_that_are_gone_or_damaged_are_told(landing: Landing) -> None:
    keep(landing, "2026-11-20T17:00", rates("USD 2026-11-19 1.15"))
    keep(landing, "2026-11-21T17:00", rates("USD 2026-11-19 1.16"))
    first, second = (snapshot.path for snapshot in landing.snapshots(ecb.SOURCE.name))
    first.write_bytes(first.read_bytes()[:-12])
    second.unlink()
    assert checks_failed(read(landing)) == ["readable", "readable"]


def test_files_put_there_by_people_are_read_like_answers(landing: Landing, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "hist.csv").write_text("Date,USD,JPY,GBP,\n2026-11-20,1.1589,181.06,N/A,\n", encoding="utf-8")
    (folder / "link.csv").symlink_to("/etc/hostname")
    for _ in range(2):
        upstream.take_files(ecb.SOURCE, landing, folder)
    assert [snapshot.document for snapshot in landing.snapshots(ecb.SOURCE.name)] == ["file hist.csv"]
    assert latest(landing) == [("2026-11-20", "JPY", 181.06), ("2026-11-20", "USD", 1.1589)]


def keep(landing: Landing, at: str, body: str, document: str = "daily 2026") -> None:
    """An answer of the bank as it landed at a time (UTC)."""
    when = dt.datetime.fromisoformat(at).replace(tzinfo=dt.UTC)
    digest = landing.keep(body.encode())
    landing.note(Entry(ecb.SOURCE.name, document, ecb.URL, when, at, "new", 200, sha256=digest, size_bytes=len(body)))


def test_the_same_bytes_at_the_same_time_are_stored_once(landing: Landing) -> None:
    # As sources that are fetched beside each other may give them.
    together = threading.Barrier(8)

    def keep(_: int) -> list[str]:
        digests = []
        for number in range(40):
            together.wait(timeout=60)
            digests.append(landing.keep(f"answer {number}".encode() * 1_000))
        return digests

    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(keep, range(8)))
    assert len({tuple(digests) for digests in kept}) == 1
    stored = [file.name for file in landing.folder.rglob("*") if file.is_file()]
    assert sorted(stored) == sorted(f"{digest}.gz" for digest in kept[0])
