"""Forms with a file (`multipart/form-data`, RFC 7578), taken apart as they arrive."""

from __future__ import annotations

import re
from collections.abc import Callable
from email.message import Message

from llmdash.simulator.batches.spool import Spool
from llmdash.simulator.errors import ServedError

__all__ = ["FormReader", "boundary_of"]

_MOST_HEADERS = 16 * 1024
_MOST_FIELD = 64 * 1024


def boundary_of(content_type: str) -> bytes:
    """Return the boundary of a form. Raises ServedError if the content is none."""
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_boundary()
    if message.get_content_type() != "multipart/form-data" or not boundary:
        raise ServedError(400, "The request must be a multipart/form-data form with a boundary.")
    return boundary.encode("latin-1", "replace")


class FormReader:
    """Takes a form apart: `fields` by name; the contents of its file go to a spool as they come.

    It holds no more than a piece of the body, and a delimiter.
    """

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._buffer = bytearray(b"\r\n")  # so that the first delimiter is as the others
        self._step = self._skip
        self._name = ""
        self._field = bytearray()
        self._into: Spool | None = None
        self.fields: dict[str, str] = {}
        self.file: Spool | None = None
        self.filename = ""
        self.complete = False

    def feed(self, data: bytes) -> None:
        """Take the next piece. Raises ServedError if it is no form."""
        self._buffer += data
        while not self.complete and self._step():
            pass

    def _skip(self) -> bool:
        """Skip what comes before the first delimiter."""
        return self._content(lambda _data: None)

    def _take(self) -> bool:
        """Take the contents of a part, as far as they are here."""
        return self._content(self._put)

    def _content(self, put: Callable[[bytearray], None]) -> bool:
        end = self._buffer.find(self._delimiter)
        ended = end >= 0
        end = end if ended else max(0, len(self._buffer) - len(self._delimiter))
        put(self._buffer[:end])
        del self._buffer[: end + (len(self._delimiter) if ended else 0)]
        if ended:
            self._finish()
            self._step = self._head
        return ended

    def _put(self, data: bytearray) -> None:
        if self._into is not None:
            self._into.write(data)
            return
        self._field += data
        if len(self._field) > _MOST_FIELD:
            raise ServedError(400, f"The field {self._name[:50]!r} is too long.")

    def _finish(self) -> None:
        """Keep the part that has ended."""
        if self._into is None and self._name:
            self.fields[self._name] = self._field.decode("utf-8", "replace")
        self._name, self._field, self._into = "", bytearray(), None

    def _head(self) -> bool:
        """Read the headers of the next part, if there is one."""
        if self._buffer[:2] == b"--":
            self.complete = True
            return False
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _MOST_HEADERS:
                raise ServedError(400, "A part of the form has no end to its headers.")
            return False
        self._begin(self._buffer[:end].decode("utf-8", "replace"))
        del self._buffer[: end + 4]
        self._step = self._take
        return True

    def _begin(self, headers: str) -> None:
        self._name = _parameter(headers, "name") or ""
        filename = _parameter(headers, "filename")
        if self._name == "file" and filename is not None:
            self.file = self._into = Spool()
            self.filename = filename


def _parameter(headers: str, name: str) -> str | None:
    """A parameter of the content's disposition."""
    match = re.search(rf'(?i)[;\s]{name}="((?:[^"\\]|\\.)*)"', headers)
    return re.sub(r"\\(.)", r"\1", match[1]) if match else None
