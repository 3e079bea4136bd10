"""The peers: the same verdicts without the product.

Here: `duckdb/*.sql`, the best that we can write in DuckDB's SQL; the same models in dbt; pandas.
Add here: a peer, and its task in `benchmarks.measure`.
Keep out: anything of `pipelines`; a peer reads `data/rules`, `data/reference` and `data/figures` for itself.
"""
