"""The network: sessions of aiohttp, with the habits of real servers taken into account."""

from __future__ import annotations

import base64
import errno
import functools
import os
import resource
import socket
import ssl
from collections.abc import AsyncIterable, Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from multidict import CIMultiDict
from yarl import URL

from llmdash.llms.transport.proxies import masked
from llmdash.llms.transport.received import Header, Received, header_text, joined
from llmdash.llms.transport.response_head import HeadFilter
from llmdash.llms.transport.sending import SENDING

__all__ = ["CONNECTED", "AiohttpTransport"]

CONNECTED: ContextVar[Callable[[], None]] = ContextVar("CONNECTED")
"""Called when the request of the running task has a connection, and is about to be written."""

_MOST_STALE = 1000  # connections that are discarded before a request fails
_HELD_BACK = 24  # descriptors that connections leave to the rest of the process: journal, imports, names
_PIECE = 16_384
_HEADER_LIMIT = 65_536
_MOST_HEADERS = 256


class AiohttpTransport:
    """Sends requests through `proxy`, or straight; there is no limit on the number of connections. One is
    ready within `connect_s` seconds, names and TLS included, or aiohttp raises ConnectionTimeoutError.
    """

    def __init__(self, context: ssl.SSLContext, proxy: str | None, connect_s: float) -> None:
        self._proxy, self._proxy_headers = _proxy(proxy)
        self._timeout = aiohttp.ClientTimeout(connect=connect_s)
        self._session = _session(context)
        self._written: dict[tuple[Header, ...], CIMultiDict[str]] = {}
        """The headers of each key, as aiohttp takes them."""

    async def send(
        self, url: str, headers: tuple[Header, ...], body: bytes | AsyncIterable[bytes], length: int
    ) -> Received:
        """Return what came back."""
        response = await self._session.request(
            "POST",
            url,
            headers=self._headers(headers, None if isinstance(body, bytes) else length),
            data=body,
            allow_redirects=False,
            timeout=self._timeout,
            proxy=self._proxy,
            proxy_headers=self._proxy_headers,
        )

        async def close() -> None:
            response.release()
            await response.wait_for_close()

        return Received(response.status, joined(response.raw_headers), _Body(response.content), close)

    def _headers(self, headers: tuple[Header, ...], length: int | None) -> CIMultiDict[str]:
        """The headers as aiohttp takes them; it knows the length of a body that is bytes."""
        found = self._written.get(headers)
        if found is None:
            names = ((header_text(name).lower(), header_text(value)) for name, value in headers)
            found = self._written[headers] = CIMultiDict(names)
        return found if length is None else CIMultiDict(found, **{"content-length": str(length)})

    async def aclose(self) -> None:
        await self._session.close()


class _Body:
    """The pieces of a body, of 16 KB at most."""

    __slots__ = ("_content", "at_end")

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content
        self.at_end = content.at_eof

    def read(self) -> Awaitable[bytes]:
        return self._content.read(_PIECE)


def _proxy(address: str | None) -> tuple[URL | None, dict[str, str] | None]:
    """The proxy, and its login as a header, of which aiohttp makes `Proxy-Authorization`, with a tunnel or
    without.
    """
    if address is None:
        return None, None
    try:
        url = URL(address)
    except ValueError:
        raise aiohttp.InvalidURL(masked(address), "it cannot be a proxy") from None
    if url.user is None and url.password is None:
        return url, None
    login = base64.b64encode(f"{url.user or ''}:{url.password or ''}".encode()).decode("ascii")
    return url.with_user(None), {"Authorization": f"Basic {login}"}


class _Protocol(ResponseHandler):
    """Reads heads that aiohttp refuses: those that say twice where the body ends. Resumes only what was
    paused: after each read of a body aiohttp asks for it, and parses nothing once more.
    """

    _head: HeadFilter | None = None
    _was_paused = False

    def pause_reading(self) -> None:
        self._was_paused = True
        super().pause_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:
        if self._was_paused:
            self._was_paused = False
            super().resume_reading(resume_parser)

    def set_response_params(self, **params: Any) -> None:
        self._head = HeadFilter()
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        head = self._head
        if head is not None:
            data = head.feed(data)
            if head.is_ambiguous:
                self.force_close()
            if head.done:
                self._head = None
            if not data:
                return
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        head, self._head = self._head, None
        if head is not None and (rest := head.rest()):
            super().data_received(rest)
        super().connection_lost(exc)


class _Connector(aiohttp.TCPConnector):
    """Discards connections with unread data nobody asked for: an answer sent twice would be taken for the
    answer to the next request.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = functools.partial(_Protocol, loop=self._loop)  # type: ignore[assignment]

    async def connect(self, *args: Any, **options: Any) -> aiohttp.connector.Connection:
        for _ in range(_MOST_STALE):
            connection = await super().connect(*args, **options)
            if connection.protocol is None or not connection.protocol.should_close:
                if (tell := CONNECTED.get(None)) is not None:
                    tell()
                return connection
            connection.close()
        raise aiohttp.ServerDisconnectedError("the server sends answers that nobody asked for")


class _Request(aiohttp.ClientRequest):
    """Announced right before its bytes are written: on Python 3.11 that is a turn of the event loop after it
    was connected, and a worker that is stopped between the two would send a whole batch when it goes on.
    """

    async def write_bytes(
        self,
        writer: AbstractStreamWriter,
        conn: aiohttp.connector.Connection,
        content_length: int | None = None,
    ) -> None:
        if (about_to_send := SENDING.get(None)) is not None:
            about_to_send()  # what it holds back is cancelled, and aiohttp then closes the connection
        await super().write_bytes(writer, conn, content_length)


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """A socket, as long as descriptors are left for the rest of the process. Raises OSError (EMFILE).

    A new descriptor is always the lowest that is free, so its number says how many are in use.
    """
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and made.fileno() >= most - min(_HELD_BACK, most // 2):
        made.close()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    return made


def _session(context: ssl.SSLContext) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        request_class=_Request,
        connector=_Connector(limit=0, ssl=context, keepalive_timeout=30, socket_factory=_socket),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("Accept-Encoding", "User-Agent", "Accept"),
        timeout=aiohttp.ClientTimeout(total=None),
        trust_env=False,
        max_line_size=_HEADER_LIMIT,
        max_field_size=_HEADER_LIMIT,
        max_headers=_MOST_HEADERS,
    )
