"""Plimsoll: judges shipments of Russian oil against the price caps.

Here: the version. `contracts`, `rules` and `transforms` know nothing of Dagster, DuckDB or the network;
`sources` reads what comes in; `assets`, `checks`, `warehouse` and the command sit on top.
Add here: nothing; a new thing has its own place in one of these packages.
Keep out: imports of the packages below, which would make every start as slow as the slowest of them.
"""

__version__ = "0.1.0"
