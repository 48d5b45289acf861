"""How long a call may take."""

from __future__ import annotations

import math

from llmdash.lean_dataclass import dataclass

__all__ = ["FIRST_BYTE_S", "SLOW_FIRST_BYTE_S", "Timeouts"]

FIRST_BYTE_S = 120.0
SLOW_FIRST_BYTE_S = 600.0
"""For answers whose first byte comes when all the work is done: not streamed, or reasoned about."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, to the first byte, between content chunks of a stream, from request to the end.

    Without a `first_byte` it is FIRST_BYTE_S, or SLOW_FIRST_BYTE_S for a request that asks for reasoning or
    for no stream. Pings are not content; but before the first content whatever comes keeps the wait alive, up
    to `total`. The time for which the machine was suspended does not count.

    >>> Timeouts(total=30.0)
    Timeouts(connect=10.0, first_byte=None, stall=60.0, total=30.0)
    """

    connect: float = 10.0
    first_byte: float | None = None
    stall: float = 60.0
    total: float = 600.0

    def of_transfers(self) -> Timeouts:
        """Return the limits for a large file: it may take long in all, as long as it goes on."""
        return Timeouts(self.connect, self.until_first_byte(SLOW_FIRST_BYTE_S), self.stall, math.inf)

    def until_first_byte(self, usual: float = FIRST_BYTE_S) -> float:
        """Return `first_byte`, where it is set; else what is `usual` for a request."""
        return usual if self.first_byte is None else self.first_byte
