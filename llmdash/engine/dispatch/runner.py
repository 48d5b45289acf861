"""BatchRunner: keeps a bounded number of attempts in flight until every job has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Set
from typing import Any, TypeVar

from llmdash.engine.dispatch.admission import Admission
from llmdash.engine.dispatch.attempt_runner import AttemptRunner
from llmdash.engine.dispatch.budget_gate import BudgetGate
from llmdash.engine.dispatch.open_jobs import OpenJobs
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.reuse import AnswerPlace, Reuse
from llmdash.engine.dispatch.settlement import Settlement
from llmdash.engine.dispatch.slots import WorkerSlots
from llmdash.engine.model.events import Queued, Taken
from llmdash.engine.model.states import JobState
from llmdash.engine.pool.member import Member

__all__ = ["BatchRunner"]

T = TypeVar("T")


class BatchRunner:
    """Workers that take a job, a key and a permit, send, and record. They never raise: an outcome is data.

    Workers queue; the first takes the next job, waits for a key that may send and a permit, and leases the
    key. So no permit goes stale, and only one job at a time waits for the limiter. Then: commit *sent*, send,
    commit the outcome. Only then does the job count as saved.
    """

    def __init__(self, parts: RunnerParts, concurrency: int) -> None:
        self._parts = parts
        self._jobs = OpenJobs(parts)
        self._settlement = Settlement(parts, self._jobs)
        self._slots = WorkerSlots(concurrency)
        self.budget_gate = BudgetGate(parts, self._jobs, self._settlement)
        """Has the jobs that the budget has no room for."""
        self._admission = Admission(parts, self._jobs, self._settlement, self._slots, self.budget_gate)
        self._attempts = AttemptRunner(parts, self._jobs, self._settlement, self._slots, self.budget_gate)
        parts.budget.cover(concurrency)
        self._workers: dict[int, asyncio.Task[None]] = {}
        self._line = asyncio.Lock()
        self._with_worker: dict[int, asyncio.Task[Any]] = {}
        self._asking: dict[int, Member] = {}
        self._given_up: set[int] = set()
        self._leaving = False
        self._fault: asyncio.Future[BaseException] | None = None

    @property
    def paused(self) -> bool:
        """True while nothing new is sent."""
        return not self._slots.sending.is_set()

    @property
    def concurrency(self) -> int:
        """The most requests in flight at once."""
        return self._slots.concurrency

    @property
    def in_flight(self) -> int:
        """The number of requests in flight."""
        return self._attempts.in_flight

    @property
    def settlement(self) -> Settlement:
        """What settles the jobs, also those that came back in a batch."""
        return self._settlement

    @property
    def settling(self) -> Set[int]:
        """The jobs whose result is written but not on disk yet."""
        return self._jobs.settling

    async def may_send(self) -> None:
        """Wait until the run is not paused."""
        await self._slots.sending.wait()

    @property
    def asking(self) -> Mapping[int, Member]:
        """The jobs that are being asked, or about to be, and the key of each."""
        return self._asking

    @property
    def is_rate_limited(self) -> bool:
        """True if every open job has met nothing but rate limits (429) for long."""
        return self._jobs.is_rate_limited

    def returns_in_s(self) -> float:
        """Return the seconds until a key may be used again for some open job; infinite if only the user can
        change that.
        """
        return self._admission.returns_in_s()

    async def run(self) -> None:
        """Work until every job has ended or the task is cancelled; then no request is in flight.

        Raises the exception that broke a worker: a fault in this program or in the prompt source.
        """
        self._leaving = False
        self._fault = asyncio.get_running_loop().create_future()
        self._hire()
        ended = asyncio.create_task(self._parts.queue.all_ended())
        try:
            await asyncio.wait((ended, self._fault), return_when=asyncio.FIRST_COMPLETED)
            if self._fault.done():
                raise self._fault.result()
        finally:
            self._leaving = True
            await _dismiss((ended, *self._workers.values()))
            self._workers.clear()

    def set_concurrency(self, concurrency: int) -> None:
        """Allow `concurrency` requests in flight; those beyond it finish before anything new is sent."""
        self._slots.set_concurrency(concurrency)
        self._parts.budget.cover(self._slots.concurrency)
        if self._workers:
            self._hire()

    def pause(self) -> None:
        """Send nothing new."""
        self._slots.sending.clear()

    def resume(self) -> None:
        """Start sending again."""
        self._slots.sending.set()

    async def drain(self, grace_s: float) -> None:
        """Send nothing new; wait up to `grace_s` seconds until nothing is in flight."""
        self.pause()
        try:
            async with asyncio.timeout(grace_s):
                await self._attempts.quiet()
        except TimeoutError:
            return

    def cancel_job(self, job: int) -> None:
        """End an open job without an answer; its request in flight is aborted."""
        ended = JobState(self._parts.store.columns.state[job]).ended
        if ended or job in self._given_up or job in self._jobs.settling:
            return
        self._admission.forget(job)
        if self._parts.store.columns.state[job] == JobState.BATCHED:
            self._parts.queue.end_loan(job)
            self._settlement.given_up(job)
            return
        task = self._with_worker.get(job)
        if task is not None:
            self._given_up.add(job)
            task.cancel()
        else:
            if self._parts.reservations.take_off(job):
                self._parts.queue.requeue(job)
            if self._parts.reuse is None or not self._parts.reuse.leave(job):
                self._parts.queue.drop(job)
            self._settlement.given_up(job)

    def retry_job(self, job: int) -> None:
        """Queue an ended job again; its attempts stay in the journal."""
        state = JobState(self._parts.store.columns.state[job])
        if state.ended:
            if state is JobState.DONE and self._parts.reuse is not None:
                self._parts.reuse.send(job)  # another answer is wanted than the one there is
            self._parts.store.apply(Queued(job))
            self._settlement.reopened(job)

    def _hire(self) -> None:
        for number in range(self._slots.concurrency):
            if number not in self._workers or self._workers[number].done():
                self._workers[number] = asyncio.create_task(self._work(number), name=f"worker-{number}")
                self._workers[number].add_done_callback(self._left)

    def _left(self, worker: asyncio.Task[None]) -> None:
        error = worker.exception() if not worker.cancelled() else None
        if error is not None and self._fault is not None and not self._fault.done():
            self._fault.set_result(error)

    async def _work(self, number: int) -> None:
        slots, admission, parts = self._slots, self._admission, self._parts
        while number < slots.concurrency and not self._leaving:
            if not slots.sending.is_set():
                await slots.sending.wait()
            async with self._line:
                job, fresh = await parts.queue.pop(spread=parts.pool.is_trying)
                parts.store.apply(Taken(job, parts.clock(), fresh))
                known = None if parts.reuse is None else self._known(job, parts.reuse)
                lease = await self._holding(job, admission.lease(job, number)) if known is None else None
            if isinstance(known, AnswerPlace):
                await self._holding(job, self._take(job, known))
            if known is not None:
                await asyncio.sleep(0)  # many in a row must not keep the loop from what is in flight
            if lease is not None:
                slots.busy += 1
                self._asking[job] = lease.member
                try:
                    await self._holding(job, self._attempts.run(job, lease))
                finally:
                    del self._asking[job]
                    slots.release()

    def _known(self, job: int, reuse: Reuse) -> AnswerPlace | JobState | None:
        """Return where the answer to a job is; QUEUED if it waits for that of another; None if it has to be
        asked.
        """
        place = reuse.find(job)
        if place is None and reuse.is_waiting(job):
            self._parts.store.apply(Queued(job))
            return JobState.QUEUED
        return place

    async def _take(self, job: int, place: AnswerPlace) -> None:
        """Settle a job with an answer on record, or queue it again where that will not do."""
        if self._parts.reuse is not None and not await self._parts.reuse.take(job, place):
            self._settlement.returned(job)

    async def _holding(self, job: int, step: Coroutine[Any, Any, T]) -> T | None:
        """Run `step` for a job that this worker has. Return None if it was cancelled.

        If the job is cancelled meanwhile, that settles it; if the worker is, the job is requeued.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a worker is a task")
        self._with_worker[job] = task
        try:
            return await step
        except asyncio.CancelledError:
            if job not in self._given_up:
                self._settlement.returned(job)
                raise
            while task.uncancel():
                pass
            self._settlement.given_up(job)
            return None
        finally:
            self._given_up.discard(job)
            self._with_worker.pop(job, None)


async def _dismiss(tasks: Iterable[asyncio.Task[Any]]) -> None:
    leaving = list(tasks)
    for task in leaving:
        task.cancel()
    await asyncio.gather(*leaving, return_exceptions=True)
