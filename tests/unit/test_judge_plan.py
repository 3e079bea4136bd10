"""The judge's plan holds for whatever is asked of it: any column, either engine, no row at all, other cargoes beside."""

import itertools

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


def test_a_price_is_judged_in_company_as_it_is_alone(book: Rulebook, reference: Reference) -> None:
    levels = book.price_caps["cap_usd_per_bbl"].unique().sort().to_list()
    figures = sorted({level + cents / 100 for level in levels for cents in (-1, 0, 1)})
    ranges = [(None, None), (1.0, 1_000.0), (60.0, None), (None, 60.0), *zip(figures, figures, strict=True)]
    prices = pl.LazyFrame(
        [(low, high, is_floor) for low, high in (*ranges, *itertools.pairwise(figures)) for is_floor in (False, True)],
        schema={"low": pl.Float64(), "high": pl.Float64(), "is_floor": pl.Boolean()},
        orient="row",
    ).with_row_index("price")
    # Crude under each of its levels, and products of both classes.
    days = ["2024-03-05", "2025-10-05", "2026-03-05"]
    oils = [("27090090", day) for day in days] + [(code, days[0]) for code in ("27101245", "27101968")]
    rows = [
        shipment(shipment_id=f"{place}", nexus=None, hs_code=code, loading_date=day, discharge_date=day)
        for place, (code, day) in enumerate(oils)
    ]
    evidence = (
        cargoes(rows, book, reference)
        .lazy()
        .join(prices, how="cross")
        .with_columns(
            price_usd_per_bbl=pl.when(pl.col("low") == pl.col("high")).then("low"),
            price_low_usd_per_bbl="low",
            price_high_usd_per_bbl="high",
            is_price_above_low=pl.col("is_floor") & pl.col("low").is_not_null(),
            price_notes=pl.when(pl.col("price") % 3 == 0).then(["price_estimated", "costs_estimated"]).otherwise([]),
            shipment_id=pl.concat_str("shipment_id", pl.lit("-"), "price"),
        )
        .collect()
    )
    keys = ["shipment_id", "regime"]
    company = judge(evidence.lazy(), book).sort(keys).collect()
    alone = [judge(one_price.lazy(), book).collect() for one_price in evidence.partition_by("price")]
    assert company.equals(pl.concat(alone).sort(keys))
    assert set(company["cap_usd_per_bbl"].drop_nulls()) == set(levels)
    assert {"within_cap", "above_cap", "unpriced", "indeterminate"} <= set(company["verdict"])
