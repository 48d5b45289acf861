"""Whole runs on virtual time: the real engine, over models that fail as a scenario says, and a journal in
memory.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, cast

from llmdash.engine.brake import Brake
from llmdash.engine.budget import RetryBudget
from llmdash.engine.frame import Alert, EndpointState, JobState, RunState
from llmdash.engine.holds import RunStatus, alerts_of
from llmdash.engine.jobs import JobColumns
from llmdash.engine.journal import AttemptRecord, HealthRecord, ResultRow
from llmdash.engine.keys import KeyPool, Member
from llmdash.engine.limiter import RateLimiter
from llmdash.engine.member import Endpoint
from llmdash.engine.parts import RunnerParts
from llmdash.engine.retry import RetryPolicy
from llmdash.engine.runner import BatchRunner
from llmdash.engine.store import Store
from llmdash.engine.work import WorkQueue
from llmdash.engine.writer import JournalWriter
from llmdash.llms.base import LLM
from llmdash.llms.failures import Failure, FailureKind
from llmdash.llms.messages import Delta, PromptLike, Usage, as_messages
from llmdash.prompts.source import Prompt, PromptList
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
    chance: float = 1.0
    after_s: float = 0.02

    def hits(self, at: float, call: Call, rng: random.Random) -> bool:
        return (
            self.begins <= at < self.ends
            and self.endpoint in (None, call.endpoint)
            and self.key in (None, call.key)
            and (self.jobs is None or call.job in self.jobs)
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


class MemoryJournal:
    """Has the methods of JournalWriter; rows are on its disk 3 ms later, or when the disk has room again."""

    def __init__(self) -> None:
        self.is_full = False
        self.attempts: dict[tuple[int, int], AttemptRecord] = {}
        self.results: dict[int, ResultRow] = {}
        self.settled_twice: list[int] = []
        self.health_records: list[HealthRecord] = []
        self._waiting: list[tuple[Callable[[], None], Callable[[], None]]] = []
        self._timer: asyncio.TimerHandle | None = None

    async def sent(self, record: AttemptRecord) -> None:
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._add(lambda: self._attempt(record), lambda: written.done() or written.set_result(None))
        await written

    def ended(self, record: AttemptRecord, result: ResultRow | None, then: Callable[[], None]) -> None:
        def write() -> None:
            self._attempt(record)
            if result is not None:
                self._result(result)

        self._add(write, then)

    def settled(self, result: ResultRow, then: Callable[[], None]) -> None:
        self._add(lambda: self._result(result), then)

    def reopened(self, job: int) -> None:
        self._add(lambda: self.results.pop(job, None), _nothing)

    def health(self, record: HealthRecord) -> None:
        self._add(lambda: self.health_records.append(record), _nothing)

    def make_room(self) -> None:
        self.is_full = False
        self._arm()

    def _attempt(self, record: AttemptRecord) -> None:
        self.attempts[record.job, record.attempt] = record

    def _result(self, result: ResultRow) -> None:
        if result.job in self.results:
            self.settled_twice.append(result.job)
        self.results[result.job] = result

    def _add(self, write: Callable[[], object], then: Callable[[], object]) -> None:
        self._waiting.append((cast("Callable[[], None]", write), cast("Callable[[], None]", then)))
        self._arm()

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(0.003, self._commit)

    def _commit(self) -> None:
        self._timer = None
        if self.is_full:
            return
        group, self._waiting = self._waiting, []
        for write, _ in group:
            write()
        for _, then in group:
            then()


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

    async def answer(self, endpoint: str, key: str, job: int) -> AsyncIterator[Delta]:
        self._numbers[job] += 1
        call = Call(self.elapsed, endpoint, key, job, self._numbers[job])
        self.calls.append(call)
        self.on_call(call)
        if call.at < self._rests_until.get(key, 0.0) - 1e-6:
            self.too_early.append(f"{key} at {call.at}, though told to wait until {self._rests_until[key]}")
        self.in_flight[endpoint] += 1
        try:
            await self._fail(call)
            await asyncio.sleep(self._rng.uniform(*self._scenario.latency_s))
            self.answers.append((self.elapsed, job))
            yield Delta(text=f"answer {job}")
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
    ) -> AsyncIterator[Delta]:
        return self._servers.answer(*self._place, int(as_messages(prompt)[-1].content))


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
        self.work = WorkQueue(range(scenario.jobs), self.budget)
        self.store = Store(JobColumns(scenario.jobs, range(scenario.jobs)), clock)
        self.limiter = RateLimiter(scenario.rate)
        self.brake = Brake(self._braked)
        prompts = [Prompt(f"p{n}", (("user", str(n)),)) for n in range(scenario.jobs)]
        self.parts = RunnerParts(
            PromptList("simulated", "f" * 64, prompts),
            self.pool,
            self.limiter,
            cast("JournalWriter", self.journal),
            self.store,
            self.work,
            self.budget,
            self.brake,
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

    def _members(self, clock: Callable[[], float]) -> list[Member]:
        members = []
        for name, keys in self.scenario.endpoints.items():
            endpoint = Endpoint(name, clock=clock)
            for number in range(keys):
                key = f"{name}-{number}"
                members.append(Member(SimulatedLLM(self.servers, name, key), key, endpoint, clock=clock))
        return members

    def _braked(self) -> None:
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
        status = RunStatus(state, "", self.servers.elapsed, disk, self.brake.reason)
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
        for _ in count():
            before = len(self.servers.calls)
            await asyncio.sleep(10.0)
            self._look()
            idle = len(self.servers.calls) == before and not self.runner.in_flight and self.work.open
            if idle and not self.alerts() and not self.runner.paused and not self._is_backing_off:
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
        if endpoint.breaker.state in (EndpointState.DOWN, EndpointState.PAUSED):
            self.wrong.append(f"{call.endpoint} was asked at {call.at}, though {endpoint.breaker.state}")
        if self.runner.in_flight > self.runner.concurrency:
            self.wrong.append(f"{self.runner.in_flight} in flight")

    def failed(self) -> set[int]:
        return {job for job, result in self.journal.results.items() if result.state == "failed"}

    def done(self) -> set[int]:
        return {job for job, result in self.journal.results.items() if result.state == "done"}


def _nothing() -> None:
    pass
