"""The parts of an XLSX workbook, within limits: a zip file of XML that may be damaged or meant to do harm.

Here: unpacking and parsing a part, and what the parts beside the sheets say: sheets, texts, number formats.
Add here: another part that changes what a cell shows.
Keep out: the cells of a sheet (`rows_of_xlsx`).

A part is parsed while it is unpacked, so neither its size nor its shape can fill the memory. Nothing is written to
disk and no link leads out of the file. A document type, which XML bombs and outside entities need, is refused.
"""

import datetime as dt
import posixpath
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO
from xml.parsers import expat

from pipelines.sources.rows import MAX_CELL

_PARTS = 10_000
SHEET_BYTES = 4 << 30
_TEXTS_BYTES, _PART_BYTES = 256 << 20, 32 << 20
# What packs better than this is no table of people.
_BYTES_ANYWAY, _BYTES_PER_BYTE = 64 << 20, 200
_BLOCK_BYTES, _TAG_BYTES, _DEPTH = 1 << 18, 8 << 20, 100

_MAIN = ("http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://purl.oclc.org/ooxml/spreadsheetml/main")
_DOCUMENT = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "http://purl.oclc.org/ooxml/officeDocument/relationships",
)
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"

_NAMES = {
    f"{space} {name}": name
    for space in (*_MAIN, _PACKAGE)
    for name in (
        "Relationship", "workbookPr", "sheet", "numFmt", "cellStyleXfs", "cellXfs", "xf", "si", "t", "rPh",
        "row", "c", "f", "v", "mergeCell",
    )
}  # fmt: skip
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")

Attributes = Mapping[str, str]


class DamagedError(Exception):
    """What is wrong with a workbook, as a phrase that follows "the file cannot be read as XLSX"."""


@dataclass(frozen=True)
class Handlers:
    """What to do at the start and end of an element, by its local name, and with text."""

    start: Callable[[str, Attributes], None]
    end: Callable[[str], None] = lambda name: None
    text: Callable[[str], None] = lambda text: None


class Package:
    """The zip file. Raises `DamagedError`, and what `zipfile` and `expat` raise for a damaged file."""

    def __init__(self, file: BinaryIO) -> None:
        self._archive = zipfile.ZipFile(file)
        listed = self._archive.infolist()
        size = file.seek(0, 2)
        if len(listed) > _PARTS:
            raise DamagedError(f"it has {len(listed):,} parts")
        unpacked = sum(info.file_size for info in listed)
        if unpacked > max(_BYTES_ANYWAY, _BYTES_PER_BYTE * size):
            raise DamagedError(f"{size:,} bytes unpack to {unpacked:,}")
        self._parts = {info.filename.lower(): info for info in listed}
        if len(self._parts) < len(listed):
            raise DamagedError("it has two parts of one name")
        for info in listed:
            if info.filename.startswith("/") or "\\" in info.filename or ".." in info.filename.split("/"):
                raise DamagedError("a part of it has the name of a file elsewhere")
            if info.flag_bits & 1:
                raise DamagedError("it is encrypted")

    def links(self, part: str) -> dict[str, tuple[str, str]]:
        """Where a part leads inside the file: kind and part by id. The empty name is the file as a whole."""
        folder, base = posixpath.split(part)
        found = {}
        for name, link in self.starts(posixpath.join(folder, "_rels", f"{base}.rels")):
            if name == "Relationship" and link.get("TargetMode") != "External":
                kind = link["Type"].rpartition("/")[2]
                found[link["Id"]] = (kind, posixpath.normpath(posixpath.join("/", folder, link["Target"])).lstrip("/"))
        return found

    def starts(self, part: str, limit: int = _PART_BYTES) -> Iterator[tuple[str, Attributes]]:
        """The elements of a part as they begin."""
        waiting: list[tuple[str, Attributes]] = []
        for _ in self.parsed(part, Handlers(lambda name, attributes: waiting.append((name, attributes))), limit):
            yield from waiting
            waiting.clear()

    def mentions(self, part: str, word: str) -> bool:
        """Whether a word stands somewhere in a part; much faster than parsing it."""
        written = [word.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be")]
        kept = b""
        for block in self._blocks(part, SHEET_BYTES):
            kept = kept[-2 * len(word) :] + block
            if any(form in kept for form in written):
                return True
        return False

    def parsed(self, part: str, handlers: Handlers, limit: int) -> Iterator[None]:
        """Parses a part; stops after each block, so that what the handlers gathered can be taken."""
        parser = _parser(handlers)
        fed = 0
        for block in self._blocks(part, limit):
            parser.Parse(block, False)
            fed += len(block)
            # A tag is held whole until it ends.
            if fed - parser.CurrentByteIndex > _TAG_BYTES:
                raise DamagedError(f"its part {part} has a tag that does not end")
            yield
        parser.Parse(b"", True)
        yield

    def _blocks(self, part: str, limit: int) -> Iterator[bytes]:
        info = self._parts.get(part.lower())
        if info is None:
            raise DamagedError(f"its part {part} is missing")
        if info.file_size > limit:
            raise DamagedError(f"its part {part} unpacks to {info.file_size:,} bytes")
        with self._archive.open(info) as stream:
            while block := stream.read(_BLOCK_BYTES):
                yield block


def _parser(handlers: Handlers) -> expat.XMLParserType:
    depth = 0

    def start(name: str, attributes: Attributes) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEPTH:
            raise DamagedError("its elements are nested without end")
        if known := _NAMES.get(name):
            handlers.start(known, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        if known := _NAMES.get(name):
            handlers.end(known)

    def refuse(*_: object) -> None:
        raise DamagedError("its XML has a document type, which no workbook needs")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = handlers.text
    return parser


@dataclass(frozen=True)
class Workbook:
    """What the cells of the sheets need.

    sheets: name and part of the sheets that a person sees, in order. texts: the shared texts. formats: the number
    format of each style. epoch: the day that dates are counted from.
    """

    package: Package
    sheets: list[tuple[str, str]]
    texts: list[str]
    formats: list[str]
    epoch: dt.datetime


def open_workbook(file: BinaryIO) -> Workbook:
    """The workbook of a file. Raises as `Package` does."""
    from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH

    package = Package(file)
    main = next((part for kind, part in package.links("").values() if kind == "officeDocument"), None)
    if main is None:
        raise DamagedError("it is a zip file, but no workbook")
    links = package.links(main)
    parts = dict(links.values())
    sheets, epoch = [], WINDOWS_EPOCH
    for name, attributes in package.starts(main):
        if name == "workbookPr" and attributes.get("date1904") in ("1", "true"):
            epoch = MAC_EPOCH
        if name == "sheet" and attributes.get("state", "visible") == "visible":
            link = next((attributes[f"{space} id"] for space in _DOCUMENT if f"{space} id" in attributes), "")
            kind, part = links.get(link, ("", ""))
            if kind == "worksheet":
                sheets.append((attributes.get("name", ""), part))
    if not sheets:
        raise DamagedError("it has no sheet that can be seen")
    return Workbook(
        package,
        sheets,
        _shared_texts(package, parts["sharedStrings"]) if "sharedStrings" in parts else [],
        _formats(package, parts["styles"]) if "styles" in parts else [],
        epoch,
    )


def _formats(package: Package, part: str) -> list[str]:
    from openpyxl.styles.numbers import BUILTIN_FORMATS

    codes: dict[int, str] = dict(BUILTIN_FORMATS)
    formats: list[str] = []
    is_of_cells = False
    for name, attributes in package.starts(part):
        if name == "numFmt":
            codes[int(attributes["numFmtId"])] = attributes.get("formatCode", "")
        elif name in ("cellXfs", "cellStyleXfs"):
            is_of_cells = name == "cellXfs"
        elif name == "xf" and is_of_cells:
            formats.append(codes.get(int(attributes.get("numFmtId", "0")), "General"))
    return formats


def _shared_texts(package: Package, part: str) -> list[str]:
    texts: list[str] = []
    pieces = Texts("t")

    def end(name: str) -> None:
        pieces.end(name)
        if name == "si":
            texts.append(pieces.taken("t"))

    for _ in package.parsed(part, Handlers(lambda name, _: pieces.start(name), end, pieces.add), _TEXTS_BYTES):
        pass
    return texts


class Texts:
    """The text inside elements of the given names, until it is taken; not that of reading aids (`rPh`)."""

    def __init__(self, *names: str) -> None:
        self._pieces: dict[str, list[str]] = {name: [] for name in names}
        self._into: list[str] | None = None
        self._is_aid = False
        self._size = 0

    def start(self, name: str) -> None:
        """An element begins."""
        if name in self._pieces and not self._is_aid:
            self._into = self._pieces[name]
        elif name == "rPh":
            self._is_aid = True

    def end(self, name: str) -> None:
        """An element ends."""
        if name in self._pieces:
            self._into = None
        elif name == "rPh":
            self._is_aid = False

    def add(self, piece: str) -> None:
        """Text between tags. Raises `DamagedError` if it becomes too long for a cell."""
        if self._into is not None:
            self._into.append(piece)
            self._size += len(piece)
            if self._size > MAX_CELL:
                raise DamagedError(f"a cell has more than {MAX_CELL:,} characters")

    def taken(self, name: str) -> str:
        """What stood in the elements of this name. Characters that XML cannot hold stand there as `_x001B_`."""
        text = "".join(self._pieces[name])
        self._pieces[name].clear()
        self._size = 0
        return _ESCAPE.sub(_unescaped, text) if "_x" in text else text


def _unescaped(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return "\ufffd" if "\ud800" <= character <= "\udfff" else character  # half a character
