"""The store: applies events, and holds what frames are built from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from llmdash.engine.metrics import LogHistogram, SecondsWindow
from llmdash.engine.model.events import (
    AttemptEnded,
    Cancelled,
    ChunkReceived,
    Event,
    Failed,
    Noticed,
    Queued,
    RetryScheduled,
    Saved,
    Sent,
    Taken,
    Waiting,
)
from llmdash.engine.model.frame import Notice, Score
from llmdash.engine.model.states import JobState
from llmdash.engine.store.error_groups import ErrorGroups
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.streams import Streams
from llmdash.engine.store.time_series import TimeSeries
from llmdash.prompts.verdict import Verdict

__all__ = ["LiveJob", "Store"]

_NOTICES = 200


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
        self.lock = threading.RLock()
        self.live: dict[int, LiveJob] = {}
        self.streams = Streams()
        self.notices: list[Notice] = []
        self.attempts = self.attempts_before = self.retries = 0
        self.input_tokens = self.output_tokens = 0
        self.estimated = False
        self.verdicts = [0, 0, 0, 0]
        self.sends = SecondsWindow(1.0)
        self.sends_10s = SecondsWindow(10.0)
        self.ends_60s = SecondsWindow(60.0)
        self.tokens = SecondsWindow(10.0)
        self.ttft = LogHistogram()
        self.latency = LogHistogram()
        self.time_series = TimeSeries()
        self._errors: ErrorGroups | None = None
        self._serial = 0
        self._handlers: dict[type, Callable[[Any], None]] = {
            Taken: self._taken,
            Waiting: self._waiting,
            Sent: self._sent,
            ChunkReceived: self._chunk,
            AttemptEnded: self._attempt_ended,
            Saved: self._saved,
            Failed: self._failed,
            RetryScheduled: self._retry,
            Queued: self._queued,
            Cancelled: self._cancelled,
            Noticed: self._noticed,
        }

    def apply(self, event: Event) -> None:
        """Update the state by one event."""
        with self.lock:
            self._handlers[type(event)](event)

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
    def errors(self) -> ErrorGroups:
        """Return failed jobs by group; counted on first use."""
        if self._errors is None:
            self._errors = ErrorGroups(self.columns)
        return self._errors

    @property
    def mean_output_tokens(self) -> float:
        """Return the mean output tokens of an answer; 100 until there is one."""
        done = self.columns.counts[JobState.DONE]
        return self.output_tokens / done if done else 100.0

    @property
    def in_flight(self) -> int:
        counts = self.columns.counts
        return counts[JobState.SENT] + counts[JobState.STREAMING]

    def _taken(self, event: Taken) -> None:
        if event.fresh:
            self.columns.begin_pending(event.job)
        else:
            self.columns.begin(event.job)
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
        columns.tries[job] = min(event.attempt, 65_535)
        columns.ttft[job] = columns.time[job] = 0.0
        columns.set_state(job, JobState.SENT)
        self.streams.begin(job, event.at)
        self.attempts += 1
        self.sends.add(event.at)
        self.sends_10s.add(event.at)
        self.time_series.sent(event.at)

    def _chunk(self, event: ChunkReceived) -> None:
        stream = self.streams.add(event.job, event.text, event.at)
        if len(stream.chunks) == 1:
            self.columns.ttft[event.job] = event.at - stream.sent_at
            self.columns.set_state(event.job, JobState.STREAMING)
            self.time_series.first_token(event.at, event.at - stream.sent_at)
        else:
            self.columns.revision += 1

    def _attempt_ended(self, event: AttemptEnded) -> None:
        live = self.live.get(event.job)
        if live is not None and live.sent_at:
            self.columns.time[event.job] = event.at - live.sent_at
            live.sent_at = 0.0

    def _saved(self, event: Saved) -> None:
        columns, job, now = self.columns, event.job, self.clock()
        columns.ttft[job] = event.ttft_s
        columns.time[job] = event.latency_s
        columns.input_tokens[job] = event.input_tokens
        columns.output_tokens[job] = event.output_tokens
        columns.estimated[job] = event.estimated
        columns.verdict[job] = event.verdict
        columns.error[job] = 0
        columns.set_state(job, JobState.DONE)
        self.estimated = self.estimated or event.estimated
        self.input_tokens += event.input_tokens
        self.output_tokens += event.output_tokens
        self.verdicts[event.verdict] += 1
        self.ttft.add(event.ttft_s)
        self.latency.add(event.latency_s)
        self.ends_60s.add(now)
        self.tokens.add(now, event.output_tokens)
        self.time_series.tokens(now, event.output_tokens)
        self._ended(job)

    def _failed(self, event: Failed) -> None:
        columns = self.columns
        columns.error[event.job] = columns.errors.number(event.error)
        columns.set_state(event.job, JobState.FAILED)
        if self._errors is not None:
            self._errors.add(event.job)
        self.ends_60s.add(self.clock())
        self._ended(event.job)

    def _cancelled(self, event: Cancelled) -> None:
        self.columns.skip_pending(event.job)
        self.columns.set_state(event.job, JobState.CANCELLED)
        self._ended(event.job)

    def _retry(self, event: RetryScheduled) -> None:
        columns = self.columns
        self.retries += 1
        columns.error[event.job] = columns.errors.number(event.error)
        columns.set_state(event.job, JobState.BACKOFF)
        live = self.live.get(event.job)
        if live is not None:
            live.since = self.clock()
        self.streams.end(event.job)

    def _queued(self, event: Queued) -> None:
        verdict = self.columns.verdict[event.job]
        if self.columns.state[event.job] == JobState.DONE:
            self._forget_answer(event.job, Verdict(verdict))
        if self.columns.state[event.job] == JobState.FAILED and self._errors is not None:
            self._errors.remove(event.job)
        self.columns.set_state(event.job, JobState.QUEUED)
        self.live.pop(event.job, None)
        self.streams.end(event.job)

    def _forget_answer(self, job: int, verdict: Verdict) -> None:
        self.verdicts[verdict] -= 1
        self.columns.verdict[job] = Verdict.UNSCORED

    def _noticed(self, event: Noticed) -> None:
        self._serial += 1
        self.notices.append(Notice(self._serial, event.severity, event.text))
        del self.notices[:-_NOTICES]

    def _ended(self, job: int) -> None:
        self.live.pop(job, None)
        self.streams.end(job)
