"""What e-Stat sends, in its own forms, made from a few figures.

Here: listing pages, answers of the data API, CSV files of the trade statistics, workbooks of the petroleum statistics.
Add here: another form of the portal.
Keep out: expectations.
"""

import io
import json
from collections.abc import Iterable, Sequence

import openpyxl

FILES = "/www.e-stat.go.jp/stat-search/files"
DOWNLOAD = "/www.e-stat.go.jp/stat-search/file-download"
API = "/api.e-stat.go.jp/rest/3.0/app/json/getStatsData"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Quantity and value (thousand yen) of a month, by its number.
Figures = dict[int, tuple[float, float]]


def month_code(month: int) -> str:
    """The portal's name of a month: half, quarter, the quarter's months, the month."""
    quarter = (month - 1) // 3 + 1
    return f"{1 if month <= 6 else 2}{quarter}{quarter * 3 - 2:02d}{quarter * 3:02d}{month:02d}"


def listing(toukei: str, *months: str) -> str:
    """A page that links to months, written `2026-07`."""
    links = [
        f'<a tabindex="22" href="/stat-search/files?page=1&amp;layout=datalist&amp;toukei={toukei}&amp;cycle=1&amp;'
        f'tclass3val=0&amp;year={month[:4]}0&amp;month={month_code(int(month[5:]))}&amp;result_back=1" '
        f'class="stat-item_child">{int(month[5:])}月</a>'
        for month in months
    ]
    return f"<!DOCTYPE html><html><body><h1>普通貿易統計</h1>{''.join(links)}</body></html>"


def page(*files: tuple[str, str], kind: int = 1) -> str:
    """A page of a month: headings and ids of its files."""
    rows = [
        f'<div class="stat-dataset_list-body"><span>{heading}</span>'
        f'<a href="/stat-search/file-download?statInfId={number}&amp;fileKind={kind}" class="stat-dl_icon">CSV</a></div>'
        for heading, number in files
    ]
    return f"<!DOCTYPE html><html><body>{''.join(rows)}</body></html>"


def csv_header(by_country: bool = True) -> str:
    figures = [f"{name}-{month}" for month in ("Year", *MONTHS) for name in ("Quantity1", "Quantity2", "Value")]
    return ",".join(["Exp or Imp", "Year", "HS", *["Country"] * by_country, "Unit1", "Unit2", *figures])


def csv_line(
    code: str, country: str | None, unit1: str, unit2: str, figures: Figures, year: int = 2023, flow: int = 2
) -> str:
    """A line of a year; the quantity stands beside the unit that is not blank, the first if both are given."""
    cells = [[0.0, 0.0, 0.0] for _ in MONTHS]
    for month, (quantity, value) in figures.items():
        cells[month - 1] = [quantity, 0, value] if unit1.strip() else [0, quantity, value]
    totals = [sum(column) for column in zip(*cells, strict=True)]
    numbers = [f"{number:.0f}" for row in [totals, *cells] for number in row]
    keys = [str(flow), str(year), f"'{code}'", *([country] if country is not None else []), unit1, unit2]
    return ",".join([*keys, *numbers])


def csv_file(*lines: str, header: str | None = None) -> str:
    return "\r\n".join([header or csv_header(), *lines, ""])


Cell = dict[str, str]


def api_line(
    code: str, area: str, figures: Figures, year: int = 2023, unit: str = "ＫＬ", first: bool = True, out: int = 12
) -> list[Cell]:
    """The cells of a line; months after `out` are not out yet: blank in quantity, 0 in value."""
    key = {"@tab": "1", "@cat01": code, "@area": area, "@time": f"{year}000000"}
    cells = [
        key | {"@cat02": "100", "$": unit if first else "　"},
        key | {"@cat02": "110", "$": "　" if first else unit},
    ]
    for place in range(12):
        quantity, value = figures.get(place + 1, (0, 0))
        shown = f"{quantity:.0f}" if place < out else ""
        at = 150 + 30 * place
        cells += [
            key | {"@cat02": str(at), "@unit": unit, "$": shown if first else "0"},
            key | {"@cat02": str(at + 10), "$": "0" if first else shown},
            key | {"@cat02": str(at + 20), "@unit": "1000YEN", "$": f"{value:.0f}"},
        ]
    return cells


def api_answer(
    *lines: Iterable[Cell], title: str = "確速 品別国別表 (輸入 1-12月：確定)2023年", next_key: int | None = None
) -> str:
    values = [cell for line in lines for cell in line]
    position = {} if next_key is None else {"NEXT_KEY": next_key}
    result = {"TOTAL_NUMBER": len(values), "FROM_NUMBER": 1, "TO_NUMBER": len(values), **position}
    data = {
        "RESULT_INF": result,
        "TABLE_INF": {"@id": "0003425294", "TITLE": {"@no": "", "$": title}},
        "DATA_INF": {"VALUE": values if len(values) != 1 else values[0]},
    }
    wrapped = {"RESULT": {"STATUS": 0, "ERROR_MSG": "正常に終了しました。"}, "STATISTICAL_DATA": data}
    return json.dumps({"GET_STATS_DATA": wrapped}, ensure_ascii=False)


def api_error(status: int, message: str) -> str:
    return json.dumps({"GET_STATS_DATA": {"RESULT": {"STATUS": status, "ERROR_MSG": message}}}, ensure_ascii=False)


GRADE_HEADER = (
    "データ年月",
    "地域名",
    "国コード",
    "国・地域名",
    "油種コード",
    "原油名",
    "原油名漢字・カナ",
    "輸入量（kl）",
)
GRADE_SHEET = "原油輸入（時系列を含む）_1"


def grade_rows(month: int, grades: dict[str, tuple[str, float]], total: float | None = None) -> list[Sequence[object]]:
    """A month of the sheet: the total, subtotals of countries, and grades by code as (name, kilolitres)."""
    by_country: dict[str, float] = {}
    for code, (_, quantity) in grades.items():
        by_country[code[:3]] = by_country.get(code[:3], 0) + quantity
    added = sum(by_country.values())
    return [
        (month, "合計", None, None, None, None, None, added if total is None else total),
        *((month, "中東", country, "国", None, None, None, kl) for country, kl in by_country.items()),
        *((month, "中東", code[:3], "国", code, name, "カナ", kl) for code, (name, kl) in grades.items()),
    ]


def workbook(
    *rows: Sequence[object],
    sheet: str = GRADE_SHEET,
    header: Sequence[str] = GRADE_HEADER,
    sister: str = "原油受払（確報）",
) -> bytes:
    book = openpyxl.Workbook()
    book.active.title = sister
    grades = book.create_sheet(sheet)
    grades.append(["石油統計（確報）"])
    grades.append([])
    grades.append(list(header))
    for row in rows:
        grades.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
