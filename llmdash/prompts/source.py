"""What a batch is made of: prompts by number, with their score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from llmdash.prompts.answers import score_text
from llmdash.prompts.verdict import Verdict

__all__ = ["NO_OPTIONS", "InputError", "InputProblem", "Prompt", "PromptList", "PromptSource", "Verdict"]

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})
"""The options of a prompt that asks for none: one empty mapping for all of them."""


def _no_options() -> Mapping[str, Any]:
    return NO_OPTIONS


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt of a batch.

    `messages` holds (role, content) pairs. `expected` is what a right answer says, if that is known.
    `options` are model options for this prompt alone, such as `model` or `temperature`; they go over those of
    the run (`merge_options`), under the names the request body has for them.
    """

    id: str
    messages: tuple[tuple[str, str], ...]
    expected: str | None = None
    options: Mapping[str, Any] = field(default_factory=_no_options, hash=False)

    @property
    def text(self) -> str:
        """The last message: what a person would call the prompt."""
        return self.messages[-1][1]


@dataclass(frozen=True, slots=True)
class InputProblem:
    """A piece of input that cannot become a prompt: where it stands, what is wrong, how to fix it."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class InputError(Exception):
    """Input that cannot be run at all. The text names file, line and fix."""


class PromptSource(Protocol):
    """Prompts in a fixed order, fetched one at a time so that a million of them need not live in memory."""

    @property
    def name(self) -> str:
        """A short name for the run, such as `arithmetic`."""

    @property
    def fingerprint(self) -> str:
        """A SHA-256 in hex over everything that decides the prompts; a resume refuses another one."""

    @property
    def problems(self) -> Sequence[InputProblem]:
        """The lines that were left out, in order."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Model options the file asks for: any of `model`, `temperature`, `max_tokens`."""

    def __len__(self) -> int: ...

    def prompt(self, index: int) -> Prompt:
        """The prompt at `index`, counted from 0. Raises InputError if the file changed under the run."""

    def score(self, prompt: Prompt, text: str) -> Verdict:
        """How the answer `text` compares; UNSCORED where nothing is expected."""


@dataclass(frozen=True, slots=True)
class PromptList:
    """A PromptSource over prompts that are already in memory."""

    name: str
    fingerprint: str
    prompts: Sequence[Prompt]
    problems: Sequence[InputProblem] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.prompts)

    def prompt(self, index: int) -> Prompt:
        return self.prompts[index]

    def score(self, prompt: Prompt, text: str) -> Verdict:
        return score_text(prompt.expected, text)
