"""Names that people spell in many ways.

Here: one spelling for comparisons.
Add here: nothing per name; other spellings of a grade are aliases in `data/reference/grades.csv`.
Keep out: look-ups of what a name means.
"""

import re

import polars as pl


def normalised(name: str) -> str:
    """A name without case, blanks and punctuation: `SAKHALIN-2` and `Sakhalin 2` become `sakhalin2`."""
    return re.sub(r"[^0-9a-z]", "", name.lower())


def normalised_expr(name: pl.Expr) -> pl.Expr:
    """`normalised` on a column; a name without letters or digits becomes null."""
    bare = name.str.to_lowercase().str.replace_all(r"[^0-9a-z]", "")
    return pl.when(bare != "").then(bare)
