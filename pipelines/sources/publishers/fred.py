"""Spot prices of Brent and WTI as the Federal Reserve Bank of St. Louis relays them: the same series without a key.

Fetched a calendar year at a time from FRED's CSV; read from that CSV, of one series or of several. A day without a
price is empty, or a dot in older files.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping

import polars as pl

from pipelines.contracts.market import FRED_SPOT_PRICES_DAILY
from pipelines.sources.publishers.eia import LONGEST_CLOSING_DAYS, PER_BARREL, PUBLICATION_LAG_DAYS
from pipelines.sources.upstream import (
    Band,
    Document,
    Plan,
    Request,
    Source,
    SourceFault,
    csv_table,
    require_columns,
    revised,
    withdrawn,
)

URL = "https://fred.stlouisfed.org/graph/fredgraph.csv"
SERIES = {"DCOILBRENTEU": "brent", "DCOILWTICO": "wti"}
# Two requests a second are allowed; two sources ask this host at the same time.
PAUSE_S = 1.0


def requests(plan: Plan) -> Iterable[Request]:
    """One document of both benchmarks per calendar year."""
    for year in plan.years():
        period = {"cosd": year.first.isoformat(), "coed": year.last.isoformat()}
        yield Request(f"daily {year.number}", URL, {"id": ",".join(SERIES), **period}, settled_on=year.settled_on)


def observations(body: bytes, series: Collection[str]) -> pl.DataFrame:
    """The values of a FRED CSV: observation_date, series, value. Raises `SourceFault` for other series than these."""
    table = csv_table(body).rename({"DATE": "observation_date"}, strict=False)
    require_columns(table.columns, ("observation_date",), series)
    if table.width == 1:
        raise SourceFault("columns_as_expected", f"no series in it; expected {', '.join(series)}")
    return (
        table.unpivot(index="observation_date", variable_name="series", value_name="value")
        .filter(~pl.col("value").is_in([".", ""]))
        .select(
            pl.col("observation_date").str.to_date("%Y-%m-%d"),
            "series",
            pl.col("value").cast(pl.Float64),
        )
    )


def read(_: Document, body: bytes) -> Mapping[str, pl.DataFrame]:
    """Prices of a FRED CSV."""
    prices = observations(body, SERIES).select(
        price_date="observation_date", benchmark=pl.col("series").replace(SERIES), usd_per_bbl="value"
    )
    return {FRED_SPOT_PRICES_DAILY.name: prices}


SOURCE = Source(
    name="fred_spot_prices",
    title="Brent and WTI, spot, daily, relayed",
    publisher="Federal Reserve Bank of St. Louis (FRED), from the US Energy Information Administration",
    licence="US public domain, citation requested",
    attribution=(
        "Source: U.S. Energy Information Administration, Crude Oil Prices: Brent - Europe [DCOILBRENTEU] and West "
        "Texas Intermediate [DCOILWTICO], retrieved from FRED, Federal Reserve Bank of St. Louis"
    ),
    tables=(FRED_SPOT_PRICES_DAILY,),
    requests=requests,
    read=read,
    period_end={FRED_SPOT_PRICES_DAILY.name: pl.col("price_date")},
    published_on={FRED_SPOT_PRICES_DAILY.name: pl.col("price_date") + pl.duration(days=PUBLICATION_LAG_DAYS)},
    newest_expected=lambda today: today - dt.timedelta(days=PUBLICATION_LAG_DAYS + LONGEST_CLOSING_DAYS),
    rows={
        FRED_SPOT_PRICES_DAILY.name: Band(
            1, 25_000, "a file may hold all days since 1986, two benchmarks on up to 262 days a year; never none"
        )
    },
    medians={f"{FRED_SPOT_PRICES_DAILY.name}.usd_per_bbl": PER_BARREL},
    quirks={
        FRED_SPOT_PRICES_DAILY.name: [
            revised(FRED_SPOT_PRICES_DAILY, "usd_per_bbl"),
            withdrawn(FRED_SPOT_PRICES_DAILY),
        ]
    },
    pause_s=PAUSE_S,
)
