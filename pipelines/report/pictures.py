"""The pictures in the README, made from the published warehouse (`make pictures`).

Here: the headline tables as a picture.
Add here: another picture that shows what people see.
Keep out: what is in the tables.
"""

import io
import re

from rich.console import Console

from pipelines.report.headlines import show_headlines
from pipelines.settings import REPOSITORY, Settings

IMAGES_FOLDER = REPOSITORY / "docs" / "images"
WIDTH = 138


def headlines_svg(settings: Settings) -> str:
    """The headline tables of the published warehouse as one SVG, without fonts from elsewhere."""
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    show_headlines(settings.warehouse_file, console)
    svg = console.export_svg(title="make run")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    file = IMAGES_FOLDER / "headlines.svg"
    file.write_text(headlines_svg(Settings.from_environment()), encoding="utf-8")
    print(f"wrote {file.relative_to(REPOSITORY)}")
