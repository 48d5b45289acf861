"""The source of a batch: prompts by number, and the scoring of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from llmdash.prompts.answers import score_text
from llmdash.prompts.verdict import Verdict

__all__ = ["NO_OPTIONS", "InputError", "InputProblem", "Prompt", "PromptList", "PromptSource", "Verdict"]

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})
"""The options of a prompt without any: one empty mapping for all of them."""


def _no_options() -> Mapping[str, Any]:
    return NO_OPTIONS


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt of a batch.

    `messages` holds (role, content) pairs. `expected` is the right answer, if that is known. `options`
    are model options for this prompt alone, such as `model` or `temperature`, by their names in the request
    body; they override those of the run (`merge_options`).
    """

    id: str
    messages: tuple[tuple[str, str], ...]
    expected: str | None = None
    options: Mapping[str, Any] = field(default_factory=_no_options, hash=False)

    @property
    def text(self) -> str:
        """The text of the last message."""
        return self.messages[-1][1]


@dataclass(frozen=True, slots=True)
class InputProblem:
    """A record that cannot become a prompt: where it is, what is wrong, how to fix it."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class InputError(Exception):
    """Input that cannot be run at all. The text names file, line and fix."""


class PromptSource(Protocol):
    """Prompts in a fixed order, fetched one at a time so that a million of them need not be in memory."""

    @property
    def name(self) -> str:
        """A short name for the run, such as `arithmetic`."""

    @property
    def fingerprint(self) -> str:
        """A SHA-256 in hex over everything that decides the prompts; a resume requires the same one."""

    @property
    def problems(self) -> Sequence[InputProblem]:
        """The lines that were left out, in order."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Model options set by the file: any of `model`, `temperature`, `max_tokens`."""

    def __len__(self) -> int: ...

    def id(self, index: int) -> str:
        """The id of the prompt at `index`; kept, so that asking for it never reads the file again."""

    def prompt(self, index: int) -> Prompt:
        """Return the prompt at `index`, counted from 0. Raises InputError if the file has changed."""

    def score(self, prompt: Prompt, text: str) -> Verdict:
        """Return the verdict on the answer `text`; UNSCORED where nothing is expected."""


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

    def id(self, index: int) -> str:
        return self.prompts[index].id

    def prompt(self, index: int) -> Prompt:
        return self.prompts[index]

    def score(self, prompt: Prompt, text: str) -> Verdict:
        return score_text(prompt.expected, text)
