"""Nothing is lost or made up on the way from cargoes to sums.

Here: a table of sums compared with what its contract says it sums up (`Conserved`), measure by measure.
Add here: another way in which a sum could go wrong.
Keep out: which tables are sums of what (see `pipelines.contracts.marts`).
"""

from collections.abc import Sequence

import polars as pl

from pipelines.contracts.table import Conserved

# The same numbers, added up in another order.
RELATIVE_ROUNDING = 1e-9


def not_conserved(
    conserved: Conserved, table: pl.DataFrame, sources: Sequence[pl.LazyFrame]
) -> tuple[int, pl.DataFrame]:
    """Sums compared, and those that differ, with the columns that group them, measure, in_table and in_source.

    table: the table of sums; sources: the frames of `conserved.sources`. A sum that is unknown on one side and a
    number on the other differs, zero included.
    """
    groups = [*conserved.within, *([conserved.once_per[0]] if conserved.once_per else [])]
    here = table.lazy().group_by(groups).agg(measure.here.alias(measure.name) for measure in conserved.measures)
    there = (
        _joined(conserved, sources)
        .filter(conserved.where)
        .group_by(conserved.within)
        .agg(measure.there.alias(measure.name) for measure in conserved.measures)
    )
    if conserved.once_per:
        column, values = conserved.once_per
        there = there.join(pl.LazyFrame({column: values}), how="cross")
    compared = _by_measure(here, groups, "in_table").join(
        _by_measure(there, groups, "in_source"), on=[*groups, "measure"], how="full", coalesce=True, nulls_equal=True
    )
    table_sum, source_sum = pl.col("in_table"), pl.col("in_source")
    is_same = (table_sum - source_sum).abs() <= RELATIVE_ROUNDING * source_sum.abs()
    is_unknown = table_sum.is_null() & source_sum.is_null()
    found = compared.collect()
    return found.height, found.filter(~is_same.fill_null(False) & ~is_unknown).sort(*groups, "measure")


def _joined(conserved: Conserved, sources: Sequence[pl.LazyFrame]) -> pl.LazyFrame:
    joined, *others = sources
    for contract, other in zip(conserved.sources[1:], others, strict=True):
        known = joined.collect_schema().names()
        new = [column.name for column in contract.columns if column.name not in known]
        joined = joined.join(other.select(*contract.key, *new), on=contract.key, how="left")
    return joined


def _by_measure(sums: pl.LazyFrame, groups: list[str], name: str) -> pl.LazyFrame:
    measures = pl.exclude(groups).cast(pl.Float64)
    return sums.select(*groups, measures).unpivot(index=groups, variable_name="measure", value_name=name)
