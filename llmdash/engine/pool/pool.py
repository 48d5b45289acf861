"""KeyPool: endpoints x keys, which key is next, and what an outcome means for key and endpoint."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Sequence

from llmdash.engine.model.frame import EndpointRow, KeyRow
from llmdash.engine.model.states import EndpointState
from llmdash.engine.pool.attribution import Attribution, attribute
from llmdash.engine.pool.circuit_breaker import is_of_endpoint
from llmdash.engine.pool.costs import Spending
from llmdash.engine.pool.member import Endpoint, Lease, Member, endpoint_row, key_row
from llmdash.llms.messages import Hints, Usage
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["Attribution", "KeyPool", "Lease", "Member"]

_PREFERENCE = 1.0
_LOOK_S, _LONGEST_LOOK_S = 0.1, 1.0


class KeyPool:
    """The keys, leased by stride scheduling (Waldspurger and Weihl, 1995).

    The pass of a key grows by 1/weight with each request; the lowest that may send goes next. So healthy keys
    of equal weight never differ by more than one request (two, where retries prefer another key), and a key
    that comes back from a rest does not have to catch up. `KeyHealth` decides the state of keys,
    `CircuitBreaker` that of endpoints.
    """

    def __init__(self, members: Sequence[Member], clock: Callable[[], float]) -> None:
        if not members:
            raise ValueError("a pool needs at least one key")
        self._members = list(members)
        self._clock = clock
        self.spending = Spending()
        self._changed = asyncio.Event()
        self._stride_pass = 0.0
        self._guard = threading.Lock()  # other threads see consistent counters

    def __len__(self) -> int:
        return len(self._members)

    @property
    def members(self) -> tuple[Member, ...]:
        return tuple(self._members)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The endpoints, each once."""
        return tuple({id(member.endpoint): member.endpoint for member in self._members}.values())

    def add(self, member: Member) -> None:
        """Add a key."""
        member.stride_pass = self._stride_pass
        self._members.append(member)
        self._wake()

    def returns_in_s(self, model: str | None = None) -> float:
        """Return the seconds until the first key that serves `model` may be used again; infinite if only the
        user can change that.
        """
        now = self._clock()
        soonest = math.inf
        for member in self._members:
            if (
                member.serves(model)
                and not member.health.is_gone
                and member.endpoint.circuit_breaker.state is not EndpointState.PAUSED
            ):
                soonest = min(soonest, max(0.0, member.health.rests_until - now))
        return soonest

    def statistics(self) -> tuple[KeyRow, ...]:
        """Return a snapshot of the counters of every key."""
        now = self._clock()
        with self._guard:
            return tuple(key_row(member, now) for member in self._members)

    def endpoint_statistics(self) -> tuple[EndpointRow, ...]:
        """Return a snapshot of the state of every endpoint."""
        now = self._clock()
        with self._guard:
            return tuple(endpoint_row(endpoint, now) for endpoint in self.endpoints)

    @property
    def is_trying(self) -> bool:
        """True if no endpoint is up: the next request is a probe, which counts against its job."""
        return all(endpoint.circuit_breaker.state is not EndpointState.UP for endpoint in self.endpoints)

    @property
    def counts_tokens(self) -> bool:
        """True if some key has a token limit, so that a request has to estimate its tokens."""
        return any(member.limits.tokens is not None for member in self._members)

    @property
    def is_divided(self) -> bool:
        """True if some key serves certain models only, so that the model of a job decides where it may go."""
        return any(member.models is not None for member in self._members)

    def serves(self, model: str | None) -> bool:
        """True if some key serves the model that a job asks for, whatever the key's state."""
        return any(member.serves(model) for member in self._members)

    def may_lease(self, tokens: int, model: str | None = None) -> bool:
        """True if some key that serves `model` may send a request of `tokens` now."""
        now = self._clock()
        return any(member.may_send(now, tokens) for member in self._members if member.serves(model))

    def look_in_s(self, tokens: int, model: str) -> float:
        """Return the seconds after which a job that waits for a key of `model` may look again."""
        wait = self._seconds_to_next(tokens, model)
        return _LONGEST_LOOK_S if wait is None else min(max(wait, _LOOK_S), _LONGEST_LOOK_S)

    async def ready(self, tokens: int = 0) -> None:
        """Wait until some key may send a request of `tokens`."""
        while not self.may_lease(tokens):
            self._changed.clear()
            wait = self._seconds_to_next(tokens)
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def choose(self, avoid: Member | None = None, tokens: int = 0, model: str | None = None) -> Lease | None:
        """Lease the next key that serves `model`, counted as sent and with `tokens` reserved; None if no key
        may send.

        In place of `avoid` another key that is nearly next, if there is one. The outcome gives back what was
        reserved.
        """
        now = self._clock()
        free = [each for each in self._members if each.serves(model) and each.may_send(now, tokens)]
        if not free:
            return None
        for member in free:
            self._rejoin(member)
        chosen = self._next_of(free, avoid)
        with self._guard:
            lease = self._give_out(chosen, tokens, now)
        chosen.limits.take(tokens)
        return lease

    @staticmethod
    def _next_of(free: Sequence[Member], avoid: Member | None) -> Member:
        first = min(free, key=lambda member: member.stride_pass)
        if first is not avoid:
            return first
        others = [member for member in free if member is not avoid]
        near = first.stride_pass + _PREFERENCE / first.weight + 1e-9
        return min((other for other in others if other.stride_pass <= near), key=_pass_of, default=first)

    def _rejoin(self, member: Member) -> None:
        """Catch up with the lowest pass, or all requests would go to the key that just came back."""
        if member.was_away:
            member.stride_pass = max(member.stride_pass, self._stride_pass)
            member.was_away = (
                member.health.on_probation or member.endpoint.circuit_breaker.state is not EndpointState.UP
            )

    def _give_out(self, member: Member, tokens: int, now: float) -> Lease:
        self._stride_pass = max(self._stride_pass, member.stride_pass)
        member.stride_pass += 1.0 / member.weight
        member.sent += 1
        member.in_flight += 1
        member.endpoint.in_flight += 1
        member.calls.add(now)
        return Lease(member, tokens, member.health.taken(now), member.endpoint.circuit_breaker.taken())

    def may_leave(self, lease: Lease) -> bool:
        """False if the state of the key or its endpoint changed since the lease: call `not_sent` then."""
        member = lease.member
        return member.health.admits(self._clock()) and member.endpoint.circuit_breaker.admits(
            lease.endpoint_ticket
        )

    def is_probe(self, lease: Lease) -> bool:
        """True if the request of `lease` probes an endpoint that is down."""
        circuit_breaker = lease.member.endpoint.circuit_breaker
        return circuit_breaker.state is EndpointState.PROBING and circuit_breaker.admits(
            lease.endpoint_ticket
        )

    def began(self, lease: Lease) -> None:
        """Note that an answer begins to arrive: its endpoint is up."""
        lease.member.endpoint.circuit_breaker.answered(lease.endpoint_ticket)
        self._wake()

    def succeeded(
        self, lease: Lease, usage: Usage | None, *, hints: Hints | None = None, model: str = ""
    ) -> None:
        """Settle a lease whose request was answered by `model`."""
        now, member = self._clock(), lease.member
        with self._guard:
            self._count_back(member)
            member.ok += 1
            if usage is not None:
                member.input_tokens += usage.input_tokens
                member.output_tokens += usage.output_tokens
                member.tokens.add(now, usage.input_tokens + usage.output_tokens)
                self.spending.add(member.label, model, usage)
        used = usage.input_tokens + usage.output_tokens if usage is not None else lease.tokens
        member.limits.settle(lease.tokens, used)
        member.endpoint.circuit_breaker.answered(lease.endpoint_ticket)
        member.health.answered(lease.key_ticket)
        if hints is not None:
            member.reported = hints
            member.health.pacing.obey(hints, member.in_flight, now)
        self._wake()

    def failed(self, lease: Lease, failure: Failure) -> Attribution:
        """Settle a lease whose request failed. Returns what follows for key and endpoint."""
        member = lease.member
        with self._guard:
            self._count_back(member)
            if failure.kind is FailureKind.THROTTLE:
                member.throttled += 1
            else:
                member.errors += 1
        member.limits.settle(lease.tokens, 0)
        member.reported = failure.hints or member.reported
        circuit_breaker = member.endpoint.circuit_breaker
        before, endpoint_before = member.state, circuit_breaker.state
        attribute(lease, failure, self._members)
        self._note_absence(member)
        if circuit_breaker.state is not EndpointState.UP:
            self._note_absence_of(member.endpoint)
        self._wake()
        return Attribution(
            key=member.state if member.state is not before else None,
            excused=endpoint_before is EndpointState.PROBING and is_of_endpoint(failure),
        )

    def was_cut(self, lease: Lease) -> None:
        """Settle a lease whose request was cut off by us."""
        member = lease.member
        with self._guard:
            self._count_back(member)
            member.cut += 1
        member.limits.settle(lease.tokens, lease.tokens)
        member.endpoint.circuit_breaker.left(lease.endpoint_ticket)
        self._wake()

    def not_sent(self, lease: Lease) -> None:
        """Settle a lease whose request was not sent: it does not count."""
        member = lease.member
        with self._guard:
            self._count_back(member)
            member.sent -= 1
        member.stride_pass -= 1.0 / member.weight
        member.limits.settle(lease.tokens, 0)
        member.endpoint.circuit_breaker.left(lease.endpoint_ticket)
        self._wake()

    def disable(self, label: str) -> None:
        """Send nothing more with the key. Unknown labels are ignored: the user may look at an old frame."""
        for member in self._labelled(label):
            member.health.disable()
            self._note_absence(member)
        self._wake()

    def revive(self, label: str) -> None:
        """Set the key to healthy, whatever its state."""
        for member in self._labelled(label):
            member.health.revive()
            member.was_away = True
        self._wake()

    def revive_endpoint(self, name: str) -> None:
        """Send to the endpoint again, whatever its state."""
        for endpoint in self.endpoints:
            if endpoint.name == name:
                endpoint.circuit_breaker.revive()
        self._wake()

    def set_weight(self, label: str, weight: float) -> None:
        """Lease the key `weight` times for each lease of a key with weight 1. Raises ValueError."""
        if not 0.01 <= weight <= 100:
            raise ValueError(f"a weight is between 0.01 and 100, not {weight!r}")
        for member in self._labelled(label):
            member.weight = weight

    def _labelled(self, label: str) -> list[Member]:
        return [member for member in self._members if member.label == label]

    @staticmethod
    def _count_back(member: Member) -> None:
        member.in_flight -= 1
        member.endpoint.in_flight -= 1

    @staticmethod
    def _note_absence(member: Member) -> None:
        member.was_away = member.was_away or member.health.on_probation or member.health.is_gone

    def _note_absence_of(self, endpoint: Endpoint) -> None:
        """Mark the keys of an endpoint that takes no requests: they do not catch up later."""
        for member in self._members:
            member.was_away = member.was_away or member.endpoint is endpoint

    def _seconds_to_next(self, tokens: int, model: str | None = None) -> float | None:
        """Seconds until the first key may send; None if only an event can change that."""
        now = self._clock()
        waits = (member.wait_s(now, tokens) for member in self._members if member.serves(model))
        soonest = min(waits, default=math.inf)
        return max(0.001, soonest) if math.isfinite(soonest) else None

    def _wake(self) -> None:
        self._changed.set()


def _pass_of(member: Member) -> float:
    return member.stride_pass
