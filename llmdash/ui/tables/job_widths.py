"""Widths of the columns of jobs whose texts differ in length: they grow with what is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.job_columns import job_columns
from llmdash.ui.tables.job_window import JobWindow

__all__ = ["JobWidths"]

LONGEST_KEY: Final = 12
LEAST_ID: Final = 8
LONGEST_ID: Final = 20
"""A longer id gets more room only where some is left."""


@dataclass(slots=True)
class JobWidths:
    """Widths in cells; no column of workers while there is none."""

    number: int = 4
    id: int = LEAST_ID
    key: int = 4
    worker: int = 0

    def fit(self, known: JobWindow) -> JobWidths:
        """Widen for the rows that are known; return itself."""
        self.number = max(4, known.number_width)
        self.id = min(LONGEST_ID, max(self.id, known.id_width))
        self.key = min(LONGEST_KEY, max(self.key, known.key_width))
        self.worker = min(LONGEST_KEY, max(self.worker, known.worker_width))
        return self

    def columns(self) -> tuple[Column, ...]:
        """Return the columns of the table."""
        return job_columns(self.number, self.id, self.key, self.worker)
