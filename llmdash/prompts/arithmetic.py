"""The arithmetic task: seeded expressions, the prompt that asks for JSON, and a small evaluator."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from llmdash.lean_dataclass import dataclass
from llmdash.prompts.answers import score_arithmetic
from llmdash.prompts.source import InputProblem, Prompt
from llmdash.prompts.verdict import Verdict

__all__ = ["MAX_EXPRESSION", "Arithmetic", "evaluate"]

MAX_EXPRESSION = 1_000
"""The maximum length of an expression, which limits the work of one evaluation."""

_OPERATORS = "+-x"
_TOKEN = re.compile(r"\s*(?:([0-9]+)|([-+*x×]))")
_SPREAD = 2**32  # keeps expression i of seed s apart from expression j of seed t
_VERSION = "arithmetic 1"

_TEMPLATE = (
    "Work out {0}. Multiplication comes before addition and subtraction.\n"
    'Answer with one JSON object and nothing else: {{"expression": "{0}", "result": ?}}, '
    "where ? is the number."
)


def _tokens(text: str) -> list[str]:
    if len(text) > MAX_EXPRESSION:
        raise ValueError(f"expression of {len(text)} characters; at most {MAX_EXPRESSION} are worked out")
    stripped = text.rstrip()
    found: list[str] = []
    at = 0
    while at < len(stripped):
        match = _TOKEN.match(stripped, at)
        if match is None:
            raise ValueError(f"not an expression: {text!r}, at character {at + 1}")
        found.append(match[1] or match[2])
        at = match.end()
    return found


def evaluate(text: str) -> int:
    """Return the value of an expression of integers, `+`, `-`, `*` (also `x` or `×`) and signs before a
    number.

    `*` binds tighter than `+` and `-`; equal ones go from left to right. Raises ValueError for any other
    text.
    """
    total, product, sign = 0, 1, 1
    expects_number = True
    for piece in _tokens(text):
        if piece.isdigit():
            if not expects_number:
                raise ValueError(f"not an expression: {text!r}, two numbers in a row")
            product *= sign * int(piece)
            sign, expects_number = 1, False
        elif expects_number:
            if piece not in "+-":
                raise ValueError(f"not an expression: {text!r}, a number is missing before {piece!r}")
            sign = -sign if piece == "-" else sign
        else:
            if piece in "+-":
                total, product = total + product, 1
                sign = -1 if piece == "-" else 1
            expects_number = True
    if expects_number:
        raise ValueError(f"not an expression: {text!r}, a number is missing at the end")
    return total + product


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A PromptSource of `count` expressions with two operators of `+ - x` over integers from 1 to 100.

    Expression i depends on (seed, i) alone, so that any of them can be made at any time. Only `random()` of a
    seeded generator is used: Python keeps its values the same from version to version.
    """

    count: int = 10_000
    seed: int = 1
    name: str = "arithmetic"
    options: Mapping[str, Any] = field(default_factory=dict)
    problems: Sequence[InputProblem] = ()
    left_out: int = 0
    reading: str = ""
    check: str | None = None

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"count is {self.count}; give 0 or more")

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{_VERSION} {self.seed} {self.count} {_TEMPLATE}".encode()).hexdigest()

    def __len__(self) -> int:
        return self.count

    def expression(self, index: int) -> str:
        """Return expression `index`, such as `12 + 7 x 93`."""
        draw = random.Random(self.seed * _SPREAD + index).random
        a, b, c = (int(draw() * 100) + 1 for _ in range(3))
        first, second = (_OPERATORS[int(draw() * 3)] for _ in range(2))
        return f"{a} {first} {b} {second} {c}"

    def id(self, index: int) -> str:
        return f"arith-{index + 1:05d}"

    def prompt(self, index: int) -> Prompt:
        if not 0 <= index < self.count:
            raise IndexError(index)
        expression = self.expression(index)
        text = _TEMPLATE.format(expression)
        return Prompt(self.id(index), (("user", text),), str(evaluate(expression)))

    def score(self, prompt: Prompt, text: str) -> Verdict:
        if prompt.expected is None:
            return Verdict.UNSCORED
        return score_arithmetic(prompt.expected, text)
