"""What Eurostat's files have in common: SDMX-CSV, with or without labels, in the editions that are about.

Here: observations as a frame, whatever the data set.
Add here: another way in which Eurostat writes the same thing.
Keep out: what a data set means (one module each beside this one).
"""

from collections.abc import Iterable, Sequence

import polars as pl

from pipelines.sources.upstream import SourceFault, require_columns

# Columns beside the dimensions. The first edition of the format starts with the data flow, the second with STRUCTURE;
# Comext has no flags, and the energy statistics moved theirs for confidential figures to CONF_STATUS.
BESIDE = ("DATAFLOW", "LAST UPDATE", "STRUCTURE", "STRUCTURE_ID", "STRUCTURE_NAME", "freq", "OBS_FLAG", "CONF_STATUS")
# Countries added up, among the reporters and partners.
AGGREGATE = r"^(EU|EA|EUROZONE|EXT_|INT_|WORLD|TOTAL).*"
WITHHELD = "c"


def text_of(body: bytes) -> pl.DataFrame:
    """A CSV file as text. Raises `SourceFault` for one that does not end with a whole line."""
    if not body.endswith(b"\n"):
        raise SourceFault("complete", "the last line has no end: the file was cut short")
    return pl.read_csv(body, infer_schema=False)


def observations(table: pl.DataFrame, dimensions: Sequence[str], optional: Sequence[str] = ()) -> pl.DataFrame:
    """The observations of an SDMX-CSV, read as text.

    Result: the dimensions as bare codes (optional ones null where the file has none), month (YYYY-MM), value (null
    where none is published or it is withheld), flag (such as `c`, confidential), updated_on. Raises `SourceFault`.
    """
    # With labels a code reads `RU:Russia`, and so may the header.
    table = table.rename(lambda name: name.split(":", 1)[0].strip())
    require_columns(table.columns, (*dimensions, "TIME_PERIOD", "OBS_VALUE"), (*BESIDE, *optional))
    nothing = {name: pl.lit(None, pl.String) for name in (*optional, *BESIDE) if name not in table.columns}
    table = table.with_columns(**nothing)
    flag = pl.concat_str("OBS_FLAG", pl.col("CONF_STATUS").str.to_lowercase(), ignore_nulls=True).str.strip_chars()
    found = table.select(
        *(pl.col(name).str.split(":").list.first().str.strip_chars() for name in (*dimensions, *optional)),
        month=pl.col("TIME_PERIOD").str.strip_chars(),
        value=figure("OBS_VALUE"),
        flag=pl.when(flag != "").then(flag),
        updated_on=pl.col("LAST UPDATE").str.head(8).str.to_date("%d/%m/%y", strict=False),
    )
    if found.select(pl.any_horizontal(pl.col(*dimensions, "month").is_null()).any()).item():
        raise SourceFault("complete", "a line ends before its period")
    return found.with_columns(value=pl.when(~pl.col("flag").str.contains(WITHHELD).fill_null(False)).then("value"))


def figure(column: str) -> pl.Expr:
    """A figure as Eurostat writes it: a colon or nothing for none, and in some editions commas between thousands."""
    text = pl.col(column).str.strip_chars()
    text = pl.when(~text.is_in(["", ":"])).then(text)
    grouped = text.str.contains(r"^-?\d{1,3}(,\d{3})+(\.\d+)?$")
    return pl.when(grouped).then(text.str.replace_all(",", "", literal=True)).otherwise(text).cast(pl.Float64)


def side_by_side(
    found: pl.DataFrame, key: Sequence[str], indicator: str, known: Iterable[str], needed: Iterable[Iterable[str]]
) -> pl.DataFrame:
    """One row per key with a column for the value and one for the flag (`<indicator>:flag`) of each known indicator.

    known: every indicator that may occur; the unit of a figure stands in its name, so an unknown one is a change of
    unit. needed: of each group at least one occurs. Raises `SourceFault`.
    """
    known = list(known)
    codes = found[indicator].unique().to_list()
    if unknown := sorted(set(codes) - set(known)):
        raise SourceFault("unit_as_expected", f"{indicator} {', '.join(unknown)[:200]} is none of {', '.join(known)}")
    for group in needed:
        if found.height and not set(group) & set(codes):
            raise SourceFault("unit_as_expected", f"no {indicator} {' or '.join(group)} in the file")
    if found.select(*key, indicator).is_duplicated().any():
        raise SourceFault("one_value_each", f"a figure occurs twice for the same {', '.join([*key, indicator])}")
    return found.group_by(key, maintain_order=True).agg(
        *(pl.col("value").filter(pl.col(indicator) == code).first().alias(code) for code in known),
        *(pl.col("flag").filter(pl.col(indicator) == code).first().alias(f"{code}:flag") for code in known),
        updated_on=pl.col("updated_on").max(),
    )
