"""Checks on what the pipeline produced, beyond the contracts of its tables.

Here: `rederive`, which prices and judges again, slowly and independently, and the checks that compare.
Add here: a check that looks at results; what it needs to work out for itself goes into a module of its own.
Keep out: checks on one row of one table (those are columns and checks of its contract).
"""
