"""Ordering: which job is on which line of the table.

A job has a line once it was sent or has ended: the lines of a run at work are what goes on, and what has come
of it. With a filter, or in the order of the input or of the ids, every job has one. The two natural orders
have a constant cost. A sort or a filter is computed on its own thread, at most once a second, and the
previous result is shown meanwhile: a frame never waits for it.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from llmdash.engine.frames.blockers import Waits
from llmdash.engine.frames.filter import (
    NO_FACTS,
    NO_WAITS,
    Filter,
    FilterError,
    FilterFacts,
    Predicate,
    compile_filter,
)
from llmdash.engine.frames.filter_hint import hint_for
from llmdash.engine.frames.sorting import SLICE, slices, sorted_jobs
from llmdash.engine.frames.text_search import NO_SEARCH, Search
from llmdash.engine.model.states import JobState, SortColumn
from llmdash.engine.model.view import JobsView
from llmdash.engine.store.job_columns import Columns
from llmdash.prompts.verdict import Verdict

__all__ = ["Ordering"]

_BY_STATE: Mapping[int, int] = {JobState.FAILED: 0, JobState.INVALID: 1}
_BY_VERDICT: Mapping[int, int] = {Verdict.NOT_EQUAL: 2, Verdict.NOT_PARSEABLE: 3}
_CUT_OFF, _WELL = 4, 5
_PERIOD_S = 1.0
_SHARE = 0.2
"""The share of a core that may go into orders, whatever the number of jobs."""
_REST_S = 0.0001
_GLANCE_S = 0.05
"""For how long texts are searched before anything is shown: what is new since the last time takes less."""
_LOOK_S = 0.5
"""For how long texts are searched before what was found is shown, or twice as long as that takes."""


class _Wanted(NamedTuple):
    """An order: the column it is sorted by, and the filter."""

    sort: SortColumn
    descending: bool
    filter: str

    @property
    def is_natural(self) -> bool:
        return self.sort in (SortColumn.NEWEST, SortColumn.NUMBER) and not self.filter

    @property
    def has_all(self) -> bool:
        """True if jobs that were never sent have a line too."""
        return self.sort in (SortColumn.NUMBER, SortColumn.ID) or bool(self.filter)


_FIRST = _Wanted(SortColumn.NEWEST, False, "")


class _Superseded(Exception):
    """Another order is wanted meanwhile."""


class _Lines(NamedTuple):
    """A computed order: the job on each line, and the line of each job, counted from 1 (0: hidden).

    `searched` is the share of the texts that was looked through, None where no text is sought.
    """

    jobs: array[int]
    lines: array[int]
    filter: str = ""
    searched: float | None = None
    hint: str = ""


class Ordering:
    """Maps lines to jobs and back, for one view at a time."""

    def __init__(self, columns: Columns, job_id: Callable[[int], str], search: Search = NO_SEARCH) -> None:
        self._columns = columns
        self._job_id = job_id
        self._search = search
        self._wanted = self._natural = _FIRST
        self._worked_out: _Lines | None = None
        self._finished: tuple[_Wanted, _Lines | str] | None = None
        self._seen: object = None
        """The state that the last order was computed from; if unchanged, there is nothing to do."""
        self._next_at = 0.0
        self._thread: threading.Thread | None = None
        """What computes an order; None once it has, though the thread may take a while longer to end."""
        self.error = ""
        """What is wrong with the filter; set once it was compiled."""

    @property
    def hint(self) -> str:
        """Why no job has a line, and what to change in the filter."""
        return self._worked_out.hint if self._worked_out is not None else ""

    @property
    def searched(self) -> float | None:
        """The share of the texts that was looked through, while below 1; 0 until a filter has effect."""
        if not self._wanted.filter or self.error:
            return None
        if self._worked_out is None or self._worked_out.filter != self._wanted.filter:
            return 0.0
        searched = self._worked_out.searched
        return searched if searched is not None and searched < 1.0 else None

    def use(self, view: JobsView, waits: Waits = NO_WAITS, about: FilterFacts = NO_FACTS) -> None:
        """Show the jobs in the order of `view`, computing it if needed; `waits` is what they wait for, and
        what a filter may be `about` besides.
        """
        wanted = _Wanted(view.sort, view.descending, view.filter.strip())
        if wanted != self._wanted:
            self._wanted, self._seen, self._next_at, self.error = wanted, None, 0.0, ""
            if wanted.is_natural:
                self._worked_out, self._natural = None, wanted
        self._adopt()
        now = time.monotonic()
        busy = (thread := self._thread) is not None and thread.is_alive()
        if wanted.is_natural or busy or now < self._next_at:
            return
        second = int(now) if self._columns.counts[JobState.BACKOFF] else 0
        seen = (self._columns.revision, waits, about, second)
        if seen == self._seen:
            return
        self._seen = seen
        self._thread = threading.Thread(
            target=self._compute, args=(wanted, waits, about), name="llmdash-sort", daemon=True
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
        if self._worked_out is not None:
            return len(self._worked_out.jobs)
        columns = self._columns
        return columns.jobs if self._natural.has_all else len(columns.started)

    def job_at(self, line: int) -> int:
        """Return the job on `line`, counted from 0."""
        if self._worked_out is not None:
            return self._worked_out.jobs[line]
        columns, descending = self._columns, self._natural.descending
        if self._natural.has_all:
            return columns.jobs - 1 - line if descending else line
        started = columns.started
        return started[line if descending else len(started) - 1 - line]

    def line_of(self, job: int) -> int | None:
        """Return the line of `job`, or None if it has none."""
        columns, descending = self._columns, self._natural.descending
        if not 0 <= job < columns.jobs:
            return None
        if self._worked_out is not None:
            return self._worked_out.lines[job] - 1 if self._worked_out.lines[job] else None
        if self._natural.has_all:
            return columns.jobs - 1 - job if descending else job
        place = columns.place[job]
        if not place:
            return None
        return place - 1 if descending else len(columns.started) - place

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

    def _compute(self, wanted: _Wanted, waits: Waits, about: FilterFacts) -> None:
        """What the thread does: at first without what only a look at all texts finds."""
        begun = time.thread_time()
        try:
            found = compile_filter(wanted.filter, self._columns, self._job_id, waits, self._search, about)
            searched = self._look(wanted, found, _GLANCE_S)
            took_s = self._work_out(wanted, found, searched)
            while searched is not None and searched < 1.0 and wanted == self._wanted:
                searched = self._look(wanted, found, max(_LOOK_S, 2 * took_s))
                took_s = self._work_out(wanted, found, searched)
        except FilterError as error:
            self._finished = wanted, str(error)
        except _Superseded:
            pass
        finally:
            spent_s = time.thread_time() - begun
            if wanted == self._wanted:
                self._next_at = time.monotonic() + max(_PERIOD_S, spent_s / _SHARE)
            self._thread = None

    def _look(self, wanted: _Wanted, found: Filter, seconds: float) -> float | None:
        """Look through texts for so long, if any is sought, and while this order is wanted. Return the share
        that was looked through.
        """
        until = time.monotonic() + seconds
        if not found.words:
            return None
        return self._search.look(found.words, lambda: wanted != self._wanted or time.monotonic() >= until)

    def _work_out(self, wanted: _Wanted, found: Filter, searched: float | None) -> float:
        """Filter and sort the jobs, and number their lines. Return the seconds that it took."""
        begun = time.monotonic()

        def rest() -> None:
            self._rest(wanted)

        jobs = self._matching(wanted, found.predicate, rest)
        if wanted.sort is not SortColumn.NUMBER:
            jobs = sorted_jobs(jobs, self._sort_key(wanted.sort), rest)
        if wanted.descending:
            jobs.reverse()
        lines = array("I", [0]) * self._columns.jobs
        line = 0
        for some in slices(jobs, rest):
            for line, job in enumerate(some, line + 1):  # noqa: B020 - it goes on where the slice before ended
                lines[job] = line
        is_whole = searched is None or searched >= 1.0
        hint = hint_for(found, self._all_jobs(rest)) if not jobs and is_whole else ""
        self._finished = wanted, _Lines(jobs, lines, wanted.filter, searched, hint)
        return time.monotonic() - begun

    def _matching(self, wanted: _Wanted, predicate: Predicate | None, rest: Callable[[], None]) -> array[int]:
        """The jobs that have a line, in the order of the input."""
        place, matching = self._columns.place, array("I")
        for first in range(0, self._columns.jobs, SLICE):
            rest()
            some: Iterable[int] = range(first, min(first + SLICE, self._columns.jobs))
            if not wanted.has_all:
                some = filter(place.__getitem__, some)
            matching.extend(some if predicate is None else filter(predicate, some))
        return matching

    def _all_jobs(self, rest: Callable[[], None]) -> Iterator[int]:
        for first in range(0, self._columns.jobs, SLICE):
            rest()
            yield from range(first, min(first + SLICE, self._columns.jobs))

    def _rest(self, wanted: _Wanted) -> None:
        """Let other threads have their turn: neither a frame nor the engine waits for a whole order. Raises
        _Superseded once another one is wanted.
        """
        if wanted != self._wanted:
            raise _Superseded
        time.sleep(_REST_S)

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
    """A number that is the smaller the worse the job ended; one that was cut off or goes on has not."""
    if state == JobState.DONE:
        return _BY_VERDICT.get(verdict, _WELL)
    return _BY_STATE.get(state, _CUT_OFF)
