"""Leases: who shares out one limit among the runs that use it, and what they are asked and answer."""

from __future__ import annotations

import math
from typing import Protocol

from llmdash.lean_dataclass import dataclass

__all__ = ["Claim", "Held", "LeaseError", "Leases", "Limit", "Share", "Sharer", "Wish"]


class LeaseError(Exception):
    """Nobody can tell what share a run has now. The text says why, in a few words."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of several runs: requests a second and tokens a minute; infinite where there is none."""

    name: str
    rate: float = math.inf
    tpm: float = math.inf


@dataclass(frozen=True, slots=True)
class Sharer:
    """A run that shares a limit: `run` is unique, `label` is what others are shown."""

    run: str
    label: str
    host: str
    pid: int


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run could use: requests a second and tokens a minute; infinite for all there is."""

    rate: float = math.inf
    tokens: float = math.inf


@dataclass(frozen=True, slots=True)
class Held:
    """What a run allows itself when it asks: requests a second, requests in any second (`slots`), tokens a
    minute; and the requests that count in the present second (`sent`).
    """

    rate: float = 0.0
    slots: float = 0.0
    tokens: float = 0.0
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """What a run says when it asks for its share. `limit` is the limit as this run has it."""

    limit: Limit
    sharer: Sharer
    wish: Wish
    held: Held


@dataclass(frozen=True, slots=True)
class Share:
    """What a run may use for `valid_s` seconds from the moment it asked.

    `limit` is the lowest that some run has; `others` are the labels of the other runs with the requests a
    second that each holds.
    """

    rate: float
    slots: float
    tokens: float
    valid_s: float
    limit: Limit
    others: tuple[tuple[str, float], ...] = ()


class Leases(Protocol):
    """Shares out limits. A run that holds more than its new share gives it back in its next claim: so
    nobody gets what another one still uses.
    """

    async def share(self, claim: Claim) -> Share:
        """Renew the lease of a run. Raises LeaseError."""

    async def release(self, claim: Claim) -> None:
        """Give back everything but what was `sent` in the present second. Raises LeaseError."""
