"""What follows from a failure."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.dispatch.retry_policy import Decision, RetryPolicy
from llmdash.engine.pool.attribution import Attribution
from llmdash.llms.wire.failures import Failure, FailureKind

POLICY = RetryPolicy()
NOTHING = Attribution()


def decide(
    kind: FailureKind,
    counted: int = 0,
    uncounted: int = 0,
    hint: float | None = None,
    attribution: Attribution = NOTHING,
) -> Decision:
    failure = Failure(kind, "no", retry_after=hint)
    return POLICY.decide(
        failure, counted=counted, uncounted=uncounted, rng=random.Random(counted), attribution=attribution
    )


@given(st.integers(0, 1_000), st.integers())
def test_backoff_doubles_up_to_a_minute_and_is_spread_over_half_of_it(n: int, seed: int) -> None:
    whole = min(60.0, 0.5 * 2 ** min(n, 40))
    assert whole / 2 <= POLICY.backoff(n, random.Random(seed)) <= whole


def test_a_transient_failure_is_retried_five_times() -> None:
    decisions = [decide(FailureKind.TRANSIENT, counted) for counted in range(7)]
    assert [decision.again for decision in decisions] == [True] * 5 + [False] * 2
    assert all(decision.counted for decision in decisions)


def test_a_request_that_is_refused_is_not_sent_again() -> None:
    assert not decide(FailureKind.REQUEST).again


@pytest.mark.parametrize("kind", [FailureKind.LOCAL, FailureKind.CONFIG, FailureKind.QUOTA, FailureKind.AUTH])
def test_what_a_key_this_machine_or_the_settings_did_never_fails_a_job(kind: FailureKind) -> None:
    late = decide(kind, 5, 1_000)
    assert late.again
    assert not late.counted
    assert 0.0 < late.delay_s <= 8.0


def test_a_job_that_is_rate_limited_never_fails_by_that_alone() -> None:
    decision = decide(FailureKind.THROTTLE, 5, 1_000, attribution=Attribution(wait_s=7.0))
    assert decision == Decision(again=True, delay_s=7.0)


@pytest.mark.parametrize("kind", FailureKind)
def test_whatever_turns_out_to_be_the_prompts_own_fault_is_not_sent_again(kind: FailureKind) -> None:
    assert not decide(kind, attribution=Attribution(is_own=True)).again


@pytest.mark.case("wire", "key-400")
def test_a_refusal_that_may_be_the_keys_is_sent_to_another_at_once_and_does_not_count() -> None:
    decision = decide(FailureKind.REQUEST, attribution=Attribution(elsewhere=True))
    assert decision == Decision(again=True)


@pytest.mark.case("wire", "slow-first")
@pytest.mark.parametrize("allowed", [0, 1, 3])
def test_what_may_have_to_be_paid_for_is_retried_as_often_as_asked_for(allowed: int) -> None:
    policy = RetryPolicy(billed_retries=allowed)
    failure = Failure(FailureKind.TRANSIENT, "no byte in time", may_be_billed=True)
    again = [
        policy.decide(failure, counted=n, uncounted=0, billed=n, rng=random.Random(n)).again for n in range(5)
    ]
    assert again == [n < allowed for n in range(5)]


@given(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)))
def test_the_servers_hint_is_kept_up_to_two_minutes_and_nonsense_is_ignored(hint: float | None) -> None:
    delay = decide(FailureKind.TRANSIENT, hint=hint).delay_s
    assert 0.25 <= delay <= 120.0
    if hint is not None and 0.5 < hint <= 120.0:
        assert delay == hint
