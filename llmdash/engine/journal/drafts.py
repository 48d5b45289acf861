"""Databases that are made under another name until they are complete."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

__all__ = ["drafted"]

_DRAFT = "journal.new"


@contextmanager
def drafted(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a private database that is at `path` once it is complete: a kill leaves no half of one there.

    Where it cannot be written nothing is left, which would take the room that is lacking. Raises OSError,
    sqlite3.Error.
    """
    draft = path.with_name(_DRAFT)
    _remove(draft)
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(draft, isolation_level=None)) as db:
            yield db
        draft.replace(path)
    except BaseException:  # an interrupt, too, leaves nothing; it is raised again
        _remove(draft)
        raise


def _remove(draft: Path) -> None:
    """Remove a draft, and what it was to be rolled back by."""
    for each in (draft, draft.with_name(f"{draft.name}-journal")):
        each.unlink(missing_ok=True)
