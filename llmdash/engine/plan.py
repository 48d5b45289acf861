"""RunPlan: everything that defines a run before it starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from llmdash.engine.dispatch.answer_rules import AnswerRules
from llmdash.engine.dispatch.asker import Asker, LocalAsker
from llmdash.engine.dispatch.retry_policy import RetryPolicy
from llmdash.engine.frames.builder import RunFacts
from llmdash.engine.model.records import ResultRow
from llmdash.engine.pool.member import Member
from llmdash.prompts.source import PromptSource

__all__ = ["LiveOutput", "RunPlan"]


class LiveOutput(Protocol):
    """A destination of results while the run goes on. Nothing here raises: errors are in `problem`."""

    problem: str | None

    def open(self) -> None:
        """Open the destination; called on the engine's thread, with the run locked and nothing sent."""

    def append(self, rows: Sequence[ResultRow]) -> None:
        """Append results that are on disk; called on the journal's thread."""

    def close(self) -> None:
        """Close the destination; called after the last results."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Everything that defines a run.

    `connect` makes the pool's members and closes their connections at the end; it is entered on the engine's
    loop, so that the HTTP library loads there. With `stay` the run waits for more commands when every job has
    ended; without it, the run ends. `grace_s` is how long a drain waits for requests in flight.
    """

    source: PromptSource
    connect: Callable[[], AbstractAsyncContextManager[Sequence[Member]]]
    folder: Path
    facts: RunFacts
    rate: float | None
    concurrency: int
    options: Mapping[str, Any] = field(default_factory=dict)
    """Request options of the prompt file, which go before those that the pool's LLMs have."""
    wider_options: Mapping[str, Any] = field(default_factory=dict)
    """Those of the run, which the LLMs have already: for estimates of what a request will cost."""
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What the journal records of how the run was started; never a key."""
    resume: bool = False
    begun_with: str | None = None
    """The fingerprint of the input to its earlier limit, if a resume has another one."""
    retry_failed: bool = False
    stay: bool = False
    allow_bad_lines: bool = False
    """True if a run that left input lines out counts as complete."""
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    rules: AnswerRules = field(default_factory=AnswerRules)
    grace_s: float = 30.0
    more_keys: Callable[[], Sequence[Member]] = tuple
    """Called from time to time; returns new keys."""
    key_notes: Callable[[], Mapping[str, Any]] = dict
    """Returns what the journal records of the keys; called again when there are new ones."""
    asker: Asker = field(default_factory=LocalAsker)
    """What makes the attempts."""
    patience_s: float = math.inf
    """How long a run without `stay` waits for a worker."""
    live: LiveOutput | None = None
    """The destination of results as soon as they are on disk."""
