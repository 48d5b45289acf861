"""WrappedSource: a prompt source over another one, which it is but for what a subclass changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmdash.prompts.source import InputProblem, Prompt, PromptSource
from llmdash.prompts.verdict import Verdict

__all__ = ["WrappedSource"]


class WrappedSource:
    """A PromptSource that passes everything on to `source`."""

    def __init__(self, source: PromptSource) -> None:
        self.source = source

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
    def check(self) -> str | None:
        return self.source.check

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
        return self.source.score(prompt, text)
