"""The official monthly price of Urals for Russian oil taxes, from the table that ConsultantPlus keeps.

The price is announced by the Ministry of Economic Development, exchange rate and coefficient by the tax service; the
ministry's own server answers few networks. Fetched by way of the contents of the document, because the addresses of
its sections change: the section of the running years, and the newest archive behind it. Read from those pages, and
from a table with the columns `month` and `urals_tax_price_usd_bbl`. It is not a deal price, and from 2025 it is a mix
of Urals and ESPO quotes.
"""

# ruff: noqa: RUF001 (the words of the pages are Russian, and a dash may stand for a missing number)

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urljoin

import polars as pl

from pipelines.contracts.market import URALS_TAX_PRICES
from pipelines.sources.upstream import (
    MONTH_END,
    Band,
    Document,
    Plan,
    Quirk,
    Request,
    Source,
    SourceFault,
    csv_table,
    month_over,
    require_columns,
    revised,
    withdrawn,
)

URL = "https://www.consultant.ru/document/cons_doc_LAW_50642/"
CONTENTS = "contents"
# The section about oil alone; that about oil and condensate has another coefficient.
SECTION_TITLE = re.compile(
    r"\d+\.\d+\. данные, применяемые для расч[её]та налога на добычу полезных ископаемых в отношении нефти"
)
ARCHIVE_TITLE = re.compile(r"архив \(с (\d{4}) г\. по (\d{4}) г\.\)")
SECTION_PATH = re.compile(r"/document/cons_doc_LAW_50642/[0-9a-f]+/")
# Beginnings of the headings, without quotation marks.
HEADINGS = {
    "month": "период",
    "usd_per_bbl": "средний уровень цен нефти сорта юралс",
    "rub_per_usd": "среднее значение курса доллара",
    "kc": "значение коэффициента",
}
MONTHS = (
    *("январь", "февраль", "март", "апрель", "май", "июнь"),
    *("июль", "август", "сентябрь", "октябрь", "ноябрь", "декабрь"),
)
PERIOD = re.compile(rf"({'|'.join(MONTHS)}) (\d{{4}})(?: г\.?| года)?")
COPY_COLUMNS = ("month", "urals_tax_price_usd_bbl")
COPY_NOTES = ("formula_regime", "second_source_url", "tag", "note")
# The coefficient is printed to four decimals, price and rate are rounded themselves.
IDENTITY_TOLERANCE = 0.001
# Price, rate and coefficient of a month are complete in the middle of the next one.
PUBLICATION_LAG_DAYS = 15
# Weekends, and the first days of January and May.
LATENESS_DAYS = 5

Cells = list[str]


def requests(_: Plan) -> Iterable[Request]:
    """The contents, which lead to the sections."""
    yield Request(CONTENTS, URL)


def follow(request: Request, body: bytes) -> Iterable[Request]:
    """The section of the running years and its newest archive."""
    if request.document == CONTENTS:
        for document, path in _sections(body).items():
            yield Request(document, urljoin(URL, path))


def read(document: Document, body: bytes) -> Mapping[str, pl.DataFrame]:
    """Prices of a section or of a copy; nothing for the contents."""
    if document == CONTENTS:
        _sections(body)
        return {}
    prices = _copy(csv_table(body)) if body.lstrip(b"\xef\xbb\xbf").startswith(b"month,") else _page(body)
    return {URALS_TAX_PRICES.name: prices}


def _sections(body: bytes) -> dict[Document, str]:
    from bs4 import BeautifulSoup, SoupStrainer

    links = [
        (_plain(str(link.get_text(" "))), str(link.get("href", "")))
        for link in BeautifulSoup(body, "html.parser", parse_only=SoupStrainer("a")).find_all("a")
    ]
    for place, (title, path) in enumerate(links):
        if SECTION_TITLE.fullmatch(title) and SECTION_PATH.fullmatch(path):
            found = {"section": path}
            after, archive_path = links[place + 1] if place + 1 < len(links) else ("", "")
            if (archive := ARCHIVE_TITLE.fullmatch(after)) and SECTION_PATH.fullmatch(archive_path):
                found[f"archive {archive[1]} to {archive[2]}"] = archive_path
            return found
    raise SourceFault("section_found", "the contents name no section with the data for the tax on oil")


def _plain(text: str) -> str:
    """Small letters, single blanks, no quotation marks."""
    return " ".join(re.sub('["«»“”„]', "", text).casefold().split())


def _page(body: bytes) -> pl.DataFrame:
    from bs4 import BeautifulSoup, SoupStrainer

    for table in BeautifulSoup(body, "html.parser", parse_only=SoupStrainer("table")).find_all("table"):
        rows = [[_plain(cell.get_text(" ")) for cell in row.find_all(["td", "th"])] for row in table.find_all("tr")]
        for place, cells in enumerate(rows):
            if cells and cells[0] == HEADINGS["month"]:
                return _rows(cells, rows[place + 1 :])
    raise SourceFault("table_found", "no table of months with prices on the page")


def _rows(header: Cells, rows: list[Cells]) -> pl.DataFrame:
    places = {
        name: place
        for name, heading in HEADINGS.items()
        for place, cell in enumerate(header)
        if cell.startswith(heading)
    }
    require_columns([HEADINGS[name] for name in places], HEADINGS.values())
    price_heading = header[places["usd_per_bbl"]]
    if "долл" not in price_heading or "баррель" not in price_heading:
        raise SourceFault("unit_as_expected", f"the price is headed {price_heading!r}, not in dollars per barrel")
    found = []
    for cells in rows:
        # A year as a heading of its own, and the header again on the next printed page.
        if len(cells) <= 1 or cells[0] == HEADINGS["month"]:
            continue
        if len(cells) != len(header):
            raise SourceFault("columns_as_expected", f"row {cells[0]!r} has {len(cells)} cells, not {len(header)}")
        figures = {name: _number(cells[place]) for name, place in places.items() if name != "month"}
        if figures["usd_per_bbl"] is not None:
            found.append({"month": _month(cells[places["month"]]), **figures})
    return _with_identity(pl.DataFrame(found, schema=URALS_TAX_PRICES.polars_schema()))


def _month(period: str) -> str:
    if (said := PERIOD.fullmatch(period)) is None:
        raise SourceFault("period_as_expected", f"{period!r} is no month")
    return f"{said[2]}-{MONTHS.index(said[1]) + 1:02d}"


def _number(text: str) -> float | None:
    """A number with a comma for decimals and blanks between thousands; None where nothing is printed."""
    if text in ("", "-", "–", "—"):
        return None
    bare = text.replace(" ", "")
    if not re.fullmatch(r"\d+(,\d+)?", bare):
        raise SourceFault("number_as_expected", f"{text!r} is no number")
    return float(bare.replace(",", "."))


def _with_identity(prices: pl.DataFrame) -> pl.DataFrame:
    """Adds `has_row_identity`. Raises `SourceFault` if most rows lack it: then the columns are others."""
    by_identity = (pl.col("usd_per_bbl") - 15) * pl.col("rub_per_usd") / 261
    prices = prices.with_columns(has_row_identity=(by_identity - pl.col("kc")).abs() <= IDENTITY_TOLERANCE)
    told = prices.drop_nulls("has_row_identity")
    if (astray := told.filter(~pl.col("has_row_identity"))).height * 2 > told.height:
        raise SourceFault(
            "row_identity",
            f"Kc = (price - 15) x rate / 261 fails in {astray.height} of {told.height} rows, first in "
            f"{astray['month'][0]}: the columns are not what they were",
        )
    return prices


def _copy(table: pl.DataFrame) -> pl.DataFrame:
    require_columns(table.columns, COPY_COLUMNS, COPY_NOTES)
    return table.select(
        "month",
        usd_per_bbl=pl.col("urals_tax_price_usd_bbl").cast(pl.Float64),
        rub_per_usd=pl.lit(None, pl.Float64),
        kc=pl.lit(None, pl.Float64),
        has_row_identity=pl.lit(None, pl.Boolean),
    )


def _without_identity(prices: pl.DataFrame) -> pl.DataFrame:
    refused = prices.filter(pl.col("is_latest") & ~pl.col("has_row_identity"))
    return refused.select("month", "usd_per_bbl", "rub_per_usd", "kc", "document")


SOURCE = Source(
    name="urals_tax_price",
    title="Urals, official monthly price for oil taxes",
    publisher="Ministry of Economic Development of Russia and Federal Tax Service, collected by ConsultantPlus",
    licence="official figures, no licence text seen; facts only",
    attribution="Source: Ministry of Economic Development of Russia, as collected by ConsultantPlus",
    tables=(URALS_TAX_PRICES,),
    requests=requests,
    follow=follow,
    read=read,
    period_end={URALS_TAX_PRICES.name: MONTH_END},
    published_on={URALS_TAX_PRICES.name: MONTH_END + pl.duration(days=PUBLICATION_LAG_DAYS)},
    newest_expected=lambda today: month_over(today - dt.timedelta(days=PUBLICATION_LAG_DAYS + LATENESS_DAYS), 1),
    rows={
        URALS_TAX_PRICES.name: Band(
            1, 400, "the table began in 2002, twelve months a year; a section of running years may hold one"
        )
    },
    medians={
        f"{URALS_TAX_PRICES.name}.usd_per_bbl": Band(
            5, 200, "a barrel of Urals; the exchange rate beside it is in roubles, the tax rate in roubles per tonne"
        )
    },
    quirks={
        URALS_TAX_PRICES.name: [
            Quirk(
                "row_identity",
                "Kc = (price - 15) x exchange rate / 261 holds in every row; one in which it fails is refused.",
                _without_identity,
            ),
            revised(URALS_TAX_PRICES, "usd_per_bbl"),
            withdrawn(URALS_TAX_PRICES),
        ]
    },
    pause_s=1.0,
    sends_web_pages=True,
)
