"""What a dialect consists of: its provider, URL, headers, request body and reader."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from llmdash.lean_dataclass import dataclass
from llmdash.secrets import Secret

if TYPE_CHECKING:
    from llmdash.llms.messages import Delta, PromptLike

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
        """Return the key given, or that of the environment. Raises ValueError if there is no valid one."""
        key = given if given is not None else first_set(self.key_variables)
        if not key:
            raise ValueError(f"no API key: give {argument}, or set {self.key_variables[0]}")
        return key if isinstance(key, Secret) else Secret(key)

    def address(self, given: str | None) -> str:
        """Return the base URL given, or that of the environment, or the public one."""
        return given or first_set(self.base_url_variables) or self.base_url


class Request(NamedTuple):
    """What one call asks. `options` holds further body fields; those that are None are left out."""

    model: str
    prompt: PromptLike
    stop: str | Sequence[str] | None = None
    streamed: bool = True
    options: Mapping[str, Any] = MappingProxyType({})


class Reader(Protocol):
    """Decodes the bytes of a response body into Deltas (see `BodyReader` for its attributes)."""

    finished: bool
    done: bool
    heard: bool

    def feed(self, piece: bytes, at: float) -> Iterator[Delta]:
        """Yield the Deltas that `piece` completes; `at` is its monotonic time in seconds. Raises Failure."""
        ...

    def close(self, at: float, *, eof_ends: bool = False) -> Iterator[Delta]:
        """Yield the Deltas that the end of the body completes. Raises Failure if the answer is incomplete."""
        ...


class Dialect(Protocol):
    """A wire format: URL, headers, request body, and the reader of responses."""

    @property
    def provider(self) -> Provider:
        """The provider whose format it is."""
        ...

    @property
    def wire(self) -> str:
        """The name of the format, as `Body` has it."""
        ...

    def url(self, base_url: str) -> str:
        """Return the URL of requests below `base_url`."""
        ...

    def headers(self, secret: Secret) -> Sequence[Header]:
        """Return the headers that carry the key, and others that the format requires."""
        ...

    def body(self, request: Request) -> dict[str, Any]:
        """Return the JSON body; entries that are None are left out. Raises Failure for what it cannot
        express.
        """
        ...

    def reader(self, headers: Mapping[str, str], redact: Callable[[str], str]) -> Reader:
        """Return a reader for the body of one response with these headers."""
        ...


def first_set(names: Sequence[str]) -> str:
    """Return the value of the first of these environment variables that is set, else an empty string."""
    return next((value for name in names if (value := os.environ.get(name, "").strip())), "")


def below(base_url: str, path: str) -> str:
    """Return the URL of `path` below `base_url`, which may end in a slash, a query or the path itself."""
    base, mark, query = base_url.strip().partition("?")
    base = base.rstrip("/")
    if not base.endswith(path):
        base += path
    return base + mark + query


def bearer(secret: Secret) -> Header:
    """Return the `Authorization: Bearer` header, which OpenAI and most others read keys from."""
    return b"authorization", b"Bearer " + secret.reveal().encode("ascii")
