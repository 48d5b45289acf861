"""Strikes: whether a rate limit (429) is the fault of one prompt, such as one beyond the tokens of a minute.

A key rests after each 429. So one prompt that is never accepted would keep all keys at rest. It is found by
what others meet: it was sent with nothing else in flight on its key, and still got 429, while at least 5 jobs
sent after it on that key were answered. That is a strike. With two its 429s rest no key any more, with five
it fails.
"""

from __future__ import annotations

from collections.abc import Sequence

from llmdash.engine.pool.job_history import JobHistory
from llmdash.engine.pool.member import Lease, Member
from llmdash.engine.pool.trial import TESTIMONIES, StrikeTrial
from llmdash.llms.wire.failures import Failure

__all__ = ["FATAL", "close", "spared_wait_s", "struck", "testify", "throttled", "wait_s"]

FATAL = 5
_KNOWN = 2
_LONGEST_HINT_S = 120.0
_PATIENCE_S = 60.0
_LONGEST_WAIT_S = 60.0
_LAST_S = 2.5
"""Waits from twice this on, doubling: until it fails, a job that is left alone has seen a minute pass."""


def throttled(
    lease: Lease, failure: Failure, history: JobHistory, members: Sequence[Member], now: float, unsent: int
) -> bool:
    """Note a 429: the key rests, unless the job is known for it. Return True if the job fails with it.

    `unsent` is the number of jobs to be sent later. If there are none, those answered before have to do.
    """
    answers = sum(member.ok for member in members)
    if not history.throttles:
        history.answers_then = answers
    history.throttles += 1
    if history.strikes < _KNOWN:
        lease.member.health.throttled(failure)
    close(history)
    if lease.is_lone and unsent and history.job >= 0:
        history.trial, history.trial_at = (
            StrikeTrial(history.job, lease.key_ticket, now + _PATIENCE_S),
            lease.member,
        )
        lease.member.trials.append(history.trial)
    elif lease.is_lone and (history.strikes >= _KNOWN or answers - history.answers_then >= TESTIMONIES):
        history.strikes += 1
    return history.strikes >= FATAL


def close(history: JobHistory) -> None:
    """End the trial of a job, without a strike."""
    trial, member = history.trial, history.trial_at
    history.trial = history.trial_at = None
    if trial is not None and member is not None and trial in member.trials:
        member.trials.remove(trial)


def wait_s(lease: Lease, history: JobHistory, now: float, unsent: int) -> float:
    """Return the seconds until the job is sent again; a testimony may shorten them.

    The first time it moves to another key at once. Then others go first: they show whose fault it is.
    """
    rest = max(0.0, lease.member.health.rests_until - now)
    rest = rest if rest <= _LONGEST_HINT_S else 0.0
    if not lease.is_lone:
        return 0.0 if history.throttles == 1 else rest
    if history.trial is not None:
        return rest + 2.0 ** min(history.throttles, 4)
    if history.strikes:
        return max(rest, _LAST_S * 2.0**history.strikes)
    return max(rest, min(_LONGEST_WAIT_S, 0.01 * 2.0 ** min(history.throttles, 20)))


def spared_wait_s(history: JobHistory) -> float:
    """Return the backoff in seconds of a job with strikes, once its last one is counted."""
    return 0.25 * 2.0 ** min(history.strikes, FATAL)


def testify(lease: Lease) -> list[int]:
    """Note an answer for the jobs on trial at its key. Return those that get a strike by it."""
    trials = lease.member.trials
    struck = [trial for trial in trials if trial.testify(lease.key_ticket)]
    for trial in struck:
        trials.remove(trial)
    return [trial.job for trial in struck]


def struck(history: JobHistory) -> None:
    """Count a strike: the job was rate limited (429), while those sent later were answered."""
    history.strikes += 1
    if history.strikes >= _KNOWN and history.trial_at is not None:
        history.trial_at.health.pacing.end_climb()  # the rate limits were not the key's
    history.trial = history.trial_at = None
