"""Max-min fairness, for amounts and for whole numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.shared_limits.fairness import fair_shares, fair_slots

WISHES = st.lists(st.one_of(st.floats(0.0, 1e6), st.just(math.inf)), min_size=1, max_size=12)
NEEDS = st.lists(st.one_of(st.integers(0, 10_000), st.just(math.inf)), min_size=1, max_size=12)


def _fair(wishes: Sequence[float], total: float, shares: Sequence[float], unit: float) -> None:
    """What holds for any fair division into units of that size."""
    assert sum(shares) <= total + 1e-6 * max(1.0, total)
    assert all(0 <= share <= wish for share, wish in zip(shares, wishes, strict=True))
    fair = total / len(wishes)
    for share, wish in zip(shares, wishes, strict=True):
        assert share >= min(wish, fair) - unit - 1e-6 * max(1.0, fair)
        if share < wish:  # nobody has more than one who wants more
            assert share >= max(shares) - unit - 1e-6 * max(1.0, total)
    assert sum(shares) == pytest.approx(min(total, sum(wishes)), abs=1e-6 * max(1.0, total))


@given(WISHES, st.floats(0.0, 1e6))
def test_nobody_gets_more_than_another_who_wants_more_and_nothing_is_left_that_somebody_wants(
    wishes: list[float], total: float
) -> None:
    _fair(wishes, total, fair_shares(wishes, total), unit=0.0)


@given(NEEDS, st.integers(0, 100_000))
def test_whole_numbers_are_as_fair_as_whole_numbers_can_be(needs: list[float], total: int) -> None:
    slots = fair_slots(needs, float(total))
    assert all(slot == int(slot) for slot in slots)
    _fair(needs, float(total), slots, unit=1.0)


def test_what_cannot_be_divided_goes_to_the_first() -> None:
    assert fair_slots([math.inf] * 3, 5.0) == [2.0, 2.0, 1.0]
    assert fair_slots([math.inf] * 3, 2.0) == [1.0, 1.0, 0.0]


@pytest.mark.parametrize("divide", [fair_shares, fair_slots])
def test_without_a_limit_everyone_gets_all(divide: type[object]) -> None:
    assert divide([0.0, 3.0, math.inf], math.inf) == [math.inf] * 3  # type: ignore[call-arg]
