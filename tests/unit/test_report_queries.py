"""The queries behind the report, on a small published warehouse: figures worked out by hand.

Here: what each query of `sql/report` counts and adds up, and that the report shows every one of them.
Add here: a case for a new query.
Keep out: charts, sentences and the page (see the other modules on the report).
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from pytest import approx

from pipelines.report.sections import RELEASE, SECTIONS, SQL_FOLDER, query_file, run_queries
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.warehouse import duck
from tests.report_warehouse import RUN_ID, published
from tests.support import shipment

DAY = dt.date.fromisoformat
Frames = Mapping[str, pl.DataFrame]

AUTUMN_2025 = {"loading_date": "2025-10-20", "discharge_date": "2025-11-01"}
SHIPMENTS = [
    # 49,000,000 / 700,000 = 70.00 USD/bbl, 10.00 above the cap of the United States: 7,000,000 USD.
    shipment(shipment_id="ABOVE", value=49_000_000.0),
    shipment(shipment_id="AT-CAP", value=42_000_000.0),
    # 50.00 USD/bbl: below 60 of the United States, 2.40 above the 47.60 of the European Union: 1,680,000 USD.
    shipment(shipment_id="TWO", value=35_000_000.0, nexus="US;EU", **AUTUMN_2025),
    shipment(shipment_id="UNPRICED", value=None),
    # 65.00 with freight in it that nobody itemised: the oil may have cost less than 60, and at most 65.
    shipment(shipment_id="DELIVERED", value=45_500_000.0, incoterm="CIF"),
    # 10,000 t x 7.46 = 74,600 bbl, 3 % more or less: 72,362 to 76,838 bbl; the cap of 100 on that is
    # 7,236,200 to 7,683,800 USD, which leaves 1,316,200 to 1,763,800 of 9,000,000.
    shipment(
        shipment_id="GAS-OIL", hs_code="27101943", grade=None, quantity=10_000.0, quantity_unit="t", value=9e6, nexus="EU"
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def frames(book: Rulebook, reference: Reference, tmp_path_factory: pytest.TempPathFactory) -> Frames:
    return run_queries(published(tmp_path_factory.mktemp("report"), SHIPMENTS, book, reference))


def rows(frame: pl.DataFrame, *columns: str, **where: object) -> list[tuple]:
    return frame.filter(*(pl.col(name) == value for name, value in where.items())).select(columns).rows()


class TestMoney:
    COLUMNS = ("judged", "with_amount", "amount_not_known", "least_usd", "most_usd")

    def money(self, frames: Frames, kind: str, regime: str, coverage: str) -> tuple:
        (row,) = rows(
            frames["money_above_cap"], *self.COLUMNS, evidence_kind=kind, regime=regime, coverage=coverage
        )  # fmt: skip
        return row

    def test_an_exact_price_gives_one_amount(self, frames: Frames) -> None:
        assert self.money(frames, "declared_shipment", "US", "nothing covers it") == (1, 1, 0, 7_000_000, 7_000_000)

    def test_a_density_that_is_a_range_gives_a_range(self, frames: Frames) -> None:
        money = self.money(frames, "declared_shipment", "EU", "nothing covers it")
        # GAS-OIL and TWO.
        assert money == (2, 2, 0, approx(1_316_200 + 1_680_000), approx(1_763_800 + 1_680_000))

    def test_what_may_lie_below_the_cap_starts_at_nothing_and_unpriced_stays_unknown(self, frames: Frames) -> None:
        # DELIVERED: 0 to 5.00 x 700,000; UNPRICED beside it.
        money = self.money(frames, "declared_shipment", "US", "undecided")
        assert money == (2, 1, 1, 0, approx(3_500_000))

    def test_what_is_at_or_below_the_cap_is_not_listed(self, frames: Frames) -> None:
        judged = rows(frames["money_above_cap"], "judged", evidence_kind="declared_shipment", regime="US")
        assert sum(count for (count,) in judged) == 3  # not AT-CAP, and not TWO, whose 50.00 is below 60

    def test_a_floor_without_a_quantity_is_not_nothing(self, frames: Frames) -> None:
        assert self.money(frames, "enforcement_case", "US", "nothing covers it") == (9, 0, 9, None, None)

    def test_japan(self, frames: Frames) -> None:
        # January 2023: 4.78 billion yen at 142.22 / 1.0640 yen a dollar less 60 x 515,300 USD; February: as published
        # in dollars, 15,945,000 less 60 x 232,723 bbl. June 2025: below 60. July 2025: no value.
        january = 4.78e9 * 1.0640 / 142.22 - 60 * 515_300
        february = 15_945_000 - 60 * 232_723
        money = self.money(frames, "customs_flow", "US", "exempt")
        assert money == (4, 3, 1, 0, approx(january + february, rel=0.002))

    def test_it_agrees_with_the_verdicts_where_prices_are_exact(self, frames: Frames) -> None:
        exact = frames["money_above_cap"].filter(pl.col("least_usd") == pl.col("most_usd"), pl.col("least_usd") > 0)
        assert exact.select("regime", "least_usd").rows() == [("US", 7_000_000)]


class TestBuyers:
    def test_declared_shipments_to_india(self, frames: Frames) -> None:
        columns = ("regime", "judged", "above_cap", "above_cap_and_covered", "at_or_below_cap", "not_known")
        # United States: ABOVE; AT-CAP and TWO; UNPRICED and DELIVERED. European Union: TWO and GAS-OIL.
        assert rows(frames["buyers"], *columns, evidence_kind="declared_shipment", destination_country="IN") == [
            ("US", 5, 1, 0, 2, 2),
            ("EU", 2, 2, 0, 0, 0),
        ]

    def test_caps_are_those_of_the_class_and_day(self, frames: Frames) -> None:
        columns = ("lowest_cap_usd_per_bbl", "highest_cap_usd_per_bbl")
        where = {"evidence_kind": "declared_shipment", "regime": "EU"}
        assert rows(frames["buyers"], *columns, **where) == [(47.6, 100.0)]

    def test_published_cases_name_few_destinations(self, frames: Frames) -> None:
        columns = ("destination_country", "regime", "judged", "above_cap")
        assert rows(frames["buyers"], *columns, evidence_kind="enforcement_case") == [
            ("CN", "US", 1, 1),
            ("not published", "US", 8, 8),
        ]

    def test_cargoes_above_a_cap_stand_once_each(self, frames: Frames) -> None:
        table = frames["furthest_above_cap"]
        assert table["shipment_id"].is_unique().all()
        own = table.filter(pl.col("evidence_kind") == "declared_shipment")
        assert own.select("shipment_id", "above_cap_of").sort("shipment_id").rows() == [
            ("ABOVE", "US 60: above_cap"),
            ("GAS-OIL", "EU 100: above_cap"),
            ("TWO", "EU 47.6: above_cap"),
        ]
        assert set(table["cargoes_in_all"]) == {3 + 9}
        # The floors of 80 are 20 above the cap: further than any other.
        assert table["price_low_usd_per_bbl"].head(2).to_list() == [80, 80]


class TestUnknowns:
    def test_reasons_overlap_and_any_reason_does_not(self, frames: Frames) -> None:
        reasons = dict(rows(frames["unknowns"], "reason", "verdicts", evidence_kind="declared_shipment"))
        assert reasons.pop("any reason") == 2
        assert reasons == {"no_price": 1, "price_range_straddles_cap": 1, "costs_estimated": 1}

    def test_every_open_verdict_is_counted(self, frames: Frames) -> None:
        counted = frames["unknowns"].filter(pl.col("reason") == "any reason")["verdicts"].sum()
        # Customs flows: CA, AU, CH, NO for three flows, NZ for the one without a value.
        assert counted == 2 + 4 * 3 + 1


class TestPricesAndCaps:
    def test_levels_are_cut_where_they_are_less_sure(self, frames: Frames) -> None:
        columns = ("cap_id", "valid_from", "valid_to", "confidence")
        steps = rows(frames["cap_steps"], *columns, regime="EU")
        assert steps[2:4] == [
            ("EU-C3", DAY("2026-02-01"), DAY("2026-07-15"), "verified"),
            ("EU-C3", DAY("2026-07-15"), DAY("2026-07-23"), "unverified"),
        ]
        # Sources disagree on the first days in Australia.
        assert rows(frames["cap_steps"], *columns, regime="AU")[0] == (
            "AU-C1", DAY("2022-12-04"), DAY("2022-12-07"), "conflict",
        )  # fmt: skip

    def test_every_crude_level_is_there_from_first_to_last_day(self, frames: Frames, book: Rulebook) -> None:
        whole = frames["cap_steps"].group_by("cap_id").agg(
            pl.col("valid_from").min(), valid_to=pl.when(pl.col("valid_to").is_not_null().all()).then(pl.col("valid_to").max())
        )  # fmt: skip
        levels = book.price_caps.filter(pl.col("product_class") == "crude")
        expected = levels.select("valid_from", "valid_to", cap_id="id")
        assert sorted(whole.select(expected.columns).rows(), key=str) == sorted(expected.rows(), key=str)

    def test_prices_start_three_months_before_the_first_cap(self, frames: Frames) -> None:
        # The first crude cap: Australia's, 2022-12-04.
        monthly = frames["crude_prices"].filter(pl.col("kind") == "monthly mean")
        assert monthly["first_date"].min() == DAY("2022-09-01")
        assert rows(monthly, "low_usd_per_bbl", series="brent", first_date=DAY("2026-04-01")) == [(117.29,)]

    def test_windows_that_decide_nothing_are_left_out(self, frames: Frames) -> None:
        shown = set(frames["rule_windows"]["rule_id"])
        assert {"S2-US-6", "T-EU-7", "T-EU-7-A", "L-12"} <= shown
        assert not {"E-1", "T-EU-4"} & shown  # for the record
        assert not {"E-2-BG-products", "T-EU-2"} & shown  # products


@pytest.fixture(scope="module")
def small(book: Rulebook, reference: Reference, tmp_path_factory: pytest.TempPathFactory) -> Frames:
    """Three months of 50 USD/bbl about the fall of the caps from 60 to 47.60, as known on 2026-06-15; no evidence."""
    months = reference.crude_prices_monthly.filter(
        pl.col("benchmark") == "urals_tax", pl.col("month").is_in(["2025-08", "2025-09", "2025-10"])
    ).with_columns(usd_per_bbl=pl.lit(50.0))
    figures = replace(
        reference,
        crude_prices_monthly=months,
        japan_crude_from_russia=reference.japan_crude_from_russia.clear(),
        enforcement_cases=reference.enforcement_cases.clear(),
    )
    return run_queries(published(tmp_path_factory.mktemp("small"), [], book.as_of(DAY("2026-06-15")), figures))


class TestSmallWarehouse:
    def test_a_month_in_which_the_cap_fell_is_above_only_if_it_is_above_every_level(self, small: Frames) -> None:
        columns = ("regime", "months", "above_cap", "at_or_below_cap", "between_levels")
        counted = {row[0]: row[1:] for row in small["months_above_cap"].select(columns).rows()}
        # August: below 60. September: between 47.60 and 60. October: above 47.60. The United States stayed at 60.
        assert counted["EU"] == (3, 1, 1, 1)
        assert counted["US"] == (3, 0, 3, 0)

    def test_days_left_and_what_follows(self, small: Frames) -> None:
        columns = ("valid_to", "days_left", "followed_by")
        # GL 55E ends on 18 June 2026 at 12:01 a.m.; GL 55F of 11 June takes over.
        assert rows(small["licences"], *columns, rule_id="S2-US-5") == [(DAY("2026-06-18"), 3, "S2-US-6")]
        assert small["release"]["release_day"].item() == DAY("2026-06-15")

    def test_nothing_is_not_an_error(self, small: Frames) -> None:
        for name in ("japan", "buyers", "furthest_above_cap", "money_above_cap", "unknowns"):
            assert small[name].is_empty()


def test_licences_on_the_day_of_the_release(frames: Frames) -> None:
    columns = ("valid_to", "days_left", "followed_by")
    # Built on 2026-11-22: eight days to the end of November and eighteen in December.
    assert rows(frames["licences"], *columns, rule_id="S2-US-6") == [(DAY("2026-12-18"), 26, None)]
    assert "S2-US-5" not in set(frames["licences"]["rule_id"])


def test_the_release(frames: Frames) -> None:
    (release,) = frames["release"].to_dicts()
    assert (release["run_id"], release["release_day"], release["known_on"]) == (RUN_ID, DAY("2026-11-22"), None)


def test_how_old_figures_are(frames: Frames) -> None:
    # The newest monthly price of Urals is that of August 2026; September has 30 days, October 31, November 22 so far.
    assert rows(frames["latest_figures"], "days_old", series="crude price, urals_tax") == [(30 + 31 + 22,)]


def test_every_source_of_a_figure_is_named(frames: Frames, reference: Reference) -> None:
    named = set(frames["sources"]["source_id"])
    for table in ("crude_price_points", "japan_crude_from_russia", "enforcement_cases", "freight_points"):
        assert set(getattr(reference, table)["source"]) <= named
    assert rows(frames["sources"], "publisher", source_id="mine.csv") == [("shipments file handed in",)]


def test_the_report_shows_every_query_of_its_folder() -> None:
    shown = {query_file(query) for section in SECTIONS for query in section.queries} | {query_file(RELEASE)}
    assert set((SQL_FOLDER / "report").glob("*.sql")) <= shown
    assert all(file.read_text(encoding="utf-8").startswith("-- ") for file in shown)  # the question comes first


def test_an_old_warehouse_is_told_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    with duck.memory() as connection:
        connection.execute(f"ATTACH '{file}' AS old")
    with pytest.raises(duck.WarehouseError, match=r"sql/report/release\.sql .* publish it again: plimsoll nightly$"):
        run_queries(file)
