"""The history of a run, as its journal keeps it: how long it was at work, and its time series."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from llmdash.engine.model.records import AnswerTimesRow, MomentRow, SampleRow
from llmdash.engine.model.states import Binding
from llmdash.engine.model.timings import AnswerTimes
from llmdash.engine.store.series_steps import SeriesSpan, Setting
from llmdash.engine.store.store import Store

__all__ = ["OnRecord", "restore_history", "setting_of", "sound_samples"]

_LONGEST = 600
_MOST_TIMES = 200_000
"""Answers of a run whose times go into its series: a step keeps no more than some of them."""
_BINDINGS = {binding.value: binding for binding in Binding}
_STEP_S = 1.0
"""What a sample is of, unless the run was long; the series begin with the first request."""


class _Series(msgspec.Struct, frozen=True):
    """The series in a journal of version 4 or before: one value a step, in seconds."""

    start_s: float = 0.0
    step_s: float = 1.0
    sent: tuple[int, ...] = ()
    tokens: tuple[int, ...] = ()
    in_flight: tuple[float, ...] = ()
    ttft_p50: tuple[float | None, ...] = ()
    ttft_p95: tuple[float | None, ...] = ()

    @property
    def sound(self) -> bool:
        """True if this is what was once recorded, not what a damaged file holds."""
        columns = (self.sent, self.tokens, self.in_flight, self.ttft_p50, self.ttft_p95)
        return (
            1.0 <= self.step_s < math.inf
            and _sound((self.start_s,))
            and len(self.sent) <= _LONGEST
            and all(len(column) == len(self.sent) and _sound(column) for column in columns)
        )

    def spans(self) -> Iterator[SeriesSpan]:
        rows = zip(self.sent, self.tokens, self.in_flight, self.ttft_p50, self.ttft_p95, strict=True)
        for number, row in enumerate(rows):
            start_s = self.start_s + number * self.step_s
            yield SeriesSpan(start_s, start_s + self.step_s, *row)


class _History(msgspec.Struct, frozen=True):
    """`active_s` are the seconds at work, over all starts."""

    active_s: float
    series: _Series


_NONE = _History(0.0, _Series())


class OnRecord(Protocol):
    """What a reader of the journal has of the history of a run."""

    def moments(self) -> list[MomentRow]:
        """Return what was set or happened, in order."""

    def answer_times(self, every: int) -> Iterator[AnswerTimesRow]:
        """Yield when every n-th answer was complete, and its times."""


def restore_history(
    store: Store, facts: Mapping[str, Any], samples: Sequence[SampleRow], record: OnRecord
) -> None:
    """Continue the time at work and the time series on record: those that an earlier version kept among the
    facts of the run, and after them the samples. What is damaged counts as missing.
    """
    before = _history(facts.get("history"))
    rows = list(sound_samples(samples, before.active_s))
    store.time_series.restore([*before.series.spans(), *_spans(rows, before.active_s)])
    store.run_clock.add(rows[-1].active_s if rows else before.active_s)
    clock = _WorkClock(rows)
    for moment in record.moments():
        store.marks.see(clock.at_work(moment.at), moment.kind, moment.subject, moment.value)
    if rows:
        _restore_times(store, clock, record)


def _restore_times(store: Store, clock: _WorkClock, record: OnRecord) -> None:
    """Put the times of answers, or of some of very many, into the steps in which these were complete."""
    for row in record.answer_times(store.columns.jobs // _MOST_TIMES + 1):
        ttft_s = row.ttft_s if store.is_streamed else None
        times = AnswerTimes.of(ttft_s, row.latency_s, row.output_tokens, row.wait_s)
        store.time_series.on_record(clock.at_work(row.ended_at), times)


class _WorkClock:
    """Maps Unix seconds to seconds at work, by the samples; between two of them the clock may have stood."""

    def __init__(self, rows: Sequence[SampleRow]) -> None:
        self._at = array("d", (row.at for row in rows))
        self._active_s = array("d", (row.active_s for row in rows))

    def at_work(self, at: float) -> float:
        """Return the seconds at work by `at`."""
        number = bisect_left(self._at, at)
        if number == len(self._at):
            return self._active_s[-1] if self._at else 0.0
        before = self._active_s[number - 1] if number else 0.0
        return max(before, self._active_s[number] - (self._at[number] - at))


def sound_samples(samples: Iterable[SampleRow], active_s: float = 0.0) -> Iterator[SampleRow]:
    """Yield the samples that follow the first `active_s` seconds at work, without damaged rows."""
    for row in samples:
        known = (row.at, row.active_s, row.sent, row.tokens, row.in_flight, row.throttled)
        if None not in known and _sound((*known, row.ttft_p50, row.ttft_p95)) and row.active_s > active_s:
            active_s = row.active_s
            yield row


def _spans(rows: Iterable[SampleRow], active_s: float) -> Iterator[SeriesSpan]:
    """Return samples as spans of the clock of the run, the first of which begins after `active_s`."""
    for row in rows:
        start_s = active_s or max(0.0, row.active_s - _STEP_S)
        yield SeriesSpan(
            start_s,
            row.active_s,
            row.sent,
            row.tokens,
            row.in_flight,
            row.ttft_p50,
            row.ttft_p95,
            setting_of(row),
        )
        active_s = row.active_s


def setting_of(row: SampleRow) -> Setting:
    """Return how a run was set at the time of a sample."""
    return Setting(row.rate, row.concurrency, _BINDINGS.get(row.binding or ""))


def _history(text: object) -> _History:
    try:
        history = msgspec.json.decode(text, type=_History) if isinstance(text, str | bytes) else _NONE
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _NONE
    return history if 0 <= history.active_s < math.inf and history.series.sound else _NONE


def _sound(values: Iterable[Any]) -> bool:
    return all(
        value is None or (isinstance(value, int | float) and 0 <= value < math.inf) for value in values
    )
