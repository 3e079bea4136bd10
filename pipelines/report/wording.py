"""How days, windows, classes and amounts are written, and how plain text is laid out.

Here: small functions from a value to words, and from words to lines of the page width.
Add here: a wording or layout that more than one text needs.
Keep out: anything that looks at a rule or a cargo as a whole.
"""

import datetime as dt
import textwrap
from collections.abc import Iterable, Sequence

from pipelines.contracts.rules import PRODUCT_CLASSES

WIDTH = 100
A_DAY = dt.timedelta(days=1)


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


def cap_level(cap_usd_per_bbl: float) -> str:
    """A cap as it is enacted."""
    return f"{cap_usd_per_bbl:g} USD/bbl"


def listing(parts: Sequence[str], word: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return f" {word} ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def cite(source: str) -> str:
    """Source ids separated by `;` as a citation, resolved at the end of the text."""
    return f"[{', '.join(source.split(';'))}]"
