"""Keys that come back in an answer, masked as it streams."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import msgspec

from llmdash.llms.messages import Delta
from llmdash.secrets import Redactor, Secret

__all__ = ["AnswerMask", "LongKeys"]

_SHORTEST = 16
"""A shorter key (`EMPTY`, `ollama`) may be a word of the answer."""
_SHOWN = 4
"""As much of a key's start may be shown: text is held back only where as much of one has come."""


class LongKeys:
    """The keys of 16 characters or more among `secrets`, in the forms in which an answer may hold them."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        long = [secret for secret in secrets if len(secret.reveal()) >= _SHORTEST]
        self._redactor = Redactor(long)
        self._forms = sorted({form for secret in long for form in _forms(secret.reveal())})
        self._heads = tuple(dict.fromkeys(form[:_SHOWN] for form in self._forms))
        sizes = range(_SHOWN - 1, 0, -1)
        self._starts = tuple(dict.fromkeys(form[:size] for size in sizes for form in self._forms))

        firsts = {form[0] for form in self._forms}
        self.first = firsts.pop() if len(firsts) == 1 else ("" if firsts else "\0\0\0\0")
        """What every text holds in which a key begins: a character, or nothing where keys differ in it."""

    def start_at_end(self, text: str) -> str | None:
        """Return the end of `text` in which a key may begin, None if it may hold more of one."""
        for head in self._heads:
            if head in text:
                return None
        if text.endswith(self._starts):
            return next(start for start in self._starts if text.endswith(start))
        return ""

    def split(self, text: str) -> tuple[str, str]:
        """Return `text` masked, without what follows, and the start of a key at its end."""
        masked = self._redactor.redact(text)
        size = max((_overlap(masked, form) for form in self._forms), default=0)
        return (masked[:-size], masked[-size:]) if size else (masked, "")

    def masked(self, value: Any) -> Any:
        """Return a JSON value with the keys in all its texts masked, without tokens that are one together."""
        if isinstance(value, str):
            return self._redactor.redact(value)
        if isinstance(value, dict):
            return {self.masked(name): self.masked(one) for name, one in value.items()}
        if isinstance(value, list):
            masked = [self.masked(one) for one in value]
            joined = "".join(map(_token, masked))
            return masked if self._redactor.redact(joined) == joined else []
        return value


def _token(one: Any) -> str:
    """The text of a token, which chat completions have as an object and text completions as it is."""
    token = one.get("token") if isinstance(one, dict) else one
    return token if isinstance(token, str) else ""


class AnswerMask:
    """Masks keys in the Deltas of one answer, also where chunks split them.

    Text is held back only while it may be the start of a key; it comes with the next Delta, and with the one
    that ends the answer at the latest. A Delta has nothing to mask that has neither `first` in its texts nor
    a message, unless this object `waits` for what follows the start of a key.
    """

    __slots__ = ("_keys", "_reasoning", "_text", "first", "waits")

    def __init__(self, keys: LongKeys) -> None:
        self._keys = keys
        self.first = keys.first
        self.waits = False
        self._text = _Channel(keys)
        self._reasoning = _Channel(keys)

    def mask(self, delta: Delta) -> Delta:
        """Return `delta` with keys masked; the same object where there is nothing to mask or to hold."""
        is_last, keys = delta.finish_reason is not None, self._keys
        if is_last and not (self.waits or delta.message):
            texts = (delta.text, delta.reasoning)
            if None not in map(keys.start_at_end, texts):
                return delta
        plain = not (is_last or delta.reasoning or delta.message)
        if plain and self._text.passes(delta.text):
            self.waits = bool(self._text.start or self._reasoning.start)
            return delta
        text = self._text.add(delta.text, last=is_last)
        reasoning = self._reasoning.add(delta.reasoning, last=is_last)
        self.waits = bool(self._text.start or self._reasoning.start)
        if text == delta.text and reasoning == delta.reasoning and delta.message is None:
            return delta
        message = keys.masked(delta.message)
        return msgspec.structs.replace(delta, text=text, reasoning=reasoning, message=message)

    def rest(self, at: float) -> Delta | None:
        """Return what is still held back when nothing more comes, None if nothing is."""
        if not self.waits:
            return None
        text, reasoning = self._text.add("", last=True), self._reasoning.add("", last=True)
        return Delta(text, reasoning, at=at) if text or reasoning else None


class _Channel:
    """The text or the reasoning of one answer. `start` is what at its end may be the start of a key."""

    __slots__ = ("_keys", "_out", "start")

    def __init__(self, keys: LongKeys) -> None:
        self._keys = keys
        self.start = ""
        self._out = 0  # characters of `start` that have been shown

    def passes(self, text: str) -> bool:
        """Whether `text` may be shown as it is: for most chunks that is seen without the work of `add`."""
        if not text:
            return True
        if self._out != len(self.start):
            return False
        start = self._keys.start_at_end(self.start + text)
        if start is None:
            return False
        self.start, self._out = start, len(start)
        return True

    def add(self, text: str, *, last: bool) -> str:
        """Return what may be shown now of what was held back and of `text`."""
        if not text and not last:
            return ""
        joined, shown = self.start + text, self.start[: self._out]
        clear, start = self._keys.split(joined)
        if last:
            clear, start = clear + start, ""
        visible = clear + start if len(start) < _SHOWN else clear
        before = max(0, len(shown) - len(clear)) if clear + start == joined else 0
        self._out = len(start) if len(start) < _SHOWN else before
        self.start = start
        return visible[len(shown) :] if shown.startswith(visible[: len(shown)]) else visible


def _overlap(text: str, form: str) -> int:
    """How much of the start of `form` is at the end of `text`."""
    for size in range(min(len(text), len(form) - 1), 0, -1):
        if text.endswith(form[:size]):
            return size
    return 0


def _forms(value: str) -> set[str]:
    return {value, quote(value), quote(value, safe=""), json.dumps(value)[1:-1]}
