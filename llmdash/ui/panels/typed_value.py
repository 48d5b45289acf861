"""A number, or a word for no limit, as it is typed into a slider."""

from __future__ import annotations

import re
from typing import Final

from llmdash.ui.charts.log_scale import WORDS

__all__ = ["TypedValue"]

LONGEST: Final = 7
_CORRECTING: Final = ("enter", "escape", "backspace")


class TypedValue:
    """What was typed so far is `text`. Enter ends it, escape drops it, backspace corrects it."""

    def __init__(self) -> None:
        self.text = ""

    def takes(self, key: str, character: str) -> bool:
        """True if a key goes on with it, or begins it."""
        return self._goes_on(character) or bool(self.text and key in _CORRECTING)

    def press(self, key: str, character: str) -> str:
        """Type a key that it takes. Return what was entered: a number or a word; empty until then."""
        typed = self.text
        if self._goes_on(character):
            self.text = (typed + character)[:LONGEST]
            return ""
        self.text = typed[:-1] if key == "backspace" else ""
        return typed if key == "enter" and (typed in WORDS or any(map(str.isdigit, typed))) else ""

    def drop(self) -> None:
        """Drop it."""
        self.text = ""

    def _goes_on(self, character: str) -> bool:
        text = self.text + character
        is_word = any(word.startswith(text) for word in WORDS)
        return bool(character) and (is_word or re.fullmatch(r"[0-9]*\.?[0-9]*", text) is not None)
