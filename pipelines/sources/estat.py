"""The portal of Japan's official statistics (e-Stat): what its listing pages and its answers look like.

Here: reading a listing page for its months and its files, and unwrapping an answer of the data API.
Add here: another form in which the portal lists or wraps data.
Keep out: what any one data set holds (`pipelines.sources.publishers`).
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pipelines.sources.upstream import SourceFault

LISTING_URL = "https://www.e-stat.go.jp/stat-search/files"
DOWNLOAD_URL = "https://www.e-stat.go.jp/stat-search/file-download"
API_URL = "https://api.e-stat.go.jp/rest/3.0/app/json/getStatsData"
# The `fileKind` of a download.
EXCEL, CSV = "0", "1"

_YEAR, _MONTH, _FILE_ID = re.compile(r"(\d{4})0"), re.compile(r"\d*(0[1-9]|1[0-2])"), re.compile(r"\d{12}")


@dataclass(frozen=True, order=True)
class Edition:
    """A month of a listing: `code` is the portal's name for it, with the month in its last two digits."""

    year: int
    month: int
    code: str

    @property
    def params(self) -> dict[str, str]:
        """What leads to the page of the month."""
        return {"year": f"{self.year}0", "month": self.code}


@dataclass(frozen=True)
class File:
    """A file on a page of a month; `heading` is the text that stands before its link."""

    stat_inf_id: str
    heading: str


def editions(page: bytes) -> list[Edition]:
    """The months that a listing page links to, oldest first. Raises `SourceFault` where there is none."""
    found = set()
    for link in _soup(page).find_all("a", href=True):
        query = _query(link["href"])
        year, month = _YEAR.fullmatch(query.get("year", "")), _MONTH.fullmatch(query.get("month", ""))
        if year and month:
            found.add(Edition(int(year[1]), int(month[1]), month[0]))
    if not found:
        raise SourceFault("listing_as_expected", "the listing page links to no months")
    return sorted(found)


def files(page: bytes, kind: str) -> list[File]:
    """The files of a kind on a page, in its order. Raises `SourceFault` where there is none."""
    found: dict[str, File] = {}
    heading: list[str] = []
    for node in _soup(page).descendants:
        if isinstance(node, str):
            heading.append(node)
            continue
        query = _query(node["href"]) if node.name == "a" and node.has_attr("href") else {}
        stat_inf_id = query.get("statInfId", "")
        if query.get("fileKind") == kind and _FILE_ID.fullmatch(stat_inf_id) and stat_inf_id not in found:
            found[stat_inf_id] = File(stat_inf_id, plain(" ".join(heading)))
            heading = []
    if not found:
        raise SourceFault("listing_as_expected", "the page of the month links to no files")
    return list(found.values())


def refuse_page(body: bytes) -> None:
    """Raises `SourceFault` for a web page, where a file was asked for."""
    if body[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise SourceFault("not_a_web_page", "a web page came instead of data")


def _query(address: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(urlsplit(address).query))
    except ValueError:  # not an address
        return {}


def _soup(page: bytes) -> Any:
    from bs4 import BeautifulSoup

    return BeautifulSoup(page, "html.parser")


def plain(text: object) -> str:
    """Text with full-width letters, digits and signs as plain ones, and single blanks."""
    return " ".join(unicodedata.normalize("NFKC", str(text)).split())


@dataclass(frozen=True)
class Answer:
    """An answer of the API: the title of the table, its values, and where the next page starts."""

    title: str
    values: Sequence[Mapping[str, str]]
    next_position: int | None


def answer(body: bytes) -> Answer:
    """Unwraps an answer. Raises `SourceFault` for a status other than 0, which says that there are no data."""
    try:
        wrapped = json.loads(body)["GET_STATS_DATA"]
        result = wrapped["RESULT"]
        status, said = str(result["STATUS"]), plain(result.get("ERROR_MSG", ""))
        if status != "0":
            raise SourceFault("status_zero", f"the answer has status {status} instead of 0: {said}")
        data = wrapped["STATISTICAL_DATA"]
        values = data["DATA_INF"]["VALUE"]
        title = data["TABLE_INF"]["TITLE"]
        position = data["RESULT_INF"].get("NEXT_KEY")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceFault("answer_as_expected", f"the answer has another form ({error!r})") from error
    return Answer(
        plain(title.get("$", "") if isinstance(title, dict) else title),
        values if isinstance(values, list) else [values],  # a single value is not wrapped in a list
        None if position is None else int(position),
    )
