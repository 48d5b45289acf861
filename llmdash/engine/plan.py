"""The plan of a run: everything that decides it, and nothing that has happened yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from llmdash.engine.dispatch.asker import Asker, LocalAsker
from llmdash.engine.dispatch.retry_policy import RetryPolicy
from llmdash.engine.frames.builder import RunFacts
from llmdash.engine.model.records import ResultRow
from llmdash.engine.pool.member import Member
from llmdash.prompts.source import PromptSource

__all__ = ["LiveOutput", "RunPlan"]


class LiveOutput(Protocol):
    """A place that results go to while the run goes on. Nothing here raises: `problem` says what is wrong."""

    problem: str | None

    def open(self) -> None:
        """Called on the engine's thread, once the run is locked and before anything is sent."""

    def append(self, rows: Sequence[ResultRow]) -> None:
        """Called on the journal's thread with results that are on disk."""

    def close(self) -> None:
        """Called when nothing more will come."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Everything that decides a run.

    `connect` makes the pool's keys and lets go of their connections at the end; it is entered on the engine's
    loop, so that the HTTP library loads there. With `stay` the run waits for more commands when every job has
    ended; without, it ends. `grace_s` is how long a drain waits for requests in flight.
    """

    source: PromptSource
    connect: Callable[[], AbstractAsyncContextManager[Sequence[Member]]]
    folder: Path
    facts: RunFacts
    rate: float | None
    concurrency: int
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What the journal remembers of how the run was started; never a key."""
    resume: bool = False
    retry_failed: bool = False
    stay: bool = False
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    grace_s: float = 30.0
    more_keys: Callable[[], Sequence[Member]] = tuple
    """Asked now and then for keys that were not there before."""
    key_notes: Callable[[], Mapping[str, Any]] = dict
    """What the journal remembers of the keys; asked again when there are more."""
    asker: Asker = field(default_factory=LocalAsker)
    """Who makes the attempts."""
    live: LiveOutput | None = None
    """Where results go as soon as they are on disk."""
