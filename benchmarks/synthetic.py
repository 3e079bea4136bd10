"""Synthetic shipments: made up, of a fixed seed, in the columns of `docs/input-files.md`.

Here: what a made-up cargo looks like. Nothing in it is a real cargo, ship or price; every id, name of a ship and name
of a file says so.
Add here: another case that the law tells apart, with its share.
Keep out: verdicts. No column is made to get one; the caps stand here only as round prices that cargoes cluster at.

Every cell follows from the number of its row by integer arithmetic alone, so the files are the same on every machine
and with every version of Polars, and a small file is the beginning of a large one.
"""

import datetime as dt
from pathlib import Path

import polars as pl

SEED = 20_221_205
FIRST_DAY = dt.date(2022, 10, 1)
DAYS = 1_461  # 48 months, to 2026-09-30
CHUNK_ROWS = 500_000
ROW_GROUP_ROWS = 250_000

# name, share of all rows in thousandths. What differs together stands together.
OILS = [
    # hs_code, grade, origin_project, price above or below the crude price of the day, USD/bbl, weight
    ("2709.00.90", "Urals", None, 0, 240),
    ("27090090", "urals", None, 0, 60),
    ("2709", "REBCO", None, 0, 20),
    ("270900", "ESPO", None, 8, 120),
    ("27090090", "ESPO Blend", None, 8, 40),
    ("2709.00", "Siberian Light", None, 3, 20),
    ("27090090", "Sokol", "SAKHALIN-1", 9, 25),
    ("2709.00", "Sakhalin Blend", "SAKHALIN-2", 10, 25),
    ("2709.00", "SAKHALIN BLEND", None, 10, 5),
    ("27090090", "Varandey", None, 2, 10),
    ("27090090", "ARCO", None, -4, 10),
    ("27090090", "Novy Port", None, 4, 15),
    ("27090090", None, None, 1, 25),
    ("27101943", "Gas oil", None, 25, 70),
    ("27101947", "diesel", None, 24, 25),
    ("2710.19.43", None, None, 25, 20),
    ("27101245", "Motor gasoline", None, 27, 25),
    ("2710124500", "Naphtha", None, 6, 25),
    ("27101921", "jet fuel", None, 26, 15),
    ("27101962", "Residual fuel oil", None, -14, 50),
    ("27101966", "M100", None, -14, 25),
    ("27101971", "Vacuum gas oil", None, -9, 20),
    ("27101971", "VGO", None, -9, 8),
    ("2710191114", "diesel", None, 24, 12),
    ("2710190650", "fuel oil", None, -14, 8),
    ("2710.19", None, None, 12, 12),
    ("2710", None, None, 10, 6),
    ("27111100", None, None, -20, 20),
]
ORIGINS = [("RU", None, None, 930), ("KZ", "CPC Blend", "CPC", 40), ("KZ", "KEBCO", None, 20), ("AZ", None, None, 10)]
MODES = [("sea", 900), (None, 40), ("pipeline", 40), ("rail", 20)]
DESTINATIONS = [
    ("IN", 340), ("CN", 230), ("TR", 110), ("JP", 40), ("AE", 40), ("BG", 30), ("BR", 30), ("EG", 20), ("SG", 30),
    ("MY", 20), ("KR", 15), ("SY", 10), ("PK", 10), ("LK", 10), ("CU", 5), ("HR", 10), ("GH", 10), ("SA", 20),
    ("HU", 10), ("SK", 10),
]  # fmt: skip
NEXUS = [
    ("EU", 200), ("UK", 100), ("US", 80), ("EU;UK", 170), ("US;EU", 70), ("US;EU;UK", 60), ("JP", 20), ("CH", 40),
    ("EU;NO", 60), ("US;CA", 25), ("AU;NZ", 15), ("US;EU;UK;JP;CA;AU;NZ;CH;NO", 10), (None, 150),
]  # fmt: skip
INSURERS = [(None, 560), ("GB", 140), ("NO", 90), ("US", 30), ("JP", 20), ("RU", 120), ("IN", 40)]
FLAGS = [(None, 500), ("LR", 120), ("MH", 100), ("GR", 60), ("MT", 50), ("PA", 120), ("GA", 50)]
UNITS = [("bbl", 1.0, 560), ("t", 7.3, 380), ("kl", 6.3, 30), ("m3", 6.3, 20), ("kg", 0.0073, 10)]
# currency, its units for one US dollar, roughly: prices are made up, so no rate needs to be true
CURRENCIES = [("USD", 1.0, 720), ("EUR", 0.92, 70), ("CNY", 7.1, 80), ("INR", 84.0, 60), ("JPY", 150.0, 20),
              ("AED", 3.67, 30), ("RUB", 90.0, 20)]  # fmt: skip
INCOTERMS = [("FOB", 520), (None, 80), ("CIF", 150), ("CFR", 70), ("DAP", 120), ("DES", 30), ("FCA", 30)]
ROUND_PRICES = (60.0, 47.6, 44.1, 45.0, 100.0)
PORTS = ["RUPRI", "RUULU", "RUNVS", "RUKZM", "RUDKA", "RUMMK", "RUTUA"]
ARRIVALS = ["INSIK", "INVTZ", "CNTAO", "CNRZH", "TRALI", "JPCHB", "AEFJR", "BGBOJ"]


def shipments(rows: int) -> pl.LazyFrame:
    """So many synthetic shipments, in order."""
    chunks = [_chunk(start, min(CHUNK_ROWS, rows - start)) for start in range(0, rows, CHUNK_ROWS)]
    return pl.concat(chunks)


def tidied(shipments: pl.LazyFrame) -> pl.LazyFrame:
    """The shipments as they stand once the product has read them from a file: plain codes, defaults filled in."""
    return shipments.with_columns(
        pl.col("hs_code").str.replace_all(".", "", literal=True),
        pl.col("transport_mode").fill_null("sea"),
        pl.col("incoterm").fill_null("FOB"),
    )


def write_parquet(rows: int, file: Path) -> None:
    """The tidied shipments as Parquet, in pieces: memory does not grow with the rows."""
    tidied(shipments(rows)).sink_parquet(file, row_group_size=ROW_GROUP_ROWS)


def write_csv(rows: int, file: Path) -> None:
    """The shipments as a user may write them, as CSV."""
    shipments(rows).sink_csv(file)


def _chunk(start: int, rows: int) -> pl.LazyFrame:
    row = pl.int_range(start, start + rows, dtype=pl.UInt64, eager=True).alias("row")
    drawn = row.to_frame().lazy().with_columns(
        _picked("oil", [oil[-1] for oil in OILS]),
        _picked("origin", [origin[-1] for origin in ORIGINS]),
        _picked("unit", [unit[-1] for unit in UNITS]),
        _picked("money", [currency[-1] for currency in CURRENCIES]),
        destination_country=_choice("destination", DESTINATIONS),
        transport_mode=_choice("mode", MODES),
        incoterm=_choice("incoterm", INCOTERMS),
        nexus=_choice("nexus", NEXUS),
        insurer_country=_choice("insurer", INSURERS),
        flag=_choice("flag", FLAGS),
        day=_below("day", DAYS),
        voyage=_below("voyage", 56) + 3,
        lead=_below("lead", 75),
        barrels=(_below("barrels", 900) + 100) * 1_000,
        ship=_below("ship", 4_000),
    )  # fmt: skip
    is_third_country = pl.col("origin") > 0
    loading = pl.lit(FIRST_DAY) + pl.duration(days="day")
    # A made-up price path: high at first, a dip, a hump, another dip; cargoes scatter around it.
    crude = 62.0 + 14.0 * (pl.col("day") / 150.0).sin() - pl.col("day") * 0.004
    price = (crude + _of_row("oil", [oil[3] for oil in OILS]) + _below("scatter", 2_000) / 100.0 - 10.0).clip(5.0)
    # One cargo in twenty is sold at a round price, to the cent.
    at_round = _below("at round", 20) == 0
    round_price = _of_row(_below("round price", len(ROUND_PRICES)), list(ROUND_PRICES))
    asked = pl.when(at_round).then(round_price).otherwise(price.round(2))
    carries_costs = pl.col("incoterm").is_in(["CIF", "CFR", "DAP", "DES"])
    factor = _of_row("unit", [unit[1] for unit in UNITS])
    rate = _of_row("money", [currency[1] for currency in CURRENCIES])
    freight = (_below("freight", 900) / 100.0 + 1.0) * pl.col("barrels") * rate
    insurance = (_below("insurance", 60) / 100.0 + 0.1) * pl.col("barrels") * rate
    is_priced = _below("priced", 100) >= 7

    def itemised(name: str, cost: pl.Expr, percent: int) -> pl.Expr:
        return pl.when(carries_costs & is_priced & (_below(name, 100) < percent)).then(cost.round(2))

    value = asked * pl.col("barrels") * rate + pl.when(carries_costs).then(freight + insurance).otherwise(0.0)
    number = pl.col("ship") + 900_000
    check = pl.sum_horizontal(number // 10**place % 10 * (place + 2) for place in range(6)) % 10
    nothing = pl.lit(None, pl.String)
    return drawn.select(
        shipment_id=pl.format("SYNTHETIC-{}", pl.col("row").cast(pl.String).str.zfill(9)),
        contract_date=pl.when(_below("has contract", 100) < 75).then(loading - pl.duration(days="lead")),
        loading_date=loading,
        discharge_date=pl.when(_below("has discharge", 100) < 80).then(loading + pl.duration(days="voyage")),
        hs_code=pl.when(is_third_country).then(pl.lit("27090090")).otherwise(_of_row("oil", [oil[0] for oil in OILS])),
        grade=pl.when(is_third_country)
        .then(_of_row("origin", [origin[1] for origin in ORIGINS]))
        .otherwise(_of_row("oil", [oil[1] for oil in OILS])),
        origin_country=_of_row("origin", [origin[0] for origin in ORIGINS]),
        origin_project=pl.when(is_third_country)
        .then(_of_row("origin", [origin[2] for origin in ORIGINS]))
        .otherwise(_of_row("oil", [oil[2] for oil in OILS])),
        loading_port=_of_row(_below("port", len(PORTS)), PORTS),
        discharge_port=_of_row(_below("arrival", len(ARRIVALS)), ARRIVALS),
        destination_country="destination_country",
        transport_mode="transport_mode",
        vessel_imo=pl.format("{}{}", number, check),
        vessel_name=pl.format("SYNTHETIC SHIP {}", "ship"),
        quantity=(pl.col("barrels") / factor).round(3),
        quantity_unit=_of_row("unit", [unit[0] for unit in UNITS]),
        value=pl.when(is_priced).then(value.round(2)),
        currency=pl.when(is_priced).then(_of_row("money", [currency[0] for currency in CURRENCIES])),
        incoterm="incoterm",
        freight_cost=itemised("has freight", freight, 70),
        insurance_cost=itemised("has insurance", insurance, 60),
        other_cost=nothing.cast(pl.Float64),
        nexus="nexus",
        insurer_country="insurer_country",
        owner_country=nothing,
        manager_country=nothing,
        flag="flag",
        financier_country=nothing,
        broker_country=nothing,
        customs_broker_country=nothing,
        classification_country=nothing,
    )


def _below(stream: str, limit: int) -> pl.Expr:
    """A whole number from 0 to below `limit` for each row, another for each stream: splitmix64."""
    salt = sum(ord(letter) * 1_000_003**place for place, letter in enumerate(stream)) + SEED
    x = (pl.col("row") + 1) * _u64(0x9E3779B97F4A7C15) + _u64(salt)
    x = (x ^ (x // _u64(1 << 30))) * _u64(0xBF58476D1CE4E5B9)
    x = (x ^ (x // _u64(1 << 27))) * _u64(0x94D049BB133111EB)
    return (x // _u64(1 << 33) % limit).cast(pl.Int64)


def _u64(number: int) -> pl.Expr:
    return pl.lit(number % (1 << 64), pl.UInt64)


def _picked(stream: str, weights: list[int]) -> pl.Expr:
    """The place of one of the weights, drawn by weight."""
    ends = [sum(weights[: place + 1]) for place in range(len(weights))]
    drawn = _below(stream, ends[-1])
    return pl.lit(pl.Series(ends)).search_sorted(drawn, side="right").cast(pl.Int64).alias(stream)


def _choice(stream: str, options: list[tuple[str | None, int]]) -> pl.Expr:
    return _of_row(_picked(stream, [weight for _, weight in options]), [value for value, _ in options])


def _of_row(place: str | pl.Expr, values: list) -> pl.Expr:
    return pl.lit(pl.Series(values)).gather(pl.col(place) if isinstance(place, str) else place)
