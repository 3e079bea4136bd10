"""Contract of the quarantine: rows of input files that were set aside, and why.

Here: the table of rejected rows.
Add here: what a person needs to find and mend a rejected row.
Keep out: how rows come to be rejected (see `pipelines.sources`).
"""

import polars as pl

from pipelines.contracts.table import Column, Table

QUARANTINE = Table(
    schema="quality",
    name="quarantine",
    grain="one row per rejected row of an input file",
    key=("file", "row_number"),
    columns=(
        Column("file", pl.String(), "name of the input file", required=True),
        Column(
            "row_number",
            pl.Int64(),
            "row as a spreadsheet counts it: the header is row 1, the first data row is row 2",
            required=True,
            at_least=2,
        ),
        Column("shipment_id", pl.String(), "shipment id as it stands in the row, where it can be told"),
        Column("column", pl.String(), "column at fault; several are separated by ;"),
        Column("check", pl.String(), "check that failed; several are separated by ;", required=True),
        Column("message", pl.String(), "what is wrong and what to do; several are separated by ;", required=True),
        Column("raw_value", pl.String(), "value at fault as it stands in the file; several are separated by ;"),
        Column("raw_row", pl.String(), "the whole row as one line of CSV", required=True),
    ),
)
