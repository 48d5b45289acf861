"""What the mouse has selected of a line, in colour."""

from __future__ import annotations

from rich.cells import cell_len
from textual.scroll_view import ScrollView
from textual.strip import Strip

__all__ = ["highlighted"]


def highlighted(view: ScrollView, strip: Strip, index: int) -> Strip:
    """Return the strip of line `index` with what is selected of it in colour."""
    selection = view.text_selection
    span = selection.get_span(index) if selection is not None else None
    if span is None:
        return strip
    start, end = (cell_len(strip.text[:at]) if at >= 0 else strip.cell_length for at in span)
    style = view.screen.get_component_rich_style("screen--selection")
    inside = strip.crop(start, end).apply_style(style)
    return Strip.join([strip.crop(0, start), inside, strip.crop(end)])
