"""Figures: the state of a run that frames are built from: the store, or a picture of it at some time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from llmdash.engine.metrics.wall_times import WallTimes
from llmdash.engine.model.frame import ErrorGroup, FailedTries, Mark, Notice, Score, SeriesPart, TimingPart
from llmdash.engine.model.view import SeriesView, TimingView
from llmdash.engine.store.job_columns import Columns
from llmdash.engine.store.store import LiveJob
from llmdash.engine.store.streams import Stream

__all__ = ["Figures", "StreamFigures", "Times"]


class _Pace(Protocol):
    def rate(self, now: float) -> float:
        """Return the amount a second at `now`, on the clock of the run."""


class Times(Protocol):
    """Times that were measured, as a distribution."""

    def percentiles(self, shares: Sequence[float]) -> list[float | None]:
        """Return for each of the shares (0 to 1, ascending) the value below which it lies; None without."""


class _Series(Protocol):
    def total_sent(self) -> int:
        """Return the requests of all steps."""

    def total_tokens(self) -> int:
        """Return the output tokens of all steps."""

    def peak_in_flight(self) -> float | None:
        """Return the most requests in flight of a step; None where there is no step."""

    def sample(self, at: float, in_flight: int) -> None:
        """Record how many requests are in flight at `at`."""

    def part(self, view: SeriesView) -> SeriesPart:
        """Return the steps that a view shows, without the one that is still filling."""

    def whole(self, view: SeriesView, until: float) -> SeriesPart:
        """Return the steps that a view shows of a run that has ended at `until`."""


class _Marks(Protocol):
    def between(self, begin_s: float, end_s: float) -> tuple[Mark, ...]:
        """Return the marks of a part of the run, at most 100, the most severe."""


class _Timings(Protocol):
    def part(self, view: TimingView) -> TimingPart:
        """Return the percentiles of each group, and the histograms of one of them."""


class _Errors(Protocol):
    @property
    def tries(self) -> int: ...
    @property
    def made_good(self) -> int: ...
    def groups(self, until_s: float, key: str = "") -> tuple[ErrorGroup, ...]:
        """Return the groups, the largest first; with a `key` those that it has a part in."""

    def jobs(self, group_id: str) -> tuple[int, ...]:
        """Return every job of the group that failed for good, by number."""

    def examples(self, group_id: str) -> tuple[int, ...]:
        """Return a few jobs of the group, newest first."""

    def series(self, until_s: float) -> FailedTries:
        """Return the failed tries of all groups over the run."""


class _RunClock(Protocol):
    def __call__(self) -> float:
        """Return the seconds at work until now."""

    def at(self, moment: float) -> float:
        """Return the seconds at work at `moment`, on the clock of the store."""


class _Live(Protocol):
    def get(self, job: int, /) -> LiveJob | None:
        """Return what is known of a job that is neither queued nor has ended."""

    def items(self) -> Iterable[tuple[int, LiveJob]]:
        """Return all such jobs of a run at work."""


class StreamFigures(Protocol):
    """The answers that can be shown as they arrive."""

    def get(self, job: int) -> Stream | None:
        """Return the stream of `job`, if it can be shown."""

    def followed(self, shown: int | None, now: float) -> int | None:
        """Return the job to show after `shown`: the same one while it is fresh, else the newest."""

    def is_fresh(self, job: int, now: float, linger_s: float = ...) -> bool:
        """True if the stream of `job` is in flight, or ended less than `linger_s` seconds ago."""

    def newest_live(self) -> Iterator[int]:
        """Yield the jobs in flight, the one sent last first."""

    @property
    def is_even(self) -> bool:
        """True if the chunks are made up, from the whole answer and its times."""


class Figures(Protocol):
    """What `Store` has. Hold `lock` to read more than one value."""

    @property
    def lock(self) -> AbstractContextManager[object]: ...
    @property
    def columns(self) -> Columns: ...
    @property
    def live(self) -> _Live: ...
    @property
    def streams(self) -> StreamFigures: ...
    @property
    def notices(self) -> Sequence[Notice]: ...
    @property
    def attempts(self) -> int: ...
    @property
    def retries(self) -> int: ...
    @property
    def empty(self) -> int: ...
    @property
    def reused(self) -> int: ...
    @property
    def estimated(self) -> bool: ...
    @property
    def score(self) -> Score | None: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def errors(self) -> _Errors: ...
    @property
    def sends(self) -> _Pace: ...
    @property
    def sends_10s(self) -> _Pace: ...
    @property
    def ends_60s(self) -> _Pace: ...
    @property
    def tokens(self) -> _Pace: ...
    @property
    def ttft(self) -> Times: ...
    @property
    def latency(self) -> Times: ...
    @property
    def waited(self) -> Times: ...
    @property
    def wall(self) -> WallTimes: ...
    @property
    def time_series(self) -> _Series: ...
    @property
    def marks(self) -> _Marks: ...
    @property
    def timings(self) -> _Timings: ...
    @property
    def run_clock(self) -> _RunClock: ...
    @property
    def done_by(self) -> Counter[str]: ...
    @property
    def lost_by(self) -> Counter[str]: ...
    @property
    def hosts(self) -> Mapping[str, str]: ...

    def clock(self) -> float:
        """Return the time, in seconds, on the clock that `live` and streams have their times from."""
