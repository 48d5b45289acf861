"""A row for each job, however many: only the rows on screen are requested, held and drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, NamedTuple

from textual.binding import BindingType

from llmdash.engine.model.frame import JobRow, JobsPart
from llmdash.engine.model.states import SortColumn
from llmdash.engine.model.view import JobsView
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.job_columns import SORTS, cell
from llmdash.ui.tables.job_order import JobOrder
from llmdash.ui.tables.job_place import JobPlace
from llmdash.ui.tables.job_widths import JobWidths
from llmdash.ui.tables.job_window import JobWindow
from llmdash.ui.tables.line_table import LineTable
from llmdash.ui.tables.row_painter import HEADER, Cell
from llmdash.ui.text.format import count
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.messages import FromWidget

__all__ = ["NO_JOB", "JobTable"]

NO_JOB: Final = "There is no job under the cursor"

OVERSCAN = 8
"""Rows requested above and below the screen, so that a step of the cursor finds its row known."""


class _Shown(NamedTuple):
    """What decides the look of a row."""

    row: JobRow
    marked: bool


class JobTable(LineTable):
    """The job table.

    The row under the cursor never moves by itself: requests are anchored to it. While `follow` is on, the
    cursor stays on the top row, which shows the newest job.

    | Key | Does |
    |---|---|
    | enter | Inspect the job under the cursor. |
    | space | Mark or unmark it, and step down; marked jobs act together. |
    | escape | Unmark all. |
    | r | Retry it, or all marked ones. |
    | x | Cancel it, or all marked ones. |
    | s | Sort by the next column; a click on a header sorts by that one. |
    | i | Reverse the order. |
    | f | Follow the newest job, or stop following. |

    Component classes are those of `LineTable`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "activate", "Inspect", tooltip="Show the job under the cursor in full"),
        Binding("slash", "screen.filter", "Filter", tooltip="Show only some jobs"),
        Binding("space", "mark", "Mark", show=False, tooltip="Mark or unmark it; marked jobs act together"),
        Binding("escape", "unmark", "Unmark", show=False, tooltip="Clear the marks"),
        Binding("s", "sort_next", "Sort", tooltip="Sort by the next column"),
        Binding("i", "reverse", "Reverse", show=False, tooltip="Reverse the order"),
        Binding("r", "retry", "Retry", tooltip="Queue the marked jobs, or this one, again"),
        Binding("x", "cancel", "Cancel", tooltip="End the marked jobs, or this one"),
        Binding("f", "follow", "Follow", tooltip="Follow the newest jobs"),
    ]

    @dataclass
    class Inspect(FromWidget):
        """Posted when enter is pressed on a job, or its row is clicked twice."""

        job: int

    @dataclass
    class Retry(FromWidget):
        """Posted when the user retries the marked jobs, or the one under the cursor."""

        jobs: tuple[int, ...]

    @dataclass
    class CancelJobs(FromWidget):
        """Posted when the user cancels the marked jobs, or the one under the cursor."""

        jobs: tuple[int, ...]

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
        super().__init__(JobWidths().columns(), name=name, id=id, classes=classes)
        self._known = JobWindow()
        self._place = JobPlace(self._known)
        self._order = JobOrder()
        self._is_review = False
        """True while the order is that of a run that has ended, and nobody chose another one."""
        self._marked: frozenset[int] = frozenset()
        self._widths = JobWidths()
        self._show_title()

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
        return self._marked

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
        )

    def show(self, part: JobsPart) -> None:
        """Show the rows that `wanted` requested; only lines that change are repainted."""
        if part == self._known.part:
            return
        anchor = self._anchor()
        self._known.part = part
        self.set_columns(self._widths.fit(self._known).columns())
        self._settle(anchor)
        self._name_cursor_job()
        self._show_title()
        self.rows_changed()

    def review(self, ended: bool) -> None:
        """Show what went wrong first once the run has `ended`, unless the user looks at something else; and
        follow the newest jobs again when it goes on.
        """
        if ended and self._place.follow:
            self._reorder(replace(self._order, sort=SortColumn.WRONG, descending=False))
            self._is_review = self._place.keeps_top = True
        elif not ended and self._is_review:
            self.action_follow()

    def set_filter(self, text: str) -> None:
        """Show only the jobs that match; the cursor goes to the top."""
        self._reorder(replace(self._order, filter=text))

    def sort_by(self, column: SortColumn) -> None:
        """Sort by a column, largest first where that is more useful; the same one again reverses."""
        self._reorder(self._order.by(column))

    @property
    def has_marks(self) -> bool:
        """True while jobs are marked."""
        return bool(self._marked)

    def clear_marks(self) -> None:
        """Unmark all jobs."""
        self._set_marks(frozenset())

    # What LineTable calls.

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
        self._place.keeps_top = False
        self._set_follow(False)
        self._set_cursor_job(None if row is None else row.job)

    def window_moved(self) -> None:
        if self.top > 0:
            self._place.keeps_top = False
            self._set_follow(False)
        last = min(self.top + self.page_rows, self.row_count()) - 1
        if last >= 0 and not self._known.knows((self.top, last)):
            self.post_message(self.WindowChanged(self))

    def row_picked(self) -> None:
        """Mark the row that was clicked, or unmark it."""
        if self._place.job is not None:
            self._set_marks(self._marked ^ {self._place.job})

    def header_clicked(self, key: str) -> None:
        if key in SORTS:
            self.sort_by(SORTS[key])

    def row_activated(self) -> None:
        if self._place.job is not None:
            self.post_message(self.Inspect(self, self._place.job))
        else:
            self._tell(NO_JOB)

    # Keeping the row under the cursor in place.

    def _anchor(self) -> tuple[int, int] | None:
        return self._place.anchor(self.top, self.cursor_row, self.page_rows)

    def _settle(self, anchor: tuple[int, int] | None) -> None:
        """Put cursor and window so that the anchored job is where it was."""
        top, cursor = self._place.settled(anchor, self.top, self.cursor_row)
        self.place_top(top)
        self.place_cursor(cursor)

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
            self._show_title()
            self.post_message(self.FollowChanged(self, follow))

    def _reorder(self, order: JobOrder) -> None:
        """Change the rows or their order: go to the top, and drop the known rows."""
        if order == self._order:
            return
        self._order = order
        self._place.keeps_top = False
        self._is_review = self._is_review and order.sort is SortColumn.WRONG
        if not order.newest_first:
            self._set_follow(False)
        self._known.forget_rows()
        self._place.job = None
        self._to_top()

    def _to_top(self) -> None:
        self.place_top(0)
        self.place_cursor(0)
        self._show_title()
        self.rows_changed()
        self.post_message(self.WindowChanged(self))

    def _show_title(self) -> None:
        pieces = ["Jobs", *self._order.words(self._known.part)]
        if self._marked:
            pieces.append(f"{count(len(self._marked))} marked")
        if self._place.follow:
            pieces.append("follow")
        self.set_title(" · ".join(pieces))

    # Keys.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return bool(self._marked) if action == "unmark" else True

    def action_mark(self) -> None:
        if self._place.job is not None:
            self._set_marks(self._marked ^ {self._place.job})
            self.move_cursor(self.cursor_row + 1)
        else:
            self._tell(NO_JOB)

    def action_unmark(self) -> None:
        self.clear_marks()

    def action_retry(self) -> None:
        if jobs := self._chosen_unless("Only a job that has ended can be tried again", ended=False):
            self.post_message(self.Retry(self, jobs))

    def action_cancel(self) -> None:
        if jobs := self._chosen_unless("A job that has ended cannot be cancelled", ended=True):
            self.post_message(self.CancelJobs(self, jobs))

    def _chosen_unless(self, refusal: str, *, ended: bool) -> tuple[int, ...]:
        """The chosen jobs; none, and the reason is told, without any or where all have ended, or have not."""
        jobs = self._chosen()
        if jobs and not self._all_are(jobs, ended=ended):
            return jobs
        self._tell(refusal if jobs else NO_JOB)
        return ()

    def _all_are(self, jobs: tuple[int, ...], *, ended: bool) -> bool:
        """True if all these jobs are known to have ended, or not to."""
        states = {row.job: row.state for row in self._known.part.rows}
        return all(job in states and states[job].ended is ended for job in jobs)

    def _tell(self, why: str) -> None:
        """Say why a key did nothing."""
        self.notify(why, markup=False)

    def action_sort_next(self) -> None:
        self._reorder(self._order.by_next())

    def action_reverse(self) -> None:
        self._reorder(self._order.reversed())

    def action_follow(self) -> None:
        if self._place.follow:
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
        return () if self._place.job is None else (self._place.job,)
