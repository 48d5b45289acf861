"""LearnedLimit: a limit of a key that nobody has stated, found by going up to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from llmdash.engine.metrics.windows import RollingCounter
from llmdash.engine.pool.token_bucket import TokenBucket

__all__ = ["DOUBLES_IN_S", "LearnedLimit"]

DOUBLES_IN_S = 10.0
"""Before anything was refused, the rate doubles in this time (slow start)."""
_MARGIN = 0.98
"""The share of what was found to be the limit that is used while it holds."""
_APPROACH_S = 12.0
"""The time constant of the way back to the limit after a refusal, as that of TCP CUBIC's concave part."""
_HOLD_S, _LONGEST_HOLD_S = 20.0, 600.0
_GROWTH, _FASTER = 0.001, 0.0001
"""After the hold the rate grows by this part a second, and that by this much more each second."""
_STEADY_GROWTH, _LESS = 0.005, 0.7
"""After a refusal higher up than the one before; so much less of it after each further one."""
_SAME = (0.9, 1.12)
"""A refusal within these shares of the last one was at the same limit."""
_AGREE = 0.15
_WINDOW_S, _SHORT_S = 60, 10
_WINDOW_MEAN_S = 59.5  # a counter by whole seconds has the last one in part
_WINDOW_MARGIN = 0.99
_LOOK_S = 0.25
_EQUAL = 0.03
_LONG_REST_S, _WINDOW_LEFT = 3.0, 0.8
_AT_ONCE_S, _BUCKET_CUT, _DRIFT_CUT = 15.0, 0.88, 0.97
_LEAST = 1.0 / 60.0
_GRAIN_S = 0.02
_PATIENCE_S = 1.0
_FULL = 0.95
"""What of a second's worth has to be there for a request that is larger: the bucket grows with the rate."""
_LEAST_FLOOR, _FLOOR = 0.3, 0.95
_MOST = 1e9


class LearnedLimit:
    """A limit of requests or tokens, in units a second, and the pace that keeps within it.

    Until something is refused the pace starts at `start` and doubles every 10 s; without a start it is free.
    A refusal says what the limit is: what was used in the last minute, where the limit is one of a window,
    or in the last seconds, where it is a bucket that was empty. The pace comes back to just below that,
    holds, and then tries for more, slowly at first. A limit that is met again at the same height is held
    for twice as long, up to ten minutes, so that trying costs hardly any refusals. The pace grows only while
    it is what holds requests up.
    """

    def __init__(
        self, clock: Callable[[], float], start: float | None = None, used: Sequence[int] = ()
    ) -> None:
        """`used` are the units of each second until now, the current one last."""
        self._clock = clock
        self._start = start
        self._bucket: TokenBucket | None = None
        self._at = self._begun = clock()
        self._used = RollingCounter(_WINDOW_S)
        for second, amount in enumerate(used, 1 - len(used)):
            self._used.add(self._at + second, amount)
        self._age = 0.0
        """Seconds in which the pace was what held requests up, since it was last cut."""
        self._is_wanted = False
        self._floor = self._ceiling = math.inf
        self._hold_s = _HOLD_S
        self._growth, self._faster = _GROWTH, _FASTER
        self._is_gentle = self._has_fallen = False
        self._cut_at = -math.inf
        self._is_bucket = False
        """True if what is used in a minute says nothing: the server fills a bucket."""
        self._settled: float | None = None
        self._settled_s = _HOLD_S
        """The last limit that could be held, and for how long it was."""
        self._is_between = False
        """True while the limit is only known to be between floor and ceiling."""
        self._refused_at = 0.0
        """What was used in the minute before the last refusal, in units a second."""
        self._minute, self._minute_at = 0.0, -math.inf
        self.held_up_at = -math.inf
        """When the pace last held something up."""
        self.rate = math.inf if start is None else start
        """Units a second that are allowed now."""
        self.held_at: float | None = None
        """The limit as it was last found, in units a second."""
        self._pace()

    @property
    def is_probing(self) -> bool:
        """True while more is tried than was found to be the limit, or it is not known well."""
        return self._is_between or self.rate > self._ceiling * _MARGIN

    def usage(self) -> float:
        """Return the units a second of the last minute that were not refused."""
        now = self._clock()
        if now - self._minute_at >= _LOOK_S:
            self._minute, self._minute_at = self._used.total(now), now
        return max(0.0, self._minute) / _WINDOW_MEAN_S

    def wait_s(self, amount: float) -> float:
        """Return the seconds until `amount` is within the pace."""
        if self._bucket is None:
            return 0.0
        self._tick()
        wait_s = self._bucket.wait_s(min(amount, max(1.0, _FULL * self.rate)))
        if wait_s <= 0 and self.usage() > self._most_a_minute:
            wait_s = _LOOK_S
        if wait_s > 0:
            self._is_wanted, self.held_up_at = True, self._clock()
        return wait_s

    def take(self, amount: int) -> None:
        """Charge `amount`."""
        self._count(amount)
        if self._bucket is not None:
            self._bucket.take(amount)

    def correct(self, taken: int, used: int) -> None:
        """Correct a charge: `taken` was charged, `used` is the true amount."""
        self._count(used - taken)
        if self._bucket is not None:
            self._bucket.settle(taken, used)

    def refused(self, *, again: bool) -> None:
        """Cut the pace: more than it allows was refused. `again` if nothing was let through since the last
        refusal, so that the limit is below what is used even now.
        """
        self._tick()
        minute = self.usage()
        if again:
            self._fall_to(minute)
            return
        short, before = self._lately(), self._refused_at
        self._refused_at = minute
        if self.held_at is not None and not self.is_probing:
            self._is_bucket = self._is_bucket or self._age < _AT_ONCE_S
            cut = _BUCKET_CUT if self._age < _AT_ONCE_S else _DRIFT_CUT
            self._learn(*[min(minute, self.held_at * cut)] * 2)
        elif abs(short - minute) <= _AGREE * max(short, minute) or abs(minute - before) <= _EQUAL * minute:
            self._learn(minute, minute)
        else:
            # After a rest little was used in the last seconds, which says nothing of the limit.
            self._learn(*sorted((max(short, _LEAST_FLOOR * minute), minute)))

    def cut_to(self, limit: float, floor: float = _FLOOR) -> None:
        """Cut the pace to a limit that is known: by the server's word, or by what it gets done."""
        self._tick()
        self._is_bucket = True
        self._learn(limit * floor, limit)

    def let_through(self) -> None:
        """Note that a request was let through again: at least what is used now is within the limit. After a
        longer rest it is the limit: that of a window in which there is room again.
        """
        usage = self.usage()
        if self._has_fallen:
            self._has_fallen = False
            share = min(_FLOOR, max(_LEAST_FLOOR, usage / self._ceiling))
            self._floor, self._age = self._ceiling * share, 0.0
            self._hold_s = self._hold(self._ceiling)
            self._pace()
        elif self._is_between and self._clock() - self._cut_at > _LONG_REST_S:
            self._learn(*[max(usage, _WINDOW_LEFT * self._floor)] * 2)

    def slow_down(self, growth: float) -> None:
        """Halve the pace, and let it grow from now on by no more than this part a second."""
        self._growth, self._faster, self._is_gentle = growth, 0.0, True
        self._is_bucket = True  # what was used before is not what may be used
        half = max(_LEAST, min(self.usage(), self.rate) / 2.0)
        self._learn(half, half)
        self._hold_s = 0.0

    def ramp(self, start: float) -> None:
        """Come back from `start`, after nothing was used for long."""
        self._at, self._is_wanted = self._clock(), False
        self._age, self._floor = 0.0, min(self._floor, start)
        self._pace()
        if self._bucket is not None:
            self._bucket = TokenBucket(self.rate * 60.0, self._clock)

    def has_room(self) -> None:
        """Note that the server says that much is left: there is no need to hold."""
        self._hold_s = 0.0

    @property
    def _most_a_minute(self) -> float:
        """What may be used in a minute, in units a second: as much as was taken before, and what is tried."""
        if self._ceiling == math.inf or self._is_between or self._is_bucket:
            return math.inf
        return max(self._ceiling * _WINDOW_MARGIN, self.rate)

    def _count(self, amount: int) -> None:
        self._used.add(self._clock(), amount)
        self._minute += amount

    def _lately(self) -> float:
        """Units a second of the last seconds."""
        seconds = self._used.series(self._clock(), _SHORT_S + 1)[:-1]
        return max(0, sum(seconds)) / _SHORT_S

    def _fall_to(self, usage: float) -> None:
        self._ceiling = self.held_at = max(_LEAST, min(self._ceiling, usage))
        self._floor = self._ceiling * _LEAST_FLOOR
        self._age, self._has_fallen = 0.0, True
        self._pace()

    def _learn(self, low: float, high: float) -> None:
        low, high = max(low, _LEAST), max(high, _LEAST)
        self._is_between = low < high * _FLOOR
        self._plan(high)
        self._floor, self._ceiling, self.held_at = min(low, high * _FLOOR), high, high
        self._age, self._cut_at = 0.0, self._clock()
        self._pace()
        self._pause()

    def _pause(self) -> None:
        """Let a second pass, so that the server has room for more than one request again."""
        self._bucket = TokenBucket(self.rate * 60.0, self._clock)
        self._bucket.take(self.rate * 2.0)

    def _hold(self, found: float) -> float:
        """Return how long to hold a limit: twice as long as the last one, if that was the same."""
        is_same = self._settled is not None and _SAME[0] <= found / self._settled <= _SAME[1]
        return min(_LONGEST_HOLD_S, 2.0 * max(self._settled_s, _HOLD_S)) if is_same else _HOLD_S

    def _plan(self, found: float) -> None:
        """Decide how long to hold, and the growth after it: a limit that has moved up may move further, and
        if it is one of growth, too much growth was tried.
        """
        self._hold_s = self._hold(found)
        has_risen = self._settled is not None and found > self._settled * _SAME[1]
        if self._is_gentle:
            return
        if has_risen:
            self._growth = _STEADY_GROWTH if self._faster else max(_GROWTH, self._growth * _LESS)
            self._hold_s, self._faster = _HOLD_S / 4, 0.0
        else:
            self._growth, self._faster = _GROWTH, _FASTER

    def _tick(self) -> None:
        now = self._clock()
        passed = now - self._at
        if passed < _GRAIN_S:
            return
        self._at = now
        if self._is_wanted:
            # Nobody looked while a run was paused, and what doubles must not have doubled meanwhile.
            self._age += passed if self._ceiling < math.inf else min(passed, _PATIENCE_S)
            self._is_wanted = False
            self._pace()

    def _pace(self) -> None:
        """Set the rate by the age."""
        if self._ceiling < math.inf:
            top = self._ceiling * _MARGIN
            low = min(self._floor, top)
            self.rate = top - (top - low) * 0.5 ** (self._age / _APPROACH_S)
            past = self._age - self._hold_s
            if past > 0:
                self._settled, self._settled_s = self._ceiling, self._hold_s
                self.rate *= math.exp(min(20.0, past * (self._growth + self._faster * past / 2.0)))
        elif self._start is not None:
            self.rate = self._start * 2.0 ** min(40.0, self._age / DOUBLES_IN_S)
        if self.rate < math.inf:
            self.rate = min(self.rate, _MOST)
            self._bucket = self._bucket or TokenBucket(self.rate * 60.0, self._clock)
            self._bucket.set_rate(self.rate * 60.0)
