"""FiguresAt: the figures of a run at a position of its replay."""

from __future__ import annotations

import threading
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence

from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.metrics.histogram import LogHistogram
from llmdash.engine.metrics.wall_times import WallTimes
from llmdash.engine.model.frame import Notice, Score
from llmdash.engine.model.states import JobState
from llmdash.prompts.verdict import Verdict
from llmdash.runs.replay.columns import ColumnsAt, LiveAt
from llmdash.runs.replay.errors import ErrorsAt
from llmdash.runs.replay.past import MarksAt, Past
from llmdash.runs.replay.series import SeriesAt
from llmdash.runs.replay.streams import StreamsAt
from llmdash.runs.replay.timeline import Timeline
from llmdash.runs.replay.timings import TimingsAt
from llmdash.runs.replay.tracks import AllOf, EventTrack, PaceAt

__all__ = ["FiguresAt"]

_CHECKPOINT = 8_192


class FiguresAt:
    """What `Store` has, at the position of `columns`, which `clock` and `run_clock` return as well."""

    def __init__(
        self,
        reader: JournalReader,
        timeline: Timeline,
        hosts: Mapping[str, str],
        past: Past,
        notices: Sequence[Notice] = (),
    ) -> None:
        self._timeline = timeline
        self.lock = threading.RLock()
        self.columns = ColumnsAt(timeline)
        self.live = LiveAt(timeline, self.columns)
        self.streams = StreamsAt(reader, timeline, self.columns)
        self.notices = notices
        self.hosts = hosts
        self.run_clock = _ClockAt(self.columns)
        self.time_series = SeriesAt(timeline, self.columns, past)
        self.marks = MarksAt(past.marks, self.columns)
        self.timings = TimingsAt(timeline, self.columns)
        self.errors = ErrorsAt(timeline, self.columns)
        of_jobs = [times for state, times in timeline.job_ends.items() if state is not JobState.CANCELLED]
        if timeline.batches:
            of_jobs = [
                EventTrack(array("I", filter(timeline.ended_live, each.order)), timeline.job_ended)
                for each in of_jobs
            ]
        self.sends, self.sends_10s = PaceAt(timeline.all_sent, 1.0), PaceAt(timeline.all_sent, 10.0)
        self.ends_60s = PaceAt(AllOf(of_jobs), 60.0)
        self.tokens = PaceAt(timeline.live_answers, 10.0)
        ttfts = timeline.final.ttft if timeline.is_streamed else bytes(timeline.final.jobs)
        self.ttft = _TimesAt(timeline.answers.times, ttfts, self.columns)
        self.waited = LogHistogram()  # when a job began to wait is not on record
        self.wall = WallTimes(lambda: past.time(self.columns.position))
        self.latency = _TimesAt(timeline.answers.times, timeline.final.time, self.columns)

    def clock(self) -> float:
        """Return the position."""
        return self.columns.position

    @property
    def attempts(self) -> int:
        return self._by(self._timeline.all_sent) + self._by(self._timeline.came_back)

    @property
    def retries(self) -> int:
        return self._by(self._timeline.waits)

    @property
    def empty(self) -> int:
        return self._by(self._timeline.empty)

    @property
    def reused(self) -> int:
        return self._by(self._timeline.reused)

    @property
    def estimated(self) -> bool:
        return self._timeline.estimated_from <= self.columns.position

    @property
    def score(self) -> Score | None:
        by = {verdict: self._by(self._timeline.verdicts[verdict]) for verdict in Verdict}
        score = Score(by[Verdict.RIGHT], by[Verdict.NOT_EQUAL], by[Verdict.NOT_PARSEABLE])
        return score if score.total else None

    @property
    def in_flight(self) -> int:
        return self._by(self._timeline.all_sent) - self._by(self._timeline.all_ended)

    @property
    def done_by(self) -> Counter[str]:
        return Counter({name: self._by(times) for name, times in self._timeline.done_by.items()})

    @property
    def lost_by(self) -> Counter[str]:
        return Counter({name: self._by(times) for name, times in self._timeline.lost_by.items()})

    def _by(self, times: EventTrack) -> int:
        return times.by(self.columns.position)


class _ClockAt:
    def __init__(self, columns: ColumnsAt) -> None:
        self._columns = columns

    def __call__(self) -> float:
        return self._columns.position

    def at(self, moment: float) -> float:
        return moment


class _TimesAt:
    """Percentiles of the times of all answers until the position."""

    def __init__(self, answered: EventTrack, times: Sequence[float], columns: ColumnsAt) -> None:
        self._answered = answered
        self._times = times
        self._columns = columns
        self._checkpoints = [LogHistogram()]
        self._known: tuple[int, LogHistogram] = (0, self._checkpoints[0])
        for end in range(_CHECKPOINT, len(answered.order) + 1, _CHECKPOINT):
            self._checkpoints.append(self._with(self._checkpoints[-1], end - _CHECKPOINT, end))

    def percentiles(self, shares: Sequence[float]) -> list[float | None]:
        count = self._answered.by(self._columns.position)
        known, histogram = self._known
        if count != known:
            checkpoint = count // _CHECKPOINT
            histogram = self._with(self._checkpoints[checkpoint], checkpoint * _CHECKPOINT, count)
            self._known = count, histogram
        return histogram.percentiles(shares)

    def _with(self, before: LogHistogram, begin: int, end: int) -> LogHistogram:
        """Return a histogram with the times of these answers as well; there is none where it is 0."""
        histogram = before.copy()
        histogram.add_all(filter(None, map(self._times.__getitem__, self._answered.order[begin:end])))
        return histogram
