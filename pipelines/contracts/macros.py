"""Contracts of the macros: what people call in SQL.

Here: what a macro is, and one `Macro` for each file in `sql/macros`.
Add here: a macro, together with `sql/macros/<name>.sql`; nothing else needs to know of it.
Keep out: the SQL, and any cap, date or country of a rule: a macro reads the tables of its file.
"""

from dataclasses import dataclass, replace

import polars as pl

from pipelines.contracts.cargoes import VERDICTS
from pipelines.contracts.rules import PRICE_CAPS, REGIMES
from pipelines.contracts.sums import CARGO_COUNT, EVIDENCE_KIND, UNMEASURED
from pipelines.contracts.table import Column, sql_literal


@dataclass(frozen=True)
class Macro:
    """A macro: `parameters` in order, those of `optional` empty text if left out; `result` of a scalar has one column.

    limits: what it cannot know or do, in whole sentences.
    """

    name: str
    meaning: str
    parameters: tuple[Column, ...]
    result: tuple[Column, ...]
    example: str
    limits: str
    optional: tuple[str, ...] = ()
    is_table: bool = True

    @property
    def signature(self) -> str:
        """As people write the call."""
        names = (f"{p.name} := ''" if p.name in self.optional else p.name for p in self.parameters)
        return f"{self.name}({', '.join(names)})"

    def duckdb_comment(self) -> str:
        """The COMMENT ON statement: what a reader of the file alone needs to call it."""
        parameters = "; ".join(f"{column.name}: {column.described}" for column in self.parameters)
        text = f"{self.meaning} {self.limits} Parameters: {parameters}. Example: {self.example}"
        return f"COMMENT ON MACRO {'TABLE ' if self.is_table else ''}{self.name} IS {sql_literal(text)}"


_REGIME = replace(REGIMES.column("regime"), required=False)
_CLASS = PRICE_CAPS.column("product_class")
_DAY = Column("day", pl.Date(), "level date: the day of discharge, or of loading where that is unknown")
_CONFIDENCE = replace(VERDICTS.column("confidence"), meaning="how sure it is that the level held on the day")

CAP_ON = Macro(
    name="cap_on",
    meaning="The cap of a regime and class that bound on a day.",
    limits=(
        "No row: no cap was in force, or there is no such regime or class. Two rows: the in-force day of the level is "
        "not known, so either may have bound; an empty cap among them means perhaps none. "
        "Transitions may keep an earlier cap usable (verdict_at)."
    ),
    parameters=(_REGIME, _CLASS, _DAY),
    result=(
        Column("cap_id", pl.String(), "row of reference.price_caps"),
        Column("cap_usd_per_bbl", pl.Float64(), "the cap", unit="USD/bbl"),
        Column("first_day", pl.Date(), "first day of the level"),
        Column("last_day", pl.Date(), "last day of the level, itself included; empty: no end is known"),
        Column("instrument", pl.String(), "the legal instrument"),
        _CONFIDENCE,
    ),
    example="FROM cap_on('EU', 'crude', '2026-02-01')",
)

VERDICT_AT = Macro(
    name="verdict_at",
    meaning="What the caps of a regime say to a bare price on a level date: one row.",
    limits=(
        "It takes the oil for Russian, by sea and of that class. It cannot know licences and other exemptions: "
        "above_cap means above unless one covers the cargo. It cannot know the days of contract and loading nor the "
        "destination: where a transition or wind-down that asks for them would let the price through, the verdict is "
        "indeterminate and conditions says what it hangs on. For a cargo that is known whole: "
        "marts.shipment_verdicts, plimsoll assess."
    ),
    parameters=(
        Column("price", pl.Float64(), "price of the oil itself, without freight and insurance", unit="USD/bbl"),
        _REGIME,
        _CLASS,
        _DAY,
    ),
    result=(
        Column("cap_id", pl.String(), "row of reference.price_caps; the lowest where two may bind"),
        Column("cap_usd_per_bbl", pl.Float64(), "that cap", unit="USD/bbl"),
        Column("is_above_cap", pl.Boolean(), "above the cap in force, let through or not; empty: unknown"),
        Column(
            "verdict",
            pl.String(),
            "within_cap, above_cap, indeterminate, unpriced for an empty price, out_of_scope where no cap is in force; "
            "empty: there is no such regime or class",
        ),
        Column("transition_ids", pl.String(), "rules that may let the price through, separated by ;"),
        Column("conditions", pl.String(), "what each of them asks for"),
        _CONFIDENCE,
    ),
    example="FROM verdict_at(55, 'EU', 'crude', '2025-10-01')",
)

_CARGOES_OF_BOTH = "at every price that it may have had"
WHAT_IF_CAP = Macro(
    name="what_if_cap",
    meaning="How much oil, and how much money, would have been above another cap in place of those in force.",
    limits=(
        "Without a regime every cargo that a cap of any regime reaches counts once; with one, the cargoes that this "
        "regime's cap reaches. Calls for several regimes describe the same oil and are not to be added, nor are kinds "
        "of evidence. It changes no price and no trade: it is arithmetic on what was sold."
    ),
    parameters=(
        Column("usd_per_bbl", pl.Float64(), "the other cap", unit="USD/bbl"),
        replace(_REGIME, meaning="regime code; left out or empty: each cargo once, whichever regimes reach it"),
    ),
    optional=("regime",),
    result=(
        EVIDENCE_KIND,
        Column("product_class", pl.String(), "class; empty: open, or not the same under all regimes"),
        Column("is_exempt", pl.Boolean(), "exempt under the regime; left out: under every regime that reaches it"),
        CARGO_COUNT,
        Column("above_cargoes", pl.Int64(), f"cargoes above the cap, {_CARGOES_OF_BOTH}"),
        Column("undecided_cargoes", pl.Int64(), "cargoes without a price, or with the cap inside the price range"),
        UNMEASURED,
        Column("quantity_bbl", pl.Float64(), "barrels of all cargoes; empty: no quantity is known", unit="bbl"),
        Column("above_bbl", pl.Float64(), "barrels of above_cargoes", unit="bbl"),
        Column("undecided_bbl", pl.Float64(), "barrels of undecided_cargoes", unit="bbl"),
        Column("unbounded_bbl", pl.Float64(), "barrels without an upper end of the price", unit="bbl"),
        Column("excess_at_least_usd", pl.Float64(), "money above the cap, each price at its lower end", unit="USD"),
        Column(
            "excess_at_most_usd",
            pl.Float64(),
            "money above the cap, each price at its upper end; without unbounded_bbl",
            unit="USD",
        ),
    ),
    example="FROM what_if_cap(50); FROM what_if_cap(50, regime := 'EU')",
)

BBL = Macro(
    name="bbl",
    meaning="Barrels in a quantity of a grade, by the same factors as the prices.",
    limits=(
        "Units of volume need no grade. Empty for a unit or, with a unit of mass, a grade that reference.units and "
        "reference.grades do not hold; crude of unknown grade is 'Unknown crude'. It gives the best factor, not the "
        "range that a product or an unknown grade has."
    ),
    parameters=(
        Column("quantity", pl.Float64(), "quantity in that unit"),
        Column("unit", pl.String(), "unit of reference.units"),
        Column("grade", pl.String(), "grade of reference.grades or one of its aliases; case and punctuation are free"),
    ),
    result=(Column("bbl", pl.Float64(), "barrels of 42 US gallons", unit="bbl"),),
    example="SELECT bbl(100000, 't', 'Urals')",
    is_table=False,
)

# In the order in which they are made: a macro calls those above it.
MACROS = (CAP_ON, VERDICT_AT, WHAT_IF_CAP, BBL)
