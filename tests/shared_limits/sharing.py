"""Runs that share a limit, on one event loop whose time jumps: each asks, sends, sleeps, freezes or dies."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from llmdash.engine.dispatch.leases import Claim, LeaseError, Leases, Limit, Share, Sharer
from llmdash.engine.dispatch.shared_rate import SharedRate
from llmdash.shared_limits.table import LeaseRow, granted, released
from tests.engine.senders import most_in_a_second as most_of

__all__ = ["MemoryLeases", "SharingRun", "most_in_a_second", "now"]


def now() -> float:
    return asyncio.get_running_loop().time()


class MemoryLeases:
    """The rows in memory. Each call takes up to `slow_s`, before and after its transaction."""

    def __init__(self, slow_s: float = 0.0, seed: int = 1) -> None:
        self.rows: dict[str, LeaseRow] = {}
        self.slow_s = slow_s
        self.broken = False
        self.most_held = 0.0
        self._rng = random.Random(seed)

    async def share(self, claim: Claim) -> Share:
        await self._pass()
        if self.broken:
            raise LeaseError("the lease file cannot be written")
        row, share = granted(tuple(self.rows.values()), claim, now())
        self.rows[claim.sharer.run] = row
        await self._pass()
        return share

    async def release(self, claim: Claim) -> None:
        if self.broken:
            raise LeaseError("the lease file cannot be written")
        self.rows[claim.sharer.run] = released(claim, now())

    async def _pass(self) -> None:
        if self.slow_s:
            await asyncio.sleep(self._rng.uniform(0.0, self.slow_s))


class _OfOneRun:
    """The leases as a run sees them that may freeze or die: a dead one says nothing more."""

    def __init__(self, leases: Leases, run: SharingRun) -> None:
        self._leases, self._run = leases, run

    async def share(self, claim: Claim) -> Share:
        share = await self._leases.share(claim)
        await self._run.thaw()
        return share

    async def release(self, claim: Claim) -> None:
        if not self._run.is_dead:
            await self._leases.release(claim)


@dataclass(eq=False)
class SharingRun:
    """A run that sends as fast as it may, and as it wants to: `wants` requests a second.

    A request that departed leaves up to `journal_s` later. `sent` holds the times.
    """

    limit: Limit
    leases: Leases
    name: str
    wants: float = 1e9
    own_rate: float = 1e9
    tokens: int = 0
    journal_s: float = 0.0
    sent: list[float] = field(default_factory=list)
    is_dead: bool = False
    paused: bool = False

    def __post_init__(self) -> None:
        self.rate = SharedRate(
            self.limit, Sharer(self.name, self.name, "here", 1), _OfOneRun(self.leases, self), now, now
        )
        self._frozen_until = 0.0
        self._rng = random.Random(self.name)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self.rate.keep(self._demand)), asyncio.create_task(self._send())]

    def freeze(self, seconds: float) -> None:
        """Stand still, as a process that was stopped."""
        self._frozen_until = now() + seconds

    async def thaw(self) -> None:
        """Return at once unless the run is frozen."""
        if (left := self._frozen_until - now()) > 0:
            await asyncio.sleep(left)

    async def kill(self) -> None:
        """End without a word."""
        self.is_dead = True
        await self.end()

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _demand(self) -> float:
        return 0.0 if self.paused or not self.wants else self.own_rate

    async def _send(self) -> None:
        due = now()
        while True:
            if self.paused or not self.wants:
                await asyncio.sleep(0.05)
                due = now()
                continue
            due = max(due + 1.0 / self.wants, now() - 0.05)
            await asyncio.sleep(max(0.0, due - now()))
            wait = self.rate.wait_s(self.tokens)
            while wait > 0:
                await asyncio.sleep(max(0.001, wait))
                wait = self.rate.wait_s(self.tokens)
            self.rate.take(self.tokens)
            if self.journal_s:
                await asyncio.sleep(self._rng.uniform(0.0, self.journal_s))
            await self.thaw()
            while (ticket := self.rate.depart()) is None:
                await self.rate.turn()
                await self.thaw()
            ticket.left()
            self.sent.append(now())
            await asyncio.sleep(0)


def most_in_a_second(runs: Sequence[SharingRun], since: float = 0.0) -> int:
    """The most requests that all runs together sent in any second."""
    return most_of(sorted(at for run in runs for at in run.sent if at >= since))
