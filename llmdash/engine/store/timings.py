"""Timings: distributions of what was measured of answers, by key, endpoint and model, in flat memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from llmdash.engine.metrics.histogram import LogHistogram
from llmdash.engine.model.run_part import Percentiles
from llmdash.engine.model.timings import (
    AnswerTimes,
    Grouping,
    HistogramPart,
    Timing,
    TimingPart,
    TimingRow,
    TimingView,
)

__all__ = ["SHARES", "Source", "Timings"]

SHARES = (0.50, 0.90, 0.95, 0.99)
_MOST_SOURCES = 256
_MOST_ROWS = 100
_PLACES = {metric: place for place, metric in enumerate(Timing)}


class Source(NamedTuple):
    """Where an answer is from."""

    key: str = ""
    endpoint: str = ""
    model: str = ""

    def group(self, by: Grouping) -> str:
        """Return the name of its group."""
        if by is Grouping.KEY:
            return self.key
        return {Grouping.ENDPOINT: self.endpoint, Grouping.MODEL: self.model}.get(by, "all")


_OTHERS = Source("others", "others", "others")


class _Distribution:
    """A histogram for each metric."""

    __slots__ = ("answers", "of")

    def __init__(self) -> None:
        self.answers = 0
        self.of = [LogHistogram() for _ in Timing]

    def include(self, other: _Distribution) -> None:
        self.answers += other.answers
        for mine, others in zip(self.of, other.of, strict=True):
            mine.include(others)

    def row(self, name: str) -> TimingRow:
        return TimingRow(name, self.answers, *(Percentiles(*each.percentiles(SHARES)) for each in self.of))


class Timings:
    """Counts the times of each answer with where it is from, of which it tells 256 apart; and apart from them
    how long failed attempts took.
    """

    def __init__(self) -> None:
        self._failed = 0
        self._failed_after = LogHistogram()
        self._whole = _Distribution()
        self._of: dict[Source, _Distribution] = {}

    def whole(self, metric: Timing) -> LogHistogram:
        """Return the histogram of a metric over all answers."""
        return self._whole.of[_PLACES[metric]]

    def add(self, source: Source, times: AnswerTimes) -> None:
        """Count an answer."""
        of_source = self._at(source)
        self._whole.answers += 1
        of_source.answers += 1
        LogHistogram.add_each(self._whole.of, of_source.of, times)

    def add_failed(self, after_s: float | None) -> None:
        """Count an attempt that failed `after_s` seconds after it was sent; None if that is not known."""
        self._failed += 1
        if after_s is not None:
            self._failed_after.add(after_s)

    def add_all(self, source: Source, many: Sequence[AnswerTimes]) -> None:
        """Count many answers of one source."""
        added = _Distribution()
        added.answers = len(many)
        for histogram, values in zip(added.of, zip(*many, strict=True), strict=False):
            histogram.add_all(value for value in values if value is not None)
        self._at(source).include(added)
        self._whole.include(added)

    def part(self, view: TimingView) -> TimingPart:
        """Return the percentiles of each group, and the histograms of one of them."""
        groups = self._groups(view.by)
        largest = sorted(groups.items(), key=lambda each: (-each[1].answers, each[0]))[:_MOST_ROWS]
        shown = self._whole if view.group is None else groups.get(view.group, _Distribution())
        return TimingPart(
            view.by,
            self._whole.row("all"),
            tuple(each.row(name) for name, each in largest),
            view.group,
            tuple(HistogramPart(*each.bars(view.bars)) for each in shown.of),
            self._failed,
            Percentiles(*self._failed_after.percentiles(SHARES)),
        )

    def copy(self) -> Timings:
        """Return others with the same answers."""
        other = Timings()
        other._failed = self._failed
        other._failed_after.include(self._failed_after)
        other._whole.include(self._whole)
        for source, each in self._of.items():
            other._at(source).include(each)
        return other

    def _groups(self, by: Grouping) -> dict[str, _Distribution]:
        if by is Grouping.RUN:
            return {"all": self._whole}
        groups: dict[str, _Distribution] = {}
        for source, each in self._of.items():
            groups.setdefault(source.group(by), _Distribution()).include(each)
        return groups

    def _at(self, source: Source) -> _Distribution:
        found = self._of.get(source)
        if found is None:
            source = source if len(self._of) < _MOST_SOURCES else _OTHERS
            found = self._of.setdefault(source, _Distribution())
        return found
