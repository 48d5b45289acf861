"""The schema of a journal: its SQL, and a check that a file has it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Set
from contextlib import closing
from functools import cache
from typing import NamedTuple

__all__ = ["SCHEMA", "TABLES_OF_2", "misshapen"]

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
TABLES_OF_2 = """
CREATE TABLE IF NOT EXISTS health (
    key TEXT PRIMARY KEY, state TEXT NOT NULL, at REAL NOT NULL, rests_s REAL NOT NULL, detail TEXT NOT NULL,
    times INTEGER NOT NULL
) WITHOUT ROWID;
"""
SCHEMA = _TABLES_OF_1 + TABLES_OF_2
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
    """Return the first table that is missing or lacks a column; None if the schema is complete.

    `tables` are the names of the tables in `db`.
    """
    for table, columns in _shape().items():
        if table in _FIRST_TABLES | tables and not columns <= _columns(db, table):
            return table
    return None


@cache
def _shape() -> Mapping[str, frozenset[_Column]]:
    """The columns of each table of a journal."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(SCHEMA)
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master")]
        return {table: _columns(db, table) for table in tables}


def _columns(db: sqlite3.Connection, table: str) -> frozenset[_Column]:
    return frozenset(
        _Column(name, kind, needed, place)
        for _, name, kind, needed, _, place in db.execute(f"PRAGMA table_info({table})")
    )
