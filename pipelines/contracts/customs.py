"""Contracts of fetched trade statistics: what customs and energy agencies publish about imports.

Here: the shape that customs lines of every reporter share, and tables by grade or crude type.
Add here: a data set that has another shape than these.
Keep out: prices of markets (market) and shipped figures (reference).
"""

import polars as pl

from pipelines.contracts.table import Column, FrameCheck, Table

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
                "mode at the border; unknown: told as not known; empty: the data set does not tell, all modes together",
                allowed=("sea", "pipeline", "rail", "road", "inland_waterway", "other", "unknown"),
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


_LINE = customs_lines("customs_lines")
LINE_COLUMNS = tuple(column.name for column in _LINE.columns)


def holds_customs_lines(table: Table) -> bool:
    """Whether a table has the shape of `customs_lines`, be it with versions or further columns."""
    return table.columns[: len(_LINE.columns)] == _LINE.columns


_AREA = Column(
    "reporting_area",
    pl.String(),
    "reporting country, ISO 3166 alpha-2; EU_V: the EU of the time",
    required=True,
    pattern=f"{COUNTRY}|EU_V",
)
_IS_AGGREGATE = Column(
    "is_aggregate", pl.Boolean(), "countries added up: never to be added to its members", required=True
)
_UPDATED = Column(
    "updated_on",
    pl.Date(),
    "day of the publisher's edition that first showed these figures; empty: the file does not say",
)

EU_CRUDE_BY_TYPE = Table(
    schema="staging",
    name="eu_crude_by_type",
    grain="one row per reporting country, type of crude and month: energy statistics, all modes of transport together",
    key=("reporting_area", "crude_type", "month"),
    columns=(
        _AREA,
        Column(
            "crude_type",
            pl.String(),
            "Eurostat's code of the crude, such as RU_URL for Urals; it is what importers say, and proves no origin",
            required=True,
        ),
        Column("origin_country", pl.String(), "country of the code, ISO 3166 alpha-2", required=True, pattern=COUNTRY),
        MONTH,
        Column("volume_thousand_bbl", pl.Float64(), "volume; empty: withheld", unit="thousand bbl", at_least=0),
        Column("value_thousand_usd", pl.Float64(), "value, CIF; empty: withheld", unit="thousand USD", at_least=0),
        Column("price_usd_per_bbl", pl.Float64(), "average price, CIF; empty: withheld", unit="USD/bbl", at_least=0),
        Column("api_degrees", pl.Float64(), "API gravity", unit="degree API", above=0),
        Column("sulphur_pct", pl.Float64(), "sulphur content", unit="%", at_least=0),
        Column("companies", pl.Int64(), "companies that reported", at_least=1),
        Column("flags", pl.String(), "Eurostat's flags by indicator, such as VAL_THS_USD:c (c: confidential)"),
        _IS_AGGREGATE,
        _UPDATED,
    ),
)

EU_OIL_IMPORTS = Table(
    schema="staging",
    name="eu_oil_imports",
    grain="one row per reporting country, country of origin and month: crude in energy statistics, all modes together",
    key=("reporting_area", "origin_country", "month"),
    columns=(
        _AREA,
        Column("origin_country", pl.String(), "country of origin, ISO 3166 alpha-2", required=True, pattern=COUNTRY),
        MONTH,
        Column(
            "quantity_thousand_t",
            pl.Float64(),
            "crude imported for use or processing in the country, without transit; empty: not published",
            unit="thousand t",
            at_least=0,
        ),
        Column("flags", pl.String(), "Eurostat's flags, such as c: confidential"),
        _IS_AGGREGATE,
        _UPDATED,
    ),
)

CUSTOMS_LINES = Table(
    schema="staging",
    name="customs_lines",
    grain="one row per customs line in force of every customs statistic, and what becomes of it",
    key=("data_set", *_LINE.key),
    columns=(
        Column("data_set", pl.String(), "table of staging that the line comes from", required=True),
        *_LINE.columns,
        Column("quantity_bbl", pl.Float64(), "quantity, barrels of 42 US gallons", unit="bbl", at_least=0),
        Column("quantity_low_bbl", pl.Float64(), "least it can be, by the range of densities", unit="bbl", at_least=0),
        Column("quantity_high_bbl", pl.Float64(), "most it can be, by the range of densities", unit="bbl", at_least=0),
        Column("shipment_id", pl.String(), "the customs flow that the line becomes; empty: none"),
        Column(
            "set_aside_because",
            pl.String(),
            "why it becomes no flow. finer_lines: other lines of the data set hold the same oil, by mode or by longer "
            "code; other_statistic: another one stands for the importer; judged_elsewhere: its flows are made from "
            "other figures, cargo by cargo; withheld: the quantity is; no_quantity: none or zero; mode_not_told: and "
            "the importer has oil by more than one way",
            allowed=(
                "finer_lines",
                "other_statistic",
                "judged_elsewhere",
                "withheld",
                "no_quantity",
                "mode_not_told",
            ),
        ),
    ),
    checks=(
        FrameCheck(
            "flow_or_reason",
            "a line becomes a flow or says why not",
            "set_aside_because",
            pl.col("shipment_id").is_null() != pl.col("set_aside_because").is_null(),
        ),
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
