"""Noticing that the process stood still: a suspended machine, a stopped process, a loop that was blocked.

A clock that counts such a time would call every request late that was on its way.
"""

from __future__ import annotations

import asyncio

__all__ = ["AwakeClock"]

_TICK_S = 0.5
_GAP_S = 2.0


class AwakeClock:
    """Seconds of the event loop that stand still while the process does: a gap over 2 s takes no time.

    It ticks while somebody is between `begin` and `end`, and stops half a second later. A gap is one between
    two looks at the clock, of a tick or of whoever asks for the `time`: so no timer that fires behind a gap
    can act on it before it is noticed. `lost` is what the gaps took: a time of this clock + `lost` is one of
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
        """From now on somebody looks at the clock."""
        self._users += 1
        loop = asyncio.get_running_loop()
        if self._timer is None or loop is not self._loop:
            self._loop = loop
            self._seen_at = loop.time()
            self._timer = loop.call_later(_TICK_S, self._tick)

    def end(self) -> None:
        """The reverse of `begin`."""
        self._users -= 1

    def time(self) -> float:
        """The time now; for those between `begin` and `end`."""
        assert self._loop is not None  # noqa: S101 - somebody has begun
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
