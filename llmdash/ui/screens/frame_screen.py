"""FrameScreen: on one timer it sends a view of a session, shows the frame it gets, and sends commands."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.signal import Signal

from llmdash.engine.model.commands import Command
from llmdash.engine.model.frame import EMPTY_FRAME, Frame
from llmdash.engine.model.session import ChangingSession
from llmdash.engine.model.view import View
from llmdash.ui.dashboard.frame_loop import FrameLoop
from llmdash.ui.dashboard.no_use import no_use, no_use_of
from llmdash.ui.dashboard.overlay import Overlay
from llmdash.ui.dashboard.steering import ACTIONS
from llmdash.ui.screens.questions import Questions
from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.terminal.backlog import terminal_is_behind
from llmdash.ui.text.batch_questions import stays_out

if TYPE_CHECKING:
    from llmdash.engine.model.session import Session

__all__ = ["FrameScreen"]


class FrameScreen(SteadyScreen[None]):
    """Follows a session, of which it knows only the frames. A screen over it that shows more of the run gets
    the same frame, and has its say in what is asked for.

    `fps` is the frame rate, 5 to 30 a second; `on_ready` is called once, when the first frame was painted.
    """

    def __init__(
        self, session: Session, *, fps: int = 15, on_ready: Callable[[], None] | None = None
    ) -> None:
        super().__init__()
        self._session = session
        self._fps = fps
        self._on_ready = on_ready
        self._frame = EMPTY_FRAME
        self._stirred = self._is_tick = False

        self.questions = Questions(self, self.send, self.keep)
        """What is asked before a command that is hard to take back."""

    @abstractmethod
    def needed_view(self) -> View:
        """Return what is needed of the run now."""

    @abstractmethod
    def use_frame(self, frame: Frame) -> None:
        """Show a frame."""

    @abstractmethod
    def show_clocks(self, frame: Frame) -> None:
        """Show what tells the time of a frame that is else like the last."""

    @abstractmethod
    def keep(self) -> None:
        """Show again what is set: a command that was asked about is not sent."""

    def on_mount(self) -> None:
        self.frame_loop = FrameLoop(
            self,
            self.poll,
            self.look,
            fps=self._fps,
            moves=self._moves,
            is_behind=lambda: terminal_is_behind(self.app),
            tell_once=self._tell_once,
        )
        """Draws the frames."""
        if isinstance(signal := getattr(self.app, "input_signal", None), Signal):
            signal.subscribe(self, lambda _event: self.frame_loop.wake())
        self._show(self._session.frame(self.needed_view()))  # so that the first paint shows the run
        self.call_after_refresh(self._painted)

    @property
    def is_open(self) -> bool:
        """True while there are jobs that have not ended."""
        run = self._frame.run
        return run.ended < run.jobs and not run.state.ended

    @property
    def stays_out(self) -> str:
        """What stays with providers when the run is left, in words; empty where nothing does."""
        return stays_out(self._frame)

    def poll(self) -> None:
        """Request the current frame and show it."""
        if (asked := self._ask()) is not None:
            self._show_all(*asked)

    def look(self) -> bool:
        """Request the current frame, and show it unless it is the same as the last. Return False if it is.

        Of a run at work to which nothing happens, every other one shows the clocks alone.
        """
        asked = self._ask()
        if asked is None or asked[0] == self._frame:
            return False
        frame, overlay = asked
        self._is_tick = not self._is_tick and overlay is None and 0 < frame.changes == self._frame.changes
        if self._is_tick:
            self.show_clocks(frame)
        else:
            self._show_all(frame, overlay)
        return True

    def _ask(self) -> tuple[Frame, Overlay | None] | None:
        """Return the current frame, and the screen over this one that it is for as well."""
        if not self.app.is_running or not self.is_mounted:
            return None
        top = self.app.screen
        overlay = top if isinstance(top, Overlay) and top.is_mounted else None
        view = self.needed_view()
        return self._session.frame(overlay.wanted(view) if overlay else view), overlay

    def _show_all(self, frame: Frame, overlay: Overlay | None) -> None:
        self._show(frame)
        if overlay:
            overlay.show_frame(frame)

    def send(self, command: Command) -> None:
        """Send a command to the session and show its effect at once."""
        self._session.command(command)
        self.poll()

    def request(self, action: str) -> None:
        """Send the command of an action, if it is of any use; ask first where it is hard to take back."""
        if self.is_of_use(action):
            self.carry_out(ACTIONS[action](self._frame))

    def carry_out(self, command: Command) -> None:
        """Send a command; ask first where it is hard to take back."""
        self.questions.request(command, self._frame)

    def action_toggle_pause(self) -> None:
        """Pause the run or its replay, or resume it."""
        self.request("toggle_pause")

    def action_toggle_auto(self) -> None:
        """Find the rate by itself, or not any more."""
        self.request("toggle_auto")

    def action_drain(self) -> None:
        self.request("drain")

    def action_stop_now(self) -> None:
        self.request("stop_now")

    def action_release(self) -> None:
        """Run the rest after a trial."""
        self.request("release")

    def is_of_use(self, action: str, step: int = 0) -> bool:
        """Return True if an action can do something now; say why where it cannot."""
        if reason := no_use(action, self._frame, step):
            self.app.notify(reason, markup=False)
        return not reason

    def why_not(self, bound: str) -> str:
        """Return why an action, as it is bound, can do nothing now; empty if it can do something."""
        return no_use_of(bound, self._frame)

    def _show(self, frame: Frame) -> None:
        self._stirred = frame.changes != self._frame.changes
        self._frame = frame
        self.use_frame(frame)

    def _moves(self) -> bool:
        """True while something moves by itself; time alone does not, where the session tells of all else."""
        replay = self._frame.replay
        if replay is not None:
            return replay.playing
        return not self._frame.run.rests and (self._stirred or not isinstance(self._session, ChangingSession))

    def _tell_once(self, call: Callable[[], None]) -> Callable[[], None] | None:
        session = self._session
        return (
            session.when_changed(self._frame.changes, call) if isinstance(session, ChangingSession) else None
        )

    def _painted(self) -> None:
        """Call the waiting callback: the first frame is on the terminal."""
        if self._on_ready is not None:
            self._on_ready()
        self.poll()
