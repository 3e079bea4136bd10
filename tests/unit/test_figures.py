"""Facts about the published figures and reference tables that ship with the project.

Here: checks of data/figures and data/reference against values worked out by hand from their sources.
Add: one check for every new table or figure, with the arithmetic spelled out.
Keep out: how the pipeline reads or uses these tables.
"""

import csv
import re
from collections import Counter, defaultdict
from datetime import date
from itertools import pairwise
from pathlib import Path
from statistics import mean

import pytest

from pipelines.transforms.japan import ARRIVALS_SOURCE, CUSTOMS_SOURCE

DATA = Path(__file__).resolve().parents[2] / "data"
BBL_PER_M3 = 6.28981077

COLUMNS = {
    "figures/sources": "source_id publisher reference licence note",
    "figures/exchange_rates_daily": "rate_date currency units_per_eur source",
    "figures/exchange_rates_monthly": "month currency units_per_usd source",
    "figures/crude_prices_monthly": "month benchmark usd_per_bbl basis published_on source tag",
    "figures/crude_price_points": "point_id grade benchmark first_date last_date low_usd_per_bbl high_usd_per_bbl"
    " basis source note",
    "figures/japan_crude_from_russia": "figure_id series period_first period_last quantity quantity_unit bbl_per_day"
    " value currency value_usd origin_country grade origin_project loading_first loading_last discharge_first discharge_last"
    " vessel_name vessel_imo published_on confidence source note",
    "figures/enforcement_cases": "case_id authority published_on vessel_name vessel_imo owner hs_code grade"
    " origin_country destination_country loading_first loading_last discharge_first discharge_last"
    " price_low_usd_per_bbl price_high_usd_per_bbl price_wording nexus confidence source note",
    "figures/freight_points": "point_id route loading_region loading_countries_or_ports destination_country component"
    " first_date last_date low_usd_per_bbl high_usd_per_bbl usd_million_low usd_million_high cargo_t bbl_per_t"
    " source note",
    "figures/listed_vessels": "vessel_imo vessel_name authority listed_on known_listed_on delisted_on programme"
    " list_reference source note",
    "reference/grades": "grade aliases kind origin_note density_t_per_m3 bbl_per_t range_pct hs_prefixes confidence"
    " source note",
    "reference/importers": "country country_name comtrade_code energy_code customs_data_set is_asked_of_comtrade"
    " oil_arrives_by source note",
    "reference/incoterms": "incoterm contains_freight contains_insurance note",
    "reference/ports": "port_id un_locode port_name other_name country latitude_deg longitude_deg has_oil_terminal"
    " source note",
    "reference/units": "unit meaning bbl_per_unit t_per_unit source",
    "reference/country_codes": "scheme code country name source",
}
KEYS = {
    "figures/sources": ("source_id",),
    "figures/exchange_rates_daily": ("rate_date", "currency"),
    "figures/exchange_rates_monthly": ("month", "currency"),
    "figures/crude_prices_monthly": ("benchmark", "month"),
    "figures/crude_price_points": ("point_id",),
    "figures/japan_crude_from_russia": ("figure_id",),
    "figures/enforcement_cases": ("case_id",),
    "figures/freight_points": ("point_id",),
    "figures/listed_vessels": ("vessel_imo", "authority", "known_listed_on"),
    "reference/grades": ("grade",),
    "reference/importers": ("country",),
    "reference/incoterms": ("incoterm",),
    "reference/ports": ("port_id",),
    "reference/units": ("unit",),
    "reference/country_codes": ("scheme", "code"),
}
SOURCED = [name for name, columns in COLUMNS.items() if "source" in columns.split()]


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def by(name: str, key: str) -> dict[str, dict[str, str]]:
    return {row[key]: row for row in rows(name)}


def months(first: str, last: str) -> list[str]:
    start, end = (int(m[:4]) * 12 + int(m[5:]) - 1 for m in (first, last))
    return [f"{n // 12}-{n % 12 + 1:02d}" for n in range(start, end + 1)]


def is_imo(number: str) -> bool:
    """Seven digits; the first six, weighted 7 down to 2, sum to a number that ends in the seventh."""
    return bool(re.fullmatch(r"\d{7}", number)) and (
        sum(int(d) * w for d, w in zip(number, range(7, 1, -1), strict=False)) % 10 == int(number[6])
    )


# --- all tables


@pytest.mark.parametrize("name", COLUMNS)
def test_file_is_a_small_clean_csv_with_the_agreed_columns(name: str) -> None:
    raw = (DATA / f"{name}.csv").read_bytes()
    assert len(raw) < 1_000_000
    assert b"\r" not in raw and raw.endswith(b"\n")
    assert raw.decode("utf-8").splitlines()[0].split(",") == COLUMNS[name].split()
    assert all(None not in row and None not in row.values() for row in rows(name)), "ragged row"
    assert all(value == value.strip() for row in rows(name) for value in row.values())


@pytest.mark.parametrize("name", KEYS)
def test_keys_are_unique_and_filled(name: str) -> None:
    keys = [tuple(row[column] for column in KEYS[name]) for row in rows(name)]
    assert len(set(keys)) == len(keys)
    assert all(all(key) for key in keys)


@pytest.mark.parametrize("name", SOURCED)
def test_every_row_has_a_source_that_resolves(name: str) -> None:
    known = by("figures/sources", "source_id")
    assert {row["source"] for row in rows(name)} <= set(known)


@pytest.mark.parametrize("name", SOURCED)
def test_sources_named_in_notes_resolve(name: str) -> None:
    known = by("figures/sources", "source_id")
    named = {key for row in rows(name) for key in re.findall(r"\bF-[A-Z0-9-]+", row.get("note", ""))}
    assert named <= set(known)


def test_every_source_is_described_and_used() -> None:
    used = {row["source"] for name in SOURCED for row in rows(name)} | {CUSTOMS_SOURCE, ARRIVALS_SOURCE}
    for name in SOURCED:
        for row in rows(name):
            used |= set(re.findall(r"\bF-[A-Z0-9-]+", row.get("note", "")))
    sources = rows("figures/sources")
    assert {row["source_id"] for row in sources} == used
    assert all(row["publisher"] and row["reference"] and row["licence"] for row in sources)


@pytest.mark.parametrize("name", COLUMNS)
def test_days_are_iso_and_windows_run_forward(name: str) -> None:
    for row in rows(name):
        days = {
            c: date.fromisoformat(v) for c, v in row.items() if v and c.endswith(("_first", "_last", "_date", "_on"))
        }
        for first, last in (("period_first", "period_last"), ("first_date", "last_date")):
            if first in days:
                assert days[first] <= days[last], row
        for leg in ("loading", "discharge"):
            assert (f"{leg}_first" in days) == (f"{leg}_last" in days), row
            if f"{leg}_first" in days:
                assert days[f"{leg}_first"] <= days[f"{leg}_last"], row
        if "loading_first" in days and "discharge_last" in days:
            assert days["loading_first"] <= days["discharge_last"], row


# --- exchange rates


def test_daily_rates_cover_the_ecb_days_and_currencies() -> None:
    table = rows("figures/exchange_rates_daily")
    pairs = [(row["rate_date"], row["currency"]) for row in table]
    days = sorted({day for day, _ in pairs})
    assert pairs == sorted(pairs)
    assert (days[0], days[-1], len(days)) == ("2021-12-01", "2026-04-13", 1116)
    assert set(Counter(day for day, _ in pairs).values()) == {11}
    assert {c for _, c in pairs} == {
        "USD",
        "JPY",
        "GBP",
        "CNY",
        "INR",
        "TRY",
        "CHF",
        "NOK",
        "CAD",
        "AUD",
        "KRW",
    }
    assert all(date.fromisoformat(day).weekday() < 5 for day in days)
    assert all(float(row["units_per_eur"]) > 0 for row in table)


def test_yen_per_dollar_on_the_day_the_sakhalin_cargo_loaded() -> None:
    # ECB, 28 December 2022: 142.21 JPY and 1.0640 USD per EUR. 142.21 / 1.0640 = 133.656.
    day = {
        r["currency"]: float(r["units_per_eur"])
        for r in rows("figures/exchange_rates_daily")
        if r["rate_date"] == "2022-12-28"
    }
    assert day["JPY"] == 142.21
    assert day["USD"] == 1.064
    assert day["JPY"] / day["USD"] == pytest.approx(133.656, abs=0.001)


def test_monthly_rates_are_units_per_dollar() -> None:
    # Turned round, the yen would read below 0.02 and the euro above 1 in all but two of these months.
    table: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows("figures/exchange_rates_monthly"):
        table[row["currency"]][row["month"]] = float(row["units_per_usd"])
    assert set(table) == {"AUD", "CAD", "CHF", "CNY", "EUR", "GBP", "INR", "JPY", "KRW", "NOK"}
    assert all(sorted(months_) == months("2021-12", "2026-06") for months_ in table.values())
    assert all(75 < rate < 250 for rate in table["JPY"].values())
    assert all(0.6 < rate < 1.3 for rate in table["EUR"].values())
    assert all(0.6 < rate < 1.0 for rate in table["GBP"].values())
    assert table["EUR"]["2026-06"] == 0.8684
    assert table["JPY"]["2025-06"] == 144.4835


@pytest.mark.parametrize("currency", ["JPY", "EUR", "GBP"])
def test_daily_and_monthly_rates_agree_within_half_a_per_cent(currency: str) -> None:
    per_eur: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows("figures/exchange_rates_daily"):
        per_eur[row["rate_date"]][row["currency"]] = float(row["units_per_eur"])
    crossed = defaultdict(list)
    for day, rates in per_eur.items():
        crossed[day[:7]].append(rates.get(currency, 1.0) / rates["USD"])
    fed = {
        r["month"]: float(r["units_per_usd"])
        for r in rows("figures/exchange_rates_monthly")
        if r["currency"] == currency
    }
    for month in months("2021-12", "2026-03"):
        assert mean(crossed[month]) == pytest.approx(fed[month], rel=0.005), month


# --- crude prices


def test_crude_benchmarks_cover_their_months() -> None:
    covered = defaultdict(list)
    for row in rows("figures/crude_prices_monthly"):
        covered[row["benchmark"]].append(row["month"])
    assert covered["brent"] == months("2021-12", "2026-07")
    assert covered["urals_tax"] == months("2021-12", "2026-08")
    assert len(covered["urals_minfin"]) == 17
    assert set(covered) == {"brent", "urals_tax", "urals_minfin"}


@pytest.mark.parametrize(
    ("benchmark", "month", "usd_per_bbl"),
    [
        ("brent", "2022-12", 80.92),
        ("brent", "2026-07", 83.76),
        ("urals_tax", "2022-12", 50.15),
        ("urals_tax", "2025-12", 39.18),
        ("urals_minfin", "2022-12", 50.47),
        ("urals_minfin", "2023-09", 83.08),  # first printing; later ones read 83.30 and 83.80
    ],
)
def test_crude_price_as_published(benchmark: str, month: str, usd_per_bbl: float) -> None:
    table = {(r["benchmark"], r["month"]): float(r["usd_per_bbl"]) for r in rows("figures/crude_prices_monthly")}
    assert table[benchmark, month] == usd_per_bbl


def test_only_the_newest_urals_month_rests_on_a_single_source() -> None:
    single = [r for r in rows("figures/crude_prices_monthly") if r["tag"] != "seen"]
    assert [(r["benchmark"], r["month"], r["usd_per_bbl"], r["tag"]) for r in single] == [
        ("urals_tax", "2026-08", "67.11", "single source")
    ]


def test_prices_are_not_published_before_their_month_ends() -> None:
    for row in rows("figures/crude_prices_monthly"):
        assert not row["published_on"] or row["published_on"][:7] > row["month"], row


# --- Japan


def japan_barrels(figure_id: str) -> float:
    row = by("figures/japan_crude_from_russia", "figure_id")[figure_id]
    return float(row["quantity"]) * {"bbl": 1.0, "kl": BBL_PER_M3}[row["quantity_unit"]]


def test_customs_january_and_february_2023_make_the_published_total() -> None:
    # 515,300 + 37,000 x 6.28981077 = 748,023 bbl; 4.78 + 2.125 = 6.905 bn JPY. Published: about 748,000 and 6.9.
    table = by("figures/japan_crude_from_russia", "figure_id")
    pair = ["JP-CUSTOMS-2023-01", "JP-CUSTOMS-2023-02"]
    assert sum(map(japan_barrels, pair)) == pytest.approx(748_000, abs=50)
    assert sum(float(table[key]["value"]) for key in pair) == 6_905_000_000
    assert {table[key]["currency"] for key in pair} == {"JPY"}


def test_february_2023_unit_price_is_the_published_one() -> None:
    # USD 15.945 m / 232,723 bbl = 68.515; the report prints 68.52.
    row = by("figures/japan_crude_from_russia", "figure_id")["JP-CUSTOMS-2023-02"]
    assert float(row["value_usd"]) / japan_barrels("JP-CUSTOMS-2023-02") == pytest.approx(68.52, abs=0.01)


def test_customs_june_and_july_2025_make_one_cargo() -> None:
    # January to July 2025: 95,299 kL x 6.28981077 = 599,413 bbl, of a cargo of 600,000 bbl.
    assert japan_barrels("JP-CUSTOMS-2025-06") == 440_000
    both = japan_barrels("JP-CUSTOMS-2025-06") + japan_barrels("JP-CUSTOMS-2025-07")
    assert both == pytest.approx(95_299 * BBL_PER_M3, abs=50)
    july = by("figures/japan_crude_from_russia", "figure_id")["JP-CUSTOMS-2025-07"]
    assert (july["value"], july["value_usd"], july["confidence"]) == ("", "", "derived")


@pytest.mark.parametrize(
    ("figure_id", "bbl_per_day", "days"),
    [("JP-CUSTOMS-2021-06", 107_942, 30), ("JP-CUSTOMS-2022-05", 49_218, 31)],
)
def test_volume_agrees_with_the_daily_rate_in_the_same_report(figure_id: str, bbl_per_day: int, days: int) -> None:
    assert japan_barrels(figure_id) == pytest.approx(bbl_per_day * days, rel=1e-4)
    assert by("figures/japan_crude_from_russia", "figure_id")[figure_id]["bbl_per_day"] == str(bbl_per_day)


def test_customs_codes_of_countries_that_sell_crude_or_gas_to_japan() -> None:
    codes = {row["code"]: row["country"] for row in rows("reference/country_codes")}
    assert {row["scheme"] for row in rows("reference/country_codes")} == {"japan_customs"}
    sellers = ("224", "137", "147", "138", "140", "304", "601")
    assert [codes[code] for code in sellers] == ["RU", "SA", "AE", "KW", "QA", "US", "AU"]
    assert all(re.fullmatch(r"[1-7]\d\d", code) and re.fullmatch(r"[A-Z]{2}", codes[code]) for code in codes)


def test_months_without_imports_are_zero() -> None:
    table = by("figures/japan_crude_from_russia", "figure_id")
    nil = {(r["period_first"], r["period_last"]) for r in table.values() if float(r["quantity"]) == 0}
    assert nil == {
        ("2022-06-01", "2022-06-30"),
        ("2022-09-01", "2022-12-31"),
        ("2023-03-01", "2025-05-31"),
        ("2026-01-01", "2026-01-31"),
    }


def test_arrivals_and_clearances_never_share_a_series() -> None:
    # The same cargo stands in both, so a sum over the two would count it twice.
    table = rows("figures/japan_crude_from_russia")
    series = {row["figure_id"]: row["series"] for row in table}
    assert set(series.values()) == {"customs", "meti_arrivals"}
    assert all((key.split("-")[1] == "METI") == (name == "meti_arrivals") for key, name in series.items())
    assert japan_barrels("JP-METI-2023-01") == 747_706


def test_periods_of_a_series_do_not_overlap() -> None:
    spans = defaultdict(list)
    for row in rows("figures/japan_crude_from_russia"):
        spans[row["series"]].append((row["period_first"], row["period_last"]))
    for series in spans.values():
        ordered = sorted(series)
        assert all(before[1] < after[0] for before, after in pairwise(ordered))


def test_sakhalin_blend_stands_only_where_a_source_names_it() -> None:
    named = {r["figure_id"] for r in rows("figures/japan_crude_from_russia") if r["grade"] or r["origin_project"]}
    assert named == {f"JP-CUSTOMS-{m}" for m in ("2023-01", "2023-02", "2025-06", "2025-07")} | {"JP-METI-2023-01"}


# --- vessels and enforcement


@pytest.mark.parametrize(("number", "valid"), [("9074729", True), ("9074728", False), ("907472", False)])
def test_imo_check_digit(number: str, valid: bool) -> None:
    # 9x7 + 0x6 + 7x5 + 4x4 + 7x3 + 2x2 = 139, so the last digit is 9.
    assert is_imo(number) is valid


@pytest.mark.parametrize(
    "name", ["figures/japan_crude_from_russia", "figures/enforcement_cases", "figures/listed_vessels"]
)
def test_vessels_have_a_valid_imo_number(name: str) -> None:
    for row in rows(name):
        assert bool(row["vessel_name"]) == bool(row["vessel_imo"]), row
        assert not row["vessel_imo"] or is_imo(row["vessel_imo"]), row


def test_enforcement_cases_as_announced() -> None:
    announced = [
        ("2023-10-12", "Yasa Golden Bosphorus", "9334038", "ESPO", "80"),
        ("2023-10-12", "SCF Primorye", "9421960", "Novy Port", "75"),
        ("2023-11-16", "Kazan", "9258002", "", "60"),
        ("2023-11-16", "Ligovsky Prospect", "9256066", "", "60"),
        ("2023-11-16", "NS Century", "9306782", "", "60"),
        ("2023-12-01", "NS Champion", "9299719", "Urals", "70"),
        ("2023-12-01", "Viktor Bakaev", "9610810", "Urals", "70"),
        ("2023-12-01", "HS Atlantica", "9322839", "Urals", "70"),
        ("2024-02-08", "NS Leader", "9339301", "Urals", "80"),
    ]
    columns = ("published_on", "vessel_name", "vessel_imo", "grade", "price_low_usd_per_bbl")
    cases = rows("figures/enforcement_cases")
    assert [tuple(case[c] for c in columns) for case in cases] == announced
    assert [case["case_id"] for case in cases] == [f"OFAC-K-{n}" for n in range(1, 10)]


def test_announced_prices_are_lower_bounds() -> None:
    for case in rows("figures/enforcement_cases"):
        assert case["price_wording"] == f"above {case['price_low_usd_per_bbl']}"
        assert case["price_high_usd_per_bbl"] == ""
        assert (case["nexus"], case["origin_country"], case["hs_code"]) == ("US", "RU", "2709")


def test_unknown_voyages_span_the_start_of_the_cap_to_the_announcement() -> None:
    first, *others = rows("figures/enforcement_cases")
    assert (first["loading_first"], first["loading_last"]) == ("2023-04-03", "2023-04-03")
    assert (first["discharge_first"], first["discharge_last"]) == ("2023-04-17", "2023-04-17")
    assert first["destination_country"] == "CN"
    for case in others:
        assert (case["loading_first"], case["loading_last"]) == ("2022-12-05", case["published_on"])
        assert not case["discharge_first"] and not case["destination_country"]
        assert "derived" in case["note"]


# --- freight


@pytest.mark.parametrize(
    ("point_id", "low", "high"),
    [
        # 6.9 and 7.3 m over 100,000 t x 6.28981077 / 0.867 = 725,468 bbl
        ("FRT-BALTIC-IN-2023-06", 9.511, 10.062),
        # 3.8 m over 140,000 t x 6.28981077 / 0.867 = 1,015,656 bbl
        ("FRT-BLACKSEA-IN-2024-09-10", 3.741, 3.741),
        # 4.8 m over 140,000 t x 6.28981077 / 0.800 = 1,100,717 bbl
        ("FRT-CPC-IN-2024-07", 4.361, 4.361),
        # USD 70 per tonne, as the same report says, over 6.28981077 / 0.851 = 7.3911 bbl/t
        ("FRT-KOZMINO-CN-2025-01-21", 9.471, 9.471),
    ],
)
def test_freight_per_barrel(point_id: str, low: float, high: float) -> None:
    point = by("figures/freight_points", "point_id")[point_id]
    assert float(point["low_usd_per_bbl"]) == pytest.approx(low, abs=0.001)
    assert float(point["high_usd_per_bbl"]) == pytest.approx(high, abs=0.001)


def test_freight_per_barrel_times_cargo_is_the_published_voyage_cost() -> None:
    freight = [p for p in rows("figures/freight_points") if p["component"] == "freight"]
    assert Counter(p["loading_region"] for p in freight) == {
        "baltic": 14,
        "black_sea": 5,
        "cpc": 1,
        "kozmino": 5,
    }
    for point in freight:
        cargo_bbl = float(point["cargo_t"]) * float(point["bbl_per_t"])
        for bound in ("low", "high"):
            per_bbl, million = point[f"{bound}_usd_per_bbl"], point[f"usd_million_{bound}"]
            assert bool(per_bbl) == bool(million)
            if million:
                assert float(per_bbl) * cargo_bbl / 1e6 == pytest.approx(float(million), rel=1e-4), point


def test_only_the_over_twenty_million_point_is_open_upwards() -> None:
    open_points = [p for p in rows("figures/freight_points") if not p["high_usd_per_bbl"]]
    assert [(p["point_id"], p["usd_million_low"]) for p in open_points] == [("FRT-BALTIC-IN-2022", "20")]


def test_insurance_point_is_delivered_cost_less_freight() -> None:
    # Delivered less FOB about 12; freight of June 2023 9.511 to 10.062: the rest is 1.938 to 2.489.
    (point,) = [p for p in rows("figures/freight_points") if p["component"] == "insurance"]
    assert float(point["low_usd_per_bbl"]) == pytest.approx(1.938, abs=0.001)
    assert float(point["high_usd_per_bbl"]) == pytest.approx(2.489, abs=0.001)
    assert "confidence=derived" in point["note"] and "upper bound" in point["note"]


# --- reference tables


def test_barrel_is_forty_two_gallons() -> None:
    # 42 gallons x 231 cubic inches x 0.0254^3 m3 = 0.158987294928 m3
    units = by("reference/units", "unit")
    assert pytest.approx(1 / (42 * 231 * 0.0254**3), abs=1e-8) == BBL_PER_M3
    assert {u: r["bbl_per_unit"] for u, r in units.items() if r["bbl_per_unit"]} == {
        "bbl": "1",
        "m3": "6.28981077",
        "kl": "6.28981077",
        "l": "0.00628981077",
    }
    assert {u: r["t_per_unit"] for u, r in units.items() if r["t_per_unit"]} == {"t": "1", "kg": "0.001"}


@pytest.mark.parametrize(
    ("grade", "api"), [("Urals", 31.7), ("ESPO", 34.8), ("Siberian Light", 35.1), ("CPC Blend", 45.3)]
)
def test_density_follows_from_the_published_gravity(grade: str, api: float) -> None:
    row = by("reference/grades", "grade")[grade]
    assert float(row["density_t_per_m3"]) == pytest.approx(141.5 / (api + 131.5), abs=0.0005)
    assert row["confidence"] == "verified"


def test_crude_has_a_density_and_products_a_factor() -> None:
    table = rows("reference/grades")
    assert Counter(row["kind"] for row in table) == {"crude": 10, "product": 6, "generic_crude": 1}
    for row in table:
        if row["kind"] == "crude":
            assert 0.78 < float(row["density_t_per_m3"]) < 0.95
            assert not row["bbl_per_t"] and not row["hs_prefixes"]
        elif row["kind"] == "generic_crude":  # J-15: its range is that of the listed crudes
            assert (row["bbl_per_t"], row["density_t_per_m3"], row["range_pct"]) == ("7.33", "", "")
        else:
            assert not row["density_t_per_m3"]
            assert (row["range_pct"], row["confidence"]) == ("3", "unverified")
    factors = {row["grade"]: float(row["bbl_per_t"]) for row in table if row["kind"] == "product"}
    assert sorted(factors.values()) == [6.35, 6.9, 7.46, 7.88, 8.35, 8.9]
    assert factors["Naphtha"] == pytest.approx(BBL_PER_M3 / 0.707, abs=0.01)
    assert factors["Vacuum gas oil"] == pytest.approx(BBL_PER_M3 / 0.912, abs=0.01)


def test_unverified_grades_say_so() -> None:
    for row in rows("reference/grades"):
        assert (row["confidence"] == "verified") == (row["source"] == "F-ASSAY"), row


def test_a_name_or_code_means_one_grade() -> None:
    names: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for row in rows("reference/grades"):
        aliases = row["aliases"].split(";") if row["aliases"] else []
        names.update(name.casefold() for name in [row["grade"], *aliases])
        codes.update(row["hs_prefixes"].split(";") if row["hs_prefixes"] else [])
    assert max(names.values()) == 1
    assert max(codes.values()) == 1
    assert all(re.fullmatch(r"2710\d{4}", code) for code in codes)


def test_grades_named_in_the_figures_exist() -> None:
    known = set(by("reference/grades", "grade")) | {""}
    for name in ("figures/japan_crude_from_russia", "figures/enforcement_cases"):
        assert {row["grade"] for row in rows(name)} <= known


def test_incoterms_say_what_the_price_contains() -> None:
    table = {r["incoterm"]: (r["contains_freight"], r["contains_insurance"]) for r in rows("reference/incoterms")}
    neither, freight, both = ("false", "false"), ("true", "false"), ("true", "true")
    assert table == {
        **dict.fromkeys(["FOB", "FCA", "FAS", "EXW"], neither),
        **dict.fromkeys(["CFR", "CPT"], freight),
        **dict.fromkeys(["CIF", "CIP", "DAP", "DPU", "DDP", "DES", "DEQ", "DAT", "DAF", "DDU"], both),
    }
