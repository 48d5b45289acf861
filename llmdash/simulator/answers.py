"""The answers of the simulated model: it solves arithmetic, and chats about everything else."""

from __future__ import annotations

import random
import re

import msgspec

from llmdash.prompts.answers import score_arithmetic
from llmdash.prompts.arithmetic import MAX_EXPRESSION, evaluate
from llmdash.prompts.verdict import Verdict
from llmdash.simulator.chunks import split_chunks
from llmdash.simulator.talk import talk

__all__ = ["Completion", "Question", "compose", "find_expression"]

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


class Question(msgspec.Struct, frozen=True):
    """The part of a request that decides the answer: messages are (role, text) pairs, oldest first."""

    model: str
    messages: tuple[tuple[str, str], ...]
    max_tokens: int | None = None
    stream: bool = False

    @property
    def text(self) -> str:
        """The last message of the user."""
        return next((text for role, text in reversed(self.messages) if role == "user"), self.messages[-1][1])


class Completion(msgspec.Struct, frozen=True):
    """An answer in chunks. `right` is True if its arithmetic is right; None where there is none."""

    chunks: tuple[str, ...]
    right: bool | None = None
    finish_reason: str = "stop"

    @property
    def text(self) -> str:
        return "".join(self.chunks)


def find_expression(text: str) -> str | None:
    """Return the first sum in `text` with two or more operators, or with one that has space around it.

    It is returned as it is written, with single spaces.
    """
    match = _SUM.search(text)
    return " ".join(match[0].split()) if match and len(match[0]) <= MAX_EXPRESSION else None


def compose(question: Question, rng: random.Random, wrong_rate: float) -> Completion:
    """Return the answer to a question, cut at `max_tokens` chunks if that is set."""
    expression = find_expression(question.text)
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
