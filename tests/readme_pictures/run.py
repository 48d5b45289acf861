"""A run for a picture: the real engine on virtual time, over a server that is always the same."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast

from llmdash.engine.dispatch.asker import LocalAsker
from llmdash.engine.dispatch.kill_switch import KillSwitch
from llmdash.engine.dispatch.limiter import RateLimiter
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.queue import JobQueue
from llmdash.engine.dispatch.retry_budget import RetryBudget
from llmdash.engine.dispatch.retry_policy import RetryPolicy
from llmdash.engine.dispatch.runner import BatchRunner
from llmdash.engine.frames.blockers import RunStatus
from llmdash.engine.frames.builder import FrameBuilder
from llmdash.engine.frames.chronicle import Chronicle
from llmdash.engine.frames.gauges import LiveGauges
from llmdash.engine.frames.inspection import Inspector
from llmdash.engine.frames.job_texts import JobTexts
from llmdash.engine.frames.run_facts import RunFacts
from llmdash.engine.journal.writer import JournalWriter
from llmdash.engine.model.commands import Command, SetConcurrency, SetRate
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.records import AttemptRecord, MomentRow, ResultRow, SampleRow
from llmdash.engine.model.states import RunState
from llmdash.engine.model.view import View
from llmdash.engine.pool.costs import Tokens
from llmdash.engine.pool.member import Endpoint, Member
from llmdash.engine.pool.pool import KeyPool
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.store import Store
from llmdash.llms.base import LLM
from llmdash.llms.messages import Delta, PromptLike, Usage, as_messages, text_of
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.prompts.arithmetic import Arithmetic, evaluate
from tests.engine.memory_journal import MemoryJournal
from tests.engine.virtual_time import VirtualTimeLoop

KEYS: Final = ("a1f2", "9bc0", "77de", "c3d4")
DEAD_KEY: Final = "c3d4"
THROTTLED_KEY: Final = "77de"
JOBS: Final = 10_000
_RUNNING: Final = RunStatus(RunState.RUNNING)
_LOOK_S: Final = 0.25
_THROTTLED_S: Final = ((9.0, 10.0), (31.0, 31.5), (52.0, 53.0))
"""When a key is rate limited, in seconds of the run."""


def _price(_label: str, _model: str, tokens: Tokens) -> float | None:
    return (tokens.input * 0.15 + tokens.output * 0.6) / 1e6


@dataclass
class Server:
    """Answers sums as JSON in chunks, some of them wrong; has a key that is dead and one that is too busy."""

    rng: random.Random = field(default_factory=lambda: random.Random(3))
    began: float = 0.0

    async def answer(self, key: str, prompt: str) -> AsyncGenerator[Delta, None]:
        rng, at = self.rng, asyncio.get_running_loop().time() - self.began
        await asyncio.sleep(rng.uniform(0.05, 0.09))
        if key == DEAD_KEY:
            raise Failure(FailureKind.AUTH, "Incorrect API key provided", status=401)
        if key == THROTTLED_KEY and any(begins <= at < ends for begins, ends in _THROTTLED_S):
            raise Failure(FailureKind.THROTTLE, "Rate limit reached", status=429, retry_after=4.0)
        draw = rng.random()
        await asyncio.sleep(rng.lognormvariate(-1.1, 0.3))
        if draw < 0.012:
            raise Failure(FailureKind.TRANSIENT, "The server had an error", status=500)
        for piece in self._pieces(prompt, draw):
            yield Delta(text=piece)
            await asyncio.sleep(rng.lognormvariate(-3.3, 0.5) + (0.25 if rng.random() < 0.01 else 0.0))
        yield Delta(finish_reason="stop", usage=Usage(54, 15 + rng.randrange(3)))

    def _pieces(self, prompt: str, draw: float) -> Iterator[str]:
        expression = prompt.split("Work out ", 1)[1].split(". ", 1)[0]
        result = evaluate(expression)
        if draw > 0.992:
            yield from ("Sure", "!", " The", " result", " is", f" {result}", ".")
            return
        yield from ('{"', "expression", '":', ' "')
        first, *others = expression.split(" ")
        yield first
        yield from (f" {word}" for word in others)
        yield from ('",', ' "', "result", '":', f" {result + (10 if draw > 0.972 else 0)}", "}")


class PicturedLLM(LLM):
    """Asks the server with one key."""

    model = "gpt-4o-mini"

    def __init__(self, server: Server, key: str) -> None:
        self._server = server
        self._key = key

    def _astream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        return self._server.answer(self._key, text_of(as_messages(prompt)[-1]))


class KeptJournal(MemoryJournal):
    """A journal in memory in which one can look things up."""

    def result(self, job: int) -> ResultRow | None:
        return self.results.get(job)

    def texts(self, jobs: Sequence[int]) -> Mapping[int, ResultRow]:
        return {job: self.results[job] for job in jobs if job in self.results}

    def attempts_of(self, job: int) -> tuple[AttemptRecord, ...]:
        return tuple(record for (of, _number), record in sorted(self.attempts.items()) if of == job)

    def moments(self, rows: Sequence[MomentRow]) -> None:
        """Take what the chronicle records; the marks on the time axis are in the store."""

    def sample(self, row: SampleRow) -> None:
        """Take what the chronicle records; the series are in the store."""


class Records:
    """What an inspector looks up."""

    def __init__(self, journal: KeptJournal) -> None:
        self.result = journal.result
        self.attempts = journal.attempts_of


class PicturedSession:
    """A session whose time passes only in `advance`, on a loop and a thread of its own."""

    def __init__(self) -> None:
        self._loop = VirtualTimeLoop()
        self._thread = ThreadPoolExecutor(1, "pictured")
        self._thread.submit(self._begin).result()

    def _begin(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._make())

    async def _make(self) -> None:
        clock = self._loop.time
        source, server, journal = Arithmetic(JOBS), Server(began=clock()), KeptJournal()
        endpoint = Endpoint("openai", clock=clock)
        members = [Member(PicturedLLM(server, key), key, endpoint, clock=clock) for key in KEYS]
        pool, policy = KeyPool(members, clock), RetryPolicy()
        budget = RetryBudget(clock, policy.budget_share, policy.budget_floor)
        store = Store(JobColumns(JOBS, range(JOBS)), clock)
        self.parts = RunnerParts(
            source,
            pool,
            RateLimiter(15.0),
            cast("JournalWriter", journal),
            store,
            JobQueue(range(JOBS), budget),
            budget,
            KillSwitch(lambda: None),
            policy=policy,
            rng=random.Random(5),
            clock=clock,
            wall_clock=lambda: clock() + 1_767_225_600.0,
            asker=LocalAsker(clock),
        )
        self.runner = BatchRunner(self.parts, 64)
        gauges = LiveGauges(self.parts, self.runner)
        self._frames = FrameBuilder(
            RunFacts("arithmetic", "gpt-4o-mini", "openai", len(KEYS), _price, check=""),
            store,
            gauges,
            source.id,
            Inspector(source, Records(journal), store.streams).inspect,
            texts=JobTexts(source, journal, ""),
            attempts=journal.attempts_of,
            at_work=True,
        )
        self._chronicle = Chronicle(
            cast("JournalWriter", journal),
            store,
            pool,
            gauges,
            lambda: self._frames.head(_RUNNING),
            wall_clock=self.parts.wall_clock,
        )
        self._chronicle.begin(RunState.RUNNING, "")
        store.run_clock.start()
        self._work = asyncio.create_task(self.runner.run())

    def advance(self, seconds: float) -> None:
        """Let time pass in the run."""
        self._thread.submit(self._loop.run_until_complete, self._pass(seconds)).result()

    async def _pass(self, seconds: float) -> None:
        store, until = self.parts.store, self._loop.time() + seconds
        while (left := until - self._loop.time()) > 0:
            await asyncio.sleep(min(left, _LOOK_S))
            store.time_series.sample(store.run_clock(), store.in_flight)
            self._chronicle.look(RunState.RUNNING, "")

    def now(self) -> float:
        """Return the time of the run, in seconds."""
        return self._loop.time()

    def frame(self, view: View) -> Frame:
        return self._frames.frame(view, _RUNNING)

    def command(self, command: Command) -> None:
        self._thread.submit(self._loop.run_until_complete, self._execute(command)).result()

    async def _execute(self, command: Command) -> None:
        match command:
            case SetRate(rate):
                self.parts.limiter.set_rate(rate)
            case SetConcurrency(concurrency):
                self.runner.set_concurrency(concurrency)

    def close(self) -> None:
        """End the run, wherever it is."""
        self._thread.submit(self._end).result()
        self._thread.shutdown()

    def _end(self) -> None:
        self._work.cancel()
        self._loop.run_until_complete(asyncio.gather(self._work, return_exceptions=True))
        self.parts.queue.close()
        self._loop.close()


@contextmanager
def pictured_run() -> Iterator[PicturedSession]:
    """A run that has just begun; it ends with the block."""
    session = PicturedSession()
    try:
        yield session
    finally:
        session.close()
