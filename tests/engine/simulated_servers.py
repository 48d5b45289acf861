"""Servers that fail as a scenario says, on the time of the running loop."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmdash.llms.base import LLM
from llmdash.llms.messages import Delta, PromptLike, Usage, as_messages, text_of
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.engine.virtual_time import now

MINUTE, HOUR = 60.0, 3600.0


def refused() -> Failure:
    return Failure(FailureKind.TRANSIENT, "connection refused", reached=False)


def bad_gateway() -> Failure:
    return Failure(FailureKind.TRANSIENT, "bad gateway", status=502)


def crashed() -> Failure:
    return Failure(FailureKind.TRANSIENT, "internal error", status=500)


def overloaded() -> Failure:
    return Failure(FailureKind.TRANSIENT, "overloaded", status=529)


def offline() -> Failure:
    return Failure(FailureKind.LOCAL, "network unreachable", reached=False)


def malformed() -> Failure:
    return Failure(FailureKind.REQUEST, "no such field", status=400)


def unpaid() -> Failure:
    return Failure(FailureKind.QUOTA, "insufficient_quota", status=429)


def unknown_key() -> Failure:
    return Failure(FailureKind.AUTH, "invalid key", status=401)


def throttled(hint: float | None) -> Failure:
    return Failure(FailureKind.THROTTLE, "slow down", status=429, retry_after=hint)


def too_many_tokens() -> Failure:
    return Failure(FailureKind.THROTTLE, "too many tokens", status=429, code="tokens")


def bad_request() -> Failure:
    return Failure(FailureKind.REQUEST, "no such thing", status=400, code="invalid_value")


def no_access() -> Failure:
    return Failure(FailureKind.REQUEST, "no access to this model", status=404, code="model_not_found")


def forbidden() -> Failure:
    return Failure(FailureKind.AUTH, "not allowed", status=403, code="permission_denied")


def filtered() -> Failure:
    return Failure(
        FailureKind.REQUEST,
        "filtered",
        status=400,
        code="content_filter",
        names_request=True,
        of_content=True,
    )


def poor_by_words() -> Failure:
    return Failure(FailureKind.QUOTA, "raise your spending limit", status=400, by_words=True)


def wrong_key_by_words() -> Failure:
    return Failure(FailureKind.AUTH, "this key is not valid", status=400, by_words=True)


def unavailable() -> Failure:
    return Failure(FailureKind.TRANSIENT, "try later", status=503)


@dataclass(frozen=True)
class Fault:
    """What goes wrong from `begins` until `ends` (seconds of the run), with the probability `chance`.

    It befalls one endpoint, one key or some jobs; all of them where that is None. It shows `after_s` seconds
    behind the request.
    """

    failure: Callable[[], Failure]
    begins: float = 0.0
    ends: float = float("inf")
    endpoint: str | None = None
    key: str | None = None
    jobs: frozenset[int] | None = None
    model: str | None = None
    chance: float = 1.0
    after_s: float = 0.02

    def hits(self, at: float, call: Call, rng: random.Random) -> bool:
        return (
            self.begins <= at < self.ends
            and self.endpoint in (None, call.endpoint)
            and self.key in (None, call.key)
            and (self.jobs is None or call.job in self.jobs)
            and self.model in (None, call.model)
            and (self.chance >= 1.0 or rng.random() < self.chance)
        )


@dataclass(frozen=True)
class Limit:
    """A key may be used for `calls` requests a second; what is beyond that is told to wait `hint` seconds."""

    calls: int
    hint: float | None = 2.0
    key: str | None = None


@dataclass(frozen=True)
class Scenario:
    """What a run meets. `endpoints` maps a name to its number of keys."""

    jobs: int = 1_000
    endpoints: Mapping[str, int] = field(default_factory=lambda: {"e": 3})
    concurrency: int = 64
    faults: Sequence[Fault] = ()
    limits: Sequence[Limit] = ()
    room: int | None = None
    """How many requests an endpoint serves at once; the others meet `overloaded`."""
    latency_s: tuple[float, float] = (0.5, 1.5)
    models: Mapping[int, str] = field(default_factory=dict)
    """The models that some jobs name themselves."""
    full_disk: Sequence[tuple[float, float]] = ()
    rate: float | None = None
    seed: int = 0
    asks_s: float = 12 * HOUR
    """How long one waits for the end."""


@dataclass(frozen=True)
class Call:
    """One request, as its server sees it: `at` in seconds of the run; `failed` once that is known."""

    at: float
    endpoint: str
    key: str
    job: int
    number: int
    model: str = "simulated"


class Servers:
    """All endpoints of a scenario, and what they have seen."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._rng = random.Random(scenario.seed)
        self._began = now()
        self.calls: list[Call] = []
        self.failures: defaultdict[int, list[Failure]] = defaultdict(list)
        self.answers: list[tuple[float, int]] = []
        self.too_early: list[str] = []
        self.in_flight: Counter[str] = Counter()
        self._numbers: Counter[int] = Counter()
        self._rests_until: dict[str, float] = {}
        self._seconds: dict[str, tuple[int, int]] = {}
        self.on_call: Callable[[Call], None] = lambda _: None

    @property
    def elapsed(self) -> float:
        return now() - self._began

    async def answer(self, endpoint: str, key: str, job: int, model: str) -> AsyncGenerator[Delta, None]:
        self._numbers[job] += 1
        call = Call(self.elapsed, endpoint, key, job, self._numbers[job], model)
        self.calls.append(call)
        self.on_call(call)
        if call.at < self._rests_until.get(key, 0.0) - 1e-6:
            self.too_early.append(f"{key} at {call.at}, though told to wait until {self._rests_until[key]}")
        self.in_flight[endpoint] += 1
        try:
            await self._fail(call)
            latency_s = self._rng.uniform(*self._scenario.latency_s)
            await asyncio.sleep(0.2 * latency_s)
            yield Delta(text=f"answer {job}")
            await asyncio.sleep(0.8 * latency_s)
            self.answers.append((self.elapsed, job))
            yield Delta(finish_reason="stop", usage=Usage(3, 5))
        finally:
            self.in_flight[endpoint] -= 1

    async def _fail(self, call: Call) -> None:
        failure, after_s = self._failure_of(call)
        if failure is not None:
            await asyncio.sleep(after_s * self._rng.uniform(0.5, 1.0))
            self.failures[call.job].append(failure)
            if failure.kind is FailureKind.THROTTLE and failure.retry_after:
                until = self.elapsed + failure.retry_after
                self._rests_until[call.key] = max(until, self._rests_until.get(call.key, 0.0))
            raise failure

    def _failure_of(self, call: Call) -> tuple[Failure | None, float]:
        for fault in self._scenario.faults:
            if fault.hits(call.at, call, self._rng):
                return fault.failure(), fault.after_s
        room = self._scenario.room
        if room is not None and self.in_flight[call.endpoint] > room:
            return overloaded(), 0.02
        for limit in self._scenario.limits:
            if limit.key in (None, call.key) and self._count(call) > limit.calls:
                return throttled(limit.hint), 0.02
        return None, 0.0

    def is_retry(self, call: Call) -> bool:
        """True if the job failed in a way that counts right before."""
        if call.number == 1:
            return False
        before = self.failures[call.job][call.number - 2]
        return before.kind is FailureKind.TRANSIENT and before.reached and before.status != 529

    def _count(self, call: Call) -> int:
        """Requests of this key in this second."""
        second, before = self._seconds.get(call.key, (0, 0))
        calls = before + 1 if second == int(call.at) else 1
        self._seconds[call.key] = (int(call.at), calls)
        return calls


class SimulatedLLM(LLM):
    model = "simulated"

    def __init__(self, servers: Servers, endpoint: str, key: str) -> None:
        self._servers = servers
        self._place = endpoint, key

    def _astream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        job = int(text_of(as_messages(prompt)[-1]))
        return self._servers.answer(*self._place, job, options.get("model", self.model))
