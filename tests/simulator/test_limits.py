"""The limit of requests a minute, on a clock of its own, and the orders for a key."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.simulator.limits import KeyGate, TokenBucket, duration


@given(
    st.floats(min_value=0.5, max_value=10_000), st.lists(st.floats(min_value=0, max_value=30), max_size=60)
)
def test_a_request_sent_when_the_wait_is_over_is_let_in(rpm: float, gaps: list[float]) -> None:
    bucket, now = TokenBucket(rpm, 0.0), 0.0
    for gap in gaps:
        now += gap
        if not bucket.take(now):
            now += bucket.wait(now)
            assert bucket.take(now)


@given(st.integers(min_value=1, max_value=600), st.lists(st.floats(min_value=0, max_value=2), max_size=200))
def test_no_stretch_of_time_holds_more_than_the_burst_and_the_refill(rpm: int, gaps: list[float]) -> None:
    bucket, now = TokenBucket(rpm, 0.0), 0.0
    taken: list[float] = []
    for gap in gaps:
        now += gap
        if bucket.take(now):
            taken.append(now)
    for first, start in enumerate(taken):
        for count, end in enumerate(taken[first:], start=1):
            assert count <= rpm + (end - start) * rpm / 60 + 1e-6


def test_a_rested_key_may_send_a_minute_at_once_and_then_waits_its_turn() -> None:
    bucket = TokenBucket(60, 100.0)
    assert [bucket.take(100.0) for _ in range(61)] == [True] * 60 + [False]
    assert bucket.wait(100.0) == pytest.approx(1.0)
    assert not bucket.take(100.9)
    assert bucket.take(101.0)


def test_the_headers_tell_limit_rest_and_time_until_full() -> None:
    bucket = TokenBucket(60, 0.0)
    assert dict(bucket.headers(0.0)) == {
        b"x-ratelimit-limit-requests": b"60",
        b"x-ratelimit-remaining-requests": b"60",
        b"x-ratelimit-reset-requests": b"0ms",
    }
    for _ in range(60):
        bucket.take(0.0)
    assert dict(bucket.headers(0.0))[b"x-ratelimit-remaining-requests"] == b"0"
    assert dict(bucket.headers(0.0))[b"x-ratelimit-reset-requests"] == b"1m0s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.012, "12ms"),
        (1, "1s"),
        (1.5, "1.5s"),
        (60, "1m0s"),
        (360, "6m0s"),
        (3723.25, "1h2m3.25s"),
    ],
)
def test_durations_are_written_as_openai_writes_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_key_told_to_rest_is_throttled_until_then() -> None:
    gate = KeyGate(0, 0, now=0.0)
    assert gate.admit(0.0).admitted
    gate.order({"throttle_s": 10}, now=0.0)
    assert gate.admit(4.0).retry_after == pytest.approx(6.0)
    assert gate.admit(10.0).admitted
    gate.order({"throttle_s": 10}, now=20.0)
    gate.order({"throttle_s": 0}, now=21.0)
    assert gate.admit(21.0).admitted


def test_a_refused_key_is_unknown_until_it_is_taken_back() -> None:
    gate = KeyGate(60, 0, now=0.0)
    gate.order({"refuse": True}, now=0.0)
    assert not gate.admit(0.0).known
    gate.order({"refuse": False}, now=0.0)
    assert gate.admit(0.0).admitted


def test_a_throttled_request_takes_nothing_from_the_limit() -> None:
    gate = KeyGate(1, 0, now=0.0)
    assert gate.admit(0.0).admitted
    waits = [gate.admit(float(second)).retry_after for second in (0, 20, 40)]
    assert waits == [pytest.approx(60), pytest.approx(40), pytest.approx(20)]
    assert gate.admit(60.0).admitted


@pytest.mark.parametrize(
    "orders",
    [
        {"refuse": 1},
        {"throttle_s": -1},
        {"throttle_s": "x"},
        {"throttle_s": True},
        {"error_rate": 2},
        {"what": 1},
    ],
)
def test_an_order_that_makes_no_sense_changes_nothing(orders: dict[str, Any]) -> None:
    gate = KeyGate(0, 0.25, now=0.0)
    with pytest.raises(ValueError, match=next(iter(orders))):
        gate.order({"refuse": True, **orders}, now=0.0)
    assert gate.admit(0.0).admitted
    assert gate.error_rate == 0.25
