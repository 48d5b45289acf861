"""A change of the screen that is sent from the first cell that changes, not from the start of its widget."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.control import Control
from textual._compositor import ChopsUpdate

__all__ = ["LeanUpdate", "lean_update"]


class LeanUpdate(ChopsUpdate):
    """Textual's update of some stretches of lines, cut at both of their ends: a clock that ticks at the end
    of a line is a few bytes. Reads private classes of Textual, as there are no public ones.
    """

    def render_segments(self, console: Console) -> str:
        return "".join(self._drawn(console))

    def _drawn(self, console: Console) -> Iterator[str]:
        for y, begin, end in self.spans:
            for strip_end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                first, last = max(begin, x), min(end, strip_end)
                if strip is None or first >= last:
                    continue
                if strip.cell_length != len(
                    strip.text
                ):  # a cut could halve a character that is two cells wide
                    first, last = x, strip_end
                yield Control.move_to(first, y).segment.text
                yield strip.crop(first - x, last - x).render(console)


def lean_update(update: RenderableType | None) -> RenderableType | None:
    """Return what shows the same in no more bytes."""
    if isinstance(update, ChopsUpdate):
        return LeanUpdate(update.chops, update.spans, update.chop_ends)
    return update
