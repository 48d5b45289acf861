"""Jobs sorted in pieces."""

from __future__ import annotations

import tracemalloc
from array import array
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.frames.sorting import sorted_jobs


def _nothing() -> None:
    """No other thread waits."""


@given(st.lists(st.integers(0, 9) | st.integers(0, 10_000), max_size=200), st.integers(1, 9))
def test_pieces_that_are_sorted_are_as_one(values: list[int], size: int) -> None:
    """Jobs that compare equal stay in the order of the input."""
    found = sorted_jobs(array("I", range(len(values))), values.__getitem__, _nothing, size)
    assert list(found) == sorted(range(len(values)), key=values.__getitem__)


@pytest.mark.parametrize(
    "key",
    [
        lambda job: job,
        lambda job: -job,
        lambda job: 0,
        lambda job: job % 3,
        lambda job: job if job % 1_000 < 20 else 0,
        lambda job: job * 7_919 % 100_003,
        lambda job: f"row-{job * 7_919 % 100_003}",
    ],
    ids=["ascending", "descending", "all the same", "few", "mostly the same", "mixed", "texts"],
)
def test_others_have_their_turn_every_few_thousand_jobs(key: Callable[[int], float | str]) -> None:
    """Whatever the keys are like; and no key is asked for more often than some times."""
    asked, since, most = Counter[int](), 0, 0

    def counted(job: int) -> float | str:
        nonlocal since, most
        asked[job] += 1
        since += 1
        most = max(most, since)
        return key(job)

    def rest() -> None:
        nonlocal since
        since = 0

    found = sorted_jobs(array("I", range(50_000)), counted, rest)
    assert list(found) == sorted(range(50_000), key=key)
    assert most <= 16_384
    assert max(asked.values()) <= 4


def test_no_object_is_kept_for_a_job_while_they_are_sorted() -> None:
    """The order that is made, and what the jobs are dealt into, take four bytes a job each, and some room."""
    keys = array("f", (job * 7_919 % 100_003 for job in range(100_000)))
    jobs = array("I", range(100_000))
    tracemalloc.start()
    try:
        sorted_jobs(jobs, keys.__getitem__, _nothing)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 16 * 100_000
