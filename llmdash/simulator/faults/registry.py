"""Every fault by its name, and how one is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping

from llmdash.simulator.faults.answers import ANSWERS
from llmdash.simulator.faults.base import Fault
from llmdash.simulator.faults.breaks import BREAKS
from llmdash.simulator.faults.keys import KEYS
from llmdash.simulator.faults.limits import LIMITS
from llmdash.simulator.faults.requests import REQUESTS
from llmdash.simulator.faults.streams import STREAMS
from llmdash.simulator.faults.wire import WIRES

__all__ = ["FAULTS", "check_faults", "find_fault"]

FAULTS = {fault.name: fault for fault in (*ANSWERS, *LIMITS, *KEYS, *REQUESTS, *STREAMS, *WIRES, *BREAKS)}
"""Every fault by its name."""


def find_fault(spec: str) -> tuple[Fault, str | None]:
    """Return the fault of `NAME` or `NAME:VARIANT`, and the variant. Raises ValueError if there is none."""
    name, colon, variant = spec.partition(":")
    fault = FAULTS.get(name)
    if fault is None:
        raise ValueError(f"faults: unknown {name[:50]!r}; known are {', '.join(sorted(FAULTS))}")
    if colon:
        fault.variant(variant)
    return fault, variant if colon else None


def check_faults(faults: Mapping[str, float]) -> None:
    """Raise ValueError unless each fault is known, and its share a number from 0 to 1."""
    for spec, share in faults.items():
        find_fault(spec)
        if isinstance(share, bool) or not isinstance(share, int | float):
            raise ValueError(f"faults: {spec}: {share!r} is not a number")
        if not math.isfinite(share) or not 0 <= share <= 1:
            raise ValueError(f"faults: {spec}: {share} is not between 0 and 1")
