"""RunWatch: checks from time to time what no event reports."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress

from llmdash.engine.dispatch.worker_watch import WorkerWatch
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.states import Severity
from llmdash.engine.pool.member import Member
from llmdash.engine.run.control import LiveControl
from llmdash.engine.run.core import RunCore
from llmdash.engine.run.record import RunRecord
from llmdash.engine.run.storage import RunStorage

__all__ = ["RunWatch"]


_WATCH_S = 0.1
_REST_S = 1.0
"""Seconds between two looks, at work and at rest."""
_QUIET_LOOKS = 20
"""After this number of looks at work between which nothing has happened they are as rare as at rest."""


class RunWatch:
    """Watches a run on its event loop. A run that stays is paused for the user where one that nobody watches
    ends.
    """

    def __init__(
        self,
        core: RunCore,
        control: LiveControl,
        record: RunRecord,
        workers: WorkerWatch,
        storage: RunStorage,
    ) -> None:
        self._core = core
        self._plan = core.plan
        self._parts = core.parts
        self._runner = core.runner
        self._control = control
        self._record = record
        self._workers = workers
        self._storage = storage
        self._seen = self._quiet = 0

    async def run(self) -> None:
        """Look until cancelled."""
        store = self._parts.store
        while True:
            await self._pause()
            self._core.set_clock()
            if not store.run_clock.stands:
                with store.lock:
                    store.time_series.sample(store.run_clock(), store.in_flight)
            self._record.look()
            self._record.keep_totals()
            self._welcome(self._plan.more_keys())
            self._storage.look()
            self._look_for_workers()
            if self._plan.batch.errand is not None:
                self._look_for_errand()
                continue
            self._look_for_holds()
            self._look_for_batches()
            self._look_for_keys()

    async def _pause(self) -> None:
        """Let time pass; of a run that is at work less than a second, once something happens."""
        store, loop = self._parts.store, asyncio.get_running_loop()
        if store.run_clock.stands:
            await asyncio.sleep(_REST_S if self._plan.batch.errand is None else _WATCH_S)
            return
        self._quiet = self._quiet + 1 if store.changes.count == self._seen else 0
        self._seen = store.changes.count
        if self._quiet < _QUIET_LOOKS:
            await asyncio.sleep(_WATCH_S)
            return
        happens = asyncio.Event()
        stop = store.changes.when_more(self._seen, lambda: _tell(loop, happens))
        with suppress(TimeoutError):
            async with asyncio.timeout(_REST_S):
                await happens.wait()
        stop()

    def _welcome(self, members: Sequence[Member]) -> None:
        """Add new keys to the pool, and resume a run that is paused because no key was usable."""
        for member in members:
            self._parts.pool.add(member)
            self._core.notice(Severity.INFORMATION, f"Key {member.label} joins the pool")
        if members:
            self._parts.journal.facts(self._plan.key_notes())
            self._control.revived()

    def _look_for_workers(self) -> None:
        """End a run that nobody watches once no worker came for too long."""
        self._workers.look()
        if not self._plan.stay and self._workers.blocked_s > self._plan.patience_s:
            blocked = self._plan.asker.blocked()
            self._core.notice(Severity.ERROR, f"No worker came in time: {blocked}")
            self._core.lifecycle.end(Ending.NO_WORKER)

    def _look_for_holds(self) -> None:
        """See what holds the run; one that nobody watches ends then."""
        self._core.holds.look()
        is_settled, tripped = self._core.holds.is_settled, self._parts.kill_switch.reason
        if not self._plan.stay and is_settled and tripped is None:
            self._core.lifecycle.end(Ending.HELD)

    def _look_for_batches(self) -> None:
        """End a run that was to leave its jobs with a provider, once they are, and one that nobody watches
        where none of its batches goes on without the user.
        """
        queue, batches = self._parts.queue, self._core.batches
        if self._plan.stay or not queue.open or queue.at_home:
            return
        if batches.need_user or (self._plan.batch.leaves and batches.are_all_out):
            self._core.lifecycle.end(Ending.BATCHED)

    def _look_for_errand(self) -> None:
        """End a run that was opened to look after its batches, once it has."""
        batches = self._core.batches
        if batches.errand_is_done:
            self._core.lifecycle.end(Ending.BATCHED if batches.of_run.open else Ending.STOPPED)

    def _look_for_keys(self) -> None:
        """Pause the run, or end one that nobody watches, if no key is usable until the user acts."""
        if self._parts.queue.at_home and not self._runner.in_flight:
            returns_in_s = self._runner.returns_in_s()
            if not self._plan.stay and returns_in_s > self._plan.policy.patience_s:
                self._core.lifecycle.end(Ending.NO_KEY)
            elif returns_in_s == math.inf and not self._runner.paused:
                self._control.pause_without_key()
        if not self._plan.stay and self._runner.is_rate_limited:
            self._core.lifecycle.end(Ending.NO_KEY)


def _tell(loop: asyncio.AbstractEventLoop, happens: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the run has ended meanwhile
        loop.call_soon_threadsafe(happens.set)
