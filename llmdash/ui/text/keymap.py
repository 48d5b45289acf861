"""The keys, read from the bindings: key bar, palette and help all list these."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

from llmdash.lean_dataclass import dataclass

__all__ = [
    "EVERYWHERE",
    "BoundAction",
    "KeyBinding",
    "KeyEntry",
    "action_id",
    "bound_actions",
    "entries",
    "key_glyph",
    "listed",
    "widget_title",
]

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


EVERYWHERE: Final = (
    *("pause", "slower", "faster", "errors", "graphs", "workers", "wall", "drain", "check-keys"),
    *("palette", "help", "back", "quit", "leave-home"),
)
"""The ids of actions that are the same wherever the focus is; the key bar has them right of its `│`."""


class KeyBinding(Binding):
    """A binding whose id, under which the user can give it other keys, is made from its description: that of
    `Retry failed` is `retry-failed`. Where two actions have the same description, one is given another id.
    """

    if not TYPE_CHECKING:  # it takes what a Binding takes

        def __init__(self, *values: object, **named: object) -> None:
            super().__init__(*values, **named)
            if self.id is None and self.description:
                object.__setattr__(self, "id", action_id(self.description))


def action_id(description: str) -> str:
    """Return the id of an action of this description.

    >>> action_id("Disable/enable")
    'disable-enable'
    """
    return re.sub(
        r"[^a-z0-9]+", "-", description.lower().replace("%", "percent").replace("#", "number")
    ).strip("-")


@dataclass(frozen=True, slots=True)
class BoundAction:
    """One action that a class binds, with every key that runs it. `shown` says whether it belongs on the key
    bar, `goes_first` whether its keys run it also where what has the focus binds them.
    """

    id: str
    keys: tuple[str, ...]
    action: str
    name: str
    shown: bool
    help: str = ""
    group: str = ""
    goes_first: bool = False

    @property
    def glyphs(self) -> str:
        """The keys as they are shown, such as `⏎` or `+ =`."""
        return " ".join(key_glyph(key) for key in self.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry(BoundAction):
    """An action of `node`, as it is called now and with the keys that the user gave it."""

    node: DOMNode


def key_glyph(key: str) -> str:
    """Return how a key is shown: `ctrl+p` as `^p`, `shift+left` as `⇧←`, a capital letter as itself."""
    *modifiers, last = key.split("+")
    plain = _GLYPHS.get(last, last)
    marks = "".join({"ctrl": "^", "shift": "⇧", "alt": "⌥"}.get(modifier, modifier) for modifier in modifiers)
    return marks + plain


@cache
def bound_actions(kind: type[DOMNode]) -> tuple[BoundAction, ...]:
    """Return the described actions of a class, its own before inherited ones, with all keys of each.

    Bindings inherited from Textual itself are left out: every action of llmdash has a binding of its own.
    """
    gathered: dict[str, list[Binding]] = {}
    taken: set[str] = set()
    for base in kind.__mro__:
        if not base.__module__.startswith("llmdash."):
            continue
        own = list(Binding.make_bindings(base.__dict__.get("BINDINGS", ())))
        for binding in own:
            if binding.description and not binding.system and binding.key not in taken:
                gathered.setdefault(binding.action, []).append(binding)
        taken.update(binding.key for binding in own)
        if not base.__dict__.get("_inherit_bindings", True):  # as Textual notes it
            break
    return tuple(_bound(action, same) for action, same in gathered.items())


def _bound(action: str, same: list[Binding]) -> BoundAction:
    first = same[0]
    return BoundAction(
        id=first.id or action_id(first.description),
        keys=tuple(binding.key for binding in same),
        action=action,
        name=first.description,
        shown=first.show,
        help=first.tooltip,
        group=first.group.description if first.group else "",
        goes_first=first.priority,
    )


def entries(node: DOMNode) -> list[KeyEntry]:
    """Return the actions of `node` with the keys that they have now.

    `node.renamed`, where there is one, names actions that are called otherwise now; those without a name are
    left out. `node.explained` has the help of actions that do something else now. The app's `chosen_keys` has
    the keys that the user gave to actions, by their ids.
    """
    chosen: Mapping[str, Sequence[str]] = getattr(node.app, "chosen_keys", {})
    renamed: Mapping[str, str] = getattr(node, "renamed", {})
    explained: Mapping[str, str] = getattr(node, "explained", {})
    found = (
        KeyEntry(
            node=node,
            id=bound.id,
            keys=tuple(chosen.get(bound.id, bound.keys)),
            action=bound.action,
            name=renamed.get(bound.action, bound.name),
            shown=bound.shown,
            help=explained.get(bound.action, bound.help),
            group=bound.group,
            goes_first=bound.goes_first,
        )
        for bound in bound_actions(type(node))
    )
    return [entry for entry in found if entry.name]


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
            entry
            for entry in _reachable(screen, widget)
            if not any((key, entry.name) in taken for key in entry.keys)
        ]
        if extra:
            yield widget_title(widget), extra


def _reachable(screen: Screen[Any], widget: Widget) -> Iterator[KeyEntry]:
    """The entries of a widget, with the keys that get to it: `screen.shadowed`, where there is one, says
    which the screen takes before it.
    """
    shadowed: Callable[[Widget], Collection[str]] = getattr(screen, "shadowed", lambda _widget: ())
    before = shadowed(widget)
    for entry in entries(widget):
        if keys := tuple(key for key in entry.keys if key not in before):
            yield replace(entry, keys=keys)


def widget_title(widget: Widget) -> str:
    """Return the name of a widget in a list of keys: `Job table` for a JobTable."""
    if widget.BINDING_GROUP_TITLE:
        return widget.BINDING_GROUP_TITLE
    return re.sub(r"(?<=[a-z])([A-Z])", r" \1", type(widget).__name__).capitalize()
