"""DashboardScreen: on one timer it sends a view, shows the frame it gets, and sends commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.events import Resize
from textual.screen import Screen
from textual.signal import Signal
from textual.widgets import Static

from llmdash.engine.model.commands import (
    Cancel,
    CancelJobs,
    Command,
    DisableKey,
    Drain,
    Pause,
    Resume,
    RetryFailed,
    RetryJobs,
    ReviveEndpoint,
    ReviveKey,
    SetConcurrency,
    SetRate,
    SetWeight,
)
from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import EMPTY_FRAME, Frame
from llmdash.engine.model.states import KeyState, SortColumn
from llmdash.engine.model.view import View
from llmdash.ui.pace import Pace
from llmdash.ui.panels.banner import Banner
from llmdash.ui.panels.key_panel import KeyPanel
from llmdash.ui.panels.rate_panel import RatePanel
from llmdash.ui.panels.run_header import RunHeader
from llmdash.ui.panels.worker_panel import WorkerPanel
from llmdash.ui.screens.arrangement import MINIMUM, WIDE, PanelSpace
from llmdash.ui.screens.dashboard_keys import DASHBOARD_KEYS, HELD, pause_names, workers_name
from llmdash.ui.screens.filter_bar import FilterBar
from llmdash.ui.screens.key_bar import KeyBar, bar_items
from llmdash.ui.screens.overlay import Overlay
from llmdash.ui.stream.pane import StreamPane
from llmdash.ui.stream.tiles import StreamTiles
from llmdash.ui.tables.job_table import JobTable
from llmdash.ui.terminal.backlog import terminal_is_behind
from llmdash.ui.text.keymap import entries
from llmdash.ui.text.worker_words import workers_in

if TYPE_CHECKING:
    from llmdash.engine.model.session import Session

__all__ = ["DashboardScreen"]

_REST_S = 1.0
"""Seconds between two frames of a run at rest."""
_WAKE_S = 2.0
"""For how long frames come at full pace after the last move of the run, or of the user."""
_ALWAYS_SHOWN = ("app.command_palette", "help", "app.quit")


class DashboardScreen(Screen[None]):
    """Shows a session and controls it. It knows of the run only its frames."""

    TITLE = "Everywhere"
    AUTO_FOCUS = "JobTable"
    BINDINGS: ClassVar[list[BindingType]] = DASHBOARD_KEYS

    def __init__(
        self, session: Session, *, fps: int = 15, on_ready: Callable[[], None] | None = None
    ) -> None:
        super().__init__()
        self._on_ready = on_ready
        self._session = session
        self._fps = max(5, min(fps, 30))
        self._frame = EMPTY_FRAME
        self._last_notice = 0
        self.renamed: Mapping[str, str] = {}
        """What actions are called now, where that differs from their bindings; empty if there is no use for
        one.
        """

    def compose(self) -> ComposeResult:
        yield RunHeader()
        yield Banner()
        with PanelSpace():
            yield WorkerPanel(id="workers")
            yield JobTable(id="jobs")
            yield FilterBar(id="filter")
            yield KeyPanel(id="keys")
            yield RatePanel(id="rate")
            yield StreamPane(id="stream")
            yield StreamTiles(id="tiles")
        yield Static(id="too-small", markup=False)
        yield KeyBar(bar_items(entries(self), _ALWAYS_SHOWN))

    def on_mount(self) -> None:
        self._header = self.query_one(RunHeader)
        self._banner = self.query_one(Banner)
        self._panels = self.query_one(PanelSpace)
        self._workers = self.query_one(WorkerPanel)
        self._workers.display = False
        self._jobs = self.query_one(JobTable)
        self._filter = self.query_one(FilterBar)
        self._keys = self.query_one(KeyPanel)
        self._rate = self.query_one(RatePanel)
        self._stream = self.query_one(StreamPane)
        self._tiles = self.query_one(StreamTiles)
        self._tiles.display = False
        self._key_bar = self.query_one(KeyBar)
        self._pace = Pace(1 / self._fps)
        self._lively = self.set_interval(1 / self._fps, self._tick)
        self._resting = self.set_interval(_REST_S, self._look, pause=True)
        self._wakes_until = 0.0
        if isinstance(signal := getattr(self.app, "input_signal", None), Signal):
            signal.subscribe(self, self._wake)
        self._show(self._session.frame(self._view()))  # so that the first paint shows the run
        self.call_after_refresh(self._painted)

    # Frames down.

    def _painted(self) -> None:
        """Call the waiting callback: the first frame is on the terminal."""
        if self._on_ready is not None:
            self._on_ready()
        self.poll()

    def _tick(self) -> None:
        if self._pace.is_due() and not terminal_is_behind(self.app):
            self.poll()
            if not self._frame.run.rests:
                self._wakes_until = monotonic() + _WAKE_S
            elif monotonic() > self._wakes_until:
                self._lively.pause()
                self._resting.resume()

    def _look(self) -> None:
        """Look now and then whether a run at rest moves again."""
        self.poll()
        if not self._frame.run.rests:
            self._wake()

    def _wake(self, _event: object = None) -> None:
        """Show frames at full pace: something moves, or the user does."""
        self._wakes_until = monotonic() + _WAKE_S
        self._resting.pause()
        self._lively.resume()

    def poll(self) -> None:
        """Request the current frame and show it."""
        if not self.app.is_running or not self.is_mounted:
            return
        top = self.app.screen
        overlay = top if isinstance(top, Overlay) and top.is_mounted else None
        view = self._view()
        frame = self._session.frame(overlay.wanted(view) if overlay else view)
        self._show(frame)
        if overlay:
            overlay.show_frame(frame)

    def _view(self) -> View:
        return View(
            jobs=self._jobs.wanted(),
            stream=self._stream.wanted(),
            tiles=self._tiles.wanted() if self._tiles.display else 0,
            series_width=2 * max(0, self._rate.size.width),
            notices_after=self._last_notice,
        )

    def _show(self, frame: Frame) -> None:
        self._frame = frame
        self._header.show(frame.run, workers_in(frame))
        self._banner.show(frame.alerts)
        self._jobs.show(frame.jobs)
        self._filter.show(frame.jobs.filter_error)
        self._keys.show(frame.keys, frame.endpoints)
        self._rate.show(frame.rate, frame.series, frame.limits)
        self._stream.show(frame.stream)
        if self._tiles.display:
            self._tiles.show(frame.tiles, frame.run.in_flight)
        self.renamed = {**pause_names(frame.run), **workers_name(frame)}
        self._key_bar.rename(self.renamed)
        self._show_workers(frame)
        self._panels.fit(self._keys.row_count(), len(frame.workers))
        self._show_notices(frame)

    def _show_workers(self, frame: Frame) -> None:
        """Show the workers above the other panels, if there are any and there is room."""
        shown = bool(frame.workers) and self._panels.is_roomy
        if shown != self._workers.display:
            self._workers.display = shown
        if shown:
            self._workers.show(frame.workers, frame.run.keys, frame.cluster)

    def _show_notices(self, frame: Frame) -> None:
        for notice in frame.notices:
            if notice.serial > self._last_notice:
                self._last_notice = notice.serial
                self.app.notify(notice.text, severity=notice.severity.value, markup=False)

    # Commands up.

    def send(self, command: Command) -> None:
        """Send a command to the session and show its effect at once."""
        self._session.command(command)
        self.poll()

    def action_toggle_pause(self) -> None:
        """Pause the run, or resume it."""
        self.send(Resume() if self._frame.run.state in HELD else Pause())

    def retry_group(self, name: str) -> None:
        """Queue every job of this group of errors again."""
        self.send(RetryJobs(self._session.frame(replace(self._view(), failed_as=name)).failed))

    def action_nudge_rate(self, steps: int) -> None:
        """Request a rate `steps` steps of 12 % higher, or lower if negative."""
        self._rate.nudge_rate(steps)

    def action_drain(self) -> None:
        from llmdash.ui.screens.confirm import ConfirmScreen

        def drain(confirmed: bool | None) -> None:
            if confirmed:
                self.send(Drain())

        in_flight = (
            f"Nothing new is sent; {counted(self._frame.run.in_flight, 'request')} in flight may finish."
        )
        self.app.push_screen(ConfirmScreen("Drain the run?", f"{in_flight} Press p to resume later."), drain)

    def action_stop_now(self) -> None:
        self.send(Cancel())

    def action_retry_failed(self) -> None:
        self.send(RetryFailed())

    def action_sort(self, column: str) -> None:
        """Sort by the column of that name; the same one again reverses the order."""
        self._jobs.sort_by(SortColumn[column])

    async def action_jobs(self, action: str) -> None:
        """Run an action of the job table, regardless of the focus."""
        await self._jobs.run_action(action)

    @on(JobTable.Retry)
    def _retry(self, event: JobTable.Retry) -> None:
        self._jobs.clear_marks()
        self.send(RetryJobs(tuple(event.jobs)))

    @on(JobTable.CancelJobs)
    def _cancel(self, event: JobTable.CancelJobs) -> None:
        self._jobs.clear_marks()
        self.send(CancelJobs(tuple(event.jobs)))

    @on(RatePanel.RateChanged)
    def _set_rate(self, event: RatePanel.RateChanged) -> None:
        if event.rate is None:
            self._confirm_no_limit()
        else:
            self.send(SetRate(event.rate))

    def _confirm_no_limit(self) -> None:
        from llmdash.ui.screens.confirm import ConfirmScreen

        def remove(confirmed: bool | None) -> None:
            if confirmed:
                self.send(SetRate(None))
            else:
                self._rate.keep_rate()

        most = counted(self._frame.rate.concurrency, "request")
        danger = f"{most} in flight, each followed at once by the next; a server may refuse or ban the keys."
        self.app.push_screen(ConfirmScreen("Send without a rate limit?", danger), remove)

    @on(RatePanel.ConcurrencyChanged)
    def _set_concurrency(self, event: RatePanel.ConcurrencyChanged) -> None:
        self.send(SetConcurrency(event.concurrency))

    @on(KeyPanel.Toggle)
    def _toggle_key(self, event: KeyPanel.Toggle) -> None:
        off = any(key.label == event.label and key.state is KeyState.DISABLED for key in self._frame.keys)
        self.send(ReviveKey(event.label) if off else DisableKey(event.label))

    @on(KeyPanel.Revive)
    def _revive_key(self, event: KeyPanel.Revive) -> None:
        self.send(ReviveKey(event.label))

    @on(KeyPanel.ReviveEndpoint)
    def _revive_endpoint(self, event: KeyPanel.ReviveEndpoint) -> None:
        self.send(ReviveEndpoint(event.name))

    @on(WorkerPanel.Steered)
    def _steer_worker(self, event: WorkerPanel.Steered) -> None:
        self.send(event.command)

    @on(WorkerPanel.Chosen)
    def _jobs_of_worker(self, event: WorkerPanel.Chosen) -> None:
        self.show_only(event.filter)

    @on(KeyPanel.Weigh)
    def _weigh_key(self, event: KeyPanel.Weigh) -> None:
        self.send(SetWeight(event.label, event.weight))

    # The view.

    @on(JobTable.WindowChanged)
    def _window_changed(self) -> None:
        self.poll()

    @on(JobTable.CursorMoved)
    def _cursor_moved(self, event: JobTable.CursorMoved) -> None:
        if not self._jobs.follow:
            self._stream.watch_job(event.job)
            self.poll()

    @on(JobTable.FollowChanged)
    def _follow_changed(self, event: JobTable.FollowChanged) -> None:
        self._stream.watch_job(None if event.follow else self._jobs.cursor_job)
        self.poll()

    def action_tile(self) -> None:
        """Switch between one stream and all that fit side by side."""
        self._tiles.display = not self._tiles.display
        self._stream.display = not self._tiles.display
        self.call_after_refresh(self.poll)

    def action_filter(self) -> None:
        self._filter.open()

    def show_only(self, filter_text: str) -> None:
        """Apply a filter, as if it had been typed."""
        self._filter.open_with(filter_text)
        self._jobs.focus()

    @on(FilterBar.Changed)
    def _filter_changed(self, event: FilterBar.Changed) -> None:
        self._jobs.set_filter(event.text)
        self.poll()

    @on(FilterBar.Left)
    def _filter_left(self) -> None:
        self._jobs.focus()

    def action_clear(self) -> None:
        if self._filter.is_open:
            self._filter.close()
        else:
            self._jobs.clear_marks()

    # Other screens.

    def action_inspect(self) -> None:
        if self._jobs.cursor_job is not None:
            self.inspect(self._jobs.cursor_job)

    @on(JobTable.Inspect)
    def _inspect_row(self, event: JobTable.Inspect) -> None:
        self.inspect(event.job)

    def inspect(self, job: int) -> None:
        """Show one job in full."""
        from llmdash.ui.screens.inspector import InspectorScreen

        self.app.push_screen(InspectorScreen(job, self))

    @on(Banner.Opened)
    def action_alerts(self) -> None:
        from llmdash.ui.screens.alerts import AlertsScreen

        self.app.push_screen(AlertsScreen(self._frame.alerts))

    def action_errors(self) -> None:
        from llmdash.ui.screens.errors import ErrorsScreen

        self.app.push_screen(ErrorsScreen(self))

    def action_workers(self) -> None:
        """Show the workers; does nothing in a run without."""
        from llmdash.ui.screens.workers import WorkersScreen

        if self._frame.workers or self._frame.cluster:
            self.app.push_screen(WorkersScreen(self))

    def action_graphs(self) -> None:
        from llmdash.ui.screens.graphs import GraphsScreen

        self.app.push_screen(GraphsScreen(self))

    def action_help(self) -> None:
        from llmdash.ui.screens.help import HelpScreen
        from llmdash.ui.text.keymap import listed

        self.app.push_screen(HelpScreen(list(listed(self))))

    def on_resize(self, event: Resize) -> None:
        small = event.size.width < MINIMUM.width or event.size.height < MINIMUM.height
        self.set_class(small, "-too-small")
        self.set_class(event.size.width < WIDE, "compact")
        if small:
            now = f"{event.size.width} x {event.size.height}"
            need = f"{MINIMUM.width} x {MINIMUM.height}"
            self.query_one("#too-small", Static).update(
                Content(f"This terminal is {now}.\nThe dashboard needs {need}.\n\nThe run goes on.  q quits.")
            )
        self.call_after_refresh(self.poll)
