"""Listings of vessels: when each was put on an authority's list and taken off, from every edition that was kept.

Here: spells on the list told from its editions, and the shipped listings renewed by them.
Add here: another kind of evidence on when a vessel was listed.
Keep out: reading of lists (`pipelines.sources.publishers`) and cargoes (`pipelines.transforms.vessels`).
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from pipelines.contracts.reference import LISTED_VESSELS

_OPEN = pl.lit(dt.date.max)


@dataclass(frozen=True)
class FetchedList:
    """What was fetched of one authority's list.

    versions: `versioned(vessel_list(...))`, as known on the day of the night. editions: days of its whole editions.
    source: the row of `reference.figure_sources` that names it.
    """

    authority: str
    source: str
    versions: pl.DataFrame
    editions: Sequence[dt.date]


def renewed(shipped: pl.DataFrame, lists: Iterable[FetchedList], day: dt.date | None = None) -> pl.DataFrame:
    """`LISTED_VESSELS`: the shipped listings with what the fetched editions say, as known on `day`.

    A vessel is matched by its IMO number alone. `known_listed_on` is the day of the first edition that shows it,
    `listed_on` what the list says, and the first edition without it is its `delisted_on`. A shipped listing that no
    later edition shows ended by the first of them.
    """
    for fetched in lists:
        of_list = pl.col("authority") == fetched.authority
        others, own = shipped.filter(~of_list), shipped.filter(of_list)
        shipped = pl.concat([others, _merged(own, _spells(fetched, day), fetched)])
    return shipped.sort("vessel_imo", "authority", "known_listed_on")


def _spells(fetched: FetchedList, day: dt.date | None) -> pl.DataFrame:
    """One row per vessel and unbroken time on the list; `LISTED_VESSELS` with the number of the row as `spell`.

    An entry that takes the place of another one for the same vessel goes on with its listing.
    """
    shown_on = pl.coalesce("list_date", pl.col("fetched_at").dt.date())
    entry = ["vessel_imo", "list_reference"]
    return (
        fetched.versions.filter(pl.col("vessel_imo").is_not_null())
        .with_columns(shown_on=shown_on)
        .sort("vessel_imo", "shown_on", "fetched_at")
        .with_columns(until=pl.coalesce("withdrawn_on", pl.col("shown_on").shift(-1).over(entry), _OPEN))
        .with_columns(reach=pl.col("until").cum_max().shift(1).over("vessel_imo"))
        .with_columns(spell=(pl.col("shown_on") > pl.col("reach")).fill_null(True).cum_sum().over("vessel_imo"))
        .group_by("vessel_imo", "spell", maintain_order=True)
        .agg(
            pl.col("vessel_name", "programme", "list_reference").last(),
            pl.col("listed_on", "shown_on", "known_on").min(),
            delisted_on=pl.col("until").max(),
        )
        .with_columns(
            # On an earlier day that edition was not out, but the designation was.
            known_listed_on=pl.col("shown_on")
            if day is None
            else pl.when(pl.col("shown_on") <= day).then("shown_on").otherwise("known_on"),
            delisted_on=pl.when(pl.col("delisted_on") != _OPEN).then("delisted_on"),
            authority=pl.lit(fetched.authority),
            source=pl.lit(fetched.source),
            note=pl.lit(None, pl.String),
        )
        .select(pl.row_index("spell"), *LISTED_VESSELS.polars_schema())
    )


def _merged(shipped: pl.DataFrame, spells: pl.DataFrame, fetched: FetchedList) -> pl.DataFrame:
    editions = pl.DataFrame({"edition": sorted(set(fetched.editions))}, schema={"edition": pl.Date})
    rows = (
        shipped.with_row_index("row")
        .sort("known_listed_on")
        .join_asof(
            editions.with_columns(next_edition="edition"),
            left_on="known_listed_on",
            right_on="edition",
            strategy="forward",
            allow_exact_matches=False,
        )
    )
    same = _same_listing(rows, spells)
    ended = pl.when(pl.col("spell").is_null()).then("next_edition").otherwise("delisted_on_spell")
    gone_on = rows.join(same, on="row", how="left").with_columns(
        *(
            pl.coalesce(f"{fact}_spell", fact).alias(fact)
            for fact in ("vessel_name", "listed_on", "programme", "list_reference")
        ),
        known_listed_on=pl.min_horizontal("known_listed_on", "known_listed_on_spell"),
        delisted_on=pl.coalesce("delisted_on", ended),
    )
    new = spells.join(same, on="spell", how="anti").drop("spell")
    return _in_order(pl.concat([gone_on.select(new.columns), new]))


def _same_listing(shipped: pl.DataFrame, spells: pl.DataFrame) -> pl.DataFrame:
    """row, and the spell that goes on with or stands within its listing, with the spell's columns as `..._spell`."""
    facts = ["vessel_name", "listed_on", "known_listed_on", "delisted_on", "programme", "list_reference"]
    overlap = (pl.col("known_listed_on_spell") < pl.col("delisted_on").fill_null(_OPEN)) & (
        pl.col("delisted_on_spell").fill_null(_OPEN) > pl.col("known_listed_on")
    )
    # An edition between the two that does not show it would make them two listings.
    unbroken = (pl.col("known_listed_on_spell") <= pl.col("next_edition")).fill_null(True)
    return (
        shipped.join(spells.select("vessel_imo", "spell", pl.col(facts).name.suffix("_spell")), on="vessel_imo")
        .filter(overlap & unbroken)
        .sort("row", "known_listed_on_spell")
        .unique("row", keep="first", maintain_order=True)
        .unique("spell", keep="first", maintain_order=True)
        .select("row", "spell", pl.col(f"{fact}_spell" for fact in facts))
    )


def _in_order(listings: pl.DataFrame) -> pl.DataFrame:
    """Known from the listing day on, and before the delisting; what was on and off on one day is left out."""
    known = pl.max_horizontal("known_listed_on", "listed_on")
    delisted = pl.col("delisted_on").fill_null(_OPEN)
    return listings.with_columns(
        known_listed_on=pl.when(known < delisted).then(known).otherwise(pl.coalesce("listed_on", "known_listed_on"))
    ).filter(pl.col("known_listed_on") < delisted)
