"""Contract of attestations: what a row of an attestations file must look like once it is read.

Here: the columns of the file and the checks on a row.
Add here: a column of the file or a check on a row.
Keep out: how files are read (`pipelines.sources.shipments_file`), and who owes which attestation by when: that is
law (`data/rules/attestation_rules.csv`).
"""

import polars as pl

from pipelines.contracts.table import Column, FrameCheck, Table

TIERS = ("1", "2", "3")
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

ATTESTATIONS = Table(
    schema="input",
    name="attestations",
    grain="one row per attestation",
    key=("attestation_id",),
    columns=(
        Column("attestation_id", pl.String(), "id of the attestation, unique in the file", required=True),
        Column("shipment_id", pl.String(), "id of the shipment it is for, as in the shipments file", required=True),
        Column(
            "tier",
            pl.String(),
            "tier of the party: 1 knows the price, 2 can ask for it, 3 has no access to it",
            required=True,
            allowed=TIERS,
        ),
        Column("party", pl.String(), "who attests", required=True),
        Column("attested_on", pl.Date(), "day of the attestation", required=True),
        Column(
            "price_attested_at_or_below_usd_per_bbl",
            pl.Float64(),
            "price which, it says, the oil was bought at or below",
            unit="USD/bbl",
            required=True,
            above=0,
        ),
        Column(
            "has_itemised_costs",
            pl.Boolean(),
            "yes: freight, insurance and other ancillary costs are itemised with it; no; empty: not known",
        ),
        Column(
            "sts_transfer_dates",
            pl.String(),
            "days of ship-to-ship transfers of the cargo, as far as known, written YYYY-MM-DD and separated by ;",
        ),
    ),
    checks=(
        FrameCheck(
            "transfer_dates_are_days",
            "sts_transfer_dates must hold days of the calendar written YYYY-MM-DD and separated by semicolons",
            "sts_transfer_dates",
            pl.col("sts_transfer_dates").is_null()
            | pl.col("sts_transfer_dates")
            .str.split(";")
            .list.eval(
                pl.element().str.contains(f"^{_DAY}$")
                & pl.element().str.to_date("%Y-%m-%d", strict=False).is_not_null()
            )
            .list.all(),
        ),
    ),
)
