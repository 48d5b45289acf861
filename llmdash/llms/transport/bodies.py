"""Large bodies of requests: sent piece by piece, those of a file as they are read from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from pathlib import Path
from typing import IO

from llmdash.llms.transport.deadline import Deadline

__all__ = ["CannotRead", "FileBody", "in_pieces"]

_PIECE = 262_144


class CannotRead(OSError):
    """The file of a body cannot be read, or is another one than when the request began."""


class FileBody:
    """The bytes of a file between `opening` and `closing`; 256 KB of them at a time in memory.

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

    def __len__(self) -> int:
        return len(self._opening) + self._size + len(self._closing)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the body, each time from its start. Raises CannotRead. No loop waits for the disk."""
        if self._opening:
            yield self._opening
        left = self._size
        try:
            with _opened(self._file) as handle:
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


def in_pieces(body: bytes | FileBody, watch: Deadline) -> bytes | AsyncIterable[bytes]:
    """Return a body as it is sent: one that would block every other answer, if it were written at once, piece
    by piece.
    """
    if isinstance(body, FileBody):
        return _Pieces(body, watch)
    return body if len(body) <= _PIECE else _Slices(body, watch)


class _Pieces(AsyncIterable[bytes]):
    """A body from a file, each piece of which shows that the request goes on."""

    def __init__(self, body: FileBody, watch: Deadline) -> None:
        self._body = body
        self._watch = watch

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._body.pieces()) as pieces:
            async for piece in pieces:
                self._watch.sending()
                yield piece
        self._watch.all_sent()


class _Slices(AsyncIterable[bytes]):
    """A large body in slices."""

    def __init__(self, body: bytes, watch: Deadline) -> None:
        self._body = body
        self._watch = watch

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        self._watch.sent = False
        for start in range(0, len(self._body), _PIECE):
            yield self._body[start : start + _PIECE]
        self._watch.sent = True


def _opened(file: Path) -> IO[bytes]:
    """The file, opened here: a thread whose result nobody awaits any more would leave it open."""
    return file.open("rb")


def _cannot(file: Path, error: OSError) -> CannotRead:
    return CannotRead(f"cannot read {file.name}: {error.strerror or error}")
