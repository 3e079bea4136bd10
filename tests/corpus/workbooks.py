"""Workbooks made by hand, part by part, so that anything about them can be wrong.

Here: a small valid workbook, and the means to change each of its parts.
Add here: another part that a reader looks at.
Keep out: what is expected of a reader (`make`).
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

# Styles by their number in `cellXfs`.
GENERAL, DAY, PERCENT, FOUR_DIGITS, DAY_BY_NAME, MOMENT = range(6)
STYLES = (
    f'{DECLARATION}<styleSheet xmlns="{MAIN}"><numFmts count="3"><numFmt numFmtId="164" formatCode="0000"/>'
    '<numFmt numFmtId="165" formatCode="[$-409]d\\ mmmm\\ yyyy;@"/><numFmt numFmtId="166" formatCode="yyyy-mm-dd hh:mm"/>'
    '</numFmts><cellStyleXfs count="1"><xf numFmtId="9"/></cellStyleXfs><cellXfs count="6"><xf numFmtId="0"/>'
    '<xf numFmtId="14"/><xf numFmtId="10"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/></cellXfs>'
    "</styleSheet>"
)


def letters(place: int) -> str:
    """The name of the column at a place that is counted from 0."""
    name = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def cell(reference: str, value: object, style: int = GENERAL) -> str:
    """A cell: text inline, numbers as numbers; a value that starts with `<` is the XML of a cell itself."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith("<c"):
        return value.replace("<c", f'<c r="{reference}"', 1)
    if isinstance(value, (int, float)):
        return f'<c r="{reference}" s="{style}"><v>{value!r}</v></c>'
    return f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'


def rows(lines: Sequence[Sequence[object]], first: int = 1) -> str:
    """Rows of cells as XML."""
    return "".join(
        f'<row r="{number}">'
        + "".join(cell(f"{letters(place)}{number}", value) for place, value in enumerate(line))
        + "</row>"
        for number, line in enumerate(lines, start=first)
    )


def sheet(data: str, after: str = "", before: str = "") -> str:
    """A worksheet part: `data` are its rows, `before` and `after` what stands around them."""
    return (
        f'{DECLARATION}<worksheet xmlns="{MAIN}" xmlns:r="{DOCUMENT}">{before}<sheetData>{data}</sheetData>{after}'
        "</worksheet>"
    )


def book(names: Sequence[str] = ("Cargoes",), states: Mapping[str, str] | None = None, properties: str = "") -> str:
    """The workbook part, with a sheet of each name."""
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{number}" r:id="rId{number}"'
        + (f' state="{states[name]}"' if states and name in states else "")
        + "/>"
        for number, name in enumerate(names, start=1)
    )
    return (
        f'{DECLARATION}<workbook xmlns="{MAIN}" xmlns:r="{DOCUMENT}">{properties}<sheets>{listed}</sheets></workbook>'
    )


def links(count: int = 1, more: str = "") -> str:
    """What the workbook part leads to: sheets, texts and styles."""
    sheets = "".join(
        f'<Relationship Id="rId{number}" Type="{DOCUMENT}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number in range(1, count + 1)
    )
    return (
        f'{DECLARATION}<Relationships xmlns="{PACKAGE}">{sheets}'
        f'<Relationship Id="rIdT" Type="{DOCUMENT}/sharedStrings" Target="sharedStrings.xml"/>'
        f'<Relationship Id="rIdS" Type="{DOCUMENT}/styles" Target="styles.xml"/>{more}</Relationships>'
    )


def texts(*items: str) -> str:
    """The shared texts; an item that starts with `<` is the XML of a text itself."""
    inner = "".join(f"<si>{item if item.startswith('<') else f'<t>{escape(item)}</t>'}</si>" for item in items)
    return f'{DECLARATION}<sst xmlns="{MAIN}">{inner}</sst>'


def parts(*sheets: str, **changed: str) -> dict[str, str | bytes]:
    """The parts of a workbook by name, those of the first and the last of all formats."""
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    return {
        "[Content_Types].xml": f'{DECLARATION}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="{kind}.worksheet+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/></Types>',
        "_rels/.rels": f'{DECLARATION}<Relationships xmlns="{PACKAGE}">'
        f'<Relationship Id="rId1" Type="{DOCUMENT}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": changed.get("book", book(tuple(f"Sheet{n}" for n in range(1, len(sheets) + 1)))),
        "xl/_rels/workbook.xml.rels": changed.get("links", links(len(sheets))),
        "xl/sharedStrings.xml": changed.get("texts", texts("unused")),
        "xl/styles.xml": changed.get("styles", STYLES),
        **{f"xl/worksheets/sheet{number}.xml": part for number, part in enumerate(sheets, start=1)},
    }


def packed(parts: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The parts as a zip file, the same bytes every time."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, part in parts.items():
            info = zipfile.ZipInfo(name, (2023, 6, 10, 0, 0, 0))
            info.compress_type = method
            archive.writestr(info, part)
    return content.getvalue()


def workbook(*sheets: str, **changed: str) -> bytes:
    """A workbook of these worksheet parts."""
    return packed(parts(*sheets, **changed))
