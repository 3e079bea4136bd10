"""Texts and pages that people read.

Here: one module per text (how a verdict came about, which rules are in force on a day), and the HTML report: its parts
(`sections`), `charts`, sentences (`readings`), `page` and `files`.
Add here: another text, as a function from frames to a string.
Keep out: printing, Dagster, and every decision (see `pipelines.transforms`).
"""
