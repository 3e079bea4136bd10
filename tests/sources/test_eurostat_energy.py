"""Eurostat's register of crude imports and its imports by origin, in the formats in which Eurostat and others pass them on.

Figures of Germany, Italy, the Netherlands and Hungary: Eurostat, nrg_ti_coifpm, edition of 28 February 2024.
"""

import datetime as dt

import polars as pl
import pytest
from pytest import approx

from pipelines.sources import upstream
from pipelines.sources.publishers import eurostat_energy
from pipelines.sources.publishers.eurostat_energy import SERVICE, SOURCE
from pipelines.sources.snapshots import Landing
from tests.publisher_server import Publisher, Reply
from tests.sources.conftest import Fetch, checks_failed, real_file

HEADER = "DATAFLOW,LAST UPDATE,freq,crudeoil,indic_nrg,geo,TIME_PERIOD,OBS_VALUE,OBS_FLAG,CONF_STATUS\r\n"
EDITION = "28/02/24 11:00:00"
# geo, type, month, thousand bbl, USD/bbl (c: withheld), API
REGISTER = [
    ("DE", "RU_EXP_BLN", "2022-11", 8779, 66.70, 31.0),
    ("DE", "RU_EXP_BLN", "2022-12", 8191, 51.518, 31.0),
    ("IT", "RU_URL", "2022-09", 6054, 74.04, 30.6),
    ("IT", "RU_URL", "2022-10", 5458, 74.02, 30.6),
    ("IT", "RU_URL", "2022-11", 6164, 73.43, 30.6),
    ("NL", "RU_URL", "2022-10", 2238, 72.65, 31.1),
    ("NL", "RU_URL", "2022-11", 1454, 75.80, 31.1),
    ("NL", "RU_MSC", "2022-12", 2096, 85.65, 44.8),
    ("NL", "RU_MSC", "2023-05", 689, 84.74, 44.8),
    ("EL", "KZ_CPC_BLN", "2022-12", 1000, 85.20, 45.4),
    ("EU_V", "RU_URL", "2022-12", 7645, 50.70, 31.0),
    ("HU", "RU_EXP_BLN", "2022-12", 1768, "c", 30.9),
]


def register(rows: list[tuple] = REGISTER, edition: str = EDITION, header: str = HEADER) -> str:
    """The register as SDMX-CSV; a withheld figure is empty with the status C."""
    lines = []
    for geo, crude, month, volume, price, api in rows:
        value = "" if price == "c" else round(volume * price, 3)
        figures = {"VOL_THS_BBL": volume, "VAL_THS_USD": value, "AVGPRC_USD_BBL": price, "API_DEG": api}
        for indicator, figure in figures.items():
            shown, status = ("", "C") if figure in ("", "c") else (figure, "")
            lines.append(
                f"ESTAT:NRG_TI_COIFPM(1.0),{edition},M,{crude},{indicator},{geo},{month},{shown},,{status}\r\n"
            )
    return header + "".join(lines)


def oil_imports(rows: list[tuple[str, str, str, str]], unit: str = "THS_T") -> str:
    """Imports by origin as SDMX-CSV: rows of geo, partner, month, thousand tonnes; filled up to the least it can hold."""
    rows = rows + [("FR", "RU", f"2020-{month:02d}", "0") for month in range(1, 11)]
    return "DATAFLOW,LAST UPDATE,freq,siec,partner,unit,geo,TIME_PERIOD,OBS_VALUE,OBS_FLAG,CONF_STATUS\n" + "".join(
        f"ESTAT:NRG_TI_OILM(1.0),28/02/24 11:00:00,M,O4100_TOT,{partner},{unit},{geo},{month},{figure},,\n"
        for geo, partner, month, figure in rows
    )


@pytest.fixture
def paths(server: Publisher) -> dict[str, str]:
    """Paths of the two data sets on the server; they answer with nothing wrong unless a test says otherwise."""
    service = SERVICE.removeprefix("https:/")
    types = "+".join(eurostat_energy.CRUDE_TYPES)
    found = {
        "register": f"{service}/nrg_ti_coifpm/M.{types}../",
        "oil_imports": f"{service}/nrg_ti_oilm/M.O4100_TOT.RU+KZ.THS_T./",
    }
    server.says(found["register"], register())
    server.says(found["oil_imports"], oil_imports([("NL", "RU", "2021-01", "1402")]))
    return found


def read(landing: Landing, table: str = "eu_crude_by_type", as_of: str | None = None) -> pl.DataFrame:
    return upstream.read(SOURCE, landing, dt.date.fromisoformat(as_of) if as_of else None).tables[table]


def test_price_volume_and_quality_by_type(paths: dict[str, str], fetch: Fetch, landing: Landing) -> None:
    fetch(SOURCE, "2024-03-10", first="2021-12-01")
    rows = {(r["reporting_area"], r["crude_type"], r["month"]): r for r in read(landing).to_dicts()}
    assert len(rows) == 12
    german = rows["DE", "RU_EXP_BLN", "2022-12"]
    assert (german["volume_thousand_bbl"], german["price_usd_per_bbl"], german["api_degrees"]) == (8191, 51.518, 31.0)
    assert german["value_thousand_usd"] == approx(421_983.938)
    assert (german["origin_country"], german["is_aggregate"], german["flags"]) == ("RU", False, None)
    assert german["updated_on"] == dt.date(2024, 2, 28)
    # Greece is EL to Eurostat.
    assert rows["GR", "KZ_CPC_BLN", "2022-12"]["origin_country"] == "KZ"
    assert rows["EU_V", "RU_URL", "2022-12"]["is_aggregate"]


def test_what_is_withheld_is_empty_and_never_zero(paths: dict[str, str], fetch: Fetch, landing: Landing) -> None:
    fetch(SOURCE, "2024-03-10", first="2021-12-01")
    (hungary,) = read(landing).filter(reporting_area="HU").to_dicts()
    assert (hungary["volume_thousand_bbl"], hungary["value_thousand_usd"], hungary["price_usd_per_bbl"]) == (
        1768, None, None,
    )  # fmt: skip
    assert hungary["flags"] == "AVGPRC_USD_BBL:c VAL_THS_USD:c"


def test_a_withheld_figure_that_is_printed_as_zero_is_empty_too() -> None:
    old = register().replace(",,,C\r\n", ",0,c,\r\n")
    frame = SOURCE.read("x", old.encode())["eu_crude_by_type"].filter(reporting_area="HU")
    assert frame["price_usd_per_bbl"].to_list() == [None]


def test_types_that_were_not_imported_have_no_price_of_zero() -> None:
    frame = SOURCE.read("x", register([*REGISTER, ("FR", "RU_URL", "2022-12", 0, 0, 0)]).encode())["eu_crude_by_type"]
    assert frame.filter(reporting_area="FR").height == 0


def test_labels_and_the_second_edition_of_the_format_read_the_same() -> None:
    plain = SOURCE.read("x", register().encode())["eu_crude_by_type"]
    second = register(header=HEADER.replace("DATAFLOW,LAST UPDATE", "STRUCTURE,STRUCTURE_ID"))
    labelled = register().replace(",RU_MSC,", ',"RU_MSC:Russia, other crude",').replace(",NL,", ",NL:Netherlands,")
    for body in (second, labelled):
        other = SOURCE.read("x", body.encode())["eu_crude_by_type"]
        assert other.drop("updated_on").equals(plain.drop("updated_on"), null_equal=True)


def test_a_new_edition_of_the_same_figures_is_no_new_version(
    paths: dict[str, str], server: Publisher, fetch: Fetch, landing: Landing
) -> None:
    revised = [(*row[:4], 52.0, row[5]) if row[:3] == ("DE", "RU_EXP_BLN", "2022-12") else row for row in REGISTER]
    server.says(paths["register"], register(), register(revised, edition="28/03/24 11:00:00"))
    fetch(SOURCE, "2024-03-10", first="2021-12-01")
    fetch(SOURCE, "2024-04-10", first="2021-12-01")
    versions = read(landing)
    assert versions.height == 13
    german = versions.filter(reporting_area="DE", month="2022-12")
    assert german["price_usd_per_bbl"].to_list() == [51.518, 52.0]
    assert german["is_latest"].to_list() == [False, True]
    italian = versions.filter(reporting_area="IT", month="2022-11")
    assert italian["updated_on"].to_list() == [dt.date(2024, 2, 28)]


def test_an_edition_is_known_from_its_own_day(paths: dict[str, str], fetch: Fetch, landing: Landing) -> None:
    fetch(SOURCE, "2024-03-10", first="2021-12-01")
    assert read(landing, as_of="2024-02-28").height == 12
    assert read(landing, as_of="2024-02-27").height == 0


def test_imports_by_origin(paths: dict[str, str], fetch: Fetch, landing: Landing) -> None:
    fetch(SOURCE, "2024-03-10", first="2021-12-01")
    (row,) = read(landing, "eu_oil_imports").filter(reporting_area="NL").to_dicts()
    assert (row["origin_country"], row["month"], row["quantity_thousand_t"]) == ("RU", "2021-01", 1402)


def test_both_data_sets_are_asked_for_from_the_first_month(
    paths: dict[str, str], server: Publisher, fetch: Fetch
) -> None:
    fetch(SOURCE, "2024-03-10", first="2021-12-01")
    assert [asked.path for asked in server.asked] == [paths["register"], paths["oil_imports"]]
    assert {tuple(asked.query["startPeriod"]) for asked in server.asked} == {("2021-12",)}


@pytest.mark.parametrize(
    ("body", "check"),
    [
        pytest.param(register().replace("OBS_VALUE", "VALUE", 1), "columns_as_expected", id="column renamed"),
        pytest.param(register().replace("freq,", "freq,mode,", 1), "columns_as_expected", id="column more"),
        pytest.param(register().replace("AVGPRC_USD_BBL", "AVGPRC_EUR_BBL"), "unit_as_expected", id="euro"),
        pytest.param(register().replace("VAL_THS_USD", "VAL_MIO_USD"), "unit_as_expected", id="millions"),
        pytest.param(
            "".join(line for line in register().splitlines(keepends=True) if ",VOL_THS_BBL," not in line),
            "unit_as_expected",
            id="no volumes",
        ),
        pytest.param(register()[:-60], "complete", id="cut short"),
        pytest.param(register(REGISTER[:3]), "volume_in_band", id="nearly nothing"),
        pytest.param(register([*REGISTER, REGISTER[0]]), "one_value_each", id="figure twice"),
        pytest.param(register().replace("8191", "8 191", 1), "readable", id="blank in a number"),
        pytest.param(register().replace("8191", "-8191", 1), "keeps_contract: at_least", id="volume below zero"),
        pytest.param(register().replace("2022-12", "2022-Q4"), "keeps_contract: pattern", id="quarters"),
        pytest.param(oil_imports([("NL", "RU", "2021-01", "1402")], unit="TJ_GCV"), "unit_as_expected", id="energy"),
        pytest.param("<!doctype html><p>Maintenance\n", "not_a_web_page", id="web page"),
    ],
)
def test_a_changed_or_broken_file_is_refused_by_name(
    body: str, check: str, server: Publisher, paths: dict[str, str], fetch: Fetch, landing: Landing
) -> None:
    fetch(SOURCE, "2024-03-10", first="2021-12-01")
    server.says(paths["register"], body)
    fetch(SOURCE, "2024-03-10", first="2021-12-01")
    reading = upstream.read(SOURCE, landing)
    assert checks_failed(reading) == [None, None, check]
    # The last good version stays in force.
    assert reading.tables["eu_crude_by_type"].filter("is_latest").height == 12


def test_a_unit_that_changed_without_a_word_is_seen() -> None:
    lines = [
        line if ",VAL_THS_USD," not in line or line.endswith(",C")
        else ",".join([*line.split(",")[:7], str(float(line.split(",")[7]) / 1000), "", ""])
        for line in register().splitlines()
    ]  # fmt: skip
    with pytest.raises(upstream.SourceFault, match=r"value over volume is 0\.001 times"):
        SOURCE.read("x", "\n".join([*lines, ""]).encode())


def test_a_cut_in_the_wire_keeps_the_last_good_version(
    server: Publisher, paths: dict[str, str], fetch: Fetch, landing: Landing
) -> None:
    fetch(SOURCE, "2024-03-10", first="2021-12-01")
    server.says(paths["register"], Reply(register().encode(), cut=500))
    fetch(SOURCE, "2024-03-10", first="2021-12-01")
    reading = upstream.read(SOURCE, landing)
    assert reading.tables["eu_crude_by_type"].filter("is_latest").height == 12
    assert upstream.freshness(SOURCE, landing, reading, dt.date(2024, 3, 10))["state"] == "stale"


# --- known traps


def failing(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    (quirk,) = [quirk for quirk in SOURCE.quirks["eu_crude_by_type"] if quirk.name == name]
    return quirk.failing(rows)


def test_a_russian_code_with_the_quality_of_cpc_blend_needs_a_certificate(
    paths: dict[str, str], fetch: Fetch, landing: Landing
) -> None:
    fetch(SOURCE, "2024-03-10", first="2021-12-01")
    found = failing("russian_crude_of_cpc_quality", read(landing))
    assert found.select("reporting_area", "crude_type", "month").rows() == [
        ("NL", "RU_MSC", "2022-12"),
        ("NL", "RU_MSC", "2023-05"),
    ]


def test_a_price_that_is_not_value_over_volume_is_found() -> None:
    # 8,779 thousand bbl for 585,559.3 thousand USD are 66.70 USD/bbl.
    body = register().replace("DE,2022-11,66.7,", "DE,2022-11,66.9,")
    rows = SOURCE.read("x", body.encode())["eu_crude_by_type"].with_columns(is_latest=pl.lit(True))
    assert failing("price_is_value_over_volume", rows)["month"].to_list() == ["2022-11"]


def test_a_price_of_zero_is_found() -> None:
    rows = SOURCE.read("x", register([*REGISTER, ("FR", "RU_URL", "2022-12", 5, 0, 31)]).encode())
    latest = rows["eu_crude_by_type"].with_columns(is_latest=pl.lit(True))
    assert failing("no_price_of_zero", latest)["reporting_area"].to_list() == ["FR"]


@pytest.mark.parametrize(
    ("today", "month"),
    [("2024-02-29", "2023-11-30"), ("2024-03-01", "2023-12-31"), ("2026-11-22", "2026-08-31")],
)
def test_the_month_that_should_be_out(today: str, month: str) -> None:
    assert SOURCE.newest_expected(dt.date.fromisoformat(today)) == dt.date.fromisoformat(month)


# --- the real file


def test_the_real_extract(landing: Landing) -> None:
    # Counts and checks of the extract's own page: 1,032 rows, 357 of them with prices withheld (Hungary, Türkiye and
    # single months of others), value over volume within 0.11 of the price.
    frames = upstream._frames(SOURCE, "file x.csv", real_file("eurostat_nrg_ti_coifpm_ru_kz_monthly.csv"))
    rows = frames["eu_crude_by_type"].with_columns(is_latest=pl.lit(True))
    assert rows.height == 1032
    assert rows["flags"].str.contains("AVGPRC_USD_BBL:c").sum() == 357
    assert rows.filter(pl.col("flags").is_not_null())["price_usd_per_bbl"].null_count() == 357
    assert failing("price_is_value_over_volume", rows).height == 0
    light = failing("russian_crude_of_cpc_quality", rows).filter(reporting_area="NL")
    assert light.select("month", "volume_thousand_bbl", "price_usd_per_bbl").rows() == [
        ("2022-12", 2096.0, 85.65),
        ("2023-05", 689.0, 84.74),
    ]
    # EU_V RU_URL 2022-09 to 2022-12 as the note on the extract prints them.
    union = rows.filter(reporting_area="EU_V", crude_type="RU_URL").filter(pl.col("month") >= "2022-09").sort("month")
    assert union["volume_thousand_bbl"].round(0).to_list() == [23570, 16102, 14083, 7645]
