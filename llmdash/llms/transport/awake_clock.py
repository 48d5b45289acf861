"""A clock that leaves out the time in which the process did not run: suspended, stopped, or blocked.

A clock that counts such a time would make every request in flight time out.
"""

from __future__ import annotations

import asyncio

__all__ = ["AwakeClock"]

_TICK_S = 0.5
_GAP_S = 2.0


class AwakeClock:
    """The event loop's seconds without those in which the process did not run: gaps over 2 s are left out.

    It ticks while a caller is between `begin` and `end`, and stops half a second later. A gap is the time
    between two readings, by a tick or a call of `time`: so no timer that fires after a gap can act on it
    before it is noticed. `lost` is what the gaps took: a time of this clock + `lost` is one of
    the loop. Serves one loop at a time.
    """

    __slots__ = ("_loop", "_seen_at", "_timer", "_users", "lost")

    def __init__(self) -> None:
        self._users = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._seen_at = 0.0
        self.lost = 0.0

    def begin(self) -> None:
        """Start ticking for one caller."""
        self._users += 1
        loop = asyncio.get_running_loop()
        if self._timer is None or loop is not self._loop:
            self._loop = loop
            self._seen_at = loop.time()
            self._timer = loop.call_later(_TICK_S, self._tick)

    def end(self) -> None:
        """Stop ticking for one caller."""
        self._users -= 1

    def time(self) -> float:
        """Return the time now; call it between `begin` and `end` only."""
        assert self._loop is not None  # noqa: S101 - begin() was called
        now = self._loop.time()
        gap = now - self._seen_at
        if gap > _GAP_S:
            self.lost += gap
        self._seen_at = now
        return now - self.lost

    def _tick(self) -> None:
        self.time()
        self._timer = None
        if self._users and self._loop is not None:
            self._timer = self._loop.call_later(_TICK_S, self._tick)
