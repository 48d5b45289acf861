"""What failed, as a journal has it: every try, also those made good by a later one, and every failed job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from llmdash.engine.journal.query import querying
from llmdash.engine.journal.schema import columns_of
from llmdash.engine.model.records import FailedResult, FailedTry

__all__ = ["FailureRows"]

_ROWS = 500
_OF_TRY = (
    *("job", "attempt", "key", "failure", "status", "code", "message"),
    *("sent_at", "latency_s", "ended_at"),
)
_TRIES = """
SELECT job, key, failure, status, code, COALESCE(message, ''),
    COALESCE(ended_at, sent_at + COALESCE(latency_s, 0.0)), latency_s
FROM (SELECT {} FROM attempts WHERE state = 'failed') ORDER BY job, attempt
"""
_OF_RESULT = ("job", "state", "error", "ended_at")
_RESULTS = """
SELECT job, state, COALESCE(error, ''), ended_at FROM (SELECT {} FROM results)
WHERE state IN ('failed', 'invalid') ORDER BY job
"""


class FailureRows:
    """Reads the journal at `path`, as its reader does."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def tries(self) -> Iterator[FailedTry]:
        """Yield each attempt that failed, by job and in order."""
        with querying(self._path) as db:
            rows = db.execute(_TRIES.format(columns_of(db, "attempts", _OF_TRY)))
            while some := rows.fetchmany(_ROWS):
                yield from map(FailedTry._make, some)

    def results(self) -> Iterator[FailedResult]:
        """Yield each job that failed, or has an invalid answer, in input order."""
        with querying(self._path) as db:
            rows = db.execute(_RESULTS.format(columns_of(db, "results", _OF_RESULT)))
            while some := rows.fetchmany(_ROWS):
                yield from map(FailedResult._make, some)
