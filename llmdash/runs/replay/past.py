"""Past: how a run was set, and the marks on its time axis, by position."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence

from llmdash.engine.model.frame import Mark
from llmdash.engine.model.records import MomentRow, SampleRow
from llmdash.engine.store.history import setting_of
from llmdash.engine.store.marks import Marks
from llmdash.engine.store.series_steps import NOT_SET, Setting
from llmdash.runs.replay.axis import Axis
from llmdash.runs.replay.columns import ColumnsAt

__all__ = ["MarksAt", "Past"]


class Past:
    """What samples and moments say of a whole run, on the axis of its replay."""

    def __init__(self, samples: Sequence[SampleRow], moments: Sequence[MomentRow], axis: Axis) -> None:
        self._axis = axis
        self._samples = samples
        self._sampled = array("d", (axis.position(row.at) for row in samples))
        self.marks = Marks()
        for row in moments:
            self.marks.see(axis.position(row.at), row.kind, row.subject, row.value)

    def time(self, position: float) -> float:
        """Return the time of a position, in Unix seconds."""
        return self._axis.time(position)

    def setting(self, position: float) -> Setting:
        """Return how the run was set at a position."""
        number = bisect_right(self._sampled, position)
        return setting_of(self._samples[number - 1]) if number else NOT_SET


class MarksAt:
    """The marks by the position of the columns."""

    def __init__(self, marks: Marks, columns: ColumnsAt) -> None:
        self._marks = marks
        self._columns = columns

    def between(self, begin_s: float, end_s: float) -> tuple[Mark, ...]:
        return self._marks.between(begin_s, end_s, self._columns.position)
