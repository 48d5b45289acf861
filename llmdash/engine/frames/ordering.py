"""Ordering: which job is on which line of the table.

The two natural orders have a constant cost. A sort or a filter is computed on its own thread, at most once a
second, and the previous result is shown meanwhile: a frame never waits for it.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from llmdash.engine.frames.blockers import Waits
from llmdash.engine.frames.filter import NO_WAITS, FilterError, compile_filter
from llmdash.engine.model.states import JobState, SortColumn
from llmdash.engine.model.view import JobsView
from llmdash.engine.store.job_columns import Columns
from llmdash.prompts.verdict import Verdict

__all__ = ["Ordering"]

_BY_STATE: Mapping[int, int] = {JobState.FAILED: 0, JobState.INVALID: 1, JobState.CANCELLED: 4}
_BY_VERDICT: Mapping[int, int] = {Verdict.NOT_EQUAL: 2, Verdict.NOT_PARSEABLE: 3}
_PERIOD_S = 1.0
_SLICE = 500


class _Wanted(NamedTuple):
    """An order: the column it is sorted by, and the filter."""

    sort: SortColumn
    descending: bool
    filter: str

    @property
    def is_natural(self) -> bool:
        return self.sort in (SortColumn.NEWEST, SortColumn.NUMBER) and not self.filter


_FIRST = _Wanted(SortColumn.NEWEST, False, "")


class _Lines(NamedTuple):
    """A computed order: the job on each line, and the line of each job, counted from 1 (0: hidden)."""

    jobs: array[int]
    lines: array[int]


class Ordering:
    """Maps lines to jobs and back, for one view at a time."""

    def __init__(self, columns: Columns, job_id: Callable[[int], str]) -> None:
        self._columns = columns
        self._job_id = job_id
        self._wanted = _FIRST
        self._worked_out: _Lines | None = None
        self._finished: tuple[_Wanted, _Lines | str] | None = None
        self._seen: object = None
        """The state that the last order was computed from; if unchanged, there is nothing to do."""
        self._next_at = 0.0
        self._thread: threading.Thread | None = None
        """What computes an order; None once it has, though the thread may take a while longer to end."""
        self.error = ""
        """What is wrong with the filter; set once it was compiled."""

    def use(self, view: JobsView, waits: Waits = NO_WAITS) -> None:
        """Show the jobs in the order of `view`, computing it if needed; `waits` is what they wait for."""
        wanted = _Wanted(view.sort, view.descending, view.filter.strip())
        if wanted != self._wanted:
            self._wanted, self._seen, self._next_at, self.error = wanted, None, 0.0, ""
            self._worked_out = None if wanted.is_natural else self._worked_out
        self._adopt()
        now = time.monotonic()
        busy = (thread := self._thread) is not None and thread.is_alive()
        if wanted.is_natural or busy or now < self._next_at:
            return
        seen = (self._columns.revision, waits, int(now) if self._columns.counts[JobState.BACKOFF] else 0)
        if seen == self._seen:
            return
        self._seen, self._next_at = seen, now + _PERIOD_S
        self._thread = threading.Thread(
            target=self._compute, args=(wanted, waits), name="llmdash-sort", daemon=True
        )
        self._thread.start()

    def _adopt(self) -> None:
        """Take over a computed order that is still wanted; lines thus never change within a frame."""
        if self._finished is not None:
            (wanted, found), self._finished = self._finished, None
            if wanted == self._wanted:
                self.error = found if isinstance(found, str) else ""
                self._worked_out = self._worked_out if isinstance(found, str) else found

    def __len__(self) -> int:
        return len(self._worked_out.jobs) if self._worked_out is not None else self._columns.jobs

    def job_at(self, line: int) -> int:
        """Return the job on `line`, counted from 0."""
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
        return columns.next_pending(line - started)

    def line_of(self, job: int) -> int | None:
        """Return the line of `job`, or None if the filter hides it."""
        sort, descending, _ = self._wanted
        columns = self._columns
        if not 0 <= job < columns.jobs:
            return None
        if self._worked_out is not None:
            return self._worked_out.lines[job] - 1 if self._worked_out.lines[job] else None
        if sort is SortColumn.NUMBER:
            line = job
        elif columns.place[job]:
            line = len(columns.started) - columns.place[job]
        else:
            line = len(columns.started) + columns.number_pending(job)
        return columns.jobs - 1 - line if descending else line

    def around(self, job: int) -> tuple[int | None, int | None]:
        """Return the jobs on the lines above and below that of `job`, None where there is none."""
        line = self.line_of(job)
        if line is None:
            return None, None
        above, below = line - 1, line + 1
        return (
            self.job_at(above) if above >= 0 else None,
            self.job_at(below) if below < len(self) else None,
        )

    def _compute(self, wanted: _Wanted, waits: Waits) -> None:
        """What the thread does."""
        try:
            self._work_out(wanted, waits)
        finally:
            self._thread = None

    def _work_out(self, wanted: _Wanted, waits: Waits) -> None:
        """Filter and sort the jobs, and number their lines."""
        columns = self._columns
        try:
            predicate = compile_filter(wanted.filter, columns, self._job_id, waits)
        except FilterError as error:
            self._finished = wanted, str(error)
            return
        every = range(columns.jobs)
        jobs = [job for job in _unhurried(every) if predicate is None or predicate(job)]
        if wanted.sort is not SortColumn.NUMBER:
            key = self._sort_key(wanted.sort)
            keys = [key(job) for job in _unhurried(jobs)]
            jobs = [jobs[place] for place in sorted(range(len(jobs)), key=keys.__getitem__)]
        if wanted.descending:
            jobs.reverse()
        lines = array("I", bytes(4 * columns.jobs))
        for line, job in enumerate(jobs, 1):
            lines[job] = line
        self._finished = wanted, _Lines(array("I", jobs), lines)

    def _sort_key(self, sort: SortColumn) -> Callable[[int], float | str]:
        columns = self._columns
        keys: dict[SortColumn, Callable[[int], float | str]] = {
            SortColumn.NEWEST: lambda job: -columns.place[job] or 1,
            SortColumn.ID: self._job_id,
            SortColumn.STATE: columns.state.__getitem__,
            SortColumn.KEY: lambda job: columns.keys[columns.key[job]],
            SortColumn.TRIES: columns.tries.__getitem__,
            SortColumn.WAIT: columns.wait.__getitem__,
            SortColumn.TTFT: columns.ttft.__getitem__,
            SortColumn.TIME: columns.time.__getitem__,
            SortColumn.OUT: columns.output_tokens.__getitem__,
            SortColumn.WRONG: lambda job: _wrongness(columns.state[job], columns.verdict[job]),
        }
        return keys[sort]


def _wrongness(state: int, verdict: int) -> int:
    """A number that is the smaller the worse the job ended."""
    return _BY_STATE.get(state, _BY_VERDICT.get(verdict, len(_BY_STATE) + len(_BY_VERDICT)))


def _unhurried(values: Iterable[int]) -> Iterator[int]:
    """`values`, with a chance for other threads in between: neither a frame nor the engine waits for all."""
    for number, value in enumerate(values):
        if number % _SLICE == 0:
            time.sleep(0)
        yield value
