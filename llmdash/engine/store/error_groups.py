"""Errors by group: failed tries, and the jobs that failed for good; those that differ only in numbers and ids
are one group.
"""

from __future__ import annotations

import heapq
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import compress

from llmdash.engine.model.errors import MOST_GROUPS, ErrorGroup, FailedTries
from llmdash.engine.model.states import JobState
from llmdash.engine.store.grouping import ErrorNumbers, group_at
from llmdash.engine.store.job_columns import CLASSES, JobColumns
from llmdash.engine.store.tally import Tally

__all__ = ["MOST_EXAMPLES", "MOST_KEYS", "SPARK", "ErrorGroups", "of_key"]

MOST_KEYS = 32
MOST_EXAMPLES = 4
SPARK = 8
_SERIES = 256
_FAILED = re.compile(b"[%c%c]" % (JobState.FAILED, JobState.INVALID))
_MOST = 65_535


class Newest:
    """The few jobs to which something happened last, whatever the order in which that is told."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: dict[int, float] = {}

    def add(self, job: int, at_s: float) -> None:
        times = self._times
        times[job] = max(at_s, times.get(job, at_s))
        if len(times) > 2 * MOST_EXAMPLES:
            del times[min(times, key=times.__getitem__)]

    def discard(self, job: int) -> None:
        self._times.pop(job, None)

    def jobs(self) -> tuple[int, ...]:
        """Return them, newest first."""
        newest = sorted(self._times, key=lambda job: (-self._times[job], -job))
        return tuple(newest[:MOST_EXAMPLES])


class _Group:
    """One group: its tries by key and over the run, and how many jobs failed so for good."""

    __slots__ = (
        *("failed", "first_s", "jobs", "keys", "last_s", "number", "shown", "shown_at", "tally", "tried"),
        "tries",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.shown: ErrorGroup | None = None
        """How it looked when nothing had changed since, in the step of its tally `shown_at`."""
        self.shown_at = 0
        self.jobs = self.tries = 0
        self.keys: Counter[int] = Counter()
        self.tally = Tally()
        self.first_s: float | None = None
        self.last_s: float | None = None
        self.tried = Newest()
        self.failed = Newest()

    def happened(self, at_s: float) -> None:
        self.shown = None
        self.first_s = at_s if self.first_s is None else min(self.first_s, at_s)
        self.last_s = at_s if self.last_s is None else max(self.last_s, at_s)


class ErrorGroups:
    """Counts failed tries and failed jobs by group, at constant cost for each, however many there are.

    Times are seconds at work. Of each job the group of its last failure is kept, and how many of its tries
    failed: four bytes, from the first failure of the run on.
    """

    def __init__(self, columns: JobColumns) -> None:
        self._columns = columns
        self._grouping = ErrorNumbers()
        self._groups: list[_Group] = []
        self._group_of = array("H")
        self._failed_tries = array("H")
        self._tally = Tally(_SERIES)
        self._series, self._series_of = FailedTries(), (0, 0)
        self.tries = 0
        """The failed tries of all groups."""
        self.made_good = 0
        """Those of jobs that were answered after all."""

    def tried(
        self,
        job: int,
        key: str,
        failure: str | None,
        status: int | None,
        code: str | None,
        message: str,
        at_s: float,
    ) -> None:
        """Count a try that failed; the arguments are those of its row in the journal."""
        number = self._number(job, failure, status, code, message)
        self._failed_tries[job] = min(self._failed_tries[job] + 1, _MOST)
        self._count(number, job, self._columns.keys.number(key), at_s)

    def failed(self, job: int, state: JobState, error: str, at_s: float) -> None:
        """Count `job`, which has failed for good, or has an answer that is INVALID; `error` says why."""
        self._make_room()
        number = self._group_of[job]
        if state is JobState.INVALID:
            number = self._number(job, "invalid", None, None, error)
            self._count(number, job, self._columns.key[job], at_s)
        elif not number or not self._grouping.is_of(number, error):
            number = self._number(job, None, None, None, error)
        group = self._groups[number - 1]
        group.jobs += 1
        group.happened(at_s)
        group.failed.add(job, at_s)

    def answered(self, job: int) -> None:
        """Count the failed tries of `job` as made good."""
        if self._failed_tries:
            self.made_good += self._failed_tries[job]

    def recount(self) -> None:
        """Count anew what was made good, by the jobs that are done."""
        done = map(int(JobState.DONE).__eq__, self._columns.state)
        self.made_good = sum(compress(self._failed_tries, done))

    def reopened(self, job: int, state: JobState) -> None:
        """Take out `job`, which had ended in `state` and is queued again; its tries stay."""
        if not self._failed_tries:
            return
        if state is JobState.DONE:
            self.made_good -= self._failed_tries[job]
        elif state in (JobState.FAILED, JobState.INVALID):
            group = self._groups[self._group_of[job] - 1]
            group.jobs -= 1
            group.failed.discard(job)
            group.shown = None
            if state is JobState.INVALID:  # its answer is forgotten
                group.tries -= 1
                group.keys[self._columns.key[job]] -= 1
                self.tries -= 1

    def groups(self, until_s: float, key: str = "") -> tuple[ErrorGroup, ...]:
        """Return the groups at `until_s`, at most 200, by jobs and then by tries; with a `key` those that it
        has a part in, which then comes first of their keys.
        """
        wanted = self._columns.keys.known(key) if key else 0
        there = (
            group for group in self._groups if (group.keys[wanted] if wanted else group.tries or group.jobs)
        )
        if key and not wanted:
            return ()
        largest = heapq.nsmallest(MOST_GROUPS, there, key=self._rank)
        shown = [self._shown(group, until_s) for group in largest]
        if not wanted:
            return tuple(shown)
        parts = (group.keys[wanted] for group in largest)
        return tuple(of_key(each, key, part) for each, part in zip(shown, parts, strict=True))

    def _rank(self, group: _Group) -> tuple[int, int, str]:
        return -group.jobs, -group.tries, group_at(self._grouping.keys[group.number - 1])

    def jobs(self, group_id: str) -> tuple[int, ...]:
        """Return every job that failed for good of the group, by number."""
        wanted = self._named(group_id)
        return tuple(job for job in self._ended_badly() if self._group_of[job] == wanted) if wanted else ()

    def examples(self, group_id: str) -> tuple[int, ...]:
        """Return a few jobs of the group, newest first."""
        wanted = self._named(group_id)
        return self._examples(self._groups[wanted - 1]) if wanted else ()

    def series(self, until_s: float) -> FailedTries:
        """Return the failed tries of all groups over the run."""
        of = self._tally.total, self._tally.steps(until_s)
        if of != self._series_of:
            step_s, counts = self._tally.coarse(until_s)
            self._series = FailedTries(step_s, tuple([number / step_s for number in counts]))
            self._series_of = of
        return self._series

    def _shown(self, group: _Group, until_s: float) -> ErrorGroup:
        step = group.tally.steps(until_s)
        if group.shown is None or group.shown_at != step:
            names, known = self._columns.keys, self._grouping.keys[group.number - 1]
            keys = [(names[key], tries) for key, tries in group.keys.most_common() if tries > 0 and key]
            group.shown, group.shown_at = (
                ErrorGroup(
                    known.name,
                    group.jobs,
                    self._examples(group),
                    group.tries,
                    tuple(keys[:MOST_KEYS]),
                    max(0, len(keys) - MOST_KEYS),
                    known.kind,
                    known.status,
                    known.code,
                    group.first_s,
                    group.last_s,
                    group.tally.spread(until_s, SPARK),
                ),
                step,
            )
        return group.shown

    def _examples(self, group: _Group) -> tuple[int, ...]:
        if not group.jobs:
            return group.tried.jobs()
        if not group.failed.jobs():  # the newest ones were queued again
            number = group.number
            job = next(job for job in self._ended_badly() if self._group_of[job] == number)
            group.failed.add(job, 0.0)
        return group.failed.jobs()

    def _named(self, group_id: str) -> int:
        """Return the number of a group; 0 if there is none of that id."""
        keys = enumerate(self._grouping.keys, 1)
        return next((number for number, key in keys if group_at(key) == group_id), 0)

    def _number(
        self, job: int, failure: str | None, status: int | None, code: str | None, message: str
    ) -> int:
        """Return the group of the failure of a job, of which it is the last one."""
        self._make_room()
        number = self._grouping.number(failure, status, code, message)
        if number > len(self._groups):
            self._groups.append(_Group(number))
        self._group_of[job] = number
        self._columns.failure[job] = CLASSES[self._grouping.keys[number - 1].kind]
        return number

    def _count(self, number: int, job: int, key: int, at_s: float) -> None:
        group = self._groups[number - 1]
        group.tries += 1
        group.keys[key] += 1
        group.tally.add(at_s)
        group.happened(at_s)
        group.tried.add(job, at_s)
        self._tally.add(at_s)
        self.tries += 1

    def _make_room(self) -> None:
        if not self._group_of:
            self._group_of = array("H", bytes(2 * self._columns.jobs))
            self._failed_tries = array("H", bytes(2 * self._columns.jobs))

    def _ended_badly(self) -> Iterator[int]:
        """The jobs that failed for good, and those with an invalid answer."""
        for found in _FAILED.finditer(self._columns.state):
            yield found.start()


def of_key(group: ErrorGroup, key: str, tries: int) -> ErrorGroup:
    """Return the group with `key`, which made that many of its tries, first of its keys."""
    others = tuple(each for each in group.keys if each[0] != key)[: MOST_KEYS - 1]
    more = group.more_keys + len(group.keys) - len(others) - 1
    return replace(group, keys=((key, tries), *others), more_keys=max(0, more))
