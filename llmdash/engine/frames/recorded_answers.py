"""RecordedAnswers: answers whose chunks are not held: of a batch, an earlier start, or long ago."""

from __future__ import annotations

from collections.abc import Callable

from llmdash.engine.journal.file import JournalError
from llmdash.engine.model.records import ResultRow
from llmdash.engine.model.states import JobState
from llmdash.engine.store.store import Store

__all__ = ["RecordedAnswers"]

_WITH_TEXT = (JobState.DONE, JobState.INVALID)


class RecordedAnswers:
    """Puts the whole answer of a job among the streams. `result_of` reads its result from the journal."""

    def __init__(self, store: Store, result_of: Callable[[int], ResultRow | None]) -> None:
        self._store = store
        self._result_of = result_of
        self._without: tuple[int, int] | None = None
        """The job that was looked at last and has no text, and the tries it had then."""

    def show(self, job: int | None) -> None:
        """Have the answer of `job` among the streams, if it was answered. Any thread may ask."""
        if job is None or not self._lacks(job):
            return
        looked_at = job, self._store.columns.tries[job]
        if looked_at == self._without:
            return
        try:
            result = self._result_of(job)
        except JournalError:  # its run was deleted, or is damaged: the pane says less then
            result = None
        if result is None or not result.text:
            self._without = looked_at
            return
        with self._store.lock:
            if self._lacks(job):  # it may have been sent again meanwhile
                self._store.streams.record(job, result.text, result.attempts)

    def _lacks(self, job: int) -> bool:
        columns = self._store.columns
        if not 0 <= job < columns.jobs or JobState(columns.state[job]) not in _WITH_TEXT:
            return False
        return self._store.streams.get(job) is None
