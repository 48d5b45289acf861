"""Limits of a key: requests and tokens a minute, room at the endpoint, and what the server says is left."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.pool.member import Endpoint, Member, MemberLimits
from llmdash.engine.pool.pool import KeyPool
from llmdash.engine.pool.token_bucket import TokenBucket
from llmdash.llms.messages import Hints, Usage
from tests.engine.pools import Clock, Silent
from tests.engine.virtual_time import now, virtual_time


def member(clock: Clock, label: str = "k", **limits: float) -> Member:
    """A key with allowances of so much a minute."""
    made = {name: TokenBucket(amount, clock) for name, amount in limits.items()}
    return Member(Silent(), label, limits=MemberLimits(**made), clock=clock)


def test_a_key_is_given_no_more_requests_a_minute_than_it_may_have() -> None:
    clock = Clock()
    pool, sent = KeyPool([member(clock, requests=120)], clock), 0
    for _ in range(6000):
        chosen = pool.choose()
        if chosen is not None:
            sent += 1
            pool.succeeded(chosen, Usage(1, 1))
        clock.time += 0.01
    assert 120 <= sent <= 122


@pytest.mark.parametrize("seconds", [3.0, 60.0, 86_400.0])
def test_behind_a_suspension_a_key_is_given_no_more_at_once_than_a_second_of_its_limit(
    seconds: float,
) -> None:
    clock = Clock()
    pool = KeyPool([member(clock, requests=600)], clock)
    clock.time += seconds
    given = 0
    while (chosen := pool.choose()) is not None:
        given += 1
        pool.succeeded(chosen, Usage(1, 1))
    assert given == 10


def test_tokens_are_reserved_before_and_settled_after() -> None:
    clock = Clock()
    pool = KeyPool([member(clock, tokens=6000)], clock)
    chosen = pool.choose(tokens=100)
    assert chosen is not None
    assert not pool.may_lease(50)
    pool.succeeded(chosen, Usage(20, 20))
    assert pool.may_lease(50)


def test_what_an_answer_used_beyond_its_reserve_is_paid_back_by_waiting() -> None:
    clock = Clock()
    key = member(clock, tokens=6000)
    pool = KeyPool([key], clock)
    chosen = pool.choose(tokens=10)
    assert chosen is not None
    pool.succeeded(chosen, Usage(500, 500))
    assert key.wait_s(clock(), 100) == pytest.approx(10.0, abs=0.1)


def test_a_prompt_longer_than_a_second_of_the_limit_is_sent_all_the_same_and_the_next_waits() -> None:
    clock = Clock()
    key = member(clock, tokens=6000)
    pool = KeyPool([key], clock)
    assert pool.choose(tokens=3000) is not None
    assert key.wait_s(clock(), 1) == pytest.approx(29.0, abs=0.2)


def test_an_endpoint_that_is_full_gets_no_more_until_something_ends_there() -> None:
    clock = Clock()
    room = Endpoint("e", 2, clock)
    keys = [Member(Silent(), label, room, clock=clock) for label in "ab"]
    pool = KeyPool(keys, clock)
    first, second = pool.choose(), pool.choose()
    assert first is not None and second is not None
    assert pool.choose() is None
    pool.was_cut(first)
    assert pool.choose() is not None


def test_waiting_for_an_allowance_ends_when_it_is_there() -> None:
    @virtual_time()
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        limits = MemberLimits(requests=TokenBucket(60, loop.time))
        pool = KeyPool([Member(Silent(), "k", limits=limits, clock=loop.time)], loop.time)
        began = now()
        for _ in range(5):
            await pool.ready()
            assert pool.choose() is not None
        assert now() - began == pytest.approx(4.0, abs=0.1)

    scenario()


def test_a_key_of_which_the_server_says_that_nothing_remains_rests_for_one_request() -> None:
    clock = Clock()
    key = member(clock)
    pool = KeyPool([key], clock)
    chosen = pool.choose()
    assert chosen is not None
    told = Hints(limit_requests=600, remaining_requests=0, reset_requests_s=60.0)
    pool.succeeded(chosen, Usage(1, 1), hints=told)
    assert key.wait_s(clock()) == pytest.approx(0.1)
    assert pool.statistics()[0].remaining == 0


def test_a_key_with_requests_left_does_not_rest() -> None:
    clock = Clock()
    key = member(clock)
    pool = KeyPool([key], clock)
    chosen = pool.choose()
    assert chosen is not None
    told = Hints(limit_requests=600, remaining_requests=7, reset_requests_s=59.0, limit_tokens=0)
    pool.succeeded(chosen, Usage(1, 1), hints=told)
    assert key.wait_s(clock()) == 0.0


@given(
    st.floats(1, 1e6),
    st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5000), st.floats(0, 5000)), max_size=60),
)
def test_over_any_time_no_more_is_used_than_flowed_in(
    per_minute: float, steps: list[tuple[float, float, float]]
) -> None:
    """Each request waits for its reserve; what it truly used is settled. One reserve of debt is allowed."""
    clock = Clock()
    budget, began, used = TokenBucket(per_minute, clock), clock.time, 0.0
    largest = 0.0
    for pause, reserve, true in steps:
        clock.time += pause
        wait = budget.wait_s(reserve)
        assert math.isfinite(wait) and wait >= 0
        clock.time += wait
        budget.take(reserve)
        budget.settle(reserve, true)
        used += true
        largest = max(largest, reserve, true)
    flowed = (clock.time - began) * per_minute / 60 + max(1.0, per_minute / 60)
    assert used <= flowed + largest + 1e-3 * max(1.0, used)
