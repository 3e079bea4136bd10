"""What can touch the cargoes of a month: rules, rates and freights, each by name with all that it says there.

A night makes a month again if something here has changed, and leaves it alone if not. So everything that a verdict
or a price of the month could rest on must be in here; too much costs time, too little leaves a wrong verdict standing.

Here: for a stretch of days, the rules of a regime as the judge reads them, and the figures that prices are made with.
Add here: whatever a new transform reads of rules or figures.
Keep out: how months are compared and made (`pipelines.warehouse.months`).
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from functools import cached_property

import polars as pl

from pipelines.contracts.reference import PriceReference
from pipelines.rules.law import Law
from pipelines.rules.rulebook import Rulebook
from pipelines.transforms.estimates import monthly_ranges
from pipelines.transforms.judge import LONGEST_VOYAGE
from pipelines.transforms.prices import daily_rates, freight_by_day, highest_freights, monthly_rates

# What touches, by the name that people know it by.
Touching = Mapping[str, object]
OPEN = dt.date.max


def month_of(day: pl.Expr) -> pl.Expr:
    """The month that a cargo is kept by, from its first possible loading day: 2026-06."""
    return day.dt.strftime("%Y-%m")


def by_month(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows by their column `month`, without it, in the order in which they come."""
    found = rows.partition_by("month", as_dict=True, include_key=False, maintain_order=True)
    return {str(month): of_month for (month,), of_month in found.items()}


@dataclass(frozen=True)
class Span:
    """Every day on which a rule may meet the cargoes of a month, both ends included."""

    first: dt.date
    last: dt.date

    def has(self, start: dt.date, end: dt.date) -> bool:
        """True if the stretch from `start` to before `end` has a day in common with it."""
        return start <= self.last and end > self.first

    def cut(self, start: dt.date, end: dt.date) -> tuple[dt.date, dt.date]:
        """The part of that stretch which can be seen from within."""
        return max(start, self.first), min(end, self.last + dt.timedelta(days=1))


def spans(cargoes: pl.LazyFrame) -> dict[str, Span]:
    """The span of each month: from the first loading to the last day on which a cargo may be discharged (J-5)."""
    days = ("loading_first", "loading_last", "discharge_first", "discharge_last")
    latest = pl.max_horizontal(*days, pl.col("loading_last") + LONGEST_VOYAGE)
    found = (
        cargoes.select(month=month_of(pl.col("loading_first")), first=pl.min_horizontal(*days), last=latest)
        .group_by("month")
        .agg(pl.col("first").min(), pl.col("last").max())
        .collect()
    )
    return {month: Span(first, last) for month, first, last in found.select("month", "first", "last").iter_rows()}


@dataclass(frozen=True)
class _Stretch:
    """What one rule says from a day to before another."""

    rule: str
    start: dt.date
    end: dt.date
    says: tuple[object, ...]


class LawTouching:
    """A law cut down to what it says to cargoes of one regime within a span of days."""

    def __init__(self, law: Law) -> None:
        self._law = law

    def of(self, regime: str, span: Span) -> dict[str, object]:
        """The rules of the regime that can meet a voyage within the span, by id, with what they say within it."""
        found: dict[str, list[object]] = {}
        for stretch in self._stretches.get(regime, ()):
            if span.has(stretch.start, stretch.end):
                found.setdefault(stretch.rule, []).append((*span.cut(stretch.start, stretch.end), stretch.says))
        for key, first_day, has_wind_down in self._starts.get(regime, ()):
            # What was before the first level matters to those alone who were under way.
            if first_day > span.first:
                found.setdefault(f"the start of {regime} {key}", []).append((first_day, has_wind_down))
        for rule, start, loaded_before, end, says in self._date_rules.get(regime, ()):
            if loaded_before > span.first and span.has(start, end):
                cut = (*span.cut(start, end), span.cut(start, loaded_before)[1])
                found.setdefault(rule, []).append((cut, says))
        days = [day for day in self._law.days_of(regime) if span.first < day <= span.last]
        return {**found, f"days on which a rule of {regime} begins or ends": days}

    @cached_property
    def _stretches(self) -> dict[str, list[_Stretch]]:
        """Levels and licence series: what holds from era to era, put together again where nothing changes."""
        by_regime: dict[str, list[_Stretch]] = {}
        caps = self._law.caps.sort("regime", "product_class", "era", maintain_order=True)
        # Two readings of one era stand side by side, so both are what the era says.
        eras: dict[tuple[str, str], list[tuple[int, str, tuple[object, ...]]]] = {}
        for (regime, product_class, era), rows in caps.group_by("regime", "product_class", "era", maintain_order=True):
            readings = rows.drop("regime", "product_class", "era").rows()
            rule = next(row[0] for row in readings if row[0] is not None)
            eras.setdefault((regime, product_class), []).append((era, rule, (product_class, *readings)))
        coverage = self._law.coverage.filter(pl.col("rule_id").is_not_null()).sort(
            "regime", "series", "product_class", "era"
        )
        tests = [astuple(test) for test in self._law.scope_tests]
        flags = self._covering()
        for row in coverage.iter_rows(named=True):
            key = (row["series"], row["product_class"], row["era"])
            says = (row["product_class"], row["series"], row["rule_label"], row["rule_instrument"], row["rule_rank"])
            said = (*says, tests[row["scope_bit"].bit_length() - 1], flags[key])
            eras.setdefault((row["regime"], f"{row['series']} {row['product_class']}"), []).append(
                (row["era"], row["rule_id"], said)
            )
        for (regime, _), found in eras.items():
            by_regime.setdefault(regime, []).extend(self._joined(found))
        return by_regime

    def _covering(self) -> dict[tuple[str, str, int], tuple[bool, bool]]:
        """By series, class and era: whether only an open row covers it, and whether only unverified ones do."""
        after = pl.col("opens_before", "doubts_before").shift(-1).over("series", "product_class", order_by="era")
        counted = self._law.coverage.select(
            "series", "product_class", "era", (after > pl.col("opens_before", "doubts_before")).fill_null(False)
        )
        return {(row[0], row[1], row[2]): (row[3], row[4]) for row in counted.iter_rows()}

    def _joined(self, eras: list[tuple[int, str, tuple[object, ...]]]) -> Iterator[_Stretch]:
        stretch: _Stretch | None = None
        for era, rule, says in eras:
            start = self._law.first_day(era) if era <= self._law.last_era else None
            if start is None:
                continue
            end = self._law.first_day(era + 1) if era < self._law.last_era else OPEN
            if stretch is not None and (stretch.rule, stretch.end, stretch.says) == (rule, start, says):
                stretch = _Stretch(rule, stretch.start, end or OPEN, says)
                continue
            if stretch is not None:
                yield stretch
            stretch = _Stretch(rule, start, end or OPEN, says)
        if stretch is not None:
            yield stretch

    @cached_property
    def _starts(self) -> dict[str, list[tuple[str, dt.date, bool]]]:
        found: dict[str, list[tuple[str, dt.date, bool]]] = {}
        for row in self._law.starts.iter_rows(named=True):
            day = self._law.first_day(row["first_era"]) or dt.date.min
            found.setdefault(row["regime"], []).append((row["product_class"], day, row["has_wind_down"]))
        return found

    @cached_property
    def _date_rules(self) -> dict[str, list[tuple[str, dt.date, dt.date, dt.date, tuple[object, ...]]]]:
        tests = [astuple(test) for test in self._law.scope_tests]
        days = self._law.contract_days
        found: dict[str, list[tuple[str, dt.date, dt.date, dt.date, tuple[object, ...]]]] = {}
        for row in self._law.date_rules.iter_rows(named=True):
            contract = row["contract_before_era"]
            names = ("product_class", "is_transition", "rule_label", "rule_instrument", "rule_rank", "effect")
            says = (
                *(row[name] for name in names),
                row["prior_cap_id"],
                row["prior_usd_per_bbl"],
                tests[row["scope_bit"].bit_length() - 1],
                None if contract is None else days[contract - 1],
            )
            start, loaded_before, end = (self._day(row[name]) for name in ("from_era", "loaded_before_era", "to_era"))
            found.setdefault(row["regime"], []).append((row["rule_id"], start, loaded_before, end, says))
        return found

    def _day(self, era: int) -> dt.date:
        """First day of an era of a window; the era after all stands for an open end."""
        return OPEN if era > self._law.last_era else self._law.first_day(era) or dt.date.min


def undated_rules(book: Rulebook, regime: str) -> dict[str, object]:
    """What touches every cargo of a regime, of whatever day."""
    lists = book.regimes.filter(pl.col("regime") == regime)
    codes = {lists["class_list"].item(), lists["fallback_class_list"].item()}
    return {
        "the scope of the caps": book.scope_rules.rows(),
        # Whether a regime is assumed hangs on whether a provider brings any other.
        "the nexus": (book.regimes.rows(), book.nexus_services.rows(), book.nexus_countries.rows()),
        "product codes": book.product_classes.filter(pl.col("class_list").is_in(list(codes - {None}))).rows(),
    }


def rules_known_before(book: Rulebook, span: Span) -> dict[str, object]:
    """Every dated rule that begins before the end of a span, of all regimes, as it may be known on any day.

    What was known then may have had no end, or another one: where a rule has ended by now says nothing.
    """
    found: dict[str, object] = {}
    days = set()
    for table in (book.price_caps, book.transitions, book.exemptions):
        for column in table.columns:
            if table.schema[column] == pl.Date and column not in ("published_on", "contract_before", "review_due_on"):
                days |= {day for day in table[column].drop_nulls() if span.first < day <= span.last}
        cut = pl.min_horizontal("valid_to", pl.lit(span.last + dt.timedelta(days=1)))
        seen = table.filter(pl.col("valid_from") <= span.last).with_columns(valid_to=cut)
        found |= {row["id"]: row for row in seen.drop("source", "note", strict=False).to_dicts()}
    return {**found, "days on which a rule begins or ends": sorted(days)}


def undated_tables(book: Rulebook) -> dict[str, object]:
    """What touches every cargo under every regime."""
    return {name: found for regime in book.regime_codes for name, found in undated_rules(book, regime).items()} | {
        "product codes": book.product_classes.rows()
    }


def figures_by_month(reference: PriceReference, months: list[str]) -> dict[str, dict[str, object]]:
    """What prices of declared cargoes are made with, for each month of loading."""
    undated = {
        "grades": reference.grades.rows(),
        "units": reference.units.rows(),
        "incoterms": reference.incoterms.rows(),
        "the highest freights": highest_freights(reference.freight_points),
    }
    freight = reference.freight_points.filter(pl.col("component") == "freight")
    dated = {
        "exchange rates of days": _by_month(daily_rates(reference.exchange_rates_daily), "rate_day"),
        "exchange rates of the month": _by_month(monthly_rates(reference.exchange_rates_monthly), "rate_month"),
        "freights of the route": _by_month(freight_by_day(freight, "destination_country"), "freight_day"),
        "freights": _by_month(freight_by_day(freight), "freight_day"),
    }
    return {month: undated | {name: found.get(month, []) for name, found in dated.items()} for month in months}


def estimates_by_month(prices: pl.DataFrame, points: pl.DataFrame) -> dict[str, object]:
    """The ranges that estimated prices are taken from, by month of loading."""
    return dict(_by_month(monthly_ranges(prices, points), "estimate_month"))


def _by_month(frame: pl.DataFrame, column: str) -> dict[str, list[tuple[object, ...]]]:
    named = frame.with_columns(
        month=month_of(pl.col(column)) if frame.schema[column] == pl.Date else pl.col(column)
    ).sort(frame.columns)
    return {
        str(key[0]): rows.rows() for key, rows in named.partition_by("month", as_dict=True, include_key=False).items()
    }
