"""What the text of a cell means, and what is wrong with it.

Here: the tidying and parsing of each type of column, and the checks that need no other row.
Add here: the tidying of a new column, or another way in which text is not what it seems.
Keep out: how the text came out of a file (`rows_of_csv` and its siblings), how many cells are parsed at a time
(`columns`) and the words for people (`rejections`).
"""

import datetime as dt
from collections.abc import Callable

import polars as pl

from pipelines.contracts.rules import PROVIDER_ROLES
from pipelines.contracts.table import Column
from pipelines.shown import UNPRINTABLE

DEFAULTS = {"transport_mode": "sea", "incoterm": "FOB"}

# Outside of these a day is a slip of the pen or stands for "not known" (1900-01-01, 9999-12-31).
FIRST_DAY, LAST_DAY = dt.date(1990, 1, 1), dt.date(2099, 12, 31)
# Fifteen digits are what a number holds exactly; what is smaller than the least is not 0 and not a quantity either.
LARGEST_NUMBER, LEAST_NUMBER = 1e15, 1e-9

_NUMBER = r"^-?[0-9]+(?:\.[0-9]+)?$"
_COMMA_NUMBER = r"^-?[0-9.]+,[0-9]+$"
_NOT_FINITE = r"(?i)^[+-]?(?:nan|inf|infinity)$"
# 59,70 and 1.234.567 tell that a file has commas for decimals; then its 700.000 may well be seven hundred thousand.
_COMMA_FOR_DECIMALS = r"^-?[0-9]{1,3}(?:\.[0-9]{3}){2,}$|^-?[0-9.]*[0-9],(?:[0-9]{1,2}|[0-9]{4,})$|^-?[0-9]+\.[0-9.]*,"
_POINT_BEFORE_THREE = r"^-?[0-9]{1,3}\.[0-9]{3}$"
# Text that may be tidied or be a fault; what else there is, is printable ASCII.
_NOT_PLAIN = r"^[ #]| $|[^ -~]"
_DATE = r"^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}$"
_YES_NO = {"yes": True, "no": False, "true": True, "false": False}  # workbooks and Parquet say true and false
# What spreadsheet programs write for a formula that failed, and for a column too narrow to show its number.
_FORMULA_ERROR = (
    r"(?i)^#(?:N/A|NV|DIV/0!|REF!|BEZUG!|VALUE!|WERT!|NAME\?|NUM!|ZAHL!|NULL!|SPILL!|CALC!|GETTING_DATA|#+)$"
)


# --- tidying -----------------------------------------------------------------------------------------------


def _upper(text: pl.Expr) -> pl.Expr:
    return text.str.to_uppercase()


def _locode(text: pl.Expr) -> pl.Expr:
    return text.str.to_uppercase().str.replace(r"^([A-Z]{2})\s([A-Z0-9]{3})$", "$1$2")


def _listed(text: pl.Expr) -> pl.Expr:
    parts = text.str.split(";").list.eval(pl.element().str.strip_chars())
    return parts.list.eval(pl.element().filter(pl.element() != "").unique(maintain_order=True)).list.join(";")


_TIDY: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "hs_code": lambda text: text.str.replace_all(r"[.\s]", ""),
    "origin_country": _upper,
    "destination_country": _upper,
    **dict.fromkeys(PROVIDER_ROLES, _upper),
    "loading_port": _locode,
    "discharge_port": _locode,
    "transport_mode": lambda text: text.str.to_lowercase(),
    "quantity_unit": lambda text: text.str.to_lowercase(),
    "currency": _upper,
    "incoterm": _upper,
    "nexus": lambda text: _listed(_upper(text)),
    "sts_transfer_dates": _listed,
}


def tidied(name: str) -> pl.Expr:
    """The text of a column as it is judged, null where it is blank."""
    text = pl.col(name).str.strip_chars()
    tidy = _TIDY.get(name, lambda text: text)(text)
    # Where nothing is left of a text (a code that is all dots), the text itself is judged.
    return pl.when(tidy != "").then(tidy).when(text != "").then(text).alias(name)


# --- values ------------------------------------------------------------------------------------------------


def value(column: Column) -> pl.Expr:
    """The typed value of a tidied text without fault, null where it is blank and nothing stands for that."""
    text = pl.col(column.name)
    if column.dtype == pl.Float64():
        return text.cast(pl.Float64, strict=False) + 0.0  # -0 is 0
    if column.dtype == pl.Date():
        return text.str.to_date("%Y-%m-%d", strict=False)
    if column.dtype == pl.Boolean():
        return text.str.to_lowercase().replace_strict(_YES_NO, default=None, return_dtype=pl.Boolean())
    default = DEFAULTS.get(column.name)
    return text if default is None else text.fill_null(default)


def fault(column: Column, points_may_be_thousands: bool) -> pl.Expr:
    """The name of the check that a tidied text fails, or null."""
    text = pl.col(column.name)
    found = pl.when(text.str.contains(_FORMULA_ERROR)).then(pl.lit("formula_error"))
    if column.dtype == pl.Float64():
        number = text.cast(pl.Float64, strict=False)
        size = number.abs()
        may_be_thousands = text.str.contains(_POINT_BEFORE_THREE) & points_may_be_thousands
        return (
            found.when(may_be_thousands)
            .then(pl.lit("thousands_or_decimals"))
            .when(text.str.contains(_COMMA_NUMBER))
            .then(pl.lit("decimal_comma"))
            .when(text.str.contains(_NOT_FINITE) | (text.str.contains(_NUMBER) & ~number.is_finite().fill_null(False)))
            .then(pl.lit("not_finite"))
            .when(~text.str.contains(_NUMBER))
            .then(pl.lit("not_a_number"))
            .when((size >= LARGEST_NUMBER) | ((size > 0) & (size < LEAST_NUMBER)))
            .then(pl.lit("implausible_number"))
        )
    if column.dtype == pl.Date():
        day = value(column)
        return (
            found.when(~text.str.contains(_DATE) | (text.is_not_null() & day.is_null()))
            .then(pl.lit("not_a_date"))
            .when(~day.is_between(FIRST_DAY, LAST_DAY))
            .then(pl.lit("implausible_day"))
        )
    if column.dtype == pl.Boolean():
        return found.when(text.is_not_null() & value(column).is_null()).then(pl.lit("not_yes_or_no"))
    if column.allowed or column.pattern:  # what these let through needs no second look
        return pl.lit(None, pl.String)
    return found.when(text.str.contains(UNPRINTABLE)).then(pl.lit("unprintable"))


def has_comma_decimals(name: str) -> pl.Expr:
    """Whether some tidied text is a number with a comma for decimals or points for thousands."""
    return pl.col(name).str.contains(_COMMA_FOR_DECIMALS).any()


def plain(column: Column, points_may_be_thousands: bool) -> tuple[pl.Expr, pl.Expr] | None:
    """The short way to the values of text, and for which cells it is sure to end where the long one does.

    The long way is to tidy a text and then to ask for its fault and its value; no short one is known for all columns.
    A sure cell has no fault, and no comma for decimals or points for thousands.
    """
    text = pl.col(column.name)
    if column.dtype == pl.Float64() and not points_may_be_thousands:
        number = text.cast(pl.Float64, strict=False) + 0.0
        size = number.abs()
        is_plausible = (size == 0) | ((size >= LEAST_NUMBER) & (size < LARGEST_NUMBER))
        return number, (text == "") | text.is_null() | (text.str.contains(_NUMBER) & is_plausible.fill_null(False))
    if column.dtype == pl.String() and not (
        column.allowed or column.pattern or column.name in _TIDY or column.name in DEFAULTS
    ):
        return pl.when(text != "").then(text), ~text.str.contains(_NOT_PLAIN)
    return None
