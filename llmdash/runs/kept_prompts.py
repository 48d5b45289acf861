"""KeptPrompts: the prompts of a kept run, from its journal or from the file it was begun with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from llmdash.engine.journal.keeping import Keep
from llmdash.engine.journal.reader import JournalReader
from llmdash.prompts.source import InputError, Prompt, PromptSource, Said

__all__ = ["KeptPrompts", "no_input"]


def no_input() -> PromptSource:
    """Raise InputError: there is no way to the input."""
    raise InputError("the prompts are not kept in the journal (--keep all keeps them)")


class KeptPrompts:
    """Looks prompts up. `open_input` opens the recorded input; it may raise InputError."""

    def __init__(
        self, reader: JournalReader, facts: Mapping[str, Any], open_input: Callable[[], PromptSource]
    ) -> None:
        self._reader = reader
        self._facts = facts
        self._open_input = open_input
        self._source: PromptSource | None = None
        self._problem = "the prompts are being read"

    @property
    def check(self) -> str | None:
        """How answers are compared, once the input is open."""
        return self._source.check if self._source is not None else None

    def load(self) -> None:
        """Open the recorded input, and keep it if it is what the run was begun with."""
        try:
            source = self._open_input()
        except InputError as error:
            self._problem = f"The prompt is not kept in the journal, and cannot be read: {error}"
            return
        if (source.fingerprint, len(source)) != (self._facts.get("fingerprint"), self._facts.get("jobs")):
            self._problem = "The prompt is not kept in the journal, and the input was changed since"
            return
        self._source = source

    def prompt(self, job: int) -> Prompt:
        """Return the prompt of a job. Raises InputError with the reason if it cannot be read."""
        kept = self._reader.message(job) if self._facts.get("keep") != Keep.ANSWERS.value else None
        if kept is not None:
            return Prompt(f"#{job + 1}", _messages(kept))
        if self._source is None:
            raise InputError(self._problem)
        return self._source.prompt(job)


def _messages(text: str) -> tuple[Said, ...]:
    """Return the messages of a prompt in the journal. Raises InputError for a damaged one."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(each, dict | list) for each in found):
        raise InputError("the prompt in the journal is damaged; see llmdash doctor")
    return tuple(each if isinstance(each, dict) else _pair(each) for each in found)


def _pair(said: list[Any]) -> tuple[str, str]:
    role, text = (*said, "", "")[:2]
    return str(role), str(text)
