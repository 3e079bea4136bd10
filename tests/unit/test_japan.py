"""Japan's two series: official lines in the place of shipped figures, the grade of a clearance, what must hold.

Here: figures, verdicts and marts from customs lines and arrivals; those of 2026 are made up.
Add here: another way in which an official series meets what is shipped.
Keep out: how the lines are fetched and read (`tests/sources`).
"""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.assets.marts import mart_sql
from pipelines.checks import japan as checks
from pipelines.checks.proof import disagreements
from pipelines.contracts.cargoes import VERDICTS
from pipelines.contracts.customs import JAPAN_CRUDE_BY_GRADE, JAPAN_CUSTOMS_ALL_ORIGINS, JAPAN_CUSTOMS_LINES
from pipelines.contracts.fetching import versioned
from pipelines.contracts.marts import JAPAN_ENERGY_FROM_RUSSIA, JAPAN_SERIES_RECONCILIATION
from pipelines.contracts.reference import (
    EXCHANGE_RATES_DAILY,
    EXCHANGE_RATES_MONTHLY,
    JAPAN_CRUDE_FROM_RUSSIA,
    UNITS,
)
from pipelines.contracts.rules import EXEMPTIONS
from pipelines.contracts.table import Table
from pipelines.report.explanation import explain
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.transforms.evidence import customs_flows
from pipelines.transforms.japan import CUSTOMS_SOURCE, implausible, official_crude
from pipelines.transforms.judge import judge
from pipelines.warehouse import duck
from pipelines.warehouse.store import Store
from tests.support import store_rows

CRUDE, CONDENSATE, LNG = "270900900", "270900100", "271111000"
BBL_PER_KL = 6.28981077

Line = tuple[str, str, float | None, float | None]  # month, code, quantity, yen


def lines(*rows: Line, stage: str | None = "fixed") -> pl.DataFrame:
    """Customs lines of Russia, rows in force."""
    known = {"importer_country": "JP", "origin_country": "RU", "currency": "JPY", "valuation": "CIF", "stage": stage}
    full = [
        known
        | {"month": month, "hs_code": code, "quantity": quantity, "value": value, "is_confidential": False}
        | {"quantity_unit": "t" if code == LNG else "kl"}
        for month, code, quantity, value in rows
    ]
    return pl.DataFrame(full, JAPAN_CUSTOMS_LINES.polars_schema())


def everywhere(*rows: Line) -> pl.DataFrame:
    """Sums over all origins, rows in force."""
    full = [
        {"month": month, "hs_code": code, "quantity": quantity, "quantity_unit": "t" if code == LNG else "kl"}
        | {"value_jpy": value, "unit_value_jpy": value / quantity if value and quantity else None}
        for month, code, quantity, value in rows
    ]
    return pl.DataFrame(full, JAPAN_CUSTOMS_ALL_ORIGINS.polars_schema())


def arrivals(*rows: tuple[str, str, str | None, float | None]) -> pl.DataFrame:
    """Arrivals of Russian grades, rows in force: month, code, canonical grade, kilolitres."""
    full = [
        {"month": month, "grade_code": code, "grade_name": grade or "VITYAZ", "grade": grade}
        | {"country_code": "224", "origin_country": "RU", "quantity_kl": quantity}
        for month, code, grade, quantity in rows
    ]
    return pl.DataFrame(full, JAPAN_CRUDE_BY_GRADE.polars_schema())


def official(
    reference: Reference,
    cleared: pl.DataFrame | None = None,
    all_origins: pl.DataFrame | None = None,
    arrived: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The shipped figures with these; they keep the contract."""
    figures = official_crude(
        reference.japan_crude_from_russia,
        lines() if cleared is None else cleared,
        everywhere() if all_origins is None else all_origins,
        arrivals() if arrived is None else arrived,
    )
    assert JAPAN_CRUDE_FROM_RUSSIA.failures(figures).is_empty()
    return figures


def figure(figures: pl.DataFrame, figure_id: str) -> dict:
    return figures.row(by_predicate=pl.col("figure_id") == figure_id, named=True)


def judged(figures: pl.DataFrame, book: Rulebook, reference: Reference) -> pl.DataFrame:
    flows = customs_flows(figures.lazy(), "JP", reference)
    return judge(flows, book).collect().sort("shipment_id", "regime")


# --- official lines in the place of shipped figures

# The shipped figures in kilolitres, the unit of customs; for July 2025 no value is known.
AS_SHIPPED = lines(
    ("2023-01", CRUDE, 515_300 / BBL_PER_KL, 4_780_000_000),
    ("2023-02", CRUDE, 37_000.0, 2_125_000_000),
    ("2025-06", CRUDE, 440_000 / BBL_PER_KL, 3_750_000_000),
    ("2025-07", CRUDE, 159_400 / BBL_PER_KL, None),
    *((month, CRUDE, 0.0, 0.0) for month in ("2022-06", "2022-09", "2023-03", "2024-12", "2026-01")),
)


def test_official_lines_equal_to_the_shipped_figures_change_no_verdict(book: Rulebook, reference: Reference) -> None:
    before = judged(reference.japan_crude_from_russia, book, reference)
    after = judged(official(reference, AS_SHIPPED), book, reference)
    assert after["shipment_id"].to_list() == before["shipment_id"].to_list()
    same = [name for name in VERDICTS.polars_schema() if not name.endswith(("_bbl", "_usd")) and name != "reason"]
    assert after.select(same).equals(before.select(same))
    for name in ("price_low_usd_per_bbl", "price_high_usd_per_bbl", "quantity_bbl"):
        assert after[name].is_null().equals(before[name].is_null())
        assert after[name].drop_nulls().to_list() == pytest.approx(before[name].drop_nulls().to_list(), rel=1e-9)


def test_the_voyage_of_the_shipped_figure_stays(reference: Reference) -> None:
    shipped = figure(reference.japan_crude_from_russia, "JP-CUSTOMS-2023-02")
    now = figure(official(reference, lines(("2023-02", CRUDE, 36_998, 2_125_123_000))), "JP-CUSTOMS-2023-02")
    kept = [
        *("grade", "origin_project", "loading_first", "loading_last", "discharge_first", "discharge_last"),
        *("vessel_name", "vessel_imo", "value_usd", "published_on", "origin_country", "period_first", "period_last"),
    ]
    assert {name: now[name] for name in kept} == {name: shipped[name] for name in kept}
    figures = ("quantity", "quantity_unit", "value", "currency", "source", "confidence")
    assert [now[name] for name in figures] == [36_998, "kl", 2_125_123_000, "JPY", "F-MOF-TRADE", "verified"]
    assert now["note"].startswith(
        "Cleared under 270900900, fixed. In place of 37000 kl (F-TASS-1589813). USD 68.52/bbl in the same report."
    )


def test_a_cargo_over_two_customs_months_comes_out_whole(reference: Reference) -> None:
    cleared = lines(
        ("2023-01", CRUDE, 81_926, 4_780_000_000),
        ("2023-02", CRUDE, 37_000, 2_125_000_000),
        ("2025-06", CRUDE, 69_954, 3_750_000_000),
        ("2025-07", CRUDE, 25_345, 1_400_000_000),
    )
    flows = customs_flows(official(reference, cleared).lazy(), "JP", reference).collect()
    cargoes = flows.drop_nulls("vessel_imo").group_by("vessel_imo", "loading_first").agg(pl.col("quantity_bbl").sum())
    # 515,300 + 232,723 bbl; 95,299 kl x 6.28981077.
    assert dict(cargoes.sort("loading_first").select("vessel_imo", "quantity_bbl").iter_rows()) == {
        "9360128": pytest.approx(748_023, abs=5),
        "9843560": pytest.approx(599_413, abs=1),
    }


def test_all_lines_of_crude_are_added_up(reference: Reference) -> None:
    cleared = lines(
        ("2026-05", CRUDE, 14_000, 1_500_000_000),
        ("2026-05", CONDENSATE, 1_000, 100_000_000),
        ("2026-05", "271012180", 500, 40_000_000),
        ("2026-05", LNG, 500_000, 60_000_000_000),
    )
    now = official(reference, cleared)
    may = figure(now, "JP-CUSTOMS-2026-05")
    assert (may["quantity"], may["value"], may["note"]) == (
        15_000,
        1_600_000_000,
        "Cleared under 270900100, 270900900, fixed.",
    )
    assert checks.unsummed_lines(now, cleared, CUSTOMS_SOURCE).is_empty()
    overwritten = now.with_columns(quantity=pl.when(figure_id="JP-CUSTOMS-2026-05").then(14_000).otherwise("quantity"))
    assert checks.unsummed_lines(overwritten, cleared, CUSTOMS_SOURCE)["figure_id"].to_list() == ["JP-CUSTOMS-2026-05"]


def test_months_of_a_shipped_span_are_replaced_one_by_one(reference: Reference) -> None:
    now = official(reference, lines(("2022-10", CRUDE, 0, 0), ("2022-11", CRUDE, 5_000, 500_000_000)))
    autumn = now.filter(pl.col("period_first").is_between(dt.date(2022, 9, 1), dt.date(2022, 12, 1)))
    assert autumn.select("figure_id", "quantity", "source").rows() == [
        ("JP-CUSTOMS-2022-09", 0, "F-NATIONNEWS-2023-02"),
        ("JP-CUSTOMS-2022-10", 0, "F-MOF-TRADE"),
        ("JP-CUSTOMS-2022-11", 5_000, "F-MOF-TRADE"),
        ("JP-CUSTOMS-2022-12", 0, "F-NATIONNEWS-2023-02"),
    ]
    # The span of which no month was fetched stands as it was.
    assert figure(now, "JP-CUSTOMS-2023-03-2025-05")["period_last"] == dt.date(2025, 5, 31)


def test_without_anything_fetched_the_shipped_figures_stand(reference: Reference) -> None:
    assert official(reference).equals(reference.japan_crude_from_russia)


def test_a_figure_that_is_not_known_is_left_out(reference: Reference) -> None:
    cleared = lines(
        ("2026-05", CRUDE, None, None), ("2026-06", CRUDE, 15_000, 1_500_000_000), ("2026-06", CONDENSATE, None, 1)
    )
    assert official(reference, cleared).equals(official(reference))


def test_nil_in_a_month_that_is_not_whole_is_not_known(reference: Reference) -> None:
    # Twelve months of 11 million kl, then one of 4.5 million.
    usual = [(f"2025-{month:02d}", CRUDE, 11_000_000.0, 7.5e11) for month in range(1, 13)]
    cleared = lines(("2025-12", CRUDE, 0, 0), ("2026-01", CRUDE, 0, 0))
    partial = everywhere(*usual, ("2026-01", CRUDE, 4_500_000, 3e11))
    now = official(reference, cleared, partial)
    assert figure(now, "JP-CUSTOMS-2025-12")["quantity"] == 0
    assert figure(now, "JP-CUSTOMS-2026-01")["source"] == "F-GAZETA-2026-02-18"
    whole = everywhere(*usual, ("2026-01", CRUDE, 7_000_000, 4.7e11))
    assert figure(official(reference, cleared, whole), "JP-CUSTOMS-2026-01")["source"] == "F-MOF-TRADE"


# Of Japan's crude from everywhere in the month: 10 million kl at 100,000 yen.
MEAN = everywhere(("2026-05", CRUDE, 10_000_000, 1e12))


@pytest.mark.parametrize(
    ("quantity_kl", "yen", "is_used"),
    [
        pytest.param(15_000, 1_500_000_000, True, id="100,000 yen/kl"),
        pytest.param(15_000 * BBL_PER_KL, 1_500_000_000, False, id="barrels in the column of kilolitres"),
        pytest.param(15_000, 1_500_000, False, id="thousand yen in the column of yen"),
        pytest.param(15_000 / BBL_PER_KL, 1_500_000_000, False, id="kilolitres taken for barrels"),
        pytest.param(15_000, 1_500_000_000 / 155, False, id="dollars in the column of yen"),
        pytest.param(15_000, None, True, id="no value to check it by"),
    ],
)
def test_a_line_whose_arithmetic_fails_is_no_figure(
    quantity_kl: float, yen: float | None, is_used: bool, reference: Reference
) -> None:
    cleared = lines(("2026-05", CRUDE, quantity_kl, yen))
    now = official(reference, cleared, MEAN)
    assert ("JP-CUSTOMS-2026-05" in now["figure_id"]) == is_used
    assert implausible(cleared, MEAN).height == (not is_used)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.dates(dt.date(2022, 1, 1), dt.date(2026, 12, 1)).map(lambda day: f"{day:%Y-%m}"),
        st.one_of(st.just(0.0), st.integers(1, 10**6).map(float)),
        min_size=1,
        max_size=40,
    )
)
def test_every_month_is_told_once(fetched: dict[str, float]) -> None:
    reference = _SHIPPED
    now = official(reference, lines(*((month, CRUDE, kl, None) for month, kl in fetched.items())))
    customs = (
        now.filter(series="customs")
        .with_columns(month=pl.date_ranges("period_first", "period_last", "1mo"))
        .explode("month")
    )
    assert customs["month"].is_unique().all()
    shipped = (
        reference.japan_crude_from_russia.filter(series="customs")
        .with_columns(month=pl.date_ranges("period_first", "period_last", "1mo"))
        .explode("month")
    )
    told = {f"{day:%Y-%m}" for day in shipped["month"]} | set(fetched)
    assert {f"{day:%Y-%m}" for day in customs["month"]} == told
    official_now = customs.filter(source=CUSTOMS_SOURCE)
    assert {f"{day:%Y-%m}": kl for day, kl in official_now.select("month", "quantity").iter_rows()} == fetched
    assert now["figure_id"].is_unique().all()


_SHIPPED = Reference.load()


# --- arrivals by grade, and the grade of a clearance


def test_arrivals_by_grade_become_figures(reference: Reference) -> None:
    arrived = arrivals(
        ("2023-01", "22421", "Sakhalin Blend", 118_876),
        ("2026-04", "22421", "Sakhalin Blend", 0),
        ("2026-04", "22411", "Sokol", 0),
        ("2026-05", "22421", "Sakhalin Blend", 95_000),
        ("2026-05", "22411", "Sokol", 10_000),
        ("2026-05", "22499", None, 5_000),
        ("2026-06", "22421", "Sakhalin Blend", 0),
        ("2026-06", "22411", "Sokol", None),
    )
    now = official(reference, arrived=arrived).filter(series="meti_arrivals")
    assert now.select("figure_id", "grade", "quantity", "quantity_unit", "value", "source").rows() == [
        ("JP-METI-2023-01", "Sakhalin Blend", 118_876, "kl", None, "F-METI-OIL"),
        ("JP-METI-2026-04", None, 0, "kl", None, "F-METI-OIL"),
        ("JP-METI-2026-05-SAKHALIN-BLEND", "Sakhalin Blend", 95_000, "kl", None, "F-METI-OIL"),
        ("JP-METI-2026-05-SOKOL", "Sokol", 10_000, "kl", None, "F-METI-OIL"),
        ("JP-METI-2026-05-VITYAZ", "VITYAZ", 5_000, "kl", None, "F-METI-OIL"),
    ]
    # The vessel that a report named for January 2023 stays.
    assert figure(now, "JP-METI-2023-01")["vessel_name"] == "Zaliv Baikal"


def cleared_in_may(quantity: float = 95_000) -> pl.DataFrame:
    """A month that is not shipped, made up: at 114,000 yen/kl far above any cap."""
    return lines(("2026-05", CRUDE, quantity, quantity * 114_000), stage="provisional")


def may(reference: Reference, *arrived: tuple[str, str, str | None, float | None]) -> dict:
    return figure(official(reference, cleared_in_may(), arrived=arrivals(*arrived)), "JP-CUSTOMS-2026-05")


SAKHALIN_IN_MAY = (
    ("2026-04", "22421", "Sakhalin Blend", 0.0),
    ("2026-05", "22421", "Sakhalin Blend", 95_000.0),
)


def test_a_clearance_takes_the_only_grade_that_arrived(reference: Reference) -> None:
    found = may(reference, *SAKHALIN_IN_MAY)
    assert (found["grade"], found["confidence"], found["origin_project"]) == ("Sakhalin Blend", "derived", None)
    assert found["note"].endswith(
        "Grade: the only one among the arrivals of the month and of the month before (F-METI-OIL)."
    )


@pytest.mark.parametrize(
    "arrived",
    [
        pytest.param([], id="arrivals are not known"),
        pytest.param([("2026-05", "22421", "Sakhalin Blend", 95_000.0)], id="those of the month before are not known"),
        pytest.param([*SAKHALIN_IN_MAY, ("2026-05", "22411", "Sokol", 1.0)], id="two grades arrived"),
        pytest.param([*SAKHALIN_IN_MAY, ("2026-04", "22420", "ESPO", 1.0)], id="another grade the month before"),
        pytest.param(
            [("2026-04", "22421", "Sakhalin Blend", 0.0), ("2026-05", "22421", "Sakhalin Blend", 0.0)], id="none"
        ),
    ],
)
def test_otherwise_the_grade_stays_open(arrived: list, reference: Reference) -> None:
    found = may(reference, *arrived)
    assert (found["grade"], found["confidence"]) == (None, "verified")


def test_a_grade_that_a_report_names_stays(reference: Reference) -> None:
    arrived = arrivals(("2025-05", "22411", "Sokol", 0), ("2025-06", "22411", "Sokol", 95_000))
    cleared = lines(("2025-06", CRUDE, 69_954, 3_750_000_000))
    assert figure(official(reference, cleared, arrived=arrived), "JP-CUSTOMS-2025-06")["grade"] == "Sakhalin Blend"


def test_a_new_month_becomes_a_flow_with_verdicts(book: Rulebook, reference: Reference) -> None:
    now = official(reference, cleared_in_may(), arrived=arrivals(*SAKHALIN_IN_MAY))
    verdicts = judged(now, book, reference).filter(shipment_id="JP-CUSTOMS-2026-05")
    by_regime = {row["regime"]: row for row in verdicts.iter_rows(named=True)}
    assert set(by_regime) == set(book.regime_codes)
    # Loaded in May and discharged at most 60 days later: GL 55E to 18 June, GL 55F from 11 June.
    assert (by_regime["US"]["verdict"], by_regime["US"]["is_above_cap"]) == ("exempt", True)
    assert (by_regime["JP"]["verdict"], by_regime["JP"]["exemption_id"]) == ("exempt", "S2-JP")
    # 95,000 kl; 114,000 yen/kl at about 158 yen are USD 114.6 a barrel.
    assert by_regime["US"]["quantity_bbl"] == pytest.approx(597_532, abs=1)
    assert by_regime["US"]["price_usd_per_bbl"] == pytest.approx(114.6, abs=1.5)


def test_a_clearance_of_which_the_grade_is_not_told_is_open(book: Rulebook, reference: Reference) -> None:
    now = official(reference, cleared_in_may())
    flows = customs_flows(now.lazy(), "JP", reference)
    unnamed = judged(now, book, reference).filter(shipment_id="JP-CUSTOMS-2026-05")
    # Far above the cap, but of every regime a licence for Sakhalin-2 may cover it, or a carve-out that was not found.
    assert set(unnamed["verdict"]) == {"indeterminate"} and set(unnamed["regime"]) == set(book.regime_codes)
    japanese = unnamed.row(by_predicate=pl.col("regime") == "JP", named=True)
    assert "whether exclusion in the measure (Cabinet Understanding" in japanese["reason"]
    assert japanese["reason"].endswith("covers it is unknown.")
    compared, differing = disagreements(flows, judge(flows, book), book, reference, "seed")
    assert compared > len(book.regime_codes) and differing.is_empty()
    told = explain(flows.filter(shipment_id="JP-CUSTOMS-2026-05").collect(), book, reference, ["JP"])
    text = " ".join(told.split())
    assert (
        "project SAKHALIN-2 or, without a project, Sakhalin Blend (J-22): no project, grade not declared, not told"
        in text
    )
    # At or below the cap it is within the cap, whatever the licence says (J-2).
    cheap = lines(("2026-05", CRUDE, 95_000.0, 95_000 * 40_000.0))
    within = judged(official(reference, cheap), book, reference).filter(shipment_id="JP-CUSTOMS-2026-05")
    assert set(within["verdict"]) == {"within_cap"}
    # What a user declares without a grade is judged as before.
    declared = flows.with_columns(evidence_kind=pl.lit("declared_shipment")).filter(shipment_id="JP-CUSTOMS-2026-05")
    assert "indeterminate" not in judge(declared, book).collect()["verdict"]


# --- what must hold


def test_a_figure_that_does_not_fit_its_daily_rate_is_found(reference: Reference) -> None:
    figures = reference.japan_crude_from_russia
    assert checks.failing_arithmetic(figures, reference.units).is_empty()
    # As the report printed it: 242,575 kl at 49,218 bbl/d in June, which has 30 days.
    may_figure = figures.filter(figure_id="JP-CUSTOMS-2022-05")
    june = may_figure.with_columns(
        figure_id=pl.lit("JUNE"), period_first=dt.date(2022, 6, 1), period_last=dt.date(2022, 6, 30)
    )
    (found,) = checks.failing_arithmetic(pl.concat([figures, june]), reference.units).iter_rows(named=True)
    assert found["figure_id"] == "JUNE"
    assert found["quantity_bbl"] == pytest.approx(1_525_751, abs=1)
    assert found["at_daily_rate_bbl"] == 49_218 * 30


def test_a_figure_whose_value_is_no_price_is_found(reference: Reference) -> None:
    figures = reference.japan_crude_from_russia
    wrong = figures.with_columns(value=pl.when(figure_id="JP-CUSTOMS-2023-02").then(2_125_000.0).otherwise("value"))
    assert checks.failing_arithmetic(wrong, reference.units)["figure_id"].to_list() == ["JP-CUSTOMS-2023-02"]


def test_a_cargo_that_does_not_come_out_whole_is_found(reference: Reference) -> None:
    # 515,300 + 232,723 cleared, 747,706 arrived: within 0.05 %.
    assert checks.cargoes_in_parts(reference.japan_crude_from_russia, reference.units).is_empty()
    half = reference.japan_crude_from_russia.filter(pl.col("figure_id") != "JP-CUSTOMS-2023-02")
    (found,) = checks.cargoes_in_parts(half, reference.units).iter_rows(named=True)
    assert (found["vessel_imo"], found["cleared_bbl"], found["arrived_bbl"], found["customs_months"]) == (
        "9360128",
        515_300,
        747_706,
        "2023-01",
    )


def test_arrivals_are_never_judged(reference: Reference) -> None:
    figures = reference.japan_crude_from_russia
    flows = customs_flows(figures.lazy(), "JP", reference).collect()
    assert checks.judged_arrivals(flows, figures).is_empty()
    added = flows.with_columns(shipment_id=pl.lit("JP-METI-2023-01")).head(1)
    assert checks.judged_arrivals(pl.concat([flows, added]), figures)["shipment_id"].to_list() == ["JP-METI-2023-01"]


# --- marts


def mart(table: Table, store: Store, *reads: Table) -> list[dict]:
    rows = table.conform(duck.select({table: mart_sql(table.name)}, reads, store)[table])
    assert table.failures(rows).is_empty()
    return rows.to_dicts()


def staged(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows as the newest versions, and one that was revised."""
    at = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    about = frame.with_columns(
        known_on=dt.date(2026, 11, 22),
        fetched_at=pl.lit(at, pl.Datetime("us", "UTC")),
        last_seen_at=pl.lit(at, pl.Datetime("us", "UTC")),
        withdrawn_on=pl.lit(None, pl.Date),
        is_latest=pl.lit(True),
        document=pl.lit("d"),
        sha256=pl.lit("0"),
    )
    revised = about.with_columns(is_latest=pl.lit(False), fetched_at=pl.col("fetched_at") - pl.duration(days=30))
    return versioned(table).conform(pl.concat([about, revised.head(1)]))


@pytest.fixture
def store(tmp_path: Path, reference: Reference, book: Rulebook) -> Store:
    """Figures, lines and verdicts of a store; LNG and the months of 2026 are made up."""
    cleared = pl.concat([cleared_in_may(), lines(("2026-05", LNG, 500_000, 60_000_000_000))])
    from_all = everywhere(
        ("2026-05", CRUDE, 4_700_000, 5.3e11), ("2026-05", CONDENSATE, 100_000, 1e10), ("2026-05", LNG, 5_000_000, 6e11)
    )
    arrived = arrivals(*SAKHALIN_IN_MAY, ("2026-05", "14701", "Murban", 7_000_000.0))
    arrived = arrived.with_columns(
        origin_country=pl.when(pl.col("grade_code") == "14701").then(pl.lit("AE")).otherwise("origin_country")
    )
    figures = official(reference, cleared, everywhere(("2026-05", CRUDE, 4_700_000, 5.3e11)), arrived)
    store = Store(tmp_path)
    tables = {
        JAPAN_CRUDE_FROM_RUSSIA: figures,
        UNITS: reference.units,
        EXCHANGE_RATES_DAILY: reference.exchange_rates_daily,
        EXCHANGE_RATES_MONTHLY: reference.exchange_rates_monthly,
        EXEMPTIONS: book.exemptions,
        VERDICTS: judged(figures, book, reference),
        versioned(JAPAN_CUSTOMS_LINES): staged(JAPAN_CUSTOMS_LINES, cleared),
        versioned(JAPAN_CUSTOMS_ALL_ORIGINS): staged(JAPAN_CUSTOMS_ALL_ORIGINS, from_all),
        versioned(JAPAN_CRUDE_BY_GRADE): staged(JAPAN_CRUDE_BY_GRADE, arrived),
    }
    for table, frame in tables.items():
        store_rows(store, table, frame)
    return store


def test_gas_stands_beside_the_crude_that_a_licence_let_through(store: Store) -> None:
    reads = [
        *(JAPAN_CRUDE_FROM_RUSSIA, UNITS, EXCHANGE_RATES_DAILY, EXCHANGE_RATES_MONTHLY, EXEMPTIONS, VERDICTS),
        *(versioned(JAPAN_CUSTOMS_LINES), versioned(JAPAN_CUSTOMS_ALL_ORIGINS)),
    ]
    months = {row["month"]: row for row in mart(JAPAN_ENERGY_FROM_RUSSIA, store, *reads)}
    may_row = months["2026-05"]
    # 60 bn yen at 158.1530, the mean of May 2026: USD 379.4 m, 758.76 a tonne; 500,000 of 5,000,000 t.
    assert may_row["lng_t"] == 500_000
    assert may_row["lng_value_usd"] == pytest.approx(379_379_462, rel=1e-6)
    assert may_row["lng_usd_per_t"] == pytest.approx(758.76, abs=0.01)
    assert may_row["lng_share_pct"] == pytest.approx(10)
    # Several regimes exempt the same 95,000 kl, which count once.
    assert may_row["crude_bbl"] == may_row["exempt_crude_bbl"] == pytest.approx(597_532, abs=1)
    assert may_row["exempt_unit_value_usd_per_bbl"] == pytest.approx(114.6, abs=1.5)
    assert {"JP", "US"} <= set(may_row["exempt_under_regimes"].split(", "))
    assert "exclusion in the measure" in may_row["licences"]
    # Nothing was fetched for February 2023: not known, not zero.
    february = months["2023-02"]
    assert [february[name] for name in ("lng_t", "lng_value_usd", "lng_share_pct")] == [None] * 3
    assert february["exempt_crude_bbl"] == pytest.approx(232_723, abs=1)
    assert (months["2024-02"]["crude_bbl"], months["2024-02"]["exempt_crude_bbl"]) == (0, 0)


def test_the_two_series_are_held_against_each_other(store: Store) -> None:
    reads = [
        *(JAPAN_CRUDE_FROM_RUSSIA, UNITS),
        *(versioned(JAPAN_CUSTOMS_ALL_ORIGINS), versioned(JAPAN_CRUDE_BY_GRADE)),
    ]
    rows = {(row["month"], row["origin"]): row for row in mart(JAPAN_SERIES_RECONCILIATION, store, *reads)}
    january, february = rows["2023-01", "RU"], rows["2023-02", "RU"]
    assert january["arrivals_less_customs_bbl"] == 747_706 - 515_300
    assert (january["difference_pct"], january["is_beyond_5_pct"]) == (pytest.approx(31.08, abs=0.01), True)
    unknown = ("arrivals_bbl", "difference_pct", "is_beyond_5_pct", "running_difference_bbl")
    assert [february[name] for name in unknown] == [None] * 4
    russian = rows["2026-05", "RU"]
    assert (russian["difference_pct"], russian["is_beyond_5_pct"]) == (pytest.approx(0), False)
    # 4,800,000 kl cleared with condensate, 7,095,000 arrived.
    both = rows["2026-05", "all"]
    assert both["customs_bbl"] == pytest.approx(4_800_000 * BBL_PER_KL)
    assert both["arrivals_bbl"] == pytest.approx(7_095_000 * BBL_PER_KL)
    assert both["difference_pct"] == pytest.approx(32.35, abs=0.01)
    assert both["is_beyond_5_pct"]
