"""A value that was requested, until the engine reports it or counts as having refused it."""

from __future__ import annotations

import math
from typing import Final

from llmdash.ui.charts.log_scale import Setting

__all__ = ["SHOWS_TO_CONFIRM", "RequestedValue"]

SHOWS_TO_CONFIRM: Final = 30
"""How many reports may bring another value before a requested one counts as refused."""


class RequestedValue:
    """What the engine `reported` last, and what was requested since and is not confirmed yet."""

    def __init__(self, reported: Setting) -> None:
        self.reported = reported
        self._asked: Setting = None
        self._waits = 0

    @property
    def is_open(self) -> bool:
        """True while a request is not confirmed."""
        return self._waits > 0

    @property
    def newest(self) -> Setting:
        """The requested value while it is not confirmed, else the reported one."""
        return self._asked if self._waits else self.reported

    def report(self, value: Setting) -> None:
        """Take what the engine reports."""
        self.reported = value
        if self._waits:
            self._waits = 0 if _same(value, self._asked) else self._waits - 1

    def ask(self, value: Setting) -> bool:
        """Request a value; return False if it is the newest already."""
        if _same(value, self.newest):
            return False
        self._asked = value
        self._waits = 0 if _same(value, self.reported) else SHOWS_TO_CONFIRM
        return True

    def forget(self) -> None:
        """Drop a request that is not confirmed."""
        self._waits = 0


def _same(one: Setting, other: Setting) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-6)
