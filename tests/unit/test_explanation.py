"""What an explanation says: dates, figures, rules and sources worked out by hand from the shipped tables.

Here: one case for each thing that a reader must find in the text.
Add here: a case for a new step, or for a new way to come to a verdict.
Keep out: whether the verdicts are right (see `tests/golden`).
"""

import datetime as dt
import re

import polars as pl
import pytest

from pipelines.report.explanation import explain
from pipelines.report.wording import WIDTH
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.transforms.evidence import customs_flows, enforcement_cases
from tests.support import Row, cargoes, shipment, verdict


def said(row: Row, book: Rulebook, reference: Reference) -> str:
    """The explanation of a shipment in one line, so that the wrapping does not matter."""
    return flat(explain(cargoes([row], book, reference), book, reference))


def flat(text: str) -> str:
    return " ".join(text.split())


def customs_flow(figure_id: str, book: Rulebook, reference: Reference, *regimes: str) -> str:
    flows = customs_flows(reference.japan_crude_from_russia.lazy(), "JP", reference).collect()
    return explain(flows.filter(pl.col("shipment_id") == figure_id), book, reference, regimes)


@pytest.fixture(scope="module")
def february_2023(book: Rulebook, reference: Reference) -> str:
    return flat(customs_flow("JP-CUSTOMS-2023-02", book, reference, "US", "JP"))


class TestJapaneseFlowOfFebruary2023:
    def test_cargo_and_its_source(self, february_2023: str) -> None:
        assert "customs flow, TASS citing the Japanese finance ministry [F-TASS-1589813]" in february_2023
        assert "Zaliv Baikal, IMO 9360128" in february_2023
        assert "loaded 2022-12-28 discharged between 2023-01-01 and 2023-01-31" in february_2023
        assert (
            "F-TASS-1589813 TASS citing the Japanese finance ministry: https://tass.com/economy/1589813"
            in february_2023
        )

    def test_conversion(self, february_2023: str) -> None:
        # 37,000 kl x 6.28981077 = 232,722.998 bbl
        assert "37,000 kl = 232,723 bbl" in february_2023
        assert "rates of 2022-12-28, the loading day [F-ECB]: 1 EUR = 142.21 JPY = 1.064 USD" in february_2023
        # 2,125,000,000 x 1.064 / 142.21 = 15,899,022.57 USD; / 232,722.998 bbl = 68.3174
        assert "= 68.3174 USD/bbl (price basis customs_unit_value" in february_2023
        # 15,945,000 / 232,722.998 = 68.5149
        assert "USD 15,945,000, that is 68.5149 USD/bbl" in february_2023
        # The highest freight within 180 days is 27.5684 and no point leads to Japan; 27.5684 + 2.4889 = 30.0573.
        assert "between 0 and 30.0573 USD/bbl: freight at most 27.5684 (Baltic to India, Aframax" in february_2023
        assert "none is known for JP" in february_2023
        # 68.3174 - 30.0573 = 38.2601
        assert "between 38.2601 and 68.5149 USD/bbl" in february_2023

    def test_us_licence_with_window_and_source(self, february_2023: str) -> None:
        assert "GL 55 to GL 55F (S2-US-0 to S2-US-6): COVERS." in february_2023
        assert "every day of 2022-12-28 to 2023-01-31 in one of the windows (P-14): met" in february_2023
        assert "GL 55 (S2-US-0), in force 2022-12-05 to 2023-09-29 (no longer on 2023-09-30)." in february_2023
        assert "General License 55 [S85, S86, S82, S83], verified" in february_2023
        assert "S85 news: japannews.yomiuri.co.jp 20221123-72793 (Jiji)" in february_2023
        assert "GL 55A (S2-US-1), in force" not in february_2023  # begins on 2023-09-14, after the voyage

    def test_us_cap_transition_and_verdict(self, february_2023: str) -> None:
        assert "Level date 2023-01-31, the last possible day of discharge" in february_2023
        assert "Cap US-C1, 60 USD/bbl for crude, in force from 2022-12-05 on." in february_2023
        # Loaded on 2022-12-28, not before 2022-12-05.
        assert (
            "T-US-1, exempts at any price (J-25): DOES NOT APPLY. Loaded before 2022-12-05: 2022-12-28, not met"
            in february_2023
        )
        assert "EXEMPT. Exempt from the US cap of 60 USD/bbl" in february_2023
        # 60 - 68.3174
        assert "60 - 68.3174 = -8.3174 USD/bbl" in february_2023

    def test_nexus(self, february_2023: str) -> None:
        assert "Assumed: nothing known ties the cargo to one regime" in february_2023
        assert "the destination JP always brings this regime, whatever else is declared (J-26)" in february_2023

    def test_conventions_are_spelled_out(self, february_2023: str) -> None:
        conventions = february_2023.partition("Conventions: ")[2]
        assert {"P-9", "P-14", "J-14", "J-17", "J-22", "J-26"} <= set(conventions.split())
        assert "J-5" not in conventions.split()  # the days of discharge are known


def test_eu_contract_between_the_cut_offs_shows_both_readings(book: Rulebook, reference: Reference) -> None:
    row = shipment(
        contract_date="2026-01-20",
        loading_date="2026-02-10",
        discharge_date="2026-03-10",
        value=32_200_000.0,
        nexus="EU",
    )
    text = said(row, book, reference)
    assert "32,200,000 USD / 700,000 bbl = 46.00 USD/bbl" in text
    assert (
        "T-EU-7, keeps EU-C2 usable (J-6): DOES NOT APPLY. Contract before 2026-01-15: 2026-01-20, not met; "
        "level date 2026-02-01 to 2026-04-16: 2026-03-10, met." in text
    )
    assert "T-EU-7-A, keeps EU-C2 usable (J-6): OPEN. Contract before 2026-02-01: 2026-01-20, met" in text
    assert "[S10, S79, S22, S23], conflict. Note: J-7: one source puts the cut-off at 1 Feb 2026" in text
    assert "Level date 2026-03-10, if T-EU-7-A does not apply: cap EU-C3 of 44.1 USD/bbl, above_cap." in text
    assert (
        "Level date 2026-03-10, if T-EU-7-A applies: cap EU-C3 of 44.1 USD/bbl, and T-EU-7-A keeps EU-C2 of "
        "47.6 USD/bbl usable, within_prior_cap." in text
    )
    assert "INDETERMINATE." in text
    assert "Confidence: conflict" in text


def test_yen_on_a_saturday_takes_the_rate_of_friday(book: Rulebook, reference: Reference) -> None:
    text = said(shipment(loading_date="2023-06-10", value=5_600_000_000.0, currency="JPY"), book, reference)
    assert (
        "European Central Bank's reference rates of 2023-06-09, the last before the loading day 2023-06-10 [F-ECB]: "
        "1 EUR = 150.24 JPY = 1.078 USD" in text
    )
    # 5,600,000,000 x 1.078 / 150.24 = 40,181,043.66 USD; / 700,000 bbl = 57.4015
    assert "USD 40,181,043.66 for the oil against 60 x 700,000 bbl = USD 42,000,000.00 (J-13" in text
    assert "= 57.4015 USD/bbl" in text


def test_yen_after_the_last_daily_rate_takes_the_mean_of_the_month(book: Rulebook, reference: Reference) -> None:
    row = shipment(loading_date="2026-05-20", discharge_date="2026-06-20", value=5_600_000_000.0, currency="JPY")
    text = said(row, book, reference)
    # 1 / 158.1530 = 0.00632299
    assert "Federal Reserve's mean of 2026-05, as no daily rate is known for the loading day [F-H10]" in text
    assert "1 JPY = 0.00632299 USD (J-14)" in text


def test_mass_is_converted_by_the_density_of_the_grade(book: Rulebook, reference: Reference) -> None:
    text = said(shipment(grade="ESPO", quantity=100_000.0, quantity_unit="t"), book, reference)
    assert "ESPO, told by its grade: density 0.851 t/m3 [F-ASSAY], verified (J-15)." in text
    # 6.28981077 / 0.851 = 7.391082
    assert "1 t = 7.391082 bbl, so 100,000 t = 739,108.20 bbl." in text


def test_unknown_grade_has_the_range_of_all_crudes(book: Rulebook, reference: Reference) -> None:
    text = said(shipment(grade=None, quantity=100_000.0, quantity_unit="t"), book, reference)
    # ARCO 6.28981077 / 0.910 = 6.9119, CPC Blend 6.28981077 / 0.800 = 7.8623
    assert "1 t = 7.33 bbl, between 6.9119 and 7.8623, so 100,000 t = 733,000 bbl." in text


def test_missing_costs_are_named_with_their_points(book: Rulebook, reference: Reference) -> None:
    row = shipment(loading_date="2024-09-01", discharge_date="2024-10-01", incoterm="CIF")
    text = said(row, book, reference)
    # Highest freight to India within 180 days of 2024-09-01: 11.0274 in February 2025; 11.0274 + 2.4889 = 13.5163
    assert "Costs that CIF contains and nothing itemises lie between 0 and 13.5163 USD/bbl" in text
    assert "freight at most 11.0274 (Baltic to India, Aframax, 2025-02-01 to 2025-02-28)" in text
    assert "insurance at most 2.4889 (Baltic to India, 2023-06-01 to 2023-06-30)" in text
    assert "none is known for" not in text


def test_itemised_costs_are_subtracted(book: Rulebook, reference: Reference) -> None:
    row = shipment(incoterm="CIF", value=49_000_000.0, freight_cost=6_300_000.0, insurance_cost=350_000.0)
    text = said(row, book, reference)
    assert "Itemised costs of USD 6,650,000 are contained in it and are subtracted (J-16)." in text
    # 49,000,000 - 6,650,000 = 42,350,000; / 700,000 = 60.50
    assert "42,350,000 USD / 700,000 bbl = 60.50 USD/bbl" in text


def test_a_cent_above_the_cap_is_seen_in_money(book: Rulebook, reference: Reference) -> None:
    text = said(shipment(value=42_000_000.01), book, reference)
    assert "Compared in money: USD 42,000,000.01 for the oil against 60 x 700,000 bbl = USD 42,000,000.00" in text
    assert "ABOVE_CAP." in text


def test_missing_discharge_judges_sixty_days(book: Rulebook, reference: Reference) -> None:
    row = shipment(
        contract_date="2025-07-21", loading_date="2025-07-25", discharge_date=None, value=38_500_000.0, nexus="EU"
    )
    text = said(row, book, reference)
    # 2025-07-25 + 60 days = 2025-09-23; EU-C2 begins on 2025-09-03
    assert "2025-07-25, but every level date from 2025-07-25 to 2025-09-23 is judged (J-5)" in text
    assert "Level date 2025-07-25 to 2025-09-02: cap EU-C1 of 60 USD/bbl, within_cap." in text
    assert "Level date 2025-09-03 to 2025-09-23: cap EU-C2 of 47.6 USD/bbl, above_cap." in text
    assert "T-EU-5, keeps EU-C1 usable (J-6): DOES NOT APPLY. Contract before 2025-07-20: 2025-07-21, not met" in text


def test_licence_that_ends_during_the_voyage_shows_the_days_left_out(book: Rulebook, reference: Reference) -> None:
    row = shipment(
        loading_date="2026-12-10", discharge_date="2026-12-20", grade="Sakhalin Blend", destination_country="JP"
    )
    text = said(row, book, reference)
    # GL 55F ends at 12:01 a.m. on 2026-12-18: 18 to 20 December are left out.
    assert "GL 55 to GL 55F (S2-US-0 to S2-US-6): DOES NOT COVER." in text
    assert "in one of the windows (P-14): nothing covers 2026-12-18 to 2026-12-20." in text
    assert "in force 2026-06-11 to 2026-12-17 (no longer on 2026-12-18)" in text


def test_days_before_the_regime_need_no_licence(book: Rulebook, reference: Reference) -> None:
    row = shipment(
        loading_date="2022-12-03", discharge_date="2022-12-08", grade="Sakhalin Blend", destination_country="JP"
    )
    text = said(row, book, reference)
    assert "every day of 2022-12-05 to 2022-12-08 from the first day of the cap on (J-9)" in text


def test_under_way_at_a_start_without_wind_down(book: Rulebook, reference: Reference) -> None:
    row = shipment(loading_date="2022-12-01", discharge_date="2022-12-20", nexus="CH")
    assert "judged under the cap, unverified (J-10)" in said(row, book, reference)


def test_out_of_scope_names_the_rule_and_stops(book: Rulebook, reference: Reference) -> None:
    row = shipment(origin_country="KZ", grade="CPC Blend", origin_project="CPC", nexus="US")
    text = said(row, book, reference)
    assert "Origin country KZ: OUT OF SCOPE (X-0: oil of Russian origin)." in text
    assert "X-3, a known case outside the caps: CPC Blend with a Kazakh certificate of origin." in text
    assert "S100 primary: home.treasury.gov FAQ 1020 (2022-03-18)" in text
    assert "Transitions" not in text
    assert "4. Verdict - OUT_OF_SCOPE." in text


def test_no_cap_yet_names_the_first_day(book: Rulebook, reference: Reference) -> None:
    text = said(shipment(loading_date="2022-11-20", discharge_date="2022-12-04"), book, reference)
    assert "Level date 2022-12-04: no cap for crude in force; the first one begins on 2022-12-05." in text


@pytest.mark.parametrize(
    ("regime", "code", "words"),
    [
        ("US", "27101215", "falls under entry 27101215 (premium list) [S58] of US-HTSUS: premium products, verified."),
        (
            "US",
            "27101962",
            "is not in US-HTSUS; it takes the class of entry 27101962 (fuel oil) [S57] of EU-ANNEX-XXVIII: "
            "discount products, unverified (J-19).",
        ),
        (
            "EU",
            "27101943",
            "falls under entry 27101943 (gas oil) [S57] of EU-ANNEX-XXVIII: premium products, verified.",
        ),
        (
            "JP",
            "27101943",
            "of EU-ANNEX-XXVIII, which stands for a list of its own (J-19): premium products, unverified.",
        ),
        ("EU", "2710", "the entries nearest to it leave premium products or discount products, verified (J-19)."),
        (
            "US",
            "2710190650",
            "which the list leaves undetermined) [S58, S57] of US-HTSUS: premium products or discount",
        ),
    ],
)
def test_class_names_list_entry_and_confidence(
    regime: str, code: str, words: str, book: Rulebook, reference: Reference
) -> None:
    row = shipment(hs_code=code, grade=None, loading_date="2024-03-01", discharge_date="2024-03-20", nexus=regime)
    assert words in said(row, book, reference)


def test_provider_that_brings_a_regime_is_named(book: Rulebook, reference: Reference) -> None:
    text = said(shipment(nexus=None, insurer_country="GB"), book, reference)
    assert "Inferred: insurer country GB brings this regime. N-UK-insurer [S75, S106], verified; NC-UK-GB" in text


def test_open_exemption_leaves_a_price_below_the_cap_alone(book: Rulebook, reference: Reference) -> None:
    row = shipment(
        loading_date="2025-06-20",
        discharge_date="2025-06-29",
        grade="Sakhalin Blend",
        destination_country="JP",
        nexus="UK",
    )
    text = said(row, book, reference)
    # INT/2022/2470156 is known until 2025-06-28; what followed was not found.
    assert "INT/2022/2470156 (2025 on) (S2-UK-3), in force from 2025-06-29 on, whether it covers is open." in text
    assert "Whether S2-UK-3 covers it is open, which leaves this answer standing (J-2)." in text


def test_enforcement_case_keeps_the_words_of_the_release(book: Rulebook, reference: Reference) -> None:
    cases = enforcement_cases(reference.enforcement_cases.lazy(), reference.grades).collect()
    text = flat(explain(cases.filter(pl.col("shipment_id") == "OFAC-K-1"), book, reference))
    assert 'in its words: "above 80"' in text
    assert "The price of the oil itself: above 80.00 USD/bbl." in text
    assert "Level date 2023-04-17, the day of discharge" in text
    assert "ABOVE_CAP." in text


def test_unpriced(book: Rulebook, reference: Reference) -> None:
    text = said(shipment(value=None, currency=None), book, reference)
    assert "No value is known, so the cargo is unpriced." in text
    assert "UNPRICED." in text


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (shipment(loading_date="2022-12-04", discharge_date="2023-01-18", value=52_500_000.0), "T-US-1"),
        (
            shipment(
                contract_date="2026-01-14",
                loading_date="2026-01-20",
                discharge_date="2026-02-01",
                value=33_320_000.0,
                nexus="EU",
            ),
            "T-EU-7",
        ),
    ],
)
def test_transition_that_decides_is_said_to_apply(row: Row, rule: str, book: Rulebook, reference: Reference) -> None:
    assert verdict(row, book, reference)["transition_id"] == rule
    assert re.search(rf"{rule}, [^:]*: APPLIES\.", said(row, book, reference))


def test_every_cited_source_is_resolved_and_lines_fit(book: Rulebook, reference: Reference) -> None:
    text = customs_flow("JP-CUSTOMS-2025-06", book, reference)
    body, _, notes = text.partition("Sources of the rules")
    cited = {key for group in re.findall(r"\[([^\]]+)\]", flat(body)) for key in group.split(", ")}
    listed = {line.split()[0] for line in notes.splitlines() if line.startswith("  ") and line[2] != " "}
    assert cited <= listed
    assert {"S25", "GAP", "F-KHYBERMAIL-2025-07"} <= cited
    # Addresses are not broken.
    assert [line for line in text.splitlines() if len(line) > WIDTH and "://" not in line] == []
    regimes = [line.split()[0] for line in text.splitlines() if re.match(r"[A-Z]{2}  ", line)]
    assert regimes == list(book.regime_codes)


def test_as_known_on_an_earlier_day(book: Rulebook, reference: Reference) -> None:
    # Published on 2023-09-14, GL 55A was not known on 2023-09-01; GL 55 ended on 2023-09-30.
    row = shipment(
        loading_date="2023-09-25", discharge_date="2023-10-02", grade="Sakhalin Blend", destination_country="JP"
    )
    cargo = cargoes([row], book, reference)
    then = flat(explain(cargo, book.as_of(dt.date(2023, 9, 1)), reference, ["US"]))
    assert "judged by the rules as known on 2023-09-01" in then
    assert "GL 55 (S2-US-0): DOES NOT COVER." in then
    assert "nothing covers 2023-09-30 to 2023-10-02" in then
    assert "GL 55 to GL 55F (S2-US-0 to S2-US-6): COVERS." in flat(explain(cargo, book, reference, ["US"]))


def test_no_regime_asked_for_touches_the_cargo(book: Rulebook, reference: Reference) -> None:
    text = explain(cargoes([shipment(nexus="US")], book, reference), book, reference, ["EU"])
    assert "No regime that was asked for (EU) touches this cargo, so there is no verdict." in text


def test_one_cargo_at_a_time(book: Rulebook, reference: Reference) -> None:
    two = cargoes([shipment(), shipment(shipment_id="B")], book, reference)
    with pytest.raises(ValueError, match="one cargo, not 2"):
        explain(two, book, reference)
