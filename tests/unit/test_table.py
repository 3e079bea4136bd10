"""A `Table` says once what must hold; these tests look at each thing that is derived from it.

Here: the derived schemas, statements and failures, and the checks that the shipments contract adds.
Add here: a property of `Column`, `FrameCheck` or `Table`, or a check of a contract on a typed frame.
Keep out: reading files (see `test_shipments_file`).
"""

import datetime as dt

import duckdb
import polars as pl
import pytest
from pandera.errors import SchemaErrors

from pipelines.contracts.quarantine import QUARANTINE
from pipelines.contracts.shipments import declared_shipments
from pipelines.contracts.table import Column, ContractError, FrameCheck, Table

CARGOES = Table(
    schema="marts",
    name="cargoes",
    grain="one row per owner's cargo",
    key=("id",),
    columns=(
        Column("id", pl.String(), "id of the cargo", required=True, pattern="[A-Z][0-9]+"),
        Column("unit", pl.String(), "unit the seller's invoice uses", allowed=("bbl", "t")),
        Column("volume_bbl", pl.Float64(), "volume", unit="bbl", above=0),
        Column("cost_usd", pl.Float64(), "cost", unit="USD", at_least=0),
        Column("loaded_on", pl.Date(), "day of loading"),
        Column("discharged_on", pl.Date(), "day of discharge"),
        Column("voyages", pl.Int64(), "number of voyages"),
        Column("is_priced", pl.Boolean(), "whether a price is known"),
        Column("reasons", pl.List(pl.String()), "reasons, in order"),
        Column("read_at", pl.Datetime("us", "UTC"), "instant of reading, UTC"),
    ),
    checks=(
        FrameCheck(
            "voyage_forward",
            "discharged_on must not be before loaded_on",
            "discharged_on",
            pl.col("discharged_on") >= pl.col("loaded_on"),
        ),
    ),
)


def cargoes(**columns: list[object]) -> pl.DataFrame:
    """Two good rows, with the given columns instead."""
    good: dict[str, list[object]] = {
        "id": ["A1", "A2"],
        "unit": ["bbl", None],
        "volume_bbl": [10.5, None],
        "cost_usd": [0.0, None],
        "loaded_on": [dt.date(2023, 1, 1), dt.date(2023, 1, 1)],
        "discharged_on": [dt.date(2023, 1, 1), dt.date(2023, 2, 1)],
        "voyages": [1, None],
        "is_priced": [True, None],
        "reasons": [["one", "two"], None],
        "read_at": [dt.datetime(2023, 3, 1, tzinfo=dt.UTC), None],
    }
    return pl.DataFrame(good | columns, schema=CARGOES.polars_schema())


def found(table: Table, frame: pl.DataFrame) -> list[tuple[object, ...]]:
    return sorted(table.failures(frame).rows(), key=str)


def test_polars_schema_keeps_order_and_types() -> None:
    assert CARGOES.polars_schema().names()[:3] == ["id", "unit", "volume_bbl"]
    assert CARGOES.empty().schema == CARGOES.polars_schema()
    assert CARGOES.empty().height == 0


def test_column_is_found_by_name() -> None:
    assert CARGOES.column("volume_bbl").unit == "bbl"
    with pytest.raises(KeyError):
        CARGOES.column("volume")


class TestConform:
    def test_orders_casts_and_leaves_other_columns_behind(self) -> None:
        mixed = cargoes().with_columns(volume_bbl=pl.Series([10, None]), extra=pl.lit(1))
        conformed = CARGOES.conform(mixed.select(reversed(mixed.columns)))
        assert conformed.schema == CARGOES.polars_schema()
        assert conformed["volume_bbl"].to_list() == [10.0, None]

    def test_takes_an_untyped_null_column(self) -> None:
        conformed = CARGOES.conform(cargoes().with_columns(reasons=pl.lit(None), voyages=pl.lit(None)))
        assert conformed.schema == CARGOES.polars_schema()

    def test_names_the_missing_columns(self) -> None:
        with pytest.raises(ContractError, match=r"marts\.cargoes: missing column unit, voyages"):
            CARGOES.conform(cargoes().drop("unit", "voyages"))

    @pytest.mark.parametrize(
        ("column", "values"),
        [
            ("voyages", pl.Series([59.7, 1.0])),  # a plain cast would make it 59
            ("loaded_on", pl.Series([dt.datetime(2023, 1, 1, 23, 30), None])),  # ... and this 2023-01-01
            ("volume_bbl", pl.Series(["ten", "1"])),
            ("volume_bbl", pl.Series([2**53 + 1, 1])),  # the first whole number a Float64 cannot hold
        ],
    )
    def test_refuses_what_the_type_cannot_hold(self, column: str, values: pl.Series) -> None:
        with pytest.raises(ContractError, match=rf"marts\.cargoes\.{column}"):
            CARGOES.conform(cargoes().with_columns(values.alias(column)))

    def test_takes_whole_floats_and_midnights(self) -> None:
        conformed = CARGOES.conform(
            cargoes().with_columns(
                voyages=pl.Series([59.0, None]), loaded_on=pl.Series([dt.datetime(2023, 1, 1), None])
            )
        )
        assert conformed["voyages"].to_list() == [59, None]
        assert conformed["loaded_on"].to_list() == [dt.date(2023, 1, 1), None]


class TestFailures:
    def test_a_good_frame_and_an_empty_one_have_none(self) -> None:
        assert CARGOES.failures(cargoes()).height == 0
        assert CARGOES.failures(CARGOES.empty()).height == 0

    @pytest.mark.parametrize(
        ("column", "values", "expected"),
        [
            ("id", ["A1", None], [(1, "id", "required")]),
            ("id", ["A1", "xA1x"], [(1, "id", "pattern")]),
            ("id", ["A1", "A1"], [(0, "id", "unique"), (1, "id", "unique")]),
            ("unit", [None, "kg"], [(1, "unit", "allowed")]),
            ("volume_bbl", [None, 0.0], [(1, "volume_bbl", "above")]),
            ("cost_usd", [None, -0.01], [(1, "cost_usd", "at_least")]),
            (
                "cost_usd",
                [float("inf"), float("nan")],
                [(0, "cost_usd", "finite"), (1, "cost_usd", "finite")],
            ),
        ],
    )
    def test_each_rule_is_told_with_row_and_column(
        self, column: str, values: list[object], expected: list[tuple[object, ...]]
    ) -> None:
        assert found(CARGOES, cargoes(**{column: values})) == expected

    def test_a_rule_across_columns_is_broken_by_false_and_by_null(self) -> None:
        frame = cargoes(discharged_on=[dt.date(2022, 12, 31), None])
        assert found(CARGOES, frame) == [
            (0, "discharged_on", "voyage_forward"),
            (1, "discharged_on", "voyage_forward"),
        ]

    def test_a_wrong_shape_is_a_failure_of_the_whole_frame(self) -> None:
        floats = cargoes().with_columns(pl.col("voyages").cast(pl.Float64))
        assert (None, "voyages", "dtype('Int64')") in found(CARGOES, floats)
        assert (None, "unit", "column_in_dataframe") in found(CARGOES, cargoes().drop("unit"))

    def test_a_lazy_frame_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"need a pl\.DataFrame"):
            CARGOES.failures(cargoes().lazy())  # type: ignore[arg-type]

    def test_the_pandera_schema_itself_refuses_a_bad_frame(self) -> None:
        with pytest.raises(SchemaErrors):
            CARGOES.pandera_schema().validate(cargoes(volume_bbl=[-1.0, 1.0]), lazy=True)
        CARGOES.pandera_schema().validate(cargoes(), lazy=True)


class TestDuckDB:
    @pytest.fixture
    def warehouse(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        for table in (CARGOES, QUARANTINE):
            connection.execute(f"CREATE SCHEMA {table.schema}")
            connection.execute(table.duckdb_ddl())
            for comment in table.duckdb_comments():
                connection.execute(comment)
        return connection

    def test_types(self, warehouse: duckdb.DuckDBPyConnection) -> None:
        types = warehouse.execute(
            "SELECT data_type FROM duckdb_columns() WHERE table_name = 'cargoes' ORDER BY column_index"
        ).fetchall()
        assert [name for (name,) in types] == [
            "VARCHAR", "VARCHAR", "DOUBLE", "DOUBLE", "DATE", "DATE", "BIGINT", "BOOLEAN", "VARCHAR[]",
            "TIMESTAMP WITH TIME ZONE",
        ]  # fmt: skip

    def test_comments_hold_meaning_unit_grain_and_key(self, warehouse: duckdb.DuckDBPyConnection) -> None:
        comments = dict(
            warehouse.execute(
                "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'cargoes'"
            ).fetchall()
        )
        assert comments["volume_bbl"] == "volume [bbl]"
        assert comments["unit"] == "unit the seller's invoice uses"
        assert warehouse.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 'cargoes'").fetchall() == [
            ("One row per owner's cargo. Key: id.",)
        ]

    @pytest.mark.parametrize("bad", ["(NULL, 'bbl', 1)", "('A1', 'kg', 1)", "('A1', 'bbl', 0)"])
    def test_constraints_hold(self, warehouse: duckdb.DuckDBPyConnection, bad: str) -> None:
        with pytest.raises(duckdb.ConstraintException):
            warehouse.execute(f"INSERT INTO marts.cargoes (id, unit, volume_bbl) VALUES {bad}")
        warehouse.execute("INSERT INTO marts.cargoes (id, unit, volume_bbl) VALUES ('A1', NULL, NULL)")

    def test_names_that_are_sql_words_work(self, warehouse: duckdb.DuckDBPyConnection) -> None:
        assert warehouse.execute('SELECT "column", "check" FROM quality.quarantine').fetchall() == []

    def test_a_type_that_does_not_survive_is_refused(self) -> None:
        spans = Table("marts", "spans", "one row per span", (Column("span", pl.Duration(), "a span"),))
        with pytest.raises(ContractError, match="Duration"):
            spans.duckdb_ddl()


SHIPMENTS = declared_shipments(("US", "EU"), ("bbl", "t"), ("FOB", "CIF"))


def shipment(**columns: object) -> pl.DataFrame:
    """One good declared shipment, with the given values instead."""
    good = {
        "shipment_id": "S1",
        "loading_date": dt.date(2023, 2, 5),
        "hs_code": "2709",
        "origin_country": "RU",
        "destination_country": "IN",
        "quantity": 100.0,
        "quantity_unit": "t",
    }
    values = dict.fromkeys(SHIPMENTS.polars_schema()) | good | columns
    return pl.DataFrame({name: [value] for name, value in values.items()}, schema=SHIPMENTS.polars_schema())


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"discharge_date": dt.date(2023, 2, 5)},  # on the day of loading
        {"value": 100.0, "currency": "USD"},
        {"value": 100.0, "currency": "USD", "freight_cost": 60.0, "insurance_cost": 39.99},
        {"freight_cost": 60.0},  # costs without a value: not priced
        {"freight_cost": 60.0, "currency": "USD"},
        {"vessel_imo": "9074729"},  # 9*7 + 0*6 + 7*5 + 4*4 + 7*3 + 2*2 = 139
        {"nexus": "US;EU"},
        {"transport_mode": "rail"},
    ],
)
def test_good_shipments(columns: dict[str, object]) -> None:
    assert found(SHIPMENTS, shipment(**columns)) == []


@pytest.mark.parametrize(
    ("columns", "failure"),
    [
        ({"discharge_date": dt.date(2023, 2, 4)}, ("discharge_date", "discharge_not_before_loading")),
        ({"value": 100.0}, ("currency", "value_needs_currency")),
        ({"value": 100.0, "currency": "USD", "other_cost": 100.0}, ("value", "costs_below_value")),
        # As decimals they are equal; as binary fractions 0.1 + 0.7 is a hair less than 0.8.
        (
            {"value": 0.8, "currency": "USD", "freight_cost": 0.1, "other_cost": 0.7},
            ("value", "costs_below_value"),
        ),
        ({"vessel_imo": "9074728"}, ("vessel_imo", "imo_check_digit")),
        ({"vessel_imo": "0000000"}, ("vessel_imo", "pattern")),
        ({"vessel_imo": "907472"}, ("vessel_imo", "pattern")),
        ({"nexus": "US;XX"}, ("nexus", "nexus_regimes")),
        ({"hs_code": "270"}, ("hs_code", "pattern")),
        ({"hs_code": "27090010000"}, ("hs_code", "pattern")),
        ({"origin_country": "UK"}, ("origin_country", "allowed")),
        ({"currency": "EURO"}, ("currency", "allowed")),
        ({"quantity_unit": "gal"}, ("quantity_unit", "allowed")),
        ({"incoterm": "XYZ"}, ("incoterm", "allowed")),
        ({"transport_mode": "air"}, ("transport_mode", "allowed")),
        ({"loading_port": "RUPR"}, ("loading_port", "pattern")),
        ({"quantity": 0.0}, ("quantity", "above")),
        ({"value": 0.0, "currency": "USD"}, ("value", "above")),
        ({"insurance_cost": -1.0}, ("insurance_cost", "at_least")),
    ],
)
def test_bad_shipments(columns: dict[str, object], failure: tuple[str, str]) -> None:
    assert (0, *failure) in found(SHIPMENTS, shipment(**columns))


def test_every_column_of_the_shipments_file_says_what_it_means() -> None:
    assert all(column.meaning for column in SHIPMENTS.columns)
    assert [column.name for column in SHIPMENTS.columns if column.required] == [
        "shipment_id", "loading_date", "hs_code", "origin_country", "destination_country", "quantity",
        "quantity_unit",
    ]  # fmt: skip
