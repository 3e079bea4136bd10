"""Euro reference rates of the European Central Bank.

Fetched a calendar year at a time from the data API; read from its SDMX-CSV and from the bank's `eurofxref-hist` table,
as CSV or zipped. Rates are units of a currency for one euro; there are none for weekends and holidays.
"""

import datetime as dt
import io
import zipfile
from collections.abc import Iterable, Mapping

import polars as pl

from pipelines.contracts.market import ECB_EXCHANGE_RATES
from pipelines.sources.upstream import (
    Band,
    Plan,
    Quirk,
    Request,
    Source,
    SourceFault,
    csv_table,
    require_columns,
    revised,
    withdrawn,
)

URL = "https://data-api.ecb.europa.eu/service/data/EXR/D..EUR.SP00.A"
# The longest run of days without a rate is Good Friday to Easter Monday; a rate is out in the afternoon.
LONGEST_GAP_DAYS = 5
HISTORY_FILE = "eurofxref-hist.csv"
# All days since 1999 make 2 MB.
LONGEST_HISTORY_BYTES = 100_000_000
SDMX_COLUMNS = ("CURRENCY", "CURRENCY_DENOM", "TIME_PERIOD", "OBS_VALUE")


def requests(plan: Plan) -> Iterable[Request]:
    """One document per calendar year."""
    for year in plan.years():
        period = {"startPeriod": year.first.isoformat(), "endPeriod": year.last.isoformat()}
        yield Request(f"daily {year.number}", URL, {"format": "csvdata", **period}, settled_on=year.settled_on)


def read(_: str, body: bytes) -> Mapping[str, pl.DataFrame]:
    """Rates of a document in either format."""
    if body[:4] == b"PK\x03\x04":
        body = _unpacked(body)
    table = csv_table(body)
    rates = _history(table) if table.columns[0] == "Date" else _sdmx(table)
    return {ECB_EXCHANGE_RATES.name: rates}


def _unpacked(body: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        if HISTORY_FILE not in archive.namelist():
            raise SourceFault(
                "file_found", f"no {HISTORY_FILE} in the zip; it has {', '.join(archive.namelist())[:300]}"
            )
        if archive.getinfo(HISTORY_FILE).file_size > LONGEST_HISTORY_BYTES:
            raise SourceFault("volume_in_band", f"{HISTORY_FILE} unpacks to more than {LONGEST_HISTORY_BYTES:,} bytes")
        return archive.read(HISTORY_FILE)


def _sdmx(table: pl.DataFrame) -> pl.DataFrame:
    require_columns(table.columns, SDMX_COLUMNS)
    if (table["CURRENCY_DENOM"] != "EUR").any():
        raise SourceFault("unit_as_expected", "rates against another currency than the euro")
    if "UNIT_MULT" in table.columns and (table["UNIT_MULT"] != "0").any():
        raise SourceFault("unit_as_expected", "rates in other powers of ten than single units")
    if "FREQ" in table.columns and (table["FREQ"] != "D").any():
        raise SourceFault("period_as_expected", "rates by another period than the day")
    return table.select(
        rate_date=pl.col("TIME_PERIOD").str.to_date("%Y-%m-%d"),
        currency="CURRENCY",
        # Days of closing stand in the answer without a value.
        units_per_eur=pl.col("OBS_VALUE").replace(["", "NaN"], None).cast(pl.Float64),
    ).drop_nulls("units_per_eur")


def _history(table: pl.DataFrame) -> pl.DataFrame:
    # A comma at the end of each line makes a column without a name; N/A: no rate on that day.
    currencies = [name for name in table.columns if len(name) == 3 and name.isupper()]
    require_columns(table.columns, ("Date", "USD", "JPY", "GBP"), ("", *currencies))
    return (
        table.select("Date", *currencies)
        .unpivot(index="Date", variable_name="currency", value_name="units_per_eur")
        .with_columns(pl.col("units_per_eur").str.strip_chars())
        .filter(~pl.col("units_per_eur").is_in(["N/A", ""]))
        .select(
            rate_date=pl.col("Date").str.to_date("%Y-%m-%d"),
            currency="currency",
            units_per_eur=pl.col("units_per_eur").cast(pl.Float64),
        )
    )


def _wrong_way_round(rates: pl.DataFrame) -> pl.DataFrame:
    """Days whose dollar or yen rate is outside what it has ever been: units per euro, or euro per unit?"""
    by_day = rates.filter("is_latest").pivot("currency", index="rate_date", values="units_per_eur")
    if not {"USD", "JPY"} <= set(by_day.columns):
        return by_day.clear()
    jpy_per_usd, eur_per_usd = pl.col("JPY") / pl.col("USD"), 1 / pl.col("USD")
    return by_day.select("rate_date", jpy_per_usd=jpy_per_usd, eur_per_usd=eur_per_usd).filter(
        ~pl.col("jpy_per_usd").is_between(75, 250) | ~pl.col("eur_per_usd").is_between(0.6, 1.3)
    )


SOURCE = Source(
    name="ecb_exchange_rates",
    title="euro reference rates, daily",
    publisher="European Central Bank",
    licence="free reuse with attribution to the ECB",
    attribution="Source: European Central Bank, euro foreign exchange reference rates",
    tables=(ECB_EXCHANGE_RATES,),
    requests=requests,
    read=read,
    period_end={ECB_EXCHANGE_RATES.name: pl.col("rate_date")},
    # A rate is public on its day.
    published_on={ECB_EXCHANGE_RATES.name: pl.col("rate_date")},
    newest_expected=lambda today: today - dt.timedelta(days=LONGEST_GAP_DAYS),
    rows={
        ECB_EXCHANGE_RATES.name: Band(
            1,
            500_000,
            "up to 41 currencies on up to 262 days of each year since 1999; never none",
        )
    },
    quirks={
        ECB_EXCHANGE_RATES.name: [
            Quirk(
                "rates_the_right_way_round",
                "Yen per dollar lies between 75 and 250, euro per dollar between 0.6 and 1.3.",
                _wrong_way_round,
            ),
            revised(ECB_EXCHANGE_RATES, "units_per_eur"),
            withdrawn(ECB_EXCHANGE_RATES),
        ]
    },
)
