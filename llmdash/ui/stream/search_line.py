"""SearchLine: the words that are searched for, as they are typed on the border of a pane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmdash.sanitize import clean_line
from llmdash.ui.stream.search import StreamSearch
from llmdash.ui.stream.wrapping import Line
from llmdash.ui.text.format import count

__all__ = ["SearchLine"]

_LONGEST: Final = 200
_CARET: Final = "▍"


class SearchLine:
    """A search from the first key to escape, and where it is: `place` of the lines in which something is."""

    def __init__(self) -> None:
        self._typed = ""
        self.is_typed = False
        """True while keys are letters of the words."""
        self.search: StreamSearch | None = None
        """What is searched for; None while there is nothing."""
        self._at: int | None = None
        self._found: list[int] = []

    @property
    def is_open(self) -> bool:
        """True from its first key on to its end."""
        return self.is_typed or self.search is not None

    @property
    def words(self) -> str:
        """The words with what came of them, for a border; empty without a search."""
        if not self.is_open:
            return ""
        if self.is_typed:
            return f"/{clean_line(self._typed)}{_CARET}{self._result()}"
        return f"/{clean_line(self._typed)}{self._result()} · n next · N previous · esc"

    def open(self) -> None:
        """Begin to type other words."""
        self.close()
        self.is_typed = True

    def close(self) -> None:
        """End the search."""
        self.is_typed, self._typed, self.search, self._at = False, "", None, None
        self._found = []

    def enter(self) -> None:
        """Take the words as they are; without any, end the search."""
        if self.is_typed:
            self.is_typed = False
            if not self._typed:
                self.close()

    def key(self, key: str, character: str | None) -> bool:
        """Take a key; return False for one that is not of the words."""
        if key == "escape":
            self.close()
        elif key == "enter":
            self.enter()
        elif key == "backspace":
            self._change(self._typed[:-1])
        elif key == "ctrl+u":
            self._change("")
        elif character is not None and character.isprintable():
            self._change(self._typed + character)
        else:
            return False
        return True

    def paste(self, text: str) -> None:
        """Append the first line of a text."""
        self._change(self._typed + text.partition("\n")[0])

    def look_up(self, lines: Sequence[Line], begin: int) -> int | None:
        """Look through the lines; return the first one from `begin` on in which something is found, or the
        last one before.
        """
        self._found = self.search.places(lines) if self.search is not None else []
        last = self._found[-1] if self._found else None
        self._at = next((place for place in self._found if place >= begin), last)
        return self._at

    def step(self, by: int, lines: Sequence[Line]) -> int | None:
        """Return the next line (1) or the one before (-1) in which something is found, round the ends."""
        self._found = self.search.places(lines) if self.search is not None else []
        if not self._found:
            self._at = None
        elif self._at is None:
            self._at = self._found[0 if by > 0 else -1]
        else:
            beyond = [place for place in self._found if (place - self._at) * by > 0] or self._found
            self._at = beyond[0 if by > 0 else -1]
        return self._at

    def _change(self, words: str) -> None:
        self._typed = words[:_LONGEST]
        self.search = StreamSearch(self._typed) if self._typed else None

    def _result(self) -> str:
        if self.search is None:
            return ""
        if self._at is None or self._at not in self._found:
            return " · not found"
        return f" · line {count(self._found.index(self._at) + 1)} of {count(len(self._found))} with it"
