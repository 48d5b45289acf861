"""RunnerParts: the parts that the runner of one run uses."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from llmdash.engine.dispatch.answer_rules import AnswerRules
from llmdash.engine.dispatch.asker import Asker, LocalAsker
from llmdash.engine.dispatch.kill_switch import KillSwitch
from llmdash.engine.dispatch.limiter import RateLimiter
from llmdash.engine.dispatch.queue import JobQueue
from llmdash.engine.dispatch.quotes import Quotes
from llmdash.engine.dispatch.reservations import Reservations
from llmdash.engine.dispatch.retry_budget import RetryBudget
from llmdash.engine.dispatch.retry_policy import RetryPolicy
from llmdash.engine.dispatch.reuse import Reuse
from llmdash.engine.journal.writer import JournalWriter
from llmdash.engine.pool.costs import no_price
from llmdash.engine.pool.pool import KeyPool
from llmdash.engine.store.store import Store
from llmdash.lean_dataclass import dataclass
from llmdash.prompts.source import PromptSource

__all__ = ["RunnerParts"]


@dataclass(slots=True)
class RunnerParts:
    """The parts of one run, with its clocks and its random source, which tests replace.

    `clock` is monotonic, `wall_clock` is Unix time; both in seconds.
    """

    source: PromptSource
    pool: KeyPool
    limiter: RateLimiter
    journal: JournalWriter
    store: Store
    queue: JobQueue
    budget: RetryBudget
    kill_switch: KillSwitch
    options: Mapping[str, Any] = field(default_factory=dict)
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    rules: AnswerRules = field(default_factory=AnswerRules)
    rng: random.Random = field(default_factory=random.Random)
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    asker: Asker = field(default_factory=LocalAsker)
    wider_options: Mapping[str, Any] = field(default_factory=dict)
    reuse: Reuse | None = None
    spends: bool = True
    reservations: Reservations = field(default_factory=lambda: Reservations(Quotes(no_price, {})))
