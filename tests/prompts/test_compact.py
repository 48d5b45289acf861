"""Numbers kept in as little memory as they need."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from llmdash.prompts.compact import ConsecutiveNumbers, Offsets


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 4)), max_size=30), st.sets(st.integers(0, 60)))
def test_numbers_come_back_wherever_some_are_left_out(
    stretches: list[tuple[int, int]], left_out: set[int]
) -> None:
    numbers, expected = ConsecutiveNumbers(), list[int]()
    for gap, length in stretches:
        first = (expected[-1] if expected else 0) + gap
        stretch = range(first, first + length)
        if length == 1:
            numbers.append(first)
        else:
            numbers.extend(stretch)
        expected += stretch
    assert list(numbers) == expected == [numbers[index] for index in range(len(numbers))]
    kept = numbers.without(left_out)
    assert list(kept) == [number for index, number in enumerate(expected) if index not in left_out]


def test_lines_that_follow_each_other_take_no_memory_each() -> None:
    numbers = ConsecutiveNumbers()
    for first in range(1, 100_001, 1_000):
        numbers.extend(range(first, first + 1_000))
    assert sys.getsizeof(numbers._first) + sys.getsizeof(numbers._at) < 1_000
    assert numbers[99_999] == 100_000


def test_offsets_beyond_4_gib_are_kept_whole() -> None:
    offsets = Offsets()
    offsets.extend([0, 0xFFFF_FFFF])
    offsets.append(0x1_0000_0000)
    offsets.extend([])
    assert list(offsets) == [0, 0xFFFF_FFFF, 0x1_0000_0000]
    assert len(offsets) == 3
