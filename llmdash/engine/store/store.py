"""The store: applies events, and holds what frames are built from."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from llmdash.engine.metrics.run_clock import RunClock
from llmdash.engine.metrics.wall_times import WallTimes
from llmdash.engine.metrics.windows import SecondsWindow
from llmdash.engine.model.events import (
    AnsweredInBatch,
    AttemptEnded,
    AttemptLost,
    Batched,
    ChunkReceived,
    ChunksReceived,
    Event,
    Noticed,
    Queued,
    RetryScheduled,
    Saved,
    Sent,
    Taken,
    TryFailed,
    Waiting,
)
from llmdash.engine.model.frame import Notice, Score
from llmdash.engine.model.records import ResultRow
from llmdash.engine.model.states import RESULT_STATES, AnswerFlag, JobState
from llmdash.engine.model.timings import AnswerTimes, Timing
from llmdash.engine.store.bursts import ErrorBursts
from llmdash.engine.store.changes import Changes
from llmdash.engine.store.error_groups import ErrorGroups
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.marks import Marks
from llmdash.engine.store.streams import Streams
from llmdash.engine.store.time_series import TimeSeries
from llmdash.engine.store.timings import Source, Timings
from llmdash.prompts.verdict import Verdict

__all__ = ["ANSWERED", "LiveJob", "Store"]

_NOTICES = 200
ANSWERED = ("done", "invalid")
"""The states of a result that has an answer."""
_EMPTY = AnswerFlag.EMPTY | AnswerFlag.REASONING_ONLY
_REUSED = int(AnswerFlag.REUSED)


class LiveJob:
    """What is known of a job while a worker has it: when it was started and sent, and with which key."""

    __slots__ = ("key", "sent_at", "since", "taken_at")

    def __init__(self, at: float) -> None:
        self.taken_at = at
        self.since = at
        self.sent_at = 0.0
        self.key = ""


class Store:
    """The state of a run, in memory.

    `apply` is called on the engine's loop. Hold `lock` to read more than one value, from any thread.
    """

    def __init__(self, columns: JobColumns, clock: Callable[[], float]) -> None:
        self.columns = columns
        self.clock = clock
        self.run_clock = RunClock(clock)
        self.wall = WallTimes()
        self.lock = threading.RLock()
        self.changes = Changes(self.lock)
        self.live: dict[int, LiveJob] = {}
        self.streams = Streams()
        self.notices: list[Notice] = []
        self.attempts = self.retries = 0
        self.input_tokens = self.output_tokens = 0
        self.estimated = False
        self.verdicts = [0, 0, 0, 0]
        self.empty = 0
        """The answers without text."""
        self.reused = 0
        """The answers that were taken, not asked for: they cost no time and no tokens."""
        self.sends = SecondsWindow(1.0)
        self.sends_10s = SecondsWindow(10.0)
        self.ends_60s = SecondsWindow(60.0)
        self.tokens = SecondsWindow(10.0)
        self.is_streamed = True
        """False where answers are fetched whole: they have no first token."""
        self.timings = Timings()
        self.ttft = self.timings.whole(Timing.TTFT)
        self.latency = self.timings.whole(Timing.LATENCY)
        self.waited = self.timings.whole(Timing.WAITED)
        self.time_series = TimeSeries()
        self.marks = Marks()
        self.bursts = ErrorBursts()
        self.done_by: Counter[str] = Counter()
        """The answers of each worker, and the attempts that were lost with it."""
        self.lost_by: Counter[str] = Counter()
        self.hosts: dict[str, str] = {}
        """The host of each worker of an earlier start."""
        self.errors = ErrorGroups(columns)
        """Failed tries and failed jobs, by group."""
        self._serial = 0
        self._handlers: dict[type, Callable[[Any], None]] = {
            Taken: self._taken,
            Waiting: self._waiting,
            Sent: self._sent,
            ChunkReceived: self._chunk,
            ChunksReceived: self._chunks,
            AttemptEnded: self._attempt_ended,
            AttemptLost: self._lost,
            Batched: self._batched,
            AnsweredInBatch: self._answered_in_batch,
            Saved: self._saved,
            TryFailed: self._try_failed,
            RetryScheduled: self._retry,
            Queued: self._queued,
            Noticed: self._noticed,
        }

    def apply(self, event: Event) -> None:
        """Update the state by one event."""
        with self.lock:
            self._handlers[event.__class__](event)
            self.changes.add()

    @property
    def score(self) -> Score | None:
        """Return the counts of scored answers, None where nothing was scored."""
        score = Score(
            self.verdicts[Verdict.RIGHT],
            self.verdicts[Verdict.NOT_EQUAL],
            self.verdicts[Verdict.NOT_PARSEABLE],
        )
        return score if score.total else None

    @property
    def mean_output_tokens(self) -> float:
        """Return the mean output tokens of an answer; 100 until there is one."""
        counts = self.columns.counts
        answered = counts[JobState.DONE] + counts[JobState.INVALID] - self.reused
        return self.output_tokens / answered if answered else 100.0

    @property
    def in_flight(self) -> int:
        counts = self.columns.counts
        return counts[JobState.SENT] + counts[JobState.STREAMING]

    def _taken(self, event: Taken) -> None:
        before = self.live.get(event.job)
        if before is not None:
            self.columns.wait[event.job] += event.at - before.since
        self.live[event.job] = LiveJob(event.at)
        self.columns.set_state(event.job, JobState.LIMITER)

    def _waiting(self, event: Waiting) -> None:
        self.columns.set_state(event.job, event.on)

    def _sent(self, event: Sent) -> None:
        columns, job = self.columns, event.job
        live = self.live[job]
        live.since = live.sent_at = event.at
        live.key = event.key
        columns.wait[job] += event.at - live.taken_at
        columns.key[job] = columns.keys.number(event.key)
        if event.worker is not None:
            columns.worker[job] = columns.workers.number(event.worker)
        columns.tries[job] = min(event.attempt, 65_535)
        columns.ttft[job] = columns.time[job] = 0.0
        columns.begin(job)
        columns.set_state(job, JobState.SENT)
        self.streams.begin(job, event.at, event.attempt)
        self.attempts += 1
        at = self.run_clock.at(event.at)
        self.sends.add(at)
        self.sends_10s.add(at)
        self.time_series.sent(at)

    def _chunk(self, event: ChunkReceived) -> None:
        stream = self.streams.add(event.job, event.text, event.at)
        if len(stream.chunks) == 1:
            self._first_chunk(event.job, event.at, stream.sent_at)
        else:
            self.columns.revision += 1

    def _chunks(self, event: ChunksReceived) -> None:
        stream = self.streams.extend(event.job, event.texts, event.times)
        if len(stream.chunks) == len(event.texts):
            self._first_chunk(event.job, event.times[0], stream.sent_at)
        else:
            self.columns.revision += 1

    def _first_chunk(self, job: int, at: float, sent_at: float) -> None:
        self.columns.set_state(job, JobState.STREAMING)
        if self.is_streamed:
            self.columns.ttft[job] = at - sent_at
            self.time_series.first_token(self.run_clock.at(at), at - sent_at)

    def _attempt_ended(self, event: AttemptEnded) -> None:
        live = self.live.get(event.job)
        if live is not None and live.sent_at:
            self.columns.time[event.job] = event.at - live.sent_at
            live.sent_at = 0.0

    def _batched(self, event: Batched) -> None:
        columns, jobs = self.columns, event.jobs
        columns.set_states(jobs, [JobState.BATCHED] * len(jobs))
        columns.put_in_batch(jobs, event.batch)
        for job in jobs:
            self.live.pop(job, None)

    def _answered_in_batch(self, event: AnsweredInBatch) -> None:
        columns, job = self.columns, event.job
        columns.key[job] = columns.keys.number(event.key)
        columns.ttft[job] = columns.time[job] = 0.0
        columns.begin(job)
        self.attempts += 1

    def _lost(self, event: AttemptLost) -> None:
        self.lost_by[event.worker] += 1

    def restore(self, row: ResultRow) -> AnswerTimes | None:
        """Take in a result on record: the columns of its job, and what is counted over all of them.

        Returns what was measured of its answer; None if it has none of its own.
        """
        columns, job = self.columns, row.job
        columns.begin(job)
        columns.set_state(job, RESULT_STATES[row.state])
        columns.error[job] = columns.errors.number(row.error or "")
        columns.verdict[job] = row.verdict
        columns.wait[job] = row.wait_s or 0.0
        if row.key is not None:
            columns.key[job] = columns.keys.number(row.key)
        if row.worker is not None:
            columns.worker[job] = columns.workers.number(row.worker)
            self.done_by[row.worker] += row.state == "done"
        if row.state in ANSWERED:
            is_reused = False
            if row.flags is not None:
                columns.flags[job] = flags = AnswerFlag.of(row.flags)
                self.empty += bool(flags & _EMPTY)
                is_reused = bool(flags & _REUSED)
                self.reused += is_reused
            columns.ttft[job] = (row.ttft_s or 0.0) if self.is_streamed else 0.0
            columns.time[job] = row.latency_s or 0.0
            columns.input_tokens[job] = row.input_tokens or 0
            columns.output_tokens[job] = row.output_tokens or 0
            columns.estimated[job] = bool(row.estimated)
            self.estimated = self.estimated or bool(row.estimated)
            self.verdicts[row.verdict] += 1
            if not is_reused:
                times = self._times_of(row)
                self.timings.add(Source(row.key or "", row.endpoint or "", row.model or ""), times)
                return times
        return None

    def _times_of(self, row: ResultRow) -> AnswerTimes:
        """What was measured of an answer; one without text has no first token."""
        ttft_s = row.ttft_s if self.is_streamed else None
        return AnswerTimes.of(ttft_s, row.latency_s, row.output_tokens, row.wait_s)

    def _saved(self, event: Saved) -> None:
        row, now = event.result, self.run_clock()
        # What comes back in batches says nothing of the pace of the others, nor of when they end.
        is_live = self.columns.state[row.job] != JobState.BATCHED
        times = self.restore(row)
        if times is not None:
            tokens = row.output_tokens or 0
            self.input_tokens += row.input_tokens or 0
            self.output_tokens += tokens
            if is_live:
                self.tokens.add(now, tokens)
                self.time_series.tokens(now, tokens)
            self.time_series.answered(now, times)
        if row.state == "failed":
            self.bursts.failed(now, row.error or "")
        if row.state in ("failed", "invalid"):
            self.errors.failed(row.job, RESULT_STATES[row.state], row.error or "", now)
        elif row.state == "done":
            self.errors.answered(row.job)
        if row.state != "cancelled" and is_live:
            self.ends_60s.add(now)
        self.live.pop(row.job, None)
        self.streams.end(row.job)

    def _try_failed(self, event: TryFailed) -> None:
        row = event.record
        self.retries += event.again
        if row.latency_s is not None:
            self.columns.time[row.job] = row.latency_s  # not that until its outcome was heard of
        self.timings.add_failed(row.latency_s)
        self.errors.tried(
            row.job, row.key, row.failure, row.status, row.code, row.message or "", self.run_clock()
        )

    def _retry(self, event: RetryScheduled) -> None:
        columns = self.columns
        self.retries += 1
        if event.counted:
            self.bursts.failed(self.run_clock(), event.error)
        columns.error[event.job] = columns.errors.number(event.error)
        columns.set_state(event.job, JobState.BACKOFF)
        live = self.live.get(event.job)
        if live is not None:
            live.since = self.clock()
        self.streams.end(event.job)

    def _queued(self, event: Queued) -> None:
        verdict = self.columns.verdict[event.job]
        state = JobState(self.columns.state[event.job])
        if state is JobState.DONE and (worker := self.columns.worker[event.job]):
            self.done_by[self.columns.workers[worker]] -= 1
        if state in (JobState.DONE, JobState.INVALID):
            self._forget_answer(event.job, Verdict(verdict))
        if state.ended:
            self.errors.reopened(event.job, state)
        self.columns.set_state(event.job, JobState.QUEUED)
        self.live.pop(event.job, None)
        self.streams.end(event.job)

    def _forget_answer(self, job: int, verdict: Verdict) -> None:
        self.verdicts[verdict] -= 1
        self.columns.verdict[job] = Verdict.UNSCORED
        self.empty -= bool(self.columns.flags[job] & _EMPTY)
        self.reused -= bool(self.columns.flags[job] & _REUSED)
        self.columns.flags[job] = 0

    def _noticed(self, event: Noticed) -> None:
        self._serial += 1
        self.notices.append(Notice(self._serial, event.severity, event.text, event.refused))
        del self.notices[:-_NOTICES]
