"""The steps of a start: each commit that says something of a job or a batch, each call to the provider.

A step is counted before and after what it is; at the one that is asked for the process kills itself. Of the
looks at what goes on, which are many and alike, the first few of a start are steps.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from llmdash.engine.journal.file import Group, JournalFile
from llmdash.llms.batch_services.anthropic_service import AnthropicBatchService
from llmdash.llms.batch_services.gemini_service import GeminiBatchService
from llmdash.llms.batch_services.openai_service import OpenAIBatchService
from llmdash.llms.transport.http import HttpClient

__all__ = ["Step", "Steps", "around", "steps_in"]

_LOOKS = ("look", "status")
_MOST_LOOKS = 3
_CALLS = ("upload", "files", "create", "look", "status", "cancel", "download", "forget")


class Step(NamedTuple):
    """A step: its number, counted from 1 in each start, and what was about to be done, or was done."""

    number: int
    label: str


class Steps:
    """Counts the steps of this process into a file, and kills it at the step `kill_at`; 0: never."""

    def __init__(self, file: Path, kill_at: int) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._kill_at = kill_at
        self._number = 0
        self._looks = 0
        self._lock = threading.Lock()

    def take(self, label: str) -> None:
        """Count a step; at the one that is asked for this does not return."""
        with self._lock:
            self._number += 1
            os.write(self._file, f"{self._number} {label}\n".encode())
            if self._number == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Count the commits and the calls of this process from now on."""
        around(JournalFile, "write", self._commit)
        for service in (OpenAIBatchService, AnthropicBatchService, GeminiBatchService):
            for name in set(_CALLS) & vars(service).keys():
                around(service, name, partial(self._call, name))
        around(HttpClient, "post", self._live)

    def _commit(self, write: Callable[[JournalFile, Group], None]) -> Callable[[JournalFile, Group], None]:
        def written(journal: JournalFile, group: Group) -> None:
            label = " ".join(_labels(group))
            if label:
                self.take(f"before commit {label}")
            write(journal, group)
            if label:
                self.take(f"after commit {label}")

        return written

    def _call(self, name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def called(*arguments: Any, **named: Any) -> Any:
            self._looks += name in _LOOKS
            if name in _LOOKS and self._looks > _MOST_LOOKS:
                return await call(*arguments, **named)
            self.take(f"before {name}")
            try:
                return await call(*arguments, **named)
            finally:
                self.take(f"after {name}")

        return called

    def _live(self, post: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def posted(client: HttpClient, url: str, *arguments: Any, **named: Any) -> Any:
            if "/batches" in url or "/files" in url:
                return await post(client, url, *arguments, **named)
            self.take("before live call")
            try:
                return await post(client, url, *arguments, **named)
            finally:
                self.take("after live call")

        return posted


def around(owner: type, name: str, what: Callable[[Any], Any]) -> None:
    """Put something around a method of a class, in this process only."""
    setattr(owner, name, what(getattr(owner, name)))


def _labels(group: Group) -> Iterator[str]:
    """What a group tells of batches, attempts and results."""
    yield from _once(batch.state for batch in group.batches)
    yield from _once(f"{attempt.state}-attempt" for attempt in group.attempts)
    if group.results:
        yield "result"


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def steps_in(file: Path) -> list[Step]:
    """The steps that a start has taken."""
    if not file.exists():
        return []
    lines = (line.partition(" ") for line in file.read_text().splitlines())
    return [Step(int(number), label) for number, _, label in lines]
