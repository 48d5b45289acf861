"""A limit that nobody has stated, and the latency that says that a server is full."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.pool.latency_gauge import LatencyGauge
from llmdash.engine.pool.learned_limit import LearnedLimit
from tests.engine.pools import Clock


def used(limit: LearnedLimit, clock: Clock, seconds: float, most: float = math.inf) -> int:
    """How many units go through in `seconds`, where as many are wanted as may, up to `most` a second."""
    taken, until = 0, clock.time + seconds
    room = 0.0
    while clock.time < until:
        room = min(1.0, room + most * 0.05)
        while room > 0 and limit.wait_s(1) <= 0:
            limit.take(1)
            taken += 1
            room -= 1.0 if most < math.inf else 0.0
        clock.time += 0.05
    return taken


def test_it_doubles_every_ten_seconds_while_it_is_what_holds_requests_up() -> None:
    clock = Clock()
    limit = LearnedLimit(clock, 2.0)
    used(limit, clock, 20.0)
    assert 7.5 <= limit.rate <= 8.1


def test_it_does_not_grow_while_less_is_wanted() -> None:
    clock = Clock()
    limit = LearnedLimit(clock, 2.0)
    used(limit, clock, 60.0, most=0.5)
    assert limit.rate == 2.0


def test_without_a_start_it_is_free_until_something_is_refused() -> None:
    clock = Clock()
    limit = LearnedLimit(clock)
    limit.take(6_000)
    clock.time += 30.0
    assert limit.wait_s(10**9) == 0.0
    limit.refused(again=False)
    assert limit.rate < math.inf


def test_a_refusal_at_an_even_pace_holds_just_below_what_was_used() -> None:
    clock = Clock()
    limit = LearnedLimit(clock, 5.0)
    for _ in range(600):
        limit.take(1)
        clock.time += 0.2
    limit.refused(again=False)
    assert limit.held_at is not None and 4.9 <= limit.held_at <= 5.1
    assert limit.rate < limit.held_at
    assert used(limit, clock, 19.0) <= limit.held_at * 19.0


def test_a_limit_that_is_met_again_is_tried_more_rarely() -> None:
    clock = Clock()
    limit = LearnedLimit(clock, 2.0)
    waits = []
    for _ in range(4):
        limit.cut_to(5.0)
        begun = clock.time
        while not limit.is_probing:
            used(limit, clock, 1.0)
        waits.append(clock.time - begun)
    assert waits[1] < waits[2] < waits[3]


@given(
    st.lists(st.sampled_from(["wait", "use", "refuse", "again", "let through", "cut", "slow"]), max_size=60)
)
def test_whatever_happens_there_is_a_pace_above_zero_and_time_brings_room(happenings: list[str]) -> None:
    clock = Clock()
    limit = LearnedLimit(clock, 2.0)
    for what in happenings:
        match what:
            case "wait":
                clock.time += 7.0
            case "use":
                used(limit, clock, 0.5, most=20.0)
            case "refuse" | "again":
                limit.refused(again=what == "again")
            case "let through":
                limit.let_through()
            case "cut":
                limit.cut_to(limit.rate / 2)
            case "slow":
                limit.slow_down(0.0005)
        assert 0 < limit.rate < math.inf
    for _ in range(600):
        clock.time += min(1.0, limit.wait_s(1) + 0.01)
    assert limit.wait_s(1) <= 0


def gauge_of(latency_s: float, in_flight: int, gauge: LatencyGauge, now: float) -> tuple[bool, float]:
    """Whether twenty answers of that latency say that it grew, and the time after them."""
    grew = False
    for _ in range(20):
        now += 0.5
        grew = gauge.grew(latency_s, 100, in_flight, now) or grew
    return grew, now


def test_answers_that_take_longer_with_more_in_flight_say_that_the_server_is_full() -> None:
    gauge = LatencyGauge()
    grew, now = gauge_of(1.0, 4, gauge, 0.0)
    assert not grew
    assert gauge_of(2.5, 12, gauge, now)[0]


def test_answers_that_take_longer_by_themselves_are_not_the_fault_of_what_is_sent() -> None:
    gauge = LatencyGauge()
    _, now = gauge_of(1.0, 4, gauge, 0.0)
    assert not gauge_of(2.5, 4, gauge, now)[0]


def test_longer_answers_are_no_slower_ones() -> None:
    gauge = LatencyGauge()
    _, now = gauge_of(1.0, 4, gauge, 0.0)
    assert not any(gauge.grew(5.0, 600, 12, now + n) for n in range(30))
