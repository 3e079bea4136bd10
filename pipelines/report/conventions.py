"""The conventions by which the law is read where it can be read in two ways, in words.

Here: one sentence per convention, under the number that rules, reasons and texts cite it by.
Add here: a convention that the judge or the prices begin to follow.
Keep out: the law itself (`data/rules`) and the code that follows a convention.
"""

import re

CONVENTIONS = {
    "P-9": "The strictest level in force between loading and discharge binds; as levels only fall, that is "
    "the level of the day of discharge.",
    "P-13": "A price equal to the cap is compliant.",
    "P-14": "A licence and its renewals cover a cargo when every day from loading to discharge lies in one of"
    " their windows.",
    "J-1": "A verdict stands where every reading of the law gives it, with the weakest confidence among the "
    "rules that decided; a rule stated from memory is applied as written and marked unverified.",
    "J-2": "Where only an exemption is open, a price at or below the cap is still within the cap, and a "
    "cargo without a price is still unpriced.",
    "J-3": "Where a later level may exist that was not found, the last known level stands, unverified.",
    "J-4": "Days are whole: a rule that begins late in the evening begins on the next day; a window 'until' "
    "a day includes it, except that a US licence ends as its last day begins.",
    "J-5": "Without a discharge date the level date shown is the loading date, but every discharge day up to"
    " 60 days later is judged; if the verdicts differ, the answer is indeterminate.",
    "J-6": "A transition looks at the level date: loading in time is not enough. A rule that is only the "
    "legal basis of others never applies alone.",
    "J-7": "Where sources disagree on the contract cut-off of a transition, contracts before the earliest "
    "cut-off are covered, contracts from the latest one on are not, and between them the rule is "
    "open.",
    "J-8": "Where two wordings of one transition differ in result, the answer is indeterminate.",
    "J-9": "Days before a regime's first day need no licence.",
    "J-10": "Where no wind-down rule is known for a regime and class, a cargo under way at the start is "
    "judged under the cap, unverified.",
    "J-11": "Where sources disagree on the first day of a level, the earliest binds, marked as a conflict "
    "until the latest; where the first day is not known, both readings are judged.",
    "J-12": "A rule without a known day of publication is taken as published with its cap; a bare month means"
    " its last day.",
    "J-13": "Price and cap are compared unrounded, as exact decimals would be: (value - itemised costs) x "
    "rate <= cap x barrels.",
    "J-14": "Currencies are converted at the European Central Bank's reference rate of the loading day, or "
    "the last one before it, through the euro; where there is none, at the Federal Reserve's mean of "
    "the month.",
    "J-15": "Barrels per tonne follow from the density of the grade; a crude of unknown grade has the range "
    "of all listed crudes, products have a range about a typical factor.",
    "J-16": "Itemised costs are contained in the value and are subtracted, under every delivery term.",
    "J-17": "What a delivery term contains and the invoice does not itemise is estimated as a range that "
    "starts at zero and ends at the highest published figure near the loading day; other terms count "
    "as FOB.",
    "J-19": "A regime's own list of codes is looked up first, longest entry first; regimes without a list of "
    "their own use the EU annex, unverified unless their groups were seen; a short code has a class "
    "only if all longer codes agree.",
    "J-20": "A code on which the lists contradict each other has no certain class.",
    "J-21": "The declared country of origin decides the origin; the port and the owner are not looked at.",
    "J-22": "A project exemption reaches cargoes that declare the project or, where no project is declared, "
    "its grade. A permission to deal with listed persons is no exemption from a cap.",
    "J-23": "A licence for cargoes loaded by a day reaches those discharged inside its window; as none was "
    "seen to lift the cap, a cargo above the cap that it reaches is indeterminate.",
    "J-24": "Licences that follow the EU's country derogations last as long as these; for landlocked "
    "countries they are empty.",
    "J-25": "A wind-down at the start of a regime exempts at any price.",
    "J-26": "A destination that has a regime of its own always brings that regime, whatever else is declared.",
    "J-27": "The level date and the cap are shown whenever a cap is in force, also for an exempt cargo.",
    "J-28": "The month of a customs line is that of clearance and is taken for loading and discharge alike; "
    "oil cleared in the first weeks of a regime may have been loaded before it.",
}

_NUMBER = re.compile(r"\b[JP]-\d+\b")


def cited_conventions(text: str) -> dict[str, str]:
    """The conventions whose numbers occur in a text, in the order of `CONVENTIONS`."""
    cited = set(_NUMBER.findall(text))
    return {number: sentence for number, sentence in CONVENTIONS.items() if number in cited}
