"""What the line of keys at the bottom lists, and how much of it fits: the keys of the focused panel, then
those that are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from rich.cells import cell_len
from textual import actions
from textual.dom import DOMNode
from textual.keys import key_to_character
from textual.screen import Screen
from textual.widget import Widget

from llmdash.lean_dataclass import dataclass
from llmdash.ui.text.keymap import EVERYWHERE, KeyEntry, bound_actions, entries, key_glyph

__all__ = ["DIVIDER", "GAP", "BarItem", "BarItems", "bar_items", "fit_items", "items_of"]

GAP: Final = 2
"""Blank cells between two items."""
DIVIDER: Final = "│  "
"""Between the keys of the panel and those of everywhere."""
_KEEPS: Final = frozenset(("help", "back", "start", "leave-home"))
"""The ids of items that stay where there is room for few."""
_PAIRS: Final = frozenset("[]<>")
"""Glyphs that are told apart by a blank."""


@dataclass(frozen=True, slots=True)
class BarItem:
    """A word with the keys before it. `keeps` marks the items that stay where there is room for few."""

    keys: tuple[str, ...]
    name: str
    keeps: bool = False

    @property
    def joint(self) -> str:
        """What stands between the keys: nothing between signs, as in `-+`, a stroke between letters, a dash
        between the first and the last of some digits.
        """
        glyphs = [key_glyph(key) for key in self.keys]
        if _PAIRS.intersection(glyphs):
            return " "
        if all(glyph.isdigit() for glyph in glyphs):
            return "-"
        return "" if all(len(glyph) == 1 and not glyph.isalnum() for glyph in glyphs) else "/"

    @property
    def width(self) -> int:
        glyphs = self.joint.join(key_glyph(key) for key in self.keys)
        return cell_len(glyphs) + 1 + cell_len(self.name)


@dataclass(frozen=True, slots=True)
class BarItems:
    """The items left and right of the divider."""

    panel: tuple[BarItem, ...] = ()
    everywhere: tuple[BarItem, ...] = ()


def bar_items(screen: Screen[Any], names: Mapping[str, str]) -> BarItems:
    """Return the items of a screen, as its focus is now. `names` are of the screen's actions, where they have
    others on the bar than elsewhere; one without a name is left out.
    """
    own = [_renamed(entry, names) for entry in entries(screen)]
    of_panels = {entry.id for widget in screen.focus_chain for entry in entries(widget)}
    focused = list(_focused_entries(screen, _names_now(screen, names)))
    in_focus = {entry.id for entry in focused}
    taken = {key for entry in focused if _can_be_done(entry) for key in entry.keys}
    own = [
        entry
        for entry in own
        if entry.id not in in_focus and (entry.goes_first or not taken.issuperset(entry.keys))
    ]
    of_screen = [entry for entry in own if entry.id not in EVERYWHERE and entry.id not in of_panels]
    everywhere = sorted(
        (entry for entry in own if entry.id in EVERYWHERE), key=lambda entry: EVERYWHERE.index(entry.id)
    )
    here = [entry for entry in focused if _is_shown(entry, screen)]
    panel = [*here[:1], *(entry for entry in of_screen if _is_shown(entry, screen)), *here[1:]]
    return BarItems(
        tuple(items_of(panel)),
        tuple(items_of(entry for entry in everywhere if _is_shown(entry, screen))),
    )


def _names_now(screen: Screen[Any], names: Mapping[str, str]) -> dict[str, str]:
    """What the screen's actions are called on the bar, by their ids: nothing where they have no use."""
    renamed = {**getattr(screen, "renamed", {}), **names}
    return {bound.id: renamed.get(bound.action, bound.name) for bound in bound_actions(type(screen))}


def _renamed(entry: KeyEntry, names: Mapping[str, str]) -> KeyEntry:
    return replace(entry, name=names.get(entry.action, entry.name))


def _focused_entries(screen: Screen[Any], names: Mapping[str, str]) -> Iterator[KeyEntry]:
    """The entries of what has the focus, then of what it is in, up to the screen; what the screen binds too
    is called as it is there.
    """
    seen: set[str] = set()
    node: DOMNode | None = screen.focused
    while node is not None and node is not screen:
        for entry in entries(node):
            if entry.id not in seen:
                seen.add(entry.id)
                yield replace(entry, name=names.get(entry.id, entry.name))
        node = node.parent


def _is_shown(entry: KeyEntry, screen: Screen[Any]) -> bool:
    """True for what is for the bar, can be done now, and is not typed into a field."""
    if not (entry.shown and entry.name):
        return False
    focused = screen.focused
    if focused is not None and all(_is_typed(focused, key) for key in entry.keys):
        return False
    return _can_be_done(entry)


def _can_be_done(entry: KeyEntry) -> bool:
    _namespace, action, parameters = actions.parse(entry.action)
    return entry.node.check_action(action, parameters) is not False


def _is_typed(focused: Widget, key: str) -> bool:
    glyph = key_glyph(key)
    character = glyph if len(glyph) == 1 and glyph.isascii() else key_to_character(key)
    return focused.check_consume_key(key, character)


def items_of(found: Iterable[KeyEntry]) -> list[BarItem]:
    """Return an item for each entry; entries of one group share an item."""
    items: dict[str, BarItem] = {}
    for entry in found:
        name = entry.group or entry.name
        before = items.get(name)
        keys = (*(before.keys if before else ()), entry.keys[0])
        items[name] = BarItem(keys, name, entry.id in _KEEPS)
    return [replace(item, keys=_ends(item.keys)) for item in items.values()]


def _ends(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The first and the last of some digits; other keys as they are."""
    is_row = len(keys) > 1 and all(key.isdecimal() for key in keys)
    return (keys[0], keys[-1]) if is_row else keys


def fit_items(items: BarItems, width: int) -> BarItems:
    """Return the items that fit in `width` cells, in order: those that stay first, then by turns the next of
    the panel and of everywhere, each whole.
    """
    room = width + GAP - (cell_len(DIVIDER) if items.panel and items.everywhere else 0)
    panel, room = _kept(items.panel, room)
    everywhere, room = _kept(items.everywhere, room)
    sides = [(items.panel, panel), (items.everywhere, everywhere)]
    for place in range(max(len(items.panel), len(items.everywhere))):
        for side in list(sides):
            offered, chosen = side
            if place >= len(offered) or place in chosen:
                continue
            need = offered[place].width + GAP
            if need > room:
                sides.remove(side)
            else:
                chosen.add(place)
                room -= need
    return BarItems(_chosen(items.panel, panel), _chosen(items.everywhere, everywhere))


def _kept(items: Sequence[BarItem], room: int) -> tuple[set[int], int]:
    """The places of the items that stay, as far as there is room, and the room left."""
    chosen = set()
    for place, item in enumerate(items):
        need = item.width + GAP
        if item.keeps and need <= room:
            chosen.add(place)
            room -= need
    return chosen, room


def _chosen(items: Sequence[BarItem], places: Collection[int]) -> tuple[BarItem, ...]:
    return tuple(item for place, item in enumerate(items) if place in places)
