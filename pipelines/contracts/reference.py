"""Contracts of the reference tables and of the published figures that ship with the project.

Here: one `Table` for each file in `data/reference` and `data/figures`.
Add here: a column or a file of them.
Keep out: rules (see `pipelines.contracts.rules`) and files of users and upstreams.
"""

from typing import Protocol

import polars as pl

from pipelines.contracts.table import Column, FrameCheck, Table

_SOURCE = Column("source", pl.String(), "source_id in figure_sources", required=True)
_NOTE = Column("note", pl.String(), "what a reader must know about the row")
_MONTH = Column("month", pl.String(), "calendar month, YYYY-MM", required=True, pattern=r"\d{4}-\d{2}")
_CURRENCY = Column("currency", pl.String(), "ISO 4217", required=True, pattern=r"[A-Z]{3}")
_PUBLISHED = Column("published_on", pl.Date(), "day the figure was published; empty: not known")

FIGURE_SOURCES = Table(
    schema="reference",
    name="figure_sources",
    grain="one row per source of a figure",
    key=("source_id",),
    columns=(
        Column(
            "source_id",
            pl.String(),
            "id cited in the column source of figures and reference tables",
            required=True,
        ),
        Column("publisher", pl.String(), "who published it", required=True),
        Column("reference", pl.String(), "where it can be read", required=True),
        Column("licence", pl.String(), "terms of reuse"),
        _NOTE,
    ),
)

GRADES = Table(
    schema="reference",
    name="grades",
    grain="one row per grade of crude, product, or generic crude",
    key=("grade",),
    columns=(
        Column("grade", pl.String(), "canonical name", required=True),
        Column("aliases", pl.String(), "other spellings, separated by ;"),
        Column(
            "kind",
            pl.String(),
            "crude, product, or generic_crude: the factor for crude of unknown grade",
            required=True,
            allowed=("crude", "product", "generic_crude"),
        ),
        Column("origin_note", pl.String(), "where it comes from"),
        Column("density_t_per_m3", pl.Float64(), "density", unit="t/m3", above=0),
        Column("bbl_per_t", pl.Float64(), "barrels per tonne where no density is given", unit="bbl/t", above=0),
        Column("range_pct", pl.Float64(), "bbl_per_t holds within plus and minus this", unit="%", at_least=0),
        Column("hs_prefixes", pl.String(), "codes that mean this product, separated by ;"),
        Column(
            "confidence",
            pl.String(),
            "how sure the figure is",
            required=True,
            allowed=("verified", "unverified"),
        ),
        _SOURCE,
        _NOTE,
    ),
)

INCOTERMS = Table(
    schema="reference",
    name="incoterms",
    grain="one row per incoterm",
    key=("incoterm",),
    columns=(
        Column("incoterm", pl.String(), "three-letter code", required=True),
        Column("contains_freight", pl.Boolean(), "the price contains freight", required=True),
        Column("contains_insurance", pl.Boolean(), "the price contains insurance", required=True),
        _NOTE,
    ),
)

UNITS = Table(
    schema="reference",
    name="units",
    grain="one row per unit of quantity",
    key=("unit",),
    columns=(
        Column("unit", pl.String(), "unit code", required=True),
        Column("meaning", pl.String(), "the unit in words", required=True),
        Column("bbl_per_unit", pl.Float64(), "barrels in one unit; empty for units of mass", unit="bbl", above=0),
        Column("t_per_unit", pl.Float64(), "tonnes in one unit; empty for units of volume", unit="t", above=0),
        _SOURCE,
    ),
)

COUNTRY_CODES = Table(
    schema="reference",
    name="country_codes",
    grain="one row per coding scheme and code of a country",
    key=("scheme", "code"),
    columns=(
        Column("scheme", pl.String(), "whose codes: japan_customs", required=True, allowed=("japan_customs",)),
        Column("code", pl.String(), "code in the scheme", required=True),
        Column("country", pl.String(), "ISO 3166 alpha-2", required=True, pattern=r"[A-Z]{2}"),
        Column("name", pl.String(), "name in the scheme", required=True),
        _SOURCE,
    ),
)

PORTS = Table(
    schema="reference",
    name="ports",
    grain="one row per port",
    key=("port_id",),
    columns=(
        Column("port_id", pl.String(), "UN/LOCODE, or an id of its own where no code was found", required=True),
        Column("un_locode", pl.String(), "UN/LOCODE", pattern=r"[A-Z]{2}[A-Z0-9]{3}"),
        Column("port_name", pl.String(), "name", required=True),
        Column("other_name", pl.String(), "other name"),
        Column("country", pl.String(), "ISO 3166 alpha-2", required=True, pattern=r"[A-Z]{2}"),
        Column("latitude_deg", pl.Float64(), "latitude, north positive", unit="degree", at_least=-90),
        Column("longitude_deg", pl.Float64(), "longitude, east positive", unit="degree", at_least=-180),
        Column("has_oil_terminal", pl.String(), "an oil terminal is recorded; empty: not known", allowed=("yes", "no")),
        _SOURCE,
        _NOTE,
    ),
)

EXCHANGE_RATES_DAILY = Table(
    schema="reference",
    name="exchange_rates_daily",
    grain="one row per day and currency",
    key=("rate_date", "currency"),
    columns=(
        Column("rate_date", pl.Date(), "day of the reference rate", required=True),
        _CURRENCY,
        Column("units_per_eur", pl.Float64(), "units of the currency for one euro", required=True, above=0),
        _SOURCE,
    ),
)

EXCHANGE_RATES_MONTHLY = Table(
    schema="reference",
    name="exchange_rates_monthly",
    grain="one row per month and currency",
    key=("month", "currency"),
    columns=(
        _MONTH,
        _CURRENCY,
        Column(
            "units_per_usd",
            pl.Float64(),
            "units of the currency for one US dollar, mean of the month",
            required=True,
            above=0,
        ),
        _SOURCE,
    ),
)

CRUDE_PRICES_MONTHLY = Table(
    schema="staging",
    name="crude_prices_monthly",
    grain="one row per month and benchmark",
    key=("month", "benchmark"),
    columns=(
        _MONTH,
        Column(
            "benchmark",
            pl.String(),
            "brent: spot, mean; urals_tax: official price for oil taxes; urals_minfin: ministry's mean of the month",
            required=True,
            allowed=("brent", "urals_tax", "urals_minfin"),
        ),
        Column("usd_per_bbl", pl.Float64(), "price", unit="USD/bbl", required=True, above=0),
        Column("basis", pl.String(), "what the price is a price of"),
        _PUBLISHED,
        _SOURCE,
        Column("tag", pl.String(), "how the figure was seen"),
    ),
)

CRUDE_PRICE_POINTS = Table(
    schema="staging",
    name="crude_price_points",
    grain="one row per published price of a grade",
    key=("point_id",),
    columns=(
        Column("point_id", pl.String(), "id of the point", required=True),
        Column("grade", pl.String(), "canonical grade", required=True),
        Column(
            "benchmark",
            pl.String(),
            "benchmark of crude_prices_monthly that the grade is measured against",
            required=True,
        ),
        Column("first_date", pl.Date(), "first day the price is for", required=True),
        Column("last_date", pl.Date(), "last day the price is for", required=True),
        Column("low_usd_per_bbl", pl.Float64(), "low end", unit="USD/bbl", required=True, above=0),
        Column("high_usd_per_bbl", pl.Float64(), "high end", unit="USD/bbl", required=True, above=0),
        Column("basis", pl.String(), "what the price is a price of", required=True),
        _SOURCE,
        _NOTE,
    ),
)

JAPAN_CRUDE_FROM_RUSSIA = Table(
    schema="staging",
    name="japan_crude_from_russia",
    grain="one row per series, period and grade; customs and METI describe the same oil and are never added",
    key=("figure_id",),
    columns=(
        Column("figure_id", pl.String(), "id of the figure", required=True),
        Column(
            "series",
            pl.String(),
            "customs: cleared imports; meti_arrivals: physical arrivals",
            required=True,
            allowed=("customs", "meti_arrivals"),
        ),
        Column("period_first", pl.Date(), "first day of the period", required=True),
        Column("period_last", pl.Date(), "last day of the period", required=True),
        Column("quantity", pl.Float64(), "quantity in quantity_unit; 0: nil was published", at_least=0),
        Column("quantity_unit", pl.String(), "unit of quantity", required=True),
        Column("bbl_per_day", pl.Float64(), "daily rate as published beside the quantity", unit="bbl/d", above=0),
        Column("value", pl.Float64(), "customs value, CIF, in currency", above=0),
        Column("currency", pl.String(), "ISO 4217"),
        Column("value_usd", pl.Float64(), "value in US dollars as published beside it", unit="USD", above=0),
        Column("origin_country", pl.String(), "ISO 3166 alpha-2", required=True),
        Column("grade", pl.String(), "grade, where a source names it"),
        Column("origin_project", pl.String(), "project, where a source names it"),
        Column("loading_first", pl.Date(), "first possible bill-of-lading day"),
        Column("loading_last", pl.Date(), "last possible bill-of-lading day"),
        Column("discharge_first", pl.Date(), "first possible day of discharge"),
        Column("discharge_last", pl.Date(), "last possible day of discharge"),
        Column("vessel_name", pl.String(), "vessel, where a source names it"),
        Column("vessel_imo", pl.String(), "its IMO number"),
        _PUBLISHED,
        Column(
            "confidence",
            pl.String(),
            "verified, or derived from other rows",
            required=True,
            allowed=("verified", "derived"),
        ),
        _SOURCE,
        _NOTE,
    ),
    checks=(
        FrameCheck(
            "months_apart",
            "what was imported stands month by month; a row of several months says that there was nothing",
            "period_last",
            (pl.col("period_last") == pl.col("period_first").dt.month_end()) | (pl.col("quantity") == 0),
        ),
    ),
)

ENFORCEMENT_CASES = Table(
    schema="staging",
    name="enforcement_cases",
    grain="one row per published price-cap case",
    key=("case_id",),
    columns=(
        Column("case_id", pl.String(), "id of the case", required=True),
        Column("authority", pl.String(), "who published it", required=True),
        Column("published_on", pl.Date(), "day of publication", required=True),
        Column("vessel_name", pl.String(), "vessel", required=True),
        Column("vessel_imo", pl.String(), "IMO number", required=True, pattern=r"\d{7}"),
        Column("owner", pl.String(), "registered owner named in the release"),
        Column("hs_code", pl.String(), "code of the oil", required=True),
        Column("grade", pl.String(), "grade, where stated"),
        Column("origin_country", pl.String(), "ISO 3166 alpha-2", required=True),
        Column("destination_country", pl.String(), "ISO 3166 alpha-2, where known"),
        Column("loading_first", pl.Date(), "first possible bill-of-lading day", required=True),
        Column("loading_last", pl.Date(), "last possible bill-of-lading day", required=True),
        Column("discharge_first", pl.Date(), "first possible day of discharge"),
        Column("discharge_last", pl.Date(), "last possible day of discharge"),
        Column(
            "price_low_usd_per_bbl",
            pl.Float64(),
            "the price was above this",
            unit="USD/bbl",
            required=True,
            above=0,
        ),
        Column("price_high_usd_per_bbl", pl.Float64(), "upper bound, where stated", unit="USD/bbl", above=0),
        Column("price_wording", pl.String(), "the price in the words of the release", required=True),
        Column("nexus", pl.String(), "regimes, separated by ;", required=True),
        Column("confidence", pl.String(), "verified, or derived", required=True, allowed=("verified", "derived")),
        _SOURCE,
        _NOTE,
    ),
)

FREIGHT_POINTS = Table(
    schema="reference",
    name="freight_points",
    grain="one row per published freight or delivery-cost figure",
    key=("point_id",),
    columns=(
        Column("point_id", pl.String(), "id of the point", required=True),
        Column("route", pl.String(), "route and ship", required=True),
        Column("loading_region", pl.String(), "loading region", required=True),
        Column("loading_countries_or_ports", pl.String(), "UN/LOCODEs of the region, separated by ;"),
        Column("destination_country", pl.String(), "ISO 3166 alpha-2", required=True),
        Column(
            "component",
            pl.String(),
            "freight; insurance: everything delivered costs beside freight",
            required=True,
            allowed=("freight", "insurance"),
        ),
        Column("first_date", pl.Date(), "first day the figure is for", required=True),
        Column("last_date", pl.Date(), "last day the figure is for", required=True),
        Column("low_usd_per_bbl", pl.Float64(), "low end", unit="USD/bbl", required=True, at_least=0),
        Column(
            "high_usd_per_bbl",
            pl.Float64(),
            "high end; empty: the source gives a floor only",
            unit="USD/bbl",
            at_least=0,
        ),
        Column("usd_million_low", pl.Float64(), "low end per voyage as published", unit="USD million"),
        Column("usd_million_high", pl.Float64(), "high end per voyage as published", unit="USD million"),
        Column("cargo_t", pl.Float64(), "cargo the figure is for", unit="t"),
        Column("bbl_per_t", pl.Float64(), "barrels per tonne used", unit="bbl/t"),
        _SOURCE,
        _NOTE,
    ),
)

LISTED_VESSELS = Table(
    schema="reference",
    name="listed_vessels",
    grain="one row per vessel, authority and listing; the IMO number says which vessel it is, never the name",
    key=("vessel_imo", "authority", "known_listed_on"),
    columns=(
        Column("vessel_imo", pl.String(), "IMO number", required=True, pattern=r"\d{7}"),
        Column("vessel_name", pl.String(), "name as listed", required=True),
        Column("authority", pl.String(), "regime code of whose list it is", required=True, pattern=r"[A-Z]{2}"),
        Column("listed_on", pl.Date(), "day it was put on the list; empty: not known"),
        Column(
            "known_listed_on",
            pl.Date(),
            "a day on which it is known to have been on the list: day of a copy of the list, or the listing day",
            required=True,
        ),
        Column("delisted_on", pl.Date(), "day it was taken off, the first day off the list; empty: none known"),
        Column("programme", pl.String(), "programmes or act it is listed under, separated by ;"),
        Column("list_reference", pl.String(), "id of the entry on the list; empty: not in what was read"),
        _SOURCE,
        _NOTE,
    ),
    checks=(
        FrameCheck(
            "known_from_listing",
            "a vessel is known to be on the list on its listing day or later",
            "known_listed_on",
            (pl.col("listed_on") <= pl.col("known_listed_on")).fill_null(True),
        ),
        FrameCheck(
            "delisted_after_known",
            "a vessel is taken off the list after a day on which it was on it",
            "delisted_on",
            (pl.col("known_listed_on") < pl.col("delisted_on")).fill_null(True),
        ),
    ),
)

IMPORTERS = Table(
    schema="reference",
    name="importers",
    grain="one row per importing country whose statistics are read",
    key=("country",),
    columns=(
        Column("country", pl.String(), "ISO 3166 alpha-2", required=True, pattern=r"[A-Z]{2}"),
        Column("country_name", pl.String(), "name", required=True),
        Column("comtrade_code", pl.String(), "code in UN Comtrade", required=True, pattern=r"\d{1,3}"),
        Column("energy_code", pl.String(), "code in Eurostat's energy statistics", required=True, pattern=r"[A-Z]{2}"),
        Column(
            "customs_data_set",
            pl.String(),
            "the one customs statistic, a table of staging, whose lines are judged for this importer: national or "
            "Eurostat's before UN Comtrade, which is compiled from them",
            required=True,
            allowed=("eu_customs_lines", "japan_customs_lines", "comtrade_lines"),
        ),
        Column("is_asked_of_comtrade", pl.Boolean(), "UN Comtrade is asked for its imports", required=True),
        Column(
            "oil_arrives_by",
            pl.String(),
            "the only way by which oil comes from Russia, for lines that do not tell the mode; empty: several, or not "
            "known",
            allowed=("sea",),
        ),
        _SOURCE,
        _NOTE,
    ),
)

REFERENCE_TABLES = {
    "reference/grades.csv": GRADES,
    "reference/incoterms.csv": INCOTERMS,
    "reference/units.csv": UNITS,
    "reference/ports.csv": PORTS,
    "reference/importers.csv": IMPORTERS,
    "reference/country_codes.csv": COUNTRY_CODES,
    "figures/sources.csv": FIGURE_SOURCES,
    "figures/exchange_rates_daily.csv": EXCHANGE_RATES_DAILY,
    "figures/exchange_rates_monthly.csv": EXCHANGE_RATES_MONTHLY,
    "figures/freight_points.csv": FREIGHT_POINTS,
    "figures/crude_prices_monthly.csv": CRUDE_PRICES_MONTHLY,
    "figures/crude_price_points.csv": CRUDE_PRICE_POINTS,
    "figures/japan_crude_from_russia.csv": JAPAN_CRUDE_FROM_RUSSIA,
    "figures/enforcement_cases.csv": ENFORCEMENT_CASES,
    "figures/listed_vessels.csv": LISTED_VESSELS,
}


class PriceReference(Protocol):
    """The frames of these tables that prices need (`pipelines.sources.reference.Reference` has them)."""

    @property
    def grades(self) -> pl.DataFrame: ...

    @property
    def incoterms(self) -> pl.DataFrame: ...

    @property
    def units(self) -> pl.DataFrame: ...

    @property
    def exchange_rates_daily(self) -> pl.DataFrame: ...

    @property
    def exchange_rates_monthly(self) -> pl.DataFrame: ...

    @property
    def freight_points(self) -> pl.DataFrame: ...
