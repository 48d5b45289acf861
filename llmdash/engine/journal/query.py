"""Queries of a journal, also while it is written: each has a connection of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from shlex import quote

from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.glance import opened_to_query

__all__ = ["damaged", "querying"]


@contextmanager
def querying(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection that only reads. Raises JournalError for an error of SQLite, also in the block."""
    try:
        with closing(opened_to_query(path)) as db:
            yield db
    except sqlite3.Error as error:
        raise JournalError(f"{path}: the journal cannot be read ({error}); see: {_doctor(path)}") from None


def damaged(path: Path, fault: str) -> JournalError:
    """Return the error of a journal with rows that cannot be right."""
    return JournalError(f"{path}: the journal is damaged ({fault}); see: {_doctor(path)}")


def _doctor(path: Path) -> str:
    """Return the command that says what is wrong with a journal."""
    return f"llmdash doctor {quote(str(path.parent))}"
