"""Whole runs on virtual time: the real engine over servers and a journal that are simulated."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from llmdash.engine.dispatch.kill_switch import KillSwitch
from llmdash.engine.dispatch.limiter import RateLimiter
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.queue import JobQueue
from llmdash.engine.dispatch.retry_budget import RetryBudget
from llmdash.engine.dispatch.retry_policy import RetryPolicy
from llmdash.engine.dispatch.runner import BatchRunner
from llmdash.engine.frames.blockers import RunStatus, alerts_of
from llmdash.engine.journal.writer import JournalWriter
from llmdash.engine.model.frame import Alert
from llmdash.engine.model.states import EndpointState, JobState, RunState
from llmdash.engine.pool.member import Endpoint, Member
from llmdash.engine.pool.pool import KeyPool
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.store import Store
from llmdash.prompts.source import Prompt, PromptList
from tests.engine.memory_journal import MemoryJournal
from tests.engine.simulated_servers import Call, Scenario, Servers, SimulatedLLM
from tests.engine.virtual_time import VirtualTimeLoop

_LOOK_S = 20.0


def _options(scenario: Scenario, job: int) -> dict[str, str]:
    return {"model": scenario.models[job]} if job in scenario.models else {}


def lived(scenario: Scenario) -> SimulatedRun:
    """The run of a scenario, after it ended or has stood for hours."""

    async def live() -> SimulatedRun:
        return await SimulatedRun(scenario).finish()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(live())


class SimulatedRun:
    """A whole engine at work on a scenario; what may never be is looked at all along (`wrong`)."""

    def __init__(self, scenario: Scenario) -> None:
        clock = asyncio.get_running_loop().time
        self.scenario = scenario
        self.servers = Servers(scenario)
        self.journal = MemoryJournal()
        self.pool = KeyPool(list(self._members(clock)), clock)
        policy = RetryPolicy()
        self.budget = RetryBudget(clock, policy.budget_share, policy.budget_floor)
        self.work = JobQueue(range(scenario.jobs), self.budget)
        self.store = Store(JobColumns(scenario.jobs, range(scenario.jobs)), clock)
        self.limiter = RateLimiter(scenario.rate)
        self.kill_switch = KillSwitch(self._kill_switch_tripped)
        prompts = [
            Prompt(f"p{n}", (("user", str(n)),), options=_options(scenario, n)) for n in range(scenario.jobs)
        ]
        self.parts = RunnerParts(
            PromptList("simulated", "f" * 64, prompts),
            self.pool,
            self.limiter,
            cast("JournalWriter", self.journal),
            self.store,
            self.work,
            self.budget,
            self.kill_switch,
            policy=policy,
            rng=random.Random(scenario.seed + 1),
            clock=clock,
            wall_clock=lambda: clock() + 1e9,
        )
        self.runner = BatchRunner(self.parts, scenario.concurrency)
        self.servers.on_call = self._look_at
        self.wrong: list[str] = []
        self.took_s = 0.0
        self.ended = False
        self.gave_up = False
        self.stands_because: tuple[Alert, ...] = ()

    def _members(self, clock: Callable[[], float]) -> list[Member]:
        members = []
        for name, keys in self.scenario.endpoints.items():
            endpoint = Endpoint(name, clock=clock)
            for number in range(keys):
                key = f"{name}-{number}"
                members.append(Member(SimulatedLLM(self.servers, name, key), key, endpoint, clock=clock))
        return members

    def _kill_switch_tripped(self) -> None:
        self.runner.pause()

    async def finish(self) -> SimulatedRun:
        """Run to the end, or until it has stood for long enough."""
        async with self.going():
            return self

    @asynccontextmanager
    async def going(self) -> AsyncIterator[SimulatedRun]:
        """The run at work; at the end it is waited for."""
        run = asyncio.create_task(self.runner.run())
        others = [asyncio.create_task(self._watch()), asyncio.create_task(self._fill_disk())]
        try:
            yield self
            await asyncio.wait([run, *others], timeout=self.scenario.asks_s, return_when="FIRST_COMPLETED")
            self.ended = run.done()
            self.gave_up = self.runner.is_rate_limited
            if not self.ended:
                self.stands_because = self.alerts()
        finally:
            self.took_s = self.servers.answers[-1][0] if self.servers.answers else 0.0
            for task in (run, *others):
                task.cancel()
            results = await asyncio.gather(run, *others, return_exceptions=True)
            self.work.close()
        for result in results:
            if isinstance(result, Exception):
                raise result
        await asyncio.sleep(0.1)
        self._look()

    def alerts(self) -> tuple[Alert, ...]:
        """What the user is told now."""
        state = RunState.PAUSED if self.runner.paused else RunState.RUNNING
        disk = "the disk is full" if self.journal.is_full else None
        status = RunStatus(state, "", disk, self.kill_switch.reason)
        return alerts_of(
            status,
            self.pool.statistics(),
            self.pool.endpoint_statistics(),
            retries_held=self.budget.is_short,
            open_jobs=self.work.open,
        )

    async def _fill_disk(self) -> None:
        for begins, ends in self.scenario.full_disk:
            await asyncio.sleep(begins - self.servers.elapsed)
            self.journal.is_full = True
            await asyncio.sleep(ends - begins)
            self.journal.make_room()
        await asyncio.Event().wait()

    async def _watch(self) -> None:
        """Every while: counters add up, and if nothing was sent meanwhile, it is said why."""
        before = silent = 0
        while True:
            await asyncio.sleep(_LOOK_S)
            self._look()
            idle = len(self.servers.calls) == before and not self.runner.in_flight and self.work.open
            silent = silent + 1 if idle and not self.alerts() and not self._is_backing_off else 0
            before = len(self.servers.calls)
            if self.runner.is_rate_limited:
                return  # as a run without a screen ends then
            if silent == 2:
                self.wrong.append(f"stands silently at {self.servers.elapsed:.0f} s")

    @property
    def _is_backing_off(self) -> bool:
        return self.store.columns.counts[JobState.BACKOFF] == self.work.open

    def _look(self) -> None:
        for key in self.pool.statistics():
            if key.sent != key.ok + key.throttled + key.errors + key.cut + key.in_flight:
                self.wrong.append(f"the counters of {key.label} do not add up: {key}")
        if sum(self.store.columns.counts) != self.scenario.jobs:
            self.wrong.append("the states of the jobs do not add up")

    def _look_at(self, call: Call) -> None:
        endpoint = next(each for each in self.pool.endpoints if each.name == call.endpoint)
        if endpoint.circuit_breaker.state in (EndpointState.DOWN, EndpointState.PAUSED):
            self.wrong.append(
                f"{call.endpoint} was asked at {call.at}, though {endpoint.circuit_breaker.state}"
            )
        if self.runner.in_flight > self.runner.concurrency:
            self.wrong.append(f"{self.runner.in_flight} in flight")

    def failed(self) -> set[int]:
        return {job for job, result in self.journal.results.items() if result.state == "failed"}

    def done(self) -> set[int]:
        return {job for job, result in self.journal.results.items() if result.state == "done"}
