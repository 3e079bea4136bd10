"""Where tables are kept: Parquet between assets, one DuckDB file for people.

Here: the Parquet store, the one module that crosses between DuckDB and Polars, and the atomic publish.
Add here: another way to keep or publish tables.
Keep out: what the tables hold (contracts) and how they come about (transforms, sql).
"""
