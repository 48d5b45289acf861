"""The files of OpenAI's shape: uploaded ones, and the results of batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from llmdash.simulator.batches.clock import BatchClock
from llmdash.simulator.batches.spool import Spool
from llmdash.simulator.errors import ServedError

__all__ = ["FileShelf", "StoredFile"]


class StoredFile(msgspec.Struct, frozen=True):
    """A file. `created` and `expires` are seconds of the clock; None: it does not expire.

    `batch` is the one whose results it has.
    """

    identity: str
    name: str
    purpose: str
    spool: Spool
    created: float
    expires: float | None = None
    batch: str = ""

    def document(self, clock: BatchClock) -> dict[str, Any]:
        """Return it as OpenAI describes a file."""
        return {
            "id": self.identity,
            "object": "file",
            "bytes": self.spool.size,
            "created_at": int(clock.unix(self.created)),
            "expires_at": None if self.expires is None else int(clock.unix(self.expires)),
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


class FileShelf:
    """The files by their ids, oldest first, without those that have expired."""

    def __init__(self, clock: BatchClock) -> None:
        self._clock = clock
        self._files: dict[str, StoredFile] = {}

    def add(
        self, identity: str, name: str, purpose: str, spool: Spool, kept_s: float | None, batch: str = ""
    ) -> StoredFile:
        """Keep a file for these seconds of the provider; None: for good. It may be of a batch's results."""
        now = self._clock.now()
        expires = None if kept_s is None else now + self._clock.lasting(kept_s)
        file = self._files[identity] = StoredFile(identity, name, purpose, spool, now, expires, batch)
        return file

    def clear(self) -> None:
        """Forget all files."""
        self._files.clear()

    def every(self) -> list[StoredFile]:
        """Return all files that have not expired."""
        self._forget()
        return list(self._files.values())

    def find(self, identity: str) -> StoredFile:
        """Return a file. Raises ServedError (404) if there is none of this id."""
        self._forget()
        file = self._files.get(identity)
        if file is None:
            raise missing_file(identity)
        return file

    def delete(self, identity: str) -> None:
        """Forget a file; a batch that reads it goes on. Raises ServedError (404) if there is none."""
        self.find(identity)
        del self._files[identity]

    def _forget(self) -> None:
        now = self._clock.now()
        gone: Iterable[str] = [
            file.identity for file in self._files.values() if file.expires is not None and file.expires <= now
        ]
        for identity in gone:
            del self._files[identity]


def missing_file(identity: str) -> ServedError:
    """Return the 404 for a file that is not there."""
    return ServedError(404, f"No such File object: {identity[:100]}", "id", "not_found")
