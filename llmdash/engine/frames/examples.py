"""Examples: looks up some jobs of a group of errors, with what came of each of their tries."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from llmdash.engine.model.errors import ErrorExample
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.store.job_columns import Columns

__all__ = ["AttemptsOf", "Examples", "none_on_record"]

_KEPT = 32

AttemptsOf = Callable[[int], tuple[AttemptRecord, ...]]


def none_on_record(_job: int) -> tuple[AttemptRecord, ...]:
    """Return the attempts of a job where there is no record of any."""
    return ()


class Examples:
    """Reads the attempts of a job when it is first shown, and again when there are more."""

    def __init__(self, columns: Columns, job_id: Callable[[int], str], attempts: AttemptsOf) -> None:
        self._columns = columns
        self._job_id = job_id
        self._attempts = attempts
        self._known: dict[tuple[int, int, int], ErrorExample] = {}

    def of(self, jobs: Iterable[int]) -> tuple[ErrorExample, ...]:
        """Return these jobs as examples."""
        return tuple(map(self._example, jobs))

    def _example(self, job: int) -> ErrorExample:
        columns = self._columns
        state = job, columns.tries[job], columns.state[job]
        found = self._known.pop(state, None)
        if found is None:
            found = self._read(job)
        self._known[state] = found
        if len(self._known) > _KEPT:
            del self._known[next(iter(self._known))]
        return found

    def _read(self, job: int) -> ErrorExample:
        sent = [row for row in self._attempts(job) if row.state != "unsent"]
        last = next((row for row in reversed(sent) if row.state == "failed"), None)
        keys = tuple(row.key for row in sent)
        if last is None:
            return ErrorExample(job, self._job_id(job), keys)
        return ErrorExample(job, self._job_id(job), keys, last.message or "", last.request_id)
