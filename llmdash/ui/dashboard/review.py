"""Which panels are there: those of a run at work, or those of one that has ended."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import Frame
from llmdash.ui.charts.mini_plot import MiniPlot
from llmdash.ui.panels.outcome import OutcomePanel
from llmdash.ui.panels.rate_panel import RatePanel
from llmdash.ui.stream.pane import StreamPane
from llmdash.ui.stream.tiles import StreamTiles
from llmdash.ui.tables.error_table import PANEL_COLUMNS, ErrorTable

__all__ = ["Review"]


class Review:
    """Shows what came of a run and what failed once it has ended; the rate and streams while it goes on."""

    def __init__(
        self, rate: RatePanel, stream: StreamPane, tiles: StreamTiles, skipped_errors: set[str]
    ) -> None:
        self._rate = rate
        self._stream = stream
        self._tiles = tiles
        self._outcome = OutcomePanel(id="outcome")
        self._over = MiniPlot(id="over")
        self._failed = ErrorTable("What failed", PANEL_COLUMNS, skipped_errors, id="failed")
        self._over.border_title = Content("Over the run")
        self._is_tiled: bool | None = None
        """None until the user says so: then there is a wall where there is room."""
        self._has_room = False
        self._arrange(ended=False, failed=False)

    @property
    def panels(self) -> tuple[Widget, ...]:
        """The panels of a run that has ended, to be mounted with the others."""
        return self._outcome, self._over, self._failed

    @property
    def lines(self) -> int:
        """The lines that show all that came of the run; 0 while it goes on."""
        return self._outcome.line_count() if self._outcome.display else 0

    @property
    def plot_width(self) -> int:
        """The width of the plot of the whole run, in cells; 0 where there is none."""
        return self._over.size.width if self._over.display else 0

    def tile(self) -> None:
        """Switch between one stream and all that fit, for as long as there are streams."""
        self._is_tiled = not self._tiles.display
        self._arrange(ended=self._outcome.display, failed=self._failed.display)

    def show(self, frame: Frame, *, has_room: bool) -> None:
        """Show the panels that fit the state of the run, and what they are about. On a screen that `has_room`
        the errors and a wall of streams are beside a run at work too.
        """
        ended = frame.run.state.ended
        self._has_room = has_room
        self._show_errors(frame, "What failed" if ended else "Errors")
        if ended:
            self._outcome.show(frame.run, frame.errors)
        self._over.show(frame.series)
        self._arrange(ended=ended, failed=(ended or has_room) and bool(frame.errors))

    def _show_errors(self, frame: Frame, about: str) -> None:
        run = frame.run
        jobs = counted(run.failed + run.invalid, "job")
        note = f"{jobs} failed; {counted(run.made_good, 'try', 'tries')} made good by a retry"
        self._failed.show(frame.errors, run.elapsed_s, about, note)

    def _arrange(self, *, ended: bool, failed: bool) -> None:
        tiled = (self._has_room if self._is_tiled is None else self._is_tiled) and not ended
        shown: dict[Widget, bool] = {
            self._rate: not ended,
            self._outcome: ended,
            self._over: True,
            self._failed: failed,
            self._tiles: tiled,
            self._stream: not (tiled or (failed and ended)),
        }
        for panel, is_shown in shown.items():
            if panel.display is not is_shown:
                panel.display = is_shown
