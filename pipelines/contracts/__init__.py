"""Contracts: one `Table` per table, from which schema, checks, DDL and data dictionary are derived.

Here: what a table is (`table`) and the tables themselves.
Add here: a module for a new group of tables.
Keep out: reading, judging and storing; a contract says what must hold, not how it comes about.
"""
