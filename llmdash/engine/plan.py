"""RunPlan: everything that defines a run before it starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import field
from pathlib import Path
from typing import Any, Protocol

from llmdash.engine.dispatch.answer_rules import AnswerRules
from llmdash.engine.dispatch.asker import Asker, LocalAsker
from llmdash.engine.dispatch.retry_policy import RetryPolicy
from llmdash.engine.dispatch.reuse import ReuseRules
from llmdash.engine.dispatch.trial_forecast import TrialPlan
from llmdash.engine.frames.run_facts import RunFacts
from llmdash.engine.journal.keeping import Keep
from llmdash.engine.model.batch_terms import BatchTerms, EarlierTimes, none_earlier
from llmdash.engine.model.records import ResultRow
from llmdash.engine.pool.member import Member
from llmdash.lean_dataclass import dataclass
from llmdash.prompts.source import PromptSource

__all__ = ["LiveOutput", "RunPlan"]


class LiveOutput(Protocol):
    """A destination of results while the run goes on. Nothing here raises: errors are in `problem`."""

    path: Path
    problem: str | None
    is_complete: bool
    """True if every result is there, and in order."""

    def open(self) -> None:
        """Open the destination; called on the engine's thread, with the run locked and nothing sent."""

    def append(self, rows: Sequence[ResultRow]) -> None:
        """Append results that are on disk; called on the journal's thread."""

    def complete(self) -> None:
        """Have every result there; called before the run says that it has ended, while nothing is appended.
        There may be more to append afterwards.
        """

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
    auto: bool = False
    """True to find the rate of each key by itself, up to `rate`."""
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
    trial: TrialPlan | None = None
    """The jobs to run first; then the run is held. None without a trial, or once it is released."""
    budget: float | None = None
    """Dollars to spend at most, over all starts; all keys need a price then."""
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
    keep: Keep = Keep.ANSWERS
    """What the journal keeps of texts; with NONE, `live` has them, before the journal has the result."""
    batch: BatchTerms = field(default_factory=BatchTerms)
    """How batches are used; without any more said, none is until the user wants one."""
    earlier_batches: EarlierTimes = none_earlier
    """How long batches of other runs took; asked on a thread of its own."""
    reuse: ReuseRules | None = None
    """Which requests take an answer that is known; None where each is sent."""
