"""A parser of server-sent events: bytes in, events out; synchronous, no I/O.

Follows the event stream format of the WHATWG HTML standard (section "Server-sent events"): lines end in CR,
LF or CRLF and in nothing else, so U+2028 or U+0085 are data; a chunk of bytes may end anywhere.

Beyond the standard it reads what relays make of a stream of JSON objects: a `data:` line that is a whole
object, or the end mark, is an event without the blank line behind it; so is an object on lines of its own; a
field `error` is an event of that name.
"""

from __future__ import annotations

import json
from typing import NamedTuple

__all__ = ["LineTooLong", "SSEParser", "ServerSentEvent", "is_end_mark", "stands_alone"]

LINE_LIMIT = 1_000_000
_END_MARKS = (b"[done]", b"done", b'"[done]"')
_LONGEST_MARK = 64


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
        self._bare: bytes | None = None
        self._unfinished: bytes | None = None
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

    def close(self) -> list[ServerSentEvent]:
        """Return the events that the end of the stream completes: what is provably whole, and errors."""
        held, self._pieces, self._pieces_size = b"".join(self._pieces), [], 0
        events = self._events([held]) if held else []
        data = b"\n".join(self._data)
        if self._data and (self._event == b"error" or stands_alone(data)):
            self._dispatch(events)
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
        """One loop, without calls for what is usual: it runs for every chunk of every answer."""
        events: list[ServerSentEvent] = []
        limit = self._limit
        name = b""
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
                data_lines = self._data
                if data_lines and self._ends_before(value):
                    self._dispatch(events)
                    data_lines = self._data
                self._data_size += len(value) + 1
                if self._data_size > limit:
                    raise LineTooLong(f"an event of the stream is longer than {limit:,} bytes")
                data_lines.append(value)
            elif name == b"event":
                if self._data and self._ends_before(b""):
                    self._dispatch(events)
                self._event = value.removeprefix(b" ") or b"message"
            elif name and ((self._data and self._is_bare()) or line.startswith((b"{", b"[", b"error:"))):
                self._unnamed(line, events)
        if self._data and name == b"data" and len(self._data) == 1 and stands_alone(self._data[0]):
            self._dispatch(events)
        return events

    def _dispatch(self, events: list[ServerSentEvent]) -> None:
        events.append(ServerSentEvent(self._event, b"\n".join(self._data)))
        self._data, self._data_size = [], 0
        self._event = b"message"

    def _ends_before(self, value: bytes) -> bool:
        """Whether the event so far is whole before a line with `value`, though no blank line came."""
        if self._is_bare():
            return True
        first = self._data[0]
        if len(self._data) == 1 and first is not self._unfinished:
            if stands_alone(first):
                return True
            self._unfinished = first  # a long line is not looked at again for each short one behind it
        return not first.startswith(b"{") and stands_alone(value)

    def _is_bare(self) -> bool:
        """Whether the event so far came without the name of a field."""
        return self._data[0] is self._bare

    def _unnamed(self, line: bytes, events: list[ServerSentEvent]) -> None:
        """A line with an object of its own, or a part of one, or an error in a field of that name."""
        if not (self._data and self._is_bare()):
            if self._data and self._ends_before(line):
                self._dispatch(events)
            if line.startswith(b"error:"):
                events.append(ServerSentEvent(b"error", line[len(b"error:") :].strip()))
                return
            if self._data:
                return  # an unknown field within an event
            self._bare = line
        self._data_size += len(line) + 1
        if self._data_size > self._limit:
            raise LineTooLong(f"an event of the stream is longer than {self._limit:,} bytes")
        self._data.append(line)
        ends = (b"}",) if self._data[0].startswith(b"{") else (b"]", b"}]")
        if line.rstrip() in ends or (len(self._data) == 1 and stands_alone(line)):
            self._dispatch(events)


def is_end_mark(data: bytes) -> bool:
    """Return whether `data` is `[DONE]`, in whatever case and with whatever blanks."""
    return len(data) < _LONGEST_MARK and data.strip().lower() in _END_MARKS


def stands_alone(data: bytes) -> bool:
    """Return whether `data` is a whole JSON object, or the end mark."""
    stripped = data.strip()
    if not (stripped.startswith(b"{") and stripped.endswith(b"}")):
        return is_end_mark(stripped)
    try:
        json.loads(stripped)
    except (ValueError, RecursionError):
        return False
    return True
