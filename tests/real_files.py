"""Real files of publishers, which lie beside the checkout where they are at hand.

Here: finding such a file, or skipping the test that reads it.
Add here: nothing per publisher.
Keep out: expectations.
"""

from pathlib import Path

import pytest


def real_file(name: str) -> Path:
    """The file `shared/data/real/<name>` of the nearest folder above the checkout that has it; skips without it."""
    for folder in Path(__file__).parents:
        path = folder / "shared" / "data" / "real" / name
        if path.is_file():
            return path
    pytest.skip(f"{name} is not at hand")
