"""Price and verdict of one cargo, worked out a second time, slowly and in plain Python.

Here: `Rederiver`, which walks real calendar days and compares exact fractions. It shares the data with the
fast pipeline (rule tables and reference tables), and none of its code.
Add here: a reading of the law or of a convention (J-n), written from the text and never from the fast code.
Keep out: `pipelines.transforms` and `pipelines.rules.law`, whose mistakes would then go unseen; Polars
expressions; and any cap, date or country of a rule, which are rows of the tables.
"""

import datetime as dt
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from pipelines.contracts.reference import PriceReference
from pipelines.contracts.rules import CONFIDENCE, PRODUCT_CLASSES, PROVIDER_ROLES
from pipelines.names import normalised
from pipelines.rules.rulebook import Rulebook

Row = dict[str, Any]
Rows = list[Row]

CRUDE_HEADING, PRODUCT_HEADING = "2709", "2710"
FULL_CODE_DIGITS = 8  # J-19: from here on a code that no list holds is unlisted, not short
LONGEST_VOYAGE = dt.timedelta(days=60)  # J-5
OLDEST_RATE = dt.timedelta(days=7)  # J-14: public holidays in a row
FREIGHT_REACH = dt.timedelta(days=180)  # J-17
DAY = dt.timedelta(days=1)
COSTS = ("freight_cost", "insurance_cost", "other_cost")
ESTIMATED = "cif_less_estimated_freight"  # price basis wherever a contained cost had to be estimated
RULE_TABLES = (
    "regimes",
    "price_caps",
    "transitions",
    "exemptions",
    "scope_rules",
    "product_classes",
    "nexus_services",
    "nexus_countries",
)
REFERENCE_TABLES = (
    "grades",
    "incoterms",
    "units",
    "exchange_rates_daily",
    "exchange_rates_monthly",
    "freight_points",
)


class Span(NamedTuple):
    """A figure that is known within bounds: least, best and most."""

    low: Fraction
    point: Fraction
    high: Fraction


class Endpoint(NamedTuple):
    """One end of a price range, USD/bbl; the price itself lies strictly above it if `is_above`.

    It is at or below a cap exactly if it sorts no later than `Endpoint(cap)`.
    """

    usd_per_bbl: Fraction | float
    is_above: bool = False


class Outcome(NamedTuple):
    """What one reading comes to, and the rule that made it so."""

    verdict: str
    confidence: str
    exemption_id: str | None = None
    transition_id: str | None = None


class Cover(NamedTuple):
    """How a licence series covers the days of a voyage seen so far (P-14)."""

    is_sure: bool = True  # every day lies in a row that decides
    is_possible: bool = True  # every day lies in some row
    is_verified: bool = True  # every day lies in a verified row that decides

    def and_day(self, in_force: Rows) -> "Cover":
        """The cover with one more day, on which these rows are in force."""
        deciding = [row for row in in_force if row["effect"] == "decides"]
        return Cover(
            self.is_sure and bool(deciding),
            self.is_possible and bool(in_force),
            self.is_verified and any(row["confidence"] == "verified" for row in deciding),
        )


@dataclass(frozen=True)
class Case:
    """One cargo under one regime as one product class: the rules that could reach it, days left aside."""

    class_confidence: str
    first_cap_day: dt.date
    has_start_rule: bool
    transitions: list[tuple[Row, bool]]  # with: is it open whether the rule applies
    voyage_series: list[Rows]  # P-14
    discharge_windows: Rows  # J-23


@dataclass(eq=False)
class Rederiver:
    """The rules and reference tables as rows; build it with `Rederiver.of`."""

    rulebook: dict[str, Rows]
    reference: dict[str, Rows]
    _caps_of_day: dict[tuple[str, str, dt.date], list[tuple[Row | None, str]]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, book: Rulebook, reference: PriceReference) -> "Rederiver":
        """A rederiver of these rules and reference tables, as known on whatever day they were seen."""
        return cls(
            rulebook={name: getattr(book, name).to_dicts() for name in RULE_TABLES},
            reference={name: getattr(reference, name).to_dicts() for name in REFERENCE_TABLES},
        )

    # --- price ---------------------------------------------------------------------------------------------

    def price(self, shipment: Row) -> Row:
        """Price of a declared shipment (a row of `pipelines.contracts.shipments`).

        Returns quantity_bbl; price_usd_per_bbl with price_low_usd_per_bbl and price_high_usd_per_bbl, without
        freight and insurance; price_basis; usd_per_unit_of_currency and rate_basis. None where not known.
        """
        barrels = self._barrels(shipment)
        rate, rate_basis = self._usd_rate(shipment["currency"], shipment["loading_date"])
        result: Row = {
            "quantity_bbl": float(barrels.point) if barrels else None,
            "price_usd_per_bbl": None,
            "price_low_usd_per_bbl": None,
            "price_high_usd_per_bbl": None,
            "price_basis": None,
            "usd_per_unit_of_currency": float(rate) if rate is not None else None,
            "rate_basis": rate_basis,
        }
        if shipment["value"] is None or rate is None or barrels is None:
            return result
        itemised = [_decimal(shipment[cost]) for cost in COSTS if shipment[cost] is not None]
        usd = (_decimal(shipment["value"]) - sum(itemised, Fraction(0))) * rate
        estimate = self._most_missing_costs(shipment)
        low, high = usd / barrels.high, usd / barrels.low
        result["price_high_usd_per_bbl"] = float(high)
        if estimate is None:
            result["price_basis"] = "invoice_less_itemised_costs" if itemised else "invoice_fob"
            result["price_low_usd_per_bbl"] = float(low)
            result["price_usd_per_bbl"] = float(usd / barrels.point)
            return result
        result["price_basis"] = ESTIMATED
        if estimate < math.inf:
            low = max(Fraction(0), low - Fraction(estimate))
            result["price_low_usd_per_bbl"] = float(low)
            result["price_usd_per_bbl"] = float((low + high) / 2)
        return result

    def _barrels(self, shipment: Row) -> Span | None:
        """Barrels of the shipment; None where a mass is given of something that is no oil of the caps."""
        unit = next(row for row in self.reference["units"] if row["unit"] == shipment["quantity_unit"])
        quantity = _decimal(shipment["quantity"])
        if unit["bbl_per_unit"] is not None:
            barrels = quantity * _decimal(unit["bbl_per_unit"])
            return Span(barrels, barrels, barrels)
        factor = self._bbl_per_t(shipment)
        tonnes = quantity * _decimal(unit["t_per_unit"])
        return Span(*(tonnes * each for each in factor)) if factor else None

    def _bbl_per_t(self, shipment: Row) -> Span | None:
        """J-15: by grade, a product also by its code; a grade of the other heading says nothing."""
        code: str = shipment["hs_code"]
        kind = {CRUDE_HEADING: "crude", PRODUCT_HEADING: "product"}.get(code[:4])
        if kind is None:
            return None
        listed = [row for row in self.reference["grades"] if row["kind"] == kind]
        wanted = self._grade_key(shipment["grade"])
        for row in listed:
            if wanted is not None and wanted == normalised(row["grade"]):
                return self._factor(row)
        for row in listed:
            if row["hs_prefixes"] and code.startswith(tuple(_split(row["hs_prefixes"]))):
                return self._factor(row)
        low = min(self._factor(row).low for row in listed)
        high = max(self._factor(row).high for row in listed)
        generic = [row for row in self.reference["grades"] if row["kind"] == f"generic_{kind}"]
        return Span(low, _decimal(generic[0]["bbl_per_t"]) if generic else (low + high) / 2, high)

    def _factor(self, grade: Row) -> Span:
        """Barrels per tonne of a listed grade, from its density where that is known."""
        if grade["density_t_per_m3"] is not None:
            cubic_metre = next(row for row in self.reference["units"] if row["unit"] == "m3")
            factor = _decimal(cubic_metre["bbl_per_unit"]) / _decimal(grade["density_t_per_m3"])
            return Span(factor, factor, factor)
        factor = _decimal(grade["bbl_per_t"])
        spread = factor * _decimal(grade["range_pct"] or 0) / 100
        return Span(factor - spread, factor, factor + spread)

    def _usd_rate(self, currency: str | None, loading: dt.date) -> tuple[Fraction | None, str | None]:
        """J-14: US dollars for one unit of the currency, and where the rate comes from."""
        if currency is None:
            return None, None
        if currency == "USD":
            return Fraction(1), "us_dollar"
        for age in range(OLDEST_RATE.days + 1):
            day = loading - age * DAY
            dollars = self._units_per_eur.get((day, "USD"))
            units = Fraction(1) if currency == "EUR" else self._units_per_eur.get((day, currency))
            if dollars is not None and units is not None:
                return dollars / units, "ecb_reference_rate"
        mean = self._units_per_usd.get((f"{loading:%Y-%m}", currency))
        return (1 / mean, "fed_monthly_mean") if mean is not None else (None, None)

    @cached_property
    def _units_per_eur(self) -> dict[tuple[dt.date, str], Fraction]:
        rows = self.reference["exchange_rates_daily"]
        return {(row["rate_date"], row["currency"]): _decimal(row["units_per_eur"]) for row in rows}

    @cached_property
    def _units_per_usd(self) -> dict[tuple[str, str], Fraction]:
        rows = self.reference["exchange_rates_monthly"]
        return {(row["month"], row["currency"]): _decimal(row["units_per_usd"]) for row in rows}

    def _most_missing_costs(self, shipment: Row) -> Fraction | float | None:
        """J-17: the most that contained costs can come to which are not itemised, USD/bbl; None: all are.

        Without any point to go by (before the first one was published) there is no upper end.
        """
        term = next(row for row in self.reference["incoterms"] if row["incoterm"] == shipment["incoterm"])
        missing: list[Fraction | float] = []
        if term["contains_freight"] and shipment["freight_cost"] is None:
            missing.append(self._most_freight(shipment))
        if term["contains_insurance"] and shipment["insurance_cost"] is None:
            missing.append(max(map(_upper, self._points("insurance")), default=math.inf))
        return sum(missing, Fraction(0)) if missing else None

    def _most_freight(self, shipment: Row) -> Fraction | float:
        """The highest freight to the destination about that time; failing that, anywhere or at any time."""
        points = self._points("freight")
        points = [p for p in points if p["destination_country"] == shipment["destination_country"]] or points
        loading = shipment["loading_date"]
        near = [p for p in points if p["first_date"] - FREIGHT_REACH <= loading <= p["last_date"] + FREIGHT_REACH]
        return max(map(_upper, near or points), default=math.inf)

    def _points(self, component: str) -> Rows:
        return [point for point in self.reference["freight_points"] if point["component"] == component]

    @cached_property
    def _canonical(self) -> dict[str, str]:
        """Every normalised spelling of a grade, to its normalised canonical name."""
        spellings: dict[str, str] = {}
        for row in self.reference["grades"]:
            for name in (row["grade"], *_split(row["aliases"])):
                spellings[normalised(name)] = normalised(row["grade"])
        return spellings

    def _grade_key(self, grade: str | None) -> str | None:
        key = normalised(grade or "")
        return self._canonical.get(key, key) or None

    # --- verdict -------------------------------------------------------------------------------------------

    def verdicts(self, cargo: Row) -> list[Row]:
        """The verdicts on a cargo (a row of the contract `CARGOES`), one per regime in its nexus.

        Each has regime, nexus_basis, verdict, product_class, level_date, cap_id, cap_usd_per_bbl,
        is_above_cap, transition_id, exemption_id and confidence, as in the contract of verdicts.
        """
        return [self._verdict(cargo, regime, basis) for regime, basis in self._nexus(cargo)]

    def _nexus(self, cargo: Row) -> Iterator[tuple[Row, str]]:
        """The regimes that reach the cargo, each with what brings it."""
        declared = set(_split(cargo["nexus"]))
        brought = self._brought_by_providers(cargo)
        is_told = bool(declared or brought) or all(cargo[role] for role in PROVIDER_ROLES)
        for regime in self.rulebook["regimes"]:
            if regime["regime"] in declared:
                yield regime, "declared"
            elif regime["regime"] in brought:
                yield regime, "inferred"
            elif regime["destination_nexus"] and regime["destination_nexus"] == cargo["destination_country"]:
                yield regime, "inferred"  # J-26
            elif not is_told:
                yield regime, "assumed"

    def _brought_by_providers(self, cargo: Row) -> set[str]:
        """The regimes of those service providers whose service is not known to lie outside the regime."""
        outside = {(row["regime"], row["role"]) for row in self.rulebook["nexus_services"] if row["is_covered"] == "no"}
        return {
            row["regime"]
            for row in self.rulebook["nexus_countries"]
            for role in PROVIDER_ROLES
            if cargo[role] == row["country"] and row["role"] in ("*", role) and (row["regime"], role) not in outside
            if any(_covers_day(row, day) for day in _days(cargo["loading_first"], cargo["loading_last"]))
        }

    def _verdict(self, cargo: Row, regime: Row, nexus_basis: str) -> Row:
        level_date = cargo["discharge_last"] or cargo["loading_last"]
        result: Row = {
            "regime": regime["regime"],
            "nexus_basis": nexus_basis,
            "verdict": "out_of_scope",
            "product_class": None,
            "level_date": level_date,
            "cap_id": None,
            "cap_usd_per_bbl": None,
            "is_above_cap": None,
            "transition_id": None,
            "exemption_id": None,
            "confidence": "verified",
        }
        if (excluding := self._excluding_rule(cargo)) is not None:
            return result | {"confidence": excluding["confidence"]}
        classes = self._class_options(regime, cargo["hs_code"])
        prices = self._price_range(cargo)
        caps: set[float | None] = set()
        outcomes: set[Outcome] = set()
        on_level_date: set[Outcome] = set()
        for product_class, class_confidence in classes.items():
            case = self._case(cargo, regime["regime"], product_class, class_confidence)
            for loading, discharge, covers in self._voyages(cargo, case):
                candidates = self._caps(regime["regime"], product_class, discharge)
                for cap, cap_confidence in candidates:
                    caps.add(cap["cap_usd_per_bbl"] if cap else None)
                    found = self._outcomes(case, loading, discharge, covers, cap, cap_confidence, prices)
                    outcomes |= found
                    if discharge == level_date:
                        on_level_date |= found
        result["confidence"] = _weakest(outcome.confidence for outcome in outcomes)
        if len(classes) == 1:
            (result["product_class"],) = classes
        if len({outcome.verdict for outcome in outcomes}) > 1:
            result["verdict"] = "indeterminate"
        else:
            result["verdict"] = next(iter(outcomes)).verdict
            # Licences are named before wind-downs, so a transition is named only if no licence is.
            result["exemption_id"] = self._named("exemptions", {o.exemption_id for o in on_level_date})
            if result["exemption_id"] is None:
                result["transition_id"] = self._named("transitions", {o.transition_id for o in on_level_date})
        if len(classes) == 1 and result["verdict"] != "out_of_scope":
            candidates = self._caps(regime["regime"], result["product_class"], level_date)
            rows = [cap for cap, _ in candidates if cap]
            if rows:
                lowest = min(rows, key=lambda cap: cap["cap_usd_per_bbl"])
                result["cap_id"], result["cap_usd_per_bbl"] = lowest["id"], lowest["cap_usd_per_bbl"]
        result["is_above_cap"] = _is_above(prices, caps)
        return result

    def _named(self, table: str, ids: set[str | None]) -> str | None:
        """The id that is named of several rules that did the same: the one that came last."""
        named = _latest(rule for rule in self.rulebook[table] if rule["id"] in ids)
        return named["id"] if named else None

    def _excluding_rule(self, cargo: Row) -> Row | None:
        """The first scope rule that leaves the cargo out: heading, origin (J-21) or mode."""
        facts = {**cargo, "hs_heading": cargo["hs_code"][:4]}
        for rule in self.rulebook["scope_rules"]:
            if rule["effect"] == "in_scope" and facts[rule["field"]] not in _split(rule["values"]):
                return rule
        return None

    def _class_options(self, regime: Row, code: str) -> dict[str, str]:
        """J-19, J-20: the classes that the code can have under the regime, with how sure each is."""
        own = self._code_list(regime["class_list"])
        if hit := _longest_prefix(own, code):
            return _classes([hit], regime["class_confidence"])
        is_full = len(code) >= FULL_CODE_DIGITS
        below = [entry for entry in own if entry["code"].startswith(code)]
        if regime["unlisted_class"]:
            fallback = self._code_list(regime["fallback_class_list"])
            if is_full and (hit := _longest_prefix(fallback, code)):
                return _classes([hit], "unverified")
            options = _classes(below, "unverified" if is_full else regime["class_confidence"])
            unlisted: str = regime["unlisted_class"]
            return options | {unlisted: _weakest([options.get(unlisted, "unverified"), "unverified"])}
        if below and not is_full:
            return _classes(below, regime["class_confidence"])
        for digits in (6, 4):
            near = [entry for entry in own if entry["code"].startswith(code[:digits])]
            if near:
                return _classes(near, "unverified")
        raise ValueError(f"HS {code} is in scope, but {regime['class_list']} has no code of its heading.")

    def _code_list(self, name: str | None) -> Rows:
        return [entry for entry in self.rulebook["product_classes"] if entry["class_list"] == name]

    def _case(self, cargo: Row, regime: str, product_class: str, class_confidence: str) -> Case:
        starts = [cap["valid_from"] for cap in self._caps_of(regime, product_class)]
        rules = [
            rule
            for rule in self.rulebook["transitions"]
            if rule["regime"] == regime
            and rule["effect"] != "never"
            and rule["kind"] != "basis"
            and product_class in _split(rule["product_classes"])
        ]
        licences = [
            rule | {"effect": "open"} if _is_oil_untold(rule, cargo) else rule
            for rule in self.rulebook["exemptions"]
            if rule["regime"] == regime
            and rule["effect"] != "never"
            and product_class in _split(rule["product_classes"])
            and (self._is_licensed_cargo(rule, cargo) or self._is_perhaps_licensed(rule, cargo))
        ]
        series: dict[str, Rows] = {}
        for rule in licences:
            if rule["coverage"] == "whole_voyage":
                series.setdefault(rule["series"], []).append(rule)
        return Case(
            class_confidence=class_confidence,
            first_cap_day=min(starts, default=dt.date.max),
            has_start_rule=any(rule["kind"] == "wind_down" for rule in rules),
            transitions=[
                (rule, rule["effect"] == "open" or _is_contract_missing(rule, cargo))
                for rule in rules
                if rule["destination_country"] in (None, cargo["destination_country"])
                and not _is_contract_too_late(rule, cargo)
            ],
            voyage_series=list(series.values()),
            discharge_windows=[rule for rule in licences if rule["coverage"] == "discharge_in_window"],
        )

    def _is_licensed_cargo(self, licence: Row, cargo: Row) -> bool:
        """Whether the cargo is of the kind that the licence is about; what is not declared does not match."""
        destination = cargo["destination_country"]
        if licence["destination_country"] not in (None, destination):
            return False
        if licence["destination_excluded"] is not None and licence["destination_excluded"] == destination:
            return False
        prefixes = tuple(_split(licence["hs_prefixes"]))
        if prefixes and not cargo["hs_code"].startswith(prefixes):
            return False
        if licence["origin_project"] is not None and cargo["project_key"]:
            return bool(cargo["project_key"] == normalised(licence["origin_project"]))  # J-22
        if licence["grade"] is not None:
            return bool(cargo["grade_key"] == self._grade_key(licence["grade"]))
        return licence["origin_project"] is None

    def _is_perhaps_licensed(self, licence: Row, cargo: Row) -> bool:
        """Whether the cargo would be of that kind if its oil were the one named, which its evidence does not tell."""
        nameless = licence | {"origin_project": None, "grade": None}
        return _is_oil_untold(licence, cargo) and self._is_licensed_cargo(nameless, cargo)

    def _voyages(self, cargo: Row, case: Case) -> Iterator[tuple[dt.date, dt.date, list[Cover]]]:
        """Every possible pair of loading and discharge days (J-5), with the licences on the way."""
        last = cargo["discharge_last"]
        first = cargo["discharge_first"] if last else None
        for loading in _days(cargo["loading_first"], cargo["loading_last"]):
            covers = [Cover() for _ in case.voyage_series]
            for day in _days(loading, last or cargo["loading_last"] + LONGEST_VOYAGE):
                if day >= case.first_cap_day:  # J-9
                    covers = [
                        cover.and_day(_in_force(rows, loading, day))
                        for cover, rows in zip(covers, case.voyage_series, strict=True)
                    ]
                if first is None or day >= first:
                    yield loading, day, covers

    def _outcomes(
        self,
        case: Case,
        loading: dt.date,
        discharge: dt.date,
        covers: list[Cover],
        cap: Row | None,
        cap_confidence: str,
        prices: tuple[Endpoint, Endpoint] | None,
    ) -> set[Outcome]:
        """What the cargo comes to if it was loaded and discharged on these days under this cap.

        One outcome, or several where an open rule or the price range leaves several.
        """
        if cap is None:
            return {Outcome("out_of_scope", cap_confidence)}
        licences, open_licences = self._licences(case, loading, discharge, covers)
        if licences:
            return {max(licences, key=lambda pair: pair[0]["valid_from"])[1]}
        reaching = [(rule, is_open) for rule, is_open in case.transitions if _in_force([rule], loading, discharge)]
        wind_downs = [(rule, is_open) for rule, is_open in reaching if rule["kind"] == "wind_down"]
        if named := _latest(rule for rule, is_open in wind_downs if not is_open):
            return {Outcome("exempt", named["confidence"], transition_id=named["id"])}
        open_exemptions = [*open_licences]
        open_exemptions += [Outcome("exempt", rule["confidence"], transition_id=rule["id"]) for rule, _ in wind_downs]
        parts = [case.class_confidence, cap_confidence]
        if loading < case.first_cap_day and not case.has_start_rule:
            parts.append("unverified")  # J-10
        confidence = _weakest(parts)
        if prices is None:
            return {Outcome("unpriced", confidence)}
        outcomes: set[Outcome] = set()
        for price in prices:
            if price <= _cap(cap):
                outcomes.add(Outcome("within_cap", confidence))  # also with an open exemption: J-2
                continue
            outcomes.update(open_exemptions)
            usable = [
                (rule, is_open)
                for rule, is_open in reaching
                if rule["kind"] == "prior_cap" and price <= _cap(self._cap_row(rule["prior_cap_id"]))
            ]
            named = _latest(rule for rule, is_open in usable if not is_open)
            if named is None:
                outcomes.add(Outcome("above_cap", confidence))
            for rule in [named] if named else [rule for rule, _ in usable]:
                kept = self._cap_row(rule["prior_cap_id"])["confidence"]
                weakest = _weakest([confidence, rule["confidence"], kept])
                outcomes.add(Outcome("within_prior_cap", weakest, transition_id=rule["id"]))
        return outcomes

    def _licences(
        self, case: Case, loading: dt.date, discharge: dt.date, covers: list[Cover]
    ) -> tuple[list[tuple[Row, Outcome]], list[Outcome]]:
        """Licences that surely cover the voyage, each with its row in force at discharge, and open ones."""
        sure: list[tuple[Row, Outcome]] = []
        perhaps: list[Outcome] = []
        for cover, rows in zip(covers, case.voyage_series, strict=True):
            in_force = _in_force(rows, loading, discharge)
            if cover.is_sure and (named := _latest(r for r in in_force if r["effect"] == "decides")):
                confidence = "verified" if cover.is_verified else "unverified"
                sure.append((named, Outcome("exempt", confidence, exemption_id=named["id"])))
            elif cover.is_possible and (named := _latest(in_force)):
                perhaps.append(Outcome("exempt", "unverified", exemption_id=named["id"]))
        for rule in _in_force(case.discharge_windows, loading, discharge):
            outcome = Outcome("exempt", rule["confidence"], exemption_id=rule["id"])
            if rule["effect"] == "decides":
                sure.append((rule, outcome))
            else:
                perhaps.append(outcome)
        return sure, perhaps

    def _caps(self, regime: str, product_class: str, day: dt.date) -> list[tuple[Row | None, str]]:
        """The caps that may bind on a day (None: no cap), each with how sure that is."""
        key = (regime, product_class, day)
        if key not in self._caps_of_day:
            self._caps_of_day[key] = self._read_caps(*key)
        return self._caps_of_day[key]

    def _read_caps(self, regime: str, product_class: str, day: dt.date) -> list[tuple[Row | None, str]]:
        levels = self._caps_of(regime, product_class)
        standing = [row for row in levels if _covers_day(row, day)]
        if not standing:
            return [(None, "verified")]
        (cap,) = standing
        confidence = _level_confidence(cap, day)
        if cap["start_doubt"] is None or day >= cap["certain_from"]:
            return [(cap, confidence)]
        if cap["start_doubt"] == "conflict":  # J-11: the earliest day binds
            return [(cap, _weakest([confidence, "conflict"]))]
        previous = _latest(row for row in levels if row["valid_from"] < cap["valid_from"])
        previous_confidence = _level_confidence(previous, day) if previous else "verified"
        return [
            (cap, _weakest([confidence, "unverified"])),
            (previous, _weakest([previous_confidence, "unverified"])),
        ]

    def _caps_of(self, regime: str, product_class: str) -> Rows:
        return [
            cap
            for cap in self.rulebook["price_caps"]
            if cap["regime"] == regime and cap["product_class"] == product_class
        ]

    def _cap_row(self, cap_id: str) -> Row:
        return next(cap for cap in self.rulebook["price_caps"] if cap["id"] == cap_id)

    def _price_range(self, cargo: Row) -> tuple[Endpoint, Endpoint] | None:
        """Both ends of the price; exact from invoice and quantity where the cargo has them (J-13).

        None: unpriced. A price with a floor only has no upper end.
        """
        parts = ("value", "quantity", "usd_per_unit_of_currency", "bbl_per_unit_low", "bbl_per_unit_high")
        low: Fraction | float
        high: Fraction | float
        if all(cargo[part] is not None for part in parts):
            usd = _decimal(cargo["value"]) - _rounded(cargo["itemised_costs"] or 0.0)
            usd *= _rounded(cargo["usd_per_unit_of_currency"])
            quantity = _decimal(cargo["quantity"])
            low = usd / (quantity * _rounded(cargo["bbl_per_unit_high"]))
            estimate = cargo["estimated_costs_high_usd_per_bbl"]
            if estimate is not None:
                low = max(Fraction(0), low - _rounded(estimate))
            elif cargo["price_basis"] == ESTIMATED or "costs_estimated" in (cargo.get("price_notes") or ()):
                # Nothing is known to estimate by.
                low = Fraction(0)
            high = usd / (quantity * _rounded(cargo["bbl_per_unit_low"]))
        else:
            least, most = cargo["price_low_usd_per_bbl"], cargo["price_high_usd_per_bbl"]
            if least is None and most is None:
                return None
            low = Fraction(0) if least is None else _rounded(least)
            high = math.inf if most is None else _rounded(most)
        return Endpoint(low, bool(cargo["is_price_above_low"])), Endpoint(high)


@lru_cache(maxsize=1 << 14)
def _decimal(number: float) -> Fraction:
    """The decimal number that a person wrote and a float holds."""
    return Fraction(repr(number))


def _rounded(number: float) -> Fraction:
    """As `_decimal` for a float that came out of arithmetic: its first 15 digits, all of them meant."""
    return Fraction(f"{number:.15g}")


def _upper(point: Row) -> Fraction:
    """The upper end of a freight point, USD/bbl; the lower where its source gives a floor only."""
    high = point["high_usd_per_bbl"]
    return _decimal(point["low_usd_per_bbl"] if high is None else high)


def _cap(row: Row) -> Endpoint:
    return Endpoint(_decimal(row["cap_usd_per_bbl"]))


def _is_above(prices: tuple[Endpoint, Endpoint] | None, caps: set[float | None]) -> bool | None:
    """Whether the price lies above every cap (True), above none (False), or neither can be said."""
    if prices is None or None in caps:
        return None
    low, high = prices
    levels = [Endpoint(_decimal(cap)) for cap in caps if cap is not None]
    if all(high <= level for level in levels):
        return False
    return True if all(low > level for level in levels) else None


def _classes(entries: Rows, list_confidence: str) -> dict[str, str]:
    """The classes of code-list entries, each with its weakest confidence; crude is crude in every list."""
    options: dict[str, str] = {}
    for entry in entries:
        listed = entry["product_class"]
        confidence: str = entry["confidence"]
        if listed != "crude":
            confidence = _weakest([confidence, list_confidence])
        possible = [c for c in PRODUCT_CLASSES if c != "crude"] if listed == "undetermined" else [listed]
        for product_class in possible:
            options[product_class] = _weakest([options.get(product_class, confidence), confidence])
    return options


def _longest_prefix(entries: Rows, code: str) -> Row | None:
    hits = [entry for entry in entries if code.startswith(entry["code"])]
    return max(hits, key=lambda entry: len(entry["code"]), default=None)


def _is_oil_untold(licence: Row, cargo: Row) -> bool:
    """A licence that names its oil, and a customs line, which has no place for grade or project."""
    if licence["origin_project"] is None and licence["grade"] is None:
        return False
    return cargo.get("evidence_kind") == "customs_flow" and not cargo["project_key"] and not cargo["grade_key"]


def _is_contract_missing(rule: Row, cargo: Row) -> bool:
    return rule["contract_before"] is not None and cargo["contract_date"] is None


def _is_contract_too_late(rule: Row, cargo: Row) -> bool:
    if rule["contract_before"] is None or cargo["contract_date"] is None:
        return False
    return bool(cargo["contract_date"] >= rule["contract_before"])


def _in_force(rules: Rows, loading: dt.date, day: dt.date) -> Rows:
    """The rules that are in force on the day for a cargo loaded on `loading`."""
    return [
        rule
        for rule in rules
        if _covers_day(rule, day) and (rule["loaded_before"] is None or loading < rule["loaded_before"])
    ]


def _covers_day(rule: Row, day: dt.date) -> bool:
    has_begun = rule["valid_from"] is None or rule["valid_from"] <= day
    return bool(has_begun and (rule["valid_to"] is None or day < rule["valid_to"]))


def _latest(rules: Iterable[Row]) -> Row | None:
    return max(rules, key=lambda rule: rule["valid_from"], default=None)


def _level_confidence(cap: Row, day: dt.date) -> str:
    """J-3: from `verified_to` on a later level may exist."""
    is_doubtful = cap["verified_to"] is not None and day >= cap["verified_to"]
    return _weakest([cap["confidence"], "unverified"]) if is_doubtful else str(cap["confidence"])


def _weakest(confidences: Iterable[str]) -> str:
    return max(confidences, key=CONFIDENCE.index)


def _split(values: str | None) -> list[str]:
    return [value.strip() for value in values.split(";") if value.strip()] if values else []


def _days(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    day = first
    while day <= last:
        yield day
        day += DAY
