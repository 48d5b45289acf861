"""Whether the rows of a journal can be those of its run: checked before a resume relies on them."""

from __future__ import annotations

import sqlite3

from llmdash.engine.model.counts import counted
from llmdash.engine.model.states import RESULT_STATES, BatchState, KeyState
from llmdash.prompts.verdict import Verdict

__all__ = ["unsound"]

_ENDS = ", ".join(f"'{name}'" for name in RESULT_STATES)
_HEALTH = ", ".join(f"'{state.name.lower()}'" for state in KeyState)
_BATCHES = ", ".join(f"'{state.value}'" for state in BatchState)
_BATCH_TIMES = ("creating_at", "created_at", "expires_at", "ended_at", "cancel_at")
_LONGEST_S = 1e12
_MOST = 2**32 - 1


def _number(column: str, most: float) -> str:
    return f"COALESCE({column}, 0) BETWEEN 0 AND {most}"  # texts and blobs are above any number


_JOB = "typeof(job) = 'integer' AND job >= 0 AND job < :jobs"
_SOUND = {
    "results": (
        _JOB,
        f"state IN ({_ENDS})",
        f"typeof(verdict) = 'integer' AND verdict BETWEEN 0 AND {max(Verdict)}",
        *(_number(column, _LONGEST_S) for column in ("ttft_s", "latency_s", "wait_s")),
        *(f"typeof({column}) <> 'real'" for column in ("input_tokens", "output_tokens")),
        *(_number(column, _MOST) for column in ("input_tokens", "output_tokens")),
        *(
            f"typeof({column}) IN ('text', 'null')"
            for column in ("key", "error", "endpoint", "model", "flags")
        ),
    ),
    "attempts": (_JOB, "typeof(attempt) = 'integer' AND attempt > 0", "typeof(key) = 'text'"),
    "batches": (
        f"state IN ({_BATCHES})",
        *(f"typeof({column}) = 'text'" for column in ("endpoint", "model", "key", "name", "file")),
        *(f"typeof({column}) = 'integer' AND {column} >= 0" for column in ("jobs", "tokens", "bytes")),
        "typeof(planned_at) IN ('integer', 'real')",
        *(f"typeof({column}) IN ('text', 'null')" for column in ("file_id", "provider_id", "word", "detail")),
        *(f"typeof({column}) IN ('integer', 'real', 'null')" for column in _BATCH_TIMES),
    ),
    "health": (
        "typeof(key) = 'text'",
        f"state IN ({_HEALTH})",
        "typeof(at) IN ('integer', 'real')",
        f"rests_s IS NOT NULL AND {_number('rests_s', _LONGEST_S)}",
        "typeof(detail) = 'text'",
        "typeof(times) = 'integer' AND times >= 0",
    ),
}
"""What holds for each row of a table."""
_ALWAYS = ("results", "attempts", "health")
"""The tables that are looked at in every version."""
_TEXTS = (
    "SELECT DISTINCT key, error, endpoint, model, flags FROM results",
    "SELECT DISTINCT key FROM attempts",
    "SELECT key, detail FROM health",
)
"""Texts that are read back; reading them is the check that they are texts."""


def unsound(db: sqlite3.Connection, jobs: int) -> str | None:
    """Return what is wrong with the rows of a run of `jobs` jobs, such as `results: 1 row is out of
    range`.

    None if nothing is. Raises sqlite3.Error for what cannot be read at all.
    """
    there = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table, tests in _SOUND.items():
        if table not in there and table not in _ALWAYS:
            continue  # a journal of before there were any
        sound = " AND ".join(f"({test})" for test in tests)
        query = f"SELECT COUNT(*) FROM {table} WHERE NOT COALESCE({sound}, 0)"  # noqa: S608 - our own names
        count = db.execute(query, {"jobs": jobs}).fetchone()[0]
        if count:
            return f"{table}: {counted(count, 'row')} out of range for a run of {counted(jobs, 'job')}"
    for query in _TEXTS:
        for _row in db.execute(query):
            pass
    return None
