"""What the simulator was sent: the last requests, so that a test can compare them with what it meant."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from llmdash.simulator.connection import Headers

__all__ = ["Recorder", "RequestRecord"]

_MOST_REQUESTS = 10_000
_MOST_BYTES = 32 * 1024 * 1024
_USUAL = 1_000
_SECRET = frozenset({b"authorization", b"proxy-authorization", b"x-api-key", b"api-key", b"cookie"})


class RequestRecord(msgspec.Struct):
    """A request that was sent to `/v1`. `number` counts from 1; `at` is in seconds of the server's clock.

    `key` is the place of its key among the simulator's, from 0; None for any other. `outcome` is None while
    it is in progress. `faults` names those that it was served.
    """

    number: int
    at: float
    path: str
    key: int | None
    headers: Headers
    body: bytes = b""
    outcome: str | None = None
    faults: list[str] = msgspec.field(default_factory=list)

    def report(self, *, bodies: bool) -> dict[str, Any]:
        """Return the record as `GET /__sim__/requests` returns it; a body that is no JSON as text."""
        found = msgspec.structs.asdict(self)
        del found["body"]
        found["headers"] = {name.decode("latin-1"): value.decode("latin-1") for name, value in self._shown()}
        return {**found, "size": len(self.body), **({"body": _content(self.body)} if bodies else {})}

    def _shown(self) -> Headers:
        """The headers without those that hold keys."""
        return [pair for pair in self.headers if pair[0].lower() not in _SECRET]


class Recorder:
    """Keeps the last requests: at most `most` of them, and at most 32 MiB of bodies."""

    def __init__(self) -> None:
        self._most = _USUAL
        self._kept: deque[RequestRecord] = deque()
        self._size = 0
        self._number = 0

    def keep(self, most: int) -> None:
        """Forget all requests, and keep that many from now on. Raises ValueError if it is out of bounds."""
        if isinstance(most, bool) or not isinstance(most, int) or not 0 <= most <= _MOST_REQUESTS:
            raise ValueError(f"keep must be a whole number from 0 to {_MOST_REQUESTS}")
        self._most = most
        self._kept.clear()
        self._size = 0

    def arrived(self, path: str, key: int | None, headers: Headers, at: float) -> RequestRecord:
        """Record a request whose body is not here yet."""
        self._number += 1
        record = RequestRecord(self._number, at, path[:2_000], key, headers)
        self._kept.append(record)
        self._shrink()
        return record

    def sent(self, record: RequestRecord, body: bytes) -> None:
        """Add the body of a request, unless that is forgotten already."""
        if self._kept and self._kept[0].number <= record.number:
            record.body = body
            self._size += len(body)
            self._shrink()

    def _shrink(self) -> None:
        while len(self._kept) > self._most or (self._size > _MOST_BYTES and self._kept):
            self._size -= len(self._kept.popleft().body)

    def report(self, *, after: int, limit: int, bodies: bool) -> list[dict[str, Any]]:
        """Return the first `limit` requests kept with a number above `after`, oldest first."""
        found = [record for record in self._kept if record.number > after]
        return [record.report(bodies=bodies) for record in found[:limit]]


def _content(body: bytes) -> Any:
    """A body as JSON, else as text."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return body.decode("utf-8", "replace")
