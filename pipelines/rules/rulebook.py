"""The rulebook: loaded, validated, and seen as known on a day.

Here: `Rulebook`, what it is made of, and the checks that the tables must pass as data.
Add here: a check on the rule tables, or a table of rules.
Keep out: how rules meet cargoes (see `pipelines.rules.law` and `pipelines.transforms.judge`).
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.contracts.files import DataFileError, read_table
from pipelines.contracts.rules import PRODUCT_CLASSES, RULE_TABLES

RULES_FOLDER = Path(__file__).parents[2] / "data" / "rules"


class RuleError(Exception):
    """The rule tables contradict themselves; the message lists every problem, one a line."""


@dataclass(frozen=True)
class Rulebook:
    """The rule tables as frames of `pipelines.contracts.rules`, one field per file of `data/rules`.

    `known_on`: the day as of which they are shown; None: all that is known.
    """

    sources: pl.DataFrame
    regimes: pl.DataFrame
    price_caps: pl.DataFrame
    transitions: pl.DataFrame
    exemptions: pl.DataFrame
    scope_rules: pl.DataFrame
    product_classes: pl.DataFrame
    nexus_services: pl.DataFrame
    nexus_countries: pl.DataFrame
    attestation_rules: pl.DataFrame
    known_on: dt.date | None = None

    @classmethod
    def load(cls, folder: Path = RULES_FOLDER) -> "Rulebook":
        """The rulebook of a folder. Raises `RuleError` with every problem found."""
        try:
            frames: dict[str, Any] = {
                Path(name).stem: read_table(folder / name, table) for name, table in RULE_TABLES.items()
            }
        except DataFileError as error:
            raise RuleError(str(error)) from error
        book = cls(**frames)
        if problems := list(book.problems()):
            raise RuleError("\n".join(problems))
        return book

    def as_of(self, day: dt.date | None) -> "Rulebook":
        """The rulebook as it was known on `day`: a rule published later is invisible, also when it reaches back."""
        if day is None:
            return self
        caps = _visible(self.price_caps, day).sort("series", "valid_from")
        # A level ends when its successor starts; as long as the successor is not known, it has no end.
        caps = caps.with_columns(valid_to=pl.col("valid_from").shift(-1).over("series"))
        return replace(
            self,
            price_caps=caps,
            transitions=_visible(self.transitions, day),
            exemptions=_visible(self.exemptions, day),
            attestation_rules=_visible(self.attestation_rules, day),
            known_on=day,
        )

    @property
    def regime_codes(self) -> tuple[str, ...]:
        """Regime codes in the order of the table."""
        return tuple(self.regimes["regime"])

    def problems(self) -> Iterator[str]:
        """Everything that is wrong with the tables as data, in words."""
        yield from self._unknown_references()
        yield from self._bad_windows()
        yield from self._bad_levels()
        yield from self._split_levels()
        yield from self._split_series()
        yield from self._bad_transitions()
        yield from self._series_with_gaps()

    def _unknown_references(self) -> Iterator[str]:
        known = set(self.sources["id"])
        regimes = set(self.regimes["regime"])
        lists = set(self.product_classes["class_list"])
        tables = {
            "regimes": self.regimes,
            "price_caps": self.price_caps,
            "transitions": self.transitions,
            "exemptions": self.exemptions,
            "scope_rules": self.scope_rules,
            "product_classes": self.product_classes,
            "nexus_services": self.nexus_services,
            "nexus_countries": self.nexus_countries,
            "attestation_rules": self.attestation_rules,
        }
        files_of: dict[str, list[str]] = {}
        for name, frame in tables.items():
            label = "id" if "id" in frame.columns else frame.columns[0]
            for rule_id in frame["id"] if "id" in frame.columns else ():
                files_of.setdefault(rule_id, []).append(f"{name}.csv")
            for row in frame.iter_rows(named=True):
                where = f"{name}.csv, {row[label]}"
                for source in row["source"].split(";"):
                    if source not in known:
                        yield f"{where}: source {source} is not in sources.csv."
                if "regime" in row and row["regime"] not in regimes:
                    yield f"{where}: regime {row['regime']} is not in regimes.csv."
                for product_class in (row.get("product_classes") or "").split(";"):
                    if product_class and product_class not in PRODUCT_CLASSES:
                        yield f"{where}: product class {product_class} is unknown."
        for rule_id, files in files_of.items():
            if len(files) > 1:
                yield f"{' and '.join(dict.fromkeys(files))}: rule id {rule_id} is used twice."
        for row in self.regimes.iter_rows(named=True):
            for column in ("class_list", "fallback_class_list"):
                if row[column] is not None and row[column] not in lists:
                    yield f"regimes.csv, {row['regime']}: {column} {row[column]} has no codes in product_classes.csv."

    def _bad_windows(self) -> Iterator[str]:
        for name in ("price_caps", "transitions", "exemptions"):
            frame: pl.DataFrame = getattr(self, name)
            for row in frame.filter(pl.col("valid_to") <= pl.col("valid_from")).iter_rows(named=True):
                yield f"{name}.csv, {row['id']}: the window is empty ({row['valid_from']} to {row['valid_to']})."

    def _bad_levels(self) -> Iterator[str]:
        for row in self.price_caps.iter_rows(named=True):
            if (row["start_doubt"] is None) != (row["certain_from"] is None):
                yield f"price_caps.csv, {row['id']}: start_doubt and certain_from belong together."
        for (series,), rows in self.price_caps.sort("valid_from").group_by("series", maintain_order=True):
            levels = rows.to_dicts()
            if any(
                (row["regime"], row["product_class"]) != (levels[0]["regime"], levels[0]["product_class"])
                for row in levels
            ):
                yield f"price_caps.csv, series {series}: one series, one regime and product class."
            for earlier, later in pairwise(levels):
                if earlier["valid_to"] != later["valid_from"]:
                    yield (
                        f"price_caps.csv, series {series}: {earlier['id']} ends {earlier['valid_to']}, "
                        f"{later['id']} starts {later['valid_from']}; levels must follow without gap or overlap."
                    )
                if later["cap_usd_per_bbl"] > earlier["cap_usd_per_bbl"]:
                    yield (
                        f"price_caps.csv, {later['id']}: the level rises; the level date rule (P-9) holds only "
                        "while levels fall, so the judge must be changed first."
                    )
            if levels[-1]["valid_to"] is not None:
                yield f"price_caps.csv, series {series}: the last level must be open."

    def _split_levels(self) -> Iterator[str]:
        for (regime, product_class), rows in self.price_caps.group_by("regime", "product_class", maintain_order=True):
            first, *others = dict.fromkeys(rows["series"])
            for series in others:
                yield (
                    f"price_caps.csv, series {series}: {regime} has the series {first} for {product_class} already; "
                    "the levels of a class form one series."
                )

    def _split_series(self) -> Iterator[str]:
        scope = ["regime", "product_classes", "hs_prefixes", "destination_country", "destination_excluded"]
        scope += ["origin_project", "grade"]
        voyages = self.exemptions.filter(pl.col("effect") != "never", pl.col("coverage") == "whole_voyage")
        for (series,), rows in voyages.group_by("series", maintain_order=True):
            if rows.select(scope).unique().height > 1:
                yield (
                    f"exemptions.csv, series {series}: its rows reach different cargoes "
                    f"({', '.join(c for c in scope if rows[c].n_unique() > 1)}); give each scope a series of its own."
                )

    def _bad_transitions(self) -> Iterator[str]:
        caps = {row["id"]: row for row in self.price_caps.iter_rows(named=True)}
        for row in self.transitions.iter_rows(named=True):
            where = f"transitions.csv, {row['id']}"
            cap, prior = caps.get(row["cap_id"]), caps.get(row["prior_cap_id"])
            if cap is None or cap["regime"] != row["regime"]:
                yield f"{where}: cap_id {row['cap_id']} is not a cap of {row['regime']}."
                continue
            if row["kind"] == "prior_cap" and (
                prior is None or prior["series"] != cap["series"] or prior["valid_from"] >= cap["valid_from"]
            ):
                yield f"{where}: prior_cap_id {row['prior_cap_id']} is not an earlier level of {row['cap_id']}."
            levels = {c["product_class"] for c in caps.values() if _starts_with(c, cap)}
            for product_class in set(row["product_classes"].split(";")) - levels:
                yield f"{where}: {row['cap_id']} is no level for {product_class}."
            if row["kind"] != "basis" and row["valid_from"] != cap["valid_from"]:
                yield f"{where}: starts {row['valid_from']}, its cap starts {cap['valid_from']}."
            if row["kind"] == "wind_down" and row["loaded_before"] is None:
                yield f"{where}: a wind-down needs loaded_before."

    def _series_with_gaps(self) -> Iterator[str]:
        voyages = self.exemptions.filter(pl.col("effect") != "never", pl.col("coverage") == "whole_voyage")
        for (series,), rows in voyages.sort("valid_from").group_by("series", maintain_order=True):
            reached = None
            for row in rows.iter_rows(named=True):
                if reached is not None and row["valid_from"] > reached:
                    yield (
                        f"exemptions.csv, series {series}: nothing covers {reached} to {row['valid_from']}; "
                        "if that is what the law says, give the later row a series of its own."
                    )
                reached = max(reached or row["valid_to"] or dt.date.max, row["valid_to"] or dt.date.max)


def _starts_with(cap: dict[str, Any], other: dict[str, Any]) -> bool:
    """Levels of one regime that start together: premium and discount share a transition."""
    return (cap["regime"], cap["valid_from"]) == (other["regime"], other["valid_from"])


def _visible(frame: pl.DataFrame, day: dt.date) -> pl.DataFrame:
    return frame.filter(pl.col("published_on") <= day)
