"""Runs that find their rate by themselves, on virtual time: the real runner over a provider with limits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import cast

from llmdash.engine.dispatch.asker import LocalAsker
from llmdash.engine.dispatch.kill_switch import KillSwitch
from llmdash.engine.dispatch.limiter import RateLimiter
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.queue import JobQueue
from llmdash.engine.dispatch.retry_budget import RetryBudget
from llmdash.engine.dispatch.runner import BatchRunner
from llmdash.engine.journal.writer import JournalWriter
from llmdash.engine.pool.member import Endpoint, Member
from llmdash.engine.pool.pool import KeyPool
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.store import Store
from llmdash.prompts.source import Prompt, PromptList
from tests.engine.auto.providers import Provider, ProviderLLM
from tests.engine.memory_journal import MemoryJournal
from tests.engine.virtual_time import VirtualTimeLoop

Event = tuple[float, Callable[["TunedRun"], None]]


class TunedRun:
    """A run with more jobs than it can do; `rate` is the thumb, `keys` all ask the one provider."""

    def __init__(
        self,
        provider: Provider,
        *,
        jobs: int = 60_000,
        rate: float | None = None,
        concurrency: int = 256,
        keys: int = 1,
    ) -> None:
        clock = asyncio.get_running_loop().time
        rng = random.Random(11)
        sizes = [max(3, round(300 * rng.lognormvariate(0, 0.6))) for _ in range(500)]
        prompts = [Prompt(f"p{n}", (("user", "x" * sizes[n % 500]),)) for n in range(jobs)]
        self.provider = provider
        endpoint = Endpoint("e", clock=clock)
        members = [Member(ProviderLLM(provider), f"k{n}", endpoint, clock=clock) for n in range(keys)]
        self.pool = KeyPool(members, clock)
        self.pool.set_auto(on=True)
        budget = RetryBudget(clock)
        self.queue = JobQueue(range(jobs), budget)
        self.parts = RunnerParts(
            PromptList("tuned", "f" * 64, prompts),
            self.pool,
            RateLimiter(rate),
            cast("JournalWriter", MemoryJournal()),
            Store(JobColumns(jobs, range(jobs)), clock),
            self.queue,
            budget,
            KillSwitch(lambda: None),
            rng=random.Random(1),
            clock=clock,
            asker=LocalAsker(clock),
        )
        self.runner = BatchRunner(self.parts, concurrency)

    async def live(self, minutes: float, events: Sequence[Event] = ()) -> TunedRun:
        """Run for so many minutes; at (seconds, what) something happens."""
        run = asyncio.create_task(self.runner.run())
        for at, happens in sorted(events, key=lambda event: event[0]):
            await asyncio.sleep(at - self.provider.elapsed)
            happens(self)
        await asyncio.wait([run], timeout=minutes * 60 - self.provider.elapsed)
        if run.done():
            run.result()
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        self.queue.close()
        return self


def tuned(
    make: Callable[[], Provider], minutes: float, events: Sequence[Event] = (), **settings: object
) -> TunedRun:
    """A run over the provider that `make` gives, after so many minutes."""

    async def live() -> TunedRun:
        return await TunedRun(make(), **settings).live(minutes, events)  # type: ignore[arg-type]

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(live())
