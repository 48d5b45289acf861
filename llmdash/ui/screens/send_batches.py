"""SendBatchesScreen: asks whether to send jobs in batches, with what that costs and takes beside live."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from llmdash.engine.model.counts import counted
from llmdash.engine.model.forecast import BatchForecast
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.view import View
from llmdash.sanitize import clean_line
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.text.batch_forecast_words import forecast_parts, stay_words
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.named_keys import chosen_by, key_hints

__all__ = ["SendBatchesScreen"]

_READING = "Some of the prompts are being read for a forecast …"
_WHAT = (
    "One job of each kind goes first, live: a wrong model name costs one call, not a day. The others go to "
    "the provider and back; what fails or expires there is pending again. Live jobs go on meanwhile."
)


class SendBatchesScreen(ModalScreen[bool], SteadyScreen[bool]):
    """Asks over the dashboard; dismissed with the answer. The forecast is made while it is open.

    | Key | Does |
    |---|---|
    | y | Sends the jobs in batches. |
    | n, escape, q | Leaves them pending. |
    """

    CSS_PATH = Path(__file__).with_name("boxes.tcss")
    TITLE = "Send in batches"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "send", "Send them", tooltip="Send these jobs in batches"),
        Binding("n,escape,q", "dismiss(False)", "Not now", tooltip="They stay pending"),
    ]

    def __init__(self, jobs: tuple[int, ...], pending: int) -> None:
        """`jobs` are those that are marked; without any it is about all that are `pending`."""
        super().__init__()
        self._jobs = jobs
        self._pending = pending
        self._forecast: BatchForecast | None = None

    def compose(self) -> ComposeResult:
        which = (
            counted(len(self._jobs), "marked job") if self._jobs else counted(self._pending, "pending job")
        )
        with Vertical(id="confirm") as box:
            box.border_title = Content(f"Send {which} in batches?")
            box.border_subtitle = Content(
                key_hints(
                    chosen_by(self),
                    ("send-them", "y", "send them"),
                    ("not-now", "n", "not now"),
                    between="   ",
                )
            )
            yield Static(Content(_READING), id="batch-forecast", markup=False)
            yield Static(Content(f"\n{_WHAT}"), markup=False)
        yield KeyBar()

    def wanted(self, view: View) -> View:
        """Return the view with the forecast of these jobs."""
        return replace(view, batch_forecast=True, batch_jobs=self._jobs)

    def show_frame(self, frame: Frame) -> None:
        """Show the forecast, once it is there."""
        if frame.batch_forecast is not None and frame.batch_forecast != self._forecast:
            self._forecast = frame.batch_forecast
            lines = [*(forecast_parts(self._forecast) if self._forecast.jobs else ())]
            lines += filter(None, (stay_words(self._forecast),))
            self.query_one("#batch-forecast", Static).update(Content("\n".join(map(clean_line, lines))))

    def action_send(self) -> None:
        """Dismiss with a yes; where it is known that nothing can go, say why."""
        if self._forecast is not None and not self._forecast.jobs:
            self.notify(clean_line(stay_words(self._forecast)), markup=False)
        else:
            self.dismiss(True)
