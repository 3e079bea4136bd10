"""The importing countries whose statistics are read, under the codes that publishers know them by.

Here: the shipped table of importers, for the readers of publishers.
Add here: a look-up that several publishers need.
Keep out: the countries themselves (`data/reference/importers.csv`).
"""

from functools import cache

import polars as pl

from pipelines.contracts.files import read_table
from pipelines.contracts.reference import IMPORTERS
from pipelines.sources.reference import DATA_FOLDER


@cache
def importers() -> pl.DataFrame:
    """`IMPORTERS` as shipped. Raises `DataFileError`."""
    return read_table(DATA_FOLDER / "reference" / "importers.csv", IMPORTERS)


def country_of(code_column: str) -> dict[str, str]:
    """ISO alpha-2 by the code of a publisher, a column of `IMPORTERS`."""
    return dict(zip(importers()[code_column], importers()["country"], strict=True))
