"""JobLayout: the columns of the job table at a width, chosen by the user or by how much room there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmdash.engine.model.frame import RunPart
from llmdash.ui.tables.columns import Column, needed
from llmdash.ui.tables.job_columns import (
    DESCRIPTIONS,
    INPUT,
    WIDE_FROM,
    JobWidths,
    default_columns,
    job_columns,
    texts_of,
)
from llmdash.ui.tables.job_window import JobWindow

__all__ = ["JobLayout"]

_LONGEST_KEY: Final = 12
_LEAST_ID, _NEVER_CUT, _LONGEST_ID = 8, 12, 24
_BAR, _SHORT_BAR, _LONG_BAR = 12, 10, 18
_SHORT_BELOW: Final = 70
_STEP: Final = 32
_MOST: Final = 384


class JobLayout:
    """Widths of ids, keys and workers grow with the rows that are shown, and never shrink."""

    def __init__(self) -> None:
        self.chosen: tuple[str, ...] | None = None
        """The names of the columns that the user chose, from left to right; None for those that fit."""
        self._id, self._key, self._worker = _LEAST_ID, 4, 0
        self._bar = _BAR
        self._blank: frozenset[str] = frozenset()
        """The names of columns that have nothing to show in this run."""

    @property
    def is_streamed(self) -> bool:
        """False where answers come whole: there is no time to first token to show then."""
        return "ttft" not in self._blank

    def suit(self, run: RunPart) -> None:
        """Leave out what there is not in this run: a first token, or a result of a check."""
        blank = set() if run.is_streamed else {"ttft"}
        if run.done and run.score is None:
            blank |= {"result", "expected"}
        self._blank = frozenset(blank)

    def fit(self, known: JobWindow) -> JobLayout:
        """Widen for the rows that are known; return itself."""
        self._id = min(_LONGEST_ID, max(self._id, known.id_width))
        self._key = min(_LONGEST_KEY, max(self._key, known.key_width))
        self._worker = min(_LONGEST_KEY, max(self._worker, known.worker_width))
        return self

    def names(self, width: int) -> tuple[str, ...]:
        """Return the names of the columns in a table that is `width` cells wide."""
        return self._there(self.chosen) if self.chosen is not None else self.usual(width)

    def usual(self, width: int) -> tuple[str, ...]:
        """Return the names of the columns where none were chosen."""
        return self._there(default_columns(width))

    def others(self, fields: Sequence[str]) -> tuple[str, ...]:
        """Return the names of all columns that can be chosen, those of the carried `fields` among them."""
        return self._there((*DESCRIPTIONS, *(f"{INPUT}{name}" for name in fields)))

    def _there(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in names if name not in self._blank)

    def columns(self, width: int) -> tuple[Column, ...]:
        """Return the columns. Long ids are cut before another column is left out for them, or has no room."""
        self._bar = _LONG_BAR if width >= WIDE_FROM else _BAR if width >= _SHORT_BELOW else _SHORT_BAR
        names = self.names(width)
        least = min(self._id, _NEVER_CUT)
        widths = JobWidths(least, self._key, self._worker, self._bar)
        spare = max(0, width - needed(job_columns(names, widths)))
        return job_columns(names, widths._replace(id=min(self._id, least + spare // 2)))

    def texts(self, width: int) -> tuple[str, ...]:
        """Return the names of the texts to ask for beside the preview."""
        return texts_of(self.names(width))

    def preview_width(self, width: int) -> int:
        """Return how many characters of each text to ask for: of few different widths, since each is read
        again.
        """
        return min(_MOST, -(-max(1, width) // _STEP) * _STEP)

    def bar_title(self, scale_s: float) -> str:
        """Return the scale of the bars: `0s········2s`."""
        end = _seconds(scale_s)
        return f"0s{'·' * max(1, self._bar - 2 - len(end))}{end}"


def _seconds(scale_s: float) -> str:
    """A nice number of seconds in few letters."""
    if scale_s < 1:
        return f"{scale_s * 1000:.0f}ms"
    return f"{scale_s:.0f}s" if scale_s < 120 else f"{scale_s / 60:.0f}m"
