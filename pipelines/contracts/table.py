"""What a table is: columns, types, units, meaning, keys and checks, said once.

Here: `Column`, `FrameCheck`, `Conserved`, `Table`, and what follows: Polars and pandera schema, DuckDB statements.
Add here: a property that every table may have, with what follows from it in each derived form.
Keep out: the tables themselves (one module per group beside this one), files, and Dagster.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import pandera.polars as pa


class ContractError(ValueError):
    """A frame cannot be brought into the shape of its table; the message names table and column."""


@dataclass(frozen=True)
class Column:
    """One column. `dtype` is an instance (`pl.String()`); `meaning` is one plain phrase."""

    name: str
    dtype: pl.DataType
    meaning: str
    unit: str | None = None
    required: bool = False  # False: null is allowed, and an input file may lack the column
    allowed: tuple[str, ...] | None = None  # closed vocabulary
    above: float | None = None  # value > above
    at_least: float | None = None  # value >= at_least
    pattern: str | None = None  # regular expression that the whole text matches

    @property
    def described(self) -> str:
        """Meaning and unit."""
        return self.meaning + (f" [{self.unit}]" if self.unit else "")


@dataclass(frozen=True, eq=False)  # an expression has no plain equality
class FrameCheck:
    """A rule over several columns of a row.

    `good` is true for a good row. Null counts as bad: where a missing value is fine, the expression says so.
    `meaning` says what must hold; `column` is the one a reader should look at first.
    """

    name: str
    meaning: str
    column: str
    good: pl.Expr

    def is_about_one_of(self, columns: Collection[str]) -> bool:
        """Whether the rule looks at one column only, and that is among these."""
        roots = set(self.good.meta.root_names())
        return len(roots) == 1 and roots.issubset(columns)


@dataclass(frozen=True, eq=False)
class Measure:
    """A figure that is the same in a table of sums and in what it sums up.

    here, there: aggregations of the rows of the table and of its source to one number; null: nothing is known.
    """

    name: str
    here: pl.Expr
    there: pl.Expr


@dataclass(frozen=True, eq=False)
class Conserved:
    """What a table of sums adds up to: each measure of the rows of `sources` that are `where`.

    sources: a table, and tables joined to it by their keys. rows: `where` in words. within: columns of table and
    sources within which sums hold; over them nothing may be added, because their rows describe the same oil.
    once_per: such a column of the table alone, with its values: the sources are summed up once for each.
    """

    sources: tuple["Table", ...]
    within: tuple[str, ...]
    measures: tuple[Measure, ...]
    where: pl.Expr = field(default_factory=lambda: pl.lit(True))
    rows: str = "all rows"
    once_per: tuple[str, tuple[str, ...]] | None = None

    @property
    def caution(self) -> str:
        """What must not be added up, in one sentence."""
        *others, last = (*self.within, self.once_per[0]) if self.once_per else self.within
        return f"Add up only within one {' and '.join(filter(None, [', '.join(others), last]))}."


@dataclass(frozen=True)
class Table:
    """A table: `schema` is reference, staging, marts, quality or input; `grain` reads "one row per ...".

    is_by_month: its rows are about cargoes, and it is kept by the month of their loading, a file for each.
    """

    schema: str
    name: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    checks: tuple[FrameCheck, ...] = ()
    conserved: Conserved | None = None
    is_by_month: bool = False

    @property
    def meaning(self) -> str:
        """What a row is, and what must not be added up."""
        grain = f"{self.grain[0].upper()}{self.grain[1:]}."
        return f"{grain} {self.conserved.caution}" if self.conserved else grain

    def column(self, name: str) -> Column:
        """The column of that name. Raises `KeyError`."""
        return {column.name: column for column in self.columns}[name]

    @property
    def full_name(self) -> str:
        """As in SQL: `marts.shipment_verdicts`."""
        return f"{self.schema}.{self.name}"

    @property
    def measures(self) -> tuple[Column, ...]:
        """The columns whose sum means something: barrels and dollars, named by their unit (`quantity_bbl`)."""
        return tuple(
            column
            for column in self.columns
            if column.unit in ("bbl", "USD") and column.name.endswith(f"_{column.unit.lower()}")
        )

    def polars_schema(self) -> pl.Schema:
        """Names and types in order."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    def empty(self) -> pl.DataFrame:
        """The table without rows."""
        return self.polars_schema().to_frame()

    def conform(self, df: pl.DataFrame) -> pl.DataFrame:
        """The columns of the table in order and type; other columns are left behind.

        Raises `ContractError` for a missing column and for a value that the type cannot hold exactly.
        """
        if missing := [column.name for column in self.columns if column.name not in df.columns]:
            raise ContractError(f"{self.schema}.{self.name}: missing column {', '.join(missing)}.")
        return df.select(self._cast(df[column.name], column) for column in self.columns)

    def _cast(self, series: pl.Series, column: Column) -> pl.Series:
        where = f"{self.schema}.{self.name}.{column.name}"
        try:
            cast = series.cast(column.dtype, strict=True)
            # Also a strict cast cuts 59.7 to 59 and an instant to its day: the way back shows it.
            may_cut = series.dtype.is_numeric() or series.dtype.is_temporal()
            exact = not may_cut or cast.cast(series.dtype).equals(series)
        except pl.exceptions.PolarsError as error:
            raise ContractError(f"{where}: {series.dtype} does not become {column.dtype}: {error}") from error
        if not exact:
            raise ContractError(f"{where}: a {series.dtype} value is not exact as {column.dtype}.")
        return cast

    def pandera_schema(self) -> "pa.DataFrameSchema":
        """The pandera schema, for eager frames only: pandera does not look at the values of a lazy one.

        Checks report as `above`, `at_least`, `allowed`, `pattern`, `finite`, or by the name of a frame check.
        """
        import pandera.polars as pa

        def row_check(check: FrameCheck) -> pa.Check:
            # pandera lets a null result pass; here only true is good.
            return pa.Check(lambda data: data.lazyframe.select(check.good.fill_null(False)), error=check.name)

        return pa.DataFrameSchema(
            {
                column.name: pa.Column(column.dtype, nullable=not column.required, checks=_value_checks(column))
                for column in self.columns
            },
            checks=[row_check(check) for check in self.checks],
            unique=list(self.key) or None,
            strict=True,
            ordered=True,
            name=f"{self.schema}.{self.name}",
        )

    def failures(self, df: pl.DataFrame, kept: Collection[str] = ()) -> pl.DataFrame:
        """Every rule that `df` breaks: `row` (0-based; null: the whole frame), `column`, `check`.

        `required`: null in a required column. `unique`: a key that is repeated, on every row that has it.
        kept: columns that are known to keep to `keeps_alone`.
        """
        if not isinstance(df, pl.DataFrame):
            raise TypeError(f"{self.schema}.{self.name}: checks need a pl.DataFrame, not a {type(df).__name__}.")
        if self.is_clean(df, kept):
            return pl.DataFrame(schema={"row": pl.Int64(), "column": pl.String(), "check": pl.String()})
        import pandera.errors

        try:
            self.pandera_schema().validate(df, lazy=True)
        except pandera.errors.SchemaErrors as error:
            cases = error.failure_cases
        else:
            return pl.DataFrame(schema={"row": pl.Int64(), "column": pl.String(), "check": pl.String()})
        blamed = {check.name: check.column for check in self.checks} | {"unique": ", ".join(self.key)}
        names = {"not_nullable": "required", "multiple_fields_uniqueness": "unique"}
        check = pl.col("check").replace(names)
        # pandera names no column for a rule of the frame; for a missing column the name is the case itself.
        of_frame = pl.coalesce(
            check.replace_strict(blamed, default=None, return_dtype=pl.String), pl.col("failure_case")
        )
        return cases.select(
            row=pl.col("index").cast(pl.Int64),
            column=pl.when(pl.col("schema_context") == "Column").then(pl.col("column")).otherwise(of_frame),
            check=check,
        )

    def is_clean(self, df: pl.DataFrame, kept: Collection[str] = ()) -> bool:
        """True if `df` breaks no rule, told in one pass over its columns: pandera, which names what is broken, takes
        many, and longer to load than most tables to check. kept: as for `failures`.
        """
        if list(df.schema.items()) != list(self.polars_schema().items()):
            return False
        rules = [pl.col(column.name).is_not_null() for column in self.columns if column.required]
        rules += [rule for column in self.columns if column.name not in kept for rule in _rules(column)]
        rules += [check.good.fill_null(False) for check in self.checks if not check.is_about_one_of(kept)]
        if self.key:
            key = pl.struct(self.key) if len(self.key) > 1 else pl.col(self.key[0])
            rules.append(key.n_unique() == pl.len())
        holds = df.lazy().select(rule.all().alias(str(number)) for number, rule in enumerate(rules)).collect()
        return all(holds.row(0)) if rules else True

    def keeps_alone(self, column: Column) -> pl.Expr:
        """Whether a row keeps to the rules that look at this column alone, except `required`."""
        checks = [check.good.fill_null(False) for check in self.checks if check.is_about_one_of([column.name])]
        return pl.all_horizontal(pl.lit(True), *(rule.fill_null(True) for rule in _rules(column)), *checks)

    def duckdb_ddl(self) -> str:
        """The CREATE TABLE statement. The key is left to the checks: an index costs too much."""
        lines = [
            f"  {_identifier(column.name)} {duckdb_type(column.dtype)}{_duckdb_constraints(column)}"
            for column in self.columns
        ]
        return f"CREATE TABLE {self._qualified} (\n" + ",\n".join(lines) + "\n)"

    def duckdb_comments(self) -> list[str]:
        """The COMMENT ON statements: meaning and key on the table, meaning and unit on each column."""
        key = f" Key: {', '.join(self.key)}." if self.key else ""
        return [f"COMMENT ON TABLE {self._qualified} IS {sql_literal(self.meaning + key)}"] + [
            f"COMMENT ON COLUMN {self._qualified}.{_identifier(column.name)} IS " + sql_literal(column.described)
            for column in self.columns
        ]

    @property
    def _qualified(self) -> str:
        return f"{_identifier(self.schema)}.{_identifier(self.name)}"


def _rules(column: Column) -> Iterator[pl.Expr]:
    """What `_value_checks` ask of a column; null where a value is missing, which `required` is about."""
    value = pl.col(column.name)
    if column.dtype.is_float():
        yield value.is_finite()
    if column.above is not None:
        yield value > column.above
    if column.at_least is not None:
        yield value >= column.at_least
    if column.allowed is not None:
        yield value.is_in(list(column.allowed))
    if column.pattern is not None:
        yield value.str.contains(f"^(?:{column.pattern})$")


def _value_checks(column: Column) -> list["pa.Check"]:
    import pandera.polars as pa

    checks = []
    if column.dtype.is_float():
        checks.append(pa.Check(lambda data: data.lazyframe.select(pl.col(data.key).is_finite()), error="finite"))
    if column.above is not None:
        checks.append(pa.Check.gt(column.above, error="above"))
    if column.at_least is not None:
        checks.append(pa.Check.ge(column.at_least, error="at_least"))
    if column.allowed is not None:
        checks.append(pa.Check.isin(column.allowed, error="allowed"))
    if column.pattern is not None:
        checks.append(pa.Check.str_matches(f"^(?:{column.pattern})$", error="pattern"))
    return checks


_DUCKDB_TYPES = {
    pl.String(): "VARCHAR",
    pl.Boolean(): "BOOLEAN",
    pl.Int32(): "INTEGER",
    pl.Int64(): "BIGINT",
    pl.Float64(): "DOUBLE",
    pl.Date(): "DATE",
    pl.Datetime("us"): "TIMESTAMP",
    pl.Datetime("us", "UTC"): "TIMESTAMPTZ",
}


def duckdb_type(dtype: pl.DataType) -> str:
    """The type as DuckDB writes it. Raises `ContractError` for one that does not survive."""
    if isinstance(dtype, pl.List):
        inner = dtype.inner if isinstance(dtype.inner, pl.DataType) else dtype.inner()
        return f"{duckdb_type(inner)}[]"
    if dtype not in _DUCKDB_TYPES:
        raise ContractError(f"{dtype} does not survive the way to DuckDB and back; choose another type.")
    return _DUCKDB_TYPES[dtype]


def _duckdb_constraints(column: Column) -> str:
    name = _identifier(column.name)
    constraints = " NOT NULL" if column.required else ""
    if column.above is not None:
        constraints += f" CHECK ({name} > {column.above})"
    if column.at_least is not None:
        constraints += f" CHECK ({name} >= {column.at_least})"
    if column.allowed is not None:
        constraints += f" CHECK ({name} IN ({', '.join(map(sql_literal, column.allowed))}))"
    return constraints


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def sql_literal(text: str) -> str:
    """The text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
