"""Attribution: whether a failure is the fault of the request, the key or the endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from llmdash.engine.model.states import EndpointState, KeyState
from llmdash.engine.pool.member import Lease, Member
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["Attribution", "attribute"]

_OF_KEY_OR_REQUEST = (FailureKind.THROTTLE, FailureKind.QUOTA, FailureKind.AUTH, FailureKind.REQUEST)


class Attribution(NamedTuple):
    """What followed from a failure: the state that its key entered, if it entered one.

    `excused` is True if the request was a probe of an endpoint that is still down: it does not count for the
    job.
    """

    key: KeyState | None = None
    excused: bool = False


def attribute(lease: Lease, failure: Failure, members: Sequence[Member]) -> None:
    """Count a failure against the key of `lease`, or its endpoint; `members` are all keys of the pool."""
    health, circuit_breaker = lease.member.health, lease.member.endpoint.circuit_breaker
    match failure.kind:
        case FailureKind.THROTTLE:
            health.throttled(failure)
        case FailureKind.QUOTA:
            health.lost_quota(failure, lease.key_ticket)
        case FailureKind.AUTH:
            health.refused(failure)
        case FailureKind.REQUEST:
            pass  # an answer: a probe of the endpoint has succeeded
        case _:
            circuit_breaker.failed(failure, lease.endpoint_ticket)
    if failure.kind in _OF_KEY_OR_REQUEST:
        circuit_breaker.answered(lease.endpoint_ticket)
    elif failure.kind is FailureKind.TRANSIENT and circuit_breaker.state is EndpointState.UP:
        health.faltered(lease.key_ticket)
        if health.is_faltering:
            _blame(lease.member, failure, members)


def _blame(member: Member, failure: Failure, members: Sequence[Member]) -> None:
    """Many requests of `member` fail: the fault is the key's if others succeed at the same endpoint, or are
    in flight without a failure yet; else the endpoint's.
    """
    siblings = [other for other in members if other.endpoint is member.endpoint]
    if any(other.health.succeeds or (other.in_flight and other.health.is_clean) for other in siblings):
        member.health.cool(str(failure))
        return
    member.endpoint.circuit_breaker.trip(str(failure))
    for each in siblings:
        each.health.forgive()
