"""Checked: a prompt source whose answers are compared by a check of the run's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmdash.prompts.checks import check_answer
from llmdash.prompts.source import InputProblem, Prompt, PromptSource
from llmdash.prompts.verdict import Verdict

__all__ = ["Checked"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A source with a `check` for every prompt that has none of its own."""

    source: PromptSource
    check: str

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def fingerprint(self) -> str:
        return self.source.fingerprint

    @property
    def problems(self) -> Sequence[InputProblem]:
        return self.source.problems

    @property
    def left_out(self) -> int:
        return self.source.left_out

    @property
    def reading(self) -> str:
        return self.source.reading

    @property
    def options(self) -> Mapping[str, Any]:
        return self.source.options

    def __len__(self) -> int:
        return len(self.source)

    def id(self, index: int) -> str:
        return self.source.id(index)

    def prompt(self, index: int) -> Prompt:
        return self.source.prompt(index)

    def score(self, prompt: Prompt, text: str) -> Verdict:
        return check_answer(prompt.check or self.check, prompt.expected, text)
