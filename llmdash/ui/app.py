"""The app: which screen is there, what is remembered, and what each press and each run asks of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.events import Event, InputEvent, Key, MouseMove, Paste
from textual.notifications import Notify, SeverityLevel
from textual.screen import Screen
from textual.signal import Signal

from llmdash.signals import Signals
from llmdash.ui.dashboard.messages import ColumnsChosen, Happened, RunStopped
from llmdash.ui.lean_stylesheet import LeanStylesheet
from llmdash.ui.services.choices import Choices
from llmdash.ui.services.copies import Copies, clipboard_here
from llmdash.ui.services.idle_collection import IdleCollection
from llmdash.ui.services.leaving import Leaving
from llmdash.ui.services.result_file import ResultFile, WriteResults
from llmdash.ui.services.type_ahead import TypeAhead
from llmdash.ui.terminal.attention import BELL, attention
from llmdash.ui.terminal_app import TerminalApp
from llmdash.ui.text.messages import Copied
from llmdash.ui.text.named_keys import in_chosen_keys
from llmdash.ui.toasts import SteadyNotification, reading_s

if TYPE_CHECKING:
    from textual.command import Provider
    from textual.theme import Theme

    from llmdash.engine.model.comparison import ComparisonSource, PairsView
    from llmdash.engine.model.session import Session
    from llmdash.ui.clipboard import Clipboard
    from llmdash.ui.launcher import Launcher
    from llmdash.ui.screens.home import HomeScreen

__all__ = ["LlmdashApp"]


def _action_provider() -> type[Provider]:
    from llmdash.ui.screens.palette import ActionProvider

    return ActionProvider


class LlmdashApp(TerminalApp):
    """Shows `session`, or asks through `launcher` what to run and then shows that, or shows a `comparison` of
    kept runs, at first what `compared` names of it.

    `shipped_themes` and `user_themes` are folders of theme files, `preferences_path` is where choices are
    remembered, `keys_path` the file of other keys for actions; without them there are Textual's own themes,
    nothing is remembered, and every action has its first keys. `fps` are the frames a second, 5 to 30.
    `redact` removes secrets from the text of a crash. `on_shown` is called after the first picture, whatever
    it is of, `on_ready` when the dashboard was painted for the first time: what takes long to start waits for
    that. `signals` are those that end the app; `fault` returns the exception that ended the engine, None
    while there is none, and `gone` True once the session is no more, which ends the app too. Where a run
    `goes_on_without` the app, `q` asks whether it should. When a run is done, held or stopped the terminal
    rings or shows a notification, as `notify` says. `write_results` may raise LaunchError. `system_clipboard`
    is where copies go beside the terminal's own. Where it is shown `in_browser` it writes no files of this
    machine and starts no program. The exit code is in `return_code` after `run()`. Raises ValueError unless
    there is exactly one source of what is shown.
    """

    TITLE = "llmdash"
    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar[set[Callable[[], type[Provider]]]] = {_action_provider}  # type: ignore[assignment]
    BINDINGS: ClassVar[list[BindingType]] = [
        # Textual's own would keep its key, whatever other one the user gave the action.
        Binding("ctrl+p", "command_palette", show=False, system=True, priority=True, id="palette"),
    ]

    _begun = False
    """Whether the app is there, in the theme of its first picture."""

    def __init__(
        self,
        *,
        session: Session | None = None,
        launcher: Launcher | None = None,
        comparison: ComparisonSource | None = None,
        compared: PairsView | None = None,
        shipped_themes: Path | None = None,
        user_themes: Path | None = None,
        preferences_path: Path | None = None,
        keys_path: Path | None = None,
        fps: int = 15,
        redact: Callable[[str], str] = str,
        on_shown: Callable[[], None] = lambda: None,
        on_ready: Callable[[], None] | None = None,
        signals: Signals | None = None,
        fault: Callable[[], BaseException | None] = lambda: None,
        gone: Callable[[], bool] = lambda: False,
        goes_on_without: bool = False,
        notify: str = "none",
        write_results: WriteResults | None = None,
        in_browser: bool = False,
        system_clipboard: Clipboard | None = None,
    ) -> None:
        if sum(source is not None for source in (session, launcher, comparison)) != 1:
            raise ValueError("give a session, a launcher or a comparison")
        super().__init__(in_browser=in_browser, redact=redact, signals=signals, fault=fault, gone=gone)
        self._session = session
        self._launcher = launcher
        self._comparison = comparison
        self._compared = compared
        self._fps = fps
        self._on_shown = on_shown
        self._on_ready = on_ready
        self._notify = notify
        self._results = None if write_results is None else ResultFile(self, write_results)
        self._leaving = Leaving(self, launcher, goes_on_without=goes_on_without)
        self._copies = Copies(
            self, system_clipboard or clipboard_here(in_browser=in_browser), super().copy_to_clipboard
        )
        self._type_ahead = TypeAhead(self)
        self._collection = IdleCollection()
        self.input_signal: Signal[InputEvent] = Signal(self, "input")
        """Published with each key press and click: what the user does shows at once."""
        self._choices = Choices(self, shipped_themes, user_themes, preferences_path, keys_path)
        self.stylesheet = LeanStylesheet(variables=self.get_css_variables())

    @property
    def chosen_keys(self) -> Mapping[str, Sequence[str]]:
        """The keys that the user gave to actions, by the ids of these."""
        return self._choices.keys

    @property
    def leaves_running(self) -> bool:
        """True if the user left a run that is to go on."""
        return self._leaving.leaves_running

    def get_default_screen(self) -> Screen[Any]:
        screen = self._first_screen()
        self._load_screen_css(screen)  # Textual does for every other screen
        return screen

    def _first_screen(self) -> Screen[Any]:
        if self._launcher is not None:
            from llmdash.ui.screens.home import HomeScreen

            return HomeScreen(self._launcher)
        if self._comparison is not None:
            from llmdash.ui.screens.comparison import ComparisonScreen

            return ComparisonScreen(self._comparison, self._compared)
        return self._dashboard(self._session)

    def _dashboard(self, session: Session | None) -> Screen[None]:
        from llmdash.ui.dashboard.action_names import names_of_app
        from llmdash.ui.screens.dashboard import DashboardScreen

        if session is None:
            raise ValueError("there is no session to show")
        holds_run = None if self._launcher is None else self._launcher.holds_run
        return DashboardScreen(
            session,
            columns=self._choices.columns,
            fps=self._fps,
            on_ready=self._on_ready,
            named=names_of_app(writes=self._results is not None, holds_run=holds_run),
        )

    def on_mount(self) -> None:
        self._choices.begin()
        self._begun = True
        self.call_after_refresh(self._on_shown)

    def look_around(self) -> None:
        super().look_around()
        self._collection.look()
        self._choices.look()

    def action_command_palette(self) -> None:
        """Search for an action, once at a time."""
        from llmdash.ui.screens.palette import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def action_jump(self) -> None:
        """Show a letter on each panel; the letter moves the focus there."""
        from llmdash.ui.screens.jump import JumpScreen

        self.push_screen(JumpScreen(self.screen))

    def on_home_screen_started(self, event: HomeScreen.Started) -> None:
        self._session = event.session
        if event.launch is not None:
            self._choices.remember_launch(event.launch)
        self.push_screen(self._dashboard(event.session))

    async def action_quit(self) -> None:
        """Quit; ask first what is to become of a run that is not over and can go on."""
        self._leaving.quit()

    def action_go_home(self) -> None:
        """From a run that has ended to the home screen, if this began there."""
        self._leaving.go_home()

    def action_write_results(self) -> None:
        """Write the results so far into a file of this folder; with marks those of marked jobs."""
        if self._results is not None and self._session is not None:
            self._results.write(self._session)

    @on(RunStopped)
    def _change_run(self) -> None:
        self._leaving.leave_run()

    @on(Happened)
    def _call_user(self, event: Happened) -> None:
        """Call the user, through the writer of the driver: never within a frame."""
        if self._notify == "none" or self._driver is None:
            return
        desktop = self._notify == "desktop"
        self._driver.write(attention("llmdash", event.words, os.environ) if desktop else BELL)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """None of Textual's own: the palette lists the actions of llmdash, themes among them."""
        return ()

    async def on_event(self, event: Event) -> None:
        if isinstance(event, InputEvent) and not isinstance(event, MouseMove):
            self._collection.wait()
            self.input_signal.publish(event)
        if not (isinstance(event, Key | Paste) and self._type_ahead.takes(event)):
            await super().on_event(event)

    def copy_to_clipboard(self, text: str) -> None:
        """Copy what is selected, as everything else: Textual calls this."""
        self._copy(Copied(text, "the selection"))

    @on(Copied)
    def _copy(self, event: Copied) -> None:
        self._clipboard = event.text
        self._copies.copy(event.text, event.what)

    @property
    def available_themes(self) -> dict[str, Theme]:
        """As Textual's: who asks for all is told of all."""
        if self._begun:
            self._choices.offer_themes()
        return super().available_themes

    def reload_themes(self) -> None:
        """Read the theme files that changed, so that an edited theme shows at once."""
        self._choices.reload_themes()

    @on(ColumnsChosen)
    def _remember_columns(self, event: ColumnsChosen) -> None:
        self._choices.remember_columns(event.names)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """As Textual's, with the keys as they are; what is on screen already is not shown a second time."""
        message = in_chosen_keys(message, self.chosen_keys)
        if any((each.message, each.severity) == (message, severity) for each in self._notifications):
            return
        lasts_s = reading_s(message, severity) if timeout is None else timeout
        self.post_message(Notify(SteadyNotification(message, title, severity, lasts_s, markup=markup)))
