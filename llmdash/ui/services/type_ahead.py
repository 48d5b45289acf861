"""TypeAhead: what was typed at once with the key that opens a field goes into the field."""

from __future__ import annotations

from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from textual.app import App
from textual.events import Key, Paste
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

__all__ = ["TypeAhead"]

_FILTER: Final = ("/", "slash")
"""The key that opens a filter, as text and by name."""


class _Aim(NamedTuple):
    """What had the focus, on which screen, as an event arrived."""

    field: Widget | None
    screen: Screen[Any]


class TypeAhead:
    """Follows keys and pastes of `app`. Textual aims each at what has the focus as it arrives: all of a burst
    would go to where the first one was typed, and be lost once that has opened a field, or another screen.
    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._aims: WeakKeyDictionary[Key | Paste, _Aim] = WeakKeyDictionary()

    def takes(self, event: Key | Paste) -> bool:
        """Follow an event; return True if it has come back from where it was aimed at and went on elsewhere.

        That is to a field that has the focus by now, to a screen that was opened meanwhile, or, for a text
        pasted with the key of the filter before it, by way of that key.
        """
        if not self._app.screen_stack:  # the app is being closed
            return False
        field, screen = now = _Aim(self._app.focused, self._app.screen)
        if not event.is_forwarded:
            self._aims[event] = now
            return False
        aim = self._aims.get(event, now)
        if aim.screen is not screen:
            screen.call_after_refresh(self._app.post_message, _anew(event))  # once it has a focus
            return True
        if isinstance(field, Input):
            return aim.field is not field and self._pass_on(event, now)
        return isinstance(event, Paste) and self._open_with(event.text)

    def _pass_on(self, event: Key | Paste, aim: _Aim) -> bool:
        again = _anew(event)
        self._aims[again] = aim
        if aim.field is not None:
            aim.field._forward_event(again)
        return True

    def _open_with(self, text: str) -> bool:
        key, name = _FILTER
        if not text.startswith(key):
            return False
        self._app.simulate_key(name)
        self._app.post_message(Paste(text.removeprefix(key)))
        return True


def _anew(event: Key | Paste) -> Key | Paste:
    """The same event, as if it came now."""
    return Key(event.key, event.character) if isinstance(event, Key) else Paste(event.text)
