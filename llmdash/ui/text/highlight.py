"""What the mouse has selected of a line, in colour."""

from __future__ import annotations

from rich.cells import cell_len
from textual.strip import Strip
from textual.widget import Widget

__all__ = ["highlighted", "highlighted_span"]


def highlighted(view: Widget, strip: Strip, index: int) -> Strip:
    """Return the strip of line `index` with what is selected of it in colour."""
    selection = view.text_selection
    span = selection.get_span(index) if selection is not None else None
    return strip if span is None else highlighted_span(view, strip, span)


def highlighted_span(view: Widget, strip: Strip, span: tuple[int, int]) -> Strip:
    """Return the strip with `span` in colour: from a character to another, -1 for its end."""
    start, end = (cell_len(strip.text[:at]) if at >= 0 else strip.cell_length for at in span)
    style = view.screen.get_component_rich_style("screen--selection")
    inside = strip.crop(start, end).apply_style(style)
    return Strip.join([strip.crop(0, start), inside, strip.crop(end)])
