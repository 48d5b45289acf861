"""JobFinder: the job that somebody names, looked for on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["JobFinder"]

_REST_EVERY, _REST_S = 500, 0.0001


class JobFinder:
    """Finds a job by its id, its number (counted from 1, with `#` or without), or how its id begins; that
    comes before one that only contains it.
    """

    def __init__(self, jobs: int, job_id: Callable[[int], str]) -> None:
        self._jobs = jobs
        self._job_id = job_id
        self._wanted = ""
        self._found: tuple[str, int | None] = ("", None)

    def find(self, text: str) -> tuple[str, int | None]:
        """Return what was looked for last and the job that it names; starts to look for `text`, if that is
        another one.
        """
        text = text.strip()
        if text and text != self._wanted:
            self._wanted = text
            threading.Thread(target=self._look, args=(text,), name="llmdash-find", daemon=True).start()
        return self._found if text else ("", None)

    def _look(self, text: str) -> None:
        job = self._numbered(text.removeprefix("#")) if text.startswith("#") else self._named(text)
        if text == self._wanted:
            self._found = text, job

    def _named(self, text: str) -> int | None:
        wanted = text.lower()
        begins = contains = None
        for job in range(self._jobs):
            if job % _REST_EVERY == 0:
                if self._wanted != text:
                    return None
                time.sleep(_REST_S)
            name = self._job_id(job).lower()
            if name == wanted:
                return job
            if begins is None and wanted in name:
                if name.startswith(wanted):
                    begins = job
                elif contains is None:
                    contains = job
        numbered = self._numbered(text)
        return next((job for job in (numbered, begins, contains) if job is not None), None)

    def _numbered(self, text: str) -> int | None:
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
        return number - 1 if 0 < number <= self._jobs else None
