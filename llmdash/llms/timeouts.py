"""How long a call may take."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Timeouts"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, until the answer begins, between contents of a stream, from request to the end."""

    connect: float = 10.0
    first_byte: float = 120.0
    stall: float = 60.0
    total: float = 600.0
