"""A night that fetches prices and rates, some of which disagree, with a key that nobody must see.

Here: fetched tables in the warehouse, the figures they renew, and the checks that compare publishers.
Add here: another disagreement that a night must name.
Keep out: formats and faults of one publisher (`tests/sources`).
"""

import datetime as dt
import gzip
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from tests.integration.conftest import Finished, plimsoll
from tests.publisher_server import publisher

KEY = "canary7C0ffee1234567890"
EIA = "/api.eia.gov/v2/petroleum/pri/spt/data/"
FRED = "/fred.stlouisfed.org/graph/fredgraph.csv"
CONSULTANT = "/document/cons_doc_LAW_50642/"
JULY = [dt.date(2026, 7, 1) + dt.timedelta(days=number) for number in range(31)]
# Every trading day at the published mean of the month, and the first of August, which ends July.
DAYS = {str(day): "83.76" for day in JULY if day.weekday() < 5} | {"2026-08-03": "91.00"}


def eia(series: str, frequency: str, prices: dict[str, str]) -> str:
    rows = [
        {"period": period, "process-name": "Spot Price FOB", "series": series, "value": price, "units": "$/BBL"}
        for period, price in prices.items()
    ]
    return json.dumps(
        {"response": {"frequency": frequency, "data": rows}, "request": {"command": EIA, "params": {"api_key": KEY}}}
    )


def pink_sheet(brent: float) -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "Monthly Prices"
    for row in (
        (None, "Crude oil, average", "Crude oil, Brent ", "Crude oil, Dubai", "Crude oil, WTI "),
        (None, *["($/bbl)"] * 4),
        ("2026M07", brent, brent, brent, brent),
    ):
        book.active.append(row)
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


SECTION = """<!DOCTYPE html><html><body><table>
<tr><td>Период</td><td>Средний уровень цен нефти сорта "Юралс", долл.США/ баррель (Ц)</td>
<td>Среднее значение курса доллара США</td><td>Значение коэффициента (Кц)</td></tr>
<tr><td>Сентябрь 2026</td><td>70,00</td><td></td><td></td></tr>
<tr><td>Июль 2026</td><td>65,02</td><td>75,0000</td><td>12,6494</td></tr>
<tr><td>Июнь 2026</td><td>63,52</td><td>73,5447</td><td>13,6720</td></tr>
<tr><td>Май 2026</td><td>86,52</td><td>73,0069</td><td>20,0056</td></tr>
</table></body></html>"""


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Finished]]:
    """A night with prices and rates in reach, and every other publisher gone."""
    home = tmp_path_factory.mktemp("prices")
    with publisher() as server:
        server.says(f"{EIA}?frequency=daily&facets[series][]=RBRTE", eia("RBRTE", "daily", DAYS))
        server.says(f"{EIA}?frequency=monthly&facets[series][]=RBRTE", eia("RBRTE", "monthly", {"2026-07": "83.76"}))
        # The relayed copy has another price for one day, and West Texas alone.
        relayed = "".join(f"{day},{price},80.46\n" for day, price in DAYS.items()).replace("07-15,83.76", "07-15,83.81")
        server.says(f"{FRED}?id=DCOILBRENTEU,DCOILWTICO", f"observation_date,DCOILBRENTEU,DCOILWTICO\n{relayed}")
        server.says(f"{FRED}?id=EXJPUS", "observation_date,EXJPUS\n2026-03-01,158.6827\n2026-07-01,158.9\n")
        # Euro for a dollar where dollars for a euro belong.
        server.says(f"{FRED}?id=EXUSEU", "observation_date,EXUSEU\n2026-03-01,0.8653\n")
        server.says(
            f"/www.consultant.ru{CONSULTANT}",
            f'<!DOCTYPE html><a href="{CONSULTANT}9483bf08/">1.3. Данные, применяемые для расчета налога на добычу '
            "полезных ископаемых в отношении нефти</a>",
        )
        server.says(f"/www.consultant.ru{CONSULTANT}9483bf08/", SECTION)
        workbook = "/en/doc/0050012026/related/CMO-Historical-Data-Monthly.xlsx"
        server.says(
            "/www.worldbank.org/en/research/commodity-markets",
            f'<!DOCTYPE html><a href="https://thedocs.worldbank.org{workbook}">Monthly prices</a>',
        )
        server.says(f"/thedocs.worldbank.org{workbook}", pink_sheet(60.0))
        this_year = f"{dt.datetime.now(dt.UTC).year}-01-01"
        said = plimsoll(
            "nightly", home=home, PLIMSOLL_MIRROR=server.url, PLIMSOLL_HISTORY_FROM=this_year, EIA_API_KEY=KEY
        )
    yield home, said


Ask = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def ask(night: tuple[Path, Finished]) -> Iterator[Ask]:
    home, said = night
    assert said.code == 0, said.err
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
        yield lambda sql: connection.execute(sql).fetchall()


def test_each_publisher_has_its_table_and_one_is_chosen_for_each_day(ask: Ask) -> None:
    assert ask("SELECT count(*), min(usd_per_bbl) FROM staging.eia_spot_prices_daily") == [(24, 83.76)]
    assert ask("SELECT count(*) FROM staging.fred_spot_prices_daily") == [(48,)]
    chosen = "SELECT taken_from, benchmark, count(*) FROM staging.crude_prices_daily GROUP BY ALL ORDER BY ALL"
    assert ask(chosen) == [("eia_spot_prices_daily", "brent", 24), ("fred_spot_prices_daily", "wti", 24)]


def test_figures_are_renewed(ask: Ask) -> None:
    newest = (
        "SELECT month, usd_per_bbl, tag FROM staging.crude_prices_monthly WHERE benchmark = '{}' "
        "ORDER BY month DESC LIMIT {}"
    )
    assert ask(newest.format("brent", 2)) == [("2026-07", 83.76, "fetched"), ("2026-06", 85.4, "seen")]
    # The row of July lacks the identity, (65.02 - 15) x 75 / 261 = 14.3736, so the shipped price stands.
    assert ask(newest.format("urals_tax", 3)) == [
        ("2026-09", 70.0, "fetched"), ("2026-08", 67.11, "single source"), ("2026-07", 59.02, "seen"),
    ]  # fmt: skip
    yen = "SELECT units_per_usd FROM reference.exchange_rates_monthly WHERE month = '2026-07' AND currency = 'JPY'"
    assert ask(yen) == [(158.9,)]


def test_what_disagrees_is_named(ask: Ask) -> None:
    failed = ask(
        "SELECT table_name, check_name, rows_failed FROM quality.check_results "
        "WHERE NOT is_passed AND regexp_matches(check_name, 'agree|equals|identity|right_way|withdrawn') ORDER BY ALL"
    )
    assert failed == [
        ("reference.exchange_rates_monthly", "ecb_agrees_with_fed", 1),
        ("reference.exchange_rates_monthly", "fetched_agrees_with_shipped", 1),
        ("staging.crude_prices_daily", "eia_and_fred_agree", 1),
        ("staging.crude_prices_monthly", "world_bank_agrees", 1),
        ("staging.urals_tax_prices", "row_identity", 1),
    ]


def test_the_key_is_nowhere(night: tuple[Path, Finished]) -> None:
    home, said = night
    assert "C0ffee" not in said.out + said.err
    for path in (path for path in home.rglob("*") if path.is_file()):
        body = path.read_bytes()
        unpacked = gzip.decompress(body) if path.suffix == ".gz" else b""
        assert b"C0ffee" not in body + unpacked, path
