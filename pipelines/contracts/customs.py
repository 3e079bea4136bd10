"""Contracts of fetched trade statistics: what customs and energy agencies publish about imports.

Here: the shape that customs lines of every reporter share, and tables by grade or crude type.
Add here: a data set that has another shape than these.
Keep out: prices of markets (market) and shipped figures (reference).
"""

import polars as pl

from pipelines.contracts.table import Column, Table

MONTH = Column("month", pl.String(), "calendar month, YYYY-MM", required=True, pattern=r"\d{4}-\d{2}")
COUNTRY = r"[A-Z]{2}"


def customs_lines(name: str) -> Table:
    """The table of one data set of import lines: quantity and value of a code, by origin, month and mode."""
    return Table(
        schema="staging",
        name=name,
        grain="one row per importer, country of origin, consignment, month, code and mode of transport",
        key=("importer_country", "origin_country", "consigned_from_country", "month", "hs_code", "transport_mode"),
        columns=(
            Column("importer_country", pl.String(), "ISO 3166 alpha-2", required=True, pattern=COUNTRY),
            Column(
                "origin_country", pl.String(), "country of origin, ISO 3166 alpha-2", required=True, pattern=COUNTRY
            ),
            Column(
                "consigned_from_country",
                pl.String(),
                "country of consignment, ISO 3166 alpha-2; empty: not told apart",
                pattern=COUNTRY,
            ),
            MONTH,
            Column("hs_code", pl.String(), "code as published, digits only", required=True, pattern=r"\d{4,10}"),
            Column(
                "transport_mode",
                pl.String(),
                "mode at the border; empty: the data set does not tell",
                allowed=("sea", "pipeline", "rail", "road", "inland_waterway", "other"),
            ),
            Column("quantity", pl.Float64(), "quantity in quantity_unit; empty: not published", at_least=0),
            Column("quantity_unit", pl.String(), "unit of quantity, as in reference.units"),
            Column("net_mass_kg", pl.Float64(), "net mass", unit="kg", at_least=0),
            Column("value", pl.Float64(), "statistical value in currency; empty: not published", at_least=0),
            Column("currency", pl.String(), "ISO 4217", pattern=r"[A-Z]{3}"),
            Column("valuation", pl.String(), "what the value contains", required=True, allowed=("CIF", "FOB")),
            Column(
                "stage",
                pl.String(),
                "how final the figure is; empty: the publisher does not say",
                allowed=("provisional", "detailed", "revised", "fixed"),
            ),
            Column("is_confidential", pl.Boolean(), "figures are withheld, so empty does not mean none", required=True),
        ),
    )


JAPAN_CUSTOMS_LINES = customs_lines("japan_customs_lines")

JAPAN_CUSTOMS_ALL_ORIGINS = Table(
    schema="staging",
    name="japan_customs_all_origins",
    grain="one row per month and code: what Japan cleared from all countries together",
    key=("month", "hs_code"),
    columns=(
        MONTH,
        Column(
            "hs_code",
            pl.String(),
            "code of nine digits, summed over countries; 2709: all crude, from a published mean",
            required=True,
            pattern=r"\d{4,9}",
        ),
        Column("quantity", pl.Float64(), "quantity in quantity_unit; empty: not published", at_least=0),
        Column("quantity_unit", pl.String(), "unit of quantity, as in reference.units", required=True),
        Column("value_jpy", pl.Float64(), "value, CIF; empty: not published", unit="JPY", at_least=0),
        Column(
            "unit_value_jpy",
            pl.Float64(),
            "value of one quantity_unit, CIF: as published, or value by quantity",
            unit="JPY",
            at_least=0,
        ),
        Column(
            "stage",
            pl.String(),
            "how final the figure is; empty: the publisher does not say",
            allowed=("provisional", "detailed", "revised", "fixed"),
        ),
    ),
)

JAPAN_CRUDE_BY_GRADE = Table(
    schema="staging",
    name="japan_crude_by_grade",
    grain="one row per month and grade of crude that arrived in Japan, condensate included",
    key=("month", "grade_code"),
    columns=(
        MONTH,
        Column("grade_code", pl.String(), "code of the grade as published", required=True, pattern=r"\d{4,6}"),
        Column("grade_name", pl.String(), "name of the grade as published", required=True),
        Column("grade", pl.String(), "canonical grade, as in reference.grades; empty: not among them"),
        Column("country_code", pl.String(), "customs code of the country of origin", required=True, pattern=r"\d{3}"),
        Column(
            "origin_country",
            pl.String(),
            "country of origin, ISO 3166 alpha-2; empty: not in reference.country_codes",
            pattern=COUNTRY,
        ),
        Column("quantity_kl", pl.Float64(), "arrivals; 0: nil was published", unit="kl", at_least=0),
    ),
)
