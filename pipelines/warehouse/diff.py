"""What two releases differ in: rows by key, totals, and verdicts with the reason why.

Here: the comparison of two published files.
Add here: another reason why a verdict changes, as an expression of old and new columns.
Keep out: which jumps stop a night (`pipelines.checks.releases`), and how a difference is shown (`pipelines.report`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from pipelines.contracts.cargoes import CARGOES, EVIDENCE, VERDICTS
from pipelines.contracts.quality import CHECK_HISTORY, CHECK_RESULTS, RELEASE_SOURCES, RELEASE_TOTALS, RELEASES
from pipelines.contracts.table import Table
from pipelines.errors import UserError
from pipelines.warehouse import duck

# About the night itself: they differ always.
_OF_THE_NIGHT = (CHECK_RESULTS, CHECK_HISTORY, RELEASES, RELEASE_TOTALS)
# The same numbers, added up in another order.
RELATIVE_ROUNDING = 1e-9


class DiffError(UserError):
    """Two files that cannot be compared; one sentence says why."""


@dataclass(frozen=True)
class Difference:
    """old, new: `RELEASES` rows. sources: files that differ. tables: rows added, removed and changed, per table.

    totals: those of `RELEASE_TOTALS` that differ. verdicts: those that differ on cargoes of both, with `why`.
    """

    old: dict[str, object]
    new: dict[str, object]
    sources: pl.DataFrame
    tables: pl.DataFrame
    totals: pl.DataFrame
    verdicts: pl.DataFrame


def difference(old: duck.Source, new: duck.Source, contracts: Iterable[Table]) -> Difference:
    """What the release `new` holds that `old` does not, and the other way round.

    contracts: the tables that this program knows, with their keys. Raises `DiffError` and `WarehouseError`.
    """
    if old == new or (isinstance(old, Path) and isinstance(new, Path) and old.samefile(new)):
        raise DiffError(f"{old}: that is one and the same; name two releases.")
    with duck.side_by_side(old, new) as connection:
        try:
            (before,), (after,) = (
                duck.query(connection, f"FROM {side}.quality.releases").to_dicts() for side in _SIDES
            )
            return Difference(
                before,
                after,
                _sources(connection),
                _tables(connection, contracts),
                _totals(connection),
                _verdicts(connection),
            )
        except (duckdb.CatalogException, duckdb.BinderException, ValueError) as error:
            raise DiffError(f"{old} and {new} are not both releases of this program: {error}") from error


_SIDES = ("old", "new")


def _sources(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    table = RELEASE_SOURCES.full_name
    sql = f"""
        SELECT
            name,
            CASE WHEN o.name IS NULL THEN 'added' WHEN n.name IS NULL THEN 'removed' ELSE 'changed' END AS change,
            o.rows AS rows_old, n.rows AS rows_new, o.newest_date AS newest_date_old, n.newest_date AS newest_date_new
        FROM old.{table} o FULL JOIN new.{table} n USING (name)
        WHERE o.version IS DISTINCT FROM n.version
        ORDER BY name
    """
    return duck.query(connection, sql)


def _totals(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    table, key = RELEASE_TOTALS.full_name, ", ".join(RELEASE_TOTALS.key)
    # A part that only one has, such as a verdict, counts as none in the other. Rows of whole tables are told beside.
    sql = f"""
        SELECT {key}, unit, was, now, now - was AS change
        FROM (
            SELECT {key}, coalesce(n.unit, o.unit) AS unit, coalesce(o.total, 0) AS was, coalesce(n.total, 0) AS now
            FROM old.{table} o FULL JOIN new.{table} n USING ({key})
        )
        WHERE {_differs("was", "now", "DOUBLE")} AND (part <> 'all' OR measure <> 'rows')
        ORDER BY {key}
    """
    return duck.query(connection, sql)


def _tables(connection: duckdb.DuckDBPyConnection, contracts: Iterable[Table]) -> pl.DataFrame:
    known = {table.full_name: table for table in contracts if table not in _OF_THE_NIGHT}
    columns = {side: _columns(connection, side) for side in _SIDES}
    rows = []
    for name in [*known, *sorted({*columns["old"], *columns["new"]} - {*known, *(t.full_name for t in _OF_THE_NIGHT)})]:
        sides = [columns[side].get(name) for side in _SIDES]
        counts = [
            None
            if found is None
            else connection.execute(f"SELECT count(*) FROM {side}.{_quoted(name)}").fetchall()[0][0]
            for side, found in zip(_SIDES, sides, strict=True)
        ]
        old, new = sides
        if old is None and new is None:
            continue
        row = {"table_name": name, "rows_old": counts[0], "rows_new": counts[1]}
        if old is not None and new is not None:
            shared = {column: kind for column, kind in new.items() if old.get(column) == kind}
            key = known[name].key if name in known else ()
            row |= _rows_by_key(connection, name, key if {*key} <= {*shared} else (), shared)
            row["columns"] = "; ".join(sorted({column for column, _ in old.items() ^ new.items()})) or None
        rows.append(row)
    return pl.DataFrame(rows, schema=_TABLES_SCHEMA)


_TABLES_SCHEMA = {
    "table_name": pl.String,
    "rows_old": pl.Int64,
    "rows_new": pl.Int64,
    "added": pl.Int64,
    "removed": pl.Int64,
    "changed": pl.Int64,
    "columns": pl.String,
}


def _columns(connection: duckdb.DuckDBPyConnection, side: str) -> dict[str, dict[str, str]]:
    """The tables of a file, each with its columns and their types."""
    found: dict[str, dict[str, str]] = {}
    for schema, table, column, kind in connection.execute(
        "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = ? AND NOT internal ORDER BY ALL",
        [side],
    ).fetchall():
        found.setdefault(f"{schema}.{table}", {})[column] = kind
    return found


def _rows_by_key(
    connection: duckdb.DuckDBPyConnection, name: str, key: tuple[str, ...], shared: dict[str, str]
) -> dict[str, int]:
    """Rows added, removed and changed; without a key the whole row is its own, and none is changed."""
    key = key or tuple(shared)
    selected = ", ".join(duck.quoted(column) for column in shared)
    is_same_key = " AND ".join(f"o.{duck.quoted(k)} IS NOT DISTINCT FROM n.{duck.quoted(k)}" for k in key)
    differs = [
        _differs(f"o.{duck.quoted(column)}", f"n.{duck.quoted(column)}", kind)
        for column, kind in shared.items()
        if column not in key
    ]
    sql = f"""
        SELECT
            count(*) FILTER (o.is_there IS NULL),
            count(*) FILTER (n.is_there IS NULL),
            count(*) FILTER (o.is_there AND n.is_there AND ({" OR ".join(differs) or "false"}))
        FROM (SELECT true AS is_there, {selected} FROM old.{_quoted(name)}) o
        FULL JOIN (SELECT true AS is_there, {selected} FROM new.{_quoted(name)}) n ON {is_same_key}
    """
    (counts,) = connection.execute(sql).fetchall()
    return dict(zip(("added", "removed", "changed"), counts, strict=True))


def _differs(old: str, new: str, kind: str) -> str:
    if kind not in ("DOUBLE", "FLOAT"):
        return f"{old} IS DISTINCT FROM {new}"
    is_close = f"abs({old} - {new}) <= {RELATIVE_ROUNDING} * greatest(abs({old}), abs({new}))"
    return f"({old} IS DISTINCT FROM {new} AND NOT coalesce({is_close}, false))"


def _quoted(name: str) -> str:
    schema, _, table = name.partition(".")
    return duck.quoted(schema, table)


def _verdicts(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The verdicts that differ: shipment_id, regime, verdict_old, verdict_new, why, reason_old, reason_new."""
    key = ("shipment_id", "regime")
    others = [column.name for column in VERDICTS.columns if column.name not in key]
    pairs = ", ".join(f"{side[0]}.{name} AS {name}_{side}" for name in others for side in _SIDES)
    changed = duck.query(
        connection,
        f"""
        SELECT {", ".join(key)}, {pairs}, {_changed_evidence()} AS evidence
        FROM old.{VERDICTS.full_name} o
        JOIN new.{VERDICTS.full_name} n USING (shipment_id, regime)
        JOIN old.{CARGOES.full_name} co USING (shipment_id)
        JOIN new.{CARGOES.full_name} cn USING (shipment_id)
        WHERE o.verdict <> n.verdict
        ORDER BY {", ".join(key)}
        """,
    )
    reasons = pl.concat_list(_why()).list.drop_nulls().list.join("; ")
    return changed.select(
        *key,
        "verdict_old",
        "verdict_new",
        why=pl.when(reasons != "").then(reasons).otherwise(pl.lit("another reading: see the reasons")),
        reason_old="reason_old",
        reason_new="reason_new",
    )


def _changed_evidence() -> str:
    """SQL: the names of the columns in which the evidence on a cargo differs; null if in none."""
    names = (f"CASE WHEN co.{column} IS DISTINCT FROM cn.{column} THEN '{column}' END" for column in EVIDENCE)
    return f"nullif(concat_ws(', ', {', '.join(names)}), '')"


def _why() -> list[pl.Expr]:
    """What decides a verdict and differs, each as a phrase; null where it is the same."""

    def if_changed(column: str, phrase: str) -> pl.Expr:
        return _phrase(pl.col(f"{column}_old").ne_missing(pl.col(f"{column}_new")), phrase, column)

    is_same_cap = pl.col("cap_id_old") == pl.col("cap_id_new")
    price = [_price(side) for side in _SIDES]
    return [
        pl.when(pl.col("evidence").is_not_null()).then(pl.format("the evidence changed ({})", "evidence")),
        if_changed("level_date", "the level date was {}, now {}"),
        if_changed("product_class", "the product class was {}, now {}"),
        if_changed("nexus_basis", "the nexus was {}, now {}"),
        if_changed("cap_id", "the cap was {}, now {}"),
        _phrase(
            is_same_cap & (pl.col("cap_usd_per_bbl_old") != pl.col("cap_usd_per_bbl_new")),
            "the level of the same cap was {} USD/bbl, now {}",
            "cap_usd_per_bbl",
        ),
        if_changed("exemption_id", "the exemption was {}, now {}"),
        if_changed("transition_id", "the transition was {}, now {}"),
        pl.when(price[0] != price[1]).then(pl.format("the price was {}, now {}", *price)),
        if_changed("price_basis", "the price was reached by {}, now by {}"),
        if_changed("confidence", "the confidence was {}, now {}"),
    ]


def _phrase(is_changed: pl.Expr, phrase: str, column: str) -> pl.Expr:
    return pl.when(is_changed).then(pl.format(phrase, *(_said(f"{column}_{side}") for side in _SIDES)))


def _price(side: str) -> pl.Expr:
    low, high = (pl.col(f"price_{end}_usd_per_bbl_{side}").round(4) for end in ("low", "high"))
    return (
        pl.when(low.is_null() & high.is_null())
        .then(pl.lit("unknown"))
        .when(high.is_null())
        .then(pl.format("at least {} USD/bbl", low))
        .when(low == high)
        .then(pl.format("{} USD/bbl", low))
        .otherwise(pl.format("{} to {} USD/bbl", low, high))
    )


def _said(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).fill_null("none")
