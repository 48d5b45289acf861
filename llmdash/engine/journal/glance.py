"""A glance at a journal: read as it is, without disturbing whoever writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llmdash.engine.journal.file import NAME
from llmdash.locations import is_there

__all__ = ["glance", "opened_to_query", "uri_to_read"]

_AS_IT_IS = "mode=ro&immutable=1"  # without a mode, SQLite makes the file that is not there
_READ_ONLY = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def uri_to_read(path: Path, *, held: bool) -> str:
    """Return the URI that opens a journal without changing it; `held` if a process works on its run."""
    if is_there(Path(f"{path}-journal")):
        mode = "mode=rw"  # an unfinished write has to be rolled back before anything can be read
    elif held or is_there(Path(f"{path}-wal")):
        mode = "mode=ro"
    else:
        mode = _AS_IT_IS  # or SQLite would create a log for reading
    return f"{path.absolute().as_uri()}?{mode}"


@contextmanager
def glance(folder: Path, *, held: bool, timeout_s: float = 1.0) -> Iterator[sqlite3.Connection]:
    """Yield a connection that reads the journal in `folder`. Raises sqlite3.Error.

    Texts that are not UTF-8 have U+FFFD in them.
    """
    uri = uri_to_read(folder / NAME, held=held)
    db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout_s)
    try:
        db.text_factory = lambda value: value.decode("utf-8", "replace")
        yield db
    finally:
        db.close()


def opened_to_query(path: Path) -> sqlite3.Connection:
    """Return a connection that only reads, also on a disk where SQLite can make none of the files it wants.

    Raises sqlite3.Error where there is no journal, and makes none: its run may have been deleted just now.
    The first query raises where it is unsound.
    """
    address = path.absolute().as_uri()
    db = sqlite3.connect(f"{address}?mode=rw", uri=True, isolation_level=None, timeout=10.0)
    try:
        db.execute("PRAGMA query_only = ON")
        db.execute("SELECT 1 FROM sqlite_master LIMIT 1")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _READ_ONLY or is_there(Path(f"{path}-wal")):
            return db  # the next query says what is wrong
        db.close()
        db = sqlite3.connect(f"{address}?{_AS_IT_IS}", uri=True, isolation_level=None)
    except sqlite3.DatabaseError:
        return db
    return db
