"""The rules in force on a day: a text for people, and frames for checks.

Here: caps, transitions and exemptions in force, what of them ends soon, and what of them is in doubt.
Add here: another mark that a reader of the rules should see.
Keep out: cargoes, and how the rules meet them (see `pipelines.transforms`).
"""

import datetime as dt
from typing import Any

import polars as pl

from pipelines.contracts.rules import PRODUCT_CLASSES
from pipelines.report.wording import cap_level, classes, labelled, last_day, listing, paragraph, table
from pipelines.rules.rulebook import Rulebook

SOON_DAYS = 60
RULE_KINDS = ("cap", "transition", "exemption")


def in_force(book: Rulebook, on: dt.date) -> pl.DataFrame:
    """The caps, transitions and exemptions whose window holds the day, sorted by regime, kind and class.

    Columns: kind (cap, transition, exemption), id, series, regime, product_classes, subject (the level, what
    the transition does, or the licence), valid_from, valid_to (first day after the window; null: open), effect,
    confidence, instrument, note. A transition's window is one of level dates. effect and confidence are those
    of the day: a level whose start is disputed then, or that may have been replaced since, is not verified.
    """
    caps = book.price_caps.select(
        "id",
        "series",
        "regime",
        "valid_from",
        "valid_to",
        "instrument",
        "note",
        kind=pl.lit("cap"),
        product_classes="product_class",
        subject=pl.col("cap_usd_per_bbl").map_elements(cap_level, return_dtype=pl.String),
        effect=pl.when(_is_start_in_doubt("gap", on)).then(pl.lit("open")).otherwise(pl.lit("decides")),
        confidence=pl.when(_is_start_in_doubt("conflict", on))
        .then(pl.lit("conflict"))
        .when((pl.col("verified_to") <= on) | _is_start_in_doubt("gap", on))
        .then(pl.lit("unverified"))
        .otherwise("confidence"),
    )
    transitions = book.transitions.with_columns(
        kind=pl.lit("transition"),
        subject=pl.when(pl.col("kind") == "wind_down")
        .then(pl.lit("exempt at any price"))
        .when(pl.col("kind") == "prior_cap")
        .then(pl.concat_str("prior_cap_id", pl.lit(" stays usable")))
        .otherwise(pl.lit("legal basis only")),
    )
    exemptions = book.exemptions.with_columns(kind=pl.lit("exemption"), subject="licence")
    columns = (
        "kind",
        "id",
        "series",
        "regime",
        "product_classes",
        "subject",
        "valid_from",
        "valid_to",
        "effect",
        "confidence",
        "instrument",
        "note",
    )
    rules = pl.concat(frame.select(columns) for frame in (caps, transitions, exemptions))
    return rules.filter(_is_in_force(on)).sort(
        pl.col("regime").cast(pl.Enum(book.regime_codes)),
        pl.col("kind").cast(pl.Enum(RULE_KINDS)),
        pl.col("product_classes").str.split(";").list.first().cast(pl.Enum(PRODUCT_CLASSES)),
        maintain_order=True,
    )


def expiring(book: Rulebook, on: dt.date, within_days: int = SOON_DAYS) -> pl.DataFrame:
    """The rows of `in_force` whose window ends within so many days after `on`, the first to end first.

    Adds days_left (from `on` to the first day that is no longer covered) and followed_by (id of the rule of
    the same series that covers that day; null: nothing known does).
    """
    days_left = (pl.col("valid_to") - pl.lit(on)).dt.total_days()
    ending = in_force(book, on).with_columns(days_left=days_left).filter(pl.col("days_left") <= within_days)
    later = pl.concat(
        frame.select("series", followed_by="id", from_date="valid_from", to_date="valid_to")
        for frame in (book.price_caps, book.transitions, book.exemptions)
    )
    followers = (
        ending.select("id", "series", "valid_to")
        .join(later, on="series")
        .filter(
            pl.col("from_date") <= pl.col("valid_to"),
            pl.col("to_date").is_null() | (pl.col("to_date") > pl.col("valid_to")),
        )
        .group_by("id", maintain_order=True)
        .agg(pl.col("followed_by").last())
    )
    return ending.join(followers, on="id", how="left", maintain_order="left").sort("days_left", maintain_order=True)


def unverified(book: Rulebook, on: dt.date) -> pl.DataFrame:
    """The rows of `in_force` that nothing seen in a source supports in full on that day."""
    return in_force(book, on).filter(pl.col("confidence") == "unverified")


def in_conflict(book: Rulebook, on: dt.date) -> pl.DataFrame:
    """The rows of `in_force` on which sources disagree on that day."""
    return in_force(book, on).filter(pl.col("confidence") == "conflict")


def rules_in_force(book: Rulebook, on: dt.date, today: dt.date | None = None) -> str:
    """The caps, transitions and exemptions in force on a day, by regime, as plain text.

    book: as known on the day that the reader asks for. today: lets the text say that a day is still to come.
    """
    rules = in_force(book, on)
    ending = {row["id"]: row for row in expiring(book, on).iter_rows(named=True)}
    known = "all that is recorded" if book.known_on is None else f"as known on {book.known_on}"
    lines = [f"Rules in force on {on}, {known}", ""]
    seen_until = book.known_on or today
    if seen_until is not None and seen_until < on:
        lines += [paragraph(f"{on} is later than {seen_until}: rules made in between are not here."), ""]
    lines += _summary(rules, ending)
    for regime in book.regimes.iter_rows(named=True):
        lines += ["", paragraph(f"{regime['regime']}  {regime['authority']}", hang=4)]
        own = rules.filter(pl.col("regime") == regime["regime"])
        if own.is_empty():
            lines.append("  nothing in force")
        for kind in RULE_KINDS:
            lines += _section(own.filter(pl.col("kind") == kind), kind, ending)
    return "\n".join([*lines, "", *_legend(on)]) + "\n"


def _is_in_force(on: dt.date) -> pl.Expr:
    return (pl.col("valid_from") <= on) & (pl.col("valid_to").is_null() | (pl.col("valid_to") > on))


def _is_start_in_doubt(doubt: str, on: dt.date) -> pl.Expr:
    return ((pl.col("start_doubt") == doubt) & (pl.col("certain_from") > on)).fill_null(False)


def _summary(rules: pl.DataFrame, ending: dict[str, dict[str, Any]]) -> list[str]:
    counts = [f"{rules.filter(pl.col('kind') == kind).height} {kind}s" for kind in RULE_KINDS]
    doubts = [
        f"{rules.filter(pl.col('confidence') == 'unverified').height} unverified",
        f"{rules.filter(pl.col('confidence') == 'conflict').height} in conflict",
        f"{rules.filter(pl.col('effect') == 'open').height} whose effect is open",
    ]
    soon = [f"{row['id']} ({row['subject']}), last day {last_day(row['valid_to'])}" for row in ending.values()]
    return labelled(
        [
            ("in force", listing(counts)),
            ("in doubt", listing(doubts)),
            ("ending soon", "; ".join(soon) if soon else f"nothing within {SOON_DAYS} days"),
        ]
    )


def _section(rules: pl.DataFrame, kind: str, ending: dict[str, dict[str, Any]]) -> list[str]:
    if rules.is_empty():
        return []
    subject = {"cap": "level", "transition": "effect", "exemption": "licence"}[kind]
    header = [kind, "class", subject, "window", "confidence"]
    rows = rules.to_dicts()
    cells = [
        [
            row["id"],
            classes(row["product_classes"]),
            row["subject"],
            f"{row['valid_from']} .. {last_day(row['valid_to'])}",
            ", ".join(_marks(row, ending.get(row["id"]))),
        ]
        for row in rows
    ]
    lines = table([header, *cells])
    indent = max(len(row[0]) for row in [header, *cells]) + 4
    body = [
        line
        for row, cell in zip(rows, lines[1:], strict=True)
        for line in (cell, paragraph(row["instrument"], indent, 2))
    ]
    return ["", lines[0], *body]


def _marks(row: dict[str, Any], ending: dict[str, Any] | None) -> list[str]:
    confidence = str(row["confidence"])
    marks = [confidence if confidence == "verified" else confidence.upper()]
    if row["effect"] == "open" and confidence != "conflict":
        marks.append("GAP")
    if row["effect"] == "never":
        marks.append("for the record")
    if ending:
        mark = f"EXPIRES in {ending['days_left']} days"
        marks.append(f"{mark}, then {ending['followed_by']}" if ending["followed_by"] else mark)
    return marks


def _legend(on: dt.date) -> list[str]:
    return labelled(
        [
            ("window", "first and last day covered; for transitions, days of discharge"),
            ("EXPIRES", f"counted from {on} to the first day that is no longer covered"),
            ("UNVERIFIED", "stated from memory, or a later rule may exist that was not found"),
            ("CONFLICT", "sources disagree; the reading matters on this day"),
            ("GAP", "whether the rule applies is not known"),
            ("for the record", "decides no verdict"),
        ]
    )
