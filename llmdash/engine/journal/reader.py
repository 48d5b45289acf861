"""Reads a journal, for front ends, exports and a resume."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from llmdash.engine.journal.file import NAME, JournalError
from llmdash.engine.journal.schema import columns_of
from llmdash.engine.journal.soundness import unsound
from llmdash.engine.model.records import AttemptRecord, HealthRecord, ResultRecord, ResultRow
from llmdash.prompts.verdict import Verdict

__all__ = ["JournalReader", "KeyTotals", "result_record"]


class KeyTotals(NamedTuple):
    """Sums over the attempts of one key; `cut` counts those with an unknown outcome."""

    sent: int
    ok: int
    throttled: int
    errors: int
    cut: int
    input_tokens: int
    output_tokens: int


_TOTALS = """
SELECT key, COUNT(*), SUM(state = 'ok' OR (state = 'failed' AND failure IS 'invalid')),
    SUM(state = 'failed' AND failure IS 'throttle'),
    SUM(state = 'failed' AND failure IS NOT 'throttle' AND failure IS NOT 'invalid'),
    SUM(state IN ('cut', 'unknown', 'sent')),
    SUM(COALESCE(input_tokens, 0)), SUM(COALESCE(output_tokens, 0))
FROM attempts WHERE state <> 'unsent' GROUP BY key
"""

_COUNTS = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens")
_SPENT = """
SELECT key, COALESCE(model, ''), TOTAL(input_tokens), TOTAL(output_tokens), TOTAL(cached_tokens),
    TOTAL(cache_write_tokens), TOTAL(reasoning_tokens)
FROM (SELECT {} FROM attempts WHERE input_tokens IS NOT NULL OR output_tokens IS NOT NULL) GROUP BY 1, 2
"""

_CARRIED = """
    SELECT carried.key FROM (SELECT {} FROM results) AS done,
        json_each(CASE WHEN json_valid(done.input) AND done.input LIKE '{{%'
            THEN done.input ELSE '{{}}' END) AS carried
    GROUP BY carried.key ORDER BY MIN(done.job), MIN(carried.id) LIMIT ?
"""
_UNKNOWN = """
SELECT COUNT(*) FROM attempts
WHERE state IN ('unknown', 'sent', 'cut') AND job NOT IN (SELECT job FROM results)
"""

_LOST = """
SELECT worker, COUNT(*) FROM (SELECT {} FROM attempts WHERE state = 'unknown') WHERE worker IS NOT NULL
GROUP BY worker
"""

_NAMES_WORKERS = "SELECT EXISTS (SELECT 1 FROM (SELECT {} FROM results) WHERE worker IS NOT NULL)"

_SENDS = """
SELECT key, sent_at, COALESCE(input_tokens, 0) + COALESCE(output_tokens, 0) FROM attempts
WHERE state <> 'unsent' AND sent_at > ? ORDER BY sent_at
"""

_LAST_ATTEMPT = ("status", "request_id", "sent_at", "code")
_RESULTS = """
SELECT {}, {} FROM results LEFT JOIN attempts
ON attempts.job = results.job AND attempts.attempt = results.attempts ORDER BY results.job
"""
_THOUGHT = ("reasoning",)
_TEXTS = ("text", "expected", "finish_reason", "message", "reasoning", "input")
"""The columns of `results` that are not read back: texts, and those can be large."""


class JournalReader:
    """Reads a journal, also while it is written. Safe from any thread; opens a connection for each query."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        if not self._path.exists():
            raise JournalError(f"{self._path}: no journal here; name the folder of a run")

    def facts(self) -> dict[str, Any]:
        """Return the facts of the run: what it was started with."""
        with self._connection() as db:
            return dict(db.execute("SELECT name, value FROM run"))

    def check(self, jobs: int) -> None:
        """Raise JournalError, which names `doctor`, if a row cannot be one of a run of `jobs` jobs."""
        with self._connection() as db:
            fault = unsound(db, jobs)
        if fault is not None:
            raise JournalError(f"{self._path}: the journal is damaged ({fault}); see: {_doctor(self._path)}")

    def ended(self) -> Iterator[ResultRow]:
        """Yield every ended job in input order, without its texts."""
        with self._connection() as db:
            short = [name for name in ResultRow._fields if name not in _TEXTS]
            columns = columns_of(db, "results", short)
            for row in db.execute(f"SELECT {columns} FROM results ORDER BY job"):  # noqa: S608 - our own column names
                yield ResultRow(**dict(zip(short, row, strict=True)))

    def results(self) -> Iterator[ResultRecord]:
        """Yield every ended job in input order, as exports show it: with what the models thought only where
        the facts have `reasoning`.
        """
        with self._connection() as db:
            facts = dict(db.execute("SELECT name, value FROM run"))
            models = json.loads(facts.get("models") or "{}")
            width = len(ResultRow._fields)
            mine = columns_of(db, "results", ResultRow._fields, () if facts.get("reasoning") else _THOUGHT)
            for row in db.execute(_RESULTS.format(mine, columns_of(db, "attempts", _LAST_ATTEMPT))):
                result = ResultRow._make(row[:width])
                yield result_record(result, result.model or models.get(result.key), *row[width:])

    def carried_names(self, most: int) -> tuple[str, ...]:
        """Return the names of the carried fields, in the order in which they come; none beyond `most`."""
        with self._connection() as db:
            columns = columns_of(db, "results", ("job", "input"))
            rows = db.execute(_CARRIED.format(columns), (most + 1,)).fetchall()
        return tuple(name for (name,) in rows) if len(rows) <= most else ()

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
        return ResultRow._make(row) if row else None

    def attempts(self, job: int) -> tuple[AttemptRecord, ...]:
        """Return every attempt of a job, in order."""
        with self._connection() as db:
            columns = columns_of(db, "attempts", AttemptRecord._fields)
            query = f"SELECT {columns} FROM attempts WHERE job = ? ORDER BY attempt"  # noqa: S608 - as above
            rows = db.execute(query, (job,)).fetchall()
        return tuple(map(AttemptRecord._make, rows))

    def attempt_counts(self) -> Iterator[tuple[int, int]]:
        """Yield (job, number of its last attempt) for each job with attempts."""
        with self._connection() as db:
            yield from db.execute(
                "SELECT job, MAX(attempt) FROM attempts WHERE state <> 'unsent' GROUP BY job"
            )

    def key_totals(self) -> dict[str, KeyTotals]:
        """Return the sums of each key, by its label."""
        totals: dict[str, KeyTotals] = {}
        with self._connection() as db:
            for key, *counts in db.execute(_TOTALS):
                totals[key] = KeyTotals(*counts)
        return totals

    def spent(self) -> list[tuple[str, str, tuple[int, int, int, int, int]]]:
        """Return (key, model, tokens) of all answered attempts.

        Tokens are input, output, cached, written to a cache, of reasoning. The model is empty in journals of
        earlier versions.
        """
        with self._connection() as db:
            columns = columns_of(db, "attempts", ("key", "model", *_COUNTS))
            rows = db.execute(_SPENT.format(columns)).fetchall()
        return [(key, model, (int(a), int(b), int(c), int(d), int(e))) for key, model, a, b, c, d, e in rows]

    def lost_by(self) -> dict[str, int]:
        """Return how many attempts were lost with each worker."""
        with self._connection() as db:
            return dict(db.execute(_LOST.format(columns_of(db, "attempts", ("worker",)))))

    def sends_since(self, at: float) -> list[tuple[str, float, int]]:
        """Return (key, when it was sent in Unix seconds, tokens) of each attempt since `at`, oldest first."""
        with self._connection() as db:
            return db.execute(_SENDS, (at,)).fetchall()

    def health(self) -> list[HealthRecord]:
        """Return the last recorded state of each key; keys that were always healthy have none."""
        with self._connection() as db:
            rows = db.execute("SELECT * FROM health").fetchall()
        return [HealthRecord._make(row) for row in rows]

    def count_unknown(self) -> int:
        """Count attempts with an unknown outcome whose job is to be sent again."""
        with self._connection() as db:
            return int(db.execute(_UNKNOWN).fetchone()[0])

    def _connection(self) -> _Closing:
        return _Closing(self._path)


class _Closing:
    """A connection for reading that a `with` closes; errors of SQLite become JournalErrors."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> sqlite3.Connection:
        self._db = sqlite3.connect(self._path, isolation_level=None, timeout=10.0)
        self._db.execute("PRAGMA query_only = ON")
        return self._db

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        self._db.close()
        if isinstance(error, sqlite3.Error):
            look = _doctor(self._path)
            raise JournalError(f"{self._path}: the journal cannot be read ({error}); see: {look}") from None


def _doctor(path: Path) -> str:
    """Return the command that says what is wrong with a journal."""
    return f"llmdash doctor {quote(str(path.parent))}"


def result_record(
    row: ResultRow,
    model: str | None = None,
    status: int | None = None,
    request_id: str | None = None,
    sent_at: float | None = None,
    code: str | None = None,
) -> ResultRecord:
    """Return a result as exports show it, with what its last attempt adds."""
    verdict = Verdict(row.verdict)
    return ResultRecord(
        index=row.job,
        id=row.id,
        state=row.state,
        text=row.text,
        expected=row.expected,
        correct=None if verdict is Verdict.UNSCORED else verdict is Verdict.RIGHT,
        key=row.key,
        attempts=row.attempts,
        ttft_s=_microseconds(row.ttft_s),
        latency_s=_microseconds(row.latency_s),
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        estimated=None if row.estimated is None else bool(row.estimated),
        finish_reason=row.finish_reason,
        error=row.error,
        status=status,
        request_id=request_id,
        model=row.model or model,
        sent_at=_microseconds(sent_at),
        endpoint=row.endpoint,
        flags=tuple(row.flags.split(",")) if row.flags else (),
        message=_object(row.message),
        reasoning=row.reasoning,
        input=_object(row.input),
        cached_tokens=row.cached_tokens,
        reasoning_tokens=row.reasoning_tokens,
        code=code,
        worker=row.worker,
    )


def _object(text: str | None) -> dict[str, Any] | None:
    """A column of JSON; None for one that is damaged: doctor names it."""
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _microseconds(seconds: float | None) -> float | None:
    """Return seconds without the digits that no clock measures."""
    return None if seconds is None else round(seconds, 6)
