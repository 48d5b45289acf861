"""What an answer looks like from outside: plain text, or an object with `.content`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from llmdash.llms.messages import Delta, Generation

__all__ = ["CHAT", "PLAIN", "Shape"]

Whole = TypeVar("Whole")
Piece = TypeVar("Piece")


@dataclass(frozen=True, slots=True)
class Shape(Generic[Whole, Piece]):
    """`whole` makes what `invoke` gives, `piece` what `stream` yields; `kind` names the events of a call."""

    kind: str
    whole: Callable[[Generation], Whole]
    piece: Callable[[Delta], Piece]


def _text(answer: Generation | Delta) -> str:
    return answer.text


def _itself(answer: Any) -> Any:
    return answer


PLAIN: Shape[str, str] = Shape("llm", _text, _text)
"""Of models that complete a text: `str`."""

CHAT: Shape[Generation, Delta] = Shape("chat_model", _itself, _itself)
"""Of chat models: Generation and Delta, both with `.content`."""
