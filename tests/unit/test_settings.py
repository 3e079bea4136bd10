"""The places that settings name lie apart, so that nothing is deleted or written over in one for the sake of another.

Here: places that are refused, and those that are not.
Add here: another setting that names a place.
Keep out: what the settings do (the tests of whatever uses them).
"""

from pathlib import Path

import pytest

from pipelines.settings import Settings

LAKE = {"PLIMSOLL_WAREHOUSE": "ducklake:postgres:dbname=lake"}


def named(home: Path, data: str, store: str | None = None) -> dict[str, str]:
    said = LAKE | {"PLIMSOLL_HOME": str(home), "PLIMSOLL_WAREHOUSE_DATA": data}
    return said if store is None else said | {"PLIMSOLL_STORE": store}


@pytest.mark.parametrize(
    "below_home", ["", "..", "/", "landing", "landing/shipments/lake", "warehouse", "warehouse/tables/lake", "link"]
)
def test_a_lake_shares_no_folder_with_the_working_folders(tmp_path: Path, below_home: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "link").symlink_to(home / "landing")
    with pytest.raises(ValueError, match=r"PLIMSOLL_WAREHOUSE_DATA and the folder .* of PLIMSOLL_HOME lie within"):
        Settings.from_environment(named(home, str(home / below_home)))


@pytest.mark.parametrize(
    ("data", "store"),
    [
        ("s3://bucket", "s3://bucket/tables"),
        ("s3://bucket/", "s3://bucket/tables/"),
        ("s3://bucket/tables", "s3://bucket"),
        ("s3://bucket/a/b", "s3://bucket/a/b"),
        ("/srv/lake", "/srv/lake/tables"),
        ("/srv/lake/tables/../data", "/srv/lake"),
    ],
)
def test_a_lake_shares_no_place_with_the_store(tmp_path: Path, data: str, store: str) -> None:
    with pytest.raises(ValueError, match="PLIMSOLL_WAREHOUSE_DATA and PLIMSOLL_STORE lie within one another"):
        Settings.from_environment(named(tmp_path, data, store))


@pytest.mark.parametrize("below_home", ["", "landing", "warehouse", "warehouse/releases"])
def test_the_store_shares_no_folder_with_the_working_folders(tmp_path: Path, below_home: str) -> None:
    with pytest.raises(ValueError, match=r"PLIMSOLL_STORE and the folder .* of PLIMSOLL_HOME lie within"):
        Settings.from_environment({"PLIMSOLL_HOME": str(tmp_path), "PLIMSOLL_STORE": str(tmp_path / below_home)})


@pytest.mark.parametrize(
    ("data", "store"),
    [
        ("s3://bucket/lake", "s3://bucket/tables"),
        ("s3://bucket/lake", "s3://bucket/lake2"),
        ("s3://bucket", "s3://another"),
        ("s3://bucket/lake", None),
        ("/srv/lake", "/srv/lake-tables"),
    ],
)
def test_places_beside_each_other_are_taken(tmp_path: Path, data: str, store: str | None) -> None:
    assert Settings.from_environment(named(tmp_path, data, store)).lake_data == data


def test_a_lake_that_has_a_folder_of_its_own_below_home_stays_usable(tmp_path: Path) -> None:
    tables = str(tmp_path / "warehouse" / "tables")  # where they lie anyway
    assert Settings.from_environment(named(tmp_path, str(tmp_path / "lake"), tables)).store == tables
