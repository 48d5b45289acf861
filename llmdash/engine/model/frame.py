"""The frame: what a front end shows of a run at one moment.

A front end calls `session.frame(view)` a few times a second. The result is frozen, and its cost depends on
what the view shows, not on the number of jobs. All times are seconds; a value that is not known is None,
never 0. Who shows or builds frames imports all that they consist of from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from llmdash.engine.model.forecast import ForecastPart
from llmdash.engine.model.records import AttemptRecord, ResultRecord
from llmdash.engine.model.rows import EndpointRow, JobRow, KeyRow, SharedLimitRow, WorkerRow
from llmdash.engine.model.run_part import Percentiles, RunPart, Score
from llmdash.engine.model.states import AlertKind, Binding, JobState, Severity

__all__ = [
    "EMPTY_FRAME",
    "Alert",
    "AutoPart",
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
    "ReplayPart",
    "RunPart",
    "Score",
    "SeriesPart",
    "SharedLimitRow",
    "StreamPart",
    "WorkerRow",
]


@dataclass(frozen=True, slots=True)
class JobsPart:
    """The rows asked for. `total` counts all jobs, `matched` those that match the filter."""

    total: int = 0
    matched: int = 0
    first: int = 0
    rows: tuple[JobRow, ...] = ()
    filter_error: str = ""


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
class AutoPart:
    """What was found by itself, in requests a second over all keys; None where that is not known.

    `rate` is what is allowed now, never above the set rate; `held_at` is the limit that was last found.
    `why` says in a word why the rate last changed: start, 429, latency, headers, slow down or trying more.
    """

    on: bool = False
    rate: float | None = None
    held_at: float | None = None
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
    """A rare event, shown as a toast. `serial` grows by one with each; `refused` is True if it says why a
    command was not carried out.
    """

    serial: int
    severity: Severity
    text: str
    refused: bool = False


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
    tries: int = 0
    """The attempts of these jobs."""
    keys: tuple[tuple[str, int], ...] = ()
    """The keys of their last attempts with the number of jobs, the most frequent first."""


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
    cluster: str = ""
    """The address of the scheduler, where there is one."""
    limits: tuple[SharedLimitRow, ...] = ()
    """The limits that the run shares with others."""
    alerts: tuple[Alert, ...] = ()
    """What blocks the run now, the most severe first."""
    forecast: ForecastPart | None = None
    """The forecast of the rest, while a trial is held."""
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
    replay: ReplayPart | None = None
    """None where the run itself is shown, at work or at its end."""
    kept: bool = False
    """True where the run is not at work: it is shown from its journal, and no command changes it."""


EMPTY_FRAME = Frame()
