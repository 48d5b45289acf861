"""What goes into a call and what comes out: messages, deltas, usage, results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

__all__ = ["Delta", "Generation", "LLMResult", "Message", "PromptLike", "Role", "Usage", "as_messages"]

Role = Literal["system", "developer", "user", "assistant", "tool"]


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message of a conversation: who speaks, and what is said."""

    role: Role
    content: str


PromptLike = str | Message | Sequence[Message]
"""What a call accepts: one user turn as plain text, one message, or a conversation."""


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one attempt. `estimated` marks counts the provider did not give."""

    input_tokens: int
    output_tokens: int
    estimated: bool = False


class Delta(msgspec.Struct, frozen=True, gc=False):
    """What one chunk of an answer added.

    `at` is the monotonic time in seconds at which its bytes arrived. `finish_reason` and `usage` come once,
    mostly with an empty text; an answer is whole only after a Delta with a finish reason.
    """

    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    at: float = 0.0

    @property
    def has_content(self) -> bool:
        """True if the chunk added words or reasoning; role-only and empty chunks do not count as content."""
        return bool(self.text or self.reasoning)

    @property
    def content(self) -> str:
        """The text, under the name that chat models give it."""
        return self.text

    def __str__(self) -> str:
        return self.text


class Generation(msgspec.Struct, frozen=True):
    """One answer to one prompt."""

    text: str
    finish_reason: str | None = None
    usage: Usage | None = None


class LLMResult(msgspec.Struct, frozen=True):
    """The answers to a list of prompts: `generations[prompt][candidate].text`.

    `llm_output` holds `model_name` and `token_usage` (`prompt_tokens`, `completion_tokens`, `total_tokens`).
    """

    generations: list[list[Generation]]
    llm_output: dict[str, Any]


def as_messages(prompt: PromptLike) -> tuple[Message, ...]:
    """The conversation a prompt stands for."""
    if isinstance(prompt, str):
        return (Message("user", prompt),)
    if isinstance(prompt, Message):
        return (prompt,)
    return tuple(prompt)
