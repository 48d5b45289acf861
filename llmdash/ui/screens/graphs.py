"""The run over time, on the whole screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Grid
from textual.content import Content
from textual.screen import Screen

from llmdash.engine.model.frame import Frame
from llmdash.engine.model.view import View
from llmdash.ui.charts.plot import Plot, Series
from llmdash.ui.dashboard.action_names import pause_names
from llmdash.ui.dashboard.overlay import Controls
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.text.format import duration, number, rate
from llmdash.ui.text.keymap import KeyBinding as Binding

__all__ = ["GraphsScreen"]

_RATE_KEYS = Binding.Group("Rate")
_TITLES = {
    "requests": "Rate",
    "in-flight": "In flight",
    "tokens": "Output",
    "ttft": "Time to first token",
}


class GraphsScreen(Screen[None]):
    """Four plots that share the time axis."""

    TITLE = "Graphs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,g", "dismiss", "Back"),
        Binding("p", "toggle_pause", "Pause", tooltip="Send nothing new; press again to resume"),
        Binding("minus", "nudge(-1)", "Slower", group=_RATE_KEYS, tooltip="Lower the rate by a step"),
        Binding(
            "plus,equals_sign", "nudge(1)", "Faster", group=_RATE_KEYS, tooltip="Raise the rate by a step"
        ),
        Binding("ctrl+p", "app.command_palette", "Palette"),
        Binding("question_mark", "help", "Help", tooltip="Every key, the glyphs, and the manual"),
        Binding("q", "app.quit", "Leave", id="quit", tooltip="Leave; asks about a run that goes on"),
    ]

    def __init__(self, controls: Controls) -> None:
        super().__init__()
        self._controls = controls
        self.renamed: Mapping[str, str] = {}

    def compose(self) -> ComposeResult:
        with Grid(id="graphs"):
            for name, title in _TITLES.items():
                with Container(id=f"{name}-box", classes="graph") as box:
                    box.border_title = Content(title)
                    yield Plot(id=name)
        yield KeyBar()

    def wanted(self, view: View) -> View:
        return replace(view, series_width=max(view.series_width, 2 * self.query_one("#requests").size.width))

    def show_frame(self, frame: Frame) -> None:
        plot = frame.series
        self._show("requests", plot.step_s, Series("requests/s", plot.rate, number))
        self._show("in-flight", plot.step_s, Series("in flight", plot.in_flight))
        self._show("tokens", plot.step_s, Series("tokens/s", plot.tokens_per_s))
        p50 = Series("p50", plot.ttft_p50, _short)
        self._show("ttft", plot.step_s, p50, Series("p95", plot.ttft_p95, _short))

        self.renamed = pause_names(frame)
        self.query_one(KeyBar).rename(self.renamed)
        self._title("requests-box", f"Rate · set {rate(frame.rate.rate).strip()} · {frame.run.state.value}")

    def action_toggle_pause(self) -> None:
        self._controls.action_toggle_pause()

    def action_nudge(self, steps: int) -> None:
        self._controls.action_nudge_rate(steps)

    def action_help(self) -> None:
        from llmdash.ui.screens.help import help_screen

        self.app.push_screen(help_screen(self))

    def _title(self, name: str, text: str) -> None:
        box = self.query_one(f"#{name}", Container)
        if str(box.border_title) != text:
            box.border_title = Content(text)

    def _show(self, name: str, step_s: float, *series: Series) -> None:
        self.query_one(f"#{name}", Plot).show(series, step_s)


def _short(seconds: float) -> str:
    return duration(seconds).strip()
