"""The states that jobs, keys and runs can be in, and the other words of a frame."""

from __future__ import annotations

import enum
from typing import Final

from llmdash.prompts.verdict import Verdict

__all__ = [
    "BY_COMMAND",
    "RESULT_STATES",
    "AlertKind",
    "AnswerFlag",
    "BatchState",
    "Binding",
    "EndpointState",
    "JobState",
    "KeptState",
    "KeyState",
    "RunState",
    "Severity",
    "SortColumn",
    "Verdict",
    "WaitReason",
    "WorkerState",
]


class JobState(enum.IntEnum):
    """The state of a job; the waiting states say what it waits for.

    BATCHED is with a provider's batch service, or about to be. INVALID is an answer that breaks its schema:
    it is kept, and counts as failed.
    """

    QUEUED = 0
    LIMITER = 1
    KEY = 2
    BACKOFF = 3
    SENT = 4
    STREAMING = 5
    BATCHED = 6
    DONE = 7
    FAILED = 8
    CANCELLED = 9
    INVALID = 10

    @property
    def ended(self) -> bool:
        return self >= JobState.DONE

    @property
    def in_flight(self) -> bool:
        return self in (JobState.SENT, JobState.STREAMING)


RESULT_STATES = {
    "done": JobState.DONE,
    "invalid": JobState.INVALID,
    "failed": JobState.FAILED,
    "cancelled": JobState.CANCELLED,
}
"""The states that a job can end in, by their names in the journal."""


class AnswerFlag(enum.IntFlag):
    """What is odd about an answer, as far as it is counted and filtered by; REUSED is not odd, but known
    before.
    """

    NONE = 0
    EMPTY = 1
    REASONING_ONLY = 2
    LENGTH = 4
    EOF = 8
    INVALID = 16
    OTHER = 32
    REUSED = 64

    @classmethod
    def of(cls, flags: str | None) -> AnswerFlag:
        """Return the flags of a result, which are joined by commas."""
        found = cls.NONE
        for flag in flags.split(",") if flags else ():
            found |= cls.__members__.get(flag.upper(), cls.OTHER)
        return found


class WaitReason(enum.Enum):
    """What a job that is not in flight waits for."""

    LIMITER = "limiter"
    KEY = "key"
    ENDPOINT = "endpoint"
    MACHINE = "machine"
    DISK = "disk"
    BACKOFF = "backoff"
    BUDGET = "budget"
    WORKER = "worker"
    SHARED = "shared limit"
    SLOT = "slot"
    HELD = "you"


BY_COMMAND: Final = "stopped on command"
"""The detail of a run that was stopped by who runs it."""


class RunState(enum.Enum):
    """The state of the run as a whole. DONE means that every job has ended."""

    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    DRAINING = "draining"
    STOPPED = "stopped"
    DONE = "done"

    @property
    def ended(self) -> bool:
        return self in (RunState.STOPPED, RunState.DONE)


class BatchState(enum.Enum):
    """Where a batch is on its way to a provider and back; each is on record before the next call is made.

    CREATING may exist at the provider, or not: its answer is not known. HELD waits for the user. Of a CLOSED
    one every job has its result or is pending again; a DROPPED one was never created.
    """

    PLANNED = "planned"
    UPLOADED = "uploaded"
    CREATING = "creating"
    OUT = "out"
    CANCELLING = "cancelling"
    ENDED = "ended"
    HELD = "held"
    CLOSED = "closed"
    DROPPED = "dropped"

    @property
    def is_open(self) -> bool:
        """True while jobs may be with it."""
        return self not in (BatchState.CLOSED, BatchState.DROPPED)

    @property
    def may_exist(self) -> bool:
        """True if the provider may have it, or has it."""
        return self not in (BatchState.PLANNED, BatchState.UPLOADED, BatchState.DROPPED)


class KeyState(enum.Enum):
    """The health of a key; `KeyHealth` in engine.pool describes the transitions."""

    HEALTHY = "healthy"
    THROTTLED = "rests"
    COOLDOWN = "cooldown"
    QUARANTINED = "no quota"
    DEAD = "dead"
    DISABLED = "off"


class EndpointState(enum.Enum):
    """Whether an endpoint takes requests. DOWN comes back by itself, PAUSED waits for the user."""

    UP = "up"
    DOWN = "down"
    PROBING = "probing"
    PAUSED = "paused"


class WorkerState(enum.Enum):
    """Whether a worker makes attempts. One that is LOST may join again under its name."""

    WORKING = "working"
    DRAINING = "draining"
    DRAINED = "drained"
    LOST = "lost"
    LEFT = "left"


class AlertKind(enum.Enum):
    """What blocks a run, or is wrong with it; the most severe first."""

    DISK = "disk"
    KILL_SWITCH = "brake"
    BUDGET = "budget"
    TRIAL = "trial"
    NO_BATCH = "no batch"
    KEYS_GONE = "no key"
    ENDPOINT = "endpoint"
    MACHINE = "machine"
    KEYS_REST = "keys rest"
    WORKER = "worker"
    LIMIT = "shared limit"
    RETRY_BUDGET = "retry budget"
    KEY = "key"
    ONE_BUCKET = "one limit"


class KeptState(enum.Enum):
    """The state of a kept run.

    The first four are those of a run that a process works on; a HELD one may also wait without. DONE and
    FAILED have nothing left to do, FAILED with failed or invalid jobs; STOPPED can go on; of a BATCHED one
    jobs are with a provider, and nobody waits for them; the process of a run that DIED is gone without an
    end; of a DAMAGED one the doctor says what is wrong.
    """

    RUNNING = "running"
    PAUSED = "paused"
    HELD = "held"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    BATCHED = "batched"
    DIED = "died"
    DAMAGED = "damaged"

    @property
    def finished(self) -> bool:
        """True if nothing is left to do."""
        return self in (KeptState.DONE, KeptState.FAILED)


class Binding(enum.Enum):
    """What limits the rate now; the rate slider's title names it."""

    RATE = "rate"
    AUTO = "auto rate"
    CONCURRENCY = "concurrency"
    SHARED = "shared limit"
    KEYS = "key cooldown"
    ENDPOINT = "endpoint"
    WORKER = "no worker"
    DISK = "disk"
    HELD = "held"
    LATENCY = "latency"
    PAUSE = "pause"
    BATCHES = "batches out"
    FINISHED = "finished"


class SortColumn(enum.Enum):
    """What the job table can be sorted by.

    NEWEST is the order in which jobs were first started, last one on top; WRONG has the failed jobs first,
    then answers that are invalid, not as expected, or not readable.
    """

    NEWEST = "newest"
    NUMBER = "#"
    ID = "job"
    STATE = "state"
    KEY = "key"
    TRIES = "try"
    WAIT = "wait"
    TTFT = "ttft"
    TIME = "time"
    OUT = "out"
    WRONG = "what went wrong"


class Severity(enum.Enum):
    """The severity of a notice or an alert."""

    INFORMATION = "information"
    WARNING = "warning"
    ERROR = "error"
