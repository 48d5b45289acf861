"""RunCore: what a run consists of, for those that look after it."""

from __future__ import annotations

import asyncio
import math

from llmdash.engine.batches.desk import BatchDesk
from llmdash.engine.dispatch.holds import Holds
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.runner import BatchRunner
from llmdash.engine.model.events import Noticed
from llmdash.engine.model.states import Severity
from llmdash.engine.plan import RunPlan
from llmdash.engine.run.lifecycle import Lifecycle
from llmdash.lean_dataclass import dataclass

__all__ = ["RunCore"]


@dataclass(frozen=True, slots=True)
class RunCore:
    """The plan of a run, the parts that carry it out, and its state."""

    plan: RunPlan
    parts: RunnerParts
    runner: BatchRunner
    holds: Holds
    batches: BatchDesk
    lifecycle: Lifecycle

    def notice(self, severity: Severity, words: str) -> None:
        """Show a notice; may be called from any thread."""
        self.parts.store.apply(Noticed(severity, words))

    @property
    def waits(self) -> bool:
        """True while nothing new is sent on purpose."""
        return self.runner.paused or self.holds.held is not None

    def demand(self) -> float:
        """Return the rate that the run may send at by itself, in requests a second; 0 if nothing waits."""
        if self.waits or self.parts.queue.at_home <= self.runner.in_flight:
            return 0.0
        return self.parts.limiter.rate or math.inf

    def set_clock(self) -> None:
        """Let the clock of the run stand while it rests on purpose, or has no work."""
        store = self.parts.store
        if self.parts.queue.at_home and (self.runner.in_flight or not self.waits):
            store.run_clock.start()
            store.wall.go_on()
        else:
            store.run_clock.stop()

    async def complete_output(self) -> None:
        """Have every result in the file of results, before anybody is told that the run has ended."""
        if self.plan.live is not None:
            await asyncio.to_thread(self.plan.live.complete)
