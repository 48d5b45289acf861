"""SeriesGrid: which steps of a run a view shows, and how many of them are shown as one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from llmdash.engine.model.series import SeriesPart, SeriesView, TimesSeries
from llmdash.engine.model.states import Binding
from llmdash.engine.model.timings import Timing

__all__ = ["MOST_STEPS", "SeriesGrid", "as_series"]

MOST_STEPS = 600
"""How many steps a run has at most."""
_NOTHING = TimesSeries()


class SeriesGrid(NamedTuple):
    """Steps of `step_s` seconds in groups of `size`, a power of two; the first step of all begins at `start`,
    the last one of all `steps` ends at `end_s`. The groups from `first` to before `last` are shown.
    """

    start: float
    step_s: float
    steps: int
    end_s: float
    size: int
    first: int
    last: int

    @classmethod
    def of(
        cls, view: SeriesView, start: float, step_s: float, count: int, until: float | None = None
    ) -> SeriesGrid:
        """Return the grid for a view of `count` steps; `until` is when the last one was cut off."""
        end_s = start + count * step_s if until is None else max(until, start + (count - 0.5) * step_s)
        first = min(count, max(0, math.floor((view.begin_s - start) / step_s)))
        last = count if view.end_s is None else math.ceil((view.end_s - start) / step_s)
        last = min(count, max(first, last))
        size = 1
        while -(-last // size) - first // size > view.width:
            size *= 2
        return cls(start, step_s, count, end_s, size, first // size, -(-last // size))

    @property
    def groups(self) -> range:
        """The numbers of the groups that are shown."""
        return range(self.first, self.last)

    @property
    def begin_s(self) -> float:
        """When the first group that is shown begins."""
        return self.begins(self.first)

    def begins(self, number: int) -> float:
        """Return when a group begins; the one after the last there is, at the end."""
        return min(self.end_s, self.start + number * self.size * self.step_s)

    def lengths(self) -> list[float]:
        """Return the seconds of each group; the last one there is may have fewer steps than others."""
        return [self.begins(number + 1) - self.begins(number) for number in self.groups]


def as_series(
    grid: SeriesGrid,
    *,
    sent: Iterable[int],
    tokens: Iterable[int],
    in_flight: Sequence[float],
    settings: Sequence[tuple[float | None, int | None, Binding | None]],
    times: Mapping[Timing, TimesSeries],
) -> SeriesPart:
    """Return the series of the groups of a grid, of each of which these are the figures."""
    lengths = grid.lengths()
    rates, concurrencies, bindings = zip(*settings, strict=True) if settings else ((), (), ())
    return SeriesPart(
        step_s=grid.step_s * grid.size,
        begin_s=grid.begin_s,
        end_s=grid.end_s,
        rate=tuple(number / length for number, length in zip(sent, lengths, strict=True)),
        in_flight=tuple(in_flight),
        tokens_per_s=tuple(number / length for number, length in zip(tokens, lengths, strict=True)),
        set_rate=rates,
        set_concurrency=concurrencies,
        binding=bindings,
        ttft=times.get(Timing.TTFT, _NOTHING),
        latency=times.get(Timing.LATENCY, _NOTHING),
        itl=times.get(Timing.ITL, _NOTHING),
        waited=times.get(Timing.WAITED, _NOTHING),
        tps=times.get(Timing.TPS, _NOTHING),
    )
