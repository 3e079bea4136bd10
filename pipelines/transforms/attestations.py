"""Gaps between the attestations that were handed in, what the rules ask for, and what the evidence says.

Here: one function per kind of gap.
Add here: another kind of gap, with its duty in `data/rules/attestation_rules.csv`.
Keep out: duties, days and dates (those are data), and verdicts: an attestation changes none.
"""

from typing import Literal

import polars as pl
import polars.selectors as cs

from pipelines.contracts.marts import ATTESTATION_GAPS
from pipelines.rules.rulebook import Rulebook
from pipelines.transforms.judge import is_above

_LEG = ["shipment_id", "regime"]


def attestation_gaps(
    verdicts: pl.LazyFrame, cargoes: pl.LazyFrame, attestations: pl.LazyFrame, book: Rulebook
) -> pl.LazyFrame:
    """`ATTESTATION_GAPS`: one row per declared cargo, regime, gap and attestation, sorted so.

    verdicts, cargoes, attestations: rows of `VERDICTS`, `CARGOES` and `ATTESTATIONS`. Looked at are declared
    shipments under each regime that judged them neither out of scope nor exempt. An attestation names no regime
    and counts for all; one for a shipment that is not among the cargoes counts for none. Without any attestation
    nothing is missing: whoever hands none in does not use this input. A missing attestation is told from the
    loading day on, so its `due_on` may lie ahead.
    """
    legs = _legs(verdicts, cargoes)
    gaps = [
        _missing(legs, attestations, book),
        _late(legs, attestations, book),
        _retriggered(legs, attestations, book),
        _contradicted(legs, attestations),
        _not_itemised(legs, attestations, book),
    ]
    columns = ATTESTATION_GAPS.polars_schema().names()
    return (
        pl.concat([gap.select(cs.by_name(columns, require_all=False)) for gap in gaps], how="diagonal")
        .select(columns)
        .sort(ATTESTATION_GAPS.key)
    )


def _legs(verdicts: pl.LazyFrame, cargoes: pl.LazyFrame) -> pl.LazyFrame:
    """Cargoes and regimes looked at, with what the evidence says of the price."""
    evidence = cargoes.filter(pl.col("evidence_kind") == "declared_shipment").select(
        "shipment_id",
        "price_low_usd_per_bbl",
        "is_price_above_low",
        "price_tolerance_usd_per_bbl",
        loading_date="loading_first",
    )
    return (
        verdicts.filter(~pl.col("verdict").is_in(["out_of_scope", "exempt"]))
        .select(*_LEG, "cap_id", "cap_usd_per_bbl", verdict_confidence="confidence")
        .join(evidence, on="shipment_id")
    )


def _owed(legs: pl.LazyFrame, book: Rulebook, duty: str) -> pl.LazyFrame:
    """Cargoes and regimes that a duty holds for, with its rule."""
    rules = book.attestation_rules.lazy().filter(pl.col("duty") == duty)
    rule = rules.select(
        "regime", "applies_from", "days", "instrument", "confidence", pl.col("tiers").str.split(";"), rule_id="id"
    )
    return legs.join(rule, on="regime").filter(pl.col("loading_date") >= pl.col("applies_from"))


def _attested(owed: pl.LazyFrame, attestations: pl.LazyFrame) -> pl.LazyFrame:
    """Attestations by parties of the tiers that the rule names."""
    return owed.join(attestations, on="shipment_id").filter(pl.col("tiers").list.contains(pl.col("tier")))


def _one_per_tier(attestations: pl.LazyFrame, keep: Literal["first", "last"]) -> pl.LazyFrame:
    """The first or the last attestation of each shipment and tier."""
    in_order = attestations.sort("attested_on", "attestation_id")
    return in_order.unique(["shipment_id", "tier"], keep=keep, maintain_order=True)


def _days_after(day: str) -> pl.Expr:
    return pl.col(day) + pl.duration(days="days")


def _missing(legs: pl.LazyFrame, attestations: pl.LazyFrame, book: Rulebook) -> pl.LazyFrame:
    owed = _owed(legs, book, "per_voyage")
    due = _owed(legs, book, "deadline").select(*_LEG, due_on=_days_after("loading_date"))
    in_use = attestations.select(is_in_use=pl.len() > 0)
    return (
        owed.join(_attested(owed, attestations), on=_LEG, how="anti")
        .join(in_use, how="cross")
        .filter("is_in_use")
        .join(due, on=_LEG, how="left")
        .with_columns(
            gap=pl.lit("missing"),
            reason=pl.format(
                "No attestation was handed in for this cargo loaded on {}: {} ({}) asks for one per voyage from {} on.",
                "loading_date",
                "instrument",
                "rule_id",
                "applies_from",
            ),
        )
    )


def _late(legs: pl.LazyFrame, attestations: pl.LazyFrame, book: Rulebook) -> pl.LazyFrame:
    """The first attestation of a tier decides: a later one repeats it or follows a transfer."""
    return (
        _attested(_owed(legs, book, "deadline"), _one_per_tier(attestations, "first"))
        .with_columns(due_on=_days_after("loading_date"))
        .filter(pl.col("attested_on") > pl.col("due_on"))
        .with_columns(
            gap=pl.lit("late"),
            reason=pl.format(
                "Attested on {}, after {}, the last of the {} days from loading that {} ({}) allows.",
                "attested_on",
                "due_on",
                "days",
                "instrument",
                "rule_id",
            ),
        )
    )


def _retriggered(legs: pl.LazyFrame, attestations: pl.LazyFrame, book: Rulebook) -> pl.LazyFrame:
    """The last attestation of each tier, with the first transfer after it; whoever told of the transfer."""
    transfers = (
        attestations.select("shipment_id", transfer_date=pl.col("sts_transfer_dates").str.split(";"))
        .explode("transfer_date")
        .drop_nulls()
        .with_columns(pl.col("transfer_date").str.to_date("%Y-%m-%d"))
    )
    deadlines = _owed(legs, book, "deadline").select(*_LEG, "days")
    return (
        _attested(_owed(legs, book, "sts_transfer").drop("days"), _one_per_tier(attestations, "last"))
        .join(transfers, on="shipment_id")
        .filter(pl.col("transfer_date") > pl.col("attested_on"))
        .sort("transfer_date")
        .unique([*_LEG, "attestation_id"], keep="first", maintain_order=True)
        .join(deadlines, on=_LEG, how="left")
        .with_columns(
            gap=pl.lit("retriggered"),
            due_on=_days_after("transfer_date"),
            reason=pl.format(
                "Attested on {}, and no party of tier {} attested again after the ship-to-ship transfer on {}: {} ({}) "
                "asks for one each time the oil is loaded.",
                "attested_on",
                "tier",
                "transfer_date",
                "instrument",
                "rule_id",
            ),
        )
    )


def _contradicted(legs: pl.LazyFrame, attestations: pl.LazyFrame) -> pl.LazyFrame:
    """Attestations whose price lies below the least that the evidence allows, of whatever day."""
    attested = pl.col("price_attested_at_or_below_usd_per_bbl")
    contradiction = pl.format(
        "Attested at or below {} USD/bbl, but the evidence puts the price at no less than {} USD/bbl",
        _shown(attested),
        _shown(pl.col("price_low_usd_per_bbl").round(4)),
    )
    level = pl.format("the {} cap is {} USD/bbl ({})", "regime", _shown(pl.col("cap_usd_per_bbl")), "cap_id")
    return (
        legs.join(attestations, on="shipment_id")
        .filter(is_above(attested))
        .with_columns(
            gap=pl.lit("contradicted"),
            rule_id="cap_id",
            confidence="verdict_confidence",
            reason=pl.concat_str(pl.concat_str(contradiction, level, separator="; ", ignore_nulls=True), pl.lit(".")),
        )
    )


def _not_itemised(legs: pl.LazyFrame, attestations: pl.LazyFrame, book: Rulebook) -> pl.LazyFrame:
    return (
        _attested(_owed(legs, book, "itemised_costs"), attestations)
        .filter(~pl.col("has_itemised_costs"))
        .with_columns(
            gap=pl.lit("not_itemised"),
            reason=pl.format(
                "Attested by a party of tier {} without itemised ancillary costs, which {} ({}) asks it to keep "
                "and to share.",
                "tier",
                "instrument",
                "rule_id",
            ),
        )
    )


def _shown(price: pl.Expr) -> pl.Expr:
    return price.cast(pl.String).str.strip_suffix(".0")
