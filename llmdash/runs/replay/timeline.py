"""Timeline: when what happened in a kept run, in arrays: a few numbers an attempt, no object for any."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right

from llmdash.engine.model.states import JobState
from llmdash.engine.store.grouping import ErrorNumbers
from llmdash.engine.store.job_columns import JobColumns, Names
from llmdash.engine.store.timings import Source
from llmdash.runs.replay.tracks import NEVER, NOTHING, BatchTrack, EventTrack, KeyTrack, SumsAt

__all__ = ["ANSWERED", "CUT", "FAILED", "NEVER", "THROTTLED", "Timeline"]

ANSWERED, THROTTLED, FAILED, CUT = range(4)
"""How an attempt ended."""


class Timeline:
    """The attempts of a run, those of a job next to each other, and its jobs as they ended in `final`.

    Times are positions; NEVER where there was none. `first_attempt[job]` is the number of the first attempt
    of a job, and that of the job after it ends them. `order` has the jobs in the order of starting, then
    those that never were; `rank` is its inverse.
    """

    def __init__(self, final: JobColumns) -> None:
        jobs = final.jobs
        self.final = final
        self.first_attempt = array("I", bytes(4 * (jobs + 1)))
        self.number = array("H")
        self.sent = array("d")
        self.first_token = array("d")
        self.ended = array("d")
        self.outcome = array("B")
        self.key = array("H")
        self.error = array("H")
        self.worker = array("H")
        self.batch = array("H")
        """The batch of each attempt, 0 for those that were sent one by one."""
        self.grouping = ErrorNumbers()
        self.group = array("H")
        """The group of errors of each attempt that failed, by its number in `grouping`; 0 for the others."""
        self.job_ended = array("d", [NEVER]) * jobs
        self.order = array("I")
        self.rank = array("I", bytes(4 * jobs))
        self.length_s = 0.0
        self.keys: dict[str, KeyTrack] = {}
        self.all_sent = self.all_first = self.all_ended = self.streams_ended = NOTHING
        """Of attempts that were sent one by one."""
        self.put_in_batch = self.came_back = NOTHING
        """Of those in batches: when each was put there, and when it had an outcome."""
        self.failed = NOTHING
        """The attempts that failed, of both."""
        self.batches: dict[int, BatchTrack] = {}
        self.waiting = array("I")
        """The attempts after which their jobs waited, in order, and when these went on: to the next one, the
        end, or a new start of the run."""
        self.waited_until = array("d")
        self.waits = self.waits_over = NOTHING
        self.job_ends: dict[JobState, EventTrack] = {}
        self.verdicts: dict[int, EventTrack] = {}
        self.empty = self.reused = NOTHING
        self.estimated_from = NEVER
        """From when on some tokens are estimated."""
        self.answers = SumsAt()
        """The output tokens of answers, by when these were complete."""
        self.live_answers = self.answers
        """Those of answers that did not come back in batches."""
        self.cached = self.reasoning = SumsAt()
        """Such tokens of all attempts."""
        self.is_streamed = True
        """False where answers were fetched whole: they have no first token."""
        self.sources: list[Source] = [Source()]
        self.source = array("H", bytes(2 * jobs))
        """Where the answer of each job is from: its place in `sources`."""
        self.done_by: dict[str, EventTrack] = {}
        self.lost_by: dict[str, EventTrack] = {}

    @property
    def key_names(self) -> Names:
        return self.final.keys

    @property
    def worker_names(self) -> Names:
        return self.final.workers

    @property
    def error_names(self) -> Names:
        return self.final.errors

    def attempt_at(self, job: int, position: float) -> int | None:
        """Return the attempt of `job` that was sent last by `position`; None before the first."""
        begin, end = self.first_attempt[job], self.first_attempt[job + 1]
        found = bisect_right(self.sent, position, begin, end) - 1
        return found if found >= begin else None

    def job_of(self, attempt: int) -> int:
        """Return the job of an attempt."""
        return bisect_right(self.first_attempt, attempt) - 1

    def waits_until(self, attempt: int) -> float:
        """Return when the job of an attempt that has ended went on; NEVER where it did not wait."""
        place = bisect_left(self.waiting, attempt)
        found = place < len(self.waiting) and self.waiting[place] == attempt
        return self.waited_until[place] if found else NEVER

    def ended_live(self, job: int) -> bool:
        """Return whether `job` did not end with its result from a batch."""
        last = self.first_attempt[job + 1] - 1
        return last < self.first_attempt[job] or not self.batch[last]

    def started_by(self, position: float) -> int:
        """Return how many jobs had been started by `position`: the first ones in `order`."""
        return bisect_right(self.order, position, key=self.starts)

    def starts(self, job: int) -> float:
        """Return when `job` was first sent, or came back in a batch, or ended; NEVER if none of it."""
        first = self.first_attempt[job]
        if first == self.first_attempt[job + 1]:
            return self.job_ended[job]
        return self.ended[first] if self.batch[first] else self.sent[first]

    def state_at(self, job: int, position: float) -> JobState:
        """Return the state of `job` at `position`."""
        if self.job_ended[job] <= position:
            return JobState(self.final.state[job])
        attempt = self.attempt_at(job, position)
        if attempt is None:
            return JobState.QUEUED
        if self.ended[attempt] > position:
            if self.batch[attempt]:
                return JobState.BATCHED
            return JobState.STREAMING if self.first_token[attempt] <= position else JobState.SENT
        waits = position < self.waits_until(attempt) < NEVER
        return JobState.BACKOFF if waits else JobState.QUEUED

    def counts_at(self, position: float) -> list[int]:
        """Return how many jobs are in each JobState at `position`."""
        counts = [0] * len(JobState)
        for state, ends in self.job_ends.items():
            counts[state] = ends.by(position)
        in_flight = self.all_sent.by(position) - self.all_ended.by(position)
        streaming = self.all_first.by(position) - self.streams_ended.by(position)
        counts[JobState.STREAMING] = streaming
        counts[JobState.SENT] = in_flight - streaming
        counts[JobState.BATCHED] = self.put_in_batch.by(position) - self.came_back.by(position)
        counts[JobState.BACKOFF] = self.waits.by(position) - self.waits_over.by(position)
        counts[JobState.QUEUED] = self.final.jobs - sum(counts)
        return counts
