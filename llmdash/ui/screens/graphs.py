"""The run over time, on the whole screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from llmdash.engine.model.frame import Frame, SeriesPart
from llmdash.engine.model.timings import Timing
from llmdash.engine.model.view import SeriesView, View
from llmdash.reports.series_csv import write_series
from llmdash.ui.charts.graph_board import GraphBoard
from llmdash.ui.dashboard.action_names import pause_names
from llmdash.ui.dashboard.overlay import Controls
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.panels.run_line import RunLine
from llmdash.ui.screens.exporting import export
from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.usual_keys import HELP_KEY, HIDDEN_LEAVE_KEY, HIDDEN_PALETTE_KEY

__all__ = ["GraphsScreen"]

_CURSOR_KEYS = Binding.Group("Cursor")
_ZOOM_KEYS = Binding.Group("Zoom")
_PAN_KEYS = Binding.Group("Pan")
_ALONE_KEYS = Binding.Group("One graph alone")
_RATE_KEYS = Binding.Group("Rate")
_STRIDE: Final = 10
_ALL_STEPS: Final = SeriesView(1_200, times=tuple(Timing))
"""More steps than a run has."""


class GraphsScreen(SteadyScreen[None]):
    """Four plots that share the time axis and the cursor."""

    CSS_PATH = Path(__file__).with_name("graphs.tcss")
    TITLE = "Graphs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "left",
            "cursor(-1)",
            "Back",
            id="cursor-back",
            group=_CURSOR_KEYS,
            tooltip="Move the cursor back in time",
        ),
        Binding(
            "right",
            "cursor(1)",
            "On",
            id="cursor-on",
            group=_CURSOR_KEYS,
            tooltip="Move the cursor on in time",
        ),
        Binding("shift+left", f"cursor(-{_STRIDE})", "Far back", show=False, tooltip="Ten columns back"),
        Binding("shift+right", f"cursor({_STRIDE})", "Far on", show=False, tooltip="Ten columns on"),
        Binding(
            "left_square_bracket", "zoom(-1)", "Out", group=_ZOOM_KEYS, tooltip="Twice as much of the run"
        ),
        Binding(
            "right_square_bracket", "zoom(1)", "In", group=_ZOOM_KEYS, tooltip="Half of it, around the cursor"
        ),
        Binding(
            "less_than_sign", "pan(-1)", "Earlier", group=_PAN_KEYS, tooltip="Half a screen back in time"
        ),
        Binding("greater_than_sign", "pan(1)", "Later", group=_PAN_KEYS, tooltip="Half a screen on in time"),
        Binding("home", "whole", "Whole run", tooltip="All of it again"),
        Binding("end", "newest", "Newest", show=False, tooltip="To the end of the run, and go on with it"),
        *(
            Binding(
                str(number),
                f"alone({number})",
                name,
                group=_ALONE_KEYS,
                tooltip="Alone; again for all of them",
            )
            for number, name in enumerate(("Rate", "First token", "In flight", "Tokens"), 1)
        ),
        Binding("x", "export", "Export CSV", tooltip="Write all steps into a CSV file here"),
        Binding("p", "toggle_pause", "Pause", tooltip="Send nothing new; press again to resume"),
        Binding("minus", "nudge(-1)", "Slower", group=_RATE_KEYS, tooltip="Lower the rate by a step"),
        Binding(
            "plus,equals_sign", "nudge(1)", "Faster", group=_RATE_KEYS, tooltip="Raise the rate by a step"
        ),
        HIDDEN_PALETTE_KEY,
        HELP_KEY,
        Binding("escape", "back", "Back", tooltip="Take the cursor away, then to the dashboard"),
        Binding("g", "dismiss", "Dashboard", show=False, tooltip="To the dashboard"),
        HIDDEN_LEAVE_KEY,
    ]

    def __init__(self, controls: Controls, at_s: float | None = None, plot: int | None = None) -> None:
        """With `at_s` the cursor is at that moment, in seconds at work; with a `plot` that one is alone."""
        super().__init__()
        self._first_look = at_s, plot
        self._controls = controls
        self._exports = False
        self.renamed: Mapping[str, str] = {}

    def compose(self) -> ComposeResult:
        yield RunLine()
        yield GraphBoard(id="graphs")
        yield KeyBar()

    def on_mount(self) -> None:
        at_s, plot = self._first_look
        if at_s is not None:
            self._board.point_at(at_s)
        if plot is not None:
            self._board.show_alone(plot)

    @property
    def _board(self) -> GraphBoard:
        return self.query_one(GraphBoard)

    def wanted(self, view: View) -> View:
        return replace(view, series=_ALL_STEPS if self._exports else self._board.wanted())

    def show_frame(self, frame: Frame) -> None:
        self.query_one(RunLine).show(frame.run)
        if self._exports:
            self._export(frame.series, frame.run.name)
        else:
            self._board.show(frame.series)
        self.renamed = {**pause_names(frame), **_without_use(frame)}
        self.query_one(KeyBar).rename(self.renamed)

    @on(GraphBoard.WindowChanged)
    def _window_changed(self) -> None:
        self._controls.poll()

    def action_cursor(self, columns: int) -> None:
        """Move the cursor by columns."""
        self._board.move_cursor(columns)

    def action_zoom(self, steps: int) -> None:
        """Show half as long a part of the run, or twice as long a one if negative."""
        self._board.zoom(steps)

    def action_pan(self, halves: int) -> None:
        """Move by halves of the screen."""
        self._board.pan(halves)

    def action_whole(self) -> None:
        self._board.show_whole()

    def action_newest(self) -> None:
        self._board.show_newest()

    def action_alone(self, number: int) -> None:
        """Show one plot alone, or all again."""
        self._board.show_alone(number - 1)

    def action_back(self) -> None:
        if not self._board.drop_cursor():
            self.dismiss()

    def action_toggle_pause(self) -> None:
        self._controls.action_toggle_pause()

    def action_nudge(self, steps: int) -> None:
        self._controls.action_nudge_rate(steps)

    def action_help(self) -> None:
        from llmdash.ui.screens.help import help_screen

        self.app.push_screen(help_screen(self))

    def action_export(self) -> None:
        """Write the series of the whole run into a file, as soon as they are there."""
        self._exports = True
        self._controls.poll()

    def _export(self, part: SeriesPart, run: str) -> None:
        """Write the series, unless this is still what was asked for before."""
        if len(part.waited.p50) != len(part.rate):
            return
        self._exports = False
        if not part.rate:
            self.notify("Nothing is measured yet: there is nothing to export", markup=False)
            return
        export(self, "The graphs", lambda folder: write_series(part, folder, run))


def _without_use(frame: Frame) -> Mapping[str, str]:
    """What can do nothing once the run has ended: its keys are left out."""
    if frame.replay is not None or not frame.run.state.ended:
        return {}
    return dict.fromkeys(("toggle_pause", "nudge(-1)", "nudge(1)"), "")
