"""Member: one key of the pool, an LLM bound to it, with its health, its limits and its counters."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from llmdash.engine.metrics import RollingCounter
from llmdash.engine.model.frame import EndpointState, KeyState
from llmdash.engine.pool.circuit_breaker import Breaker
from llmdash.engine.pool.health import KeyHealth
from llmdash.engine.pool.token_bucket import Allowance
from llmdash.llms.base import LLM
from llmdash.llms.wire.rate_limit_headers import Hints

__all__ = [
    "Endpoint",
    "EndpointStatistics",
    "KeyStatistics",
    "Member",
    "MemberLimits",
    "Turn",
    "endpoint_statistics",
    "statistics_of",
]

_SPARK_S = 30


class Endpoint:
    """What several keys share: a server, with room for so many requests at once (None: no limit of its own),
    and a breaker.
    """

    def __init__(
        self, name: str = "", concurrency: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        self.in_flight = 0
        self.breaker = Breaker(clock)

    @property
    def is_full(self) -> bool:
        """True if nothing more may be sent there until something ends."""
        return self.concurrency is not None and self.in_flight >= self.concurrency

    def wait_s(self, now: float) -> float:
        """Seconds until a request may go there; infinite if time alone changes nothing."""
        return float("inf") if self.is_full else self.breaker.wait_s(now)


@dataclass(frozen=True, slots=True)
class MemberLimits:
    """What a key may do on its own: requests and tokens a minute."""

    requests: Allowance | None = None
    tokens: Allowance | None = None

    def wait_s(self, tokens: int) -> float:
        """Seconds until a request of `tokens` is within the limits."""
        requests = self.requests.wait_s(1) if self.requests is not None else 0.0
        return max(requests, self.tokens.wait_s(tokens)) if self.tokens is not None else requests

    def take(self, tokens: int) -> None:
        """A request of `tokens` is given out."""
        if self.requests is not None:
            self.requests.take(1)
        if self.tokens is not None:
            self.tokens.take(tokens)

    def settle(self, taken: int, used: int) -> None:
        """The request ended; it was counted with `taken` tokens and used `used`."""
        if self.tokens is not None:
            self.tokens.settle(taken, used)


@dataclass(frozen=True, slots=True)
class KeyStatistics:
    """The counters of one key. sent = ok + throttled + errors + cut + in_flight, always."""

    label: str
    endpoint: str
    state: KeyState
    rests_s: float | None
    detail: str
    weight: float
    in_flight: int
    sent: int
    ok: int
    throttled: int
    errors: int
    cut: int
    input_tokens: int
    output_tokens: int
    rpm: int
    tpm: int
    remaining: int | None
    """Requests left to the key, as the server said last."""
    spark: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EndpointStatistics:
    """How one endpoint fares."""

    name: str
    state: EndpointState
    returns_s: float | None
    detail: str
    is_local: bool
    in_flight: int
    concurrency: int | None


class Member:
    """One key of the pool: an LLM bound to it, its health and its counters.

    Members that share a server share an `endpoint`.
    """

    def __init__(
        self,
        llm: LLM,
        label: str,
        endpoint: Endpoint | None = None,
        weight: float = 1.0,
        limits: MemberLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.llm = llm
        self.label = label
        self.endpoint = endpoint if endpoint is not None else Endpoint(clock=clock)
        self.weight = weight
        self.limits = limits or MemberLimits()
        self.health = KeyHealth(clock)
        self.told: Hints | None = None
        self.turn = 0.0
        self.was_away = False
        self.in_flight = self.sent = self.ok = self.throttled = self.errors = self.cut = 0
        self.input_tokens = self.output_tokens = 0
        self.calls = RollingCounter()
        self.tokens = RollingCounter()

    @property
    def state(self) -> KeyState:
        return self.health.state

    def wait_s(self, now: float, tokens: int = 0) -> float:
        """Seconds until the key may be given a request of `tokens`; infinite if only an event can tell."""
        return max(
            self.health.wait_s(now, self.in_flight), self.endpoint.wait_s(now), self.limits.wait_s(tokens)
        )

    def may_send(self, now: float, tokens: int = 0) -> bool:
        """True if the key may be given a request of `tokens` at the time `now`."""
        return (
            self.health.wait_s(now, self.in_flight) <= 0.0
            and self.endpoint.wait_s(now) <= 0.0
            and self.limits.wait_s(tokens) <= 0.0
        )


class Turn(NamedTuple):
    """A key that was given out for one request, with so many tokens reserved on it."""

    member: Member
    tokens: int
    key_ticket: int
    endpoint_ticket: int


def statistics_of(member: Member, now: float) -> KeyStatistics:
    """The counters of `member` at the time `now`."""
    health = member.health
    rests = max(health.rests_until - now, health.pacing.wait_s(now))
    return KeyStatistics(
        label=member.label,
        endpoint=member.endpoint.name,
        state=health.state,
        rests_s=rests if rests > 0 and not health.is_gone else None,
        detail=health.detail,
        weight=member.weight,
        in_flight=member.in_flight,
        sent=member.sent,
        ok=member.ok,
        throttled=member.throttled,
        errors=member.errors,
        cut=member.cut,
        input_tokens=member.input_tokens,
        output_tokens=member.output_tokens,
        rpm=member.calls.total(now),
        tpm=member.tokens.total(now),
        remaining=member.told.remaining_requests if member.told is not None else None,
        spark=member.calls.series(now, _SPARK_S),
    )


def endpoint_statistics(endpoint: Endpoint, now: float) -> EndpointStatistics:
    """How `endpoint` fares at the time `now`."""
    breaker = endpoint.breaker
    return EndpointStatistics(
        name=endpoint.name,
        state=breaker.state,
        returns_s=breaker.returns_s(now),
        detail=breaker.detail,
        is_local=breaker.is_local,
        in_flight=endpoint.in_flight,
        concurrency=endpoint.concurrency,
    )
