"""Failed jobs by kind of error: errors that differ only in numbers and ids are one group."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterator

from llmdash.engine.model.frame import ErrorGroup
from llmdash.engine.model.states import JobState
from llmdash.engine.store.job_columns import JobColumns

__all__ = ["ErrorGroups", "shape"]

_MOST_SHOWN = 200
_MOST_KEYS = 3
_LONGEST = 300
"""Characters of an error that decide its group."""
_NUMBER = r"(?<![\w-])\d[\d.,:]*(?:ms|s|m|h|k|%)?(?![\w-])"
_ID = r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[a-zA-Z])[\w-]{16,}(?![\w-])"
_VARYING = re.compile(f"{_ID}|{_NUMBER}")
_FAILED = re.compile(b"[%c%c]" % (JobState.FAILED, JobState.INVALID))
_STATUS = re.compile(r"\d{3} ")


def shape(error: str) -> str:
    """Return the error with `#` in place of numbers and ids; its status stays.

    >>> shape("429 slow down: try again in 1.2s (request req_0123456789abcdef)")
    '429 slow down: try again in # (request #)'
    """
    error = error[:_LONGEST]
    status = _STATUS.match(error)
    start = status.end() if status else 0
    return error[:start] + _VARYING.sub("#", error[start:])


class _Group:
    """The jobs of one group: how many, their tries, by key, and the last one (None where not known)."""

    __slots__ = ("count", "example", "keys", "name", "tries")

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = self.tries = 0
        self.keys: Counter[int] = Counter()
        self.example: int | None = None


class ErrorGroups:
    """Counts failed jobs by group, at constant cost for each job that fails; those that failed before it was
    made are counted then.
    """

    def __init__(self, columns: JobColumns) -> None:
        self._columns = columns
        self._by_name: dict[str, _Group] = {}
        self._by_error: dict[int, _Group] = {}
        for job in self._failed():
            self.add(job)

    def add(self, job: int) -> None:
        """Count `job`, which has failed."""
        group = self._group(job)
        group.count += 1
        group.tries += self._columns.tries[job]
        group.keys[self._columns.key[job]] += 1
        group.example = job

    def remove(self, job: int) -> None:
        """Take `job` out, since it is retried."""
        group = self._group(job)
        group.count -= 1
        group.tries -= self._columns.tries[job]
        group.keys[self._columns.key[job]] -= 1
        if group.example == job:
            group.example = None

    def groups(self) -> tuple[ErrorGroup, ...]:
        """Return the groups, the largest first, at most 200."""
        there = [group for group in self._by_name.values() if group.count]
        largest = heapq.nlargest(_MOST_SHOWN, there, key=lambda group: group.count)
        return tuple(
            ErrorGroup(group.name, group.count, self._example(group), group.tries, self._keys(group))
            for group in largest
        )

    def jobs(self, name: str) -> tuple[int, ...]:
        """Return every job of the group, by number."""
        wanted = self._by_name.get(name)
        return tuple(job for job in self._failed() if self._group(job) is wanted)

    def _keys(self, group: _Group) -> tuple[tuple[str, int], ...]:
        names = self._columns.keys
        most = group.keys.most_common(_MOST_KEYS)
        return tuple((names[key], jobs) for key, jobs in most if jobs > 0 and names[key])

    def _example(self, group: _Group) -> int:
        if group.example is None:
            group.example = next(job for job in self._failed() if self._group(job) is group)
        return group.example

    def _group(self, job: int) -> _Group:
        error = self._columns.error[job]
        group = self._by_error.get(error)
        if group is None:
            name = shape(self._columns.errors[error])
            group = self._by_error[error] = self._by_name.setdefault(name, _Group(name))
        return group

    def _failed(self) -> Iterator[int]:
        """The failed jobs, and those with an invalid answer."""
        for found in _FAILED.finditer(self._columns.state):
            yield found.start()
