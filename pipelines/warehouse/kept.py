"""Texts that are made of other things, kept with the recipe that they were made from: charts, the list of packages.

Here: finding such a text while its recipe is the same, and keeping it.
Add here: nothing per text; the recipe stands with whoever makes it.
Keep out: tables, which have their recipe in their own file (`pipelines.warehouse.months`).
"""

import json
import os
from pathlib import Path

from pipelines.warehouse.months import Ingredients


def found(file: Path, recipe: Ingredients) -> str | None:
    """The text, if it was made from the same; one that is lost is only made again."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        return str(said["text"]) if said["made_from"] == dict(recipe) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(file: Path, recipe: Ingredients, text: str) -> None:
    """Keeps a text, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}.{os.getpid()}.writing")
    aside.write_text(json.dumps({"made_from": dict(recipe), "text": text}), encoding="utf-8")
    aside.replace(file)
