"""Scrolling without layout: a view of many lines whose number changes all the time."""

from __future__ import annotations

from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.widget import Widget

__all__ = ["jump", "resize"]


def resize(view: ScrollView, lines: int) -> None:
    """Tell a view how many lines it has; lays out only where its scrollbar comes or goes."""
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
    """Make a line the first one, without repainting the view."""
    place = float(max(0, top))
    view.set_reactive(Widget.scroll_y, place)
    view.set_reactive(Widget.scroll_target_y, place)
    if view.show_vertical_scrollbar:
        view.vertical_scrollbar.position = place
