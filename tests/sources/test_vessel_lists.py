"""The lists of vessels of OFAC and the United Kingdom: what is read, what is refused, and when a vessel was listed."""

import datetime as dt
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.reference import LISTED_VESSELS
from pipelines.sources import upstream
from pipelines.sources.publishers import ofac, uk_sanctions
from pipelines.sources.publishers.vessel_lists import QUIRKS
from pipelines.sources.reference import Reference
from pipelines.sources.snapshots import Entry, Landing
from pipelines.sources.upstream import Source
from pipelines.transforms.listings import FetchedList, renewed
from tests.publisher_server import Publisher
from tests.real_files import real_file
from tests.sources.conftest import Fetch, checks_failed
from tests.sources.lists import SDN_OTHERS, UK_HEADER, imo, sdn, sdn_vessel, uk, uk_row

DAY = dt.date.fromisoformat
SDN_PATH = "/sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/SDN.CSV"
UK_PATH = "/sanctionslist.fcdo.gov.uk/docs/UK-Sanctions-List.csv"
VOYAGER, TURBO_VOYAGER = "9843560", "9299898"
OFAC_EXTRACT, UK_SHIPS = "ofac_sdn_russia_vessels_2026-03-20.csv", "uk_sanctions_list_ships_2026-05-13.csv"


def keep(landing: Landing, source: Source, at: str, body: str | bytes, document: str) -> None:
    """A document as it landed at a time (UTC)."""
    content = body.encode() if isinstance(body, str) else body
    when = dt.datetime.fromisoformat(at).replace(tzinfo=dt.UTC)
    digest = landing.keep(content)
    landing.note(
        Entry(source.name, document, "", when, at, "new", 200, sha256=digest, size_bytes=len(content), headers={})
    )


def keep_sdn(landing: Landing, at: str, *vessels: str) -> None:
    keep(landing, ofac.SOURCE, at, sdn(*vessels), "SDN.CSV")


def keep_uk(landing: Landing, at: str, report: str, *rows: dict[str, str]) -> None:
    keep(landing, uk_sanctions.SOURCE, at, uk(report, *rows), "UK-Sanctions-List.csv")


def table(landing: Landing, source: Source, as_of: str | None = None) -> pl.DataFrame:
    (only,) = upstream.read(source, landing, as_of and DAY(as_of)).tables.values()
    return only


def rows_of(frame: pl.DataFrame, *numbers: str) -> list[dict]:
    return frame.filter(pl.col("vessel_imo").is_in(numbers)).sort("vessel_imo", "known_on").to_dicts()


def listings(
    landing: Landing, source: Source, authority: str, shipped: pl.DataFrame | None = None, as_of: str | None = None
) -> pl.DataFrame:
    """`reference.listed_vessels` after a night on this landing folder."""
    day = as_of and DAY(as_of)
    reading = upstream.read(source, landing, day)
    editions = [on for on in reading.snapshots["edition_on"].drop_nulls() if day is None or on <= day]
    (frame,) = reading.tables.values()
    shipped = LISTED_VESSELS.empty() if shipped is None else shipped
    frame = renewed(shipped, [FetchedList(authority, f"F-{authority}", frame, editions)], day)
    assert LISTED_VESSELS.failures(frame).is_empty()
    return frame


def days(listed: pl.DataFrame, number: str) -> list[tuple[str | None, str, str | None]]:
    """listed_on, known_listed_on, delisted_on of a vessel's listings."""
    found = listed.filter(vessel_imo=number).sort("known_listed_on")
    wanted = found.select("listed_on", "known_listed_on", "delisted_on")
    return [tuple(day and day.isoformat() for day in row) for row in wanted.iter_rows()]


# --- OFAC's list as it is published


def test_vessels_of_the_us_list(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(
        SDN_PATH,
        sdn(
            sdn_vessel(48001, "VOYAGER", VOYAGER, "RUSSIA-EO14024] [UKRAINE-EO13662"),
            sdn_vessel(48002, "NO NUMBER", None, kind="Tug"),
            sdn_vessel(48003, "SLIP OF THE PEN", "9843561"),
        ),
    )
    fetch(ofac.SOURCE, "2026-11-22")
    # Without a User-Agent the list answers with status 403.
    assert server.asked[0].headers["user-agent"].startswith("plimsoll/")
    found = table(landing, ofac.SOURCE).sort("list_reference").filter(pl.col("list_reference").str.starts_with("48"))
    assert found.select(
        "list_reference", "vessel_name", "vessel_imo", "imo_as_published", "programme", "vessel_type", "flag", "listed_on"
    ).rows() == [
        ("48001", "VOYAGER", VOYAGER, "IMO 9843560", "RUSSIA-EO14024;UKRAINE-EO13662", "Crude Oil Tanker", "Russia", None),
        ("48002", "NO NUMBER", None, None, "RUSSIA-EO14024", "Tug", "Russia", None),
        ("48003", "SLIP OF THE PEN", None, "IMO 9843561", "RUSSIA-EO14024", "Crude Oil Tanker", "Russia", None),
    ]  # fmt: skip
    assert table(landing, ofac.SOURCE).height == 1003


def test_persons_and_companies_reach_no_table(landing: Landing) -> None:
    keep_sdn(landing, "2026-11-22T03:00")
    keep_uk(landing, "2026-11-22T03:00", "20-Nov-2026")
    for source in (ofac.SOURCE, uk_sanctions.SOURCE):
        reading = upstream.read(source, landing)
        said = str([frame.to_dicts() for frame in (*reading.tables.values(), reading.snapshots)])
        assert not any(name in said for name in ("DOE", "AEROCARIBBEAN", "EP-GOL"))


def test_what_is_wrong_with_a_list_is_told_without_naming_persons(landing: Landing) -> None:
    cut = "\r\n".join(SDN_OTHERS)[:-40]
    keep(landing, ofac.SOURCE, "2026-11-22T03:00", cut.removesuffix(",-0- "), "SDN.CSV")
    (message,) = upstream.read(ofac.SOURCE, landing).snapshots["message"]
    assert not any(name in message for name in ("DOE", "John", "1953"))


GOOD_SDN = sdn(sdn_vessel(48001, "VOYAGER", VOYAGER))
GOOD_UK = uk("20-Nov-2026", uk_row("RUS2906", "VOYAGER", "IMO9843560", "21/07/2025"))


@pytest.mark.parametrize(
    ("source", "document", "body", "check"),
    [
        (ofac.SOURCE, "SDN.CSV", sdn(others=300), "volume_in_band"),
        (ofac.SOURCE, "SDN.CSV", GOOD_SDN[: len(GOOD_SDN) // 3], "columns_as_expected"),
        (ofac.SOURCE, "SDN.CSV", GOOD_SDN.replace('"vessel"', '"ship"'), "columns_as_expected"),
        (ofac.SOURCE, "SDN.CSV", GOOD_SDN.replace('"Russia"', '"Russia","x"'), "columns_as_expected"),
        (ofac.SOURCE, "SDN.CSV", GOOD_SDN.replace("Vessel Registration Identification ", ""), "fill_rate_in_band"),
        (ofac.SOURCE, "SDN.CSV", GOOD_SDN + "\r\n" + sdn_vessel(48001, "VOYAGER", VOYAGER), "keeps_contract: unique"),
        (ofac.SOURCE, "SDN.CSV", "<html>Access denied</html>", "not_a_web_page"),
        (ofac.SOURCE, "file sdn.csv", GOOD_SDN, "dated"),
        (ofac.SOURCE, "file sdn_2026-13-45.csv", GOOD_SDN, "dated"),
        (uk_sanctions.SOURCE, "UK", uk("20-Nov-2026", others=300), "volume_in_band"),
        (uk_sanctions.SOURCE, "UK", GOOD_UK.replace("IMO number", "IMO"), "columns_as_expected"),
        (uk_sanctions.SOURCE, "UK", GOOD_UK.replace("Type of ship", "Kind of ship"), "columns_as_expected"),
        (uk_sanctions.SOURCE, "UK", GOOD_UK.replace("Designation Type", "Kind"), "columns_as_expected"),
        (uk_sanctions.SOURCE, "UK", GOOD_UK.split("\n", 1)[1], "columns_as_expected"),
        (uk_sanctions.SOURCE, "UK", GOOD_UK.replace("20-Nov-2026", "20/11/2026"), "dated"),
        (uk_sanctions.SOURCE, "UK", GOOD_UK.replace("21/07/2025", "2025-07-21"), "dates_as_expected"),
        (uk_sanctions.SOURCE, "UK", GOOD_UK.replace("/03/2025", "/13/2025"), "dates_as_expected"),
    ],
)  # fmt: skip
def test_a_list_that_is_not_whole_or_not_as_before_is_set_aside(
    source: Source, document: str, body: str, check: str, landing: Landing
) -> None:
    keep(landing, source, "2026-11-21T03:00", GOOD_SDN if source is ofac.SOURCE else GOOD_UK, document[:3])
    keep(landing, source, "2026-11-22T03:00", body, document)
    assert checks_failed(upstream.read(source, landing)) == [None, check]
    # The last good list stays in force.
    assert [row["is_latest"] for row in rows_of(table(landing, source), VOYAGER)] == [True]


# --- the UK list as it is published


def test_ships_of_the_uk_list(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(
        UK_PATH,
        uk(
            "21-Sep-2026",
            # One row for each name and address; the primary name need not come first.
            uk_row("RUS2906", "VERNADSKY PROSPECT", "IMO9843560", "21/07/2025", **{"Name type": "Alias"}),
            uk_row("RUS2906", "VOYAGER", "IMO9843560", "21/07/2025"),
            uk_row("RUS2906", "VOYAGER", "IMO9843560", "24/07/2025", **{"Regime Name": "another"}),
            uk_row("DPR0076", "Hao Fan 6", "8628597", "03/10/2017", **{"Sanctions Imposed": "", "Type of ship": ""}),
            uk_row("DPR0120", "Min Ning De You 078", "", "30/03/2018"),
        ),
    )
    fetch(uk_sanctions.SOURCE, "2026-11-22")
    found = table(landing, uk_sanctions.SOURCE).filter(
        pl.col("list_reference").is_in(["RUS2906", "DPR0076", "DPR0120"])
    )
    rows = found.sort("list_reference").drop("fetched_at", "last_seen_at", "sha256", "withdrawn_on").to_dicts()
    port_ban = "Prohibition of port entry;Movement of ships"
    about = {"list_date": DAY("2026-09-21"), "is_latest": True, "document": "UK-Sanctions-List.csv"}
    assert rows == [
        {"vessel_imo": "8628597", "imo_as_published": "8628597", "vessel_name": "Hao Fan 6", "other_names": None,
         "programme": "DPR", "list_reference": "DPR0076", "listed_on": DAY("2017-10-03"), "measures": None,
         "vessel_type": None, "flag": "Gabon", "known_on": DAY("2017-10-03"), **about},
        {"vessel_imo": None, "imo_as_published": None, "vessel_name": "Min Ning De You 078", "other_names": None,
         "programme": "DPR", "list_reference": "DPR0120", "listed_on": DAY("2018-03-30"), "measures": port_ban,
         "vessel_type": "Crude oil tanker", "flag": "Gabon", "known_on": DAY("2018-03-30"), **about},
        {"vessel_imo": VOYAGER, "imo_as_published": "IMO9843560", "vessel_name": "VOYAGER",
         "other_names": "VERNADSKY PROSPECT", "programme": "RUS", "list_reference": "RUS2906",
         "listed_on": DAY("2025-07-21"), "measures": port_ban, "vessel_type": "Crude oil tanker", "flag": "Gabon",
         "known_on": DAY("2025-07-21"), **about},
    ]  # fmt: skip
    assert table(landing, uk_sanctions.SOURCE).height == 503


def test_the_uk_list_under_its_other_column_names(landing: Landing) -> None:
    names = {
        "Designation Type": "Individual, Entity, Ship",
        "Current believed flag of ship": "Current flag",
        "Type of ship": "Type of vessel",
    }
    row = {names.get(name, name): cell for name, cell in uk_row("RUS1", "A", VOYAGER, "21/07/2025").items()}
    header = [names.get(name, name) for name in UK_HEADER]
    body = uk("21-Sep-2026", row, others=0, header=header)
    (ship,) = uk_sanctions.read("UK", body.encode())["uk_listed_vessels"].to_dicts()
    assert (ship["vessel_imo"], ship["flag"], ship["vessel_type"]) == (VOYAGER, "Gabon", "Crude oil tanker")


# --- editions: when a vessel was put on a list and taken off it


def test_listing_and_delisting_days_come_from_the_editions(landing: Landing) -> None:
    turbo, voyager = sdn_vessel(1, "TURBO VOYAGER", TURBO_VOYAGER), sdn_vessel(2, "VOYAGER", VOYAGER)
    keep_sdn(landing, "2026-11-01T03:00", turbo)
    keep_sdn(landing, "2026-11-05T03:00", turbo, voyager)
    keep_sdn(landing, "2026-11-09T03:00", voyager)
    keep_sdn(landing, "2026-11-14T03:00", voyager, turbo)
    listed = listings(landing, ofac.SOURCE, "US")
    assert days(listed, TURBO_VOYAGER) == [(None, "2026-11-01", "2026-11-09"), (None, "2026-11-14", None)]
    assert days(listed, VOYAGER) == [(None, "2026-11-05", None)]
    # As known on earlier days.
    assert days(listings(landing, ofac.SOURCE, "US", as_of="2026-11-08"), TURBO_VOYAGER) == [(None, "2026-11-01", None)]
    assert days(listings(landing, ofac.SOURCE, "US", as_of="2026-11-04"), VOYAGER) == []


def test_what_a_list_says_about_a_vessel_may_change_without_a_new_listing(landing: Landing) -> None:
    keep_sdn(landing, "2026-11-01T03:00", sdn_vessel(1, "VOYAGER", VOYAGER))
    keep_sdn(landing, "2026-11-05T03:00", sdn_vessel(1, "LEGATE", VOYAGER, "RUSSIA-EO14024] [SDGT"))
    # A new entry takes the place of the old one.
    keep_sdn(landing, "2026-11-09T03:00", sdn_vessel(77, "LEGATE", VOYAGER))
    listed = listings(landing, ofac.SOURCE, "US")
    assert days(listed, VOYAGER) == [(None, "2026-11-01", None)]
    (row,) = listed.filter(vessel_imo=VOYAGER).to_dicts()
    assert (row["vessel_name"], row["programme"], row["list_reference"]) == ("LEGATE", "RUSSIA-EO14024", "77")


def test_the_uk_list_gives_the_listing_day_and_as_of_knows_it_from_then(landing: Landing) -> None:
    keep_uk(landing, "2026-09-22T03:00", "21-Sep-2026", uk_row("RUS2906", "VOYAGER", "IMO9843560", "21/07/2025"))
    keep_uk(landing, "2026-10-02T03:00", "01-Oct-2026")
    listed = listings(landing, uk_sanctions.SOURCE, "UK")
    assert days(listed, VOYAGER) == [("2025-07-21", "2026-09-21", "2026-10-01")]
    # The designation was public on its day, the edition that shows it was not out.
    on_the_day = listings(landing, uk_sanctions.SOURCE, "UK", as_of="2025-07-21")
    assert days(on_the_day, VOYAGER) == [("2025-07-21", "2025-07-21", None)]
    assert days(listings(landing, uk_sanctions.SOURCE, "UK", as_of="2025-07-20"), VOYAGER) == []


def test_old_copies_that_land_late_extend_the_history(landing: Landing) -> None:
    voyager, turbo = sdn_vessel(1, "VOYAGER", VOYAGER), sdn_vessel(2, "TURBO VOYAGER", TURBO_VOYAGER)
    keep_sdn(landing, "2026-11-05T03:00", voyager)
    keep(landing, ofac.SOURCE, "2026-11-06T03:00", sdn(turbo), "file sdn_2025-01-08.csv")
    keep(landing, ofac.SOURCE, "2026-11-06T03:01", sdn(voyager, turbo), "file sdn_2025-01-10.csv")
    listed = listings(landing, ofac.SOURCE, "US")
    assert days(listed, VOYAGER) == [(None, "2025-01-10", None)]
    assert days(listed, TURBO_VOYAGER) == [(None, "2025-01-08", "2026-11-05")]
    (voyager_now,) = rows_of(table(landing, ofac.SOURCE), VOYAGER)
    assert (voyager_now["is_latest"], voyager_now["list_date"]) == (True, DAY("2025-01-10"))


def test_a_part_of_a_list_does_not_say_what_it_leaves_out(landing: Landing) -> None:
    header = "imo,name,programs,vessel_type,flag,call_sign,list_publication_date\n"
    extract = header + f"{TURBO_VOYAGER},TURBO VOYAGER,RUSSIA-EO14024|SDGT,Tanker,Panama,ABC,2026-03-20\n"
    keep(landing, ofac.SOURCE, "2026-11-06T03:00", extract, "file extract.csv")
    keep(landing, ofac.SOURCE, "2026-11-06T03:01", sdn(sdn_vessel(1, "V", VOYAGER)), "file sdn_2026-03-01.csv")
    keep_sdn(landing, "2026-11-07T03:00", sdn_vessel(1, "V", VOYAGER))
    listed = listings(landing, ofac.SOURCE, "US")
    assert days(listed, VOYAGER) == [(None, "2026-03-01", None)]
    assert days(listed, TURBO_VOYAGER) == [(None, "2026-03-20", "2026-11-07")]


# --- together with the shipped listings


SHIPPED = Reference.load().listed_vessels
EXAMPLE = imo(907472)  # 9074729


def shipped_row(known: str, listed: str | None = None, delisted: str | None = None) -> pl.DataFrame:
    row = {"vessel_imo": EXAMPLE, "vessel_name": "SHIPPED", "authority": "US", "listed_on": listed and DAY(listed),
           "known_listed_on": DAY(known), "delisted_on": delisted and DAY(delisted), "source": "F-PRESS"}  # fmt: skip
    return pl.DataFrame([row], schema=LISTED_VESSELS.polars_schema())


ON, OFF = [sdn_vessel(9, "FETCHED", EXAMPLE)], []


@pytest.mark.parametrize(
    ("shipped", "editions", "expected"),
    [
        pytest.param(
            shipped_row("2026-03-20"), {"2026-11-01": ON}, [(None, "2026-03-20", None)],
            id="still on the list",
        ),
        pytest.param(
            shipped_row("2026-03-20", "2025-01-10"), {"2026-11-01": ON, "2026-11-05": OFF},
            [("2025-01-10", "2026-03-20", "2026-11-05")], id="delisted since; the press told the day of listing",
        ),
        pytest.param(
            shipped_row("2026-03-20"), {"2026-11-01": OFF, "2026-11-05": OFF}, [(None, "2026-03-20", "2026-11-01")],
            id="gone from the first edition after",
        ),
        pytest.param(
            shipped_row("2026-03-20"), {"2026-01-01": OFF}, [(None, "2026-03-20", None)],
            id="an edition before says nothing",
        ),
        pytest.param(
            shipped_row("2026-03-20"), {"2026-01-01": ON, "2026-11-01": ON}, [(None, "2026-01-01", None)],
            id="an edition before shows it earlier",
        ),
        pytest.param(
            shipped_row("2026-03-20"), {"2026-11-01": OFF, "2026-11-05": ON},
            [(None, "2026-03-20", "2026-11-01"), (None, "2026-11-05", None)], id="off and on again",
        ),
        pytest.param(
            shipped_row("2023-10-12", "2023-10-12", "2024-04-26"), {"2026-11-01": OFF},
            [("2023-10-12", "2023-10-12", "2024-04-26")], id="delisted before anything was fetched",
        ),
        pytest.param(
            shipped_row("2023-10-12", "2023-10-12", "2024-04-26"), {"2024-01-01": ON, "2024-06-01": OFF, "2026-11-01": ON},
            [("2023-10-12", "2023-10-12", "2024-04-26"), (None, "2026-11-01", None)],
            id="a known day of delisting stands, and a later listing is another one",
        ),
    ],
)  # fmt: skip
def test_shipped_listings_go_on_end_or_begin_again(
    shipped: pl.DataFrame, editions: dict, expected: list, landing: Landing
) -> None:
    for number, (day, vessels) in enumerate(editions.items()):
        keep(landing, ofac.SOURCE, f"2026-11-20T03:0{number}", sdn(*vessels), f"file sdn_{day}.csv")
    assert days(listings(landing, ofac.SOURCE, "US", shipped), EXAMPLE) == expected


def test_nothing_fetched_changes_nothing(landing: Landing) -> None:
    listed = listings(landing, ofac.SOURCE, "US", SHIPPED)
    assert listed.equals(SHIPPED.sort("vessel_imo", "authority", "known_listed_on"))


def test_other_authorities_listings_are_left_alone(landing: Landing) -> None:
    keep_sdn(landing, "2026-11-01T03:00")
    listed = listings(landing, ofac.SOURCE, "US", SHIPPED)
    theirs = pl.col("authority") != "US"
    assert listed.filter(theirs).equals(SHIPPED.filter(theirs).sort("vessel_imo", "authority", "known_listed_on"))
    # None of the shipped ones is on the list of made-up vessels.
    ours = listed.filter(pl.col("vessel_imo").is_in(SHIPPED["vessel_imo"].implode()), authority="US")
    assert set(ours["delisted_on"]) == {DAY("2024-04-26"), DAY("2026-11-01")}


# --- known traps


def failing(name: str, landing: Landing, source: Source) -> pl.DataFrame:
    (quirk,) = (quirk for quirk in QUIRKS if quirk.name == name)
    return quirk.failing(table(landing, source))


def test_numbers_that_are_not_valid_or_not_unique_are_named(landing: Landing) -> None:
    keep_sdn(
        landing,
        "2026-11-01T03:00",
        sdn_vessel(1, "A", "9843561"),
        sdn_vessel(2, "B", VOYAGER),
        sdn_vessel(3, "C", VOYAGER),
    )
    assert failing("imo_numbers_are_valid", landing, ofac.SOURCE).rows() == [("1", "A", "IMO 9843561")]
    assert failing("imo_numbers_are_unique", landing, ofac.SOURCE).rows() == [(VOYAGER, "2", "B"), (VOYAGER, "3", "C")]
    keep_sdn(landing, "2026-11-02T03:00", sdn_vessel(2, "B", VOYAGER))
    for name in ("imo_numbers_are_valid", "imo_numbers_are_unique"):
        assert failing(name, landing, ofac.SOURCE).is_empty()


def test_a_list_day_in_the_place_of_listing_days_is_noticed(landing: Landing) -> None:
    good = uk("20-Nov-2026")
    keep(landing, uk_sanctions.SOURCE, "2026-11-21T03:00", good, "file good.csv")
    assert failing("list_day_is_no_listing_day", landing, uk_sanctions.SOURCE).is_empty()
    bad = good.replace("01/03/2025", "20/11/2026").replace("02/03/2025", "20/11/2026").replace("20-Nov", "21-Nov")
    keep(landing, uk_sanctions.SOURCE, "2026-11-22T03:00", bad, "file bad.csv")
    found = failing("list_day_is_no_listing_day", landing, uk_sanctions.SOURCE)
    assert found.rows() == [("file bad.csv", 500, DAY("2026-11-20"))]


# --- the real files


def taken(landing: Landing, source: Source, name: str, tmp_path: Path) -> pl.DataFrame:
    folder = tmp_path / source.name
    folder.mkdir()
    (folder / name).write_bytes(real_file(name).read_bytes())
    upstream.take_files(source, landing, folder)
    return table(landing, source)


def test_the_real_ships_of_the_uk_list(landing: Landing, tmp_path: Path) -> None:
    # 632 ships, one without a number; 595 of the Russia regime, by day of designation as in the extract's notes.
    ships = taken(landing, uk_sanctions.SOURCE, UK_SHIPS, tmp_path)
    assert (ships.height, ships["vessel_imo"].n_unique(), ships["vessel_imo"].null_count()) == (632, 632, 1)
    assert Counter(ships["programme"]) == {"RUS": 595, "DPR": 37}
    by_day = Counter(day.isoformat() for day in ships.filter(programme="RUS")["listed_on"])
    assert {day: by_day[day] for day in ("2024-07-31", "2025-05-09", "2025-07-21", "2026-02-24")} == {
        "2024-07-31": 17, "2025-05-09": 101, "2025-07-21": 135, "2026-02-24": 50,
    }  # fmt: skip
    assert all(quirk.failing(ships).is_empty() for quirk in QUIRKS)
    listed = listings(landing, uk_sanctions.SOURCE, "UK", SHIPPED)
    # The shipped 595 are among them, so only those of the DPR regime with a number are new.
    assert listed.filter(authority="UK").height == 595 + 36
    assert days(listed, TURBO_VOYAGER) == [("2024-10-17", "2026-05-13", None)]


def test_the_real_extract_of_ofacs_list(landing: Landing, tmp_path: Path) -> None:
    vessels = taken(landing, ofac.SOURCE, OFAC_EXTRACT, tmp_path)
    assert (vessels.height, vessels["vessel_imo"].n_unique()) == (457, 457)
    assert Counter(vessels["vessel_type"])["Crude Oil Tanker"] == 145
    assert vessels["listed_on"].null_count() == 457
    assert set(vessels["known_on"]) == {DAY("2026-03-20")}
    assert all(quirk.failing(vessels).is_empty() for quirk in QUIRKS)
    listed = listings(landing, ofac.SOURCE, "US", SHIPPED).filter(authority="US")
    # 457 of the extract and YASA GOLDEN BOSPHORUS, which had left the list; nothing ends, for it is a part.
    assert listed.height == 457 + 1
    assert listed["delisted_on"].drop_nulls().to_list() == [DAY("2024-04-26")]
    assert listed["listed_on"].count() == SHIPPED.filter(authority="US")["listed_on"].count()


def test_216_vessels_stand_on_both_real_lists(landing: Landing, tmp_path: Path) -> None:
    uk_ships = taken(landing, uk_sanctions.SOURCE, UK_SHIPS, tmp_path).filter(programme="RUS")
    assert uk_ships.join(taken(landing, ofac.SOURCE, OFAC_EXTRACT, tmp_path), on="vessel_imo").height == 216
