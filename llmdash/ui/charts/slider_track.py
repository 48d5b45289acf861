"""The track of a slider: its cells, and the glyph in each."""

from __future__ import annotations

from typing import Final

from llmdash.lean_dataclass import dataclass
from llmdash.ui.charts.log_scale import LogScale, Setting

__all__ = ["UNLIMITED", "Track", "fit_track"]

THUMB: Final = "◆"
PENDING: Final = "◇"
UNLIMITED: Final = "∞"
ACHIEVED: Final = "▲"
MARK: Final = "▽"
"""What was found by itself; thumb and achieved go before it."""
MET: Final = "◈"
"""Thumb and achieved in the same cell."""
LEAST_CELLS: Final = 5


@dataclass(frozen=True, slots=True)
class Track:
    """The cells from `start` to before `stop` of a line, laid over a scale."""

    scale: LogScale
    start: int
    stop: int

    def __contains__(self, x: int) -> bool:
        return self.start <= x < self.stop

    def __len__(self) -> int:
        return self.stop - self.start

    def cell(self, value: Setting) -> int:
        """Return the cell of a value, counted from the start of the track."""
        return round(self.scale.fraction(value) * (len(self) - 1))

    def value(self, x: int) -> float:
        """Return the value under the cell `x` of the line; beyond the ends, the first or last one."""
        return self.scale.at((x - self.start) / (len(self) - 1))

    def draw(
        self, value: Setting, achieved: float | None, mark: float | None = None
    ) -> list[tuple[str, str]]:
        """Return the glyph of each cell, and the end of its component class's name."""
        thumb = self.cell(value)
        cells = [("━", "filled") if x < thumb else ("─", "track") for x in range(len(self))]
        for decade in self.scale.decades():
            x = self.cell(decade)
            cells[x] = ("┿" if x < thumb else "┼", cells[x][1])
        if mark:
            cells[self.cell(mark)] = (MARK, "mark")
        if achieved:
            cells[self.cell(achieved)] = (ACHIEVED, "achieved")
        met = achieved is not None and achieved > 0 and self.cell(achieved) == thumb
        cells[thumb] = (UNLIMITED if value is None else MET if met else THUMB, "met" if met else "thumb")
        return cells

    def figures(self) -> str:
        """Return the line below: the lower end and the decades, each below its place, as far as they fit."""
        text = " " * (self.start - 1) + f"{self.scale.minimum:g}"
        for decade in self.scale.decades():
            figure = f"{decade:g}"
            at = self.start + self.cell(decade) - len(figure) // 2
            if at > len(text):
                text = text.ljust(at) + figure
        return text

    def draw_pending(self, cells: list[tuple[str, str]], value: Setting, asked: Setting) -> None:
        """Put the hollow thumb of a value that is not confirmed yet into the cells."""
        x = self.cell(asked)
        if x != self.cell(value):
            cells[x] = (UNLIMITED if asked is None else PENDING, "pending")


def fit_track(scale: LogScale, start: int, width: int, end: int) -> Track | None:
    """Return the track between `start` and `width`, with `end` cells free behind it if there is room.

    One more cell on each side is for the bars that close the track. None if it would be too short.
    """
    for room in (end, 0):
        track = Track(scale, start + 1, max(start + 1, width - room - 1))
        if len(track) >= LEAST_CELLS:
            return track
    return None
