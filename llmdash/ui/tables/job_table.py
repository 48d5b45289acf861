"""A row for each job, however many: only the rows on screen are requested, held and drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from textual.binding import BindingType
from textual.geometry import Region

from llmdash.engine.model.frame import JobsPart, RunPart
from llmdash.engine.model.states import SortColumn
from llmdash.engine.model.view import JobsView
from llmdash.ui.charts.bar_scale import BarScale
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.job_cells import ShownJob, cell
from llmdash.ui.tables.job_columns import SORTS, default_columns, is_column
from llmdash.ui.tables.job_layout import JobLayout
from llmdash.ui.tables.job_order import JobOrder
from llmdash.ui.tables.job_place import JobPlace
from llmdash.ui.tables.job_summary import SummaryRow, figures
from llmdash.ui.tables.job_window import JobWindow
from llmdash.ui.tables.line_table import LineTable
from llmdash.ui.tables.marked_jobs import MarkedJobs
from llmdash.ui.tables.row_painter import HEADER, Cell
from llmdash.ui.text.format import count
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.panel_border import PanelBorder

__all__ = ["NO_JOB", "JobTable"]

NO_JOB: Final = "There is no job under the cursor"

OVERSCAN = 8
"""Rows requested above and below the screen, so that a step of the cursor finds its row known."""
_SUMMARY_LINE: Final = 1
_NO_RUN: Final = RunPart()
_NOTHING_SENT: Final = "Nothing was sent yet; # shows the jobs in the order of the input"


class JobTable(LineTable):
    """The job table.

    The row under the cursor never moves by itself: requests are anchored to it. While `follow` is on, the
    cursor stays on the top row, which shows the newest job. The row below the header sums up what waits, or
    what came of the jobs; each of its figures is a filter.

    | Key | Does |
    |---|---|
    | enter | Inspect the job under the cursor; on a figure of the summary: show these jobs. |
    | up | From the first row: to the summary, where left and right choose a figure. |
    | space | Mark or unmark it, and step down; marked jobs act together. |
    | M | Show the marked jobs alone. |
    | c | Copy its id, or those of all marked ones. |
    | escape | Unmark all. |
    | r | Retry it, or all marked ones. |
    | x | Cancel it, or all marked ones. |
    | s | Sort by the next column; a click on a header sorts by that one. |
    | i | Reverse the order. |
    | f | Follow the newest job, or stop following. |

    Component classes are those of `LineTable`.
    """

    HEAD_LINES = 2

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "activate", "Inspect", tooltip="Show the job under the cursor in full"),
        Binding("slash", "screen.filter", "Filter", tooltip="Show only some jobs"),
        Binding("space", "mark", "Mark", show=False, tooltip="Mark or unmark it; marked jobs act together"),
        Binding("M", "show_marked", "Show marked", show=False, tooltip="Show the marked jobs alone"),
        Binding(
            "c", "copy_ids", "Copy id", show=False, tooltip="Copy the ids of the marked jobs, or this one"
        ),
        Binding("escape", "unmark", "Unmark", show=False, tooltip="Clear the marks"),
        Binding("s", "sort_next", "Sort", tooltip="Sort by the next column"),
        Binding("i", "reverse", "Reverse", show=False, tooltip="Reverse the order"),
        Binding("r", "retry", "Retry", tooltip="Queue the marked jobs, or this one, again"),
        Binding("x", "cancel", "Cancel", tooltip="End the marked jobs, or this one"),
        Binding("f", "follow", "Follow", tooltip="Follow the newest jobs"),
        Binding("C", "screen.columns", "Columns", tooltip="Choose and order the columns"),
        Binding("left", "figure(-1)", "Figure to the left", show=False, tooltip="The one before"),
        Binding("right", "figure(1)", "Figure to the right", show=False, tooltip="The next one"),
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
    class CopyIds(FromWidget):
        """Posted when the user copies the ids of the marked jobs, or of the one under the cursor."""

        ids: tuple[str, ...]

    @dataclass
    class FilterAsked(FromWidget):
        """Posted when the user wants to see the jobs that a filter lets through."""

        filter: str

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
        return self._shape.names(self._line_width)

    @property
    def usual_columns(self) -> tuple[str, ...]:
        """The names of the columns where none were chosen."""
        return default_columns(self._line_width)

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
            columns=self._shape.texts(self._line_width),
            preview_width=self._shape.preview_width(self._line_width),
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
        return bool(self._marks)

    def clear_marks(self) -> None:
        """Unmark all jobs."""
        self._marks.clear()
        self._marks_changed()

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
            self._shape.texts(self._line_width),
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

    def head_clicked(self, y: int, x: int) -> None:
        self._ask_for(self._summary.filter_at(x, self._line_width))

    def title_of(self, column: Column) -> Cell:
        title = column.title
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

    def row_picked(self) -> None:
        """Mark the row that was clicked, or unmark it."""
        if (row := self._known.row(self.cursor_row)) is not None:
            self._marks.turn(row.job, row.id)
            self._marks_changed()

    def header_clicked(self, key: str) -> None:
        if key in SORTS:
            self.sort_by(SORTS[key])

    def row_activated(self) -> None:
        if self._place.job is not None:
            self.post_message(self.Inspect(self, self._place.job))
        else:
            self._tell(NO_JOB)

    def on_resize(self) -> None:
        self._fit_columns()
        super().on_resize()
        self._border.draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._border.draw()

    # Keeping the row under the cursor in place.

    @property
    def _line_width(self) -> int:
        return self.scrollable_content_region.width

    def _fit_columns(self) -> None:
        self.set_columns(self._shape.fit(self._known).columns(self._line_width))

    def _anchor(self) -> tuple[int, int] | None:
        return self._place.anchor(self.top, self.cursor_row, self.page_rows)

    def _settle(self, anchor: tuple[int, int] | None) -> None:
        """Put cursor and window so that the anchored job is where it was; where the job that is sought has no
        row, ask for an order in which it has.
        """
        top, cursor = self._place.settled(anchor, self.top, self.cursor_row)
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
        self._show_border()
        self.rows_changed()
        self.post_message(self.WindowChanged(self))

    def _show_border(self) -> None:
        part, first, last = self._known.part, self.top + 1, min(self.top + self.page_rows, self.row_count())
        where = f"{count(first)}–{count(last)} of {count(part.matched)}" if 0 < first <= last else ""
        how = self._order.words(part, follow=self._place.follow, marked=len(self._marks))
        self._border.show("Jobs", how, where)

    # The summary row.

    def _repaint_summary(self) -> None:
        self.refresh(Region(0, _SUMMARY_LINE, self._line_width, 1))

    def _choose_figure(self, number: int | None) -> None:
        self._summary.choose(number)
        self._repaint_summary()
        self.rows_changed()

    def _ask_for(self, wanted: str) -> None:
        if wanted:
            self._choose_figure(None)
            self.post_message(self.FilterAsked(self, wanted))

    # Keys.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "figure":
            return self._summary.chosen is not None
        return bool(self._marks) if action == "unmark" else True

    def action_cursor(self, rows: int) -> None:
        if self._summary.chosen is not None:
            if rows > 0:
                self._choose_figure(None)
        elif rows < 0 and self.cursor_row == 0:
            self._choose_figure(0)
        else:
            super().action_cursor(rows)

    def action_figure(self, step: int) -> None:
        if self._summary.chosen is not None:
            self._choose_figure(self._summary.chosen + step)

    def action_activate(self) -> None:
        if self._summary.chosen is not None:
            self._ask_for(self._summary.filter)
        else:
            super().action_activate()

    def action_mark(self) -> None:
        row = self._known.row(self.cursor_row)
        if row is not None:
            self._marks.turn(row.job, row.id)
            self._marks_changed()
            self.move_cursor(self.cursor_row + 1)
        else:
            self._tell(NO_JOB)

    def action_unmark(self) -> None:
        self.clear_marks()

    def action_show_marked(self) -> None:
        if self._marks:
            self.post_message(self.FilterAsked(self, self._marks.filter))
        else:
            self._tell("No job is marked: space marks the one under the cursor")

    def action_copy_ids(self) -> None:
        row = self._known.row(self.cursor_row)
        ids = tuple(self._marks.values()) or (() if row is None else (row.id,))
        if ids:
            self.post_message(self.CopyIds(self, ids))
        else:
            self._tell(NO_JOB)

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

    def _marks_changed(self) -> None:
        self._show_border()
        self.rows_changed()

    def _chosen(self) -> tuple[int, ...]:
        """The marked jobs, or else the one under the cursor."""
        if self._marks:
            return tuple(self._marks)
        return () if self._place.job is None else (self._place.job,)
