"""The frame: what a front end shows of a run at one moment.

A front end calls `session.frame(view)` a few times a second. The result is frozen, and its cost depends on
what the view shows, not on the number of jobs. All times are seconds; a value that is not known is None,
never 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmdash.engine.model.records import AttemptRecord, ResultRecord
from llmdash.engine.model.states import (
    AlertKind,
    AnswerFlag,
    Binding,
    EndpointState,
    JobState,
    KeyState,
    RunState,
    Severity,
    WaitReason,
    WorkerState,
)
from llmdash.prompts.verdict import Verdict

__all__ = [
    "EMPTY_FRAME",
    "Alert",
    "EndpointRow",
    "ErrorGroup",
    "Frame",
    "Inspection",
    "JobRow",
    "JobsPart",
    "KeyRow",
    "Notice",
    "Percentiles",
    "RatePart",
    "RunPart",
    "Score",
    "SeriesPart",
    "SharedLimitRow",
    "StreamPart",
    "WorkerRow",
]


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of scored answers."""

    right: int = 0
    not_equal: int = 0
    not_parseable: int = 0

    @property
    def total(self) -> int:
        return self.right + self.not_equal + self.not_parseable

    @property
    def accuracy(self) -> float | None:
        """Right answers over all scored ones, 0 to 1."""
        return self.right / self.total if self.total else None


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Percentiles of a set of times, in seconds; None while nothing was measured."""

    p50: float | None = None
    p95: float | None = None


@dataclass(frozen=True, slots=True)
class RunPart:
    """The run header. jobs = queued + waiting + in_flight + done + invalid + failed + cancelled,
    always."""

    name: str = ""
    model: str = ""
    endpoint: str = ""
    keys: int = 0
    state: RunState = RunState.STARTING
    state_detail: str = ""
    elapsed_s: float = 0.0
    """Seconds at work, over all starts; a pause with nothing in flight does not count."""
    jobs: int = 0
    queued: int = 0
    waiting: int = 0
    in_flight: int = 0
    done: int = 0
    invalid: int = 0
    """Answers that break their schema; they are kept."""
    failed: int = 0
    cancelled: int = 0
    left_out: int = 0
    """Input lines that could not become jobs."""
    attempts: int = 0
    """Attempts of all starts."""
    retries: int = 0
    requests_per_s: float | None = None
    tokens_per_s: float | None = None
    """Both are of the last seconds; once the run has ended, the mean over all of it."""
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Input tokens that were read from a cache."""
    reasoning_tokens: int = 0
    """Output tokens that were spent on reasoning."""
    empty: int = 0
    """Answers without text; done all the same."""
    tokens_estimated: bool = False
    score: Score | None = None
    cost: float | None = None
    """Dollars so far; None where no price is known."""
    cost_projected: float | None = None
    """Dollars when all jobs have ended, at the price of those that have."""
    ends_in_s: tuple[float, float, float] | None = None
    """Low, middle and high estimate of the seconds left."""
    ttft: Percentiles = Percentiles()
    """Request sent to first content, over all attempts that were answered."""
    latency: Percentiles = Percentiles()
    """Request sent to answer complete, over all attempts that were answered."""

    @property
    def ended(self) -> int:
        return self.done + self.invalid + self.failed + self.cancelled

    @property
    def rests(self) -> bool:
        """True while nothing moves by itself: the run has ended, or is paused with nothing in flight."""
        return self.state.ended or (self.state is RunState.PAUSED and not self.in_flight)


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


@dataclass(frozen=True, slots=True)
class JobsPart:
    """The rows asked for. `total` counts all jobs, `matched` those that match the filter."""

    total: int = 0
    matched: int = 0
    first: int = 0
    rows: tuple[JobRow, ...] = ()
    filter_error: str = ""


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
    weight: float = 1.0
    spark: tuple[int, ...] = ()
    """Calls in each of the last seconds, oldest first."""


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
    """Attempts answered in each of the last seconds, oldest first."""


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


@dataclass(frozen=True, slots=True)
class Alert:
    """What blocks the whole run, for as long as it does; shown in the banner."""

    kind: AlertKind
    text: str
    fix: str = ""
    """What the user can do about it; empty where it passes by itself."""
    passes_in_s: float | None = None
    """Seconds until it passes, or until the next try."""
    severity: Severity = Severity.WARNING


@dataclass(frozen=True, slots=True)
class RatePart:
    """The sliders. `rate` is None where no limit is set; `achieved` counts attempts sent a second."""

    rate: float | None = None
    achieved: float = 0.0
    concurrency: int = 1
    in_flight: int = 0
    binding: Binding = Binding.FINISHED


@dataclass(frozen=True, slots=True)
class StreamPart:
    """What is new in the stream on screen.

    `chunks` follow the `start` chunks of this attempt that the front end already holds (start 0: throw them
    away). `gaps` holds the seconds before each of them: since the chunk before it, or since the request was
    sent, for the first.
    """

    job: int | None = None
    id: str = ""
    key: str | None = None
    state: JobState = JobState.QUEUED
    ttft_s: float | None = None
    tokens_per_s: float | None = None
    attempt: int = 0
    start: int = 0
    chunks: tuple[str, ...] = ()
    gaps: tuple[float, ...] = ()
    worker: str | None = None
    """Who makes the attempt; None if this process does."""


@dataclass(frozen=True, slots=True)
class SeriesPart:
    """Series over the run, oldest first, one value a step of `step_s`; None where nothing was measured."""

    step_s: float = 1.0
    rate: tuple[float, ...] = ()
    in_flight: tuple[float, ...] = ()
    tokens_per_s: tuple[float, ...] = ()
    ttft_p50: tuple[float | None, ...] = ()
    ttft_p95: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """A rare event, shown as a toast. `serial` grows by one with each."""

    serial: int
    severity: Severity
    text: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """One job in full."""

    row: JobRow
    messages: tuple[tuple[str, str], ...] = ()
    expected: str | None = None
    answer: str = ""
    record: ResultRecord | None = None
    """The result on record: its finish reason, flags, reasoning, tokens, model and endpoint."""
    attempts: tuple[AttemptRecord, ...] = ()
    above: int | None = None
    below: int | None = None
    """The jobs on the rows above and below it in the table, filtered and sorted as the view asks."""


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Jobs with the same error but for the parts that `name` shows as `#`. `example` is one of the jobs."""

    name: str
    count: int
    example: int


@dataclass(frozen=True, slots=True)
class Frame:
    """What a front end shows of a run at one moment. `Frame()` is the empty one."""

    run: RunPart = RunPart()
    jobs: JobsPart = JobsPart()
    keys: tuple[KeyRow, ...] = ()
    endpoints: tuple[EndpointRow, ...] = ()
    workers: tuple[WorkerRow, ...] = ()
    """Empty where this process makes the attempts itself."""
    cluster: str = ""
    """The address of the scheduler, where there is one."""
    limits: tuple[SharedLimitRow, ...] = ()
    """The limits that the run shares with others."""
    alerts: tuple[Alert, ...] = ()
    """What blocks the run now, the most severe first."""
    rate: RatePart = RatePart()
    stream: StreamPart = StreamPart()
    tiles: tuple[StreamPart, ...] = ()
    """Streams in flight, each in its place as long as it goes on; `chunks` are the last, `start` is 0."""
    series: SeriesPart = SeriesPart()
    notices: tuple[Notice, ...] = ()
    inspection: Inspection | None = None
    errors: tuple[ErrorGroup, ...] = ()
    """Failures by group, the largest first."""
    failed: tuple[int, ...] = ()
    """The jobs of the group that was asked for."""


EMPTY_FRAME = Frame()
