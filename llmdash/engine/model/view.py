"""The view: what part of a run is on screen. A front end sends it with each request for a Frame."""

from __future__ import annotations

from dataclasses import field

from llmdash.engine.model.series import SeriesView
from llmdash.engine.model.states import SortColumn
from llmdash.engine.model.timings import TimingView
from llmdash.lean_dataclass import dataclass

__all__ = ["JobsView", "SeriesView", "StreamView", "TimingView", "View"]


@dataclass(frozen=True, slots=True)
class JobsView:
    """The part of the job table that is on screen.

    With `anchor` (a job's number) the rows are chosen so that this job is `anchor_offset` lines below the
    first one, even if its position in the order has changed: the row under the cursor never moves by itself.
    Without it, rows start at `first`.

    `columns` names texts wanted beside the preview: `prompt`, `answer`, or `input.NAME` for a carried field;
    each is cut to `preview_width` characters, and 0 asks for no text at all. `find` is a job to look for: its
    number, or how its id begins. `typed` is a term of a filter that is being typed, to be completed.
    """

    first: int = 0
    height: int = 0
    anchor: int | None = None
    anchor_offset: int = 0
    sort: SortColumn = SortColumn.NEWEST
    descending: bool = False
    filter: str = ""
    columns: tuple[str, ...] = ()
    preview_width: int = 0
    find: str = ""
    typed: str = ""


@dataclass(frozen=True, slots=True)
class StreamView:
    """Which stream is on screen: that of `job`, or (None) one in flight; and how much of it the front end
    has. Without a `job` the one seen last stays until it has ended.

    `seen_job`, `seen_attempt` and `seen` (chunks) name what the front end holds; only what follows is sent.
    """

    job: int | None = None
    seen_job: int | None = None
    seen_attempt: int = 0
    seen: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """Everything that a front end shows.

    `inspect` asks for one job in full, and `inspect_stream` says how much of its stream the front end has;
    `tiles` asks for the ends of at most that many streams, `errors` for the failures by group, all of them or
    those of the key `errors_of`, `examples_of` for some jobs of the group of that id, `failed_as` for
    all of them that failed for good, `timings` for percentiles.
    `batch_forecast` asks what pending jobs would take in batches: those of `batch_jobs`, or all there are.
    `viewer` tells front ends apart where several watch one run.
    """

    jobs: JobsView = JobsView()
    stream: StreamView = StreamView()
    tiles: int = 0
    inspect: int | None = None
    series: SeriesView = field(default_factory=SeriesView)
    inspect_stream: StreamView = StreamView()
    notices_after: int = 0
    errors: bool = False
    errors_of: str = ""
    examples_of: str | None = None
    failed_as: str | None = None
    timings: TimingView | None = None
    batch_forecast: bool = False
    batch_jobs: tuple[int, ...] = ()
    viewer: int = 0
