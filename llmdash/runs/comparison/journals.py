"""Two journals in one connection, for reading: nothing is written into the folder of a run."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

from llmdash.engine.journal.file import NAME, VERSION, JournalError
from llmdash.engine.journal.glance import uri_to_read

__all__ = ["SIDES", "JournalPair"]

SIDES = ("a", "b")
"""The names of the two journals in SQL."""
_CACHE_KIB = 48 * 1024
_TABLE = "results"


class JournalPair:
    """The journals of two runs, as `a` and `b` of one connection; `main` is a private temporary database.

    For one thread at a time. Raises JournalError where one cannot be read, also in `with reading()`.
    """

    def __init__(self, a: Path, b: Path) -> None:
        self.folders = (a, b)
        # An empty name: a private database, in memory while it is small, in a file that SQLite deletes later.
        self.db = sqlite3.connect("", isolation_level=None, uri=True, check_same_thread=False, timeout=10.0)
        self._columns: dict[str, frozenset[str]] = {}
        try:
            for side, folder in zip(SIDES, self.folders, strict=True):
                self._attach(side, folder)
            self.db.execute(f"PRAGMA main.cache_size = -{_CACHE_KIB}")
        except BaseException:  # an interrupt, too, must not leave it open; it is raised again
            self.db.close()
            raise

    def _attach(self, side: str, folder: Path) -> None:
        path = folder / NAME
        if not path.is_file():
            raise JournalError(f"{path}: no journal here; name the folder of a run")
        with self.reading(folder):
            self.db.execute(f"ATTACH ? AS {side}", (uri_to_read(path, held=False),))
            self.db.execute(f"PRAGMA {side}.cache_size = -{_CACHE_KIB}")
            names = self.db.execute("SELECT name FROM pragma_table_info(?, ?)", (_TABLE, side)).fetchall()
            self._columns[side] = frozenset(name for (name,) in names)
            version = self.facts(side).get("version")
        if not isinstance(version, int) or not names:
            raise JournalError(f"{path}: not a sound journal; see: {_doctor(folder)}")
        if version > VERSION:
            raise JournalError(
                f"{path}: written by a newer llmdash (version {version} of the journal, {VERSION} here)"
            )

    @contextmanager
    def reading(self, folder: Path | None = None) -> Iterator[None]:
        """Errors of SQLite become JournalErrors that name `doctor`; `folder` is the run that is read."""
        try:
            yield
        except sqlite3.Error as error:
            names = " or ".join(str(each / NAME) for each in (self.folders if folder is None else (folder,)))
            look = _doctor(self.folders[0] if folder is None else folder)
            raise JournalError(f"{names}: the journal cannot be read ({error}); see: {look}") from None

    def facts(self, side: str) -> Mapping[str, Any]:
        """Return the facts of a run."""
        return dict(self.db.execute(f"SELECT name, value FROM {side}.run"))  # noqa: S608 - a or b

    def object_of(self, side: str, fact: str) -> Mapping[str, Any]:
        """Return a fact that is a JSON object; an empty one where it is missing or damaged."""
        try:
            found = json.loads(self.facts(side).get(fact) or "{}")
        except (ValueError, TypeError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def results(self, side: str, fields: Sequence[str]) -> str:
        """Return a query for these columns of the results; those of a later version are NULL."""
        there = self._columns[side]
        columns = ", ".join(name if name in there else f"NULL AS {name}" for name in fields)
        return f"SELECT {columns} FROM {side}.{_TABLE}"  # noqa: S608 - our own names

    def close(self) -> None:
        """Close the connection; the temporary database is gone then."""
        self.db.close()


def _doctor(folder: Path) -> str:
    return f"llmdash doctor {quote(str(folder))}"
