"""A good night that the tests of this folder share.

Here: fixtures that several modules of the folder need.
Add here: another state of a home to begin with.
Keep out: disturbances.
"""

import shutil
from pathlib import Path

import pytest

from tests.faults.nights import finish, with_cargoes


@pytest.fixture(scope="session")
def good_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after an undisturbed night, to be looked at only."""
    home = with_cargoes(tmp_path_factory.mktemp("good"))
    assert finish(home).returncode == 0
    return home


@pytest.fixture
def home(good_night: Path, tmp_path: Path) -> Path:
    """A copy of it, to be hurt."""
    return Path(shutil.copytree(good_night, tmp_path / "home"))
