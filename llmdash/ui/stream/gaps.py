"""The gaps between the chunks of a stream: as heights, as milliseconds, and which of them are stalls."""

from __future__ import annotations

from bisect import insort
from typing import Final, NamedTuple

from llmdash.ui.text.format import duration

__all__ = ["LEAST_STALL_S", "STALL_MEDIANS", "Gap", "GapScale", "stall_words"]

STALL_MEDIANS: Final = 3
"""A gap above that many times the median is a stall."""
LEAST_STALL_S: Final = 0.1
"""A gap below that many seconds never is."""
_ALONE_S: Final = 1.0
"""The same while too few gaps are known to tell what is usual."""
_FEW: Final = 3
_ENOUGH: Final = 2_000
"""Gaps after which the median is known well enough."""
_HEIGHTS: Final = "▁▂▃▄▅▆▇"
_STALLED: Final = "█"


class Gap(NamedTuple):
    """The time before a chunk: its `height` in a cell, its milliseconds, and for a stall words to stand for
    both.
    """

    height: str = ""
    milliseconds: str = ""
    stall: str = ""


class GapScale:
    """Says how long each gap of one answer is, measured by the median of those before it.

    Half the median or less is the lowest height, the median the second one.
    """

    def __init__(self) -> None:
        self._sorted: list[float] = []

    def gap(self, seconds: float | None, *, first: bool = False) -> Gap:
        """Return the gap of `seconds` (None where it is not known) before a chunk, or before the `first` one,
        which waited for the model, and tells nothing of the pace.
        """
        if seconds is None:
            return Gap()
        if first:
            return Gap(_HEIGHTS[0])
        median = self.median_s
        if len(self._sorted) < _ENOUGH:
            insort(self._sorted, seconds)
        milliseconds = str(max(0, round(seconds * 1000)))
        few = median is None or len(self._sorted) <= _FEW
        if seconds > (_ALONE_S if few else LEAST_STALL_S) and seconds > STALL_MEDIANS * (median or 0.0):
            return Gap(_STALLED, milliseconds, stall_words(seconds))
        ratio = 1.0 if not median else min(STALL_MEDIANS, seconds / median)
        level = int(ratio * len(_HEIGHTS) / STALL_MEDIANS - 0.5)
        return Gap(_HEIGHTS[max(0, min(level, len(_HEIGHTS) - 1))], milliseconds)

    @property
    def median_s(self) -> float | None:
        """The median of the gaps so far, None without any."""
        return self._sorted[len(self._sorted) // 2] if self._sorted else None


def stall_words(seconds: float) -> str:
    """Return a height and a time in words: `█ 0.26s`."""
    return f"{_STALLED} {seconds:.2f}s" if seconds < 9.995 else f"{_STALLED} {duration(seconds).strip()}"
