"""Which jobs the table shows, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from llmdash.engine.model.frame import JobsPart
from llmdash.engine.model.states import SortColumn
from llmdash.lean_dataclass import dataclass
from llmdash.sanitize import clean_line
from llmdash.ui.text.format import count, share

__all__ = ["JobOrder"]

LARGEST_FIRST: Final = frozenset(
    {SortColumn.TRIES, SortColumn.WAIT, SortColumn.TTFT, SortColumn.TIME, SortColumn.OUT}
)
"""Columns that are sorted largest first."""

_SHOWN_BY: Final = {
    SortColumn.NEWEST: "id",
    SortColumn.NUMBER: "id",
    SortColumn.ID: "id",
    SortColumn.TRIES: "tries",
    SortColumn.WRONG: "state",
}
"""The column that shows an order, where that is not called like it."""
_WORDS: Final = {
    SortColumn.NEWEST: ("newest first", "oldest first"),
    SortColumn.NUMBER: ("in the order of the input", "from the end of the input"),
    SortColumn.WRONG: ("what went wrong first", "what went well first"),
}
"""What an order is called, and its reverse, where it is not by a column."""


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
    def has_all(self) -> bool:
        """True if every job has a row, also one that was never sent."""
        return self.sort in (SortColumn.NUMBER, SortColumn.ID) and not self.filter

    @property
    def shown_by(self) -> str:
        """The name of the column whose header shows the order."""
        return _SHOWN_BY.get(self.sort, self.sort.value)

    @property
    def arrow(self) -> str:
        """`▾` where the largest or newest is on top, else `▴`."""
        return "▾" if self.descending is not (self.sort is SortColumn.NEWEST) else "▴"

    def by(self, column: SortColumn) -> JobOrder:
        """Return the order by a column, its usual direction first; the same column again reverses."""
        descending = not self.descending if column is self.sort else column in LARGEST_FIRST
        return replace(self, sort=column, descending=descending)

    def by_next(self, *, is_streamed: bool = True) -> JobOrder:
        """Return the order by the column after the present one; by none that streams alone have."""
        columns = list(SortColumn)
        following = columns[(columns.index(self.sort) + 1) % len(columns)]
        order = self.by(following)
        return order if is_streamed or following is not SortColumn.TTFT else order.by_next()

    def reversed(self) -> JobOrder:
        """Return the reverse order."""
        return self.by(self.sort)

    def words(self, part: JobsPart, *, follow: bool, marked: int) -> str:
        """Return what the border says about these rows: their order, and which they are; of a filter that is
        not understood only what is wrong with it.
        """
        if part.filter_error:
            return clean_line(part.filter_error)
        shown = f"all {count(part.total)}"
        if self.filter:
            shown = f"{count(part.matched)} of {count(part.total)} · {self.filter}"
        searching = "" if part.searched is None else f"searching… {share(part.searched, 0)}"
        marks = f"{count(marked)} marked" if marked else ""
        pieces = (self._order_words(), "following" if follow else "", marks, searching, shown)
        return " · ".join(piece for piece in pieces if piece)

    def _order_words(self) -> str:
        forwards, backwards = _WORDS.get(self.sort, ("", ""))
        if forwards:
            return backwards if self.descending else forwards
        return f"by {self.sort.value} {self.arrow}"
