"""The rule tables as data: what must be refused, what is visible on a day, and how a rule is added.

Here: one broken table per kind of defect, the rulebook as known on a day, a licence renewed by one row.
Add here: a case for each new check of `Rulebook.problems`.
Keep out: verdicts that the law gives (see `tests/golden`).
"""

import csv
import datetime as dt
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.contracts.rules import RULE_TABLES
from pipelines.rules.rulebook import RULES_FOLDER, Rulebook, RuleError
from pipelines.sources.reference import Reference
from tests.support import Row, shipment, verdicts


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def altered(book: Rulebook, table: str, row_id: str, **changes: Any) -> Rulebook:
    """The rulebook with some cells of one row changed."""
    frame: pl.DataFrame = getattr(book, table)
    label = "id" if "id" in frame.columns else frame.columns[0]
    assert frame.filter(pl.col(label) == row_id).height == 1
    is_row = pl.col(label) == row_id
    cells = [
        pl.when(is_row).then(pl.lit(value, frame.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in changes.items()
    ]
    return replace(book, **{table: frame.with_columns(cells)})


def extended(book: Rulebook, table: str, like: str, **changes: Any) -> Rulebook:
    """The rulebook with one more row: a copy of the row `like`, changed."""
    frame: pl.DataFrame = getattr(book, table)
    row = frame.filter(pl.col("id") == like).to_dicts()[0] | changes
    return replace(book, **{table: pl.concat([frame, pl.DataFrame([row], schema=frame.schema)])})


def one_problem(book: Rulebook, *words: str) -> str:
    """The one problem that holds all words."""
    problems = list(book.problems())
    found = [problem for problem in problems if all(word in problem for word in words)]
    assert len(found) == 1, problems
    return found[0]


def test_the_shipped_tables_have_no_problem(book: Rulebook) -> None:
    assert list(book.problems()) == []
    assert book.regime_codes == ("US", "EU", "UK", "JP", "CA", "AU", "NZ", "CH", "NO")


@pytest.mark.parametrize("name", RULE_TABLES)
def test_every_shipped_table_keeps_its_contract(book: Rulebook, name: str) -> None:
    frame: pl.DataFrame = getattr(book, Path(name).stem)
    assert frame.height > 0
    assert RULE_TABLES[name].failures(frame).height == 0


class TestDefects:
    """Each kind of defect, in an otherwise good rulebook, is told with its file and row."""

    @pytest.mark.parametrize("end", ["2025-09-10", "2025-09-02"], ids=["overlap", "gap"])
    def test_levels_follow_each_other(self, book: Rulebook, end: str) -> None:
        bad = altered(book, "price_caps", "EU-C1", valid_to=day(end))
        one_problem(bad, "price_caps.csv", "EU-crude", "EU-C1", end, "EU-C2", "2025-09-03")

    def test_a_level_that_rises(self, book: Rulebook) -> None:
        bad = altered(book, "price_caps", "EU-C2", cap_usd_per_bbl=60.01)
        one_problem(bad, "price_caps.csv", "EU-C2", "rises")

    def test_an_equal_level_does_not_rise(self, book: Rulebook) -> None:
        assert list(altered(book, "price_caps", "EU-C2", cap_usd_per_bbl=60.0).problems()) == []

    def test_a_last_level_that_ends(self, book: Rulebook) -> None:
        bad = altered(book, "price_caps", "UK-C3", valid_to=day("2026-12-01"))
        one_problem(bad, "price_caps.csv", "UK-crude", "open")

    def test_a_series_of_two_regimes(self, book: Rulebook) -> None:
        bad = altered(book, "price_caps", "UK-C3", regime="EU")
        one_problem(bad, "price_caps.csv", "UK-crude", "one regime")

    def test_a_doubt_about_the_start_without_its_end(self, book: Rulebook) -> None:
        bad = altered(book, "price_caps", "AU-C1", certain_from=None)
        one_problem(bad, "price_caps.csv", "AU-C1", "start_doubt", "certain_from")

    @pytest.mark.parametrize(
        ("table", "row_id"),
        [
            ("regimes", "US"),
            ("price_caps", "EU-C2"),
            ("transitions", "T-EU-5"),
            ("exemptions", "S2-JP"),
            ("scope_rules", "X-3"),
        ],
    )
    def test_an_unknown_source(self, book: Rulebook, table: str, row_id: str) -> None:
        bad = altered(book, table, row_id, source="S1;S9999")
        one_problem(bad, f"{table}.csv", row_id, "S9999", "sources.csv")

    @pytest.mark.parametrize(("table", "row_id"), [("price_caps", "NO-C2"), ("exemptions", "S2-JP")])
    def test_an_unknown_regime(self, book: Rulebook, table: str, row_id: str) -> None:
        bad = altered(book, table, row_id, regime="XX")
        one_problem(bad, f"{table}.csv", row_id, "XX", "regimes.csv")

    @pytest.mark.parametrize(("table", "row_id"), [("transitions", "T-EU-2"), ("exemptions", "L-12")])
    def test_an_unknown_product_class(self, book: Rulebook, table: str, row_id: str) -> None:
        bad = altered(book, table, row_id, product_classes="crude;premium")
        one_problem(bad, f"{table}.csv", row_id, "class premium ")

    def test_a_list_of_codes_that_is_not_there(self, book: Rulebook) -> None:
        bad = altered(book, "regimes", "NO", class_list="NO-LIST")
        one_problem(bad, "regimes.csv", "NO", "class_list", "NO-LIST")

    @pytest.mark.parametrize("end", ["2026-06-11", "2026-06-10"], ids=["empty", "backwards"])
    def test_a_window_without_days(self, book: Rulebook, end: str) -> None:
        bad = altered(book, "exemptions", "S2-US-6", valid_to=day(end))
        one_problem(bad, "exemptions.csv", "S2-US-6", "empty", end)

    def test_a_transition_of_another_regime(self, book: Rulebook) -> None:
        bad = altered(book, "transitions", "T-EU-5", cap_id="UK-C2")
        one_problem(bad, "transitions.csv", "T-EU-5", "UK-C2", "EU")

    @pytest.mark.parametrize("prior", ["UK-C1", "EU-P1-premium", "EU-C9", None])
    def test_a_prior_cap_that_is_not_of_the_series(self, book: Rulebook, prior: str | None) -> None:
        bad = altered(book, "transitions", "T-EU-5", prior_cap_id=prior)
        one_problem(bad, "transitions.csv", "T-EU-5", str(prior), "EU-C2")

    def test_a_transition_that_starts_on_another_day_than_its_cap(self, book: Rulebook) -> None:
        bad = altered(book, "transitions", "T-UK-4", valid_from=day("2026-02-02"))
        one_problem(bad, "transitions.csv", "T-UK-4", "2026-02-02", "2026-02-01")

    def test_a_wind_down_that_any_loading_meets(self, book: Rulebook) -> None:
        bad = altered(book, "transitions", "T-US-1", loaded_before=None)
        one_problem(bad, "transitions.csv", "T-US-1", "loaded_before")

    def test_a_licence_series_with_a_gap(self, book: Rulebook) -> None:
        # GL 55C ends before 2025-06-28; GL 55D begins a day late.
        bad = altered(book, "exemptions", "S2-US-4", valid_from=day("2025-06-29"))
        one_problem(bad, "exemptions.csv", "S2-US", "2025-06-28", "2025-06-29")

    def test_licences_that_overlap_are_good(self, book: Rulebook) -> None:
        # GL 55A was issued before GL 55 ended.
        assert list(altered(book, "exemptions", "S2-US-1", valid_from=day("2023-08-01")).problems()) == []

    def test_an_id_used_in_two_tables(self, book: Rulebook) -> None:
        one_problem(altered(book, "transitions", "T-EU-6", id="EU-C2"), "EU-C2", "twice")

    def test_an_id_used_in_two_tables_is_told_with_both_files(self, book: Rulebook) -> None:
        bad = altered(book, "transitions", "T-EU-6", id="EU-C2")
        one_problem(bad, "EU-C2", "twice", "price_caps.csv", "transitions.csv")

    @pytest.mark.parametrize("prior", ["EU-C2", "EU-C3"], ids=["the cap itself", "a later one"])
    def test_a_prior_cap_that_is_not_earlier(self, book: Rulebook, prior: str) -> None:
        one_problem(altered(book, "transitions", "T-EU-5", prior_cap_id=prior), "transitions.csv", "T-EU-5", prior)

    def test_a_transition_for_a_class_that_its_cap_is_not_for(self, book: Rulebook) -> None:
        bad = altered(book, "transitions", "T-EU-5", product_classes="premium_product")
        one_problem(bad, "transitions.csv", "T-EU-5", "premium_product")

    def test_two_series_for_one_regime_and_class(self, book: Rulebook) -> None:
        bad = extended(book, "price_caps", "EU-C4", id="EU-D1", series="EU-crude-2", cap_usd_per_bbl=40.0)
        one_problem(bad, "price_caps.csv", "EU-crude-2")

    @pytest.mark.parametrize(
        "change",
        [
            {"destination_country": "CN"},
            {"regime": "EU"},
            {"product_classes": "premium_product"},
            {"origin_project": "SAKHALIN-1"},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_a_licence_series_of_two_scopes(self, book: Rulebook, change: dict[str, str]) -> None:
        bad = altered(book, "exemptions", "S2-US-6", **change)
        one_problem(bad, "exemptions.csv", "S2-US")

    def test_every_problem_is_told(self, book: Rulebook) -> None:
        bad = altered(book, "price_caps", "EU-C2", source="S9999", cap_usd_per_bbl=70.0)
        assert len(list(bad.problems())) == 2


class TestLoading:
    """Defects of the files themselves, told with file, row (the header is row 1) and column."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return Path(shutil.copytree(RULES_FOLDER, tmp_path / "rules"))

    @staticmethod
    def replace_in(file: Path, old: str, new: str) -> None:
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1
        file.write_text(text.replace(old, new), encoding="utf-8")

    @staticmethod
    def row_of(file: Path, row_id: str) -> int:
        lines = file.read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, start=1) if line.startswith(f"{row_id},"))

    @pytest.mark.parametrize(
        ("file", "row_id", "old", "new", "column"),
        [
            ("price_caps.csv", "EU-C2", "EU-C2,EU-crude,EU,crude,47.6,", "EU-C2,EU-crude,EU,crude,,", "cap_usd_per_bbl"),
            ("price_caps.csv", "EU-C2", "EU-C2,EU-crude,EU,crude,47.6,", "EU-C2,EU-crude,EU,crude,4O,", "cap_usd_per_bbl"),
            ("price_caps.csv", "EU-C2", "EU-C2,EU-crude,EU,crude,47.6,", "EU-C2,EU-crude,EU,crude,-1,", "cap_usd_per_bbl"),
            ("price_caps.csv", "EU-C2", "EU-C2,EU-crude,EU,crude,47.6,2025-09-03", "EU-C2,EU-crude,EU,crude,47.6,2025-02-30", "valid_from"),
            ("price_caps.csv", "EU-C2", "EU-C2,EU-crude,EU,crude,", "EU-C2,EU-crude,EU,oil,", "product_class"),
            ("transitions.csv", "T-EU-5", "T-EU-5,T-EU-5,EU,crude,prior_cap", "T-EU-5,T-EU-5,EU,crude,priorcap", "kind"),
            ("exemptions.csv", "S2-US-6", "S2-US-6,S2-US,US,", "S2-US-6,S2-US,USA,", "regime"),
        ],
        ids=["missing value", "not a number", "negative", "not a day", "unknown class", "unknown kind", "bad code"],
    )  # fmt: skip
    def test_a_bad_cell(self, folder: Path, file: str, row_id: str, old: str, new: str, column: str) -> None:
        row = self.row_of(folder / file, row_id)
        self.replace_in(folder / file, old, new)
        with pytest.raises(RuleError, match=rf"{file}, row {row}, column {column}:"):
            Rulebook.load(folder)

    def test_an_id_used_twice_in_a_file(self, folder: Path) -> None:
        file = folder / "price_caps.csv"
        self.replace_in(file, "UK-C2,UK-crude", "UK-C1,UK-crude")
        with pytest.raises(RuleError, match=rf"price_caps.csv, row {self.row_of(file, 'UK-C1')}, column id:"):
            Rulebook.load(folder)

    def test_a_column_that_is_missing(self, folder: Path) -> None:
        self.replace_in(folder / "exemptions.csv", "loaded_before", "loaded")
        with pytest.raises(RuleError, match=r"exemptions.csv: the header must be"):
            Rulebook.load(folder)

    def test_a_file_that_is_missing(self, folder: Path) -> None:
        (folder / "scope_rules.csv").unlink()
        with pytest.raises(RuleError, match=r"scope_rules.csv: cannot be read"):
            Rulebook.load(folder)

    def test_problems_between_rows_stop_the_loading(self, folder: Path) -> None:
        self.replace_in(folder / "price_caps.csv", "EU-C2,EU-crude,EU,crude,47.6,", "EU-C2,EU-crude,EU,crude,61,")
        with pytest.raises(RuleError, match=r"price_caps.csv, EU-C2: the level rises"):
            Rulebook.load(folder)


def sakhalin(loading: str, discharge: str, **facts: Any) -> Row:
    """500,000 bbl of Sakhalin Blend to Japan at 70 USD/bbl."""
    oil = {"grade": "Sakhalin Blend", "origin_project": "SAKHALIN-2", "destination_country": "JP"}
    sale = {"quantity": 500_000.0, "value": 35_000_000.0}
    return shipment(loading_date=loading, discharge_date=discharge, **oil, **sale, **facts)


def judged(row: Row, book: Rulebook, reference: Reference, regime: str) -> Row:
    found = verdicts([row], book, reference).filter(pl.col("regime") == regime).to_dicts()
    assert len(found) == 1
    return found[0]


class TestAsOf:
    """A rule published after the day is invisible, also when it reaches back."""

    @staticmethod
    def levels(book: Rulebook, series: str) -> list[tuple[str, dt.date | None]]:
        rows = book.price_caps.filter(pl.col("series") == series).sort("valid_from")
        return list(rows.select("id", "valid_to").iter_rows())

    def test_a_level_not_yet_published_does_not_end_the_one_before(self, book: Rulebook) -> None:
        # The 18th package was published on 2025-07-19, the next levels in 2026.
        assert self.levels(book.as_of(day("2025-07-18")), "EU-crude") == [("EU-C1", None)]
        assert self.levels(book.as_of(day("2025-07-19")), "EU-crude") == [
            ("EU-C1", day("2025-09-03")),
            ("EU-C2", None),
        ]

    def test_the_level_not_yet_published_does_not_judge(self, book: Rulebook, reference: Reference) -> None:
        # 55 USD/bbl, contract too late for any transition, discharged after EU-C2 began.
        row = shipment(
            contract_date="2025-08-01",
            loading_date="2025-09-20",
            discharge_date="2025-10-01",
            value=38_500_000.0,
            nexus="EU",
        )
        before = judged(row, book.as_of(day("2025-07-18")), reference, "EU")
        after = judged(row, book.as_of(day("2025-07-19")), reference, "EU")
        assert (before["verdict"], before["cap_id"], before["cap_usd_per_bbl"]) == ("within_cap", "EU-C1", 60.0)
        assert (after["verdict"], after["cap_id"], after["cap_usd_per_bbl"]) == ("above_cap", "EU-C2", 47.6)

    def test_a_renewal_not_yet_issued_is_invisible(self, book: Rulebook) -> None:
        licences = book.as_of(day("2023-04-02")).exemptions.filter(pl.col("series") == "S2-US")
        assert licences["licence"].to_list() == ["GL 55"]
        licences = book.as_of(day("2023-09-14")).exemptions.filter(pl.col("series") == "S2-US")
        assert licences["licence"].to_list() == ["GL 55", "GL 55A"]

    def test_a_renewal_not_yet_issued_does_not_exempt(self, book: Rulebook, reference: Reference) -> None:
        # GL 55 covered days to 2023-09-29; GL 55A, issued on 2023-09-14, goes on from there.
        row = sakhalin("2023-10-02", "2023-10-10")
        assert judged(row, book.as_of(day("2023-04-02")), reference, "US")["verdict"] == "above_cap"
        now = judged(row, book, reference, "US")
        assert (now["verdict"], now["exemption_id"]) == ("exempt", "S2-US-1")

    def test_a_rule_that_reaches_back_counts_from_its_publication(self, book: Rulebook, reference: Reference) -> None:
        # The UK licence of December 2022 (day not seen: the 31st, J-12) is in force from 2022-12-05.
        row = shipment(loading_date="2022-12-10", discharge_date="2022-12-20", nexus="UK")
        assert judged(row, book.as_of(day("2022-12-30")), reference, "UK")["verdict"] == "out_of_scope"
        assert judged(row, book.as_of(day("2022-12-31")), reference, "UK")["verdict"] == "within_cap"

    def test_without_a_day_all_is_known(self, book: Rulebook) -> None:
        assert book.as_of(None) is book

    def test_before_any_rule_nothing_has_a_cap(self, book: Rulebook, reference: Reference) -> None:
        known = book.as_of(day("2020-01-01"))
        assert known.price_caps.height == known.transitions.height == known.exemptions.height == 0
        assert judged(shipment(), known, reference, "US")["verdict"] == "out_of_scope"


class TestRenewal:
    """GL 55F ends on 2026-12-18 (12:01 a.m., so the day is no longer covered): its renewal is one row."""

    @staticmethod
    def renewed(tmp_path: Path, valid_from: str) -> Path:
        """The shipped rules, and the row of GL 55F once more with another name and other days."""
        folder = Path(shutil.copytree(RULES_FOLDER, tmp_path / "rules"))
        file = folder / "exemptions.csv"
        with file.open(encoding="utf-8", newline="") as lines:
            last = next(row for row in csv.DictReader(lines) if row["licence"] == "GL 55F")
        days = {"valid_from": valid_from, "valid_to": "2027-06-18", "published_on": "2026-12-15"}
        imagined = {"id": "S2-US-7", "licence": "GL 55G", "instrument": "General License 55G (imagined)"}
        with file.open("a", encoding="utf-8", newline="") as lines:
            csv.DictWriter(lines, last, lineterminator="\n").writerow(last | days | imagined)
        return folder

    def test_one_row_exempts(self, tmp_path: Path, book: Rulebook, reference: Reference) -> None:
        renewed = Rulebook.load(self.renewed(tmp_path, "2026-12-18"))
        row = sakhalin("2027-01-10", "2027-01-15")
        without, with_row = judged(row, book, reference, "US"), judged(row, renewed, reference, "US")
        assert (without["verdict"], without["cap_usd_per_bbl"]) == ("above_cap", 60.0)
        assert (with_row["verdict"], with_row["exemption_id"]) == ("exempt", "S2-US-7")
        assert "GL 55G" in with_row["reason"]

    def test_a_voyage_across_the_renewal_is_covered(self, tmp_path: Path, book: Rulebook, reference: Reference) -> None:
        renewed = Rulebook.load(self.renewed(tmp_path, "2026-12-18"))
        row = sakhalin("2026-12-17", "2026-12-18")
        assert judged(row, book, reference, "US")["verdict"] == "above_cap"
        assert judged(row, renewed, reference, "US")["verdict"] == "exempt"

    def test_the_row_changes_nothing_else(self, tmp_path: Path, book: Rulebook, reference: Reference) -> None:
        renewed = Rulebook.load(self.renewed(tmp_path, "2026-12-18"))
        rows = [
            sakhalin("2026-12-10", "2026-12-17", shipment_id="covered before", nexus=None),
            sakhalin("2027-01-10", "2027-01-15", shipment_id="to China", nexus=None) | {"destination_country": "CN"},
            shipment(loading_date="2027-01-10", discharge_date="2027-01-15", shipment_id="Urals", nexus=None),
        ]
        assert verdicts(rows, book, reference).equals(verdicts(rows, renewed, reference))

    def test_a_renewal_that_leaves_a_day_out_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(RuleError, match=r"exemptions.csv, series S2-US: nothing covers 2026-12-18 to 2026-12-19"):
            Rulebook.load(self.renewed(tmp_path, "2026-12-19"))
