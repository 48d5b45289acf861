"""Runs with a budget on virtual time: the real runner over answers of any length, and what each may cost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, cast

from llmdash.engine.dispatch.kill_switch import KillSwitch
from llmdash.engine.dispatch.limiter import RateLimiter
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.queue import JobQueue
from llmdash.engine.dispatch.quotes import Quotes
from llmdash.engine.dispatch.reservations import Reservations
from llmdash.engine.dispatch.retry_budget import RetryBudget
from llmdash.engine.dispatch.runner import BatchRunner
from llmdash.engine.journal.writer import JournalWriter
from llmdash.engine.pool.costs import Tokens
from llmdash.engine.pool.member import Endpoint, Member
from llmdash.engine.pool.pool import KeyPool
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.store import Store
from llmdash.llms.base import LLM
from llmdash.llms.messages import Delta, PromptLike, Usage
from llmdash.prompts.source import Prompt, PromptList
from tests.engine.memory_journal import MemoryJournal
from tests.engine.virtual_time import VirtualTimeLoop

PRICE_IN, PRICE_OUT = 1e-6, 4e-6


def cost_of(_label: str, _model: str, tokens: Tokens) -> float | None:
    return tokens.input * PRICE_IN + tokens.output * PRICE_OUT


Length = Callable[[random.Random], int]
"""Draws the tokens of an answer."""


class LongWinded(LLM):
    """Answers after a second or so, in as many tokens as are drawn, and no more than it may."""

    model = "long-winded"

    def __init__(self, run: BoundedRun) -> None:
        self._run = run

    async def _astream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        tokens = self._run.length(self._run.rng)
        limit = self.longest_answer(options)
        tokens = tokens if limit is None else min(tokens, limit)
        self._run.sent(tokens)
        await asyncio.sleep(self._run.rng.uniform(0.5, 1.5))
        yield Delta("x", finish_reason="stop", usage=Usage(self._run.asked, tokens))


class BoundedRun:
    """One run to its budget. At each send it notes what is in flight: what is reserved, and what it costs."""

    def __init__(
        self,
        length: Length,
        *,
        seed: int,
        budget: float,
        jobs: int = 250,
        concurrency: int = 16,
        asked: int = 5,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        clock = asyncio.get_running_loop().time
        self.rng = random.Random(seed)
        self.length = length
        self.asked = asked
        self.budget = budget
        self.spent = 0.0
        self.excess = 0.0
        """The most by which what is in flight at a send costs more than is reserved for it."""
        self._costs: list[float] = []
        prompts = [Prompt(f"p{n}", (("user", "x" * 20),)) for n in range(jobs)]
        policy_budget = RetryBudget(clock)
        self.queue = JobQueue(range(jobs), policy_budget)
        self.reservations = Reservations(Quotes(cost_of, options or {}))
        self.parts = RunnerParts(
            PromptList("bounded", "f" * 64, prompts),
            KeyPool([Member(LongWinded(self), "k", Endpoint("e", clock=clock), clock=clock)], clock),
            RateLimiter(None),
            cast("JournalWriter", MemoryJournal()),
            Store(JobColumns(jobs, range(jobs)), clock),
            self.queue,
            policy_budget,
            KillSwitch(lambda: None),
            options or {},
            clock=clock,
            reservations=self.reservations,
        )
        self.runner = BatchRunner(self.parts, concurrency)

    def sent(self, tokens: int) -> None:
        """Note a request that leaves, with the cost that its answer will have."""
        self._costs.append(self.asked * PRICE_IN + tokens * PRICE_OUT)
        statistics = self.reservations.statistics()
        assert statistics.settled + statistics.reserved <= self.budget * (1 + 1e-9)
        in_flight = sum(self._costs) - statistics.settled
        self.excess = max(self.excess, in_flight - statistics.reserved)

    async def finish(self) -> BoundedRun:
        """Run until every job has ended, or the budget is spent."""
        self.reservations.set_budget(self.budget, lambda: (0.0, 0.0))
        run = asyncio.create_task(self.runner.run())
        while not run.done():
            await asyncio.sleep(0.25)
            if self.reservations.is_spent(self.queue.open) and not self.reservations.in_flight:
                break
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        self.queue.close()
        self.spent = sum(self._costs)
        return self

    @property
    def overshoot(self) -> float:
        return max(0.0, self.spent - self.budget)


def bounded(length: Length, **settings: Any) -> BoundedRun:
    """A run to its budget, or its end."""

    async def live() -> BoundedRun:
        return await BoundedRun(length, **settings).finish()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(live())


def lognormal(rng: random.Random) -> int:
    """Lengths of a median of 120 tokens, and now and then thousands."""
    return max(1, round(120 * rng.lognormvariate(0.0, 1.0)))


def pareto(rng: random.Random) -> int:
    """Lengths from 50 tokens on with a tail of an infinite variance."""
    return min(100_000, round(50 * rng.paretovariate(1.5)))
