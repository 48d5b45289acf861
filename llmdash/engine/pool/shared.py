"""SharedLimit: a limit of several endpoints, and of other runs, as the pool and the runner see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from llmdash.engine.model.frame import SharedLimitRow

__all__ = ["SharedLimit", "Ticket"]


class Ticket(Protocol):
    """A request that is about to be sent. Settled once."""

    def left(self, ago_s: float | None = None) -> None:
        """Record that the request is being sent, or was sent `ago_s` seconds ago."""

    def withdraw(self) -> None:
        """Record that it never will be."""


class SharedLimit(Protocol):
    """This run's share of a limit that it shares with others."""

    counts_tokens: bool
    """True if the limit is also one of tokens."""

    def wait_s(self, tokens: int) -> float:
        """Return the seconds until a request of `tokens` may be chosen, or may be asked about again."""

    def take(self, tokens: int) -> None:
        """Charge a request of `tokens`."""

    def settle(self, taken: int, used: int) -> None:
        """Correct the charge of a request that ended: it was charged `taken` tokens and used `used`."""

    def not_sent(self, taken: int) -> None:
        """Take back the charge of a request that was not sent."""

    def depart(self) -> Ticket | None:
        """Count a request that leaves now; None if it may not."""

    async def turn(self) -> None:
        """Wait until it makes sense to ask `depart` again."""

    async def keep(self, demand: Callable[[], float]) -> None:
        """Renew the share until cancelled, then give it back.

        `demand` returns the requests a second that the run may send besides; 0 if it has nothing to send.
        """

    @property
    def holds_up(self) -> bool:
        """True if a request had to wait for the share in the last second."""

    def row(self) -> SharedLimitRow:
        """Return the share and those of the others; any thread may ask."""
