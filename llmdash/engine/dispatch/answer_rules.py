"""AnswerRules: what an answer must be, beyond being one; and how a job asks again for one that is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from llmdash.engine.dispatch.attempt import Answer
from llmdash.lean_dataclass import dataclass
from llmdash.prompts.source import Prompt, Said

__all__ = ["EMPTY", "INVALID", "AnswerRules", "Schema", "asking_again"]

INVALID = "invalid"
"""The flag and the state of an answer that breaks its schema; as an attempt's failure: it was repaired."""

EMPTY = "the answer is empty"

_CONVERSATIONS = {"chat": "messages", "messages": "messages", "responses": "input"}
"""The field of a request body that holds its conversation, by wire format."""


class Schema(Protocol):
    """What answers are validated against."""

    def problem(self, text: str) -> str | None:
        """Return what is wrong with an answer, None if it is valid."""


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """What an answer must be.

    With `repairs` an answer that breaks the schema is asked for once more, which has to be paid for. With
    `empty_fails` an answer without text is a failure.
    """

    schema: Schema | None = None
    repairs: bool = False
    empty_fails: bool = False

    def problem(self, answer: Answer) -> str | None:
        """Return why an answer is invalid, None if it is valid."""
        if answer.problem is not None:
            return answer.problem
        if self.schema is None or (answer.message is not None and not answer.text):
            return None  # an answer that calls tools has no text to validate
        return self.schema.problem(answer.text)

    def is_refused(self, answer: Answer) -> bool:
        """True if an answer without text is taken for a failure."""
        return self.empty_fails and ("empty" in answer.flags or "reasoning_only" in answer.flags)


def asking_again(prompt: Prompt, text: str, problem: str) -> Prompt:
    """Return the prompt with its invalid answer and a request for a valid one."""
    said: tuple[Said, ...] = (("assistant", text), ("user", _request(problem)))
    body = prompt.body
    if body is not None:
        name = _CONVERSATIONS.get(body.wire, "")
        body = replace(body, fields={**body.fields, **_longer(name, body.fields.get(name), said)})
    return replace(prompt, messages=(*prompt.messages, *said), body=body)


def _longer(name: str, before: Any, said: tuple[Said, ...]) -> Mapping[str, Any]:
    """The conversation of a body with more messages; nothing where it has none."""
    if isinstance(before, str):
        before = [{"role": "user", "content": before}]
    if not name or not isinstance(before, list):
        return {}
    return {name: [*before, *({"role": role, "content": text} for role, text in said)]}


def _request(problem: str) -> str:
    return f"Your answer is not valid: {problem}. Answer again, only with JSON that matches the schema."
