"""Euro reference rates: the formats of the bank. How any source is fetched and versioned is in `test_upstream`."""

import datetime as dt
import io
import zipfile
from pathlib import Path

import pytest

from pipelines.sources import upstream
from pipelines.sources.publishers import ecb
from pipelines.sources.snapshots import Landing
from tests.sources.conftest import checks_failed, real_file

TABLE = "ecb_exchange_rates"
SDMX_HEADER = (
    "KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE,OBS_STATUS,OBS_CONF,OBS_PRE_BREAK,"
    "OBS_COM,TIME_FORMAT,BREAKS,COLLECTION,COMPILING_ORG,DISS_ORG,DOM_SER_IDS,PUBL_ECB,PUBL_MU,PUBL_PUBLIC,"
    "UNIT_INDEX_BASE,COMPILATION,COVERAGE,DECIMALS,NAT_TITLE,SOURCE_AGENCY,SOURCE_PUB,TITLE,TITLE_COMPL,UNIT,UNIT_MULT\n"
)
SDMX_ROW = (
    'EXR.D.USD.EUR.SP00.A,D,USD,EUR,SP00,A,{},{},A,F,,,P1D,,A,,,,,,,99Q1=100,,,4,,4F0,,US dollar/Euro,'
    '"ECB reference exchange rate, US dollar/Euro, 2.15 pm (C.E.T.)",USD,0\n'
)  # fmt: skip
SDMX = SDMX_HEADER + SDMX_ROW.format("2026-11-19", "1.1577") + SDMX_ROW.format("2026-11-20", "1.1589")
HISTORY = "Date,USD,JPY,BGN,GBP,\n2026-01-02,1.1721,184.09,N/A,0.8707,\n2025-12-31,1.1750,184.09,1.9558,0.8726,\n"


def put(landing: Landing, tmp_path: Path, body: bytes) -> upstream.Reading:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "rates").write_bytes(body)
    upstream.take_files(ecb.SOURCE, landing, tmp_path / "files")
    return upstream.read(ecb.SOURCE, landing)


def zipped(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name.replace("_", "-") + ".csv", text)
    return packed.getvalue()


def rates(reading: upstream.Reading) -> list[tuple]:
    frame = upstream.latest(reading.tables[TABLE])
    return [(str(day), currency, rate) for day, currency, rate in frame.iter_rows()]


def test_the_answer_of_the_data_api(landing: Landing, tmp_path: Path) -> None:
    body = SDMX + SDMX_ROW.format("2026-11-22", "NaN") + SDMX_ROW.format("2026-11-21", "")
    assert rates(put(landing, tmp_path, body.encode())) == [
        ("2026-11-19", "USD", 1.1577),
        ("2026-11-20", "USD", 1.1589),
    ]


@pytest.mark.parametrize("body", [HISTORY.encode(), zipped(eurofxref_hist=HISTORY)], ids=["plain", "zipped"])
def test_the_table_of_the_history(body: bytes, landing: Landing, tmp_path: Path) -> None:
    assert rates(put(landing, tmp_path, body)) == [
        ("2025-12-31", "BGN", 1.9558), ("2025-12-31", "GBP", 0.8726), ("2025-12-31", "JPY", 184.09),
        ("2025-12-31", "USD", 1.1750), ("2026-01-02", "GBP", 0.8707), ("2026-01-02", "JPY", 184.09),
        ("2026-01-02", "USD", 1.1721),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        pytest.param(SDMX.replace(",EUR,SP00", ",USD,SP00").encode(), "unit_as_expected", id="per dollar"),
        pytest.param(SDMX.replace("USD,0\n", "USD,3\n").encode(), "unit_as_expected", id="thousands"),
        pytest.param(SDMX.replace(",D,USD", ",M,USD").encode(), "period_as_expected", id="months"),
        pytest.param(SDMX[:-60].encode(), "not_cut_off", id="cut short"),
        pytest.param(HISTORY.replace("JPY", "YEN").encode(), "columns_as_expected", id="currency renamed"),
        pytest.param(HISTORY.replace("BGN", "Lev").encode(), "columns_as_expected", id="column new"),
        pytest.param(zipped(eurofxref=HISTORY), "file_found", id="zip of another file"),
        pytest.param(zipped(eurofxref_hist=HISTORY)[:200], "readable", id="zip cut short"),
        pytest.param(zipped(eurofxref_hist=" " * 100_000_001), "volume_in_band", id="zip bomb"),
    ],
)
def test_a_bad_document_is_named(bad: bytes, check: str, landing: Landing, tmp_path: Path) -> None:
    assert checks_failed(put(landing, tmp_path, bad)) == [check]


@pytest.mark.parametrize(
    ("usd", "jpy", "is_wrong"), [(1.1589, 181.06, False), (1 / 1.1589, 181.06, False), (1.1589, 1 / 181.06, True),
                                 (0.5, 100, True), (1.1589, 300, True)],
)  # fmt: skip
def test_the_wrong_way_round(usd: float, jpy: float, is_wrong: bool, landing: Landing, tmp_path: Path) -> None:
    # 300 / 1.1589 = 258.9 yen a dollar. A euro at 1 / 1.1589 dollars is within what it has been: the Fed's means tell.
    reading = put(landing, tmp_path, f"Date,USD,JPY,GBP,\n2026-11-20,{usd},{jpy},0.88,\n".encode())
    quirk = ecb.SOURCE.quirks[TABLE][0]
    assert quirk.name == "rates_the_right_way_round"
    assert quirk.failing(reading.tables[TABLE]).height == is_wrong


def test_the_real_history(landing: Landing, tmp_path: Path) -> None:
    """Days, rates and sums of the file, added up with Python's own csv module."""
    reading = put(landing, tmp_path, real_file("ecb_eurofxref_daily_2021-12_2026-04.csv"))
    frame = upstream.latest(reading.tables[TABLE])
    assert (frame["rate_date"].n_unique(), frame["currency"].n_unique()) == (1_116, 16)
    # 1,116 x 16, less 70 days of 2026 without the lev, which went into the euro.
    assert frame.height == 17_786
    assert frame.filter(currency="BGN")["rate_date"].max() == dt.date(2025, 12, 31)
    sums = {
        currency: round(frame.filter(currency=currency)["units_per_eur"].sum(), 4) for currency in ("USD", "JPY", "TRY")
    }
    assert sums == {"USD": 1_219.4646, "JPY": 175_108.05, "TRY": 35_518.4336}
    assert ecb.SOURCE.quirks[TABLE][0].failing(reading.tables[TABLE]).height == 0
