"""Pure functions over Polars frames: units, prices, product classes, nexus, verdicts.

Here: everything that turns validated rows into cargoes, and cargoes into verdicts.
Add here: a new conversion or a new kind of evidence.
Keep out: files, Dagster, DuckDB and the network; and any cap, date or country of a rule.
"""
