"""The line that says what the marks on the sliders are, and what is achieved."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.cells import cell_len
from textual.strip import Strip

from llmdash.engine.model.frame import RatePart
from llmdash.ui.charts.drawing import Drawing
from llmdash.ui.text.format import count, number

__all__ = ["RateLegend"]

_WIDE: Final = 56
_Piece = tuple[str, str]


class RateLegend(Drawing):
    """`◆ set  ▲ achieved 17.8/s, 41  ◈ both`, and at the right what else is said of the rate.

    | Component class | Styles |
    |---|---|
    | `rate-legend--set` | The marks of what is set. |
    | `rate-legend--achieved` | The mark of what is achieved. |
    | `rate-legend--figure` | Figures. |
    | `rate-legend--word` | Words. |
    """

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rate-legend--set",
        "rate-legend--achieved",
        "rate-legend--figure",
        "rate-legend--word",
    }

    _ground = "rate-legend--word"

    DEFAULT_CSS = """
    RateLegend {
        height: 1;
        & > .rate-legend--set { color: $text-accent; text-style: bold; }
        & > .rate-legend--achieved { color: $text-success; text-style: bold; }
        & > .rate-legend--figure { color: $foreground; text-style: bold; }
        & > .rate-legend--word { color: $text-muted; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._achieved, self._in_flight, self._aside = "", "", ("", "")

    def show(self, rate: RatePart, aside: _Piece = ("", "")) -> None:
        """Show what is achieved; `aside` is a key and what it says, at the right."""
        said = (f"{number(rate.achieved)}/s", count(rate.in_flight), aside)
        if said != (self._achieved, self._in_flight, self._aside):
            self._achieved, self._in_flight, self._aside = said
            self.redraw()

    def _draw(self, width: int, height: int) -> list[Strip]:
        gap = "   " if width >= _WIDE else "  "
        in_flight = f"{self._in_flight:>3} in flight" if width >= _WIDE else f"{self._in_flight:>3}"
        pieces = [
            *(("◆", "set"), (f" set{gap}", "word"), ("▲", "achieved"), (" achieved ", "word")),
            *((f"{self._achieved:>6}", "figure"), (",", "word"), (in_flight, "figure"), (gap, "word")),
            *(("◈", "set"), (" both", "word")),
        ]
        key, says = self._aside
        room = width - sum(cell_len(text) for text, _style in pieces)
        if says and room >= cell_len(key) + cell_len(says) + 3:
            blank = room - cell_len(key) - cell_len(says) - 1
            pieces += [(" " * blank, "word"), (key, "set"), (f" {says}", "word")]
        return [
            self._line([(text, self._styles.get(f"rate-legend--{style}")) for text, style in pieces], width)
        ]
