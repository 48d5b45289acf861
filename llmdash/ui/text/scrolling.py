"""Scrolling without layout, for views whose number of lines changes all the time."""

from __future__ import annotations

from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.widget import Widget

__all__ = ["jump", "resize"]


def resize(view: ScrollView, lines: int) -> None:
    """Set the number of lines of a view; lays out only where its scrollbar appears or disappears."""
    if view.virtual_size.height == lines:
        return
    size = Size(1, lines)
    scrolls = lines > view.container_size.height
    if scrolls != view.show_vertical_scrollbar or not view.container_size:
        view.virtual_size = size
        return
    view.set_reactive(Widget.virtual_size, size)
    if scrolls:
        view.vertical_scrollbar.window_virtual_size = lines


def jump(view: ScrollView, top: int) -> None:
    """Scroll a line to the top, without repainting the view."""
    place = float(max(0, top))
    view.set_reactive(Widget.scroll_y, place)
    view.set_reactive(Widget.scroll_target_y, place)
    if view.show_vertical_scrollbar:
        view.vertical_scrollbar.position = place
