"""What several test modules share: making shipments, pricing and judging them in memory; rights taken away.

Here: a row with its defaults, frames of rows, verdicts on rows, and a block that runs without the rights of root.
Add here: something that at least two test modules need.
Keep out: expectations, and files of any kind.
"""

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl

from pipelines.assess import shipments_contract
from pipelines.contracts.table import Table
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.transforms.judge import judge
from pipelines.transforms.prices import price_shipments
from pipelines.warehouse.store import Store

Row = dict[str, Any]

DEFAULTS: Row = {
    "loading_date": dt.date(2023, 6, 10),
    "discharge_date": dt.date(2023, 7, 5),
    "hs_code": "270900",
    "grade": "Urals",
    "origin_country": "RU",
    "destination_country": "IN",
    "transport_mode": "sea",
    "quantity": 700_000.0,
    "quantity_unit": "bbl",
    "value": 42_000_000.0,
    "currency": "USD",
    "incoterm": "FOB",
    "nexus": "US",
}


def shipment(**facts: Any) -> Row:
    """A declared shipment as it stands after reading: 700,000 bbl of Urals to India at 60 USD/bbl, FOB."""
    days = {
        name: dt.date.fromisoformat(fact)
        for name, fact in facts.items()
        if name.endswith("_date") and isinstance(fact, str)
    }
    return {"shipment_id": "A"} | DEFAULTS | facts | days


def shipments(rows: list[Row], book: Rulebook, reference: Reference) -> pl.DataFrame:
    """The rows as a frame of the declared-shipments contract."""
    schema = shipments_contract(book, reference).polars_schema()
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def cargoes(rows: list[Row], book: Rulebook, reference: Reference) -> pl.DataFrame:
    """The rows, priced."""
    frame = shipments(rows, book, reference)
    return price_shipments(frame.lazy(), reference, pl.lit("test")).collect()


def verdicts(rows: list[Row], book: Rulebook, reference: Reference) -> pl.DataFrame:
    """The verdicts on the rows, sorted by shipment and regime."""
    judged = judge(cargoes(rows, book, reference).lazy(), book)
    return judged.sort("shipment_id", "regime").collect()


def verdict(row: Row, book: Rulebook, reference: Reference) -> Row:
    """The one verdict on a row whose nexus is one regime."""
    (only,) = verdicts([row], book, reference).to_dicts()
    return only


@contextmanager
def as_nobody() -> Iterator[None]:
    """In the block this process may not open what its user closed to others, also if it runs as root."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def store_rows(store: Store, table: Table, frame: pl.DataFrame) -> None:
    """Stores rows as a table; one by month gets all of them in one month, which readers of the whole do not see."""
    store.write(table, frame, "2023-06" if table.is_by_month else None)
