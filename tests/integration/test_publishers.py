"""Nights that ask publishers, on a server of this machine: they answer, they are all down, nobody asks them.

Here: what a night makes of publishers as a whole.
Add here: another way in which they can fail a night.
Keep out: what one publisher sends (`tests/sources`).
"""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.integration.conftest import REPOSITORY, Finished, plimsoll, shipments_file
from tests.publisher_server import Publisher, publisher
from tests.sources.estat_forms import (
    DOWNLOAD,
    FILES,
    csv_file,
    csv_line,
    grade_rows,
    listing,
    month_code,
    page,
    workbook,
)

ECB = "/data-api.ecb.europa.eu/service/data/EXR/D..EUR.SP00.A"
TODAY = dt.datetime.now(dt.UTC).date()
RATES = f"CURRENCY,CURRENCY_DENOM,TIME_PERIOD,OBS_VALUE\nUSD,EUR,{TODAY},1.25\nJPY,EUR,{TODAY},200\n"
DEAD = "http://127.0.0.1:9"


def says_japan(server: Publisher) -> None:
    """Customs without a key, and arrivals by grade: May 2026, made up, at 114,000 yen/kl; nothing in April."""
    crude = csv_line("270900900", "224", "KL", "  ", {5: (95_000, 10_830_000)}, year=2026)
    gas = csv_line("271111000", "224", "  ", "MT", {4: (450_000, 50_000_000), 5: (500_000, 60_000_000)}, year=2026)
    grades = {f"137{number:02d}": (f"GRADE-{number}", 500_000.0) for number in range(1, 12)}
    months = [(202604, 0.0), (202605, 95_000.0)]
    arrived = [row for month, kl in months for row in grade_rows(month, grades | {"22421": ("SAKHAL-B", kl)})]
    for toukei, heading, number, kind, body in (
        ("00350300", "5部　25-27類 (輸入 1-4月：確報、5月：輸入9桁速報)", "1" * 12, 1, csv_file(crude, gas)),
        ("00551020", "石油統計（確報）", "2" * 12, 0, workbook(*arrived)),
    ):
        server.says(f"{FILES}?toukei={toukei}", listing(toukei, "2026-05"))
        server.says(f"{FILES}?toukei={toukei}&year=20260&month={month_code(5)}", page((heading, number), kind=kind))
        server.says(f"{DOWNLOAD}?statInfId={number}", body)


def ask(home: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Finished, Finished]]:
    """A home after a night with the bank of rates in reach, and then one with every publisher down."""
    home = tmp_path_factory.mktemp("publishers")
    with publisher() as server:
        server.says(ECB, RATES)
        says_japan(server)
        up = plimsoll("nightly", home=home, PLIMSOLL_MIRROR=server.url)
    down = plimsoll("nightly", home=home, PLIMSOLL_MIRROR=DEAD)
    yield home, up, down


def test_a_night_with_every_source_down_still_publishes_and_says_so(nights: tuple[Path, Finished, Finished]) -> None:
    home, up, down = nights
    assert (up.code, down.code) == (0, 0)
    assert "sources_are_fresh" in down.out
    ((passed,),) = ask(home, "SELECT is_passed FROM quality.check_results WHERE check_name = 'sources_are_fresh'")
    assert not passed
    states = ask(home, "SELECT DISTINCT state FROM quality.source_freshness WHERE state NOT IN ('stale', 'missing')")
    assert states == []
    ((message,),) = ask(
        home,
        "SELECT message FROM quality.source_freshness WHERE source_name = 'ecb_exchange_rates' AND state = 'stale'",
    )
    assert "127.0.0.1 cannot be reached" in message


def test_which_figures_are_out_of_date_is_told_everywhere(nights: tuple[Path, Finished, Finished]) -> None:
    home, up, down = nights
    query = (REPOSITORY / "sql" / "cookbook" / "figures_out_of_date.sql").read_text(encoding="utf-8")
    rows = {name: (state, title, newest, age) for state, name, title, newest, age, _ in ask(home, query)}
    assert rows["ecb_exchange_rates"] == ("stale", "euro reference rates, daily", TODAY, 0)
    assert {rows[name][0] for name in ("japan_customs", "japan_crude_grades")} == {"stale"}
    assert (rows["un_locode"][0], len(rows)) == ("missing", 15)
    # On the terminal, as sentences about publishers and not about the inside of the program, and in the report.
    assert "Figures of publishers that are out of date" in down.out
    assert "euro reference rates" in down.out
    assert "euro reference rates" not in up.out
    assert "stamina" not in down.err
    report = (home / "warehouse" / "report" / "report.html").read_text(encoding="utf-8")
    assert f"euro reference rates, daily (to {TODAY})" in report


def test_the_last_good_figures_stay_in_force(nights: tuple[Path, Finished, Finished]) -> None:
    home, *_ = nights
    newest = ask(home, "SELECT rate_date, currency, units_per_eur, source FROM reference.exchange_rates_daily "
                       "WHERE rate_date = (SELECT max(rate_date) FROM reference.exchange_rates_daily) ORDER BY ALL")  # fmt: skip
    assert newest == [(TODAY, "JPY", 200.0, "F-ECB"), (TODAY, "USD", 1.25, "F-ECB")]


def test_a_month_of_japans_customs_is_judged_beside_its_gas(nights: tuple[Path, Finished, Finished]) -> None:
    home, *_ = nights
    verdicts = ask(home, "SELECT regime, verdict, exemption_id, is_above_cap FROM marts.shipment_verdicts "
                         "WHERE shipment_id = 'JP-CUSTOMS-2026-05' AND regime IN ('JP', 'US') ORDER BY regime")  # fmt: skip
    # The only grade that arrived is Sakhalin Blend. Discharge is not known, so 31 May is the level date: GL 55E.
    assert verdicts == [("JP", "exempt", "S2-JP", True), ("US", "exempt", "S2-US-5", True)]
    (row,) = ask(home, "SELECT lng_t, lng_value_jpy, crude_bbl, exempt_crude_bbl FROM marts.japan_energy_from_russia "
                       "WHERE month = '2026-05'")  # fmt: skip
    # 95,000 kl x 6.28981077.
    assert row == (500_000, 60_000_000_000, pytest.approx(597_532, abs=1), pytest.approx(597_532, abs=1))
    apart = ask(home, "SELECT difference_pct, is_beyond_5_pct FROM marts.japan_series_reconciliation "
                      "WHERE month = '2026-05' AND origin = 'RU'")  # fmt: skip
    assert apart == [(0, False)]
    checks = ask(home, "SELECT check_name, is_passed FROM quality.check_results "
                       "WHERE table_name = 'staging.japan_crude_from_russia' AND check_name <> 'none_outdated' ORDER BY check_name")  # fmt: skip
    names = ("arithmetic_holds", "cargoes_come_out_whole", "keeps_contract", "lines_are_summed", "no_line_left_out")
    assert checks == [(name, True) for name in names]


def test_every_request_is_told_without_an_answer_too(nights: tuple[Path, Finished, Finished]) -> None:
    home, *_ = nights
    told = ask(
        home,
        "SELECT outcome, count(*) FROM quality.source_requests "
        "WHERE source_name = 'ecb_exchange_rates' AND document LIKE 'daily %' GROUP BY ALL ORDER BY ALL",
    )
    years = TODAY.year - 2021 + 1
    # Years that are over are settled once landed; the host was given up after the first of what was left.
    assert told == [("failed", 1), ("new", years)]


def test_assess_knows_the_fetched_rates(nights: tuple[Path, Finished, Finished], tmp_path: Path) -> None:
    home, *_ = nights
    cargo = f"E1,,{TODAY},{TODAY},2709.00,Urals,RU,,IN,sea,1000,bbl,40000,EUR,FOB,US"
    out = tmp_path / "verdicts.csv"
    done = plimsoll("assess", shipments_file(tmp_path / "cargo.csv", cargo), "--out", out, home=home)
    assert done.code == 0, done.err
    # 40,000 EUR at 1.25 USD for 1,000 bbl.
    assert pl.read_csv(out)["price_usd_per_bbl"].to_list() == [50.0]


def test_offline_replays_what_has_landed(nights: tuple[Path, Finished, Finished]) -> None:
    home, *_ = nights
    asked = ask(home, "SELECT count(*) FROM quality.source_requests")
    rates = ask(home, "SELECT * FROM staging.ecb_exchange_rates ORDER BY ALL")
    assert plimsoll("nightly", "--offline", home=home, PLIMSOLL_MIRROR=DEAD).code == 0
    assert ask(home, "SELECT count(*) FROM quality.source_requests") == asked
    assert ask(home, "SELECT * FROM staging.ecb_exchange_rates ORDER BY ALL") == rates
