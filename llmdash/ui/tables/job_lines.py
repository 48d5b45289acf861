"""The rows of the jobs: those on screen are requested, and the one under the cursor stays in place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from textual.geometry import Region
from textual.selection import Selection

from llmdash.engine.model.frame import JobsPart, RunPart
from llmdash.engine.model.states import SortColumn
from llmdash.engine.model.view import JobsView
from llmdash.ui.charts.bar_scale import BarScale
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.job_cells import ShownJob, cell
from llmdash.ui.tables.job_columns import is_column
from llmdash.ui.tables.job_layout import JobLayout
from llmdash.ui.tables.job_order import JobOrder
from llmdash.ui.tables.job_place import JobPlace
from llmdash.ui.tables.job_summary import SummaryRow, figures
from llmdash.ui.tables.job_window import JobWindow
from llmdash.ui.tables.line_table import LineTable
from llmdash.ui.tables.marked_jobs import MarkedJobs
from llmdash.ui.tables.row_painter import HEADER, Cell
from llmdash.ui.text.format import count
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.panel_border import PanelBorder

__all__ = ["OVERSCAN", "JobLines"]

OVERSCAN = 8
"""Rows requested above and below the screen, so that a step of the cursor finds its row known."""
_SUMMARY_LINE: Final = 1
_NO_RUN: Final = RunPart()
_NOTHING_SENT: Final = "Nothing was sent yet; # shows the jobs in the order of the input"


class JobLines(LineTable):
    """Shows the jobs in an order that can be chosen, in columns that can be chosen.

    The row under the cursor never moves by itself: requests are anchored to it. While `follow` is on, the
    cursor stays on the top row, which shows the newest job. The row below the header sums up what waits, or
    what came of the jobs.
    """

    HEAD_LINES = 2
    SIGN_CELLS = 1

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
        self._shape = JobLayout()
        super().__init__(self._shape.columns(0), name=name, id=id, classes=classes)
        self._border = PanelBorder(self, "Jobs")
        self._known = JobWindow()
        self._place = JobPlace(self._known)
        self._order = JobOrder()
        self._is_review = False
        """True while what went wrong is on top since the run has ended, until the user chose another one."""
        self._marks = MarkedJobs()
        self._summary = SummaryRow()
        self._scale = BarScale()
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

    @property
    def marked(self) -> frozenset[int]:
        """The numbers of the marked jobs."""
        return frozenset(self._marks)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns that are wanted, from left to right."""
        return self._shape.names(self.line_width)

    @property
    def usual_columns(self) -> tuple[str, ...]:
        """The names of the columns where none were chosen."""
        return self._shape.usual(self.line_width)

    @property
    def known_columns(self) -> tuple[str, ...]:
        """The names of all columns that can be chosen."""
        return self._shape.others(self._known.part.fields)

    @property
    def is_complete(self) -> bool:
        """True if every row on screen is known."""
        last = min(self.top + self.page_rows, self.row_count())
        return self._known.knows((self.top, last - 1)) if last > self.top else True

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

    def show(self, part: JobsPart, run: RunPart = _NO_RUN) -> None:
        """Show the rows that `wanted` requested, of this run; only lines that change are repainted."""
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
        self._place.keeps_top = False
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

    def row_count(self) -> int:
        return self._known.part.matched

    def row_at(self, index: int) -> ShownJob | None:
        row = self._known.row(index)
        if row is None:
            return None
        return ShownJob(
            row,
            row.job in self._marks,
            index == self.cursor_row and self._summary.chosen is None,
            self._scale.seconds,
            self._shape.texts(self.line_width),
            self._shape.is_streamed,
        )

    def cell_at(self, row: Any, key: str) -> Cell:
        return cell(row, key, self.column_width(key))

    def is_marked(self, row: Any) -> bool:
        return bool(row.marked)

    def hint(self) -> str:
        part = self._known.part
        if part.hint:
            return f" {part.hint}"
        return f" {_NOTHING_SENT}" if part.total and not self._order.filter else ""

    def head_line(self, y: int, width: int) -> list[Cell]:
        return self._summary.pieces(width)

    def title_of(self, column: Column) -> Cell:
        title = column.title_in(self.column_width(column.key))
        if column.key == "bar":
            title = self._shape.bar_title(self._scale.seconds)
        if column.key != self._order.shown_by:
            return Cell(title, HEADER)
        between = " " if len(title) + 2 <= self.column_width(column.key) else ""
        return Cell(f"{title}{between}{self._order.arrow}", "line-table--sorted")

    def cursor_moved(self) -> None:
        row = self._known.row(self.cursor_row)
        self._place.keeps_top = False
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

    def _fit_columns(self) -> None:
        self.set_columns(self._shape.fit(self._known).columns(self.line_width))

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
        self._place.keeps_top = False
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

    def _repaint_summary(self) -> None:
        self.refresh(Region(0, _SUMMARY_LINE, self.scrollable_content_region.width, 1))
