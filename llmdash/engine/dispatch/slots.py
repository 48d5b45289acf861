"""WorkerSlots: how many workers may be busy with a request, and whether any may send."""

from __future__ import annotations

import asyncio

__all__ = ["WorkerSlots"]


class WorkerSlots:
    """Counts the workers that are busy with a request. After the concurrency was lowered there may be more of
    them than it allows, until those have ended.
    """

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        """The most requests in flight at once."""
        self.busy = 0
        self.sending = asyncio.Event()
        """Set unless the run is paused."""
        self.sending.set()
        self._freed = asyncio.Event()

    def set_concurrency(self, concurrency: int) -> None:
        """Allow `concurrency` busy workers, and at least one."""
        self.concurrency = max(1, concurrency)
        self._freed.set()

    def may_send(self, number: int) -> bool:
        """True if worker `number` may send a request."""
        return self.sending.is_set() and number < self.concurrency

    def release(self) -> None:
        """Count a worker that is not busy any more."""
        self.busy -= 1
        self._freed.set()

    async def free(self) -> None:
        """Wait until fewer workers are busy than the concurrency allows."""
        while self.busy >= self.concurrency:
            self._freed.clear()
            await self._freed.wait()
