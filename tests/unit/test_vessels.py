"""Cargoes carried by listed vessels, and the table of listings behind them.

Here: the listings as published, who had a vessel on the list on a loading day, and what was known on a day.
Add here: a case worked out by hand from the published listing days.
Keep out: verdicts on the price cap.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pytest

from pipelines.assets import analysis
from pipelines.contracts.cargoes import CARGOES, VERDICTS
from pipelines.contracts.marts import LISTED_VESSEL_CARGOES
from pipelines.contracts.reference import LISTED_VESSELS
from pipelines.contracts.table import Table
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.transforms.vessels import listings_on_loading, namesakes
from pipelines.warehouse.store import Store
from tests.support import store_rows

DAY = dt.date.fromisoformat
REFERENCE = Reference.load()
LISTED = REFERENCE.listed_vessels
EXEMPTIONS = Rulebook.load().exemptions

VOYAGER, TURBO_VOYAGER, YASA, ZALIV_BAIKAL = "9843560", "9299898", "9334038", "9360128"
OFAC_COPY = "2026-03-20"


def cargo(imo: str | None, first: str, last: str | None = None, name: str | None = None) -> dict[str, object]:
    return {
        "shipment_id": "C-1",
        "vessel_imo": imo,
        "vessel_name": name,
        "loading_first": DAY(first),
        "loading_last": DAY(last or first),
    }


def listing(listed: str | None = None, known: str = OFAC_COPY, delisted: str | None = None) -> dict[str, object]:
    return {
        "vessel_imo": "9074729",
        "vessel_name": "EXAMPLE",
        "authority": "US",
        "listed_on": listed and DAY(listed),
        "known_listed_on": DAY(known),
        "delisted_on": delisted and DAY(delisted),
    }


def frame(table: Table, rows: Iterable[dict]) -> pl.DataFrame:
    schema = table.polars_schema()
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def found(cargoes: Iterable[dict], listed: pl.DataFrame = LISTED, verdicts: Iterable[dict] = ()) -> pl.DataFrame:
    rows = listings_on_loading(
        frame(CARGOES, cargoes).lazy(), listed, frame(VERDICTS, verdicts).lazy(), EXEMPTIONS
    ).collect()
    assert LISTED_VESSEL_CARGOES.failures(rows).is_empty()
    return rows


def statuses(*cargoes: dict, listed: pl.DataFrame = LISTED) -> dict[str, str]:
    return dict(found(cargoes, listed).select("authority", "status").iter_rows())


# --- the listings as published


def test_uk_designations_by_day() -> None:
    # Ships of the Russia regime on the UK list of 2026-05-13, counted by day of designation: 595.
    by_day = Counter(LISTED.filter(pl.col("authority") == "UK")["listed_on"].to_list())
    assert {day.isoformat(): ships for day, ships in by_day.items()} == {
        "2024-07-31": 17,
        "2024-09-10": 5,
        "2024-09-11": 10,
        "2024-09-26": 5,
        "2024-10-17": 22,
        "2024-11-18": 1,
        "2024-11-25": 30,
        "2024-12-17": 20,
        "2025-02-24": 40,
        "2025-05-09": 101,
        "2025-05-20": 18,
        "2025-06-17": 20,
        "2025-07-21": 135,
        "2025-09-12": 70,
        "2025-09-19": 2,
        "2025-10-15": 49,
        "2026-02-24": 50,
    }


def test_us_listing_days_come_from_releases_and_are_unknown_elsewhere() -> None:
    # Price-cap cases: 2 + 3 + 3 + 1; Hennesea 18 less HS Atlantica, listed before; Sovcomflot 14; Voyager 1.
    us = LISTED.filter(pl.col("authority") == "US")
    by_day = Counter(us["listed_on"].drop_nulls().to_list())
    assert {day.isoformat(): ships for day, ships in by_day.items()} == {
        "2023-10-12": 2,
        "2023-11-16": 3,
        "2023-12-01": 3,
        "2024-01-18": 17,
        "2024-02-08": 1,
        "2024-02-23": 14,
        "2025-01-10": 1,
    }
    # 215 listed kinds of tanker less one LPG tanker on the list of 2026-03-20, and one vessel that had left it.
    assert us.height == 214 + 1
    assert set(us.filter(pl.col("vessel_imo") != YASA)["known_listed_on"]) == {DAY(OFAC_COPY)}


@pytest.mark.parametrize(
    ("imo", "authority", "listed", "known", "delisted"),
    [
        (VOYAGER, "US", "2025-01-10", OFAC_COPY, None),
        (VOYAGER, "EU", None, "2025-02-28", None),
        (VOYAGER, "UK", "2025-07-21", "2026-05-13", None),
        (TURBO_VOYAGER, "UK", "2024-10-17", "2026-05-13", None),
        (YASA, "US", "2023-10-12", "2023-10-12", "2024-04-26"),
        (ZALIV_BAIKAL, "US", None, OFAC_COPY, None),
        (ZALIV_BAIKAL, "UK", "2025-07-21", "2026-05-13", None),
        # HS Atlantica: a price-cap case before it was named again with the Hennesea fleet.
        ("9322839", "US", "2023-12-01", OFAC_COPY, None),
    ],
)
def test_listing_as_published(imo: str, authority: str, listed: str, known: str, delisted: str) -> None:
    (row,) = LISTED.filter(vessel_imo=imo, authority=authority).to_dicts()
    days = [row[column] and row[column].isoformat() for column in ("listed_on", "known_listed_on", "delisted_on")]
    assert days == [listed, known, delisted]


@pytest.mark.parametrize(
    ("row", "check"),
    [
        (listing(listed="2025-01-10", known="2025-01-09"), "known_from_listing"),
        (listing(known="2025-01-10", delisted="2025-01-10"), "delisted_after_known"),
    ],
)
def test_listings_run_forward(row: dict, check: str) -> None:
    assert LISTED_VESSELS.failures(frame(LISTED_VESSELS, [{**row, "source": "F-X"}]))["check"].to_list() == [check]


# --- who had the vessel on the list on the loading day


def test_voyager_of_may_2025() -> None:
    # Loaded 2025-05-25: after the US (10 January) and the EU (February), before the UK (21 July).
    cargo_of_may = cargo(VOYAGER, "2025-05-25", name="Voyager")
    assert statuses(cargo_of_may) == {"US": "listed", "EU": "listed", "UK": "listed_later"}
    assert set(found([cargo_of_may])["vessel_name"]) == {"Voyager"}


def test_voyager_between_the_days_that_are_known() -> None:
    # 2025-02-10: the EU listed it in February, before or after that day.
    assert statuses(cargo(VOYAGER, "2025-02-10")) == {"US": "listed", "EU": "possibly_listed", "UK": "listed_later"}


def test_a_like_name_is_no_match() -> None:
    assert statuses(cargo(TURBO_VOYAGER, "2025-05-25", name="Voyager")) == {"UK": "listed"}
    assert statuses(cargo(None, "2025-05-25", name="Voyager")) == {}
    assert statuses(cargo("9074729", "2025-05-25", name="Voyager")) == {}


def namesakes_of(*cargoes: dict) -> list[tuple]:
    found = namesakes(frame(CARGOES, cargoes).lazy(), LISTED).collect()
    return found.select("vessel_imo", "authority", "listed_name", "listed_imo").rows()


def test_a_name_without_its_number_is_told_but_not_matched() -> None:
    # Voyager is on three lists; a cargo that gives only the name, in whatever letters, is worth a look.
    assert namesakes_of(cargo(None, "2025-05-25", name=" voyager ")) == [
        (None, authority, "VOYAGER", VOYAGER) for authority in ("EU", "UK", "US")
    ]
    assert namesakes_of(cargo("9074729", "2025-05-25", name="Voyager"))[0] == ("9074729", "EU", "VOYAGER", VOYAGER)
    # Turbo Voyager is another name, a vessel on the list itself is no namesake, and no name is like none.
    assert namesakes_of(cargo(TURBO_VOYAGER, "2025-05-25", name="Turbo Voyager")) == []
    assert namesakes_of(cargo(VOYAGER, "2025-05-25", name="Voyager"), cargo(None, "2025-05-25")) == []


def test_a_match_by_name_would_stop_the_night(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store_rows(store, CARGOES, frame(CARGOES, [cargo(TURBO_VOYAGER, "2025-05-25", name="Voyager")]))
    store.write(LISTED_VESSELS, LISTED)
    by_number = found([cargo(TURBO_VOYAGER, "2025-05-25", name="Voyager")])
    by_name = by_number.with_columns(authority=pl.lit("US"))
    assert analysis._matched_by_number(by_number, store).rows_failed == 0
    assert analysis._matched_by_number(by_name, store).rows_failed == 1


@pytest.mark.parametrize(
    ("first", "last", "status"),
    [
        ("2023-04-03", None, "listed_later"),
        ("2023-10-11", None, "listed_later"),
        ("2023-10-12", None, "listed"),
        ("2023-10-01", "2023-10-12", "possibly_listed"),
        ("2024-04-25", None, "listed"),
        ("2024-04-20", "2024-04-26", "possibly_listed"),
        ("2024-04-26", None, "delisted_before"),
        ("2024-05-10", None, "delisted_before"),
        ("2023-04-03", "2024-05-10", "possibly_listed"),
    ],
)
def test_yasa_golden_bosphorus(first: str, last: str | None, status: str) -> None:
    # On the US list from 2023-10-12 to 2024-04-25, off it from 2024-04-26.
    assert statuses(cargo(YASA, first, last)) == {"US": status}


@pytest.mark.parametrize(
    ("first", "last", "status"),
    [
        ("2025-06-10", None, "possibly_listed"),
        ("2026-04-02", None, "listed"),
        (OFAC_COPY, None, "listed"),
        ("2026-03-19", "2026-03-21", "possibly_listed"),
    ],
)
def test_vessel_whose_listing_day_is_not_known(first: str, last: str | None, status: str) -> None:
    assert statuses(cargo(ZALIV_BAIKAL, first, last))["US"] == status


def test_unknown_listing_day_with_a_delisting() -> None:
    listed = frame(LISTED_VESSELS, [listing(known="2025-02-28", delisted="2025-06-01")])
    by_day = {
        day: statuses(cargo("9074729", day), listed=listed)["US"]
        for day in ("2025-01-15", "2025-02-28", "2025-05-31", "2025-06-01")
    }
    assert list(by_day.values()) == ["possibly_listed", "listed", "listed", "delisted_before"]


def test_a_vessel_listed_again_gives_one_row() -> None:
    # Off the list from 2024-04-26 and on it again from 2025-01-10.
    again = [
        listing(listed="2023-10-12", known="2023-10-12", delisted="2024-04-26"),
        listing(listed="2025-01-10", known="2025-01-10"),
    ]
    for listed in (frame(LISTED_VESSELS, again), frame(LISTED_VESSELS, again[::-1])):
        assert statuses(cargo("9074729", "2024-01-01"), listed=listed) == {"US": "listed"}
        assert statuses(cargo("9074729", "2025-02-01"), listed=listed) == {"US": "listed"}
        assert statuses(cargo("9074729", "2024-04-25", "2024-04-26"), listed=listed) == {"US": "possibly_listed"}


# --- the licence


def test_the_licence_is_that_of_the_authority() -> None:
    # GL 55C authorises no dealings with blocked persons; of Annex XXIX that is not known; the UK gave no licence.
    rows = found(
        [cargo(VOYAGER, "2025-05-25")],
        verdicts=[
            {"shipment_id": "C-1", "regime": "US", "exemption_id": "S2-US-3"},
            {"shipment_id": "C-1", "regime": "EU", "exemption_id": "S2-EU-3"},
            {"shipment_id": "C-1", "regime": "UK"},
            {"shipment_id": "C-1", "regime": "JP", "exemption_id": "S2-JP"},
            {"shipment_id": "C-2", "regime": "UK", "exemption_id": "S2-UK-2"},
        ],
    )
    assert rows.select("authority", "exemption_id", "licence_names_listed_vessels").rows() == [
        ("EU", "S2-EU-3", "unknown"),
        ("UK", None, None),
        ("US", "S2-US-3", "not_named"),
    ]


def test_which_licences_name_listed_vessels() -> None:
    words = dict(EXEMPTIONS.select("id", "listed_vessels").iter_rows())
    assert {id for id, word in words.items() if word == "named"} == {"L-13"}  # GL 134
    assert {id for id, word in words.items() if word == "not_named"} == {f"S2-US-{n}" for n in range(7)}  # GL 55


# --- what was known on a day


def known_on(day: str, imo: str) -> dict[str, tuple[str | None, str, str | None]]:
    rows = REFERENCE.as_of(DAY(day)).listed_vessels.filter(vessel_imo=imo)
    columns = ("listed_on", "known_listed_on", "delisted_on")
    return {row["authority"]: tuple(row[c] and row[c].isoformat() for c in columns) for row in rows.to_dicts()}


def test_a_later_listing_is_not_yet_known() -> None:
    assert known_on("2025-01-09", VOYAGER) == {}
    # The listing is known, the copies of 2026 that show it are not.
    us = ("2025-01-10", "2025-01-10", None)
    assert known_on("2025-02-27", VOYAGER) == {"US": us}
    assert known_on("2025-05-25", VOYAGER) == {"US": us, "EU": (None, "2025-02-28", None)}
    assert known_on("2026-03-20", VOYAGER)["US"] == ("2025-01-10", OFAC_COPY, None)
    # A listing whose day is not known is known from the copy that shows it.
    assert "US" not in known_on("2026-03-19", ZALIV_BAIKAL)
    assert known_on("2026-03-20", ZALIV_BAIKAL)["US"] == (None, OFAC_COPY, None)


def test_a_later_delisting_is_not_yet_known() -> None:
    assert known_on("2024-04-25", YASA) == {"US": ("2023-10-12", "2023-10-12", None)}
    assert known_on("2024-04-26", YASA) == {"US": ("2023-10-12", "2023-10-12", "2024-04-26")}


@pytest.mark.parametrize("day", ["2023-11-30", "2025-08-01", "2026-04-01"])
def test_what_is_known_on_a_day_keeps_the_contract(day: str) -> None:
    assert LISTED_VESSELS.failures(REFERENCE.as_of(DAY(day)).listed_vessels).is_empty()
