"""The panels of the dashboard: what they need of a frame, what they show of it, and how one moves another."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.message import Message

from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import AlertKind, SortColumn
from llmdash.engine.model.view import SeriesView, View
from llmdash.ui.dashboard.arrangement import PanelSpace, RowCounts
from llmdash.ui.dashboard.figure_pace import FigurePace, PlotPace
from llmdash.ui.dashboard.review import Review, StreamLayout
from llmdash.ui.dashboard.steps import Steps
from llmdash.ui.panels.filter_bar import FilterBar
from llmdash.ui.panels.jump_bar import JumpBar
from llmdash.ui.panels.key_panel import KeyPanel
from llmdash.ui.panels.rate_panel import RATE_LINES, RatePanel
from llmdash.ui.panels.worker_panel import WorkerPanel
from llmdash.ui.stream.pane import StreamPane
from llmdash.ui.stream.tiles import StreamTiles
from llmdash.ui.tables.error_filter import filter_for
from llmdash.ui.tables.error_table import ErrorTable
from llmdash.ui.tables.job_table import JobTable
from llmdash.ui.text.batch_words import awaited_words
from llmdash.ui.text.key_words import key_filter

__all__ = ["Board", "ColumnChoice"]


class ColumnChoice(NamedTuple):
    """Columns by name: those that are shown, those that fit the width, and all there are."""

    shown: tuple[str, ...]
    usual: tuple[str, ...]
    known: tuple[str, ...]


class Board(PanelSpace):
    """Hands each panel its part of a frame. The stream goes along with the cursor of the jobs, and the jobs
    obey the filter, the workers and the errors.
    """

    class ViewChanged(Message):
        """Posted when the panels need another frame: `wanted` says of what."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped_errors: set[str] = set()
        """The ids of the groups of errors that are folded away."""
        self._workers = WorkerPanel(id="workers")
        self._workers.display = False
        self._jobs = JobTable(id="jobs")
        self._filter = FilterBar(id="filter")
        self._jump = JumpBar(id="jump")
        self._steps = Steps()
        self._keys = KeyPanel(id="keys")
        self._rate = RatePanel(id="rate")
        self._stream = StreamPane(id="stream")
        self._tiles = StreamTiles(id="tiles")
        self._figures, self._plots = FigurePace(), PlotPace()
        self._review = Review(self._rate, self._stream, self._tiles, self.skipped_errors)

    def compose(self) -> ComposeResult:
        yield self._workers
        yield self._jobs
        yield self._filter
        yield self._jump
        yield self._keys
        yield self._rate
        yield self._stream
        yield self._tiles
        yield from self._review.panels

    # Frames.

    def wanted(self, view: View) -> View:
        """Return the view with what the panels need."""
        return replace(
            view,
            jobs=replace(self._jobs.wanted(), typed=self._filter.typed, find=self._jump.wanted),
            stream=self._stream.wanted(),
            tiles=self._tiles.wanted() if self._tiles.display else 0,
            series=SeriesView(2 * max(self._rate.size.width, self._review.plot_width)),
        )

    def show(self, frame: Frame) -> None:
        """Show a frame."""
        frame = replace(frame, series=self._plots.series(frame))
        ended = frame.run.state.ended
        if self._steps.is_due(complete=self._jobs.is_complete):
            self._jobs.show(frame.jobs, frame.run, frame.batches)
            self._jobs.review(ended)
        self._filter.show(frame.jobs.filter_error, frame.jobs.completions)
        self._jump.show(frame.jobs)
        if self._figures.are_due(frame):
            self._keys.review(ended)
            self._keys.show(frame.keys, frame.endpoints, _of_all_keys(frame), frame.run.jobs)
            self._rate.show(frame.rate, frame.series, frame.limits, awaited_words(frame))
        self._stream.show(frame.stream)
        self._review.use_room(self.is_roomy)
        self._review.show(frame)
        if self._tiles.display:
            self._tiles.use(self._stream.looks)
            self._tiles.show(frame.tiles, frame.run.in_flight)
        self._show_workers(frame)
        wall, lines = self._review.streams is StreamLayout.WALL, RATE_LINES + len(frame.limits)
        self.fit(RowCounts(self._keys.row_count(), len(frame.workers), self._review.lines, lines, wall))

    def _show_workers(self, frame: Frame) -> None:
        """Show the workers above the other panels, if there are any and there is room."""
        shown = bool(frame.workers) and self.is_roomy
        if shown != self._workers.display:
            self._workers.display = shown
        if shown:
            self._workers.show(frame.workers, frame.run.keys, frame.cluster, frame.run.payment)

    # Keys that work wherever the focus is.

    @property
    def cursor_job(self) -> int | None:
        """The number of the job under the cursor, None where there is none."""
        return self._jobs.cursor_job

    @property
    def marked_jobs(self) -> tuple[int, ...]:
        """The numbers of the marked jobs."""
        return tuple(sorted(self._jobs.marked))

    def clear_marks(self) -> None:
        """Unmark all jobs."""
        self._jobs.clear_marks()

    async def run_job_action(self, action: str) -> None:
        """Run an action of the job table."""
        await self._jobs.run_action(action)

    def sort_by(self, column: SortColumn) -> None:
        """Sort the jobs; the same column again reverses the order."""
        self._jobs.sort_by(column)

    def nudge_rate(self, steps: int) -> None:
        """Request a rate `steps` steps of 12 % higher, or lower if negative."""
        self._rate.nudge_rate(steps)

    def keep_rate(self) -> None:
        """Show the set rate again: another one that was requested will not be set."""
        self._rate.keep_rate()

    async def run_stream_action(self, action: str) -> None:
        """Run an action of the stream pane."""
        await self._stream.run_action(action)

    def tile(self) -> None:
        """Show one stream, or as many side by side as fit."""
        self._review.tile()

    def choose_columns(self, names: tuple[str, ...] | None) -> None:
        """Show these columns of the jobs, from left to right; None for those that fit the width."""
        self._jobs.choose_columns(names)

    @property
    def columns(self) -> ColumnChoice:
        """The columns of the jobs that are shown, those shown without a choice, and all there are."""
        return ColumnChoice(self._jobs.column_names, self._jobs.usual_columns, self._jobs.known_columns)

    def open_jump(self) -> None:
        """Show the line in which a job to go to is named."""
        self._jump.open()

    def open_filter(self) -> None:
        """Show the line in which the filter is typed."""
        self._filter.open()

    def show_only(self, filter_text: str) -> None:
        """Apply a filter, as if it had been typed."""
        self._filter.open_with(filter_text)
        self._jobs.focus()

    def clear(self) -> bool:
        """Close the filter, or else drop the marks, or else leave the wall; return False where there was none
        of these.
        """
        if self._filter.is_open:
            self._filter.close()
            return True
        had_marks = self._jobs.has_marks
        self._jobs.clear_marks()
        if not had_marks and not self._review.leave_wall():
            return False
        self.post_message(self.ViewChanged())
        return True

    # How one panel moves another.

    @on(JobTable.CursorMoved)
    def _cursor_moved(self, event: JobTable.CursorMoved) -> None:
        if not self._jobs.follow:
            self._watch(event.job)

    @on(JobTable.FollowChanged)
    def _follow_changed(self, event: JobTable.FollowChanged) -> None:
        self._watch(None if event.follow else self._jobs.cursor_job)

    def _watch(self, job: int | None) -> None:
        self._stream.watch_job(job)
        self.post_message(self.ViewChanged())

    @on(StreamTiles.Chosen)
    def _tile_chosen(self, event: StreamTiles.Chosen) -> None:
        if self._filter.is_open:  # the job may have no row there
            self._watch(event.job)
        else:
            self._jobs.go_to(event.job)

    @on(JobTable.Retry)
    @on(JobTable.CancelJobs)
    def _marks_used(self) -> None:
        self._jobs.clear_marks()
        self._steps.hurry()

    @on(FilterBar.Changed)
    def _filter_changed(self, event: FilterBar.Changed) -> None:
        self._jobs.set_filter(event.text)
        self._steps.hurry()
        self.post_message(self.ViewChanged())

    @on(JobTable.FilterAsked)
    def _filter_asked(self, event: JobTable.FilterAsked) -> None:
        self.show_only(event.filter)

    @on(JumpBar.Changed)
    def _sought(self) -> None:
        self.post_message(self.ViewChanged())

    @on(JumpBar.Chosen)
    def _go_to(self, event: JumpBar.Chosen) -> None:
        self._jobs.go_to(event.job)

    @on(JumpBar.Left)
    @on(FilterBar.Left)
    def _filter_left(self) -> None:
        self._jobs.focus()

    @on(WorkerPanel.Chosen)
    def _jobs_of_worker(self, event: WorkerPanel.Chosen) -> None:
        self.show_only(event.filter)

    @on(KeyPanel.Chosen)
    def _jobs_of_key(self, event: KeyPanel.Chosen) -> None:
        self.show_only(key_filter(event.label))

    @on(ErrorTable.Chosen)
    def _jobs_of_group(self, event: ErrorTable.Chosen) -> None:
        self.show_only(filter_for(event.group, event.groups))


def _of_all_keys(frame: Frame) -> str:
    """What is wrong with the keys as a whole, in a few words."""
    shared = next((alert for alert in frame.alerts if alert.kind is AlertKind.ONE_BUCKET), None)
    return f"{shared.text}: {shared.detail}" if shared is not None else ""
