"""Which job stands on which line of the table.

The two natural orders cost nothing however many jobs there are. A sort or a filter is worked out on a thread
of its own, once a second at most, and the last one worked out is shown meanwhile.
"""

from __future__ import annotations

import threading
import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from llmdash.engine.frames.filter import FilterError, Predicate, compile_filter
from llmdash.engine.model.states import SortColumn
from llmdash.engine.model.view import JobsView
from llmdash.engine.store.job_columns import JobColumns

__all__ = ["Ordering"]

_PERIOD_S = 1.0
_SMALL = 20_000


class Ordering:
    """Lines to jobs and back, for one view at a time."""

    def __init__(self, columns: JobColumns, job_id: Callable[[int], str]) -> None:
        self._columns = columns
        self._job_id = job_id
        self._wanted: tuple[SortColumn, bool, str] = (SortColumn.NEWEST, False, "")
        self._worked_out: _Lines | None = None
        self._finished: tuple[tuple[SortColumn, bool, str], _Lines] | None = None
        self._revision = -1
        self._next_at = 0.0
        self._thread: threading.Thread | None = None
        self.error = ""

    def use(self, view: JobsView) -> None:
        """Show the jobs as `view` asks, working out what that takes."""
        wanted = (view.sort, view.descending, view.filter.strip())
        if wanted != self._wanted:
            self._wanted, self._revision, self._next_at, self.error = wanted, -1, 0.0, ""
            self._worked_out = None if self._natural else self._worked_out
        self._adopt()
        now = time.monotonic()
        busy = self._thread is not None and self._thread.is_alive()
        if self._natural or busy or now < self._next_at or self._revision == self._columns.revision:
            return
        self._revision, self._next_at = self._columns.revision, now + _PERIOD_S
        self._work_out()

    def _adopt(self) -> None:
        """Show what was worked out, if it is still wanted; so lines never change while a frame is made."""
        if self._finished is not None:
            (wanted, lines), self._finished = self._finished, None
            if wanted == self._wanted:
                self._worked_out = lines

    @property
    def _natural(self) -> bool:
        sort, _, text = self._wanted
        return sort in (SortColumn.NEWEST, SortColumn.NUMBER) and not text

    def __len__(self) -> int:
        return len(self._worked_out.jobs) if self._worked_out is not None else self._columns.jobs

    def job_at(self, line: int) -> int:
        """The job on `line`, counted from 0."""
        if self._worked_out is not None:
            return self._worked_out.jobs[line]
        sort, descending, _ = self._wanted
        columns = self._columns
        if sort is SortColumn.NUMBER:
            return columns.jobs - 1 - line if descending else line
        if descending:
            line = columns.jobs - 1 - line
        started = len(columns.started)
        if line < started:
            return columns.started[started - 1 - line]
        return columns.pending[_place(columns, line - started)]

    def line_of(self, job: int) -> int | None:
        """The line of `job`, or None if the filter hides it."""
        if self._worked_out is not None:
            return self._worked_out.line_of(job)
        sort, descending, _ = self._wanted
        columns = self._columns
        if not 0 <= job < columns.jobs:
            return None
        if sort is SortColumn.NUMBER:
            line = job
        elif columns.place[job]:
            line = len(columns.started) - columns.place[job]
        else:
            place = bisect_left(columns.pending, job)
            skipped = bisect_left(columns.skipped, place)
            line = len(columns.started) + place - columns.taken - skipped
        return columns.jobs - 1 - line if descending else line

    def _work_out(self) -> None:
        sort, descending, text = self._wanted
        try:
            predicate = compile_filter(text, self._columns, self._job_id)
        except FilterError as error:
            self.error = str(error)
            return
        self.error = ""
        if self._columns.jobs <= _SMALL:
            self._sort(self._wanted, sort, descending, predicate)
            self._adopt()
            return
        self._thread = threading.Thread(
            target=self._sort,
            args=(self._wanted, sort, descending, predicate),
            name="llmdash-sort",
            daemon=True,
        )
        self._thread.start()

    def _sort(
        self,
        wanted: tuple[SortColumn, bool, str],
        sort: SortColumn,
        descending: bool,
        predicate: Predicate | None,
    ) -> None:
        columns = self._columns
        every: Sequence[int] = range(columns.jobs)
        jobs = list(every) if predicate is None else [job for job in every if predicate(job)]
        if sort is SortColumn.NEWEST:
            place = columns.place
            jobs.sort(key=lambda job: -place[job] or 1)
        elif sort is not SortColumn.NUMBER:
            jobs.sort(key=self._sort_key(sort))
        if descending:
            jobs.reverse()
        self._finished = wanted, _Lines(array("I", jobs))

    def _sort_key(self, sort: SortColumn) -> Callable[[int], float | str]:
        columns = self._columns
        keys: dict[SortColumn, Callable[[int], float | str]] = {
            SortColumn.ID: self._job_id,
            SortColumn.STATE: columns.state.__getitem__,
            SortColumn.KEY: lambda job: columns.keys[columns.key[job]],
            SortColumn.TRIES: columns.tries.__getitem__,
            SortColumn.WAIT: columns.wait.__getitem__,
            SortColumn.TTFT: columns.ttft.__getitem__,
            SortColumn.TIME: columns.time.__getitem__,
            SortColumn.OUT: columns.output_tokens.__getitem__,
        }
        return keys[sort]


def _place(columns: JobColumns, number: int) -> int:
    """The place in `pending` of the job that has `number` jobs before it that are still to be started."""
    skipped = columns.skipped
    passed = bisect_right(range(len(skipped)), columns.taken + number, key=lambda n: skipped[n] - n)
    return columns.taken + number + passed


class _Lines:
    """A worked-out order; its inverse is made on the first question."""

    def __init__(self, jobs: array[int]) -> None:
        self.jobs = jobs
        self._lines: dict[int, int] | None = None

    def line_of(self, job: int) -> int | None:
        if self._lines is None:
            self._lines = {other: line for line, other in enumerate(self.jobs)}
        return self._lines.get(job)
