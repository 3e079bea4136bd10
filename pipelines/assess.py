"""Judging one shipments file, without the warehouse and without Dagster.

Here: `assess_file` and the writing of its result.
Add here: an output format.
Keep out: reading, pricing and judging themselves; the nightly job uses the same functions.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.contracts.cargoes import VERDICTS
from pipelines.contracts.shipments import declared_shipments
from pipelines.contracts.table import Table
from pipelines.object_store import Folder
from pipelines.rules.rulebook import Rulebook
from pipelines.shown import for_spreadsheets, shown_line, shown_name
from pipelines.sources.publishers import in_force
from pipelines.sources.reference import Reference
from pipelines.sources.shipments_file import read_shipments
from pipelines.transforms.estimates import with_estimated_prices
from pipelines.transforms.figures import with_fetched
from pipelines.transforms.judge import judge
from pipelines.transforms.prices import price_shipments

FORMATS = (".csv", ".parquet", ".json")


class OutputError(Exception):
    """The result cannot be written, or an option cannot be used; one sentence says what to do."""


@dataclass(frozen=True)
class Assessment:
    """verdicts: `VERDICTS`, in the order of the file and of the regimes. rejected: `QUARANTINE`."""

    verdicts: pl.DataFrame
    rejected: pl.DataFrame
    rows_read: int

    def counts(self) -> str:
        """One sentence: rows read, judged, without a verdict because no regime is met, and rejected."""
        judged = self.verdicts["shipment_id"].n_unique()
        unmet = self.rows_read - self.rejected.height - judged
        without = f"{unmet:,} under none of the regimes, " if unmet else ""
        return f"{self.rows_read:,} rows read, {judged:,} judged, {without}{self.rejected.height:,} rejected."

    def summary(self) -> pl.DataFrame:
        """The columns of the verdicts that fit a terminal."""
        rule = pl.coalesce("exemption_id", "transition_id").alias("rule")
        return self.verdicts.select(
            "shipment_id",
            "regime",
            "verdict",
            "price_usd_per_bbl",
            "cap_usd_per_bbl",
            "cap_id",
            rule,
            "confidence",
            "reason",
        )

    def rejections(self) -> Iterator[str]:
        """One line per rejected row."""
        for row in self.rejected.iter_rows(named=True):
            yield shown_line(f"{row['file']}, row {row['row_number']}: {row['message']}")


def assess_file(
    path: Path,
    as_of: dt.date | None = None,
    regimes: Sequence[str] | None = None,
    estimate_unpriced: bool = False,
    store_folder: Folder | None = None,
) -> Assessment:
    """Reads, checks, prices and judges one file; on request with benchmark estimates for unpriced crude.

    store_folder: tables of the last night; its fetched figures renew the shipped ones, as they do in a night.

    Raises `InputFileError` for a file that cannot be read and `OutputError` for an unknown regime.
    """
    book, reference = Rulebook.load(), Reference.load()
    for code in regimes or []:
        if code not in book.regime_codes:
            raise OutputError(f"--regime {code}: unknown; the regimes are {', '.join(book.regime_codes)}.")
    contract = shipments_contract(book, reference)
    intake = read_shipments(path, contract)
    figures = reference.as_of(as_of)
    if store_folder is not None:
        figures = with_fetched(figures, in_force(store_folder, as_of))
    cargoes = price_shipments(intake.accepted.lazy(), figures, pl.lit(shown_name(path)))
    if estimate_unpriced:
        cargoes = with_estimated_prices(cargoes, figures.crude_prices_monthly, figures.crude_price_points)
    order = intake.accepted.select("shipment_id").with_row_index("position").lazy()
    verdicts = (
        judge(cargoes, book.as_of(as_of), regimes or None)
        .join(order, on="shipment_id", how="left")
        .sort("position", pl.col("regime").cast(pl.Enum(book.regime_codes)))
        .drop("position")
        .collect()
    )
    return Assessment(VERDICTS.conform(verdicts), intake.rejected, intake.rows_read)


def shipments_contract(book: Rulebook, reference: Reference) -> Table:
    """The declared-shipments contract with the vocabularies of the rules and the reference tables."""
    return declared_shipments(book.regime_codes, reference.units["unit"], reference.incoterms["incoterm"])


def check_output(out: Path, source: Path) -> None:
    """Raises `OutputError` for a name that cannot be written to, before anything is read."""
    if out.suffix.lower() not in FORMATS:
        raise OutputError(f"--out {out}: the name must end in {', '.join(FORMATS)}.")
    for file in (out, rejected_file(out)):
        try:
            is_source = file.resolve() == source.resolve()
        except (OSError, RuntimeError) as error:  # links in a circle
            raise OutputError(f"--out {out}: cannot be written ({error}).") from error
        if is_source:
            raise OutputError(f"--out {out}: that would write over {source}; give the verdicts another name.")


def write_verdicts(result: Assessment, out: Path) -> None:
    """Writes the verdicts by the suffix of `out`. Raises `OutputError`."""
    try:
        with out.open("wb") as file:  # Polars does not know all names of files
            match out.suffix.lower():
                case ".parquet":
                    result.verdicts.write_parquet(file)
                case ".json":
                    result.verdicts.write_json(file)
                case _:
                    flat = result.verdicts.with_columns(pl.col("reason_codes").list.join(";"))
                    for_spreadsheets(flat).write_csv(file)
    except OSError as error:
        raise OutputError(f"--out {out}: cannot be written ({error.strerror or error}).") from error


def rejected_file(out: Path) -> Path:
    """Where rejected rows go: beside `out`, with the suffix `.rejected.csv`."""
    return out.with_suffix(".rejected.csv")


def write_rejected(result: Assessment, out: Path) -> Path | None:
    """Writes rejected rows to `rejected_file(out)`; the list of an earlier run is removed. Raises `OutputError`."""
    file = rejected_file(out)
    try:
        if result.rejected.height == 0:
            file.unlink(missing_ok=True)
            return None
        with file.open("wb") as content:
            for_spreadsheets(result.rejected).write_csv(content)
    except OSError as error:
        raise OutputError(f"--out {out}: {file.name} cannot be written ({error.strerror or error}).") from error
    return file
