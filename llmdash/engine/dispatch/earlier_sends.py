"""The requests sent right before a run was resumed: they count in the limits of the rate."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

from llmdash.engine.dispatch.limiter import RateLimiter
from llmdash.engine.journal.attempt_sums import AttemptSums
from llmdash.engine.pool.member import Member

__all__ = ["seed_rate"]

_REACH_S = 600.0
"""A request of ten times the tokens of a minute weighs on its key for as long."""
_DELAY_S = 0.25
"""A request leaves up to this long after it is noted: the disk has to have it first."""


def seed_rate(limiter: RateLimiter, members: Iterable[Member], sums: AttemptSums, wall_now: float) -> None:
    """Charge the limiter and the limits of each key with the requests of an earlier start.

    `wall_now` is in Unix seconds. Requests of the future, by a clock that was set back, count as sent now.
    """
    reach_s = max(_REACH_S, limiter.memory_s)
    sends = [
        (key, max(0.0, wall_now - at - _DELAY_S), tokens)
        for key, at, tokens in sums.sends_since(wall_now - reach_s)
    ]
    limiter.seed([ago for _, ago, _ in sends])
    by_key = {
        key: [(ago, tokens) for _, ago, tokens in group]
        for key, group in groupby(sorted(sends, key=itemgetter(0)), itemgetter(0))
    }
    for member in members:
        member.limits.seed(by_key.get(member.label, []))
