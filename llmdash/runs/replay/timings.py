"""TimingsAt: the timings of the answers that were complete by a position of a replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llmdash.engine.metrics.histogram import LogHistogram
from llmdash.engine.model.run_part import Percentiles
from llmdash.engine.model.states import AnswerFlag
from llmdash.engine.model.timings import AnswerTimes, TimingPart, TimingView
from llmdash.engine.store.timings import SHARES, Source, Timings
from llmdash.runs.replay.columns import ColumnsAt
from llmdash.runs.replay.timeline import Timeline

__all__ = ["TimingsAt", "times_of"]

_CHECKPOINT = 65_536
_PORTION = 4_096
_REUSED = int(AnswerFlag.REUSED)


class TimingsAt:
    """Timings by the position of the columns: from the last checkpoint before it, or from where it was."""

    def __init__(self, timeline: Timeline, columns: ColumnsAt) -> None:
        self._timeline = timeline
        self._columns = columns
        self._checkpoints = [Timings()]
        for end in range(_CHECKPOINT, len(timeline.answers.times.order) + 1, _CHECKPOINT):
            timings = self._checkpoints[-1].copy()
            self._include(timings, end - _CHECKPOINT, end)
            self._checkpoints.append(timings)
        self._known = 0
        self._timings = Timings()
        self._failures = _FailuresAt(timeline)

    def part(self, view: TimingView) -> TimingPart:
        """Return the percentiles of each group, and the histograms of one of them."""
        count = self._timeline.answers.times.by(self._columns.position)
        checkpoint = count // _CHECKPOINT
        if not checkpoint * _CHECKPOINT <= self._known <= count:
            self._known, self._timings = checkpoint * _CHECKPOINT, self._checkpoints[checkpoint].copy()
        self._include(self._timings, self._known, count)
        self._known = count
        failed, after = self._failures.by(self._columns.position)
        return replace(self._timings.part(view), failed=failed, failed_after=after)

    def _include(self, timings: Timings, begin: int, end: int) -> None:
        order = self._timeline.answers.times.order
        for first in range(begin, end, _PORTION):
            for source, times in self._by_source(order[first : min(end, first + _PORTION)]).items():
                timings.add_all(source, times)

    def _by_source(self, jobs: Sequence[int]) -> dict[Source, list[AnswerTimes]]:
        timeline, found = self._timeline, dict[Source, list[AnswerTimes]]()
        for job in jobs:
            if not timeline.final.flags[job] & _REUSED:
                source = timeline.sources[timeline.source[job]]
                found.setdefault(source, []).append(times_of(timeline, job))
        return found


class _FailuresAt:
    """How long the attempts took that had failed by a position."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._track = timeline.failed
        self._known = 0
        self._after = LogHistogram()

    def by(self, position: float) -> tuple[int, Percentiles]:
        """Return how many failed, and the percentiles of the seconds from sending them to that."""
        count, timeline = self._track.by(position), self._timeline
        if count < self._known:
            self._known, self._after = 0, LogHistogram()
        new = self._track.order[self._known : count]
        timed = (each for each in new if not timeline.batch[each])
        self._after.add_all(max(0.0, timeline.ended[each] - timeline.sent[each]) for each in timed)
        self._known = count
        return count, Percentiles(*self._after.percentiles(SHARES))


def times_of(timeline: Timeline, job: int) -> AnswerTimes:
    """Return what was measured of the answer of a job."""
    final = timeline.final
    ttft_s = final.ttft[job] or None if timeline.is_streamed else None
    return AnswerTimes.of(ttft_s, final.time[job] or None, final.output_tokens[job], final.wait[job])
