"""A row for each job, however many, and what can be done with them: only the rows on screen are held."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.binding import BindingType

from llmdash.lean_dataclass import dataclass
from llmdash.ui.tables.job_columns import SORTS
from llmdash.ui.tables.job_lines import JobLines
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.messages import FromWidget

__all__ = ["NO_JOB", "JobTable"]

NO_JOB: Final = "There is no job under the cursor"


class JobTable(JobLines):
    """The job table: the jobs, and keys that act on the one under the cursor or on all marked ones.

    Each figure of the summary row is a filter.

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

    Component classes are those of `LineView`.
    """

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

    # Marks.

    @property
    def has_marks(self) -> bool:
        """True while jobs are marked."""
        return bool(self._marks)

    def clear_marks(self) -> None:
        """Unmark all jobs."""
        self._marks.clear()
        self._marks_changed()

    # The mouse.

    def head_clicked(self, y: int, x: int) -> None:
        self._ask_for(self._summary.filter_at(x, self.line_width))

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

    # The summary row.

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
        self._reorder(self._order.by_next(is_streamed=self._shape.is_streamed))

    def action_reverse(self) -> None:
        self._reorder(self._order.reversed())

    def action_follow(self) -> None:
        if self.follow:
            self._set_follow(False)
        else:
            self.follow_newest()

    def _marks_changed(self) -> None:
        self._show_border()
        self.rows_changed()

    def _chosen(self) -> tuple[int, ...]:
        """The marked jobs, or else the one under the cursor."""
        if self._marks:
            return tuple(self._marks)
        return () if self._place.job is None else (self._place.job,)
