"""Customs lines of every statistic in one table, each with what becomes of it.

Here: barrels, which lines stand for the same oil, and which become customs flows.
Add here: another reason why a line is not judged.
Keep out: how a statistic is read (sources) and how a flow is priced (evidence).
"""

from collections.abc import Mapping

import polars as pl

from pipelines.contracts.customs import CUSTOMS_LINES, LINE_COLUMNS
from pipelines.contracts.reference import PriceReference
from pipelines.transforms.prices import with_barrels

# The data sets whose lines become flows by this table, and how the ids of those flows begin.
FLOW_IDS = {"eu_customs_lines": "EU", "comtrade_lines": "UN"}
HEADING_DIGITS = 4
# In an id: what stands for a mode that is not told, and where the mode stands (a month has two parts).
_ALL_MODES, _MODE_PART = "all", 6
# Lines of one data set that may hold the same oil.
_SAME_OIL = ["data_set", "importer_country", "origin_country", "month", "heading"]


def combined_lines(
    lines: Mapping[str, pl.DataFrame], importers: pl.DataFrame, reference: PriceReference
) -> pl.DataFrame:
    """The lines in force of all customs statistics, as `CUSTOMS_LINES`.

    lines: by name of the data set, rows of `customs_lines`. A line becomes a flow if no finer lines hold the same oil,
    its data set is the one that stands for the importer, its quantity is published and not zero, and it tells the
    mode of transport or can have come by one way only.
    """
    together = [frame.select(LINE_COLUMNS).with_columns(data_set=pl.lit(name)) for name, frame in lines.items()]
    if not together:
        return CUSTOMS_LINES.empty()
    marked = _with_finer(pl.concat(together).with_columns(heading=pl.col("hs_code").str.head(HEADING_DIGITS)))
    counted = with_barrels(marked.lazy().with_columns(grade_key=pl.lit(None, pl.String)), reference).collect()
    known = importers.select("country", "customs_data_set", "oil_arrives_by")
    why_not = (
        pl.when("has_finer")
        .then(pl.lit("finer_lines"))
        .when((pl.col("customs_data_set") != pl.col("data_set")).fill_null(True))
        .then(pl.lit("other_statistic"))
        .when(~pl.col("data_set").is_in(list(FLOW_IDS)))
        .then(pl.lit("judged_elsewhere"))
        .when(pl.col("is_confidential") & pl.col("quantity").is_null())
        .then(pl.lit("withheld"))
        .when((pl.col("quantity") == 0).fill_null(True))
        .then(pl.lit("no_quantity"))
        .when(flow_mode().is_null())
        .then(pl.lit("mode_not_told"))
    )
    return CUSTOMS_LINES.conform(
        counted.join(known, left_on="importer_country", right_on="country", how="left")
        .with_columns(
            quantity_low_bbl=pl.col("quantity") * pl.col("bbl_per_unit_low"),
            quantity_high_bbl=pl.col("quantity") * pl.col("bbl_per_unit_high"),
            set_aside_because=why_not,
        )
        .with_columns(shipment_id=pl.when(pl.col("set_aside_because").is_null()).then(_flow_id()))
        .sort(CUSTOMS_LINES.key)
    )


def flow_mode() -> pl.Expr:
    """How the oil of a line came: as told, or the only way to its importer (`oil_arrives_by`); null: not known."""
    told = pl.col("transport_mode")
    return pl.when(told != "unknown").then(told).otherwise("oil_arrives_by")


def _flow_id() -> pl.Expr:
    """Such as `EU-DE-270900-RU-2022-11-sea`: the mode as told, `all` for all modes together, and the way it came."""
    parts = [
        pl.col("data_set").replace_strict(FLOW_IDS, default=None, return_dtype=pl.String),
        "importer_country",
        "hs_code",
        "origin_country",
        "month",
        pl.col("transport_mode").fill_null(_ALL_MODES),
    ]
    consigned = pl.concat_str(pl.lit("-from-"), "consigned_from_country")
    return pl.concat_str(pl.concat_str(parts, separator="-"), consigned.fill_null(""))


def tells_mode(flow_id: str) -> bool:
    """Whether the line behind a flow tells how the oil came."""
    return flow_id.split("-")[_MODE_PART] not in (_ALL_MODES, "unknown")


def _with_finer(lines: pl.DataFrame) -> pl.DataFrame:
    """Adds has_finer: the same oil stands in other lines of the data set that tell the mode, or have a longer code."""
    tells_mode = pl.col("transport_mode").is_not_null()
    by_mode = lines.with_columns(is_total=~tells_mode & tells_mode.any().over(_SAME_OIL))
    digits = pl.int_ranges(HEADING_DIGITS, pl.col("hs_code").str.len_chars())
    above = (
        by_mode.filter(~pl.col("is_total"))
        .select(*_SAME_OIL, "hs_code", digits=digits)
        .explode("digits")
        .drop_nulls("digits")
        .select(*_SAME_OIL, hs_code=pl.col("hs_code").str.head(pl.col("digits")), is_above=pl.lit(True))
        .unique()
    )
    return by_mode.join(above, on=[*_SAME_OIL, "hs_code"], how="left", maintain_order="left").with_columns(
        has_finer=pl.col("is_total") | pl.col("is_above").fill_null(False)
    )
