"""Keys that sentences name: as the user has them, where another key was given to an action."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from textual._context import NoActiveAppError
from textual.dom import DOMNode

from llmdash.ui.text.keymap import key_glyph

__all__ = ["Chosen", "Hint", "chosen_by", "in_chosen_keys", "key_hints", "key_now", "key_of"]

Chosen = Mapping[str, Sequence[str]]
"""The keys that the user gave to actions, by the ids of these."""

Hint = tuple[str, str, str]
"""The id of an action, the key that it has at first as it is shown, and what the action does."""

_ACTIONS: Final[Mapping[str, Sequence[str]]] = {
    "p": ("pause",),
    "u": ("release",),
    "b": ("budget",),
    "B": ("send-in-batches",),
    "c": ("change",),
    "q": ("quit",),
    "X": ("stop-now",),
    "R": ("retry-failed",),
    "-+": ("slower", "faster"),
    "v": ("revive",),
    "d": ("disable-enable",),
}
"""The ids of the actions that sentences name by their first keys."""

_NAMED: Final = re.compile(
    r"(?<!\S)(?:[puq](?= (?:goes on|to go on|releases|quits|stops|asks))|b(?= raises)|B(?= sends)"
    r"|-\+(?= rate)|v(?= in the key panel| on it in the key panel)|d(?= switches)"
    r"|(?P<take_again>u(?= takes it again))|(?P<pager>v(?= shows it in \$PAGER)))"
)
"""A key, by what it does in the words after it."""


def chosen_by(node: DOMNode) -> Chosen:
    """Return the keys that the user of the app gave to actions; none before `node` is in one."""
    try:
        chosen: Chosen = getattr(node.app, "chosen_keys", {})
    except NoActiveAppError:
        return {}
    return chosen


def key_now(usual: str, chosen: Chosen) -> str:
    """Return the key for what `usual` does at first, as it is shown.

    >>> key_now("p", {"pause": ("space",)}), key_now("-+", {"slower": ("minus",), "faster": ("f5",)})
    ('space', '-f5')
    """
    ids = _ACTIONS.get(usual, ())
    if not any(chosen.get(each) for each in ids):
        return usual
    parts = usual if len(ids) > 1 else [usual]
    return "".join(
        key_glyph(chosen[each][0]) if chosen.get(each) else part
        for each, part in zip(ids, parts, strict=True)
    )


def key_of(action: str, usual: str, chosen: Chosen) -> str:
    """Return the key of the action of that id, as it is shown; `usual` where the user chose none.

    >>> key_of("bars", "b", {"bars": ("ctrl+b",)}), key_of("bars", "b", {})
    ('^b', 'b')
    """
    return key_glyph(chosen[action][0]) if chosen.get(action) else usual


def key_hints(chosen: Chosen, *hints: Hint, between: str = " · ") -> str:
    """Return what keys do, in one line, as borders have it.

    >>> key_hints({"no": ("f5",)}, ("yes", "y", "yes"), ("no", "n", "no"), between="   ")
    'y yes   f5 no'
    """
    return between.join(f"{key_of(action, usual, chosen)} {does}" for action, usual, does in hints)


def in_chosen_keys(text: str, chosen: Chosen) -> str:
    """Return a sentence with the keys that its actions have now.

    >>> in_chosen_keys("b raises it, q stops", {"quit": ("ctrl+q",)})
    'b raises it, ^q stops'
    """
    return _NAMED.sub(lambda found: _key_in(found, chosen), text) if chosen else text


def _key_in(found: re.Match[str], chosen: Chosen) -> str:
    """The key that was found: a group is named after its action, others are those that sentences name."""
    action = found.lastgroup
    return key_now(found[0], chosen) if action is None else key_of(action.replace("_", "-"), found[0], chosen)
