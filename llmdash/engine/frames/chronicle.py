"""Chronicle: puts on record what the screen shows of a run and no row of the journal says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence

from llmdash.engine.frames.gauges import Gauges
from llmdash.engine.journal.writer import JournalWriter
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.records import MomentRow, SampleRow
from llmdash.engine.model.states import KeyState, RunState
from llmdash.engine.pool.pool import KeyPool
from llmdash.engine.store.bursts import Burst
from llmdash.engine.store.marks import BURST_MOMENT, burst_words
from llmdash.engine.store.store import Store
from llmdash.engine.store.time_series import SeriesSpan, Setting
from llmdash.sanitize import storable

__all__ = ["Chronicle"]

_LEAST_S = 1e-3
_MOST_RESTS = 20_000
"""The rests of keys that are recorded in one start, so that a run of days has a journal that ends."""
_PASSING = (KeyState.HEALTHY, KeyState.THROTTLED, KeyState.COOLDOWN)


class Chronicle:
    """Looks at a run some times a second, on its event loop; the writer of the journal does the rest.

    A sample is of a second in which the run was at work; a moment is what differs from the last look.
    """

    def __init__(
        self,
        journal: JournalWriter,
        store: Store,
        pool: KeyPool,
        gauges: Gauges,
        head: Callable[[], Frame],
        *,
        last_at: float = 0.0,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._journal = journal
        self._store = store
        self._pool = pool
        self._gauges = gauges
        self._head = head
        self._wall_clock = wall_clock
        self._last_at = last_at
        self._throttled = sum(member.throttled for member in pool.members)
        self._seen: dict[tuple[str, str | None], str] = {}
        self._notice = 0
        self._rests = 0

    def begin(self, state: RunState, detail: str) -> None:
        """Record that the run is started, or goes on, and how it is set."""
        self._journal.moments(
            [self._moment("begun", None, f"{self._store.run_clock():.3f}"), *self._changes(state, detail)]
        )

    def look(self, state: RunState, detail: str) -> None:
        """Record what is new, and a sample once a second while the run is at work."""
        found = [*self._notices(), *self._changes(state, detail), *self._bursts()]
        series = self._store.time_series
        if spans := series.seconds(self._store.run_clock()):
            self._sample(spans)
            found += self._workers()
        self._journal.moments(found)

    def end(self, state: RunState, detail: str, why: str) -> None:
        """Record the last of it, and `why` the run ends."""
        if spans := self._store.time_series.rest(self._store.run_clock()):
            self._sample(spans)
        ended = self._moment("ended", None, why)
        rest = [*self._changes(state, detail), *self._last_bursts(), *self._workers()]
        self._journal.moments([*self._notices(), *rest, ended])

    def _sample(self, spans: Sequence[SeriesSpan]) -> None:
        """Record these seconds; how things stand now is how they stood at the end of them."""
        head, active_s = self._head(), self._store.run_clock()
        throttled = sum(key.throttled for key in head.keys)
        setting = Setting(head.rate.rate, head.rate.concurrency, head.rate.binding)
        for span in spans:
            self._store.time_series.set_to(span.start_s, setting)
            at = self._wall_clock() - (active_s - span.end_s)
            self._last_at = max(at, self._last_at + _LEAST_S)  # the clock may have been set back
            row = SampleRow(
                at=self._last_at,
                active_s=span.end_s,
                sent=span.sent,
                tokens=span.tokens,
                in_flight=span.in_flight,
                throttled=throttled - self._throttled,
                ttft_p50=span.ttft_p50,
                ttft_p95=span.ttft_p95,
                rate=head.rate.rate,
                concurrency=head.rate.concurrency,
                binding=head.rate.binding.value,
                cost=head.run.cost,
            )
            self._throttled = throttled
            self._journal.sample(row)

    def _notices(self) -> Iterator[MomentRow]:
        for notice in self._store.notices:
            if notice.serial > self._notice:
                self._notice = notice.serial
                yield self._moment("notice", notice.severity.value, storable(notice.text))

    def _changes(self, state: RunState, detail: str) -> Iterator[MomentRow]:
        yield from self._changed("rate", None, json.dumps(self._gauges.rate))
        auto = self._gauges.auto
        if auto.on or ("auto", None) in self._seen:
            yield from self._changed("auto", None, "on" if auto.on else "off")
        yield from self._changed("concurrency", None, str(self._gauges.concurrency))
        stands = self._store.run_clock.stands
        if self._is_new("work", None, str(stands)):
            yield self._moment("work", "off" if stands else "on", f"{self._store.run_clock():.6f}")
        if self._is_new("state", None, f"{state.name} {detail}"):
            yield self._moment("state", state.name.lower(), storable(detail))
        for member in self._pool.members:
            if self._is_new("key", member.label, member.state.name):
                self._rests += member.state in _PASSING
                if member.state not in _PASSING or self._rests <= _MOST_RESTS:
                    yield self._moment("key", member.label, _named(member.state.name, member.health.detail))
        for endpoint in self._pool.endpoints:
            breaker = endpoint.circuit_breaker
            if self._is_new("endpoint", endpoint.name, breaker.state.name):
                yield self._moment("endpoint", endpoint.name, _named(breaker.state.name, breaker.detail))

    def _workers(self) -> Iterator[MomentRow]:
        for row in self._gauges.workers():
            yield from self._changed("worker", row.name, row.state.name.lower())

    def _bursts(self) -> Iterator[MomentRow]:
        return map(self._burst, self._store.bursts.ended(self._store.run_clock()))

    def _last_bursts(self) -> Iterator[MomentRow]:
        return map(self._burst, self._store.bursts.rest())

    def _burst(self, burst: Burst) -> MomentRow:
        ago_s = self._store.run_clock() - burst.begin_s
        words = burst_words(burst.number, ago_s, burst.end_s - burst.begin_s)
        return self._moment(BURST_MOMENT, storable(burst.name), words)

    def _changed(self, kind: str, subject: str | None, value: str) -> Iterator[MomentRow]:
        if self._is_new(kind, subject, value):
            yield self._moment(kind, subject, value)

    def _is_new(self, kind: str, subject: str | None, value: str) -> bool:
        before = self._seen.get((kind, subject))
        self._seen[kind, subject] = value
        return value != before

    def _moment(self, kind: str, subject: str | None, value: str | None) -> MomentRow:
        self._store.marks.see(self._store.run_clock(), kind, subject, value)
        return MomentRow(self._wall_clock(), kind, subject, value)


def _named(state: str, detail: str) -> str:
    return storable(f"{state.lower()} {detail}".strip())
