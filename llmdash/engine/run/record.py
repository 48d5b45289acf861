"""RunRecord: puts on record how a run stands as a whole: its state, its totals and its chronicle."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from llmdash.engine.dispatch.spent import sizes_fact
from llmdash.engine.frames.chronicle import Chronicle
from llmdash.engine.journal.totals import totals_facts
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import RunState
from llmdash.engine.run.core import RunCore

__all__ = ["RunRecord"]

_TOTALS_S = 5.0
"""Seconds at work after which the totals are written again."""


class RunRecord:
    """Writes facts, samples and moments, on the event loop of the run. `head` is a frame without a view."""

    def __init__(self, core: RunCore, chronicle: Chronicle, head: Callable[[], Frame]) -> None:
        self._lifecycle = core.lifecycle
        self._store = core.parts.store
        self._journal = core.parts.journal
        self._quotes = core.parts.reservations.quotes
        self._chronicle = chronicle
        self._head = head
        self._totals_at = self._store.run_clock()

    def begin(self) -> None:
        """Record that the run is started, or goes on."""
        self._chronicle.begin(*self._lifecycle.state)

    def look(self) -> None:
        """Record what is new."""
        self._chronicle.look(*self._lifecycle.state)

    def end(self) -> None:
        """Record the last of it, and why the run ends."""
        self._chronicle.end(*self._lifecycle.state, self._lifecycle.reason)

    def set_state(self, state: RunState, detail: str = "") -> None:
        """Let the run be in another state from now on, and record it."""
        wall = self._store.wall
        if state.ended:
            wall.end()
        if state is RunState.PAUSED:
            wall.pause()
        else:
            wall.resume()
        self._lifecycle.state = (state, detail)
        self._journal.facts(self.totals())
        self.look()

    def keep_totals(self) -> None:
        """Write the totals, if the run was at work for some seconds since, or for any and rests now."""
        active_s = self._store.run_clock()
        due_s = 0.0 if self._store.run_clock.stands else _TOTALS_S
        if active_s - self._totals_at > due_s:
            self._totals_at = active_s
            self._journal.facts(self.totals())

    def totals(self) -> Mapping[str, str]:
        """Return the facts that hold where the run is now."""
        run = self._head().run
        return {**totals_facts(run, run.ended_at or time.time()), **sizes_fact(self._quotes.sizes)}
