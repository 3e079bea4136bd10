"""What is told about rows that are set aside: which cell, what is wrong, what to do.

Here: the quarantine rows of a file, and the words for each check.
Add here: the words for a new check.
Keep out: the finding of faults (`cells`, the readers and the contracts).
"""

import csv
import io
from collections import defaultdict
from collections.abc import Mapping

import polars as pl

from pipelines.contracts.quarantine import QUARANTINE
from pipelines.contracts.table import Table
from pipelines.shown import UNPRINTABLE_CHARACTER, shown_line
from pipelines.sources.cells import FIRST_DAY, LARGEST_NUMBER, LAST_DAY, LEAST_NUMBER
from pipelines.sources.rows import Cells, Rows


def rejections(file: str, header: list[str], table: Table, rows: Rows, failures: pl.DataFrame) -> pl.DataFrame:
    """The rows that fail, in the shape of the quarantine. failures: in the shape of `FAILURE`."""
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for number, column, check in failures.iter_rows():
        found[number].append((column, check))
    position = {column.name: place for place, column in enumerate(table.columns)}

    records: list[tuple[object, ...]] = [
        (
            file,
            number,
            None,
            None,
            "ragged_row",
            f"the row has {len(cells)} cells and the header has {len(header)}, "
            "look for a missing or surplus comma or quote",
            None,
            csv_line(cells),
        )
        for number, cells in rows.ragged
    ]
    is_bad = rows.row_numbers.is_in(failures["row_number"].implode())
    for number, cells in zip(rows.row_numbers.filter(is_bad), rows.whole(is_bad), strict=True):
        row = dict(zip(header, cells, strict=True))
        reasons = sorted(found[number], key=lambda reason: position.get(reason[0], len(position)))
        records.append(
            (
                file,
                number,
                row.get("shipment_id"),
                "; ".join(column for column, _ in reasons),
                "; ".join(check for _, check in reasons),
                "; ".join(_message(table, column, check, row) for column, check in reasons),
                "; ".join(row.get(column) or "" for column, _ in reasons),
                csv_line(cells),
            )
        )
    return pl.DataFrame(records, schema=QUARANTINE.polars_schema(), orient="row").sort("row_number")


def csv_line(cells: Cells) -> str:
    """Cells as one line of CSV."""
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().removesuffix("\r\n")


_WRITE_NUMBER = "write a plain number with a decimal point and no thousands separator, such as 1234.5"
_TOLD = {
    "not_a_number": f"{{}} is not a number, {_WRITE_NUMBER}",
    "decimal_comma": f"{{}} has a comma, {_WRITE_NUMBER}",
    "thousands_or_decimals": "{} can be thousands or decimals, because other numbers of the file have a comma for "
    f"decimals or points for thousands, {_WRITE_NUMBER}",
    "not_finite": f"{{}} is not a finite number, {_WRITE_NUMBER} or leave it empty if it is not known",
    "implausible_number": f"{{}} is too large or too small to be true, numbers are below {LARGEST_NUMBER:,.0f} and "
    f"0 or at least {LEAST_NUMBER:.9f}, look for a slip of the pen or another unit",
    "percentage": "{} is shown as a percentage, write the amount itself",
    "not_yes_or_no": "{} is neither yes nor no, write one of them or leave it empty if it is not known",
    "not_a_date": "{} is not a day of the calendar written YYYY-MM-DD, write it so",
    "implausible_day": f"{{}} is not between {FIRST_DAY} and {LAST_DAY}, write the true day or leave it empty "
    "if it is not known",
    "number_in_text": "{} is stored as a number, which drops zeros at its ends, store it as text",
    "not_text": "{} is stored as a day or as yes or no, which may not be what was written, store it as text",
    "unprintable": "{} holds characters that cannot be seen or were lost ({characters}), write it without them",
    "swallowed_rows": "{} holds what looks like other rows, look for a quote that opens in this row and closes in a "
    "later one",
    "merged_cell": "{} belongs to merged cells, so for which rows it is meant cannot be told, unmerge them and fill "
    "in each",
    "formula_without_value": "{} is a formula without a stored result, save the file in a spreadsheet program "
    "or replace the formula by its value",
    "formula_error": "{} is the error of a formula, mend the formula or leave the cell empty",
    "unique": "{} stands in more than one row and which one is right cannot be told, keep one",
}


def _message(table: Table, name: str, check: str, row: Mapping[str, str | None]) -> str:
    """What is wrong with a cell and what to do, as one phrase."""
    cell = f"{shown_line(name)} {_shown(row.get(name))}"
    if check in _TOLD:
        found = dict.fromkeys(UNPRINTABLE_CHARACTER.findall(row.get(name) or ""))
        characters = ", ".join(f"U+{ord(character):04X}" for character in found)
        return _TOLD[check].format(cell, characters=characters)
    for frame_check in table.checks:
        if frame_check.name == check:
            looked_at = dict.fromkeys(frame_check.good.meta.root_names())
            values = " and ".join(f"{one} is {_shown(row.get(one))}" for one in looked_at)
            return f"{frame_check.meaning}, but {values}"
    column = table.column(name)
    vocabulary = column.allowed or ()
    wanted = f"one of {', '.join(vocabulary)}" if 0 < len(vocabulary) <= 30 else f"the {column.meaning}"
    return {
        "required": f"{name} is empty and needs a value: {column.meaning}",
        "above": f"{cell} must be above {column.above}",
        "at_least": f"{cell} must be {column.at_least} or more",
        "allowed": f"{cell} is not known, write {wanted}",
        "pattern": f"{cell} has the wrong form, write {wanted}",
    }[check]


def _shown(value: str | None) -> str:
    if value is None or not value.strip():
        return "(empty)"
    return repr(value if len(value) <= 60 else value[:57] + "...")
