"""Files held under a licence: what their contracts take, and what they add to the figures.

Here: price and freight assessments, exports of CREA and OpenSanctions, all made up.
Add here: another kind of licensed file.
Keep out: nights on such files (`tests/integration/test_landing_sensor`).
"""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from pytest import approx

from pipelines.assets.inputs import Input, inputs
from pipelines.contracts.licensed import CREA_VOYAGES, OPENSANCTIONS_VESSELS
from pipelines.contracts.quality import INPUT_FILES
from pipelines.contracts.reference import CRUDE_PRICE_POINTS, FIGURE_SOURCES, FREIGHT_POINTS
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.landing import Landing, read_folder
from pipelines.sources.reference import Reference
from pipelines.transforms.estimates import with_estimated_prices
from pipelines.transforms.licensed import with_licensed
from tests import support

PRICES = "assessment_id,assessment_date,quote,grade,low_usd_per_bbl,high_usd_per_bbl,mid_usd_per_bbl,basis,place,publisher,licence_note\n"
FREIGHTS = "assessment_id,assessment_date,route,loading_region,loading_ports,destination_country,rate_unit,low_rate,high_rate,mid_rate,cargo_t,grade,bbl_per_t,publisher,licence_note\n"
VOYAGES = "id,status,is_sts,commodity_origin_iso2,commodity_destination_iso2,departure_date_utc,departure_unlocode,departure_port_name,arrival_date_utc,ship_imo,ship_name,commodity,value_tonne,value_eur,value_usd,pricing_scenario,ship_owner\n"
VESSELS = "type,caption,imo,risk,countries,flag,mmsi,id,url,datasets,aliases\n"


def kind(folder: str) -> Input:
    (only,) = (kind for kind in inputs() if kind.folder == folder)
    return only


def land(tmp_path: Path, folder: str, text: str) -> Landing:
    """A file of that text in the folder, read; what went in came out."""
    found = kind(folder)
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "file.csv").write_text(text, encoding="utf-8")
    landing = read_folder(tmp_path / folder, found.contract, found.prefix, about=found.about)
    (file,) = landing.files.to_dicts()
    assert file["file"] == f"{folder}/file.csv"
    assert file["rows_accepted"] + file["rows_quarantined"] == file["rows_read"]
    assert (landing.accepted.height, landing.quarantine.height) == (file["rows_accepted"], file["rows_quarantined"])
    assert INPUT_FILES.failures(landing.files).is_empty()
    return landing


def prices(tmp_path: Path, *rows: str) -> pl.DataFrame:
    landing = land(
        tmp_path, "price_assessments", PRICES + "".join(f"{row},Argus Media,desk use only\n" for row in rows)
    )
    assert landing.quarantine.is_empty(), landing.quarantine["message"].to_list()
    return landing.accepted


def freights(tmp_path: Path, *rows: str) -> pl.DataFrame:
    landing = land(tmp_path, "freight_assessments", FREIGHTS + "".join(f"{row},Platts,internal\n" for row in rows))
    assert landing.quarantine.is_empty(), landing.quarantine["message"].to_list()
    return landing.accepted


NO_PRICES, NO_FREIGHTS = (kind(f"{what}_assessments").staged.empty() for what in ("price", "freight"))
URALS = "P1,2025-06-11,Urals fob Primorsk,Urals,54.0,55.5,,FOB,Primorsk"


def licensed(reference: Reference, prices: pl.DataFrame = NO_PRICES, freights: pl.DataFrame = NO_FREIGHTS) -> Reference:
    figures = with_licensed(reference, prices, freights)
    for table in (CRUDE_PRICE_POINTS, FREIGHT_POINTS, FIGURE_SOURCES):
        assert table.failures(getattr(figures, table.name)).is_empty()
    return figures


def added(frame: pl.DataFrame) -> list[dict]:
    return frame.filter(pl.col("source").str.starts_with("F-LICENSED-")).to_dicts()


# --- prices


def test_a_licensed_price_becomes_a_point_of_its_grade(reference: Reference, tmp_path: Path) -> None:
    rows = (
        URALS,
        "P2,2025-06-12,mid only,REBCO,,,54.7,FOB,Novorossiysk",
        "P3,2025-06-11,another,Timan,,,60,FOB,Varandey",
    )
    points = {row["point_id"]: row for row in added(licensed(reference, prices(tmp_path, *rows)).crude_price_points)}
    day = dt.date(2025, 6, 11)
    assert points["LICENSED-P1"] == {
        "point_id": "LICENSED-P1", "grade": "Urals", "benchmark": "urals_tax", "first_date": day, "last_date": day,
        "low_usd_per_bbl": 54.0, "high_usd_per_bbl": 55.5, "basis": "FOB Primorsk", "source": "F-LICENSED-ARGUS-MEDIA",
        "note": "Urals fob Primorsk: held under licence, not to be passed on.",
    }  # fmt: skip
    # REBCO is another name of Urals; a grade that nobody published is measured against Brent.
    assert (
        points["LICENSED-P2"]["grade"],
        points["LICENSED-P2"]["low_usd_per_bbl"],
        points["LICENSED-P2"]["high_usd_per_bbl"],
    ) == ("Urals", 54.7, 54.7)
    assert (points["LICENSED-P3"]["grade"], points["LICENSED-P3"]["benchmark"]) == ("Timan", "brent")


@pytest.mark.parametrize(
    "row",
    [
        pytest.param("P1,2025-06-11,Urals cif India,Urals,,,63,CIF,west coast India", id="freight is in it"),
        pytest.param("P1,2025-06-11,Urals dap India,Urals,,,63,DAP,west coast India", id="delivered"),
        pytest.param("P1,2025-06-11,North Sea Dated,,,,70,FOB,North Sea", id="no grade"),
        pytest.param("P1,2025-06-11,Diesel fob Primorsk,ULSD,,,85,FOB,Primorsk", id="a product"),
    ],
)
def test_other_prices_are_kept_and_not_used(row: str, reference: Reference, tmp_path: Path) -> None:
    figures = licensed(reference, prices(tmp_path, row))
    assert added(figures.crude_price_points) == []
    assert figures.crude_price_points.equals(reference.crude_price_points)


def test_an_estimate_uses_licensed_prices(book: Rulebook, reference: Reference, tmp_path: Path) -> None:
    # Varandey blend was never published. Licensed: 60 to 61 on 2025-06-11, when Brent's month was 71.44, so between
    # 11.44 and 10.44 below. Brent of May to July 2025: 64.45, 71.44, 71.04; 64.45 - 11.44 = 53.01, 71.44 - 10.44 = 61.
    cargo = support.cargoes(
        [support.shipment(grade="Varandey", loading_date="2025-06-20", discharge_date=None, value=None)],
        book,
        reference,
    )
    figures = licensed(reference, prices(tmp_path, "P1,2025-06-11,Varandey,Varandey,60,61,,FOB,Murmansk"))

    def estimate(figures: Reference) -> tuple:
        estimated = with_estimated_prices(cargo.lazy(), figures.crude_prices_monthly, figures.crude_price_points)
        return estimated.select("price_low_usd_per_bbl", "price_high_usd_per_bbl").collect().row(0)

    assert estimate(reference) == (None, None)
    assert estimate(figures) == (approx(53.01), approx(61.00))
    # Nobody knew it before its day.
    assert estimate(figures.as_of(dt.date(2025, 6, 10))) == (None, None)


# --- freight


def test_rates_become_dollars_a_barrel(reference: Reference, tmp_path: Path) -> None:
    rows = (
        # Urals: 6.28981077 / 0.867 = 7.254684 bbl/t. 5.5 and 5.7 million USD for 100,000 t.
        "F1,2025-06-11,Baltic-WCI Aframax,baltic,RUPRI;RUULU,IN,usd_lumpsum,5500000,5700000,,100000,Urals,",
        "F2,2025-06-11,Baltic-WCI Aframax,baltic,,IN,usd_per_t,,,58.0375,,urals,",
        "F3,2025-06-11,Kozmino-China Aframax,kozmino,,CN,usd_per_bbl,2.5,3,,,,",
        # 7.33 bbl/t for crude of unknown grade; and as the file says.
        "F4,2025-06-11,Black Sea-China,black_sea,RUNVS,CN,usd_per_t,73.3,146.6,,,,",
        "F5,2025-06-11,Black Sea-China,black_sea,RUNVS,CN,usd_per_t,73,,73,,Urals,7.3",
    )
    points = {
        row["point_id"]: row for row in added(licensed(reference, freights=freights(tmp_path, *rows)).freight_points)
    }
    by_id = {name: (row["low_usd_per_bbl"], row["high_usd_per_bbl"]) for name, row in points.items()}
    assert by_id["LICENSED-F1"] == (approx(7.5813, abs=1e-4), approx(7.8570, abs=1e-4))
    assert by_id["LICENSED-F2"] == (approx(8.0, abs=1e-4), approx(8.0, abs=1e-4))
    assert by_id["LICENSED-F3"] == (2.5, 3.0)
    assert by_id["LICENSED-F4"] == (approx(10), approx(20))
    assert by_id["LICENSED-F5"] == (approx(10), approx(10))
    first, third = points["LICENSED-F1"], points["LICENSED-F3"]
    assert (first["usd_million_low"], first["usd_million_high"], first["cargo_t"]) == (5.5, 5.7, 100_000)
    assert (first["bbl_per_t"], first["component"], first["source"]) == (
        approx(7.254684),
        "freight",
        "F-LICENSED-PLATTS",
    )
    assert (third["bbl_per_t"], third["usd_million_low"]) == (None, None)
    assert points["LICENSED-F4"]["note"].endswith("Barrels per tonne of crude of unknown grade.")


def test_a_cif_price_is_netted_back_with_licensed_freight(book: Rulebook, reference: Reference, tmp_path: Path) -> None:
    # To Brazil no freight was published: the dearest of any route counts until a licensed one says 12.00 USD/bbl.
    row = support.shipment(
        destination_country="BR", incoterm="CIF", loading_date="2025-06-20", discharge_date="2025-07-20"
    )
    figures = licensed(
        reference, freights=freights(tmp_path, "F1,2025-06-11,Baltic-Brazil,baltic,,BR,usd_per_bbl,,,12,,,")
    )
    insurance = 2.4889  # the published most of everything beside freight, from India in June 2023
    (cargo,) = support.cargoes([row], book, figures).to_dicts()
    assert cargo["estimated_costs_high_usd_per_bbl"] == approx(12 + insurance)
    assert (cargo["price_low_usd_per_bbl"], cargo["price_high_usd_per_bbl"]) == (
        approx(60 - 12 - insurance),
        approx(60),
    )
    # Before its day it is not known.
    (before,) = support.cargoes([row], book, figures.as_of(dt.date(2025, 6, 10))).to_dicts()
    assert before["estimated_costs_high_usd_per_bbl"] != approx(12 + insurance)


def test_every_licensed_source_is_described(reference: Reference, tmp_path: Path) -> None:
    figures = licensed(
        reference,
        prices(tmp_path, URALS),
        freights(tmp_path, "F1,2025-06-11,Baltic-Brazil,baltic,,BR,usd_per_bbl,,,12,,,"),
    )
    described = {row["source_id"]: row for row in figures.figure_sources.to_dicts() if "LICENSED" in row["source_id"]}
    assert {name: (row["publisher"], row["reference"], row["licence"]) for name, row in described.items()} == {
        "F-LICENSED-ARGUS-MEDIA": ("Argus Media", "licensed files: price_assessments/file.csv", "desk use only"),
        "F-LICENSED-PLATTS": ("Platts", "licensed files: freight_assessments/file.csv", "internal"),
    }
    assert all("not to be passed on" in row["note"] for row in described.values())


def test_without_licensed_files_the_figures_stand(reference: Reference) -> None:
    figures = licensed(reference)
    for name in ("crude_price_points", "freight_points", "figure_sources"):
        assert getattr(figures, name).equals(getattr(reference, name))


# --- what the contracts refuse


@pytest.mark.parametrize(
    ("folder", "text", "column"),
    [
        ("price_assessments", PRICES + "P1,2025-06-11,q,Urals,54,,,FOB,Primorsk,Argus,x\n", "mid_usd_per_bbl"),
        ("price_assessments", PRICES + "P1,2025-06-11,q,Urals,56,55,,FOB,Primorsk,Argus,x\n", "low_usd_per_bbl"),
        ("price_assessments", PRICES + "P1,2025-06-11,q,Urals,,,0,FOB,Primorsk,Argus,x\n", "mid_usd_per_bbl"),
        ("price_assessments", PRICES + "P1,11/06/2025,q,Urals,,,54,FOB,Primorsk,Argus,x\n", "assessment_date"),
        ("price_assessments", PRICES + "P1,2025-06-11,q,Urals,,,54,,Primorsk,Argus,x\n", "basis"),
        ("price_assessments", PRICES + "P1,2025-06-11,q,Urals,,,54,FOB,Primorsk,Argus,\n", "licence_note"),
        ("freight_assessments", FREIGHTS + "F1,2025-06-11,r,baltic,,IN,usd_lumpsum,,,5000000,,,,P,x\n", "cargo_t"),
        ("freight_assessments", FREIGHTS + "F1,2025-06-11,r,baltic,,IN,worldscale,,,5,,,,P,x\n", "rate_unit"),
        ("freight_assessments", FREIGHTS + "F1,2025-06-11,r,baltic,RU PRI,IN,usd_per_t,,,5,,,,P,x\n", "loading_ports"),
        ("freight_assessments", FREIGHTS + "F1,2025-06-11,r,baltic,,India,usd_per_t,,,5,,,,P,x\n", "destination_country"),
        ("crea_voyages", VOYAGES + "1,completed,False,RU,IN,2025-02-30 04:12:00,,,,,,crude_oil,1,,,default,X\n", "departure_date_utc"),
        ("crea_voyages", VOYAGES + "1,completed,False,RU,IN,2025-02-03 04:12:00,,,,,,crude_oil,,,,default,X\n", "value_tonne"),
        ("opensanctions", VESSELS + "VESSEL,A,IMO9843560,sanction,ru,ru,,,u,us_ofac_sdn,\n", "id"),
    ],
)  # fmt: skip
def test_a_bad_row_is_set_aside_with_its_reason(folder: str, text: str, column: str, tmp_path: Path) -> None:
    (bad,) = land(tmp_path, folder, text).quarantine.to_dicts()
    assert bad["column"] == column
    assert column in bad["message"]
    assert bad["shipment_id"] is None


def test_an_id_of_another_file_is_set_aside(tmp_path: Path) -> None:
    folder = tmp_path / "price_assessments"
    folder.mkdir()
    for name, price in (("a.csv", "54"), ("b.csv", "55")):
        (folder / name).write_text(PRICES + f"P1,2025-06-11,q,Urals,,,{price},FOB,Primorsk,Argus,x\n", encoding="utf-8")
    landing = read_folder(folder, kind("price_assessments").contract)
    assert landing.accepted["mid_usd_per_bbl"].to_list() == [54.0]
    (repeated,) = landing.quarantine.to_dicts()
    assert (repeated["file"], repeated["column"], repeated["shipment_id"]) == ("b.csv", "assessment_id", None)


def test_a_file_without_its_columns_is_refused_in_words(tmp_path: Path) -> None:
    landing = land(tmp_path, "price_assessments", "Date,Urals\n2025-06-11,54\n")
    (file,) = landing.files.to_dicts()
    assert file["outcome"] == "refused"
    assert "assessment_id" in file["message"]


# --- exports


def test_voyages_of_crea(tmp_path: Path) -> None:
    rows = (
        "7,completed,False,RU,IN,2024-05-20 04:12:00,RUPRI,Primorsk,2024-06-19 23:00:00,9843560,VOYAGER,crude_oil,100000.5,42000000.0,45000000.25,default,A company\n"
        "8,ongoing,False,RU,,2024-05-21,RUPRI,Primorsk,,1234568,,crude_oil,90000.0,,,default,\n"
    )
    landing = land(tmp_path, "crea_voyages", VOYAGES + rows)
    voyages = CREA_VOYAGES.conform(kind("crea_voyages").shaped(landing.accepted))
    assert CREA_VOYAGES.failures(voyages).is_empty()
    first, second = voyages.to_dicts()
    assert first == {
        "file": "crea_voyages/file.csv", "voyage_id": "7", "status": "completed", "commodity": "crude_oil",
        "origin_country": "RU", "destination_country": "IN", "departed_on": dt.date(2024, 5, 20),
        "departure_port_name": "Primorsk", "departure_port": "RUPRI", "arrived_on": dt.date(2024, 6, 19),
        "arrival_port_name": None, "arrival_port": None, "vessel_imo": "9843560", "vessel_name": "VOYAGER",
        "estimated_t": 100000.5, "estimated_value_eur": 42e6, "estimated_value_usd": 45000000.25,
        "pricing_scenario": "default",
    }  # fmt: skip
    # 1234568 has no valid check digit (1x7+2x6+3x5+4x4+5x3+6x2 = 77); a ship under way has not arrived.
    assert (second["vessel_imo"], second["arrived_on"], second["departed_on"]) == (None, None, dt.date(2024, 5, 21))


def test_only_vessels_of_opensanctions_are_kept(tmp_path: Path) -> None:
    rows = (
        '"VESSEL","VOYAGER","IMO9843560","sanction;mare.shadow","ru","pa","314906000","x1","https://e/x1","us_ofac_sdn;eu_journal_sanctions","Vernadsky Prospect"\n'
        '"ORGANIZATION","A COMPANY","IMO6378969","sanction","ae","","","x6","https://e/x6","us_ofac_sdn",""\n'
        '"Vessel","TWO NUMBERS","IMO9555555;9074729","poi","","","","x2","https://e/x2","ua_war_sanctions",""\n'
        '"VESSEL","NO NUMBER","","","","","","x3","https://e/x3","un_1718_vessels",""\n'
    )
    landing = land(tmp_path, "opensanctions", VESSELS + rows)
    assert landing.files["rows_read"].to_list() == [3]
    vessels = OPENSANCTIONS_VESSELS.conform(kind("opensanctions").shaped(landing.accepted))
    assert OPENSANCTIONS_VESSELS.failures(vessels).is_empty()
    assert "COMPANY" not in str(vessels.to_dicts()) + str(landing.quarantine.to_dicts())
    # 9555555: 9x7+5x6+5x5+5x4+5x3+5x2 = 163 ends in 3, not in 5.
    assert dict(vessels.select("opensanctions_id", "imo_numbers").iter_rows()) == {
        "x1": "9843560",
        "x2": "9074729",
        "x3": None,
    }
    assert vessels["datasets"].to_list()[0] == "us_ofac_sdn;eu_journal_sanctions"
