"""Where the job table is among its jobs, and what keeps it there while they change."""

from __future__ import annotations

from llmdash.ui.tables.job_window import JobWindow

__all__ = ["JobPlace"]


class JobPlace:
    """The job under the cursor, and why the first row is on top where it stays so.

    Rows and tops are indexes among all rows, of which `known` has some.
    """

    def __init__(self, known: JobWindow) -> None:
        self._known = known
        self.job: int | None = None
        """The number of the job under the cursor; None while it is not known, or there is none."""
        self.follow = True
        """True while the cursor stays on the newest job."""
        self.keeps_top = False
        """True until the cursor is moved where the order of an ended run was asked for: it comes later."""
        self.sought: int | None = None
        """The job to go to, until its row is there."""
        self.seeks_end = False
        """True from the jump to a last row that is not known until it is: more rows may come before it."""

    def is_missed(self) -> bool:
        """Return whether rows have come without the job that is sought; where it is there, it is no more."""
        if self.sought is None or not self._known.part.rows:
            return False
        if self._known.index_of(self.sought, -1) >= 0:
            self.sought = None
            return False
        return True

    def anchor(self, top: int, cursor: int, page: int) -> tuple[int, int] | None:
        """Return the job that must not move on screen, and its row: the cursor's, or the first visible one.
        None where the first row stays on top.
        """
        if self.follow or self.keeps_top:
            return None
        if self.job is not None and top <= cursor < top + page:
            return self.job, cursor
        row = self._known.row(top)
        return None if row is None else (row.job, top)

    def settled(self, anchor: tuple[int, int] | None, top: int, cursor: int) -> tuple[int, int]:
        """Return the top and the cursor with which the anchored job is where it was."""
        if self.follow or self.keeps_top:
            return 0, 0
        if self.seeks_end:
            last = self._known.part.matched - 1
            self.seeks_end = self._known.row(last) is None
            return top + last - cursor, last
        moved = 0
        if anchor is not None:
            job, before = anchor
            moved = self._known.index_of(job, before) - before
        return top + moved, self._known.index_of(self.job, cursor + moved)
