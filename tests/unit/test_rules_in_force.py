"""Which rules are in force on a day, and what is marked: days counted by hand from the rule tables.

Here: the text, and the frames that checks use.
Add here: a case for a new mark.
Keep out: whether the rules are right, and how they meet cargoes.
"""

import datetime as dt

import polars as pl
import pytest

from pipelines.report.rules_in_force import expiring, in_conflict, in_force, rules_in_force, unverified
from pipelines.rules.rulebook import Rulebook

AUTUMN_2026 = dt.date(2026, 11, 22)


def line_of(text: str, rule_id: str) -> str:
    """The one table line of a rule, blanks squeezed."""
    (line,) = (line for line in text.splitlines() if line.split()[:1] == [rule_id])
    return " ".join(line.split())


def ids(rules: pl.DataFrame) -> set[str]:
    return set(rules["id"])


@pytest.fixture(scope="module")
def text(book: Rulebook) -> str:
    return rules_in_force(book, AUTUMN_2026)


class TestText:
    @pytest.mark.parametrize(
        ("rule_id", "line"),
        [
            ("US-C1", "US-C1 crude 60 USD/bbl 2022-12-05 .. open verified"),
            ("EU-C4", "EU-C4 crude 44.1 USD/bbl 2026-07-23 .. open UNVERIFIED"),
            # Verified until February 2026; whether Japan then moved was not found (J-3).
            ("JP-C2", "JP-C2 crude 47.6 USD/bbl 2025-09-12 .. open UNVERIFIED"),
            ("UK-P1-discount", "UK-P1-discount discount products 45 USD/bbl 2023-02-05 .. open verified"),
            # 22 November to 18 December: 8 + 18 = 26 days; the 17th is the last day covered.
            ("S2-US-6", "S2-US-6 crude GL 55F 2026-06-11 .. 2026-12-17 verified, EXPIRES in 26 days"),
            ("S2-UK-3", "S2-UK-3 crude INT/2022/2470156 (2025 on) 2025-06-29 .. open UNVERIFIED, GAP"),
            ("E-1", "E-1 crude and products GL 57, 57A 2022-12-05 .. open verified, for the record"),
        ],
    )
    def test_line(self, text: str, rule_id: str, line: str) -> None:
        assert line_of(text, rule_id) == line

    def test_rules_that_are_over_are_left_out(self, text: str) -> None:
        words = text.split()
        assert not {"EU-C3", "S2-US-5", "T-EU-7", "L-16"} & set(words)

    def test_instrument_stands_below_its_rule(self, text: str) -> None:
        lines = text.splitlines()
        (number,) = (n for n, line in enumerate(lines) if "GL 55F" in line and "EXPIRES" in line)
        assert lines[number + 1].strip() == ("OFAC Russian Harmful Foreign Activities Sanctions, General License 55F")

    def test_heading_and_summary(self, text: str) -> None:
        assert text.startswith("Rules in force on 2026-11-22, all that is recorded\n")
        assert "ending soon  S2-US-6 (GL 55F), last day 2026-12-17" in text

    def test_every_regime_has_a_chapter(self, text: str, book: Rulebook) -> None:
        chapters = [line[:2] for line in text.splitlines() if line[:1].isupper() and line[2:4] == "  "]
        assert chapters == list(book.regime_codes)


def test_text_as_known_earlier(book: Rulebook) -> None:
    text = rules_in_force(book.as_of(dt.date(2026, 1, 20)), dt.date(2026, 2, 20))
    assert text.startswith("Rules in force on 2026-02-20, as known on 2026-01-20\n")
    assert "2026-02-20 is later than 2026-01-20: rules made in between are not here." in text
    # CH-C3 was published on 2026-01-29: until then CH-C2 has no end.
    assert line_of(text, "CH-C2") == "CH-C2 crude 47.6 USD/bbl 2025-09-03 .. open verified"
    # T-EU-7-A ends on 2026-04-17: 8 days of February, 31 of March, 17 of April make 56.
    assert line_of(text, "T-EU-7-A") == (
        "T-EU-7-A crude EU-C2 stays usable 2026-02-01 .. 2026-04-16 CONFLICT, EXPIRES in 56 days"
    )


def test_text_warns_of_a_day_to_come(book: Rulebook) -> None:
    text = rules_in_force(book, dt.date(2027, 1, 1), today=AUTUMN_2026)
    assert "2027-01-01 is later than 2026-11-22" in text
    assert "is later than" not in rules_in_force(book, AUTUMN_2026, today=AUTUMN_2026)


def test_doubt_over_the_start_of_a_level(book: Rulebook) -> None:
    # CA-C2: in force on some day from 3 to 30 September 2025. CH-C1: 8 or 17 December 2022.
    assert line_of(rules_in_force(book, dt.date(2025, 9, 20)), "CA-C2").endswith("UNVERIFIED, GAP")
    assert line_of(rules_in_force(book, dt.date(2025, 10, 1)), "CA-C2").endswith("verified")
    assert line_of(rules_in_force(book, dt.date(2022, 12, 16)), "CH-C1").endswith("CONFLICT")
    assert line_of(rules_in_force(book, dt.date(2022, 12, 17)), "CH-C1").endswith("verified")


class TestExpiring:
    def test_sixty_days_are_inside_sixty_one_are_not(self, book: Rulebook) -> None:
        # 2026-12-18 less 60 days is 2026-10-19.
        inside = expiring(book, dt.date(2026, 10, 19)).row(by_predicate=pl.col("id") == "S2-US-6", named=True)
        assert inside["days_left"] == 60
        assert "S2-US-6" not in ids(expiring(book, dt.date(2026, 10, 18)))
        assert "S2-US-6" in ids(expiring(book, dt.date(2026, 10, 18), within_days=61))

    def test_nothing_follows_gl_55f(self, book: Rulebook) -> None:
        (row,) = expiring(book, AUTUMN_2026).to_dicts()
        assert (row["id"], row["days_left"], row["followed_by"]) == ("S2-US-6", 26, None)

    def test_what_follows_is_named(self, book: Rulebook) -> None:
        # GL 55E ends on 2026-06-18, GL 55F runs since 2026-06-11; EU-C2 ends on 2026-02-01, when EU-C3 begins.
        june = {row["id"]: row for row in expiring(book, dt.date(2026, 6, 12)).to_dicts()}
        assert (june["S2-US-5"]["days_left"], june["S2-US-5"]["followed_by"]) == (6, "S2-US-6")
        january = {row["id"]: row for row in expiring(book, dt.date(2026, 1, 20)).to_dicts()}
        assert (january["EU-C2"]["days_left"], january["EU-C2"]["followed_by"]) == (12, "EU-C3")
        text = rules_in_force(book, dt.date(2026, 1, 20))
        assert line_of(text, "EU-C2").endswith("verified, EXPIRES in 12 days, then EU-C3")

    def test_the_day_of_the_end_is_not_in_force(self, book: Rulebook) -> None:
        assert "S2-US-6" in ids(in_force(book, dt.date(2026, 12, 17)))
        assert "S2-US-6" not in ids(in_force(book, dt.date(2026, 12, 18)))


def test_unverified(book: Rulebook) -> None:
    found = ids(unverified(book, AUTUMN_2026))
    assert {"EU-C4", "JP-C2", "CA-C2", "NO-C2", "S2-UK-3", "S2-CA"} <= found
    assert not {"US-C1", "UK-C3", "CH-C3", "S2-US-6"} & found
    # A later Japanese level may exist from 1 February 2026 on.
    assert "JP-C2" not in ids(unverified(book, dt.date(2026, 1, 31)))
    assert "JP-C2" in ids(unverified(book, dt.date(2026, 2, 1)))


def test_in_conflict(book: Rulebook) -> None:
    assert in_conflict(book, AUTUMN_2026).is_empty()
    assert ids(in_conflict(book, dt.date(2026, 2, 20))) == {"T-EU-7-A", "T-CH-1-C3-A"}
    assert ids(in_conflict(book, dt.date(2022, 12, 10))) == {"CH-C1"}
