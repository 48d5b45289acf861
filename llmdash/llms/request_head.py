"""Where requests go, and their headers: the dialect's own, those of the caller, and how the key is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Self
from urllib.parse import quote

from llmdash.llms.request_identity import place_of
from llmdash.llms.wire.dialect import Dialect, Header, bearer
from llmdash.secrets import Secret

__all__ = ["KEY_VARIABLE", "HeaderList", "RequestHead", "Value"]

KEY_VARIABLE = "API_KEY"
"""The variable in place of the key where a request is shown."""

Value = str | Secret
"""Of a header or of a query: a Secret is sent, and masked wherever it would be seen."""

_TYPE = b"content-type"
_BEARER = b"Bearer "
_COMMON: tuple[Header, ...] = (
    (_TYPE, b"application/json"),
    (b"accept", b"application/json, text/event-stream"),
    (b"accept-encoding", b"identity"),
    (b"user-agent", b"llmdash"),
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_NOT_OURS = ("content-length", "transfer-encoding", "connection")
_TELLING = re.compile(r"auth|key|token|secret|cookie|password", re.IGNORECASE)
_LEAST = 8  # characters of a text that is masked because of its header's name
_NO_KEY = Secret("no-key-" + "0123456789abcdef" * 2)  # takes the place of a key, to see where it would be
_MARK = _NO_KEY.reveal().encode("ascii")


class HeaderList(tuple[Header, ...]):
    """The headers of a request: those given and, where these have no such name, those of all. A traceback
    that shows local variables does not show what is in them.
    """

    __slots__ = ()

    def __new__(cls, own: Iterable[Header] = ()) -> Self:
        found = {name: (name, value) for name, value in _COMMON}
        return super().__new__(cls, (found | {name: (name, value) for name, value in own}).values())

    def __repr__(self) -> str:
        return f"<{len(self)} headers>"

    def for_body(self, content_type: str | None) -> HeaderList:
        """Return the same headers for a body of another type; None for no body."""
        kept = [header for header in self if header[0] != _TYPE]
        if content_type is not None:
            kept.append((_TYPE, content_type.encode("ascii")))
        return tuple.__new__(HeaderList, kept)

    def key_in(self, name: bytes) -> HeaderList:
        """Return the same headers with the key in one of this name, where it is a bearer token."""
        moved = (
            (name, value[len(_BEARER) :])
            if known == b"authorization" and value.startswith(_BEARER)
            else (known, value)
            for known, value in self
        )
        return tuple.__new__(HeaderList, dict(moved).items())

    def also(self, more: Iterable[Header]) -> HeaderList:
        """Return the same headers and others, whose names are in lower case."""
        return tuple.__new__(HeaderList, (dict(self) | dict(more)).items())


class RequestHead:
    """`target` is the URL that is asked, `url` the same as it may be shown; `headers` go with every request.
    `place` is what the URL says of the identity of a request: nothing that holds a key.

    `auth` says how the key is sent: None as the dialect does, `"bearer"`, `"header:NAME"`, or `"none"`.
    Headers of the caller replace others of the same name. `secrets` are all values that must not be
    seen: the key, Secrets among headers and query, and texts in headers whose names tell that they hold one.

    Raises ValueError, without any value, for what cannot be a header or a way to send the key.
    """

    def __init__(
        self,
        dialect: Dialect,
        base_url: str,
        secret: Secret | None,
        *,
        headers: Mapping[str, Value] | None = None,
        query: Mapping[str, Value] | None = None,
        auth: str | None = None,
    ) -> None:
        headers, query = headers or {}, query or {}
        url = dialect.url(base_url)
        self.url = _with_query(url, {name: str(value) for name, value in query.items()})
        self.target = _with_query(url, {name: quote(_plain(value), safe="") for name, value in query.items()})
        self.place = place_of(dialect.wire, self.url, leaves_out=lambda name: _may_tell(name, query))
        given = [_header(name, value) for name, value in headers.items()]
        self.headers = HeaderList((*_with_key(dialect, secret, auth), *given))
        self.secrets = (*(() if secret is None else (secret,)), *_secrets(headers, query))
        self.shown = tuple(_shown(header, secret, self.secrets) for header in self.headers)
        """The headers as they may be seen: with a variable of a shell in place of each secret."""


def _may_tell(name: str, query: Mapping[str, Value]) -> bool:
    """True for a parameter that holds a secret, or by its name may."""
    return isinstance(query.get(name), Secret) or _TELLING.search(name) is not None


def _with_query(url: str, query: Mapping[str, str]) -> str:
    if not query:
        return url
    pairs = "&".join(f"{quote(name, safe='')}={value}" for name, value in query.items())
    return f"{url}{'&' if '?' in url else '?'}{pairs}"


def _plain(value: Value) -> str:
    return value.reveal() if isinstance(value, Secret) else str(value)


def _header(name: str, value: Value) -> Header:
    if not _NAME.fullmatch(name) or name.lower() in _NOT_OURS:
        raise ValueError(f"{name!r} cannot be the name of a header")
    text = _plain(value)
    if not _VALUE.fullmatch(text):
        raise ValueError(f"the header {name} holds a character that no header can have")
    return name.lower().encode("ascii"), text.strip().encode("utf-8")


def _shown(header: Header, key: Secret | None, secrets: Iterable[Secret]) -> tuple[str, str]:
    """Return a header with `$API_KEY` for the key, and `$NAME` for any other value that is not for show."""
    name, value = header[0].decode("ascii"), header[1].decode("utf-8")
    if key is not None and key.reveal() in value:
        return name, value.replace(key.reveal(), f"${KEY_VARIABLE}")
    if _TELLING.search(name) or any(secret.reveal() in value for secret in secrets):
        return name, "$" + re.sub(r"[^A-Z0-9]", "_", name.upper())
    return name, value


def _with_key(dialect: Dialect, secret: Secret | None, auth: str | None) -> Iterator[Header]:
    """The dialect's headers, with the key where `auth` wants it."""
    if auth is None and secret is not None:
        yield from dialect.headers(secret)
        return
    yield from (header for header in dialect.headers(_NO_KEY) if _MARK not in header[1])
    if auth in (None, "none"):
        return
    name = auth.removeprefix("header:") if auth.startswith("header:") else ""
    if secret is None or not (auth == "bearer" or name):
        raise ValueError(f"auth is {auth!r}, but must be 'bearer', 'header:NAME' or 'none'")
    yield bearer(secret) if auth == "bearer" else _header(name, secret)


def _secrets(headers: Mapping[str, Value], query: Mapping[str, Value]) -> Iterator[Secret]:
    for value in (*headers.values(), *query.values()):
        if isinstance(value, Secret):
            yield value
    for name, value in headers.items():
        if isinstance(value, str) and _TELLING.search(name):
            for word in value.split():
                if len(word) >= _LEAST and word.isascii() and word.isprintable():
                    yield Secret(word[:4096])
