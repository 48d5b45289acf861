"""Failed tries a second over the run, as a line that begins at the left and grows."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.strip import Strip

from llmdash.engine.model.errors import FailedTries
from llmdash.ui.charts.chart import cell, dots, resample
from llmdash.ui.charts.drawing import Drawing
from llmdash.ui.charts.measures import short_number
from llmdash.ui.text.format import fit
from llmdash.ui.text.panel_border import PanelBorder

__all__ = ["TriesPlot"]

_AXIS: Final = 6
_TICKS: Final = 4


class TriesPlot(Drawing):
    """A line from 0 to the largest value; its scale halves when it is full.

    | Component class | Styles |
    |---|---|
    | `tries-plot--axis` | Axes and their labels. |
    | `tries-plot--line` | The line. |
    """

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {"tries-plot--axis", "tries-plot--line"}

    _ground = "tries-plot--axis"

    DEFAULT_CSS = """
    TriesPlot {
        height: 6;
        border: round $border-blurred; border-title-color: $foreground-muted;
        padding: 0 1;
        & > .tries-plot--axis { color: $text-muted; }
        & > .tries-plot--line { color: $text-error; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._border = PanelBorder(self, "Failed tries a second")
        self._tries = FailedTries()

    def show(self, tries: FailedTries, span: str) -> None:
        """Draw these tries; `span` says from when to when they are."""
        self._border.show("Failed tries a second", span)
        if tries != self._tries:
            self._tries = tries
            self.redraw()

    def on_resize(self) -> None:
        self._border.draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._border.draw()

    def _draw(self, width: int, height: int) -> list[Strip]:
        rows, chart = height - 1, width - _AXIS
        if rows < 1 or chart < _TICKS:
            return []
        values = _from_left(self._tries.per_s, 2 * chart)
        high = max((value for value in values if value is not None), default=0.0) or 1.0
        axis, ink = self._styles.get("tries-plot--axis"), self._styles.get("tries-plot--line")
        labels = {0: short_number(high)} | ({rows - 1: "0"} if rows > 1 else {})
        drawn = [
            self._line(
                [
                    (fit(labels.get(y, ""), _AXIS - 1, "right") + ("┤" if y in labels else "│"), axis),
                    ("".join(map(cell, line)), ink),
                ],
                width,
            )
            for y, line in enumerate(dots(values, chart, rows, 0.0, high))
        ]
        every = max(1, chart // _TICKS)
        ticks = "".join("┬" if not at % every else "─" for at in range(chart))
        return [*drawn, self._line([(" " * (_AXIS - 1) + "└" + ticks, axis)], width)]


def _from_left(values: tuple[float, ...], columns: int) -> list[float | None]:
    """Return a value for each column: the beginning of the run at the left, and nothing yet at the right."""
    wide = 1
    while values and 2 * wide * len(values) <= columns:
        wide *= 2
    shown = [value for value in resample(values, columns) for _ in range(wide)]
    return [*shown, *[None] * (columns - len(shown))]
