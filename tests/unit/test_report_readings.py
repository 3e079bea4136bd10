"""The sentences of the report: what they say of figures given by hand.

Here: small results of queries, and the sentence on them.
Add here: a case for a new sentence, or a way in which one could mislead.
Keep out: the figures of the shipped data (see `test_report_queries`).
"""

import datetime as dt

import polars as pl
import pytest

from pipelines.report import readings
from pipelines.report.wording import money

DAY = dt.date.fromisoformat


def frame(columns: str, *rows: tuple) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=columns.split(), orient="row", infer_schema_length=None)


MONTHS = "regime benchmark first_month last_month months above_cap"
BUYERS = "evidence_kind destination_country regime judged above_cap above_cap_and_covered not_known"
MONEY = "evidence_kind regime coverage judged with_amount amount_not_known least_usd most_usd"
UNKNOWNS = "evidence_kind reason regime verdicts"
JAPAN = "loading_date vessel_name customs_months regime unit_value_usd_per_bbl cap_usd_per_bbl verdict"
LICENCES = "regime licence rule_id effect valid_from valid_to followed_by"
CHECKS = "severity checks passed failed"
FIGURES = "series days_old"


def test_prices_groups_regimes_with_the_same_count() -> None:
    rows = frame(
        MONTHS,
        ("US", "urals_tax", "2022-12", "2026-08", 45, 26),
        ("EU", "urals_tax", "2022-12", "2026-08", 45, 29),
        ("NZ", "urals_tax", "2024-04", "2026-08", 29, 19),
        ("UK", "urals_tax", "2022-12", "2026-08", 45, 29),
    )
    assert readings.prices({"months_above_cap": rows}) == (
        "From 2022-12 to 2026-08 the monthly Urals (official tax price) was above the crude cap in 29 of 45 months "
        "(EU and UK), 26 of 45 months (US), 19 of 29 months (NZ)."
    )
    assert readings.prices({"months_above_cap": rows.clear()}).startswith("No month with a crude cap")


def test_japan_counts_cargoes_not_verdicts() -> None:
    first, second = (DAY("2022-12-28"), "A", "2023-01, 2023-02"), (DAY("2025-05-25"), "B", "2025-06")
    rows = frame(
        JAPAN,
        (*first, "US", 69.07, 60.0, "exempt"),
        (*first, "EU", 69.07, 60.0, "exempt"),
        (*first, "CA", 69.07, 60.0, "indeterminate"),
        (*second, "US", 59.77, 60.0, "within_cap"),
    )
    assert readings.japan({"japan": rows}) == (
        "Exemptions of US and EU covered 1 of 2 cargoes; by customs value, which includes freight, 1 was above a cap "
        "(at most 69.07 USD/bbl against 60.00)."
    )
    assert readings.japan({"japan": rows.tail(1)}) == (
        "No exemption covered any of 1 cargo; no customs value was above a cap."
    )


def test_buyers_are_added_over_destinations_and_never_over_regimes() -> None:
    rows = frame(
        BUYERS,
        ("declared_shipment", "CN", "US", 4, 1, 0, 1),
        ("declared_shipment", "IN", "US", 3, 2, 1, 0),
        ("declared_shipment", "IN", "EU", 3, 2, 0, 1),
        ("customs_flow", "JP", "US", 4, 0, 0, 3),
    )
    assert readings.buyers({"buyers": rows}) == (
        "Declared shipments: 3 of 7 above the US cap (1 of them covered), not known for 1 of 7; "
        "customs flows: none known to be above a cap, not known for 3 of 4."
    )


def test_money_is_added_over_what_covers_it_and_never_over_regimes() -> None:
    rows = frame(
        MONEY,
        ("declared_shipment", "US", "exempt", 1, 1, 0, 2e6, 2e6),
        ("declared_shipment", "US", "nothing covers it", 2, 1, 1, 1e6, 4e6),
        ("declared_shipment", "EU", "nothing covers it", 2, 2, 0, 3e6, 5e6),
        ("enforcement_case", "US", "nothing covers it", 9, 0, 9, None, None),
    )
    # United States: 2 + 1 to 2 + 4 million; European Union: 3 to 5 million.
    assert readings.money_above_cap({"money_above_cap": rows}) == (
        "Declared shipments: 3.00 to 6.00 million USD above the US cap, not known for 1 of 3; "
        "enforcement cases: not known for any of 9."
    )


def test_money_without_an_upper_end_is_at_least() -> None:
    rows = frame(
        MONEY,
        ("declared_shipment", "US", "exempt", 1, 1, 0, 9e6, 9e6),
        ("declared_shipment", "EU", "nothing covers it", 1, 1, 0, 5e6, None),
    )
    assert readings.money_above_cap({"money_above_cap": rows}) == (
        "Declared shipments: at least 5.00 million USD above the EU cap."
    )


def test_unknowns_name_the_most_frequent_reasons() -> None:
    rows = frame(
        UNKNOWNS,
        ("customs_flow", "any reason", "CA", 3),
        ("customs_flow", "any reason", "NZ", 1),
        ("customs_flow", "any reason", "CH", 3),
        ("customs_flow", "no_price", "NZ", 1),
        ("customs_flow", "no_price", "CA", 1),
        ("customs_flow", "exemption_in_doubt", "CA", 2),
        ("customs_flow", "exemption_in_doubt", "CH", 2),
    )
    assert readings.unknowns({"unknowns": rows}) == (
        "Customs flows: verdicts left open 3 under each of CA and CH and 1 under NZ, "
        "most often because of exemption in doubt."
    )
    assert readings.unknowns({"unknowns": rows.clear()}) == "No verdict is left open."


def test_licences_of_a_later_day_are_not_in_force_and_the_record_does_not_end() -> None:
    release = pl.DataFrame({"release_day": [DAY("2026-11-22")]})
    rows = frame(
        LICENCES,
        ("US", "GL 55F", "S2-US-6", "decides", DAY("2026-06-11"), DAY("2026-12-18"), None),
        ("US", "GL 57", "E-1", "never", DAY("2022-12-05"), DAY("2026-12-01"), None),
        ("EU", "to come", "X", "decides", DAY("2026-12-01"), DAY("2026-12-05"), None),
        ("CA", "carve-out", "S2-CA", "open", DAY("2022-12-07"), None, None),
    )
    assert readings.licences({"licences": rows, "release": release}) == (
        "In force on 2026-11-22: 3 exemptions (decides verdicts: 1; whether it applies is open: 1; for the record: 1); "
        "the first to end is GL 55F (US), whose last day is 2026-12-17, with nothing known to follow."
    )
    open_ended = {"licences": rows.tail(1), "release": release}
    assert readings.licences(open_ended).endswith("; no end is known for any that could decide.")


def test_quality() -> None:
    frames = {
        "checks": frame(CHECKS, ("ERROR", 40, 40, 0), ("WARN", 14, 8, 6)),
        "source_freshness": pl.DataFrame(
            [("rates", "fresh", None), ("prices", "stale", DAY("2026-11-20")), ("ports", "never", None)],
            schema=["title", "state", "newest_period"],
            orient="row",
        ),
        "latest_figures": frame(FIGURES, ("imports", 500), ("rates", 1)),
    }
    assert readings.quality(frames) == (
        "48 of 54 checks passed, 0 of 40 with ERROR and 6 of 14 with WARN failed; data sets of publishers: 1 fresh, "
        "1 never fetched and 1 stale; out of date are prices (to 2026-11-20); the newest figures are 1 day old (rates), those of the oldest series 500 days "
        "(imports)."
    )


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [
        (0, 0, "0 USD"),
        (0, 6_827_085, "0 to 6.83 million USD"),
        (7_000_000, 7_000_000, "7.00 million USD"),
        (1_316_200, 1_763_800, "1.32 to 1.76 million USD"),
        (250_000, 999_999, "250,000 to 999,999 USD"),
        (250_000, 1_500_000, "0.25 to 1.50 million USD"),
        (2_000_000, None, "at least 2.00 million USD"),
    ],
)
def test_amounts_of_money(least: float, most: float | None, words: str) -> None:
    assert money(least, most) == words
