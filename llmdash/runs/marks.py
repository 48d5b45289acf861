"""What the user says of a run: its title and its tags. A living run goes on writing meanwhile."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection
from contextlib import closing
from pathlib import Path

from llmdash.engine.journal.file import NAME, JournalError, StorageError
from llmdash.reports.wording import doctor_command
from llmdash.sanitize import storable

__all__ = ["KEEP_TAG", "MarkError", "rename", "tag", "untag"]

KEEP_TAG = "keep"
"""The tag of runs that `prune` leaves alone."""

_MOST_CHARACTERS = 200
_MOST_TAGS = 50
_BUSY_S = 2.0
"""How long to wait for a living run that writes: its transactions take milliseconds."""


class MarkError(JournalError):
    """A title or tag that is not taken. The text says why."""


def rename(folder: Path, title: str) -> None:
    """Set the title of a run; an empty one takes it away. Raises JournalError, StorageError."""
    words = storable(title).strip()
    if len(words) > _MOST_CHARACTERS:
        raise MarkError(f"the title has {len(words)} characters, at most {_MOST_CHARACTERS} are taken")
    _set(folder, "title", lambda _: words or None)


def tag(folder: Path, tags: Collection[str]) -> None:
    """Add tags to a run. Raises JournalError, StorageError."""
    new = [storable(each).strip() for each in tags]
    for each in new:
        if not each or len(each) > _MOST_CHARACTERS:
            raise MarkError(f"a tag has 1 to {_MOST_CHARACTERS} characters; {len(each)} are given")

    def added(before: list[str]) -> list[str]:
        after = list(dict.fromkeys((*before, *new)))
        if len(after) > _MOST_TAGS:
            raise MarkError(f"a run has {_MOST_TAGS} tags at most; this one would have {len(after)}")
        return after

    _set_tags(folder, added)


def untag(folder: Path, tags: Collection[str]) -> None:
    """Remove tags from a run; those that it has not are ignored. Raises JournalError, StorageError."""
    gone = {storable(each).strip() for each in tags}
    _set_tags(folder, lambda before: [each for each in before if each not in gone])


def _set_tags(folder: Path, change: Callable[[list[str]], list[str]]) -> None:
    def changed(stored: object) -> str | None:
        after = change(_list(stored))
        return json.dumps(after) if after else None

    _set(folder, "tags", changed)


def _list(stored: object) -> list[str]:
    try:
        found = json.loads(stored) if isinstance(stored, str) else []
    except (ValueError, RecursionError):
        return []
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _set(folder: Path, name: str, change: Callable[[object], str | None]) -> None:
    """Change one fact in a transaction of its own; None takes it away."""
    path = folder / NAME
    uri = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_S)) as db:
            db.text_factory = lambda value: value.decode("utf-8", "replace")
            db.execute("PRAGMA wal_autocheckpoint = 0")  # a living run's log is its own affair
            db.execute("BEGIN IMMEDIATE")
            stored = db.execute("SELECT value FROM run WHERE name = ?", (name,)).fetchone()
            value = change(stored[0] if stored else None)
            db.execute("DELETE FROM run WHERE name = ?", (name,))
            if value is not None:
                db.execute("INSERT INTO run VALUES (?, ?)", (name, value))
            db.execute("COMMIT")
    except sqlite3.Error as error:
        # A journal without tables is an operational error, too, and no fault of the disk.
        is_of_disk = (
            isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode != sqlite3.SQLITE_ERROR
        )
        kind = StorageError if is_of_disk else JournalError
        raise kind(f"{path}: cannot be changed ({error}); see: {doctor_command(folder)}") from None
