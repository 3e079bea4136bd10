"""Monthly crude prices of the World Bank Pink Sheet, to check Brent against.

Fetched by way of the landing page, because the address of the workbook changes with each edition; read from the
workbook `CMO-Historical-Data-Monthly.xlsx`.
"""

import datetime as dt
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from pipelines.contracts.market import WORLD_BANK_CRUDE_PRICES
from pipelines.sources.upstream import (
    MONTH_END,
    Band,
    Document,
    Plan,
    Request,
    Source,
    SourceFault,
    month_over,
    require_columns,
    withdrawn,
)

URL = "https://www.worldbank.org/en/research/commodity-markets"
LANDING_PAGE = "landing page"
WORKBOOK = "CMO-Historical-Data-Monthly.xlsx"
WORKBOOK_HOST = "thedocs.worldbank.org"
SHEET = "Monthly Prices"
SERIES = {
    "Crude oil, average": "average",
    "Crude oil, Brent": "brent",
    "Crude oil, Dubai": "dubai",
    "Crude oil, WTI": "wti",
}
UNIT = "($/bbl)"
NO_VALUE = (None, "", "…", "..", "...")
PERIOD = re.compile(r"(\d{4})M(\d{2})")
# Titles, the day of the edition and blank rows stand above the names.
MOST_ROWS_ABOVE = 20
# An edition comes in the first week of a month, with data to the end of the month before.
PUBLICATION_LAG_DAYS = 7


def requests(_: Plan) -> Iterable[Request]:
    """The landing page, which leads to the workbook."""
    yield Request(LANDING_PAGE, URL)


def follow(request: Request, body: bytes) -> Iterable[Request]:
    """The workbook of the newest edition."""
    if request.document == LANDING_PAGE:
        yield Request("monthly prices", _address(body))


def read(document: Document, body: bytes) -> Mapping[str, pl.DataFrame]:
    """Prices of the workbook; nothing for the landing page."""
    if document == LANDING_PAGE:
        _address(body)
        return {}
    if not body.startswith(b"PK\x03\x04"):
        raise SourceFault("workbook_as_expected", "something else came instead of an XLSX workbook")
    return {WORLD_BANK_CRUDE_PRICES.name: _workbook(body)}


def _address(body: bytes) -> str:
    from bs4 import BeautifulSoup, SoupStrainer

    for link in BeautifulSoup(body, "html.parser", parse_only=SoupStrainer("a")).find_all("a"):
        parts = urlsplit(str(link.get("href", "")).strip())
        if (parts.scheme, parts.netloc) == ("https", WORKBOOK_HOST) and parts.path.endswith(f"/{WORKBOOK}"):
            return parts.geturl()
    raise SourceFault("link_found", f"the landing page has no link to {WORKBOOK} on {WORKBOOK_HOST}")


def _workbook(body: bytes) -> pl.DataFrame:
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(body), read_only=True, data_only=True)
    try:
        if SHEET not in book.sheetnames:
            raise SourceFault("sheet_found", f"no sheet {SHEET}; the workbook has {', '.join(book.sheetnames)[:300]}")
        return _sheet(iter(book[SHEET].iter_rows(values_only=True)))
    finally:
        book.close()


def _sheet(rows: Iterator[tuple[Any, ...]]) -> pl.DataFrame:
    places = _places(rows)
    units = next(rows, ())
    found: list[tuple[str, str, float]] = []
    for name, place in places.items():
        if (unit := str(units[place]).strip()) != UNIT:
            raise SourceFault("unit_as_expected", f"{name} is in {unit}, not in {UNIT}")
    for row in rows:
        period = PERIOD.fullmatch(str(row[0]).strip()) if row else None
        if period is None:
            if found and row and row[0] is not None:
                raise SourceFault("period_as_expected", f"{row[0]!r} is no month such as 2026M08")
            continue
        for name, place in places.items():
            if (value := _number(row[place], f"{name}, {row[0]}")) is not None:
                found.append((f"{period[1]}-{period[2]}", SERIES[name], value))
    return pl.DataFrame(found, schema=WORLD_BANK_CRUDE_PRICES.polars_schema(), orient="row")


def _places(rows: Iterator[tuple[Any, ...]]) -> dict[str, int]:
    """Where each series stands; `rows` goes on behind the row of names. Some names end in a blank."""
    for _ in range(MOST_ROWS_ABOVE):
        names = [" ".join(str(cell).split()) for cell in next(rows, ())]
        if any(name in SERIES for name in names):
            require_columns([name for name in names if name in SERIES], SERIES)
            return {name: names.index(name) for name in SERIES}
    raise SourceFault("columns_as_expected", f"no row with the names {', '.join(SERIES)}")


def _number(cell: Any, where: str) -> float | None:
    if cell in NO_VALUE:
        return None
    try:
        return float(cell)
    except (TypeError, ValueError):
        raise SourceFault("number_as_expected", f"{where}: {cell!r} is no number") from None


SOURCE = Source(
    name="world_bank_crude_prices",
    title="crude prices of the Pink Sheet, monthly",
    publisher="World Bank",
    licence="CC BY 4.0",
    attribution="The World Bank: World Bank Commodity Price Data (The Pink Sheet)",
    tables=(WORLD_BANK_CRUDE_PRICES,),
    requests=requests,
    follow=follow,
    read=read,
    period_end={WORLD_BANK_CRUDE_PRICES.name: MONTH_END},
    published_on={WORLD_BANK_CRUDE_PRICES.name: MONTH_END + pl.duration(days=PUBLICATION_LAG_DAYS)},
    newest_expected=lambda today: month_over(today - dt.timedelta(days=PUBLICATION_LAG_DAYS), 1),
    rows={WORLD_BANK_CRUDE_PRICES.name: Band(1, 6_000, "four series in each month since 1960; never none")},
    quirks={WORLD_BANK_CRUDE_PRICES.name: [withdrawn(WORLD_BANK_CRUDE_PRICES)]},
    sends_web_pages=True,
)
