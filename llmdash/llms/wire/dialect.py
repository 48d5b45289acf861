"""What tells one dialect from another: its provider, its address, its headers, its bodies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from llmdash.llms.messages import Delta, PromptLike
from llmdash.secrets import Secret

__all__ = ["Dialect", "Header", "Provider", "Reader", "Request", "bearer", "below", "first_set"]

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Provider:
    """Where settings come from that are not given: environment variables, and the public address."""

    name: str
    key_variables: tuple[str, ...]
    base_url_variables: tuple[str, ...]
    base_url: str

    def key(self, given: str | Secret | None, argument: str = "api_key") -> Secret:
        """The key given, or that of the environment. Raises ValueError if there is none, or it is none."""
        key = given if given is not None else first_set(self.key_variables)
        if not key:
            raise ValueError(f"no API key: give {argument}, or set {self.key_variables[0]}")
        return key if isinstance(key, Secret) else Secret(key)

    def address(self, given: str | None) -> str:
        """The base URL given, or that of the environment, or the public one."""
        return given or first_set(self.base_url_variables) or self.base_url


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. `options` holds what goes to the server besides, None for what shall not."""

    model: str
    prompt: PromptLike
    stop: Sequence[str] | None = None
    streamed: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)


class Reader(Protocol):
    """Makes Deltas of the bytes of an answer (`BodyReader` says what its parts mean)."""

    finished: bool
    done: bool
    heard: bool

    def feed(self, piece: bytes, at: float) -> Iterator[Delta]: ...

    def close(self, at: float, *, eof_ends: bool = False) -> Iterator[Delta]: ...


class Dialect(Protocol):
    """How an endpoint is spoken to."""

    @property
    def provider(self) -> Provider:
        """Whose dialect it is."""
        ...

    def url(self, base_url: str) -> str:
        """Where requests go, below `base_url`."""
        ...

    def headers(self, secret: Secret) -> Sequence[Header]:
        """Who asks, and what the dialect wants in headers besides."""
        ...

    def body(self, request: Request) -> dict[str, Any]:
        """What is sent; entries that are None are left out. Raises Failure for what cannot be asked."""
        ...

    def reader(self, headers: Mapping[str, str], redact: Callable[[str], str]) -> Reader:
        """Reads the body of one answer with these headers."""
        ...


def first_set(names: Sequence[str]) -> str:
    """The first of these environment variables that is set to anything, else nothing."""
    return next((value for name in names if (value := os.environ.get(name, "").strip())), "")


def below(base_url: str, path: str) -> str:
    """The address of `path` below `base_url`, which may end in a slash, a query or the path itself."""
    base, mark, query = base_url.strip().partition("?")
    base = base.rstrip("/")
    if not base.endswith(path):
        base += path
    return base + mark + query


def bearer(secret: Secret) -> Header:
    """The header that OpenAI and most others read keys from."""
    return b"authorization", b"Bearer " + secret.reveal().encode("ascii")
