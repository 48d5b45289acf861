"""What the line widgets share: cached component styles, and strips made of pieces."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from llmdash.sanitize import clean_line

__all__ = ["Styles", "differences", "line", "regions"]


_style_of = itemgetter(1)


class Styles:
    """The component styles of a widget as Rich styles.

    Textual drops its own cache at every refresh, so they are cached here until `clear`, to be called in the
    widget's `notify_style_update`.
    """

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[str, Style] = {}
        self._over: dict[tuple[str, str], Style] = {}

    def clear(self) -> None:
        self._styles.clear()
        self._over.clear()

    def get(self, name: str) -> Style:
        """Return the style of the component class `name`, background included."""
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = self._widget.get_component_rich_style(name)
        return style

    def over(self, name: str, ground: str) -> Style:
        """Return the text style of `name` on the background of `ground`."""
        style = self._over.get((name, ground))
        if style is None:
            style = self._over[name, ground] = self._laid_over(self.get(name), self.get(ground))
        return style

    def _laid_over(self, text: Style, ground: Style) -> Style:
        if ground.reverse:  # reversed colours of several texts would be patches, not one background
            return ground
        style = text + Style(bgcolor=ground.bgcolor)
        if ground.underline or ground.bold:
            style += Style(underline=ground.underline, bold=ground.bold)
        return style


def line(pieces: Iterable[tuple[str, Style]], width: int, blank: Style) -> Strip:
    """Return a strip of exactly `width` cells, safe to draw: pieces of one style joined, padded with blanks.

    A segment costs far more until it is on screen than joining it here.
    """
    segments = [
        Segment(clean_line("".join(text for text, _style in run)), style)
        for style, run in itertools.groupby(pieces, key=_style_of)
    ]
    strip = Strip([segment for segment in segments if segment.text])
    return strip.adjust_cell_length(width, blank)


def regions(lines: Iterable[int], width: int) -> list[Region]:
    """Return regions over these lines (ascending), neighbours joined."""
    joined: list[Region] = []
    for y in lines:
        if joined and joined[-1].bottom == y:
            joined[-1] = Region(0, joined[-1].y, width, joined[-1].height + 1)
        else:
            joined.append(Region(0, y, width, 1))
    return joined


def differences(before: Sequence[Strip], now: Sequence[Strip]) -> Iterator[Region]:
    """Yield a region of each line that differs, from the first cell that does to the last one.

    A terminal is sent no more than that: a clock that ticks at the end of a line is a few bytes.
    """
    for y, (old, new) in enumerate(zip(before, now, strict=True)):
        if old != new:
            begin, end = _same_cells(old, new, 1), _same_cells(old, new, -1)
            yield Region(begin, y, max(1, new.cell_length - begin - end), 1)


def _same_cells(old: Strip, new: Strip, step: int) -> int:
    """Return how many cells are the same from the left end (step 1), or from the right one (-1)."""
    cells = 0
    for left, right in zip(_characters(old)[::step], _characters(new)[::step], strict=False):
        if left != right:
            break
        cells += cell_len(left[0])
    return cells


def _characters(strip: Strip) -> list[tuple[str, Style | None]]:
    return [(character, segment.style) for segment in strip for character in segment.text]
