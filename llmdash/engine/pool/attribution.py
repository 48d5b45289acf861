"""Attribution: whether a failure is the fault of the prompt, the key or the endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from llmdash.engine.model.states import EndpointState, KeyState
from llmdash.engine.pool import strikes
from llmdash.engine.pool.circuit_breaker import is_of_endpoint
from llmdash.engine.pool.job_history import JobHistory, Others
from llmdash.engine.pool.member import Lease, Member
from llmdash.engine.pool.refusals import Refusals
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["Attribution", "Attributor"]

_OF_KEY_OR_REQUEST = (FailureKind.THROTTLE, FailureKind.QUOTA, FailureKind.AUTH, FailureKind.REQUEST)
_OVERLOADED = 529


class Attribution(NamedTuple):
    """What followed from a failure: the state that its key entered, if it entered one.

    | field | meaning |
    |---|---|
    | `excused` | the request was a probe of an endpoint that is still down: it does not count for the job |
    | `is_own` | the prompt is at fault: the job fails |
    | `elsewhere` | the job is tried once on another key, which decides |
    | `wait_s` | seconds until a job is sent again that was rate limited |
    | `slowed` | the rate of the key was halved |
    """

    key: KeyState | None = None
    excused: bool = False
    is_own: bool = False
    elsewhere: bool = False
    wait_s: float = 0.0
    slowed: bool = False


class Attributor:
    """Counts failures against prompts, keys and endpoints; `members` are all keys of the pool."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self.refusals = Refusals(members)

    def attribute(
        self, lease: Lease, failure: Failure, history: JobHistory, now: float, others: Others
    ) -> Attribution:
        """Count a failure of a job. `others` are the other open jobs.

        Returns what follows for the job; the states of key and endpoint have changed then.
        """
        if failure.kind is not FailureKind.THROTTLE:
            history.throttles = 0
            strikes.close(history)
        if failure.kind in _OF_KEY_OR_REQUEST:
            lease.member.endpoint.circuit_breaker.answered(lease.endpoint_ticket)
        found = self._by_kind(lease, failure, history, now, others)
        slowed = failure.slow_down and lease.member.health.slow_down(lease.key_ticket)
        return found._replace(slowed=True) if slowed else found

    def _by_kind(
        self, lease: Lease, failure: Failure, history: JobHistory, now: float, others: Others
    ) -> Attribution:
        match failure.kind:
            case FailureKind.THROTTLE:
                if strikes.throttled(lease, failure, history, self._members, now, others.unsent):
                    return Attribution(is_own=True)
                return Attribution(wait_s=strikes.wait_s(lease, history, now, others.unsent))
            case FailureKind.QUOTA | FailureKind.AUTH:
                return Attribution(
                    is_own=self.refusals.of_key(lease, failure, history, witnessed=others.faultless > 0)
                )
            case FailureKind.REQUEST:
                is_own = self.refusals.of_request(lease, failure, history)
                return Attribution(is_own=is_own, elsewhere=not is_own)
            case FailureKind.TRANSIENT:
                return self._of_server(lease, failure, history, others)
            case _:
                lease.member.endpoint.circuit_breaker.failed(failure, lease.endpoint_ticket)
                return Attribution()

    def _of_server(self, lease: Lease, failure: Failure, history: JobHistory, others: Others) -> Attribution:
        """A job that fails while others pass says nothing about the endpoint, and its attempts count."""
        health, circuit_breaker = lease.member.health, lease.member.endpoint.circuit_breaker
        probing = circuit_breaker.state is EndpointState.PROBING
        self._suspect(lease, failure, history, others)
        is_spared = history.is_suspect and not (probing and others.faultless)
        if is_spared:
            circuit_breaker.left(lease.endpoint_ticket)
        else:
            circuit_breaker.failed(failure, lease.endpoint_ticket)
        if circuit_breaker.state is EndpointState.UP and not (is_spared and health.passed):
            health.faltered(lease.key_ticket)
            if health.is_faltering:
                self._blame(lease.member, failure)
        return Attribution(excused=probing and is_of_endpoint(failure) and not history.is_suspect)

    def _suspect(self, lease: Lease, failure: Failure, history: JobHistory, others: Others) -> None:
        """Mark the job if its endpoint answered others since it failed there; or before, if none is left."""
        if not failure.reached:
            return
        passed = sum(other.ok for other in self._siblings(lease.member))
        is_error = (failure.status or 0) >= 500 and failure.status != _OVERLOADED
        if history.passed_then is None or history.failed_with != failure.status:
            history.passed_then, history.failed_with = passed, failure.status
            history.is_suspect = False
        elif passed > history.passed_then or (is_error and passed and not others.faultless):
            history.is_suspect = True

    def _siblings(self, member: Member) -> list[Member]:
        return [other for other in self._members if other.endpoint is member.endpoint]

    def _blame(self, member: Member, failure: Failure) -> None:
        """Many requests of `member` fail: the fault is the key's if others succeed at the same endpoint, or
        are in flight without a failure yet; else the endpoint's.
        """
        siblings = self._siblings(member)
        if any(other.health.succeeds or (other.in_flight and other.health.is_clean) for other in siblings):
            member.health.cool(str(failure))
            return
        member.endpoint.circuit_breaker.trip(str(failure))
        for each in siblings:
            each.health.forgive()
