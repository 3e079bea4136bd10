"""What two releases differ in, on real files.

Here: two small warehouses, built from cargoes that the judge judged, and what is told of their difference.
Add here: a case for each new reason why a verdict changes.
Keep out: which differences stop a night (see `test_release_jumps`), and the command (see `tests/integration`).
"""

import datetime as dt
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from pipelines.checks import releases as jumps
from pipelines.contracts.cargoes import CARGOES, VERDICTS
from pipelines.contracts.quality import CHECK_RESULTS, RELEASE_SOURCES, RELEASE_TOTALS, RELEASES
from pipelines.contracts.table import Column, Table
from pipelines.report.release_difference import OutputError, check_output, show_difference, write_difference
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.warehouse import duck
from pipelines.warehouse.diff import Difference, DiffError, difference
from pipelines.warehouse.duck import WarehouseError
from pipelines.warehouse.store import Store
from tests.support import Row, cargoes, shipment, store_rows, verdicts

NOTES = Table(
    schema="reference",
    name="notes",
    grain="one row per key, which may be empty",
    key=("key",),
    columns=(
        Column("key", pl.String(), "key"),
        Column("text", pl.String(), "text"),
        Column("price_usd_per_bbl", pl.Float64(), "price", unit="USD/bbl"),
        Column("codes", pl.List(pl.String()), "codes"),
    ),
)
CONTRACTS = [CARGOES, VERDICTS, NOTES, RELEASE_SOURCES, RELEASE_TOTALS, RELEASES, CHECK_RESULTS]
NOTE = {"key": "a", "text": "one", "price_usd_per_bbl": 60.0, "codes": ["x"]}

Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path, book: Rulebook, reference: Reference) -> Build:
    """Builds a warehouse: shipments as `tests.support` makes them, notes, and files that went into it."""

    def make(
        name: str,
        *rows: Row,
        notes: list[dict[str, Any]] | None = None,
        sources: dict[str, str] | None = None,
        book: Rulebook = book,
        contracts: list[Table] = CONTRACTS,
    ) -> Path:
        store = Store(tmp_path / name)
        frames = {
            CARGOES: cargoes(list(rows), book, reference),
            VERDICTS: verdicts(list(rows), book, reference),
            NOTES: pl.DataFrame(notes or [], schema=NOTES.polars_schema()),
            RELEASE_SOURCES: pl.DataFrame(
                [
                    {"name": file, "kind": "landing", "version": version, "rows": 1, "newest_date": None}
                    for file, version in (sources or {}).items()
                ],
                schema=RELEASE_SOURCES.polars_schema(),
            ),
            CHECK_RESULTS: CHECK_RESULTS.empty(),
        }
        frames[RELEASE_TOTALS] = jumps.totals(
            {table: frames[table].lazy() for table in (CARGOES, VERDICTS)}, jumps.Before()
        )
        release = dict.fromkeys(RELEASES.polars_schema()) | {
            "release_id": name,
            "run_id": name,
            "built_at": dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
            "has_estimates": False,
            "plimsoll_version": "0.1.0",
            "rules_sha256": "0",
            "cargoes": len(rows),
            "verdicts": frames[VERDICTS].height,
            "rows_quarantined": 0,
            "checks_failed": 0,
            "is_shareable": False,
            "not_to_be_passed_on": None,
            "is_forced": False,
        }
        frames[RELEASES] = pl.DataFrame([release], schema=RELEASES.polars_schema())
        by_name = {table.full_name: frame for table, frame in frames.items()}
        for table in contracts:
            store_rows(store, table, by_name[table.full_name])
        file = tmp_path / f"{name}.duckdb"
        duck.build(file, contracts, [], store)
        return file

    return make


def why(found: Difference, shipment_id: str = "A") -> str:
    ((reason,),) = found.verdicts.filter(shipment_id=shipment_id).select("why").rows()
    return str(reason)


def counts(found: Difference, table: str) -> tuple[int | None, ...]:
    (row,) = found.tables.filter(table_name=table).rows(named=True)
    return tuple(row[name] for name in ("rows_old", "rows_new", "added", "removed", "changed"))


class TestRows:
    def test_by_key(self, build: Build) -> None:
        old = build("old", notes=[NOTE, NOTE | {"key": "b"}, NOTE | {"key": None}])
        new = build("new", notes=[NOTE, NOTE | {"key": "c"}, NOTE | {"key": None, "text": "two"}, NOTE | {"key": "d"}])
        # "b" is gone, "c" and "d" are new, and of the empty key the text changed.
        assert counts(difference(old, new, CONTRACTS), "reference.notes") == (3, 4, 2, 1, 1)

    def test_the_same_sum_in_another_order_is_no_change(self, build: Build) -> None:
        old = build("old", notes=[NOTE | {"price_usd_per_bbl": 0.1 + 0.2}])
        new = build("new", notes=[NOTE | {"price_usd_per_bbl": 0.3}])
        assert counts(difference(old, new, CONTRACTS), "reference.notes") == (1, 1, 0, 0, 0)

    @pytest.mark.parametrize(
        "change", [{"price_usd_per_bbl": 60.01}, {"price_usd_per_bbl": None}, {"codes": ["x", "y"]}, {"codes": None}]
    )
    def test_any_other_change_is_one(self, build: Build, change: dict[str, Any]) -> None:
        old, new = build("old", notes=[NOTE]), build("new", notes=[NOTE | change])
        assert counts(difference(old, new, CONTRACTS), "reference.notes") == (1, 1, 0, 0, 1)

    def test_a_column_that_is_new_is_named_and_not_compared(self, build: Build) -> None:
        narrow = replace(NOTES, columns=NOTES.columns[:2])
        old = build("old", notes=[NOTE], contracts=[narrow if table is NOTES else table for table in CONTRACTS])
        found = difference(old, build("new", notes=[NOTE]), CONTRACTS)
        assert counts(found, "reference.notes") == (1, 1, 0, 0, 0)
        ((columns,),) = found.tables.filter(table_name="reference.notes").select("columns").rows()
        assert columns == "codes; price_usd_per_bbl"

    def test_a_table_that_only_one_has(self, build: Build) -> None:
        old = build("old", contracts=[table for table in CONTRACTS if table is not NOTES])
        new = build("new", notes=[NOTE])
        assert counts(difference(old, new, CONTRACTS), "reference.notes") == (None, 1, None, None, None)
        # Also where the program does not know it any more.
        known = [table for table in CONTRACTS if table is not NOTES]
        assert counts(difference(new, old, known), "reference.notes") == (1, None, None, None, None)

    def test_tables_about_the_night_are_left_out(self, build: Build) -> None:
        found = difference(build("old"), build("new"), CONTRACTS)
        assert not {"quality.releases", "quality.check_results"} & set(found.tables["table_name"])


class TestVerdicts:
    """42 and 49 million USD over 700,000 bbl: 60, the cap of the United States, and 70 USD/bbl."""

    def test_the_same_releases(self, build: Build) -> None:
        found = difference(build("old", shipment()), build("new", shipment()), CONTRACTS)
        assert found.verdicts.is_empty()
        assert found.totals.is_empty()
        assert found.sources.is_empty()

    def test_evidence_that_was_mended(self, build: Build) -> None:
        old = build("old", shipment(), shipment(shipment_id="B"))
        new = build("new", shipment(value=49_000_000.0), shipment(shipment_id="B"))
        found = difference(old, new, CONTRACTS)
        ((shipment_id, regime, was, now),) = found.verdicts.select(
            "shipment_id", "regime", "verdict_old", "verdict_new"
        ).rows()
        assert (shipment_id, regime, was, now) == ("A", "US", "within_cap", "above_cap")
        assert why(found) == "the evidence changed (value); the price was 60.0 USD/bbl, now 70.0 USD/bbl"
        assert counts(found, "marts.shipment_verdicts") == (2, 2, 0, 0, 1)

    def test_evidence_that_is_new_changes_no_verdict(self, build: Build) -> None:
        found = difference(build("old", shipment()), build("new", shipment(), shipment(shipment_id="B")), CONTRACTS)
        assert found.verdicts.is_empty()
        assert counts(found, "marts.shipment_verdicts") == (1, 2, 1, 0, 0)

    def test_a_price_that_became_known(self, build: Build) -> None:
        old, new = build("old", shipment(value=None, currency=None)), build("new", shipment())
        found = difference(old, new, CONTRACTS)
        assert found.verdicts["verdict_old"].to_list() == ["unpriced"]
        assert why(found) == (
            "the evidence changed (value, currency); the price was unknown, now 60.0 USD/bbl; "
            "the price was reached by none, now by invoice_fob"
        )

    def test_another_cap(self, build: Build, book: Rulebook) -> None:
        # 55 USD/bbl under the European level of 60, and of 47.60 from 3 September 2025, published on 19 July.
        row = shipment(loading_date="2025-09-20", discharge_date="2025-11-01", value=38_500_000.0, nexus="EU")
        old = build("old", row, book=book.as_of(dt.date(2025, 7, 18)))
        found = difference(old, build("new", row, book=book.as_of(dt.date(2025, 8, 1))), CONTRACTS)
        assert found.verdicts.select("verdict_old", "verdict_new").rows() == [("within_cap", "above_cap")]
        assert why(found).startswith("the cap was EU-C1, now EU-C2")

    def test_the_same_cap_at_another_level(self, build: Build, book: Rulebook) -> None:
        level = pl.when(pl.col("id") == "US-C1").then(50.0).otherwise("cap_usd_per_bbl")
        lower = replace(book, price_caps=book.price_caps.with_columns(cap_usd_per_bbl=level))
        found = difference(build("old", shipment()), build("new", shipment(), book=lower), CONTRACTS)
        assert why(found) == "the level of the same cap was 60.0 USD/bbl, now 50.0"

    def test_an_exemption_that_is_gone(self, build: Build, book: Rulebook) -> None:
        row = shipment(
            loading_date="2023-01-20",
            discharge_date="2023-01-25",
            grade="Sakhalin Blend",
            origin_project="SAKHALIN-2",
            destination_country="JP",
            value=49_000_000.0,
        )
        without = replace(book, exemptions=book.exemptions.filter(pl.col("id") != "S2-US-0"))
        found = difference(build("old", row), build("new", row, book=without), CONTRACTS)
        assert found.verdicts["verdict_old"].to_list() == ["exempt"]
        assert "the exemption was S2-US-0, now none" in why(found)


def test_files_and_totals_that_differ(build: Build) -> None:
    old = build("old", shipment(), sources={"a.csv": "1", "b.csv": "1", "c.csv": "1"})
    new = build(
        "new",
        shipment(value=49_000_000.0),
        shipment(shipment_id="B"),
        sources={"a.csv": "1", "b.csv": "2", "d.csv": "1"},
    )
    found = difference(old, new, CONTRACTS)
    assert found.sources.select("name", "change").rows() == [
        ("b.csv", "changed"),
        ("c.csv", "removed"),
        ("d.csv", "added"),
    ]
    moved = {(row["part"], row["measure"]): (row["was"], row["now"]) for row in found.totals.to_dicts()}
    # Ten dollars above the cap on 700,000 barrels; the verdict that nobody had before counts from none.
    assert moved["above_cap", "excess_value_usd"] == (0, 7_000_000)
    assert moved["all", "quantity_bbl"] == (700_000, 1_400_000)
    # Rows of a table stand in its own line.
    assert ("all", "rows") not in moved


class TestShown:
    @pytest.fixture
    def found(self, build: Build) -> Difference:
        return difference(build("old", shipment()), build("new", shipment(value=49_000_000.0)), CONTRACTS)

    def test_on_the_terminal(self, found: Difference) -> None:
        console = Console(file=io.StringIO(), width=160)
        show_difference(found, console)
        assert isinstance(console.file, io.StringIO)
        said = console.file.getvalue()
        assert "Old: old (1 cargoes, 1 verdicts)" in said
        assert "above_cap" in said
        assert "the evidence changed (value)" in said
        assert "The same files went into both." in said
        # Only tables that differ have a line.
        assert "reference.notes" not in said

    def test_as_csv_and_json(self, found: Difference, tmp_path: Path) -> None:
        write_difference(found, tmp_path / "d.csv")
        assert pl.read_csv(tmp_path / "d.csv").select("shipment_id", "verdict_new").rows() == [("A", "above_cap")]
        write_difference(found, tmp_path / "d.JSON")
        whole = json.loads((tmp_path / "d.JSON").read_text(encoding="utf-8"))
        assert list(whole) == ["old", "new", "sources", "tables", "totals", "verdicts"]
        assert whole["new"]["release_id"] == "new"
        assert whole["verdicts"][0]["verdict_new"] == "above_cap"

    def test_an_id_that_is_a_formula(self, found: Difference, tmp_path: Path) -> None:
        verdicts = found.verdicts.with_columns(shipment_id=pl.lit("=1+1"))
        write_difference(replace(found, verdicts=verdicts), tmp_path / "d.csv")
        assert pl.read_csv(tmp_path / "d.csv")["shipment_id"].to_list() == ["'=1+1"]

    def test_a_file_that_cannot_be_written(self, found: Difference, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"must end in \.csv or \.json"):
            check_output(tmp_path / "d.txt")
        with pytest.raises(OutputError, match="cannot be written"):
            write_difference(found, tmp_path / "nowhere" / "d.csv")


class TestNoReleases:
    def test_one_file(self, build: Build) -> None:
        file = build("old")
        with pytest.raises(DiffError, match="name two releases"):
            difference(file, file, CONTRACTS)

    def test_a_file_of_another_program(self, build: Build, tmp_path: Path) -> None:
        other = tmp_path / "other.duckdb"
        store = Store(tmp_path / "store")
        store.write(NOTES, NOTES.empty())
        duck.build(other, [NOTES], [], store)
        with pytest.raises(DiffError, match="not both releases"):
            difference(other, build("new"), CONTRACTS)

    def test_no_database(self, build: Build, tmp_path: Path) -> None:
        (tmp_path / "text.duckdb").write_text("oil", encoding="utf-8")
        with pytest.raises(WarehouseError, match="cannot be opened"):
            difference(tmp_path / "text.duckdb", build("new"), CONTRACTS)
