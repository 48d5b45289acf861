"""LiveControl: carries out the commands to a run as a whole."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Coroutine, Mapping
from typing import Any

from llmdash.engine.dispatch.spent import require_prices, spent_before
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.forecast import HoldKind
from llmdash.engine.model.states import EndpointState, RunState
from llmdash.engine.pool.member import Member
from llmdash.engine.run.core import RunCore
from llmdash.engine.run.record import RunRecord

__all__ = ["LiveControl"]

_NO_KEY = "no usable key"
_RECALL_S = 5.0
"""How long a run that is stopped waits for providers to take note that its batches are cancelled."""


class LiveControl:
    """The control of a run under way, on its event loop."""

    def __init__(self, core: RunCore, record: RunRecord) -> None:
        self._core = core
        self._parts = core.parts
        self._runner = core.runner
        self._lifecycle = core.lifecycle
        self._record = record
        self._tasks: set[asyncio.Task[None]] = set()

    def pause(self, detail: str = "") -> None:
        """Send nothing new; requests in flight continue."""
        self._runner.pause()
        self._core.set_clock()
        if self._state is RunState.RUNNING:
            self._record.set_state(RunState.PAUSED, detail)

    def pause_without_key(self) -> None:
        """Pause because no key is usable until the user acts; `revived` then resumes."""
        self.pause(_NO_KEY)

    def resume(self) -> None:
        """Send again, and reset the kill switch and paused endpoints: the user has seen the cause."""
        pool = self._parts.pool
        self._parts.kill_switch.release()
        for endpoint in pool.endpoints:
            if endpoint.circuit_breaker.state is EndpointState.PAUSED:
                pool.revive_endpoint(endpoint.name)
        self._runner.resume()
        self._core.set_clock()
        if self._state in (RunState.PAUSED, RunState.DRAINING):
            self._record.set_state(RunState.RUNNING)

    def revived(self) -> None:
        """Resume a run that is paused because no key was usable, if one is now."""
        if self._lifecycle.state == (RunState.PAUSED, _NO_KEY) and self._runner.returns_in_s() < math.inf:
            self.resume()

    def drain(self) -> None:
        """Send nothing new and end the run, or pause it if it stays, once nothing is in flight."""
        self._spawn(self._drain())

    def stop(self, *, recalls_batches: bool = False) -> None:
        """End the run now; requests in flight are aborted and their jobs stay pending. With `recalls_batches`
        the providers are asked first to cancel what is out in batches.
        """
        if recalls_batches and self._core.batches.of_run.open:
            self._runner.pause()
            self._spawn(self._recall())
        else:
            self._lifecycle.end(Ending.STOPPED)

    async def _recall(self) -> None:
        await self._core.batches.recall(_RECALL_S)
        self._lifecycle.end(Ending.STOPPED)

    def release(self) -> None:
        """Run the rest after a trial; or send one by one what goes in no batch."""
        if self._core.holds.held is HoldKind.BATCHES:
            self._core.batches.release()
        if self._core.plan.batch.all_pending and self._parts.queue.is_gated:
            self._spawn(self._release_to_batches())
            return
        self._core.holds.release()
        self._core.set_clock()

    async def _release_to_batches(self) -> None:
        await self._core.batches.send_rest()  # before a worker takes one of them
        self._core.holds.release()
        self._core.set_clock()

    def set_budget(self, dollars: float | None) -> None:
        """Spend at most `dollars` over all starts; None lifts the budget. Raises ValueError."""
        parts = self._parts
        if dollars is not None:
            require_prices(parts.pool.members, parts.reservations.quotes)
        parts.reservations.set_budget(dollars, lambda: spent_before(parts, self._asking()))
        parts.journal.facts({"budget": json.dumps(dollars)})
        self._runner.budget_gate.take_up()
        self._core.holds.look()
        self._core.set_clock()

    def _asking(self) -> Mapping[int, Member]:
        """The jobs that are asked, one by one or in batches, and the key of each."""
        return {**self._runner.asking, **self._core.batches.asking()}

    def kill_switch_tripped(self) -> None:
        """Pause the run, or end a headless one once nothing is in flight."""
        self._runner.pause()
        if self._core.plan.stay:
            self._record.set_state(RunState.PAUSED, "kill switch")
        else:
            self._spawn(self._end_after_kill_switch())

    async def close(self) -> None:
        """Stop what goes on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def _state(self) -> RunState:
        return self._lifecycle.state[0]

    async def _end_after_kill_switch(self) -> None:
        await self._runner.drain(self._core.plan.grace_s)
        self._lifecycle.end(Ending.KILL_SWITCH)

    async def _drain(self) -> None:
        self._record.set_state(RunState.DRAINING)
        await self._runner.drain(self._core.plan.grace_s)
        if not self._parts.queue.open:
            await self._core.complete_output()
        if self._state is not RunState.DRAINING:
            return  # resumed meanwhile
        if not self._parts.queue.open:
            self._record.set_state(RunState.DONE)
        elif self._core.plan.stay:
            self._record.set_state(RunState.PAUSED, "drained")
        else:
            self._lifecycle.end(Ending.STOPPED)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
