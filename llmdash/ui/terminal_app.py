"""An app on a terminal: what ends or stops it, and that nothing but safe output gets there."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.app import App, ScreenStackError
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.dom import NoScreen
from textual.events import Event, InputEvent
from textual.screen import Screen
from textual.worker import WorkerFailed

from llmdash.crash import crash_report
from llmdash.exit_codes import of_signal
from llmdash.signals import Signals, terminal_is_gone
from llmdash.ui.outside import LOOK_S, Outside
from llmdash.ui.settings.contrast import legible
from llmdash.ui.terminal.driver import BrowserDriver, TerminalDriver
from llmdash.ui.terminal.lean_update import lean_update
from llmdash.ui.terminal.safe_output import ControlCharacters

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.actions import ActionParseResult
    from textual.dom import DOMNode
    from textual.filter import LineFilter
    from textual.theme import Theme

__all__ = ["TerminalApp"]

_CLOSING = (NoMatches, NoScreen, ScreenStackError)
"""What screens fail of that were just opened as their app was closed."""


class TerminalApp(App[None]):
    """Ends by `signals`, with the terminal, by a `fault` of the engine, and once the session is `gone`; see
    `Outside`. `redact` removes secrets from the text of a crash. The exit code is in `return_code`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+z", "suspend_process", show=False, system=True),
    ]

    def __init__(
        self,
        *,
        in_browser: bool,
        redact: Callable[[str], str],
        signals: Signals | None,
        fault: Callable[[], BaseException | None],
        gone: Callable[[], bool],
    ) -> None:
        super().__init__(driver_class=BrowserDriver if in_browser else TerminalDriver)
        self.signal_received: int | None = None
        """The signal that ended the app, or SIGHUP where the terminal was closed."""
        self.in_browser = in_browser
        """True where who looks may sit at another machine."""
        self._redact = redact
        self._outside = Outside(
            self._leave, self._finish, signals=signals, closed=self._is_closed, fault=fault, gone=gone
        )
        self._control_characters = ControlCharacters()

    def on_mount(self) -> None:
        self._outside.obey_signals()
        self.set_interval(LOOK_S, self.look_around)
        if isinstance(self._driver, TerminalDriver):
            self._driver.input_ended = self._outside.look

    def look_around(self) -> None:
        """Look, once in LOOK_S, at what tells nobody when it changes."""
        self._outside.look()

    # What ends it, and what is over by then: a screen that opens while its app closes stays without widgets.

    @property
    def _ends(self) -> bool:
        return self._exit or not self.is_running

    async def on_event(self, event: Event) -> None:
        if not (self._ends and isinstance(event, InputEvent)):
            await super().on_event(event)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """As Textual's, for keys that were on their way to a widget as well; False once the app ends."""
        return not self._ends and await super().run_action(action, default_namespace, namespaces)

    def _handle_exception(self, error: Exception) -> None:
        cause = error.error if isinstance(error, WorkerFailed) else error
        if not (self._ends and isinstance(cause, _CLOSING)):
            super()._handle_exception(error)

    def _leave(self, number: int) -> None:
        if self.signal_received is None and not self._exit:
            self.signal_received = number
            self.exit(return_code=of_signal(number))

    def _finish(self) -> None:
        if not self._exit:
            self.exit()

    def _is_closed(self) -> bool:
        return not self.is_headless and terminal_is_gone()

    @property
    def terminal_reads(self) -> bool:
        """False if the terminal did not even accept its reset: a write to it may block."""
        return not getattr(self._driver, "gave_up", False)

    def abandon_terminal(self) -> None:
        """Restore the terminal of an app that was interrupted; call it after `run`."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.abandon()

    def action_suspend_process(self) -> None:
        """Ctrl+Z: stop, as every program on a terminal does, until a shell continues it."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.stop_process(group=True)

    def action_help_quit(self) -> None:
        """Ctrl+C without a selection quits, as SIGINT would."""
        self._leave(signal.SIGINT)

    # What gets to the terminal.

    def get_css_variables(self) -> dict[str, str]:
        """As Textual's, with greys that can be seen in every theme."""
        return legible(super().get_css_variables())

    def get_theme(self, theme_name: str) -> Theme | None:
        """As Textual's, which copies all themes twice each time: it is asked some 500 times by a picture."""
        known = self._registered_themes
        return next((known[name] for each in theme_name.split(",") if (name := each.strip()) in known), None)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        super()._display(screen, lean_update(renderable))

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._control_characters]

    def _fatal_error(self) -> None:
        """Print where it failed; Textual would print every local variable, secrets included."""
        self.bell()
        if self._exception is not None and not self._exit_renderables:
            self._exit_renderables.append(Text(crash_report(self._exception, self._redact)))
        self._close_messages_no_wait()
