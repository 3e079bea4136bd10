"""The pictures in the README (`make pictures`).

Here: the headline tables and a chart of the report, from the published warehouse; Dagster's pages and the report as a
browser shows them, after a night on the example shipments in a folder of its own.
Add here: another picture that shows what people see.
Keep out: what is in the tables, charts and pages.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, expect
from rich.console import Console

from pipelines.report import page
from pipelines.report.browser import chromium, opened, served
from pipelines.report.chart_style import spec
from pipelines.report.headlines import show_headlines
from pipelines.report.rendering import Renderer
from pipelines.report.sections import run_queries
from pipelines.settings import REPOSITORY, Settings
from pipelines.sources.reference import DATA_FOLDER

IMAGES_FOLDER = REPOSITORY / "docs" / "images"
WIDTH = 138
_WINDOW: ViewportSize = {"width": 1440, "height": 900}
_LARGE: ViewportSize = {"width": 1840, "height": 1240}
_COLUMN: ViewportSize = {"width": 1100, "height": 1300}
_PATIENCE_MS = 60_000
_DRAWN_MS = 3_000  # the lines between the stages come last, and nothing says so


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


def screens(home: Path) -> Mapping[str, bytes]:
    """Dagster's pages and the report after a night in this home folder, as PNG."""
    report = (Settings(home=home).report_folder / "report.html").as_uri()
    with served(home) as address, chromium() as browser:
        check = f"{address}/assets/quality/quarantine?view=checks&checkDetail=nothing_set_aside"
        return {
            "dagster-graph": _seen(browser.new_page(viewport=_WINDOW), f"{address}/asset-groups", "marts"),
            "dagster-check": _seen(browser.new_page(viewport=_WINDOW), check, "decimal_comma"),
            "dagster-data-quality": _seen(
                browser.new_page(viewport=_LARGE), f"{address}/assets/data_quality_report", "checks passed"
            ),
            "report-page": _seen(browser.new_page(viewport=_COLUMN), report, "Plimsoll report"),
        }


def _seen(tab: Page, address: str, text: str) -> bytes:
    """The page once a text stands on it."""
    expect(opened(tab, address).get_by_text(text).first).to_be_visible(timeout=_PATIENCE_MS)
    tab.wait_for_timeout(_DRAWN_MS)
    return tab.screenshot()


def _night_on_examples(home: Path) -> None:
    """A night in a home folder on the example shipments, without network."""
    landing = Settings(home=home).shipments_folder
    landing.mkdir(parents=True)
    shutil.copy(DATA_FOLDER / "examples" / "shipments.csv", landing)
    night = [sys.executable, "-m", "pipelines.cli", "nightly", "--offline"]
    subprocess.run(night, env=os.environ | {"PLIMSOLL_HOME": str(home)}, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    settings = Settings.from_environment()
    pictures: dict[str, str | bytes] = {
        "headlines.svg": headlines_svg(settings),
        "report-prices.svg": chart_svg(settings, "prices"),
    }
    with tempfile.TemporaryDirectory() as folder:
        _night_on_examples(Path(folder))
        pictures |= {f"{name}.png": picture for name, picture in screens(Path(folder)).items()}
    for name, picture in pictures.items():
        (IMAGES_FOLDER / name).write_bytes(picture.encode() if isinstance(picture, str) else picture)
        print(f"wrote {(IMAGES_FOLDER / name).relative_to(REPOSITORY)}")
