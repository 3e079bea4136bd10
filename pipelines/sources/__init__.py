"""Sources: how what comes from outside is fetched and read.

Here: one module per upstream or kind of input.
Add here: a module for a new upstream or input.
Keep out: judging, and files that ship with the project (see `pipelines.contracts.files`).
"""
