"""The clock of leases and permits: one that does not stand while the machine is suspended."""

from __future__ import annotations

import time

__all__ = ["unstopped"]

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def unstopped() -> float:
    """Return seconds since some moment, with those of a suspended machine where the system counts them."""
    return time.clock_gettime(_BOOTTIME)
