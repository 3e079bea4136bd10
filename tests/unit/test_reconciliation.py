"""The reconciliation mart: declared cargoes against every statistic, side by side, by the SQL that a night runs.

Generic factor 7.33 bbl per tonne; 1 kl = 6.28981077 bbl.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pytest import approx

from pipelines.assets.marts import mart_sql
from pipelines.contracts.cargoes import CARGOES
from pipelines.contracts.customs import CUSTOMS_LINES, EU_CRUDE_BY_TYPE, EU_OIL_IMPORTS
from pipelines.contracts.fetching import versioned
from pipelines.contracts.marts import CUSTOMS_RECONCILIATION
from pipelines.contracts.reference import GRADES, JAPAN_CRUDE_FROM_RUSSIA, UNITS
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.publishers import eurostat_comext, eurostat_energy
from pipelines.sources.reference import Reference
from pipelines.transforms.customs import combined_lines
from pipelines.warehouse import duck
from pipelines.warehouse.store import Store
from tests.sources.conftest import real_file
from tests.support import Row, cargoes, shipment, store_rows
from tests.unit.test_customs_flows import BULGARIA, INDIA, lines

REGISTER, ENERGY = versioned(EU_CRUDE_BY_TYPE), versioned(EU_OIL_IMPORTS)
Mart = Callable[..., dict[tuple[str, ...], Row]]


def in_force(frame: pl.DataFrame, is_latest: bool = True) -> pl.DataFrame:
    """The frame as a fetched table holds it, one version of each row."""
    known = pl.lit("2024-03-01").str.to_date()
    at = known.cast(pl.Datetime("us", "UTC"))
    return frame.with_columns(
        known_on=known,
        fetched_at=at,
        last_seen_at=at,
        withdrawn_on=pl.lit(None, pl.Date),
        is_latest=pl.lit(is_latest),
        document=pl.lit("x"),
        sha256=pl.lit("x"),
    )


def register_row(**facts: Any) -> Row:
    """A row of the register of crude imports: Germany, Russian Export Blend, 8,191 thousand barrels."""
    return {
        "reporting_area": "DE", "crude_type": "RU_EXP_BLN", "origin_country": "RU", "month": "2022-12",
        "volume_thousand_bbl": 8191.0, "is_aggregate": False,
    } | facts  # fmt: skip


def rows_of(table: Any, rows: Sequence[Row]) -> pl.DataFrame:
    schema = table.polars_schema()
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


@pytest.fixture
def mart(tmp_path: Path, book: Rulebook, reference: Reference) -> Mart:
    """Makes the mart of what it is given: its rows by importer, month, product and origin."""

    def make(
        declared: Sequence[Row] = (),
        customs: pl.DataFrame | None = None,
        register: Sequence[pl.DataFrame] = (),
        energy: Sequence[pl.DataFrame] = (),
        japan: pl.DataFrame | None = None,
    ) -> dict[tuple[str, ...], Row]:
        store = Store(tmp_path)
        frames = {
            CARGOES: cargoes(list(declared), book, reference),
            CUSTOMS_LINES: CUSTOMS_LINES.empty() if customs is None else customs,
            REGISTER: pl.concat([REGISTER.empty(), *(REGISTER.conform(frame) for frame in register)]),
            ENERGY: pl.concat([ENERGY.empty(), *(ENERGY.conform(frame) for frame in energy)]),
            JAPAN_CRUDE_FROM_RUSSIA: JAPAN_CRUDE_FROM_RUSSIA.empty() if japan is None else japan,
            UNITS: reference.units,
            GRADES: reference.grades,
        }
        for table, frame in frames.items():
            store_rows(store, table, frame)
        found = CUSTOMS_RECONCILIATION.conform(
            duck.select({CUSTOMS_RECONCILIATION: mart_sql("customs_reconciliation")}, frames, store)[
                CUSTOMS_RECONCILIATION
            ]
        )
        assert CUSTOMS_RECONCILIATION.failures(found).height == 0
        return {tuple(row[name] for name in CUSTOMS_RECONCILIATION.key): row for row in found.to_dicts()}

    return make


def test_declared_cargoes_beside_each_statistic_and_never_a_sum(mart: Mart, reference: Reference) -> None:
    # Bulgaria in June 2023: 100,000 t by sea in Comext, 40,000 t by pipeline; 150,000 t in Comtrade.
    found = mart(
        declared=[
            shipment(shipment_id="A", destination_country="BG", loading_date="2023-05-20", discharge_date="2023-06-03",
                     quantity=300_000.0),
            shipment(shipment_id="B", destination_country="BG", loading_date="2023-06-25", discharge_date=None,
                     quantity=200_000.0),
            shipment(shipment_id="C", destination_country="BG", loading_date="2023-06-25", discharge_date=None,
                     quantity=50_000.0, transport_mode="pipeline"),
        ],
        customs=lines(
            [
                BULGARIA,
                BULGARIA | {"transport_mode": "pipeline", "quantity": 4e7},
                INDIA | {"importer_country": "BG", "month": "2023-06", "quantity": 1.5e8},
            ],
            reference,
        ),
    )  # fmt: skip
    row = found["BG", "2023-06", "crude", "RU"]
    assert list(found) == [("BG", "2023-06", "crude", "RU")]
    assert (row["declared_cargoes"], row["declared_bbl"], row["declared_sea_bbl"]) == (3, 550_000, 500_000)
    assert row["comext_sea_bbl"] == approx(733_000)
    assert row["comext_bbl"] == approx(1_026_200)
    assert row["comtrade_bbl"] == approx(1_099_500)
    assert row["declared_less_comext_sea_bbl"] == approx(-233_000)
    assert row["declared_share_of_comext_sea"] == approx(500_000 / 733_000)
    assert row["declared_share_of_comtrade"] == approx(550_000 / 1_099_500)
    assert {row[name] for name in ("japan_customs_bbl", "crude_register_bbl", "energy_bbl")} == {None}


def test_a_month_without_declared_cargoes_counts_none(mart: Mart, reference: Reference) -> None:
    row = mart(customs=lines([INDIA], reference))["IN", "2024-05", "crude", "RU"]
    assert (row["declared_cargoes"], row["declared_bbl"]) == (0, 0)
    assert row["comtrade_bbl"] == approx(51_310_000)
    assert row["declared_share_of_comtrade"] == 0
    # India is in no statistic of Eurostat: not published is not nil.
    assert (row["comext_sea_bbl"], row["comext_bbl"]) == (None, None)


def test_totals_above_finer_lines_are_not_counted_again(mart: Mart, reference: Reference) -> None:
    total = BULGARIA | {"transport_mode": None, "hs_code": "2709"}
    row = mart(customs=lines([BULGARIA, total], reference))["BG", "2023-06", "crude", "RU"]
    assert row["comext_bbl"] == approx(733_000)


def test_without_modes_nothing_is_known_of_the_sea(mart: Mart, reference: Reference) -> None:
    row = mart(customs=lines([BULGARIA | {"transport_mode": None}], reference))["BG", "2023-06", "crude", "RU"]
    assert row["comext_sea_bbl"] is None
    assert row["comext_bbl"] == approx(733_000)
    row = mart(customs=lines([BULGARIA | {"transport_mode": "pipeline"}], reference))["BG", "2023-06", "crude", "RU"]
    assert row["comext_sea_bbl"] == 0


def test_a_statistic_with_a_part_withheld_shows_nothing(mart: Mart, reference: Reference) -> None:
    withheld = BULGARIA | {"transport_mode": "rail", "quantity": None, "is_confidential": True}
    found = mart(
        customs=lines([BULGARIA, withheld], reference),
        register=[
            in_force(rows_of(EU_CRUDE_BY_TYPE, [register_row(), register_row(crude_type="RU_MSC", volume_thousand_bbl=None)]))
        ],
    )  # fmt: skip
    assert found["BG", "2023-06", "crude", "RU"]["comext_bbl"] is None
    assert found["BG", "2023-06", "crude", "RU"]["comext_sea_bbl"] == approx(733_000)
    assert found["DE", "2022-12", "crude", "RU"]["crude_register_bbl"] is None


def test_products_and_origins_stand_apart(mart: Mart, reference: Reference) -> None:
    rows = [BULGARIA, BULGARIA | {"hs_code": "271019"}, BULGARIA | {"origin_country": "KZ"}]
    assert set(mart(customs=lines(rows, reference))) == {
        ("BG", "2023-06", "crude", "RU"),
        ("BG", "2023-06", "products", "RU"),
        ("BG", "2023-06", "crude", "KZ"),
    }


def test_the_register_adds_types_up_and_leaves_aggregates_and_old_versions_out(mart: Mart) -> None:
    current = [
        register_row(),
        register_row(crude_type="RU_MSC", volume_thousand_bbl=100.0),
        register_row(reporting_area="EU_V", is_aggregate=True),
    ]
    found = mart(
        register=[
            in_force(rows_of(EU_CRUDE_BY_TYPE, current)),
            in_force(rows_of(EU_CRUDE_BY_TYPE, [register_row(volume_thousand_bbl=9999.0)]), is_latest=False),
        ]
    )
    assert {key: row["crude_register_bbl"] for key, row in found.items()} == {
        ("DE", "2022-12", "crude", "RU"): 8_291_000
    }


def test_japans_two_series_stand_beside_each_other(mart: Mart, reference: Reference) -> None:
    found = mart(japan=reference.japan_crude_from_russia)
    january = found["JP", "2023-01", "crude", "RU"]
    assert (january["japan_customs_bbl"], january["japan_arrivals_bbl"]) == (515_300, 747_706)
    # One cargo, cleared over two months: the difference is what customs cleared in February, but for rounding.
    february = found["JP", "2023-02", "crude", "RU"]
    assert january["japan_arrivals_less_customs_bbl"] == 232_406
    assert february["japan_customs_bbl"] == approx(37_000 * 6.28981077)
    # Nil of September to December 2022 is nil of each month.
    assert [found["JP", f"2022-{month}", "crude", "RU"]["japan_customs_bbl"] for month in ("09", "10", "11", "12")] == [
        0, 0, 0, 0,
    ]  # fmt: skip


def test_japans_lines_count_for_products_and_its_figures_for_crude(mart: Mart, reference: Reference) -> None:
    line = INDIA | {"data_set": "japan_customs_lines", "importer_country": "JP", "month": "2023-02", "currency": "JPY"}
    kl = {"quantity": 100.0, "quantity_unit": "kl"}
    fetched = [
        line | kl | {"hs_code": "270900900"},
        line | kl | {"hs_code": "271019162"},
        line | {"hs_code": "271111000", "quantity": 60_000.0, "quantity_unit": "t"},  # gas is no oil of the caps
    ]
    found = mart(customs=lines(fetched, reference), japan=reference.japan_crude_from_russia)
    in_february = {key[2]: row["japan_customs_bbl"] for key, row in found.items() if key[1] == "2023-02"}
    assert in_february == {"crude": approx(37_000 * 6.28981077), "products": approx(628.981077)}


def test_nil_in_energy_statistics_alone_makes_no_row(mart: Mart) -> None:
    nil = {"reporting_area": "FR", "origin_country": "RU", "month": "2023-01", "quantity_thousand_t": 0.0}
    assert mart(energy=[in_force(rows_of(EU_OIL_IMPORTS, [nil | {"is_aggregate": False}]))]) == {}


def test_the_netherlands_in_2021_in_both_statistics(mart: Mart, reference: Reference) -> None:
    # Comext 31.7 Mt against 16.8 Mt in energy statistics: transit and re-export are in the one and not in the other.
    comext = eurostat_comext.read("x", real_file("eurostat_comext_easy_2709_ru_kz_2019_2021.csv"))
    file = "eurostat_oil_imports_ru_crude_tonnes_2019_2022.csv"
    energy = eurostat_energy.read(f"file {file}", real_file(file))
    found = mart(
        customs=combined_lines(comext, reference.importers, reference),
        energy=[in_force(energy["eu_oil_imports"].select(EU_OIL_IMPORTS.polars_schema().names()))],
    )
    year = [row for key, row in found.items() if key[0] == "NL" and key[3] == "RU" and key[1].startswith("2021")]
    assert len(year) == 12
    assert sum(row["comext_bbl"] for row in year) / 7.33e6 == approx(31.745, abs=0.001)
    assert sum(row["energy_bbl"] for row in year) / 7.33e6 == approx(16.826, abs=0.001)
    assert all(row["energy_less_comext_bbl"] == row["energy_bbl"] - row["comext_bbl"] for row in year)
