"""What the nightly warnings about the rules say."""

import datetime as dt

from pipelines.checks.rules import stale
from pipelines.rules.rulebook import Rulebook

TODAY = dt.date(2026, 11, 22)


def test_levels_that_may_have_been_replaced(book: Rulebook) -> None:
    # J-3: a step to 44.10 was not found for Canada, Japan, New Zealand and Norway.
    assert set(stale(book, TODAY)["id"]) == {"CA-C2", "JP-C2", "NZ-C2", "NO-C2"}


def test_the_six_monthly_review_of_the_union(book: Rulebook) -> None:
    # The review after Regulation 2026/124 was due on 15 July 2026; the freeze of 23 July came a week later.
    on = dt.date(2026, 7, 16)
    due = stale(book.as_of(on), on).filter(regime="EU")
    assert due["id"].to_list() == ["EU-C3"]
    assert "2026-07-15" in due["why"].item()
    assert stale(book, TODAY).filter(regime="EU").is_empty()
