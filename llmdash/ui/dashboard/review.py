"""Which panels are there: those of a run at work, or those of one that has ended."""

from __future__ import annotations

import enum

from textual.widget import Widget

from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import Frame
from llmdash.ui.charts.mini_plot import MiniPlot
from llmdash.ui.panels.outcome import OutcomePanel
from llmdash.ui.panels.rate_panel import RatePanel
from llmdash.ui.stream.pane import StreamPane
from llmdash.ui.stream.tiles import StreamTiles
from llmdash.ui.tables.error_table import PANEL_COLUMNS, ErrorTable
from llmdash.ui.tables.event_table import EventTable
from llmdash.ui.text.event_words import events_of

__all__ = ["Review", "StreamLayout"]


class StreamLayout(enum.Enum):
    """How streams are shown: one alone, as many as fit beside the jobs, or in most of their room."""

    ONE = "one stream"
    TILES = "tiles"
    WALL = "wall"


_NEXT = {
    StreamLayout.TILES: StreamLayout.WALL,
    StreamLayout.WALL: StreamLayout.ONE,
    StreamLayout.ONE: StreamLayout.TILES,
}


class Review:
    """Shows what came of a run and what failed once it has ended; the rate and streams while it goes on."""

    def __init__(
        self, rate: RatePanel, stream: StreamPane, tiles: StreamTiles, skipped_errors: set[str]
    ) -> None:
        self._rate = rate
        self._stream = stream
        self._tiles = tiles
        self._outcome = OutcomePanel(id="outcome")
        self._over = MiniPlot("Over the run", id="over")
        self._events = EventTable(id="events")
        self._failed = ErrorTable("What failed", PANEL_COLUMNS, skipped_errors, id="failed")
        self._chosen: StreamLayout | None = None
        self._is_roomy = False
        self._arrange(ended=False, failed=False)

    @property
    def panels(self) -> tuple[Widget, ...]:
        """The panels of a run that has ended, to be mounted with the others."""
        return self._outcome, self._over, self._failed, self._events

    @property
    def lines(self) -> int:
        """The lines that show all that came of the run; 0 while it goes on."""
        return self._outcome.line_count() if self._outcome.display else 0

    @property
    def plot_width(self) -> int:
        """The width of the plot of the whole run, in cells; 0 where there is none."""
        return self._over.size.width if self._over.display else 0

    @property
    def streams(self) -> StreamLayout:
        """How streams are shown while the run goes on: tiles only where there is room for them by the way."""
        chosen = self._chosen or StreamLayout.TILES
        return chosen if chosen is not StreamLayout.TILES or self._is_roomy else StreamLayout.ONE

    def tile(self) -> None:
        """Show streams in the next way, for as long as there are streams."""
        self._chosen = _NEXT[self.streams]
        if self._chosen is StreamLayout.TILES and not self._is_roomy:
            self._chosen = StreamLayout.WALL
        self._arrange(ended=self._outcome.display, failed=self._failed.display)

    def leave_wall(self) -> bool:
        """Show streams as they are at first, in place of a wall of them; return False where there is none."""
        is_wall = self._tiles.display and self.streams is StreamLayout.WALL
        if is_wall:
            self._chosen = None
            self._arrange(ended=self._outcome.display, failed=self._failed.display)
        return is_wall

    def use_room(self, is_roomy: bool) -> None:
        """Show tiles where there `is_roomy` space, unless another way was chosen."""
        self._is_roomy = is_roomy

    def show(self, frame: Frame) -> None:
        """Show the panels that fit the state of the run, and what they are about. Where there is room, the
        errors are beside a run at work too.
        """
        ended = frame.run.state.ended
        self._show_errors(frame, "What failed" if ended else "Errors")
        if ended:
            self._outcome.show(frame.run, frame.errors)
        self._over.show(frame.series)
        if self._is_roomy:
            self._events.show(events_of(frame))
        self._arrange(ended=ended, failed=(ended or self._is_roomy) and bool(frame.errors))

    def _show_errors(self, frame: Frame, about: str) -> None:
        run = frame.run
        jobs = counted(run.failed + run.invalid, "job")
        note = f"{jobs} failed; {counted(run.made_good, 'try', 'tries')} made good by a retry"
        self._failed.show(frame.errors, run.elapsed_s, about, note)

    def _arrange(self, *, ended: bool, failed: bool) -> None:
        tiled = self.streams is not StreamLayout.ONE and not ended
        self._tiles.next_way = _NEXT[self.streams].value
        shown: dict[Widget, bool] = {
            self._rate: not ended,
            self._outcome: ended,
            self._over: True,
            self._events: self._is_roomy,
            self._failed: failed,
            self._tiles: tiled,
            self._stream: not (tiled or (failed and ended)),
        }
        for panel, is_shown in shown.items():
            if panel.display is not is_shown:
                panel.display = is_shown
