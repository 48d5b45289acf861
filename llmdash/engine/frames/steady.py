"""What limits the rate, without flicker: a word has to be wrong for a while before it changes."""

from __future__ import annotations

import math
from typing import Final

from llmdash.engine.model.states import Binding

__all__ = ["HOLD_S", "SteadyBinding"]

HOLD_S: Final = 2.0
"""Seconds for which a word stays though another one would be true at this moment."""


class SteadyBinding:
    """Follows what limits the rate. It is one object for all who look, so that they see the same.

    Latency is what binds where no limit is at work: after a start it gives way at once to the first that is,
    since until then none could be reached. Times are in seconds on one clock. With a `hold_s` of 0 it shows
    what is true at each moment.
    """

    def __init__(self, hold_s: float = HOLD_S) -> None:
        self._hold_s = hold_s
        self._shown = Binding.FINISHED
        self._true_at = -math.inf
        self._met_limit = False

    @property
    def shown(self) -> Binding:
        """What was shown last."""
        return self._shown

    def happens(self, binding: Binding) -> Binding:
        """Return what blocks the whole run: an event, shown at once, and no longer than it lasts."""
        self._shown, self._true_at, self._met_limit = binding, -math.inf, False
        return binding

    def follow(self, binding: Binding, now: float) -> Binding:
        """Return what to show of what comes and goes with single requests."""
        holds = self._met_limit and 0.0 <= now - self._true_at < self._hold_s
        if binding is self._shown or not holds:
            self._shown, self._true_at = binding, now
        self._met_limit = self._met_limit or binding is not Binding.LATENCY
        return self._shown
