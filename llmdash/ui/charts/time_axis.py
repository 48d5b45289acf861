"""TimeAxis: the columns of a chart as seconds at work. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from llmdash.lean_dataclass import dataclass

__all__ = ["TimeAxis", "moment", "place"]

_FINEST_S: Final = 0.25
"""Seconds a column at the beginning of a run."""
_TICKS_S: Final = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600),
    *(7200, 14_400, 21_600, 43_200, 86_400),
)
_LEAST_BETWEEN: Final = 10
"""Columns between two ticks."""


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """`columns` columns of `column_s` seconds, the first of which begins at `begin_s`."""

    begin_s: float
    column_s: float
    columns: int

    @classmethod
    def growing(cls, end_s: float, columns: int) -> TimeAxis:
        """Return the axis of a run that goes on: it fills from the left, and when full its scale halves."""
        column_s = _FINEST_S
        while columns > 0 and end_s > column_s * columns:
            column_s *= 2
        return cls(0.0, column_s, columns)

    @classmethod
    def fitted(cls, begin_s: float, end_s: float, columns: int) -> TimeAxis:
        """Return the axis that goes exactly from one moment to another."""
        return cls(begin_s, max(1e-3, end_s - begin_s) / max(1, columns), columns)

    @property
    def end_s(self) -> float:
        """When the last column ends."""
        return self.begin_s + self.columns * self.column_s

    def column(self, at_s: float) -> int | None:
        """Return the column of a moment; None outside of all."""
        found = math.floor((at_s - self.begin_s) / self.column_s)
        if found == self.columns and at_s <= self.end_s:
            found -= 1
        return found if 0 <= found < self.columns else None

    def middle(self, column: int) -> float:
        """Return the moment in the middle of a column."""
        return self.begin_s + (column + 0.5) * self.column_s

    def ticks(self) -> list[tuple[int, str]]:
        """Return the columns that are marked, with their labels: whole seconds, minutes, hours or days."""
        every = next((each for each in _TICKS_S if each >= _LEAST_BETWEEN * self.column_s), 0.0)
        if not every:  # a run of months
            every = math.ceil(_LEAST_BETWEEN * self.column_s / 86_400) * 86_400.0
        first, last = math.ceil(self.begin_s / every - 1e-9), math.floor(self.end_s / every + 1e-9)
        found = ((self.column(number * every), number * every) for number in range(first, last + 1))
        return [(column, moment(at_s, every)) for column, at_s in found if column is not None]


def moment(at_s: float, exact_s: float = 1.0) -> str:
    """Return a moment of a run as `1:28`, `1:02:03` or `2d03h`, with a tenth where `exact_s` is below 1."""
    at_s = max(0.0, at_s)
    whole = int(at_s + 1e-6) if exact_s < 1 else round(at_s)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days > 3:
        return f"{days}d{hour:02}h"
    text = f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
    return f"{text}.{int((at_s - whole) * 10 + 1e-6)}" if exact_s < 1 else text


def place(
    values: Sequence[float | None], begin_s: float, step_s: float, end_s: float, axis: TimeAxis
) -> list[float | None]:
    """Return a value for each half of a column, where steps of `step_s` seconds from `begin_s` on have
    `values`, and the last ends by `end_s`: the mean of those in its middle, or the one that it lies in.
    """
    half_s = axis.column_s / 2
    found: list[float | None] = []
    for number in range(2 * axis.columns):
        at_s = axis.begin_s + number * half_s
        first = math.ceil((at_s - begin_s) / step_s - 0.5)
        after = math.ceil((at_s + half_s - begin_s) / step_s - 0.5)
        if after > first:
            between = values[max(0, first) : max(0, after)]
            some = [value for value in between if value is not None and math.isfinite(value)]
            found.append(sum(some) / len(some) if some else None)
        else:
            step = math.floor((at_s + half_s / 2 - begin_s) / step_s)
            is_there = 0 <= step < len(values) and at_s < end_s
            value = values[step] if is_there else None
            found.append(value if value is not None and math.isfinite(value) else None)
    return found
