"""Which streams stand side by side, and where: a stream keeps its place as long as it goes on."""

from __future__ import annotations

from llmdash.engine.store.streams import Streams

__all__ = ["Tiles"]

_LINGER_S = 0.3
"""How long one that ended keeps its place where others wait: most of what is on show shall be alive."""


class Tiles:
    """Places for streams, for one front end at a time."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._jobs: list[int] = []

    def choose(self, count: int, now: float) -> list[int]:
        """At most `count` jobs, one a place. One that ended gives its place to the newest stream not shown;
        where there is none, it stays.
        """
        jobs = [job for job in self._jobs if self._streams.get(job) is not None][:count]
        shown = set(jobs)
        fresh = (job for job in self._streams.newest_live() if job not in shown)
        for place, job in enumerate(jobs):
            if (
                not self._streams.is_fresh(job, now, _LINGER_S)
                and (following := next(fresh, None)) is not None
            ):
                jobs[place] = following
        while len(jobs) < count and (following := next(fresh, None)) is not None:
            jobs.append(following)
        self._jobs = jobs
        return jobs
