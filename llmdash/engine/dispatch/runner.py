"""BatchRunner: keeps a bounded number of attempts in flight until every job has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from llmdash.engine.dispatch.asker import Lost, NotSent
from llmdash.engine.dispatch.attempt import Answer, Attempt, expected_tokens, model_asked
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.send_window import JointDeparture
from llmdash.engine.dispatch.settlement import Settlement
from llmdash.engine.model.events import AttemptEnded, Event, Queued, Sent, Taken, Waiting
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.model.states import JobState
from llmdash.engine.pool.member import Lease, Member
from llmdash.engine.pool.shared import Ticket
from llmdash.engine.pool.terms import Terms
from llmdash.llms.options import merge_options
from llmdash.prompts.source import InputError, Prompt

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
        self._settlement = Settlement(parts)
        self._concurrency = concurrency
        parts.budget.cover(concurrency)
        self._workers: dict[int, asyncio.Task[None]] = {}
        self._line = asyncio.Lock()
        self._sending = asyncio.Event()
        self._sending.set()
        self._quiet = asyncio.Event()
        self._with_worker: dict[int, asyncio.Task[Any]] = {}
        self._in_flight: set[int] = set()
        self._given_up: set[int] = set()
        self._aside: dict[int, str] = {}
        """The model of each job that waits for a key of that model, while others are sent."""
        self._busy = 0
        self._freed = asyncio.Event()
        self._leaving = False
        self._fault: asyncio.Future[BaseException] | None = None

    @property
    def paused(self) -> bool:
        """True while nothing new is sent."""
        return not self._sending.is_set()

    @property
    def concurrency(self) -> int:
        """The most requests in flight at once."""
        return self._concurrency

    @property
    def in_flight(self) -> int:
        """The number of requests in flight."""
        return len(self._in_flight)

    @property
    def is_rate_limited(self) -> bool:
        """True if every open job has met nothing but rate limits (429) for long."""
        return self._settlement.is_rate_limited

    def returns_in_s(self) -> float:
        """Return the seconds until a key may be used again for some open job; infinite if only the user can
        change that.
        """
        pool = self._parts.pool
        if len(self._aside) < self._parts.queue.open or not self._aside:
            return pool.returns_in_s()
        return min(pool.returns_in_s(model) for model in set(self._aside.values()))

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
        self._concurrency = max(1, concurrency)
        self._parts.budget.cover(self._concurrency)
        self._freed.set()
        if self._workers:
            self._hire()

    def pause(self) -> None:
        """Send nothing new."""
        self._sending.clear()

    def resume(self) -> None:
        """Start sending again."""
        self._sending.set()

    async def drain(self, grace_s: float) -> None:
        """Send nothing new; wait up to `grace_s` seconds until nothing is in flight."""
        self.pause()
        try:
            async with asyncio.timeout(grace_s):
                while self._in_flight:
                    self._quiet.clear()
                    await self._quiet.wait()
        except TimeoutError:
            return

    def cancel_job(self, job: int) -> None:
        """End an open job without an answer; its request in flight is aborted."""
        ended = JobState(self._parts.store.columns.state[job]).ended
        if ended or job in self._given_up or job in self._settlement.settling:
            return
        self._aside.pop(job, None)
        task = self._with_worker.get(job)
        if task is not None:
            self._given_up.add(job)
            task.cancel()
        else:
            self._parts.queue.drop(job)
            self._settlement.given_up(job)

    def retry_job(self, job: int) -> None:
        """Queue an ended job again; its attempts stay in the journal."""
        if JobState(self._parts.store.columns.state[job]).ended:
            self._parts.store.apply(Queued(job))
            self._settlement.reopened(job)

    def _hire(self) -> None:
        for number in range(self._concurrency):
            if number not in self._workers or self._workers[number].done():
                self._workers[number] = asyncio.create_task(self._work(number), name=f"worker-{number}")
                self._workers[number].add_done_callback(self._left)

    def _left(self, worker: asyncio.Task[None]) -> None:
        error = worker.exception() if not worker.cancelled() else None
        if error is not None and self._fault is not None and not self._fault.done():
            self._fault.set_result(error)

    async def _work(self, number: int) -> None:
        while number < self._concurrency and not self._leaving:
            await self._sending.wait()
            async with self._line:
                job, fresh = await self._parts.queue.pop(spread=self._parts.pool.is_trying)
                self._parts.store.apply(Taken(job, self._parts.clock(), fresh))
                lease = await self._holding(job, self._lease(job, number))
            if lease is not None:
                self._busy += 1
                try:
                    await self._holding(job, self._do(job, lease))
                finally:
                    self._busy -= 1
                    self._freed.set()

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
                self._return(job)
                raise
            while task.uncancel():
                pass
            self._settlement.given_up(job)
            return None
        finally:
            self._given_up.discard(job)
            self._with_worker.pop(job, None)

    def _may_send(self, number: int) -> bool:
        return self._sending.is_set() and number < self._concurrency

    def _return(self, job: int) -> None:
        self._parts.queue.requeue(job)
        self._parts.store.apply(Queued(job))

    async def _lease(self, job: int, number: int) -> Lease | None:
        """Return the lease of a key, with a permit; None if sending has stopped, or only other jobs can be
        sent now: the job is queued again.
        """
        parts = self._parts
        tokens = self._tokens_needed(job)
        self._aside.pop(job, None)
        while self._may_send(number):
            await parts.asker.ready()
            while self._busy >= self._concurrency:  # as after the concurrency was lowered
                self._freed.clear()
                await self._freed.wait()
            terms = self._settlement.terms(job)
            if terms is None:
                self._settlement.without_key(job)
                return None
            if not parts.pool.may_lease(tokens, terms):
                parts.store.apply(Waiting(job, JobState.KEY))
                if terms.is_strict:
                    self._step_aside(job, tokens, terms)
                    return None
                if not await parts.pool.ready(tokens):
                    if parts.queue.yield_to_urgent(job):
                        parts.store.apply(Queued(job))
                        return None
                    continue
                parts.store.apply(Waiting(job, JobState.LIMITER))
            await parts.limiter.acquire()
            if not self._may_send(number):
                break
            lease = parts.pool.choose(terms, tokens)
            if lease is not None:
                return lease
        self._return(job)
        return None

    def _step_aside(self, job: int, tokens: int, terms: Terms) -> None:
        """Let others go first: not every key that may send will do for this job."""
        model = self._model_asked(job)
        if model is not None:
            self._aside[job] = model
        delay_s = self._parts.pool.look_in_s(tokens, terms)
        self._parts.queue.schedule(job, delay_s, urgent=terms.alone)

    def _tokens_needed(self, job: int) -> int:
        """Return the expected tokens of a request; 0 if no key has a token limit."""
        parts = self._parts
        if not parts.pool.counts_tokens:
            return 0
        try:
            prompt = parts.source.prompt(job)
        except InputError:
            return 0  # the attempt will say so
        options = merge_options(parts.wider_options, self._options_of(prompt))
        return expected_tokens(prompt, options, parts.store.mean_output_tokens)

    def _model_asked(self, job: int) -> str | None:
        """Return the model that a job names; None if it names none, or any key may serve it."""
        parts = self._parts
        if not parts.pool.is_divided:
            return None
        try:
            return model_asked(parts.source.prompt(job))
        except InputError:
            return None  # the attempt will say so

    def _options_of(self, prompt: Prompt) -> Mapping[str, Any]:
        return merge_options(self._parts.options, prompt.options)

    async def _do(self, job: int, lease: Lease) -> None:
        """Make one attempt of `job`, from its announcement to the record of its outcome."""
        attempt, departure = await self._announce(job, lease)
        if not self._sending.is_set() or not self._parts.pool.may_leave(lease):
            self._not_sent(attempt, departure)  # meanwhile one knows better
            self._return(job)
            return
        try:
            prompt = self._settlement.repaired(job, self._parts.source.prompt(job))
        except InputError as error:
            self._not_sent(attempt, departure)
            self._settlement.refused(job, str(error))
            return
        answer = await self._ask(attempt, departure, prompt)
        if answer is None:
            return
        if answer.failure is None:
            self._settlement.answered(attempt, prompt, answer)
        else:
            self._settlement.failed(attempt, prompt, answer, answer.failure)

    async def _announce(self, job: int, lease: Lease) -> tuple[Attempt, Ticket]:
        """Commit that the attempt is about to be sent, and wait for its departure."""
        parts = self._parts
        number = parts.store.columns.tries[job] + 1
        worker = parts.asker.place(lease.member)
        label = lease.member.label
        record = AttemptRecord(job, number, label, "sent", parts.wall_clock(), worker=worker)
        attempt = Attempt(lease, record)
        try:
            await parts.journal.sent(record)
            return attempt, await self._depart(lease.member)
        except asyncio.CancelledError:
            self._settlement.cut(attempt, sent=False)
            raise

    async def _depart(self, member: Member) -> Ticket:
        """Wait for the departure of a request: by the rate, and by the limit that it shares."""
        shared = member.endpoint.shared
        while True:
            departure = await self._parts.limiter.depart()
            if shared is None or not self._sending.is_set():
                return departure
            ticket = shared.depart()
            if ticket is not None:
                return JointDeparture(departure, ticket)
            departure.withdraw()
            await shared.turn()

    def _not_sent(self, attempt: Attempt, departure: Ticket) -> None:
        departure.withdraw()
        self._settlement.cut(attempt, sent=False)

    async def _ask(self, attempt: Attempt, departure: Ticket, prompt: Prompt) -> Answer | None:
        """Return the answer; None if there is none and the job is settled or requeued."""
        parts, job = self._parts, attempt.job

        def left(ago_s: float | None) -> None:
            departure.left(ago_s)
            record, at = attempt.record, parts.clock() - (ago_s or 0.0)
            parts.store.apply(Sent(job, record.key, record.attempt, at, record.worker))
            parts.queue.mark_sent(job)
            self._in_flight.add(job)

        again = False
        try:
            return await parts.asker.ask(
                attempt, prompt, self._options_of(prompt), left=left, tell=self._listener(attempt.lease)
            )
        except asyncio.CancelledError:
            if job in self._in_flight:
                self._settlement.cut(attempt, sent=True)
            else:
                self._not_sent(attempt, departure)
            raise
        except NotSent:
            self._not_sent(attempt, departure)
            again = True
        except Lost as lost:
            again = self._settlement.lost(attempt, prompt, is_suspect=not lost.silent)
        finally:
            if job in self._in_flight:
                self._in_flight.discard(job)
                self._quiet.set()
                parts.store.apply(AttemptEnded(job, parts.clock()))
        if again:
            self._return(job)
        return None

    def _listener(self, lease: Lease) -> Callable[[Event], None]:
        """Return the listener for the chunks of an answer: the store, and for a probe also the pool."""
        pool, store = self._parts.pool, self._parts.store
        if not pool.is_probe(lease):
            return store.apply

        def tell(event: Event) -> None:
            pool.began(lease)
            store.apply(event)

        return tell


async def _dismiss(tasks: Iterable[asyncio.Task[Any]]) -> None:
    leaving = list(tasks)
    for task in leaving:
        task.cancel()
    await asyncio.gather(*leaving, return_exceptions=True)
