"""Checked: a prompt source whose answers are compared by a check of the run's own."""

from __future__ import annotations

from llmdash.prompts.checks import check_answer
from llmdash.prompts.source import Prompt, PromptSource
from llmdash.prompts.verdict import Verdict
from llmdash.prompts.wrapped import WrappedSource

__all__ = ["Checked"]


class Checked(WrappedSource):
    """A source with a check for every prompt, where neither the prompt nor its set has one of its own."""

    def __init__(self, source: PromptSource, check: str) -> None:
        super().__init__(source)
        self._check = check

    def score(self, prompt: Prompt, text: str) -> Verdict:
        return check_answer(prompt.check or self.check or self._check, prompt.expected, text)
