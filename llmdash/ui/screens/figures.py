"""The percentiles of a run: by key, endpoint and model, as a histogram and over the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from llmdash.engine.model.frame import Frame
from llmdash.engine.model.view import View
from llmdash.reports.timing_tables import write_timings
from llmdash.ui.charts.timing_board import TimingBoard
from llmdash.ui.dashboard.overlay import Controls
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.panels.run_line import RunLine
from llmdash.ui.screens.exporting import export
from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.usual_keys import HELP_KEY, HIDDEN_LEAVE_KEY, HIDDEN_PALETTE_KEY

__all__ = ["FiguresScreen"]

_METRIC_KEYS = Binding.Group("Metric")
_GROUP_KEYS = Binding.Group("Group")


class FiguresScreen(SteadyScreen[None]):
    """Percentiles of times to the first token, between tokens, to the whole answer, and of the wait."""

    TITLE = "Figures"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "up",
            "metric(-1)",
            "Previous",
            id="metric-before",
            group=_METRIC_KEYS,
            tooltip="Show the metric above",
        ),
        Binding(
            "down", "metric(1)", "Next", id="next-metric", group=_METRIC_KEYS, tooltip="Show the metric below"
        ),
        Binding("b", "grouping(1)", "By", tooltip="By key, by endpoint, by model, the run as a whole"),
        Binding("B", "grouping(-1)", "By, back", show=False, tooltip="The other way round"),
        Binding(
            "left",
            "group(-1)",
            "Previous",
            id="group-before",
            group=_GROUP_KEYS,
            tooltip="Show the group above",
        ),
        Binding(
            "right",
            "group(1)",
            "Next",
            id="next-group",
            group=_GROUP_KEYS,
            tooltip="Show the group below, then all",
        ),
        Binding("x", "export('.csv')", "Export CSV", tooltip="Write all percentiles into a CSV file here"),
        Binding("j", "export('.json')", "JSON", tooltip="Write percentiles and histograms into a JSON file"),
        HIDDEN_PALETTE_KEY,
        HELP_KEY,
        Binding("escape,G", "dismiss", "Back", tooltip="To the dashboard"),
        HIDDEN_LEAVE_KEY,
    ]

    def __init__(self, controls: Controls) -> None:
        super().__init__()
        self._controls = controls
        self._run = ""
        self.renamed: Mapping[str, str] = {}

    def compose(self) -> ComposeResult:
        yield RunLine()
        yield TimingBoard(id="timings")
        yield KeyBar()

    @property
    def _board(self) -> TimingBoard:
        return self.query_one(TimingBoard)

    def wanted(self, view: View) -> View:
        return replace(view, series=self._board.series, timings=self._board.timings)

    def show_frame(self, frame: Frame) -> None:
        self._run = frame.run.name
        self.query_one(RunLine).show(frame.run)
        if frame.timings is not None:
            self._board.show(frame.timings, frame.series, is_streamed=frame.run.is_streamed)

    @on(TimingBoard.ViewChanged)
    def _view_changed(self) -> None:
        self._controls.poll()

    def action_metric(self, steps: int) -> None:
        """Show another metric."""
        self._board.next_metric(steps)

    def action_grouping(self, steps: int) -> None:
        """Tell answers apart by something else."""
        self._board.next_grouping(steps)

    def action_group(self, steps: int) -> None:
        """Show another group."""
        self._board.next_group(steps)

    def action_help(self) -> None:
        from llmdash.ui.screens.help import help_screen

        self.app.push_screen(help_screen(self))

    def action_export(self, suffix: str) -> None:
        """Write what is shown into a file here."""
        part = self._board.part
        if not part.whole.answers:
            self.notify("Nothing is measured yet: there is nothing to export", markup=False)
            return
        run = self._run
        export(self, "The figures", lambda folder: write_timings(part, folder, run, suffix=suffix))
