"""Bodies of requests that are as large as a file: read from it piece by piece, as they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

__all__ = ["CannotRead", "FileBody"]

_PIECE = 262_144


class CannotRead(OSError):
    """The file of a body cannot be read, or is another one than when the request began."""


class FileBody:
    """The bytes of a file between `opening` and `closing`; `length` bytes in all, 256 KB of them in memory.

    Raises CannotRead if there is no such file.
    """

    def __init__(self, file: Path, opening: bytes = b"", closing: bytes = b"") -> None:
        self._file = file
        self._opening = opening
        self._closing = closing
        try:
            self._size = file.stat().st_size
        except OSError as error:
            raise _cannot(file, error) from None
        self.length = len(opening) + self._size + len(closing)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the body, each time from its start. Raises CannotRead. No loop waits for the disk."""
        if self._opening:
            yield self._opening
        left = self._size
        try:
            with await asyncio.to_thread(self._file.open, "rb") as handle:
                while left:
                    piece = await asyncio.to_thread(handle.read, min(_PIECE, left))
                    if not piece:
                        raise CannotRead(f"{self._file.name} became shorter while it was sent")
                    left -= len(piece)
                    yield piece
        except CannotRead:
            raise
        except OSError as error:
            raise _cannot(self._file, error) from None
        if self._closing:
            yield self._closing


def _cannot(file: Path, error: OSError) -> CannotRead:
    return CannotRead(f"cannot read {file.name}: {error.strerror or error}")
