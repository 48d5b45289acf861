"""The frame: what a front end shows of a run at one moment.

A front end calls `session.frame(view)` a few times a second. The result is frozen, and its cost depends on
what the view shows, not on the number of jobs. All times are seconds; a value that is not known is None,
never 0. Who shows or builds frames imports all that they consist of from here.
"""

from __future__ import annotations

from dataclasses import field

from llmdash.engine.model.errors import ErrorClass, ErrorExample, ErrorGroup, FailedTries
from llmdash.engine.model.forecast import BatchForecast, ForecastPart
from llmdash.engine.model.records import AttemptRecord, ResultRecord
from llmdash.engine.model.rows import (
    BatchRow,
    EndpointRow,
    JobRow,
    JobText,
    KeyRow,
    SharedLimitRow,
    WorkerRow,
)
from llmdash.engine.model.run_part import Percentiles, RunPart, Score
from llmdash.engine.model.series import Mark, MarkKind, SeriesPart, TimesSeries
from llmdash.engine.model.states import AlertKind, Binding, JobState, Severity, WaitReason
from llmdash.engine.model.timings import HistogramPart, TimingPart, TimingRow
from llmdash.lean_dataclass import dataclass
from llmdash.prompts.verdict import Verdict

__all__ = [
    "EMPTY_FRAME",
    "Alert",
    "AutoPart",
    "BatchRow",
    "EndpointRow",
    "ErrorClass",
    "ErrorExample",
    "ErrorGroup",
    "FailedTries",
    "Frame",
    "HistogramPart",
    "Inspection",
    "JobRow",
    "JobText",
    "JobsPart",
    "KeyRow",
    "Mark",
    "MarkKind",
    "Notice",
    "Percentiles",
    "RatePart",
    "ReplayPart",
    "RequestPart",
    "RunPart",
    "Score",
    "SeriesPart",
    "SharedLimitRow",
    "StreamPart",
    "TimesSeries",
    "TimingPart",
    "TimingRow",
    "WorkerRow",
]


@dataclass(frozen=True, slots=True)
class JobsPart:
    """The rows asked for. `total` counts all jobs, `matched` those that have a row.

    A job has a row once it was sent or has ended; with a filter, or in the order of the input or of
    the ids, every job has.
    """

    total: int = 0
    matched: int = 0
    first: int = 0
    rows: tuple[JobRow, ...] = ()
    filter_error: str = ""
    queued: int = 0
    waiting: tuple[tuple[WaitReason, int], ...] = ()
    """How many jobs a worker holds and has not sent, by what they wait for: rate and key always."""
    longest_wait_s: float = 0.0
    """For how long the one of them has waited that waits longest for the rate."""
    check: str = ""
    """How answers are compared, where that is the same for all of them."""
    searched: float | None = None
    """The share of the texts that was looked through, while that goes on; None where nothing is sought."""
    hint: str = ""
    """Why nothing matches the filter, and what to change."""
    completions: tuple[str, ...] = ()
    """How the term that is typed can go on, the likeliest first."""
    fields: tuple[str, ...] = ()
    """The carried fields of the input, as far as its first prompts have them."""
    found: int | None = None
    """The job that `find` of the view names; None while it is looked for, or where there is none."""
    found_for: str = ""
    """What was looked for, once that is done."""


@dataclass(frozen=True, slots=True)
class Alert:
    """What blocks the run, or is wrong besides, for as long as it is; shown in the verdict line."""

    kind: AlertKind
    text: str
    fix: str = ""
    """What the user can do about it; empty where it passes by itself."""
    passes_in_s: float | None = None
    """Seconds until it passes, or until the next try."""
    severity: Severity = Severity.WARNING
    blocks: bool = True
    """False for a trouble that lets the run go on: a dead key among others."""
    detail: str = ""
    """The reason, where it is not part of the text."""


@dataclass(frozen=True, slots=True)
class AutoPart:
    """What was found by itself, in requests a second over all keys; None where that is not known.

    `rate` is what is allowed now, never above the set rate; `held_at` is the limit that was last found.
    `why` says in a word why the rate last changed: start, 429, latency, headers, slow down or trying more.
    """

    on: bool = False
    rate: float | None = None
    held_at: float | None = None
    at_once: int | None = None
    """The requests that may be in flight; what is set as the most may be fewer."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class RatePart:
    """The sliders. `rate` is None where no limit is set; `achieved` counts attempts sent a second."""

    rate: float | None = None
    achieved: float = 0.0
    concurrency: int = 1
    in_flight: int = 0
    binding: Binding = Binding.FINISHED
    auto: AutoPart = AutoPart()


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
    is_even: bool = False
    """True if the chunks are not on record: the answer is shown as if it had come at an even pace."""
    verdict: Verdict = Verdict.UNSCORED
    error: str = ""
    """Why the attempt before, or the job, failed."""
    total: int = 0
    """The number of all chunks so far, of which `chunks` may be the last ones."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A rare event, shown as a toast. `serial` grows by one with each; `refused` is True if it says why a
    command was not carried out.
    """

    serial: int
    severity: Severity
    text: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class RequestPart:
    """The request of a job as it may be seen: variables of a shell stand for the key and other secrets. With
    it, what the server said last of the limits of its key: how much a minute, what is left, and the seconds
    until all of it is there again.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    """JSON."""
    limit_requests: int | None = None
    remaining_requests: int | None = None
    reset_requests_s: float | None = None
    limit_tokens: int | None = None
    remaining_tokens: int | None = None
    reset_tokens_s: float | None = None


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
    check: str = ""
    """How its answer is compared, where the prompts say so."""
    request: RequestPart | None = None
    """None where the request cannot be made here: the prompt is not kept, or code of others makes it."""
    cost: float | None = None
    """Dollars for all its attempts whose tokens are known; None where no price is."""
    place: int | None = None
    """Its row in that table, counted from 1; None where the filter hides it."""
    matched: int = 0
    """The number of rows of that table."""


@dataclass(frozen=True, slots=True)
class ReplayPart:
    """Where the replay of a kept run is, in seconds at work; `speed` is how many times as fast it plays.

    `estimated` names what its journal does not say, so that it is shown as it may have been.
    """

    position_s: float
    length_s: float
    speed: float
    playing: bool
    estimated: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a front end shows of a run at one moment. `Frame()` is the empty one."""

    run: RunPart = field(default_factory=RunPart)
    jobs: JobsPart = JobsPart()
    keys: tuple[KeyRow, ...] = ()
    endpoints: tuple[EndpointRow, ...] = ()
    workers: tuple[WorkerRow, ...] = ()
    """Empty where this process makes the attempts itself."""
    batches: tuple[BatchRow, ...] = ()
    """By their numbers; those that are closed too."""
    batch_deadline: float | None = None
    """When what is out in batches is brought back, in Unix seconds; None for never."""
    batch_forecast: BatchForecast | None = None
    """What the jobs that the view asks about would take in batches, once that is known."""
    cluster: str = ""
    """The address of the scheduler, where there is one."""
    limits: tuple[SharedLimitRow, ...] = ()
    """The limits that the run shares with others."""
    alerts: tuple[Alert, ...] = ()
    """What blocks the run now, and what is wrong besides; the most severe first."""
    forecast: ForecastPart | None = None
    """The forecast of the rest, while a trial is held."""
    rate: RatePart = RatePart()
    stream: StreamPart = StreamPart()
    inspected: StreamPart = StreamPart()
    """What is new in the stream of the job that is inspected."""
    tiles: tuple[StreamPart, ...] = ()
    """Streams in flight, each in its place as long as it goes on; `chunks` are the last, `start` is 0."""
    series: SeriesPart = field(default_factory=SeriesPart)
    timings: TimingPart | None = None
    """The percentiles that were asked for."""
    notices: tuple[Notice, ...] = ()
    inspection: Inspection | None = None
    errors: tuple[ErrorGroup, ...] = ()
    """Failures by group, the largest first."""
    examples: tuple[ErrorExample, ...] = ()
    """Some jobs of the group that was asked for, newest first."""
    failed_tries: FailedTries = field(default_factory=FailedTries)
    """Over the run, where errors were asked for."""
    failed: tuple[int, ...] = ()
    """The jobs of the group that was asked for."""
    replay: ReplayPart | None = None
    """None where the run itself is shown, at work or at its end."""
    changes: int = 0
    """How much has happened to a run at work; as long as it stays the same, nothing but time has passed."""
    kept: bool = False
    """True where the run is not at work: it is shown from its journal, and no command changes it."""

    @property
    def blockers(self) -> tuple[Alert, ...]:
        """The alerts that block the whole run."""
        return tuple(alert for alert in self.alerts if alert.blocks)


EMPTY_FRAME = Frame()
