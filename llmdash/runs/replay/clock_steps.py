"""Clock steps: times of a run whose clock was set while it was at work, as if it had not been.

Times in a journal are Unix seconds; samples and some moments also say how long the run had been at work then,
by a clock that nobody sets. Where the two differ by more than they did before, the former was set.
"""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from itertools import accumulate, pairwise
from typing import NamedTuple

from llmdash.engine.model.records import MomentRow, SampleRow
from llmdash.lean_dataclass import dataclass
from llmdash.runs.replay.axis import seconds_at_work
from llmdash.runs.replay.tracks import NEVER

__all__ = ["ClockSteps", "Steadied", "steadied"]

_SET_S = 1.0
"""A clock that goes wrong by less between two looks counts as one that runs."""
_SQUEEZED_S = 0.002
"""Samples are kept in the order of time: after a clock was set back, a thousandth of a second apart."""
_NEARLY_S = 0.01


class _Look(NamedTuple):
    """A time, in Unix seconds, and how long the run had been at work then."""

    at: float
    active_s: float


class _Epoch(NamedTuple):
    """Between two times the clock was ahead by `ahead_s`."""

    begin: float
    end: float
    ahead_s: float


class ClockSteps:
    """Maps Unix seconds to those of a clock that was never set; where two epochs say the same time, it is of
    the first of them.
    """

    def __init__(self, epochs: Sequence[_Epoch] = ()) -> None:
        self._begins = array("d")
        self._ahead = array("d")
        for begin, ahead_s in _in_turn(epochs) if any(each.ahead_s for each in epochs) else ():
            self._begins.append(begin)
            self._ahead.append(ahead_s)

    def steady(self, at: float) -> float:
        """Return the time by the clock that was never set."""
        if not self._begins:
            return at
        return at - self._ahead[max(0, bisect_right(self._begins, at) - 1)]

    def place(self, times: array[float]) -> None:
        """Replace times, where there are any."""
        if self._begins:
            for number, at in enumerate(times):
                if at != NEVER:
                    times[number] = self.steady(at)


class Steadied(NamedTuple):
    """Samples and moments by a clock that was never set, each in order, and how to map other times to it."""

    steps: ClockSteps
    samples: Sequence[SampleRow]
    moments: Sequence[MomentRow]


def steadied(samples: Sequence[SampleRow], moments: Sequence[MomentRow]) -> Steadied:
    """Return these rows, which are in the order of the journal, by a clock that was never set."""
    epochs: list[_Epoch] = []
    sampled: list[float] = []
    known: dict[int, float] = {}
    ahead_s, end = 0.0, -NEVER
    for stretch in _stretches(samples, moments):
        first, last = stretch.looks[0], stretch.looks[-1]
        ahead_s = min(ahead_s, first.at - end)
        begin = first.at - ahead_s
        epochs += _epochs(stretch.looks, ahead_s)
        sampled += [begin + (row.active_s - first.active_s) for row in stretch.samples]
        known[stretch.on] = begin
        if stretch.off is not None:
            known[stretch.off] = begin + (last.active_s - first.active_s)
        ahead_s, end = epochs[-1].ahead_s, last.at - epochs[-1].ahead_s
    if not any(each.ahead_s for each in epochs):
        return Steadied(ClockSteps(), samples, moments)
    steps = ClockSteps(epochs)
    sampled += [steps.steady(row.at) for row in samples[len(sampled) :]]
    happened = _between(known, [steps.steady(row.at) for row in moments])
    return Steadied(
        steps,
        [row._replace(at=at) for row, at in zip(samples, accumulate(sampled, max), strict=True)],
        [row._replace(at=at) for row, at in zip(moments, happened, strict=True)],
    )


@dataclass(slots=True)
class _Stretch:
    """The looks at a run from when its clock began to run until it stood, and the samples of that time; `on`
    and `off` are the numbers of the moments, the latter None where its process died.
    """

    on: int
    looks: list[_Look]
    off: int | None = None
    samples: list[SampleRow] = field(default_factory=list)

    def look(self, at: float, active_s: float) -> None:
        """Add a look; one that is out of order is of no use."""
        if active_s >= self.looks[-1].active_s:
            self.looks.append(_Look(at, active_s))


def _stretches(samples: Sequence[SampleRow], moments: Sequence[MomentRow]) -> Iterator[_Stretch]:
    """Yield the stretches of work, in order; each sample is of the one at most."""
    taken = 0
    begun = _next_begun(moments)
    stretch: _Stretch | None = None
    for number, row in enumerate(moments):
        if row.kind not in ("begun", "work"):
            continue
        active_s = seconds_at_work(row.value)
        if stretch is not None and (row.kind == "begun" or row.subject != "on"):
            taken = _take(stretch, samples, taken, begun[number], NEVER if row.kind == "begun" else active_s)
            if row.kind == "work":
                stretch.off = number
                stretch.look(row.at, active_s)
            yield stretch
            stretch = None
        if stretch is None and row.kind == "work" and row.subject == "on":
            stretch = _Stretch(number, [_Look(row.at, active_s)])
    if stretch is not None:
        _take(stretch, samples, taken, None, NEVER)
        yield stretch


def _next_begun(moments: Sequence[MomentRow]) -> list[MomentRow | None]:
    """For each moment the start that follows on it, or that it is."""
    found: list[MomentRow | None] = []
    begun = None
    for row in reversed(moments):
        begun = row if row.kind == "begun" else begun
        found.append(begun)
    return found[::-1]


def _take(
    stretch: _Stretch, samples: Sequence[SampleRow], taken: int, begun: MomentRow | None, active_s: float
) -> int:
    """Give a stretch its samples, from number `taken` on; return the number of the next one.

    It ended after `active_s` seconds at work, NEVER if with its process, before another start had `begun`:
    with less than that where the process ended before these were in a sample.
    """
    before: SampleRow | None = None
    begun_s = seconds_at_work(begun.value) if begun is not None else 0.0
    is_cut = begun_s < active_s - _NEARLY_S
    for number in range(taken, len(samples)):
        row = samples[number]
        is_of_next = begun is not None and is_cut and row.at >= begun.at and row.active_s >= begun_s
        is_later = row.active_s > active_s + _NEARLY_S
        if is_later or is_of_next or (before is not None and row.active_s < before.active_s):
            break
        is_squeezed = before is not None and row.at - before.at <= _SQUEEZED_S
        if not is_squeezed or (before is not None and row.active_s - before.active_s <= _SQUEEZED_S):
            stretch.look(row.at, row.active_s)
        stretch.samples.append(row)
        before = row
        taken += 1
    return taken


def _epochs(looks: Sequence[_Look], ahead_s: float) -> Iterator[_Epoch]:
    """Yield an epoch for each time that the clock was set, and one before the first."""
    begun, begin = looks[0], looks[0].at
    for before, after in pairwise(looks):
        set_by = (after.at - before.at) - (after.active_s - before.active_s)
        if abs(set_by) > _SET_S:
            yield _Epoch(begin, before.at, ahead_s)
            ahead_s += set_by
            begin = after.at - (after.active_s - begun.active_s)  # requests in flight were sent before
    yield _Epoch(begin, looks[-1].at, ahead_s)


def _in_turn(epochs: Sequence[_Epoch]) -> Iterator[tuple[float, float]]:
    """Yield from when on the clock was ahead, and by how much; between two epochs as in the former."""
    arrivals = sorted((epoch.begin, number) for number, epoch in enumerate(epochs))
    edges = sorted({edge for epoch in epochs for edge in (epoch.begin, epoch.end)})
    open_ones: list[int] = []
    arrived = current = 0
    for edge in edges:
        while arrived < len(arrivals) and arrivals[arrived][0] <= edge:
            heapq.heappush(open_ones, arrivals[arrived][1])
            arrived += 1
        current = open_ones[0] if open_ones else current
        while open_ones and epochs[open_ones[0]].end <= edge:
            heapq.heappop(open_ones)
        current = open_ones[0] if open_ones else current
        yield edge, epochs[current].ahead_s


def _between(known: Mapping[int, float], times: Sequence[float]) -> Sequence[float]:
    """Return the times with the `known` ones, which ascend, in their places, and the others between them."""
    bounded = []
    least = NEVER
    for number in range(len(times) - 1, -1, -1):
        least = known.get(number, least)
        bounded.append(min(least, times[number]) if number not in known else least)
    return list(accumulate(reversed(bounded), max))
