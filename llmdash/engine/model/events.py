"""The events of a run: frozen facts that the dispatcher sends to the store.

Times are monotonic seconds unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from llmdash.engine.model.records import AttemptRecord, ResultRow
from llmdash.engine.model.states import JobState, Severity

__all__ = [
    "AnsweredInBatch",
    "AttemptEnded",
    "AttemptLost",
    "Batched",
    "ChunkReceived",
    "ChunksReceived",
    "Event",
    "Noticed",
    "Queued",
    "RetryScheduled",
    "Saved",
    "Sent",
    "Taken",
    "TryFailed",
    "Waiting",
]


class Taken(msgspec.Struct, frozen=True, gc=False):
    """A worker took the job from the queue; `fresh` is True the first time."""

    job: int
    at: float
    fresh: bool


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """The job waits: `on` is LIMITER or KEY."""

    job: int
    on: JobState


class Sent(msgspec.Struct, frozen=True, gc=False):
    """An attempt was sent, by this process or by `worker`."""

    job: int
    key: str
    attempt: int
    at: float
    worker: str | None = None


class ChunkReceived(msgspec.Struct, frozen=True, gc=False):
    """A content chunk arrived. `reasoning` counts as content but is not part of the answer."""

    job: int
    text: str
    at: float


class ChunksReceived(msgspec.Struct, frozen=True, gc=False):
    """Some content chunks in a row, each with the time at which it arrived."""

    job: int
    texts: list[str]
    times: list[float]


class AttemptEnded(msgspec.Struct, frozen=True, gc=False):
    """An attempt ended, whatever its outcome: it is not in flight any more."""

    job: int
    at: float


class AttemptLost(msgspec.Struct, frozen=True, gc=False):
    """The outcome of an attempt is unknown, because `worker` is gone."""

    worker: str


class Batched(msgspec.Struct, frozen=True, gc=False):
    """These jobs are lent to a batch of this number, or, with number 0, to those that are being planned."""

    jobs: Sequence[int]
    batch: int


class AnsweredInBatch(msgspec.Struct, frozen=True, gc=False):
    """The request of a job was carried out in a batch, with this outcome or that: it counts as sent."""

    job: int
    key: str
    attempt: int


class Saved(msgspec.Struct, frozen=True, gc=False):
    """The journal holds the result. Only now has the job ended: done, failed or cancelled."""

    result: ResultRow


class TryFailed(msgspec.Struct, frozen=True, gc=False):
    """An attempt failed, whether or not the job is retried; `record` is its row in the journal. `again` says
    that the job is pending again at once, without a RetryScheduled.
    """

    record: AttemptRecord
    again: bool = False


class RetryScheduled(msgspec.Struct, frozen=True, gc=False):
    """An attempt failed; the job will be retried. `counted` is False where the failure was not the job's."""

    job: int
    error: str
    counted: bool


class Queued(msgspec.Struct, frozen=True, gc=False):
    """The job is queued again, after a pause or a retry on request."""

    job: int


class Noticed(msgspec.Struct, frozen=True, gc=False):
    """A rare event that the user should see as a notice."""

    severity: Severity
    text: str
    refused: bool = False
    """True if it says why a command was not carried out."""


Event = (
    Taken
    | Waiting
    | Sent
    | ChunkReceived
    | ChunksReceived
    | AttemptEnded
    | AttemptLost
    | AnsweredInBatch
    | Batched
    | Saved
    | TryFailed
    | RetryScheduled
    | Queued
    | Noticed
)
