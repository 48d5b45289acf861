"""Counts of instructions beside those that are expected."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks.hot_functions import NAMES
from tests.benchmarks.instructions import EXPECTED, Compared, calls_counted, compared


@pytest.mark.parametrize(
    ("count", "expected", "is_more", "shown"),
    [
        (1_099, 1_000, False, "a call 1,099 1,000 +9.9%"),
        (1_101, 1_000, True, "a call 1,101 1,000 +10.1% more"),
        (500, 1_000, False, "a call 500 1,000 -50.0% less: --update keeps it"),
        (500, None, False, "a call 500 none yet"),
    ],
    ids=["within a tenth", "more", "less", "not known"],
)
def test_only_what_takes_a_tenth_more_than_expected_is_more(
    count: int, expected: int | None, is_more: bool, shown: str
) -> None:
    row = Compared("a call", count, expected)
    assert (row.is_more, " ".join(str(row).split())) == (is_more, shown)


def test_what_is_new_has_nothing_that_is_expected() -> None:
    assert compared({"old": 2, "new": 3}, {"old": 1, "gone": 9}) == [("old", 2, 1), ("new", 3, None)]


def test_instructions_are_those_between_two_marks_by_the_call() -> None:
    """What comes before the first mark is the start of Python; one that is marked often has a median."""
    measured = [("parse", 100), ("settle", 1), ("settle", 1), ("settle", 1)]
    totals = [9_999_999, 5_000, 777, 40, 777, 9_000, 777, 50]
    assert calls_counted(measured, totals) == {"parse": 50, "settle": 50}


def test_every_kept_count_is_of_a_function_that_is_called() -> None:
    kept = json.loads(EXPECTED.read_text())
    assert kept
    assert all(tuple(counts) == NAMES for counts in kept.values())
