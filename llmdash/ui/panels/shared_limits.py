"""Who shares the limits of a run, a line for each limit."""

from __future__ import annotations

from typing import ClassVar

from textual.strip import Strip

from llmdash.engine.model.frame import SharedLimitRow
from llmdash.ui.charts.drawing import Drawing
from llmdash.ui.text.limit_words import share_line

__all__ = ["SharedLimits"]


class SharedLimits(Drawing):
    """A line for each limit, as long as there are any.

    | Component class | Styles |
    |---|---|
    | `shared-limits--line` | A limit. |
    | `shared-limits--over` | A limit of which there is no share, since nobody can tell. |
    """

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {"shared-limits--line", "shared-limits--over"}

    _ground = "shared-limits--line"

    DEFAULT_CSS = """
    SharedLimits {
        display: none;
        & > .shared-limits--line { color: $text-accent; }
        & > .shared-limits--over { color: $text-error; }
    }
    """

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._limits: tuple[SharedLimitRow, ...] = ()
        self._height = 0

    def show(self, limits: tuple[SharedLimitRow, ...], room: int) -> None:
        """Show the limits, in `room` lines at most."""
        height = max(0, min(len(limits), room))
        if limits == self._limits and height == self._height:
            return
        self._limits, self._height = limits, height
        self.display = height > 0
        self.styles.height = max(1, height)
        self.redraw()

    def _draw(self, width: int, height: int) -> list[Strip]:
        styles = [f"shared-limits--{'over' if limit.is_over else 'line'}" for limit in self._limits]
        return [
            self._line([(share_line(limit, width), self._styles.get(style))], width)
            for limit, style in zip(self._limits[:height], styles, strict=False)
        ]
