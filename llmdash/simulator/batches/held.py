"""A batch that the simulator holds: its requests, how far it is, and its results."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from llmdash.simulator.batches.batch_usage import BatchUsage
from llmdash.simulator.batches.spool import LineSpool
from llmdash.simulator.connection import Headers
from llmdash.simulator.dialects.base import Conventions
from llmdash.simulator.errors import ServedError
from llmdash.simulator.executions import Executed

__all__ = ["BatchPhase", "BatchRequest", "BatchShape", "BatchSpec", "HeldBatch", "Rest"]

Rest = Literal["expired", "cancelled"]
"""Why the requests that were never executed were not."""


class BatchPhase(enum.StrEnum):
    """Where a batch is, in OpenAI's words."""

    VALIDATING = "validating"
    FAILED = "failed"
    RUNNING = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """True if nothing will change any more."""
        return self in _ENDED


_ENDED = frozenset({BatchPhase.FAILED, BatchPhase.COMPLETED, BatchPhase.EXPIRED, BatchPhase.CANCELLED})


class BatchRequest(NamedTuple):
    """One request of a batch; `path` is where it would be sent live."""

    custom_id: str
    path: str
    body: bytes


class BatchShape(Protocol):
    """How a provider writes a batch."""

    conventions: Conventions
    headers: Headers
    separates_errors: bool

    def request(self, line: bytes) -> BatchRequest:
        """Return the request in a line that is valid."""

    def result(self, request: BatchRequest, answer: Executed) -> bytes:
        """Return the line of the results with an answer."""

    def rest(self, request: BatchRequest, rest: Rest, identity: str) -> bytes | None:
        """Return the line for a request that was never executed; None if there is none."""

    def out_of_credit(self) -> ServedError:
        """Return the error of a key that has no money left."""


class BatchSpec(msgspec.Struct, frozen=True):
    """What a batch was created with; `key` is the one that created it.

    Seconds are the provider's: `window_s` until it expires, `kept_s` until its results do.
    """

    identity: str
    key: str
    endpoint: str
    window: str
    window_s: float
    kept_s: float
    input_file: str = ""
    metadata: Mapping[str, str] | None = None


class HeldBatch:
    """A batch. `begun` requests were started, in order, and `succeeded + failed` are answered.

    Work in slices that is left before it can go on is in `chores`. `end` is the phase in which it will end,
    once nothing more is executed. `finds_full` is True if it is to find the queue full. `moments` has the
    Unix time of each phase by its name; `entered` is when the present one began, and `created` when all did,
    in seconds of the clock.
    """

    def __init__(self, spec: BatchSpec, shape: BatchShape, lines: LineSpool, created: float) -> None:
        self.spec = spec
        self.shape = shape
        self.lines = lines
        self.created = created
        self.entered = created
        self.phase = BatchPhase.VALIDATING
        self.end: BatchPhase | None = None
        self.moments: dict[str, float] = {}
        self.chores: Iterator[None] | None = None
        self.problems: list[dict[str, Any]] = []
        self.finds_full = False
        self.model = ""
        self.tokens = 0
        self.begun = 0
        self.succeeded = 0
        self.failed = 0
        self.used = BatchUsage()
        self.results = LineSpool()
        self.errors = LineSpool() if shape.separates_errors else self.results
        self.output_file: str | None = None
        self.error_file: str | None = None

    @property
    def identity(self) -> str:
        return self.spec.identity

    @property
    def total(self) -> int:
        return len(self.lines)

    @property
    def unanswered(self) -> int:
        """The requests that were never executed, or are not yet."""
        return self.total - self.succeeded - self.failed

    def enter(self, phase: BatchPhase, now: float, unix: float) -> None:
        """Begin a phase."""
        self.phase = phase
        self.entered = now
        self.moments[phase] = unix

    def take(self, request: BatchRequest, answer: Executed) -> None:
        """Write an answer to the results."""
        line = self.shape.result(request, answer)
        if answer.failed:
            self.failed += 1
            self.errors.add(line)
        else:
            self.succeeded += 1
            self.results.add(line)
            self.used.add(answer.body)
