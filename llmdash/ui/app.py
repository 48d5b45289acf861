"""The terminal app: themes, preferences, signals and safe output; the screens do the rest."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.events import Event, InputEvent, MouseMove
from textual.notifications import Notify, SeverityLevel
from textual.screen import Screen
from textual.signal import Signal
from textual.theme import Theme
from textual.widget import Widget

from llmdash.crash import crash_report
from llmdash.exit_codes import of_signal
from llmdash.signals import Signals, overlook_interruption, terminal_is_gone
from llmdash.ui.launcher import Launch, Launcher
from llmdash.ui.settings.preferences import Preferences, PreferencesFile
from llmdash.ui.settings.themes import DEFAULT_THEME, ThemeError, ThemeFile, ThemeLibrary, check_variables
from llmdash.ui.terminal.driver import TerminalDriver
from llmdash.ui.terminal.safe_output import ControlCharacters
from llmdash.ui.toasts import SteadyNotification

if TYPE_CHECKING:
    from textual.command import Provider
    from textual.css.stylesheet import Stylesheet
    from textual.filter import LineFilter

    from llmdash.engine.model.session import Session
    from llmdash.ui.screens.start import StartScreen

__all__ = ["LlmdashApp"]

_THEME_POLL_S = 1.5
"""Seconds between two looks at the theme files."""
_LOOK_ROUND_S = 1.0


def _action_provider() -> type[Provider]:
    from llmdash.ui.screens.palette import ActionProvider

    return ActionProvider


class LlmdashApp(App[None]):
    """Shows `session`, or asks through `launcher` what to run and then shows that.

    `shipped_themes` and `user_themes` are folders of theme files, `preferences_path` is where choices are
    remembered; without them there are Textual's own themes and nothing is remembered. `fps` is the frame
    rate, 5 to 30 a second. `redact` removes secrets from the text of a crash. `on_ready` is called once, when
    the dashboard was painted for the first time: what takes long to start waits for that. `signals` are those
    that end the app; `fault` returns the exception that ended the engine, None while there is none. Raises
    ValueError unless there is exactly one of session and launcher. The exit code is in `return_code` after
    `run()`.
    """

    TITLE = "llmdash"
    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar[set[Callable[[], type[Provider]]]] = {_action_provider}  # type: ignore[assignment]
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+z", "suspend_process", show=False, system=True)]

    def __init__(
        self,
        *,
        session: Session | None = None,
        launcher: Launcher | None = None,
        shipped_themes: Path | None = None,
        user_themes: Path | None = None,
        preferences_path: Path | None = None,
        fps: int = 15,
        redact: Callable[[str], str] = str,
        on_ready: Callable[[], None] | None = None,
        signals: Signals | None = None,
        fault: Callable[[], BaseException | None] = lambda: None,
    ) -> None:
        if (session is None) == (launcher is None):
            raise ValueError("give either a session or a launcher")
        super().__init__(driver_class=TerminalDriver)
        self.signal_received: int | None = None
        """The signal that ended the app, or SIGHUP where the terminal was closed."""
        self._session = session
        self._launcher = launcher
        self._fps = fps
        self._redact = redact
        self._on_ready = on_ready
        self._signals = signals
        self._fault = fault
        self._control_characters = ControlCharacters()
        self.input_signal: Signal[InputEvent] = Signal(self, "input")
        """Published with each key press and click: what the user does shows at once."""
        self._problems: list[str] = []
        self._preferences_file = PreferencesFile(preferences_path) if preferences_path else None
        self._preferences = self._load_preferences()
        self._shipped_themes = ThemeLibrary([shipped_themes] if shipped_themes else [])
        self._user_themes = ThemeLibrary([user_themes] if user_themes else [])
        self._register_shipped()

    # Screens.

    def get_default_screen(self) -> Screen[Any]:
        if self._launcher is not None:
            from llmdash.ui.screens.start import StartScreen

            return StartScreen(self._launcher)
        return self._dashboard(self._session)

    def _dashboard(self, session: Session | None) -> Screen[None]:
        from llmdash.ui.screens.dashboard import DashboardScreen

        if session is None:
            raise ValueError("there is no session to show")
        return DashboardScreen(session, fps=self._fps, on_ready=self._on_ready)

    def on_mount(self) -> None:
        self._adopt_changed(self._user_themes)
        self._choose(self._preferences.theme or "")
        self._tell_problems()
        self.theme_changed_signal.subscribe(self, self._remember_theme)
        self.set_interval(_THEME_POLL_S, self.reload_themes)
        self._obey_signals()
        self.set_interval(_LOOK_ROUND_S, self._look_round)

    # What ends it from outside.

    def _obey_signals(self) -> None:
        if self._signals is None:
            return
        loop = asyncio.get_running_loop()
        overlook_interruption(loop)

        def pass_on(number: int) -> None:
            with suppress(RuntimeError):  # the app has ended meanwhile
                loop.call_soon_threadsafe(self._leave, number)

        self._signals.tell(pass_on)
        for number in self._signals.received:
            self._leave(number)

    def _leave(self, number: int) -> None:
        if self.signal_received is None and not self._exit:
            self.signal_received = number
            self.exit(return_code=of_signal(number))

    def _look_round(self) -> None:
        if (fault := self._fault()) is not None:
            raise fault
        if not self.is_headless and terminal_is_gone():
            self._leave(signal.SIGHUP)

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

    def on_start_screen_started(self, event: StartScreen.Started) -> None:
        self._session = event.session
        self.remember_launch(event.launch)
        self.push_screen(self._dashboard(event.session))

    def action_help_quit(self) -> None:
        """Ctrl+C without a selection quits, as SIGINT would."""
        self._leave(signal.SIGINT)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """None of Textual's own: the palette lists the actions of llmdash, themes among them."""
        return ()

    async def on_event(self, event: Event) -> None:
        if isinstance(event, InputEvent) and not isinstance(event, MouseMove):
            self.input_signal.publish(event)
        await super().on_event(event)

    # Themes.

    def _register_shipped(self) -> None:
        """Register the shipped themes without a check, which costs start-up time: a test has checked them."""
        for change in self._shipped_themes.changes():
            self._problems.append(str(change)) if isinstance(change, ThemeError) else self.register_theme(
                change.theme
            )
        self._choose(DEFAULT_THEME)
        self._choose(self._preferences.theme or "")

    def _choose(self, name: str) -> None:
        if name in self.available_themes:
            self.theme = name

    def reload_themes(self) -> None:
        """Read the theme files that changed; a timer calls this, so that an edited theme shows at once."""
        self._adopt_changed(self._shipped_themes)
        self._adopt_changed(self._user_themes)
        self._tell_problems()

    def _adopt_changed(self, library: ThemeLibrary) -> None:
        for change in library.changes():
            if isinstance(change, ThemeFile):
                self._adopt(change)
            else:
                self._problems.append(str(change))

    def _adopt(self, file: ThemeFile) -> None:
        """Register a theme that fits every stylesheet, and show it at once if it is the current one."""
        try:
            if file.theme.variables:
                check_variables(file, self._every_stylesheet(), self.get_theme_variable_defaults())
        except ThemeError as error:
            self._problems.append(str(error))
            return
        self.register_theme(file.theme)
        if file.theme.name == self.theme:
            self.mutate_reactive(App.theme)

    def _every_stylesheet(self) -> Stylesheet:
        """A copy of the stylesheet in use, with those of all widgets that may be mounted later."""
        stylesheet = self.stylesheet.copy()
        for kind in _subclasses(Widget):
            css = kind.__dict__.get("DEFAULT_CSS", "")
            stylesheet.add_source(css, read_from=("", kind.__qualname__), is_default_css=True)
        return stylesheet

    def _tell_problems(self) -> None:
        for problem in self._problems:
            self.notify(problem, severity="warning", markup=False)
        self._problems.clear()

    # Preferences.

    def _load_preferences(self) -> Preferences:
        if self._preferences_file is None:
            return Preferences()
        preferences, problem = self._preferences_file.load()
        if problem:
            self._problems.append(problem)
        return preferences

    def _remember_theme(self, theme: Theme) -> None:
        self._remember(replace(self._preferences, theme=theme.name))

    def remember_launch(self, launch: Launch) -> None:
        """Save what was chosen on the start screen for the next time."""
        rate = 0.0 if launch.rate is None else launch.rate
        self._remember(replace(self._preferences, rate=rate, concurrency=launch.concurrency))

    def _remember(self, preferences: Preferences) -> None:
        if preferences == self._preferences or self._preferences_file is None:
            return
        self._preferences = preferences
        if problem := self._preferences_file.save(preferences):
            self._problems.append(problem)
            self._tell_problems()

    # Safety.

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        lasts_s = self.NOTIFICATION_TIMEOUT if timeout is None else timeout
        self.post_message(Notify(SteadyNotification(message, title, severity, lasts_s, markup=markup)))

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._control_characters]

    def _fatal_error(self) -> None:
        """Print where it failed; Textual would print every local variable, secrets included."""
        self.bell()
        if self._exception is not None and not self._exit_renderables:
            self._exit_renderables.append(Text(crash_report(self._exception, self._redact)))
        self._close_messages_no_wait()


def _subclasses(kind: type[Any]) -> Iterable[type[Any]]:
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)
