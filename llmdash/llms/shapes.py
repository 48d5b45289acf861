"""What callers get as an answer: plain text, or an object with `.content`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from llmdash.lean_dataclass import dataclass
from llmdash.llms.messages import Delta, Generation

__all__ = ["CHAT", "PLAIN", "Shape"]

Whole = TypeVar("Whole")
Piece = TypeVar("Piece")


@dataclass(frozen=True, slots=True)
class Shape(Generic[Whole, Piece]):
    """`whole` makes what `invoke` returns, `piece` what `stream` yields; `kind` names a call's events."""

    kind: str
    whole: Callable[[Generation], Whole]
    piece: Callable[[Delta], Piece]


def _text(answer: Generation | Delta) -> str:
    return answer.text


def _itself(answer: Any) -> Any:
    return answer


PLAIN: Shape[str, str] = Shape("llm", _text, _text)
"""For models that complete a text: `str`."""

CHAT: Shape[Generation, Delta] = Shape("chat_model", _itself, _itself)
"""For chat models: Generation and Delta, both with `.content`."""
