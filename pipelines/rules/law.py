"""The rulebook made ready for lookups: dates become eras, windows become ranges of eras.

An *era* is a stretch of days between two days on which any rule begins or ends. Two days of one era meet the
same rules, so a date matters to the law only through its era; a few hundred eras stand for all days.

Here: `Law`, the frames that the judge joins to, and how they follow from a `Rulebook`.
Add here: the expansion of a new kind of rule.
Keep out: cargoes, prices, verdicts (see `pipelines.transforms.judge`).
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import prod

import polars as pl

from pipelines.contracts.cargoes import UNTELLING_EVIDENCE
from pipelines.names import normalised
from pipelines.rules.rulebook import Rulebook

CONFIDENCE_RANK = {"verified": 0, "unverified": 1, "conflict": 2}
CONFIDENCE_OF_RANK = list(CONFIDENCE_RANK)
Row = dict[str, object]


@dataclass(frozen=True)
class ScopeTest:
    """Which cargoes a rule reaches: empty fields do not narrow it.

    A grade beside a project counts only where the cargo names no project (J-22). Of evidence that tells neither, as
    customs lines do, it is open whether a rule that names one reaches it.
    """

    hs_prefixes: tuple[str, ...]
    destination_country: str | None
    destination_excluded: str | None
    origin_project: str | None
    grade: str | None

    @classmethod
    def of(cls, row: Row) -> "ScopeTest":
        """The test of a rule row; columns that the table lacks do not narrow it."""
        prefixes = row.get("hs_prefixes")
        return cls(
            hs_prefixes=tuple(str(prefixes).split(";")) if prefixes else (),
            destination_country=_text(row.get("destination_country")),
            destination_excluded=_text(row.get("destination_excluded")),
            origin_project=_text(row.get("origin_project")),
            grade=_text(row.get("grade")),
        )

    def expr(self) -> pl.Expr:
        """True where a cargo (hs_code, destination_country, project_key, grade_key) is reached."""
        return (self._is_carried() & self._is_named()).fill_null(False)

    def open_expr(self) -> pl.Expr:
        """True where a cargo (also: evidence_kind) would be reached if its oil were told, and it is not."""
        if not self.origin_project and not self.grade:
            return pl.lit(False)
        is_untold = pl.col("project_key").is_null() & pl.col("grade_key").is_null()
        return (self._is_carried() & is_untold & (pl.col("evidence_kind") == UNTELLING_EVIDENCE)).fill_null(False)

    def _is_carried(self) -> pl.Expr:
        test = pl.lit(True)
        if self.hs_prefixes:
            test = test & pl.any_horizontal(pl.col("hs_code").str.starts_with(p) for p in self.hs_prefixes)
        if self.destination_country:
            test = test & (pl.col("destination_country") == self.destination_country)
        if self.destination_excluded:
            test = test & (pl.col("destination_country") != self.destination_excluded)
        return test

    def _is_named(self) -> pl.Expr:
        grade = pl.col("grade_key") == normalised(self.grade or "")
        if self.origin_project:
            project = pl.col("project_key") == normalised(self.origin_project)
            by_grade = pl.col("project_key").is_null() & grade if self.grade else pl.lit(False)
            return project.fill_null(False) | by_grade.fill_null(False)
        return grade if self.grade else pl.lit(True)


class Law:
    """A rulebook expanded for the judge. Frames carry eras as Int32 and confidence as rank (0 verified, 2 conflict)."""

    def __init__(self, book: Rulebook) -> None:
        self.book = book
        deciding = pl.col("effect") != "never"
        self.transitions = book.transitions.filter(deciding)
        self.exemptions = book.exemptions.filter(deciding)
        self.voyage_days = self._voyage_days(pl.lit(True))
        self.contract_days = _days(self.transitions.select("contract_before"))
        rows = [*self.transitions.to_dicts(), *self.exemptions.to_dicts()]
        self.scope_tests = list(dict.fromkeys(ScopeTest.of(row) for row in rows))

    def _voyage_days(self, where: pl.Expr) -> list[dt.date]:
        return _days(
            self.book.price_caps.filter(where).select("valid_from", "valid_to", "certain_from", "verified_to"),
            self.transitions.filter(where).select("valid_from", "valid_to", "loaded_before"),
            self.exemptions.filter(where).select("valid_from", "valid_to", "loaded_before"),
        )

    def days_of(self, regime: str) -> list[dt.date]:
        """The days on which a rule of a regime begins or ends."""
        return self._days_by_regime[regime]

    @cached_property
    def _days_by_regime(self) -> dict[str, list[dt.date]]:
        return {regime: self._voyage_days(pl.col("regime") == regime) for regime in self.book.regime_codes}

    @cached_property
    def own_eras(self) -> pl.DataFrame:
        """The era of each regime alone, by era: days on which only rules of others begin or end are none of its."""
        rows = [
            {"regime": regime, "era": era, "own_era": bisect_right(days, first) if first is not None else 0}
            for regime, days in self._days_by_regime.items()
            for era in range(self.last_era + 1)
            for first in [self.first_day(era)]
        ]
        return pl.DataFrame(rows, schema={"regime": pl.String(), "era": pl.Int32(), "own_era": pl.Int32()})

    def voyage(self, longest: dt.timedelta) -> pl.Expr:
        """The eras of a cargo's days as one number, below `voyages`. For frames, not for lazy ones.

        longest: how long after its loading a cargo whose discharge is not known may have been discharged.
        """
        days = {
            "loading_first_era": pl.col("loading_first"),
            "loading_last_era": pl.col("loading_last"),
            "discharge_first_era": pl.coalesce("discharge_first", "loading_first"),
            "discharge_last_era": pl.coalesce("discharge_last", pl.col("loading_last") + longest),
        }
        digits = {name: _place(self.voyage_days, day) for name, day in days.items()}
        digits["contract_era"] = (_place(self.contract_days, pl.col("contract_date")) + 1).fill_null(0)
        digits["is_discharge_known"] = pl.col("discharge_last").is_not_null().cast(pl.Int64)
        number = pl.lit(0, pl.Int64)
        for name, base in self._bases.items():
            number = number * base + digits[name]
        return number

    @property
    def voyages(self) -> int:
        """How many numbers `voyage` may give."""
        return prod(self._bases.values())

    def eras(self, voyage: pl.Expr) -> dict[str, pl.Expr]:
        """The eras that a number of `voyage` stands for."""
        eras = {}
        for name, base in reversed(self._bases.items()):
            eras[name] = (voyage % base).cast(pl.Int32)
            voyage = voyage // base
        contract = eras["contract_era"]
        eras["contract_era"] = pl.when(contract > 0).then(contract - 1)
        eras["is_discharge_known"] = eras["is_discharge_known"] == 1
        return eras

    @property
    def _bases(self) -> dict[str, int]:
        days = ("loading_first_era", "loading_last_era", "discharge_first_era", "discharge_last_era")
        counts = dict.fromkeys(days, len(self.voyage_days) + 1)
        return {**counts, "contract_era": len(self.contract_days) + 2, "is_discharge_known": 2}

    def as_the_regime_sees(self, situations: pl.DataFrame) -> pl.DataFrame:
        """Situations with their days as far as they make a difference to their regime.

        An era becomes the first of those that the rules of the regime do not tell apart. Out of scope, no day makes
        a difference.
        """
        is_in_scope = pl.col("scope_id").is_null()
        seen = situations
        for name in (name for name in self._bases if name.endswith("_era")):
            stretches = self._contract_stretches if name == "contract_era" else self._voyage_stretches
            named = stretches.rename({"era": name})
            seen = seen.join(named, on=["regime", name], how="left", maintain_order="left")
            seen = seen.with_columns(pl.when(is_in_scope).then("first_era").alias(name)).drop("first_era")
        return seen.with_columns(is_discharge_known=pl.when(is_in_scope).then("is_discharge_known"))

    @cached_property
    def _voyage_stretches(self) -> pl.DataFrame:
        return _stretches(self.voyage_days, self._days_by_regime)

    @cached_property
    def _contract_stretches(self) -> pl.DataFrame:
        days = {
            regime: _days(self.transitions.filter(pl.col("regime") == regime).select("contract_before"))
            for regime in self.book.regime_codes
        }
        return _stretches(self.contract_days, days)

    @cached_property
    def regimes(self) -> pl.DataFrame:
        """regime, scope_bits: the scope tests of its rules, which alone tell its cargoes apart."""
        bits = dict.fromkeys(self.book.regime_codes, 0)
        for row in [*self.transitions.to_dicts(), *self.exemptions.to_dicts()]:
            bits[row["regime"]] |= self._bit(row)
        return pl.DataFrame(list(bits.items()), schema={"regime": pl.String(), "scope_bits": pl.Int64()}, orient="row")

    @property
    def last_era(self) -> int:
        """The era after the last day on which a rule begins or ends."""
        return len(self.voyage_days)

    def era(self, day: dt.date | None) -> int:
        """Era of a day of the voyage; the end of an open window lies after all eras."""
        return self.last_era + 1 if day is None else bisect_right(self.voyage_days, day)

    def first_day(self, era: int) -> dt.date | None:
        """First day of an era; None for the era before all rules."""
        return self.voyage_days[era - 1] if era else None

    def scope_masks(self) -> dict[str, pl.Expr]:
        """One bit per scope test: scope_mask where the cargo is reached, open_mask where it may be."""
        masks = {
            "scope_mask": [test.expr() for test in self.scope_tests],
            "open_mask": [test.open_expr() for test in self.scope_tests],
        }
        return {
            name: pl.sum_horizontal(
                pl.lit(0, pl.Int64), *(test.cast(pl.Int64) * (1 << i) for i, test in enumerate(tests))
            )
            for name, tests in masks.items()
        }

    def _bit(self, row: Row) -> int:
        return 1 << self.scope_tests.index(ScopeTest.of(row))

    @cached_property
    def caps(self) -> pl.DataFrame:
        """Levels by regime, product_class and era: one row, or one per reading where the start is not known.

        A reading under which no cap is in force yet has an empty cap. Eras without any row have no cap.
        """
        rows: list[Row] = []
        for (regime, product_class), levels in self._levels():
            for era in range(self.last_era + 1):
                day = self.first_day(era)
                if day is None:
                    continue
                rows += [
                    {"regime": regime, "product_class": product_class, "era": era, **reading}
                    for reading in _levels_on(levels, day)
                ]
        return pl.DataFrame(
            rows,
            schema={
                "regime": pl.String(),
                "product_class": pl.String(),
                "era": pl.Int32(),
                "cap_id": pl.String(),
                "cap_usd_per_bbl": pl.Float64(),
                "cap_instrument": pl.String(),
                "cap_rank": pl.Int8(),
                "is_level_open": pl.Boolean(),
            },
        )

    @cached_property
    def starts(self) -> pl.DataFrame:
        """First era of each regime and product_class, and whether a wind-down row stands for it (J-10)."""
        winding = {
            (row["regime"], product_class)
            for row in self.transitions.filter(pl.col("kind") == "wind_down").to_dicts()
            for product_class in row["product_classes"].split(";")
        }
        rows = [
            {
                "regime": key[0],
                "product_class": key[1],
                "first_era": self.era(levels[0]["valid_from"]),  # type: ignore[arg-type]
                "has_wind_down": key in winding,
            }
            for key, levels in self._levels()
        ]
        schema = {
            "regime": pl.String(),
            "product_class": pl.String(),
            "first_era": pl.Int32(),
            "has_wind_down": pl.Boolean(),
        }
        return pl.DataFrame(rows, schema=schema)

    def _levels(self) -> Iterable[tuple[tuple[str, str], list[Row]]]:
        caps = self.book.price_caps.sort("valid_from")
        for key, levels in caps.group_by("regime", "product_class", maintain_order=True):
            yield (str(key[0]), str(key[1])), levels.to_dicts()

    @cached_property
    def date_rules(self) -> pl.DataFrame:
        """Transitions and loaded-by licences: rules on the loading, level and contract day, a row per class."""
        caps = {row["id"]: row for row in self.book.price_caps.to_dicts()}
        rows: list[Row] = []
        by_dates = self.exemptions.filter(pl.col("coverage") == "discharge_in_window")
        for row in [*self.transitions.to_dicts(), *by_dates.to_dicts()]:
            prior = caps.get(row.get("prior_cap_id"))
            contract = row.get("contract_before")
            rows += [
                {
                    "regime": row["regime"],
                    "product_class": product_class,
                    "rule_id": row["id"],
                    "is_transition": "cap_id" in row,
                    "rule_label": row.get("licence") or row["id"],
                    "rule_instrument": row["instrument"],
                    # An earlier cap that stays usable is no surer than its own row.
                    "rule_rank": max(CONFIDENCE_RANK[r["confidence"]] for r in (row, prior) if r),
                    "effect": row["effect"],
                    "prior_cap_id": row.get("prior_cap_id"),
                    "prior_usd_per_bbl": prior["cap_usd_per_bbl"] if prior else None,
                    "scope_bit": self._bit(row),
                    "loaded_before_era": self.era(row["loaded_before"]),
                    "from_era": self.era(row["valid_from"]),
                    "to_era": self.era(row["valid_to"]),
                    "contract_before_era": None if contract is None else bisect_right(self.contract_days, contract),
                }
                for product_class in row["product_classes"].split(";")
            ]
        return pl.DataFrame(
            rows,
            schema={
                "regime": pl.String(),
                "product_class": pl.String(),
                "rule_id": pl.String(),
                "is_transition": pl.Boolean(),
                "rule_label": pl.String(),
                "rule_instrument": pl.String(),
                "rule_rank": pl.Int8(),
                "effect": pl.String(),
                "prior_cap_id": pl.String(),
                "prior_usd_per_bbl": pl.Float64(),
                "scope_bit": pl.Int64(),
                "loaded_before_era": pl.Int32(),
                "from_era": pl.Int32(),
                "to_era": pl.Int32(),
                "contract_before_era": pl.Int32(),
            },
        )

    @cached_property
    def coverage(self) -> pl.DataFrame:
        """Licence series by regime, product_class and era, with running counts of the eras before.

        `gaps_before`, `opens_before`, `doubts_before` count the eras below this one that nothing covers, that only
        an open row covers, and that only unverified rows cover; a voyage is covered when no such era lies in it.
        """
        rows: list[Row] = []
        voyages = self.exemptions.filter(pl.col("coverage") == "whole_voyage")
        for (series,), licences in voyages.sort("valid_from").group_by("series", maintain_order=True):
            members = licences.to_dicts()
            for product_class in members[0]["product_classes"].split(";"):
                rows += self._covered_eras(str(series), product_class, members)
        return pl.DataFrame(
            rows,
            schema={
                "regime": pl.String(),
                "product_class": pl.String(),
                "series": pl.String(),
                "scope_bit": pl.Int64(),
                "era": pl.Int32(),
                "rule_id": pl.String(),
                "rule_label": pl.String(),
                "rule_instrument": pl.String(),
                "rule_rank": pl.Int8(),
                "gaps_before": pl.Int32(),
                "opens_before": pl.Int32(),
                "doubts_before": pl.Int32(),
            },
        )

    def _covered_eras(self, series: str, product_class: str, licences: list[Row]) -> Iterable[Row]:
        gaps = opens = doubts = 0
        # One era beyond the last, so that the counts "before" it cover the last one too.
        for era in range(self.last_era + 2):
            day = self.first_day(min(era, self.last_era))
            live = [row for row in licences if day is not None and _in_force(row, day)]
            deciding = [row for row in live if row["effect"] == "decides"]
            named = (deciding or live)[-1] if live else None
            yield {
                "regime": licences[0]["regime"],
                "product_class": product_class,
                "series": series,
                "scope_bit": self._bit(licences[0]),
                "era": era,
                "rule_id": named and named["id"],
                "rule_label": named and named["licence"],
                "rule_instrument": named and named["instrument"],
                "rule_rank": named and CONFIDENCE_RANK[str(named["confidence"])],
                "gaps_before": gaps,
                "opens_before": opens,
                "doubts_before": doubts,
            }
            gaps += not live
            opens += not deciding
            doubts += not any(row["confidence"] == "verified" for row in deciding)


def _levels_on(levels: list[Row], day: dt.date) -> list[Row]:
    """The readings of the level in force on a day: usually one; two where the in-force day is not known."""
    for before, level in zip([None, *levels], levels, strict=False):
        if not _in_force(level, day):
            continue
        certain = level["certain_from"]
        in_doubt = certain is not None and day < certain  # type: ignore[operator]
        is_open = in_doubt and level["start_doubt"] == "gap"
        readings = [_reading(level, day, 2 if in_doubt and not is_open else 0, is_open)]
        if is_open:
            readings.append(_reading(before, day, 0, is_open) if before else {"is_level_open": True})
        return readings
    return []


def _reading(level: Row, day: dt.date, rank: int, is_open: bool) -> Row:
    # A level of which a successor may exist that was not found stands, unverified (J-3).
    stale = level["verified_to"] is not None and day >= level["verified_to"]  # type: ignore[operator]
    return {
        "cap_id": level["id"],
        "cap_usd_per_bbl": level["cap_usd_per_bbl"],
        "cap_instrument": level["instrument"],
        "cap_rank": max(rank, int(stale or is_open), CONFIDENCE_RANK[str(level["confidence"])]),
        "is_level_open": is_open,
    }


def _in_force(row: Row, day: dt.date) -> bool:
    return row["valid_from"] <= day and (row["valid_to"] is None or day < row["valid_to"])  # type: ignore[operator]


def _days(*frames: pl.DataFrame) -> list[dt.date]:
    return sorted({day for frame in frames for column in frame.columns for day in frame[column].drop_nulls()})


def _stretches(days: list[dt.date], days_by_regime: dict[str, list[dt.date]]) -> pl.DataFrame:
    """regime, era, first_era: the first of the eras of `days` that the days of the regime do not part from it."""
    rows = []
    for regime, own_days in days_by_regime.items():
        turns = [0, *(bisect_right(days, day) for day in own_days)]
        rows += [(regime, era, turns[bisect_right(turns, era) - 1]) for era in range(len(days) + 1)]
    schema = {"regime": pl.String(), "era": pl.Int32(), "first_era": pl.Int32()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _place(days: list[dt.date], day: pl.Expr) -> pl.Expr:
    """How many of the days are not after a day."""
    if not days:
        return pl.when(day.is_not_null()).then(pl.lit(0, pl.Int64))
    # Looked up by the number of the day, from the day before all of them to the last of them.
    first, last = days[0] - dt.timedelta(days=1), days[-1]
    every_day = pl.date_range(first, last, eager=True)
    places = pl.Series(days, dtype=pl.Date()).search_sorted(every_day, side="right").cast(pl.Int64)
    number = day.to_physical().clip(every_day[:1].to_physical().item(), every_day[-1:].to_physical().item())
    return pl.lit(places).gather(number - every_day[:1].to_physical().item())


def _text(value: object) -> str | None:
    return str(value) if value else None
