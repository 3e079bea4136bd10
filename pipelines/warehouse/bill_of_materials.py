"""The software bill of materials of a release: every package that had a part in it, in CycloneDX.

Here: the installed packages of this environment as a CycloneDX document.
Add here: nothing about packages; what is installed is what is listed.
Keep out: known vulnerabilities (`make audit`).
"""

import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pipelines
from pipelines.warehouse import kept
from pipelines.warehouse.months import PROGRAM, fingerprint, program

if TYPE_CHECKING:
    from cyclonedx.model.component import Component


def bill_of_materials(file: Path) -> str:
    """The document as JSON: the program, and each installed package with version and package URL.

    file: where it is kept, until other packages are installed. To read what each says takes longer than to see which
    there are.
    """
    folders = {Path(place) for place in sys.path}
    installed = {path.name for folder in folders for kind in ("dist", "egg") for path in folder.glob(f"*.{kind}-info")}
    recipe = {PROGRAM: program(), "the packages": fingerprint(sorted(installed))}
    text = kept.found(file, recipe)
    if text is None:
        text = _made()
        kept.keep(file, recipe, text)
    return text


def _made() -> str:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6

    bom = Bom()
    bom.metadata.component = Component(
        name="plimsoll", version=pipelines.__version__, type=ComponentType.APPLICATION, bom_ref="plimsoll"
    )
    packages = [_package(found) for found in distributions() if found.metadata["Name"] != "plimsoll"]
    bom.components.update(packages)
    bom.register_dependency(bom.metadata.component, packages)
    return JsonV1Dot6(bom).output_as_string(indent=2)


def _package(found: Distribution) -> "Component":
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    name, version = found.metadata["Name"], found.version
    url = PackageURL("pypi", None, name.lower().replace("_", "-"), version)
    return Component(name=name, version=version, type=ComponentType.LIBRARY, purl=url, bom_ref=str(url))
