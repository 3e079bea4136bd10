"""Reading the CSV files that ship with the project, by their contracts.

Here: one function that turns such a file into a typed, checked frame.
Add here: nothing per file; a new file needs a `Table` only.
Keep out: files of users and of upstreams (see `pipelines.sources`), which may break their contract.
"""

from pathlib import Path

import polars as pl

from pipelines.contracts.table import Table


class DataFileError(Exception):
    """A shipped table does not keep its contract; the message lists every problem, one a line."""


def read_table(path: Path, table: Table) -> pl.DataFrame:
    """The rows of a CSV file as a frame of `table`.

    Raises `DataFileError` naming file, row (the header is row 1), column and value of everything wrong.
    """
    try:
        raw = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataFileError(f"{path.name}: cannot be read ({error}); restore the file.") from error
    names = [column.name for column in table.columns]
    if raw.columns != names:
        raise DataFileError(f"{path.name}: the header must be {','.join(names)}; it is {','.join(raw.columns)}.")
    typed = raw.with_columns(_typed(column.name, column.dtype) for column in table.columns)
    problems = []
    for column in table.columns:
        text, value = raw[column.name], typed[column.name]
        if value.null_count() > text.null_count():
            lost = (text.is_not_null() & value.is_null()).arg_true()
            problems += [
                f"{path.name}, row {i + 2}, column {column.name}: {text[i]!r} is not a {column.dtype}." for i in lost
            ]
        if column.required and text.null_count():
            empty = text.is_null().arg_true()
            problems += [f"{path.name}, row {i + 2}, column {column.name}: a value is required." for i in empty]
    if problems:
        raise DataFileError("\n".join(problems))
    return _checked(typed, table, path.name)


def _typed(name: str, dtype: pl.DataType) -> pl.Expr:
    text = pl.col(name)
    if dtype == pl.Boolean():
        return text.replace_strict({"true": True, "false": False}, default=None, return_dtype=pl.Boolean())
    if dtype == pl.Date():
        return text.str.to_date("%Y-%m-%d", strict=False)
    return text.cast(dtype, strict=False)


def _checked(frame: pl.DataFrame, table: Table, file: str) -> pl.DataFrame:
    failures = table.failures(frame)
    if failures.height:
        lines = [
            f"{file}, row {'?' if case['row'] is None else case['row'] + 2}, column {case['column']}: "
            f"fails the check {case['check']}."
            for case in failures.head(20).iter_rows(named=True)
        ]
        raise DataFileError("\n".join(lines))
    return frame
