"""Oil imports from Russia and Kazakhstan in UN Comtrade, for the importers that `data/reference/importers.csv` marks.

Asked for with the user's own key, a document per importer and calendar year, well below the 500 calls a day and 100,000
records a call of a free key. To add an importer, mark it in the table. Answers of the keyless preview
(`.../public/v1/preview/C/M/HS`, at most 500 records) are read too, as files by hand.

The terms do not allow to pass the data on: the table is for the user's own warehouse.

An answer breaks a figure down by country of consignment (`partner2Code`) and by mode of transport (`motCode`) where the
importer reports them, beside the total; lines are the finest breakdown that adds up to the total. Oil consigned from
Russia whose origin is Kazakhstan stays Kazakh. Values are USD: CIF, or FOB where the importer reports nothing else. A
mass that the United Nations estimated from the value is no quantity: the price that it gives is the estimate again.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache

import polars as pl

from pipelines.contracts.customs import customs_lines
from pipelines.sources.importers import country_of, importers
from pipelines.sources.upstream import (
    BY_HAND,
    Band,
    Key,
    Plan,
    Quirk,
    Request,
    Source,
    SourceFault,
    month_over,
    require_columns,
)

COMTRADE_LINES = customs_lines("comtrade_lines")
URL = "https://comtradeapi.un.org/data/v1/get/C/M/HS"
ORIGINS = {643: "RU", 398: "KZ"}
CODES = ("270900", "271012", "271019", "271020")
HEADINGS = ("2709", "2710")
# Modes of transport; the codes above them (2000 water, 3000 land, 9000 other) leave open which.
MODES = {
    1000: "other", 2100: "sea", 2200: "inland_waterway", 3100: "rail", 3200: "road", 3900: "other",
    9100: "pipeline", 9110: "pipeline", 9200: "other", 9300: "other",
}  # fmt: skip
ALL, ALL_PROCEDURES, IMPORT = 0, "C00", "M"
# An answer of exactly so many records was cut off there: with a key, and without.
MOST_RECORDS = {"file": 500, "answer": 100_000}
ADDS_UP_WITHIN = 0.01
REVISED_FOR_YEARS = 2
FIELDS = pl.Schema(
    {
        "reporterCode": pl.Int64(),
        "period": pl.String(),
        "partnerCode": pl.Int64(),
        "partner2Code": pl.Int64(),
        "cmdCode": pl.String(),
        "flowCode": pl.String(),
        "customsCode": pl.String(),
        "motCode": pl.Int64(),
        "netWgt": pl.Float64(),
        "isNetWgtEstimated": pl.Boolean(),
        "cifvalue": pl.Float64(),
        "fobvalue": pl.Float64(),
        "primaryValue": pl.Float64(),
    }
)
CELL = ("reporterCode", "period", "partnerCode", "cmdCode")


def requests(plan: Plan) -> Iterable[Request]:
    """A document per importer and year."""
    newest = month_over(plan.today, 1)
    asked = importers().filter("is_asked_of_comtrade")
    for year in range(plan.first.year, newest.year + 1):
        months = newest.month if year == newest.year else 12
        for country, code in asked.select("country", "comtrade_code").iter_rows():
            yield Request(
                f"{country} {year}",
                URL,
                {
                    "reporterCode": code,
                    "period": ",".join(f"{year}{month:02d}" for month in range(1, months + 1)),
                    "partnerCode": ",".join(map(str, ORIGINS)),
                    "cmdCode": ",".join(CODES),
                    "flowCode": IMPORT,
                    "customsCode": ALL_PROCEDURES,
                    "breakdownMode": "plus",
                    "maxRecords": str(MOST_RECORDS["answer"]),
                },
                is_settled=plan.today.year - year > REVISED_FOR_YEARS,
            )


def read(document: str, body: bytes) -> Mapping[str, pl.DataFrame]:
    """Import lines of an answer. An answer that is whole and holds no record says that nothing was reported."""
    answer = json.loads(body)
    records = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(records, list) or answer.get("error"):
        said = str(answer.get("error") or answer.get("message") or "no data")[:200] if isinstance(answer, dict) else ""
        raise SourceFault("answer_is_whole", f"the answer holds no list of records ({said})")
    if answer.get("count") != len(records):
        raise SourceFault("answer_is_whole", f"{len(records)} records, {answer.get('count')} were announced")
    if len(records) == MOST_RECORDS["file" if document.startswith(BY_HAND) else "answer"]:
        raise SourceFault("answer_is_whole", f"cut off after {len(records)} records")
    if not records:
        return {COMTRADE_LINES.name: COMTRADE_LINES.empty()}
    require_columns(sorted({name for record in records for name in record}), FIELDS)
    table = pl.DataFrame([{name: record.get(name) for name in FIELDS} for record in records], infer_schema_length=None)
    return {COMTRADE_LINES.name: _lines(finest(_ours(table.cast(FIELDS))))}


def _ours(table: pl.DataFrame) -> pl.DataFrame:
    ours = table.filter(
        pl.col("flowCode") == IMPORT,
        pl.col("customsCode") == ALL_PROCEDURES,
        pl.col("partnerCode").is_in(list(ORIGINS)),
        pl.col("cmdCode").str.head(4).is_in(HEADINGS),
    )
    known = country_of("comtrade_code")
    if unknown := sorted(str(code) for code in set(ours["reporterCode"]) if str(code) not in known):
        raise SourceFault("codes_as_expected", f"reporter {', '.join(unknown)} is not in data/reference/importers.csv")
    return ours


def finest(records: pl.DataFrame) -> pl.DataFrame:
    """Of each reporter, period, partner and code the finest breakdown whose values add up to the total.

    Breakdowns, finest first: by mode and consignment, by mode, by consignment, none. Every record has a place in
    one of them, so a sum over all would count the oil up to four times.
    """
    level = (pl.col("motCode") != ALL).cast(pl.Int8) * 2 + (pl.col("partner2Code") != ALL).cast(pl.Int8)
    values = records.with_columns(level=level).group_by(*CELL, "level").agg(sum=pl.col("primaryValue").sum())
    total = pl.col("sum").filter(pl.col("level") == 0).first().over(CELL)
    adds_up = ((pl.col("sum") - total).abs() <= ADDS_UP_WITHIN * total.abs()).fill_null(True)
    chosen = values.filter(adds_up).group_by(CELL).agg(level=pl.col("level").max())
    return records.with_columns(level=level).join(chosen, on=[*CELL, "level"], how="semi").drop("level")


def _lines(records: pl.DataFrame) -> pl.DataFrame:
    mode = pl.col("motCode").replace_strict(MODES, default="unknown", return_dtype=pl.String)
    lines = records.select(
        importer_country=pl.col("reporterCode").cast(pl.String).replace_strict(country_of("comtrade_code")),
        origin_country=pl.col("partnerCode").replace_strict(ORIGINS, return_dtype=pl.String),
        consigned_from_country=pl.col("partner2Code").replace_strict(
            _countries(), default=None, return_dtype=pl.String
        ),
        month=pl.concat_str(pl.col("period").str.head(4), pl.lit("-"), pl.col("period").str.slice(4)),
        hs_code="cmdCode",
        transport_mode=pl.when(pl.col("motCode") != ALL).then(mode),
        net_mass_kg=pl.when(~pl.col("isNetWgtEstimated") & (pl.col("netWgt") > 0)).then("netWgt"),
        value=pl.coalesce("cifvalue", "fobvalue", "primaryValue"),
        valuation=pl.when(pl.col("cifvalue").is_null() & pl.col("fobvalue").is_not_null())
        .then(pl.lit("FOB"))
        .otherwise(pl.lit("CIF")),
    )

    def whole(column: str) -> pl.Expr:
        """The sum, and nothing where a part of it is not known."""
        return pl.when(pl.col(column).is_not_null().all()).then(pl.col(column).sum())

    key = [name for name in COMTRADE_LINES.key if name in lines.columns]
    # Countries of consignment that are none, such as areas not specified, come together in one line.
    return (
        lines.group_by(*key, "valuation", maintain_order=True)
        .agg(whole("net_mass_kg"), whole("value"))
        .with_columns(
            quantity="net_mass_kg",
            quantity_unit=pl.lit("kg"),
            currency=pl.lit("USD"),
            stage=pl.lit(None, pl.String),
            is_confidential=pl.lit(False),
        )
    )


@cache
def _countries() -> dict[int, str]:
    """ISO alpha-2 by code of UN Comtrade: M49, with the codes of its own."""
    import pycountry

    return {int(country.numeric): country.alpha_2 for country in pycountry.countries} | {
        int(code): country for code, country in country_of("comtrade_code").items()
    }


def _through_russia(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter("is_latest", pl.col("origin_country") != "RU", pl.col("consigned_from_country") == "RU")


SOURCE = Source(
    name="comtrade",
    title="oil imports of India, China, Türkiye and others from Russia and Kazakhstan, monthly",
    publisher="United Nations Statistics Division",
    licence="own use only; no re-dissemination without written permission of the United Nations",
    attribution="Source: UN Comtrade",
    tables=(COMTRADE_LINES,),
    requests=requests,
    read=read,
    period_end={COMTRADE_LINES.name: pl.col("month").add("-01").str.to_date().dt.month_end()},
    # Importers report with a delay of their own, from two months to more than a year; half a year without any is odd.
    newest_expected=lambda today: month_over(today, 6),
    key=Key("COMTRADE_API_KEY", "https://comtradedeveloper.un.org (free, product comtrade - v1)", "subscription-key"),
    pause_s=1.0,
    is_redistributable=False,
    rows={
        COMTRADE_LINES.name: Band(
            0,
            10_000,
            "an importer, two origins, four codes, a few modes and twelve months; nil where nothing is reported",
        )
    },
    quirks={
        COMTRADE_LINES.name: [
            Quirk(
                "consigned_from_russia_is_not_russian",
                "Oil of another origin that was consigned from Russia, such as Kazakh oil through Russian ports, is "
                "outside the caps and is not counted as Russian.",
                _through_russia,
            )
        ]
    },
)
