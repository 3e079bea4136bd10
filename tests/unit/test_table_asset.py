"""What every table gets as an asset: owner, lineage, checks with counts, shares and samples.

Here: a small table as an asset, materialised by Dagster.
Add here: something that every table should show in the Dagster UI.
Keep out: the assets of the program (`docs/asset-graph.txt` is their snapshot).
"""

import json
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from pipelines.assets.table_asset import OWNERS, table_assets
from pipelines.assets.table_check import WARN, Finding, TableCheck
from pipelines.contracts.table import Column, Table
from pipelines.settings import Settings
from pipelines.warehouse.check_log import CheckLog
from pipelines.warehouse.store import Store

BARRELS = Table(
    schema="staging",
    name="barrels",
    grain="one row per barrel",
    key=("barrel_id",),
    columns=(
        Column("barrel_id", pl.String(), "id", required=True),
        Column("price_usd_per_bbl", pl.Float64(), "price", unit="USD/bbl", above=0),
    ),
)
CASKS = replace(BARRELS, name="casks", columns=(BARRELS.columns[0], Column("wood", pl.String(), "wood")))
GOOD = {"barrel_id": ["a", "b"], "price_usd_per_bbl": [60.0, 70.0]}
BAD = {"barrel_id": ["a", "b", "c", "c"], "price_usd_per_bbl": [60.0, -1.0, 5.0, 5.0]}

Run = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def run(settings: Settings) -> Run:
    """Materialises barrels with these rows and checks, and casks that are made from them."""

    def materialise(rows: dict[str, list], *checks: TableCheck, is_forced: bool = False) -> dg.ExecuteInProcessResult:
        barrels = table_assets(
            lambda *_: {"barrels": pl.DataFrame(rows)}, {BARRELS: checks}, name="barrels", group="inputs"
        )
        casks = table_assets(
            lambda *_: {"casks": pl.DataFrame({"barrel_id": ["a"], "wood": ["oak"]})},
            [CASKS],
            name="casks",
            group="judging",
            reads=[BARRELS],
        )
        return dg.materialize(
            [barrels, casks], resources={"settings": replace(settings, is_forced=is_forced)}, raise_on_error=False
        )

    return materialise


def test_a_table_that_would_be_made_from_the_same_is_not_made(settings: Settings) -> None:
    made: list[str] = []

    def night(apples: str, is_full: bool = False) -> object:
        def compute(_: Settings, __: Store, stale: Collection[Table]) -> dict[str, pl.DataFrame]:
            made.extend(table.name for table in stale)
            return {
                "barrels": pl.DataFrame(GOOD),
                "casks": pl.DataFrame({"barrel_id": ["a"], "wood": ["oak"]}),
            }

        asset = table_assets(
            compute,
            [BARRELS, CASKS],
            name="cider",
            group="inputs",
            made_from=lambda table, _, __: {"apples": apples} if table is BARRELS else {"wood": "oak"},
        )
        of_run = replace(settings, is_full=is_full)
        result = dg.materialize([asset], resources={"settings": of_run})
        (told,) = [
            event.materialization
            for event in result.get_asset_materialization_events()
            if event.asset_key is not None and event.asset_key.path[-1] == "barrels"
        ]
        assert len(result.get_asset_check_evaluations()) == 2
        return told.metadata["unchanged"].value

    assert night("red") is False
    assert made == ["barrels", "casks"]
    assert night("red") is True
    assert made == ["barrels", "casks"]
    # Made from something else, and the same again.
    assert night("green") is True
    assert made == ["barrels", "casks", "barrels"]
    assert night("green", is_full=True) is True
    assert made == ["barrels", "casks", "barrels", "barrels", "casks"]


def evaluation(result: dg.ExecuteInProcessResult, name: str, table: str = "barrels") -> dg.AssetCheckEvaluation:
    (found,) = [
        check
        for check in result.get_asset_check_evaluations()
        if check.check_name == name and check.asset_key.path[-1] == table
    ]
    return found


def look(rows_failed: int, message: str | None = None) -> Callable[..., Finding]:
    return lambda frame, _: Finding(40, rows_failed, frame.head(1), message)


class TestContractCheck:
    def test_a_good_table(self, run: Run) -> None:
        result = run(GOOD)
        assert result.success
        check = evaluation(result, "keeps_contract")
        assert check.passed
        assert check.description == "All of 2 rows passed."
        assert "sample" not in check.metadata

    def test_the_sample_shows_key_and_value_of_each_failure(self, run: Run) -> None:
        result = run(BAD)
        assert not result.success
        check = evaluation(result, "keeps_contract")
        assert check.description == "3 of 4 rows failed."
        counts = {name: check.metadata[name].value for name in ("rows checked", "rows failed", "share failed")}
        assert counts == {"rows checked": 4, "rows failed": 3, "share failed": "75.0%"}
        sample = check.metadata["sample"]
        assert isinstance(sample, dg.TableMetadataValue)
        found = {(record.data["row"], record.data["check"]): record.data for record in sample.records}
        assert found["1", "above"] == {
            "row": "1",
            "column": "price_usd_per_bbl",
            "check": "above",
            "value": "-1.0",
            "barrel_id": "b",
        }
        assert {("2", "unique"), ("3", "unique")} <= set(found)

    def test_what_is_made_from_a_bad_table_is_not_made(self, run: Run) -> None:
        made = {event.asset_key.path[-1] for event in run(BAD).get_asset_materialization_events() if event.asset_key}
        assert made == {"barrels"}


class TestSeverity:
    def test_an_error_stops_and_a_warning_is_told(self, run: Run) -> None:
        assert run(GOOD, TableCheck("worth_a_look", "Asks.", look(1), WARN)).success
        assert not run(GOOD, TableCheck("must_hold", "Asks.", look(1))).success

    def test_the_severity_decides_whether_a_check_blocks(self) -> None:
        checks = [TableCheck("must_hold", "Asks.", look(0)), TableCheck("worth_a_look", "Asks.", look(0), WARN)]
        asset = table_assets(lambda *_: {}, {BARRELS: checks}, name="barrels", group="inputs")
        specs = {spec.name: spec for spec in asset.check_specs}
        assert (specs["must_hold"].blocking, specs["worth_a_look"].blocking) == (True, False)
        assert specs["must_hold"].description == "Asks. A failure stops the night."
        assert specs["worth_a_look"].description == "Asks. A failure is told, and the night goes on."

    def test_a_forced_night_only_warns_where_that_is_allowed(self, run: Run) -> None:
        jump = TableCheck("no_jump", "Asks.", look(2, "Was 5, now 0."), can_be_forced=True)
        assert not run(GOOD, jump).success
        forced = run(GOOD, jump, is_forced=True)
        assert forced.success
        assert evaluation(forced, "no_jump").severity is WARN
        assert not evaluation(forced, "no_jump").passed
        assert not run(GOOD, TableCheck("must_hold", "Asks.", look(1)), is_forced=True).success

    def test_what_was_found_is_told_in_words(self, run: Run) -> None:
        check = evaluation(run(GOOD, TableCheck("jump", "Asks.", look(2, "Was 5, now 0."), WARN)), "jump")
        assert check.description == "2 of 40 rows failed. Was 5, now 0."
        assert check.metadata["found"].value == "Was 5, now 0."


def test_results_are_kept_beside_the_tables(run: Run, settings: Settings) -> None:
    result = run(GOOD, TableCheck("jump", "Asks.", look(2, "Was 5, now 0."), WARN))
    (row,) = CheckLog(settings.check_log_folder).of_run(result.run_id).filter(check_name="jump").to_dicts()
    assert (row["severity"], row["is_blocking"], row["is_passed"]) == ("WARN", False, False)
    assert (row["rows_checked"], row["rows_failed"], row["message"]) == (40, 2, "Was 5, now 0.")
    assert json.loads(row["sample"]) == [{"barrel_id": "a", "price_usd_per_bbl": 60.0}]


class TestAsset:
    def test_each_stage_has_an_owner(self, run: Run) -> None:
        asset = table_assets(lambda *_: {}, [BARRELS], name="barrels", group="law")
        (spec,) = asset.specs
        assert (spec.group_name, list(spec.owners)) == ("law", [OWNERS["law"]])
        with pytest.raises(KeyError):
            table_assets(lambda *_: {}, [BARRELS], name="barrels", group="elsewhere")

    def test_a_column_that_a_contract_takes_over_is_traced_to_its_table(self, run: Run) -> None:
        events = {event.asset_key: event for event in run(GOOD).get_asset_materialization_events()}
        materialization = events[dg.AssetKey(["staging", "casks"])].step_materialization_data.materialization
        lineage = materialization.metadata["dagster/column_lineage"].value
        assert isinstance(lineage, dg.TableColumnLineage)
        # Its wood is its own, whatever other columns are called.
        assert dict(lineage.deps_by_column) == {
            "barrel_id": [dg.TableColumnDep(dg.AssetKey(["staging", "barrels"]), "barrel_id")]
        }

    def test_the_column_list_names_what_a_column_is_made_from(self) -> None:
        asset = table_assets(
            lambda *_: {},
            [CASKS],
            name="casks",
            group="marts",
            reads=[BARRELS],
            lineage={CASKS: {"wood": [("staging.barrels", "price_usd_per_bbl"), ("staging.barrels", "barrel_id")]}},
        )
        (spec,) = asset.specs
        described = {column.name: column.description for column in spec.metadata["dagster/column_schema"].columns}
        assert described == {
            "barrel_id": "id",
            "wood": "wood (from staging.barrels.barrel_id, staging.barrels.price_usd_per_bbl)",
        }
