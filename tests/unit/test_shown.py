"""Text from outside where people see it: terminals, messages, spreadsheets.

Here: what is escaped and what is left alone, and the way back.
Add here: another place where text of others is shown.
Keep out: which commands show what (see `test_hostile_input`).
"""

import csv
import io
import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.shown import UNPRINTABLE, for_spreadsheets, shown, shown_line, shown_name

HARMLESS = "Málaga, Приморск 日本丸 אוניה 👨\u200d✈️ ¡§±"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HARMLESS, HARMLESS),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b2J", r"\x9b2J"),
        ("a\rb", r"a\rb"),
        ("a\x00b\x07\x08\x7f", r"a\x00b\x07\x08\x7f"),
        ("exe\u202etxt.", r"exe\u202etxt."),
        ("a\u200bb\ufeffc\u2028d", r"a\u200bb\ufeffc\u2028d"),
        ("\udcff", r"\udcff"),
        ("hid\U000e0041", r"hid\U000e0041"),
    ],
)
def test_what_steers_a_terminal_becomes_an_escape(text: str, line: str) -> None:
    assert shown(text) == shown_line(text) == line


def test_lines_stay_lines_where_there_may_be_several() -> None:
    assert shown("a\n\tb") == "a\n\tb"
    assert shown_line("a\n\tb") == r"a\n\tb"


@given(st.text(st.characters(exclude_categories=[])))
def test_nothing_shown_on_one_line_can_move_the_cursor(text: str) -> None:
    line = shown_line(text)
    assert line.encode().decode() == line  # no half characters
    assert not re.search(f"[\n\r\t]|{UNPRINTABLE}", line)


@given(st.binary(min_size=1), st.binary(min_size=1))
def test_files_of_different_names_are_shown_differently(one: bytes, other: bytes) -> None:
    def name(raw: bytes) -> str:
        return shown_name(Path(raw.replace(b"/", b"_").replace(b"\0", b"_").decode("utf-8", "surrogateescape")))

    same = one.replace(b"/", b"_").replace(b"\0", b"_") == other.replace(b"/", b"_").replace(b"\0", b"_")
    assert (name(one) == name(other)) is (same or {one, other} == {b"."})


FORMULAS = ["=1+1", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠A1"]  # noqa: RUF001


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_become_text(text: str) -> None:
    assert for_spreadsheets(pl.DataFrame({"name": [text]}))["name"].to_list() == [f"'{text}"]


def test_other_text_and_numbers_stay(book: object) -> None:
    frame = pl.DataFrame({"name": ["a=1", " =1", "", None, "5", "x@y"], "number": [-5.0, -0.5, 0.0, None, 1e9, -1e-9]})
    assert for_spreadsheets(frame).equals(frame)
    assert for_spreadsheets(frame).write_csv().splitlines()[1] == "a=1,-5.0"


@given(
    st.lists(
        st.one_of(
            st.none(), st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["'", "'=", "''", *FORMULAS])
        )
    )
)
def test_taking_one_apostrophe_away_gives_the_text_back(texts: list[str | None]) -> None:
    frame = pl.DataFrame({"name": texts}, schema={"name": pl.String})
    safe = for_spreadsheets(frame)["name"].to_list()
    assert [text and text.removeprefix("'") for text in safe] == texts
    assert not any(text and text[0] in "=+-@\t\r\n＝＋－＠" for text in safe)  # noqa: RUF001


def test_no_cell_of_a_csv_file_begins_a_formula() -> None:
    content = io.BytesIO()
    for_spreadsheets(pl.DataFrame({"name": FORMULAS, "row": [f'{text},"{text}"' for text in FORMULAS]})).write_csv(
        content
    )
    for cells in csv.reader(io.StringIO(content.getvalue().decode(), newline="")):
        assert all(re.match("[a-z']", cell) for cell in cells)
