"""MomentsAt: what was set or happened last, by some position."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from llmdash.engine.model.records import MomentRow
from llmdash.engine.model.states import Severity
from llmdash.runs.replay.axis import Axis

__all__ = ["LastWord", "MomentsAt", "PastNotice"]

_SHOWN_S = 10.0
"""For how long a notice is shown again: a jump over many of them does not show all at once."""


class LastWord(NamedTuple):
    """The word of a moment and what follows it; `next_s` is the position of the next one of its kind."""

    word: str
    detail: str
    next_s: float | None


class PastNotice(NamedTuple):
    """A notice of the run, and how many there were before it."""

    number: int
    severity: Severity
    text: str


class MomentsAt:
    """The moments of a run, by kind and subject."""

    def __init__(self, rows: Sequence[MomentRow], axis: Axis) -> None:
        self._times: dict[tuple[str, str | None], array[float]] = {}
        self._values: dict[tuple[str, str | None], list[str]] = {}
        self._notices: list[PastNotice] = []
        self._noticed = array("d")
        for row in rows:
            at = axis.position(row.at)
            if row.kind == "notice":
                number = len(self._notices)
                self._notices.append(PastNotice(number, _severity(row.subject), row.value or ""))
                self._noticed.append(at)
                continue
            name, value = (row.subject, row.value or "") if row.kind != "state" else (None, _state(row))
            self._times.setdefault((row.kind, name), array("d")).append(at)
            self._values.setdefault((row.kind, name), []).append(value)

    def subjects(self, kind: str) -> list[str]:
        """Return the subjects of the moments of `kind`."""
        return [name for each, name in self._times if each == kind and name is not None]

    def last(self, kind: str, subject: str | None, position: float) -> LastWord | None:
        """Return the last moment by `position`; None before the first."""
        times = self._times.get((kind, subject))
        if times is None:
            return None
        number = bisect_right(times, position)
        if not number:
            return None
        word, _, detail = self._values[kind, subject][number - 1].partition(" ")
        return LastWord(word, detail, times[number] if number < len(times) else None)

    def notices(self, position: float) -> Sequence[PastNotice]:
        """Return the notices of the last seconds before `position`."""
        first, last = bisect_right(self._noticed, position - _SHOWN_S), bisect_right(self._noticed, position)
        return self._notices[first:last]


def _state(row: MomentRow) -> str:
    return f"{row.subject or ''} {row.value or ''}"


def _severity(name: str | None) -> Severity:
    try:
        return Severity(name)
    except ValueError:
        return Severity.INFORMATION
