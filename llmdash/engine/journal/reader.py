"""Reads a journal, for front ends, exports and a resume."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path
from typing import Any

from llmdash.engine.journal.attempt_sums import AttemptSums
from llmdash.engine.journal.batch_rows import BatchRows
from llmdash.engine.journal.export_record import result_record
from llmdash.engine.journal.failure_rows import FailureRows
from llmdash.engine.journal.file import NAME, JournalError
from llmdash.engine.journal.query import damaged, querying
from llmdash.engine.journal.schema import columns_of
from llmdash.engine.journal.soundness import unsound
from llmdash.engine.model.records import (
    AnswerTimesRow,
    AttemptRecord,
    EndedColumns,
    HealthRecord,
    MomentRow,
    ResultRecord,
    ResultRow,
    SampleRow,
    TimedColumns,
)

__all__ = ["JournalReader"]

_CARRIED = """
    SELECT carried.key FROM (SELECT {} FROM results) AS done,
        json_each(CASE WHEN json_valid(done.input) AND done.input LIKE '{{%'
            THEN done.input ELSE '{{}}' END) AS carried
    GROUP BY carried.key ORDER BY MIN(done.job), MIN(carried.id) LIMIT ?
"""
_LENGTHS = """
SELECT output_tokens, latency_s FROM (SELECT {} FROM results WHERE state = 'done' AND job % ? = 0)
WHERE model IS NULL OR model = ?
"""
_ANSWER_TIMES = """
SELECT * FROM (SELECT {} FROM results WHERE state IN ('done', 'invalid') AND job % ? = 0)
WHERE ended_at IS NOT NULL AND latency_s IS NOT NULL
"""
_UNANSWERED = """
SELECT {} FROM attempts JOIN
    (SELECT job AS of_job, MAX(attempt) AS latest FROM attempts
    WHERE state <> 'unsent' AND NOT EXISTS
        (SELECT 1 FROM results WHERE results.job = attempts.job AND state IN ('done', 'invalid'))
    GROUP BY job)
ON job = of_job AND attempt = latest
"""

_LAST_DONE = """
SELECT job FROM (SELECT {} FROM results WHERE state = 'done')
ORDER BY COALESCE(ended_at, 0) DESC, job DESC LIMIT 1
"""
_NAMES_WORKERS = "SELECT EXISTS (SELECT 1 FROM (SELECT {} FROM results) WHERE worker IS NOT NULL)"

_OF_TIMED = (
    *(
        "job",
        "attempt",
        "key",
        "state",
        "sent_at",
        "failure",
        "message",
        "ttft_s",
        "latency_s",
        "input_tokens",
    ),
    *("output_tokens", "cached_tokens", "reasoning_tokens", "worker", "ended_at", "status", "code", "batch"),
)
_MOST_TOKENS = 2**32 - 1
_TOKENS = ", ".join(
    f"MIN({_MOST_TOKENS}, MAX(0, COALESCE({kind}_tokens, 0)))"
    for kind in ("input", "output", "cached", "reasoning")
)
_TIMED = """
WITH sound AS (SELECT {} FROM attempts WHERE state <> 'unsent'), timed AS (
    SELECT *, CASE WHEN ended_at IS NULL OR latency_s IS NULL THEN sent_at
        ELSE MAX(sent_at, ended_at - latency_s) END AS begun FROM sound
)
SELECT job, attempt, key, state, failure, COALESCE(message, ''), COALESCE(worker, ''), begun,
    CASE WHEN ended_at IS NULL THEN MAX(begun, sent_at + latency_s) ELSE MAX(begun, ended_at) END,
    begun + MAX(0.0, ttft_s), ended_at IS NULL AND state <> 'batched', {}, status, code, batch
FROM timed ORDER BY job, attempt
"""
# Between its announcement, `sent_at`, and its departure an attempt waits for the disk.
_LAST_ATTEMPT = ("status", "request_id", "sent_at", "code")
_RESULTS = """
SELECT {}, {} FROM results LEFT JOIN attempts
ON attempts.job = results.job AND attempts.attempt = results.attempts ORDER BY results.job
"""
_OF_TEXTS = ("job", "id", "state", "text", "expected", "error", "endpoint", "model", "input")
_SHORTENED = ", ".join(_OF_TEXTS).replace(
    "text",
    "CASE WHEN LENGTH(text) > 16384 THEN SUBSTR(text, 1, 8192) || ' … ' || SUBSTR(text, -8192) ELSE text END",
    1,
)
_PLAIN = str.maketrans({"%": "\\%", "_": "\\_", "\\": "\\\\"})
_WITH_ANSWER = r"SELECT job FROM results WHERE job BETWEEN ? AND ? AND text LIKE ? ESCAPE '\'"
_WITH_PROMPT = r"SELECT job FROM prompts WHERE job BETWEEN ? AND ? AND messages LIKE ? ESCAPE '\'"
_ROWS = 500
"""How many are read at once: fewer than the garbage collector would begin to look at."""
_THOUGHT = ("reasoning",)
_TEXTS = ("text", "expected", "finish_reason", "message", "reasoning", "input")
"""The columns of `results` that are not read back: texts, and those can be large."""


class JournalReader:
    """Reads a journal, also while it is written. Safe from any thread; opens a connection for each query."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        if not self._path.exists():
            raise JournalError(f"{self._path}: no journal here; name the folder of a run")
        self.sums = AttemptSums(self._path)
        """What the attempts come to."""
        self.batches = BatchRows(self._path)
        """What is or was in batches."""
        self.failures = FailureRows(self._path)
        """What failed."""

    def facts(self) -> dict[str, Any]:
        """Return the facts of the run: what it was started with."""
        with self._connection() as db:
            return dict(db.execute("SELECT name, value FROM run"))

    def check(self, jobs: int) -> None:
        """Raise JournalError, which names `doctor`, if a row cannot be one of a run of `jobs` jobs."""
        with self._connection() as db:
            fault = unsound(db, jobs)
        if fault is not None:
            raise damaged(self._path, fault)

    def ended(self) -> Iterator[ResultRow]:
        """Yield every ended job in input order, without its texts."""
        with self._connection() as db:
            columns = columns_of(db, "results", ResultRow._fields, _TEXTS)
            for row in db.execute(f"SELECT {columns} FROM results ORDER BY job"):  # noqa: S608 - our own column names
                yield ResultRow._make(row)

    def ended_columns(self) -> Iterator[EndedColumns]:
        """Yield what `ended` does as columns, of 500 rows each but the last."""
        with self._connection() as db:
            columns = columns_of(db, "results", EndedColumns._fields)
            rows = db.execute(f"SELECT {columns} FROM results ORDER BY job")  # noqa: S608 - our own column names
            while some := rows.fetchmany(_ROWS):
                yield EndedColumns._make(zip(*some, strict=True))

    def answer_times(self, every: int) -> Iterator[AnswerTimesRow]:
        """Yield when every n-th answer was complete, and its times, where that is on record."""
        with self._connection() as db:
            columns = columns_of(db, "results", AnswerTimesRow._fields)
            for row in db.execute(_ANSWER_TIMES.format(columns), (every,)):
                yield AnswerTimesRow._make(row)

    def results(self, *, reasoning: bool = False) -> Iterator[ResultRecord]:
        """Yield every ended job in input order, as exports show it: with what the models thought only with
        `reasoning`, or where the facts have it.
        """
        with self._connection() as db:
            facts = dict(db.execute("SELECT name, value FROM run"))
            models = json.loads(facts.get("models") or "{}")
            width = len(ResultRow._fields)
            mine = columns_of(
                db, "results", ResultRow._fields, () if reasoning or facts.get("reasoning") else _THOUGHT
            )
            for row in db.execute(_RESULTS.format(mine, columns_of(db, "attempts", _LAST_ATTEMPT))):
                result = ResultRow._make(row[:width])
                yield result_record(result, result.model or models.get(result.key), *row[width:])

    def carried_names(self, most: int) -> tuple[str, ...] | None:
        """Return the names of the carried fields, in the order in which they come; None beyond `most`."""
        with self._connection() as db:
            columns = columns_of(db, "results", ("job", "input"))
            rows = db.execute(_CARRIED.format(columns), (most + 1,)).fetchall()
        return tuple(name for (name,) in rows) if len(rows) <= most else None

    def names_workers(self) -> bool:
        """Return whether any result names the worker that it is from."""
        with self._connection() as db:
            columns = columns_of(db, "results", ("worker",))
            (found,) = db.execute(_NAMES_WORKERS.format(columns)).fetchone()
        return bool(found)

    def result(self, job: int) -> ResultRow | None:
        """Return the result of a job, None if it has not ended."""
        with self._connection() as db:
            columns = columns_of(db, "results", ResultRow._fields)
            row = db.execute(f"SELECT {columns} FROM results WHERE job = ?", (job,)).fetchone()  # noqa: S608 - as above
        return _result(row) if row else None

    def texts(self, jobs: Sequence[int]) -> Mapping[int, ResultRow]:
        """Return the results of those of these jobs that have ended; a long answer lacks its middle."""
        with self._connection() as db:
            columns = columns_of(db, "results", _OF_TEXTS)
            marks = ", ".join("?" * len(jobs))
            query = f"SELECT {_SHORTENED} FROM (SELECT {columns} FROM results WHERE job IN ({marks}))"  # noqa: S608 - as above
            rows = db.execute(query, jobs)
            return {row[0]: ResultRow(**dict(zip(_OF_TEXTS, row, strict=True))) for row in rows}

    def with_text(self, word: str, first: int, last: int) -> set[int]:
        """Return the jobs from `first` to `last` with `word` in their answer, or in a prompt that is kept;
        ASCII letters are the same in capitals or not.
        """
        like = f"%{word.translate(_PLAIN)}%"
        with self._connection() as db:
            found = set(chain.from_iterable(db.execute(_WITH_ANSWER, (first, last, like))))
            if _has(db, "prompts"):
                found.update(chain.from_iterable(db.execute(_WITH_PROMPT, (first, last, like))))
        return found

    def attempts(self, job: int) -> tuple[AttemptRecord, ...]:
        """Return every attempt of a job, in order."""
        with self._connection() as db:
            columns = columns_of(db, "attempts", AttemptRecord._fields)
            query = f"SELECT {columns} FROM attempts WHERE job = ? ORDER BY attempt"  # noqa: S608 - as above
            rows = db.execute(query, (job,)).fetchall()
        return tuple(map(_attempt, rows))

    def starts(self) -> Iterator[int]:
        """Yield the jobs that were sent, in the order in which they first were."""
        with self._connection() as db:
            query = "SELECT job FROM attempts WHERE state <> 'unsent' GROUP BY job ORDER BY MIN(sent_at), job"
            yield from chain.from_iterable(db.execute(query))

    def last_answered(self) -> int | None:
        """Return the job that was done last; None without one."""
        with self._connection() as db:
            row = db.execute(_LAST_DONE.format(columns_of(db, "results", ("job", "ended_at")))).fetchone()
        return row[0] if row else None

    def unanswered(self) -> Iterator[AttemptRecord]:
        """Yield the last attempt of each job without an answer, whether or not it has ended."""
        with self._connection() as db:
            columns = columns_of(db, "attempts", AttemptRecord._fields, ("partial",))
            for row in db.execute(_UNANSWERED.format(columns)):
                yield _attempt(row)

    def message(self, job: int) -> str | None:
        """Return the prompt of a job as JSON, where the run keeps it."""
        with self._connection() as db:
            if not _has(db, "prompts"):
                return None
            row = db.execute("SELECT messages FROM prompts WHERE job = ?", (job,)).fetchone()
        return row[0] if row else None

    def timed_attempts(self) -> Iterator[TimedColumns]:
        """Yield every attempt that was sent, by job and number, as columns of 500 rows each."""
        with self._connection() as db:
            rows = db.execute(_TIMED.format(columns_of(db, "attempts", _OF_TIMED), _TOKENS))
            while some := rows.fetchmany(_ROWS):
                yield TimedColumns._make(zip(*some, strict=True))

    def answer_lengths(self, model: str, step: int = 1) -> list[tuple[int, float]]:
        """Return (output tokens, latency in seconds) of each answer of `model` to every `step`th job."""
        with self._connection() as db:
            columns = columns_of(db, "results", ("output_tokens", "latency_s", "model"))
            rows = db.execute(_LENGTHS.format(columns), (step, model)).fetchall()
        return [(tokens or 0, seconds or 0.0) for tokens, seconds in rows]

    def health(self) -> list[HealthRecord]:
        """Return the last recorded state of each key; keys that were always healthy have none."""
        with self._connection() as db:
            rows = db.execute("SELECT * FROM health").fetchall()
        return [HealthRecord._make(row) for row in rows]

    def samples(self) -> list[SampleRow]:
        """Return the time series, oldest first; empty in journals of earlier versions."""
        return [SampleRow._make(row) for row in self._rows("samples", SampleRow._fields, "at")]

    def moments(self) -> list[MomentRow]:
        """Return what was set or happened, oldest first; empty in journals of earlier versions."""
        return [MomentRow._make(row) for row in self._rows("moments", MomentRow._fields, "serial")]

    def _rows(self, table: str, fields: Sequence[str], order: str) -> list[tuple[Any, ...]]:
        with self._connection() as db:
            if not _has(db, table):
                return []
            return db.execute(f"SELECT {', '.join(fields)} FROM {table} ORDER BY {order}").fetchall()  # noqa: S608 - our own names

    def _connection(self) -> AbstractContextManager[sqlite3.Connection]:
        return querying(self._path)


def _has(db: sqlite3.Connection, table: str) -> bool:
    """True if the journal has a table; those of earlier versions have fewer."""
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is not None


def _attempt(row: Sequence[Any]) -> AttemptRecord:
    """Return a row of `attempts`, with a truth value for the number that SQLite has in its place."""
    record = AttemptRecord._make(row)
    return record if record.estimated is None else record._replace(estimated=bool(record.estimated))


def _result(row: Sequence[Any]) -> ResultRow:
    """Return a row of `results`, likewise."""
    result = ResultRow._make(row)
    return result if result.estimated is None else result._replace(estimated=bool(result.estimated))
