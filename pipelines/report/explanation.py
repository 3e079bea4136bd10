"""How a verdict came about, step by step, in words and with the source of every rule.

Here: the cargo, its price, and for each regime nexus, class, scope, level, transitions, exemptions and readings.
Add here: a step of the judge that a reader must be able to follow.
Keep out: deciding anything: what applies is asked of `pipelines.transforms`, this module only says it.
"""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from pipelines.contracts.cargoes import UNTELLING_EVIDENCE
from pipelines.contracts.rules import PROVIDER_ROLES
from pipelines.names import normalised
from pipelines.report.conventions import cited_conventions
from pipelines.report.price_steps import price_range, price_steps
from pipelines.report.wording import (
    A_DAY,
    WIDTH,
    amount,
    cap_level,
    cite,
    classes,
    labelled,
    last_day,
    listing,
    paragraph,
    per_barrel,
    span,
)
from pipelines.rules.law import CONFIDENCE_OF_RANK, Law
from pipelines.rules.rulebook import Rulebook
from pipelines.sources.reference import Reference
from pipelines.transforms.classes import FULL_CODE_DIGITS, UNDETERMINED
from pipelines.transforms.customs import FLOW_IDS, tells_mode
from pipelines.transforms.judge import LONGEST_VOYAGE, is_above, is_at_or_below, judge, situations_of
from pipelines.transforms.readings import SITUATION, levels_of, readings_of, reliefs_of

Row = dict[str, Any]
Step = tuple[str, list[str]]

KINDS = {
    "declared_shipment": "declared shipment",
    "customs_flow": "customs flow",
    "enforcement_case": "published enforcement case",
}


def explain(cargo: pl.DataFrame, book: Rulebook, reference: Reference, regimes: Sequence[str] | None = None) -> str:
    """The whole way from the evidence to the verdicts on one cargo, as plain text.

    cargo: one row of `CARGOES`. book, reference: as known on the day that the reader asks for.
    regimes: explain these only; none given explains every regime in the nexus.
    Raises ValueError if cargo does not have exactly one row.
    """
    if cargo.height != 1:
        raise ValueError(f"explain takes one cargo, not {cargo.height}.")
    row = cargo.row(0, named=True)
    known = "all rules on record" if book.known_on is None else f"the rules as known on {book.known_on}"
    facts = [*_facts(row, reference), ("judged by", known)]
    chapters = [("Price of the oil itself", [("", price_steps(row, reference))])]
    chapters += [(case.title, case.steps()) for case in _cases(cargo, book, regimes or None)]
    heading = f"Shipment {row['shipment_id']}"
    lines = [heading, "=" * len(heading), *labelled(facts)]
    for title, steps in chapters:
        lines += ["", paragraph(title), "-" * min(len(title), WIDTH), *_laid_out(steps)]
    if len(chapters) == 1:
        asked = f" that was asked for ({listing(list(regimes))})" if regimes else ""
        lines += ["", paragraph(f"No regime{asked} touches this cargo, so there is no verdict.")]
    said = " ".join([*(text for _, text in facts), *(t for _, steps in chapters for _, ts in steps for t in ts)])
    return "\n".join([*lines, *_notes(said, book, reference)]) + "\n"


def _facts(cargo: Row, reference: Reference) -> list[tuple[str, str]]:
    """Label and text of what is known of the cargo."""
    sources = dict(reference.figure_sources.select("source_id", "publisher").iter_rows())
    source = cargo["evidence_source"]
    named = f"{sources[source]} {cite(source)}" if source in sources else source
    vessel = [cargo["vessel_name"], cargo["vessel_imo"] and f"IMO {cargo['vessel_imo']}"]
    oil = [
        f"code {cargo['hs_code']}",
        cargo["grade"],
        cargo["origin_project"] and f"project {cargo['origin_project']}",
        f"origin {cargo['origin_country']}",
    ]
    loading = f"from {cargo['loading_port']} " if cargo["loading_port"] else ""
    port = f" ({cargo['discharge_port']})" if cargo["discharge_port"] else ""
    destination = f"to {cargo['destination_country']}{port}" if cargo["destination_country"] else "not published"
    facts = [
        ("evidence", f"{KINDS[cargo['evidence_kind']]}, {named}"),
        ("vessel", _joined(vessel) or "not known"),
        ("contract", _day(cargo["contract_date"])),
        ("loaded", _days(cargo["loading_first"], cargo["loading_last"])),
        ("discharged", _days(cargo["discharge_first"], cargo["discharge_last"])),
        ("route", f"{loading}{destination}, by {cargo['transport_mode']}"),
        ("oil", _joined(oil)),
    ]
    providers = [f"{role.replace('_', ' ')} {cargo[role]}" for role in PROVIDER_ROLES if cargo[role]]
    if providers:
        facts.append(("providers", ", ".join(providers)))
    note = _evidence_note(cargo, reference)
    return [*facts, ("note", note)] if note else facts


def _evidence_note(cargo: Row, reference: Reference) -> str | None:
    for frame, key in (
        (reference.japan_crude_from_russia, "figure_id"),
        (reference.enforcement_cases, "case_id"),
    ):
        notes = frame.filter(pl.col(key) == cargo["shipment_id"])["note"]
        if notes.len():
            return notes.item()
    if cargo["evidence_source"] not in FLOW_IDS:
        return None
    note = "A customs line of a month: the month of clearance is taken for loading and discharge (J-28)."
    if tells_mode(cargo["shipment_id"]):
        return note
    way = f"from Russia to {cargo['destination_country']} it comes by {cargo['transport_mode']} only"
    return f"{note} The line does not tell how the oil came; {way}."


def _cases(cargo: pl.DataFrame, book: Rulebook, regimes: Sequence[str] | None) -> list["_Case"]:
    """The cargo under each regime of its nexus, with everything that the judge found."""
    law = Law(book)
    seen = situations_of(cargo, law, regimes)
    if seen.is_empty():
        return []
    situations = seen.lazy().select(SITUATION).filter(pl.col("scope_id").is_null())
    levels = levels_of(situations, law).collect()
    reliefs = reliefs_of(levels.lazy(), law).collect()
    readings = readings_of(situations, law).collect()
    verdicts = {row["regime"]: row for row in judge(cargo.lazy(), book, regimes).collect().iter_rows(named=True)}

    def of(frame: pl.DataFrame, regime: str) -> list[Row]:
        return frame.filter(pl.col("regime") == regime).to_dicts()

    return [
        _Case(
            regime=regime,
            cargo=cargo,
            law=law,
            situation=of(seen, regime["regime"])[0],
            readings=of(readings, regime["regime"]),
            reliefs=of(reliefs, regime["regime"]),
            verdict=verdicts[regime["regime"]],
        )
        for regime in book.regimes.iter_rows(named=True)
        if regime["regime"] in verdicts
    ]


@dataclass(frozen=True)
class _Way:
    """One way to read the law for a cargo: which cap binds, or what stands in its place."""

    product_class: str
    cap_id: str | None
    cap_usd_per_bbl: float | None
    exempt_id: str | None
    prior_id: str | None = None
    prior_cap_id: str | None = None
    prior_usd_per_bbl: float | None = None
    condition: str = ""


@dataclass(frozen=True)
class _Case:
    """One cargo under one regime. Rows are those of `situations_of`, `readings_of`, `reliefs_of` and `judge`."""

    regime: Row
    cargo: pl.DataFrame
    law: Law
    situation: Row
    readings: list[Row]
    reliefs: list[Row]
    verdict: Row

    @property
    def title(self) -> str:
        return f"{self.regime['regime']}  {self.regime['authority']}"

    @property
    def book(self) -> Rulebook:
        return self.law.book

    @property
    def capped(self) -> list[Row]:
        """The readings under which a cap is in force."""
        return [row for row in self.readings if row["cap_id"] is not None]

    @property
    def options(self) -> list[str]:
        """The product classes that the code leaves open."""
        return (self.situation["class_key"] or "").split("|")

    @property
    def level_days(self) -> tuple[dt.date, dt.date]:
        """First and last day that may be the level date (J-5 where the discharge is not known)."""
        row = self.situation
        latest = row["discharge_last"] or row["loading_last"] + LONGEST_VOYAGE
        return row["discharge_first"] or row["loading_first"], latest

    def steps(self) -> list[Step]:
        steps = [("Nexus", self.nexus()), ("Product class", self.product_class()), ("Scope", self.scope())]
        if self.situation["scope_id"] is None:
            steps.append(("Level date and cap", self.level()))
            if self.capped:
                steps += [("Transitions", self.transitions()), ("Exemptions", self.exemptions())]
            ways = self.ways()
            if len(ways) > 1:
                steps.append(("Readings: a verdict stands where all of them give it (J-1)", ways))
        return [*steps, ("Verdict", self.decision())]

    def nexus(self) -> list[str]:
        basis, destination = self.situation["nexus_basis"], self.situation["destination_country"]
        if basis == "declared":
            return ["Declared: service providers of this regime touch the cargo."]
        if basis == "assumed":
            return ["Assumed: nothing known ties the cargo to one regime, so it is judged under every regime."]
        lines = [self._provider_text(service, country) for service, country in self._providers()]
        if destination is not None and destination == self.regime["destination_nexus"]:
            always = (
                f"Inferred: the destination {destination} always brings this regime, whatever else is declared (J-26)."
            )
            lines.insert(0, always)
        return lines

    def _providers(self) -> list[tuple[Row, Row]]:
        """The rows on service and country of each provider that brings the regime."""
        cargo, code = self.situation, self.regime["regime"]
        services = self.book.nexus_services.filter(pl.col("regime") == code, pl.col("is_covered") != "no").to_dicts()
        countries = self.book.nexus_countries.filter(pl.col("regime") == code).to_dicts()
        return [
            (service, country)
            for service in services
            for country in countries
            if country["country"] == cargo[service["role"]]
            and country["role"] in ("*", service["role"])
            and (country["valid_from"] is None or country["valid_from"] <= cargo["loading_last"])
            and not _ends_by(country, cargo["loading_first"])
        ]

    def _provider_text(self, service: Row, country: Row) -> str:
        unknown = ", and whether this service is covered is not known" if service["is_covered"] == "unknown" else ""
        return (
            f"Inferred: {service['role'].replace('_', ' ')} {country['country']} brings this regime{unknown}. "
            f"{service['id']} {cite(service['source'])}, {service['confidence']}; {country['id']} "
            f"{cite(country['source'])}, {country['confidence']}."
        )

    # --- class

    def product_class(self) -> list[str]:
        code, regime = self.situation["hs_code"], self.regime
        own, fallback = regime["class_list"], regime["fallback_class_list"]
        if self.situation["class_key"] is None:
            return [f"No list of product codes knows the heading of code {code}."]
        borrowed = "" if regime["class_confidence"] == "verified" else ", which stands for a list of its own (J-19)"
        if entry := self._entry(own):
            return [
                f"Code {code} falls under entry {_entry_text(entry)} of {own}{borrowed}: {self._class_text()}. "
                f"{_note(entry['note'])}"
            ]
        if regime["unlisted_class"] is None or len(code) < FULL_CODE_DIGITS:
            unlisted = " and the class of unlisted codes" if regime["unlisted_class"] else ""
            nearest = f"the entries nearest to it{unlisted} leave {self._class_text()}"
            return [f"Code {code} is not itself in {own}{borrowed}; {nearest} (J-19)."]
        if entry := self._entry(fallback):
            return [
                f"Code {code} is not in {own}; it takes the class of entry {_entry_text(entry)} of {fallback}: "
                f"{self._class_text()} (J-19)."
            ]
        return [f"Code {code} is neither in {own} nor in {fallback}, which leaves {self._class_text()} (J-19)."]

    def _class_text(self) -> str:
        confidence = CONFIDENCE_OF_RANK[self.situation["class_rank"]]
        return f"{listing([classes(option) for option in self.options], 'or')}, {confidence}"

    def _entry(self, class_list: str | None) -> Row | None:
        """The longest entry of a list that the code falls under."""
        entries = self.book.product_classes.filter(
            pl.col("class_list") == class_list,
            pl.lit(self.situation["hs_code"]).str.starts_with(pl.col("code")),
        ).sort(pl.col("code").str.len_chars())
        return entries.row(-1, named=True) if entries.height else None

    # --- scope

    def scope(self) -> list[str]:
        cargo = self.situation
        values = {**cargo, "hs_heading": cargo["hs_code"][:4]}
        lines = []
        for rule in self.book.scope_rules.iter_rows(named=True):
            if rule["effect"] == "in_scope":
                value = values[rule["field"]]
                field = rule["field"].replace("_", " ").replace("hs ", "HS ")
                answer = "in scope" if value in rule["values"].split(";") else "OUT OF SCOPE"
                text = _capital(f"{field} {value}: {answer} ({rule['id']}: {rule['meaning']})")
                lines.append(f"{text}. {_authority(rule, with_note=False)}")
            elif rule["id"] == cargo["scope_id"]:
                text = f"{rule['id']}, a known case outside the caps: {rule['meaning']}"
                lines.append(f"{text}. {_authority(rule)}")
        return lines

    # --- level

    def level(self) -> list[str]:
        first, last = self.level_days
        level_date = self.situation["level_date"]
        binds = "the strictest level in force between loading and discharge binds (P-9)"
        if self.situation["discharge_last"] is None:
            line = (
                f"The day of discharge is not known. The level date shown is the last possible loading day, "
                f"{level_date}, but every level date from {first} to {last} is judged (J-5), as {binds}."
            )
        elif first == last:
            line = f"Level date {level_date}, the day of discharge: {binds}."
        else:
            line = (
                f"Level date {level_date}, the last possible day of discharge; every level date from {first} on is "
                f"judged, as {binds}."
            )
        lines = [line, *(self._cap_text(cap) for cap in self._caps() if cap["id"] in self._cap_ids())]
        for product_class in self.options:
            uncapped = [row for row in self.readings if row["cap_id"] is None and row["product_class"] == product_class]
            if uncapped:
                starts = [cap["valid_from"] for cap in self._caps() if cap["product_class"] == product_class]
                begin = f"; the first one begins on {min(starts)}" if starts else ""
                perhaps = "perhaps " if any(row["is_level_open"] for row in uncapped) else ""
                days = self._level_span(uncapped)
                lines.append(f"Level date {days}: {perhaps}no cap for {classes(product_class)} in force{begin}.")
        if any(row["is_under_way"] for row in self.readings):
            lines.append(
                "The cargo was loaded before the first day of the regime, and no wind-down rule is known for this "
                "regime and class: it is judged under the cap, unverified (J-10)."
            )
        return lines

    def _caps(self) -> list[Row]:
        """The levels of the regime for the classes that the code leaves open, the earliest first."""
        caps = self.book.price_caps.filter(
            pl.col("regime") == self.regime["regime"], pl.col("product_class").is_in(self.options)
        )
        return caps.sort("valid_from").to_dicts()

    def _cap_ids(self) -> set[str]:
        return {row["cap_id"] for row in self.capped}

    def _cap_text(self, cap: Row) -> str:
        readings = [row for row in self.capped if row["cap_id"] == cap["id"]]
        confidence = CONFIDENCE_OF_RANK[max(row["cap_rank"] for row in readings)]
        then = "" if confidence == cap["confidence"] else f"; {confidence} on this level date"
        days = f"Level date {self._level_span(readings)}: cap" if len(self._cap_ids()) > 1 else "Cap"
        return (
            f"{days} {cap['id']}, {cap_level(cap['cap_usd_per_bbl'])} for {classes(cap['product_class'])}, in force "
            f"{_window(cap)}. {_authority(cap, then)}"
        )

    def _level_span(self, readings: Iterable[Row]) -> str:
        """The possible level dates of some readings, as stretches of days."""
        first, last = self.level_days
        return listing([span(*days) for days in self._stretches((r["level_era"] for r in readings), first, last)])

    def _stretches(self, eras: Iterable[int], first: dt.date, last: dt.date) -> list[tuple[dt.date, dt.date]]:
        """Eras as stretches of days within first and last, neighbours joined."""
        stretches: list[tuple[dt.date, dt.date]] = []
        for era in sorted(set(eras)):
            begin = max(self.law.first_day(era) or first, first)
            after = self.law.first_day(era + 1) if era < self.law.last_era else None
            end = min(after - A_DAY, last) if after else last
            if stretches and stretches[-1][1] + A_DAY == begin:
                begin = stretches.pop()[0]
            stretches.append((begin, end))
        return stretches

    # --- transitions

    def transitions(self) -> list[str]:
        rows = [
            row
            for row in self.book.transitions.to_dicts()
            if row["regime"] == self.regime["regime"]
            and set(row["product_classes"].split(";")) & set(self.options)
            and row["cap_id"] in self._cap_ids()
        ]
        lines = self._dated_text([row for row in rows if row["effect"] != "never"])
        lines += [self._recorded_text(row) for row in rows if row["effect"] == "never"]
        return lines or ["None is known for this level."]

    def _recorded_text(self, rule: Row) -> str:
        return f"{_rule_name(rule)}: for the record, decides no verdict. {_authority(rule)}"

    def _status(self, found: list[Row]) -> str:
        """What the judge made of a rule: found are the readings that it reaches."""
        if not found:
            return "DOES NOT APPLY"
        some = "" if {row["reading"] for row in found} == {row["reading"] for row in self.capped} else " ON SOME DAYS"
        if all(row["effect"] == "decides" for row in found):
            return f"APPLIES{some}"
        if all(row["is_contract_missing"] for row in found):
            return f"OPEN{some}, the contract date is missing"
        return f"OPEN{some}"

    def _date_conditions(self, rule: Row) -> list[str]:
        """The conditions on days, each with what the cargo shows."""
        cargo = self.situation
        contract = cargo["contract_date"]
        conditions = []
        if rule.get("contract_before"):
            limit = rule["contract_before"]
            answer = "not known" if contract is None else f"{contract}, {_met(contract < limit)}"
            conditions.append(f"contract before {limit}: {answer}")
        if rule["loaded_before"]:
            days = (cargo["loading_first"], cargo["loading_last"])
            inside = _met_between(*days, None, rule["loaded_before"])
            conditions.append(f"loaded before {rule['loaded_before']}: {_days(*days)}, {inside}")
        inside = _met_between(*self.level_days, rule["valid_from"], rule["valid_to"])
        days_text = _days(*self.level_days)
        return [*conditions, f"level date {_window(rule)}: {days_text}, {inside}"]

    def _reach_conditions(self, rule: Row) -> list[str]:
        """The conditions on what is carried and where to, each with what the cargo shows."""
        return [f"{wanted}: {shown}, {_met(is_met)}" for wanted, shown, is_met in self._reach(rule)]

    def _reach(self, rule: Row) -> list[tuple[str, str, bool | None]]:
        """What a rule asks for, what the cargo shows, and whether that meets it; None: the evidence cannot tell."""
        cargo = self.situation
        destination = cargo["destination_country"]
        shown = destination or "not published"
        tests: list[tuple[str, str, bool | None]] = []
        if codes := rule.get("hs_prefixes"):
            is_met = any(cargo["hs_code"].startswith(code) for code in codes.split(";"))
            tests.append((f"code {listing(codes.split(';'), 'or')}", cargo["hs_code"], is_met))
        if wanted := rule.get("destination_country"):
            tests.append((f"destination {wanted}", shown, destination == wanted))
        if excluded := rule.get("destination_excluded"):
            tests.append((f"destination not {excluded}", shown, destination not in (None, excluded)))
        project, grade = rule.get("origin_project"), rule.get("grade")
        has_grade: bool | None = grade is not None and cargo["grade_key"] == normalised(grade)
        if cargo["evidence_kind"] == UNTELLING_EVIDENCE and not cargo["grade_key"] and not cargo["project_key"]:
            has_grade = None
        if project and cargo["project_key"] is None:
            named = f"no project, grade {cargo['grade'] or 'not declared'}"
            tests.append((f"project {project} or, without a project, {grade} (J-22)", named, has_grade))
        elif project:
            is_met = cargo["project_key"] == normalised(project)
            tests.append((f"project {project} (J-22)", cargo["origin_project"], is_met))
        elif grade:
            tests.append((f"grade {grade}", cargo["grade"] or "not declared", has_grade))
        return tests

    # --- exemptions

    def exemptions(self) -> list[str]:
        rows = [
            row
            for row in self.book.exemptions.to_dicts()
            if row["regime"] == self.regime["regime"] and set(row["product_classes"].split(";")) & set(self.options)
        ]
        lines = []
        for series in dict.fromkeys(row["series"] for row in rows):
            members = [row for row in rows if row["series"] == series]
            deciding = [row for row in members if row["effect"] != "never"]
            by_voyage = [row for row in deciding if row["coverage"] == "whole_voyage"]
            lines += self._series_text(by_voyage) if by_voyage else []
            lines += self._dated_text([row for row in deciding if row not in by_voyage])
            lines += [self._recorded_text(row) for row in members if row["effect"] == "never"]
        return lines or ["None is known for this regime and class."]

    def _series_text(self, licences: list[Row]) -> list[str]:
        """A licence with its renewals: a line on the series, and one on each licence of the days of the voyage."""
        name = _series_name(licences)
        reach = self._reach(licences[0])
        if failed := [f"{wanted}: {shown}, not met" for wanted, shown, is_met in reach if is_met is False]:
            return [f"{name}: DOES NOT REACH the cargo. {_sentence(failed)}"]
        first, last = self._licensed_days()
        here = [row for row in licences if row["valid_from"] <= last and not _ends_by(row, first)]
        if not here:
            days = f"{licences[0]['valid_from']} to {last_day(licences[-1]['valid_to'])}"
            return [f"{name}: DOES NOT COVER the voyage of {span(first, last)}; its windows are {days} (P-14)."]
        found = [row for row in self.reliefs if row["series"] == licences[0]["series"]]
        status = self._status(found).replace("APPLIES", "COVERS").replace("DOES NOT APPLY", "DOES NOT COVER")
        since = " from the first day of the cap on (J-9)" if first > self.situation["loading_first"] else ""
        tests = [
            *(f"{wanted}: {shown}, {_met(is_met)}" for wanted, shown, is_met in reach),
            f"every day of {span(first, last)}{since} in one of the windows (P-14): {_covered(here, first, last)}",
        ]
        windows = [
            f"  {_rule_name(row)}, in force {_window(row)}{_end(row)}"
            f"{', whether it covers is open' if row['effect'] == 'open' else ''}. {_authority(row)}"
            for row in here
        ]
        if len(licences) == 1:
            windows = [windows[0].replace(f"{name}, in force", "In force")]
        return [f"{name}: {status}. {_sentence(tests)}", *windows]

    def _licensed_days(self) -> tuple[dt.date, dt.date]:
        """The days of the longest possible voyage that need a licence."""
        first_cap_day = min(cap["valid_from"] for cap in self._caps())
        return max(self.situation["loading_first"], first_cap_day), self.level_days[1]

    def _dated_text(self, rules: list[Row]) -> list[str]:
        """Rules that look at single days: one line on each whose window is met, one for all the others."""
        first, last = self.level_days
        here = [row for row in rules if row["valid_from"] <= last and not _ends_by(row, first)]
        missed = [row for row in rules if row not in here]
        lines = []
        for row in here:
            found = [relief for relief in self.reliefs if relief["rule_id"] == row["id"]]
            conditions = [*self._date_conditions(row), *self._reach_conditions(row)]
            lines.append(f"{_rule_name(row)}: {self._status(found)}. {_sentence(conditions)} {_authority(row)}")
        if missed:
            names = listing([_rule_name(row) for row in missed])
            windows = listing([_window(row) for row in missed], "or")
            verb = "DO NOT" if len(missed) > 1 else "DOES NOT"
            lines.append(f"{names}: {verb} APPLY. Level date {windows}: {_days(first, last)}, not met.")
        return lines

    # --- readings and verdict

    def ways(self) -> list[str]:
        """The ways to read the law for this cargo, each with the verdict that it would give."""
        groups: dict[_Way, list[Row]] = {}
        for reading in self.readings:
            for way in _ways(reading):
                groups.setdefault(way, []).append(reading)
        return [self._way_text(way, readings) for way, readings in groups.items()]

    def _way_text(self, way: _Way, readings: list[Row]) -> str:
        product_class = f"class {classes(way.product_class)}, " if len(self.options) > 1 else ""
        cargo = self.situation
        loading = (cargo["loading_first"], cargo["loading_last"])
        loaded = self._stretches((row["loading_era"] for row in readings), *loading)
        days = f"loaded {listing([span(*s) for s in loaded])}, " if loaded != [loading] else ""
        where = _capital(f"{product_class}{days}level date {self._level_span(readings)}{way.condition}")
        return f"{where}: {self._way_result(way)}."

    def _way_result(self, way: _Way) -> str:
        if way.cap_id is None or way.cap_usd_per_bbl is None:
            return "no cap in force, out_of_scope"
        if way.exempt_id:
            return f"exempt under {way.exempt_id}"
        cap = f"cap {way.cap_id} of {cap_level(way.cap_usd_per_bbl)}"
        if way.prior_usd_per_bbl is not None:
            cap += f", and {way.prior_id} keeps {way.prior_cap_id} of {cap_level(way.prior_usd_per_bbl)} usable"
        return f"{cap}, {self._outcome(way.cap_usd_per_bbl, way.prior_usd_per_bbl)}"

    def _outcome(self, cap: float, prior: float | None) -> str:
        """The verdict that a cap, and perhaps an earlier one beside it, would give at this price."""
        usable = cap if prior is None else max(cap, prior)
        facts = self.cargo.select(
            is_unpriced=pl.col("price_low_usd_per_bbl").is_null() & pl.col("price_high_usd_per_bbl").is_null(),
            is_within=is_at_or_below(pl.lit(cap)),
            is_above=is_above(pl.lit(cap)),
            is_within_prior=is_at_or_below(pl.lit(usable)),
            is_above_prior=is_above(pl.lit(usable)),
        ).row(0, named=True)
        if facts["is_unpriced"]:
            return "unpriced"
        if facts["is_within"]:
            return "within_cap"
        if facts["is_above_prior"]:
            return "above_cap"
        if facts["is_above"] and facts["is_within_prior"]:
            return "within_prior_cap"
        return "indeterminate, as the price range lies on both sides"

    def decision(self) -> list[str]:
        verdict = self.verdict
        lines = [f"{verdict['verdict'].upper()}. {verdict['reason']}"]
        is_compared = verdict["verdict"] in ("within_cap", "within_prior_cap", "above_cap", "indeterminate")
        cap, price = verdict["cap_usd_per_bbl"], verdict["price_usd_per_bbl"]
        if is_compared and cap is not None:
            lines += self._comparison(cap)
        if (margin := verdict["margin_usd_per_bbl"]) is not None:
            sums = f"{cap:g} - {per_barrel(price)} = {per_barrel(margin)} USD/bbl"
            lines.append(f"Margin, cap minus best single price: {sums}.")
        if excess := verdict["excess_value_usd"]:
            least = "at least " if price is None else ""
            lines.append(f"Money above the cap: {least}USD {amount(excess)} on {amount(verdict['quantity_bbl'])} bbl.")
        opens = list(dict.fromkeys(row["open_id"] for row in self.readings if row["open_id"]))
        if opens and verdict["verdict"] in ("within_cap", "unpriced"):
            lines.append(f"Whether {listing(opens, 'or')} covers it is open, which leaves this answer standing (J-2).")
        weakest = "" if verdict["confidence"] == "verified" else ", the weakest among the rules that decided (J-1)"
        lines.append(f"Confidence: {verdict['confidence']}{weakest}.")
        lines.append(f"Reason codes: {', '.join(verdict['reason_codes']) or 'none'}.")
        return lines

    def _comparison(self, cap: float) -> list[str]:
        """The comparison with the cap of the level date, in money where the price is exact."""
        cargo = self.situation
        low, high = cargo["price_low_usd_per_bbl"], cargo["price_high_usd_per_bbl"]
        if low is None and high is None:
            return []
        if low != high or cargo["value"] is None:
            return [f"Compared unrounded with the cap of {cap_level(cap)}: {price_range(cargo)} (J-13)."]
        paid = (cargo["value"] - cargo["itemised_costs"]) * cargo["usd_per_unit_of_currency"]
        at_cap = f"{cap:g} x {amount(cargo['quantity_bbl'])} bbl = USD {cap * cargo['quantity_bbl']:,.2f}"
        return [f"Compared in money: USD {paid:,.2f} for the oil against {at_cap} (J-13; equal is compliant, P-13)."]


def _ways(reading: Row) -> list[_Way]:
    """The ways that one reading stands for: each open relief may apply or not."""
    cap = reading["cap_id"]
    plain = _Way(
        product_class=reading["product_class"],
        cap_id=cap,
        cap_usd_per_bbl=reading["cap_usd_per_bbl"],
        exempt_id=reading["exempt_id"],
    )
    if cap is None or plain.exempt_id:
        return [plain]
    # A rule that keeps the cap usable that is in force anyway changes nothing.
    if reading["prior_cap_id"] not in (None, cap):
        plain = replace(plain, **_prior(reading, "prior"))
    ways = []
    if open_id := reading["open_id"]:
        ways.append(replace(plain, exempt_id=open_id, condition=f", if {open_id} applies"))
    usable = max(plain.cap_usd_per_bbl or 0.0, plain.prior_usd_per_bbl or 0.0)
    if (reading["open_prior_usd_per_bbl"] or 0.0) > usable:
        condition = f", if {reading['open_prior_id']} applies"
        ways.append(replace(plain, **_prior(reading, "open_prior"), condition=condition))
    opens = [way.exempt_id or way.prior_id or "" for way in ways]
    negation = "do not apply" if len(opens) > 1 else "does not apply"
    return [replace(plain, condition=f", if {listing(opens)} {negation}" if opens else ""), *ways]


def _prior(reading: Row, kind: str) -> Row:
    return {
        "prior_id": reading[f"{kind}_id"],
        "prior_cap_id": reading[f"{kind}_cap_id"],
        "prior_usd_per_bbl": reading[f"{kind}_usd_per_bbl"],
    }


def _laid_out(steps: list[Step]) -> list[str]:
    """Steps as numbered headings with bullets, a bullet of two blanks one deeper; no title: bullets alone."""
    lines = []
    for number, (title, texts) in enumerate(steps, start=1):
        if title:
            lines.append(f"{number}. {title}")
        for text in texts:
            depth = (3 if title else 0) + (2 if text.startswith("  ") else 0)
            lines.append(paragraph(f"- {text.strip()}", depth, 2))
    return lines


def _notes(said: str, book: Rulebook, reference: Reference) -> list[str]:
    """The sources and conventions that a text cites, resolved."""
    cited = {key for group in re.findall(r"\[([^\]]+)\]", said) for key in group.split(", ")}
    cited |= set(re.findall(r"\bF-[A-Z0-9-]*[A-Z0-9]", said))
    rules = [
        (row["id"], f"{row['kind']}: {row['reference']}")
        for row in book.sources.iter_rows(named=True)
        if row["id"] in cited
    ]
    figures = [
        (row["source_id"], f"{row['publisher']}: {row['reference']}")
        for row in reference.figure_sources.iter_rows(named=True)
        if row["source_id"] in cited
    ]
    parts = {
        "Sources of the rules": rules,
        "Sources of the figures": figures,
        "Conventions: how the law is read where it can be read in two ways": list(cited_conventions(said).items()),
    }
    return [
        line
        for heading, pairs in parts.items()
        if pairs
        for line in ("", heading, "-" * len(heading), *labelled(pairs))
    ]


def _entry_text(entry: Row) -> str:
    undetermined = ", which the list leaves undetermined" if entry["product_class"] == UNDETERMINED else ""
    return f"{entry['code']} ({entry['product_group']}{undetermined}) {cite(entry['source'])}"


def _series_name(licences: list[Row]) -> str:
    first, last = licences[0], licences[-1]
    if first is last:
        return _rule_name(first)
    return f"{first['licence']} to {last['licence']} ({first['id']} to {last['id']})"


def _window(rule: Row) -> str:
    if rule["valid_to"] is None:
        return f"from {rule['valid_from']} on"
    return span(rule["valid_from"], rule["valid_to"] - A_DAY)


def _end(rule: Row) -> str:
    return f" (no longer on {rule['valid_to']})" if rule["valid_to"] else ""


def _rule_name(rule: Row) -> str:
    """A transition by its id and what it does, an exemption by its licence."""
    if "licence" in rule:
        return f"{rule['licence']} ({rule['id']})"
    effect = {
        "wind_down": "exempts at any price (J-25)",
        "prior_cap": f"keeps {rule['prior_cap_id']} usable (J-6)",
        "basis": "legal basis of others (J-6)",
    }[rule["kind"]]
    return f"{rule['id']}, {effect}"


def _authority(rule: Row, doubt: str = "", with_note: bool = True) -> str:
    """Instrument, sources, confidence and note of a rule."""
    note = f" {_note(rule['note'])}" if with_note and rule["note"] else ""
    return f"{rule['instrument']} {cite(rule['source'])}, {rule['confidence']}{doubt}.{note}"


def _covered(licences: list[Row], first: dt.date, last: dt.date) -> str:
    """Which of the days from first to last no licence covers, in words."""
    holes = []
    day = first
    for row in sorted(licences, key=lambda row: row["valid_from"]):
        if row["valid_from"] > day:
            holes.append(span(day, row["valid_from"] - A_DAY))
        day = max(day, row["valid_to"] or last + A_DAY)
    if day <= last:
        holes.append(span(day, last))
    return f"nothing covers {listing(holes)}" if holes else "met"


def _ends_by(rule: Row, day: dt.date) -> bool:
    return rule["valid_to"] is not None and rule["valid_to"] <= day


def _met(is_met: bool | None) -> str:
    return "not told" if is_met is None else "met" if is_met else "not met"


def _met_between(first: dt.date, last: dt.date, valid_from: dt.date | None, valid_to: dt.date | None) -> str:
    """Whether days that may be any from first to last lie in a window."""
    begins = valid_from or first
    if first >= begins and (valid_to is None or last < valid_to):
        return "met"
    if last < begins or (valid_to is not None and first >= valid_to):
        return "not met"
    return "met on some of the days"


def _day(day: dt.date | None) -> str:
    return "day not known" if day is None else str(day)


def _days(first: dt.date | None, last: dt.date | None) -> str:
    if first is None or last is None:
        return "day not known"
    return str(first) if first == last else f"between {first} and {last}"


def _sentence(parts: Iterable[str]) -> str:
    return f"{_capital('; '.join(parts))}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _joined(parts: Iterable[str | None]) -> str:
    return ", ".join(part for part in parts if part)


def _note(note: str | None) -> str:
    return f"Note: {note}." if note else ""
