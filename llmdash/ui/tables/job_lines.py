"""The rows of the jobs: those on screen are requested, and the one under the cursor stays in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from textual.selection import Selection

from llmdash.engine.model.frame import BatchRow, JobsPart, RunPart
from llmdash.engine.model.states import SortColumn
from llmdash.engine.model.view import JobsView
from llmdash.lean_dataclass import dataclass
from llmdash.ui.tables.batched_rows import with_batches
from llmdash.ui.tables.job_columns import is_column
from llmdash.ui.tables.job_grid import JobGrid
from llmdash.ui.tables.job_order import JobOrder
from llmdash.ui.tables.job_place import JobPlace
from llmdash.ui.tables.job_summary import figures
from llmdash.ui.text.format import count
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.panel_border import PanelBorder

__all__ = ["OVERSCAN", "JobLines"]

OVERSCAN = 8
"""Rows requested above and below the screen, so that a step of the cursor finds its row known."""
_NO_RUN: Final = RunPart()


class JobLines(JobGrid):
    """Shows the jobs in an order that can be chosen, in columns that can be chosen.

    The row under the cursor never moves by itself: requests are anchored to it. While `follow` is on, the
    cursor stays on the top row, which shows the newest job. The row below the header sums up what waits, or
    what came of the jobs.
    """

    @dataclass
    class CursorMoved(FromWidget):
        """Posted when another job is under the cursor, but not while following."""

        job: int

    @dataclass
    class FollowChanged(FromWidget):
        """Posted when following was switched on or off, by key or by moving away from the top."""

        follow: bool

    @dataclass
    class WindowChanged(FromWidget):
        """Posted when rows came on screen that are not known yet: `show` should be called soon."""

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._border = PanelBorder(self, "Jobs")
        self._place = JobPlace(self._known)
        self._is_review = False
        """True while what went wrong is on top since the run has ended, until the user chose another one."""
        self._show_border()

    # For the screen.

    @property
    def follow(self) -> bool:
        """Whether the cursor stays on the newest job."""
        return self._place.follow

    @property
    def cursor_job(self) -> int | None:
        """The number of the job under the cursor; None while it is not known, or there is none."""
        return self._place.job

    def wanted(self) -> JobsView:
        """Return the rows to request from the session."""
        first = max(0, self.top - OVERSCAN)
        height = self.page_rows + 2 * OVERSCAN
        anchor = self._anchor()
        return JobsView(
            first=first,
            height=height,
            anchor=None if anchor is None else anchor[0],
            anchor_offset=0 if anchor is None else anchor[1] - first,
            sort=self._order.sort,
            descending=self._order.descending,
            filter=self._order.filter,
            columns=self._shape.texts(self.line_width),
            preview_width=self._shape.preview_width(self.line_width),
        )

    def show(self, part: JobsPart, run: RunPart = _NO_RUN, batches: Sequence[BatchRow] = ()) -> None:
        """Show the rows that `wanted` requested, of this run; only lines that change are repainted."""
        part = with_batches(part, batches)
        if self._summary.show(figures(part, run)):
            self._repaint_summary()
        if self._scale.seconds != self._scale.follow(run):
            self.refresh()
        elif part == self._known.part:
            return
        anchor = self._anchor()
        self._shape.suit(run)
        self._known.part = part
        self._fit_columns()
        self._settle(anchor)
        self._name_cursor_job()
        self.rows_changed()
        self._show_border()

    def choose_columns(self, names: tuple[str, ...] | None) -> None:
        """Show these columns in this order, as far as there are such; None for those that fit the width."""
        self._shape.chosen = tuple(filter(is_column, names)) or None if names is not None else None
        self._fit_columns()
        self.refresh()
        self.post_message(self.WindowChanged(self))

    def go_to(self, job: int) -> None:
        """Put the cursor on a job; where it has no row in this order, show that of the input."""
        self._set_follow(False)
        self._place.keeps_top = self._place.seeks_end = False
        self._place.sought = job
        self._known.forget_rows()
        self._set_cursor_job(job)
        self.rows_changed()
        self.post_message(self.WindowChanged(self))

    def review(self, ended: bool) -> None:
        """Show what went wrong first once the run has `ended`, unless the user looks at something else; and
        follow the newest jobs again when it goes on.
        """
        if ended and self._place.follow:
            self._reorder(replace(self._order, sort=SortColumn.WRONG, descending=False))
            self._is_review = self._place.keeps_top = True
        elif not ended and self._is_review:
            self.follow_newest()

    def follow_newest(self) -> None:
        """Show the newest job on top, and keep the cursor on it."""
        self._reorder(replace(self._order, sort=SortColumn.NEWEST, descending=False))
        self._set_follow(True)
        self._to_top()

    def set_filter(self, text: str) -> None:
        """Show only the jobs that match; the cursor goes to the top."""
        self._reorder(replace(self._order, filter=text))

    def sort_by(self, column: SortColumn) -> None:
        """Sort by a column, largest first where that is more useful; the same one again reverses."""
        self._reorder(self._order.by(column))

    # What LineTable calls.

    def cursor_moved(self) -> None:
        row = self._known.row(self.cursor_row)
        self._place.keeps_top = False
        self._place.seeks_end = row is None and self.cursor_row == self.row_count() - 1
        self._set_follow(False)
        self._set_cursor_job(None if row is None else row.job)
        self._show_border()

    def window_moved(self) -> None:
        if self.top > 0:
            self._place.keeps_top = False
            self._set_follow(False)
        self._show_border()
        if not self.is_complete:
            self.post_message(self.WindowChanged(self))

    def on_resize(self) -> None:
        self._fit_columns()
        super().on_resize()
        self._border.draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._border.draw()

    def selection_updated(self, selection: Selection | None) -> None:
        """Stay with the rows that have text selected."""
        if selection is not None:
            self._set_follow(False)
        super().selection_updated(selection)

    # Keeping the row under the cursor in place.

    def _anchor(self) -> tuple[int, int] | None:
        return self._place.anchor(self.top, self.cursor_row, self.page_rows)

    def _settle(self, anchor: tuple[int, int] | None) -> None:
        """Put cursor and window so that the anchored job is where it was; where the job that is sought has no
        row, ask for an order in which it has.
        """
        top, cursor = self._place.settled(anchor, self.top, self.cursor_row)
        self.rows_moved(top - self.top)
        self.place_top(top)
        self.place_cursor(cursor)
        if self._place.is_missed() and not self._order.has_all:
            sought = self._place.sought
            self._reorder(JobOrder(SortColumn.NUMBER))
            self._place.sought = self._place.job = sought

    def _name_cursor_job(self) -> None:
        """Update the number of the job under the cursor."""
        if self.row_count() == 0:
            self._place.job = None
        elif (row := self._known.row(self.cursor_row)) is not None:
            self._set_cursor_job(row.job)

    def _set_cursor_job(self, job: int | None) -> None:
        changed = job is not None and job != self._place.job
        self._place.job = job
        if changed and not self._place.follow and job is not None:
            self.post_message(self.CursorMoved(self, job))

    def _set_follow(self, follow: bool) -> None:
        if follow != self._place.follow:
            self._place.follow = follow
            self._show_border()
            self.post_message(self.FollowChanged(self, follow))

    def _reorder(self, order: JobOrder) -> None:
        """Change the rows or their order: go to the top, and drop the known rows."""
        if order == self._order:
            return
        self._order = order
        self.header_changed()  # it marks the column of the order
        self._place.keeps_top = self._place.seeks_end = False
        self._is_review = self._is_review and order.sort is SortColumn.WRONG
        if not order.newest_first:
            self._set_follow(False)
        self._known.forget_rows()
        self._place.job = None
        self._to_top()

    def _to_top(self) -> None:
        self.unselect()
        self.place_top(0)
        self.place_cursor(0)
        self._show_border()
        self.rows_changed()
        self.post_message(self.WindowChanged(self))

    def _show_border(self) -> None:
        part, first, last = self._known.part, self.top + 1, min(self.top + self.page_rows, self.row_count())
        where = f"{count(first)}–{count(last)} of {count(part.matched)}" if 0 < first <= last else ""
        how = self._order.words(part, follow=self._place.follow, marked=len(self._marks))
        self._border.show("Jobs", how, where)
