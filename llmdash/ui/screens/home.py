"""The home screen of a bare `llmdash`: what was, what could be, and what it would cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Paste, Resize, ScreenResume
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import Worker

from llmdash.ui.dashboard.sizes import WIDE
from llmdash.ui.home.blocking_work import BlockingWork
from llmdash.ui.home.endpoint_list import EndpointList
from llmdash.ui.home.forecast_pane import ForecastPane
from llmdash.ui.home.form import NewRunForm
from llmdash.ui.home.kept_looks import KeptLooks
from llmdash.ui.home.kept_table import KeptTable
from llmdash.ui.home.keys import HOME_KEYS
from llmdash.ui.home.title_line import TitleLine
from llmdash.ui.launcher import EndpointChoice, KeptPart, Launch, Launcher, LaunchError
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.screens.steady_screen import SteadyScreen

if TYPE_CHECKING:
    from llmdash.engine.model.comparison import ComparisonSource
    from llmdash.engine.model.forecast import ForecastPart
    from llmdash.engine.model.session import Session

__all__ = ["HomeScreen"]

_SETTLE_S = 0.15
"""Seconds without a change after which the file is read, and the forecast made, again."""


class HomeScreen(SteadyScreen[None]):
    """Shows the kept runs, and asks what to run. Nothing is sent anywhere before Enter in the form, and what
    that would send stands beside it.

    Where that costs money the user has looked at the endpoint before: else Enter leads there.
    """

    TITLE = "Home"
    AUTO_FOCUS = ""  # it would scroll, by a layout that is not yet that of this size
    BINDINGS: ClassVar[list[BindingType]] = HOME_KEYS
    DEFAULT_CSS = """
    HomeScreen #home { height: 1fr; }
    HomeScreen #above { height: 1fr; min-height: 11; }
    HomeScreen #kept { width: 13fr; height: 100%; }
    HomeScreen #places { width: 8fr; height: 100%; }
    HomeScreen .home-panel, HomeScreen #kept {
        border: round $border-blurred; border-title-color: $foreground-muted; padding: 0 1;
        border-subtitle-color: $foreground-muted;
    }
    HomeScreen .home-panel:focus-within {
        border: heavy $primary; border-title-color: $primary; border-title-style: bold;
    }
    HomeScreen #kept:focus {
        border: heavy $primary; border-title-color: $primary; border-title-style: bold;
    }
    HomeScreen #kept { padding: 0 1 0 0; }
    HomeScreen #new { height: auto; }
    HomeScreen #forecast { height: auto; max-height: 8; min-height: 5; width: 100%; }
    HomeScreen.compact #above { layout: vertical; height: auto; min-height: 8; }
    HomeScreen.compact #kept { width: 100%; height: 8; }
    HomeScreen.compact #places { width: 100%; height: auto; max-height: 7; }
    """

    class Started(Message):
        """Posted when a run has started, with what was chosen; None where none was begun."""

        def __init__(self, session: Session, launch: Launch | None) -> None:
            super().__init__()
            self.session = session
            self.launch = launch

    def __init__(self, launcher: Launcher, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._launcher = launcher
        self._options = launcher.options()
        self._endpoints = self._options.endpoints
        self._opening: Launch | str | None = None
        self._shows_focus = False
        """Whether what has the focus was scrolled to since the size has changed."""
        self._work = BlockingWork(self)
        self._looks = KeptLooks(self, self._work, launcher.kept, clock, self._show_kept, self._tell)

    def compose(self) -> ComposeResult:
        yield TitleLine()
        with VerticalScroll(id="home", can_focus=False):
            with Horizontal(id="above"):
                yield KeptTable(id="kept")
                with VerticalScroll(id="places", classes="home-panel", can_focus=False):
                    yield EndpointList()
            with Vertical(id="new-panel", classes="home-panel") as panel:
                panel.border_title = Content("New run")
                panel.styles.height = "auto"
                yield NewRunForm(self._options, id="new")
        yield ForecastPane(id="forecast", classes="home-panel")
        yield KeyBar()

    def on_mount(self) -> None:
        self._form = self.query_one(NewRunForm)
        self._kept = self.query_one(KeptTable)
        self._forecast = self.query_one(ForecastPane)
        self._places = self.query_one("#places")
        self._places.border_title = Content("Endpoints and keys")
        self._show_endpoints()
        self.screen_layout_refresh_signal.subscribe(self, self._laid_out, immediate=True)
        self.set_focus(self.query_one("#prompt-files"), scroll_visible=False)
        self._arrange(self.app.size.width)
        self._settling = self.set_timer(_SETTLE_S, self._foresee)
        self.call_after_refresh(self._foresee)  # it reads files, and the first picture has the processor

    def on_paste(self, event: Paste) -> None:
        """A file that is dropped anywhere but on a field is the one to run; a word after `/` is sought."""
        from llmdash.ui.screens.find_file import searched_for

        event.stop()
        if word := searched_for(event.text):
            self.action_find_file()
            self.app.screen.call_after_refresh(self.app.post_message, Paste(word))  # once it has a focus
        else:
            self._form.take_file(event.text)

    # What was.

    @on(ScreenResume)
    def _resumed(self) -> None:
        self.call_after_refresh(self._look)

    def _look(self) -> None:
        self._looks.look()

    def _show_kept(self, kept: KeptPart) -> None:
        self._kept.show(kept.rows, kept.room)
        self.query_one(TitleLine).show(runs=len(kept.rows))

    def _show_endpoints(self) -> None:
        self.query_one(EndpointList).show(self._endpoints, self._options.found_in)
        self.query_one(TitleLine).show(keys=sum(len(endpoint.keys) for endpoint in self._endpoints))

    @on(KeptTable.Asked)
    def _asked(self, event: KeptTable.Asked) -> None:
        """Do with a kept run what was asked."""
        run = event.row.run
        if event.what == "export":
            export = partial(self._launcher.export, run)
            name = f"export of {run}"  # one of another run goes on, and is told of too
            self._work.start(name, export, self._exported, self._tell)
        elif event.what != "compare":
            self._open(run, partial(getattr(self._launcher, event.what), run), self._tell)
        elif event.other is None:
            self._tell("There is no other run to compare with")
        else:
            compare = partial(self._launcher.compare, run, event.other.run)
            self._work.start("compare", compare, self._show_comparison, self._tell)

    def _exported(self, path: str) -> None:
        self.app.notify(f"The results are in {path}", markup=False)

    def _show_comparison(self, comparison: ComparisonSource) -> None:
        from llmdash.ui.screens.comparison import ComparisonScreen

        self.app.push_screen(ComparisonScreen(comparison))

    # What is opened.

    def _open(self, what: Launch | str, begin: Callable[[], Session], refused: Callable[[str], None]) -> None:
        """Open a run, begun by a launch or kept; does nothing while another is being opened."""
        if self._opening is not None:
            return
        self._opening = what
        self._work.start("open", begin, self._opened, partial(self._not_opened, refused))

    def _opened(self, session: Session) -> None:
        launch = self._opening if isinstance(self._opening, Launch) else None
        self._opening = None
        if launch is not None:
            self._kept.to_newest()  # where the run is found on coming back
        self.post_message(self.Started(session, launch))

    def _not_opened(self, refused: Callable[[str], None], problem: str) -> None:
        self._opening = None
        refused(problem)

    # What could be.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let the arrows be what they are elsewhere, but in the form; there they go from field to field."""
        return action != "field" or (self.focused is not None and _is_in_form(self.focused))

    def shadowed(self, widget: Widget) -> tuple[str, ...]:
        """Return the keys that go from field to field before a widget gets them."""
        return ("up", "down") if _is_in_form(widget) else ()

    def action_field(self, which: str) -> None:
        """Go to the next field of the form, or the previous one; beyond its ends, on to the next panel."""
        if which == "next":
            self.focus_next()
        else:
            self.focus_previous()

    def action_new_run(self) -> None:
        self.query_one("#prompt-files").focus()

    def action_find_file(self) -> None:
        from llmdash.ui.screens.find_file import find_file

        find_file(self, self._work, self._launcher.files, self._form.take_file)

    def action_kept(self) -> None:
        self._kept.focus()

    def action_check_keys(self) -> None:
        self._places.border_subtitle = Content("trying each key by one small call …")
        self._work.start("check", self._launcher.check_keys, self._checked, self._not_checked)

    def _checked(self, endpoints: tuple[EndpointChoice, ...]) -> None:
        self._endpoints = endpoints
        self._places.border_subtitle = None
        self._show_endpoints()

    def _not_checked(self, problem: str) -> None:
        self._places.border_subtitle = None
        self._tell(problem)

    def action_help(self) -> None:
        from llmdash.ui.screens.help import help_screen

        self.app.push_screen(help_screen(self))

    @on(NewRunForm.Entered)
    def action_start(self) -> None:
        """Start with what is chosen; a second press while it starts does nothing."""
        if self._opening is not None:
            return
        try:
            launch = self._form.launch()
        except LaunchError as error:
            self._forecast.refuse(str(error))
            return
        if self._form.spends_unseen:
            self._form.show_endpoint()
            return
        self._forecast.show_starting()
        self._open(launch, partial(self._launcher.start, launch), self._forecast.refuse)

    @on(NewRunForm.Changed)
    def _changed(self) -> None:
        self._forecast.forget_refusal()
        self._settling.stop()
        self._settling = self.set_timer(_SETTLE_S, self._foresee)

    def _foresee(self) -> None:
        """Read the chosen file, and ask what Enter would send now."""
        try:
            read = partial(self._launcher.preview, self._form.prompts())
            self._work.start("preview", read, self._form.show_preview, self._form.show_unreadable)
        except LaunchError as error:
            self._form.show_unreadable(str(error))
        try:
            foresee = partial(self._launcher.forecast, self._form.launch())
            self._work.start("forecast", foresee, self._show_forecast, self._forecast.show_none)
        except LaunchError as error:
            self._work.drop("forecast")
            self._forecast.show_none(str(error))

    def _show_forecast(self, forecast: ForecastPart) -> None:
        """Show what would come of the fields, unless it says there why nothing was started."""
        if self._forecast.refuses:
            return
        try:
            self._forecast.show(forecast, self._form.launch(), asks=self._form.spends_unseen)
        except LaunchError as error:
            self._forecast.show_none(str(error))

    @on(Worker.StateChanged)
    def _worked(self, event: Worker.StateChanged) -> None:
        self._work.settle(event)

    def _tell(self, problem: str) -> None:
        self.app.notify(problem, severity="error", markup=False)

    def on_resize(self, event: Resize) -> None:
        if self.is_mounted:
            self._arrange(event.size.width)

    def _arrange(self, width: int) -> None:
        """Where it is narrow the form comes first, and all scrolls."""
        self.set_class(width < WIDE, "compact")
        all_of_it, above = self.query_one("#home"), self.query_one("#above")
        new = self.query_one("#new-panel")
        if self.has_class("compact"):
            all_of_it.move_child(above, after=new)
        else:
            all_of_it.move_child(above, before=new)
        self._shows_focus = False
        self.refresh(layout=True)

    def _laid_out(self, _: Screen[None]) -> None:
        """Scroll as far as the focus needs it, once for each size; later the user is the one who scrolls."""
        if self._shows_focus or self.focused is None:
            return
        self._shows_focus = True
        self.query_one("#home").scroll_home(animate=False, immediate=True)
        self.focused.scroll_visible(animate=False, immediate=True)


def _is_in_form(widget: Widget) -> bool:
    return any(isinstance(each, NewRunForm) for each in widget.ancestors)
