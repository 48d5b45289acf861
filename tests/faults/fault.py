"""What a fault is, and the kinds by which the catalogue tells of it."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from llmdash.llms.wire.failures import FailureKind
from tests.faults.scene import Scene

Play = Callable[[Scene], Awaitable[None]]
"""Answers a request in the way of the fault."""


class Place(enum.StrEnum):
    """Where a fault lies in wait, as the first part of the path or as a port of its own."""

    HTTP = "http"
    TLS = "tls"
    REFUSED = "refused"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, and what must come of it: a Failure of this `kind`, or with None the whole
    answer, unchanged.

    | field | meaning |
    |---|---|
    | `hint_s` | the hint in seconds that the Failure must bring |
    | `place` | where it happens; `play` is for HTTP |
    | `reads_body` | False: it strikes before the body of the request was read |
    | `second` | True: the first request on a connection is answered well, the next one is struck |
    | `waits` | True: only the client's limits of time end it |
    | `mixed` | True: an honest client succeeds in the end, and its requests can be counted |
    """

    name: str
    kind: FailureKind | None
    play: Play
    hint_s: float | None = None
    place: Place = Place.HTTP
    reads_body: bool = True
    second: bool = False
    waits: bool = False
    mixed: bool = True


async def nothing(_: Scene) -> None:
    """For a fault that strikes before there is a request."""
