"""TypeAhead: what was typed at once with the key that opens a field goes into the field."""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakKeyDictionary

from textual.app import App
from textual.events import Key, Paste
from textual.widget import Widget
from textual.widgets import Input

__all__ = ["TypeAhead"]

_FILTER: Final = ("/", "slash")
"""The key that opens a filter, as text and by name."""


class TypeAhead:
    """Follows keys and pastes of `app`. Textual aims each at what has the focus as it arrives: all of a burst
    would go to where the first one was typed, and be lost once that has opened a field.
    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._aims: WeakKeyDictionary[Key | Paste, Widget | None] = WeakKeyDictionary()

    def takes(self, event: Key | Paste) -> bool:
        """Follow an event; return True if it has come back from where it was aimed at and went on elsewhere.

        That is to a field that has the focus by now, or, for a text pasted with the key of the filter before
        it, by way of that key.
        """
        if not event.is_forwarded:
            self._aims[event] = self._app.focused
            return False
        field = self._app.focused
        if isinstance(field, Input):
            return self._aims.get(event, field) is not field and self._pass_on(event, field)
        return isinstance(event, Paste) and self._open_with(event.text)

    def _pass_on(self, event: Key | Paste, field: Input) -> bool:
        again = Key(event.key, event.character) if isinstance(event, Key) else Paste(event.text)
        self._aims[again] = field
        field._forward_event(again)
        return True

    def _open_with(self, text: str) -> bool:
        key, name = _FILTER
        if not text.startswith(key):
            return False
        self._app.simulate_key(name)
        self._app.post_message(Paste(text.removeprefix(key)))
        return True
