"""Results of a format that cannot grow: a file that is written whole, each time that a run ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from llmdash.engine.journal.file import JournalError
from llmdash.engine.model.records import ResultRow
from llmdash.reports.export.draft import ExportError

__all__ = ["ResultsAtEnd"]


class ResultsAtEnd:
    """The file at `path`, which `write` writes whole from the journal, or raises ExportError or JournalError.

    `complete` may be called from any thread.
    """

    def __init__(self, path: Path, write: Callable[[], object]) -> None:
        self.path = path
        self._write = write
        self._guard = threading.Lock()
        self.is_complete = False
        """True if the file has every result."""
        self.problem: str | None = None
        """Why the file was not written: a line for the user."""

    def open(self) -> None:
        """Do nothing: the file of an earlier start stays until this one ends."""

    def append(self, rows: Sequence[ResultRow]) -> None:
        """Take note that there are results which the file has not."""
        self.is_complete = self.is_complete and not rows

    def complete(self) -> None:
        """Write the file, unless it has every result."""
        with self._guard:
            if self.is_complete:
                return
            try:
                self._write()
            except (ExportError, JournalError) as error:
                self.problem = str(error)
            else:
                self.is_complete, self.problem = True, None

    def close(self) -> None:
        """Do nothing: the file is open only while it is written."""
