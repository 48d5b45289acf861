"""The rows of the job table that were received: a window on all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rich.cells import cell_len

from llmdash.engine.model.frame import JobRow, JobsPart
from llmdash.sanitize import clean_line

__all__ = ["JobWindow"]


class JobWindow:
    """The rows of the last part, by their index among all rows."""

    def __init__(self, part: JobsPart | None = None) -> None:
        self.part = part or JobsPart()

    def row(self, index: int) -> JobRow | None:
        """Return the row at an index, None if it is not known."""
        at = index - self.part.first
        return self.part.rows[at] if 0 <= at < len(self.part.rows) else None

    def index_of(self, job: int | None, otherwise: int) -> int:
        """Return the index of a job, `otherwise` if it is not among the known rows."""
        places = (self.part.first + at for at, row in enumerate(self.part.rows) if row.job == job)
        return next(places, otherwise)

    def knows(self, indexes: Iterable[int]) -> bool:
        """True if the rows at all these indexes are known."""
        known = range(self.part.first, self.part.first + len(self.part.rows))
        return all(index in known for index in indexes)

    def forget_rows(self) -> None:
        """Drop the rows, keep the counts."""
        self.part = replace(self.part, first=0, rows=(), hint="", filter_error="")

    @property
    def id_width(self) -> int:
        """The width of the longest id, in cells."""
        return max((cell_len(clean_line(row.id[:64])) for row in self.part.rows), default=0)

    @property
    def worker_width(self) -> int:
        """The width of the longest name of a worker, in cells; 0 where there is none."""
        names = (clean_line(row.worker[:64]) for row in self.part.rows if row.worker)
        return max((max(1, cell_len(name)) for name in names), default=0)

    @property
    def key_width(self) -> int:
        """The width of the longest key label, in cells."""
        return max((cell_len(row.key) for row in self.part.rows if row.key), default=0)
