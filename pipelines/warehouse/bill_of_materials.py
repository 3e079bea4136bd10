"""The software bill of materials of a release: every package that had a part in it, in CycloneDX.

Here: the installed packages of this environment as a CycloneDX document.
Add here: nothing about packages; what is installed is what is listed.
Keep out: known vulnerabilities (`make audit`).
"""

from importlib.metadata import Distribution, distributions

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

import pipelines


def bill_of_materials() -> str:
    """The document as JSON: the program, and each installed package with version and package URL."""
    bom = Bom()
    bom.metadata.component = Component(
        name="plimsoll", version=pipelines.__version__, type=ComponentType.APPLICATION, bom_ref="plimsoll"
    )
    packages = [_package(found) for found in distributions() if found.metadata["Name"] != "plimsoll"]
    bom.components.update(packages)
    bom.register_dependency(bom.metadata.component, packages)
    return JsonV1Dot6(bom).output_as_string(indent=2)


def _package(found: Distribution) -> Component:
    name, version = found.metadata["Name"], found.version
    url = PackageURL("pypi", None, name.lower().replace("_", "-"), version)
    return Component(name=name, version=version, type=ComponentType.LIBRARY, purl=url, bom_ref=str(url))
