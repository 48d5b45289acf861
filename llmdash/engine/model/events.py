"""What happens in a run: facts, frozen, on their way up into the store.

Times are monotonic seconds unless said otherwise.
"""

from __future__ import annotations

import msgspec

from llmdash.engine.model.records import ResultRow
from llmdash.engine.model.states import JobState, Severity

__all__ = [
    "AttemptEnded",
    "ChunkReceived",
    "Event",
    "Noticed",
    "Queued",
    "RetryScheduled",
    "Saved",
    "Sent",
    "Taken",
    "Waiting",
]


class Taken(msgspec.Struct, frozen=True, gc=False):
    """A worker took the job up; `fresh` the first time."""

    job: int
    at: float
    fresh: bool


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """The job waits: `on` is LIMITER or KEY."""

    job: int
    on: JobState


class Sent(msgspec.Struct, frozen=True, gc=False):
    """An attempt left for the server."""

    job: int
    key: str
    attempt: int
    at: float


class ChunkReceived(msgspec.Struct, frozen=True, gc=False):
    """A content chunk arrived. `reasoning` counts as content but is no part of the answer."""

    job: int
    text: str
    at: float


class AttemptEnded(msgspec.Struct, frozen=True, gc=False):
    """The wire is quiet again: nothing of this attempt is in flight any more."""

    job: int
    at: float


class Saved(msgspec.Struct, frozen=True, gc=False):
    """The journal holds the result. Only now has the job ended: done, failed or cancelled."""

    result: ResultRow


class RetryScheduled(msgspec.Struct, frozen=True, gc=False):
    """An attempt failed; the job waits for another one. `counted` is False where the job is not to blame."""

    job: int
    error: str
    counted: bool


class Queued(msgspec.Struct, frozen=True, gc=False):
    """The job stands in line again, as after a pause or a retry asked for."""

    job: int


class Noticed(msgspec.Struct, frozen=True, gc=False):
    """Something rare that the user should hear of."""

    severity: Severity
    text: str


Event = Taken | Waiting | Sent | ChunkReceived | AttemptEnded | Saved | RetryScheduled | Queued | Noticed
