"""Prompt sources from other things than the lines of a file: lists, and sources repeated or limited."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any

import msgspec

from llmdash.lean_dataclass import dataclass
from llmdash.prompts.checks import check_answer
from llmdash.prompts.source import InputProblem, Prompt, PromptList, PromptSource
from llmdash.prompts.verdict import Verdict

__all__ = ["Arranged", "listed"]


def listed(name: str, prompts: Sequence[Prompt], problems: Sequence[InputProblem] = ()) -> PromptList:
    """Return a source over prompts in memory, with a fingerprint of their content."""
    content = msgspec.json.encode([_content(prompt) for prompt in prompts])
    return PromptList(name, hashlib.sha256(content).hexdigest(), prompts, problems)


def _content(prompt: Prompt) -> tuple[Any, ...]:
    """The content of a prompt for the fingerprint; without options as in versions that had none."""
    plain = (prompt.id, prompt.messages, prompt.expected)
    more = {**prompt.options, **({"check": prompt.check} if prompt.check is not None else {})}
    return (*plain, more) if more else plain


@dataclass(frozen=True, slots=True)
class Arranged:
    """A source under another name: repeated `repeat` times, cut after `limit`, with model options and a
    check of answers.

    Rounds follow each other: first to last, first to last. A repeated prompt's id ends in the number of its
    round, as in `greeting-1.3`; with a single prompt the round replaces its number.
    """

    source: PromptSource
    name: str
    repeat: int = 1
    limit: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    check: str | None = None

    @property
    def fingerprint(self) -> str:
        parts = f"arranged 1 {self.source.fingerprint} {self.repeat} {len(self)}"
        return hashlib.sha256(parts.encode()).hexdigest()

    @property
    def problems(self) -> Sequence[InputProblem]:
        return self.source.problems

    @property
    def left_out(self) -> int:
        return self.source.left_out

    @property
    def reading(self) -> str:
        return self.source.reading

    def __len__(self) -> int:
        full = len(self.source) * self.repeat
        return full if self.limit is None else min(full, self.limit)

    def id(self, index: int) -> str:
        round_, place = divmod(index, len(self.source))
        if self.repeat == 1:
            return self.source.id(place)
        if len(self.source) == 1:
            return f"{self.name}-{round_ + 1}"
        return f"{self.source.id(place)}.{round_ + 1}"

    def prompt(self, index: int) -> Prompt:
        if not 0 <= index < len(self):
            raise IndexError(index)
        prompt = self.source.prompt(index % len(self.source))
        return prompt if self.repeat == 1 else replace(prompt, id=self.id(index))

    def score(self, prompt: Prompt, text: str) -> Verdict:
        check = prompt.check or self.check
        return (
            self.source.score(prompt, text) if check is None else check_answer(check, prompt.expected, text)
        )
