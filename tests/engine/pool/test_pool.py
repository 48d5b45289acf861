"""The pool of keys: whose lease it is, and what befalls a key."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model.states import KeyState
from llmdash.engine.pool.member import Lease, Member
from llmdash.engine.pool.pool import KeyPool
from llmdash.llms.wire.failures import FailureKind
from tests.engine.pools import Clock, answer, choose, fail, pool_of, sent
from tests.engine.virtual_time import now, settle, virtual_time


def probe_of(pool: KeyPool, key: Member) -> Lease:
    """The next request that `key` gets; those that others get before are answered."""
    while (lease := choose(pool)).member is not key:
        answer(pool, lease)
    return lease


@given(st.lists(st.integers(0, 3), max_size=200))
def test_healthy_keys_of_equal_weight_never_differ_by_more_than_one(avoided: list[int]) -> None:
    """By two, where retries would rather have another key than the one that failed."""
    pool = pool_of(3, Clock())
    for number in avoided:
        lease = choose(pool, pool.members[number] if number < 3 else None)
        if number:
            answer(pool, lease)
        assert max(sent(pool)) - min(sent(pool)) <= (1 if set(avoided) <= {3} else 2)


def test_a_retry_goes_to_another_key_while_turns_are_equal() -> None:
    pool = pool_of(2, Clock())
    first = choose(pool)
    fail(pool, first, FailureKind.TRANSIENT)
    second = choose(pool, avoid=first.member)
    answer(pool, second)
    assert second.member is not first.member
    assert choose(pool, avoid=first.member).member is not first.member


def test_weights_are_shares_of_the_work() -> None:
    pool = pool_of(3, Clock(), [1.0, 2.0, 0.5])
    for _ in range(700):
        answer(pool, choose(pool))
    assert sent(pool) == pytest.approx([200, 400, 100], abs=2)
    pool.set_weight("key-0", 2.0)
    pool.set_weight("nobody", 2.0)
    for _ in range(900):
        answer(pool, choose(pool))
    assert sent(pool) == pytest.approx([600, 800, 200], abs=3)
    for wrong in (0.0, -1.0, 1_000.0, float("nan")):
        with pytest.raises(ValueError, match="weight"):
            pool.set_weight("key-0", wrong)


def test_a_key_that_rests_gets_no_work_until_the_hint_ends() -> None:
    clock = Clock()
    pool = pool_of(2, clock)
    rested = choose(pool)
    assert fail(pool, rested, FailureKind.THROTTLE, 10.0) is KeyState.THROTTLED
    for _ in range(20):
        answer(pool, choose(pool))
        clock.time += 0.4999
    assert rested.member.sent == 1
    clock.time += 0.01
    assert rested.member in [choose(pool).member for _ in range(2)]


def test_a_second_hint_never_shortens_a_rest() -> None:
    clock = Clock()
    pool = pool_of(1, clock)
    first, second, third = (choose(pool) for _ in range(3))
    fail(pool, first, FailureKind.THROTTLE, 30.0)
    fail(pool, second, FailureKind.THROTTLE, 1.0)
    fail(pool, third, FailureKind.THROTTLE)
    clock.time += 29.9
    assert not pool.may_lease(0)
    clock.time += 0.2
    assert pool.may_lease(0)


@pytest.mark.parametrize("hint", [float("nan"), float("inf"), -5.0, 0.0])
def test_a_hint_that_is_no_time_is_ignored(hint: float) -> None:
    pool = pool_of(1, Clock())
    fail(pool, choose(pool), FailureKind.THROTTLE, hint)
    assert pool.statistics()[0].ready_in_s == pytest.approx(1.0)


def test_a_key_that_comes_back_is_tried_with_one_request() -> None:
    clock = Clock()
    pool = pool_of(1, clock)
    fail(pool, choose(pool), FailureKind.THROTTLE, 5.0)
    clock.time += 6.0
    probe = choose(pool)
    assert probe.member.state is KeyState.HEALTHY
    assert pool.choose() is None
    answer(pool, probe)
    assert all(pool.choose() for _ in range(10))


def test_an_answer_that_was_on_its_way_does_not_end_a_rest() -> None:
    clock = Clock()
    pool = pool_of(1, clock)
    first, second, third = (choose(pool) for _ in range(3))
    key = pool.members[0]
    fail(pool, first, FailureKind.THROTTLE, 5.0)
    answer(pool, second)
    assert not pool.may_lease(0)
    assert key.state is KeyState.THROTTLED
    answer(pool, third)
    clock.time += 6.0
    assert choose(pool).member is key
    assert pool.choose() is None


@pytest.mark.parametrize("late_answers", [0, 3])
def test_a_key_that_comes_back_does_not_catch_up(late_answers: int) -> None:
    """A thousand turns were missed; it gets one in three of the next ones, not all of them."""
    clock = Clock()
    pool = pool_of(3, clock)
    key = pool.members[0]
    turns = []
    while key.sent < late_answers + 1:
        turns.append(choose(pool))
    first, *late = (lease for lease in turns if lease.member is key)
    fail(pool, first, FailureKind.THROTTLE, 10.0)
    for lease in late:
        answer(pool, lease)
    for _ in range(1_000):
        answer(pool, choose(pool))
    clock.time += 11.0
    answer(pool, probe_of(pool, key))
    clock.time += 120.0
    before = key.sent
    for _ in range(300):
        answer(pool, choose(pool))
    assert key.sent - before == pytest.approx(100, abs=2)


def test_two_keys_that_rest_in_turn_share_the_work_again() -> None:
    clock = Clock()
    pool = pool_of(2, clock)
    first, second = pool.members
    fail(pool, choose(pool), FailureKind.THROTTLE, 100.0)
    for _ in range(500):
        answer(pool, choose(pool))
    fail(pool, choose(pool), FailureKind.THROTTLE, 200.0)
    clock.time += 150.0
    for _ in range(50):
        answer(pool, choose(pool))
        clock.time += 0.1
    clock.time += 100.0
    for _ in range(2):
        answer(pool, choose(pool))
    clock.time += 120.0
    counts = first.sent, second.sent
    for _ in range(100):
        answer(pool, choose(pool))
    assert first.sent - counts[0] == pytest.approx(50, abs=2)
    assert second.sent - counts[1] == pytest.approx(50, abs=2)


def test_a_key_refused_twice_is_dead_until_it_is_revived() -> None:
    pool = pool_of(1, Clock())
    key = pool.members[0]
    assert fail(pool, choose(pool), FailureKind.AUTH) is None
    confirmation = choose(pool)
    assert pool.choose() is None
    assert fail(pool, confirmation, FailureKind.AUTH) is KeyState.DEAD
    assert pool.returns_in_s() == math.inf
    assert pool.statistics()[0].ready_in_s is None
    pool.revive(key.label)
    assert pool.returns_in_s() == 0
    assert choose(pool).member.state is KeyState.HEALTHY


def test_a_key_refused_once_and_then_answered_is_healthy() -> None:
    pool = pool_of(1, Clock())
    fail(pool, choose(pool), FailureKind.AUTH)
    answer(pool, choose(pool))
    fail(pool, choose(pool), FailureKind.AUTH)
    assert pool.members[0].state is KeyState.HEALTHY


def test_a_key_without_quota_rests_for_a_quarter_of_an_hour() -> None:
    clock = Clock()
    pool = pool_of(1, clock)
    first, second = choose(pool), choose(pool)
    assert fail(pool, first, FailureKind.QUOTA) is KeyState.QUARANTINED
    assert fail(pool, second, FailureKind.THROTTLE, 1.0) is None
    assert pool.statistics()[0].state is KeyState.QUARANTINED
    clock.time += 899.0
    assert not pool.may_lease(0)
    clock.time += 2.0
    assert pool.may_lease(0)


def test_a_key_the_user_turned_off_stays_off_whatever_comes_in() -> None:
    pool = pool_of(2, Clock())
    lease = choose(pool)
    key = lease.member
    pool.disable(key.label)
    pool.disable("nobody")
    fail(pool, lease, FailureKind.THROTTLE, 1.0)
    assert key.state is KeyState.DISABLED
    assert all(choose(pool).member is not key for _ in range(5))
    pool.revive(key.label)
    assert key in [choose(pool).member for _ in range(2)]


def test_a_request_that_never_left_does_not_count() -> None:
    pool = pool_of(3, Clock())
    for step in range(60):
        lease = choose(pool)
        if step % 4:
            answer(pool, lease)
        else:
            pool.not_sent(lease)
        assert max(sent(pool)) - min(sent(pool)) <= 1
    assert sum(sent(pool)) == 45


def test_an_empty_pool_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one key"):
        KeyPool([], Clock())


@virtual_time
async def test_whoever_waits_for_a_key_wakes_when_a_rest_ends() -> None:
    loop = asyncio.get_running_loop()
    pool = pool_of(2, loop.time)
    for hint in (7.0, 4.0):
        fail(pool, choose(pool), FailureKind.THROTTLE, hint)
    start = now()
    await pool.ready()
    assert 4.0 <= now() - start < 4.01


@virtual_time
async def test_whoever_waits_for_a_key_wakes_when_one_is_revived_or_its_probe_ends() -> None:
    pool = pool_of(1, asyncio.get_running_loop().time)
    pool.disable("key-0")
    waiting = asyncio.create_task(pool.ready())
    await settle()
    assert not waiting.done()
    pool.revive("key-0")
    await waiting
    fail(pool, choose(pool), FailureKind.AUTH)
    probe = choose(pool)
    waiting = asyncio.create_task(pool.ready())
    await settle()
    assert not waiting.done()
    pool.was_cut(probe)
    await waiting
