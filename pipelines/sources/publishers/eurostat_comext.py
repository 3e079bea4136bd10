"""Oil imports of the EU's members from Russia and Kazakhstan in Comext, Eurostat's customs statistics.

Two data sets of the Comext service, as SDMX-CSV with labels, a calendar year and four members at a time (more at once
have been refused):
`DS-059334` by mode of transport, which tells the sea from the Druzhba pipeline, by HS2-4-6 and no finer;
`DS-045409` by CN code of eight digits, which tells crude (27090090) from condensate (27090010), all modes together.
Read as well: exports of Easy Comext (`REPORTER,PARTNER,PRODUCT,FLOW,PERIOD,INDICATORS,INDICATOR_VALUE`).

Imports only. The EU, the euro area and other countries added up are left out, so that a sum over reporters counts a
barrel once. Codes stay text. A confidential line whose product code holds letters names no heading and is left out.
Values are EUR, CIF; quantities kg net mass.
"""

import datetime as dt
from collections.abc import Iterable, Mapping

import polars as pl

from pipelines.contracts.customs import customs_lines
from pipelines.sources.importers import country_of, importers
from pipelines.sources.publishers.eurostat_csv import AGGREGATE, WITHHELD, figure, observations, side_by_side, text_of
from pipelines.sources.upstream import Band, Plan, Quirk, Request, Source, SourceFault, month_over, require_columns

EU_CUSTOMS_LINES = customs_lines("eu_customs_lines")
SERVICE = "https://ec.europa.eu/eurostat/api/comext/dissemination/sdmx/2.1/data"
REPORTERS_A_CALL = 4
ORIGINS = ("RU", "KZ")
HEADINGS = ("2709", "2710")
BY_MODE = ("270900", "271012", "271019", "271020")
BY_CODE = ("27090010", "27090090")
IMPORT = "1"
# Modes of DS-059334; 4 is air, 5 post, 9 own propulsion.
MODES = {"1": "sea", "2": "rail", "3": "road", "7": "pipeline", "8": "inland_waterway", "0": "unknown"}
OTHER_MODES = ("4", "5", "9")
KG = {"QUANTITY_KG": 1, "QUANTITY_IN_KG": 1, "QUANTITY_IN_100KG": 100}
EUR = ("VALUE_EUR", "VALUE_IN_EUROS")
# Figures of other units, for which there is no use here.
UNUSED = ("VALUE_NAC", "SUP_QUANTITY", "SUPPLEMENTARY_QUANTITY", "QUANTITY_SUPPL_UNIT")
EASY = ("REPORTER", "PARTNER", "PRODUCT", "FLOW", "PERIOD", "INDICATORS", "INDICATOR_VALUE")
REVISED_FOR_YEARS = 2


def requests(plan: Plan) -> Iterable[Request]:
    """A document per data set, year and four members, as soon as figures of the year should be out."""
    members = importers().filter(pl.col("customs_data_set") == EU_CUSTOMS_LINES.name)["country"].to_list()
    modes = "+".join([*MODES, *OTHER_MODES])
    for year in range(plan.first.year, _newest_expected(plan.today).year + 1):
        for first in range(0, len(members), REPORTERS_A_CALL):
            reporters = "+".join(members[first : first + REPORTERS_A_CALL])
            for name, data_set, key in (
                ("by mode", "DS-059334", f"M.{reporters}.{'+'.join(ORIGINS)}.{'+'.join(BY_MODE)}.{IMPORT}.{modes}."),
                ("by code", "DS-045409", f"M.{reporters}.{'+'.join(ORIGINS)}.{'+'.join(BY_CODE)}.{IMPORT}."),
            ):
                yield Request(
                    f"{name} {year} {reporters}",
                    f"{SERVICE}/{data_set}/{key}/",
                    {
                        "format": "SDMX-CSV",
                        "startPeriod": f"{year}-01",
                        "endPeriod": f"{year}-12",
                        "lang": "en",
                        "label": "both",
                    },
                    is_settled=plan.today.year - year > REVISED_FOR_YEARS,
                )


def read(_: str, body: bytes) -> Mapping[str, pl.DataFrame]:
    """Import lines of a document in any of the formats, told by its header."""
    table = text_of(body)
    found = _easy(table) if "REPORTER" in table.columns else _sdmx(table)
    return {EU_CUSTOMS_LINES.name: _lines(found)}


def _sdmx(table: pl.DataFrame) -> pl.DataFrame:
    dimensions = ("reporter", "partner", "product", "flow", "indicators")
    return observations(table, dimensions, optional=("transport_mode",))


def _easy(table: pl.DataFrame) -> pl.DataFrame:
    require_columns(table.columns, EASY, EASY)
    if table["INDICATOR_VALUE"].null_count():
        raise SourceFault("complete", "a line ends before its figure")
    return table.select(
        *(pl.col(name).str.strip_chars().alias(name.lower()) for name in EASY[:4]),
        indicators="INDICATORS",
        month=pl.concat_str(pl.col("PERIOD").str.head(4), pl.lit("-"), pl.col("PERIOD").str.slice(4)),
        value=figure("INDICATOR_VALUE"),
        flag=pl.lit(None, pl.String),
        updated_on=pl.lit(None, pl.Date),
        transport_mode=pl.lit(None, pl.String),
    )


def _lines(found: pl.DataFrame) -> pl.DataFrame:
    ours = found.filter(
        pl.col("flow") == IMPORT,
        pl.col("partner").is_in(ORIGINS),
        pl.col("product").str.head(4).is_in(HEADINGS),
        pl.col("product").str.contains(r"^\d{4,8}$"),
        ~pl.col("reporter").str.contains(AGGREGATE),
    )
    if unknown := sorted(set(ours["reporter"]) - set(country_of("country"))):
        raise SourceFault("codes_as_expected", f"reporter {', '.join(unknown)} is not in data/reference/importers.csv")
    if unknown := sorted(set(ours["transport_mode"].drop_nulls()) - {*MODES, *OTHER_MODES}):
        raise SourceFault("codes_as_expected", f"mode of transport {', '.join(unknown)} is not known")
    key = ("reporter", "partner", "product", "transport_mode", "month")
    wide = side_by_side(ours, key, "indicators", [*KG, *EUR, *UNUSED], [KG, EUR])
    kg = pl.coalesce(pl.col(code) * factor for code, factor in KG.items())
    return wide.select(
        importer_country="reporter",
        origin_country="partner",
        consigned_from_country=pl.lit(None, pl.String),
        month="month",
        hs_code="product",
        transport_mode=pl.when(pl.col("transport_mode").is_not_null()).then(
            pl.col("transport_mode").replace_strict(MODES, default="other", return_dtype=pl.String)
        ),
        quantity=kg,
        quantity_unit=pl.lit("kg"),
        net_mass_kg=kg,
        value=pl.coalesce(EUR),
        currency=pl.lit("EUR"),
        valuation=pl.lit("CIF"),
        stage=pl.lit(None, pl.String),
        is_confidential=pl.any_horizontal(
            pl.col(f"{code}:flag").str.contains(WITHHELD).fill_null(False) for code in (*KG, *EUR)
        ),
    )


def _implausible(rows: pl.DataFrame) -> pl.DataFrame:
    eur_per_t = pl.col("value") / (pl.col("net_mass_kg") / 1000)
    return rows.filter("is_latest", pl.col("net_mass_kg") >= 1_000_000, ~eur_per_t.is_between(50, 2000))


def _newest_expected(today: dt.date) -> dt.date:
    """Last day of the newest month that should be out: July 2026 was out on 15 September, within seven weeks."""
    return month_over(today, 2 if today.day > 20 else 3)


SOURCE = Source(
    name="eurostat_comext",
    title="oil imports of the EU's members from Russia and Kazakhstan by mode of transport, monthly",
    publisher="Eurostat",
    licence="CC BY 4.0 (Commission Decision 2011/833/EU)",
    attribution="Source: Eurostat (Comext, DS-059334 and DS-045409)",
    tables=(EU_CUSTOMS_LINES,),
    requests=requests,
    read=read,
    period_end={EU_CUSTOMS_LINES.name: pl.col("month").add("-01").str.to_date().dt.month_end()},
    newest_expected=_newest_expected,
    pause_s=0.5,
    rows={
        EU_CUSTOMS_LINES.name: Band(
            0,
            200_000,
            "27 members, two origins, four codes and nine modes a month, of which most do not occur; a few members may "
            "import nothing in a year",
        )
    },
    quirks={
        EU_CUSTOMS_LINES.name: [
            Quirk(
                "unit_value_plausible",
                "A line of 1,000 tonnes or more is worth between 50 and 2,000 EUR per tonne: oil has cost neither less "
                "nor more, so anything else is a mistaken unit.",
                _implausible,
            )
        ]
    },
)
