"""Crude that arrived in Japan by named grade, monthly: Sakhalin Blend apart from Sokol and ESPO.

Fetched as the workbooks of METI's petroleum statistics that e-Stat lists, the newest one and the last one of each year
before, oldest first; each holds sixteen months. Read from the sheet of crude imports: a total, subtotals of countries,
and grades, which add up to both. Volumes only, condensate included. Arrivals are not customs clearances: the two
series describe the same oil and are never added.
"""

import io
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import polars as pl

from pipelines.contracts.customs import JAPAN_CRUDE_BY_GRADE
from pipelines.contracts.files import read_table
from pipelines.contracts.reference import COUNTRY_CODES, GRADES
from pipelines.names import normalised
from pipelines.sources import estat
from pipelines.sources.reference import DATA_FOLDER, grade_names
from pipelines.sources.upstream import MONTH_END, Band, Plan, Quirk, Request, Source, SourceFault, month_over

LISTING = {
    "page": "1",
    "layout": "datalist",
    "toukei": "00551020",
    "tstat": "000001024838",
    "cycle": "1",
    "tclass1": "000001080335",
    "tclass2": "000001080336",
    "tclass3val": "0",
}
# The sheet, and another one of the same workbook, by which the workbook is known among the files of a page.
SHEET, SISTER_SHEET = "原油輸入", "原油受払"
HEADER_ROWS = 8
COLUMNS = {
    "month": r"データ年月",
    "region": r"地域名",
    "country_code": r"国コード",
    "grade_code": r"油種コード",
    "grade_name": r"原油名",
    "quantity_kl": r"輸入量\s*\([Kk][Ll]\)",
}
TOTAL = "合計"
# What stands for nothing imported.
NIL = ("-", "―")
DECEMBER = 12


def requests(plan: Plan) -> Iterable[Request]:
    """The listing of workbooks, which leads to their pages and those to the workbooks."""
    yield Request(f"listing from {plan.first.year}", estat.LISTING_URL, LISTING)


def follow(request: Request, body: bytes) -> Iterable[Request]:
    """The last page of each year; the workbook of a page, and other files that stand beside it."""
    kind, _, period = request.document.partition(" ")
    if kind == "listing":
        last = {edition.year: edition for edition in estat.editions(body)}
        for year, edition in sorted(last.items()):
            if year >= int(period.rpartition(" ")[2]):
                name = f"page {year}-{edition.month:02d}"
                yield Request(name, estat.LISTING_URL, LISTING | edition.params)
    elif kind == "page":
        for place, file in enumerate(estat.files(body, estat.EXCEL), start=1):
            name = f"workbook {period}" if place == 1 else f"workbook {period} ({place})"
            params = {"statInfId": file.stat_inf_id, "fileKind": estat.EXCEL}
            yield Request(name, estat.DOWNLOAD_URL, params, is_settled=True, about=f"[{file.stat_inf_id}]")


def read(document: str, body: bytes) -> Mapping[str, pl.DataFrame]:
    """The grades of a workbook."""
    if document.startswith("listing"):
        estat.editions(body)
        return {}
    if document.startswith("page"):
        estat.files(body, estat.EXCEL)
        return {}
    estat.refuse_page(body)
    import openpyxl

    workbook = openpyxl.load_workbook(io.BytesIO(body), read_only=True, data_only=True)
    sheets = {estat.plain(name): name for name in workbook.sheetnames}
    name = next((sheets[plain] for plain in sheets if plain.startswith(SHEET)), None)
    if name is None:
        if any(plain.startswith(SISTER_SHEET) for plain in sheets):
            raise SourceFault("sheets_as_expected", f"no sheet {SHEET}; there are {', '.join(sheets)[:300]}")
        return {}  # another file of the page
    sheet = workbook[name]
    sheet.reset_dimensions()
    table = _table(sheet.iter_rows(values_only=True))
    _check_sums(table)
    return {JAPAN_CRUDE_BY_GRADE.name: _grades(_own_year(table))}


def _table(lines: Iterable[tuple[Any, ...]]) -> pl.DataFrame:
    """The rows of a month, as `COLUMNS`: codes as text, quantity as a number."""
    places: dict[str, int] = {}
    rows: list[dict[str, str | float | None]] = []
    for number, line in enumerate(lines):
        cells = ["" if cell is None else estat.plain(cell) for cell in line]
        if not places:
            if any(re.fullmatch(COLUMNS["month"], cell) for cell in cells):
                places = _places(cells)
            elif number >= HEADER_ROWS:
                break
            continue
        row = {name: cells[place] if place < len(cells) else "" for name, place in places.items()}
        month = re.fullmatch(r"(\d{4})(\d{2})(?:\.0)?", row["month"])
        if month:
            codes = {name: row[name].removesuffix(".0") for name in ("country_code", "grade_code")}
            row |= codes | {"month": f"{month[1]}-{month[2]}"}
            rows.append({**row, "quantity_kl": _number(row["quantity_kl"])})
    if not places:
        raise SourceFault("columns_as_expected", f"no header with {COLUMNS['month']} in the first rows")
    return pl.DataFrame(rows, {name: pl.Float64 if name == "quantity_kl" else pl.String for name in COLUMNS})


def _places(header: list[str]) -> dict[str, int]:
    places = {}
    for name, pattern in COLUMNS.items():
        found = [place for place, cell in enumerate(header) if re.fullmatch(pattern, cell)]
        if len(found) != 1:
            check = "unit_as_expected" if name == "quantity_kl" else "columns_as_expected"
            told = ", ".join(filter(None, header))
            raise SourceFault(check, f"{'no' if not found else 'more than one'} column {pattern}; the header is {told}")
        places[name] = found[0]
    return places


def _number(cell: str) -> float | None:
    if cell in NIL:
        return 0.0
    return float(cell.replace(",", "")) if cell else None


def _check_sums(table: pl.DataFrame) -> None:
    """The grades of a month add up to its total, and those of a country to its subtotal, to the kilolitre."""
    grades = table.filter(pl.col("grade_code") != "")
    others = table.filter(pl.col("grade_code") == "")
    totals = others.filter(pl.col("region") == TOTAL)
    subtotals = others.filter(pl.col("country_code") != "")
    for what, sums, key in (("total", totals, ["month"]), ("subtotal", subtotals, ["month", "country_code"])):
        of_grades = grades.group_by(key).agg(added=pl.col("quantity_kl").sum())
        compared = of_grades.join(sums.select(*key, published="quantity_kl"), on=key, how="full", coalesce=True)
        compared = compared.with_columns(pl.col("added").fill_null(0.0))
        off = compared.filter(((pl.col("added") - pl.col("published")).abs() > 1).fill_null(what == "total")).sort(key)
        if off.height:
            *where, added, published = off.row(0)
            raise SourceFault(
                "grades_add_up",
                f"the grades of {' country '.join(where)} add up to {added:,.0f} kl, the {what} is "
                + ("missing" if published is None else f"{published:,.0f} kl"),
            )


def _own_year(table: pl.DataFrame) -> pl.DataFrame:
    """The months of a workbook; of a December one those of its year alone.

    What a newer workbook says of the year before must not be overridden by an older one that is fetched later.
    """
    newest = table["month"].max()
    if isinstance(newest, str) and int(newest[-2:]) == DECEMBER:
        return table.filter(pl.col("month").str.starts_with(newest[:4]))
    return table


def _grades(table: pl.DataFrame) -> pl.DataFrame:
    countries, grades = _reference()
    spelling = pl.col("grade_name").map_elements(normalised, return_dtype=pl.String)
    country_code = pl.col("grade_code").str.head(3)
    return table.filter(pl.col("grade_code") != "").select(
        "month",
        "grade_code",
        "grade_name",
        "quantity_kl",
        grade=spelling.replace_strict(grades, default=None, return_dtype=pl.String),
        country_code=country_code,
        origin_country=country_code.replace_strict(countries, default=None, return_dtype=pl.String),
    )


@cache
def _reference() -> tuple[dict[str, str], dict[str, str]]:
    """Countries by customs code, and canonical grades of crude by spelling."""
    codes = read_table(DATA_FOLDER / "reference" / "country_codes.csv", COUNTRY_CODES)
    grades = read_table(DATA_FOLDER / "reference" / "grades.csv", GRADES)
    return (
        dict(codes.filter(pl.col("scheme") == "japan_customs").select("code", "country").iter_rows()),
        grade_names(grades.filter(pl.col("kind") == "crude")),
    )


def _nameless(grades: pl.DataFrame) -> pl.DataFrame:
    return grades.filter(
        pl.col("is_latest"), pl.col("origin_country") == "RU", pl.col("quantity_kl") > 0, pl.col("grade").is_null()
    ).select("month", "grade_code", "grade_name", "quantity_kl")


SOURCE = Source(
    name="japan_crude_grades",
    title="arrivals of crude in Japan by named grade, monthly",
    publisher="Ministry of Economy, Trade and Industry of Japan, Agency for Natural Resources and Energy",
    licence="Japanese government standard terms of use 2.0: free reuse with attribution",
    attribution="Source: petroleum statistics of Japan, Ministry of Economy, Trade and Industry (processed)",
    tables=(JAPAN_CRUDE_BY_GRADE,),
    requests=requests,
    follow=follow,
    read=read,
    period_end={JAPAN_CRUDE_BY_GRADE.name: MONTH_END},
    # The final report of a month was out in the second month after it (June 2026 by 27 August).
    published_on={JAPAN_CRUDE_BY_GRADE.name: MONTH_END.dt.offset_by("1d").dt.offset_by("1mo").dt.month_end()},
    newest_expected=lambda today: month_over(today, 3),
    rows={
        JAPAN_CRUDE_BY_GRADE.name: Band(
            20,
            4_000,
            "sixteen months of about seventy grades; a workbook of a new layout with few of them is not whole",
        )
    },
    fill_rates={
        f"{JAPAN_CRUDE_BY_GRADE.name}.origin_country": Band(
            0.8, 1, "all countries that sell crude to Japan have a code but the zone that two of them share"
        )
    },
    quirks={
        JAPAN_CRUDE_BY_GRADE.name: [
            Quirk(
                "russian_grades_named",
                "Every Russian grade that arrived is one of reference.grades; of another the exemption cannot be told.",
                _nameless,
            )
        ]
    },
    pause_s=0.5,
    sends_web_pages=True,
)
