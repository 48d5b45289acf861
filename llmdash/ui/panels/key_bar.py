"""The line at the bottom: the most important keys, as many as fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.events import Click
from textual.strip import Strip
from textual.widget import Widget

from llmdash.ui.text.keymap import KeyEntry, key_glyph

__all__ = ["BarItem", "KeyBar", "bar_items", "fit_items"]

_GAP = 2
"""Blank cells between two items."""


@dataclass(frozen=True, slots=True)
class BarItem:
    """A word with the keys before it. `keeps` marks the items that stay where there is room for few."""

    keys: tuple[str, ...]
    name: str
    action: str
    keeps: bool = False

    @property
    def glyphs(self) -> str:
        return "/".join(key_glyph(key) for key in self.keys)

    @property
    def width(self) -> int:
        return cell_len(self.glyphs) + 1 + cell_len(self.name)


def bar_items(entries: Iterable[KeyEntry], keeps: Sequence[str]) -> list[BarItem]:
    """Return an item for each shown entry; entries of one group share an item. `keeps` names actions that
    stay.
    """
    items: dict[str, BarItem] = {}
    for entry in entries:
        if not entry.shown:
            continue
        name = entry.group or entry.name
        before = items.get(name)
        keys = (*(before.keys if before else ()), entry.keys[0])
        items[name] = BarItem(keys, name, entry.action, entry.action in keeps)
    return list(items.values())


def fit_items(items: Sequence[BarItem], width: int) -> list[BarItem]:
    """Return the items that fit in `width` cells, in order: those that stay first, then from the left."""
    room = width + _GAP
    chosen: set[int] = set()
    for index in sorted(range(len(items)), key=lambda index: not items[index].keeps):
        need = items[index].width + _GAP
        if need > room:
            if items[index].keeps:
                continue
            break
        room -= need
        chosen.add(index)
    return [item for index, item in enumerate(items) if index in chosen]


class KeyBar(Widget):
    """One line of keys; a click on a key presses it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-bar--key", "key-bar--name"}
    DEFAULT_CSS = """
    KeyBar {
        dock: bottom; height: 1; padding: 0 1;
        background: $footer-background; color: $footer-foreground;
    }
    KeyBar > .key-bar--key { color: $footer-key-foreground; text-style: bold; }
    KeyBar > .key-bar--name { color: $footer-description-foreground; }
    """
    ALLOW_SELECT = False

    def __init__(self, items: Sequence[BarItem]) -> None:
        super().__init__()
        self._named = tuple(items)
        self._items = list(items)
        self._spans: list[tuple[int, int, str]] = []

    def rename(self, names: Mapping[str, str]) -> None:
        """Change the names of items by their actions, such as Resume for Pause; others get their own back.
        An item without a name is left out.
        """
        items = (replace(item, name=names.get(item.action, item.name)) for item in self._named)
        renamed = [item for item in items if item.name]
        if renamed != self._items:
            self._items = renamed
            self.refresh()

    def render_line(self, y: int) -> Strip:
        key_style = self.get_component_rich_style("key-bar--key")
        name_style = self.get_component_rich_style("key-bar--name")
        segments: list[Segment] = []
        self._spans.clear()
        x = 0
        for item in fit_items(self._items, self.size.width):
            start = x
            for number, key in enumerate(item.keys):
                glyph = ("/" if number else "") + key_glyph(key)
                segments.append(Segment(glyph, key_style))
                self._spans.append((x, x + cell_len(glyph), key))
                x += cell_len(glyph)
            segments.append(Segment(f" {item.name}{' ' * _GAP}", name_style))
            x = start + item.width + _GAP
            self._spans.append((start, x - _GAP, item.keys[0]))
        return Strip(segments).adjust_cell_length(self.size.width, name_style)

    def on_click(self, event: Click) -> None:
        x = event.get_content_offset_capture(self).x
        key = next((key for start, stop, key in self._spans if start <= x < stop), None)
        if key is not None:
            self.app.simulate_key(key)
