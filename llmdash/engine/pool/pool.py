"""KeyPool: endpoints x keys, which key is next, and what an outcome means for key and endpoint."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter

from llmdash.engine.model.rows import SPARK_SPAN_S
from llmdash.engine.model.states import EndpointState
from llmdash.engine.pool import strikes
from llmdash.engine.pool.attribution import Attribution, Attributor
from llmdash.engine.pool.costs import Spending
from llmdash.engine.pool.job_history import JobHistory, Others
from llmdash.engine.pool.keys import Keys
from llmdash.engine.pool.member import Lease, Member
from llmdash.engine.pool.terms import ANY_KEY, LOOK_S, Terms, free_members, look_in_s, terms_of, with_model
from llmdash.llms.base import LLM
from llmdash.llms.messages import Hints, Usage
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["Attribution", "KeyPool", "Lease", "Member"]

_OTHERS = Others()
_counts_tokens = attrgetter("counts_tokens")
_endpoint_state = attrgetter("circuit_breaker.state")


class KeyPool(Keys):
    """The keys, leased in the order of `Stride`.

    `KeyHealth` decides the state of keys, `CircuitBreaker` that of endpoints, `Attributor` whose fault a
    failure is.
    """

    def __init__(self, members: Sequence[Member], clock: Callable[[], float]) -> None:
        super().__init__(members, clock)
        self._attributor = Attributor(self._members)
        self.spending = Spending()
        self.batch_spending = Spending()
        """What was spent in batches, which have prices of their own."""

    @property
    def is_trying(self) -> bool:
        """True if no endpoint is up: the next request is a probe, which counts against its job."""
        return EndpointState.UP not in map(_endpoint_state, self.endpoints)

    @property
    def counts_tokens(self) -> bool:
        """True if some key has a token limit, so that a request has to estimate its tokens."""
        return any(map(_counts_tokens, self._members))

    def may_lease(self, tokens: int, terms: Terms = ANY_KEY) -> bool:
        """True if some key may send a request of `tokens` now."""
        now = self._clock()
        if terms is ANY_KEY and (first := self._stride.first_of(self._members)) is not None:
            return first.may_send(now, tokens) or any(each.may_send(now, tokens) for each in self._members)
        return bool(free_members(self._members, now, tokens, terms))

    def models_for(self, own_model: str | None) -> list[LLM]:
        """Return the model of each endpoint that may serve a job; `own_model` is what it asks for by name."""
        found = {member.endpoint: member.llm for member in self._members if member.serves(own_model)}
        return list(found.values())

    def look_in_s(self, tokens: int, terms: Terms) -> float:
        """Return the seconds until a job with strict terms may look for a key again.

        If it has to be sent alone, the key that is free first takes nothing else until then, or a second.
        """
        return look_in_s(self._members, self._clock(), tokens, terms)

    async def ready(self, tokens: int = 0) -> bool:
        """Wait until some key may send a request of `tokens`.

        Returns False, after a moment, if a key is kept free for a job that has to be sent alone.
        """
        while not self.may_lease(tokens):
            self._changed.clear()
            now = self._clock()
            is_reserved = any(member.reserved_until > now for member in self._members)
            wait = LOOK_S if is_reserved else self._seconds_to_next(tokens)
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
        chosen = self._stride.first_of(self._members) if terms is ANY_KEY else None
        if chosen is None or not chosen.may_send(now, tokens):
            free = free_members(self._members, now, tokens, terms)
            if not free:
                return None
            chosen = self._stride.next_of(free, terms.avoid)
        if chosen.reserved_until:
            chosen.reserved_until = 0.0
        with self._guard:
            lease = self._give_out(chosen, tokens, now)
        chosen.take(tokens)
        if chosen.tuner is not None:
            chosen.tuner.take(tokens, lease.key_ticket)
        return lease

    def _give_out(self, member: Member, tokens: int, now: float) -> Lease:
        self._stride.advance(member)
        member.sent += 1
        member.in_flight += 1
        member.endpoint.in_flight += 1
        member.calls.add(now)
        member.spans.add(now / SPARK_SPAN_S)
        ticket, endpoint_ticket = member.health.taken(now), member.endpoint.circuit_breaker.taken()
        return Lease(member, tokens, ticket, endpoint_ticket, member.in_flight == 1)

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
        self,
        lease: Lease,
        usage: Usage | None,
        *,
        hints: Hints | None = None,
        model: str = "",
        latency_s: float | None = None,
    ) -> Sequence[int]:
        """Settle a lease whose request was answered by `model`, in `latency_s` seconds.

        Returns the jobs to which a rate limit (429) counts as a strike by this answer.
        """
        now, member = self._clock(), lease.member
        with self._guard:
            self._count_back(member)
            member.ok += 1
            used = lease.tokens if usage is None else self._spent(member, model, usage, now)
        member.settle(lease.tokens, used)
        member.endpoint.circuit_breaker.answered(lease.endpoint_ticket)
        member.health.answered(lease.key_ticket)
        if member.tuner is not None:
            member.tuner.answered(lease.key_ticket, lease.tokens, usage, latency_s, member.in_flight)
            if hints is not None:
                member.tuner.hinted(hints, member.in_flight, lease.key_ticket)
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
        self,
        lease: Lease,
        failure: Failure,
        history: JobHistory | None = None,
        others: Others = _OTHERS,
        *,
        usage: Usage | None = None,
        model: str = "",
    ) -> Attribution:
        """Settle a lease whose request failed. Returns what follows for the key, the endpoint and the job.

        `history` is what happened to the job before, `others` are the other open jobs, `usage` is what the
        server counted for `model` although it gave no answer.
        """
        member, used = lease.member, 0
        with self._guard:
            if usage is not None:
                used = self._spent(member, model, usage, self._clock())
            self._count_back(member)
            if failure.kind is FailureKind.THROTTLE:
                member.throttled += 1
                member.throttles.add(self._clock())
            else:
                member.errors += 1
        member.settle(lease.tokens, used)
        member.reported = failure.hints or member.reported
        before = member.state
        found = self._attributor.attribute(lease, failure, history or JobHistory(), self._clock(), others)
        if member.tuner is not None and failure.kind is FailureKind.THROTTLE:
            member.tuner.refused(failure, lease.key_ticket, member.in_flight)
        elif member.tuner is not None:
            member.tuner.failed(lease.key_ticket)
        self._note_absences(member)
        self._wake()
        return found._replace(key=member.state) if member.state is not before else found

    def _spent(self, member: Member, model: str, usage: Usage, now: float) -> int:
        """Count the tokens of a request. Returns their number."""
        used = usage.input_tokens + usage.output_tokens
        member.input_tokens += usage.input_tokens
        member.output_tokens += usage.output_tokens
        member.tokens.add(now, used)
        self.spending.add(member.label, model, usage)
        return used

    def settled_in_batch(
        self, member: Member, usage: Usage | None, failure: Failure | None, model: str
    ) -> None:
        """Count a request that came back in a batch: it says nothing of how the key is doing live."""
        with self._guard:
            member.sent += 1
            if failure is None:
                member.ok += 1
            elif failure.kind is FailureKind.THROTTLE:
                member.throttled += 1
            else:
                member.errors += 1
            if usage is not None:
                member.input_tokens += usage.input_tokens
                member.output_tokens += usage.output_tokens
                self.batch_spending.add(member.label, model, usage)

    def lost_in_batch(self, member: Member) -> None:
        """Count a request in a batch whose outcome is unknown."""
        with self._guard:
            member.sent += 1
            member.cut += 1

    def refused_in_batch(self, member: Member, failure: Failure) -> bool:
        """Note that a batch service refused the key, or has no money for it. True if its state changed."""
        health, before = member.health, member.state
        if failure.kind is FailureKind.QUOTA:
            health.lost_quota(failure, health.taken(self._clock()))
        elif health.refused(failure, health.taken(self._clock())):
            health.kill(str(failure))
        self._note_absences(member)
        self._wake()
        return member.state is not before

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
        return with_model(terms, self._members, own_model)

    def was_cut(self, lease: Lease) -> None:
        """Settle a lease whose request was cut off by us."""
        member = lease.member
        with self._guard:
            self._count_back(member)
            member.cut += 1
        member.settle(lease.tokens, lease.tokens)
        if member.tuner is not None:
            member.tuner.cut_off(lease.key_ticket)
        member.endpoint.circuit_breaker.left(lease.endpoint_ticket)
        self._wake()

    def not_sent(self, lease: Lease) -> None:
        """Settle a lease whose request was not sent: it does not count."""
        member = lease.member
        with self._guard:
            self._count_back(member)
            member.sent -= 1
        self._stride.retract(member)
        member.not_sent(lease.tokens)
        if member.tuner is not None:
            member.tuner.not_sent(lease.key_ticket)
        member.endpoint.circuit_breaker.left(lease.endpoint_ticket)
        self._wake()

    @staticmethod
    def _count_back(member: Member) -> None:
        member.in_flight -= 1
        member.endpoint.in_flight -= 1

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
