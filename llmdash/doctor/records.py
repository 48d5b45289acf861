"""The invariants of what a journal records beside jobs and keys: time series, moments, prompts.

A damaged row of these is dropped: nothing depends on it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from llmdash.doctor.rules import Rule

__all__ = ["rules_of_records"]

_LONGEST_S = "1e12"


def _number(column: str) -> str:
    return f"(typeof({column}) IN ('real', 'integer') AND {column} BETWEEN 0 AND {_LONGEST_S})"


def _count(column: str) -> str:
    return f"(typeof({column}) = 'integer' AND {column} BETWEEN 0 AND {2**63 - 1})"


def _text(column: str) -> str:
    return f"(typeof({column}) = 'text' AND is_utf8(CAST({column} AS BLOB)))"


def _or_null(test: str, column: str) -> str:
    return f"({column} IS NULL OR {test})"


_SOUND: Mapping[str, tuple[str, str, tuple[str, str], tuple[str, ...]]] = {
    "samples": (
        "at",
        "0",
        ("point of the time series holds invalid values", "points of the time series hold invalid values"),
        (
            *(_number(name) for name in ("at", "active_s", "in_flight")),
            *(_count(name) for name in ("sent", "tokens", "throttled")),
            *(_or_null(_number(name), name) for name in ("ttft_p50", "ttft_p95", "rate", "cost")),
            _or_null(_count("concurrency"), "concurrency"),
            _or_null(_text("binding"), "binding"),
        ),
    ),
    "moments": (
        "serial",
        "0",
        (
            "record of what was set or happened holds invalid values",
            "records of what was set or happened hold invalid values",
        ),
        (
            _number("at"),
            _text("kind"),
            *(_or_null(_text(name), name) for name in ("subject", "value")),
        ),
    ),
    "prompts": (
        "job",
        "job",
        (
            "prompt belongs to no job of this run, or is damaged",
            "prompts belong to no job of this run, or are damaged",
        ),
        (
            "typeof(job) = 'integer' AND job >= 0 AND (known_jobs() IS NULL OR job < known_jobs())",
            f"{_text('messages')} AND is_messages(CAST(messages AS BLOB))",
        ),
    ),
}
"""Of each table: its key, the job that a row names, what is wrong with one or several, and what holds."""


def rules_of_records(db: sqlite3.Connection) -> tuple[Rule, ...]:
    """Return the rules for the tables that a journal has, with their views in `db`."""
    db.create_function("is_messages", 1, _is_messages, deterministic=True)
    tables = {row[0] for row in db.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")}
    return tuple(_rule(db, table) for table in _SOUND if table in tables)


def _rule(db: sqlite3.Connection, table: str) -> Rule:
    key, job, (one, several), tests = _SOUND[table]
    view = f"bad_{table}"
    sound = " AND ".join(f"({test})" for test in tests)
    db.execute(f"DROP VIEW IF EXISTS temp.{view}")
    db.execute(
        f"CREATE TEMP VIEW {view} AS SELECT {job} AS job, {key} AS key FROM {table}"  # noqa: S608 - our own names
        f" WHERE NOT COALESCE({sound}, 0)"
    )
    repair = f"DELETE FROM {table} WHERE {key} IN (SELECT key FROM {view})"  # noqa: S608 - our own names
    return Rule(view, one, several, "removed", (repair,))


def _is_messages(value: bytes | None) -> bool:
    try:
        found = json.loads(value or b"")
    except (ValueError, RecursionError):
        return False
    return isinstance(found, list) and all(isinstance(each, dict) for each in found)
