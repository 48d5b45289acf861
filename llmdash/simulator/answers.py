"""The answers of the simulated model: it solves arithmetic, and chats about everything else."""

from __future__ import annotations

import random
import re
from typing import Any

import msgspec

from llmdash.prompts.answers import score_arithmetic
from llmdash.prompts.arithmetic import MAX_EXPRESSION, evaluate
from llmdash.prompts.verdict import Verdict
from llmdash.simulator.chunks import split_chunks
from llmdash.simulator.instances import instance_text
from llmdash.simulator.talk import talk

__all__ = ["Completion", "Question", "Tool", "ToolCall", "compose", "find_expression"]

# Two or more operators; or a single one with space around it, so that "1-2 lines" is not a sum. Possessive
# quantifiers and the look-behind keep the search linear in the length of the prompt.
_NUMBER = r"[0-9]{1,18}+"
_SUM = re.compile(
    rf"(?<![0-9A-Za-z.,])-?{_NUMBER}"
    rf"(?:(?:\s*+[-+*x×]\s*+-?{_NUMBER}){{2,200}}+|\s++[-+*x×]\s++-?{_NUMBER})(?![0-9A-Za-z])"
)
_WANTS_JSON = re.compile(r"\bjson\b|\{\s*\"", re.IGNORECASE)

_FRAMES = (
    "```json\n{0}\n```",
    "Sure! Here it is:\n\n{0}",
    "Multiplication first, then from left to right.\n\n```json\n{0}\n```",
    "{0}\n\nLet me know if you want the steps.",
)
_EVASIONS = (
    "Let me see: {0} comes to about {1}, if I am not mistaken.",
    "I would say the result of {0} is {1}.",
    "{0} = {1}. Hope that helps!",
)


class Tool(msgspec.Struct, frozen=True):
    """A tool that the model may call; `schema` is the JSON schema of its arguments."""

    name: str
    schema: dict[str, Any]


class ToolCall(msgspec.Struct, frozen=True):
    """A call of a tool, its arguments as JSON in pieces."""

    name: str
    pieces: tuple[str, ...]

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)


class Question(msgspec.Struct, frozen=True):
    """The part of a request that decides the answer: messages are (role, text) pairs, oldest first.

    With `tools` the answer is a call of one of them; with `schema` it is JSON that is valid for it. `parts`
    counts what is neither text nor a tool's: images, sounds, files. `writes_cache` is True if the prompt is
    to be kept in the provider's cache.
    """

    model: str
    messages: tuple[tuple[str, str], ...]
    max_tokens: int | None = None
    stream: bool = False
    tools: tuple[Tool, ...] = ()
    schema: dict[str, Any] | None = None
    parts: int = 0
    writes_cache: bool = False

    @property
    def text(self) -> str:
        """The last message of the user."""
        return next((text for role, text in reversed(self.messages) if role == "user"), self.messages[-1][1])


class Completion(msgspec.Struct, frozen=True):
    """An answer in chunks, after its reasoning and before its calls of tools.

    `right` is True if its arithmetic is right; None where there is none.
    """

    chunks: tuple[str, ...]
    right: bool | None = None
    finish_reason: str = "stop"
    reasoning: tuple[str, ...] = ()
    calls: tuple[ToolCall, ...] = ()

    @property
    def text(self) -> str:
        return "".join(self.chunks)

    @property
    def size(self) -> int:
        """The number of its pieces, each of which counts as a token."""
        return len(self.chunks) + len(self.reasoning) + sum([len(call.pieces) for call in self.calls])


def find_expression(text: str) -> str | None:
    """Return the first sum in `text` with two or more operators, or with one that has space around it.

    It is returned as it is written, with single spaces.
    """
    match = _SUM.search(text)
    return " ".join(match[0].split()) if match and len(match[0]) <= MAX_EXPRESSION else None


def compose(question: Question, rng: random.Random, wrong_rate: float) -> Completion:
    """Return the answer to a question, cut at `max_tokens` chunks if that is set."""
    if question.tools:
        return Completion((), finish_reason="tool_calls", calls=(_call(question, rng),))
    expression = find_expression(question.text)
    if question.schema is not None:
        return _structured(question, expression, rng, wrong_rate)
    if expression is None:
        answer = Completion(split_chunks(talk(question.text, rng)))
        return _cut(answer, question.max_tokens, None)
    value = evaluate(expression)
    wrong = rng.random() < wrong_rate
    if _WANTS_JSON.search(question.text):
        text = _json_answer(expression, value, rng, wrong)
    else:
        text = f"{expression} = {_off(value, rng) if wrong else value}."
    return _cut(Completion(split_chunks(text), right=not wrong), question.max_tokens, str(value))


def _call(question: Question, rng: random.Random) -> ToolCall:
    """A call of the tool that the question names, else of any."""
    text = question.text
    tool = next((tool for tool in question.tools if tool.name in text), None) or rng.choice(question.tools)
    return ToolCall(tool.name, split_chunks(instance_text(tool.schema, rng, {})))


def _structured(
    question: Question, expression: str | None, rng: random.Random, wrong_rate: float
) -> Completion:
    """An answer in JSON, valid for the schema; a sum and its result are in the fields of these names."""
    right = None
    known: dict[str, Any] = {}
    if expression is None:
        known = {"answer": talk(question.text, rng)}
    else:
        right = rng.random() >= wrong_rate
        value = evaluate(expression)
        known = {"expression": expression, "result": value if right else _off(value, rng)}
    schema = question.schema or {"type": "object", "properties": {name: {} for name in known}}
    text = instance_text(schema, rng, known)
    if right is not None:
        right = score_arithmetic(str(value), text) is Verdict.RIGHT
    return _cut(Completion(split_chunks(text), right), question.max_tokens, None)


def _off(value: int, rng: random.Random) -> int:
    """A wrong number near `value`."""
    by = rng.choice((1, 2, 10, 10, 100, rng.randint(3, 99)))
    return value + (by if rng.random() < 0.5 else -by)


def _json_answer(expression: str, value: int, rng: random.Random, wrong: bool) -> str:
    if wrong and rng.random() < 0.25:
        return rng.choice(_EVASIONS).format(expression, value)
    result = _off(value, rng) if wrong else value
    bare = f'{{"expression": "{expression}", "result": {result}}}'
    return bare if rng.random() < 0.8 else rng.choice(_FRAMES).format(bare)


def _cut(answer: Completion, most: int | None, expected: str | None) -> Completion:
    """The answer within `most` chunks; a cut one is right only if the result is still in it."""
    if most is None or len(answer.chunks) <= most:
        return answer
    kept = Completion(answer.chunks[:most], finish_reason="length")
    if expected is None:
        return kept
    right = bool(answer.right) and score_arithmetic(expected, kept.text) is Verdict.RIGHT
    return Completion(kept.chunks, right, "length")
