"""A logarithmic scale: the position of a value on it, and the values next to it."""

from __future__ import annotations

import math
from typing import Final

from llmdash.lean_dataclass import dataclass
from llmdash.ui.text.format import significant

__all__ = ["STEPS_PER_DECADE", "WORDS", "LogScale", "Setting"]

STEPS_PER_DECADE: Final = 20

WORDS: Final = ("inf", "max")
"""What can be typed for the far end."""

Setting = float | None
"""A value on a scale; None means no limit, above the maximum."""


@dataclass(frozen=True, slots=True)
class LogScale:
    """From `minimum` (above 0) to `maximum`: whole numbers if `integral`, None above it if `unlimited`."""

    minimum: float
    maximum: float
    integral: bool = False
    unlimited: bool = False

    def fraction(self, value: Setting) -> float:
        """Return the position of a value: 0 at the minimum, 1 at the maximum and above."""
        if value is None or value >= self.maximum:
            return 1.0
        if value <= self.minimum:
            return 0.0
        return math.log(value / self.minimum) / math.log(self.maximum / self.minimum)

    def at(self, fraction: float) -> float:
        """Return the value at a position, in two significant digits."""
        within = min(1.0, max(0.0, fraction))
        return self.clamp(significant(self.minimum * (self.maximum / self.minimum) ** within, 2))

    def step(self, value: Setting, steps: int) -> Setting:
        """Return the value `steps` twentieths of a decade up, or down if negative; one is about 12 %.

        Stops are the 20 round numbers of a decade (1.0, 1.1, 1.3, 1.4, 1.6, ... 8.9), so that all steps of a
        decade end where they should.
        """
        for _step in range(abs(steps)):
            value = self._next(value) if steps > 0 else self._previous(value)
        return value

    def decade(self, value: Setting, decades: int) -> Setting:
        """Return the value times ten to the power of `decades`; up from the maximum is None."""
        if (past := self._past_end(value, decades)) is not False:
            return past
        return self.clamp(_number(value) * 10.0**decades)

    def percent(self, value: Setting, percents: int) -> Setting:
        """Return the value changed by `percents` percent; by 1 at least if integral."""
        if (past := self._past_end(value, percents)) is not False:
            return past
        start = _number(value)
        changed = significant(start * 1.01**percents)
        if self.integral and round(changed) == start:
            changed = start + math.copysign(1, percents)
        return self.clamp(changed)

    def clamp(self, value: float) -> float:
        """Return the nearest value on the scale."""
        within = min(self.maximum, max(self.minimum, value))
        return float(round(within)) if self.integral else within

    def parse(self, text: str) -> Setting:
        """Return a typed value, clamped; the WORDS remove the limit, or are the maximum where that cannot be.

        Raises ValueError, with what can be typed, for a number that is not above 0.
        """
        if text in WORDS:
            return self.top
        value = float(text)
        if not 0 < value < math.inf:
            words = f", or {WORDS[0]} for no limit" if self.unlimited else ""
            raise ValueError(f"{text} sends nothing; type {self.minimum:g} to {self.maximum:g}{words}")
        return self.clamp(value)

    @property
    def top(self) -> Setting:
        """The far end: no limit where that is possible."""
        return None if self.unlimited else self.maximum

    def decades(self) -> list[float]:
        """Return the powers of ten strictly between the ends."""
        first = math.floor(math.log10(self.minimum)) + 1
        last = math.ceil(math.log10(self.maximum))
        return [10.0**power for power in range(first, last)]

    def _past_end(self, value: Setting, direction: int) -> Setting | bool:
        """The value for a move from or to None, False where the move stays on the scale."""
        if value is None:
            return self.maximum if direction < 0 else None
        if direction > 0 and value >= self.maximum and self.unlimited:
            return None
        return False

    def _next(self, value: Setting) -> Setting:
        if (past := self._past_end(value, 1)) is not False:
            return past
        start = _number(value)
        at = math.floor(STEPS_PER_DECADE * math.log10(start))
        while (stop := self._stop(at)) <= start * (1 + 1e-9):
            at += 1
        return self.clamp(stop)

    def _previous(self, value: Setting) -> Setting:
        if (past := self._past_end(value, -1)) is not False:
            return past
        start = _number(value)
        at = math.ceil(STEPS_PER_DECADE * math.log10(start))
        while (stop := self._stop(at)) >= start * (1 - 1e-9):
            at -= 1
        return self.clamp(stop)

    def _stop(self, at: int) -> float:
        stop = significant(10.0 ** (at / STEPS_PER_DECADE), 2)
        return float(round(stop)) if self.integral else stop


def _number(value: Setting | bool) -> float:
    """A value that is known to be a number."""
    if value is None:
        raise ValueError("no limit is not a number")
    return float(value)
