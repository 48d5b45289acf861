"""Marks: what was set or happened in a run, from the words of its moments, for the time axis of graphs."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from llmdash.engine.model.series import Mark, MarkKind

__all__ = ["BURST_MOMENT", "Marks", "burst_words"]

BURST_MOMENT: Final = "errors"
"""The kind of a moment that tells of a burst of errors."""
_MOST = 1000
_MOST_SHOWN = 100
_RESTING = frozenset(("throttled", "cooldown", "quarantined"))
_DOWN = frozenset(("down", "paused"))
_STILL_DOWN = frozenset(("down", "paused", "probing"))


class Marks:
    """The marks of a run, in the order of time; of very many the oldest of the least severe kind go.

    Moments are those of MomentRow, live or on record; times are seconds at work.
    """

    def __init__(self) -> None:
        self._marks: list[Mark] = []
        self._last: dict[tuple[str, str | None], str] = {}
        self._open: dict[tuple[str, str | None], Mark] = {}
        """What lasts: rests of keys, and endpoints that are down."""
        self._see: dict[str, Callable[[float, str | None, str], None]] = {
            "rate": self._rate,
            "concurrency": self._concurrency,
            "key": self._key,
            "worker": self._worker,
            "endpoint": self._endpoint,
            BURST_MOMENT: self._burst,
        }

    def see(self, at_s: float, kind: str, subject: str | None, value: str | None) -> None:
        """Note a moment; those that are no mark are left out."""
        if (see := self._see.get(kind)) is not None:
            see(at_s, subject, value or "")

    def between(self, begin_s: float, end_s: float, by_s: float | None = None) -> tuple[Mark, ...]:
        """Return the marks of a part of the run, at most 100, the most severe; as they were known `by_s`."""
        found = [mark for mark in self._marks if mark.at_s <= end_s and not _is_over(mark, begin_s)]
        if by_s is not None:
            found = [_as_known(mark, by_s) for mark in found if mark.at_s <= by_s]
        if len(found) > _MOST_SHOWN:
            found = heapq.nsmallest(_MOST_SHOWN, found, key=lambda mark: (mark.kind.severity, -mark.at_s))
            found.sort(key=lambda mark: mark.at_s)
        return tuple(found)

    def _add(self, mark: Mark) -> None:
        self._marks.append(mark)
        if len(self._marks) > 1 and self._marks[-2].at_s > mark.at_s:
            self._marks.sort(key=lambda each: each.at_s)
        if len(self._marks) > _MOST:
            self._marks.remove(max(self._marks, key=lambda each: (each.kind.severity, -each.at_s)))

    def _changed(self, kind: str, subject: str | None, value: str) -> str | None:
        """Return what the value was before; None if it is the first one, or the same."""
        before = self._last.get((kind, subject))
        self._last[kind, subject] = value
        return before if before != value else None

    def _begin(self, kind: str, mark: Mark) -> None:
        """Note what lasts, unless it is known to."""
        if (kind, mark.subject) not in self._open:
            self._open[kind, mark.subject] = mark
            self._add(mark)

    def _end(self, kind: str, subject: str | None, at_s: float) -> None:
        mark = self._open.pop((kind, subject), None)
        if mark is not None and mark in self._marks:
            self._marks[self._marks.index(mark)] = replace(mark, until_s=at_s)

    def _rate(self, at_s: float, _subject: str | None, value: str) -> None:
        before = self._changed("rate", None, value)
        if before is not None:
            words = f"{_rate_words(before)}→{_rate_words(value)}/s"
            self._add(Mark(at_s, MarkKind.SLIDE, "rate", words))

    def _concurrency(self, at_s: float, _subject: str | None, value: str) -> None:
        before = self._changed("concurrency", None, value)
        if before is not None:
            self._add(Mark(at_s, MarkKind.SLIDE, "concurrency", f"{before}→{value}"))

    def _key(self, at_s: float, subject: str | None, value: str) -> None:
        state, _, why = value.partition(" ")
        if state in _RESTING:
            self._begin("key", Mark(at_s, MarkKind.REST, subject or "", why))
        else:
            self._end("key", subject, at_s)
        if self._changed("key", subject, state) is not None and state == "dead":
            self._add(Mark(at_s, MarkKind.KEY_DEAD, subject or "", why))

    def _worker(self, at_s: float, subject: str | None, value: str) -> None:
        if self._changed("worker", subject, value) is not None and value == "lost":
            self._add(Mark(at_s, MarkKind.WORKER_LOST, subject or ""))

    def _endpoint(self, at_s: float, subject: str | None, value: str) -> None:
        state, _, why = value.partition(" ")
        if state in _DOWN:
            self._begin("endpoint", Mark(at_s, MarkKind.ENDPOINT_DOWN, subject or "", why))
        elif state not in _STILL_DOWN:
            self._end("endpoint", subject, at_s)

    def _burst(self, at_s: float, subject: str | None, value: str) -> None:
        try:
            number, ago_s, lasted_s = (float(part) for part in value.split())
        except ValueError:
            return
        begin_s = max(0.0, at_s - ago_s)
        self._add(Mark(begin_s, MarkKind.BURST, subject or "", f"{number:.0f}", begin_s + lasted_s))


def burst_words(number: int, ago_s: float, lasted_s: float) -> str:
    """Return the value of a moment: how many errors, and seconds since the first of them and to the last."""
    return f"{number} {ago_s:.1f} {lasted_s:.1f}"


def _is_over(mark: Mark, at_s: float) -> bool:
    """True if a mark, or what it is of, was over before a moment."""
    lasts = mark.until_s is None and mark.kind in (MarkKind.REST, MarkKind.ENDPOINT_DOWN)
    return not lasts and (mark.at_s if mark.until_s is None else mark.until_s) < at_s


def _as_known(mark: Mark, by_s: float) -> Mark:
    """Return a mark as it was known by a moment: what goes on has no end yet."""
    return replace(mark, until_s=None) if mark.until_s is not None and mark.until_s > by_s else mark


def _rate_words(value: str) -> str:
    try:
        rate: Any = json.loads(value)
    except ValueError:
        return "?"
    return f"{rate:.3g}" if isinstance(rate, int | float) and not isinstance(rate, bool) else "∞"
