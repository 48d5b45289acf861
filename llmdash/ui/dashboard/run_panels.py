"""Keys, rate and stream below another table, for a screen over the dashboard."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from llmdash.engine.model.frame import Frame
from llmdash.engine.model.view import SeriesView, View
from llmdash.ui.dashboard.figure_pace import FigurePace
from llmdash.ui.panels.key_panel import KeyPanel
from llmdash.ui.panels.rate_panel import RatePanel
from llmdash.ui.stream.pane import StreamPane
from llmdash.ui.text.batch_words import awaited_words

__all__ = ["LEAST_LINES", "LEAST_WIDTH", "RunPanels"]

LEAST_WIDTH: Final = 100
LEAST_LINES: Final = 12
"""With fewer lines or columns there is no room for them."""


class RunPanels(Vertical):
    """The keys beside the rate, and the stream below both."""

    DEFAULT_CSS = """
    RunPanels {
        & > Horizontal { height: 1fr; }
        & > StreamPane { height: 5; }
        & KeyPanel, & RatePanel { width: 1fr; height: 100%; }
        & KeyPanel, & RatePanel, & > StreamPane {
            border: round $border-blurred;
            border-title-color: $foreground-muted;
            border-subtitle-color: $foreground-muted;
            padding: 0 1;
            &:focus, &:focus-within {
                border: heavy $border;
                border-title-color: $primary;
                border-title-style: bold;
            }
        }
        & KeyPanel { padding: 0; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys = KeyPanel(id="worker-keys")
        self._rate = RatePanel(id="worker-rate")
        self._stream = StreamPane(id="worker-stream")
        self._figures = FigurePace()

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield self._keys
            yield self._rate
        yield self._stream

    def wanted(self, view: View) -> View:
        """Return the view with what the panels need."""
        return replace(view, stream=self._stream.wanted(), series=SeriesView(2 * self._rate.size.width))

    def show(self, frame: Frame) -> None:
        """Show a frame."""
        self._keys.review(frame.run.state.ended)
        self._keys.show(frame.keys, frame.endpoints, jobs=frame.run.jobs)
        if self._figures.are_due(frame):
            self._rate.show(frame.rate, frame.series, frame.limits, awaited_words(frame))
        self._stream.show(frame.stream)
