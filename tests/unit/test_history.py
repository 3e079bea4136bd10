"""Verdicts as known at loading against verdicts as known now."""

import datetime as dt

from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.transforms.history import verdict_changes
from pipelines.transforms.judge import judge
from tests.support import Row, cargoes, shipment

SAKHALIN = {
    "grade": "Sakhalin Blend",
    "origin_project": "SAKHALIN-2",
    "destination_country": "JP",
    "value": 49_000_000.0,
}


def changes(rows: list[Row], book: Rulebook, reference: Reference) -> dict[tuple[str, str], Row]:
    priced = cargoes(rows, book, reference)
    found = verdict_changes(priced, judge(priced.lazy(), book), book).collect()
    return {(row["shipment_id"], row["regime"]): row for row in found.iter_rows(named=True)}


def test_a_derogation_published_after_loading_that_reaches_back(book: Rulebook, reference: Reference) -> None:
    # S2-EU-0 ended on 5 June 2023; S2-EU-1 was published on 23 June and reaches back to the 5th.
    row = shipment(loading_date="2023-06-08", discharge_date="2023-06-12", nexus="EU", **SAKHALIN)
    found = changes([row], book, reference)[("A", "EU")]
    assert (found["verdict_then"], found["verdict_now"]) == ("above_cap", "exempt")
    assert (found["changed_by"], found["changed_by_published_on"]) == ("S2-EU-1", dt.date(2023, 6, 23))
    assert found["known_on"] == dt.date(2023, 6, 8)


def test_a_licence_known_at_loading_changes_nothing(book: Rulebook, reference: Reference) -> None:
    # GL 55A was published on 14 September 2023.
    row = shipment(loading_date="2023-10-05", discharge_date="2023-10-12", nexus="US", **SAKHALIN)
    assert ("A", "US") not in changes([row], book, reference)


def test_a_loaded_by_licence_published_later_opens_the_verdict(book: Rulebook, reference: Reference) -> None:
    # GL 134 was published on 12 March 2026 for cargoes loaded by then and discharged by 10 April.
    row = shipment(loading_date="2026-03-01", discharge_date="2026-03-25", value=700_000 * 75.0)
    found = changes([row], book, reference)[("A", "US")]
    assert (found["verdict_then"], found["verdict_now"]) == ("above_cap", "indeterminate")
    assert "L-13" in found["changed_by"].split(";")


def test_a_lower_level_published_before_loading_is_no_change(book: Rulebook, reference: Reference) -> None:
    # EU-C2 was published on 19 July 2025: who loads on 10 August for discharge in September knows it.
    row = shipment(
        loading_date="2025-08-10",
        discharge_date="2025-09-10",
        contract_date="2025-08-01",
        value=700_000 * 55.0,
        nexus="EU",
    )
    assert changes([row], book, reference) == {}


def test_a_lower_level_published_during_the_voyage(book: Rulebook, reference: Reference) -> None:
    # Japan's 47.6 was published and in force on 12 September 2025; contract and loading were earlier,
    # discharge after 17 October, so no transition keeps 60 usable.
    row = shipment(
        loading_date="2025-09-05",
        discharge_date="2025-10-20",
        contract_date="2025-09-01",
        value=700_000 * 55.0,
        nexus="JP",
    )
    found = changes([row], book, reference)[("A", "JP")]
    assert (found["verdict_then"], found["verdict_now"]) == ("within_cap", "above_cap")
    assert found["changed_by"] == "JP-C2"
