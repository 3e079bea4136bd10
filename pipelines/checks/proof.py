"""The nightly proof: a sample of cargoes judged again by the independent re-derivation.

Here: drawing the sample and comparing price and verdict.
Add here: another column that both must agree on.
Keep out: the re-derivation itself (`pipelines.checks.rederive`).
"""

import random
from typing import Any

import polars as pl

from pipelines.checks.rederive import PriceReference, Rederiver
from pipelines.rules.rulebook import Rulebook

SAMPLE_CARGOES = 200  # of each kind of evidence
# The re-derivation walks every pair of days; a window of months would take it minutes.
LONGEST_WINDOW_DAYS = 31
COMPARED = (
    "nexus_basis",
    "verdict",
    "product_class",
    "level_date",
    "cap_id",
    "is_above_cap",
    "transition_id",
    "exemption_id",
)


def disagreements(
    cargoes: pl.LazyFrame, verdicts: pl.LazyFrame, book: Rulebook, reference: PriceReference, seed: object
) -> tuple[int, pl.DataFrame]:
    """Cargo-regimes compared, and those on which the engine and the re-derivation differ.

    cargoes: `CARGOES`; verdicts: `VERDICTS` on them. Result: shipment_id, regime, column, engine, rederived.
    """
    window = (pl.col("loading_last") - pl.col("loading_first")).dt.total_days()
    short = cargoes.filter(window <= LONGEST_WINDOW_DAYS).select("shipment_id", "evidence_kind").collect()
    draw = random.Random(str(seed)).getrandbits(32)
    # Of each kind, so that thousands of customs flows do not crowd out the declared cargoes.
    kinds = short.sort("shipment_id").partition_by("evidence_kind", maintain_order=True)
    drawn = [kind.sample(min(SAMPLE_CARGOES, kind.height), seed=draw)["shipment_id"] for kind in kinds]
    ids = pl.concat([pl.Series("shipment_id", [], pl.String), *drawn]).sort()
    sample = cargoes.filter(pl.col("shipment_id").is_in(ids.implode())).sort("shipment_id").collect()
    rederiver = Rederiver.of(book, reference)
    given = verdicts.filter(pl.col("shipment_id").is_in(ids.implode())).collect()
    engine = {(row["shipment_id"], row["regime"]): row for row in given.iter_rows(named=True)}
    found: list[dict[str, str]] = []
    compared = 0
    for cargo in sample.iter_rows(named=True):
        for verdict in rederiver.verdicts(cargo):
            compared += 1
            key = (cargo["shipment_id"], verdict["regime"])
            found += _differences(key, engine.pop(key, None), verdict)
    found += [_difference(key, "verdict", row["verdict"], None) for key, row in engine.items()]
    schema = dict.fromkeys(("shipment_id", "regime", "column", "engine", "rederived"), pl.String())
    return compared, pl.DataFrame(found, schema=schema)


def _differences(
    key: tuple[str, str], engine: dict[str, Any] | None, rederived: dict[str, Any]
) -> list[dict[str, str]]:
    if engine is None:
        return [_difference(key, "verdict", None, rederived["verdict"])]
    # What makes a verdict indeterminate is weighed as a whole; its confidence is not compared.
    columns = COMPARED if rederived["verdict"] == "indeterminate" else (*COMPARED, "confidence")
    return [
        _difference(key, column, engine[column], rederived[column])
        for column in columns
        if engine[column] != rederived[column]
    ]


def _difference(key: tuple[str, str], column: str, engine: object, rederived: object) -> dict[str, str]:
    return {
        "shipment_id": key[0],
        "regime": key[1],
        "column": column,
        "engine": str(engine),
        "rederived": str(rederived),
    }
