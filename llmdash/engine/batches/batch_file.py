"""BatchFile: the file of a batch while it is written, until it is full."""

from __future__ import annotations

import os
from array import array
from collections.abc import Collection, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from llmdash.engine.pool.member import Endpoint, Member
from llmdash.llms.batches import Batches

__all__ = ["BatchFile", "BatchRoom", "RequestGroup"]

_PIECE = 1 << 20
_SHARE = 0.95
"""How much of the most bytes of a batch is used."""


class RequestGroup(NamedTuple):
    """What requests have in common that may be in one batch; `options` are the names of their fields."""

    endpoint: Endpoint
    model: str
    options: frozenset[str]


class BatchRoom(NamedTuple):
    """The most requests, bytes and tokens of a batch."""

    requests: int
    bytes: int
    tokens: int | None

    @classmethod
    def at(cls, service: Batches, most_jobs: int | None, most_tokens: int | None) -> BatchRoom:
        """Return the room of a batch of a service, further limited as it was asked for."""
        limits = service.limits
        requests = limits.requests if most_jobs is None else min(limits.requests, most_jobs)
        return cls(requests, int(limits.bytes * _SHARE), most_tokens)


class BatchFile:
    """Writes the file of one batch; its hash grows with it. What writes raises OSError; then it can only be
    discarded.
    """

    def __init__(
        self, number: int, group: RequestGroup, member: Member, service: Batches, room: BatchRoom, file: Path
    ) -> None:
        self.number = number
        self.group = group
        self.member = member
        self.service = service
        self.path = file
        self.jobs = array("I")
        self.tokens = 0
        self._room = room
        self._starts = array("Q")
        self._tokens_before = array("Q")
        self._hash = sha256()
        self._size = 0
        self._file = os.fdopen(os.open(file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb")
        self._put(service.opening)

    @property
    def size(self) -> int:
        """The bytes of the file so far."""
        return self._size

    @property
    def sha(self) -> str:
        """The SHA-256 of what is in the file, in hex."""
        return self._hash.hexdigest()

    def takes(self, line: bytes, tokens: int) -> bool:
        """True if there is room for one more request; for the first one there always is."""
        room, service = self._room, self.service
        more = len(service.separator) + len(line) + len(service.closing)
        fits = room.tokens is None or self.tokens + tokens <= room.tokens
        return not self.jobs or (len(self.jobs) < room.requests and self._size + more <= room.bytes and fits)

    def add(self, job: int, line: bytes, tokens: int) -> None:
        """Add the request of a job."""
        self._starts.append(self._size)
        self._tokens_before.append(self.tokens)
        self._put((self.service.separator if self.jobs else b"") + line)
        self.jobs.append(job)
        self.tokens += tokens

    @property
    def is_full(self) -> bool:
        """True if it has as many requests as a batch may have."""
        return len(self.jobs) >= self._room.requests

    def size_beside(self, sizes: Collection[int]) -> int:
        """Return how many of its requests it may keep to have another number than each of `sizes`; 0 if there
        is no such number.
        """
        return next((size for size in range(len(self.jobs), 0, -1) if size not in sizes), 0)

    def shorten(self, size: int) -> Sequence[int]:
        """Keep `size` requests; return the jobs of the others, in their order. Raises OSError."""
        out = self.jobs[size:]
        if out:
            self._cut(self._starts[size])
            self.tokens = self._tokens_before[size]
            del self.jobs[size:], self._starts[size:], self._tokens_before[size:]
        return out

    def complete(self) -> None:
        """Have the whole file on disk. Raises OSError."""
        self._put(self.service.closing)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def discard(self) -> None:
        """Remove the file, also where the disk has not taken all of it."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):  # it is in nobody's way
            self.path.unlink(missing_ok=True)

    def _cut(self, end: int) -> None:
        """Keep the first `end` bytes of the file."""
        self._file.flush()
        self._file.truncate(end)
        self._file.seek(end)
        self._hash, self._size = sha256(), end
        with self.path.open("rb") as written:
            while piece := written.read(_PIECE):
                self._hash.update(piece)

    def _put(self, piece: bytes) -> None:
        self._file.write(piece)
        self._hash.update(piece)
        self._size += len(piece)
