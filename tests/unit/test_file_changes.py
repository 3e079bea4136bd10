"""What became of users' files since the last release, told from two readings of the folders."""

import datetime as dt

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts.quality import INPUT_FILE_CHANGES, INPUT_FILES
from pipelines.transforms.file_changes import Reading, file_changes, fingerprints

AT = dt.datetime(2026, 11, 22, 3, tzinfo=dt.UTC)
Files = dict[str, tuple[str, dict[str, float]]]


def reading(files: Files, comparable: bool = True) -> Reading:
    """Files by name: their hash, and their rows as values by id."""
    about = [{"file": name, "sha256": sha, "rows_accepted": len(rows)} for name, (sha, rows) in files.items()]
    rows = [
        {"file": name, "shipment_id": id, "value": value}
        for name, (_, found) in files.items()
        for id, value in found.items()
    ]
    table = pl.DataFrame(rows, schema={"file": pl.String, "shipment_id": pl.String, "value": pl.Float64})
    return Reading(
        pl.DataFrame(about, schema=INPUT_FILES.polars_schema()),
        fingerprints([(table, "shipment_id")]) if comparable else None,
    )


def changes(now: Files, before: Files, comparable: bool = True) -> dict[str, tuple]:
    found = file_changes(reading(now), reading(before, comparable), INPUT_FILE_CHANGES.empty(), AT)
    assert INPUT_FILE_CHANGES.failures(found).is_empty()
    columns = ("change", "rows_added", "rows_removed", "rows_changed", "sample_ids")
    return {row["file"]: tuple(row[column] for column in columns) for row in found.to_dicts()}


def test_new_replaced_removed_and_unchanged() -> None:
    before: Files = {"a": ("1", {"A1": 1.0, "A2": 2.0, "A3": 3.0}), "b": ("2", {"B1": 1.0}), "c": ("3", {"C1": 1.0})}
    now: Files = {"a": ("9", {"A1": 1.0, "A2": 2.5, "A4": 4.0}), "c": ("3", {"C1": 1.0}), "d": ("4", {"D1": 1.0})}
    assert changes(now, before) == {
        "a": ("replaced", 1, 1, 1, "A2;A3;A4"),
        "b": ("removed", 0, 1, 0, "B1"),
        "d": ("new", 1, 0, 0, "D1"),
    }


def test_a_file_that_says_the_same_in_other_bytes_touches_no_row() -> None:
    assert changes({"a": ("2", {"A1": 1.0})}, {"a": ("1", {"A1": 1.0})}) == {"a": ("replaced", 0, 0, 0, None)}


def test_a_file_whose_ids_another_one_takes_is_affected() -> None:
    before: Files = {"b": ("2", {"A1": 1.0, "B1": 1.0})}
    now: Files = {"a": ("1", {"A1": 5.0}), "b": ("2", {"B1": 1.0})}
    assert changes(now, before) == {"a": ("new", 1, 0, 0, "A1"), "b": ("affected", 0, 1, 0, "A1")}


def test_rows_that_cannot_be_compared_are_not_counted() -> None:
    assert changes({"a": ("2", {"A1": 1.0})}, {"a": ("1", {})}, comparable=False) == {
        "a": ("replaced", None, None, None, None)
    }


def test_at_most_ten_ids_are_shown() -> None:
    ((_, added, _, _, sample),) = changes({"a": ("1", {f"A{n:02}": 1.0 for n in range(25)})}, {}).values()
    assert (added, sample) == (25, ";".join(f"A{n:02}" for n in range(10)))


def test_the_history_goes_on() -> None:
    first = file_changes(reading({"a": ("1", {"A1": 1.0})}), reading({}), INPUT_FILE_CHANGES.empty(), AT)
    later = AT + dt.timedelta(days=1)
    second = file_changes(reading({"a": ("2", {"A1": 2.0})}), reading({"a": ("1", {"A1": 1.0})}), first, later)
    assert second.select("change", "seen_at", "is_of_this_release").rows() == [
        ("new", AT, False), ("replaced", later, True),
    ]  # fmt: skip


FOLDERS = st.dictionaries(
    st.sampled_from("abc"),
    st.dictionaries(st.sampled_from(["1", "2", "3", "4"]), st.sampled_from([1.0, 2.0]), min_size=1),
)


@given(FOLDERS, FOLDERS)
def test_the_counts_lead_from_one_reading_to_the_other(before: dict, now: dict) -> None:
    def files(folder: dict) -> Files:
        return {
            name: (str(sorted(rows.items())), {f"{name}{id}": v for id, v in rows.items()})
            for name, rows in folder.items()
        }

    found = changes(files(now), files(before))
    for name in {*before, *now}:
        old, new = before.get(name, {}), now.get(name, {})
        _, added, removed, changed, _ = found.get(name, ("unchanged", 0, 0, 0, None))
        assert len(old) + added - removed == len(new)
        assert changed == sum(new[id] != old[id] for id in new.keys() & old.keys())
        assert (name in found) == (old != new)
