"""What a sum must add up to, and that a sum that does not is found."""

import polars as pl
import pytest

from pipelines.assets.table_check import CONSERVATION_CHECK, CONTRACT_CHECK, conservation_checks, contract_check
from pipelines.checks.conservation import not_conserved
from pipelines.contracts.marts import SQL_MARTS
from pipelines.contracts.sums import MEASURES
from pipelines.contracts.table import Column, Conserved, Measure, Table

LOADS = Table(
    schema="staging",
    name="loads",
    grain="one row per load",
    key=("load",),
    columns=(
        Column("load", pl.String(), "load", required=True),
        Column("ship", pl.String(), "ship", required=True),
        Column("port", pl.String(), "port", required=True),
        Column("bbl", pl.Float64(), "barrels", unit="bbl"),
    ),
)
SHIPS = Table(
    schema="staging",
    name="ships",
    grain="one row per ship",
    key=("ship",),
    columns=(
        Column("ship", pl.String(), "ship", required=True),
        Column("flag", pl.String(), "flag"),
        Column("port", pl.String(), "port of registry, which is another column than that of the load"),
    ),
)
TOTAL = pl.when(pl.col("bbl").count() > 0).then(pl.col("bbl").sum())
BY_PORT = Conserved(
    sources=(LOADS, SHIPS),
    within=("port",),
    measures=(Measure("loads", pl.col("loads").sum(), pl.len()), Measure("bbl", TOTAL, TOTAL)),
    where=pl.col("flag") == "LR",
    rows="loads under the flag of Liberia",
)
SOURCES = [
    pl.LazyFrame(
        {
            "load": ["1", "2", "3", "4", "5"],
            "ship": ["A", "A", "B", "A", "A"],
            "port": ["Primorsk", "Primorsk", "Primorsk", "Kozmino", "Murmansk"],
            "bbl": [100.0, 20.0, 7.0, 300.0, None],
        }
    ),
    pl.LazyFrame({"ship": ["A", "B"], "flag": ["LR", "PA"], "port": ["Monrovia", "Panama"]}),
]
# The load of ship B is not Liberian. Of Murmansk no quantity is known.
GOOD = pl.DataFrame(
    {
        "port": ["Primorsk", "Primorsk", "Kozmino", "Murmansk"],
        "grade": ["Urals", "other", "ESPO", "ARCO"],
        "loads": [1, 1, 1, 1],
        "bbl": [100.0, 20.0, 300.0, None],
    }
)


def found(table: pl.DataFrame, conserved: Conserved = BY_PORT) -> list[tuple]:
    return not_conserved(conserved, table, SOURCES[: len(conserved.sources)])[1].rows()


def test_sums_that_add_up() -> None:
    compared, differing = not_conserved(BY_PORT, GOOD, SOURCES)
    assert (compared, differing.height) == (6, 0)  # two measures at three ports


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (GOOD[1:], [("Primorsk", "bbl", 20.0, 120.0), ("Primorsk", "loads", 1.0, 2.0)]),
        (pl.concat([GOOD, GOOD[2:3]]), [("Kozmino", "bbl", 600.0, 300.0), ("Kozmino", "loads", 2.0, 1.0)]),
        (GOOD[:2].vstack(GOOD[3:]), [("Kozmino", "bbl", None, 300.0), ("Kozmino", "loads", None, 1.0)]),
        (GOOD.with_columns(pl.col("bbl").fill_null(0.0)), [("Murmansk", "bbl", 0.0, None)]),
        (GOOD.with_columns(bbl=pl.lit(None, pl.Float64)), [("Kozmino", "bbl", None, 300.0), ("Primorsk", "bbl", None, 120.0)]),
        (GOOD.with_columns(pl.col("bbl") * 1.0001), [("Kozmino", "bbl", 300.03, 300.0), ("Primorsk", "bbl", 120.012, 120.0)]),
        (
            GOOD.with_columns(pl.col("port").replace("Kozmino", "Primorsk")),
            [
                ("Kozmino", "bbl", None, 300.0),
                ("Kozmino", "loads", None, 1.0),
                ("Primorsk", "bbl", 420.0, 120.0),
                ("Primorsk", "loads", 3.0, 2.0),
            ],
        ),
    ],
    ids=["a row lost", "a row twice", "a group lost", "unknown as zero", "known as unknown", "rounded", "in another group"],
)  # fmt: skip
def test_sums_that_do_not(broken: pl.DataFrame, expected: list[tuple]) -> None:
    given = found(broken)
    assert [row[:2] for row in given] == [row[:2] for row in expected]
    assert [row[2:] for row in given] == [
        tuple(v if v is None else pytest.approx(v) for v in row[2:]) for row in expected
    ]


def test_a_sum_for_each_value_of_a_column_of_the_table_alone() -> None:
    by_role = Conserved(
        sources=(LOADS,),
        within=("port",),
        measures=(Measure("bbl", TOTAL, TOTAL),),
        once_per=("role", ("owner", "insurer")),
    )
    rows = [
        (port, role, bbl)
        for role in ("owner", "insurer")
        for port, bbl in (("Primorsk", 127.0), ("Kozmino", 300.0), ("Murmansk", None))
    ]
    table = pl.DataFrame(rows, schema=["port", "role", "bbl"], orient="row")
    assert found(table, by_role) == []
    assert found(table.filter(pl.col("role") == "owner"), by_role) == [
        ("Kozmino", "insurer", "bbl", None, 300.0),
        ("Primorsk", "insurer", "bbl", None, 127.0),
    ]


def test_what_must_not_be_added_up_is_said_with_the_table() -> None:
    table = Table("marts", "by_port", "one row per port", (Column("port", pl.String(), "port"),), conserved=BY_PORT)
    assert table.meaning == "One row per port. Add up only within one port."
    assert any("Add up only within one port." in comment for comment in table.duckdb_comments())


# Statistics of publishers side by side, which are no sums of verdicts.
SIDE_BY_SIDE = {"customs_reconciliation", "japan_energy_from_russia", "japan_series_reconciliation"}


@pytest.mark.parametrize(
    "mart", [mart for mart in SQL_MARTS if mart.name not in SIDE_BY_SIDE], ids=lambda mart: mart.name
)
def test_every_mart_of_sums_has_its_check(mart: Table) -> None:
    sums = {column.name for column in mart.columns if column.unit in {"bbl", "USD"} or "cargoes" in column.name}
    if not sums:
        assert conservation_checks(mart) == []
        return
    assert mart.conserved is not None
    measures = {measure.name for measure in mart.conserved.measures}
    # What verdicts and cargoes do not tell: a share told by a list, and a figure netted over the months of one cargo.
    apart = {
        "vessel_exposure": {"cargoes_while_listed"},
        "japan_imports": {"excess_at_customs_value_usd"},
    }
    assert sums - measures == apart.get(mart.name, set())
    assert set(mart.conserved.within) <= {column.name for column in mart.columns}
    (check,) = conservation_checks(mart)
    assert (check.name, check.severity.value) == (CONSERVATION_CHECK, "ERROR")
    assert contract_check(mart).name == CONTRACT_CHECK


def test_a_measure_has_the_unit_of_its_column_in_every_mart() -> None:
    meanings: dict[str, set[str]] = {}
    for mart in SQL_MARTS:
        for column in mart.columns:
            if column.name in MEASURES and mart.name != "japan_imports":
                meanings.setdefault(column.name, set()).add(column.described)
    assert {name: len(said) for name, said in meanings.items()} == dict.fromkeys(meanings, 1)
