"""The benchmark does not rot: its shipments keep the contract, and its peer in SQL says what the product says."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from benchmarks import synthetic
from benchmarks.measure import PEER_COLUMNS, columns_read
from benchmarks.peers import dbt_project, duckdb_sql
from pipelines.assess import shipments_contract
from pipelines.contracts.cargoes import VERDICT_VALUES
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.sources.shipments_file import read_shipments
from pipelines.transforms.judge import judge
from pipelines.transforms.prices import price_shipments

ROWS = 4_000


@pytest.fixture(scope="module")
def shipments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("benchmark") / "synthetic-shipments.parquet"
    synthetic.write_parquet(ROWS, file)
    return file


@pytest.fixture(scope="module")
def verdicts(shipments: Path, book: Rulebook, reference: Reference) -> pl.DataFrame:
    cargoes = price_shipments(pl.scan_parquet(shipments), reference, pl.lit(shipments.name))
    return judge(cargoes, book).select(PEER_COLUMNS).sort("shipment_id", "regime").collect()


def test_shipments_keep_the_contract(tmp_path: Path, shipments: Path, book: Rulebook, reference: Reference) -> None:
    csv = tmp_path / "synthetic-shipments.csv"
    synthetic.write_csv(ROWS, csv)
    intake = read_shipments(csv, shipments_contract(book, reference))
    assert intake.rejected.is_empty()
    # The Parquet file holds what the product makes of the CSV.
    assert_frame_equal(intake.accepted, pl.read_parquet(shipments))


def test_a_small_file_is_the_beginning_of_a_large_one() -> None:
    more = synthetic.CHUNK_ROWS + 10
    assert_frame_equal(synthetic.shipments(10).collect(), synthetic.shipments(more).head(10).collect())
    assert synthetic.shipments(more).select(pl.col("shipment_id").n_unique()).collect().item() == more


def test_every_verdict_occurs(verdicts: pl.DataFrame) -> None:
    assert set(verdicts["verdict"]) == set(VERDICT_VALUES)


def test_duckdb_says_the_same(tmp_path: Path, shipments: Path, verdicts: pl.DataFrame) -> None:
    out = tmp_path / "verdicts.parquet"
    duckdb_sql.judge(shipments, out)
    said = pl.read_parquet(out).sort("shipment_id", "regime")
    assert_frame_equal(said, verdicts, rel_tol=1e-9, abs_tol=1e-9)


def test_dbt_gets_all_of_the_sql(tmp_path: Path, shipments: Path) -> None:
    dbt_project.write(tmp_path / "dbt", shipments, tmp_path / "verdicts.parquet")
    models = {file.stem: file.read_text() for file in (tmp_path / "dbt" / "models").glob("*.sql")}
    made = "".join(file.read_text() for file in duckdb_sql.SQL.glob("*.sql")).count("CREATE TEMP TABLE")
    assert len(models) == made + 1
    # No model reads a table of another by its bare name.
    for text in models.values():
        assert not [name for name in models if f"FROM {name} " in text or f"JOIN {name} " in text]


def test_the_floor_reads_what_the_judge_reads(shipments: Path) -> None:
    asked = columns_read(shipments)
    assert {"shipment_id", "loading_date", "value", "nexus"} <= set(asked)
    # Nothing is judged by the name of a ship.
    assert "vessel_name" not in asked
