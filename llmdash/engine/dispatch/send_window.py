"""The requests of the last second, by the time at which they were on the wire."""

from __future__ import annotations

import asyncio
import math
from collections import deque

__all__ = ["Departure", "SendWindow"]

_WINDOW_S = 1.03
"""A second and what the network may shift: arrivals are counted by the server's clock, not by ours."""
_AIR = 0.998
"""The window is never so long that it, and not the bucket, sets the steady rate."""
_SETTLE_S = 0.005
_PROMPT_S = 0.015
"""What a request may take from its departure to the second tick; the window has room for it."""
_GRAIN_S = 0.0005


class Departure:
    """A request on its way: it counts in every second from now on until its ticket is settled.

    Whoever sends it settles it once: `left` when it goes out, `withdraw` if it never does.
    """

    __slots__ = ("_number", "_window")

    def __init__(self, window: SendWindow | None, number: int) -> None:
        self._window = window
        self._number = number

    def left(self) -> None:
        """The request goes out with the next turns of this event loop. Again: nothing."""
        if self._window is not None:
            self._window.left()
            self._window = None

    def withdraw(self) -> None:
        """The request did not leave, and never will: another may go instead. After `left`: nothing."""
        if self._window is not None:
            self._window.withdraw(self._number)
            self._window = None


class SendWindow:
    """In no second more than rate + max(1, 5 %) requests, whatever happened between a permit and its request.

    From `left` to its bytes on the wire a request needs a turn or two of the event loop: next to nothing,
    unless the machine is suspended just then, or the loop is busy. So a request counts as sent now until the
    second tick after it left: then with the time at which it left, or that of the tick if that is much later.

    A second in which the rate was changed may hold as many as the highest rate of that second allows; and so
    may each part of it that ends now. Times are those of the event loop, in seconds.
    """

    def __init__(self, rate: float | None) -> None:
        self._sent: deque[float] = deque()
        self._open = 0  # departures nobody has settled yet
        self._leaving: list[float] = []
        self._left: list[float] = []  # before the last tick
        self._total = 0
        self._rate = rate
        self._earlier: deque[tuple[float, float | None, int]] = deque()
        """(until when, rate, sent by then in all), oldest first: what was set within the last second."""
        self._tick: asyncio.TimerHandle | None = None

    def set_rate(self, rate: float | None, now: float) -> None:
        """`rate` holds from `now` on."""
        self._earlier.append((now, self._rate, self._total))
        self._rate = rate

    def delay(self, now: float) -> float:
        """Seconds to wait before asking again; 0 if a request may depart now."""
        while self._earlier and self._earlier[0][0] <= now - _WINDOW_S:
            self._earlier.popleft()
        if self._rate is None:
            return 0.0
        limit, span = _bounds(self._rate)
        for until, rate, total in reversed(self._earlier):
            if self._total - total >= limit:
                return max(0.0, until + span - now) + _GRAIN_S
            limit = max(limit, _bounds(rate)[0] if rate is not None else math.inf)
        sent = self._sent
        while sent and sent[0] <= now - span:
            sent.popleft()
        if len(sent) + self._on_the_way >= limit:
            return max(0.0, sent[0] + span - now) + _GRAIN_S if sent else _SETTLE_S
        return 0.0

    def departure(self) -> Departure:
        """Count a request as on its way. Without a rate nothing is counted."""
        if self._rate is None:
            return Departure(None, 0)
        self._open += 1
        self._total += 1
        return Departure(self, self._total)

    def left(self) -> None:
        """A departure is on its way to the wire."""
        loop = asyncio.get_running_loop()
        self._open -= 1
        self._leaving.append(loop.time())
        if self._tick is None:
            self._tick = loop.call_later(_SETTLE_S, self._settle)

    def withdraw(self, number: int) -> None:
        """Departure `number` never left: it counts nowhere, in no second before or after it."""
        self._open -= 1
        self._total -= 1
        self._earlier = deque(
            (at, rate, total - 1 if total >= number else total) for at, rate, total in self._earlier
        )

    @property
    def _on_the_way(self) -> int:
        return self._open + len(self._left) + len(self._leaving)

    def _settle(self) -> None:
        """A tick: what left before the last one is on the wire by now."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        late = [at for at in self._left if at < now - _PROMPT_S]
        if late:
            # What left under an earlier rate, and got to the wire in another second, counts in that one.
            before = self._total - self._on_the_way
            self._earlier = deque((at, rate, min(total, before)) for at, rate, total in self._earlier)
            self._sent.extend([now] * len(late))
        newest = self._sent[-1] if self._sent else 0.0
        self._sent.extend(max(newest, at) for at in self._left[len(late) :])
        self._left, self._leaving = self._leaving, []
        self._tick = loop.call_later(_SETTLE_S, self._settle) if self._left else None


def _bounds(rate: float) -> tuple[float, float]:
    """How many may leave in how many seconds: in none of them more than rate + max(1, 5 %).

    Where that is hardly above the rate itself (1.99 a second: 2), the span gives way, down to one second.
    """
    limit = float(int(rate + max(1.0, rate * 0.05)))
    return limit, max(1.0, min(_WINDOW_S, limit / rate * _AIR))
