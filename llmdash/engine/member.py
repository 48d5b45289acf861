"""Member: one key of the pool, an LLM bound to it, with its health, its limits and its counters."""

from __future__ import annotations

import math
from dataclasses import dataclass

from llmdash.engine.allowance import Allowance, EndpointLimit
from llmdash.engine.frame import KeyState
from llmdash.engine.metrics import RollingCounter
from llmdash.llms.base import LLM
from llmdash.llms.hints import Hints

__all__ = ["KeyStatistics", "Member", "MemberLimits", "statistics_of"]

_SPARK_S = 30


@dataclass(frozen=True, slots=True)
class MemberLimits:
    """What a key may do on its own: requests and tokens a minute; and its endpoint's room for requests."""

    requests: Allowance | None = None
    tokens: Allowance | None = None
    endpoint: EndpointLimit | None = None

    @property
    def full(self) -> bool:
        """True if the endpoint takes nothing more until something ends there."""
        return self.endpoint is not None and self.endpoint.full

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
        if self.endpoint is not None:
            self.endpoint.in_flight += 1

    def release(self, taken: int, used: int) -> None:
        """The request ended; it was counted with `taken` tokens and used `used`."""
        if self.tokens is not None:
            self.tokens.settle(taken, used)
        if self.endpoint is not None:
            self.endpoint.in_flight -= 1


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


class Member:
    """One key of the pool: an LLM bound to it, its health and its counters."""

    def __init__(
        self,
        llm: LLM,
        label: str,
        endpoint: str = "",
        weight: float = 1.0,
        limits: MemberLimits | None = None,
    ) -> None:
        self.llm = llm
        self.label = label
        self.endpoint = endpoint
        self.weight = weight
        self.limits = limits or MemberLimits()
        self.told: Hints | None = None
        self.pace_s = 0.0
        self.state = KeyState.HEALTHY
        self.detail = ""
        self.rests_until = 0.0
        self.on_probation = False
        self.refusals = 0
        self.rests_in_a_row = 0
        self.turn = 0.0
        self.was_away = False
        self.in_flight = self.sent = self.ok = self.throttled = self.errors = self.cut = 0
        self.input_tokens = self.output_tokens = 0
        self.calls = RollingCounter()
        self.tokens = RollingCounter()

    def wait_s(self, now: float, tokens: int = 0) -> float:
        """Seconds until the key may be given a request of `tokens`; infinite if time alone changes nothing.

        A key on probation gets one request at a time.
        """
        if self.state in (KeyState.DEAD, KeyState.DISABLED):
            return math.inf
        if (self.on_probation and self.in_flight) or self.limits.full:
            return math.inf
        return max(0.0, self.rests_until - now, self.limits.wait_s(tokens))

    def may_send(self, now: float, tokens: int = 0) -> bool:
        """True if the key may be given a request of `tokens` at the time `now`."""
        return self.wait_s(now, tokens) <= 0.0


def statistics_of(member: Member, now: float) -> KeyStatistics:
    """The counters of `member` at the time `now`."""
    rests = member.rests_until - now if member.rests_until > now else None
    return KeyStatistics(
        label=member.label,
        endpoint=member.endpoint,
        state=member.state,
        rests_s=None if member.state in (KeyState.DEAD, KeyState.DISABLED) else rests,
        detail=member.detail,
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
