"""BatchRunner: keeps a bounded number of attempts in flight until every job has ended."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmdash.engine.attempt import Answer, ask, storable
from llmdash.engine.events import (
    AttemptEnded,
    Cancelled,
    Failed,
    Noticed,
    Queued,
    RetryScheduled,
    Saved,
    Sent,
    Taken,
    Waiting,
)
from llmdash.engine.frame import JobState, KeyState, Severity
from llmdash.engine.journal import AttemptRecord, ResultRow
from llmdash.engine.keys import KeyPool, Member
from llmdash.engine.limiter import RateLimiter
from llmdash.engine.retry import RetryPolicy
from llmdash.engine.store import Store
from llmdash.engine.work import WorkQueue
from llmdash.engine.writer import JournalWriter
from llmdash.llms.failures import Failure
from llmdash.prompts.source import InputError, Prompt, PromptSource

__all__ = ["BatchRunner", "RunnerParts"]


@dataclass(slots=True)
class RunnerParts:
    """What a runner works with."""

    source: PromptSource
    pool: KeyPool
    limiter: RateLimiter
    journal: JournalWriter
    store: Store
    work: WorkQueue
    options: Mapping[str, Any] = field(default_factory=dict)
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    rng: random.Random = field(default_factory=random.Random)
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time


@dataclass(slots=True)
class _Trouble:
    """What a job went through so far; kept only for jobs that failed at least once."""

    since: float
    counted: int = 0
    uncounted: int = 0
    last: Member | None = None


class BatchRunner:
    """Workers that take a job, a permit and a key, ask, and record. They never raise: an outcome is data.

    The order of one attempt: wait for a key and a permit, choose the key, commit *sent*, send, commit the
    outcome. Only then is the job counted as saved.
    """

    def __init__(self, parts: RunnerParts, concurrency: int) -> None:
        self._parts = parts
        self._concurrency = concurrency
        self._workers: dict[int, asyncio.Task[None]] = {}
        self._line = asyncio.Lock()
        self._sending = asyncio.Event()
        self._sending.set()
        self._trouble: dict[int, _Trouble] = {}
        self._with_worker: dict[int, asyncio.Task[None]] = {}
        self._in_flight: set[int] = set()
        self._given_up: set[int] = set()
        self.paused = False

    @property
    def concurrency(self) -> int:
        """The most requests in flight at once."""
        return self._concurrency

    @property
    def in_flight(self) -> int:
        """Requests on the wire."""
        return len(self._in_flight)

    async def run(self) -> None:
        """Work until every job has ended or the task is cancelled; then no request is in flight."""
        self._hire()
        try:
            await self._parts.work.all_ended()
        finally:
            await self._dismiss(self._workers.values())

    def set_concurrency(self, concurrency: int) -> None:
        """Allow `concurrency` requests in flight; those beyond it end in their own time."""
        self._concurrency = max(1, concurrency)
        if self._workers:
            self._hire()

    def pause(self) -> None:
        """Send nothing new."""
        self.paused = True
        self._sending.clear()

    def resume(self) -> None:
        """Send again."""
        self.paused = False
        self._sending.set()

    async def drain(self, grace_s: float) -> None:
        """Send nothing new; wait up to `grace_s` seconds for what is in flight."""
        self.pause()
        await self._dismiss([task for job, task in self._with_worker.items() if job not in self._in_flight])
        tasks = [self._with_worker[job] for job in self._in_flight if job in self._with_worker]
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)

    def cancel_job(self, job: int) -> None:
        """End an open job without an answer; a request of it that is in flight is cut off."""
        state = JobState(self._parts.store.columns.state[job])
        if state.ended or job in self._given_up:
            return
        self._given_up.add(job)
        task = self._with_worker.get(job)
        if task is not None:
            task.cancel()
        else:
            self._parts.work.drop(job)
            self._settle_cancelled(job)

    def retry_job(self, job: int) -> None:
        """Queue an ended job again; its attempts stay on record."""
        if not JobState(self._parts.store.columns.state[job]).ended:
            return
        self._trouble.pop(job, None)
        self._parts.store.apply(Queued(job))
        self._parts.journal.reopened(job, lambda: self._parts.work.reopen(job))

    def _hire(self) -> None:
        for number in range(self._concurrency):
            if number not in self._workers or self._workers[number].done():
                self._workers[number] = asyncio.create_task(self._work(number), name=f"worker-{number}")

    @staticmethod
    async def _dismiss(tasks: Any) -> None:
        waiting = list(tasks)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    async def _work(self, number: int) -> None:
        work, store = self._parts.work, self._parts.store
        while number < self._concurrency:
            await self._sending.wait()
            job, fresh = await work.take()
            if not self._may_send(number):
                # A fresh job that goes back has been taken up all the same: its place in the order is given.
                store.apply(Taken(job, self._parts.clock(), fresh))
                self._return(job)
                continue
            store.apply(Taken(job, self._parts.clock(), fresh))
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - a coroutine always runs in a task
            self._with_worker[job] = task
            try:
                await self._do(job, number)
            except asyncio.CancelledError:
                if job not in self._given_up:
                    self._return(job)
                    raise
                task.uncancel()
                self._settle_cancelled(job)
            finally:
                self._with_worker.pop(job, None)

    def _may_send(self, number: int) -> bool:
        return not self.paused and number < self._concurrency

    def _return(self, job: int) -> None:
        self._parts.work.put_back(job)
        self._parts.store.apply(Queued(job))

    async def _do(self, job: int, number: int) -> None:
        """One attempt of `job`, from the wait for a key to the record of its outcome."""
        try:
            prompt = self._parts.source.prompt(job)
        except InputError as error:
            self._settle_failed(job, None, None, storable(str(error)))
            return
        member = await self._turn(job, number)
        if member is None:
            self._return(job)
            return
        record = await self._announce(job, member)
        answer = await self._attempt(job, prompt, member, record)
        if answer.failure is None:
            self._save(job, prompt, member, record, answer)
        else:
            self._after_failure(job, member, record, answer, answer.failure)

    async def _turn(self, job: int, number: int) -> Member | None:
        """A key and a permit; None if there may be no more sending.

        One job at a time, so that no permit goes stale.
        """
        parts, trouble = self._parts, self._trouble.get(job)
        if not parts.pool.available:
            parts.store.apply(Waiting(job, JobState.KEY))
        async with self._line:
            while self._may_send(number):
                if not parts.pool.available:
                    parts.store.apply(Waiting(job, JobState.KEY))
                    await parts.pool.ready()
                parts.store.apply(Waiting(job, JobState.LIMITER))
                await parts.limiter.acquire()
                if not self._may_send(number):
                    return None
                member = parts.pool.choose(trouble.last if trouble else None)
                if member is not None:
                    return member
        return None

    async def _announce(self, job: int, member: Member) -> AttemptRecord:
        """Commit that the attempt is about to leave, and let it."""
        parts = self._parts
        attempt = parts.store.columns.tries[job] + 1
        record = AttemptRecord(job, attempt, member.label, "sent", parts.wall_clock())
        try:
            await parts.journal.sent(record)
            await parts.limiter.depart()
        except asyncio.CancelledError:
            parts.pool.was_cut(member)
            parts.journal.ended(record._replace(state="unsent"), None, _nothing)
            raise
        return record

    async def _attempt(self, job: int, prompt: Prompt, member: Member, record: AttemptRecord) -> Answer:
        parts = self._parts
        parts.store.apply(Sent(job, member.label, record.attempt, parts.clock()))
        self._in_flight.add(job)
        try:
            return await ask(member.llm, job, prompt, parts.options, parts.clock, parts.store.apply)
        except asyncio.CancelledError:
            parts.pool.was_cut(member)
            parts.journal.ended(record._replace(state="cut"), None, _nothing)
            raise
        finally:
            self._in_flight.discard(job)
            parts.store.apply(AttemptEnded(job, parts.clock()))

    def _save(self, job: int, prompt: Prompt, member: Member, record: AttemptRecord, answer: Answer) -> None:
        parts = self._parts
        parts.pool.succeeded(member, answer.usage)
        verdict = parts.source.score(prompt, answer.text)
        usage = answer.usage
        tokens = (usage.input_tokens, usage.output_tokens, usage.estimated)
        ended = record._replace(
            state="ok",
            ttft_s=answer.ttft_s,
            latency_s=answer.latency_s,
            input_tokens=tokens[0],
            output_tokens=tokens[1],
            estimated=tokens[2],
        )
        result = ResultRow(
            job=job,
            id=prompt.id,
            state="done",
            text=answer.text,
            expected=prompt.expected,
            verdict=verdict,
            key=member.label,
            attempts=record.attempt,
            ttft_s=answer.ttft_s,
            latency_s=answer.latency_s,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            estimated=usage.estimated,
            finish_reason=answer.finish_reason,
        )
        ttft = answer.ttft_s if answer.ttft_s is not None else answer.latency_s
        event = Saved(job, member.label, record.attempt, ttft, answer.latency_s, *tokens, verdict)
        self._trouble.pop(job, None)
        parts.journal.ended(ended, result, lambda: self._ended(job, event))

    def _after_failure(
        self, job: int, member: Member, record: AttemptRecord, answer: Answer, failure: Failure
    ) -> None:
        parts = self._parts
        entered = parts.pool.failed(member, failure)
        self._tell_of_key(member, entered)
        now = parts.clock()
        trouble = self._trouble.setdefault(job, _Trouble(now))
        decision = parts.policy.decide(
            failure,
            counted=trouble.counted,
            uncounted=trouble.uncounted,
            age_s=now - trouble.since,
            rng=parts.rng,
        )
        trouble.counted += decision.counted
        trouble.uncounted += not decision.counted
        trouble.last = member
        text = storable(str(failure))
        ended = _failed_record(record, failure, answer, text)
        if not decision.again:
            self._settle_failed(job, prompt_id(parts.source, job), ended, text)
            return
        parts.store.apply(RetryScheduled(job, text, decision.counted))
        parts.journal.ended(ended, None, _nothing)
        parts.work.put_off(job, decision.delay_s)

    def _tell_of_key(self, member: Member, entered: KeyState | None) -> None:
        told = {
            KeyState.DEAD: (Severity.ERROR, "is refused by the server and gets no more work"),
            KeyState.QUARANTINED: (Severity.WARNING, "has no quota left; it is tried again in 15 minutes"),
        }
        if entered in told:
            severity, words = told[entered]
            detail = f": {storable(member.detail)}" if member.detail else ""
            self._parts.store.apply(Noticed(severity, f"Key {member.label} {words}{detail}"))

    def _settle_failed(self, job: int, known_id: str | None, record: AttemptRecord | None, text: str) -> None:
        attempts = self._parts.store.columns.tries[job]
        job_id = known_id if known_id is not None else str(job)
        key = record.key if record is not None else None
        result = ResultRow(job, job_id, "failed", key=key, attempts=attempts, error=text)
        event = Failed(job, attempts, text)
        self._trouble.pop(job, None)
        if record is None:
            self._parts.journal.settled(result, lambda: self._ended(job, event))
        else:
            self._parts.journal.ended(record, result, lambda: self._ended(job, event))

    def _settle_cancelled(self, job: int) -> None:
        attempts = self._parts.store.columns.tries[job]
        result = ResultRow(job, prompt_id(self._parts.source, job), "cancelled", attempts=attempts)
        self._trouble.pop(job, None)
        self._parts.journal.settled(result, lambda: self._ended(job, Cancelled(job)))

    def _ended(self, job: int, event: Saved | Failed | Cancelled) -> None:
        """The journal has it: now it counts."""
        self._given_up.discard(job)
        self._parts.store.apply(event)
        self._parts.work.end(job)


def prompt_id(source: PromptSource, job: int) -> str:
    """The id of a job's prompt; its number where the input can no longer be read."""
    try:
        return source.prompt(job).id
    except InputError:
        return str(job)


def _failed_record(record: AttemptRecord, failure: Failure, answer: Answer, text: str) -> AttemptRecord:
    return record._replace(
        state="failed",
        failure=failure.kind.value,
        status=failure.status,
        message=text,
        request_id=failure.request_id,
        retry_after_s=failure.retry_after,
        ttft_s=answer.ttft_s,
        latency_s=answer.latency_s,
        partial=answer.text or None,
    )


def _nothing() -> None:
    """For a row whose being on disk changes nothing on screen."""
