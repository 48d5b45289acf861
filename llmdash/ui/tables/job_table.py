"""Every job, a row each, whatever their number: only the rows on screen are asked for, held and drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.message import Message

from llmdash.engine.model.frame import JobRow, JobsPart
from llmdash.engine.model.states import SortColumn
from llmdash.engine.model.view import JobsView
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.job_columns import SORTS, cell, job_columns
from llmdash.ui.tables.job_order import JobOrder
from llmdash.ui.tables.job_window import JobWindow
from llmdash.ui.tables.line_table import LineTable
from llmdash.ui.tables.row_painter import HEADER, Cell
from llmdash.ui.text.format import count

__all__ = ["JobTable"]

OVERSCAN = 8
"""Rows asked for above and below the screen, so that a step of the cursor finds its row there."""

LONGEST_KEY = 12
LEAST_ID = 8
LONGEST_ID = 20
"""A longer id gets more room only where some is left."""


class _Shown(NamedTuple):
    """What decides the looks of a row."""

    row: JobRow
    marked: bool


class JobTable(LineTable):
    """The job table.

    The row under the cursor never moves by itself: what is asked for is anchored to it. While `follow` is on,
    the cursor rests on the top row and the newest job is shown there.

    | Key | Does |
    |---|---|
    | enter | Inspect the job under the cursor. |
    | space | Mark or unmark it, and step down; marked jobs act together. |
    | escape | Unmark all. |
    | r | Retry it, or all marked ones. |
    | x | Cancel it, or all marked ones. |
    | s | Sort by the next column; a click on a header sorts by that one. |
    | i | Reverse the order. |
    | f | Follow the newest job, or stay. |

    Component classes are those of `LineTable`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "activate", "Inspect", tooltip="Show the job under the cursor in full"),
        Binding("space", "mark", "Mark", show=False, tooltip="Mark or unmark it; marked jobs act together"),
        Binding("escape", "unmark", "Unmark", show=False, tooltip="Drop the marks"),
        Binding("s", "sort_next", "Sort", tooltip="Sort by the next column"),
        Binding("i", "reverse", "Reverse", show=False, tooltip="Turn the order round"),
        Binding("r", "retry", "Retry", tooltip="Queue the marked jobs, or this one, again"),
        Binding("x", "cancel", "Cancel", show=False, tooltip="End the marked jobs, or this one"),
        Binding("f", "follow", "Follow", tooltip="Keep to the newest jobs"),
    ]

    @dataclass
    class FromTable(Message):
        """What all messages of the table share."""

        table: JobTable

        @property
        def control(self) -> JobTable:
            return self.table

    @dataclass
    class Inspect(FromTable):
        """Posted when enter is pressed on a job, or its row is clicked twice."""

        job: int

    @dataclass
    class Retry(FromTable):
        """Posted when the marked jobs, or the one under the cursor, shall be tried again."""

        jobs: tuple[int, ...]

    @dataclass
    class CancelJobs(FromTable):
        """Posted when the marked jobs, or the one under the cursor, shall be cancelled."""

        jobs: tuple[int, ...]

    @dataclass
    class CursorMoved(FromTable):
        """Posted when another job is under the cursor, but not while following."""

        job: int

    @dataclass
    class FollowChanged(FromTable):
        """Posted when following was switched on or off, by key or by moving away from the top."""

        follow: bool

    @dataclass
    class WindowChanged(FromTable):
        """Posted when rows came on screen that are not known yet: `show` is wanted soon."""

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(job_columns(4, LEAST_ID, 4), name=name, id=id, classes=classes)
        self._known = JobWindow()
        self._follow = True
        self._order = JobOrder()
        self._cursor_job: int | None = None
        self._marked: frozenset[int] = frozenset()
        self._key_width = 4
        self._id_width = LEAST_ID
        self._show_title()

    # What the screen asks and tells.

    @property
    def follow(self) -> bool:
        """Whether the cursor stays on the newest job."""
        return self._follow

    @property
    def cursor_job(self) -> int | None:
        """The number of the job under the cursor; None while it is not known, or there is none."""
        return self._cursor_job

    @property
    def marked(self) -> frozenset[int]:
        """The numbers of the marked jobs."""
        return self._marked

    def wanted(self) -> JobsView:
        """The rows to ask the session for."""
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
        )

    def show(self, part: JobsPart) -> None:
        """Show the rows that answer `wanted`; nothing is repainted that looks the same."""
        if part == self._known.part:
            return
        anchor = self._anchor()
        self._known.part = part
        self._fit_columns()
        self._settle(anchor)
        self._name_cursor_job()
        self._show_title()
        self.rows_changed()

    def set_filter(self, text: str) -> None:
        """Show only the jobs that match; the cursor goes to the top."""
        self._reorder(replace(self._order, filter=text))

    def sort_by(self, column: SortColumn) -> None:
        """Sort by a column, largest first where that is what one looks for; the same one again reverses."""
        self._reorder(self._order.by(column))

    def clear_marks(self) -> None:
        """Unmark all jobs."""
        self._set_marks(frozenset())

    # What the base asks.

    def row_count(self) -> int:
        return self._known.part.matched

    def row_at(self, index: int) -> _Shown | None:
        row = self._known.row(index)
        return None if row is None else _Shown(row, row.job in self._marked)

    def cell_at(self, row: Any, key: str) -> Cell:
        return cell(row.row, row.marked, key)

    def is_marked(self, row: Any) -> bool:
        return bool(row.marked)

    def title_of(self, column: Column) -> Cell:
        if SORTS.get(column.key) is not self._order.sort:
            return Cell(column.title, HEADER)
        return Cell(f"{column.title}{self._order.arrow}", "line-table--sorted")

    def cursor_moved(self) -> None:
        row = self._known.row(self.cursor_row)
        self._set_follow(False)
        self._set_cursor_job(None if row is None else row.job)

    def window_moved(self) -> None:
        if self.top > 0:
            self._set_follow(False)
        last = min(self.top + self.page_rows, self.row_count()) - 1
        if last >= 0 and not self._known.knows((self.top, last)):
            self.post_message(self.WindowChanged(self))

    def header_clicked(self, key: str) -> None:
        if key in SORTS:
            self.sort_by(SORTS[key])

    def row_activated(self) -> None:
        if self._cursor_job is not None:
            self.post_message(self.Inspect(self, self._cursor_job))

    # Staying where the user put it.

    def _anchor(self) -> tuple[int, int] | None:
        """A job that shall not move on screen, and its index: the cursor's, or the first visible one."""
        if self._follow:
            return None
        if self._cursor_job is not None and self.top <= self.cursor_row < self.top + self.page_rows:
            return self._cursor_job, self.cursor_row
        row = self._known.row(self.top)
        return None if row is None else (row.job, self.top)

    def _settle(self, anchor: tuple[int, int] | None) -> None:
        """Put cursor and window so that the anchored job is where it was."""
        if self._follow:
            self.place_top(0)
            self.place_cursor(0)
            return
        moved = 0
        if anchor is not None:
            job, before = anchor
            moved = self._known.index_of(job, before) - before
        self.place_top(self.top + moved)
        self.place_cursor(self._known.index_of(self._cursor_job, self.cursor_row + moved))

    def _name_cursor_job(self) -> None:
        """Learn which job is under the cursor now."""
        if self.row_count() == 0:
            self._cursor_job = None
        elif (row := self._known.row(self.cursor_row)) is not None:
            self._set_cursor_job(row.job)

    def _set_cursor_job(self, job: int | None) -> None:
        changed = job is not None and job != self._cursor_job
        self._cursor_job = job
        if changed and not self._follow and job is not None:
            self.post_message(self.CursorMoved(self, job))

    def _set_follow(self, follow: bool) -> None:
        if follow != self._follow:
            self._follow = follow
            self._show_title()
            self.post_message(self.FollowChanged(self, follow))

    def _reorder(self, order: JobOrder) -> None:
        """Show other rows, or in another order: from the top, with no row known yet."""
        if order == self._order:
            return
        self._order = order
        if not order.newest_first:
            self._set_follow(False)
        self._known.forget_rows()
        self._cursor_job = None
        self._to_top()

    def _to_top(self) -> None:
        self.place_top(0)
        self.place_cursor(0)
        self._show_title()
        self.rows_changed()
        self.post_message(self.WindowChanged(self))

    # Looks.

    def _fit_columns(self) -> None:
        """Widen the number, id and key columns where they must; they never shrink."""
        self._key_width = min(LONGEST_KEY, max(self._key_width, self._known.key_width))
        self._id_width = min(LONGEST_ID, max(self._id_width, self._known.id_width))
        self.set_columns(job_columns(max(4, self._known.number_width), self._id_width, self._key_width))

    def _show_title(self) -> None:
        pieces = ["Jobs", *self._order.words(self._known.part)]
        if self._marked:
            pieces.append(f"{count(len(self._marked))} marked")
        if self._follow:
            pieces.append("follow")
        self.set_title(" · ".join(pieces))

    # Keys.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return bool(self._marked) if action == "unmark" else True

    def action_mark(self) -> None:
        if self._cursor_job is not None:
            self._set_marks(self._marked ^ {self._cursor_job})
            self.move_cursor(self.cursor_row + 1)

    def action_unmark(self) -> None:
        self.clear_marks()

    def action_retry(self) -> None:
        if jobs := self._chosen():
            self.post_message(self.Retry(self, jobs))

    def action_cancel(self) -> None:
        if jobs := self._chosen():
            self.post_message(self.CancelJobs(self, jobs))

    def action_sort_next(self) -> None:
        self._reorder(self._order.by_next())

    def action_reverse(self) -> None:
        self._reorder(self._order.reversed())

    def action_follow(self) -> None:
        if self._follow:
            self._set_follow(False)
            return
        self._reorder(replace(self._order, sort=SortColumn.NEWEST, descending=False))
        self._set_follow(True)
        self._to_top()

    def _set_marks(self, marks: frozenset[int]) -> None:
        self._marked = marks
        self._show_title()
        self.rows_changed()

    def _chosen(self) -> tuple[int, ...]:
        """The marked jobs, or else the one under the cursor."""
        if self._marked:
            return tuple(sorted(self._marked))
        return () if self._cursor_job is None else (self._cursor_job,)
