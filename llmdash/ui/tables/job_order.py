"""Which jobs the table shows, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from llmdash.engine.model.frame import JobsPart
from llmdash.engine.model.states import SortColumn
from llmdash.ui.text.format import count

__all__ = ["JobOrder"]

LARGEST_FIRST: Final = frozenset(
    {SortColumn.TRIES, SortColumn.WAIT, SortColumn.TTFT, SortColumn.TIME, SortColumn.OUT}
)
"""Columns that are sorted largest first."""


@dataclass(frozen=True, slots=True)
class JobOrder:
    """A sort column, its direction, and a filter. The default is all jobs, newest first."""

    sort: SortColumn = SortColumn.NEWEST
    descending: bool = False
    filter: str = ""

    @property
    def newest_first(self) -> bool:
        """True if the newest job is on top, so that it can be followed."""
        return self.sort is SortColumn.NEWEST and not self.descending

    @property
    def arrow(self) -> str:
        return "↓" if self.descending else "↑"

    def by(self, column: SortColumn) -> JobOrder:
        """Return the order by a column, its usual direction first; the same column again reverses."""
        descending = not self.descending if column is self.sort else column in LARGEST_FIRST
        return replace(self, sort=column, descending=descending)

    def by_next(self) -> JobOrder:
        """Return the order by the column after the present one."""
        columns = list(SortColumn)
        return self.by(columns[(columns.index(self.sort) + 1) % len(columns)])

    def reversed(self) -> JobOrder:
        """Return the reverse order."""
        return self.by(self.sort)

    def words(self, part: JobsPart) -> list[str]:
        """Return what the title says about these rows."""
        if part.filter_error:
            shown = ["filter not understood"]
        elif self.filter:
            shown = [f"{count(part.matched)} of {count(part.total)}", self.filter]
        else:
            shown = [f"all {count(part.total)}"]
        if self.sort is SortColumn.NEWEST:
            return [*shown, "oldest first" if self.descending else "newest first"]
        if self.sort is SortColumn.WRONG:
            return [*shown, "what went well first" if self.descending else "what went wrong first"]
        return [*shown, f"sorted by {self.sort.value} {self.arrow}"]
