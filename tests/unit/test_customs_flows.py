"""Customs lines of all importers: which become flows, as what cargoes, and how they are judged.

Barrels per tonne: generic 7.33; the lightest listed crude 6.28981077 / 0.800 = 7.862263, the heaviest 6.28981077 / 0.910
= 6.911880. Freight to India in May 2024: at most 7.5813 USD/bbl (June 2024), insurance at most 2.4889.
"""

import datetime as dt
from typing import Any

import polars as pl
import pytest
from pytest import approx

from pipelines.contracts.cargoes import CARGOES
from pipelines.contracts.customs import CUSTOMS_LINES, customs_lines
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.transforms.customs import combined_lines
from pipelines.transforms.evidence import line_flows
from pipelines.transforms.judge import judge

Row = dict[str, Any]
SHAPE = customs_lines("lines").polars_schema()
# 7,000,000 t, that is 51,310,000 bbl, for 85 USD/bbl.
INDIA: Row = {
    "data_set": "comtrade_lines",
    "importer_country": "IN",
    "origin_country": "RU",
    "month": "2024-05",
    "hs_code": "270900",
    "quantity": 7e9,
    "quantity_unit": "kg",
    "net_mass_kg": 7e9,
    "value": 4_361_350_000.0,
    "currency": "USD",
    "valuation": "CIF",
    "is_confidential": False,
}
# 100,000 t to Bulgaria for 500 EUR per tonne.
BULGARIA = INDIA | {
    "data_set": "eu_customs_lines",
    "importer_country": "BG",
    "month": "2023-06",
    "transport_mode": "sea",
    "quantity": 1e8,
    "net_mass_kg": 1e8,
    "value": 50_000_000.0,
    "currency": "EUR",
}


def lines(rows: list[Row], reference: Reference) -> pl.DataFrame:
    """The rows through `combined_lines`."""
    sets = {row["data_set"]: [] for row in rows}
    for row in rows:
        sets[row["data_set"]].append({name: row.get(name) for name in SHAPE})
    frames = {name: pl.DataFrame(found, schema=SHAPE) for name, found in sets.items()}
    found = combined_lines(frames, reference.importers, reference)
    assert CUSTOMS_LINES.failures(found).height == 0
    return found


def reasons(rows: list[Row], reference: Reference) -> list[str | None]:
    """Why each line is set aside, by code and mode; None for a flow."""
    order = ["data_set", "importer_country", "hs_code", "transport_mode"]
    return lines(rows, reference).sort(order, nulls_last=True)["set_aside_because"].to_list()


def flows(rows: list[Row], reference: Reference) -> pl.DataFrame:
    found = line_flows(lines(rows, reference).lazy(), reference.importers, reference).collect()
    assert found.schema == CARGOES.polars_schema()
    assert CARGOES.failures(found).height == 0
    return found


def verdicts(row: Row, book: Rulebook, reference: Reference) -> dict[str, Row]:
    """The verdicts on the one flow of a line, by regime."""
    judged = judge(flows([row], reference).lazy(), book).collect()
    return {verdict["regime"]: verdict for verdict in judged.to_dicts()}


# --- which lines become flows


def test_a_line_becomes_a_flow_with_an_id_that_says_what_it_is(reference: Reference) -> None:
    consigned = BULGARIA | {"origin_country": "KZ", "consigned_from_country": "RU", "transport_mode": "rail"}
    assert set(lines([INDIA, BULGARIA, consigned], reference)["shipment_id"]) == {
        "UN-IN-270900-RU-2024-05-all",
        "EU-BG-270900-RU-2023-06-sea",
        "EU-BG-270900-KZ-2023-06-rail-from-RU",
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"quantity": 0.0}, "no_quantity", id="zero"),
        pytest.param({"quantity": None}, "no_quantity", id="no quantity"),
        pytest.param({"quantity": None, "is_confidential": True}, "withheld", id="quantity withheld"),
        pytest.param({"value": None, "is_confidential": True}, None, id="value withheld"),
        pytest.param({"importer_country": "CN"}, "mode_not_told", id="China, by pipeline or by sea"),
        pytest.param({"importer_country": "CN", "transport_mode": "unknown"}, "mode_not_told", id="unknown to China"),
        pytest.param({"importer_country": "CN", "transport_mode": "sea"}, None, id="China by sea"),
        pytest.param({"importer_country": "DE"}, "other_statistic", id="Germany stands in Comext"),
        pytest.param({"importer_country": "JP"}, "other_statistic", id="Japan has customs lines of its own"),
        pytest.param({"importer_country": "MX"}, "other_statistic", id="no importer of the table"),
        pytest.param(
            {"data_set": "japan_customs_lines", "importer_country": "JP"}, "judged_elsewhere", id="Japan's own lines"
        ),
    ],
)
def test_what_becomes_no_flow_says_why(change: Row, why: str | None, reference: Reference) -> None:
    assert reasons([INDIA | change], reference) == [why]


def test_two_statistics_on_one_importer_never_both_become_flows(reference: Reference) -> None:
    comtrade = INDIA | {"importer_country": "BG", "month": "2023-06", "transport_mode": "sea"}
    assert reasons([comtrade, BULGARIA], reference) == ["other_statistic", None]


def test_lines_by_mode_and_by_longer_code_take_the_place_of_their_totals(reference: Reference) -> None:
    total = BULGARIA | {"transport_mode": None}
    rows = [
        total | {"hs_code": "2709"},
        total | {"hs_code": "27090010"},
        BULGARIA | {"hs_code": "2709"},
        BULGARIA | {"hs_code": "270900"},
        BULGARIA | {"hs_code": "270900", "transport_mode": "pipeline"},
        BULGARIA | {"hs_code": "271019"},
    ]
    assert reasons(rows, reference) == [
        "finer_lines",  # 2709 by sea
        "finer_lines",  # 2709, all modes
        None,  # 270900 by pipeline
        None,  # 270900 by sea
        "finer_lines",  # 27090010, all modes: the modes hold it
        None,  # 271019 is other oil
    ]


def test_totals_without_a_breakdown_stay(reference: Reference) -> None:
    rows = [INDIA | {"hs_code": "2709"}, INDIA | {"hs_code": "271019"}, INDIA | {"hs_code": "2709", "month": "2024-06"}]
    assert reasons(rows, reference) == [None, None, None]


def test_another_month_or_origin_is_other_oil(reference: Reference) -> None:
    total = BULGARIA | {"transport_mode": None}
    rows = [BULGARIA, total | {"month": "2023-07"}, total | {"origin_country": "KZ"}]
    assert sorted(map(str, reasons(rows, reference))) == ["None", "mode_not_told", "mode_not_told"]


def test_barrels_have_the_range_of_all_crudes(reference: Reference) -> None:
    (line,) = lines([BULGARIA], reference).to_dicts()
    assert line["quantity_bbl"] == approx(733_000)
    assert line["quantity_low_bbl"] == approx(691_188.0, abs=1)
    assert line["quantity_high_bbl"] == approx(786_226.3, abs=1)


def test_nothing_fetched_is_no_line(reference: Reference) -> None:
    assert combined_lines({}, reference.importers, reference).height == 0


# --- flows as cargoes


def test_the_month_is_loading_and_discharge(reference: Reference) -> None:
    (cargo,) = flows([INDIA], reference).to_dicts()
    first, last = dt.date(2024, 5, 1), dt.date(2024, 5, 31)
    assert (cargo["loading_first"], cargo["loading_last"]) == (first, last)
    assert (cargo["discharge_first"], cargo["discharge_last"]) == (first, last)
    assert (cargo["evidence_kind"], cargo["evidence_source"]) == ("customs_flow", "comtrade_lines")
    assert (cargo["destination_country"], cargo["origin_country"], cargo["transport_mode"]) == ("IN", "RU", "sea")


def test_the_price_is_the_unit_value_less_the_dearest_freight(reference: Reference) -> None:
    (cargo,) = flows([INDIA], reference).to_dicts()
    assert cargo["quantity_bbl"] == approx(51_310_000)
    assert cargo["price_usd_per_bbl"] == approx(85.0)
    # 85 x 7.33 / 7.862263 = 79.2453; less 7.5813 and 2.4889.
    assert cargo["price_low_usd_per_bbl"] == approx(69.175, abs=0.001)
    # 85 x 7.33 / 6.911880
    assert cargo["price_high_usd_per_bbl"] == approx(90.1419, abs=0.001)
    assert cargo["price_basis"] == "customs_unit_value"


def test_a_value_free_on_board_carries_no_freight(reference: Reference) -> None:
    (cargo,) = flows([INDIA | {"valuation": "FOB"}], reference).to_dicts()
    assert cargo["price_low_usd_per_bbl"] == approx(79.2453, abs=0.001)


def test_euros_at_the_rate_of_the_first_day(reference: Reference) -> None:
    # 1 June 2023: 1 EUR = 1.0697 USD (European Central Bank), so 53,485,000 USD for 733,000 bbl.
    (cargo,) = flows([BULGARIA], reference).to_dicts()
    assert (cargo["rate_date"], cargo["usd_per_unit_of_currency"]) == (dt.date(2023, 6, 1), 1.0697)
    assert cargo["price_usd_per_bbl"] == approx(72.967, abs=0.001)


@pytest.mark.parametrize("value", [None, 0.0])
def test_without_a_value_the_flow_is_unpriced(value: float | None, reference: Reference, book: Rulebook) -> None:
    assert verdicts(INDIA | {"value": value}, book, reference)["US"]["verdict"] == "unpriced"


# --- flows judged


def test_a_customs_value_above_the_cap_is_a_flag_and_no_finding(reference: Reference, book: Rulebook) -> None:
    # 68 USD/bbl, CIF: above 60. Less up to 10.07 of costs and with the range of densities it may have been below.
    verdict = verdicts(INDIA | {"value": 68 * 51_310_000.0}, book, reference)["US"]
    assert verdict["price_low_usd_per_bbl"] < verdict["cap_usd_per_bbl"] == 60 < verdict["price_usd_per_bbl"]
    assert (verdict["verdict"], verdict["is_above_cap"]) == ("indeterminate", None)
    assert verdict["reason_codes"][0] == "price_range_straddles_cap"
    assert "costs_estimated" in verdict["reason_codes"]


@pytest.mark.parametrize(("usd_per_bbl", "expected"), [(85, "above_cap"), (55, "within_cap")])
def test_a_range_on_one_side_of_the_cap_decides(
    usd_per_bbl: float, expected: str, reference: Reference, book: Rulebook
) -> None:
    # At 55 the most it can have cost is 55 x 7.33 / 6.911880 = 58.33.
    verdict = verdicts(INDIA | {"value": usd_per_bbl * 51_310_000.0}, book, reference)["US"]
    assert (verdict["verdict"], verdict["nexus_basis"]) == (expected, "assumed")


@pytest.mark.parametrize("mode", ["pipeline", "rail", "road", "inland_waterway", "other"])
def test_what_does_not_come_by_sea_gets_no_verdict_on_its_price(
    mode: str, reference: Reference, book: Rulebook
) -> None:
    # Druzhba oil to Hungary at 85 USD/bbl.
    hungary = BULGARIA | {"importer_country": "HU", "transport_mode": mode, "month": "2024-05", "value": 58_000_000.0}
    judged = verdicts(hungary, book, reference)
    assert len(judged) == 9
    assert {(row["verdict"], *row["reason_codes"][:1]) for row in judged.values()} == {("out_of_scope", "not_by_sea")}
    assert {row["cap_usd_per_bbl"] for row in judged.values()} == {None}


def test_oil_consigned_from_russia_of_kazakh_origin_is_out_of_scope(reference: Reference, book: Rulebook) -> None:
    kazakh = INDIA | {"origin_country": "KZ", "consigned_from_country": "RU", "importer_country": "TR"}
    judged = verdicts(kazakh, book, reference)
    assert {(row["verdict"], *row["reason_codes"][:1]) for row in judged.values()} == {
        ("out_of_scope", "not_of_russian_origin")
    }


def test_licences_that_follow_the_derogation_of_an_importer_cover_its_flows(
    reference: Reference, book: Rulebook
) -> None:
    judged = verdicts(BULGARIA, book, reference)
    exempt = {regime: row["exemption_id"] for regime, row in judged.items() if row["verdict"] == "exempt"}
    assert exempt == {"US": "E-2-BG-crude", "CA": "E-4-BG-crude"}
