"""The health of keys: cooldown, quota, the climb after a rest, and what a resume remembers."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model.states import EndpointState, KeyState
from llmdash.engine.pool.health_records import health_record, restore_health
from llmdash.engine.pool.member import Endpoint, Member
from llmdash.engine.pool.pool import KeyPool
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.engine.pools import Clock, Silent, answer, choose, fail, pool_of


def rounds(pool: KeyPool, clock: Clock, broken: set[str], count: int, seconds: float = 0.05) -> None:
    """So many requests, of which those with a `broken` key fail."""
    for _ in range(count):
        lease = pool.choose()
        clock.time += seconds
        if lease is None:
            continue
        if lease.member.label in broken:
            pool.failed(lease, Failure(FailureKind.TRANSIENT, "reset"))
        else:
            answer(pool, lease)


def test_a_key_that_falters_while_others_succeed_cools_down_for_ever_longer() -> None:
    clock = Clock()
    pool = pool_of(3, clock)
    rests, probes = [], []
    for _ in range(8):
        asked = pool.members[0].sent
        while pool.statistics()[0].ready_in_s is None:
            rounds(pool, clock, {"key-0"}, 1)
        probes.append(pool.members[0].sent - asked)
        rests.append(pool.statistics()[0].ready_in_s)
        clock.time += (rests[-1] or 0.0) + 0.001
    assert rests == pytest.approx([5, 10, 20, 40, 80, 160, 300, 300], abs=0.1)
    assert probes[1:] == [1] * 7
    assert pool.members[0].endpoint.circuit_breaker.state is EndpointState.UP
    assert "reset" in pool.statistics()[0].detail


def test_a_key_in_cooldown_comes_back_with_one_request_alone() -> None:
    clock = Clock()
    pool = pool_of(2, clock)
    while pool.members[0].state is not KeyState.COOLDOWN:
        rounds(pool, clock, {"key-0"}, 1)
    clock.time += 5.0
    given_out = [pool.choose() for _ in range(20)]
    assert sum(lease is not None and lease.member.label == "key-0" for lease in given_out) == 1


def test_keys_that_fail_alike_are_untouched_and_their_endpoint_goes_down() -> None:
    clock = Clock()
    pool = pool_of(3, clock)
    rounds(pool, clock, set(), 60)
    rounds(pool, clock, {"key-0", "key-1", "key-2"}, 60)
    assert pool.members[0].endpoint.circuit_breaker.state is not EndpointState.UP
    assert all(member.state is KeyState.HEALTHY for member in pool.members)


def test_a_key_alone_at_its_endpoint_is_not_blamed_for_it() -> None:
    clock = Clock()
    other = Member(Silent(), "other", Endpoint("else", clock=clock), clock=clock)
    pool = KeyPool([*pool_of(1, clock).members, other], clock)
    rounds(pool, clock, {"key-0"}, 30)
    assert pool.members[0].state is KeyState.HEALTHY
    assert pool.members[0].endpoint.circuit_breaker.state is not EndpointState.UP
    assert other.endpoint.circuit_breaker.state is EndpointState.UP


def test_a_few_failures_now_and_then_change_nothing() -> None:
    clock = Clock()
    pool = pool_of(3, clock)
    for _ in range(100):
        rounds(pool, clock, {"key-0", "key-1"}, 3)
        rounds(pool, clock, set(), 9)
    assert all(member.state is KeyState.HEALTHY for member in pool.members)
    assert pool.members[0].endpoint.circuit_breaker.state is EndpointState.UP


def test_a_key_without_quota_is_asked_once_in_a_while_and_ever_more_rarely() -> None:
    clock = Clock()
    pool = pool_of(1, clock)
    rests = []
    for _ in range(5):
        fail(pool, choose(pool), FailureKind.QUOTA)
        rests.append(pool.statistics()[0].ready_in_s)
        clock.time += rests[-1] or 0.0
        assert pool.may_lease(0)
    assert rests == [900, 1800, 3600, 3600, 3600]
    answer(pool, choose(pool))
    fail(pool, choose(pool), FailureKind.QUOTA)
    assert pool.statistics()[0].ready_in_s == 900


def test_requests_that_were_on_their_way_do_not_lengthen_a_quarantine() -> None:
    pool = pool_of(1, Clock())
    turns = [choose(pool) for _ in range(30)]
    for lease in turns:
        fail(pool, lease, FailureKind.QUOTA)
    assert pool.statistics()[0].ready_in_s == 900


def test_after_a_rest_a_key_sends_at_half_its_rate_and_climbs_back() -> None:
    clock = Clock()
    pool = pool_of(1, clock)
    for _ in range(100):  # 10 a second
        lease = choose(pool)
        clock.time += 0.1
        answer(pool, lease)
    fail(pool, choose(pool), FailureKind.THROTTLE, 3.0)
    clock.time += 3.0
    answer(pool, choose(pool))
    seconds = [sent_within(pool, clock, 1.0) for _ in range(100)]
    assert 4 <= seconds[0] <= 6
    assert 9 <= seconds[30] <= 11, "the whole rate after ten times as long as the rest, 30 s at most"
    assert seconds[95] > 50, "and no limit in the end"
    assert all(later >= earlier - 1 for earlier, later in itertools.pairwise(seconds))


def sent_within(pool: KeyPool, clock: Clock, seconds: float) -> int:
    """Requests that a key gets within so many seconds, as fast as it may have them."""
    sent, end = 0, clock() + seconds
    while clock() < end:
        lease = pool.choose()
        if lease is not None:
            answer(pool, lease)
            sent += 1
        clock.time += 0.01
    return sent


@given(st.lists(st.tuples(st.floats(0.01, 100.0), st.floats(0.0, 50.0)), min_size=1, max_size=30))
def test_nothing_is_sent_before_the_end_of_any_hint(steps: list[tuple[float, float]]) -> None:
    clock = Clock()
    pool, until = pool_of(1, clock), 0.0
    for hint, pause in steps:
        lease = pool.choose()
        assert (lease is None) or clock() >= until
        if lease is not None:
            fail(pool, lease, FailureKind.THROTTLE, hint)
            until = max(until, clock() + hint)
        clock.time += pause


@pytest.mark.parametrize("hint", [3 * 3600.0, 20 * 86_400.0])
def test_a_long_hint_is_kept_to_its_end(hint: float) -> None:
    clock = Clock()
    pool = pool_of(1, clock)
    fail(pool, choose(pool), FailureKind.THROTTLE, hint)
    clock.time += hint - 1.0
    assert not pool.may_lease(0)
    clock.time += 1.1
    assert pool.may_lease(0)


def resumed(pool: KeyPool, clock: Clock, after_s: float) -> KeyPool:
    """The keys of `pool` in a process that starts so many seconds later."""
    records = [health_record(member, clock(), 5_000.0) for member in pool.members]
    later = pool_of(len(pool), clock)
    restore_health(later.members, records, 5_000.0 + after_s)
    return later


def test_a_resume_leaves_alone_what_rests() -> None:
    clock = Clock()
    pool = pool_of(3, clock)
    turns = [choose(pool) for _ in range(3)]
    fail(pool, turns[0], FailureKind.THROTTLE, 100.0)
    fail(pool, turns[1], FailureKind.QUOTA)
    pool.disable("key-2")
    later = resumed(pool, clock, 40.0)
    states = [(key.state, key.ready_in_s) for key in later.statistics()]
    assert states == [
        (KeyState.THROTTLED, pytest.approx(60.0)),
        (KeyState.QUARANTINED, pytest.approx(860.0)),
        (KeyState.DISABLED, None),
    ]
    assert later.returns_in_s() == pytest.approx(60.0)


def test_a_resume_after_the_rest_finds_a_healthy_key() -> None:
    clock = Clock()
    pool = pool_of(1, clock)
    fail(pool, choose(pool), FailureKind.THROTTLE, 100.0)
    assert resumed(pool, clock, 101.0).may_lease(0)


def test_a_clock_that_was_set_back_makes_no_rest_longer() -> None:
    clock = Clock()
    pool = pool_of(1, clock)
    fail(pool, choose(pool), FailureKind.THROTTLE, 100.0)
    assert resumed(pool, clock, -86_400.0).statistics()[0].ready_in_s == pytest.approx(100.0)


def test_a_dead_key_gets_one_request_after_a_resume() -> None:
    clock = Clock()
    pool = pool_of(1, clock)
    for _ in range(2):
        fail(pool, choose(pool), FailureKind.AUTH)
    later = resumed(pool, clock, 1.0)
    probe = choose(later)
    assert later.choose() is None
    assert fail(later, probe, FailureKind.AUTH) is KeyState.DEAD
