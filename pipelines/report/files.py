"""The report as files beside a warehouse, or wherever someone wants them.

Here: writing the page and the pictures so that nobody ever sees half of one, and clearing them away.
Add here: another form of the report.
Keep out: what is in them.
"""

import os
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import UserError
from pipelines.report.rendering import Renderer
from pipelines.warehouse import kept as kept_texts
from pipelines.warehouse.months import PROGRAM, program
from pipelines.warehouse.store import content_identity

if TYPE_CHECKING:
    from pipelines.report.page import Part
    from pipelines.warehouse.duck import Source

PAGE = "report.html"


class ReportError(UserError):
    """The report cannot be written; one sentence says why and what to do."""


@dataclass(frozen=True)
class WrittenReport:
    """What was written: the page, the pictures, and question and sentence of each part."""

    page: Path
    pictures: list[Path]
    readings: list[tuple[str, str]]

    def in_short(self) -> str:
        """Question and sentence of each part, as Markdown; what stands in a name is no markup."""
        return "\n".join(f"- **{_plain(question)}** {_plain(reading)}" for question, reading in self.readings)


def write_report(warehouse: "Source", folder: Path, *, with_pictures: bool, kept: Path | None = None) -> WrittenReport:
    """Writes `report.html` and on request `report-<part>.png` for a published file.

    kept: a folder of charts that were drawn before; one that would be drawn from the same is not drawn again.

    Everything is made before anything is written, and each file takes the place of an older one as a whole. Pictures
    that are not made again are removed: those of another release must not stand beside this page.
    Raises `WarehouseError` and `ReportError`.
    """
    from pipelines.report import page
    from pipelines.report.sections import run_queries

    report = page.parts(run_queries(warehouse))
    images, pictures = _drawn(report, with_pictures, kept)
    content = {folder / PAGE: page.html(report, images).encode()} | {
        _picture(folder, name): picture for name, picture in pictures.items()
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, data in content.items():
            _replace(file, data)
        for file in set(_files(folder)) - set(content):
            file.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(f"{folder}: the report cannot be written there ({error.strerror or error}).") from error
    return WrittenReport(
        folder / PAGE,
        [file for file in content if file.suffix == ".png"],
        [(part.section.question, part.reading) for part in report],
    )


def _drawn(report: "list[Part]", with_pictures: bool, kept: Path | None) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The charts as SVG, and on request as PNG with heading and source, by the name of their section."""
    charted = {part.section.name: part for part in report if part.section.chart is not None}
    recipes = {name: _recipe(part) for name, part in charted.items()}
    found = {name: None if kept is None else kept_texts.found(kept / f"{name}.json", recipes[name]) for name in charted}
    drawn = {name: svg.encode() for name, svg in found.items() if svg}
    missing = [name for name, svg in found.items() if svg is None]
    if not missing and not with_pictures:
        return drawn, {}
    with Renderer() as renderer:
        # The renderer starts beside this import.
        from pipelines.report.chart_style import spec

        images = {
            name: renderer.svg(spec(drawing)) for name in missing if (drawing := charted[name].drawing) is not None
        }
        pictures = {
            name: renderer.png(spec(part.standing_alone))
            for name, part in charted.items()
            if with_pictures and part.standing_alone is not None
        }
        drawn |= {name: image.result() for name, image in images.items()}
        pngs = {name: picture.result() for name, picture in pictures.items()}
    if kept is not None:
        for name in missing:
            kept_texts.keep(kept / f"{name}.json", recipes[name], drawn.get(name, b"").decode())
    return {name: drawn[name] for name in charted if name in drawn}, pngs


def _recipe(part: "Part") -> dict[str, str]:
    """What a chart is made from: its data, the program, and the libraries that draw."""
    libraries = {name: version(name) for name in ("altair", "vl-convert-python")}
    frames = {name: content_identity(frame) for name, frame in part.drawn_from.items()}
    return {PROGRAM: program()} | libraries | frames


def discard_report(folder: Path) -> None:
    """Removes page and pictures: no report is better than that of another release."""
    for file in _files(folder) if folder.is_dir() else []:
        file.unlink(missing_ok=True)


def _plain(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", text)


def _files(folder: Path) -> list[Path]:
    from pipelines.report.sections import SECTIONS

    return [folder / PAGE, *(_picture(folder, section.name) for section in SECTIONS)]


def _picture(folder: Path, name: str) -> Path:
    return folder / f"report-{name}.png"


def _replace(file: Path, data: bytes) -> None:
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        aside.write_bytes(data)
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)
