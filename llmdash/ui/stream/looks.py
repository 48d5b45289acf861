"""Looks of a stream: whether there are bars behind its chunks, and what stands below them."""

from __future__ import annotations

from typing import Final, NamedTuple

from llmdash.ui.stream.gap_lines import Ruler

__all__ = ["StreamLooks"]

_LEGENDS: Final = {
    Ruler.HEIGHTS: "| chunk  ▂ the gap before it  █ 0.26s a stall",
    Ruler.TIMES: "| chunk  24 the gap before it in ms",
    Ruler.NONE: "| chunk",
}
"""What the signs mean, in the order in which one ruler follows the other."""
_BORDER: Final = 8
"""Cells of a border that are no words of it."""


class StreamLooks(NamedTuple):
    """How a stream is drawn."""

    marks: bool = True
    ruler: Ruler = Ruler.HEIGHTS

    def toggled(self) -> StreamLooks:
        """Return the same with bars where there were none, and the other way round."""
        return self._replace(marks=not self.marks)

    def next_ruler(self) -> StreamLooks:
        """Return the same with what comes next below the bars."""
        rulers = list(_LEGENDS)
        return self._replace(ruler=rulers[(rulers.index(self.ruler) + 1) % len(rulers)])

    def legend(self, width: int) -> str:
        """Return what the signs mean, for a border of `width` cells; empty where there is no room."""
        words = _LEGENDS[self.ruler]
        return words if self.marks and width >= len(words) + _BORDER else ""
