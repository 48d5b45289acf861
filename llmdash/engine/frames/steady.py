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

    Times are in seconds on one clock. With a `hold_s` of 0 it shows what is true at each moment.
    """

    def __init__(self, hold_s: float = HOLD_S) -> None:
        self._hold_s = hold_s
        self._shown = Binding.FINISHED
        self._true_at = -math.inf

    def happens(self, binding: Binding) -> Binding:
        """Return what blocks the whole run: an event, shown at once, and no longer than it lasts."""
        self._shown, self._true_at = binding, -math.inf
        return binding

    def follow(self, binding: Binding, now: float) -> Binding:
        """Return what to show of what comes and goes with single requests."""
        if binding is self._shown or not 0.0 <= now - self._true_at < self._hold_s:
            self._shown, self._true_at = binding, now
        return self._shown
