"""Every real file that lies beside the checkout, dropped into the folder of its source, against sums by plain `csv`.

Here: which file belongs to which source, and what its column adds up to, worked out without the readers.
Add here: another real file.
Keep out: what stands in single rows (the tests of each source).
"""

import csv
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.sources import upstream
from pipelines.sources.publishers import SOURCES
from pipelines.sources.snapshots import Landing
from tests.real_files import real_file

BY_NAME = {source.name: source for source in SOURCES}
Row = dict[str, str]


def number(text: str) -> float | None:
    return float(text) if text not in ("", "N/A") else None


def column(name: str, times: float = 1) -> Callable[[Row], list[float | None]]:
    """The number in a column of a line."""
    return lambda row: [None if (value := number(row[name])) is None else value * times]


def rates(row: Row) -> list[float | None]:
    return [value for name, text in row.items() if name != "Date" and (value := number(text)) is not None]


def of_comext(indicator: str, times: float) -> Callable[[Row], list[float | None]]:
    """Imports of countries from Russia and Kazakhstan; the EU and the euro area hold them again."""

    def figures(row: Row) -> list[float | None]:
        is_country = len(row["REPORTER"]) == 2 and row["REPORTER"] not in ("EU", "EA")
        is_ours = is_country and row["PARTNER"] in ("RU", "KZ") and row["FLOW"] == "1"
        return column("INDICATOR_VALUE", times)(row) if is_ours and row["INDICATORS"] == indicator else []

    return figures


def unless_withheld(indicator: str) -> Callable[[Row], list[float | None]]:
    withheld = re.compile(rf"\b{indicator}:\w*c")
    return lambda row: [None] if withheld.search(row["flags"]) else column(indicator)(row)


# File, source, table and column, and what each line adds to that column.
FILES = [
    ("ecb_eurofxref_daily_2021-12_2026-04.csv", "ecb_exchange_rates", "ecb_exchange_rates", "units_per_eur", rates),
    *(
        (f"eia_{benchmark}_{by}.csv", "eia_spot_prices", f"eia_spot_prices_{by}", "usd_per_bbl", column("Price"))
        for benchmark in ("brent", "wti")
        for by in ("daily", "monthly")
    ),
    (
        "fred_h10_fx_monthly_2021-12_2026-06.csv", "fed_exchange_rates", "fed_exchange_rates", "units_per_usd",
        column("Exchange rate"),
    ),
    (
        "urals_official_tax_price_monthly.csv", "urals_tax_price", "urals_tax_prices", "usd_per_bbl",
        column("urals_tax_price_usd_bbl"),
    ),
    *(
        ("japan_customs_crude_cif_all_origins_monthly.csv", "japan_customs", "japan_customs_all_origins", *figures)
        for figures in (
            ("unit_value_jpy", column("cif_yen_per_kl")),
            ("quantity", column("quantity_10000kl", 10_000)),
        )
    ),
    *(
        ("eurostat_nrg_ti_coifpm_ru_kz_monthly.csv", "eurostat_energy", "eu_crude_by_type", *figures)
        for figures in (
            ("volume_thousand_bbl", unless_withheld("VOL_THS_BBL")),
            ("value_thousand_usd", unless_withheld("VAL_THS_USD")),
            ("price_usd_per_bbl", unless_withheld("AVGPRC_USD_BBL")),
            ("api_degrees", unless_withheld("API_DEG")),
            ("sulphur_pct", unless_withheld("SULPH_PC")),
        )
    ),
    (
        "eurostat_oil_imports_ru_crude_tonnes_2019_2022.csv", "eurostat_energy", "eu_oil_imports",
        "quantity_thousand_t", column("tonnes", 1 / 1000),
    ),
    *(
        ("eurostat_comext_easy_2709_ru_kz_2019_2021.csv", "eurostat_comext", "eu_customs_lines", *figures)
        for figures in (
            ("net_mass_kg", of_comext("QUANTITY_IN_100KG", 100)),
            ("value", of_comext("VALUE_IN_EUROS", 1)),
        )
    ),
    ("ofac_sdn_russia_vessels_2026-03-20.csv", "ofac_sdn", "ofac_listed_vessels", "vessel_imo", column("imo")),
    ("uk_sanctions_list_ships_2026-05-13.csv", "uk_sanctions_list", "uk_listed_vessels", "vessel_imo", column("imo")),
    ("nga_wpi_ports_selected_countries.csv", "world_port_index", "world_port_index", "latitude_deg", column("Latitude")),
]  # fmt: skip
# Facts of the press, of no publisher's form.
NO_PUBLISHERS = {"cited_points.csv", "cited_voyages.csv"}


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], upstream.Reading]:
    """What a source reads of a file in its folder; each file is read once."""
    found: dict[str, upstream.Reading] = {}

    def read(file: str, source: str) -> upstream.Reading:
        if file not in found:
            home = tmp_path_factory.mktemp("real")
            shutil.copy(real_file(file), home / file)
            landing = Landing(home / "landing")
            upstream.take_files(BY_NAME[source], landing, home)
            found[file] = upstream.read(BY_NAME[source], landing)
        return found[file]

    return read


@pytest.mark.parametrize(("file", "source", "table", "name", "figures"), FILES, ids=[f"{f[0]} {f[3]}" for f in FILES])
def test_a_real_file_in_the_landing_folder_adds_up(
    file: str,
    source: str,
    table: str,
    name: str,
    figures: Callable[[Row], list[float | None]],
    reading: Callable[[str, str], upstream.Reading],
) -> None:
    found = reading(file, source)
    assert found.snapshots.select("outcome", "message").rows() == [("read", None)]
    with real_file(file).open(encoding="utf-8-sig", newline="") as lines:
        expected = [value for row in csv.DictReader(lines) for value in figures(row)]
    rows = found.tables[table]
    assert rows["is_latest"].all()
    told = rows[name].cast(float).drop_nulls()
    known = [value for value in expected if value is not None]
    assert (rows.height, told.len()) == (len(expected), len(known))
    assert told.sum() == pytest.approx(sum(known), rel=1e-12)


def test_every_real_file_is_looked_at() -> None:
    folder = real_file("README.md").parent
    assert {path.name for path in folder.glob("*.csv")} == {file for file, *_ in FILES} | NO_PUBLISHERS


def test_files_with_names_of_countries_must_say_that_they_are_of_crude(tmp_path: Path) -> None:
    source, landing = BY_NAME["eurostat_energy"], Landing(tmp_path / "landing")
    lines = [f"Turkey,Russia,2021-{month:02d}-01,{month}000\n" for month in range(1, 13)]
    table = "reporter,partner,month_start,tonnes\n" + "".join(lines)
    for name, text in {
        "crude_2021.csv": table,
        "oil.csv": table,
        "crude_of_the_eu.csv": table.replace("Turkey", "European Union - 27 countries"),
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    upstream.take_files(source, landing, tmp_path)
    found = upstream.read(source, landing)
    assert dict(found.snapshots.select("document", "check_name").iter_rows()) == {
        "file crude_2021.csv": None,
        "file crude_of_the_eu.csv": "codes_as_expected",
        "file oil.csv": "product_as_expected",
    }
    rows = found.tables["eu_oil_imports"].select("reporting_area", "origin_country", "month", "quantity_thousand_t")
    assert rows.sort("month").rows()[11] == ("TR", "RU", "2021-12", 12.0)
