"""Text from outside, made fit to be shown: on a terminal, in a message, in a spreadsheet.

Here: the characters that nobody can see or that steer a terminal, the escaping of them, and of formulas in CSV.
Add here: another place where text of others is shown.
Keep out: the text itself, which tables, Parquet and JSON hold as it was given.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

# Control characters but tab and line break, characters without width, marks that turn the direction of writing,
# and the mark of a character that was lost. Both Python and Polars read the class.
UNPRINTABLE = (
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"
    "\U000e0000-\U000e007f]"
)
UNPRINTABLE_CHARACTER = re.compile(UNPRINTABLE)
_NOT_ON_A_TERMINAL = re.compile(f"{UNPRINTABLE}|[\r\ud800-\udfff]")
_NOT_IN_A_LINE = re.compile(rf"{UNPRINTABLE}|[\r\n\t\ud800-\udfff]")

# What a spreadsheet program takes for a formula (also in the wide forms of East Asian text), and the apostrophe
# itself, so that taking one away gives back what was there.
_FORMULA = "^['=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"


def shown(text: str) -> str:
    """Text of any number of lines for a terminal: whatever steers it or cannot be seen becomes an escape (`\\x1b`)."""
    return _NOT_ON_A_TERMINAL.sub(_escaped, text)


def shown_line(text: str) -> str:
    """As `shown`, on one line."""
    return _NOT_IN_A_LINE.sub(_escaped, text)


def shown_name(path: Path) -> str:
    """The name of a file on one line, different for different names: bytes that are no text become `\\xff`."""
    name = os.fsencode(path.name).replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    return shown_line(name)


def for_spreadsheets(frame: "pl.DataFrame") -> "pl.DataFrame":
    """The frame with an apostrophe before every text that a spreadsheet program would take for a formula.

    Taking one apostrophe from the texts that begin with one gives back what was there.
    """
    import polars as pl  # not for messages, which the command line shows before it loads anything

    return frame.with_columns(
        pl.when(pl.col(name).str.contains(_FORMULA)).then("'" + pl.col(name)).otherwise(pl.col(name)).alias(name)
        for name, dtype in frame.schema.items()
        if dtype == pl.String
    )


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
