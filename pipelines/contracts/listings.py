"""Contracts of fetched lists of vessels under sanctions: ships only, never persons.

Here: the shape that the lists of all authorities share.
Add here: the table of another authority's list.
Keep out: listings as they are matched with cargoes (`reference.listed_vessels`).
"""

import polars as pl

from pipelines.contracts.table import Column, Table


def vessel_list(name: str) -> Table:
    """The table of one authority's list. The number says which vessel it is; the name alone says nothing."""
    return Table(
        schema="staging",
        name=name,
        grain="one row per vessel and entry on the list",
        key=("vessel_imo", "list_reference"),
        columns=(
            Column(
                "vessel_imo",
                pl.String(),
                "IMO number, seven digits with a valid check digit; empty: none published, or not a valid one",
                pattern=r"\d{7}",
            ),
            Column("imo_as_published", pl.String(), "IMO number as it stands on the list"),
            Column("vessel_name", pl.String(), "name as listed", required=True),
            Column("other_names", pl.String(), "other names as listed, separated by ;"),
            Column("programme", pl.String(), "programmes or regime it is listed under, separated by ;"),
            Column("list_reference", pl.String(), "id of the entry on the list; empty: not in what was read"),
            Column("listed_on", pl.Date(), "day of designation; empty: the list does not say"),
            Column("measures", pl.String(), "what is imposed on it, separated by ;; empty: the list does not say"),
            Column("vessel_type", pl.String(), "type as listed"),
            Column("flag", pl.String(), "flag as listed"),
            Column(
                "list_date",
                pl.Date(),
                "day of the edition of the list that first showed it so; empty: the edition does not say, so the day "
                "of the fetch counts; never a day of designation",
            ),
        ),
    )


OFAC_LISTED_VESSELS = vessel_list("ofac_listed_vessels")
UK_LISTED_VESSELS = vessel_list("uk_listed_vessels")
