"""KeyFigures: what a row of a key says beside its counters: its median time, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from llmdash.engine.frames.figures import Figures
from llmdash.engine.frames.gauges import Gauges
from llmdash.engine.frames.run_facts import RunFacts
from llmdash.engine.model.frame import KeyRow, TimingRow
from llmdash.engine.model.timings import Grouping
from llmdash.engine.model.view import TimingView
from llmdash.engine.pool.costs import costs_of_keys

__all__ = ["KeyFigures"]

_EVERY_S: Final = 1.0
_EVERY_KEY_S: Final = 0.02
"""Percentiles and price lists take a while: a run of many keys asks for them less often."""


class KeyFigures:
    """Adds to the rows of keys what takes a while to compute, as it is or was not long ago. Hold the lock of
    the store.
    """

    def __init__(self, facts: RunFacts, store: Figures, gauges: Gauges) -> None:
        self._facts = facts
        self._store = store
        self._gauges = gauges
        self._at = -math.inf
        self._attempts = -1
        self._medians: Mapping[str, float | None] = {}
        self._costs: Mapping[str, float] = {}

    def added_to(self, keys: Sequence[KeyRow], now: float, *, rests: bool) -> tuple[KeyRow, ...]:
        """Return the rows with their figures; up to date where nothing goes on any more."""
        every_s = _EVERY_S + _EVERY_KEY_S * len(keys)
        if rests or not self._at <= now < self._at + every_s:
            self._compute(keys, now)
        return tuple(
            replace(key, p50_s=self._medians.get(key.label), cost=self._costs.get(key.label)) for key in keys
        )

    def _compute(self, keys: Sequence[KeyRow], now: float) -> None:
        answered = sum(key.ok for key in keys)
        if answered == self._attempts and self._at <= now:
            return
        self._at, self._attempts = now, answered
        rows = self._store.timings.part(TimingView(Grouping.KEY)).rows
        self._medians = {row.name: _median(row) for row in rows}
        live = costs_of_keys(self._gauges.spending, keys, self._facts.cost_of)
        in_batches = costs_of_keys(self._gauges.batch_spending, keys, self._facts.batch_cost_of, cut=False)
        self._costs = {
            label: live.get(label, 0.0) + in_batches.get(label, 0.0) for label in live | in_batches
        }


def _median(row: TimingRow) -> float | None:
    return row.ttft.p50 if row.ttft.p50 is not None else row.latency.p50
