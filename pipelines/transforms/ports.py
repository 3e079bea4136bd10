"""Ports for everybody: the shipped ones, renewed by the World Port Index and extended by UN/LOCODE.

Here: how the lists of publishers become `reference.ports`.
Add here: another list of ports.
Keep out: reading of the lists (`pipelines.sources.publishers`).
"""

from dataclasses import replace

import polars as pl

from pipelines.contracts.reference import FIGURE_SOURCES, PORTS
from pipelines.sources.reference import Reference

# Rows of `reference.figure_sources` that name the publishers.
WPI, UN_LOCODE = "F-WPI", "F-UN-LOCODE"
UN_LOCODE_SOURCE = {
    "source_id": UN_LOCODE,
    "publisher": "United Nations Economic Commission for Europe, UN/LOCODE",
    "reference": "https://github.com/datasets/un-locode data/code-list.csv",
    "licence": "ODC-PDDL for the package; UNECE: free to use with attribution",
    "note": None,
}
_CODE = r"^[A-Z]{2}[A-Z0-9]{3}$"
_TO_BE_REMOVED = "XX"


def with_ports(reference: Reference, index: pl.DataFrame, codes: pl.DataFrame) -> Reference:
    """The figures with their ports renewed, and with the source of the codes if there are any."""
    sources = [reference.figure_sources]
    if not codes.is_empty():
        sources.append(pl.DataFrame([UN_LOCODE_SOURCE], schema=FIGURE_SOURCES.polars_schema()))
    return replace(reference, ports=renewed_ports(reference.ports, index, codes), figure_sources=pl.concat(sources))


def renewed_ports(shipped: pl.DataFrame, index: pl.DataFrame, codes: pl.DataFrame) -> pl.DataFrame:
    """`PORTS`: ports of the index take the place of shipped ones, and ports that only have a code come beside them.

    index: `WORLD_PORT_INDEX`; codes: `UN_LOCODES`; rows in force. A shipped port that is in neither stays. Of ports
    that share a code the first by name has it as its id, the others their number.
    """
    from_index = _from_index(index)
    known = pl.concat([shipped.join(from_index, on="port_id", how="anti"), from_index])
    only_coded = _from_codes(codes).join(known, on="un_locode", how="anti")
    return pl.concat([known, only_coded]).sort("country", "port_name", "port_id")


def _from_index(index: pl.DataFrame) -> pl.DataFrame:
    own_code = pl.col("un_locode").is_not_null() & pl.col("un_locode").is_first_distinct()
    return (
        index.filter(pl.col("country").is_not_null())
        .sort("port_name", "other_name", "wpi_number")
        .with_columns(
            port_id=pl.when(own_code).then("un_locode").otherwise(pl.lit("WPI-") + pl.col("wpi_number")),
            source=pl.lit(WPI),
            note=pl.lit(None, pl.String),
        )
        .unique("port_id", keep="first", maintain_order=True)
        .select(PORTS.polars_schema().names())
    )


def _from_codes(codes: pl.DataFrame) -> pl.DataFrame:
    is_port = pl.col("is_port") & (pl.col("status") != _TO_BE_REMOVED).fill_null(True)
    names = pl.col("place_name").unique(maintain_order=True)
    return (
        codes.filter(is_port & pl.col("un_locode").str.contains(_CODE))
        .group_by("un_locode", maintain_order=True)
        .agg(
            pl.col("country", "latitude_deg", "longitude_deg").first(),
            port_name=names.first(),
            other_name=names.slice(1).str.join("; "),
        )
        .select(
            "un_locode",
            "port_name",
            "country",
            "latitude_deg",
            "longitude_deg",
            port_id="un_locode",
            other_name=pl.when(pl.col("other_name") != "").then("other_name"),
            has_oil_terminal=pl.lit(None, pl.String),
            source=pl.lit(UN_LOCODE),
            note=pl.lit(None, pl.String),
        )
        .select(PORTS.polars_schema().names())
    )
