"""Bodies that are kept out of memory: uploads, and results as they come about."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import AsyncIterator, Iterator

from llmdash.simulator.connection import ClientGoneError, Receive

__all__ = ["LineSpool", "Spool", "body_pieces", "spooled"]

_SMALL = 256 * 1024  # bytes that are kept in memory; there are many small files
_PIECE = 64 * 1024


class Spool:
    """Bytes in a file without a name, which is gone with this process, however that ends."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_SMALL)  # noqa: SIM115 - closed in __del__
        self.size = 0

    def __del__(self) -> None:
        self._file.close()

    def write(self, data: bytes | bytearray) -> None:
        """Add `data` at the end."""
        self._file.seek(self.size)
        self._file.write(data)
        self.size += len(data)

    def read(self, at: int, most: int) -> bytes:
        """Return at most `most` bytes from `at` on."""
        self._file.seek(at)
        return self._file.read(most)

    def fileno(self) -> int:
        """Return the descriptor of the file; from now on it is one, however small."""
        descriptor = self._file.fileno()
        self._file.flush()
        return descriptor

    def line(self, at: int) -> bytes:
        """Return the line that begins at `at`, with its end; empty behind the last."""
        self._file.seek(at)
        return self._file.readline()

    def pieces(self) -> Iterator[bytes]:
        """Yield everything, in pieces of 64 KiB."""
        at = 0
        while at < self.size:
            piece = self.read(at, _PIECE)
            yield piece
            at += len(piece)


class LineSpool:
    """Lines in a spool, each found by its place."""

    def __init__(self, spool: Spool | None = None) -> None:
        self.spool = spool or Spool()
        self._starts = array("Q")

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, place: int) -> bytes:
        return self.spool.line(self._starts[place])

    def add(self, line: bytes) -> None:
        """Add a line, without its end."""
        self._starts.append(self.spool.size)
        self.spool.write(line + b"\n")

    def found(self, at: int) -> None:
        """Count the line that begins at `at` of the spool."""
        self._starts.append(at)


async def spooled(receive: Receive, most: int) -> Spool | None:
    """Return the body of a request; None if it has more than `most` bytes.

    Raises ClientGoneError if it is cut.
    """
    spool = Spool()
    async for piece in body_pieces(receive):
        if spool.size + len(piece) > most:
            return None
        spool.write(piece)
    return spool


async def body_pieces(receive: Receive) -> AsyncIterator[bytes]:
    """Yield a request's body as it comes. Raises ClientGoneError if it is cut."""
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        more = message.get("more_body", False)
        yield message.get("body", b"")
