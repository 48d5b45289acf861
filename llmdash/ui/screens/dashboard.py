"""DashboardScreen: header, verdict and panels of a run, and what its keys do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.events import Click, Resize
from textual.message import Message
from textual.widgets import Input

from llmdash.engine.model.commands import Cancel, Resume, RetryJobs, SetSpeed
from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import ErrorGroup, Frame
from llmdash.engine.model.states import SortColumn
from llmdash.engine.model.view import View
from llmdash.ui.dashboard.action_names import (
    URGENT,
    action_names,
    bar_names,
    can_change,
    explanations,
    shown_as,
    stopped_to_ask,
)
from llmdash.ui.dashboard.announcements import Announcements
from llmdash.ui.dashboard.arrangement import TooSmall
from llmdash.ui.dashboard.board import Board
from llmdash.ui.dashboard.header_clicks import action_at
from llmdash.ui.dashboard.keys import DASHBOARD_KEYS
from llmdash.ui.dashboard.messages import ColumnsChosen, Happened, RunStopped
from llmdash.ui.dashboard.sizes import WIDE
from llmdash.ui.dashboard.steering import command_of, on_steering, retry_of, switch_key
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.panels.key_panel import KeyPanel
from llmdash.ui.panels.replay_bar import ReplayBar, speed_beside
from llmdash.ui.panels.run_header import RunHeader
from llmdash.ui.panels.verdict_line import VerdictLine
from llmdash.ui.screens.frame_screen import FrameScreen
from llmdash.ui.screens.openings import (
    OPENINGS,
    columns_screen,
    errors_of_key,
    graphs_at,
    help_of,
    inspector_of,
)
from llmdash.ui.stream.tiles import StreamTiles
from llmdash.ui.tables.error_table import ErrorTable
from llmdash.ui.tables.job_table import NO_JOB, JobTable
from llmdash.ui.text.messages import Copied, MomentChosen
from llmdash.ui.text.worker_words import workers_in

if TYPE_CHECKING:
    from llmdash.engine.model.session import Session

__all__ = ["DashboardScreen"]

_NOTHING_OF_THE_APP: Mapping[str, str] = {"app.go_home": "", "app.write_results": ""}


class DashboardScreen(FrameScreen):
    """Shows a session and controls it."""

    CSS_PATH = Path(__file__).with_name("dashboard.tcss")
    TITLE = "Everywhere"
    AUTO_FOCUS = "JobTable"
    BINDINGS: ClassVar[list[BindingType]] = DASHBOARD_KEYS

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
        super().__init__(session, fps=fps, on_ready=on_ready)
        self._columns = columns
        self._named = named
        self._announcements = Announcements(
            lambda notice: self.app.notify(notice.text, severity=notice.severity.value, markup=False),
            lambda words: self.post_message(Happened(words)),
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
        self._too_small = TooSmall()
        self._key_bar = KeyBar()
        yield from (self._header, self._verdict, self._replay, self._board, self._too_small, self._key_bar)

    def on_mount(self) -> None:
        if self._columns is not None:
            self._board.choose_columns(tuple(self._columns))

    def needed_view(self) -> View:
        run = self._frame.run
        errors = run.state.ended or (self._board.is_roomy and run.failed_tries + run.failed > 0)
        return self._board.wanted(View(errors=errors, notices_after=self._announcements.last_notice))

    def keep(self) -> None:
        self._board.keep_rate()

    def show_clocks(self, frame: Frame) -> None:
        self._header.show(frame.run, workers_in(frame), shown_as(frame))

    def use_frame(self, frame: Frame) -> None:
        self.show_clocks(frame)
        self._verdict.show(frame, changes=can_change(frame, self._named))
        self._replay.show(frame.replay)
        self._board.show(frame)
        self.renamed = action_names(frame, self._named)
        self.explained = explanations(frame)
        self._key_bar.rename(bar_names(frame, self.renamed))
        self._announcements.look(frame)

    @on_steering
    def _steer(self, message: Message) -> None:
        self.carry_out(command_of(message, self._frame))

    def retry_groups(self, groups: Iterable[ErrorGroup]) -> None:
        """Queue every failed job of these groups of errors again."""
        view = self.needed_view()
        found = retry_of(groups, lambda group_id: self._session.frame(replace(view, failed_as=group_id)))
        if isinstance(found, RetryJobs):
            self.send(found)
        else:
            self.app.notify(found, markup=False)

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

    def action_nudge_rate(self, steps: int) -> None:
        """Request a rate `steps` steps of 12 % higher, or lower if negative."""
        if self.is_of_use("nudge_rate", steps):
            self._board.nudge_rate(steps)

    def action_replay_seek(self, percents: int) -> None:
        """Take a replay N hundredths of the run on, or back if negative."""
        if self.is_of_use("replay_seek", percents):
            self._replay.seek(percents)

    def action_replay_speed(self, steps: int) -> None:
        """Play a replay faster, or slower if negative."""
        if self.is_of_use("replay_speed", steps) and self._frame.replay is not None:
            self.send(SetSpeed(speed_beside(self._frame.replay.speed, steps)))

    def action_retry_failed(self) -> None:
        """Queue every failed job again; a run that was stopped for what failed goes on then."""
        asked = stopped_to_ask(self._frame)
        self.request("retry_failed")
        if asked:
            self.send(Resume())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let `b` and `c` be what they are elsewhere, but for a run that its budget holds, or that was
        stopped to ask; there they go before those of a panel.
        """
        if action not in URGENT:
            return True
        types = isinstance(self.focused, Input) or getattr(self.focused, "is_typed_into", False)
        return not types and URGENT[action](self._frame, self._named)

    def action_raise_budget(self) -> None:
        self.questions.raise_budget(self._frame.run)

    def action_send_batches(self) -> None:
        """Ask whether to send the marked jobs, or all that are pending, in batches."""
        if self.is_of_use("send_batches"):
            jobs = self._board.marked_jobs
            self.questions.send_batches(jobs, self._frame, self._board.clear_marks)

    def action_change_run(self) -> None:
        """Stop the run, which can be resumed, and change at home what was wrong with it."""
        self.send(Cancel())
        self.post_message(RunStopped())

    @on(JobTable.WindowChanged)
    def _window_changed(self) -> None:
        self.frame_loop.glance()

    @on(Board.ViewChanged)
    def _view_changed(self) -> None:
        self.call_after_refresh(self.poll)  # the engine may be busy: what the key moved is seen before

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
        if self.is_of_use("tile"):
            self._board.tile()
            self.call_after_refresh(self.poll)

    def action_filter(self) -> None:
        self._board.open_filter()

    def action_jump(self) -> None:
        self._board.open_jump()

    def action_columns(self) -> None:
        """Choose the columns of the job table."""
        self.app.push_screen(columns_screen(self._board.columns, self._choose_columns))

    def _choose_columns(self, names: tuple[str, ...] | None) -> None:
        self._board.choose_columns(names)
        self.post_message(ColumnsChosen(names))

    @on(JobTable.CopyIds)
    def _copy_ids(self, event: JobTable.CopyIds) -> None:
        self.post_message(Copied("\n".join(event.ids), counted(len(event.ids), "id")))

    def show_only(self, filter_text: str) -> None:
        """Apply a filter, as if it had been typed."""
        self._board.show_only(filter_text)

    async def action_clear(self) -> None:
        """Close the filter, drop the marks or leave the wall; else go back to where this was opened."""
        if not self._board.clear() and "app.quit" in self._named:
            await self.run_action("app.quit")

    def action_open(self, name: str) -> None:
        """Open the screen of that name in OPENINGS, if there is something to show on it."""
        if self.is_of_use(f"open({name!r})") and (screen := OPENINGS[name](self, self._frame)) is not None:
            self.app.push_screen(screen)

    @on(Click, "RunHeader")
    async def _header_clicked(self, event: Click) -> None:
        if action := action_at(*self._header.text_at(event)):
            await self.run_action(action)

    @on(VerdictLine.Opened)
    def _alerts(self) -> None:
        self.action_open("alerts")

    @on(MomentChosen)
    def _graphs_at(self, event: MomentChosen) -> None:
        self.app.push_screen(graphs_at(self, event.at_s, event.plot))

    def action_inspect(self) -> None:
        if (job := self._board.cursor_job) is not None:
            self.inspect(job)
        else:
            self.app.notify(NO_JOB, markup=False)

    @on(JobTable.Inspect)
    @on(StreamTiles.Opened)
    def _inspect_one(self, event: JobTable.Inspect | StreamTiles.Opened) -> None:
        self.inspect(event.job)

    def inspect(self, job: int) -> None:
        """Show one job in full."""
        self.app.push_screen(inspector_of(self, job))

    def action_help(self) -> None:
        self.app.push_screen(help_of(self))

    def on_resize(self, event: Resize) -> None:
        self.set_class(self._too_small.look(event.size), "-too-small")
        self.set_class(event.size.width < WIDE, "compact")
        self.call_after_refresh(self.poll)
