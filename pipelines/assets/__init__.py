"""Dagster assets: thin wires from sources, transforms and contracts to tables.

Here: the factory that makes assets of tables (`table_assets`), and one module per stage of the night.
Add here: an asset for a new table, a few lines that call a pure function.
Keep out: logic. It belongs to transforms, rules, sources, or SQL.
"""
