"""A night with customs and energy statistics in the landing folder: flows beside declared cargoes, and what compares them.

Here: one night on publishers' files put there by hand, and what can be asked of its warehouse.
Add here: a promise about customs flows that needs a whole night.
Keep out: formats (`tests/sources`), which lines become flows (`tests/unit/test_customs_flows.py`).
"""

import shutil
from pathlib import Path

import duckdb
import pytest
from pytest import approx

from pipelines import sensors
from pipelines.settings import Settings
from tests.integration.conftest import AT_CAP, Finished, plimsoll, run_night, shipments_file
from tests.sources.test_comtrade import answer, record
from tests.sources.test_eurostat_comext import by_mode
from tests.sources.test_eurostat_energy import oil_imports, register

# Hungary: 400,000 t by pipeline. Bulgaria: 100,000 t by sea for 500 EUR per tonne. The EU holds both again.
COMEXT = [
    ("HU", "RU", "270900", "7", "2023-06", 400_000_000, 160_000_000),
    ("BG", "RU", "270900", "1", "2023-06", 100_000_000, 50_000_000),
    ("EU27_2020", "RU", "270900", "1", "2023-06", 100_000_000, 50_000_000),
]
# India: 7,000,000 t for 85 USD/bbl at the generic factor.
INDIA = record(period="202405", cifvalue=4_361_350_000.0, primaryValue=4_361_350_000.0)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("customs")
    files = {
        "eurostat_comext/by_mode.csv": by_mode(COMEXT),
        "eurostat_energy/register.csv": register(),
        "eurostat_energy/oil_imports.csv": oil_imports([("BG", "RU", "2023-06", "95")]),
        "comtrade/preview.json": answer(INDIA, record(reporterCode=276, partnerCode=398, partner2Code=643)),
    }
    for name, content in files.items():
        path = home / "landing" / "publisher_files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="")
    shipments_file(
        home / "landing" / "shipments" / "a.csv",
        AT_CAP.replace("2023-07-05", "2023-06-20").replace(",IN,", ",BG,"),
        "EU-BG-270900-RU-2023-06-sea" + AT_CAP.removeprefix("{id}"),
    )
    return home


@pytest.fixture(scope="module")
def night(home: Path) -> Finished:
    done = plimsoll("nightly", "--offline", home=home)
    assert done.code == 0, done.err + done.out
    return done


def ask(home: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_customs_lines_become_flows_beside_declared_cargoes(night: Finished, home: Path) -> None:
    flows = ask(
        home,
        "SELECT shipment_id, evidence_source, destination_country, transport_mode FROM staging.cargoes "
        "WHERE evidence_kind = 'customs_flow' AND shipment_id NOT LIKE 'JP-%' ORDER BY ALL",
    )
    assert flows == [
        ("EU-BG-270900-RU-2023-06-sea", "eu_customs_lines", "BG", "sea"),
        ("EU-HU-270900-RU-2023-06-pipeline", "eu_customs_lines", "HU", "pipeline"),
        ("UN-IN-270900-RU-2024-05-all", "comtrade_lines", "IN", "sea"),
    ]
    # Energy statistics never become flows.
    sources = {row[0] for row in ask(home, "SELECT DISTINCT evidence_source FROM staging.cargoes")}
    assert not sources & {"eu_crude_by_type", "eu_oil_imports"}


def test_every_flow_is_judged_under_every_regime(night: Finished, home: Path) -> None:
    verdicts = ask(
        home,
        "SELECT shipment_id, list(DISTINCT verdict ORDER BY verdict), count(*) FROM marts.shipment_verdicts "
        "WHERE shipment_id LIKE 'EU-HU-%' OR shipment_id LIKE 'UN-IN-%' GROUP BY ALL ORDER BY ALL",
    )
    # At most 10.07 USD/bbl of freight and insurance leave India's oil above 60; Japan, Canada and others have 60 too.
    assert verdicts == [
        ("EU-HU-270900-RU-2023-06-pipeline", ["out_of_scope"], 9),
        ("UN-IN-270900-RU-2024-05-all", ["above_cap"], 9),
    ]


def test_a_declared_id_that_a_flow_has_is_set_aside(night: Finished, home: Path) -> None:
    assert ask(home, "SELECT shipment_id FROM quality.quarantine") == [("EU-BG-270900-RU-2023-06-sea",)]


def test_declared_and_customs_volumes_side_by_side(night: Finished, home: Path) -> None:
    ((cargoes, declared, sea, every, energy, share),) = ask(
        home,
        "SELECT declared_cargoes, declared_bbl, comext_sea_bbl, comext_bbl, energy_bbl, declared_share_of_comext_sea "
        "FROM marts.customs_reconciliation WHERE importer_country = 'BG' AND month = '2023-06'",
    )
    assert (cargoes, declared) == (1, 700_000)
    assert (sea, every, energy) == (approx(733_000), approx(733_000), approx(95_000 * 7.33))
    assert share == approx(700_000 / 733_000)


def test_each_line_says_what_became_of_it(night: Finished, home: Path) -> None:
    rows = ask(
        home,
        "SELECT importer_country, set_aside_because FROM staging.customs_lines WHERE set_aside_because IS NOT NULL",
    )
    assert rows == [("DE", "other_statistic")]
    ((lines, flows),) = ask(home, "SELECT count(*), count(shipment_id) FROM staging.customs_lines")
    assert (lines, flows) == (4, 3)


def test_known_traps_are_named_checks(night: Finished, home: Path) -> None:
    found = dict(
        ask(
            home,
            "SELECT check_name, rows_failed FROM quality.check_results WHERE table_name IN ('staging.eu_crude_by_type', "
            "'staging.eu_customs_lines', 'staging.comtrade_lines', 'staging.customs_lines', 'marts.shipment_verdicts')",
        )
    )
    assert {name: found[name] for name in found if name not in ("keeps_contract", "open_verdicts")} == {
        "russian_crude_of_cpc_quality": 2,
        "price_is_value_over_volume": 0,
        "no_price_of_zero": 0,
        "unit_value_plausible": 0,
        "consigned_from_russia_is_not_russian": 1,
        "importers_are_countries": 0,
        "one_statistic_an_importer": 0,
        "flows_not_by_sea_are_out_of_scope": 0,
        "customs_value_is_no_finding": 0,
        "every_cargo_judged": 0,
        "in_one_month": 0,
        "agrees_with_rederivation": 0,
    }


def test_explain_follows_a_flow_from_its_customs_value(night: Finished, home: Path) -> None:
    done = plimsoll("explain", "UN-IN-270900-RU-2024-05-all", "--regime", "US", home=home)
    assert done.code == 0
    for said in ("customs flow", "comtrade_lines", "4,361,350,000", "J-28", "by sea only", "7.33", "Sold above"):
        assert said in " ".join(done.out.split())


def test_what_may_not_be_passed_on_says_so(night: Finished, home: Path) -> None:
    rows = ask(home, "SELECT source_name FROM quality.source_freshness WHERE NOT is_redistributable")
    assert ("comtrade",) in rows
    assert ask(home, "SELECT not_to_be_passed_on FROM quality.releases") == [("comtrade",)]
    assert "rows that must not be passed on, of comtrade" in night.out
    report = (home / "warehouse" / "report" / "report.html").read_text(encoding="utf-8")
    assert "holds rows that must not be passed on, of comtrade" in report


def test_a_release_to_share_holds_nothing_that_may_not_be_passed_on(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "landing", tmp_path / "landing")
    voyages = tmp_path / "landing" / "crea_voyages"
    voyages.mkdir()
    (voyages / "voyages.csv").write_text("id,refused for want of columns\n1,2\n", encoding="utf-8")
    settings = Settings(home=tmp_path, offline=True, is_shareable=True)
    assert run_night(settings).success
    left = ask(
        tmp_path,
        "SELECT (SELECT count(*) FROM staging.comtrade_lines), (SELECT count(*) FROM staging.eu_customs_lines), "
        "(SELECT string_agg(DISTINCT data_set) FROM staging.customs_lines), "
        "(SELECT count(*) FROM marts.shipment_verdicts WHERE shipment_id LIKE 'UN-%'), "
        "(SELECT count(*) FROM quality.source_freshness WHERE NOT is_redistributable), "
        "(SELECT string_agg(file) FROM quality.input_files), (SELECT not_to_be_passed_on FROM quality.releases)",
    )
    assert left == [(0, 2, "eu_customs_lines", 0, 0, "a.csv", None)]
    report = (tmp_path / "warehouse" / "report" / "report.html").read_text(encoding="utf-8")
    assert "omtrade" not in report.split('<section id="sources">')[0]
    # Nor does a file that it leaves out start another night.
    watched = {name.partition("/")[0] for name, _ in sensors._files(settings)}
    assert watched == {"shipments", "publisher_files"}
