"""Tracks: what happened, in the order of time, so that how often it had by some position is looked up."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, islice, pairwise

from llmdash.engine.model.rows import SPARK_SPAN_S, SPARK_SPANS

__all__ = [
    "NEVER",
    "NOTHING",
    "AllOf",
    "BatchTrack",
    "EventTrack",
    "KeyTrack",
    "PaceAt",
    "SumsAt",
    "split",
    "track",
]

NEVER = float("inf")
"""The time of what did not happen."""

_LEAST_S = 1.0
_MINUTE_S = 60.0
_STRIDE = 64


class EventTrack:
    """Those of a column of times whose numbers are in `order`, which is that of time: four bytes for each."""

    __slots__ = ("_at", "order")

    def __init__(self, order: array[int], column: array[float]) -> None:
        self.order = order
        self._at = column.__getitem__

    @property
    def first(self) -> float:
        """When it happened first; NEVER if it did not."""
        return self._at(self.order[0]) if self.order else NEVER

    @property
    def last(self) -> float:
        """When it happened last; NEVER if it did not."""
        return self._at(self.order[-1]) if self.order else NEVER

    def by(self, position: float) -> int:
        """Return how often it had happened by `position`, included."""
        return bisect_right(self.order, position, key=self._at)

    def before(self, position: float) -> int:
        """Return how often it had happened before `position`."""
        return bisect_left(self.order, position, key=self._at)


NOTHING = EventTrack(array("I"), array("d"))
"""The track of what never happened."""


def track(numbers: Iterable[int], column: array[float]) -> EventTrack:
    """Return the track of those numbers of a column."""
    return EventTrack(array("I", sorted(numbers, key=column.__getitem__)), column)


def split(order: Sequence[int], column: Sequence[int]) -> dict[int, array[int]]:
    """Return the numbers in `order` that have each value in a column, in the same order."""
    found: dict[int, array[int]] = defaultdict(lambda: array("I"))
    for number, value in zip(order, map(column.__getitem__, order), strict=True):
        found[value].append(number)
    return found


class SumsAt:
    """Amounts that came at the times of a track: `by(position)` is the sum of those until then."""

    def __init__(self, times: EventTrack = NOTHING, amounts: Sequence[int] = ()) -> None:
        self.times = times
        self._amount = amounts.__getitem__
        sums = accumulate(map(self._amount, times.order), initial=0)
        self._sums = array("Q", islice(sums, 0, None, _STRIDE))
        """The sum of those before every 64th."""

    @property
    def first(self) -> float:
        """When the first of them came; NEVER if none did."""
        return self.times.first

    def by(self, position: float) -> int:
        """Return the sum until `position`, included."""
        count = self.times.by(position)
        begin = count - count % _STRIDE
        return self._sums[count // _STRIDE] + sum(map(self._amount, self.times.order[begin:count]))


class AllOf:
    """What happened in any of some tracks."""

    def __init__(self, tracks: Iterable[EventTrack]) -> None:
        self._tracks = tuple(tracks)
        self.first = min((each.first for each in self._tracks), default=NEVER)

    def by(self, position: float) -> int:
        """Return how often it had happened by `position`, included."""
        return sum(each.by(position) for each in self._tracks)


class PaceAt:
    """The amount a second over the last `seconds`, as `SecondsWindow` has it."""

    def __init__(self, sums: EventTrack | SumsAt | AllOf, seconds: float) -> None:
        self._sums = sums
        self._seconds = seconds

    def rate(self, now: float) -> float:
        """Return the amount a second at the position `now`; 0 without any."""
        first, seconds = self._sums.first, self._seconds
        if first > now:
            return 0.0
        amount = self._sums.by(now) - self._sums.by(now - seconds)
        return amount / max(min(seconds, now - first), min(seconds, _LEAST_S))


class BatchTrack:
    """When the requests of one batch came back, and the tokens of each kind that they took."""

    def __init__(self, came_back: EventTrack, spent: Mapping[str, Sequence[int]]) -> None:
        self.came_back = came_back
        self._spent = {kind: SumsAt(came_back, amounts) for kind, amounts in spent.items()}

    @property
    def last(self) -> float:
        """When the last one came back; NEVER while some are out."""
        return self.came_back.last

    def spent(self, kind: str, position: float) -> int:
        """Return the tokens of a kind until `position`, included."""
        return self._spent[kind].by(position)


class KeyTrack:
    """What happened to the requests of one key: `sent` are those that were sent one by one, `came_back` those
    in batches.
    """

    def __init__(self) -> None:
        self.sent = self.came_back = self.ok = self.throttled = self.errors = self.cut = NOTHING
        self.input = self.output = SumsAt()
        self.sent_tokens: tuple[SumsAt, ...] = ()
        """Those of requests that were sent one by one: in and out."""

    def rpm(self, position: float) -> int:
        """Return the requests of the last minute."""
        return self.sent.by(position) - self.sent.by(position - _MINUTE_S)

    def tpm(self, position: float) -> int:
        """Return the tokens of the last minute."""
        before = position - _MINUTE_S
        return sum(sums.by(position) - sums.by(before) for sums in self.sent_tokens)

    def spark(self, position: float) -> tuple[int, ...]:
        """Return the requests in each of the last spans that are over, oldest first."""
        span = int(position / SPARK_SPAN_S)
        edges = (self.sent.before(float((span - back) * SPARK_SPAN_S)) for back in range(SPARK_SPANS, -1, -1))
        return tuple(later - sooner for sooner, later in pairwise(edges))
