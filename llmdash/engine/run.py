"""Run: builds the parts of one run, runs it from start to end, and carries out commands."""

from __future__ import annotations

import asyncio
import enum
import math
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from llmdash.engine.dispatch.earlier_sends import seed_rate
from llmdash.engine.dispatch.kill_switch import KillSwitch
from llmdash.engine.dispatch.limiter import RateLimiter
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.queue import JobQueue
from llmdash.engine.dispatch.retry_budget import RetryBudget
from llmdash.engine.dispatch.runner import BatchRunner
from llmdash.engine.dispatch.worker_watch import WorkerWatch
from llmdash.engine.frames.blockers import RunStatus
from llmdash.engine.frames.builder import FrameBuilder
from llmdash.engine.frames.inspection import Inspector
from llmdash.engine.journal.file import JournalError, JournalFile, StorageError
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.journal.writer import JournalWriter
from llmdash.engine.model.events import Noticed
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.records import ResultRow
from llmdash.engine.model.states import EndpointState, KeyState, RunState, Severity
from llmdash.engine.model.view import View
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.costs import Tokens
from llmdash.engine.pool.health_records import restore_health
from llmdash.engine.pool.member import Member
from llmdash.engine.pool.pool import KeyPool
from llmdash.engine.resume import fresh_store, history_facts, load_history, load_totals, resumed_store
from llmdash.engine.steering import Steering
from llmdash.engine.store.hosts import known_hosts
from llmdash.sanitize import storable

__all__ = ["Ending", "Run"]

_WATCH_S = 0.1
_REST_S = 1.0
"""Seconds between two looks at what no event reports, at work and at rest."""
_HISTORY_S = 5.0
"""Seconds at work after which the history is written again."""
_NO_KEY = "no usable key"
_NO_WAL = (
    "This file system does not take SQLite's write-ahead log, as network ones do not: the journal is kept "
    "without it, which is slower."
)


class Ending(enum.Enum):
    """Why a run ended."""

    DONE = "every job has ended"
    STOPPED = "stopped on command"
    NO_KEY = "no usable key is left"
    NO_WORKER = "no worker came in time"
    STORAGE = "the journal cannot be written"
    KILL_SWITCH = "the requests are refused"


class Run:
    """One run, on the event loop that made it. `frame` may be called from any thread."""

    def __init__(
        self, plan: RunPlan, members: Sequence[Member], journal: JournalFile, clock: Callable[[], float]
    ) -> None:
        self._plan = plan
        self._file = journal
        self._state = (RunState.STARTING, "")
        self._disk: str | None = None
        self._output_reported = False
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
            self._load(JournalReader(plan.folder))
        self._history_at = self._store.run_clock()
        self._kill_switch = KillSwitch(self._kill_switch_tripped)
        budget = RetryBudget(clock, plan.policy.budget_share, plan.policy.budget_floor)
        self._queue = JobQueue(self._store.columns.pending, budget)
        self._journal = JournalWriter(journal, self._storage_failed, self._storage_held, self._saved)
        self._workers = WorkerWatch(plan.asker, self._store, self._journal, clock)
        self._parts = RunnerParts(
            plan.source,
            self._pool,
            self._limiter,
            self._journal,
            self._store,
            self._queue,
            budget,
            self._kill_switch,
            plan.options,
            plan.policy,
            plan.rules,
            asker=plan.asker,
            wider_options=plan.wider_options,
        )
        self._runner = BatchRunner(self._parts, plan.concurrency)
        if not journal.is_wal:
            self._notice(Severity.WARNING, _NO_WAL)
        for job in again:
            self._journal.reopened(job)
        self._steering = Steering(self, self._parts, self._runner)
        self.execute = self._steering.execute
        self._frame_builder = FrameBuilder(
            plan.facts,
            self._parts,
            self._runner,
            lambda job: storable(plan.source.id(job)),
            Inspector(plan.source, JournalReader(plan.folder), self._store).inspect,
        )

    def _load(self, reader: JournalReader) -> None:
        """Restore the counts and the health of the keys from an earlier start."""
        load_totals(self._store, self._pool.members, reader.key_totals())
        for label, model, tokens in reader.spent():
            self._pool.spending.restore(label, model, Tokens(*tokens))
        seed_rate(self._limiter, self._pool.members, reader, time.time())
        restore_health(self._pool.members, reader.health(), time.time())
        facts = reader.facts()
        load_history(self._store, facts)
        self._store.lost_by.update(reader.lost_by())
        self._store.hosts.update(known_hosts(facts))
        for member in self._pool.members:
            if member.state is KeyState.DISABLED:
                self._notice(Severity.WARNING, f"Key {member.label} is off, as it was left")

    def frame(self, view: View) -> Frame:
        """Return a frame of the current state."""
        no_worker = self._plan.asker.blocked()
        status = RunStatus(
            *self._state, self._disk, self._kill_switch.reason, no_worker, self._workers.blocked_s
        )
        return self._frame_builder.frame(view, status)

    async def work(self) -> Ending:
        """Run until the end; the journal is complete then. Return why the run ended."""
        watch = asyncio.create_task(self._watch())
        life = asyncio.create_task(self._live())
        shares = [asyncio.create_task(limit.keep(self._demand)) for limit in self._pool.shared_limits]
        for task in (watch, life, *shares):
            task.add_done_callback(self._crashed)
        try:
            ending = await self._ending
        finally:
            for task in (watch, life, *shares, *self._tasks):
                task.cancel()
            await asyncio.gather(watch, life, *shares, *self._tasks, return_exceptions=True)
            self._queue.close()
            self._store.run_clock.stop()
            self._keep_history(every_s=0.0)
            self._workers.look()
            await self._journal.close()
        if self._journal.failure is not None:
            ending = Ending.STORAGE
        elif not self._queue.open:
            ending = Ending.DONE  # the last job ended while the run was being stopped
        self._set(RunState.DONE if ending is Ending.DONE else RunState.STOPPED, ending.value)
        return ending

    async def _live(self) -> None:
        """Run the jobs until all have ended; with `stay` then wait for one to be retried."""
        while True:
            self._set(RunState.PAUSED if self._runner.paused else RunState.RUNNING)
            self._run_clock()
            await self._runner.run()
            self._run_clock()
            self._set(RunState.DONE)
            self._keep_history(every_s=0.0)
            if not self._plan.stay:
                self._end(Ending.DONE)
                return
            await self._queue.some_open()

    def _demand(self) -> float:
        """Return the rate that the run may send at by itself, in requests a second; 0 if nothing waits."""
        if self._runner.paused or self._queue.open <= self._runner.in_flight:
            return 0.0
        return self._limiter.rate or math.inf

    async def _watch(self) -> None:
        """Check from time to time what no event reports."""
        while True:
            await asyncio.sleep(_REST_S if self._store.run_clock.stands else _WATCH_S)
            self._run_clock()
            with self._store.lock:
                self._store.time_series.sample(self._store.run_clock(), self._store.in_flight)
            self._keep_history(every_s=_HISTORY_S)
            self._welcome(self._plan.more_keys())
            self._look_at_output()
            self._look_for_journal()
            self._look_for_workers()
            if self._queue.open and not self._runner.in_flight:
                self._look_for_keys()
            if not self._plan.stay and self._runner.is_rate_limited:
                self._end(Ending.NO_KEY)

    def _run_clock(self) -> None:
        """Let the clock of the run stand while it rests on purpose, or has no work."""
        if self._queue.open and (self._runner.in_flight or not self._runner.paused):
            self._store.run_clock.start()
        else:
            self._store.run_clock.stop()

    def _keep_history(self, *, every_s: float) -> None:
        """Write the history, if the run was at work for `every_s` seconds since the last time."""
        active_s = self._store.run_clock()
        if active_s - self._history_at >= every_s and active_s > self._history_at:
            self._history_at = active_s
            self._journal.facts(history_facts(self._store))

    def _welcome(self, members: Sequence[Member]) -> None:
        """Add new keys to the pool, and resume a run that is paused because no key was usable."""
        for member in members:
            self._pool.add(member)
            self._notice(Severity.INFORMATION, f"Key {member.label} joins the pool")
        if members:
            self._journal.facts(self._plan.key_notes())
            self.revived()

    def _look_for_keys(self) -> None:
        """Pause the run, or end a headless one, if no key is usable until the user acts."""
        if not self._plan.stay and self._runner.returns_in_s() > self._plan.policy.patience_s:
            self._end(Ending.NO_KEY)
        elif self._runner.returns_in_s() == math.inf and not self._runner.paused:
            self.pause(_NO_KEY)

    def _kill_switch_tripped(self) -> None:
        self._runner.pause()
        if self._plan.stay:
            self._set(RunState.PAUSED, "kill switch")
        else:
            self._spawn(self._end_after_kill_switch())

    async def _end_after_kill_switch(self) -> None:
        await self._runner.drain(self._plan.grace_s)
        self._end(Ending.KILL_SWITCH)

    def _storage_failed(self, error: JournalError) -> None:
        self._notice(Severity.ERROR, str(error))
        self._end(Ending.STORAGE)

    def _storage_held(self, reason: str | None) -> None:
        """Set why the disk blocks the journal; None clears it. Jobs wait for their rows by themselves."""
        self._disk = f"{reason}: {self._plan.folder}" if reason is not None else None

    def _saved(self, rows: Sequence[ResultRow]) -> None:
        """Append results that are on disk to the live output; called on the journal's thread."""
        if self._plan.live is not None:
            self._plan.live.append(rows)

    def _look_at_output(self) -> None:
        """Report once that the live output cannot be written."""
        live = self._plan.live
        if live is not None and live.problem is not None and not self._output_reported:
            self._output_reported = True
            self._notice(Severity.WARNING, live.problem)

    def _look_for_journal(self) -> None:
        """End a run whose folder was deleted: nothing more could be saved."""
        if not self._file.is_in_place:
            self._storage_failed(StorageError(f"{self._plan.folder}: the folder of the run is gone"))

    def _look_for_workers(self) -> None:
        """End a run that nobody watches once no worker came for too long."""
        self._workers.look()
        if not self._plan.stay and self._workers.blocked_s > self._plan.patience_s:
            self._notice(Severity.ERROR, f"No worker came in time: {self._plan.asker.blocked()}")
            self._end(Ending.NO_WORKER)

    def _notice(self, severity: Severity, words: str) -> None:
        self._store.apply(Noticed(severity, words))

    def _crashed(self, task: asyncio.Task[None]) -> None:
        error = task.exception() if not task.cancelled() else None
        if error is not None and not self._ending.done():
            self._ending.set_exception(error)

    def _end(self, ending: Ending) -> None:
        if not self._ending.done():
            self._ending.set_result(ending)

    def _set(self, state: RunState, detail: str = "") -> None:
        self._state = (state, detail)

    def pause(self, detail: str = "") -> None:
        """Send nothing new; requests in flight continue."""
        self._runner.pause()
        self._run_clock()
        if self._state[0] is RunState.RUNNING:
            self._set(RunState.PAUSED, detail)

    def resume(self) -> None:
        """Send again, and reset the kill switch and paused endpoints: the user has seen the cause."""
        self._kill_switch.release()
        for endpoint in self._pool.endpoints:
            if endpoint.circuit_breaker.state is EndpointState.PAUSED:
                self._pool.revive_endpoint(endpoint.name)
        self._runner.resume()
        self._run_clock()
        if self._state[0] in (RunState.PAUSED, RunState.DRAINING):
            self._set(RunState.RUNNING)

    def revived(self) -> None:
        """Resume a run that is paused because no key was usable, if one is now."""
        if self._state == (RunState.PAUSED, _NO_KEY) and self._runner.returns_in_s() < math.inf:
            self.resume()

    def drain(self) -> None:
        """Send nothing new and end the run, or pause it if it stays, once nothing is in flight."""
        self._spawn(self._drain())

    def stop(self) -> None:
        """End the run now; requests in flight are aborted and their jobs stay pending."""
        self._end(Ending.STOPPED)

    async def _drain(self) -> None:
        self._set(RunState.DRAINING)
        await self._runner.drain(self._plan.grace_s)
        if self._state[0] is not RunState.DRAINING:
            return  # resumed meanwhile
        if not self._queue.open:
            self._set(RunState.DONE)
        elif self._plan.stay:
            self._set(RunState.PAUSED, "drained")
        else:
            self._end(Ending.STOPPED)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
