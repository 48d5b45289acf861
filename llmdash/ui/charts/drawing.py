"""Drawing: a widget that is drawn as a whole when its data or its size change."""

from __future__ import annotations

from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from llmdash.ui.text.paint import Styles, differences, line

__all__ = ["Drawing"]


class Drawing(Widget):
    """Caches its lines; a subclass writes `_draw` and names the component class of its background."""

    _ground: str

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._styles = Styles(self)
        self._lines: list[Strip] = []
        self._drawn = (0, 0)

    def redraw(self) -> None:
        """Draw again, since the data have changed; on screen only what looks different now is painted."""
        width, height = self.content_size
        if self._drawn != (width, height) or not height:
            self._drawn = (0, 0)
            self.refresh()
            return
        before, self._lines = self._lines, self._draw(width, height)
        if len(before) != len(self._lines):
            self.refresh()
        elif changed := [*differences(before, self._lines)]:
            self.refresh(*changed)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()
        self._drawn = (0, 0)

    def render_line(self, y: int) -> Strip:
        width, height = self.content_size
        if self._drawn != (width, height):
            self._lines = self._draw(width, height)
            self._drawn = (width, height)
        return self._lines[y] if y < len(self._lines) else self._line([], width)

    def _draw(self, width: int, height: int) -> list[Strip]:
        """Return the drawing, line by line."""
        raise NotImplementedError

    def _line(self, pieces: list[tuple[str, Style]], width: int) -> Strip:
        return line(pieces, width, self._styles.get(self._ground))
