"""Which limit a refusal (429) is about, and which runs out, by what the server says."""

from __future__ import annotations

import re
from enum import Enum, auto

from llmdash.engine.pool.learned_limit import LearnedLimit
from llmdash.llms.wire.failures import Failure

__all__ = ["LimitNamed", "limit_named", "runs_out"]

_FEW, _MUCH = 0.05, 0.2
_RESERVE = 2

_OUTPUT = re.compile(r"output.{0,3}token|completion.{0,3}token|\botpm\b", re.IGNORECASE)
_INPUT = re.compile(r"input.{0,3}token|prompt.{0,3}token|\bitpm\b", re.IGNORECASE)
_TOKENS = re.compile(r"token|\btpm\b", re.IGNORECASE)
_AT_ONCE = re.compile(r"concurren|simultaneous|in parallel|parallel requests|in.flight", re.IGNORECASE)
_REQUESTS = re.compile(r"request.{0,20}(per|/|a) ?min|requests? per|\brpm\b|^requests?$", re.IGNORECASE)


class LimitNamed(Enum):
    """A limit of a key."""

    REQUESTS = auto()
    TOKENS = auto()
    INPUT = auto()
    OUTPUT = auto()
    AT_ONCE = auto()


def limit_named(failure: Failure) -> LimitNamed | None:
    """Return the limit that a refusal names, or whose headers say that nothing is left; else None."""
    said = f"{failure.code or ''} {failure.message}"
    for named, words in (
        (LimitNamed.OUTPUT, _OUTPUT),
        (LimitNamed.INPUT, _INPUT),
        (LimitNamed.TOKENS, _TOKENS),
        (LimitNamed.AT_ONCE, _AT_ONCE),
    ):
        if words.search(said):
            return named
    hints = failure.hints
    if hints is not None and hints.remaining_tokens == 0:
        return LimitNamed.TOKENS
    if _REQUESTS.search(said) or (hints is not None and hints.remaining_requests == 0):
        return LimitNamed.REQUESTS
    return None


def runs_out(
    limit: LearnedLimit, most: int | None, left: int | None, reset_s: float | None, in_flight: float
) -> float | None:
    """Return what refills in units a second where a limit runs out at the present pace; else None.

    What is left has to last until the reset. In a bucket it refills evenly meanwhile, and `reset_s` is how
    long it takes until it is full.
    """
    if not most or left is None or not reset_s or reset_s > 120.0:
        return None
    if left > _MUCH * most and left > limit.rate * reset_s:
        limit.has_room()
        return None
    refills = (most - left) / reset_s
    is_short = left < max(_FEW * most, _RESERVE * in_flight) and left < limit.rate * reset_s
    return refills if is_short and limit.rate > refills else None
