"""A clock for what must not be used any more after the machine was suspended."""

from __future__ import annotations

import time

__all__ = ["wakeful_clock"]

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)


def wakeful_clock() -> float:
    """Return seconds that go on while the machine sleeps, the same for all processes of a machine."""
    return time.clock_gettime(_BOOTTIME) if _BOOTTIME is not None else time.monotonic()
