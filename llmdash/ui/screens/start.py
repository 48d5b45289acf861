"""The start screen of a bare `llmdash`: choose prompts, endpoint, model, rate and concurrency."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import Worker, WorkerState

from llmdash.engine.model.counts import counted
from llmdash.sanitize import clean_line
from llmdash.ui.launcher import (
    EndpointChoice,
    Forecast,
    Launch,
    Launcher,
    LaunchError,
    LaunchOptions,
    PromptChoice,
    concurrency_from_text,
    rate_as_text,
    rate_from_text,
)
from llmdash.ui.screens.key_bar import KeyBar, bar_items
from llmdash.ui.text.format import dollars, si, span
from llmdash.ui.text.keymap import entries

if TYPE_CHECKING:
    from llmdash.engine.model.session import Session

__all__ = ["Chooser", "StartScreen", "forecast_text"]


class Chooser(OptionList):
    """A list to choose from. Only the Enter key starts the run: a click chooses."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "screen.start", show=False)]


class StartScreen(Screen[None]):
    """Asks what to run. Nothing is sent anywhere before Enter, and what that would send stands beside it.

    No endpoint that costs money is chosen at first.
    """

    TITLE = "Start"
    AUTO_FOCUS = "#prompt-files, #prompt-path"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "start", "Start", tooltip="Start the run with what is chosen"),
        Binding("tab", "app.focus_next", "Next field"),
        Binding("ctrl+p", "app.command_palette", "Palette", tooltip="Every action by name"),
        Binding("escape", "app.quit", "Quit", tooltip="Leave; nothing was sent"),
    ]

    class Started(Message):
        """Posted when the run has started."""

        def __init__(self, session: Session, launch: Launch) -> None:
            super().__init__()
            self.session = session
            self.launch = launch

    def __init__(self, launcher: Launcher) -> None:
        super().__init__()
        self._launcher = launcher
        self._options = LaunchOptions()
        self._launch: Launch | None = None

    def compose(self) -> ComposeResult:
        self._options = self._launcher.options()
        with VerticalScroll(id="start"):
            yield Static(
                Content.assemble(("llmdash", "bold $primary"), "  a batch, watched live"), id="title"
            )
            with Horizontal(id="choices"):
                with Vertical(classes="choice") as prompts:
                    prompts.border_title = Content("Prompts")
                    yield _chooser("prompt-files", self._options.prompt_files)
                    yield from _field("or a file", "prompt-path", "", "path to .jsonl, .txt, .csv or .toml")
                with Vertical(classes="choice") as target:
                    target.border_title = Content("Endpoint")
                    yield _chooser("endpoints", self._options.endpoints)
                    yield from _field("model", "model", self._options.model, "the endpoint's own")
                    yield from _field(
                        "rate", "rate", rate_as_text(self._options.rate), "5/s, 300/min or none"
                    )
                    yield from _field("in flight", "concurrency", str(self._options.concurrency), "64")
            yield Static(id="forecast", markup=False)
            yield Static(id="launch-problem", markup=False)
        yield KeyBar(bar_items(entries(self), ("start", "app.quit")))

    def on_mount(self) -> None:
        self._prompts.highlighted = 0 if self._options.prompt_files else None
        free = (at for at, choice in enumerate(self._options.endpoints) if not choice.spends)
        self._endpoints.highlighted = next(free, None)
        self._say("Nothing is sent before Enter.", "quiet")

    def action_start(self) -> None:
        """Start with what is chosen; a second press while it starts does nothing."""
        if self._launch is not None:
            return
        try:
            launch = self._chosen()
        except LaunchError as error:
            self._say(str(error), "problem")
            return
        self._launch = launch
        self._say("Starting …", "quiet")
        start = partial(self._launcher.start, launch)
        self.run_worker(start, thread=True, exit_on_error=False, name="launch", exclusive=True)

    @on(Input.Submitted)
    def _entered(self) -> None:
        self.action_start()

    @on(OptionList.OptionHighlighted)
    @on(Input.Changed)
    def _foresee(self) -> None:
        """Ask what Enter would send now."""
        try:
            forecast = partial(self._launcher.forecast, self._chosen())
        except LaunchError as error:
            self.workers.cancel_group(self, "forecast")
            self._show_forecast(str(error))
            return
        self.run_worker(
            forecast, thread=True, exit_on_error=False, name="forecast", group="forecast", exclusive=True
        )

    def _show_forecast(self, text: str, *, spends: bool = False) -> None:
        line = self.query_one("#forecast", Static)
        line.set_class(spends, "-spends")
        line.update(Content(text))

    @property
    def _prompts(self) -> OptionList:
        return self.query_one("#prompt-files", OptionList)

    @property
    def _endpoints(self) -> OptionList:
        return self.query_one("#endpoints", OptionList)

    def _chosen(self) -> Launch:
        if not self._options.endpoints:
            raise LaunchError("Endpoint: none is configured; put API_KEY and BASE_URL into .env")
        if self._endpoints.highlighted is None:
            raise LaunchError("Endpoint: none is chosen; choose one in the list")
        endpoint = self._options.endpoints[self._endpoints.highlighted]
        return Launch(
            prompt_path=self._prompt_path(),
            endpoint=endpoint.name,
            model=self._text("model") or endpoint.model,
            rate=rate_from_text(self._text("rate")),
            concurrency=concurrency_from_text(self._text("concurrency")),
        )

    def _prompt_path(self) -> Path:
        if typed := self._text("prompt-path"):
            path = Path(typed).expanduser()
            if not path.is_file():
                raise LaunchError(f"Prompts: {typed} is not a file; give the path of one")
            return path
        if self._prompts.highlighted is None:
            raise LaunchError("Prompts: none chosen; give the path of a file")
        return self._options.prompt_files[self._prompts.highlighted].path

    def _text(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value.strip()

    @on(Worker.StateChanged)
    def _worked(self, event: Worker.StateChanged) -> None:
        if event.worker.name == "forecast":
            self._foreseen(event.worker, event.state)
        elif event.worker.name == "launch" and self._launch is not None:
            self._launch_ended(event, self._launch)

    def _foreseen(self, worker: Worker[Forecast], state: WorkerState) -> None:
        if state is WorkerState.SUCCESS and worker.result is not None:
            self._show_forecast(forecast_text(worker.result), spends=worker.result.spends)
        elif state is WorkerState.ERROR:
            if not isinstance(worker.error, LaunchError):
                raise worker.error or RuntimeError("there is no forecast")
            self._show_forecast(str(worker.error))

    def _launch_ended(self, event: Worker.StateChanged, launch: Launch) -> None:
        session = event.worker.result
        if event.state is WorkerState.SUCCESS and session is not None:
            self.post_message(self.Started(session, launch))
        elif event.state is WorkerState.ERROR:
            self._launch = None
            self._launch_failed(event.worker.error)

    def _launch_failed(self, error: BaseException | None) -> None:
        """Show a LaunchError; raise anything else, which is a fault of the program."""
        if not isinstance(error, LaunchError):
            raise error or RuntimeError("the run did not start")
        self._say(str(error), "problem")

    def _say(self, text: str, kind: str) -> None:
        line = self.query_one("#launch-problem", Static)
        line.set_class(kind == "problem", "-problem")
        line.update(Content(text))


def _chooser(name: str, choices: Sequence[PromptChoice | EndpointChoice]) -> OptionList:
    options = [Option(_two_lines(choice.name, choice.detail)) for choice in choices]
    return Chooser(*options, id=name, markup=False, disabled=not options)


def forecast_text(forecast: Forecast) -> str:
    """Return what Enter would send, how long that takes, and what it costs, in a line.

    >>> forecast_text(Forecast(90, True, 18.0, 3600, None, 0.00054))
    'Enter sends 90 prompts · about 18s · ~3.6k tokens in · $0.00054 for the prompts, the answers cost more'
    """
    time = "as fast as answers come" if forecast.seconds is None else f"about {span(forecast.seconds)}"
    parts = [f"Enter sends {counted(forecast.prompts, 'prompt')}", time]
    parts.append(f"~{si(forecast.input_tokens).strip()} tokens in")
    if forecast.output_tokens is not None:
        parts.append(f"at most {si(forecast.output_tokens).strip()} out")
    return " · ".join([*parts, _cost(forecast)])


def _cost(forecast: Forecast) -> str:
    if not forecast.spends:
        return "to this machine: no cost"
    if forecast.cost_of_prompts is None:
        return "no price is known"
    if forecast.cost_of_answers is None:
        return f"{dollars(forecast.cost_of_prompts)} for the prompts, the answers cost more"
    return f"at most about {dollars(forecast.cost_of_prompts + forecast.cost_of_answers)}"


def _two_lines(name: str, detail: str) -> Content:
    name, detail = clean_line(name), clean_line(detail)
    return Content.assemble(name, ("\n  " + detail if detail else "", "$foreground-muted"))


def _field(label: str, name: str, value: str, placeholder: str) -> ComposeResult:
    with Horizontal(classes="field"):
        yield Label(label, markup=False)
        yield Input(value, placeholder=placeholder, id=name, compact=True)
