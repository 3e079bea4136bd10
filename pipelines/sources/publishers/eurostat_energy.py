"""Crude imports in Eurostat's energy statistics: by type with price and quality, and by country of origin.

Asked for as SDMX-CSV of the dissemination service, one document each:
`.../sdmx/2.1/data/nrg_ti_coifpm/M.<types>..` (the register of crude imports: volume, value, average price, API gravity,
sulphur, companies) and `.../sdmx/2.1/data/nrg_ti_oilm/M.O4100_TOT.<origins>.THS_T.` (tonnes by partner).
Read as well: the register pivoted to a column per indicator, as extracts of it are passed on
(`geo,crudeoil,month,VOL_THS_BBL,...,flags`), and the tables with names of countries that clients make of `nrg_ti_oilm`
(`reporter,partner,month_start,tonnes`): these do not say of which product they are, so their file names must hold
crude, and a month that is withheld is not among them.

Neither table tells the mode of transport, so neither is ever judged against a cap. Energy statistics count what a
country imports for its own use; customs count what is cleared there. They are never added.
"""

from collections.abc import Iterable, Mapping

import polars as pl

from pipelines.contracts.customs import EU_CRUDE_BY_TYPE, EU_OIL_IMPORTS
from pipelines.sources.importers import country_of, importers
from pipelines.sources.publishers.eurostat_csv import AGGREGATE, figure, observations, side_by_side, text_of
from pipelines.sources.upstream import Band, Plan, Quirk, Request, Source, SourceFault, month_over, require_columns

SERVICE = "https://ec.europa.eu/eurostat/api/dissemination/sdmx/2.1/data"
# All types of Russian and Kazakh crude on Eurostat's list.
CRUDE_TYPES = (
    *("RU_URL", "RU_EXP_BLN", "RU_SIB_LGHT", "RU_ESPO_BLN", "RU_MSC", "RU_VAR", "RU_SOL", "RU_NYP", "RU_CPC"),
    *("RU_E4_G", "RU_E4_HVY", "RU_M100", "RU_M100_HVY", "RU_PVY_CNDS"),
    *("KZ_CPC_BLN", "KZ_KEBCO_BLN", "KZ_KKL", "KZ_URL", "KZ_SIB_LGHT", "KZ_MSC"),
)
ORIGINS = ("RU", "KZ")
# Of tables with names of countries: the columns, and names beside those of `IMPORTERS`.
NAMED = ("reporter", "partner", "month_start", "tonnes")
OTHER_NAMES = {"Russia": "RU", "Kazakhstan": "KZ", "Turkey": "TR"}
CRUDE, TONNES = "O4100_TOT", "THS_T"
# Column of the table, by indicator.
INDICATORS = {
    "VOL_THS_BBL": "volume_thousand_bbl",
    "VAL_THS_USD": "value_thousand_usd",
    "AVGPRC_USD_BBL": "price_usd_per_bbl",
    "API_DEG": "api_degrees",
    "SULPH_PC": "sulphur_pct",
    "COMP_NR": "companies",
}
# The EU as it was in each month; other aggregates hold the same oil again.
KEPT_AGGREGATE = "EU_V"
# Volume, value and price are rounded on their own.
ROUNDING_USD_PER_BBL = 0.11
# Urals has about 31; what lies above this is of the quality of CPC Blend, at about 45.
HEAVIEST_LIGHT_API = 42


def requests(plan: Plan) -> Iterable[Request]:
    """The two data sets, each whole: every edition may revise every month."""
    since = {"format": "SDMX-CSV", "startPeriod": f"{plan.first:%Y-%m}", "lang": "en"}
    for name, key in (
        ("nrg_ti_coifpm", f"M.{'+'.join(CRUDE_TYPES)}.."),
        ("nrg_ti_oilm", f"M.{CRUDE}.{'+'.join(ORIGINS)}.{TONNES}."),
    ):
        yield Request(f"{name} from {plan.first:%Y-%m}", f"{SERVICE}/{name}/{key}/", since)


def read(document: str, body: bytes) -> Mapping[str, pl.DataFrame]:
    """Either data set, told by its header."""
    table = text_of(body)
    header = [name.split(":", 1)[0].strip() for name in table.columns]
    if "month_start" in header:
        return {EU_OIL_IMPORTS.name: _named_countries(document, table)}
    if "siec" in header:
        return {EU_OIL_IMPORTS.name: _oil_imports(table)}
    require_columns(header, ("crudeoil", "geo"))
    return {EU_CRUDE_BY_TYPE.name: _pivoted(table) if "month" in header else _register(table)}


def _register(table: pl.DataFrame) -> pl.DataFrame:
    found = observations(table, ("crudeoil", "indic_nrg", "geo"))
    key = ("geo", "crudeoil", "month")
    needed = [["VOL_THS_BBL"], ["VAL_THS_USD"], ["AVGPRC_USD_BBL"]]
    return _by_type(side_by_side(found, key, "indic_nrg", INDICATORS, needed).with_columns(flags=_flags()))


def _flags() -> pl.Expr:
    """`<indicator>:<flag>` of every indicator that has one."""
    named = [
        pl.when(pl.col(f"{code}:flag").is_not_null()).then(pl.concat_str(pl.lit(f"{code}:"), f"{code}:flag"))
        for code in sorted(INDICATORS)
    ]
    joined = pl.concat_str(named, separator=" ", ignore_nulls=True)
    return pl.when(joined != "").then(joined)


def _pivoted(table: pl.DataFrame) -> pl.DataFrame:
    columns = ("geo", "crudeoil", "month", *INDICATORS, "flags")
    require_columns(table.columns, columns, columns)

    def is_open(code: str) -> pl.Expr:
        return ~pl.col("flags").str.contains(rf"\b{code}:\w*c").fill_null(False)

    return _by_type(
        table.select(
            "geo",
            "crudeoil",
            "month",
            *(pl.when(is_open(code)).then(figure(code)).alias(code) for code in INDICATORS),
            flags="flags",
            updated_on=pl.lit(None, pl.Date),
        )
    )


def _by_type(wide: pl.DataFrame) -> pl.DataFrame:
    is_ours = pl.col("crudeoil").str.head(3).is_in([f"{country}_" for country in ORIGINS])
    frame = (
        _areas(wide.filter(is_ours))
        .rename(INDICATORS)
        .with_columns(crude_type="crudeoil", origin_country=pl.col("crudeoil").str.head(2))
        # A type that was not imported has a row of zeros: no oil, and no price of zero.
        .filter((pl.col("volume_thousand_bbl") != 0).fill_null(True))
    )
    scale = frame.select(
        (pl.col("value_thousand_usd") / pl.col("volume_thousand_bbl") / pl.col("price_usd_per_bbl")).median()
    ).item()
    if scale is not None and not 0.5 < scale < 2:
        raise SourceFault("unit_as_expected", f"value over volume is {scale:.3g} times the average price")
    return frame


def _oil_imports(table: pl.DataFrame) -> pl.DataFrame:
    found = observations(table, ("siec", "partner", "unit", "geo")).filter(
        pl.col("siec") == CRUDE, pl.col("partner").is_in(ORIGINS)
    )
    if other := sorted(set(found["unit"]) - {TONNES}):
        raise SourceFault("unit_as_expected", f"unit {', '.join(other)} instead of {TONNES}")
    return _areas(found).with_columns(origin_country="partner", quantity_thousand_t="value", flags="flag")


def _named_countries(document: str, table: pl.DataFrame) -> pl.DataFrame:
    require_columns(table.columns, NAMED, NAMED)
    if "crude" not in document.lower():
        raise SourceFault("product_as_expected", "the table does not say of what it is: name the file with crude")
    names = dict(importers().select("country_name", "country").iter_rows()) | OTHER_NAMES
    if unknown := sorted({*table["reporter"].drop_nulls(), *table["partner"].drop_nulls()} - set(names)):
        raise SourceFault("codes_as_expected", f"{', '.join(unknown)[:200]} is not in data/reference/importers.csv")
    days = table["month_start"].str.to_date("%Y-%m-%d")
    if (days.dt.day() != 1).any():
        raise SourceFault("period_as_expected", "figures of days instead of months")
    return table.select(
        reporting_area=pl.col("reporter").replace(names),
        origin_country=pl.col("partner").replace(names),
        month=days.dt.strftime("%Y-%m"),
        quantity_thousand_t=figure("tonnes") / 1000,
        flags=pl.lit(None, pl.String),
        is_aggregate=pl.lit(False),
        updated_on=pl.lit(None, pl.Date),
    ).filter(pl.col("origin_country").is_in(ORIGINS))


def _areas(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds reporting_area and is_aggregate; leaves out aggregates other than the one that is kept."""
    is_aggregate = pl.col("geo").str.contains(AGGREGATE)
    return frame.filter(~is_aggregate | (pl.col("geo") == KEPT_AGGREGATE)).with_columns(
        reporting_area=pl.col("geo").replace(country_of("energy_code")), is_aggregate=is_aggregate
    )


def _too_light(rows: pl.DataFrame) -> pl.DataFrame:
    is_russian = pl.col("origin_country") == "RU"
    return rows.filter("is_latest", is_russian, pl.col("api_degrees") > HEAVIEST_LIGHT_API)


def _price_off(rows: pl.DataFrame) -> pl.DataFrame:
    worked_out = pl.col("value_thousand_usd") / pl.col("volume_thousand_bbl")
    return rows.filter("is_latest", (worked_out - pl.col("price_usd_per_bbl")).abs() > ROUNDING_USD_PER_BBL)


def _zero_prices(rows: pl.DataFrame) -> pl.DataFrame:
    is_zero = (pl.col("price_usd_per_bbl") == 0) | (pl.col("value_thousand_usd") == 0)
    return rows.filter("is_latest", is_zero)


_MONTH_END = pl.col("month").add("-01").str.to_date().dt.month_end()

SOURCE = Source(
    name="eurostat_energy",
    title="crude imports of European countries by type with price and quality, and by country of origin, monthly",
    publisher="Eurostat",
    licence="CC BY 4.0 (Commission Decision 2011/833/EU)",
    attribution="Source: Eurostat (nrg_ti_coifpm, nrg_ti_oilm)",
    tables=(EU_CRUDE_BY_TYPE, EU_OIL_IMPORTS),
    requests=requests,
    read=read,
    period_end={EU_CRUDE_BY_TYPE.name: _MONTH_END, EU_OIL_IMPORTS.name: _MONTH_END},
    # An edition is public from its day on.
    published_on={EU_CRUDE_BY_TYPE.name: pl.col("updated_on"), EU_OIL_IMPORTS.name: pl.col("updated_on")},
    edition_columns=("updated_on",),
    # The edition of 28 February 2024 ended with December 2023: a month is out before the second month after it is over.
    newest_expected=lambda today: month_over(today, 3),
    rows={
        EU_CRUDE_BY_TYPE.name: Band(
            10, 20_000, "14 areas reported 1,032 rows of these crudes in the 48 months from 2020: about 20 a month"
        ),
        EU_OIL_IMPORTS.name: Band(10, 50_000, "about 40 areas and two origins a month, nil included"),
    },
    fill_rates={
        f"{EU_CRUDE_BY_TYPE.name}.volume_thousand_bbl": Band(0.9, 1, "volumes are open also where prices are not"),
        f"{EU_CRUDE_BY_TYPE.name}.price_usd_per_bbl": Band(
            0.3, 1, "about a third is withheld: Hungary and Türkiye keep all prices confidential"
        ),
        f"{EU_CRUDE_BY_TYPE.name}.api_degrees": Band(0.8, 1, "every row from 2020 to 2023 has one"),
    },
    quirks={
        EU_CRUDE_BY_TYPE.name: [
            Quirk(
                "russian_crude_of_cpc_quality",
                "A Russian type of crude with an API gravity above 42 has the quality of CPC Blend: its origin needs a "
                "certificate, the code does not tell it.",
                _too_light,
            ),
            Quirk(
                "price_is_value_over_volume",
                "The average price is value over volume, within 0.11 USD/bbl of rounding.",
                _price_off,
            ),
            Quirk("no_price_of_zero", "A price that is withheld is empty, never zero.", _zero_prices),
        ]
    },
)
