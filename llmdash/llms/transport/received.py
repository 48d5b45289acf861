"""What stands between the HTTP client and a network: how a request is sent, and what comes back."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from yarl import URL

__all__ = ["Header", "Pieces", "Received", "Transport", "TransportError", "header_text", "joined"]

Header = tuple[bytes, bytes]
"""A name and a value, as they are on the wire."""


class Pieces(Protocol):
    """The body of a response, piece by piece."""

    def read(self) -> Awaitable[bytes]:
        """Wait for the next bytes; empty at the end."""

    def at_end(self) -> bool:
        """Return True if it is known without waiting that nothing more comes."""


class Received(NamedTuple):
    """A response whose body is still to be read. `close` keeps the connection if the body was read to its
    end, and else ends it.
    """

    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""
    pieces: Pieces
    close: Callable[[], Awaitable[None]]


class TransportError(Exception):
    """What a transport that is given raised: its cause says what."""


class Transport(Protocol):
    """Sends requests within one event loop. Its errors are those of `http_failures.TRANSPORT_ERRORS`."""

    async def send(
        self,
        method: str,
        url: URL,
        headers: tuple[Header, ...],
        body: bytes | AsyncIterable[bytes],
        length: int | None,
        connected: Callable[[], None],
    ) -> Received:
        """Send a body of `length` bytes, and return once the headers of the response arrived. A `length` of
        None says that the request has no body at all.

        `connected` is called when there is a connection, and the request is about to be written.
        """

    async def aclose(self) -> None:
        """Close every connection."""


def joined(headers: Iterable[Header]) -> dict[str, str]:
    """Return headers by their names in lower case; the values of one that comes more than once in a row."""
    found: dict[str, str] = {}
    for name, value in headers:
        try:
            low, text = name.decode().lower(), value.decode()
        except UnicodeDecodeError:
            low, text = header_text(name).lower(), header_text(value)
        found[low] = f"{found[low]}, {text}" if low in found else text
    return found


def header_text(value: bytes) -> str:
    """Return a name or a value as text: UTF-8, or where it is none ISO 8859-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("iso-8859-1")
