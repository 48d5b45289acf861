"""Member: one key of the pool, an LLM bound to it, with its health, its limits and its counters."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from llmdash.engine.metrics.windows import RollingCounter
from llmdash.engine.model.rows import SPARK_SPANS
from llmdash.engine.model.states import KeyState
from llmdash.engine.pool.circuit_breaker import CircuitBreaker
from llmdash.engine.pool.health import KeyHealth
from llmdash.engine.pool.let_through import LetThrough
from llmdash.engine.pool.rate_tuner import RateTuner
from llmdash.engine.pool.shared import SharedLimit
from llmdash.engine.pool.token_bucket import TokenBucket
from llmdash.engine.pool.trial import StrikeTrial
from llmdash.lean_dataclass import dataclass
from llmdash.llms.base import LLM
from llmdash.llms.messages import Hints

__all__ = ["Endpoint", "Lease", "Member", "MemberLimits"]

_MINUTE_S = 60
_LOOK_S = 0.25  # until a key that no worker has is looked at again


class Endpoint:
    """What several keys share: a server with its concurrency limit (None: no limit of its own), a circuit
    breaker, and the limit that it may share with other endpoints and runs.
    """

    def __init__(
        self,
        name: str = "",
        concurrency: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        shared: SharedLimit | None = None,
    ) -> None:
        self.name = name
        self.shared = shared
        self.concurrency = concurrency
        self.has_batches: bool | None = None
        """Whether its batch service may be used; None where that is still to be asked."""
        self.batch_queue_tokens: int | None = None
        """The most prompt tokens of a model that may be with its batch service; None for what it takes."""
        self.in_flight = 0
        self.circuit_breaker = CircuitBreaker(clock)

    def wait_s(self, now: float) -> float:
        """Return the seconds until a request may be sent there; infinite if only an event can change that."""
        if self.concurrency is not None and self.in_flight >= self.concurrency:
            return math.inf
        return self.circuit_breaker.wait_s(now)

    def share_wait_s(self, tokens: int) -> float:
        """Return the seconds until the limit that it shares with others may have room for `tokens`."""
        return self.shared.wait_s(tokens) if self.shared is not None else 0.0


@dataclass(frozen=True, slots=True)
class MemberLimits:
    """The limits of one key: requests and tokens a minute."""

    requests: TokenBucket | None = None
    tokens: TokenBucket | None = None

    def wait_s(self, tokens: int) -> float:
        """Return the seconds until a request of `tokens` is within the limits."""
        requests = self.requests.wait_s(1) if self.requests is not None else 0.0
        return max(requests, self.tokens.wait_s(tokens)) if self.tokens is not None else requests

    def take(self, tokens: int) -> None:
        """Charge a request of `tokens`."""
        if self.requests is not None:
            self.requests.take(1)
        if self.tokens is not None:
            self.tokens.take(tokens)

    def seed(self, sends: Sequence[tuple[float, int]]) -> None:
        """Charge requests that were sent before: (seconds ago, tokens), oldest first."""
        if self.requests is not None:
            self.requests.seed([(ago, 1) for ago, _ in sends])
        if self.tokens is not None:
            self.tokens.seed(sends)

    def settle(self, taken: int, used: int) -> None:
        """Correct the charge of a request that ended: it was charged `taken` tokens and used `used`."""
        if self.tokens is not None:
            self.tokens.settle(taken, used)


_NO_LIMITS = MemberLimits()


class Member:
    """One key of the pool: an LLM bound to it, its health and its counters.

    Members that share a server share an `endpoint`. `models` are the names of the models that a job may
    ask it for; None is any.
    """

    def __init__(
        self,
        llm: LLM,
        label: str,
        endpoint: Endpoint | None = None,
        weight: float = 1.0,
        limits: MemberLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        models: frozenset[str] | None = None,
    ) -> None:
        self.llm = llm
        self.models = models
        self.label = label
        self.endpoint = endpoint if endpoint is not None else Endpoint(clock=clock)
        self.weight = weight
        self.limits = limits or _NO_LIMITS
        self.concurrency: int | None = None
        """The most requests of the key at once; None for no limit of its own."""
        self.health = KeyHealth(clock)
        self._clock = clock
        self.tuner: RateTuner | None = None
        """What finds its rate by itself; None while that is off."""
        self.reported: Hints | None = None
        self.stride_pass = 0.0
        self.is_reachable = True
        """False while no worker has the key."""
        self.was_away = False
        self.in_flight = self.sent = self.ok = self.throttled = self.errors = self.cut = 0
        self.input_tokens = self.output_tokens = 0
        self.reserved_until = 0.0
        """Until when it takes no more requests, so that one can be sent alone."""
        self.trials: list[StrikeTrial] = []
        self.refuted: dict[str, tuple[int, set[int]]] = {}
        """For each model the last ticket at its first refusal, and the jobs refused since its last answer."""
        self.models_left: set[str] = set()
        """Models that the key turned out not to have."""
        self.models_answered: set[str] = set()
        """The models, other than the endpoint's own, that it answered with."""
        self.calls = RollingCounter()
        self.throttles = RollingCounter()
        self.spans = RollingCounter(SPARK_SPANS + 1)
        """Calls by spans of time: the last is the one that has begun."""
        self.tokens = RollingCounter()

    @property
    def state(self) -> KeyState:
        return self.health.state

    @property
    def is_full(self) -> bool:
        """True if as many requests are in flight as the key may have at once."""
        return self.concurrency is not None and self.in_flight >= self.concurrency

    def serves(self, model: str | None) -> bool:
        """Return True if a job that asks for `model`, or for none by name, may be sent with this key."""
        return model is None or self.models is None or model in self.models

    def wait_s(self, now: float, tokens: int = 0) -> float:
        """Return the seconds until the key may send a request of `tokens`; infinite if only an event can
        tell.
        """
        if self.is_full:
            return math.inf
        return max(
            0.0 if self.is_reachable else _LOOK_S,
            self.health.wait_s(now, self.in_flight),
            self.endpoint.wait_s(now),
            self.limits.wait_s(tokens),
            self.pace_wait_s(tokens),
            self.endpoint.share_wait_s(tokens),
            self.reserved_until - now,
        )

    def may_send(self, now: float, tokens: int = 0) -> bool:
        """True if the key may send a request of `tokens` at the time `now`."""
        return self.reserved_until <= now and self.can_send(now, tokens)

    def can_send(self, now: float, tokens: int = 0) -> bool:
        """True if the key may send a request of `tokens`, also one that it is reserved for."""
        in_flight, limits = self.in_flight, self.limits
        if not self.is_reachable or (self.concurrency is not None and in_flight >= self.concurrency):
            return False
        if self.health.wait_s(now, in_flight) > 0.0 or self.endpoint.wait_s(now) > 0.0:
            return False
        if limits is not _NO_LIMITS and limits.wait_s(tokens) > 0.0:
            return False
        if self.tuner is not None and self.tuner.wait_s(tokens, in_flight) > 0.0:
            return False
        shared = self.endpoint.shared
        return shared is None or shared.wait_s(tokens) <= 0.0

    def pace_wait_s(self, tokens: int) -> float:
        """Return the seconds until a request of `tokens` is within the pace that was found by itself;
        infinite if only an answer can tell.
        """
        return self.tuner.wait_s(tokens, self.in_flight) if self.tuner is not None else 0.0

    def tune(self, *, on: bool) -> None:
        """Let the rate of the key be found by itself, or not."""
        if on and self.tuner is None:
            self.tuner = RateTuner(self.health, self._clock, self._let_through(), self.in_flight)
        elif not on:
            self.tuner = None
        self.health.is_tuned = on

    def _let_through(self) -> LetThrough:
        """What was not refused in each second of the last minute."""
        now = self._clock()
        calls, throttles, tokens = (
            each.series(now, _MINUTE_S) for each in (self.calls, self.throttles, self.tokens)
        )
        asked = self.input_tokens / max(1, self.input_tokens + self.output_tokens)
        return LetThrough(
            requests=[max(0, sent - refused) for sent, refused in zip(calls, throttles, strict=True)],
            input_tokens=[round(used * asked) for used in tokens],
            output_tokens=[used - round(used * asked) for used in tokens],
        )

    @property
    def counts_tokens(self) -> bool:
        """True if a request has to estimate its tokens, because there is a limit of them."""
        shared = self.endpoint.shared
        is_limited = self.limits.tokens is not None or self.tuner is not None
        return is_limited or (shared is not None and shared.counts_tokens)

    def take(self, tokens: int) -> None:
        """Charge a request of `tokens` to the limits."""
        self.limits.take(tokens)
        if self.endpoint.shared is not None:
            self.endpoint.shared.take(tokens)

    def settle(self, taken: int, used: int) -> None:
        """Correct the charge of a request that ended: it was charged `taken` tokens and used `used`."""
        self.limits.settle(taken, used)
        if self.endpoint.shared is not None:
            self.endpoint.shared.settle(taken, used)

    def not_sent(self, taken: int) -> None:
        """Take back the tokens of a request that was not sent."""
        self.limits.settle(taken, 0)
        if self.endpoint.shared is not None:
            self.endpoint.shared.not_sent(taken)


class Lease(NamedTuple):
    """A key leased for one request, with the tokens reserved on it.

    `is_lone` says that the key had nothing else in flight then.
    """

    member: Member
    tokens: int
    key_ticket: int
    endpoint_ticket: int
    is_lone: bool = False
