"""What has happened in a run, event by event, the newest first."""

from __future__ import annotations

from typing import NamedTuple

from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import Frame, Mark, MarkKind, RunPart, SeriesPart
from llmdash.ui.text.badges import Badge, run_badge
from llmdash.ui.text.format import count, rate, span
from llmdash.ui.text.mark_words import MARKS, mark_words

__all__ = ["Event", "event_words", "events_of"]


class Event(NamedTuple):
    """Something that happened `at_s` seconds at work, in words; `badge` has its glyph and its style."""

    at_s: float
    badge: Badge
    words: str


def events_of(frame: Frame) -> tuple[Event, ...]:
    """Return what happened in a run, the newest first: how it began, its marks, and how it ended."""
    run, series = frame.run, frame.series
    begun = Event(0.0, Badge("▸", "begun", "primary"), _begun(run, series))
    events = [begun, *(Event(mark.at_s, MARKS[mark.kind], event_words(mark)) for mark in series.marks)]
    if run.state.ended:
        badge = run_badge(run)
        failed = f", {counted(run.failed, 'job')} failed" if run.failed else ""
        events.append(Event(run.elapsed_s, badge, f"{run.state.value}: {count(run.done)} done{failed}"))
    return tuple(reversed(events))


def event_words(mark: Mark) -> str:
    """Return a mark in words: `77de rests 12s: 429, no hint`, `rate 15→20/s`, `11 x 500 in 3s`."""
    if mark.kind is MarkKind.SLIDE:
        return f"{mark.subject} {mark.detail}"
    words = mark_words(mark)
    if mark.kind is MarkKind.BURST and mark.until_s is not None:
        return f"{words} in {span(max(1.0, mark.until_s - mark.at_s)).strip()}"
    why = f": {mark.detail}" if mark.detail and mark.kind is not MarkKind.BURST else ""
    over = ", well again" if mark.kind is MarkKind.ENDPOINT_DOWN and mark.until_s is not None else ""
    return f"{words}{why}{over}"


def _begun(run: RunPart, series: SeriesPart) -> str:
    parts = [counted(run.jobs, "job"), counted(run.keys, "key")]
    if series.set_rate and (first := series.set_rate[0]) is not None:
        parts.append(rate(first).strip())
    if series.set_concurrency and (most := series.set_concurrency[0]) is not None:
        parts.append(f"{most} in flight")
    return f"begun: {', '.join(parts)}"
