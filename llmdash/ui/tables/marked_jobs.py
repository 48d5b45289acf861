"""MarkedJobs: the jobs that the user has marked, with their ids."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

__all__ = ["MarkedJobs"]


class MarkedJobs(Mapping[int, str]):
    """The id of each marked job by its number."""

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}

    def __getitem__(self, job: int) -> str:
        return self._ids[job]

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._ids))

    def __len__(self) -> int:
        return len(self._ids)

    def turn(self, job: int, name: str) -> None:
        """Mark a job, or unmark one that is."""
        if self._ids.pop(job, None) is None:
            self._ids[job] = name

    def clear(self) -> None:
        """Unmark all."""
        self._ids.clear()

    @property
    def filter(self) -> str:
        """The filter that shows these jobs: their numbers, counted from 1, neighbours joined."""
        runs = itertools.groupby(enumerate(self), key=lambda pair: pair[1] - pair[0])
        joined = []
        for _distance, pairs in runs:
            jobs = [job for _place, job in pairs]
            joined.append(f"{jobs[0] + 1}-{jobs[-1] + 1}" if len(jobs) > 1 else str(jobs[0] + 1))
        return f"#:{','.join(joined)}"
