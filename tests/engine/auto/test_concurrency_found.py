"""The concurrency found by itself: what may be in flight at once, and the way back after a pause."""

from __future__ import annotations

import math

from llmdash.engine.pool.health import KeyHealth
from llmdash.engine.pool.in_flight_window import InFlightWindow
from llmdash.engine.pool.let_through import LetThrough
from llmdash.engine.pool.rate_tuner import RateTuner
from llmdash.llms.messages import Usage
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.engine.pools import Clock, answer, choose, pool_of


def filled(window: InFlightWindow, answers: int, *, is_flat: bool = True) -> int:
    """The size after so many answers while it was full."""
    for _answer in range(answers):
        window.answered(window.size, is_flat=is_flat)
    return window.size


def test_it_doubles_in_the_time_of_an_answer_while_it_is_full_and_answers_are_as_fast_as_before() -> None:
    window = InFlightWindow(Clock())
    first = window.size
    assert filled(window, first) == 2 * first
    assert filled(window, 50, is_flat=False) == 2 * first
    window.answered(first, is_flat=True)
    assert window.size == 2 * first, "what is not full does not hold anything up"


def test_once_it_was_cut_it_grows_by_one_in_the_time_of_an_answer() -> None:
    window = InFlightWindow(Clock(), 40)
    window.cut_to(20.0)
    assert filled(window, 21) == 21
    window.cut_to(0.01)
    assert window.size == 8, "of few at once latency says little"
    window.refused(1)
    assert window.size == 1, "one request always may be in flight"


def test_a_key_has_no_more_in_flight_than_its_window_and_says_that_this_holds_it_up() -> None:
    clock = Clock()
    pool = pool_of(1, clock)
    pool.set_auto(on=True)
    (member,) = pool.members
    assert member.tuner is not None
    leases = []
    for _second in range(200):
        clock.time += 1.0
        if pool.may_lease(0):
            leases.append(choose(pool))
    assert len(leases) == pool.auto(None).at_once == member.tuner.at_once
    assert member.wait_s(clock.time) == math.inf
    assert pool.waits_for_auto
    answer(pool, leases[0])
    assert pool.may_lease(0)


def test_a_refusal_that_is_about_requests_at_once_cuts_these_and_not_the_rate() -> None:
    clock = Clock()
    health = KeyHealth(clock)
    tuner = RateTuner(health, clock, LetThrough(requests=[50, 50, 0]), in_flight=30)
    refused = Failure(FailureKind.THROTTLE, "Too many concurrent requests", status=429)
    health.taken(clock.time)
    tuner.take(0, 1)
    tuner.refused(refused, 1, 29)
    assert (tuner.rate, tuner.at_once) == (50.0, 21)


def climbed(clock: Clock, tuner: RateTuner, seconds: float, latency_s: float = 1.0) -> None:
    """Send as fast as the pace allows."""
    until, ticket = clock.time + seconds, 0
    while clock.time < until:
        clock.time += 0.05
        while tuner.wait_s(0, 0) <= 0:
            ticket += 1
            tuner.take(0, ticket)
            tuner.answered(ticket, 0, Usage(10, 10), latency_s, tuner.at_once - 1)


def test_after_a_pause_of_more_than_a_minute_the_rate_climbs_again_and_after_a_short_one_it_goes_on() -> None:
    clock = Clock()
    tuner = RateTuner(KeyHealth(clock), clock)
    climbed(clock, tuner, 40.0)
    fast, wide = tuner.rate, tuner.at_once
    assert fast > 20.0
    clock.time += 50.0
    tuner.wait_s(0, 0)
    assert fast <= tuner.rate < fast * 1.2
    assert tuner.at_once == wide
    clock.time += 61.0
    tuner.wait_s(0, 0)
    assert tuner.rate < fast / 8
    assert tuner.at_once < wide
    climbed(clock, tuner, 60.0)
    assert tuner.rate > fast
