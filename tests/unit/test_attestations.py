"""Attestations: the file that users hand in, the rules that ask for them, and the gaps between the two.

Here: each kind of gap with its first and last day, worked out from the rule tables by hand; how a file is read.
Add here: a case for each new kind of gap or column of the file.
Keep out: what any input file goes through (see `test_shipments_file`).
"""

import datetime as dt
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.contracts.attestations import ATTESTATIONS
from pipelines.contracts.marts import ATTESTATION_GAPS
from pipelines.contracts.quarantine import QUARANTINE
from pipelines.contracts.rules import ATTESTATION_RULES
from pipelines.rules.rulebook import Rulebook
from pipelines.settings import Settings
from pipelines.sources.landing import read_folder
from pipelines.sources.reference import Reference
from pipelines.sources.shipments_file import read_input
from pipelines.transforms.attestations import attestation_gaps
from pipelines.transforms.judge import judge
from tests.support import Row, cargoes, shipment


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def attestation(attested_on: str = "2024-03-05", **facts: Any) -> Row:
    """An attestation for shipment A by a trader, as it stands after reading: at or below 60 USD/bbl."""
    given = {"attestation_id": "T1", "shipment_id": "A", "tier": "1", "party": "Trader", "has_itemised_costs": True}
    price = {"price_attested_at_or_below_usd_per_bbl": 60.0, "sts_transfer_dates": None}
    return given | price | {"attested_on": day(attested_on)} | facts


def loaded(on: str = "2024-03-01", **facts: Any) -> Row:
    """700,000 bbl of Urals to India at 60 USD/bbl, loaded on a day and discharged twenty days later."""
    return shipment(loading_date=on, discharge_date=day(on) + dt.timedelta(days=20), **facts)


# So that attestations are in use although the shipment looked at has none.
OF_ANOTHER = attestation(attestation_id="T0", shipment_id="Z")


@pytest.fixture(scope="module")
def gaps(book: Rulebook, reference: Reference) -> Any:
    @cache  # judging takes longest, and many cases share it
    def judged(
        rows: tuple[tuple[tuple[str, Any], ...], ...], known_on: str | None
    ) -> tuple[pl.LazyFrame, pl.LazyFrame, Rulebook]:
        rules = book.as_of(day(known_on) if known_on else None)
        priced = cargoes([dict(row) for row in rows], book, reference)
        return judge(priced.lazy(), rules).collect().lazy(), priced.lazy(), rules

    def gaps(rows: list[Row], attestations: list[Row], known_on: str | None = None, **evidence: Any) -> list[Row]:
        """The gaps of shipments and attestations. `evidence`: columns of the cargoes to be set once judged."""
        verdicts, priced, rules = judged(tuple(tuple(row.items()) for row in rows), known_on)
        altered = priced.with_columns(pl.lit(value).alias(name) for name, value in evidence.items())
        given = pl.LazyFrame(attestations, schema=ATTESTATIONS.polars_schema())
        found = attestation_gaps(verdicts, altered, given, rules).collect()
        assert ATTESTATION_GAPS.conform(found).equals(found)
        assert ATTESTATION_GAPS.failures(found).height == 0
        return found.to_dicts()

    return gaps


def kinds(found: list[Row]) -> list[tuple[str, str]]:
    return [(gap["regime"], gap["gap"]) for gap in found]


class TestMissing:
    @pytest.mark.parametrize(
        ("regime", "loading", "rule"),
        [
            ("US", "2024-02-18", None),
            ("US", "2024-02-19", "A-2-US"),
            ("EU", "2024-02-19", None),
            ("EU", "2024-02-20", "A-4-EU"),
            ("UK", "2024-02-18", None),
            ("UK", "2024-02-19", "A-5-UK"),
            ("JP", "2024-06-01", None),  # no duty is known
        ],
    )
    def test_from_the_first_day_of_the_duty(self, gaps: Any, regime: str, loading: str, rule: str | None) -> None:
        found = gaps([loaded(loading, nexus=regime)], [OF_ANOTHER])
        assert [gap["rule_id"] for gap in found] == ([rule] if rule else [])
        assert kinds(found) == ([(regime, "missing")] if rule else [])

    def test_what_is_told(self, gaps: Any) -> None:
        (gap,) = gaps([loaded("2024-02-19")], [OF_ANOTHER])
        assert gap["due_on"] == day("2024-03-20")  # ten days to 29 February, twenty more
        assert gap["confidence"] == "verified"
        assert gap["attestation_id"] is None and gap["attested_on"] is None
        assert gap["reason"] == (
            "No attestation was handed in for this cargo loaded on 2024-02-19: OFAC Guidance on Implementation of the "
            "Price Cap Policy, as revised on 20 December 2023 (A-2-US) asks for one per voyage from 2024-02-19 on."
        )

    @pytest.mark.parametrize("tier", ["1", "2", "3"])
    def test_an_attestation_of_any_tier_counts_for_every_regime(self, gaps: Any, tier: str) -> None:
        assert gaps([loaded(nexus="US;EU;UK")], [attestation(tier=tier)]) == []

    def test_nothing_is_missing_where_no_attestation_was_handed_in_at_all(self, gaps: Any) -> None:
        assert gaps([loaded(nexus="US;EU;UK")], []) == []

    @pytest.mark.parametrize(
        "facts",
        [
            {"origin_country": "KZ"},
            {"transport_mode": "pipeline"},
            # General License 55A covers Sakhalin-2 oil to Japan until 28 June 2024.
            {"origin_project": "SAKHALIN-2", "grade": "Sakhalin Blend", "destination_country": "JP"},
        ],
        ids=["origin", "mode", "exempt"],
    )
    def test_not_where_the_cap_does_not_reach(self, gaps: Any, facts: Row) -> None:
        assert gaps([loaded(**facts)], [OF_ANOTHER]) == []

    @pytest.mark.parametrize("value", [49_000_000.0, None], ids=["above the cap", "unpriced"])
    def test_whatever_the_price(self, gaps: Any, value: float | None) -> None:
        assert kinds(gaps([loaded(value=value)], [OF_ANOTHER])) == [("US", "missing")]

    def test_not_for_other_evidence(self, gaps: Any) -> None:
        assert gaps([loaded()], [OF_ANOTHER], evidence_kind="customs_flow") == []

    @pytest.mark.parametrize(
        ("known_on", "regimes"),
        [("2023-12-17", []), ("2023-12-18", ["EU"]), ("2023-12-20", ["EU", "US"]), ("2024-02-06", ["EU", "UK", "US"])],
    )
    def test_a_duty_not_yet_published_is_invisible(self, gaps: Any, known_on: str, regimes: list[str]) -> None:
        found = gaps([loaded(nexus="US;EU;UK")], [OF_ANOTHER], known_on)
        assert kinds(found) == [(regime, "missing") for regime in regimes]


class TestLate:
    @pytest.mark.parametrize(
        ("attested_on", "is_late"),
        # Loaded on 1 March: 30 days later is 31 March.
        [("2024-02-20", False), ("2024-03-31", False), ("2024-04-01", True)],
    )
    def test_the_last_day_is_in_time(self, gaps: Any, attested_on: str, is_late: bool) -> None:
        found = gaps([loaded()], [attestation(attested_on)])
        assert kinds(found) == ([("US", "late")] if is_late else [])

    def test_what_is_told(self, gaps: Any) -> None:
        (gap,) = gaps([loaded()], [attestation("2024-04-01", party="Bank", tier="2")])
        assert (gap["attestation_id"], gap["tier"], gap["party"]) == ("T1", "2", "Bank")
        assert (gap["rule_id"], gap["due_on"]) == ("A-3-US", day("2024-03-31"))
        assert gap["attested_on"] == day("2024-04-01")
        assert gap["confidence"] == "unverified"
        assert gap["reason"].startswith("Attested on 2024-04-01, after 2024-03-31, the last of the 30 days")
        assert "(A-3-US)" in gap["reason"]

    def test_not_before_the_deadline_came_into_force(self, gaps: Any) -> None:
        assert gaps([loaded("2024-02-18")], [attestation("2024-06-01")]) == []

    def test_a_repeated_attestation_is_not_late(self, gaps: Any) -> None:
        again = attestation("2024-05-01", attestation_id="T2")
        assert gaps([loaded()], [attestation("2024-03-10"), again]) == []

    def test_each_tier_attests_in_time(self, gaps: Any) -> None:
        owner = attestation("2024-05-01", attestation_id="T2", tier="3", party="Owner")
        (gap,) = gaps([loaded()], [attestation("2024-03-10"), owner])
        assert (gap["gap"], gap["attestation_id"]) == ("late", "T2")


class TestRetriggered:
    def test_by_a_transfer_after_the_attestation(self, gaps: Any) -> None:
        (gap,) = gaps([loaded()], [attestation("2024-03-05", sts_transfer_dates="2024-03-20")])
        assert (gap["gap"], gap["rule_id"]) == ("retriggered", "A-2-US-STS")
        assert gap["transfer_date"] == day("2024-03-20")
        assert gap["due_on"] == day("2024-04-19")  # eleven days to 31 March, nineteen more
        assert gap["attested_on"] == day("2024-03-05")
        assert "2024-03-20" in gap["reason"] and "tier 1" in gap["reason"]

    @pytest.mark.parametrize("transfer", ["2024-03-04", "2024-03-05"], ids=["before", "same day"])
    def test_not_by_a_transfer_up_to_its_day(self, gaps: Any, transfer: str) -> None:
        assert gaps([loaded()], [attestation("2024-03-05", sts_transfer_dates=transfer)]) == []

    @pytest.mark.parametrize(
        ("again_on", "is_gap"), [("2024-03-19", True), ("2024-03-20", False), ("2024-05-30", False)]
    )
    def test_until_the_tier_attests_again(self, gaps: Any, again_on: str, is_gap: bool) -> None:
        first = attestation("2024-03-05", sts_transfer_dates="2024-03-20")
        found = gaps([loaded()], [first, attestation(again_on, attestation_id="T2")])
        assert [gap["attestation_id"] for gap in found] == (["T2"] if is_gap else [])

    def test_another_tier_does_not_attest_in_its_place(self, gaps: Any) -> None:
        first = attestation("2024-03-05", sts_transfer_dates="2024-03-20")
        owner = attestation("2024-03-21", attestation_id="T2", tier="3", party="Owner")
        (gap,) = gaps([loaded()], [first, owner])
        assert (gap["gap"], gap["tier"], gap["attestation_id"]) == ("retriggered", "1", "T1")

    def test_whoever_told_of_the_transfer(self, gaps: Any) -> None:
        owner = attestation("2024-03-21", attestation_id="T2", tier="3", sts_transfer_dates="2024-03-20")
        (gap,) = gaps([loaded()], [attestation("2024-03-05"), owner])
        assert (gap["gap"], gap["attestation_id"]) == ("retriggered", "T1")

    def test_the_first_transfer_that_nothing_follows_counts(self, gaps: Any) -> None:
        days = "2024-03-25;2024-03-04;2024-03-20"
        (gap,) = gaps([loaded()], [attestation("2024-03-05", sts_transfer_dates=days)])
        assert gap["transfer_date"] == day("2024-03-20")

    def test_not_before_the_duty(self, gaps: Any) -> None:
        early = attestation("2024-02-18", sts_transfer_dates="2024-03-01")
        assert gaps([loaded("2024-02-18", nexus="US;EU;UK")], [early]) == []


class TestContradicted:
    @pytest.mark.parametrize(
        ("attested", "value", "is_contradicted"),
        [
            (60.0, 42_000_000.0, False),  # 42,000,000 / 700,000 is 60
            (59.99, 42_000_000.0, True),
            (60.0, 42_000_007.0, True),
            (70.0, 49_000_000.0, False),  # 70: above the cap, as attested
            (58.0, 40_600_000.0, False),  # 58
            (55.0, 40_600_000.0, True),  # below the cap, and yet not what was attested
            (60.0, None, False),
        ],
    )
    def test_by_a_price_above_the_one_attested(
        self, gaps: Any, attested: float, value: float | None, is_contradicted: bool
    ) -> None:
        says = attestation(price_attested_at_or_below_usd_per_bbl=attested)
        assert kinds(gaps([loaded(value=value)], [says])) == ([("US", "contradicted")] if is_contradicted else [])

    def test_what_is_told(self, gaps: Any) -> None:
        # 45,500,000 / 700,000 is 65.
        says = attestation(price_attested_at_or_below_usd_per_bbl=58.5)
        (gap,) = gaps([loaded(value=45_500_000.0)], [says])
        assert (gap["rule_id"], gap["cap_usd_per_bbl"]) == ("US-C1", 60.0)
        assert (gap["price_attested_at_or_below_usd_per_bbl"], gap["price_low_usd_per_bbl"]) == (58.5, 65.0)
        assert gap["confidence"] == "verified"
        assert gap["reason"] == (
            "Attested at or below 58.5 USD/bbl, but the evidence puts the price at no less than 65 USD/bbl; "
            "the US cap is 60 USD/bbl (US-C1)."
        )

    def test_only_by_the_low_end_of_the_price(self, gaps: Any) -> None:
        bounds = {"price_low_usd_per_bbl": 60.0, "price_usd_per_bbl": None, "price_high_usd_per_bbl": 75.0}
        assert gaps([loaded()], [attestation()], **bounds) == []

    def test_on_any_loading_day_and_by_each_attestation(self, gaps: Any) -> None:
        # Before the duties of 2024, and JP, of which no duty is known.
        others = [attestation(attestation_id="T2", tier="3"), attestation(attestation_id="T3", tier="3")]
        found = gaps([loaded("2023-03-01", value=45_500_000.0, nexus="US;JP")], [attestation(), *others])
        assert [(gap["regime"], gap["attestation_id"]) for gap in found] == [
            (regime, number) for regime in ("JP", "US") for number in ("T1", "T2", "T3")
        ]

    def test_not_for_an_exempt_cargo(self, gaps: Any) -> None:
        project = {"origin_project": "SAKHALIN-2", "grade": "Sakhalin Blend", "destination_country": "JP"}
        found = gaps([loaded(value=45_500_000.0, nexus="US", **project)], [attestation()])
        assert found == []


class TestNotItemised:
    @pytest.mark.parametrize(
        ("tier", "has_itemised_costs", "is_gap"),
        [("1", False, True), ("1", True, False), ("1", None, False), ("2", False, False), ("3", False, False)],
    )
    def test_tier_1_itemises(self, gaps: Any, tier: str, has_itemised_costs: bool | None, is_gap: bool) -> None:
        found = gaps([loaded()], [attestation(tier=tier, has_itemised_costs=has_itemised_costs)])
        assert [(gap["gap"], gap["rule_id"]) for gap in found] == ([("not_itemised", "A-2-US-COSTS")] if is_gap else [])

    def test_from_the_day_of_the_duty(self, gaps: Any) -> None:
        # 19 February 2024 lies before the EU's duty and on the first day of the others.
        found = gaps([loaded("2024-02-19", nexus="US;EU;UK")], [attestation("2024-02-19", has_itemised_costs=False)])
        assert kinds(found) == [("UK", "not_itemised"), ("US", "not_itemised")]


def test_gaps_of_several_kinds_stand_side_by_side(gaps: Any) -> None:
    bad = attestation("2024-04-01", has_itemised_costs=False, sts_transfer_dates="2024-04-02")
    found = gaps([loaded(value=45_500_000.0), loaded() | {"shipment_id": "B"}], [bad])
    assert [(gap["shipment_id"], gap["gap"]) for gap in found] == [
        ("A", "contradicted"),
        ("A", "late"),
        ("A", "not_itemised"),
        ("A", "retriggered"),
        ("B", "missing"),
    ]


class TestRules:
    def test_only_regimes_with_a_known_duty_have_rows(self, book: Rulebook) -> None:
        duties = book.attestation_rules.group_by("regime").len().sort("regime").rows()
        assert duties == [("EU", 5), ("UK", 5), ("US", 5)]

    def test_two_rows_for_one_duty_are_refused(self, book: Rulebook) -> None:
        twice = book.attestation_rules.with_columns(regime=pl.lit("US"))
        assert set(ATTESTATION_RULES.failures(twice)["check"]) == {"unique"}

    def test_a_deadline_without_days_is_refused(self, book: Rulebook) -> None:
        failures = ATTESTATION_RULES.failures(book.attestation_rules.with_columns(days=pl.lit(None, pl.Int64)))
        assert failures.select("column", "check").unique().rows() == [("days", "deadline_has_days")]
        assert failures.height == 3

    def test_unknown_sources_and_regimes_are_told(self, book: Rulebook) -> None:
        rules = book.attestation_rules.filter(pl.col("id") == "A-2-US")
        bad = replace(book, attestation_rules=rules.with_columns(regime=pl.lit("XX"), source=pl.lit("S9999")))
        assert list(bad.problems()) == [
            "attestation_rules.csv, A-2-US: source S9999 is not in sources.csv.",
            "attestation_rules.csv, A-2-US: regime XX is not in regimes.csv.",
        ]


HEADER = (
    "attestation_id,shipment_id,tier,party,attested_on,price_attested_at_or_below_usd_per_bbl,"
    "has_itemised_costs,sts_transfer_dates\n"
)


def file_of(folder: Path, *lines: str, name: str = "given.csv") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return path


class TestReading:
    def test_a_good_file(self, tmp_path: Path) -> None:
        lines = [
            "T1,A,1,Trader,2024-03-05,60,Yes, 2024-03-20 ;2024-03-20;2024-04-01;",
            "T2,A,3,Owner,2024-03-06,59.5,no,",
        ]
        intake = read_input(file_of(tmp_path, *lines, "T3,B,2,Bank,2024-03-07,60,,"), ATTESTATIONS)
        assert intake.rejected.height == 0
        assert intake.accepted.to_dicts() == [
            attestation("2024-03-05", sts_transfer_dates="2024-03-20;2024-04-01"),
            attestation(
                "2024-03-06",
                attestation_id="T2",
                tier="3",
                party="Owner",
                price_attested_at_or_below_usd_per_bbl=59.5,
                has_itemised_costs=False,
            ),
            attestation(
                "2024-03-07", attestation_id="T3", shipment_id="B", tier="2", party="Bank", has_itemised_costs=None
            ),
        ]

    @pytest.mark.parametrize(
        ("line", "column", "check"),
        [
            (",A,1,Trader,2024-03-05,60,yes,", "attestation_id", "required"),
            ("T1,,1,Trader,2024-03-05,60,yes,", "shipment_id", "required"),
            ("T1,A,4,Trader,2024-03-05,60,yes,", "tier", "allowed"),
            ("T1,A,1,,2024-03-05,60,yes,", "party", "required"),
            ("T1,A,1,Trader,05.03.2024,60,yes,", "attested_on", "not_a_date"),
            ("T1,A,1,Trader,2024-03-05,0,yes,", "price_attested_at_or_below_usd_per_bbl", "above"),
            ("T1,A,1,Trader,2024-03-05,,yes,", "price_attested_at_or_below_usd_per_bbl", "required"),
            ("T1,A,1,Trader,2024-03-05,60,perhaps,", "has_itemised_costs", "not_yes_or_no"),
            ("T1,A,1,Trader,2024-03-05,60,yes,2024-03-20;2024-02-30", "sts_transfer_dates", "transfer_dates_are_days"),
            ("T1,A,1,Trader,2024-03-05,60,yes,2024-3-20", "sts_transfer_dates", "transfer_dates_are_days"),
        ],
    )
    def test_a_bad_row_is_set_aside(self, tmp_path: Path, line: str, column: str, check: str) -> None:
        intake = read_input(file_of(tmp_path, line, "T9,A,1,Trader,2024-03-05,60,yes,"), ATTESTATIONS)
        assert QUARANTINE.failures(intake.rejected).height == 0
        assert intake.rejected.select("row_number", "column", "check").rows() == [(2, column, check)]
        assert intake.accepted["attestation_id"].to_list() == ["T9"]

    @pytest.mark.parametrize("suffix", [".xlsx", ".parquet"])
    def test_typed_files_read_alike(self, tmp_path: Path, suffix: str) -> None:
        typed = pl.DataFrame([attestation() | {"tier": 1, "sts_transfer_dates": day("2024-03-20")}])
        path = tmp_path / f"given{suffix}"
        if suffix == ".parquet":
            typed.write_parquet(path)
        else:
            import openpyxl

            workbook = openpyxl.Workbook()
            for row in [typed.columns, *typed.rows()]:
                workbook.active.append(row)
            workbook.save(path)
        intake = read_input(path, ATTESTATIONS)
        assert intake.accepted.to_dicts() == [attestation(sts_transfer_dates="2024-03-20")]

    def test_the_folder(self, tmp_path: Path) -> None:
        folder = tmp_path / "attestations"
        file_of(folder, "T1,A,1,Trader,2024-03-05,60,yes,", name="a.csv")
        file_of(folder, "T1,B,1,Trader,2024-03-06,60,yes,", "T2,A,4,Owner,2024-03-05,60,no,", name="b.csv")
        landing = read_folder(folder, ATTESTATIONS, "attestations/")
        assert landing.accepted.select("file", "attestation_id").rows() == [("attestations/a.csv", "T1")]
        assert landing.files["file"].to_list() == ["attestations/a.csv", "attestations/b.csv"]
        set_aside = landing.quarantine.sort("row_number").select("file", "row_number", "shipment_id", "column", "check")
        assert set_aside.rows() == [
            ("attestations/b.csv", 2, "B", "attestation_id", "unique_across_files"),
            ("attestations/b.csv", 3, "A", "tier", "allowed"),
        ]

    def test_where_the_files_lie(self, tmp_path: Path) -> None:
        landing = read_folder(Settings(home=tmp_path).landing_folder / "attestations", ATTESTATIONS)
        assert ATTESTATIONS.conform(landing.accepted).height == 0
