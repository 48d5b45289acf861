"""BatchRows: what a journal has of batches, and of the jobs that are in them."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Collection, Sequence
from pathlib import Path

from llmdash.engine.journal.attempt_sums import whole
from llmdash.engine.journal.query import querying
from llmdash.engine.journal.schema import columns_of
from llmdash.engine.model.amounts import LONG_REQUEST
from llmdash.engine.model.records import BatchRecord
from llmdash.engine.model.states import BatchState

__all__ = ["BatchRows", "jobs_in_open_batches"]

_OPEN = """
SELECT batch, job FROM (SELECT {} FROM attempts)
WHERE state = 'batched' AND job NOT IN (SELECT job FROM results) ORDER BY job
"""

_ANSWERED = """
SELECT job, endpoint, model FROM (SELECT {} FROM results WHERE job IN ({}))
WHERE state IN ('done', 'invalid') AND endpoint IS NOT NULL AND model IS NOT NULL
AND INSTR(',' || COALESCE(flags, '') || ',', ',reused,') = 0
"""

_MEMBERS = """
SELECT batch, job FROM (SELECT {} FROM attempts)
WHERE batch IN (SELECT batch FROM batches WHERE state <> 'dropped') ORDER BY job, attempt
"""

_COUNTED = "input_tokens IS NOT NULL OR output_tokens IS NOT NULL"
_CLOSED = ", ".join(f"'{state.value}'" for state in BatchState if not state.is_open)


def jobs_in_open_batches(db: sqlite3.Connection) -> int:
    """Return how many jobs were sent in batches that are open, without reading attempts. Raises
    sqlite3.Error.
    """
    columns = columns_of(db, "batches", ("state", "jobs"))
    if "NULL AS state" in columns:
        return 0  # a journal of before there were any
    query = f"SELECT TOTAL(jobs) FROM (SELECT {columns} FROM batches) WHERE state NOT IN ({_CLOSED})"  # noqa: S608 - our own names
    return int(db.execute(query).fetchone()[0])


class BatchRows:
    """Reads the journal at `path`, as its reader does."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def records(self) -> list[BatchRecord]:
        """Return every batch by its number; none in journals of earlier versions."""
        with querying(self._path) as db:
            columns = columns_of(db, "batches", BatchRecord._fields)
            if "NULL AS batch," in columns:
                return []
            rows = db.execute(f"SELECT {columns} FROM batches ORDER BY batch").fetchall()  # noqa: S608 - our own column names
        return [BatchRecord._make(row) for row in rows]

    def answered(self, jobs: Collection[int]) -> dict[int, tuple[str, str]]:
        """Return by which (endpoint, model) those of these jobs were answered that have an answer of their
        own: a few hundred at most.
        """
        marks = ",".join("?" * len(jobs))
        with querying(self._path) as db:
            columns = columns_of(db, "results", ("job", "state", "endpoint", "model", "flags"))
            rows = db.execute(_ANSWERED.format(columns, marks), tuple(jobs)).fetchall()
        return {job: (endpoint, model) for job, endpoint, model in rows}

    def spent(self) -> list[tuple[int, str, str, tuple[int, int, int, int, int], int]]:
        """Return (batch, key, model, tokens, long requests) of what came back in batches, as
        `AttemptSums.spent`.
        """
        counts = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens")
        with querying(self._path) as db:
            columns = columns_of(db, "attempts", ("batch", "key", "model", *counts))
            sums = ", ".join(f"TOTAL({each})" for each in counts)
            rows = db.execute(
                f"SELECT batch, key, COALESCE(model, ''), {sums}, SUM(COALESCE(input_tokens, 0) > ?1)"  # noqa: S608 - our own column names
                f" FROM (SELECT {columns} FROM attempts WHERE {_COUNTED}) WHERE batch IS NOT NULL"
                " GROUP BY 1, 2, 3, COALESCE(input_tokens, 0) > ?1",
                (LONG_REQUEST,),
            ).fetchall()
        return [(batch, key, model, whole(sums), long) for batch, key, model, *sums, long in rows]

    def jobs(self) -> dict[int, array[int]]:
        """Return the jobs of each batch that have no outcome, by its number."""
        return self._by_batch(_OPEN, ("batch", "job", "state"))

    def members(self) -> dict[int, array[int]]:
        """Return the jobs of each batch that was not dropped, by its number; a job may have been in several,
        and is or was last in that of the highest one.
        """
        found = self._by_batch(_MEMBERS, ("batch", "job", "attempt")) if self.records() else {}
        return dict(sorted(found.items()))

    def _by_batch(self, query: str, names: Sequence[str]) -> dict[int, array[int]]:
        found: dict[int, array[int]] = {}
        with querying(self._path) as db:
            for batch, job in db.execute(query.format(columns_of(db, "attempts", names))):
                found.setdefault(batch, array("I")).append(job)
        return found
