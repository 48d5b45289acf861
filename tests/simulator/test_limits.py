"""A limit a minute, on a clock of its own."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.simulator.limits import Bucket, LimitState


def take(bucket: Bucket, now: float, amount: float = 1.0) -> bool:
    """Take `amount` out if it can be had at once."""
    if bucket.wait(now, amount):
        return False
    bucket.charge(amount)
    return True


@given(
    st.floats(min_value=0.5, max_value=10_000), st.lists(st.floats(min_value=0, max_value=30), max_size=60)
)
def test_a_request_sent_when_the_wait_is_over_is_let_in(rpm: float, gaps: list[float]) -> None:
    bucket, now = Bucket(rpm, 0.0), 0.0
    for gap in gaps:
        now += gap
        if not take(bucket, now):
            now += bucket.wait(now)
            assert take(bucket, now)


@given(st.integers(min_value=1, max_value=600), st.lists(st.floats(min_value=0, max_value=2), max_size=200))
def test_no_stretch_of_time_holds_more_than_the_burst_and_the_refill(rpm: int, gaps: list[float]) -> None:
    bucket, now = Bucket(rpm, 0.0), 0.0
    taken: list[float] = []
    for gap in gaps:
        now += gap
        if take(bucket, now):
            taken.append(now)
    for first, start in enumerate(taken):
        for count, end in enumerate(taken[first:], start=1):
            assert count <= rpm + (end - start) * rpm / 60 + 1e-6


def test_a_rested_key_may_send_a_minute_at_once_and_then_waits_its_turn() -> None:
    bucket = Bucket(60, 100.0)
    assert [take(bucket, 100.0) for _ in range(61)] == [True] * 60 + [False]
    assert bucket.wait(100.0) == pytest.approx(1.0)
    assert not take(bucket, 100.9)
    assert take(bucket, 101.0)


def test_the_level_tells_limit_rest_and_time_until_full() -> None:
    bucket = Bucket(60, 0.0)
    assert bucket.state(0.0) == LimitState(60, 60, 0.0)
    bucket.charge(60)
    assert bucket.state(0.0) == LimitState(60, 0, 60.0)
    assert bucket.state(45.0) == LimitState(60, 45, 15.0)


def test_a_charge_may_leave_less_than_nothing_and_then_takes_longer_to_refill() -> None:
    bucket = Bucket(600, 0.0)
    bucket.charge(700)
    assert bucket.state(0.0) == LimitState(600, 0, 70.0)
    assert bucket.wait(0.0, 50) == pytest.approx(15.0)


def test_more_than_the_bucket_holds_can_be_taken_once_it_is_full() -> None:
    bucket = Bucket(600, 0.0)
    assert bucket.wait(0.0, 5_000) == 0.0
    bucket.charge(1)
    assert bucket.wait(0.0, 5_000) == pytest.approx(0.1)


@given(
    st.floats(min_value=1, max_value=1e7),
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50)), max_size=40),
)
def test_whoever_waits_as_long_as_told_is_let_in(per_minute: float, asked: list[tuple[float, float]]) -> None:
    """Told is a whole number of milliseconds, rounded up; asked is a gap and how many minutes' worth."""
    bucket, now = Bucket(per_minute, 0.0), 0.0
    for gap, minutes in asked:
        now += gap
        amount = minutes * per_minute
        now += math.ceil(bucket.wait(now, amount) * 1000) / 1000
        assert take(bucket, now, amount)
