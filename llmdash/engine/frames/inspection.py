"""Inspector: looks up one job in full, with its prompt, every attempt and its answer."""

from __future__ import annotations

import time

from llmdash.engine.frames.said import shown, shown_answer
from llmdash.engine.journal.reader import JournalReader, result_record
from llmdash.engine.model.frame import Inspection, JobRow
from llmdash.engine.model.records import ResultRecord
from llmdash.engine.store.store import Store
from llmdash.prompts.source import InputError, PromptSource

__all__ = ["Inspector"]

_FRESH_S = 0.3


class Inspector:
    """Looks jobs up in the journal, the same one at most three times a second."""

    def __init__(self, source: PromptSource, reader: JournalReader, store: Store) -> None:
        self._source = source
        self._reader = reader
        self._store = store
        self._last: Inspection | None = None
        self._looked_at = 0.0

    def inspect(self, job: int, row: JobRow) -> Inspection:
        """Return the current state of the job; an answer in flight is shown as far as it has arrived."""
        last, now = self._last, time.monotonic()
        if last is not None and last.row.job == job and (now - self._looked_at < _FRESH_S or last.row == row):
            return last
        self._looked_at = now
        self._last = self._look_up(job, row)
        return self._last

    def _look_up(self, job: int, row: JobRow) -> Inspection:
        try:
            prompt = self._source.prompt(job)
            messages, expected = tuple(map(shown, prompt.messages)), prompt.expected
        except InputError as error:
            messages, expected = (("user", str(error)),), None
        result = self._reader.result(job)
        stream = self._store.streams.get(job)
        answer = (result.text if result is not None else None) or (
            "".join(stream.chunks) if stream is not None else ""
        )
        record = result_record(result) if result is not None else ResultRecord(job, row.id, "pending")
        return Inspection(
            row=row,
            messages=messages,
            expected=expected,
            answer=shown_answer(answer, record.message) if record.message else answer,
            record=record,
            attempts=self._reader.attempts(job),
        )
