"""ColumnsAt: the columns of the job table at a position, computed value by value as they are asked for."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar, overload

from llmdash.engine.model.errors import ErrorClass
from llmdash.engine.model.states import JobState
from llmdash.engine.store.job_columns import CLASSES, Names
from llmdash.engine.store.store import LiveJob
from llmdash.runs.replay.timeline import Timeline

__all__ = ["ColumnsAt", "LiveAt"]

T = TypeVar("T", bound=float)
_LEAST_S = 1e-9


class _Computed(Generic[T]):
    """A column whose values are computed."""

    __slots__ = ("_value",)

    def __init__(self, value: Callable[[int], T]) -> None:
        self._value = value

    def __getitem__(self, job: int) -> T:
        return self._value(job)


class _Started(Sequence[int]):
    """The first `length` jobs of an order."""

    __slots__ = ("_length", "_order")

    def __init__(self, order: array[int], length: int) -> None:
        self._order = order
        self._length = length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[int]: ...
    def __getitem__(self, place: int | slice) -> int | Sequence[int]:
        if isinstance(place, slice):
            return self._order[: self._length][place]
        return self._order[place if place >= 0 else self._length + place]

    def __iter__(self) -> Iterator[int]:
        return iter(self._order[: self._length])


class ColumnsAt:
    """The columns at `position`, which may be moved; each value is a function of it."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        final = timeline.final
        self.position = 0.0
        self.jobs = final.jobs
        self.errors: Names = final.errors
        self.keys: Names = final.keys
        self.workers: Names = final.workers
        self.state = _Computed(lambda job: int(timeline.state_at(job, self.position)))
        self.tries = _Computed(self._tries)
        self.verdict = _Computed(lambda job: final.verdict[job] if self._has_ended(job) else 0)
        self.flags = _Computed(lambda job: final.flags[job] if self._has_ended(job) else 0)
        self.estimated = _Computed(lambda job: final.estimated[job] if self._has_ended(job) else 0)
        self.input_tokens = _Computed(lambda job: final.input_tokens[job] if self._has_ended(job) else 0)
        self.output_tokens = _Computed(lambda job: final.output_tokens[job] if self._has_ended(job) else 0)
        self.key = _Computed(lambda job: self._of_attempt(job, final.key, timeline.key))
        self.worker = _Computed(lambda job: self._of_attempt(job, final.worker, timeline.worker))
        self.error = _Computed(self._error)
        self.failure = _Computed(self._failure)
        self.wait = _Computed(self._wait)
        self.ttft = _Computed(self._ttft)
        self.time = _Computed(self._time)
        self.place = _Computed(self._place)
        self.batch = _Computed(self._batch)

    @property
    def started(self) -> Sequence[int]:
        return _Started(self._timeline.order, self._timeline.started_by(self.position))

    @property
    def classes(self) -> Sequence[ErrorClass]:
        """The classes that occur in the whole run."""
        return self._timeline.final.classes

    @property
    def counts(self) -> list[int]:
        return self._timeline.counts_at(self.position)

    @property
    def revision(self) -> int:
        timeline, position = self._timeline, self.position
        sent = timeline.all_sent, timeline.all_first, timeline.all_ended, timeline.waits_over
        events = (*sent, timeline.put_in_batch, timeline.came_back)
        ends = timeline.job_ends.values()
        return sum(times.by(position) for times in (*events, *ends))

    def _has_ended(self, job: int) -> bool:
        return self._timeline.job_ended[job] <= self.position

    def _place(self, job: int) -> int:
        return self._timeline.rank[job] + 1 if self._timeline.starts(job) <= self.position else 0

    def _tries(self, job: int) -> int:
        attempt = self._timeline.attempt_at(job, self.position)
        return self._timeline.number[attempt] if attempt is not None else 0

    def _of_attempt(self, job: int, of_job: Sequence[int], of_attempt: Sequence[int]) -> int:
        if self._has_ended(job):
            return of_job[job]
        attempt = self._timeline.attempt_at(job, self.position)
        return of_attempt[attempt] if attempt is not None else 0

    def _batch(self, job: int) -> int:
        """Return the batch that the job is or was last in."""
        timeline = self._timeline
        last, first = timeline.attempt_at(job, self.position), timeline.first_attempt[job]
        if last is None:
            return 0
        return next((timeline.batch[at] for at in range(last, first - 1, -1) if timeline.batch[at]), 0)

    def _error(self, job: int) -> int:
        timeline = self._timeline
        if self._has_ended(job):
            return timeline.final.error[job]
        attempt = timeline.attempt_at(job, self.position)
        if attempt is not None and timeline.ended[attempt] > self.position:
            attempt = attempt - 1 if attempt > timeline.first_attempt[job] else None
        return timeline.error[attempt] if attempt is not None else 0

    def _failure(self, job: int) -> int:
        """Return the class of the last try that failed by now."""
        timeline = self._timeline
        if self._has_ended(job) and timeline.final.failure[job]:
            return timeline.final.failure[job]
        last = timeline.attempt_at(job, self.position)
        for attempt in range(timeline.first_attempt[job] - 1 if last is None else last, -1, -1):
            if attempt < timeline.first_attempt[job]:
                break
            if timeline.group[attempt] and timeline.ended[attempt] <= self.position:
                return CLASSES[timeline.grouping.keys[timeline.group[attempt] - 1].kind]
        return 0

    def _wait(self, job: int) -> float:
        """Return how long the job waited: at its end as it is on record, before that between its attempts."""
        timeline = self._timeline
        if self._has_ended(job):
            return timeline.final.wait[job]
        last, first = timeline.attempt_at(job, self.position), timeline.first_attempt[job]
        if last is None:
            return 0.0
        return sum(
            max(0.0, timeline.sent[attempt] - timeline.ended[attempt - 1])
            for attempt in range(first + 1, last + 1)
        )

    def _ttft(self, job: int) -> float:
        timeline = self._timeline
        attempt = timeline.attempt_at(job, self.position)
        if attempt is None or timeline.first_token[attempt] > self.position or not timeline.is_streamed:
            return 0.0
        return timeline.first_token[attempt] - timeline.sent[attempt]

    def _time(self, job: int) -> float:
        timeline = self._timeline
        attempt = timeline.attempt_at(job, self.position)
        if attempt is None or timeline.ended[attempt] > self.position or timeline.batch[attempt]:
            return 0.0
        return timeline.ended[attempt] - timeline.sent[attempt]


class LiveAt:
    """What is known of the jobs that are neither queued nor have ended, at the position of the columns."""

    def __init__(self, timeline: Timeline, columns: ColumnsAt) -> None:
        self._timeline = timeline
        self._columns = columns

    def get(self, job: int) -> LiveJob | None:
        """Return it for one job."""
        timeline, position = self._timeline, self._columns.position
        state = timeline.state_at(job, position)
        attempt = timeline.attempt_at(job, position)
        if attempt is None or not (state.in_flight or state is JobState.BACKOFF):
            return None
        live = LiveJob(timeline.ended[attempt])
        if state.in_flight:
            live.since = live.sent_at = max(_LEAST_S, timeline.sent[attempt])
        return live

    def items(self) -> Iterable[tuple[int, LiveJob]]:
        """Return none: what jobs waited for is not on record."""
        return ()
