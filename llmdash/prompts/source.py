"""The source of a batch: prompts by number, and the scoring of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from types import MappingProxyType
from typing import Any, Protocol

from llmdash.lean_dataclass import dataclass
from llmdash.prompts.checks import check_answer
from llmdash.prompts.verdict import Verdict

__all__ = [
    "NO_FIELDS",
    "NO_OPTIONS",
    "InputError",
    "InputProblem",
    "Prompt",
    "PromptList",
    "PromptSource",
    "RequestBody",
    "Said",
    "Verdict",
    "said_text",
]

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})
"""The options of a prompt without any: one empty mapping for all of them."""


NO_FIELDS: Mapping[str, Any] = NO_OPTIONS
"""The carried fields of a prompt without any."""

Said = tuple[str, str] | Mapping[str, Any]
"""A message: role and text, or the object as it is sent, where it holds more than text."""


def _no_options() -> Mapping[str, Any]:
    return NO_OPTIONS


@dataclass(frozen=True, slots=True)
class RequestBody:
    """A request body as it stands in the input, in the words of one wire format: `chat`, `completions`,
    `responses` or `messages`.
    """

    wire: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt of a batch.

    `messages` holds (role, content) pairs, and objects for messages of more than text. `expected` is the
    right answer, if that is known. `options` are model options for this prompt alone, such as `model` or
    `temperature`, by their names in the request body; they override those of the run (`merge_options`).
    `body`, where there is one, is what is sent to an endpoint that speaks its wire format, in place of
    messages and options. `carried` are the other fields of the record: not sent, but in every output. `check`
    is how the answer is compared, where the record says so.
    """

    id: str
    messages: tuple[Said, ...]
    expected: str | None = None
    options: Mapping[str, Any] = field(default_factory=_no_options, hash=False)
    body: RequestBody | None = field(default=None, hash=False)
    carried: Mapping[str, Any] = field(default_factory=_no_options, hash=False)
    check: str | None = None

    @property
    def text(self) -> str:
        """The text of the last message."""
        return said_text(self.messages[-1])


def said_text(said: Said) -> str:
    """Return the text of a message; that of its parts, joined, where it has parts."""
    content = said[1] if isinstance(said, tuple) else said.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") if isinstance(part, Mapping) else part for part in parts)
    return "".join(text for text in texts if isinstance(text, str))


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
    def left_out(self) -> int:
        """The number of records that were left out; `problems` may list fewer."""

    @property
    def reading(self) -> str:
        """What the file was taken for, what is sent and what is carried; empty where that goes without
        saying.
        """

    @property
    def check(self) -> str | None:
        """How answers are compared, where the file says so for all of them."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Model options set by the file, by their names in the request body."""

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
    reading: str = ""
    check: str | None = None

    @property
    def left_out(self) -> int:
        return len(self.problems)

    def __len__(self) -> int:
        return len(self.prompts)

    def id(self, index: int) -> str:
        return self.prompts[index].id

    def prompt(self, index: int) -> Prompt:
        return self.prompts[index]

    def score(self, prompt: Prompt, text: str) -> Verdict:
        return check_answer(prompt.check, prompt.expected, text)
