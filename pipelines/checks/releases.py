"""A release beside the one before it: what moved, and which jumps nobody would believe.

Here: the totals of a release, and the bounds that a night keeps unless it is forced.
Add here: another jump, with its bound and the reason for it.
Keep out: where releases lie (`pipelines.warehouse.releases`), and their difference row by row (`.diff` beside it).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from pipelines.contracts.cargoes import CARGOES, EVIDENCE, VERDICTS
from pipelines.contracts.quality import RELEASE_TOTALS
from pipelines.contracts.table import Table

# The bounds. A night that adds evidence passes all of them, whatever it adds.
HALF_LOST = 0.5  # an input that loses more than half of its rows was cut off, rather than mended
FEWEST_LOST = 20  # below this many rows or verdicts a person sees what happened at a glance
VERDICTS_CHANGED = 0.25  # one new rule or revised rate turns a few verdicts on old evidence, not every fourth
BARRELS_MOVED = 0.1  # densities of crude differ by about a tenth: more is a wrong unit
TOTAL_MOVED = 0.1  # worth a look; no reason to stop

# Of these, the parts are counted as well as the whole.
PARTS = {CARGOES: "evidence_kind", VERDICTS: "verdict"}
CARGO_COLUMNS = ("shipment_id", *EVIDENCE, "quantity_bbl")
VERDICT_COLUMNS = ("shipment_id", "regime", "verdict")


@dataclass(frozen=True)
class Before:
    """What a release is compared with: `RELEASE_TOTALS`, and the columns of its cargoes and verdicts named above.

    Without an earlier release all three are empty, and release_id is None.
    """

    release_id: str | None = None
    totals: pl.DataFrame = field(default_factory=RELEASE_TOTALS.empty)
    cargoes: pl.DataFrame = field(default_factory=lambda: CARGOES.empty().select(CARGO_COLUMNS))
    verdicts: pl.DataFrame = field(default_factory=lambda: VERDICTS.empty().select(VERDICT_COLUMNS))


def totals(tables: Mapping[Table, pl.LazyFrame], before: Before) -> pl.DataFrame:
    """`RELEASE_TOTALS` of these tables, beside those of the release before."""
    key = list(RELEASE_TOTALS.key)
    counted = pl.concat(pl.collect_all([plan for table, frame in tables.items() for plan in _totals_of(table, frame)]))
    # A part that is gone counts as none; so does not a table that the program no longer has.
    gone = before.totals.filter(pl.col("table_name").is_in([table.full_name for table in tables]))
    gone = gone.join(counted, on=key, how="anti").with_columns(total=pl.lit(0.0))
    earlier = before.totals.select(*key, previous_total="total")
    return pl.concat([counted, gone.select(counted.columns)]).join(earlier, on=key, how="left", maintain_order="left")


def _totals_of(table: Table, frame: pl.LazyFrame) -> Iterable[pl.LazyFrame]:
    measures = {"rows": pl.len()} | {column.name: pl.col(column.name).sum() for column in table.measures}
    units = {"rows": "rows"} | {column.name: str(column.unit) for column in table.measures}
    sums = [total.cast(pl.Float64).alias(name) for name, total in measures.items()]
    counted = [frame.select(pl.lit("all").alias("part"), *sums)]
    if (part := PARTS.get(table)) is not None:
        counted.append(frame.group_by(pl.col(part).alias("part")).agg(sums).sort("part"))
    for rows in counted:
        yield rows.unpivot(index="part", variable_name="measure", value_name="total").select(
            pl.lit(table.full_name).alias("table_name"),
            "part",
            "measure",
            pl.col("measure").replace_strict(units, return_dtype=pl.String).alias("unit"),
            "total",
        )


def moved(totals: pl.DataFrame) -> pl.DataFrame:
    """The totals that differ from those of the release before by more than `TOTAL_MOVED`, with their `share`."""
    share = (pl.col("total") - pl.col("previous_total")) / pl.col("previous_total")
    # From nothing to something has no share.
    return totals.with_columns(share=pl.when(pl.col("previous_total") != 0).then(share)).filter(
        (pl.col("total") - pl.col("previous_total")).abs() > TOTAL_MOVED * pl.col("previous_total").abs()
    )


def vanished(totals: pl.DataFrame) -> pl.DataFrame:
    """The totals that are those of an input, or of a kind of evidence, which is gone or has lost half of its rows."""
    lost = pl.col("previous_total") - pl.col("total")
    is_halved = (lost > HALF_LOST * pl.col("previous_total")) & (lost >= FEWEST_LOST)
    return totals.filter(
        pl.col("table_name").str.contains(r"^(?:reference|staging)\."),
        pl.col("measure") == "rows",
        (pl.col("previous_total") > 0) & ((pl.col("total") == 0) | is_halved),
    )


def on_same_evidence(cargoes: pl.LazyFrame, verdicts: pl.LazyFrame, before: Before) -> pl.DataFrame:
    """The verdicts of both releases on cargoes whose evidence is the same in both.

    Result: shipment_id, regime, previous_verdict, verdict.
    """
    earlier = before.verdicts.lazy().rename({"verdict": "previous_verdict"})
    return (
        verdicts.select(VERDICT_COLUMNS)
        .join(_same_evidence(cargoes, before), on="shipment_id", how="semi")
        .join(earlier, on=["shipment_id", "regime"])
        .select("shipment_id", "regime", "previous_verdict", "verdict")
        .sort("shipment_id", "regime")
        .collect()
    )


def barrels(cargoes: pl.LazyFrame, before: Before, same: pl.LazyFrame) -> pl.DataFrame:
    """Barrels of the cargoes whose evidence is the same in both releases, by kind: previous_bbl, quantity_bbl.

    same: more cargoes, of which it is known that nothing about them has changed.
    """
    amounts = ("evidence_kind", "previous_bbl", "quantity_bbl")
    unchanged = same.with_columns(previous_bbl="quantity_bbl").select(amounts)
    return (
        pl.concat([_same_evidence(cargoes, before).select(amounts), unchanged])
        .group_by("evidence_kind")
        .agg(pl.col("previous_bbl", "quantity_bbl").sum())
        .sort("evidence_kind")
        .collect()
    )


def _same_evidence(cargoes: pl.LazyFrame, before: Before) -> pl.LazyFrame:
    earlier = before.cargoes.lazy().rename({"quantity_bbl": "previous_bbl"})
    return cargoes.select(CARGO_COLUMNS).join(earlier, on=["shipment_id", *EVIDENCE], nulls_equal=True)
