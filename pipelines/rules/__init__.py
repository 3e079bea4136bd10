"""The rulebook: the law as dated, sourced data.

Here: loading and validating `data/rules`, showing it as known on a day, expanding it for the judge.
Add here: checks on the rule tables, and ways to look at them.
Keep out: cargoes and prices (see `pipelines.transforms`), and any cap, date or country of a rule.
"""

from pipelines.rules.rulebook import Rulebook, RuleError

__all__ = ["RuleError", "Rulebook"]
