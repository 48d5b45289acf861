"""The line at the bottom: the keys of the focused panel and those of everywhere, as many as fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from rich.cells import cell_len
from textual.events import Click
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from llmdash.ui.text.bar_items import DIVIDER, GAP, BarItem, BarItems, bar_items, fit_items
from llmdash.ui.text.keymap import key_glyph
from llmdash.ui.text.paint import Styles, line

__all__ = ["KeyBar"]

_KEY, _NAME, _DIVIDER = "key-bar--key", "key-bar--name", "key-bar--divider"


class KeyBar(Widget):
    """One line of keys, read from the bindings of the screen it is on; a click on a key presses it.

    | Component class | Styles |
    |---|---|
    | `key-bar--key` | The keys. |
    | `key-bar--name` | What they do. |
    | `key-bar--divider` | The line between the panel's keys and those of everywhere. |
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {_KEY, _NAME, _DIVIDER}
    DEFAULT_CSS = """
    KeyBar {
        dock: bottom; height: 1; padding: 0 1;
        background: $footer-background; color: $footer-foreground;
        & > .key-bar--key { color: $footer-key-foreground; text-style: bold; }
        & > .key-bar--name { color: $footer-description-foreground; }
        & > .key-bar--divider { color: $footer-description-foreground 40%; }
    }
    """
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self._styles_kept = Styles(self)
        self._names: Mapping[str, str] = {}
        self._items = BarItems()
        self._spans: list[tuple[int, int, str]] = []

    @property
    def items(self) -> BarItems:
        """All that it lists now, whether there is room for it or not."""
        return self._items

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._gather)
        self._gather(self.screen)

    def rename(self, names: Mapping[str, str]) -> None:
        """Change the names of the screen's actions on the bar, such as Go on for Pause; others get their own
        back. An action without a name is left out.
        """
        if names != self._names:
            self._names = dict(names)
            self._gather(self.screen)

    def _gather(self, _screen: Screen[Any]) -> None:
        """List the keys again: the focus is elsewhere, or they mean other things."""
        items = bar_items(self.screen, self._names)
        if items != self._items:
            self._items = items
            self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_kept.clear()

    def render_line(self, y: int) -> Strip:
        pieces = []
        self._spans.clear()
        x = 0
        for text, style, key in self._pieces():
            pieces.append((text, self._styles_kept.get(style)))
            if key:
                self._spans.append((x, x + cell_len(text), key))
            x += cell_len(text)
        return line(pieces, self.size.width, self._styles_kept.get(_NAME))

    def _pieces(self) -> Iterator[tuple[str, str, str]]:
        """(text, style, the key that a click there presses), from left to right."""
        fitting = fit_items(self._items, self.content_size.width)
        for item in fitting.panel:
            yield from _item_pieces(item)
        if fitting.panel and fitting.everywhere:
            yield DIVIDER, _DIVIDER, ""
        for item in fitting.everywhere:
            yield from _item_pieces(item)

    def on_click(self, event: Click) -> None:
        x = event.get_content_offset_capture(self).x
        key = next((key for start, stop, key in self._spans if start <= x < stop), None)
        if key is not None:
            self.app.simulate_key(key)


def _item_pieces(item: BarItem) -> Iterator[tuple[str, str, str]]:
    for place, key in enumerate(item.keys):
        yield (item.joint if place else "") + key_glyph(key), _KEY, key
    yield f" {item.name}", _NAME, item.keys[0]
    yield " " * GAP, _NAME, ""
