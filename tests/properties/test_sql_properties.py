"""Marts and macros hold for whatever cargoes and prices come.

Here: generated cargoes judged and summed up, the macros beside the engine, and sums that are broken on purpose.
Add here: a mart of sums is taken up by itself; a macro needs a property that ties it to the Python it repeats.
Keep out: single answers (see `tests/integration/test_cookbook`).
"""

import datetime as dt
import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.assets.marts import mart_sql
from pipelines.assets.release import macro_statements
from pipelines.assets.table_check import conservation_checks
from pipelines.contracts.cargoes import CARGOES, VERDICTS
from pipelines.contracts.marts import LISTED_VESSEL_CARGOES, SQL_MARTS
from pipelines.contracts.reference import ENFORCEMENT_CASES, GRADES, JAPAN_CRUDE_FROM_RUSSIA, UNITS
from pipelines.contracts.rules import PRODUCT_CLASSES, PROVIDER_ROLES, RULE_TABLES
from pipelines.contracts.sums import (
    JUDGED_CARGOES,
    PRICE_AGAINST_CAP,
    PROVIDER_EXPOSURE,
    VERDICT_COUNTS,
    VESSEL_EXPOSURE,
)
from pipelines.contracts.table import Table
from pipelines.rules.law import CONFIDENCE_OF_RANK, Law
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.transforms.classes import class_options
from pipelines.transforms.evidence import customs_flows, enforcement_cases
from pipelines.transforms.judge import is_above, is_at_or_below, judge
from pipelines.transforms.vessels import listings_on_loading
from pipelines.warehouse import duck
from pipelines.warehouse.store import Store
from tests.properties.test_judge_properties import BOOK, EDGES, LEVELS, STEPS, bounded
from tests.properties.test_judge_properties import CARGOES as DECLARED
from tests.support import Row, cargoes, shipment, store_rows, verdicts

SUMS = [mart for mart in SQL_MARTS if mart.conserved is not None]
WHAT_THE_MACROS_READ = [*RULE_TABLES.values(), GRADES, UNITS, CARGOES, VERDICTS]
LISTED_IMO = "9258002"  # a vessel of `listed_vessels`

# --- sums ------------------------------------------------------------------------------------------------------------


def with_providers(rows: list[Row]) -> list[Row]:
    """The rows with vessels and service providers, some named, some not, in ever another combination."""
    countries = itertools.cycle([None, "GB", "LR", None, "US", "PA", "NO", None, "GR"])
    vessels = itertools.cycle(
        [(LISTED_IMO, "Kazan"), (LISTED_IMO, "KAZAN"), (None, "Nameless"), (None, None), ("9074729", None)]
    )
    return [
        row
        | {role: next(countries) for role in PROVIDER_ROLES}
        | dict(zip(("vessel_imo", "vessel_name"), next(vessels), strict=True))
        for row in rows
    ]


def stored(folder: Path, rows: list[Row], book: Rulebook, reference: Reference) -> Store:
    """Declared cargoes beside all published figures and cases, judged; and the marts on them."""
    store = Store(folder)
    figures = {GRADES: reference.grades, UNITS: reference.units}
    figures |= {
        JAPAN_CRUDE_FROM_RUSSIA: reference.japan_crude_from_russia,
        ENFORCEMENT_CASES: reference.enforcement_cases,
    }
    tables = {table: getattr(book, Path(file).stem) for file, table in RULE_TABLES.items()} | figures
    tables[CARGOES] = pl.concat(
        [
            cargoes(rows, book, reference),
            customs_flows(reference.japan_crude_from_russia.lazy(), "JP", reference).collect(),
            enforcement_cases(reference.enforcement_cases.lazy(), reference.grades).collect(),
        ]
    )
    tables[VERDICTS] = judge(tables[CARGOES].lazy(), book).collect()
    tables[LISTED_VESSEL_CARGOES] = listings_on_loading(
        tables[CARGOES].lazy(), reference.listed_vessels, tables[VERDICTS].lazy(), book.exemptions
    ).collect()
    for table, frame in tables.items():
        store_rows(store, table, frame)
    for mart, frame in duck.select(
        {mart: mart_sql(mart.name) for mart in SQL_MARTS if mart.conserved}, tables, store
    ).items():
        store_rows(store, mart, frame)
    return store


@bounded(3)
@given(DECLARED)
def test_sums_add_up_to_the_cargoes(
    book: Rulebook, reference: Reference, tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    store = stored(tmp_path_factory.mktemp("store"), with_providers(rows), book, reference)
    for mart in [mart for mart in SQL_MARTS if mart.conserved]:
        frame = store.scan(mart).collect()
        assert mart.failures(frame).rows() == [], mart.name
        for check in conservation_checks(mart):
            finding = check.look(frame, store)
            assert finding.rows_failed == 0, (mart.name, finding.sample)
    # At the cap nothing is above it, and no rounding of a division either.
    at_or_below = store.scan(JUDGED_CARGOES).filter(~pl.col("is_above_cap"), pl.col("priced_bbl") > 0).collect()
    assert set(at_or_below["excess_at_most_usd"]) == {0.0}


@pytest.fixture(scope="module")
def example(book: Rulebook, reference: Reference, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Marts in which every measure of every mart is known for one row at least, and unknown for another."""
    old, new = {"contract_date": "2025-07-01"}, {"contract_date": "2025-08-01"}
    autumn = {"loading_date": "2025-09-10", "discharge_date": "2025-10-05", "nexus": "EU"}
    rows = [
        shipment(shipment_id="above", value=49_000_000.0, currency="USD", vessel_imo=LISTED_IMO, insurer_country="GB"),
        shipment(shipment_id="unpriced", value=None, currency=None),
        shipment(shipment_id="old", **autumn, **old),
        shipment(shipment_id="new", **autumn, **new),
        shipment(shipment_id="open", **autumn),
        shipment(shipment_id="wind-down", loading_date="2022-12-01", discharge_date="2023-01-10", value=56_000_000.0),
    ]
    return stored(tmp_path_factory.mktemp("example"), rows, book, reference)


@pytest.mark.parametrize(
    ("mart", "measure"),
    [
        (mart, measure.name)
        for mart in SUMS
        for measure in mart.conserved.measures  # type: ignore[union-attr]
        if measure.name != "rows"
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_sum_that_is_off_is_found(example: Store, mart: Table, measure: str) -> None:
    (check,) = conservation_checks(mart)
    good = example.scan(mart).collect().with_row_index("row")
    assert check.look(good, example).rows_failed == 0
    here = pl.col("row") == good.filter(pl.col(measure).is_not_null())["row"][0]
    increased = good.with_columns(pl.when(here).then(pl.col(measure) + 1).otherwise(measure).alias(measure))
    finding = check.look(increased, example)
    assert finding.sample["measure"].to_list() == [measure]
    lost, doubled = good.filter(~here), pl.concat([good, good.filter(here)])
    assert check.look(lost, example).rows_failed > 0
    assert check.look(doubled, example).rows_failed > 0


@pytest.mark.parametrize(
    "mart",
    [JUDGED_CARGOES, VERDICT_COUNTS, PRICE_AGAINST_CAP, PROVIDER_EXPOSURE, VESSEL_EXPOSURE],
    ids=lambda mart: mart.name,
)
def test_an_unknown_that_became_a_zero_is_found(example: Store, mart: Table) -> None:
    (check,) = conservation_checks(mart)
    zeros = example.scan(mart).collect().with_columns(pl.col(pl.Float64).fill_null(0.0))
    unknown = check.look(zeros, example).sample.filter(pl.col("in_source").is_null())
    # Neither barrels nor dollars of published cases are known.
    assert set(unknown["evidence_kind"]) == {"enforcement_case"}
    assert {"quantity_bbl", "excess_value_usd"} <= set(unknown["measure"])


def test_a_row_of_the_flat_table_that_is_lost_is_found(example: Store) -> None:
    flat, *_ = SUMS
    (check,) = conservation_checks(flat)
    frame = example.scan(flat).collect()
    # A published case has neither barrels nor dollars; its row is missed all the same.
    lost = frame.filter(pl.col("shipment_id") != "OFAC-K-1")
    assert check.look(lost, example).sample.select("evidence_kind", "regime", "measure").rows() == [
        ("enforcement_case", "US", "rows")
    ]


def test_a_provider_is_covered_where_it_brings_the_regime(book: Rulebook, reference: Reference, tmp_path: Path) -> None:
    # Norway takes three countries for its own from July to December 2023, whose cargoes load before, within and after.
    loading = {"AE": "2023-06-30", "AF": "2023-07-01", "AG": "2024-01-01", "GR": "2023-08-01", "LR": "2023-08-01"}
    window = {"regime": "NO", "role": "*", "valid_from": dt.date(2023, 7, 1), "valid_to": dt.date(2024, 1, 1)}
    joined = [
        {"id": f"NC-{country}", "country": country, "source": "S1", "confidence": "verified"} | window
        for country in ("AE", "AF", "AG")
    ]
    countries = pl.DataFrame(joined, schema=book.nexus_countries.schema)
    book = replace(book, nexus_countries=pl.concat([book.nexus_countries, countries]))
    rows = [
        shipment(shipment_id=f"{role} {country}", loading_date=day, discharge_date=None, nexus=None, **{role: country})
        for country, day in loading.items()
        for role in PROVIDER_ROLES
    ]
    store = stored(tmp_path, rows, book, reference)
    declared = store.scan(VERDICTS).filter(pl.col("shipment_id").str.contains(" ")).collect()
    brought = {
        (regime, *shipment_id.split(" ")): basis == "inferred"
        for shipment_id, regime, basis in declared.select("shipment_id", "regime", "nexus_basis").iter_rows()
    }
    exposed = store.scan(PROVIDER_EXPOSURE).drop_nulls("country").collect()
    covered = {
        (regime, role, country): is_covered != "no"
        for regime, role, country, is_covered in exposed.select("regime", "role", "country", "is_covered").iter_rows()
    }
    assert covered == brought
    assert [covered["NO", "flag", country] for country in ("AE", "AF", "AG")] == [False, True, False]
    # Whether the EU covers classification is not known: the cargo is judged, and the mart says so.
    unknown = exposed.filter(pl.col("regime") == "EU", pl.col("role") == "classification_country")
    assert unknown.filter(pl.col("country") == "GR")["is_covered"].to_list() == ["unknown"]


# --- macros beside the engine ----------------------------------------------------------------------------------------


@bounded(1)
@given(DECLARED)
def test_what_if_cap_compares_as_the_judge_does(
    book: Rulebook, reference: Reference, tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    folder = tmp_path_factory.mktemp("what_if")
    store = stored(folder / "store", with_providers(rows), book, reference)
    file = folder / "warehouse.duckdb"
    duck.build(file, WHAT_THE_MACROS_READ, macro_statements(), store)
    evidence, judged = store.scan(CARGOES).collect(), store.scan(VERDICTS).collect()
    with duck.read_only(file) as connection:
        # Published floors are 60, 70, 75 and 80: "above 60" is above a cap of 60.
        for level, regime in itertools.product([*LEVELS, 59.99, 60.01, 75.0], [None, *book.regime_codes]):
            reached = judged.filter(pl.col("verdict") != "out_of_scope")
            reached = reached if regime is None else reached.filter(pl.col("regime") == regime)
            expected = what_if(evidence.join(reached, on="shipment_id", how="semi"), level)
            totals = ", ".join(f"coalesce(sum({name}), 0)" for name in expected.columns[1:])
            call = "what_if_cap(?)" if regime is None else "what_if_cap(?, regime := ?)"
            given = connection.execute(
                f"SELECT evidence_kind, {totals} FROM {call} GROUP BY ALL ORDER BY ALL",
                [level] if regime is None else [level, regime],
            ).fetchall()
            assert len(given) == expected.height
            for row, wanted in zip(given, expected.iter_rows(), strict=True):
                assert row == tuple(pytest.approx(v) if isinstance(v, float) else v for v in wanted), (level, regime)


def what_if(evidence: pl.DataFrame, level: float) -> pl.DataFrame:
    """The sums of the macro over cargoes, each counted once, as the judge compares prices."""
    bbl, above = pl.col("quantity_bbl"), is_above(pl.lit(level))
    within = ~above & is_at_or_below(pl.lit(level))
    low, high = (pl.col(f"price_{end}_usd_per_bbl") - level for end in ("low", "high"))
    sums = {
        "cargoes": pl.len(),
        "above_cargoes": above.sum(),
        "undecided_cargoes": (~above & ~within).sum(),
        "quantity_bbl": bbl.sum(),
        "above_bbl": bbl.filter(above).sum(),
        "undecided_bbl": bbl.filter(~above & ~within).sum(),
        "unbounded_bbl": bbl.filter(pl.col("price_high_usd_per_bbl").is_null()).sum(),
        "excess_at_least_usd": (low * bbl).filter(above).sum(),
        "excess_at_most_usd": (high * bbl).filter(~within).sum(),
    }
    return evidence.group_by("evidence_kind").agg(**sums).sort("evidence_kind")


@pytest.fixture(scope="module")
def sql(example: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A published file with the macros, opened as its readers open it."""
    file = tmp_path_factory.mktemp("file") / "warehouse.duckdb"
    duck.build(file, WHAT_THE_MACROS_READ, macro_statements(), example)
    with duck.read_only(file) as connection:
        yield connection


def test_cap_on_gives_every_reading_of_the_law(book: Rulebook, sql: duckdb.DuckDBPyConnection) -> None:
    law = Law(book)
    read = {
        (
            regime,
            product_class,
            law.first_day(era),
            cap_id,
            cap,
            "unverified" if rank is None else CONFIDENCE_OF_RANK[rank],
        )
        for regime, product_class, era, cap_id, cap, rank in law.caps.select(
            "regime", "product_class", "era", "cap_id", "cap_usd_per_bbl", "cap_rank"
        ).iter_rows()
    }
    days = [law.first_day(era) for era in range(1, law.last_era + 1)]
    given = sql.execute(
        """
        SELECT regimes.regime, classes.name, days.day, caps.cap_id, caps.cap_usd_per_bbl, caps.confidence
        FROM reference.regimes, (SELECT unnest(?::VARCHAR[]) AS name) AS classes, (SELECT unnest(?::DATE[]) AS day) AS days,
            cap_on(regimes.regime, classes.name, days.day) AS caps
        """,
        [list(PRODUCT_CLASSES), days],
    ).fetchall()
    assert len(given) == len(set(given)) > 1_000
    assert set(given) == read


def hs_code(book: Rulebook, regime: str, product_class: str) -> str:
    """A code that is surely of the class under the regime."""
    codes = book.product_classes.filter(pl.col("confidence") == "verified").select(hs_code="code")
    options = class_options(codes.lazy(), book).filter(pl.col("regime") == regime, pl.col("class_key") == product_class)
    return options.sort("class_rank", "hs_code").collect()["hs_code"][0]


QUANTITIES = st.sampled_from([700_000.0, 123_457.0, 999_999.0])
# At the edge of any rule, and in the weeks after a level fell, when an earlier one may still be usable.
AT_AN_EDGE = st.tuples(
    st.sampled_from(BOOK.regime_codes),
    st.sampled_from(PRODUCT_CLASSES),
    st.builds(
        lambda day, offset: day + dt.timedelta(days=offset), st.sampled_from(EDGES), st.sampled_from([0, -1, 1, 15])
    ),
    st.sampled_from(LEVELS)
    | st.sampled_from(LEVELS).map(lambda level: level + 0.01)
    | st.sampled_from(LEVELS).map(lambda level: level - 0.01)
    | st.integers(4_000, 10_100).map(lambda cents: cents / 100)
    | st.none(),
    QUANTITIES,
)
AFTER_A_STEP = st.builds(
    lambda cap, days, price, quantity: (
        cap["regime"],
        cap["product_class"],
        cap["valid_from"] + dt.timedelta(days=days),
        price,
        quantity,
    ),
    st.sampled_from(STEPS),
    st.sampled_from([0, 15, 27, 28, 44, 45, 46, 60, 72, 73, 75]),
    st.sampled_from([44.1, 46.0, 47.6, 50.0, 60.0, 60.01]),
    QUANTITIES,
)


@bounded(4)
@given(st.lists(AT_AN_EDGE | AFTER_A_STEP, min_size=200, max_size=300, unique=True))
def test_verdict_at_says_what_holds_for_every_cargo_of_the_price(
    book: Rulebook, reference: Reference, sql: duckdb.DuckDBPyConnection, asked: list[tuple]
) -> None:
    # The macro knows no licences, so the engine is asked without them.
    book = replace(book, exemptions=book.exemptions.clear())
    codes = {key: hs_code(book, *key) for key in {(regime, name) for regime, name, *_ in asked}}
    rows, bare = [], []
    for number, (regime, product_class, day, price, quantity) in enumerate(asked):
        value = None if price is None else price * quantity
        # A hair more, as an analyst's arithmetic may give it: binary rounding decides nothing (J-13).
        hair = None if value is None else math.nextafter(value / quantity, math.inf)
        bare.append((number, hair, regime, product_class, day))
        for age, under_way, destination in itertools.product((0, 400), (0, 50), ("IN", "JP")):
            loading = day - dt.timedelta(days=under_way)
            rows.append(
                shipment(
                    shipment_id=f"{number} {age} {under_way} {destination}",
                    contract_date=loading - dt.timedelta(days=age),
                    loading_date=loading,
                    discharge_date=day,
                    hs_code=codes[regime, product_class],
                    destination_country=destination,
                    quantity=quantity,
                    value=value,
                    nexus=regime,
                )
            )
    judged: dict[int, list[Row]] = {}
    for row in verdicts(rows, book, reference).iter_rows(named=True):
        number = int(row["shipment_id"].split(" ")[0])
        if row["regime"] == asked[number][0]:
            judged.setdefault(number, []).append(row)
    sql.execute(
        "CREATE OR REPLACE TEMP TABLE bare (number INT, price DOUBLE, regime VARCHAR, product_class VARCHAR, day DATE)"
    )
    sql.executemany("INSERT INTO bare VALUES (?, ?, ?, ?, ?)", bare)
    answers = sql.execute("SELECT number, answer.* FROM bare, verdict_at(price, regime, product_class, day) AS answer")
    names = [column[0] for column in answers.description]
    said = {row[0]: dict(zip(names, row, strict=True)) for row in answers.fetchall()}
    assert len(said) == len(asked)
    verdicts_said = {answer["verdict"] for answer in said.values()}
    assert verdicts_said == {"within_cap", "above_cap", "indeterminate", "unpriced", "out_of_scope"}
    for number, facts in enumerate(asked):
        answer, engine = said[number], judged[number]
        assert len(engine) == 8
        about = (facts, answer, [(row["shipment_id"], row["verdict"], row["transition_id"]) for row in engine])
        # A wind-down lets a cargo through whatever its price: at or below the cap nobody needs it.
        given = {row["verdict"] for row in engine if row["verdict"] != "exempt"} or {"exempt"}
        if answer["verdict"] == "indeterminate":
            let_through = [row for row in engine if row["verdict"] in {"exempt", "within_prior_cap"}]
            assert let_through or "indeterminate" in given, about
        else:
            assert given == {answer["verdict"]}, about
        if answer["verdict"] == "above_cap":
            assert all(row["verdict"] == "above_cap" for row in engine), about
        rules = set((answer["transition_ids"] or "").split(";"))
        for row in engine:
            assert row["cap_id"] == answer["cap_id"], about
            assert row["cap_usd_per_bbl"] == answer["cap_usd_per_bbl"], about
            assert row["is_above_cap"] == answer["is_above_cap"], about
            if row["transition_id"] and answer["is_above_cap"]:
                assert row["transition_id"] in rules, about


def test_bbl_gives_the_barrels_of_the_prices(
    book: Rulebook, reference: Reference, sql: duckdb.DuckDBPyConnection
) -> None:
    spellings = [
        (row["kind"], spelling)
        for row in reference.grades.iter_rows(named=True)
        for spelling in [row["grade"], *(row["aliases"] or "").split(";")]
        if spelling
    ]
    units = reference.units["unit"].to_list()
    rows = [
        shipment(
            shipment_id=f"{number}",
            grade=written,
            quantity_unit=unit,
            quantity=12_345.6,
            hs_code="271019" if kind == "product" else "2709",
        )
        for number, ((kind, spelling), unit, written) in enumerate(
            (pair, unit, written)
            for pair in spellings
            for unit in units
            for written in (pair[1], pair[1].upper(), pair[1].replace(" ", "-"))
        )
    ]
    priced = cargoes(rows, book, reference).sort(pl.col("shipment_id").cast(pl.Int64))
    asked = [priced[name].to_list() for name in ("quantity", "quantity_unit", "grade")]
    given = sql.execute(
        """
        SELECT bbl(quantity, unit, grade) FROM (
            SELECT unnest(?::DOUBLE[]) AS quantity, unnest(?::VARCHAR[]) AS unit, unnest(?::VARCHAR[]) AS grade
        )
        """,
        asked,
    ).fetchall()
    barrels = dict(zip(zip(*asked, strict=True), (row for (row,) in given), strict=True))
    assert len(given) == len(spellings) * len(units) * 3 > 500
    for *key, expected in priced.select("quantity", "quantity_unit", "grade", "quantity_bbl").iter_rows():
        assert barrels[tuple(key)] == pytest.approx(expected, rel=1e-12), key


@pytest.mark.parametrize(("unit", "grade"), [("gal", "Urals"), ("t", "no such grade"), ("t", None), (None, "Urals")])
def test_bbl_does_not_guess(sql: duckdb.DuckDBPyConnection, unit: str | None, grade: str | None) -> None:
    assert sql.execute("SELECT bbl(1, ?, ?)", [unit, grade]).fetchall() == [(None,)]
    # Nor over the columns of a table that has the same names.
    asked = "SELECT bbl(quantity, unit, grade) FROM (SELECT 1 AS quantity, ?::VARCHAR AS unit, ?::VARCHAR AS grade)"
    assert sql.execute(asked, [unit, grade]).fetchall() == [(None,)]
