"""KeyPool: endpoints x keys, which key is next, and what an outcome means for key and endpoint."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Mapping, Sequence

from llmdash.engine.model.frame import EndpointRow, KeyRow
from llmdash.engine.model.states import EndpointState
from llmdash.engine.pool import strikes
from llmdash.engine.pool.attribution import Attribution, Attributor
from llmdash.engine.pool.costs import Spending
from llmdash.engine.pool.job_history import JobHistory, Others
from llmdash.engine.pool.member import Endpoint, Lease, Member, endpoint_row, key_row
from llmdash.engine.pool.terms import ANY_KEY, Terms, has_model, terms_of
from llmdash.llms.messages import Hints, Usage
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["Attribution", "KeyPool", "Lease", "Member"]

_PREFERENCE = 1.0
_LOOK_S, _LONGEST_LOOK_S = 0.25, 5.0
_RESERVED_S = 1.0
_OTHERS = Others()


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
        self._attributor = Attributor(self._members)
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

    @property
    def exhausted(self) -> bool:
        """True if no key can send again without the user: dead, off, or its endpoint paused."""
        return self.returns_in_s() == math.inf

    def returns_in_s(self) -> float:
        """Return the seconds until the first key may be used again; infinite if only the user can change
        that.
        """
        now = self._clock()
        soonest = math.inf
        for member in self._members:
            if (
                not member.health.is_gone
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

    def may_lease(self, tokens: int, terms: Terms = ANY_KEY) -> bool:
        """True if some key may send a request of `tokens` now."""
        return bool(self._free(self._clock(), tokens, terms))

    def _free(self, now: float, tokens: int, terms: Terms) -> list[Member]:
        if terms.waits:
            return []
        if not terms.is_strict:
            return [member for member in self._members if member.may_send(now, tokens)]
        return [
            member
            for member in self._members
            if member not in terms.excluded
            and not (terms.alone and member.in_flight)
            and (member.can_send if terms.alone else member.may_send)(now, tokens)
        ]

    def look_in_s(self, tokens: int, terms: Terms) -> float:
        """Return the seconds until a job with strict terms may look for a key again.

        If it has to be sent alone, the key that is free first takes nothing else until then, or a second.
        """
        now = self._clock()
        known = [member for member in self._members if member not in terms.excluded]
        if terms.alone and not terms.waits:
            self._reserve(known, now)
        waits = [member.wait_s(now, tokens) for member in known if not member.can_send(now, tokens)]
        soonest = min((wait for wait in waits if math.isfinite(wait)), default=_LOOK_S)
        return _LOOK_S if terms.alone else max(_LOOK_S, min(soonest, _LONGEST_LOOK_S))

    def _reserve(self, members: Sequence[Member], now: float) -> None:
        able = [
            member for member in members if member.health.admits(now) and member.endpoint.wait_s(now) == 0
        ]
        if able:
            first = min(able, key=lambda member: (member.reserved_until <= now, member.in_flight))
            first.reserved_until = now + _RESERVED_S

    async def ready(self, tokens: int = 0) -> bool:
        """Wait until some key may send a request of `tokens`.

        Returns False, after a moment, if a key is kept free for a job that has to be sent alone.
        """
        while not self.may_lease(tokens):
            self._changed.clear()
            now = self._clock()
            is_reserved = any(member.reserved_until > now for member in self._members)
            wait = _LOOK_S if is_reserved else self._seconds_to_next(tokens)
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                pass
            if is_reserved:
                return self.may_lease(tokens)
        return True

    def choose(self, terms: Terms = ANY_KEY, tokens: int = 0) -> Lease | None:
        """Lease the next key, counted as sent and with `tokens` reserved; None if no key may send.

        The terms say which keys will do. The outcome gives back what was reserved.
        """
        now = self._clock()
        free = self._free(now, tokens, terms)
        if not free:
            return None
        for member in free:
            self._rejoin(member)
        chosen = self._next_of(free, terms.avoid)
        if chosen.reserved_until:
            chosen.reserved_until = 0.0
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
        tickets = member.health.taken(now), member.endpoint.circuit_breaker.taken()
        return Lease(member, tokens, *tickets, member.in_flight == 1)

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
    ) -> Sequence[int]:
        """Settle a lease whose request was answered by `model`.

        Returns the jobs to which a rate limit (429) counts as a strike by this answer.
        """
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
        if model != member.llm.model and model:
            member.models_answered.add(model)
        if member.refuted:
            member.refuted.pop(model, None)
        self._wake()
        return strikes.testify(lease) if member.trials else ()

    def failed(
        self, lease: Lease, failure: Failure, history: JobHistory | None = None, others: Others = _OTHERS
    ) -> Attribution:
        """Settle a lease whose request failed. Returns what follows for the key, the endpoint and the job.

        `history` is what happened to the job before, `others` are the other open jobs.
        """
        member = lease.member
        with self._guard:
            self._count_back(member)
            if failure.kind is FailureKind.THROTTLE:
                member.throttled += 1
            else:
                member.errors += 1
        member.limits.settle(lease.tokens, 0)
        member.reported = failure.hints or member.reported
        before = member.state
        found = self._attributor.attribute(lease, failure, history or JobHistory(), self._clock(), others)
        self._note_absences(member)
        self._wake()
        return found._replace(key=member.state) if member.state is not before else found

    def decided(self, lease: Lease, history: JobHistory) -> Member | None:
        """Note that a job was answered after failures. Returns the key that turned out to be at fault."""
        strikes.close(history)
        if not self._attributor.refusals.answered(lease, history) or history.doubt is None:
            return None
        self._note_absences(history.doubt.member)
        return history.doubt.member

    def terms(self, history: JobHistory, others: Others) -> Terms:
        """Return the terms for the next attempt of a job that failed before."""
        return terms_of(history, self._members, self._clock(), others)

    @property
    def missing_models(self) -> Mapping[str, str]:
        """The models that some key turned out not to have, and what the server said."""
        return self._attributor.refusals.words_of

    def with_model(self, terms: Terms, own_model: str | None) -> Terms | None:
        """Return the terms without the keys that do not have the model; None if that leaves none."""
        without = {member for member in self._members if not has_model(member, own_model)}
        if without and all(member in without or member.health.is_gone for member in self._members):
            return None
        return terms._replace(excluded=terms.excluded | without)

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

    def _note_absences(self, member: Member) -> None:
        """Mark a key that is away, and all of an endpoint that takes no requests: they do not catch up."""
        self._note_absence(member)
        if member.endpoint.circuit_breaker.state is not EndpointState.UP:
            for each in self._members:
                each.was_away = each.was_away or each.endpoint is member.endpoint

    def _seconds_to_next(self, tokens: int) -> float | None:
        """Seconds until the first key may send; None if only an event can change that."""
        now = self._clock()
        soonest = min(member.wait_s(now, tokens) for member in self._members)
        return max(0.001, soonest) if math.isfinite(soonest) else None

    def _wake(self) -> None:
        self._changed.set()


def _pass_of(member: Member) -> float:
    return member.stride_pass
