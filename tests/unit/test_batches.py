"""Work in batches: the same result whatever the size of a batch, and numbers that stay."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import batches
from pipelines.batches import Differences, Pairs, in_batches, looked_up, taken
from pipelines.rules.rulebook import Rulebook
from pipelines.settings import REPOSITORY
from pipelines.sources.reference import Reference
from pipelines.transforms.judge import judge
from tests.support import cargoes, shipment

SCHEMA = pl.Schema({"number": pl.Int64(), "double": pl.Int64()})


def doubled(rows: pl.LazyFrame, seen: list[int]) -> pl.LazyFrame:
    def begin() -> batches.Work:
        def work(batch: pl.DataFrame) -> pl.DataFrame:
            seen.append(batch.height)
            return batch.with_columns(double=pl.col("number") * 2)

        return work

    return in_batches(rows, SCHEMA, begin)


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_ROWS", 3)


@pytest.mark.usefixtures("few_rows")
class TestInBatches:
    def test_every_row_once_in_order(self) -> None:
        seen: list[int] = []
        found = doubled(pl.LazyFrame({"number": range(10), "unused": 0}), seen).collect()
        assert found.to_dict(as_series=False) == {"number": list(range(10)), "double": list(range(0, 20, 2))}
        assert sum(seen) == 10
        assert len(seen) >= 4

    def test_only_what_is_asked_for(self) -> None:
        frame = doubled(pl.LazyFrame({"number": range(10)}), [])
        assert frame.filter(pl.col("double") > 14).select("number").collect()["number"].to_list() == [8, 9]
        assert frame.head(4).collect()["double"].to_list() == [0, 2, 4, 6]
        assert frame.select(pl.len()).collect().item() == 10

    def test_no_row(self) -> None:
        assert doubled(pl.LazyFrame({"number": []}, schema={"number": pl.Int64()}), []).collect().schema == SCHEMA

    def test_work_is_not_shared_by_what_happens_at_the_same_time(self) -> None:
        at_work: list[int] = []
        began: list[int] = []
        both = threading.Barrier(2, timeout=60)

        def begin() -> batches.Work:
            mine = len(began)
            began.append(mine)

            def work(batch: pl.DataFrame) -> pl.DataFrame:
                assert mine not in at_work
                at_work.append(mine)
                both.wait()
                at_work.remove(mine)
                return batch.with_columns(double=pl.col("number") * 2)

            return work

        frame = in_batches(pl.LazyFrame({"number": [1]}), SCHEMA, begin)
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda _: frame.collect(), range(2)))
        assert [result["double"].to_list() for result in found] == [[2], [2]]
        assert began == [0, 1]

    def test_a_file_of_many_batches(self, tmp_path: Path) -> None:
        pl.DataFrame({"number": range(50)}).write_parquet(tmp_path / "rows.parquet", row_group_size=7)
        doubled(pl.scan_parquet(tmp_path / "rows.parquet"), []).sink_parquet(tmp_path / "doubled.parquet")
        assert pl.read_parquet(tmp_path / "doubled.parquet")["double"].sum() == 49 * 50


words = st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([1, 2, None])), max_size=20)


@given(st.lists(words, max_size=5))
def test_one_number_for_each_difference(drawn: list[list[tuple[str | None, int | None]]]) -> None:
    differences = Differences(["word", "figure"])
    numbers: dict[tuple[str | None, int | None], int] = {}
    for rows in drawn:
        batch = pl.DataFrame(rows, schema={"word": pl.String(), "figure": pl.Int64()}, orient="row")
        found, new = differences.numbers(batch.with_columns(other=pl.int_range(pl.len())))
        assert new.rows() == [row for row in dict.fromkeys(rows) if row not in numbers]
        for row in rows:
            numbers.setdefault(row, len(numbers))
        assert found.to_list() == [numbers[row] for row in rows]


@given(st.lists(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=20), max_size=5))
def test_what_follows_from_a_pair_is_worked_out_once(drawn: list[list[tuple[int, int]]]) -> None:
    asked: list[tuple[int, int]] = []

    def follow(pairs: pl.DataFrame) -> pl.Series:
        asked.extend(pairs.rows())
        return pairs["row"] * 100 + pairs["column"]

    numbers = Pairs(follow)
    for rows in drawn:
        batch = pl.DataFrame(rows, schema=dict.fromkeys(("row", "column"), pl.get_index_type()), orient="row")
        found = numbers.numbers(batch["row"], batch["column"])
        assert found.to_list() == [row * 100 + column for row, column in rows]
    assert asked == list(dict.fromkeys(row for rows in drawn for row in rows))


def test_looking_up_and_taking() -> None:
    table = pl.DataFrame({"unit": ["bbl", "t"], "factor": [1.0, 7.3]})
    found = looked_up(pl.DataFrame({"unit": ["t", None, "kg", "bbl"]}), table)
    assert found.to_dict(as_series=False) == {"factor": [7.3, None, None, 1.0]}
    assert taken(table, pl.Series([1, 1, 0]))["unit"].to_list() == ["t", "t", "bbl"]


@pytest.mark.usefixtures("few_rows")
def test_verdicts_do_not_depend_on_the_batches(
    book: Rulebook, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [f"202{year}-{month:02}-20" for year in range(3, 6) for month in range(1, 13)]
    rows = [
        shipment(
            shipment_id=f"{number}",
            nexus=[None, "US", "EU;UK", "JP"][number % 4],
            hs_code=["27090090", "2710", "27101943"][number % 3],
            loading_date=day,
            discharge_date=None,
            contract_date=None,
        )
        for number, day in enumerate(days)
    ]
    evidence = cargoes(rows, book, reference).lazy()
    few = judge(evidence, book).sort("shipment_id", "regime").collect()
    monkeypatch.setattr(batches, "BATCH_ROWS", 1_000)
    assert judge(evidence, book).sort("shipment_id", "regime").collect().equals(few)
    assert few["verdict"].n_unique() > 2


def test_work_in_many_branches_of_a_query_does_not_wait_for_itself() -> None:
    # A process of its own, so that waiting for ever would be told instead of done.
    script = """
import polars as pl
from pipelines.rules.rulebook import Rulebook
from pipelines.settings import REPOSITORY
from pipelines.sources.reference import Reference
from pipelines.transforms.history import verdict_changes
from pipelines.transforms.judge import judge
from tests.support import cargoes, shipment

book = Rulebook.load()
rows = [
    shipment(shipment_id=f"{year}-{month}-{day}", nexus=None, loading_date=f"{year}-{month:02}-{day:02}")
    for year in (2023, 2024, 2025) for month in range(1, 13) for day in (3, 13, 23)
]
evidence = cargoes([row | {"contract_date": None, "discharge_date": None} for row in rows], book, Reference.load())
verdicts = judge(evidence.lazy(), book)
for engine in ("streaming", "in-memory"):
    print(verdict_changes(evidence, verdicts, book).collect(engine=engine).height)
"""
    threads = {"POLARS_MAX_THREADS": "2", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | threads,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    streamed, in_memory = done.stdout.split()
    assert streamed == in_memory
