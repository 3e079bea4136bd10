"""Publishers: one module per data set, how to fetch it and how to read it, with its contract beside it.

Here: `SOURCES`, in the order in which their figures are worth having.
Add here: the source of a new module.
Keep out: what all sources do alike (`pipelines.sources.upstream`).
"""

from pipelines.sources.publishers import ecb
from pipelines.sources.upstream import Source

SOURCES: tuple[Source, ...] = (ecb.SOURCE,)
