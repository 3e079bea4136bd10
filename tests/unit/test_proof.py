"""What the nightly proof finds, and what it leaves alone.

Here: verdicts of the engine, some of them tampered with, against the re-derivation.
Add here: a column that both must agree on, tampered with.
Keep out: whether the two agree on every cargo there could be (see `tests/properties/test_rederivation.py`).
"""

import datetime as dt

import polars as pl
import pytest

from pipelines.checks.proof import COMPARED, LONGEST_WINDOW_DAYS, SAMPLE_CARGOES, disagreements
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.transforms.evidence import customs_flows, enforcement_cases
from pipelines.transforms.judge import judge
from tests.support import cargoes, shipment

COLUMNS = ["shipment_id", "regime", "column", "engine", "rederived"]


@pytest.fixture(scope="module")
def declared(book: Rulebook, reference: Reference) -> pl.DataFrame:
    """Cargoes: A within the US cap at 60.00, B above it, C on no known service to Japan, unpriced."""
    rows = [
        shipment(),
        shipment(shipment_id="B", value=42_700_000.0),
        shipment(shipment_id="C", nexus=None, destination_country="JP", value=None),
    ]
    return cargoes(rows, book, reference)


@pytest.fixture(scope="module")
def verdicts(declared: pl.DataFrame, book: Rulebook) -> pl.DataFrame:
    return judge(declared.lazy(), book).collect()


def changed(verdicts: pl.DataFrame, shipment_id: str, **columns: pl.Expr) -> pl.DataFrame:
    """The verdicts, with these columns of those on one shipment changed."""
    is_meant = pl.col("shipment_id") == shipment_id
    return verdicts.with_columns(
        pl.when(is_meant).then(value).otherwise(name).alias(name) for name, value in columns.items()
    )


def test_agreement(declared: pl.DataFrame, verdicts: pl.DataFrame, book: Rulebook, reference: Reference) -> None:
    compared, differing = disagreements(declared.lazy(), verdicts.lazy(), book, reference, "seed")
    assert compared == 1 + 1 + 9
    assert (differing.height, differing.columns) == (0, COLUMNS)


def test_agreement_on_the_shipped_evidence(book: Rulebook, reference: Reference) -> None:
    evidence = pl.concat(
        [
            customs_flows(reference.japan_crude_from_russia.lazy(), "JP", reference),
            enforcement_cases(reference.enforcement_cases.lazy(), reference.grades),
        ]
    ).collect()
    compared, differing = disagreements(evidence.lazy(), judge(evidence.lazy(), book), book, reference, "seed")
    # Six customs lines with a quantity, nine regimes each, and the one enforcement case that names its voyage.
    assert compared == 55
    assert differing.is_empty(), differing


def test_a_verdict_tampered_with_is_found(
    declared: pl.DataFrame, verdicts: pl.DataFrame, book: Rulebook, reference: Reference
) -> None:
    tampered = changed(verdicts, "B", verdict=pl.lit("within_cap"))
    _, differing = disagreements(declared.lazy(), tampered.lazy(), book, reference, "seed")
    assert differing.rows() == [("B", "US", "verdict", "within_cap", "above_cap")]


TAMPERED = {
    "nexus_basis": pl.lit("assumed"),
    "verdict": pl.lit("exempt"),
    "product_class": pl.lit("premium_product"),
    "level_date": pl.lit(dt.date(2023, 7, 4)),
    "cap_id": pl.lit("EU-C1"),
    "is_above_cap": pl.lit(True),
    "transition_id": pl.lit("T-US-1"),
    "exemption_id": pl.lit("S2-US-1"),
    "confidence": pl.lit("unverified"),
}


@pytest.mark.parametrize("column", [*COMPARED, "confidence"])
def test_every_column_counts(
    column: str, declared: pl.DataFrame, verdicts: pl.DataFrame, book: Rulebook, reference: Reference
) -> None:
    tampered = changed(verdicts, "A", **{column: TAMPERED[column]})
    _, differing = disagreements(declared.lazy(), tampered.lazy(), book, reference, "seed")
    assert differing.select("shipment_id", "regime", "column").rows() == [("A", "US", column)]


def test_a_missing_verdict_is_found(
    declared: pl.DataFrame, verdicts: pl.DataFrame, book: Rulebook, reference: Reference
) -> None:
    without = verdicts.filter((pl.col("shipment_id") != "C") | (pl.col("regime") != "NZ"))
    compared, differing = disagreements(declared.lazy(), without.lazy(), book, reference, "seed")
    assert compared == 11
    assert differing.rows() == [("C", "NZ", "verdict", "None", "out_of_scope")]  # before its caps of April 2024


def test_a_surplus_verdict_is_found(
    declared: pl.DataFrame, verdicts: pl.DataFrame, book: Rulebook, reference: Reference
) -> None:
    of_a = verdicts.filter(pl.col("shipment_id") == "A")
    surplus = of_a.with_columns(regime=pl.lit("UK"))
    _, differing = disagreements(declared.lazy(), pl.concat([verdicts, surplus]).lazy(), book, reference, "seed")
    assert differing.rows() == [("A", "UK", "verdict", "within_cap", "None")]


def test_the_sample_is_bounded(book: Rulebook, reference: Reference) -> None:
    rows = [shipment(shipment_id=f"{number:04}") for number in range(SAMPLE_CARGOES + 50)]
    many = cargoes(rows, book, reference)
    tampered = judge(many.lazy(), book).collect().with_columns(verdict=pl.lit("above_cap"))
    compared, differing = disagreements(many.lazy(), tampered.lazy(), book, reference, "seed")
    assert compared == SAMPLE_CARGOES
    assert differing["shipment_id"].n_unique() == SAMPLE_CARGOES
    shuffled = many.sample(fraction=1, shuffle=True, seed=1)
    again = disagreements(shuffled.lazy(), tampered.lazy(), book, reference, "seed")
    assert again[1].sort("shipment_id").equals(differing.sort("shipment_id"))
    other = disagreements(many.lazy(), tampered.lazy(), book, reference, "another")
    assert set(other[1]["shipment_id"]) != set(differing["shipment_id"])


def test_windows_of_months_are_left_out(
    declared: pl.DataFrame, verdicts: pl.DataFrame, book: Rulebook, reference: Reference
) -> None:
    tampered = changed(verdicts, "A", verdict=pl.lit("above_cap"))
    for days, found in ((LONGEST_WINDOW_DAYS, 1), (LONGEST_WINDOW_DAYS + 1, 0)):
        window = declared.with_columns(loading_first=pl.col("loading_last") - pl.duration(days=days))
        compared, differing = disagreements(window.lazy(), tampered.lazy(), book, reference, "seed")
        assert (compared, differing.height) == (11 * found, found)
    compared, differing = disagreements(declared.clear().lazy(), verdicts.clear().lazy(), book, reference, "seed")
    assert (compared, differing.height) == (0, 0)


def test_every_kind_of_evidence_has_a_sample_of_its_own(
    declared: pl.DataFrame, book: Rulebook, reference: Reference
) -> None:
    # So many customs flows that a sample over all would hardly ever hold one of the three declared cargoes.
    flow = declared.head(1).with_columns(evidence_kind=pl.lit("customs_flow"))
    flows = pl.concat(flow.with_columns(shipment_id=pl.lit(f"F{n}")) for n in range(SAMPLE_CARGOES + 50))
    evidence = pl.concat([declared, flows])
    judged = judge(evidence.lazy(), book).collect()
    compared, _ = disagreements(evidence.lazy(), judged.lazy(), book, reference, "seed")
    assert compared == SAMPLE_CARGOES + 1 + 1 + 9
