"""RequestIdentity: what makes two requests the same, whoever sends them, when, and with which key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

__all__ = ["RequestIdentity", "identity_of", "place_of"]

_SIZE = 16
_DELIVERY = frozenset(("stream", "stream_options"))
"""How an answer is delivered: in pieces or whole, it is the same one."""
_EXACT = 2.0**53
_DEFAULT_PORTS = {"http": 80, "https": 443}
_encode = msgspec.json.Encoder(order="sorted").encode


class RequestIdentity(NamedTuple):
    """`digest` (16 bytes) is equal for requests of the same model at the same place with the same body.
    `is_sampled` is True unless the temperature is 0: the same request then has many answers.
    """

    digest: bytes
    is_sampled: bool


def place_of(wire: str, url: str, *, leaves_out: Callable[[str], object] = lambda _name: False) -> bytes:
    """Return where requests go, as 16 bytes: the wire format and the URL, but for user, password and the
    parameters of its query that it `leaves_out` by their names; their order decides nothing.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return _digest(f"{wire} {url}")
    host = parts.hostname or ""
    if port is not None and port != _DEFAULT_PORTS.get(parts.scheme):
        host = f"{host}:{port}"
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode(sorted(pair for pair in pairs if not leaves_out(pair[0])), errors="surrogatepass")
    return _digest(f"{wire} {parts.scheme}://{host}{parts.path}?{query}")


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_SIZE).digest()


def identity_of(
    place: bytes, body: Mapping[str, Any], droppable: tuple[str, ...] = ()
) -> RequestIdentity | None:
    """Return the identity of a request, None for one that JSON cannot hold.

    It is that of the request as it is meant: what a server makes the model rename or leave out afterwards is
    known only once it refused it. The options that may be left out are `droppable`, and part of it.
    """
    asked = {
        name: _plain(value) if type(value) is float else value
        for name, value in body.items()
        if name not in _DELIVERY
    }
    try:
        said = _encode((asked, droppable) if droppable else (asked,))
    except (TypeError, ValueError, RecursionError):
        return None
    digest = blake2b(said, digest_size=_SIZE, key=place).digest()
    return RequestIdentity(digest, body.get("temperature") != 0)


def _plain(value: float) -> float:
    """A number that a file wrote as 0 and a command line as 0.0 is the same one."""
    return int(value) if value.is_integer() and abs(value) < _EXACT else value
