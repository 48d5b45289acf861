"""What a failure says of the key and the endpoint that it met."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from llmdash.engine.model.frame import EndpointState, KeyState
from llmdash.engine.pool.member import Member, Turn
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["Judgement", "judge"]

_OF_KEY_OR_REQUEST = (FailureKind.THROTTLE, FailureKind.QUOTA, FailureKind.AUTH, FailureKind.REQUEST)


class Judgement(NamedTuple):
    """What followed from a failure: the state that its key entered, if it entered one.

    `excused` is True if the request was a probe of an endpoint and found it still down: no job is to blame.
    """

    key: KeyState | None = None
    excused: bool = False


def judge(turn: Turn, failure: Failure, members: Sequence[Member]) -> None:
    """Let the key of `turn`, or its endpoint, take the blame; `members` are all keys of the pool."""
    health, breaker = turn.member.health, turn.member.endpoint.breaker
    match failure.kind:
        case FailureKind.THROTTLE:
            health.throttled(failure)
        case FailureKind.QUOTA:
            health.lost_quota(failure, turn.key_ticket)
        case FailureKind.AUTH:
            health.refused(failure)
        case FailureKind.REQUEST:
            pass  # an answer, as good as any to a probe of the endpoint
        case _:
            breaker.failed(failure, turn.endpoint_ticket)
    if failure.kind in _OF_KEY_OR_REQUEST:
        breaker.answered(turn.endpoint_ticket)
    elif failure.kind is FailureKind.TRANSIENT and breaker.state is EndpointState.UP:
        health.faltered(turn.key_ticket)
        if health.is_faltering:
            _blame(turn.member, failure, members)


def _blame(member: Member, failure: Failure, members: Sequence[Member]) -> None:
    """Many requests of `member` fail: it is the key if others succeed at the same endpoint, or are at work
    and had no failure yet; else the endpoint.
    """
    siblings = [other for other in members if other.endpoint is member.endpoint]
    if any(other.health.succeeds or (other.in_flight and other.health.is_clean) for other in siblings):
        member.health.cool(str(failure))
        return
    member.endpoint.breaker.trip(str(failure))
    for each in siblings:
        each.health.forgive()
