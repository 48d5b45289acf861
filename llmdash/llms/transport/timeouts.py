"""How long a call may take."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Timeouts"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, to the first byte, between content chunks of a stream, from request to the end.

    Pings are not content. Before the first content, the later of `first_byte` (from the request on) and
    `stall` (from the headers on) counts. The time for which the machine was suspended does not count.

    >>> Timeouts(total=30.0)
    Timeouts(connect=10.0, first_byte=120.0, stall=60.0, total=30.0)
    """

    connect: float = 10.0
    first_byte: float = 120.0
    stall: float = 60.0
    total: float = 600.0
