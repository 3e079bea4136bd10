"""How days, windows, classes and amounts are written, and how plain text is laid out.

Here: small functions from a value to words, and from words to lines of the page width.
Add here: a wording or layout that more than one text needs.
Keep out: anything that looks at a rule or a cargo as a whole.
"""

import datetime as dt
import math
import textwrap
from collections.abc import Iterable, Sequence

from pipelines.contracts.rules import PRODUCT_CLASSES

WIDTH = 100
A_DAY = dt.timedelta(days=1)
_MILLION = 1e6


def paragraph(text: str, indent: int = 0, hang: int = 0) -> str:
    """The text wrapped to `WIDTH`, all lines indented, those after the first by `hang` more."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_long_words=False,
        break_on_hyphens=False,
    )


def labelled(pairs: Iterable[tuple[str, str]], indent: int = 2) -> list[str]:
    """Label and text side by side, the texts aligned and wrapped."""
    pairs = list(pairs)
    width = max((len(label) for label, _ in pairs), default=0) + 2
    return [paragraph(f"{label:<{width}}{text}", indent, width) for label, text in pairs]


def table(rows: Sequence[Sequence[str]], indent: int = 2) -> list[str]:
    """Cells in aligned columns, one line a row."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        (" " * indent + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]


def span(first: dt.date, last: dt.date) -> str:
    """A stretch of days, both ends included."""
    return f"{first}" if first == last else f"{first} to {last}"


def last_day(valid_to: dt.date | None) -> str:
    """The last day inside a window that ends before `valid_to`."""
    return "open" if valid_to is None else f"{valid_to - A_DAY}"


def classes(product_classes: str) -> str:
    """Product classes separated by `;`, in words."""
    listed = product_classes.split(";")
    if set(listed) == set(PRODUCT_CLASSES):
        return "crude and products"
    if set(listed) == set(PRODUCT_CLASSES) - {"crude"}:
        return "products"
    return " or ".join(name.replace("_product", " products") for name in listed)


def amount(value: float) -> str:
    """A number with thousands separators and two decimals, none where it is whole."""
    return f"{value:,.2f}".removesuffix(".00")


def per_barrel(value: float) -> str:
    """A price with two to four decimals, more where these would hide that it is not zero."""
    if value and abs(value) < 0.00005:
        return f"{value:.2g}"
    whole, decimals = f"{value:,.4f}".split(".")
    return f"{whole}.{decimals.rstrip('0'):<02}"


def cell(value: object) -> str:
    """A value in a table for people: thousands separators, two decimals, empty for null."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.2f}"
        case list():
            return ";".join(str(item) for item in value)
        case _:
            return str(value)


def cap_level(cap_usd_per_bbl: float) -> str:
    """A cap as it is enacted."""
    return f"{cap_usd_per_bbl:g} USD/bbl"


def spaced(name: str) -> str:
    """A code as words: `above_cap` becomes `above cap`."""
    return name.replace("_", " ")


def money(least: float, most: float | None) -> str:
    """An amount of US dollars that lies between two ends; a missing or infinite end is not known."""
    if most is None or math.isinf(most):
        return f"at least {_dollars(least)}"
    if least == most:
        return _dollars(least)
    if most < _MILLION:
        return f"{least:,.0f} to {_dollars(most)}"
    return f"{least / _MILLION:,.2f} to {_dollars(most)}" if least else f"0 to {_dollars(most)}"


def _dollars(usd: float) -> str:
    return f"{usd / _MILLION:,.2f} million USD" if usd >= _MILLION else f"{usd:,.0f} USD"


def number(count: int, one: str, many: str) -> str:
    """A count with its noun."""
    return f"{count:,} {one if count == 1 else many}"


def evidence(kind: str) -> str:
    """A kind of evidence as the heading of what rests on it."""
    headings = {
        "declared_shipment": "Declared shipments",
        "customs_flow": "Customs flows",
        "enforcement_case": "Enforcement cases",
    }
    return headings.get(kind, spaced(kind))


def series(name: str) -> str:
    """A published price series as the trade calls it."""
    return {"brent": "Brent", "urals_tax": "Urals (official tax price)"}.get(name, spaced(name))


def listing(parts: Sequence[str], word: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return f" {word} ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def cite(source: str) -> str:
    """Source ids separated by `;` as a citation, resolved at the end of the text."""
    return f"[{', '.join(source.split(';'))}]"
