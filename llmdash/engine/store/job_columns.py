"""Job columns: arrays for up to a million jobs, without an object for each job."""

from __future__ import annotations

import fnmatch
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol, TypeVar

from llmdash.engine.model.errors import ErrorClass
from llmdash.engine.model.states import JobState

__all__ = ["CLASSES", "NO_KEY", "Columns", "JobColumns", "JobValues", "Names"]

NO_KEY = 0
CLASSES: Final = {kind: number for number, kind in enumerate(ErrorClass, 1)}
"""The numbers of the classes of errors in the column `failure`."""
T_co = TypeVar("T_co", covariant=True)


class JobValues(Protocol[T_co]):
    """A value of each job, by its number."""

    def __getitem__(self, job: int, /) -> T_co:
        """Return the value of `job`."""


class Columns(Protocol):
    """What a table of jobs is made from: JobColumns, or a picture of them at some time."""

    @property
    def jobs(self) -> int: ...
    @property
    def state(self) -> JobValues[int]: ...
    @property
    def tries(self) -> JobValues[int]: ...
    @property
    def verdict(self) -> JobValues[int]: ...
    @property
    def flags(self) -> JobValues[int]: ...
    @property
    def estimated(self) -> JobValues[int]: ...
    @property
    def key(self) -> JobValues[int]: ...
    @property
    def error(self) -> JobValues[int]: ...
    @property
    def failure(self) -> JobValues[int]:
        """The class of the last try of each job that failed, whatever came after it; 0 if none did."""

    @property
    def classes(self) -> Sequence[ErrorClass]:
        """The classes that occur in `failure`."""

    @property
    def worker(self) -> JobValues[int]: ...
    @property
    def wait(self) -> JobValues[float]: ...
    @property
    def ttft(self) -> JobValues[float]: ...
    @property
    def time(self) -> JobValues[float]: ...
    @property
    def input_tokens(self) -> JobValues[int]: ...
    @property
    def output_tokens(self) -> JobValues[int]: ...
    @property
    def batch(self) -> JobValues[int]:
        """The batch that each job is or was last in; 0 for none."""

    @property
    def place(self) -> JobValues[int]:
        """The position of each job in `started`, counted from 1; 0 for those that are not in it."""

    @property
    def started(self) -> Sequence[int]:
        """The jobs in the order in which they were first sent, or ended without being sent."""

    @property
    def counts(self) -> Sequence[int]:
        """How many jobs are in each JobState."""

    @property
    def errors(self) -> Names: ...
    @property
    def keys(self) -> Names: ...
    @property
    def workers(self) -> Names: ...
    @property
    def revision(self) -> int:
        """A number that is another one once something has changed."""


class JobColumns:
    """One value a job in each column; 44 bytes a job. Unknown times and tokens are 0.

    `started` lists the jobs in the order in which they were first sent, or ended without being sent;
    `pending` has those that had no result when the run was begun, in the order in which they are to be sent.
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
        self.failure = bytearray(jobs)
        self.worker = array("H", bytes(2 * jobs))
        self.wait = array("f", bytes(4 * jobs))
        self.ttft = array("f", bytes(4 * jobs))
        self.time = array("f", bytes(4 * jobs))
        self.input_tokens = array("I", bytes(4 * jobs))
        self.output_tokens = array("I", bytes(4 * jobs))
        self.pending = pending
        self.started = array("I")
        self.place = array("I", bytes(4 * jobs))
        self.counts = [jobs] + [0] * (len(JobState) - 1)
        self.batch: bytearray | array[int] = bytearray(jobs)
        """The batch that each job is or was last in, 0 for none; with room for that once there is one."""
        self.errors = Names()
        self.keys = Names()
        self.workers = Names()
        self.revision = 0

    @property
    def classes(self) -> Sequence[ErrorClass]:
        return [kind for kind, number in CLASSES.items() if number in self.failure]

    def set_state(self, job: int, state: JobState) -> None:
        """Set the state of a job, and update the counts of states."""
        before = self.state[job]
        if before != state:
            self.counts[before] -= 1
            self.counts[state] += 1
            self.state[job] = state
        self.revision += 1

    def set_states(self, jobs: Sequence[int], states: Sequence[int]) -> None:
        """Set the state of many jobs, each once."""
        for before, number in Counter(map(self.state.__getitem__, jobs)).items():
            self.counts[before] -= number
        for after, number in Counter(states).items():
            self.counts[after] += number
        for job, state in zip(jobs, states, strict=True):
            self.state[job] = state
        self.revision += len(jobs)

    def put_in_batch(self, jobs: Iterable[int], batch: int) -> None:
        """Note which batch these jobs are in."""
        if not isinstance(self.batch, array):
            self.batch = array("H", bytes(2 * self.jobs))
        for job in jobs:
            self.batch[job] = batch

    def jobs_in(self, state: JobState) -> list[int]:
        """Return the jobs that are in `state`, in the order of the input."""
        return [job for job, found in enumerate(self.state) if found == state]

    def begin(self, job: int) -> None:
        """Note that a job was sent or has ended; the first time decides its position in `started`."""
        if not self.place[job]:
            self.started.append(job)
            self.place[job] = len(self.started)

    def begin_all(self, jobs: Iterable[int]) -> None:
        """`begin` for each of these jobs."""
        place, started = self.place, self.started
        for job in jobs:
            if not place[job]:
                started.append(job)
                place[job] = len(started)


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

    def numbers(self, names: Sequence[str | None]) -> Sequence[int]:
        """Return the number of each of many names; None is the empty one."""
        found = {name: self.number(name or "") for name in dict.fromkeys(names)}
        return [found[name] for name in names]

    def __getitem__(self, number: int) -> str:
        return self._names[number]

    def known(self, name: str) -> int:
        """Return the number of `name`, 0 if it has none."""
        return self._numbers.get(name, 0)

    def find(self, part: str) -> frozenset[int]:
        """Return the numbers of all names that contain `part`, case-insensitively."""
        wanted = part.lower()
        return frozenset(
            number for number, name in enumerate(self._names) if number and wanted in name.lower()
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._names[1:])

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
