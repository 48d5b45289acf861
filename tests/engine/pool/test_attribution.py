"""Whose fault a failure is: strikes, refusals and the words of a server, one request at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model.states import EndpointState, KeyState
from llmdash.engine.pool import strikes
from llmdash.engine.pool.job_history import JobHistory, Others
from llmdash.engine.pool.member import Lease
from llmdash.engine.pool.pool import KeyPool
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.engine.pools import Clock, answer, choose, pool_of

NOBODY = Others(0, 0)


def limited(hint: float | None = None) -> Failure:
    return Failure(FailureKind.THROTTLE, "slow down", status=429, retry_after=hint)


def by_words(kind: FailureKind) -> Failure:
    return Failure(kind, "raise your spending limit", status=400, by_words=True)


def lease_of(pool: KeyPool, number: int) -> Lease:
    """A lease of this key."""
    while True:
        lease = choose(pool)
        if lease.member is pool.members[number]:
            return lease
        pool.not_sent(lease)
        lease.member.stride_pass += 2.0


class OnTrial:
    """A pool of one key, and a job that it rate limits."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.pool = pool_of(1, self.clock)
        self.history = JobHistory(0)

    def struck(self, others: list[int]) -> None:
        if 0 in others:
            strikes.struck(self.history)

    def answered(self, lease: Lease) -> None:
        self.struck(list(self.pool.succeeded(lease, None)))

    def limited(self, lease: Lease) -> bool:
        return self.pool.failed(lease, limited(), self.history).is_own

    def rest(self) -> None:
        self.clock.time += 4_000.0


@pytest.mark.case("wire", "poison-prompt")
@given(
    alone=st.booleans(),
    before=st.integers(0, 3),
    later=st.integers(0, 9),
    failing=st.integers(0, 3),
)
def test_a_strike_needs_a_request_alone_and_five_answers_to_later_ones(
    alone: bool, before: int, later: int, failing: int
) -> None:
    trial = OnTrial()
    earlier = [choose(trial.pool) for _ in range(before)]
    if alone:
        for lease in earlier:
            trial.answered(lease)
    own = choose(trial.pool)
    trial.limited(own)
    if not alone:
        for lease in earlier:
            trial.answered(lease)
    trial.rest()
    for _ in range(failing):
        lease = choose(trial.pool)
        trial.pool.failed(lease, Failure(FailureKind.TRANSIENT, "no", status=500), JobHistory(1))
        trial.rest()
    for _ in range(later):
        trial.answered(choose(trial.pool))
        trial.rest()
    assert trial.history.strikes == ((alone or not before) and later >= 5)


@pytest.mark.case("wire", "poison-prompt")
def test_with_two_strikes_a_429_rests_no_key_and_the_fifth_is_fatal() -> None:
    trial = OnTrial()
    rested = []
    for number in range(5):
        assert trial.history.strikes == number
        assert not trial.limited(choose(trial.pool))
        rested.append(trial.pool.statistics()[0].ready_in_s is not None)
        trial.rest()
        for _ in range(5):
            trial.answered(choose(trial.pool))
            trial.rest()
    assert rested == [True, True, False, False, False]
    assert trial.history.strikes == strikes.FATAL
    assert trial.limited(choose(trial.pool))


@pytest.mark.case("wire", "poison-prompt")
def test_a_job_with_a_strike_waits_for_a_key_of_its_own() -> None:
    clock = Clock()
    pool = pool_of(2, clock)
    history = JobHistory(0, strikes=1)
    busy = [choose(pool) for _ in range(4)]
    terms = pool.terms(history, Others(5, 5))
    assert terms.alone
    assert not pool.may_lease(0, terms)
    assert pool.look_in_s(0, terms) < 1.0
    reserved = [member for member in pool.members if member.reserved_until > clock()]
    assert len(reserved) == 1
    assert choose(pool).member is not reserved[0]
    for lease in busy:
        answer(pool, lease)
    alone = pool.choose(terms)
    assert alone is not None
    assert alone.member is reserved[0]
    assert alone.is_lone


def test_a_key_that_is_kept_free_for_nobody_is_used_again_after_a_second() -> None:
    clock = Clock()
    pool = pool_of(1, clock)
    busy = choose(pool)
    pool.look_in_s(0, pool.terms(JobHistory(0, strikes=1), Others()))
    answer(pool, busy)
    assert not pool.may_lease(0)
    clock.time += 1.0
    assert pool.may_lease(0)


@pytest.mark.case("wire", "two-resets")
@given(st.lists(st.tuples(st.floats(0.01, 100.0), st.booleans()), min_size=1, max_size=8))
def test_a_guess_shortens_no_backoff_and_no_second_hint_a_rest(hints: list[tuple[float, bool]]) -> None:
    clock = Clock()
    pool = pool_of(1, clock)
    leases = [choose(pool) for _ in hints]
    until, backoff_s = 0.0, 1.0
    for lease, (hint, is_guess) in zip(leases, hints, strict=True):
        failure = Failure(FailureKind.THROTTLE, "no", status=429, retry_after=hint, is_guess=is_guess)
        pool.failed(lease, failure)
        until = max(until, clock() + (max(hint, backoff_s) if is_guess else hint))
        backoff_s = 2.0
        assert pool.members[0].health.rests_until == pytest.approx(until)


@pytest.mark.case("wire", "two-resets")
def test_guesses_grow_with_the_429s_in_a_row() -> None:
    clock = Clock()
    pool = pool_of(1, clock)
    rests = []
    for _ in range(8):
        pool.failed(choose(pool), Failure(FailureKind.THROTTLE, "no", retry_after=0.5, is_guess=True))
        rests.append(pool.members[0].health.rests_until - clock())
        clock.time += rests[-1]
    assert rests == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])


@pytest.mark.case("engine", "echo-quota")
@pytest.mark.parametrize("kind", [FailureKind.QUOTA, FailureKind.AUTH])
def test_on_words_alone_a_job_blames_one_key_and_fails_if_nobody_else_is_left_to_ask(
    kind: FailureKind,
) -> None:
    pool, history = pool_of(3, Clock()), JobHistory(0)
    first = pool.failed(lease_of(pool, 0), by_words(kind), history)
    assert not first.is_own
    assert not pool.failed(lease_of(pool, 1), by_words(kind), history).is_own
    assert pool.members[1].state is KeyState.HEALTHY
    assert not pool.members[1].health.on_probation
    assert pool.failed(lease_of(pool, 2), by_words(kind), history, NOBODY).is_own
    assert [member.state for member in pool.members] == [KeyState.HEALTHY] * 3


@pytest.mark.case("engine", "echo-quota")
@pytest.mark.parametrize("kind", [FailureKind.QUOTA, FailureKind.AUTH])
def test_a_key_that_answers_others_is_at_no_fault(kind: FailureKind) -> None:
    pool, history = pool_of(2, Clock()), JobHistory(0)
    pool.failed(lease_of(pool, 0), by_words(kind), history)
    own, other = lease_of(pool, 1), lease_of(pool, 1)
    answer(pool, other)
    assert pool.failed(own, by_words(kind), history).is_own
    assert [member.state for member in pool.members] == [KeyState.HEALTHY] * 2


def test_a_refusal_is_confirmed_by_another_job_that_was_sent_after_it() -> None:
    pool = pool_of(1, Clock())
    refused = Failure(FailureKind.AUTH, "bad key", status=401)
    on_their_way = [choose(pool) for _ in range(5)]
    for number, lease in enumerate(on_their_way):
        pool.failed(lease, refused, JobHistory(number))
    states = [pool.members[0].state]
    pool.failed(choose(pool), refused, JobHistory(7))
    assert [*states, pool.members[0].state] == [KeyState.HEALTHY, KeyState.DEAD]


@pytest.mark.case("wire", "model-404-key")
def test_what_was_under_way_confirms_no_refusal_of_a_model() -> None:
    pool = pool_of(1, Clock())
    refused = Failure(FailureKind.AUTH, "not for you", status=403)
    for number, lease in enumerate([choose(pool) for _ in range(9)]):
        pool.failed(lease, refused, JobHistory(number))
    states = [pool.members[0].state]
    pool.failed(choose(pool), refused, JobHistory(9))
    assert [*states, pool.members[0].state] == [KeyState.HEALTHY, KeyState.DEAD]


def test_a_revived_key_has_all_its_models_again() -> None:
    pool = pool_of(1, Clock())
    refused = Failure(FailureKind.AUTH, "not for you", status=403)
    for number in range(2):
        pool.failed(choose(pool), refused, JobHistory(number, "large"))
    assert pool.members[0].models_left == {"large"}
    assert "large" in pool.statistics()[0].detail
    assert pool.with_model(pool.terms(JobHistory(), Others()), "large") is None
    assert pool.with_model(pool.terms(JobHistory(), Others()), None) is not None
    pool.revive("key-0")
    assert pool.with_model(pool.terms(JobHistory(), Others()), "large") is not None


@pytest.mark.case("engine", "always-500")
def test_a_job_that_fails_while_others_pass_changes_neither_its_key_nor_the_endpoint() -> None:
    pool, history = pool_of(1, Clock()), JobHistory(0)
    unavailable = Failure(FailureKind.TRANSIENT, "no", status=503)
    pool.failed(choose(pool), unavailable, history)
    answer(pool, choose(pool))
    for _ in range(50):
        assert not pool.failed(choose(pool), unavailable, history).excused
    assert pool.members[0].state is KeyState.HEALTHY
    assert pool.members[0].endpoint.circuit_breaker.state is EndpointState.UP


@pytest.mark.case("wire", "slow-down")
def test_a_key_asked_to_slow_down_sends_at_half_its_rate_and_climbs_by_half_in_15_minutes() -> None:
    clock = Clock()
    pool = pool_of(1, clock)

    def sent_in(seconds: float) -> int:
        before, end, due = pool.members[0].sent, clock.time + seconds, clock.time
        while clock.time < end:
            if clock.time >= due - 1e-6 and pool.may_lease(0):
                answer(pool, choose(pool))
                due = clock.time + 0.1
            clock.time += 0.01
        return pool.members[0].sent - before

    assert sent_in(20.0) == pytest.approx(200, abs=2)
    slower = Failure(FailureKind.TRANSIENT, "slow down", status=503, slow_down=True)
    leases = [choose(pool) for _ in range(4)]
    assert [pool.failed(lease, slower).slowed for lease in leases] == [True, False, False, False]
    assert "slow down" in pool.statistics()[0].detail
    clock.time += 1.0
    first = sent_in(30.0)
    assert 0.35 * 300 < first < 0.6 * 300
    clock.time += 900.0
    assert 1.3 * first < sent_in(30.0) < 1.7 * first
    clock.time += 1.0
    assert pool.failed(choose(pool), slower).slowed
    assert sent_in(30.0) < first
    clock.time += 3_600.0
    assert sent_in(30.0) == pytest.approx(300, abs=3)
    assert pool.statistics()[0].detail == ""


def test_a_key_that_sends_little_is_slowed_down_too_and_revived_at_full_speed() -> None:
    clock = Clock()
    pool = pool_of(1, clock)
    pool.failed(choose(pool), Failure(FailureKind.TRANSIENT, "slow down", slow_down=True))
    assert not pool.may_lease(0)
    pool.revive("key-0")
    assert pool.may_lease(0)
