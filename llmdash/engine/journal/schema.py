"""The schema of a journal: its SQL, and a check that a file has it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence, Set
from contextlib import closing
from functools import cache
from typing import NamedTuple

__all__ = ["SCHEMA", "columns_of", "misshapen", "upgrades"]

_TABLES_OF_1 = """
CREATE TABLE run (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE attempts (
    job INTEGER NOT NULL, attempt INTEGER NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, sent_at REAL NOT
    NULL, failure TEXT, status INTEGER, message TEXT, request_id TEXT, retry_after_s REAL, ttft_s REAL,
    latency_s REAL, input_tokens INTEGER, output_tokens INTEGER, estimated INTEGER, partial TEXT,
    PRIMARY KEY (job, attempt)
) WITHOUT ROWID;
CREATE TABLE results (
    job INTEGER PRIMARY KEY, id TEXT NOT NULL, state TEXT NOT NULL, text TEXT, expected TEXT, verdict INTEGER
    NOT NULL, key TEXT, attempts INTEGER NOT NULL, ttft_s REAL, latency_s REAL, input_tokens INTEGER,
    output_tokens INTEGER, estimated INTEGER, finish_reason TEXT, error TEXT
);
"""
_TABLES_OF_2 = """
CREATE TABLE IF NOT EXISTS health (
    key TEXT PRIMARY KEY, state TEXT NOT NULL, at REAL NOT NULL, rests_s REAL NOT NULL, detail TEXT NOT NULL,
    times INTEGER NOT NULL
) WITHOUT ROWID;
"""
_TABLES_OF_5 = """
CREATE TABLE IF NOT EXISTS samples (
    at REAL PRIMARY KEY, active_s REAL NOT NULL, sent INTEGER NOT NULL, tokens INTEGER NOT NULL, in_flight
    REAL NOT NULL, throttled INTEGER NOT NULL, ttft_p50 REAL, ttft_p95 REAL, rate REAL, concurrency INTEGER,
    binding TEXT, cost REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS moments (
    serial INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, subject TEXT, value TEXT
);
CREATE TABLE IF NOT EXISTS prompts (job INTEGER PRIMARY KEY, messages TEXT NOT NULL) WITHOUT ROWID;
"""
_TABLES_OF_7 = """
CREATE TABLE IF NOT EXISTS batches (
    batch INTEGER PRIMARY KEY, state TEXT NOT NULL, endpoint TEXT NOT NULL, model TEXT NOT NULL, key TEXT NOT
    NULL, name TEXT NOT NULL, file TEXT NOT NULL, sha TEXT NOT NULL, bytes INTEGER NOT NULL, jobs INTEGER NOT
    NULL, tokens INTEGER NOT NULL, planned_at REAL NOT NULL, file_id TEXT, creating_at REAL, provider_id TEXT,
    created_at REAL, expires_at REAL, ended_at REAL, word TEXT, done INTEGER, failed INTEGER, expired INTEGER,
    cancel_at REAL, detail TEXT
);
"""
_FIRST_SCHEMA = _TABLES_OF_1 + _TABLES_OF_2 + _TABLES_OF_5 + _TABLES_OF_7
_LATER_COLUMNS = {
    "attempts": (
        "code TEXT",
        "cached_tokens INTEGER",
        "cache_write_tokens INTEGER",
        "reasoning_tokens INTEGER",
        "model TEXT",
        "worker TEXT",
        "ended_at REAL",
        "headers TEXT",
        "batch INTEGER",
    ),
    "results": (
        "endpoint TEXT",
        "model TEXT",
        "flags TEXT",
        "message TEXT",
        "reasoning TEXT",
        "input TEXT",
        "cached_tokens INTEGER",
        "cache_write_tokens INTEGER",
        "reasoning_tokens INTEGER",
        "wait_s REAL",
        "worker TEXT",
        "ended_at REAL",
        "prompt_hash BLOB",
        "request_hash BLOB",
    ),
}
_ADDED = [
    (table, column, f"ALTER TABLE {table} ADD COLUMN {column};\n")
    for table, columns in _LATER_COLUMNS.items()
    for column in columns
]
SCHEMA = _FIRST_SCHEMA + "".join(statement for _, _, statement in _ADDED)
"""The SQL that creates the tables of a journal."""
_FIRST_TABLES = frozenset(("run", "attempts", "results"))
"""The tables of every version; later ones are created where they are missing."""


class _Column(NamedTuple):
    """A column of the schema: its position in the primary key is 0 if it is not part of it."""

    name: str
    type: str
    not_null: bool
    key: int


def misshapen(db: sqlite3.Connection, tables: Set[str]) -> str | None:
    """Return the first table that is missing, lacks a column of every version or has one of none; else None.

    `tables` are the names of the tables in `db`.
    """
    known = _shape(SCHEMA)
    for table, columns in _shape(_FIRST_SCHEMA).items():
        if table in _FIRST_TABLES | tables and not columns <= _columns(db, table) <= known[table]:
            return table
    return None


def upgrades(db: sqlite3.Connection) -> str:
    """Return the SQL that adds what a journal of an earlier version lacks; empty if it lacks nothing."""
    there = {table: set(_names(db, table)) for table in _LATER_COLUMNS}
    missing = [statement for table, column, statement in _ADDED if column.split()[0] not in there[table]]
    tables = [
        sql
        for name, sql in (("health", _TABLES_OF_2), ("samples", _TABLES_OF_5), ("batches", _TABLES_OF_7))
        if not _names(db, name)
    ]
    return "".join(tables + missing)


def columns_of(
    db: sqlite3.Connection, table: str, fields: Sequence[str], without: Collection[str] = ()
) -> str:
    """Return a list of columns for a SELECT: the `fields`, with NULL for those `without` and those of a later
    version.
    """
    there = {name for name in _names(db, table) if name not in without}
    return ", ".join(f"{table}.{name}" if name in there else f"NULL AS {name}" for name in fields)


def _names(db: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


@cache
def _shape(schema: str) -> Mapping[str, frozenset[_Column]]:
    """The columns of each table that the SQL of a `schema` creates."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(schema)
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master")]
        return {table: _columns(db, table) for table in tables}


def _columns(db: sqlite3.Connection, table: str) -> frozenset[_Column]:
    return frozenset(
        _Column(name, kind, needed, place)
        for _, name, kind, needed, _, place in db.execute(f"PRAGMA table_info({table})")
    )
