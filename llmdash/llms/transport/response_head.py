"""Heads of responses as servers write them, made such that a strict parser of HTTP reads them."""

from __future__ import annotations

import re

__all__ = ["HeadFilter"]

_LONGEST = 65_536
_END = re.compile(rb"\r?\n\r?\n")
_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)\d\d\b")
_SPACE = b" \t\r\n"


class HeadFilter:
    """Holds back the start of a response until its head is whole, and removes from it what is said twice.

    A `Content-Length` beside `Transfer-Encoding: chunked` does not count (RFC 9112, section 6.3), nor does
    the repetition of either line. `done` is True once the last head has passed; that of an interim response
    is not the last. `is_ambiguous` is True if something was removed: then the connection should not be used
    again. What is longer than 64 KB passes as it is.
    """

    __slots__ = ("_held", "_searched", "done", "is_ambiguous")

    def __init__(self) -> None:
        self._held = b""
        self._searched = 0
        self.done = False
        self.is_ambiguous = False

    def feed(self, data: bytes) -> bytes:
        """Return what may pass on, empty while the head is not whole."""
        data, passed = self.rest() + data, b""
        while not self.done:
            end = _END.search(data, max(0, self._searched - 3))
            if end is None:
                self._searched = len(data)
                self.done = self._searched > _LONGEST
                if self.done:
                    break
                self._held = data
                return passed
            head, data = data[: end.end()], data[end.end() :]
            self._searched = 0
            self.done = not _INTERIM.match(head)
            passed += self._once(head)
        return passed + data

    def rest(self) -> bytes:
        """Return what is held back, and hold it no longer."""
        held, self._held = self._held, b""
        return held

    def _once(self, head: bytes) -> bytes:
        low = head.lower()
        if low.count(b"\ncontent-length:") + low.count(b"\ntransfer-encoding:") < 2:
            return head
        lines = head.splitlines(keepends=True)
        framing = [(at, _framing(line)) for at, line in enumerate(lines)]
        is_chunked = any(
            line.startswith(b"transfer-encoding:") and line.endswith(b"chunked") for _, line in framing
        )
        seen: set[bytes] = set()
        removed = set()
        for at, line in framing:
            if line and (line in seen or (is_chunked and line.startswith(b"content-length:"))):
                removed.add(at)
            seen.add(line)
        self.is_ambiguous = self.is_ambiguous or bool(removed)
        return b"".join(line for at, line in enumerate(lines) if at not in removed)


def _framing(line: bytes) -> bytes:
    """A line that says where the body ends, in one form; empty for any other."""
    name, _, value = line.lower().partition(b":")
    return (
        b"%b:%b" % (name, value.strip(_SPACE)) if name in (b"content-length", b"transfer-encoding") else b""
    )
