"""Job columns: arrays for up to a million jobs, without an object for each job."""

from __future__ import annotations

import fnmatch
import re
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence

from llmdash.engine.model.states import JobState

__all__ = ["NO_KEY", "JobColumns"]

NO_KEY = 0


class JobColumns:
    """One value a job in each column; 43 bytes a job. Unknown times and tokens are 0.

    `started` lists the jobs in the order in which they were first started; the others follow in the order of
    `pending`. `skipped` holds the positions in `pending`, from `taken` on, of jobs that ended before they
    were started: those are in `started`.
    """

    def __init__(self, jobs: int, pending: Sequence[int]) -> None:
        self.jobs = jobs
        self.state = bytearray(jobs)
        self.tries = array("H", bytes(2 * jobs))
        self.verdict = bytearray(jobs)
        self.flags = bytearray(jobs)
        self.estimated = bytearray(jobs)
        self.key = array("H", bytes(2 * jobs))
        self.error = array("H", bytes(2 * jobs))
        self.worker = array("H", bytes(2 * jobs))
        self.wait = array("f", bytes(4 * jobs))
        self.ttft = array("f", bytes(4 * jobs))
        self.time = array("f", bytes(4 * jobs))
        self.input_tokens = array("I", bytes(4 * jobs))
        self.output_tokens = array("I", bytes(4 * jobs))
        self.pending = pending
        self.taken = 0
        self.skipped: list[int] = []
        self.started = array("I")
        self.place = array("I", bytes(4 * jobs))
        self.counts = [jobs] + [0] * (len(JobState) - 1)
        self.errors = Names()
        self.keys = Names()
        self.workers = Names()
        self.revision = 0

    def set_state(self, job: int, state: JobState) -> None:
        """Set the state of a job, and update the counts of states."""
        before = self.state[job]
        if before != state:
            self.counts[before] -= 1
            self.counts[state] += 1
            self.state[job] = state
        self.revision += 1

    def jobs_in(self, state: JobState) -> list[int]:
        """Return the jobs that are in `state`, in the order of the input."""
        return [job for job, found in enumerate(self.state) if found == state]

    def begin(self, job: int) -> None:
        """Note that a job was started; the first time decides its position in the order of starting."""
        if not self.place[job]:
            self.started.append(job)
            self.place[job] = len(self.started)

    def begin_pending(self, job: int) -> None:
        """`begin` for the next job of `pending`; those before it were cancelled, and count as started."""
        while self.pending[self.taken] != job:
            self.begin(self.pending[self.taken])
            self.taken += 1
        self.taken += 1
        if self.skipped and self.skipped[0] < self.taken:
            del self.skipped[: bisect_left(self.skipped, self.taken)]
        self.begin(job)

    def skip_pending(self, job: int) -> None:
        """`begin` for a job that ended, whether or not it was started."""
        if not self.place[job]:
            insort(self.skipped, bisect_left(self.pending, job))
        self.begin(job)


class Names:
    """Interned strings, by small numbers: 0 is the empty one, and is used for all once there are 65,000."""

    def __init__(self) -> None:
        self._names = [""]
        self._numbers = {"": 0}

    def number(self, name: str) -> int:
        """Return the number of `name`, a new one if it is new."""
        number = self._numbers.get(name)
        if number is None:
            if len(self._names) >= 65_000:
                return self._numbers.setdefault("(another error: see the inspector)", 1)
            number = self._numbers[name] = len(self._names)
            self._names.append(name)
        return number

    def __getitem__(self, number: int) -> str:
        return self._names[number]

    def find(self, part: str) -> frozenset[int]:
        """Return the numbers of all names that contain `part`, case-insensitively."""
        wanted = part.lower()
        return frozenset(
            number for number, name in enumerate(self._names) if number and wanted in name.lower()
        )

    def matching(self, patterns: Iterable[str]) -> frozenset[int]:
        """Return the numbers of all names that are as a whole like one of `patterns`, case-insensitively; `*`
        and `?` are any characters, and any single one.
        """
        wanted = [re.compile(fnmatch.translate(pattern.lower())) for pattern in patterns]
        return frozenset(
            number
            for number, name in enumerate(self._names)
            if number and any(pattern.match(name.lower()) for pattern in wanted)
        )
