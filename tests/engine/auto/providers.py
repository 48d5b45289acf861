"""Providers with limits that nobody is told, as their servers keep and count them, on virtual time."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from llmdash.llms.base import LLM
from llmdash.llms.messages import Delta, Hints, PromptLike, Usage, as_messages, text_of
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.engine.virtual_time import now

MINUTE_S = 60.0


class Limit(Protocol):
    """A limit of one unit: `requests`, `input`, `output` or `tokens` (both)."""

    unit: str
    per_minute: float

    def wait_s(self, at: float) -> float:
        """The seconds until it has room again; 0 if it has now."""

    def count(self, at: float, amount: float) -> None:
        """Count what was let through."""

    def remaining(self, at: float) -> float:
        """What is left now."""

    def reset_s(self, at: float) -> float:
        """The seconds until all of it is there again."""


@dataclass
class SlidingWindow:
    """At most so much in any minute."""

    per_minute: float
    unit: str = "requests"
    _taken: deque[tuple[float, float]] = field(default_factory=deque)
    _sum: float = 0.0

    def wait_s(self, at: float) -> float:
        left, then = self.remaining(at), at
        for taken_at, amount in self._taken:
            if left > 0:
                return max(0.0, then - at)
            left, then = left + amount, taken_at + MINUTE_S + 1e-3
        return max(0.0, then - at) if self._taken and left > 0 else 0.0

    def count(self, at: float, amount: float) -> None:
        self._taken.append((at, amount))
        self._sum += amount

    def remaining(self, at: float) -> float:
        while self._taken and self._taken[0][0] <= at - MINUTE_S:
            self._sum -= self._taken.popleft()[1]
        return self.per_minute - self._sum

    def reset_s(self, at: float) -> float:
        return self._taken[-1][0] + MINUTE_S - at if self._taken else 0.0


@dataclass
class FixedWindow:
    """So much in each minute of the server's clock."""

    per_minute: float
    unit: str = "requests"
    phase_s: float = 17.0
    _window: int = -1
    _sum: float = 0.0

    def wait_s(self, at: float) -> float:
        return self.reset_s(at) + 1e-3 if self.remaining(at) <= 0 else 0.0

    def count(self, at: float, amount: float) -> None:
        self.remaining(at)
        self._sum += amount

    def remaining(self, at: float) -> float:
        window = int((at + self.phase_s) // MINUTE_S)
        if window != self._window:
            self._window, self._sum = window, 0.0
        return self.per_minute - self._sum

    def reset_s(self, at: float) -> float:
        return MINUTE_S - (at + self.phase_s) % MINUTE_S


@dataclass
class Bucket:
    """Refills evenly, and holds `holds_s` seconds of it."""

    per_minute: float
    unit: str = "requests"
    holds_s: float = MINUTE_S
    _at: float = 0.0
    _level: float | None = None

    def wait_s(self, at: float) -> float:
        missing = 1.0 - self.remaining(at)
        return missing / (self.per_minute / MINUTE_S) if missing > 0 else 0.0

    def count(self, at: float, amount: float) -> None:
        self._level = self.remaining(at) - amount

    def remaining(self, at: float) -> float:
        rate = self.per_minute / MINUTE_S
        room = max(1.0, rate * self.holds_s)
        level = room if self._level is None else self._level
        self._level, self._at = min(room, level + (at - self._at) * rate), at
        return self._level

    def reset_s(self, at: float) -> float:
        rate = self.per_minute / MINUTE_S
        return (rate * self.holds_s - self.remaining(at)) / rate


@dataclass
class Slope:
    """No minute may hold more than `growth` times the one before it, but `base` is always free; and in no
    case more than `per_minute`.
    """

    per_minute: float
    base: float = 60.0
    growth: float = 1.5
    unit: str = "requests"
    _taken: deque[float] = field(default_factory=deque)

    def wait_s(self, at: float) -> float:
        return 1.0 if self.remaining(at) <= 0 else 0.0

    def count(self, at: float, amount: float) -> None:
        self._taken.append(at)

    def remaining(self, at: float) -> float:
        while self._taken and self._taken[0] <= at - 2 * MINUTE_S:
            self._taken.popleft()
        last = sum(taken > at - MINUTE_S for taken in self._taken)
        before = len(self._taken) - last
        return min(self.per_minute, max(self.base, self.growth * before)) - last

    def reset_s(self, at: float) -> float:
        return MINUTE_S


@dataclass
class Habits:
    """How a provider refuses: whether it says how long to wait, which limit it was, and what is left."""

    says_when: bool = True
    names_limit: bool = True
    has_headers: bool = False
    code: str = "rate_limit_exceeded"
    slow_down: bool = False


class Provider:
    """Counts what it answers and what it refuses, by the second. `latency_s` gives the time of an answer
    while so many requests are in flight.
    """

    def __init__(
        self,
        limits: Sequence[Any],
        habits: Habits | None = None,
        latency_s: Callable[[random.Random, int], float] | None = None,
        output: Callable[[random.Random], int] = lambda rng: max(1, round(80 * rng.lognormvariate(0, 0.5))),
        seed: int = 3,
    ) -> None:
        self.limits: Sequence[Limit] = limits
        self.habits = habits or Habits()
        self._latency_s = latency_s or (lambda rng, _: rng.uniform(0.5, 1.5))
        self._output = output
        self._rng = random.Random(seed)
        self._began = now()
        self.in_flight = 0
        self.most_in_flight = 0
        self.let_through: list[tuple[float, dict[str, float]]] = []
        self.refused: list[tuple[float, str]] = []
        self.latencies: list[tuple[float, float]] = []

    @property
    def elapsed(self) -> float:
        return now() - self._began

    async def answer(self, asked: int) -> AsyncGenerator[Delta, None]:
        at, said = self.elapsed, self._output(self._rng)
        full = next((limit for limit in self.limits if limit.wait_s(at) > 0), None)
        if full is not None:
            self.refused.append((at, full.unit))
            await asyncio.sleep(self._rng.uniform(0.02, 0.08))
            raise self._refusal(full)
        amounts = {"requests": 1.0, "input": asked, "output": said, "tokens": asked + said}
        for limit in self.limits:
            if limit.unit != "output":
                limit.count(at, amounts[limit.unit])
        self.let_through.append((at, amounts))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        latency_s = self._latency_s(self._rng, self.in_flight)
        self.latencies.append((at, latency_s))
        try:
            await asyncio.sleep(0.3 * latency_s)
            yield Delta(text="an answer")
            await asyncio.sleep(0.7 * latency_s)
        finally:
            self.in_flight -= 1
        for limit in self.limits:
            if limit.unit == "output":
                limit.count(self.elapsed, said)
        yield Delta(finish_reason="stop", usage=Usage(asked, said), hints=self._hints())

    def _refusal(self, full: Limit) -> Failure:
        unit = f"{full.unit} tokens" if full.unit in ("input", "output") else full.unit
        words = f"{unit} per minute exceeded" if self.habits.names_limit else "slow down, please"
        return Failure(
            FailureKind.THROTTLE,
            words,
            status=429,
            code="slow_down" if self.habits.slow_down else self.habits.code,
            retry_after=full.wait_s(self.elapsed) or None if self.habits.says_when else None,
            hints=self._hints(),
            slow_down=self.habits.slow_down,
        )

    def _hints(self) -> Hints | None:
        if not self.habits.has_headers:
            return None
        at = self.elapsed
        found: dict[str, Any] = {}
        for limit in self.limits:
            if limit.unit in ("requests", "tokens"):
                found[f"limit_{limit.unit}"] = round(limit.per_minute)
                found[f"remaining_{limit.unit}"] = max(0, int(limit.remaining(at)))
                found[f"reset_{limit.unit}_s"] = limit.reset_s(at)
        return Hints(**found)

    def used(self, begins: float, ends: float) -> float:
        """The share of what is possible that was let through between these times, by the limit that binds."""
        shares = []
        for limit in self.limits:
            used = sum(amounts[limit.unit] for at, amounts in self.let_through if begins <= at < ends)
            shares.append(used / (limit.per_minute * (ends - begins) / MINUTE_S))
        return max(shares)

    def refused_share(self, begins: float, ends: float) -> float:
        """The share of the requests between these times that was refused."""
        refused = sum(begins <= at < ends for at, _ in self.refused)
        return refused / max(1, refused + sum(begins <= at < ends for at, _ in self.let_through))


class ProviderLLM(LLM):
    """A key of a provider."""

    model = "limited"

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def _astream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        return self._provider.answer(len(text_of(as_messages(prompt)[-1])) // 3)
