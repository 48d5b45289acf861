"""SendWindow: the requests of the last second, by the time at which they were sent."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Sequence

from llmdash.engine.pool.shared import Ticket

__all__ = ["WINDOW_S", "Departure", "JointDeparture", "SendWindow"]

WINDOW_S = 1.03
"""One second plus the jitter of the network: a server counts arrivals by its own clock."""
_AIR = 0.998
"""The longest window: with a longer one it would set the steady rate instead of the bucket."""
_SETTLE_S = 0.005
_PROMPT_S = 0.015
"""The longest time from a departure to the second tick; the window has room for it."""
_GRAIN_S = 0.0005


class Departure:
    """The ticket of a request: it counts in every second from now on until it is settled.

    The sender settles it once: `left` when the request is sent, `withdraw` if it never is.
    """

    __slots__ = ("_number", "_window")

    def __init__(self, window: SendWindow | None, number: int) -> None:
        self._window = window
        self._number = number

    def left(self, ago_s: float | None = None) -> None:
        """Record that the event loop sends the request next, or that a worker sent it `ago_s` seconds ago, at
        the latest. Later calls do nothing.
        """
        if self._window is not None:
            if ago_s is None:
                self._window.left()
            else:
                self._window.was_sent(self._number, ago_s)
            self._window = None

    def withdraw(self) -> None:
        """Record that the request will never be sent: another may go instead. No effect after `left`."""
        if self._window is not None:
            self._window.withdraw(self._number)
            self._window = None


_UNCOUNTED = Departure(None, 0)


class JointDeparture:
    """The tickets of a request that counts in several windows, settled together."""

    __slots__ = ("_tickets",)

    def __init__(self, *tickets: Ticket) -> None:
        self._tickets = tickets

    def left(self, ago_s: float | None = None) -> None:
        """Record that the event loop sends the request next, or that a worker sent it `ago_s` seconds ago."""
        for ticket in self._tickets:
            ticket.left(ago_s)

    def withdraw(self) -> None:
        """Record that the request will never be sent."""
        for ticket in self._tickets:
            ticket.withdraw()


class SendWindow:
    """Allows at most rate + max(1, 5 %) requests in any second, whatever the delay from permit to request.

    From `left` until its bytes are written a request needs a tick or two of the event loop: almost no time,
    unless the machine is suspended just then, or the loop is busy. So a request counts as sent now until the
    second tick after it left; then with the time at which it left, or that of the tick if that is much later.

    A second in which the rate was changed may hold as many as the highest rate of that second allows; and so
    may each part of it that ends now. Times are those of the event loop, in seconds.
    """

    def __init__(self, rate: float | None) -> None:
        self._sent: deque[float] = deque()
        self._open = 0  # departures not settled yet
        self._leaving: list[float] = []
        self._left: list[float] = []  # before the last tick
        self._total = 0
        self._rate = rate
        self._earlier: deque[tuple[float, float | None, int]] = deque()
        """(until when, rate, total sent by then), oldest first: the rates set within the last second."""
        self._tick: asyncio.TimerHandle | None = None

    def set_rate(self, rate: float | None, now: float) -> None:
        """Set the rate from `now` on."""
        self._earlier.append((now, self._rate, self._total))
        self._rate = rate

    def seed(self, times: Sequence[float]) -> None:
        """Count requests sent at these times, in ascending order, before anything departs."""
        self._sent.extend(times)

    def delay(self, now: float) -> float:
        """Return the seconds to wait before asking again; 0 if a request may depart now."""
        while self._earlier and self._earlier[0][0] <= now - WINDOW_S:
            self._earlier.popleft()
        if self._rate is None:
            return 0.0
        limit, span = _bounds(self._rate)
        for until, rate, total in reversed(self._earlier):
            if self._total - total >= limit:
                return max(0.0, until + span - now) + _GRAIN_S
            limit = max(limit, _bounds(rate)[0] if rate is not None else math.inf)
        return self.delay_within(limit, span, now)

    def delay_within(self, limit: float, span: float, now: float) -> float:
        """Return the seconds to wait before asking again; 0 if fewer than `limit` count in the last `span`
        seconds.
        """
        sent = self._sent
        if self.count(span, now) >= limit:
            return max(0.0, sent[0] + span - now) + _GRAIN_S if sent else _SETTLE_S
        return 0.0

    def count(self, span: float, now: float) -> int:
        """Return the number of requests that were sent in the last `span` seconds or are about to be."""
        sent = self._sent
        while sent and sent[0] <= now - span:
            sent.popleft()
        return len(sent) + self._on_the_way

    def departure(self) -> Departure:
        """Count a request and return its ticket. Without a rate nothing is counted."""
        if self._rate is None:
            return _UNCOUNTED
        self._open += 1
        self._total += 1
        return Departure(self, self._total)

    def left(self) -> None:
        """Record that a departure is being sent."""
        loop = asyncio.get_running_loop()
        self._open -= 1
        self._leaving.append(loop.time())
        if self._tick is None:
            self._tick = loop.call_later(_SETTLE_S, self._settle)

    def was_sent(self, number: int, ago_s: float) -> None:
        """Record that departure `number` was sent `ago_s` seconds ago: it counts in that second."""
        self._open -= 1
        at = asyncio.get_running_loop().time() - ago_s
        if self._earlier:  # one that departed before a change of the rate may have been sent after it
            self._earlier = deque(
                (until, rate, total - 1 if number <= total and at > until else total)
                for until, rate, total in self._earlier
            )
        place = len(self._sent)
        while place and self._sent[place - 1] > at:  # what others say of the same moment may come first
            place -= 1
        self._sent.insert(place, at)

    def withdraw(self, number: int) -> None:
        """Remove departure `number`, which was never sent, from every second before and after it."""
        self._open -= 1
        self._total -= 1
        self._earlier = deque(
            (at, rate, total - 1 if total >= number else total) for at, rate, total in self._earlier
        )

    @property
    def _on_the_way(self) -> int:
        return self._open + len(self._left) + len(self._leaving)

    def _settle(self) -> None:
        """Count, at a tick, what left before the previous tick as sent."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        late = [at for at in self._left if at < now - _PROMPT_S]
        if late:
            # A request that left under an earlier rate and was sent in another second counts in that one.
            before = self._total - self._on_the_way
            self._earlier = deque((at, rate, min(total, before)) for at, rate, total in self._earlier)
            self._sent.extend([now] * len(late))
        newest = self._sent[-1] if self._sent else 0.0
        self._sent.extend(max(newest, at) for at in self._left[len(late) :])
        self._left, self._leaving = self._leaving, []
        self._tick = loop.call_later(_SETTLE_S, self._settle) if self._left else None


def _bounds(rate: float) -> tuple[float, float]:
    """Return how many requests may leave in how many seconds: in none more than rate + max(1, 5 %).

    If that is hardly above the rate (1.99 a second: 2), the span is shortened, down to one second.
    """
    limit = float(int(rate + max(1.0, rate * 0.05)))
    return limit, max(1.0, min(WINDOW_S, limit / rate * _AIR))
