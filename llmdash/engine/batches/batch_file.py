"""BatchFile: the file of a batch while it is written, until it is full."""

from __future__ import annotations

import os
from array import array
from collections.abc import Collection, Sequence
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
    """Writes the file of one batch; its hash grows with it."""

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
        self._put((self.service.separator if self.jobs else b"") + line)
        self.jobs.append(job)
        self.tokens += tokens

    def differ_from(self, sizes: Collection[int]) -> Sequence[int]:
        """Take out requests until there are not as many as in one of `sizes`. Return their jobs."""
        out: list[int] = []
        while len(self.jobs) > 1 and len(self.jobs) in sizes:
            out.append(self.jobs.pop())
        if out:
            self._cut(self._starts[len(self.jobs)])
        return out

    def complete(self) -> None:
        """Have the whole file on disk. Raises OSError."""
        self._put(self.service.closing)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def discard(self) -> None:
        """Remove the file."""
        self._file.close()
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
