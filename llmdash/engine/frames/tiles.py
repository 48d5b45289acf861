"""Tiles: which streams are shown side by side, and where. A stream keeps its place while it is live."""

from __future__ import annotations

from llmdash.engine.frames.figures import StreamFigures

__all__ = ["Tiles"]

_LINGER_S = 0.3
"""How long an ended stream keeps its place while others wait, so that most streams shown are live."""


class Tiles:
    """Assigns places to streams, for one front end at a time."""

    def __init__(self, streams: StreamFigures) -> None:
        self._streams = streams
        self._jobs: list[int] = []

    def choose(self, count: int, now: float) -> list[int]:
        """Return at most `count` jobs, one for each place.

        An ended one is replaced by the newest live stream not shown; without one it stays.
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
