"""The keys, read from the bindings: key bar, palette and help all list these."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

__all__ = ["KeyEntry", "entries", "key_glyph", "listed"]

_GLYPHS = {
    "enter": "⏎",
    "escape": "esc",
    "slash": "/",
    "question_mark": "?",
    "exclamation_mark": "!",
    "number_sign": "#",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "colon": ":",
    "comma": ",",
    "full_stop": ".",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
}


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One action of `node` with every key that runs it. `shown` says whether it belongs on the key bar."""

    node: DOMNode
    keys: tuple[str, ...]
    action: str
    name: str
    shown: bool
    help: str = ""
    group: str = ""

    @property
    def glyphs(self) -> str:
        """The keys as they are shown, such as `⏎` or `+ =`."""
        return " ".join(key_glyph(key) for key in self.keys)


def key_glyph(key: str) -> str:
    """Return how a key is shown: `ctrl+p` as `^p`, `shift+left` as `⇧←`, a capital letter as itself."""
    *modifiers, last = key.split("+")
    plain = _GLYPHS.get(last, last)
    marks = "".join({"ctrl": "^", "shift": "⇧", "alt": "⌥"}.get(modifier, modifier) for modifier in modifiers)
    return marks + plain


def entries(node: DOMNode) -> list[KeyEntry]:
    """Return the described actions of `node`, its own before inherited ones, with all keys of each.

    Bindings inherited from Textual itself are left out: every action of llmdash has a binding of its own.
    `node.renamed`, where there is one, names actions that are called otherwise now; those without a name are
    left out. `node.explained` has the help of actions that do something else now.
    """
    gathered: dict[str, list[Binding]] = {}
    taken: set[str] = set()
    for kind in type(node).__mro__:
        if not kind.__module__.startswith("llmdash."):
            continue
        own = list(Binding.make_bindings(kind.__dict__.get("BINDINGS", ())))
        for binding in own:
            if binding.description and not binding.system and binding.key not in taken:
                gathered.setdefault(binding.action, []).append(binding)
        taken.update(binding.key for binding in own)
    found = (_entry(node, action, same) for action, same in gathered.items())
    return [entry for entry in found if entry.name]


def _entry(node: DOMNode, action: str, same: list[Binding]) -> KeyEntry:
    first = same[0]
    return KeyEntry(
        node=node,
        keys=tuple(binding.key for binding in same),
        action=action,
        name=getattr(node, "renamed", {}).get(action, first.description),
        shown=first.show,
        help=getattr(node, "explained", {}).get(action, first.tooltip),
        group=first.group.description if first.group else "",
    )


def listed(screen: Screen[Any]) -> Iterator[tuple[str, list[KeyEntry]]]:
    """Yield (title, entries) for the screen and then for each focusable widget on it.

    A widget's key that does the same as the screen's key of the same name is not listed twice.
    """
    own = entries(screen)
    yield str(screen.title or "Everywhere"), own
    taken = {(key, entry.name) for entry in own for key in entry.keys}
    classes: set[type] = set()
    for widget in screen.focus_chain:
        if type(widget) in classes:
            continue
        classes.add(type(widget))
        extra = [
            entry for entry in entries(widget) if not any((key, entry.name) in taken for key in entry.keys)
        ]
        if extra:
            yield _title(widget), extra


def _title(widget: Widget) -> str:
    """The name of a widget in a list of keys: `Job table` for a JobTable."""
    if widget.BINDING_GROUP_TITLE:
        return widget.BINDING_GROUP_TITLE
    return re.sub(r"(?<=[a-z])([A-Z])", r" \1", type(widget).__name__).capitalize()
