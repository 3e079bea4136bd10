"""Japan's imports by nine-digit code and country of origin, monthly: crude, oil products and LNG from Russia.

With a key, fetched from the data API of e-Stat; without one, from the CSV files that e-Stat lists, a year each. Read
from both, from the files by commodity alone, and from a table `month,cif_yen_per_kl,quantity_10000kl` of all origins.
Values are CIF, published in thousand yen and rounded down: a line may be worth up to 1,000 yen more. A month that is
not out yet stands as 0 or blank; only months that the title names, or in which anything was imported, are read, and
there a country without a line means nil.
"""

import datetime as dt
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import polars as pl

from pipelines.contracts.customs import JAPAN_CUSTOMS_ALL_ORIGINS, JAPAN_CUSTOMS_LINES
from pipelines.sources import estat
from pipelines.sources.upstream import (
    MONTH_END,
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

RUSSIA = "224"  # as area of the API: 50224
CRUDE, CONDENSATE, LNG = "270900900", "270900100", "271111000"
# Also without a line of Russia these are told, as nil.
ALWAYS_TOLD = (CRUDE, CONDENSATE, LNG)
FUELS, CRUDE_AND_LNG = "^(2709|2710|271111)", "^(2709|271111)"

# Tables of the API, each of the years from its first to before the next one's.
TABLES = {2011: "0003228185", 2016: "0003313966", 2021: "0003425294", 2026: "0004049326"}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NAMES = ("Quantity1", "Quantity2", "Value")
# In `cat02` of the API the unit and the figures of a line stand as cells of their own.
UNIT_CELLS = {"100": "Unit1", "110": "Unit2"}
MONTH_CELLS = {
    str(150 + 30 * place + 10 * figure): f"{name}-{month}"
    for place, month in enumerate(MONTHS)
    for figure, name in enumerate(_NAMES)
}
PAGE_VALUES, PAGE_MARK = 100_000, ", value "
LISTING = {
    "page": "1",
    "layout": "datalist",
    "toukei": "00350300",
    "tstat": "000001013141",
    "cycle": "1",
    "tclass1": "000001013180",  # by commodity and country
    "tclass2": "000001013182",  # imports
    "tclass3val": "0",
}
# Mineral products, of which chapter 27 is fuels.
SECTION = re.compile(r"(?<!\d)25-27(?!\d)")
# Published units and those of reference.units, in the order in which one is chosen.
UNITS = {"KL": "kl", "MT": "t", "KG": "kg"}
UNIT_OF = {"2709": "KL", "271111": "MT"}
KG_PER_UNIT = {"MT": 1000.0, "KG": 1.0}
JPY_PER_VALUE = 1000
STAGES = {
    "fixed": ("確定", "fixed"),
    "revised": ("確々報", "revised"),
    "provisional": ("速報", "provisional"),
    "detailed": ("確報", "detailed"),
}

# Brackets of a title and the year that follows, and the spans of months in a bracket.
_BRACKET = re.compile(r"\(([^()]*:[^()]*)\)\s*(?:(\d{4})年?(?:\s*[-~〜]\s*(\d{4}))?)?")
_NAME = r"(\d{1,2}|[A-Z][a-z]{2})\w*\.?"
_SPAN = re.compile(rf"(?<![0-9A-Za-z]){_NAME}(?:\s*[-~〜]\s*{_NAME})?\s*:([^,、]*)")
_KEYS = ("HS", "Country", "Year", "Unit1", "Unit2")
_LINE = ("HS", "Country", "Year")
_FIGURES = tuple(MONTH_CELLS.values())


def requests(plan: Plan) -> Iterable[Request]:
    """Two documents for each table of the API: all fuels from Russia, and crude and LNG from everywhere."""
    for first, after in pairwise([*TABLES, dt.MAXYEAR]):
        if first > plan.today.year or after <= plan.first.year:
            continue
        table = {
            "statsDataId": TABLES[first],
            "cdCat02": ",".join([*UNIT_CELLS, *MONTH_CELLS]),
            "metaGetFlg": "N",
            "limit": str(PAGE_VALUES),
        }
        yield Request(
            f"Russia from {first}",
            estat.API_URL,
            table | {"cdArea": f"50{RUSSIA}", "cdCat01From": "270900000", "cdCat01To": "271111999"},
        )
        yield Request(f"all origins from {first}", estat.API_URL, table | {"cdCat01": ",".join(ALWAYS_TOLD)})


def keyless(plan: Plan) -> Iterable[Request]:
    """The listing of files, which leads to the newest page of each year and that to the file of the year."""
    yield Request(f"listing from {plan.first.year}", estat.LISTING_URL, LISTING)


def follow(request: Request, body: bytes) -> Iterable[Request]:
    """The next page of an answer; the pages of a listing; the file of a page."""
    if request.url == estat.API_URL:
        position = estat.answer(body).next_position
        if position is not None:
            name = request.document.partition(PAGE_MARK)[0]
            params = {**request.params, "startPosition": str(position)}
            yield Request(f"{name}{PAGE_MARK}{position} on", request.url, params)
    elif request.document.startswith("listing"):
        newest = {edition.year: edition for edition in estat.editions(body)}
        first = int(request.document.rpartition(" ")[2])
        for year, edition in newest.items():
            if year >= first:
                yield Request(f"page {year}", estat.LISTING_URL, LISTING | edition.params)
    elif request.document.startswith("page"):
        name = request.document.replace("page", "imports")
        for file in _section(body)[:1]:
            params = {"statInfId": file.stat_inf_id, "fileKind": estat.CSV}
            # Another edition is another file, so this one is final.
            stages = " ".join(bracket[0] for bracket in _BRACKET.finditer(file.heading))
            about = f"{stages} [{file.stat_inf_id}]".lstrip()
            yield Request(name, estat.DOWNLOAD_URL, params, is_settled=True, about=about)


def _section(page: bytes) -> list[estat.File]:
    found = [file for file in estat.files(page, estat.CSV) if SECTION.search(file.heading)]
    if not found:
        raise SourceFault("listing_as_expected", "the page of the month has no file of chapters 25 to 27")
    return found


def read(document: str, body: bytes) -> Mapping[str, pl.DataFrame]:
    """The lines of Russia and the sums over all countries that a document holds."""
    if body.lstrip()[:1] == b"{":
        answer = estat.answer(body)
        is_whole = answer.next_position is None and PAGE_MARK not in document
        return _tables(_of_answer(answer), answer.title, is_whole)
    if document.startswith("listing"):
        estat.editions(body)
        return {}
    if document.startswith("page"):
        _section(body)
        return {}
    estat.refuse_page(body)
    table = pl.read_csv(io.BytesIO(_utf8(body)), infer_schema=False)
    table = table.rename(lambda name: name.strip().replace("Apl", "Apr"))
    if table.columns[0] == "month":
        return {JAPAN_CUSTOMS_ALL_ORIGINS.name: _mean_values(table)}
    return _tables(_of_file(table), document, is_whole=True)


def _utf8(body: bytes) -> bytes:
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode("cp932").encode()
    return body


def _of_file(table: pl.DataFrame) -> pl.DataFrame:
    """The lines of a CSV file as `_KEYS` and `_FIGURES`, text; files by commodity alone have an empty `Country`."""
    keys = ["Exp or Imp", *(name for name in _KEYS if name != "Country")]
    require_columns(table.columns, keys)
    # A file may end with the newest month.
    months = 1 + max((place for place, name in enumerate(_FIGURES) if name in table.columns), default=-1) // len(_NAMES)
    figures = [*(f"{name}-Year" for name in _NAMES), *_FIGURES[: len(_NAMES) * max(months, 1)]]
    require_columns(table.columns, figures, [*keys, "Country", *figures])
    missing = [name for name in ("Country", *_FIGURES) if name not in table.columns]
    lines = (
        table.with_columns(pl.lit(None, pl.String).alias(name) for name in missing)
        .with_columns(pl.col("Exp or Imp", *_LINE).str.strip_chars(" '"))
        .filter(pl.col("Exp or Imp") == "2", pl.col("HS").str.contains(FUELS))
    )
    if lines.is_empty():
        raise SourceFault("lines_as_expected", "the file holds no imports of crude, oil products or LNG")
    _check_year_totals(lines)
    return lines.select(*_KEYS, *_FIGURES)


def _check_year_totals(lines: pl.DataFrame) -> None:
    """Every line adds up to its year, so no column has moved; each month may be rounded down by one."""
    for name in _NAMES:
        months = pl.sum_horizontal(_number(f"{name}-{month}").fill_null(0) for month in MONTHS)
        off = lines.filter((months - _number(f"{name}-Year").fill_null(0)).abs() > len(MONTHS))
        if off.height:
            raise SourceFault(
                "year_adds_up",
                f"{name} of {off['HS'][0]}, country {off['Country'][0]}: the months do not add up to the year",
            )


def _of_answer(answer: estat.Answer) -> pl.DataFrame:
    """The lines of an answer of the API, as `_of_file` gives them."""
    names, cells = UNIT_CELLS | MONTH_CELLS, ("@cat01", "@cat02", "@area", "@time", "$")
    require_columns(answer.values[0], cells)
    table = (
        pl.DataFrame(
            {name: [value.get(name) for value in answer.values] for name in cells}, dict.fromkeys(cells, pl.String)
        )
        .select(
            HS="@cat01",
            Country=pl.col("@area").str.strip_prefix("50"),
            Year=pl.col("@time").str.head(4),
            cell=pl.col("@cat02").replace_strict(names, default=None),
            text="$",
        )
        .filter(pl.col("HS").str.contains(FUELS))
        .drop_nulls("cell")
        .pivot("cell", index=_LINE, values="text")
    )
    table = table.with_columns(
        pl.lit(None, pl.String).alias(name) for name in names.values() if name not in table.columns
    )
    is_torn = pl.all_horizontal(pl.col(*UNIT_CELLS.values()).is_null())
    for month in MONTHS:
        no_quantity = pl.all_horizontal(pl.col(f"Quantity1-{month}", f"Quantity2-{month}").is_null())
        is_torn |= pl.col(f"Value-{month}").is_null() ^ no_quantity
    if table.select(is_torn.any()).item():
        raise SourceFault("lines_whole", "a line lacks some of its values: the answer was cut within it")
    return table.select(*_KEYS, *_FIGURES)


def _tables(table: pl.DataFrame, title: str, is_whole: bool) -> dict[str, pl.DataFrame]:
    """The tables that lines give. Of a page of an answer, nothing is summed and nothing counts as nil."""
    lines = _published(_by_month(table), _stages(title, table["Year"].unique().to_list()))
    has_countries = not lines["Country"].null_count()
    is_of_one_country = has_countries and lines["Country"].n_unique() == 1
    tables = {}
    if is_whole and not is_of_one_country:
        tables[JAPAN_CUSTOMS_ALL_ORIGINS.name] = _everywhere(lines)
    if has_countries:
        tables[JAPAN_CUSTOMS_LINES.name] = _of_russia(_with_nil(lines) if is_whole else lines)
    return tables


def _everywhere(lines: pl.DataFrame) -> pl.DataFrame:
    value, quantity = pl.col("value"), pl.col("quantity")
    return _summed(lines.filter(pl.col("HS").str.contains(CRUDE_AND_LNG))).select(
        "month",
        "quantity",
        "stage",
        hs_code="HS",
        quantity_unit="unit",
        value_jpy=value,
        unit_value_jpy=pl.when(quantity > 0).then(value / quantity),
    )


def _by_month(table: pl.DataFrame) -> pl.DataFrame:
    """HS, Country, Year, month, unit, quantity, net_mass_kg, value in yen: a row for each line and month."""
    units = table.with_columns(
        pl.col(unit).map_elements(estat.plain, return_dtype=pl.String).str.to_uppercase() for unit in ("Unit1", "Unit2")
    )
    wanted = pl.coalesce(
        pl.when(pl.col("HS").str.starts_with(prefix)).then(pl.lit(unit)) for prefix, unit in UNIT_OF.items()
    )
    units = units.with_columns(
        unit=pl.coalesce(
            wanted,
            *(pl.when((pl.col("Unit1") == unit) | (pl.col("Unit2") == unit)).then(pl.lit(unit)) for unit in UNITS),
        )
    )
    astray = units.filter(~pl.any_horizontal(pl.col("Unit1", "Unit2") == pl.col("unit")).fill_null(False))
    if astray.height:
        code, *found = astray.select("HS", "Unit1", "Unit2").row(0)
        raise SourceFault("unit_as_expected", f"{code} is in {' and '.join(filter(None, found)) or 'no unit'}")
    months = [
        units.select(
            *_LINE,
            month=pl.col("Year") + f"-{number:02d}",
            unit="unit",
            quantity=pl.when(pl.col("Unit1") == pl.col("unit"))
            .then(_number(f"Quantity1-{month}"))
            .otherwise(_number(f"Quantity2-{month}")),
            net_mass_kg=pl.coalesce(
                _number(f"Quantity{place}-{month}")
                * pl.col(f"Unit{place}").replace_strict(KG_PER_UNIT, default=None, return_dtype=pl.Float64)
                for place in (1, 2)
            ),
            value=_number(f"Value-{month}") * JPY_PER_VALUE,
        )
        for number, month in enumerate(MONTHS, start=1)
    ]
    return pl.concat(months)


def _number(column: str) -> pl.Expr:
    """A figure as published: blank and a dash are not known; anything else must be a number."""
    text = pl.col(column).str.strip_chars()
    return pl.when(~text.is_in(["", "-"])).then(text).cast(pl.Float64)


def _published(lines: pl.DataFrame, stages: Mapping[str, str]) -> pl.DataFrame:
    """The lines of months that are out, with their stage.

    Out are the months that the title tells and those up to the last one of the year in which anything came in.
    """
    text = {"month": pl.String, "stage": pl.String}
    told = pl.DataFrame({"month": list(stages), "stage": list(stages.values())}, text)
    is_in = (pl.col("value") > 0) | (pl.col("quantity") > 0) | pl.col("month").is_in(told["month"].implode())
    newest = lines.filter(is_in).group_by("Year").agg(newest=pl.max("month"))
    out = lines.join(newest, on="Year").filter(pl.col("month") <= pl.col("newest")).drop("Year", "newest")
    return out.join(told, on="month", how="left")


def _with_nil(lines: pl.DataFrame) -> pl.DataFrame:
    """The lines, and those that Russia could have and has not, as nil."""
    units = [next(unit for prefix, unit in UNIT_OF.items() if code.startswith(prefix)) for code in ALWAYS_TOLD]
    fuels = pl.DataFrame({"HS": ALWAYS_TOLD, "unit": units})
    told = fuels.join(lines.select("month", "stage").unique(), how="cross").with_columns(
        Country=pl.lit(RUSSIA), quantity=pl.lit(0.0), value=pl.lit(0.0)
    )
    return pl.concat([lines, told.join(lines, on=["HS", "Country", "month"], how="anti")], how="diagonal")


def _of_russia(lines: pl.DataFrame) -> pl.DataFrame:
    # Lines of one code are added up, never written over one another.
    return _summed(lines.filter(pl.col("Country") == RUSSIA)).select(
        "month",
        "quantity",
        "net_mass_kg",
        "value",
        "stage",
        importer_country=pl.lit("JP"),
        origin_country=pl.lit("RU"),
        consigned_from_country=pl.lit(None, pl.String),
        hs_code="HS",
        transport_mode=pl.lit(None, pl.String),
        quantity_unit="unit",
        currency=pl.lit("JPY"),
        valuation=pl.lit("CIF"),
        is_confidential=pl.lit(False),
    )


def _summed(lines: pl.DataFrame) -> pl.DataFrame:
    """Sums of lines by month and code; one figure that is not known leaves the sum unknown."""
    figures = ("quantity", "net_mass_kg", "value")
    return (
        lines.group_by("HS", "month", "stage", "unit")
        .agg(pl.when(pl.col(name).null_count() == 0).then(pl.col(name).sum()) for name in figures)
        .with_columns(pl.col("unit").replace_strict(UNITS))
        .sort("month", "HS")
    )


def _mean_values(table: pl.DataFrame) -> pl.DataFrame:
    require_columns(table.columns, ("month", "cif_yen_per_kl", "quantity_10000kl"))
    return table.select(
        "month",
        hs_code=pl.lit("2709"),
        quantity=(_number("quantity_10000kl") * 10_000).round(),
        quantity_unit=pl.lit("kl"),
        value_jpy=pl.lit(None, pl.Float64),
        unit_value_jpy=_number("cif_yen_per_kl"),
        stage=pl.lit(None, pl.String),
    )


def _stages(title: str, years: Iterable[str]) -> dict[str, str]:
    """The stage of each month that a title tells, such as `(輸入 1-3月:確報, 4月:輸入9桁速報)2026年`.

    Months stand as `1-3月` or `Jan-Mar`; a bracket without a year is about every year of the document.
    """
    years, found = sorted(years), {}
    for bracket in _BRACKET.finditer(estat.plain(title)):
        said, first, last = bracket.groups()
        about = [year for year in years if first is None or first <= year <= (last or first)]
        for months, stage in _spans(said):
            found.update({f"{year}-{month:02d}": stage for year in about for month in months})
    return found


def _spans(said: str) -> Iterator[tuple[range, str]]:
    for span in _SPAN.finditer(said):
        first, last = (_month(text) for text in (span[1], span[2] or span[1]))
        stage = next((name for name, words in STAGES.items() if any(w in span[3].lower() for w in words)), None)
        if first and last and stage:
            yield range(first, last + 1), stage


def _month(text: str) -> int | None:
    if text in MONTHS:
        return MONTHS.index(text) + 1
    return int(text) if text.isdigit() and 1 <= int(text) <= len(MONTHS) else None


def partial_months(sums: pl.DataFrame) -> pl.DataFrame:
    """Months of `JAPAN_CUSTOMS_ALL_ORIGINS`, a version of each, that lie far below the year before them.

    In 138 months to June 2026 no whole month was below 65 % of it.
    """
    usual = pl.col("quantity").rolling_median(12).shift(1).over("hs_code", order_by="month")
    return (
        sums.filter(pl.col("hs_code") != CONDENSATE)
        .with_columns(usual_quantity=usual)
        .filter(pl.col("quantity") < 0.6 * pl.col("usual_quantity"))
        .select("month", "hs_code", "quantity", "usual_quantity", "quantity_unit", "stage")
    )


# The days by which a stage is out, by the calendar of the customs: nine-digit provisional at the end of the following
# month, detailed a month later, revised in March of the following year, fixed in November of it.
PUBLISHED_ON = (
    pl.when(pl.col("stage") == "provisional")
    .then(MONTH_END.dt.offset_by("1d").dt.month_end())
    .when(pl.col("stage") == "detailed")
    .then(MONTH_END.dt.offset_by("1d").dt.offset_by("1mo").dt.month_end())
    .when(pl.col("stage") == "revised")
    .then(pl.date(MONTH_END.dt.year() + 1, 3, 31))
    .when(pl.col("stage") == "fixed")
    .then(pl.date(MONTH_END.dt.year() + 1, 11, 30))
)

SOURCE = Source(
    name="japan_customs",
    title="imports of crude, oil products and LNG from Russia, monthly, and of crude and LNG from everywhere",
    publisher="Ministry of Finance of Japan, Trade Statistics of Japan",
    licence="Japanese government standard terms of use 2.0: free reuse with attribution",
    attribution="Source: Trade Statistics of Japan, Ministry of Finance (processed)",
    tables=(JAPAN_CUSTOMS_LINES, JAPAN_CUSTOMS_ALL_ORIGINS),
    requests=requests,
    keyless=keyless,
    follow=follow,
    read=read,
    period_end={JAPAN_CUSTOMS_LINES.name: MONTH_END, JAPAN_CUSTOMS_ALL_ORIGINS.name: MONTH_END},
    published_on={JAPAN_CUSTOMS_LINES.name: PUBLISHED_ON, JAPAN_CUSTOMS_ALL_ORIGINS.name: PUBLISHED_ON},
    # The nine-digit figures of a month are out at the end of the following one.
    newest_expected=lambda today: month_over(today, 2),
    rows={
        JAPAN_CUSTOMS_LINES.name: Band(
            3, 5_000, "crude, condensate and LNG of one month at least; at most five years of a few dozen codes"
        ),
        JAPAN_CUSTOMS_ALL_ORIGINS.name: Band(
            2, 400, "crude and LNG of one month at least; at most three codes a month"
        ),
    },
    quirks={
        JAPAN_CUSTOMS_ALL_ORIGINS.name: [
            Quirk(
                "months_are_whole",
                "No month lies below 60 % of the median of the twelve before it: the newest ones may be partial.",
                lambda sums: partial_months(sums.filter("is_latest")),
            )
        ]
    },
    key=Key("ESTAT_APP_ID", "https://www.e-stat.go.jp/api/", "appId"),
    # No limit is published; two requests a second are enough for anybody.
    pause_s=0.5,
    sends_web_pages=True,
)
