"""A parser of server-sent events: bytes in, events out; synchronous, no I/O.

Follows the event stream format of the WHATWG HTML standard (section "Server-sent events"): lines end in CR,
LF or CRLF and in nothing else, so U+2028 or U+0085 are data; a chunk of bytes may end anywhere.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["LineTooLong", "SSEParser", "ServerSentEvent"]

LINE_LIMIT = 1_000_000


class LineTooLong(ValueError):
    """A line of a stream is longer than the limit; reading on makes no sense."""


class ServerSentEvent(NamedTuple):
    """One dispatched event: its name (`message` unless given) and its data, still bytes."""

    event: bytes
    data: bytes


class SSEParser:
    """Parses the bytes of a stream piece by piece and returns the events that are complete.

    The cost is linear in the bytes fed, however they are cut. Raises LineTooLong when a line or the data of
    one event exceeds `line_limit` bytes.
    """

    def __init__(self, line_limit: int = LINE_LIMIT) -> None:
        self._limit = line_limit
        self._pieces: list[bytes] = []
        self._pieces_size = 0
        self._data: list[bytes] = []
        self._data_size = 0
        self._event = b"message"
        self._after_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Return the events completed by `chunk`, in order."""
        if self._at_start or self._after_cr or b"\r" in chunk:
            chunk = self._normalised(chunk)
        head, newline, tail = chunk.rpartition(b"\n")
        if not newline:
            self._hold(chunk)
            return []
        if self._pieces:
            self._pieces.append(head)
            head = b"".join(self._pieces)
            self._pieces, self._pieces_size = [], 0
        events = self._events(head.split(b"\n"))
        self._hold(tail)
        return events

    def _normalised(self, chunk: bytes) -> bytes:
        """`chunk` with LF for every line end; knows about a CR that ended the chunk before, and about a byte
        order mark.
        """
        if self._at_start:
            chunk = b"".join((*self._pieces, chunk))
            self._pieces, self._pieces_size = [], 0
            if len(chunk) < 3 and b"\xef\xbb\xbf".startswith(chunk):
                return chunk
            self._at_start = False
            chunk = chunk.removeprefix(b"\xef\xbb\xbf")
        if not chunk:
            return chunk
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
            if not chunk:
                return chunk
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self._pieces_size += len(piece)
            if self._pieces_size > self._limit:
                raise LineTooLong(f"a line of the stream is longer than {self._limit:,} bytes")

    def _events(self, lines: list[bytes]) -> list[ServerSentEvent]:
        """One loop without calls: it runs for every chunk of every answer."""
        events: list[ServerSentEvent] = []
        limit = self._limit
        for line in lines:
            if not line:
                if self._data:
                    data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                    events.append(ServerSentEvent(self._event, data))
                    self._data, self._data_size = [], 0
                self._event = b"message"
                continue
            if len(line) > limit:
                raise LineTooLong(f"a line of the stream is longer than {limit:,} bytes")
            name, _, value = line.partition(b":")
            if name == b"data":
                if value.startswith(b" "):
                    value = value[1:]
                self._data_size += len(value) + 1
                if self._data_size > limit:
                    raise LineTooLong(f"an event of the stream is longer than {limit:,} bytes")
                self._data.append(value)
            elif name == b"event":
                self._event = value.removeprefix(b" ") or b"message"
        return events
