"""Run: the parts of one run put together, its life from start to end, and what it does on command."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmdash.engine import commands
from llmdash.engine.events import Noticed
from llmdash.engine.frame import Frame, JobState, RunState, Severity, View
from llmdash.engine.inspection import Inspector
from llmdash.engine.journal import JournalError, JournalFile
from llmdash.engine.keys import KeyPool, Member
from llmdash.engine.limiter import RateLimiter
from llmdash.engine.outcomes import prompt_id
from llmdash.engine.parts import RunnerParts
from llmdash.engine.picture import Painter, RunStatus
from llmdash.engine.reader import JournalReader
from llmdash.engine.resume import fresh_store, load_totals, resumed_store
from llmdash.engine.runner import BatchRunner
from llmdash.engine.work import WorkQueue
from llmdash.engine.writer import JournalWriter

if TYPE_CHECKING:
    from llmdash.engine.session import RunPlan

__all__ = ["Ending", "Run"]

_WATCH_S = 0.1


class Ending(enum.Enum):
    """Why a run ended."""

    DONE = "every job has ended"
    STOPPED = "stopped on command"
    NO_KEY = "no usable key is left"
    STORAGE = "the journal cannot be written"


class Run:
    """One run on the event loop that made it. `frame` may be called from any thread."""

    def __init__(
        self, plan: RunPlan, members: Sequence[Member], journal: JournalFile, clock: Callable[[], float]
    ) -> None:
        self._plan = plan
        self._clock = clock
        self._began = clock()
        self._ended_at: float | None = None
        self._status = RunStatus()
        self._ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        again: list[int] = []
        if plan.resume:
            self._store, again = resumed_store(
                plan.folder, len(plan.source), clock, retry_failed=plan.retry_failed
            )
        else:
            self._store = fresh_store(plan.source, clock)
        self._pool = KeyPool(members, clock)
        self._limiter = RateLimiter(plan.rate)
        if plan.resume:
            load_totals(self._store, self._pool.members, JournalReader(plan.folder).key_totals())
        self._work = WorkQueue(self._store.columns.pending)
        self._journal = JournalWriter(journal, self._storage_failed)
        self._runner = BatchRunner(
            RunnerParts(
                plan.source,
                self._pool,
                self._limiter,
                self._journal,
                self._store,
                self._work,
                plan.options,
                plan.policy,
            ),
            plan.concurrency,
        )
        for job in again:
            self._journal.reopened(job, _nothing)
        self._painter = Painter(
            plan.facts,
            self._store,
            self._pool,
            self._limiter,
            self._runner,
            lambda job: prompt_id(plan.source, job),
            Inspector(plan.source, JournalReader(plan.folder), self._store).inspect,
        )

    def frame(self, view: View) -> Frame:
        """The picture of now."""
        end = self._ended_at if self._ended_at is not None else self._clock()
        return self._painter.frame(view, replace(self._status, elapsed_s=end - self._began))

    async def work(self) -> Ending:
        """Work until the run ends; everything that happened is in the journal then."""
        watch = asyncio.create_task(self._watch())
        life = asyncio.create_task(self._live())
        for task in (watch, life):
            task.add_done_callback(self._crashed)
        try:
            ending = await self._ending
        finally:
            for task in (watch, life, *self._tasks):
                task.cancel()
            await asyncio.gather(watch, life, *self._tasks, return_exceptions=True)
            self._work.close()
            await self._journal.close()
        if ending is not Ending.STORAGE and not self._work.open:
            ending = Ending.DONE  # the last job ended while the run was being stopped
        self._set(RunState.DONE if ending is Ending.DONE else RunState.STOPPED, ending.value)
        return ending

    async def _live(self) -> None:
        """Jobs, until all have ended; then, if the plan says so, wait for one to be retried."""
        while True:
            self._ended_at = None
            self._set(RunState.PAUSED if self._runner.paused else RunState.RUNNING)
            await self._runner.run()
            self._ended_at = self._clock()
            self._set(RunState.DONE)
            if not self._plan.stay:
                self._end(Ending.DONE)
                return
            await self._work.some_open()

    async def _watch(self) -> None:
        """Look, now and then, at what no event tells."""
        while True:
            await asyncio.sleep(_WATCH_S)
            with self._store.lock:
                self._store.plots.sample(self._clock(), self._store.in_flight)
            if self._pool.exhausted and self._work.open and not self._runner.in_flight:
                self._no_key_left()

    def _no_key_left(self) -> None:
        if not self._plan.stay:
            self._end(Ending.NO_KEY)
        elif not self._runner.paused:
            self._pause("no usable key")
            words = "Every key is dead or off: the run is paused. Revive one in the key panel, then resume."
            self._store.apply(Noticed(Severity.ERROR, words))

    def _storage_failed(self, error: JournalError) -> None:
        self._store.apply(Noticed(Severity.ERROR, str(error)))
        self._end(Ending.STORAGE)

    def _crashed(self, task: asyncio.Task[None]) -> None:
        error = task.exception() if not task.cancelled() else None
        if error is not None and not self._ending.done():
            self._ending.set_exception(error)

    def _end(self, ending: Ending) -> None:
        if not self._ending.done():
            self._ending.set_result(ending)

    def _set(self, state: RunState, detail: str = "") -> None:
        self._status = RunStatus(state, detail)

    def _pause(self, detail: str = "") -> None:
        self._runner.pause()
        if self._status.state is RunState.RUNNING:
            self._set(RunState.PAUSED, detail)

    def _resume(self) -> None:
        self._runner.resume()
        if self._status.state in (RunState.PAUSED, RunState.DRAINING):
            self._set(RunState.RUNNING)

    async def _drain(self) -> None:
        self._set(RunState.DRAINING)
        await self._runner.drain(self._plan.grace_s)
        if self._status.state is not RunState.DRAINING:
            return  # resumed meanwhile
        if not self._work.open:
            self._set(RunState.DONE)
        elif self._plan.stay:
            self._set(RunState.PAUSED, "drained")
        else:
            self._end(Ending.STOPPED)

    def obey(self, command: commands.Command) -> None:
        """Do what a front end asks, or say why not. Runs on the event loop."""
        try:
            self._obey(command)
        except ValueError as error:
            self._store.apply(Noticed(Severity.WARNING, str(error)))

    def _obey(self, command: commands.Command) -> None:
        match command:
            case commands.SetRate(rate):
                self._limiter.set_rate(rate)
            case commands.SetConcurrency(concurrency):
                self._runner.set_concurrency(concurrency)
            case commands.Pause():
                self._pause()
            case commands.Resume():
                self._resume()
            case commands.Drain():
                self._spawn(self._drain())
            case commands.Cancel():
                self._end(Ending.STOPPED)
            case commands.RetryJobs(jobs):
                self._each(jobs, self._runner.retry_job)
            case commands.RetryFailed():
                states = self._store.columns.state
                self._each(
                    [job for job, state in enumerate(states) if state == JobState.FAILED],
                    self._runner.retry_job,
                )
            case commands.CancelJobs(jobs):
                self._each(jobs, self._runner.cancel_job)
            case commands.DisableKey(label):
                self._pool.disable(label)
            case commands.ReviveKey(label):
                self._pool.revive(label)
            case commands.SetWeight(label, weight):
                self._pool.set_weight(label, weight)

    def _each(self, jobs: Any, action: Callable[[int], None]) -> None:
        for job in jobs:
            if 0 <= job < self._store.columns.jobs:
                action(job)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _nothing() -> None:
    """A reopened job is pending from the start: nobody has to be told."""
