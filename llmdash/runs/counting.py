"""Counts the results of runs whose journals do not say how many there are, within a limit of time."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

from llmdash.engine.journal.totals import Counted, count_results

__all__ = ["RowCounter"]

_STEPS = 10_000
"""The steps of SQLite's machine between two looks at the clock: about a millisecond."""


class RowCounter:
    """Counts rows for `limit_s` seconds over all runs together."""

    def __init__(self, limit_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._left_s = limit_s
        self._clock = clock

    def count(self, db: sqlite3.Connection) -> Counted | None:
        """Return the counts of a journal; None if the time does not suffice. Raises sqlite3.Error."""
        began = self._clock()
        db.set_progress_handler(lambda: self._clock() - began > self._left_s, _STEPS)
        try:
            return count_results(db)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                return None
            raise
        finally:
            db.set_progress_handler(None, 0)
            self._left_s -= self._clock() - began
