"""The rows of a frame: jobs, keys, endpoints, workers and shared limits, a line of a table or panel each."""

from __future__ import annotations

from llmdash.engine.model.states import (
    AnswerFlag,
    BatchState,
    EndpointState,
    JobState,
    KeyState,
    WaitReason,
    WorkerState,
)
from llmdash.lean_dataclass import dataclass
from llmdash.prompts.verdict import Verdict

__all__ = [
    "NO_TEXT",
    "SPARK_SPANS",
    "SPARK_SPAN_S",
    "BatchRow",
    "EndpointRow",
    "JobRow",
    "JobText",
    "KeyRow",
    "SharedLimitRow",
    "WorkerRow",
]


SPARK_SPAN_S = 5
SPARK_SPANS = 48
"""A spark line of a key or a worker is of the last four minutes."""


@dataclass(frozen=True, slots=True)
class JobText:
    """What a row says of the texts of its job, each cut to the width that the view asks for.

    Texts are read beside the frames: those of a row that has just come into sight follow in a later frame.
    """

    preview: str = ""
    """The beginning of the answer; while it arrives, its end."""
    result: str = ""
    """What its check took from the answer, where answers are scored and it found something."""
    expected: str | None = None
    check: str = ""
    """The check that scored it, as far as that is known."""
    model: str = ""
    endpoint: str = ""
    """Both are of the answer, or of the last attempt."""
    cells: tuple[str, ...] = ()
    """The texts that the view named, in that order."""


NO_TEXT = JobText()


@dataclass(frozen=True, slots=True)
class JobRow:
    """One line of the job table. Two rows that compare equal look the same."""

    job: int
    id: str
    state: JobState = JobState.QUEUED
    reason: WaitReason | None = None
    """What the job waits for, while it waits."""
    due_in_s: float | None = None
    """Seconds until the next attempt, in backoff."""
    key: str | None = None
    tries: int = 0
    wait_s: float | None = None
    ttft_s: float | None = None
    time_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    tokens_estimated: bool = False
    verdict: Verdict = Verdict.UNSCORED
    error: str = ""
    flags: AnswerFlag = AnswerFlag.NONE
    worker: str | None = None
    """Who makes its attempts, or made the last one; None if this process does."""
    batch: int = 0
    """The batch that it is or was last in; 0 for none."""
    text: JobText = NO_TEXT


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One line of the key panel. sent = ok + throttled + errors + cut + in_flight, always."""

    label: str
    endpoint: str = ""
    state: KeyState = KeyState.HEALTHY
    ready_in_s: float | None = None
    detail: str = ""
    in_flight: int = 0
    sent: int = 0
    ok: int = 0
    throttled: int = 0
    errors: int = 0
    cut: int = 0
    """Requests cut off by us, or by a process that died: their outcome is unknown."""
    input_tokens: int = 0
    output_tokens: int = 0
    rpm: int = 0
    tpm: int = 0
    remaining: int | None = None
    """Requests the key has left, as the server last reported."""
    rest_is_hint: bool = False
    """True if the server said how long it rests; else it is our guess."""
    weight: float = 1.0
    rpm_limit: float | None = None
    tpm_limit: float | None = None
    concurrency_limit: int | None = None
    """The limits of the key as they are set: requests and tokens a minute, requests at once."""
    p50_s: float | None = None
    """The median time to the first token over the run; to the whole answer where answers do not stream."""
    cost: float | None = None
    """Dollars over the run; None where no price is known."""
    spark: tuple[int, ...] = ()
    """Calls in each of the last spans of `SPARK_SPAN_S` seconds that are over, oldest first."""


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One line of the panel of batches. Of its `jobs`, `left` have no outcome yet.

    `word` is the provider's own word for its state, `done` and `failed` are its counts, None where it tells
    none before the end. `detail` says why nothing happens with it now, or how it ended.
    """

    batch: int
    state: BatchState
    key: str
    endpoint: str = ""
    model: str = ""
    provider_id: str | None = None
    word: str = ""
    jobs: int = 0
    left: int = 0
    done: int | None = None
    failed: int | None = None
    expired: int = 0
    """The requests that were never carried out, once it is closed."""
    age_s: float = 0.0
    """Since it was planned."""
    expires_in_s: float | None = None
    cost: float | None = None
    """Dollars for what came back; None where no price is known, or nothing came back."""
    cost_is_most: bool = False
    """True if batches of its model have no known price, so that it costs at most as much as live."""
    bytes: int = 0
    detail: str = ""
    created_at: float | None = None
    expires_at: float | None = None
    """By the provider's clock, in Unix seconds."""

    @property
    def lacks_id(self) -> bool:
        """True if the user has to say which of the provider's batches it is; a held one that has an id may be
        given up.
        """
        return self.state is BatchState.HELD and self.provider_id is None

    @property
    def share(self) -> float | None:
        """How much of it is done, 0 to 1; None where that is not told."""
        if self.done is None or not self.jobs:
            return None
        return min(1.0, (self.done + (self.failed or 0)) / self.jobs)


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """The state of one endpoint; its keys are the KeyRows that name it."""

    name: str
    state: EndpointState = EndpointState.UP
    returns_in_s: float | None = None
    """Seconds until the next probe, while it is down."""
    detail: str = ""
    in_flight: int = 0
    concurrency: int | None = None
    is_local: bool = False
    """True if this machine is at fault, not the endpoint."""
    limit: str = ""
    """The name of the limit that it shares with others."""


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One line of the workers panel, in the order of joining."""

    name: str
    host: str
    state: WorkerState = WorkerState.WORKING
    in_flight: int = 0
    jobs_per_s: float = 0.0
    done: int = 0
    """Attempts that were answered, over all starts of the run."""
    lost: int = 0
    """Attempts whose outcome is unknown, because the worker was lost."""
    ttft_p50: float | None = None
    round_trip_s: float | None = None
    silent_s: float = 0.0
    """Seconds since it was last heard of."""
    keys: int = 0
    """The number of the run's keys that it has."""
    lacks: tuple[str, ...] = ()
    """The labels of those that it has not."""
    spark: tuple[int, ...] = ()
    """Attempts answered in each of the last spans of `SPARK_SPAN_S` seconds that are over, oldest first."""


@dataclass(frozen=True, slots=True)
class SharedLimitRow:
    """A limit that this run shares with others: requests a second and tokens a minute; None for no limit.

    `share` and `token_share` are this run's, `others` the labels of the other runs with the rate of each,
    `free` is what nobody has.
    """

    name: str
    rate: float | None = None
    tpm: float | None = None
    share: float | None = None
    token_share: float | None = None
    others: tuple[tuple[str, float], ...] = ()
    free: float | None = None
    problem: str = ""
    """Why the share cannot be renewed."""
    is_over: bool = False
    """True if it has ended, so that nothing is sent until it can be renewed."""
