"""DashboardScreen: on one timer it sends a view, shows the frame it gets, and sends commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.events import Click, Resize
from textual.message import Message
from textual.screen import Screen
from textual.signal import Signal
from textual.widgets import Input, Static

from llmdash.engine.model.commands import (
    Cancel,
    Command,
    Drain,
    Release,
    RetryFailed,
    RetryJobs,
    SetSpeed,
)
from llmdash.engine.model.counts import counted
from llmdash.engine.model.forecast import HoldKind
from llmdash.engine.model.frame import EMPTY_FRAME, ErrorGroup, Frame, Notice
from llmdash.engine.model.states import SortColumn
from llmdash.engine.model.view import View
from llmdash.ui.dashboard.action_names import action_names, bar_names, explanations, hold_of, shown_as
from llmdash.ui.dashboard.announcements import Announcements
from llmdash.ui.dashboard.arrangement import WIDE, too_small_words
from llmdash.ui.dashboard.board import Board
from llmdash.ui.dashboard.frame_loop import FrameLoop
from llmdash.ui.dashboard.header_clicks import action_at
from llmdash.ui.dashboard.keys import DASHBOARD_KEYS
from llmdash.ui.dashboard.no_use import no_use
from llmdash.ui.dashboard.overlay import Overlay
from llmdash.ui.dashboard.steering import auto_or_not, command_of, on_steering, pause_or_resume, switch_key
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.panels.key_panel import KeyPanel
from llmdash.ui.panels.replay_bar import ReplayBar, speed_beside
from llmdash.ui.panels.run_header import RunHeader
from llmdash.ui.panels.verdict_line import VerdictLine
from llmdash.ui.screens.openings import OPENINGS, errors_of_key
from llmdash.ui.screens.questions import Questions
from llmdash.ui.tables.error_table import ErrorTable
from llmdash.ui.tables.job_table import NO_JOB, JobTable
from llmdash.ui.terminal.backlog import terminal_is_behind
from llmdash.ui.text.worker_words import workers_in

if TYPE_CHECKING:
    from llmdash.engine.model.session import Session

__all__ = ["DashboardScreen"]

_NOTHING_OF_THE_APP: Mapping[str, str] = {"app.go_home": "", "app.write_results": ""}


class DashboardScreen(Screen[None]):
    """Shows a session and controls it. It knows of the run only its frames."""

    TITLE = "Everywhere"
    AUTO_FOCUS = "JobTable"
    BINDINGS: ClassVar[list[BindingType]] = DASHBOARD_KEYS

    @dataclass
    class Happened(Message):
        """Posted when the run is done, held, or stopped: `words` is a line of what happened."""

        words: str

    @dataclass
    class ColumnsChosen(Message):
        """Posted when columns of the job table were chosen; None for those that fit the width."""

        names: tuple[str, ...] | None

    def __init__(
        self,
        session: Session,
        *,
        columns: Sequence[str] | None = None,
        fps: int = 15,
        on_ready: Callable[[], None] | None = None,
        named: Mapping[str, str] = _NOTHING_OF_THE_APP,
    ) -> None:
        """`named` has other names of the app's actions, or none for those that it has no use for; `columns`
        are those of the job table, where some were chosen.
        """
        super().__init__()
        self._columns = columns
        self._session = session
        self._fps = fps
        self._on_ready = on_ready
        self._named = named
        self._frame = EMPTY_FRAME
        self._announcements = Announcements(
            self._toast, lambda words: self.post_message(self.Happened(words))
        )
        self.renamed: Mapping[str, str] = {}
        """What actions are called now, where that differs from their bindings; empty if there is no use for
        one.
        """
        self.explained: Mapping[str, str] = {}
        """What the help says of actions now, where that differs from their bindings."""

    def compose(self) -> ComposeResult:
        self._header = RunHeader()
        self._verdict = VerdictLine()
        self._replay = ReplayBar()
        self._board = Board()
        self._questions = Questions(self, self.send, self._board.keep_rate)
        self._too_small = Static(id="too-small", markup=False)
        self._key_bar = KeyBar()
        yield from (self._header, self._verdict, self._replay, self._board, self._too_small, self._key_bar)

    def on_mount(self) -> None:
        self.frame_loop = FrameLoop(
            self,
            self.poll,
            fps=self._fps,
            moves=self._moves,
            is_behind=lambda: terminal_is_behind(self.app),
        )
        """Draws the frames."""
        if self._columns is not None:
            self._board.choose_columns(tuple(self._columns))
        if isinstance(signal := getattr(self.app, "input_signal", None), Signal):
            signal.subscribe(self, lambda _event: self.frame_loop.wake())
        self._show(self._session.frame(self._view()))  # so that the first paint shows the run
        self.call_after_refresh(self._painted)

    @property
    def is_open(self) -> bool:
        """True while there are jobs that have not ended."""
        run = self._frame.run
        return run.ended < run.jobs and not run.state.ended

    # Frames down.

    def _moves(self) -> bool:
        """True while something moves by itself."""
        replay = self._frame.replay
        return replay.playing if replay is not None else not self._frame.run.rests

    def _painted(self) -> None:
        """Call the waiting callback: the first frame is on the terminal."""
        if self._on_ready is not None:
            self._on_ready()
        self.poll()

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
        run = self._frame.run
        errors = run.state.ended or (self._board.is_roomy and run.failed_tries + run.failed > 0)
        return self._board.wanted(View(errors=errors, notices_after=self._announcements.last_notice))

    def _show(self, frame: Frame) -> None:
        self._frame = frame
        self._header.show(frame.run, workers_in(frame), shown_as(frame))
        self._verdict.show(frame)
        self._replay.show(frame.replay)
        self._board.show(frame)
        self.renamed = action_names(frame, self._named)
        self.explained = explanations(frame)
        self._key_bar.rename(bar_names(frame, self.renamed))
        self._announcements.look(frame)

    def _toast(self, notice: Notice) -> None:
        self.app.notify(notice.text, severity=notice.severity.value, markup=False)

    def _call(self, words: str) -> None:
        self.post_message(self.Happened(words))

    # Commands up.

    def _is_of_use(self, action: str, step: int = 0) -> bool:
        """Return True if an action can do something now; say why where it cannot."""
        if reason := no_use(action, self._frame, step):
            self.app.notify(reason, markup=False)
        return not reason

    def send(self, command: Command) -> None:
        """Send a command to the session and show its effect at once."""
        self._session.command(command)
        self.poll()

    @on_steering
    def _steer(self, message: Message) -> None:
        self.request(command_of(message, self._frame))

    def request(self, command: Command) -> None:
        """Send a command; ask first where it is hard to take back."""
        self._questions.request(command, self._frame)

    def retry_groups(self, groups: Iterable[ErrorGroup]) -> None:
        """Queue every failed job of these groups of errors again."""
        failed = [group.id for group in groups if group.jobs]
        views = (replace(self._view(), failed_as=group_id) for group_id in failed)
        jobs = tuple(dict.fromkeys(job for view in views for job in self._session.frame(view).failed))
        if jobs:
            self.send(RetryJobs(jobs))
        elif failed:  # the engine answers late, or they were queued meanwhile
            self.app.notify("The jobs of this group are not known now: try it again", markup=False)
        else:
            self.app.notify("No job of this group failed for good: there is none to try again", markup=False)

    def bench(self, label: str) -> None:
        """Send nothing more with a key, or use it again."""
        self.send(switch_key(label, self._frame))

    @property
    def skipped_errors(self) -> set[str]:
        """The ids of the groups of errors that are folded away."""
        return self._board.skipped_errors

    @on(ErrorTable.Retry)
    def _retry_group(self, event: ErrorTable.Retry) -> None:
        self.retry_groups([event.group])

    @on(ErrorTable.Bench)
    def _bench_key(self, event: ErrorTable.Bench) -> None:
        if event.group.keys:
            self.bench(event.group.keys[0][0])

    @on(KeyPanel.Errors)
    def _errors_of_key(self, event: KeyPanel.Errors) -> None:
        self.show_errors_of(event.label)

    def show_errors_of(self, key: str) -> None:
        """Open the errors of a key."""
        self.app.push_screen(errors_of_key(self, key))

    def action_toggle_pause(self) -> None:
        """Pause the run or its replay, or resume it."""
        if self._is_of_use("toggle_pause"):
            self.send(pause_or_resume(self._frame))

    def action_nudge_rate(self, steps: int) -> None:
        """Request a rate `steps` steps of 12 % higher, or lower if negative."""
        if self._is_of_use("nudge_rate", steps):
            self._board.nudge_rate(steps)

    def action_toggle_auto(self) -> None:
        """Find the rate by itself, or not any more."""
        if self._is_of_use("toggle_auto"):
            self.send(auto_or_not(self._frame))

    def action_replay_seek(self, percents: int) -> None:
        """Take a replay N hundredths of the run on, or back if negative."""
        if self._is_of_use("replay_seek", percents):
            self._replay.seek(percents)

    def action_replay_speed(self, steps: int) -> None:
        """Play a replay faster, or slower if negative."""
        if self._is_of_use("replay_speed", steps) and self._frame.replay is not None:
            self.send(SetSpeed(speed_beside(self._frame.replay.speed, steps)))

    def action_drain(self) -> None:
        if self._is_of_use("drain"):
            self._questions.request(Drain(), self._frame)

    def action_stop_now(self) -> None:
        if self._is_of_use("stop_now"):
            self.send(Cancel())

    def action_retry_failed(self) -> None:
        if self._is_of_use("retry_failed"):
            self.send(RetryFailed())

    def action_release(self) -> None:
        """Run the rest after a trial."""
        if self._is_of_use("release"):
            self.send(Release())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let `b` be what it is elsewhere, but for a run that its budget holds; there it goes before that of
        a panel.
        """
        if action != "raise_budget":
            return True
        types = isinstance(self.focused, Input) or getattr(self.focused, "is_typed_into", False)
        return hold_of(self._frame.run) is HoldKind.BUDGET and not types

    def action_raise_budget(self) -> None:
        """Ask for a larger budget."""
        self._questions.raise_budget(self._frame.run)

    # The view.

    @on(JobTable.WindowChanged)
    def _window_changed(self) -> None:
        self.frame_loop.glance()

    @on(Board.ViewChanged)
    def _view_changed(self) -> None:
        self.poll()

    async def action_jobs(self, action: str) -> None:
        """Run an action of the job table, regardless of the focus."""
        await self._board.run_job_action(action)

    def action_sort(self, column: str) -> None:
        """Sort by the column of that name; the same one again reverses the order."""
        self._board.sort_by(SortColumn[column])

    async def action_stream(self, action: str) -> None:
        """Run an action of the stream pane, regardless of the focus."""
        await self._board.run_stream_action(action)
        self.poll()

    def action_tile(self) -> None:
        """Show one stream, or as many side by side as fit."""
        if self._is_of_use("tile"):
            self._board.tile()
            self.call_after_refresh(self.poll)

    def action_filter(self) -> None:
        self._board.open_filter()

    def action_jump(self) -> None:
        self._board.open_jump()

    def action_columns(self) -> None:
        """Choose the columns of the job table."""
        from llmdash.ui.screens.columns import ColumnsScreen

        self.app.push_screen(ColumnsScreen(*self._board.columns, self._choose_columns))

    def _choose_columns(self, names: tuple[str, ...] | None) -> None:
        self._board.choose_columns(names)
        self.post_message(self.ColumnsChosen(names))

    @on(JobTable.CopyIds)
    def _copy_ids(self, event: JobTable.CopyIds) -> None:
        self.app.copy_to_clipboard("\n".join(event.ids))
        self.app.notify(f"Copied {counted(len(event.ids), 'id')}", markup=False)

    def show_only(self, filter_text: str) -> None:
        """Apply a filter, as if it had been typed."""
        self._board.show_only(filter_text)

    async def action_clear(self) -> None:
        """Close the filter, or drop the marks, or go back to where this was opened."""
        if not self._board.clear() and "app.quit" in self._named:
            await self.run_action("app.quit")

    # Other screens.

    def action_open(self, name: str) -> None:
        """Open the screen of that name in OPENINGS, if there is something to show on it."""
        if self._is_of_use(f"open({name!r})") and (screen := OPENINGS[name](self, self._frame)) is not None:
            self.app.push_screen(screen)

    @on(Click, "RunHeader")
    async def _header_clicked(self, event: Click) -> None:
        x, y = event.get_content_offset_capture(self._header)
        strip = self._header.render_line(y)
        if action := action_at(strip.text, len(strip.crop(0, x).text)):
            await self.run_action(action)

    @on(VerdictLine.Opened)
    def _alerts(self) -> None:
        self.action_open("alerts")

    def action_inspect(self) -> None:
        if (job := self._board.cursor_job) is not None:
            self.inspect(job)
        else:
            self.app.notify(NO_JOB, markup=False)

    @on(JobTable.Inspect)
    def _inspect_row(self, event: JobTable.Inspect) -> None:
        self.inspect(event.job)

    def inspect(self, job: int) -> None:
        """Show one job in full."""
        from llmdash.ui.screens.inspector import InspectorScreen

        self.app.push_screen(InspectorScreen(job, self))

    def action_help(self) -> None:
        from llmdash.ui.screens.help import help_screen

        self.app.push_screen(help_screen(self))

    def on_resize(self, event: Resize) -> None:
        words = too_small_words(event.size)
        self.set_class(bool(words), "-too-small")
        self.set_class(event.size.width < WIDE, "compact")
        if words:
            self._too_small.update(Content(words))
        self.call_after_refresh(self.poll)
