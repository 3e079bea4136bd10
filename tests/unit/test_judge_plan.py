"""The judge's plan holds for whatever is asked of it: any column, either engine, no row at all."""

import polars as pl
import pytest

from pipelines.contracts.cargoes import VERDICTS
from pipelines.rules.law import Law
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.transforms.judge import judge, situations_of
from pipelines.transforms.readings import SITUATION, decide
from tests.support import cargoes, shipment

ENGINES = ("in-memory", "streaming")


@pytest.fixture(scope="module")
def priced(book: Rulebook, reference: Reference) -> pl.LazyFrame:
    rows = [shipment(shipment_id="A", nexus=None), shipment(shipment_id="B", discharge_date=None, hs_code="2710")]
    return cargoes(rows, book, reference).lazy()


@pytest.mark.parametrize("engine", ENGINES)
def test_every_column_can_be_asked_for_alone(engine: str, priced: pl.LazyFrame, book: Rulebook) -> None:
    whole = judge(priced, book).sort("shipment_id", "regime").collect()
    for column in whole.columns:
        keys = ["shipment_id", "regime"]
        alone = judge(priced, book).select(*keys, asked=column).sort(keys).collect(engine=engine)
        assert alone["asked"].to_list() == whole[column].to_list()


@pytest.mark.parametrize("engine", ENGINES)
def test_counting_filtering_and_joining(engine: str, priced: pl.LazyFrame, book: Rulebook) -> None:
    # Nine regimes for A, one for B.
    assert judge(priced, book).select(pl.len()).collect(engine=engine).item() == 10
    assert judge(priced, book).filter(pl.col("regime") == "US").collect(engine=engine).height == 2
    both = judge(priced, book).join(judge(priced, book), on=["shipment_id", "regime"])
    assert both.collect(engine=engine).height == 10


@pytest.mark.parametrize("engine", ENGINES)
def test_no_cargo_no_verdict(engine: str, priced: pl.LazyFrame, book: Rulebook) -> None:
    none = judge(priced.filter(False), book).collect(engine=engine)
    assert none.schema == VERDICTS.polars_schema()
    assert none.is_empty()


@pytest.mark.parametrize("engine", ENGINES)
def test_decisions_can_be_looked_at_by_themselves(engine: str, priced: pl.LazyFrame, book: Rulebook) -> None:
    law = Law(book)
    situations = situations_of(priced.collect(), law).lazy().select(SITUATION).unique()
    assert decide(situations, law).collect(engine=engine).height == situations.collect().height
