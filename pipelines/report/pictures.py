"""The pictures in the README, made from the published warehouse (`make pictures`).

Here: the headline tables as a picture, and a chart of the report.
Add here: another picture that shows what people see.
Keep out: what is in the tables and charts.
"""

import io
import re

from rich.console import Console

from pipelines.report import page
from pipelines.report.chart_style import spec
from pipelines.report.headlines import show_headlines
from pipelines.report.rendering import Renderer
from pipelines.report.sections import run_queries
from pipelines.settings import REPOSITORY, Settings

IMAGES_FOLDER = REPOSITORY / "docs" / "images"
WIDTH = 138


def headlines_svg(settings: Settings) -> str:
    """The headline tables of the published warehouse as one SVG, without fonts from elsewhere."""
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    show_headlines(settings.warehouse_file, console)
    svg = console.export_svg(title="make run")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def chart_svg(settings: Settings, name: str) -> str:
    """A chart of the report on the published warehouse, standing alone. Raises `KeyError` for one that is not there."""
    charts = {part.section.name: part.standing_alone for part in page.parts(run_queries(settings.warehouse_file))}
    if (chart := charts[name]) is None:
        raise KeyError(name)
    with Renderer() as renderer:
        return renderer.svg(spec(chart)).result().decode()


if __name__ == "__main__":
    settings = Settings.from_environment()
    pictures = {"headlines": headlines_svg(settings), "report-prices": chart_svg(settings, "prices")}
    for name, picture in pictures.items():
        file = IMAGES_FOLDER / f"{name}.svg"
        file.write_text(picture, encoding="utf-8")
        print(f"wrote {file.relative_to(REPOSITORY)}")
