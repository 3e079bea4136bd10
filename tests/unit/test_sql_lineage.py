"""What the columns of a query are made from, read off the SQL.

Here: one query per clause, with the stored columns that a reader of the SQL would name.
Add here: a clause that `sql_lineage` learns to read.
Keep out: the lineage of the marts as such, which the asset graph shows.
"""

import pytest

from pipelines.assets.marts import mart_sql
from pipelines.contracts.marts import SQL_MARTS, VERDICT_COUNTS
from pipelines.definitions import stored_tables
from pipelines.warehouse.sql_lineage import Columns, columns_made_from

TABLES = {
    "staging.cargoes": ["id", "bbl", "usd", "grade"],
    "reference.grades": ["grade", "density"],
    "reference.licences": ["id", "name", "regimes"],
}


def lineage(sql: str) -> Columns:
    (found,) = columns_made_from([sql], TABLES)
    return found


def cargo(*columns: str) -> set[tuple[str, str]]:
    return {("staging.cargoes", column) for column in columns}


def grade(*columns: str) -> set[tuple[str, str]]:
    return {("reference.grades", column) for column in columns}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT id, bbl * 2 AS twice FROM staging.cargoes", {"id": cargo("id"), "twice": cargo("bbl")}),
        (
            "SELECT c.id, sum(c.usd) / sum(c.bbl) AS price FROM staging.cargoes c GROUP BY ALL",
            {"id": cargo("id"), "price": cargo("usd", "bbl")},
        ),
        # A count counts rows; what a filter looks at is part of the figure.
        (
            "SELECT count(*) AS n, count(*) FILTER (usd > 0) AS paid FROM staging.cargoes",
            {"n": set(), "paid": cargo("usd")},
        ),
        # What joins and filters decides which rows there are.
        (
            "SELECT c.id FROM staging.cargoes c JOIN reference.grades g ON g.grade = c.grade WHERE g.density > 1",
            {"id": cargo("id")},
        ),
        # After USING a name is that of both sides.
        (
            "SELECT grade, g.density FROM staging.cargoes JOIN reference.grades g USING (grade)",
            {"grade": cargo("grade") | grade("grade"), "density": grade("density")},
        ),
        (
            "SELECT CASE WHEN c.usd IS NULL THEN 0 ELSE c.bbl END AS priced FROM staging.cargoes c",
            {"priced": cargo("usd", "bbl")},
        ),
        (
            "WITH heavy AS (SELECT id AS cargo, bbl FROM staging.cargoes WHERE bbl > 1) SELECT cargo, bbl FROM heavy",
            {"cargo": cargo("id"), "bbl": cargo("bbl")},
        ),
        (
            "WITH names AS (SELECT id, grade FROM staging.cargoes UNION ALL SELECT grade, NULL FROM reference.grades) "
            "SELECT id, grade FROM names",
            {"id": cargo("id") | grade("grade"), "grade": cargo("grade")},
        ),
        (
            "SELECT * EXCLUDE (usd, grade) FROM staging.cargoes",
            {"id": cargo("id"), "bbl": cargo("bbl")},
        ),
        (
            "SELECT c.*, density FROM staging.cargoes c, reference.grades",
            {
                "id": cargo("id"),
                "bbl": cargo("bbl"),
                "usd": cargo("usd"),
                "grade": cargo("grade"),
                "density": grade("density"),
            },
        ),
        # A column made from one before it in the list.
        ("SELECT usd / bbl AS price, price - 60 AS over FROM staging.cargoes", {
            "price": cargo("usd", "bbl"), "over": cargo("usd", "bbl"),
        }),
        # A column of the table goes before a name in the list.
        ("SELECT sum(usd) AS usd, sum(usd) / 2 AS half FROM staging.cargoes", {
            "usd": cargo("usd"), "half": cargo("usd"),
        }),
        ("SELECT (SELECT max(density) FROM reference.grades) AS most, id FROM staging.cargoes", {
            "most": grade("density"), "id": cargo("id"),
        }),
        # EXISTS asks whether there are rows.
        ("SELECT EXISTS (FROM reference.grades g WHERE g.grade = c.grade) AS known FROM staging.cargoes c", {
            "known": set(),
        }),
        # A subquery sees what stands around it.
        ("SELECT (SELECT c.usd / density FROM reference.grades LIMIT 1) AS rate FROM staging.cargoes c", {
            "rate": cargo("usd") | grade("density"),
        }),
        ("SELECT l.id, r.regime FROM reference.licences l LEFT JOIN LATERAL (SELECT unnest(l.regimes) AS regime) r ON true", {
            "id": {("reference.licences", "id")}, "regime": {("reference.licences", "regimes")},
        }),
        ("SELECT list_transform(l.regimes, x -> x || l.name) AS named FROM reference.licences l", {
            "named": {("reference.licences", "regimes"), ("reference.licences", "name")},
        }),
        ("SELECT row_number() OVER (PARTITION BY grade ORDER BY bbl) AS place FROM staging.cargoes", {
            "place": cargo("grade", "bbl"),
        }),
    ],
)  # fmt: skip
def test_a_clause(sql: str, expected: Columns) -> None:
    assert lineage(sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM staging.elsewhere",
        "SELECT * FROM read_csv('cargoes.csv')",
        "SELECT * REPLACE (bbl * 2 AS bbl) FROM staging.cargoes",
        "SELECT a FROM staging.cargoes AS c(a, b, c, d)",
        "FROM staging.cargoes UNPIVOT (value FOR name IN (bbl, usd))",
    ],
)
def test_a_clause_that_is_not_read_gives_nothing_rather_than_something_wrong(sql: str) -> None:
    assert lineage(sql) == {}


def test_what_is_no_query_is_an_error() -> None:
    with pytest.raises(ValueError, match="syntax error"):
        lineage("SELEC 1")


def test_several_queries_are_read_at_once() -> None:
    found = columns_made_from(["SELECT id FROM staging.cargoes", "SELECT density FROM reference.grades"], TABLES)
    assert found == [{"id": cargo("id")}, {"density": grade("density")}]


def test_the_marts_are_read_column_by_column() -> None:
    tables = {table.full_name: table.polars_schema() for table in stored_tables()}
    found = dict(zip(SQL_MARTS, columns_made_from([mart_sql(mart.name) for mart in SQL_MARTS], tables), strict=True))
    for mart, lineage in found.items():
        assert sorted(lineage) in ([], sorted(mart.polars_schema().names())), mart.name
    assert {column for _, column in found[VERDICT_COUNTS]["verdict"]} == {"verdict"}
