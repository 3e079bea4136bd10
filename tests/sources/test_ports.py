"""The World Port Index and UN/LOCODE, and the ports that everybody uses, made from them."""

import io
import zipfile
from pathlib import Path

import polars as pl
import pytest
from pytest import approx

from pipelines.contracts.ports import UN_LOCODES, WORLD_PORT_INDEX
from pipelines.contracts.reference import PORTS
from pipelines.sources import upstream
from pipelines.sources.publishers import un_locode, world_port_index
from pipelines.sources.reference import Reference
from pipelines.sources.snapshots import Landing
from pipelines.sources.upstream import Source
from pipelines.transforms.ports import renewed_ports
from tests.publisher_server import Publisher
from tests.real_files import real_file
from tests.sources.conftest import Fetch, checks_failed

WPI_PATH = "/msi.nga.mil/api/publications/download"
CODES_PATH = "/raw.githubusercontent.com/datasets/un-locode/main/data/code-list.csv"
SHIPPED = Reference.load().ports
EXTRACT = "nga_wpi_ports_selected_countries.csv"

WPI_HEADER = (
    "World Port Index Number,Region Name,Main Port Name,Alternate Port Name,UN/LOCODE,Country Code,World Water Body,"
    "Tidal Range (m),Channel Depth (m),Anchorage Depth (m),Cargo Pier Depth (m),Oil Terminal Depth (m),"
    "Liquified Natural Gas Terminal Depth (m),Maximum Vessel Length (m),Maximum Vessel Draft (m),"
    "Offshore Maximum Vessel Draft (m),Harbor Size,Harbor Type,Entrance Restriction - Ice,Facilities - Liquid Bulk,"
    "Facilities - Oil Terminal,Facilities - LNG Terminal,Latitude,Longitude"
)


def wpi(*rows: str, others: int = 100, header: str = WPI_HEADER) -> str:
    """An index with these rows and made-up ports: `number,name,other,code,country,oil depth,oil terminal,lat,long`."""
    made_up = [f"{90000 + n},Made Up {n}, ,DE {n:03d},Germany,0,Unknown,54,10" for n in range(others)]
    lines = []
    for row in (*rows, *made_up):
        number, name, other, code, country, depth, oil, latitude, longitude = row.split(",")
        lines.append(
            f"{number}, ,{name},{other},{code},{country},Baltic Sea,1,17.1,0,6.4,{depth},0,0,0,0,Small,River (Natural),"
            f"Yes,Unknown,{oil},Unknown,{latitude},{longitude}"
        )
    return "\n".join([header, *lines]) + "\n"


PRIMORSK = "28360,Primorsk,Koivisto Bay; Zaliv Koyvisto,RU PRI,Russia,15.5,Unknown,60.366667,28.633333"
CODES_HEADER = "Change,Country,Location,Name,NameWoDiacritics,Subdivision,Status,Function,Date,IATA,Coordinates,Remarks"


def codes(*rows: str, others: int = 1000, header: str = CODES_HEADER) -> str:
    """A code list of the package with these rows and made-up places that are no ports."""
    made_up = [f",ZW,{n:03d},Place {n},Place {n},,RL,--3-----,0401,,," for n in range(others)]
    return "\n".join([header, *rows, *made_up]) + "\n"


KOTKA = ",FI,KTK,Kotka,Kotka,09,AF,123-----,9501,,6028N 02655E,"
RIO = ",BR,RIO,Rio de Janeiro,Rio de Janeiro,RJ,AI,12345---,9601,,2254S 04310W,"


def table(landing: Landing, source: Source) -> pl.DataFrame:
    (only,) = upstream.read(source, landing).tables.values()
    return only


def test_ports_of_the_index(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    # A blank cell is one space, a depth of 0 is none given; the newer form numbers ports 44804.0 and has a mark before.
    delta = "44804.0,Delta Terminal, , ,Turkey,23.2,Yes,36.85,36.166667"
    body = "\ufeff" + wpi(PRIMORSK, delta, "44870,Botas,, TR BOT,Turkey,0,No,36.883333,35.933333")
    server.says(WPI_PATH, body)
    fetch(world_port_index.SOURCE, "2026-11-22")
    assert server.asked[0].query == {"type": ["view"], "key": ["16920959/SFH00000/UpdatedPub150.csv"]}
    ports = {row["port_name"]: row for row in table(landing, world_port_index.SOURCE).to_dicts()}
    primorsk, delta_terminal = ports["Primorsk"], ports["Delta Terminal"]
    assert (primorsk["wpi_number"], primorsk["un_locode"]) == ("28360", "RUPRI")
    assert (primorsk["other_name"], primorsk["country"]) == ("Koivisto Bay; Zaliv Koyvisto", "RU")
    assert (primorsk["oil_terminal_depth_m"], primorsk["anchorage_depth_m"]) == (15.5, None)
    assert (primorsk["has_oil_terminal"], primorsk["has_ice_restriction"], primorsk["region_name"]) == (
        None,
        "yes",
        None,
    )
    # Its country is told by the codes of the other Turkish ports.
    assert (delta_terminal["wpi_number"], delta_terminal["un_locode"], delta_terminal["country"]) == (
        "44804",
        None,
        "TR",
    )
    assert delta_terminal["has_oil_terminal"] == "yes"
    assert (ports["Botas"]["un_locode"], ports["Botas"]["has_oil_terminal"]) == ("TRBOT", "no")


def test_a_country_without_codes_is_told_by_its_name_or_not_at_all(landing: Landing) -> None:
    frames = world_port_index.read(
        "", wpi("1,A,,,Gabon,0,No,0,9", "2,B,,,Atlantis,0,No,0,0", "3,C,,GC 001,Gabon,0,No,0,9").encode()
    )
    ports = frames["world_port_index"]
    assert dict(ports.filter(pl.col("wpi_number").is_in(["1", "2"])).select("port_name", "country").iter_rows()) == {
        "A": "GA", "B": None,
    }  # fmt: skip


def test_places_of_the_code_list(server: Publisher, fetch: Fetch, landing: Landing) -> None:
    server.says(CODES_PATH, codes(",FI,,.FINLAND,.FINLAND,,,,,,,", KOTKA, RIO, "X,RU,XXX,Old,Old,,XX,1-------,0001,,,"))
    fetch(un_locode.SOURCE, "2026-11-22")
    places = table(landing, un_locode.SOURCE)
    assert places.height == 1003
    kotka, rio, old = (
        places.row(by_predicate=pl.col("un_locode") == code, named=True) for code in ("FIKTK", "BRRIO", "RUXXX")
    )
    # 60 degrees 28 minutes; 26 degrees 55 minutes; south and west are negative.
    assert (kotka["latitude_deg"], kotka["longitude_deg"]) == (approx(60 + 28 / 60), approx(26 + 55 / 60))
    assert (rio["latitude_deg"], rio["longitude_deg"]) == (approx(-22.9), approx(-43 - 10 / 60))
    assert (kotka["is_port"], kotka["functions"], kotka["status"], kotka["subdivision"]) == (
        True,
        "123-----",
        "AF",
        "09",
    )
    assert (old["change"], old["status"], old["latitude_deg"]) == ("X", "XX", None)
    assert places.filter("is_port").height == 3


def test_the_form_of_unece_zipped_and_in_its_old_letters(landing: Landing) -> None:
    # Without a header, with function before status, in Windows letters.
    def part(*rows: str) -> bytes:
        return "\n".join(rows).encode("cp1252")

    made_up = [f",ZW,{n:03d},Place {n},Place {n},,--3-----,RL,0401,,," for n in range(1000)]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("release/csv/2024-2 UNLOCODE CodeListPart1.csv", part(",FI,,.FINLAND,,,,,,,,", *made_up))
        zipped.writestr(
            "release/csv/2024-2 UNLOCODE CodeListPart2.csv",
            part(
                ",FI,TKU,Åbo (Turku),Abo (Turku),19,12345---,AF,0401,,6027N 02216E,",
                ",BR,RIO,Rio,Rio,RJ,1-------,AI,9601,,,",
            ),
        )
        zipped.writestr("release/csv/2024-2 SubdivisionCodes.csv", "AD,02,Canillo,Parish")
    places = un_locode.read("", archive.getvalue())["un_locodes"]
    assert places.height == 1002
    turku = places.row(by_predicate=pl.col("un_locode") == "FITKU", named=True)
    assert (turku["place_name"], turku["functions"], turku["status"], turku["is_port"]) == (
        "Åbo (Turku)", "12345---", "AF", True,
    )  # fmt: skip


GOOD_WPI, GOOD_CODES = wpi(PRIMORSK), codes(KOTKA)


@pytest.mark.parametrize(
    ("source", "body", "check"),
    [
        (world_port_index.SOURCE, GOOD_WPI.replace("Oil Terminal Depth (m)", "Oil Terminal Depth (ft)"), "columns_as_expected"),
        (world_port_index.SOURCE, GOOD_WPI.replace("Main Port Name", "Port"), "columns_as_expected"),
        (world_port_index.SOURCE, GOOD_WPI.replace("Unknown,60", "Perhaps,60"), "vocabulary_as_expected"),
        (world_port_index.SOURCE, GOOD_WPI.replace(",60.366667,", ",,"), "fill_rate_in_band"),
        (world_port_index.SOURCE, GOOD_WPI[: len(GOOD_WPI) // 2], "volume_in_band"),
        (world_port_index.SOURCE, GOOD_WPI.replace("15.5", "15,5"), "readable"),
        (un_locode.SOURCE, GOOD_CODES.replace("Coordinates", "Position"), "columns_as_expected"),
        (un_locode.SOURCE, GOOD_CODES.replace("Status,Function", "Function,Status"), "columns_as_expected"),
        (un_locode.SOURCE, GOOD_CODES[: len(GOOD_CODES) // 2], "volume_in_band"),
        (un_locode.SOURCE, "PK\x03\x04 broken", "readable"),
        (un_locode.SOURCE, "404: Not Found", "columns_as_expected"),
    ],
)  # fmt: skip
def test_a_list_that_is_not_as_before_is_set_aside(
    source: Source, body: str, check: str, landing: Landing, server: Publisher, fetch: Fetch
) -> None:
    path = WPI_PATH if source is world_port_index.SOURCE else CODES_PATH
    server.says(path, GOOD_WPI if source is world_port_index.SOURCE else GOOD_CODES, body)
    for _ in range(2):
        fetch(source, "2026-11-22")
    assert checks_failed(upstream.read(source, landing)) == [None, check]
    assert table(landing, source).height > 100


def test_a_changed_depth_is_a_new_version(landing: Landing, server: Publisher, fetch: Fetch) -> None:
    server.says(WPI_PATH, GOOD_WPI, GOOD_WPI.replace("15.5", "16.0"))
    for _ in range(2):
        fetch(world_port_index.SOURCE, "2026-11-22")
    versions = table(landing, world_port_index.SOURCE).filter(un_locode="RUPRI")
    assert versions.select("oil_terminal_depth_m", "is_latest").rows() == [(15.5, False), (16.0, True)]


def test_known_traps_are_named(landing: Landing, server: Publisher, fetch: Fetch) -> None:
    quirks = {
        quirk.name: quirk
        for source in (world_port_index.SOURCE, un_locode.SOURCE)
        for found in source.quirks.values()
        for quirk in found
    }
    twice = (
        "49460,Machilipatnam,,,India,0,Unknown,16.15,81.1,49460,Machilipatnam,Masulipatam,,India,0,Unknown,16.15,81.2"
    )
    rows = [",".join(twice.split(",")[:9]), ",".join(twice.split(",")[9:]), "7,Nowhere,,,Atlantis,0,Unknown,96.1,12"]
    server.says(WPI_PATH, wpi(*rows))
    server.says(CODES_PATH, codes(",FI,KTK,Kotka,Kotka,09,AF,1-------,9501,,6099N 02655E,"))
    for source in (world_port_index.SOURCE, un_locode.SOURCE):
        fetch(source, "2026-11-22")
    ports, places = table(landing, world_port_index.SOURCE), table(landing, un_locode.SOURCE)
    assert quirks["numbers_are_unique"].failing(ports)["wpi_number"].to_list() == ["49460", "49460"]
    assert quirks["positions_are_on_earth"].failing(ports)["port_name"].to_list() == ["Nowhere"]
    assert quirks["countries_are_known"].failing(ports)["port_name"].to_list() == ["Nowhere"]
    assert quirks["positions_can_be_read"].failing(places)["un_locode"].to_list() == ["FIKTK"]


# --- ports for everybody


def in_force(source: Source, body: str) -> pl.DataFrame:
    ((_, frame),) = source.read("", body.encode()).items()
    return frame


NO_INDEX, NO_CODES = WORLD_PORT_INDEX.empty(), UN_LOCODES.empty()


def ports_of(index: pl.DataFrame = NO_INDEX, places: pl.DataFrame = NO_CODES) -> pl.DataFrame:
    ports = renewed_ports(SHIPPED, index, places)
    assert PORTS.failures(ports).is_empty()
    return ports


def test_without_anything_fetched_the_shipped_ports_stand() -> None:
    assert ports_of().sort("port_id").equals(SHIPPED.sort("port_id"))


def test_an_index_renews_its_ports_and_leaves_those_added_by_hand() -> None:
    index = in_force(world_port_index.SOURCE, wpi(PRIMORSK.replace("Unknown", "Yes"), others=1))
    ports = ports_of(index)
    primorsk = ports.row(by_predicate=pl.col("port_id") == "RUPRI", named=True)
    assert (primorsk["has_oil_terminal"], primorsk["source"]) == ("yes", "F-WPI")
    assert set(ports["port_id"]) == {*SHIPPED["port_id"], "DE000"}
    by_hand = pl.col("source") == "F-PORTS-BY-HAND"
    assert ports.filter(by_hand).sort("port_id").equals(SHIPPED.filter(by_hand).sort("port_id"))


def test_of_ports_that_share_a_code_the_first_by_name_has_it() -> None:
    rows = [
        "44802,Botas Dortyol Oil Terminal,,TR BOT,Turkey,0,Yes,36.8,36.1",
        "44870,Botas,,TR BOT,Turkey,0,No,36.9,35.9",
    ]
    ports = ports_of(in_force(world_port_index.SOURCE, wpi(*rows, others=0)))
    shared = ports.filter(un_locode="TRBOT").sort("port_name")
    assert shared.select("port_id", "port_name").rows() == [
        ("TRBOT", "Botas"), ("WPI-44802", "Botas Dortyol Oil Terminal"),
    ]  # fmt: skip


def test_codes_bring_the_ports_that_nobody_else_has() -> None:
    places = in_force(
        un_locode.SOURCE,
        codes(KOTKA, ",FI,KTK,Kotka Harbour,Kotka Harbour,09,AF,1-------,9501,,,", ",FI,OUT,Out,Out,,XX,1-------,9501,,,",
              ",RU,PRI,Primorsk,Primorsk,LEN,AI,1-3-----,0001,,6021N 02836E,", others=5),
    )  # fmt: skip
    ports = ports_of(places=places)
    # Kotka once with both names; no port that is to be removed, none that the index has, no place that is no port.
    assert set(ports["port_id"]) - set(SHIPPED["port_id"]) == {"FIKTK"}
    kotka = ports.row(by_predicate=pl.col("port_id") == "FIKTK", named=True)
    assert (kotka["port_name"], kotka["other_name"], kotka["source"]) == ("Kotka", "Kotka Harbour", "F-UN-LOCODE")
    assert ports.filter(port_id="RUPRI")["source"].to_list() == ["F-WPI"]


def test_the_real_extract_of_the_index_gives_the_shipped_ports(landing: Landing, tmp_path: Path) -> None:
    # 496 rows of 10 countries, one number twice (49460), three ports with an oil terminal on record.
    (tmp_path / EXTRACT).write_bytes(real_file(EXTRACT).read_bytes())
    upstream.take_files(world_port_index.SOURCE, landing, tmp_path)
    index = table(landing, world_port_index.SOURCE)
    assert (index.height, index["wpi_number"].n_unique()) == (496, 495)
    assert sorted(index.filter(has_oil_terminal="yes")["un_locode"]) == ["INMUN", "INVAD", "RUVVO"]
    assert set(index["country"]) == {"BG", "CN", "EG", "IN", "JP", "KR", "MY", "RU", "SG", "TR"}
    # Ust-Luga is Reka Luga there; Kozmino, Prigorodnoye, Taman and Varandey are missing and come from the shipped ones.
    assert index.filter(un_locode="RUULU")["port_name"].to_list() == ["Reka Luga"]
    assert ports_of(index).sort("port_id").equals(SHIPPED.sort("port_id"))
